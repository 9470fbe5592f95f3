// Hot path: see protection12.ts.

import { equalBytes } from "../bytes.ts";
import type { CbcDecryptor, CbcEncryptor, Random, Tls12CbcProtection } from "../crypto/provider.ts";
import type { Tls12Keys } from "../schedule/tls12.ts";
import { CbcRecordCheck, paddingMask } from "./cbc-check.ts";
import type { FragmentOpener, FragmentSealer } from "./fragment12.ts";
import { RecordMac } from "./record-mac.ts";

/**
 * Records under one CBC key. Equal blocks of ciphertext tell the XOR of two blocks of plaintext; among n blocks they are there with a
 * probability of n^2 / 2^129. A record has up to 1028 blocks, so that 2^26 records (a tebibyte) make it 2^-57: the margin that RFC 8446 §5.5
 * takes for AES-GCM.
 */
const RECORDS_PER_CBC_KEY = 2 ** 26;

/** Bytes of a block of AES, and of the IV in front of each record. */
const BLOCK_LENGTH = 16;

/** Opens records that were encrypted with their MAC inside. RFC 5246 §6.2.3.2. */
export class MacThenEncryptOpener implements FragmentOpener {
  readonly #decryptor: CbcDecryptor;
  readonly #check: CbcRecordCheck;

  /** @param keys copied; the caller may wipe them. */
  constructor({ cipher, mac }: Tls12CbcProtection, keys: Tls12Keys) {
    this.#decryptor = cipher.decryptor(keys.key);
    this.#check = new CbcRecordCheck(new RecordMac(mac, keys.macKey));
  }

  open(additionalData: Uint8Array, fragment: Uint8Array): Uint8Array | undefined {
    const length = fragment.length - BLOCK_LENGTH;
    if (length < this.#check.leastLength || length % BLOCK_LENGTH !== 0) return undefined;
    const plaintext = fragment.subarray(BLOCK_LENGTH);
    this.#decryptor.decrypt(fragment.subarray(0, BLOCK_LENGTH), plaintext, plaintext);
    const contentLength = this.#check.contentLength(additionalData, plaintext);
    // The one branch on what was decrypted.
    if (contentLength < 0) {
      plaintext.fill(0);
      return undefined;
    }
    return plaintext.subarray(0, contentLength);
  }

  wipe(): void {
    this.#decryptor.wipe();
    this.#check.wipe();
  }
}

/** Seals records that are encrypted with their MAC inside. RFC 5246 §6.2.3.2. */
export class MacThenEncryptSealer implements FragmentSealer {
  readonly overhead: number;
  readonly recordsPerKey = RECORDS_PER_CBC_KEY;
  readonly #encryptor: CbcEncryptor;
  readonly #mac: RecordMac;
  readonly #random: Random;

  /** @param keys copied; the caller may wipe them. */
  constructor({ cipher, mac }: Tls12CbcProtection, keys: Tls12Keys, random: Random) {
    this.#encryptor = cipher.encryptor(keys.key);
    this.#mac = new RecordMac(mac, keys.macKey);
    this.#random = random;
    this.overhead = BLOCK_LENGTH + this.#mac.length + BLOCK_LENGTH;
  }

  seal(additionalData: Uint8Array, content: Uint8Array, output: Uint8Array): number {
    const mac = this.#mac.compute(additionalData, content);
    const iv = this.#random(BLOCK_LENGTH);
    output.set(iv);
    output.set(content, BLOCK_LENGTH);
    output.set(mac, BLOCK_LENGTH + content.length);
    const end = pad(output, BLOCK_LENGTH + content.length + mac.length);
    const plaintext = output.subarray(BLOCK_LENGTH, end);
    this.#encryptor.encrypt(iv, plaintext, plaintext);
    return end;
  }

  wipe(): void {
    this.#encryptor.wipe();
    this.#mac.wipe();
  }
}

/** Opens records whose MAC is of the ciphertext, and behind it. RFC 7366 §3. */
export class EncryptThenMacOpener implements FragmentOpener {
  readonly #decryptor: CbcDecryptor;
  readonly #mac: RecordMac;

  /** @param keys copied; the caller may wipe them. */
  constructor({ cipher, mac }: Tls12CbcProtection, keys: Tls12Keys) {
    this.#decryptor = cipher.decryptor(keys.key);
    this.#mac = new RecordMac(mac, keys.macKey);
  }

  open(additionalData: Uint8Array, fragment: Uint8Array): Uint8Array | undefined {
    const macAt = fragment.length - this.#mac.length;
    if (macAt < 2 * BLOCK_LENGTH || macAt % BLOCK_LENGTH !== 0) return undefined;
    const computed = this.#mac.compute(additionalData, fragment.subarray(0, macAt));
    if (!equalBytes(computed, fragment.subarray(macAt))) return undefined;
    const plaintext = fragment.subarray(BLOCK_LENGTH, macAt);
    this.#decryptor.decrypt(fragment.subarray(0, BLOCK_LENGTH), plaintext, plaintext);
    // It is authentic, so that only a peer with a bug gets here.
    if (paddingMask(plaintext, 0) === 0) {
      plaintext.fill(0);
      return undefined;
    }
    return plaintext.subarray(0, plaintext.length - 1 - plaintext[plaintext.length - 1]!);
  }

  wipe(): void {
    this.#decryptor.wipe();
    this.#mac.wipe();
  }
}

/** Seals records with the MAC of the ciphertext behind it. RFC 7366 §3. */
export class EncryptThenMacSealer implements FragmentSealer {
  readonly overhead: number;
  readonly recordsPerKey = RECORDS_PER_CBC_KEY;
  readonly #encryptor: CbcEncryptor;
  readonly #mac: RecordMac;
  readonly #random: Random;

  /** @param keys copied; the caller may wipe them. */
  constructor({ cipher, mac }: Tls12CbcProtection, keys: Tls12Keys, random: Random) {
    this.#encryptor = cipher.encryptor(keys.key);
    this.#mac = new RecordMac(mac, keys.macKey);
    this.#random = random;
    this.overhead = BLOCK_LENGTH + BLOCK_LENGTH + this.#mac.length;
  }

  seal(additionalData: Uint8Array, content: Uint8Array, output: Uint8Array): number {
    const iv = this.#random(BLOCK_LENGTH);
    output.set(iv);
    output.set(content, BLOCK_LENGTH);
    const macAt = pad(output, BLOCK_LENGTH + content.length);
    const plaintext = output.subarray(BLOCK_LENGTH, macAt);
    this.#encryptor.encrypt(iv, plaintext, plaintext);
    output.set(this.#mac.compute(additionalData, output.subarray(0, macAt)), macAt);
    return macAt + this.#mac.length;
  }

  wipe(): void {
    this.#encryptor.wipe();
    this.#mac.wipe();
  }
}

/** Fills up the block that ends before `at` with the least padding, or adds one; returns where it ends. RFC 5246 §6.2.3.2. */
function pad(output: Uint8Array, at: number): number {
  const paddingLength = BLOCK_LENGTH - 1 - (at % BLOCK_LENGTH);
  const end = at + paddingLength + 1;
  output.fill(paddingLength, at, end);
  return end;
}
