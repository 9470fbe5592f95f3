import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import type { Random } from "../../src/crypto/provider.ts";
import { MAX_PLAINTEXT_LENGTH } from "../../src/record/framing.ts";
import type { ReadProtection, WriteProtection } from "../../src/record/protection.ts";
import { readProtection12, writeProtection12 } from "../../src/record/protection12.ts";
import { alertThrownBy, patternBytes, plainRecord } from "./independent-sealer.ts";
import {
  encryptThenMacKinds,
  keysFor,
  type Kind12,
  kinds12,
  macThenEncryptKinds,
  rawRecord,
  recordHmac,
  type RecordToSeal12,
  sealIndependently12,
} from "./independent-sealer12.ts";

const cbcKinds = [...macThenEncryptKinds, ...encryptThenMacKinds];

function reader(kind: Kind12, sequence = 0): ReadProtection {
  return readProtection12(kind.suite, keysFor(kind), { encryptThenMac: kind.encryptThenMac, sequence });
}

/** A writer whose n-th IV is {@link ivOf} n. */
function writer(kind: Kind12, sequence = 0): WriteProtection {
  let drawn = 0;
  const random: Random = (length) => {
    expect(length).toBe(16);
    return ivOf(drawn++);
  };
  const { encryptThenMac } = kind;
  return writeProtection12(kind.suite, keysFor(kind), { encryptThenMac, random, sequence });
}

function ivOf(record: number): Uint8Array {
  return patternBytes(16, 100 + 3 * record);
}

/** As {@link writer} seals its n-th record. */
function expectedRecord(record: RecordToSeal12, n: number): Uint8Array {
  return sealIndependently12(record.kind.mac === undefined ? record : { ...record, explicit: ivOf(n) });
}

function seal(protection: WriteProtection, type: number, content: Uint8Array): Uint8Array {
  const output = new Uint8Array(protection.overhead + content.length).fill(0xee);
  return output.subarray(0, protection.seal(type, content, 0, output));
}

/** All lengths up to four blocks of SHA-384, and those around powers of two and the most. */
const lengths = [
  ...Array.from({ length: 520 }, (_, i) => i),
  1023,
  1024,
  1025,
  1350,
  4096,
  8191,
  16_000,
  16_367,
  16_368,
  16_369,
  16_383,
  MAX_PLAINTEXT_LENGTH,
];
const sequences = [0, 255, 65_535, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 2 ** 31, 2 ** 48 - 3];

describe.each(kinds12)("records of $name", (kind) => {
  test("are sealed as node:crypto seals them, of every length", () => {
    const protection = writer(kind);
    for (const [n, length] of lengths.entries()) {
      const content = patternBytes(length, n);
      const expected = expectedRecord({ kind, sequence: BigInt(n), type: 22, content }, n);
      const sealed = seal(protection, 22, content);
      expect(sealed.length).toBeLessThanOrEqual(content.length + protection.overhead);
      if (hex(sealed) !== hex(expected)) expect.fail(`${length} bytes are sealed otherwise`);
      expect(hex(content)).toBe(hex(patternBytes(length, n)));
    }
  });

  test("are opened in place when node:crypto sealed them, of every length", () => {
    const protection = reader(kind);
    for (const [n, length] of lengths.entries()) {
      const content = patternBytes(length, n);
      const record = rawRecord(
        sealIndependently12({ kind, sequence: BigInt(n), type: 21 + (n % 3), content }),
      );
      const inner = protection.open(record);
      if (hex(inner?.content ?? patternBytes(1)) !== hex(content)) expect.fail(`${length} bytes do not open`);
      expect(inner?.type).toBe(21 + (n % 3));
      expect(inner?.content.buffer).toBe(record.fragment.buffer);
    }
  });

  test.each(sequences)("have the sequence numbers of BigInt from %d on, both ways", (sequence) => {
    const [write, read] = [writer(kind, sequence), reader(kind, sequence)];
    for (let i = 0; i < 3; i++) {
      const content = patternBytes(20, i);
      const expected = expectedRecord({ kind, sequence: BigInt(sequence + i), type: 23, content }, i);
      expect(hex(seal(write, 23, content))).toBe(hex(expected));
      expect(hex(read.open(rawRecord(expected))?.content ?? new Uint8Array())).toBe(hex(content));
    }
  });

  test("end below 2^48: internal_error", () => {
    const [write, read] = [writer(kind, 2 ** 48 - 1), reader(kind, 2 ** 48 - 1)];
    const last = seal(write, 23, patternBytes(3));
    expect(read.open(rawRecord(last.slice()))?.content.length).toBe(3);
    expect(alertThrownBy(() => seal(write, 23, patternBytes(3)))).toBe("internal_error");
    expect(alertThrownBy(() => read.open(rawRecord(last)))).toBe("internal_error");
  });

  test("are written at the offset, and nothing in front of it", () => {
    const output = new Uint8Array(300).fill(0xee);
    const content = patternBytes(33);
    const length = writer(kind).seal(21, content, 0, output, 50);
    expect(hex(output.subarray(50, 50 + length))).toBe(hex(expectedRecord({ kind, type: 21, content }, 0)));
    expect(hex(output.subarray(0, 50))).toBe("ee".repeat(50));
    expect(hex(output.subarray(50 + length))).toBe("ee".repeat(250 - length));
  });

  test("do not open with one bit changed, give nothing away, and leave the sequence number", () => {
    const protection = reader(kind);
    const content = patternBytes(70);
    const good = sealIndependently12({ kind, type: 23, content });
    for (let at = 0; at < good.length; at++) {
      // The length in the header cut the record out; it is not looked at again.
      if (at === 3 || at === 4) continue;
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expect(protection.open(rawRecord(bad)), `byte ${at}`).toBeUndefined();
      for (let start = 0; start + 16 <= content.length; start++) {
        if (Buffer.from(bad).includes(Buffer.from(content.subarray(start, start + 16))))
          expect.fail(`plaintext, byte ${at}`);
      }
    }
    expect(hex(protection.open(rawRecord(good))?.content ?? new Uint8Array())).toBe(hex(content));
  });

  test("do not open cut short, whatever the length", () => {
    const protection = reader(kind);
    const good = sealIndependently12({ kind, type: 23, content: patternBytes(70) });
    for (let length = 5; length < good.length; length++)
      expect(protection.open(rawRecord(good.slice(0, length))), `${length - 5} bytes`).toBeUndefined();
    expect(protection.open(rawRecord(good))?.content.length).toBe(70);
  });

  test("do not open twice, nor out of order", () => {
    const protection = reader(kind);
    const records = [0n, 1n].map((sequence) =>
      sealIndependently12({ kind, sequence, type: 23, content: patternBytes(9) }),
    );
    const [first, second] = records.map((record) => () => protection.open(rawRecord(record.slice())));
    expect(second?.()).toBeUndefined();
    expect(first?.()?.content.length).toBe(9);
    expect(first?.()).toBeUndefined();
    expect(second?.()?.content.length).toBe(9);
  });

  test("are authenticated with the version as it was received", () => {
    const record = sealIndependently12({ kind, type: 23, content: patternBytes(9), version: 0x0301 });
    expect(reader(kind).open(rawRecord(record))?.content.length).toBe(9);
  });

  test("hold 2^14 bytes of content, and not one more: record_overflow", () => {
    for (const length of [MAX_PLAINTEXT_LENGTH + 1, 17_000]) {
      const record = rawRecord(sealIndependently12({ kind, type: 23, content: patternBytes(length) }));
      expect(record.fragment.length).toBeLessThanOrEqual(reader(kind).maxFragmentLength);
      expect(alertThrownBy(() => reader(kind).open(record))).toBe("record_overflow");
    }
    expect(reader(kind).maxFragmentLength).toBe(2 ** 14 + 2048);
  });

  test("hold as much content as the record_size_limit, and no type byte counts", () => {
    for (const [length, alert] of [
      [100, "none"],
      [101, "record_overflow"],
    ] as const) {
      const protection = reader(kind);
      protection.recordSizeLimit = 100;
      const record = rawRecord(sealIndependently12({ kind, type: 23, content: patternBytes(length) }));
      expect(alertThrownBy(() => protection.open(record))).toBe(alert);
    }
    const limits = [64, 2 ** 14, 2 ** 14 + 1, 65_535].map((limit) => writer(kind).contentLimit(limit));
    expect(limits).toEqual([64, 2 ** 14, 2 ** 14, 2 ** 14]);
  });

  test("copy their keys, and are dead once wiped", () => {
    const keys = keysFor(kind);
    const { encryptThenMac } = kind;
    const random: Random = () => ivOf(0);
    const write = writeProtection12(kind.suite, keys, { encryptThenMac, random });
    const read = readProtection12(kind.suite, keys, { encryptThenMac });
    for (const part of [keys.key, keys.macKey, keys.iv]) part.fill(0);
    const content = patternBytes(40);
    const expected = expectedRecord({ kind, type: 23, content }, 0);
    expect(hex(seal(write, 23, content))).toBe(hex(expected));
    expect(read.open(rawRecord(expected))?.content.length).toBe(40);
    write.wipe();
    read.wipe();
    expect(() => seal(write, 23, content)).toThrow(TypeError);
    expect(opensOrThrows(read, sealIndependently12({ kind, sequence: 1n, type: 23, content }))).toBe(false);
  });

  test("need keys of the right lengths: RangeError", () => {
    const keys = keysFor(kind);
    const wrong = [
      { ...keys, key: keys.key.subarray(1) },
      kind.mac === undefined ? { ...keys, iv: patternBytes(8) } : { ...keys, macKey: patternBytes(17) },
    ];
    const { encryptThenMac } = kind;
    for (const bad of wrong) {
      expect(() => readProtection12(kind.suite, bad, { encryptThenMac })).toThrow(RangeError);
      expect(() =>
        writeProtection12(kind.suite, bad, { encryptThenMac, random: ivOf.bind(null, 0) }),
      ).toThrow(RangeError);
    }
  });
});

/** Whether a record opens; one that throws does not. */
function opensOrThrows(protection: ReadProtection, record: Uint8Array): boolean {
  try {
    return protection.open(rawRecord(record)) !== undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return false;
  }
}

describe("records that are left of a key", () => {
  test.each([
    { of: "AES-GCM", kinds: kinds12.slice(0, 2), records: 2 ** 24 },
    { of: "ChaCha20-Poly1305", kinds: kinds12.slice(2, 3), records: 2 ** 48 },
    { of: "AES-CBC", kinds: cbcKinds, records: 2 ** 26 },
  ])("are $records under $of, and one less behind each", ({ kinds, records }) => {
    expect(kinds.length).toBeGreaterThan(0);
    for (const kind of kinds) {
      const protection = writer(kind);
      expect(protection.recordsLeft).toBe(records);
      seal(protection, 23, patternBytes(1));
      expect(protection.recordsLeft).toBe(records - 1);
      expect(writer(kind, records - 1).recordsLeft).toBe(1);
      expect(writer(kind, records).recordsLeft).toBe(0);
      expect(writer(kind, records + 5).recordsLeft).toBe(0);
    }
  });
});

describe("the explicit nonce of AES-GCM", () => {
  test.each(kinds12.slice(0, 2))("is what the peer says, not the sequence number: $name", (kind) => {
    const explicit = patternBytes(8, 171);
    const record = sealIndependently12({ kind, sequence: 7n, type: 23, content: patternBytes(50), explicit });
    expect(reader(kind, 7).open(rawRecord(record))?.content.length).toBe(50);
  });
});

describe.each(cbcKinds)("padding of $name", (kind) => {
  const before = kind.encryptThenMac ? 0 : (kind.mac?.length ?? 0);

  test("may have any of its lengths", () => {
    for (let paddingLength = 0; paddingLength < 256; paddingLength++) {
      const content = patternBytes(512 - before - 1 - paddingLength);
      const record = sealIndependently12({ kind, type: 23, content, paddingLength });
      expect(hex(reader(kind).open(rawRecord(record))?.content ?? new Uint8Array())).toBe(hex(content));
    }
  });

  test("must not have a wrong byte anywhere", () => {
    for (const paddingLength of [1, 15, 16, 100, 254, 255]) {
      const content = patternBytes(512 - before - 1 - paddingLength);
      for (let at = 0; at <= paddingLength; at++) {
        const mangle = (plaintext: Uint8Array) => {
          const place = plaintext.length - 1 - at;
          plaintext[place] = (plaintext[place] ?? 0) ^ 0x80;
        };
        const record = sealIndependently12({ kind, type: 23, content, paddingLength, mangle });
        expect(reader(kind).open(rawRecord(record)), `${at} of ${paddingLength}`).toBeUndefined();
        if (Buffer.from(record).includes(Buffer.from(content.subarray(0, 16))))
          expect.fail("plaintext is left");
      }
    }
  });

  test("must not be longer than the record", () => {
    for (const length of [before + 1, before + 2, before + 9, 100, 250]) {
      const blocks = Math.ceil(length / 16) * 16;
      for (let paddingLength = blocks - before; paddingLength < 256; paddingLength++) {
        const mangle = (plaintext: Uint8Array) => plaintext.fill(paddingLength);
        const content = patternBytes(blocks - before - 1);
        const record = sealIndependently12({ kind, type: 23, content, paddingLength: 0, mangle });
        expect(reader(kind).open(rawRecord(record))).toBeUndefined();
      }
    }
  });
});

describe.each(encryptThenMacKinds)("records of $name that authenticate", (kind) => {
  test.each([0, 16])(
    "but are %d bytes in front of the MAC, and so have no padding, do not open",
    (length) => {
      const fragment = patternBytes(length);
      const record = plainRecord(23, concatBytes(fragment, recordHmac({ kind, type: 23 }, fragment)));
      expect(reader(kind).open(rawRecord(record))).toBeUndefined();
    },
  );

  test.each([33, 40, 47])(
    "but are %d bytes in front of the MAC, which are no blocks, do not open",
    (length) => {
      const fragment = patternBytes(length);
      const record = plainRecord(23, concatBytes(fragment, recordHmac({ kind, type: 23 }, fragment)));
      expect(reader(kind).open(rawRecord(record))).toBeUndefined();
    },
  );
});

describe.each(cbcKinds)("the IV of $name", (kind) => {
  test("is drawn for each record, after what it will encrypt is known", () => {
    const drawn: number[] = [];
    const random: Random = (length) => {
      drawn.push(length);
      return ivOf(drawn.length);
    };
    const { encryptThenMac } = kind;
    const protection = writeProtection12(kind.suite, keysFor(kind), { encryptThenMac, random });
    expect(drawn).toEqual([]);
    for (let i = 1; i <= 3; i++) {
      expect(hex(seal(protection, 23, patternBytes(20)).subarray(5, 21))).toBe(hex(ivOf(i)));
      expect(drawn).toEqual(Array.from({ length: i }, () => 16));
    }
  });
});
