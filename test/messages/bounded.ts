import { describe, expect, test } from "vitest";

import { type Codec, decode, encode } from "../../src/wire/codec.ts";
import { alertOf } from "../wire/alerts.ts";
import { extension, filler, vec16, wire } from "./loose.ts";

/** A field with bounds in bytes, and what a message looks like in which it has a given number of them. */
export interface BoundedField {
  readonly field: string;
  /** Lengths within the bounds, among them the bounds themselves as far as an enclosing block leaves room for them. */
  readonly allowed: readonly number[];
  /** Lengths out of bounds which the prefix can tell: refused on both ways. */
  readonly refused: readonly number[];
  /** Lengths which the prefix cannot tell: refused when writing. */
  readonly unsaid: readonly number[];
  readonly wire: (length: number) => Uint8Array;
  readonly codec: Codec<unknown>;
  readonly value: (length: number) => unknown;
}

type Lengths = Pick<BoundedField, "allowed" | "refused" | "unsaid">;

/** A row of a table of fields. */
export function bounded<T>(
  field: string,
  codec: Codec<T>,
  lengths: Partial<Lengths>,
  bytes: (length: number) => Uint8Array,
  value: (length: number) => T,
): BoundedField {
  // A row pairs a codec with its own values; the table of all rows forgets which ones.
  return {
    field,
    codec: codec as Codec<unknown>,
    allowed: [],
    refused: [],
    unsaid: [],
    ...lengths,
    wire: bytes,
    value,
  };
}

/** `length` bytes of uint16s that are all 0xabab. */
export const codePoints = (length: number): readonly number[] =>
  Array.from({ length: length / 2 }, () => 0xabab);
/** `length` bytes as opaques of 0 or more bytes behind prefixes of two: one that fills them, or none. */
export const onlyItem = (length: number): readonly Uint8Array[] => (length === 0 ? [] : [filler(length - 2)]);
export const onlyItemWire = (length: number): Uint8Array =>
  length === 0 ? wire() : vec16(filler(length - 2));
/** `length` bytes as opaques behind prefixes of one, of which all but the last have 255 bytes. */
export const shortItems = (length: number): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(length / 256) }, (_, i) => filler(Math.min(256, length - 256 * i) - 1));
/** An extension that no block knows, with its type and length `length` bytes long. */
export const unknown = (length: number): { unknown?: { type: number; body: Uint8Array }[] } =>
  length === 0 ? {} : { unknown: [{ type: 0xabab, body: filler(length - 4) }] };
export const unknownWire = (length: number): Uint8Array =>
  length === 0 ? wire() : extension(0xabab, filler(length - 4));

/** What each of `fields` takes and refuses. */
export function describeBounds(fields: readonly BoundedField[]): void {
  describe.each(fields)("$field", ({ field, codec, allowed, refused, unsaid, ...row }) => {
    test.each(allowed)("may have %i bytes", (length) => {
      const bytes = row.wire(length);
      expect(Buffer.compare(encode(codec, row.value(length)), bytes)).toBe(0);
      expect(Buffer.compare(encode(codec, decode(codec, bytes, field)), bytes)).toBe(0);
    });

    test.each(refused)("with %i bytes is decode_error, and a RangeError to write", (length) => {
      expect(alertOf(() => decode(codec, row.wire(length), field))).toBe("decode_error");
      expect(() => encode(codec, row.value(length))).toThrow(RangeError);
    });

    test.each(unsaid)("with %i bytes is a RangeError to write", (length) => {
      expect(() => encode(codec, row.value(length))).toThrow(RangeError);
    });
  });
}
