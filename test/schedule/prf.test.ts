import { createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import type { Hash } from "../../src/crypto/provider.ts";
import { prf } from "../../src/schedule/prf.ts";

const secret = Uint8Array.from({ length: 48 }, (_, i) => 3 * i);
const seed = Uint8Array.from({ length: 64 }, (_, i) => 255 - i);

/** P_hash of RFC 5246 §5 written once more, over node:crypto. */
function independentPrf(
  hash: Hash,
  key: Uint8Array,
  label: string,
  data: Uint8Array,
  length: number,
): string {
  const hmac = (...parts: readonly Uint8Array[]): Buffer =>
    createHmac(hash.name.replace("-", ""), key).update(Buffer.concat(parts)).digest();
  const labelled = Buffer.concat([Buffer.from(label, "ascii"), data]);
  let output = Buffer.alloc(0);
  for (let a = hmac(labelled); output.length < length; a = hmac(a))
    output = Buffer.concat([output, hmac(a, labelled)]);
  return output.toString("hex", 0, length);
}

describe("prf", () => {
  test.each([sha256, sha384])(
    "is P_hash over the HMAC of $name for every length up to four blocks",
    (hash) => {
      const expected = independentPrf(hash, secret, "test label", seed, 4 * hash.outputLength);
      for (let length = 0; length <= 4 * hash.outputLength; length++)
        expect(hex(prf(hash, secret, "test label", seed, length))).toBe(expected.slice(0, 2 * length));
    },
  );

  test.each([0, 1, 48, 64, 65, 128, 129, 200])("takes a secret of %d bytes", (length) => {
    const key = new Uint8Array(length).fill(0xa5);
    for (const hash of [sha256, sha384])
      expect(hex(prf(hash, key, "label", seed, 100))).toBe(independentPrf(hash, key, "label", seed, 100));
  });

  test("takes no label and no seed", () => {
    const nothing = new Uint8Array();
    expect(hex(prf(sha256, secret, "", nothing, 40))).toBe(independentPrf(sha256, secret, "", nothing, 40));
  });

  test("joins label and seed without anything between them", () => {
    const label = hex(prf(sha256, secret, "ab", Uint8Array.of(0x63), 32));
    expect(label).toBe(hex(prf(sha256, secret, "abc", new Uint8Array(), 32)));
    expect(label).not.toBe(hex(prf(sha256, secret, "ab", new Uint8Array(), 32)));
  });

  test("refuses a label that is not ASCII", () => {
    expect(() => prf(sha256, secret, "clé", seed, 12)).toThrow(RangeError);
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("refuses a length of %d", (length) => {
    expect(() => prf(sha256, secret, "label", seed, length)).toThrow(RangeError);
  });

  test("leaves its arguments alone, and nothing secret in what went in and out of HMAC", () => {
    const seen: Uint8Array[] = [];
    const watched: Hash = {
      ...sha256,
      hmac(key, data) {
        const output = sha256.hmac(key, data);
        seen.push(data, output);
        return output;
      },
    };
    const given = [secret.slice(), seed.slice()] as const;
    const output = prf(watched, given[0], "label", given[1], 80);
    expect(given.map(hex)).toEqual([secret, seed].map(hex));
    expect(hex(output)).toBe(independentPrf(sha256, secret, "label", seed, 80));
    // Three blocks, each of A(i) and of its output.
    expect(seen).toHaveLength(2 * 6);
    expect(seen.filter((array) => array.some((byte) => byte !== 0))).toEqual([]);
  });
});
