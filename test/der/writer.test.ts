import fc from "fast-check";
import { expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { bigIntFromBytes, bitLength, bytesFromBigInt } from "../../src/der/integers.ts";
import { readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derUnsignedInteger,
} from "../../src/der/writer.ts";

test("writes the only DER form of small values", () => {
  expect(hex(derSequence(derBoolean(true), derBoolean(false), derNull()))).toBe("30080101ff0101000500");
  expect(hex(derSet(derOctetString(Uint8Array.of(1, 2))))).toBe("310404020102");
  expect(hex(derExplicit(3, derInteger(5)))).toBe("a303020105");
  expect(hex(derBitString(Uint8Array.of(0xa0), 5))).toBe("030205a0");
  expect(hex(derObjectIdentifier("1.2.840.113549.1.1.1"))).toBe("06092a864886f70d010101");
  expect(hex(derUnsignedInteger(new Uint8Array(0)))).toBe("020100");
  expect(hex(derUnsignedInteger(Uint8Array.of(0, 0, 0x80)))).toBe("02020080");
  expect(hex(derUnsignedInteger(Uint8Array.of(0, 0)))).toBe("020100");
});

test("writes lengths that the reader takes, at every change of size", () => {
  for (const length of [0, 127, 128, 255, 256, 65535, 65536]) {
    const element = derElement(DerTag.OCTET_STRING, new Uint8Array(length));
    expect(readDer(element, (reader) => reader.octetString())).toHaveLength(length);
  }
});

test("writes every integer so that the strict reader gives it back", () => {
  for (const near of [0n, 127n, 128n, 255n, 256n, 32767n, 32768n, 2n ** 64n, 2n ** 2048n]) {
    for (const value of [near, near - 1n, near + 1n, -near, -near - 1n, -near + 1n]) {
      expect(readDer(derInteger(value), (reader) => reader.integer())).toBe(value);
    }
  }
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 300n), max: 2n ** 300n }), (value) => {
      expect(readDer(derInteger(value), (reader) => reader.integer())).toBe(value);
    }),
  );
});

test("writes every object identifier so that the strict reader gives it back", () => {
  const arcs = fc.array(fc.bigInt({ min: 0n, max: 2n ** 130n }), { maxLength: 8 });
  const identifier = fc
    .oneof(
      fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n }), arcs),
      fc.tuple(fc.constant(2n), fc.bigInt({ min: 0n, max: 2n ** 70n }), arcs),
    )
    .map(([first, second, rest]) => [first, second, ...rest].join("."));
  fc.assert(
    fc.property(identifier, (dotted) => {
      expect(readDer(derObjectIdentifier(dotted), (reader) => reader.objectIdentifier())).toBe(dotted);
    }),
  );
});

test("throws a RangeError for what has no encoding", () => {
  for (const dotted of ["", "1", "3.1", "1.40", "0.40.1", "1.02", "1..2", "1.2.", "1.2.x", "-1.2"]) {
    expect(() => derObjectIdentifier(dotted), dotted).toThrow(RangeError);
  }
  expect(() => derBitString(Uint8Array.of(1), 1)).toThrow(RangeError);
  expect(() => derBitString(new Uint8Array(0), 1)).toThrow(RangeError);
  expect(() => derBitString(Uint8Array.of(0), 8)).toThrow(RangeError);
});

test("turns integers into bytes of a fixed length and back, and refuses what does not fit", () => {
  expect(hex(bytesFromBigInt(0x1234n, 4))).toBe("00001234");
  expect(hex(bytesFromBigInt(0xffn, 1))).toBe("ff");
  expect(bytesFromBigInt(0n, 0)).toHaveLength(0);
  expect(bigIntFromBytes(new Uint8Array(0))).toBe(0n);
  expect(() => bytesFromBigInt(256n, 1)).toThrow(RangeError);
  expect(() => bytesFromBigInt(1n, 0)).toThrow(RangeError);
  expect(() => bytesFromBigInt(-1n, 4)).toThrow(RangeError);
  expect([0n, 1n, 2n, 255n, 256n, 2n ** 2047n].map(bitLength)).toEqual([0, 1, 2, 8, 9, 2048]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(hex(bytesFromBigInt(bigIntFromBytes(bytes), bytes.length))).toBe(hex(bytes));
    }),
  );
});
