import { describe, expect, test } from "vitest";

import { hex, wipe } from "../../src/bytes.ts";
import { sha1, sha256, sha384, sha512 } from "../../src/crypto/hashes.ts";
import type { Hash } from "../../src/crypto/provider.ts";
import { hkdfExpand, hkdfExpandLabel, hkdfExtract } from "../../src/schedule/hkdf.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { vectorCases } from "../support/vectors.ts";

const HASHES: Readonly<Record<string, Hash>> = {
  "SHA-1": sha1,
  "SHA-256": sha256,
  "SHA-384": sha384,
  "SHA-512": sha512,
};

function hashNamed(name: string): Hash {
  const hash = HASHES[name];
  if (hash === undefined) throw new Error(`no hash ${name}`);
  return hash;
}

describe("RFC 5869", () => {
  const cases = vectorCases(
    "primitives/rfc5869-hkdf.json",
    { hash: "text", inputKeyingMaterial: "bytes", salt: "bytes", info: "bytes", length: "integer" },
    { pseudorandomKey: "bytes", outputKeyingMaterial: "bytes" },
  );

  test.each(cases)("$name extracts and expands to what is printed", ({ input, expected }) => {
    const hash = hashNamed(input.hash);
    const pseudorandomKey = hkdfExtract(hash, input.salt, input.inputKeyingMaterial);
    expect(hex(pseudorandomKey)).toBe(hex(expected.pseudorandomKey));
    const output = hkdfExpand(hash, pseudorandomKey, input.info, input.length);
    expect(hex(output)).toBe(hex(expected.outputKeyingMaterial));
  });

  test("all seven cases are there", () => {
    expect(cases).toHaveLength(7);
  });
});

describe("hkdfExpand", () => {
  const key = new Uint8Array(32).fill(7);
  const info = Uint8Array.of(1, 2, 3);

  test.each([sha256, sha384])("gives up to 255 digests of $name, and refuses one byte more", (hash) => {
    const longest = 255 * hash.outputLength;
    const output = hkdfExpand(hash, key, info, longest);
    expect(output).toHaveLength(longest);
    expect(hex(output.subarray(0, 100))).toBe(hex(hkdfExpand(hash, key, info, 100)));
    expect(() => hkdfExpand(hash, key, info, longest + 1)).toThrow(RangeError);
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses a length of %d", (length) => {
    expect(() => hkdfExpand(sha256, key, info, length)).toThrow(RangeError);
  });

  test("gives nothing for a length of 0", () => {
    expect(hkdfExpand(sha256, key, info, 0)).toHaveLength(0);
  });

  test("leaves its arguments alone, and its output to the caller", () => {
    const first = hkdfExpand(sha256, key, info, 64);
    const kept = hex(first);
    wipe(first);
    expect(hex(hkdfExpand(sha256, key, info, 64))).toBe(kept);
    expect([hex(key), hex(info)]).toEqual(["07".repeat(32), "010203"]);
  });
});

describe("hkdfExpandLabel", () => {
  const secret = new Uint8Array(32).fill(9);
  const expandLabel = (label: string, contextLength = 0, length = 32): Uint8Array =>
    hkdfExpandLabel(sha256, secret, label, new Uint8Array(contextLength), length);

  test("builds the HkdfLabel of RFC 8446 §7.1", () => {
    const label = fromHex("0010 09 746c73313320 6b6579 02 abcd");
    const output = hkdfExpandLabel(sha256, secret, "key", Uint8Array.of(0xab, 0xcd), 16);
    expect(hex(output)).toBe(hex(hkdfExpand(sha256, secret, label, 16)));
  });

  test("takes labels of 1 to 249 characters and contexts of 0 to 255 bytes", () => {
    expect(expandLabel("k")).toHaveLength(32);
    expect(expandLabel("k".repeat(249), 255)).toHaveLength(32);
    expect(() => expandLabel("")).toThrow(RangeError);
    expect(() => expandLabel("k".repeat(250))).toThrow(RangeError);
    expect(() => expandLabel("k", 256)).toThrow(RangeError);
  });

  test("refuses a label that is not ASCII", () => {
    expect(() => expandLabel("clé")).toThrow(RangeError);
  });

  test("refuses a length that does not fit its hash", () => {
    expect(() => expandLabel("k", 0, 255 * 32 + 1)).toThrow(RangeError);
    expect(() => expandLabel("k", 0, 70_000)).toThrow(RangeError);
  });
});

const wycheproof = sharedVectors("wycheproof");

interface WycheproofHkdf {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly tests: readonly {
      readonly tcId: number;
      readonly ikm: string;
      readonly salt: string;
      readonly info: string;
      readonly size: number;
      readonly okm: string;
      readonly result: "valid" | "invalid" | "acceptable";
    }[];
  }[];
}

describe.skipIf(wycheproof.missing)(`Wycheproof HKDF ${wycheproof.missing ?? ""}`, () => {
  test.each([
    ["SHA-256", 86],
    ["SHA-384", 83],
    ["SHA-512", 83],
  ])("%s: all %i cases have the result that is asked for", (name, total) => {
    const file = wycheproof.json<WycheproofHkdf>(`hkdf_${name.toLowerCase().replace("-", "")}_test.json`);
    const hash = hashNamed(name);
    const results = { valid: 0, invalid: 0 };
    for (const { tests } of file.testGroups) {
      for (const { tcId, ikm, salt, info, size, okm, result } of tests) {
        const derive = (): string =>
          hex(hkdfExpand(hash, hkdfExtract(hash, fromHex(salt), fromHex(ikm)), fromHex(info), size));
        if (result === "valid") {
          expect(derive(), `tcId ${tcId}`).toBe(okm);
          results.valid++;
        } else {
          expect(derive, `tcId ${tcId}`).toThrow(RangeError);
          results.invalid++;
        }
      }
    }
    expect(results.valid + results.invalid).toBe(total);
    expect(results.invalid).toBeGreaterThan(0);
  });
});
