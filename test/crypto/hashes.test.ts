import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { sha1, sha256, sha384, sha512 } from "../../src/crypto/hashes.ts";
import { fromHex } from "../support/hex.ts";
import { caseName, wycheproofGroups, wycheproofTest } from "./wycheproof.ts";

const hashes = [
  { hash: sha1, blockLength: 64, file: "hmac_sha1", cases: 170 },
  { hash: sha256, blockLength: 64, file: "hmac_sha256", cases: 174 },
  { hash: sha384, blockLength: 128, file: "hmac_sha384", cases: 174 },
  { hash: sha512, blockLength: 128, file: "hmac_sha512", cases: 174 },
];

describe.each(hashes)("$hash.name", ({ hash, blockLength, file, cases }) => {
  const node = (data: Uint8Array) =>
    createHash(hash.name.replace("-", "").toLowerCase()).update(data).digest("hex");

  test("digests messages of every length around its blocks as node:crypto does", () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1000]) {
      const message = new Uint8Array(length).map((_, i) => i * 7);
      expect(hex(hash.digest(message)), `${length} bytes`).toBe(node(message));
      expect(hash.digest(message)).toHaveLength(hash.outputLength);
    }
  });

  test("goes on after a digest: a running hash gives the digest of each prefix", () => {
    const message = new Uint8Array(300).map((_, i) => i * 11);
    const running = hash.start();
    expect(hex(running.digest())).toBe(node(new Uint8Array(0)));
    for (let at = 0; at < message.length; at += 50) {
      running.update(message.subarray(at, at + 50));
      expect(hex(running.digest())).toBe(node(message.subarray(0, at + 50)));
      expect(hex(running.digest()), "asked twice").toBe(node(message.subarray(0, at + 50)));
    }
  });

  test("states the length of its blocks: HMAC hashes a key that is longer, and no other", () => {
    expect(hash.blockLength).toBe(blockLength);
    const message = new Uint8Array(10).fill(1);
    for (const length of [hash.blockLength - 1, hash.blockLength, hash.blockLength + 1]) {
      const key = new Uint8Array(length).fill(2);
      const isHashed = hex(hash.hmac(key, message)) === hex(hash.hmac(hash.digest(key), message));
      expect(isHashed, `${length} bytes`).toBe(length > hash.blockLength);
    }
  });

  wycheproofTest(`computes the HMACs of all ${cases} cases of Wycheproof's ${file}`, () => {
    let count = 0;
    for (const { tagSize, tests } of wycheproofGroups<
      { tagSize: number },
      { key: string; msg: string; tag: string }
    >(file)) {
      for (const vector of tests) {
        const tag = hex(hash.hmac(fromHex(vector.key), fromHex(vector.msg)).subarray(0, tagSize / 8));
        expect(tag === vector.tag, caseName(vector)).toBe(vector.result === "valid");
        count++;
      }
    }
    expect(count).toBe(cases);
  });
});
