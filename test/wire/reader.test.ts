import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { Reader } from "../../src/wire/reader.ts";
import { fromHex } from "../support/hex.ts";
import { alertOf } from "./alerts.ts";

describe("Reader", () => {
  test("reads big-endian integers of 1 to 4 bytes", () => {
    const reader = new Reader(fromHex("01 0203 040506 fffefdfc"));
    expect([reader.uint(1), reader.uint(2), reader.uint(3), reader.uint(4)]).toEqual([
      0x01, 0x0203, 0x040506, 0xfffefdfc,
    ]);
    expect(reader.remaining).toBe(0);
  });

  test("takes views of the input, and copies nothing", () => {
    const bytes = fromHex("aabbccdd");
    const reader = new Reader(bytes);
    reader.uint(1);
    const taken = reader.take(2);
    bytes[1] = 0x11;
    expect(hex(taken)).toBe("11cc");
    expect(taken.buffer).toBe(bytes.buffer);
  });

  test("keeps to its part of the bytes", () => {
    const reader = new Reader(fromHex("0102030405"), 1, 4);
    expect(reader.remaining).toBe(3);
    expect(hex(reader.take(3))).toBe("020304");
    expect(alertOf(() => reader.uint(1))).toBe("decode_error");
  });

  test("keeps to its part when the bytes are a view themselves", () => {
    const reader = new Reader(fromHex("00 01020304 05").subarray(1, 5));
    expect(hex(reader.sub(4).take(4))).toBe("01020304");
    expect(reader.remaining).toBe(0);
  });

  test("a sub-reader ends where it was told to, and its parent goes on behind it", () => {
    const reader = new Reader(fromHex("01020304"));
    const sub = reader.sub(2);
    expect(reader.uint(1)).toBe(3);
    expect(hex(sub.take(2))).toBe("0102");
    expect(alertOf(() => sub.take(1))).toBe("decode_error");
    expect(reader.uint(1)).toBe(4);
  });

  test.each([
    ["uint", (reader: Reader) => reader.uint(4)],
    ["take", (reader: Reader) => reader.take(4)],
    ["sub", (reader: Reader) => reader.sub(4)],
  ])("%s of more than is left is decode_error, and reads nothing", (_, read) => {
    const reader = new Reader(fromHex("010203"));
    expect(alertOf(() => read(reader))).toBe("decode_error");
    expect(reader.remaining).toBe(3);
    expect(reader.uint(3)).toBe(0x010203);
  });

  test("expectEnd names what has bytes left over", () => {
    const reader = new Reader(fromHex("0102"));
    expect(() => reader.expectEnd("finished")).toThrow("decode_error: 2 trailing bytes in finished");
    reader.take(2);
    expect(alertOf(() => reader.expectEnd("finished"))).toBe("none");
  });
});
