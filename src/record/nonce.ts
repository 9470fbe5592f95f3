// Hot path: one nonce per record. The sequence number is a number and the buffer is reused; no BigInt, no allocation.

import { TlsAlert } from "../alert.ts";

/**
 * Sequence numbers that are used, below the 2^64 of RFC 8446 §5.3 and within what a number holds exactly. No
 * connection gets there: the limits of AES-GCM are far below, and at a million records a second it takes nine years.
 */
export const MAX_SEQUENCE = 2 ** 48;

const IV_LENGTH = 12;

/** The per-record nonces of one key: the static IV, XORed with the 64-bit record sequence number. RFC 8446 §5.3. */
export class RecordNonce {
  readonly #bytes = new Uint8Array(IV_LENGTH);
  readonly #view = new DataView(this.#bytes.buffer);
  #ivHigh: number;
  #ivLow: number;
  #sequence: number;

  /** @param iv 12 bytes, which are copied. */
  constructor(iv: Uint8Array, sequence: number) {
    if (iv.length !== IV_LENGTH) throw new RangeError(`iv of ${iv.length} bytes, allowed ${IV_LENGTH}`);
    this.#bytes.set(iv);
    this.#ivHigh = this.#view.getInt32(4);
    this.#ivLow = this.#view.getInt32(8);
    this.#sequence = sequence;
  }

  /** The number of the record that {@link current} is for. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * The nonce of the record at hand, in a buffer that the next call overwrites.
   * @throws {TlsAlert} internal_error when {@link MAX_SEQUENCE} records were counted.
   */
  current(): Uint8Array {
    const sequence = this.#sequence;
    if (sequence >= MAX_SEQUENCE) throw new TlsAlert("internal_error", `${sequence} records under one key`);
    // The operands of ^ are taken modulo 2^32, without their fraction.
    this.#view.setInt32(4, this.#ivHigh ^ (sequence / 2 ** 32));
    this.#view.setInt32(8, this.#ivLow ^ sequence);
    return this.#bytes;
  }

  /** Goes on to the next record. */
  advance(): void {
    this.#sequence++;
  }

  /** Forgets the IV. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#ivHigh = 0;
    this.#ivLow = 0;
  }
}
