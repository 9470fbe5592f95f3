import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { aes128Gcm, aes256Gcm, chacha20Poly1305 } from "../../src/crypto/aeads.ts";
import type { Aead } from "../../src/crypto/provider.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { caseName, wycheproofGroups, wycheproofTest } from "./wycheproof.ts";

const aeads = [aes128Gcm, aes256Gcm, chacha20Poly1305];

function seal(
  aead: Aead,
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const output = new Uint8Array(plaintext.length + aead.tagLength);
  aead.sealer(key).seal(nonce, aad, plaintext, output);
  return output;
}

/** The plaintext, or undefined when the tag does not match. */
function open(aead: Aead, key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array) {
  const output = new Uint8Array(Math.max(0, ciphertext.length - aead.tagLength));
  return aead.opener(key).open(nonce, aad, ciphertext, output) ? output : undefined;
}

function bytes(length: number, step = 3): Uint8Array {
  return new Uint8Array(length).map((_, i) => i * step + length);
}

describe.each(aeads)("$name", (aead) => {
  const key = bytes(aead.keyLength);
  const nonce = bytes(12);
  const aad = Uint8Array.of(23, 3, 3, 1, 0);

  test("seals as node:crypto does, and opens what it sealed", () => {
    for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1000, 16385]) {
      const plaintext = bytes(length, 5);
      const node = createCipheriv(aead.name.toLowerCase() as "chacha20-poly1305", key, nonce, {
        authTagLength: 16,
      });
      node.setAAD(aad, { plaintextLength: length });
      const expected = concatBytes(node.update(plaintext), node.final(), node.getAuthTag());
      const sealed = seal(aead, key, nonce, aad, plaintext);
      expect(hex(sealed), `${length} bytes`).toBe(hex(expected));
      expect(open(aead, key, nonce, aad, sealed)).toEqual(plaintext);
    }
  });

  test("seals and opens in place, at any alignment", () => {
    for (const offset of [0, 1, 2, 3, 5]) {
      const buffer = new Uint8Array(offset + 100 + 16);
      const plaintext = bytes(100);
      buffer.set(plaintext, offset);
      const whole = buffer.subarray(offset);
      const inner = buffer.subarray(offset, offset + 100);
      aead.sealer(key).seal(nonce, aad, inner, whole);
      expect(hex(whole)).toBe(hex(seal(aead, key, nonce, aad, plaintext)));
      expect(aead.opener(key).open(nonce, aad, whole, inner)).toBe(true);
      expect(inner).toEqual(plaintext);
    }
  });

  test("refuses each flipped bit of ciphertext, tag, nonce and additional data, and leaves the output alone", () => {
    const plaintext = bytes(20);
    const sealed = seal(aead, key, nonce, aad, plaintext);
    const opener = aead.opener(key);
    for (const part of ["nonce", "aad", "ciphertext"] as const) {
      const good = { nonce, aad, ciphertext: sealed };
      for (let bit = 0; bit < 8 * good[part].length; bit++) {
        const bad = {
          ...good,
          [part]: good[part].map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
        };
        const output = new Uint8Array(20).fill(0xee);
        expect(opener.open(bad.nonce, bad.aad, bad.ciphertext, output), `bit ${bit} of ${part}`).toBe(false);
        expect(output.every((byte) => byte === 0xee)).toBe(true);
      }
    }
  });

  test("returns false for ciphertexts that are shorter than a tag", () => {
    for (let length = 0; length < 16; length++) {
      expect(aead.opener(key).open(nonce, aad, new Uint8Array(length), new Uint8Array(0))).toBe(false);
    }
  });

  test("throws a RangeError for a key, nonce or output of the wrong length", () => {
    expect(() => aead.sealer(new Uint8Array(aead.keyLength - 1))).toThrow(RangeError);
    expect(() => aead.opener(new Uint8Array(24))).toThrow(RangeError);
    const [sealer, opener] = [aead.sealer(key), aead.opener(key)];
    expect(() => sealer.seal(new Uint8Array(11), aad, bytes(5), new Uint8Array(21))).toThrow(RangeError);
    expect(() => sealer.seal(nonce, aad, bytes(5), new Uint8Array(22))).toThrow(RangeError);
    expect(() => opener.open(new Uint8Array(13), aad, new Uint8Array(21), new Uint8Array(5))).toThrow(
      RangeError,
    );
    expect(() => opener.open(nonce, aad, new Uint8Array(21), new Uint8Array(4))).toThrow(RangeError);
  });

  test("keeps a copy of the key, and is dead after wipe", () => {
    const mine = key.slice();
    const [sealer, opener] = [aead.sealer(mine), aead.opener(mine)];
    mine.fill(0);
    const output = new Uint8Array(26);
    sealer.seal(nonce, aad, bytes(10), output);
    expect(hex(output)).toBe(hex(seal(aead, key, nonce, aad, bytes(10))));
    sealer.wipe();
    opener.wipe();
    expect(() => sealer.seal(nonce, aad, bytes(10), output)).toThrow(TypeError);
    expect(() => opener.open(nonce, aad, output, new Uint8Array(10))).toThrow(TypeError);
  });
});

interface AeadGroup {
  readonly keySize: number;
  readonly ivSize: number;
  readonly tagSize: number;
}

interface AeadCase {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

const wycheproofFiles = [
  { aead: aes128Gcm, file: "aes_gcm", inScope: 67, outOfScope: 249 },
  { aead: aes256Gcm, file: "aes_gcm", inScope: 66, outOfScope: 250 },
  { aead: chacha20Poly1305, file: "chacha20_poly1305", inScope: 316, outOfScope: 9 },
];

describe.each(wycheproofFiles)("Wycheproof for $aead.name", ({ aead, file, inScope, outOfScope }) => {
  wycheproofTest(
    `agrees with ${inScope} cases of ${file}; ${outOfScope} have a key or nonce of another length`,
    () => {
      const count = { inScope: 0, outOfScope: 0 };
      for (const group of wycheproofGroups<AeadGroup, AeadCase>(file)) {
        if (group.keySize !== 8 * aead.keyLength || group.ivSize !== 96 || group.tagSize !== 128) {
          count.outOfScope += group.tests.length;
          continue;
        }
        for (const vector of group.tests) {
          const [key, nonce, aad, plaintext] = [vector.key, vector.iv, vector.aad, vector.msg].map(
            fromHex,
          ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
          const ciphertext = fromHex(vector.ct + vector.tag);
          const opened = open(aead, key, nonce, aad, ciphertext);
          if (vector.result === "valid") {
            expect(hex(seal(aead, key, nonce, aad, plaintext)), caseName(vector)).toBe(hex(ciphertext));
            expect(opened, caseName(vector)).toEqual(plaintext);
          } else {
            expect(opened, caseName(vector)).toBeUndefined();
          }
          count.inScope++;
        }
      }
      expect(count).toEqual({ inScope, outOfScope });
    },
  );
});

const boringssl = sharedVectors("boringssl-aead");

const boringsslFiles = [
  { aead: aes128Gcm, file: "aes_128_gcm_tests.txt", inScope: 69, outOfScope: 5 },
  { aead: aes256Gcm, file: "aes_256_gcm_tests.txt", inScope: 64, outOfScope: 2 },
  { aead: chacha20Poly1305, file: "chacha20_poly1305_tests.txt", inScope: 66, outOfScope: 15 },
];

describe.each(boringsslFiles)("BoringSSL for $aead.name", ({ aead, file, inScope, outOfScope }) => {
  const name = `agrees with ${inScope} cases of ${file}; ${outOfScope} have a nonce or tag of another length`;
  const skipReason = boringssl.missing === undefined ? "" : ` (${boringssl.missing})`;
  test.skipIf(boringssl.missing !== undefined)(`${name}${skipReason}`, () => {
    const count = { inScope: 0, outOfScope: 0 };
    for (const block of boringssl.text(file).split(/\n\s*\n/)) {
      const lines = block.split("\n").filter((line) => /^[A-Z]+:/.test(line));
      if (lines.length === 0) continue;
      const fields = new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line] as const));
      expect([...fields.keys()].sort()).toEqual(["AD", "CT", "IN", "KEY", "NONCE", "TAG"]);
      const field = (label: string) => fieldBytes((fields.get(label) ?? "").slice(label.length + 1).trim());
      const [key, nonce, aad, plaintext] = [field("KEY"), field("NONCE"), field("AD"), field("IN")];
      const ciphertext = concatBytes(field("CT"), field("TAG"));
      if (nonce.length !== 12 || field("TAG").length !== 16) {
        count.outOfScope++;
        continue;
      }
      expect(hex(seal(aead, key, nonce, aad, plaintext))).toBe(hex(ciphertext));
      expect(open(aead, key, nonce, aad, ciphertext)).toEqual(plaintext);
      count.inScope++;
    }
    expect(count).toEqual({ inScope, outOfScope });
  });
});

/** Hexadecimal, or text in quotes. */
function fieldBytes(value: string): Uint8Array {
  const quoted = /^"(.*)"$/.exec(value);
  return quoted === null
    ? fromHex(value)
    : Uint8Array.from(quoted[1] ?? "", (character) => character.charCodeAt(0));
}
