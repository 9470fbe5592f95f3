// Hot path: see protection12.ts.

import { wipe } from "../bytes.ts";
import type { Opener, Sealer, Tls12AeadProtection } from "../crypto/provider.ts";
import type { Tls12Keys } from "../schedule/tls12.ts";
import { type FragmentOpener, type FragmentSealer, SEQUENCE_LENGTH, writeLength } from "./fragment12.ts";

/** Opens records of AES-GCM (RFC 5288 §3) and ChaCha20-Poly1305 (RFC 7905 §2). */
export class AeadOpener12 implements FragmentOpener {
  readonly #opener: Opener;
  readonly #tagLength: number;
  readonly #nonce: Nonce12;

  /** @param keys copied; the caller may wipe them. */
  constructor({ aead, fixedIvLength }: Tls12AeadProtection, keys: Tls12Keys) {
    this.#opener = aead.opener(keys.key);
    this.#tagLength = aead.tagLength;
    this.#nonce = new Nonce12(keys.iv, fixedIvLength);
  }

  open(additionalData: Uint8Array, fragment: Uint8Array): Uint8Array | undefined {
    const nonce = this.#nonce;
    const { explicitLength } = nonce;
    const contentLength = fragment.length - explicitLength - this.#tagLength;
    if (contentLength < 0) return undefined;
    writeLength(additionalData, contentLength);
    const bytes = explicitLength === 0 ? nonce.mixed(additionalData) : nonce.explicit(fragment);
    const ciphertext = fragment.subarray(explicitLength);
    const content = fragment.subarray(explicitLength, explicitLength + contentLength);
    return this.#opener.open(bytes, additionalData, ciphertext, content) ? content : undefined;
  }

  wipe(): void {
    this.#opener.wipe();
    this.#nonce.wipe();
  }
}

/**
 * Seals records of AES-GCM (RFC 5288 §3) and ChaCha20-Poly1305 (RFC 7905 §2). The explicit nonce of AES-GCM is the sequence
 * number, which no two records under a key share.
 */
export class AeadSealer12 implements FragmentSealer {
  readonly overhead: number;
  readonly recordsPerKey: number;
  readonly #sealer: Sealer;
  readonly #tagLength: number;
  readonly #nonce: Nonce12;

  /** @param keys copied; the caller may wipe them. */
  constructor({ aead, fixedIvLength }: Tls12AeadProtection, keys: Tls12Keys) {
    this.#sealer = aead.sealer(keys.key);
    this.#tagLength = aead.tagLength;
    this.#nonce = new Nonce12(keys.iv, fixedIvLength);
    this.overhead = this.#nonce.explicitLength + aead.tagLength;
    this.recordsPerKey = aead.recordsPerKey;
  }

  seal(additionalData: Uint8Array, content: Uint8Array, output: Uint8Array): number {
    const nonce = this.#nonce;
    const { explicitLength } = nonce;
    writeLength(additionalData, content.length);
    for (let i = 0; i < explicitLength; i++) output[i] = additionalData[i]!;
    const bytes = explicitLength === 0 ? nonce.mixed(additionalData) : nonce.explicit(additionalData);
    output.set(content, explicitLength);
    const end = explicitLength + content.length;
    const ciphertext = output.subarray(explicitLength, end + this.#tagLength);
    this.#sealer.seal(bytes, additionalData, output.subarray(explicitLength, end), ciphertext);
    return end + this.#tagLength;
  }

  wipe(): void {
    this.#sealer.wipe();
    this.#nonce.wipe();
  }
}

/** The nonces of one key, of 12 bytes, made in a buffer that each one overwrites. */
class Nonce12 {
  /** Bytes of the nonce that are sent in front of a record. */
  readonly explicitLength: number;
  readonly #iv: Uint8Array;
  readonly #nonce: Uint8Array;

  /** @param fixedIv copied. @param fixedIvLength what its length must be. */
  constructor(fixedIv: Uint8Array, fixedIvLength: 4 | 12) {
    if (fixedIv.length !== fixedIvLength)
      throw new RangeError(`fixed iv of ${fixedIv.length} bytes, allowed ${fixedIvLength}`);
    this.explicitLength = NONCE_LENGTH - fixedIvLength;
    this.#iv = fixedIv.slice();
    this.#nonce = new Uint8Array(NONCE_LENGTH);
    this.#nonce.set(fixedIv);
  }

  /** The fixed IV and the first 8 bytes of `source`. RFC 5288 §3. */
  explicit(source: Uint8Array): Uint8Array {
    const nonce = this.#nonce;
    for (let i = 0; i < SEQUENCE_LENGTH; i++) nonce[NONCE_LENGTH - SEQUENCE_LENGTH + i] = source[i]!;
    return nonce;
  }

  /** The fixed IV with the sequence number, the first 8 bytes of `source`, mixed in. RFC 7905 §2. */
  mixed(source: Uint8Array): Uint8Array {
    const nonce = this.#nonce;
    const iv = this.#iv;
    for (let i = 0, at = NONCE_LENGTH - SEQUENCE_LENGTH; i < SEQUENCE_LENGTH; i++, at++)
      nonce[at] = iv[at]! ^ source[i]!;
    return nonce;
  }

  wipe(): void {
    wipe(this.#iv, this.#nonce);
  }
}

const NONCE_LENGTH = 12;
