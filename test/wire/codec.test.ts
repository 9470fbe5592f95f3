import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import {
  type Codec,
  decode,
  empty,
  encode,
  enumeration,
  opaque,
  rest,
  struct,
  uint16,
  uint24,
  uint32,
  uint8,
  vector,
} from "../../src/wire/codec.ts";
import { fromHex } from "../support/hex.ts";
import { alertOf } from "./alerts.ts";

const bytes = (length: number, value = 0xab): Uint8Array => new Uint8Array(length).fill(value);
const alertFor = (codec: Codec<unknown>, text: string): string =>
  alertOf(() => decode(codec, fromHex(text), "x"));

function expectRoundTrip<T>(codec: Codec<T>, value: T, text: string): void {
  const wire = hex(fromHex(text));
  expect(hex(encode(codec, value))).toBe(wire);
  expect(decode(codec, fromHex(wire), "x")).toEqual(value);
}

describe("integers", () => {
  test.each([
    ["uint8", uint8, 1],
    ["uint16", uint16, 2],
    ["uint24", uint24, 3],
    ["uint32", uint32, 4],
  ] as const)("%s takes what fits its bytes", (_, codec, size) => {
    const largest = 256 ** size - 1;
    expectRoundTrip(codec, 0, "00".repeat(size));
    expectRoundTrip(codec, largest, "ff".repeat(size));
    expect(() => encode(codec, largest + 1)).toThrow(RangeError);
    expect(() => encode(codec, -1)).toThrow(RangeError);
    expect(alertFor(codec, "ff".repeat(size - 1))).toBe("decode_error");
    expect(alertFor(codec, "ff".repeat(size + 1))).toBe("decode_error");
  });
});

describe("enumeration", () => {
  const codec = enumeration(2, "colour", 1, 0x0203);

  test("takes its values", () => {
    expectRoundTrip(codec, 1, "0001");
    expectRoundTrip(codec, 0x0203, "0203");
  });

  test("another value is illegal_parameter, a missing one decode_error", () => {
    expect(alertFor(codec, "0002")).toBe("illegal_parameter");
    expect(() => decode(codec, fromHex("0002"), "x")).toThrow(
      "illegal_parameter: colour is 2, allowed 1, 515",
    );
    expect(alertFor(codec, "00")).toBe("decode_error");
  });
});

describe("opaque of a fixed length", () => {
  const codec = opaque(3);

  test("has no prefix, and no other length", () => {
    expectRoundTrip(codec, fromHex("010203"), "010203");
    expect(alertFor(codec, "0102")).toBe("decode_error");
    expect(alertFor(codec, "01020304")).toBe("decode_error");
    expect(() => encode(codec, bytes(2))).toThrow(RangeError);
    expect(() => encode(codec, bytes(4))).toThrow(RangeError);
  });

  test("of no bytes is nothing", () => {
    expectRoundTrip(opaque(0), bytes(0), "");
  });
});

describe("opaque with bounds", () => {
  test("keeps its bounds on both ways", () => {
    const codec = opaque(2, 4);
    expectRoundTrip(codec, bytes(2), "02 abab");
    expectRoundTrip(codec, bytes(4), "04 abababab");
    expect(alertFor(codec, "01 ab")).toBe("decode_error");
    expect(alertFor(codec, "05 ababababab")).toBe("decode_error");
    expect(() => decode(codec, fromHex("05 ababababab"), "x")).toThrow("vector of 5 bytes, allowed 2..4");
    expect(() => encode(codec, bytes(1))).toThrow(RangeError);
    expect(() => encode(codec, bytes(5))).toThrow(RangeError);
  });

  test("a length that goes beyond the input is decode_error", () => {
    expect(alertFor(opaque(0, 255), "03 abab")).toBe("decode_error");
    expect(alertFor(opaque(0, 255), "")).toBe("decode_error");
    expect(alertFor(opaque(0, 2 ** 24 - 1), "ffffff ab")).toBe("decode_error");
  });

  test.each([
    [255, "02"],
    [256, "0002"],
    [2 ** 16 - 1, "0002"],
    [2 ** 16, "000002"],
    [2 ** 24 - 1, "000002"],
    [2 ** 24, "00000002"],
  ])("a maximum of %i gives the prefix %s", (max, prefix) => {
    expectRoundTrip(opaque(0, max), bytes(2), `${prefix} abab`);
  });

  test.each([2 ** 8 - 1, 2 ** 16 - 1])("carries its maximum of %i bytes and not one more", (max) => {
    const codec = opaque(0, max);
    expect(decode(codec, encode(codec, bytes(max)), "x")).toEqual(bytes(max));
    expect(() => encode(codec, bytes(max + 1))).toThrow(RangeError);
  });

  test("reads a view and writes a copy", () => {
    const input = fromHex("02 abab");
    const value = decode(opaque(0, 255), input, "x");
    expect(value.buffer).toBe(input.buffer);
    const output = encode(opaque(0, 255), value);
    value.fill(0);
    expect(hex(output)).toBe("02abab");
  });
});

describe("rest and empty", () => {
  test("rest takes everything up to the end of what encloses it", () => {
    expectRoundTrip(rest, bytes(0), "");
    expectRoundTrip(rest, bytes(3), "ababab");
    expectRoundTrip(struct({ first: uint8, others: rest }), { first: 1, others: bytes(2) }, "01 abab");
  });

  test("empty takes nothing", () => {
    expectRoundTrip(empty, true, "");
    expect(alertFor(empty, "00")).toBe("decode_error");
  });
});

describe("vector", () => {
  const codec = vector(uint16, 2, 6);

  test("counts bytes, not items, on both ways", () => {
    expectRoundTrip(codec, [1], "02 0001");
    expectRoundTrip(codec, [1, 2, 3], "06 0001 0002 0003");
    expect(alertFor(codec, "00")).toBe("decode_error");
    expect(alertFor(codec, "08 0001 0002 0003 0004")).toBe("decode_error");
    expect(() => encode(codec, [])).toThrow(RangeError);
    expect(() => encode(codec, [1, 2, 3, 4])).toThrow(RangeError);
  });

  test("an item cut by the end of the vector is decode_error, also when bytes follow", () => {
    expect(alertFor(codec, "03 0001 00")).toBe("decode_error");
    expect(alertFor(struct({ codec, next: uint8 }), "03 0001 00 02")).toBe("decode_error");
  });

  test("nests: each vector ends where its own prefix says", () => {
    const nested = vector(vector(opaque(1, 255), 0, 255), 0, 2 ** 16 - 1);
    expectRoundTrip(nested, [[bytes(1), bytes(2)], [], [bytes(1)]], "000a 05 01ab 02abab 00 02 01ab");
    expect(alertFor(nested, "0005 05 01ab 02abab")).toBe("decode_error");
    expect(alertFor(nested, "0003 02 02ab")).toBe("decode_error");
  });

  test("may be empty when its minimum is 0", () => {
    expectRoundTrip(vector(uint16, 0, 6), [], "00");
  });
});

describe("struct", () => {
  const Point = struct({ x: uint8, y: uint16 });

  test("reads and writes its fields in the order in which they are listed", () => {
    expectRoundTrip(Point, { x: 1, y: 2 }, "01 0002");
    expect(hex(encode(Point, { y: 2, x: 1 }))).toBe("010002");
    expect(Object.keys(decode(Point, fromHex("010002"), "x"))).toEqual(["x", "y"]);
  });

  test("nests in structs and vectors", () => {
    const codec = struct({ points: vector(Point, 3, 255), origin: Point });
    expectRoundTrip(codec, { points: [{ x: 1, y: 2 }], origin: { x: 3, y: 4 } }, "03 01 0002 03 0004");
    expect(alertFor(codec, "02 01 0002 03 0004")).toBe("decode_error");
  });

  test("of no fields is nothing", () => {
    expectRoundTrip(struct({}), {}, "");
    expect(alertFor(struct({}), "00")).toBe("decode_error");
  });
});

describe("decode", () => {
  test("reads an array that is a view into a larger one", () => {
    expect(decode(uint16, fromHex("ff 0102 ff").subarray(1, 3), "x")).toBe(0x0102);
  });

  test("names what has trailing bytes", () => {
    expect(() => decode(uint8, fromHex("0102"), "client_hello")).toThrow("1 trailing bytes in client_hello");
  });
});
