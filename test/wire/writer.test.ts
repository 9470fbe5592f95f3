import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { Writer } from "../../src/wire/writer.ts";
import { fromHex } from "../support/hex.ts";

describe("Writer", () => {
  test("writes big-endian integers of 1 to 4 bytes", () => {
    const writer = new Writer();
    writer.uint(1, 0x01);
    writer.uint(2, 0x0203);
    writer.uint(3, 0x040506);
    writer.uint(4, 0xfffefdfc);
    expect(hex(writer.finish())).toBe("010203040506fffefdfc");
  });

  test.each([
    [1, 0x100],
    [2, 0x1_0000],
    [3, 0x100_0000],
    [4, 0x1_0000_0000],
    [2, -1],
    [2, 1.5],
    [2, Number.NaN],
  ])("an integer of %i bytes refuses %d", (size, value) => {
    expect(() => new Writer().uint(size, value)).toThrow(RangeError);
  });

  test.each([0, 1, 7])("grows from a capacity of %i bytes and keeps what it has", (capacity) => {
    const writer = new Writer(capacity);
    for (let i = 0; i < 100; i++) {
      writer.uint(1, i);
      writer.append(fromHex("aabbcc"));
    }
    expect(writer.length).toBe(400);
    const expected = Array.from({ length: 100 }, (_, i) => `${i.toString(16).padStart(2, "0")}aabbcc`).join(
      "",
    );
    expect(hex(writer.finish())).toBe(expected);
  });

  test("reserves zeros that can be patched later", () => {
    const writer = new Writer(1);
    const at = writer.reserve(3);
    writer.append(fromHex("ff"));
    expect(hex(writer.finish())).toBe("000000ff");
    writer.patch(at, 3, 0x010203);
    expect(hex(writer.finish())).toBe("010203ff");
  });

  test("finish gives a copy", () => {
    const writer = new Writer();
    writer.uint(2, 0x0102);
    writer.finish().fill(0xff);
    expect(hex(writer.finish())).toBe("0102");
  });
});
