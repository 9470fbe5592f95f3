import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { DerError, DerReader, dottedDecimal, readDer } from "../../src/der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../../src/der/tags.ts";
import { derObjectIdentifier } from "../../src/der/writer.ts";
import { fromHex } from "../support/hex.ts";

/** Reads all of `bytes` in hexadecimal. */
function read<T>(bytes: string, reading: (reader: DerReader) => T): T {
  return readDer(fromHex(bytes), reading);
}

interface Refusal {
  readonly bytes: string;
  readonly because: string | RegExp;
}

function expectRefusals(refusals: readonly Refusal[], reading: (reader: DerReader) => unknown): void {
  for (const { bytes, because } of refusals) {
    let thrown: unknown;
    try {
      read(bytes, reading);
    } catch (error) {
      thrown = error;
    }
    expect(thrown, bytes).toBeInstanceOf(DerError);
    expect((thrown as DerError).message, bytes).toMatch(because);
  }
}

describe("elements", () => {
  const octets = (reader: DerReader) => reader.octetString().length;

  test("reads lengths of every size in their only DER form", () => {
    for (const [length, prefix] of [
      [0, "0400"],
      [1, "0401"],
      [127, "047f"],
      [128, "048180"],
      [255, "0481ff"],
      [256, "04820100"],
      [65535, "0482ffff"],
      [65536, "0483010000"],
    ] as const) {
      expect(read(prefix + "00".repeat(length), octets)).toBe(length);
    }
  });

  test("refuses lengths that are not minimal, indefinite, too large, or cut off", () => {
    expectRefusals(
      [
        { bytes: "04810100", because: "not minimal" },
        { bytes: `04817f${"00".repeat(127)}`, because: "not minimal" },
        { bytes: `0482 00ff ${"00".repeat(255)}`, because: "not minimal" },
        { bytes: `0483 000100 ${"00".repeat(256)}`, because: "not minimal" },
        { bytes: "0480 0000", because: "indefinite" },
        { bytes: "04ff", because: "takes 127 bytes" },
        { bytes: "0485 0100000000", because: "takes 5 bytes" },
        { bytes: "04", because: "the length is missing" },
        { bytes: "0482 01", because: "the length is cut off" },
        { bytes: "0484 ffffffff", because: "4294967295 bytes, of which 0 are there" },
        { bytes: "0403 0102", because: "3 bytes, of which 2 are there" },
        { bytes: "", because: "found the end" },
      ],
      octets,
    );
  });

  test("refuses what is left over, at every level, and tells where", () => {
    expectRefusals(
      [
        { bytes: "3003 020100 00", because: /1 bytes are left over \(at offset 5\)/ },
        { bytes: "3004 020100 00", because: /1 bytes are left over \(at offset 5\)/ },
        { bytes: "3006 020100 020101", because: /3 bytes are left over \(at offset 5\)/ },
      ],
      (reader) => reader.sequence((inner) => inner.integer()),
    );
  });

  test("refuses another tag, high tag numbers, and end-of-contents", () => {
    expectRefusals(
      [
        { bytes: "0201 00", because: /expected OCTET STRING, found INTEGER \(at offset 0\)/ },
        { bytes: "2403 0401 00", because: /found tag 0x24/ },
        { bytes: "8001 00", because: /found \[0\] primitive/ },
        { bytes: "a001 00", because: /found \[0\]/ },
        { bytes: "1f04 01 00", because: /above 30/ },
        { bytes: "bf1f 01 00", because: /above 30/ },
        { bytes: "0000", because: /end-of-contents/ },
      ],
      octets,
    );
  });

  test("gives whole elements with their tag and length, sharing memory with the input", () => {
    const input = fromHex("3006 020105 0401aa 0500");
    const reader = new DerReader(input);
    const sequence = reader.element(DerTag.SEQUENCE);
    expect(hex(sequence)).toBe("30060201050401aa");
    expect(sequence.buffer).toBe(input.buffer);
    expect(reader.isAtEnd).toBe(false);
    expect(hex(reader.element())).toBe("0500");
    expect(reader.isAtEnd).toBe(true);
    expect(reader.nextTag).toBeUndefined();
  });

  test("reads what is optional when it is there, and nothing when it is not", () => {
    const fields = (bytes: string) =>
      read(bytes, (reader) => ({
        explicit: reader.optionalExplicit(0, (inner) => inner.integer()),
        implicit: reader.optional(contextPrimitive(1)),
        flag: reader.nextTag === DerTag.BOOLEAN ? reader.boolean() : undefined,
      }));
    expect(fields("")).toEqual({ explicit: undefined, implicit: undefined, flag: undefined });
    expect(fields("a003020107 810155 0101ff")).toEqual({
      explicit: 7n,
      implicit: Uint8Array.of(0x55),
      flag: true,
    });
    expect(fields("810155")).toEqual({ explicit: undefined, implicit: Uint8Array.of(0x55), flag: undefined });
    expect(() => fields("a004020107 00")).toThrow(DerError);
    expect(() => fields("a103020107")).toThrow(DerError);
  });

  test("reads a part of the input, and nothing before or behind it", () => {
    const input = fromHex("0500 0401aa 0500");
    const reader = new DerReader(input, 100, 2, 5);
    expect(hex(reader.octetString())).toBe("aa");
    expect(reader.isAtEnd).toBe(true);
    expect(reader.nextTag).toBeUndefined();
    expect(() => reader.skip()).toThrow("expected an element, found the end (at offset 105)");
    for (const end of [3, 4]) expect(() => new DerReader(input, 0, 2, end).skip()).toThrow(DerError);
    expect(() => new DerReader(fromHex("048103aabbcc"), 0, 0, 2).skip()).toThrow("the length is cut off");
    expect(() => new DerReader(fromHex("0403aabbcc"), 0, 0, 4).skip()).toThrow(
      "3 bytes, of which 2 are there",
    );
    expect(() => new DerReader(fromHex("04"), 0, 0, 1).skip()).toThrow("the length is missing");
  });

  test("gives the element that was read last, its contents, and its offset", () => {
    const reader = new DerReader(fromHex("3003 020105 0401aa"), 10);
    expect(reader.sequence((inner) => inner.smallInteger(5))).toBe(5);
    expect(hex(reader.lastElement())).toBe("3003020105");
    expect(hex(reader.lastContents())).toBe("020105");
    expect(reader.error("it is odd")).toEqual(new DerError("it is odd (at offset 10)"));
    reader.skip();
    expect(hex(reader.lastElement())).toBe("0401aa");
    expect(hex(reader.lastContents())).toBe("aa");
    expect(reader.error("it is odd").message).toBe("it is odd (at offset 15)");
  });

  test("skips an element without looking at its insides, but for its tag", () => {
    expect(read("3002ffff", (reader) => reader.skip())).toBeUndefined();
    expect(read("3002ffff", (reader) => reader.skip(DerTag.SEQUENCE))).toBeUndefined();
    expectRefusals([{ bytes: "3100", because: "expected SEQUENCE, found SET" }], (reader) =>
      reader.skip(DerTag.SEQUENCE),
    );
  });

  test("tells the same offset however deep the element lies", () => {
    const input = fromHex("300b 3009 a107 0405 3003 020180");
    expect(() =>
      readDer(input, (reader) =>
        reader.sequence((a) =>
          a.sequence((b) =>
            b.nested(0xa1, (c) => c.nested(0x04, (d) => d.sequence((e) => e.smallInteger(9)))),
          ),
        ),
      ),
    ).toThrow("INTEGER is negative (at offset 10)");
  });

  test("throws a RangeError for a context tag above 30, which is misuse", () => {
    expect(contextConstructed(30)).toBe(0xbe);
    expect(() => contextConstructed(31)).toThrow(RangeError);
    expect(() => contextPrimitive(-1)).toThrow(RangeError);
  });
});

describe("INTEGER", () => {
  test("reads both signs", () => {
    for (const [bytes, value] of [
      ["020100", 0n],
      ["02017f", 127n],
      ["02020080", 128n],
      ["020180", -128n],
      ["0202ff7f", -129n],
      ["0201ff", -1n],
      ["0209008000000000000000", 2n ** 63n],
      ["02087fffffffffffffff", 2n ** 63n - 1n],
    ] as const) {
      expect(
        read(bytes, (reader) => reader.integer()),
        bytes,
      ).toBe(value);
    }
  });

  test("refuses contents that are empty or longer than needed", () => {
    expectRefusals(
      [
        { bytes: "0200", because: "no contents" },
        { bytes: "0202007f", because: "not minimal" },
        { bytes: "02020000", because: "not minimal" },
        { bytes: "0202ff80", because: "not minimal" },
        { bytes: "0202ffff", because: "not minimal" },
      ],
      (reader) => reader.integerBytes(),
    );
  });

  test("gives unsigned bytes without leading zeros, and refuses negative numbers", () => {
    expect(hex(read("020300ff01", (reader) => reader.unsignedInteger()))).toBe("ff01");
    expect(hex(read("020100", (reader) => reader.unsignedInteger()))).toBe("");
    expectRefusals([{ bytes: "020180", because: "negative" }], (reader) => reader.unsignedInteger());
  });

  test("gives small numbers up to a maximum, and refuses larger ones of any size", () => {
    expect(read("02020100", (reader) => reader.smallInteger(256))).toBe(256);
    expect(read("020500ffffffff", (reader) => reader.smallInteger(0xffffffff))).toBe(0xffffffff);
    expectRefusals(
      [
        { bytes: "02020101", because: "above 256" },
        { bytes: "02050100000000", because: "above 256" },
        { bytes: `0240 01${"00".repeat(63)}`, because: "above 256" },
        { bytes: "0201ff", because: "negative" },
      ],
      (reader) => reader.smallInteger(256),
    );
  });
});

describe("BOOLEAN and NULL", () => {
  test("reads 0x00 and 0xff, and refuses every other form", () => {
    expect(read("0101ff", (reader) => reader.boolean())).toBe(true);
    expect(read("010100", (reader) => reader.boolean())).toBe(false);
    expectRefusals(
      ["010101", "010180", "0100", "0102ffff"].map((bytes) => ({ bytes, because: "neither 0x00 nor 0xff" })),
      (reader) => reader.boolean(),
    );
  });

  test("refuses a NULL with contents", () => {
    expect(read("0500", (reader) => reader.null())).toBeUndefined();
    expectRefusals([{ bytes: "050100", because: "NULL has contents" }], (reader) => reader.null());
  });
});

describe("BIT STRING", () => {
  test("reads bits with zero padding", () => {
    const bits = (bytes: string) => read(bytes, (reader) => reader.bitString());
    expect(bits("030100")).toEqual({ bytes: new Uint8Array(0), unusedBits: 0 });
    expect(bits("030205a0")).toEqual({ bytes: Uint8Array.of(0xa0), unusedBits: 5 });
    expect(bits("03020780")).toEqual({ bytes: Uint8Array.of(0x80), unusedBits: 7 });
    expect(bits("030300ffff")).toEqual({ bytes: Uint8Array.of(0xff, 0xff), unusedBits: 0 });
  });

  test("refuses padding bits that are not zero, or too many", () => {
    expectRefusals(
      [
        { bytes: "0300", because: "no contents" },
        { bytes: "030101", because: "0 bytes has 1 padding bits" },
        { bytes: "03020800", because: "1 bytes has 8 padding bits" },
        { bytes: "0302ff00", because: "255 padding bits" },
        { bytes: "030201ff", because: "padding bits that are not zero" },
        { bytes: "030207c0", because: "padding bits that are not zero" },
      ],
      (reader) => reader.bitString(),
    );
  });

  test("gives whole bytes only when there is no padding", () => {
    expect(hex(read("030300abcd", (reader) => reader.bitStringBytes()))).toBe("abcd");
    expect(hex(read("810300abcd", (reader) => reader.bitStringBytes(contextPrimitive(1))))).toBe("abcd");
    expectRefusals([{ bytes: "030204f0", because: "whole bytes" }], (reader) => reader.bitStringBytes());
  });
});

describe("OBJECT IDENTIFIER", () => {
  test("reads dotted decimal, with arcs of any size", () => {
    for (const [bytes, dotted] of [
      ["06092a864886f70d010101", "1.2.840.113549.1.1.1"],
      ["0603551d0f", "2.5.29.15"],
      ["060100", "0.0"],
      ["060127", "0.39"],
      ["060128", "1.0"],
      ["06014f", "1.39"],
      ["060150", "2.0"],
      ["06028100", "2.48"],
      ["06032b6570", "1.3.101.112"],
      ["0609 ffffffffffffffff7f", `2.${2n ** 63n - 1n - 80n}`],
    ] as const) {
      expect(read(bytes, (reader) => reader.objectIdentifier())).toBe(dotted);
    }
    const uuid = "2.25.329800735698586629295641978511506172918";
    expect(read("0614 6983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776", (reader) => reader.objectIdentifier())).toBe(
      uuid,
    );
  });

  test("gives contents that can be made to text later", () => {
    const contents = read("06092a864886f70d010101", (reader) => reader.objectIdentifierBytes());
    expect(hex(contents)).toBe("2a864886f70d010101");
    expect(dottedDecimal(contents)).toBe("1.2.840.113549.1.1.1");
  });

  test("reads arcs around the largest number that is exact, and of a thousand bytes", () => {
    for (let bits = 40; bits < 130; bits++) {
      for (const arc of [2n ** BigInt(bits) - 1n, 2n ** BigInt(bits), 2n ** BigInt(bits) + 1n]) {
        for (const dotted of [`1.2.${arc}`, `2.${arc}`, `1.2.${arc}.3.${arc}`]) {
          expect(readDer(derObjectIdentifier(dotted), (reader) => reader.objectIdentifier())).toBe(dotted);
        }
      }
    }
    const large = `2.5.${2n ** 7000n + 12345n}`;
    expect(readDer(derObjectIdentifier(large), (reader) => reader.objectIdentifier())).toBe(large);
  });

  test("refuses padding, a cut-off arc, no contents, and more than 1024 bytes", () => {
    for (const reading of [
      (reader: DerReader) => reader.objectIdentifier(),
      (reader: DerReader) => reader.objectIdentifierBytes(),
    ]) {
      expectRefusals(
        [
          { bytes: "0600", because: "no contents" },
          { bytes: "06028001", because: "not minimal" },
          { bytes: "06032a8001", because: "not minimal" },
          { bytes: "06022a86", because: "cut off" },
          { bytes: `06820401${"01".repeat(1025)}`, because: "longer than 1024" },
        ],
        reading,
      );
    }
  });
});

test("throws nothing but DerError, and always ends, for any bytes", () => {
  const walk = (reader: DerReader, depth: number): void => {
    while (!reader.isAtEnd) {
      const tag = reader.nextTag ?? 0;
      if (tag === DerTag.INTEGER) reader.integer();
      else if (tag === DerTag.BIT_STRING) reader.bitString();
      else if (tag === DerTag.OBJECT_IDENTIFIER) reader.objectIdentifier();
      else if (tag === DerTag.BOOLEAN) reader.boolean();
      else if ((tag & 0x20) !== 0 && depth < 10) reader.nested(tag, (inner) => walk(inner, depth + 1));
      else reader.element();
    }
  };
  const bytes = fc.array(
    fc.oneof(fc.constantFrom(0x30, 0x31, 0xa0, 0x02, 0x03, 0x06, 0x01, 0x00, 0x80, 0x81, 0x82), fc.nat(255)),
    { maxLength: 60 },
  );
  const outcomes = { read: 0, refused: 0 };
  fc.assert(
    fc.property(bytes, (input) => {
      try {
        readDer(Uint8Array.from(input), (reader) => walk(reader, 0));
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof DerError)) throw error;
        outcomes.refused++;
      }
    }),
    { numRuns: 3000 },
  );
  expect(Math.min(outcomes.read, outcomes.refused)).toBeGreaterThan(10);
});
