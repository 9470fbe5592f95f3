import { gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";

import { wipe } from "../bytes.ts";
import type { Aead, Opener, Sealer } from "./provider.ts";

const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

/** AES-128-GCM. RFC 5116 §5.1. Runs on look-up tables, whose timing depends on key and data. */
export const aes128Gcm: Aead = /* @__PURE__ */ aeadOf("AES-128-GCM", 16, 2 ** 24, gcm);

/** AES-256-GCM. RFC 5116 §5.2. Runs on look-up tables, whose timing depends on key and data. */
export const aes256Gcm: Aead = /* @__PURE__ */ aeadOf("AES-256-GCM", 32, 2 ** 24, gcm);

/**
 * ChaCha20-Poly1305. RFC 8439.
 *
 * RFC 8446 §5.5 sets no limit within the 2^64 of the sequence number; 2^48 keeps the count exact in a JavaScript number.
 */
export const chacha20Poly1305: Aead = /* @__PURE__ */ aeadOf(
  "CHACHA20-POLY1305",
  32,
  2 ** 48,
  chacha20poly1305,
);

/** A cipher of @noble/ciphers for one key, nonce and additional data. */
type Cipher = (
  key: Uint8Array,
  nonce: Uint8Array,
  additionalData: Uint8Array,
) => {
  encrypt(plaintext: Uint8Array): Uint8Array;
  decrypt(ciphertext: Uint8Array): Uint8Array;
};

function aeadOf(name: Aead["name"], keyLength: 16 | 32, recordsPerKey: number, cipher: Cipher): Aead {
  const keyed = (key: Uint8Array) => {
    if (key.length !== keyLength) {
      throw new RangeError(`${name} takes a key of ${keyLength} bytes, not ${key.length}`);
    }
    return new KeyedCipher(name, cipher, key.slice());
  };
  return {
    name,
    keyLength,
    ivLength: NONCE_LENGTH,
    tagLength: TAG_LENGTH,
    recordsPerKey,
    sealer: keyed,
    opener: keyed,
  };
}

class KeyedCipher implements Sealer, Opener {
  readonly #name: string;
  readonly #cipher: Cipher;
  #key: Uint8Array | undefined;

  constructor(name: string, cipher: Cipher, key: Uint8Array) {
    this.#name = name;
    this.#cipher = cipher;
    this.#key = key;
  }

  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const cipher = this.#start(nonce, additionalData);
    checkOutput(output, plaintext.length + TAG_LENGTH);
    // Into memory of its own first, as `output` may overlap with the plaintext.
    output.set(cipher.encrypt(plaintext));
  }

  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array, output: Uint8Array): boolean {
    const cipher = this.#start(nonce, additionalData);
    if (ciphertext.length < TAG_LENGTH) return false;
    checkOutput(output, ciphertext.length - TAG_LENGTH);
    let plaintext: Uint8Array;
    try {
      plaintext = cipher.decrypt(ciphertext);
    } catch {
      // All lengths are checked: what remains is the tag.
      return false;
    }
    output.set(plaintext);
    wipe(plaintext);
    return true;
  }

  wipe(): void {
    if (this.#key !== undefined) wipe(this.#key);
    this.#key = undefined;
  }

  #start(nonce: Uint8Array, additionalData: Uint8Array): ReturnType<Cipher> {
    if (this.#key === undefined) throw new TypeError(`the ${this.#name} key was wiped`);
    if (nonce.length !== NONCE_LENGTH) {
      throw new RangeError(`${this.#name} takes a nonce of ${NONCE_LENGTH} bytes, not ${nonce.length}`);
    }
    return this.#cipher(this.#key, nonce, additionalData);
  }
}

function checkOutput(output: Uint8Array, length: number): void {
  if (output.length !== length) {
    throw new RangeError(`the output must have ${length} bytes, not ${output.length}`);
  }
}
