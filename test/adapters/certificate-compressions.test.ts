import {
  brotliDecompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  inflateSync,
} from "node:zlib";

import fc from "fast-check";
import { inflate } from "pako";
import { describe, expect, test } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import { type CertificateCompression, nodeCompressions, zlibCompression } from "../../src/node.ts";
import { flipped } from "../pitfalls/edits.ts";
import { bytesAllocated } from "../support/compression.ts";

const ofNode = nodeCompressions();
const hasZstd = ofNode.some(({ name }) => name === "zstd");

/** Every way to compress that there is here. */
const ALL: readonly { readonly title: string; readonly compression: CertificateCompression }[] = [
  { title: "zlibCompression()", compression: zlibCompression() },
  ...ofNode.map((compression) => ({ title: `${compression.name} of nodeCompressions()`, compression })),
];

/** They answer at once. */
function done(answer: ReturnType<CertificateCompression["compress"]>): Uint8Array {
  if (!(answer instanceof Uint8Array)) throw new TypeError("the answer comes late");
  return new Uint8Array(answer);
}

/** Bytes that compress somewhat, as certificates do. */
function certificateLike(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 7 < 3 ? i * 31 : 0x30 + (i % 5)));
}

const BOMB_LENGTH = 8 * 2 ** 20;
/** What inflating takes besides what it gives: zlib's window, when it is broken off, and little things. */
const ASIDE = 2 ** 15 + 100;

describe.each(ALL)("$title", ({ compression }) => {
  const plain = certificateLike(3000);
  const packed = done(compression.compress(plain));
  const refuses = (bytes: Uint8Array, length = plain.length): void => {
    expect(() => compression.decompress(bytes, length)).toThrow(Error);
  };

  test("gives back what it was given", () => {
    expect(packed.length).toBeLessThan(plain.length);
    expect(done(compression.decompress(packed, plain.length))).toEqual(plain);
    for (const length of [0, 1, 2, 63, 64, 65, 258, 16_383, 16_384, 16_385, 65_536]) {
      const bytes = certificateLike(length);
      expect(done(compression.decompress(done(compression.compress(bytes)), length))).toEqual(bytes);
    }
  });

  test("refuses a stream of another length", () => {
    for (const length of [0, 1, 2999, 3001, 3000 + 64, 65_536]) refuses(packed, length);
  });

  test("refuses a stream that is cut off, wherever", () => {
    for (let end = 0; end < packed.length; end++) refuses(packed.subarray(0, end));
  });

  test("refuses bytes behind the stream, another stream among them", () => {
    refuses(concatBytes(packed, Uint8Array.of(0)));
    refuses(concatBytes(packed, packed));
    // A zstd stream may be of several frames (RFC 8878 §3.1), which not every Node reads.
    if (compression.name !== "zstd") refuses(concatBytes(packed, packed), 2 * plain.length);
    refuses(concatBytes(packed, done(compression.compress(Uint8Array.of(1)))));
  });

  test("refuses the streams of others", () => {
    const others = ALL.filter(({ compression: { id } }) => id !== compression.id);
    for (const stream of [
      deflateRawSync(plain),
      gzipSync(plain),
      deflateSync(plain, { dictionary: plain.subarray(0, 100) }),
      plain,
      new Uint8Array(),
      ...others.map((other) => done(other.compression.compress(plain))),
    ])
      refuses(stream);
  });

  test("takes any bytes for a stream of the length, or for a fault", () => {
    const spoilt = fc
      .tuple(fc.uint8Array({ maxLength: 600 }), fc.nat(600), fc.nat(7))
      .map(([bytes, at, bit]) => {
        const stream = done(compression.compress(bytes));
        return flipped(stream, at % stream.length, 1 << bit);
      });
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 600 }), spoilt),
        fc.integer({ min: 0, max: 2000 }),
        (bytes, length) => {
          let result: Uint8Array;
          try {
            result = done(compression.decompress(bytes, length));
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
            return;
          }
          expect(result).toHaveLength(length);
        },
      ),
      { numRuns: 2000 },
    );
  });

  describe("of a stream that comes to 8 MB", () => {
    const bomb = done(compression.compress(new Uint8Array(BOMB_LENGTH)));

    test("produces a byte more than it should come to at most, and counts", () => {
      expect(bomb.length).toBeLessThan(10_000);
      for (const length of [0, 1, 63, 1000, 65_536]) {
        const allocated = bytesAllocated(() => refuses(bomb, length));
        expect(allocated).toBeLessThanOrEqual(Math.max(64, length + 1) + ASIDE);
      }
      // The count would show it if it were not so.
      expect(bytesAllocated(() => compression.decompress(bomb, BOMB_LENGTH))).toBeGreaterThan(BOMB_LENGTH);
    });

    test("says what it refuses it for", () => {
      expect(() => compression.decompress(bomb, 1000)).toThrow(/(more|larger) than 1000 bytes/);
    });
  });
});

test("without a bound the same stream costs all that it holds, and the count shows it", () => {
  const [zlib, brotli] = [1, 2].map((wanted) => ALL.find(({ compression: { id } }) => id === wanted));
  const bomb = (its: typeof zlib): Uint8Array =>
    done(its?.compression.compress(new Uint8Array(BOMB_LENGTH)) ?? new Uint8Array());
  expect(bytesAllocated(() => inflate(bomb(zlib)))).toBeGreaterThan(BOMB_LENGTH);
  expect(bytesAllocated(() => inflateSync(bomb(zlib)))).toBeGreaterThan(BOMB_LENGTH);
  expect(bytesAllocated(() => brotliDecompressSync(bomb(brotli)))).toBeGreaterThan(BOMB_LENGTH);
});

test("zlib of Node and our own read each other", () => {
  const own = zlibCompression();
  const theirs = ofNode.find(({ name }) => name === "zlib");
  if (theirs === undefined) throw new Error("there is no zlib");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => {
      expect(done(theirs.decompress(done(own.compress(bytes)), bytes.length))).toEqual(bytes);
      expect(done(own.decompress(done(theirs.compress(bytes)), bytes.length))).toEqual(bytes);
      for (const level of [0, 1, 4]) {
        const stream = deflateSync(bytes, { level, windowBits: 9 });
        expect(done(own.decompress(stream, bytes.length))).toEqual(bytes);
      }
    }),
    { numRuns: 200 },
  );
});

test("they say which algorithms they are, and Node prefers brotli to zstd, if it has that, and to zlib", () => {
  expect(zlibCompression()).toMatchObject({ id: 1, name: "zlib" });
  expect(ofNode.map(({ id, name }) => `${id} ${name}`)).toEqual([
    "2 brotli",
    ...(hasZstd ? ["3 zstd"] : []),
    "1 zlib",
  ]);
});

test("a window of more than 8 MB is refused under zstd", async ({ skip }) => {
  if (!hasZstd) skip(`Node ${process.version} has no zstd`);
  const zlib: unknown = await import("node:zlib");
  // The types are those of Node 20.
  const { zstdCompressSync } = zlib as { zstdCompressSync: (bytes: Uint8Array, options: object) => Buffer };
  const zstd = ofNode.find(({ name }) => name === "zstd");
  const large = zstdCompressSync(new Uint8Array(2 ** 25), { params: { 100: 19, 101: 27 } });
  expect(() => zstd?.decompress(large, 65_536)).toThrow(/memory/);
  expect(constants).toMatchObject({
    ZSTD_d_windowLogMax: 100,
    ZSTD_c_compressionLevel: 100,
    ZSTD_c_windowLog: 101,
  });
});
