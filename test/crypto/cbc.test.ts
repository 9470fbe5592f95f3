import { createCipheriv } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { aes128Cbc, aes256Cbc } from "../../src/crypto/cbc.ts";
import { sha1, sha256 } from "../../src/crypto/hashes.ts";
import type { CbcCipher, Hash } from "../../src/crypto/provider.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { caseName, wycheproofGroups, wycheproofTest } from "./wycheproof.ts";

const ciphers = [aes128Cbc, aes256Cbc];

function encrypt(cipher: CbcCipher, key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const output = new Uint8Array(plaintext.length);
  cipher.encryptor(key).encrypt(iv, plaintext, output);
  return output;
}

function decrypt(cipher: CbcCipher, key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const output = new Uint8Array(ciphertext.length);
  cipher.decryptor(key).decrypt(iv, ciphertext, output);
  return output;
}

function bytes(length: number, step = 3): Uint8Array {
  return new Uint8Array(length).map((_, i) => i * step + length);
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(ciphers)("$name", (cipher) => {
  const key = bytes(cipher.keyLength);
  const iv = bytes(16, 7);

  test("encrypts as node:crypto does without padding, and decrypts what it encrypted", () => {
    for (const length of [0, 16, 32, 48, 256, 1008, 16384, 16384 + 2048]) {
      const plaintext = bytes(length, 5);
      const node = createCipheriv(cipher.name.toLowerCase(), key, iv).setAutoPadding(false);
      const expected = concatBytes(node.update(plaintext), node.final());
      const ciphertext = encrypt(cipher, key, iv, plaintext);
      expect(hex(ciphertext), `${length} bytes`).toBe(hex(expected));
      expect(decrypt(cipher, key, iv, ciphertext)).toEqual(plaintext);
    }
  });

  test("encrypts and decrypts in place, at any alignment of data and IV, and leaves key and IV alone", () => {
    const plaintext = bytes(96);
    const expected = hex(encrypt(cipher, key, iv, plaintext));
    for (const offset of [0, 1, 2, 3, 5]) {
      const data = new Uint8Array(offset + 96 + 1).fill(0xee).subarray(offset, offset + 96);
      const shiftedIv = new Uint8Array(offset + 16).subarray(offset);
      shiftedIv.set(iv);
      data.set(plaintext);
      cipher.encryptor(key).encrypt(shiftedIv, data, data);
      expect(hex(data), `offset ${offset}`).toBe(expected);
      cipher.decryptor(key).decrypt(shiftedIv, data, data);
      expect(data).toEqual(plaintext);
      expect(new Uint8Array(data.buffer, offset + 96)).toEqual(Uint8Array.of(0xee));
      expect(shiftedIv).toEqual(iv);
      expect(key).toEqual(bytes(cipher.keyLength));
    }
  });

  test("does not change an input that is apart from the output", () => {
    const plaintext = bytes(64);
    const ciphertext = encrypt(cipher, key, iv, plaintext);
    expect(plaintext).toEqual(bytes(64));
    const before = ciphertext.slice();
    decrypt(cipher, key, iv, ciphertext);
    expect(ciphertext).toEqual(before);
  });

  test("takes each record's IV anew: nothing of a record is chained to the next", () => {
    const encryptor = cipher.encryptor(key);
    const [first, second] = [new Uint8Array(32), new Uint8Array(32)];
    encryptor.encrypt(iv, bytes(32), first);
    encryptor.encrypt(iv, bytes(32), second);
    expect(second).toEqual(first);
    encryptor.encrypt(bytes(16, 9), bytes(32), second);
    expect(second).not.toEqual(first);
  });

  test("looks at no padding: each last byte decrypts", () => {
    for (let last = 0; last < 256; last++) {
      const plaintext = bytes(32).with(31, last);
      expect(decrypt(cipher, key, iv, encrypt(cipher, key, iv, plaintext))).toEqual(plaintext);
    }
  });

  test("throws a RangeError for a key, IV, input or output of the wrong length", () => {
    for (const length of [0, 15, 17, 24, 48 - cipher.keyLength]) {
      expect(() => cipher.encryptor(new Uint8Array(length)), `key of ${length} bytes`).toThrow(RangeError);
      expect(() => cipher.decryptor(new Uint8Array(length)), `key of ${length} bytes`).toThrow(RangeError);
    }
    const [encryptor, decryptor] = [cipher.encryptor(key), cipher.decryptor(key)];
    for (const [ivLength, inputLength, outputLength] of [
      [0, 32, 32],
      [15, 32, 32],
      [17, 32, 32],
      [16, 31, 31],
      [16, 33, 33],
      [16, 1, 1],
      [16, 32, 31],
      [16, 32, 48],
      [16, 0, 16],
    ] as const) {
      const [anIv, input] = [new Uint8Array(ivLength), new Uint8Array(inputLength)];
      const output = new Uint8Array(outputLength).fill(0xee);
      const label = `${ivLength}, ${inputLength}, ${outputLength}`;
      expect(() => encryptor.encrypt(anIv, input, output), label).toThrow(RangeError);
      expect(() => decryptor.decrypt(anIv, input, output), label).toThrow(RangeError);
      expect(output.every((byte) => byte === 0xee)).toBe(true);
    }
  });

  test("keeps a copy of the key, and is dead after wipe", () => {
    const mine = key.slice();
    const [encryptor, decryptor] = [cipher.encryptor(mine), cipher.decryptor(mine)];
    mine.fill(0);
    const output = new Uint8Array(32);
    encryptor.encrypt(iv, bytes(32), output);
    expect(hex(output)).toBe(hex(encrypt(cipher, key, iv, bytes(32))));
    decryptor.decrypt(iv, output, output);
    expect(output).toEqual(bytes(32));
    encryptor.wipe();
    decryptor.wipe();
    expect(() => encryptor.encrypt(iv, output, output)).toThrow(TypeError);
    expect(() => decryptor.decrypt(iv, output, output)).toThrow(TypeError);
    expect(output).toEqual(bytes(32));
    encryptor.wipe();
  });

  test("overwrites its copy of the key when it is wiped, and the plaintext that it copied to the output", () => {
    const slice = vi.spyOn(Uint8Array.prototype, "slice");
    const decryptor = cipher.decryptor(key);
    const copies = slice.mock.results.map(({ value }) => value as Uint8Array);
    slice.mockRestore();
    expect(copies).toEqual([key]);

    const set = vi.spyOn(Uint8Array.prototype, "set");
    const output = new Uint8Array(48);
    decryptor.decrypt(iv, bytes(48), output);
    const sources = set.mock.calls
      .filter((_, i) => set.mock.contexts[i] === output)
      .map(([source]) => source);
    set.mockRestore();
    expect(output.some((byte) => byte !== 0)).toBe(true);
    expect(sources).toEqual([new Uint8Array(48)]);

    expect(copies).toEqual([key]);
    decryptor.wipe();
    expect(copies).toEqual([new Uint8Array(cipher.keyLength)]);
  });
});

/** NIST SP 800-38A §F.2: four blocks under the key of each length. */
const nistPlaintext = `6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
  30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710`;
const nistCases = [
  {
    section: "F.2.1 and F.2.2",
    cipher: aes128Cbc,
    key: "2b7e151628aed2a6abf7158809cf4f3c",
    ciphertext: `7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
      73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7`,
  },
  {
    section: "F.2.5 and F.2.6",
    cipher: aes256Cbc,
    key: "603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4",
    ciphertext: `f58c4c04d6e5f1ba779eabfb5f7bfbd6 9cfc4e967edb808d679f777bc6702c7d
      39f23369a9d9bacfa530e26304231461 b2eb05e2c39be9fcda6c19078c6a9d1b`,
  },
];

test.each(nistCases)("$cipher.name gives the blocks of NIST SP 800-38A §$section", (vector) => {
  const [key, plaintext, ciphertext] = [vector.key, nistPlaintext, vector.ciphertext].map(fromHex) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const iv = fromHex("000102030405060708090a0b0c0d0e0f");
  expect(hex(encrypt(vector.cipher, key, iv, plaintext))).toBe(hex(ciphertext));
  expect(hex(decrypt(vector.cipher, key, iv, ciphertext))).toBe(hex(plaintext));
});

interface CbcCase {
  readonly key: string;
  readonly iv: string;
  readonly msg: string;
  readonly ct: string;
}

describe.each(ciphers)("Wycheproof for $name", (cipher) => {
  wycheproofTest(
    "agrees with 72 cases of aes_cbc_pkcs5 on what is under the padding; 144 have a key of another length",
    () => {
      const count = { padded: 0, wronglyPadded: 0, empty: 0, outOfScope: 0 };
      for (const group of wycheproofGroups<{ keySize: number }, CbcCase>("aes_cbc_pkcs5")) {
        if (group.keySize !== 8 * cipher.keyLength) {
          count.outOfScope += group.tests.length;
          continue;
        }
        for (const vector of group.tests) {
          const [key, iv, message, ciphertext] = [vector.key, vector.iv, vector.msg, vector.ct].map(
            fromHex,
          ) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
          const padded = pkcs7(message);
          const plaintext = decrypt(cipher, key, iv, ciphertext);
          expect(hex(encrypt(cipher, key, iv, plaintext)), caseName(vector)).toBe(vector.ct);
          if (vector.result === "valid") {
            expect(hex(plaintext), caseName(vector)).toBe(hex(padded));
            count.padded++;
          } else {
            expect(hex(plaintext), caseName(vector)).not.toBe(hex(padded));
            count[ciphertext.length === 0 ? "empty" : "wronglyPadded"]++;
          }
        }
      }
      expect(count).toEqual({ padded: 24, wronglyPadded: 47, empty: 1, outOfScope: 144 });
    },
  );
});

function pkcs7(message: Uint8Array): Uint8Array {
  const length = 16 - (message.length % 16);
  return concatBytes(message, new Uint8Array(length).fill(length));
}

const boringssl = sharedVectors("boringssl-aead");

const boringsslFiles: readonly { readonly cipher: CbcCipher; readonly mac: Hash; readonly file: string }[] = [
  { cipher: aes128Cbc, mac: sha1, file: "aes_128_cbc_sha1_tls_tests.txt" },
  { cipher: aes128Cbc, mac: sha256, file: "aes_128_cbc_sha256_tls_tests.txt" },
  { cipher: aes256Cbc, mac: sha1, file: "aes_256_cbc_sha1_tls_tests.txt" },
];

describe.each(boringsslFiles)("BoringSSL for $cipher.name with $mac.name", ({ cipher, mac, file }) => {
  const name = `165 records of ${file} are plaintext, HMAC and padding in CBC; 259 are wrong records, which are not for a cipher`;
  const skipReason = boringssl.missing === undefined ? "" : ` (${boringssl.missing})`;
  test.skipIf(boringssl.missing !== undefined)(`${name}${skipReason}`, () => {
    const count = { good: 0, wrong: 0 };
    for (const block of boringssl.text(file).split(/\n\s*\n/)) {
      const fields = new Map(
        [...block.matchAll(/^([A-Z_]+): *([0-9a-f]*)$/gm)].map(([, label = "", value = ""]) => [
          label,
          value,
        ]),
      );
      if (!fields.has("KEY")) continue;
      if (fields.has("FAILS")) {
        count.wrong++;
        continue;
      }
      const field = (label: string) => fromHex(fields.get(label) ?? expect.unreachable(`no ${label}`));
      const [keys, iv, header, content] = [field("KEY"), field("NONCE"), field("AD"), field("IN")];
      const [macKey, key] = [keys.subarray(0, mac.outputLength), keys.subarray(mac.outputLength)];
      const ciphertext = concatBytes(field("CT"), field("TAG"));
      const length = Uint8Array.of(content.length >> 8, content.length);
      const tag = mac.hmac(macKey, concatBytes(header, length, content));
      const paddingLength = ciphertext.length - content.length - tag.length;
      const padding = new Uint8Array(paddingLength).fill(paddingLength - 1);
      const plaintext = concatBytes(content, tag, padding);
      expect(hex(decrypt(cipher, key, iv, ciphertext))).toBe(hex(plaintext));
      expect(hex(encrypt(cipher, key, iv, plaintext))).toBe(hex(ciphertext));
      count.good++;
    }
    expect(count).toEqual({ good: 165, wrong: 259 });
  });
});
