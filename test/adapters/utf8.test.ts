import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/adapters/utf8.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes that are likely to be almost UTF-8. */
const awkwardBytes = fc.array(
  fc.constantFrom(
    0x00,
    0x41,
    0x7f,
    0x80,
    0x8f,
    0x90,
    0x9f,
    0xa0,
    0xbf,
    0xc0,
    0xc1,
    0xc2,
    0xdf,
    0xe0,
    0xe1,
    0xec,
    0xed,
    0xee,
    0xef,
    0xbb,
    0xf0,
    0xf1,
    0xf3,
    0xf4,
    0xf5,
    0xf8,
    0xff,
  ),
  { maxLength: 12 },
);

test("decodes any bytes as TextDecoder does, malformed ones included", () => {
  fc.assert(
    fc.property(awkwardBytes, (bytes) => {
      const array = Uint8Array.from(bytes);
      expect(decodeUtf8(array)).toBe(decoder.decode(array));
    }),
    { numRuns: 3000 },
  );
});

test("encodes any string as TextEncoder does, lone surrogates included", () => {
  const units = fc.array(
    fc.constantFrom(
      0x0,
      0x41,
      0x7f,
      0x80,
      0x7ff,
      0x800,
      0xd7ff,
      0xd800,
      0xdbff,
      0xdc00,
      0xdfff,
      0xe000,
      0xffff,
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(units, (codes) => {
      const text = String.fromCharCode(...codes);
      expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
    }),
    { numRuns: 3000 },
  );
});

test("keeps a byte order mark", () => {
  expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
});
