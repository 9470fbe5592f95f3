import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { decode, empty, encode, extensions, opaque, struct, uint16, uint8 } from "../../src/wire/codec.ts";
import { fromHex } from "../support/hex.ts";
import { alertOf } from "./alerts.ts";

const specs = {
  colour: { type: 5, body: uint8 },
  size: { type: 1, body: uint16 },
  flag: { type: 300, body: empty },
  label: { type: 7, body: opaque(1, 255) },
};
const block = extensions(specs, 0, 2 ** 16 - 1);
const read = (text: string): unknown => decode(block, fromHex(text), "x");

describe("extensions", () => {
  test("reads known ones by name, keeps unknown ones, and tells the order", () => {
    expect(read("0014 012c 0000 0abc 0002 abab 0001 0002 0203 0bbb 0000")).toEqual({
      flag: true,
      size: 0x0203,
      unknown: [
        { type: 0x0abc, body: fromHex("abab") },
        { type: 0x0bbb, body: fromHex("") },
      ],
      order: [300, 0x0abc, 1, 0x0bbb],
    });
  });

  test("has no key for an extension that is absent", () => {
    expect(read("0000")).toStrictEqual({ order: [] });
    expect(read("0005 0005 0001 09")).toStrictEqual({ colour: 9, order: [5] });
  });

  test.each([
    "0014 012c 0000 0abc 0002 abab 0001 0002 0203 0bbb 0000",
    "0014 0001 0002 0203 0bbb 0000 012c 0000 0abc 0002 abab",
    "000b 0bbb 0000 0007 0003 02 6869",
    "0000",
  ])("writes %s back to the same bytes", (text) => {
    const wire = fromHex(text);
    expect(hex(encode(block, decode(block, wire, "x")))).toBe(hex(wire));
  });

  test("without an order, writes unknown ones first and then the known ones as they are listed", () => {
    const unknown = [{ type: 9, body: fromHex("ee") }];
    const wire = "0014 0009 0001 ee 0005 0001 03 012c 0000 0007 0002 01 61";
    expect(hex(encode(block, { label: fromHex("61"), flag: true, colour: 3, unknown }))).toBe(
      hex(fromHex(wire)),
    );
  });

  test("an order puts those that it names first, and leaves out those that are absent", () => {
    const value = { colour: 3, size: 2, flag: true as const, order: [300, 42, 1] };
    expect(hex(encode(block, value))).toBe(hex(fromHex("000f 012c 0000 0001 0002 0002 0005 0001 03")));
  });

  test("a type that appears twice is decode_error, whether known or not", () => {
    expect(alertOf(() => read("000a 0005 0001 01 0005 0001 02"))).toBe("decode_error");
    expect(alertOf(() => read("0008 0abc 0000 0abc 0000"))).toBe("decode_error");
    expect(() => read("0008 0abc 0000 0abc 0000")).toThrow("extension 2748 appears twice");
  });

  test("the alert for a type that appears twice can be another", () => {
    const strict = extensions(specs, 0, 2 ** 16 - 1, { duplicate: "illegal_parameter" });
    expect(alertOf(() => decode(strict, fromHex("0008 0abc 0000 0abc 0000"), "x"))).toBe("illegal_parameter");
    expect(alertOf(() => decode(strict, fromHex("0004 0abc 0001"), "x"))).toBe("decode_error");
  });

  test("each body must be read to its end, and no further", () => {
    expect(() => read("0006 0005 0002 0304")).toThrow("decode_error: 1 trailing bytes in extension colour");
    expect(alertOf(() => read("0005 012c 0001 00"))).toBe("decode_error");
    expect(alertOf(() => read("0009 0001 0001 02 0005 0000"))).toBe("decode_error");
    expect(alertOf(() => read("0006 0007 0002 0261"))).toBe("decode_error");
  });

  test("an extension that goes beyond the block is decode_error, also when bytes follow", () => {
    const framed = struct({ block, next: uint16 });
    expect(alertOf(() => decode(framed, fromHex("0004 0abc 0002 abab"), "x"))).toBe("decode_error");
    expect(alertOf(() => decode(framed, fromHex("0003 0abc 00 02abab"), "x"))).toBe("decode_error");
    expect(alertOf(() => read("0001 0a"))).toBe("decode_error");
  });

  test("the block keeps its bounds on both ways", () => {
    const bounded = extensions(specs, 4, 6);
    expect(decode(bounded, fromHex("04 012c 0000"), "x")).toEqual({ flag: true, order: [300] });
    expect(hex(encode(bounded, { flag: true }))).toBe("04012c0000");
    expect(alertOf(() => decode(bounded, fromHex("00"), "x"))).toBe("decode_error");
    expect(alertOf(() => decode(bounded, fromHex("08 012c 0000 0abc 0000"), "x"))).toBe("decode_error");
    expect(() => encode(bounded, {})).toThrow(RangeError);
    expect(() => encode(bounded, { flag: true, size: 1 })).toThrow(RangeError);
  });

  test("a body above 65535 bytes is refused when writing", () => {
    const large = extensions({ padding: { type: 21, body: opaque(0, 2 ** 24 - 1) } }, 0, 2 ** 24 - 1);
    expect(() => encode(large, { padding: new Uint8Array(2 ** 16) })).toThrow(RangeError);
  });

  test("only an optional block may be missing, and only whole", () => {
    const optional = extensions(specs, 4, 2 ** 16 - 1, { optional: true });
    expect(decode(optional, fromHex(""), "x")).toEqual({ order: [] });
    expect(alertOf(() => decode(optional, fromHex("00"), "x"))).toBe("decode_error");
    expect(alertOf(() => decode(optional, fromHex("0000"), "x"))).toBe("decode_error");
    expect(alertOf(() => decode(block, fromHex(""), "x"))).toBe("decode_error");
  });

  test("reads as many extensions as the block holds", () => {
    const count = 2 ** 14 - 1;
    const many = Uint8Array.from({ length: 2 + 4 * count }, (_, i) => {
      if (i < 2) return i === 0 ? (4 * count) >> 8 : (4 * count) & 0xff;
      const index = (i - 2) >> 2;
      return [index >> 8, index & 0xff, 0, 0][(i - 2) & 3] ?? 0;
    });
    const unknownOnly = extensions({}, 0, 2 ** 16 - 1);
    expect(decode(unknownOnly, many, "x").unknown).toHaveLength(count);
  });
});
