import { cbc } from "@noble/ciphers/aes.js";

import { wipe } from "../bytes.ts";
import type { CbcCipher, CbcDecryptor, CbcEncryptor } from "./provider.ts";

const BLOCK_LENGTH = 16;

/** AES-128 in CBC mode. NIST SP 800-38A §6.2. Runs on look-up tables, whose timing depends on key and data. */
export const aes128Cbc: CbcCipher = /* @__PURE__ */ cbcOf("AES-128-CBC", 16);

/** AES-256 in CBC mode. NIST SP 800-38A §6.2. Runs on look-up tables, whose timing depends on key and data. */
export const aes256Cbc: CbcCipher = /* @__PURE__ */ cbcOf("AES-256-CBC", 32);

function cbcOf(name: CbcCipher["name"], keyLength: 16 | 32): CbcCipher {
  const keyed = (key: Uint8Array) => {
    if (key.length !== keyLength) {
      throw new RangeError(`${name} takes a key of ${keyLength} bytes, not ${key.length}`);
    }
    return new KeyedCipher(name, key.slice());
  };
  return { name, keyLength, blockLength: BLOCK_LENGTH, encryptor: keyed, decryptor: keyed };
}

class KeyedCipher implements CbcEncryptor, CbcDecryptor {
  readonly #name: string;
  #key: Uint8Array | undefined;

  constructor(name: string, key: Uint8Array) {
    this.#name = name;
    this.#key = key;
  }

  encrypt(iv: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void {
    const cipher = this.#start(iv, plaintext, output);
    // Into memory of its own first: @noble/ciphers writes to aligned memory only, and records lie anywhere.
    output.set(cipher.encrypt(plaintext));
  }

  decrypt(iv: Uint8Array, ciphertext: Uint8Array, output: Uint8Array): void {
    const plaintext = this.#start(iv, ciphertext, output).decrypt(ciphertext);
    output.set(plaintext);
    wipe(plaintext);
  }

  wipe(): void {
    if (this.#key !== undefined) wipe(this.#key);
    this.#key = undefined;
  }

  #start(iv: Uint8Array, input: Uint8Array, output: Uint8Array): ReturnType<typeof cbc> {
    if (this.#key === undefined) throw new TypeError(`the ${this.#name} key was wiped`);
    if (iv.length !== BLOCK_LENGTH) {
      throw new RangeError(`${this.#name} takes an IV of ${BLOCK_LENGTH} bytes, not ${iv.length}`);
    }
    if (input.length % BLOCK_LENGTH !== 0) {
      throw new RangeError(`${this.#name} takes whole blocks of ${BLOCK_LENGTH} bytes, not ${input.length}`);
    }
    if (output.length !== input.length) {
      throw new RangeError(`the output must have ${input.length} bytes, not ${output.length}`);
    }
    // The padding of TLS is not that of PKCS #7, and is checked with the MAC, or its errors would be told apart.
    return cbc(this.#key, iv, { disablePadding: true });
  }
}
