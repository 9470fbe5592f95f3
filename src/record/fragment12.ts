import { TlsAlert } from "../alert.ts";
import { MAX_SEQUENCE } from "./nonce.ts";

/** Opens fragments of TLS 1.2 records under one key, whatever the cipher suite does. RFC 5246 §6.2.3. */
export interface FragmentOpener {
  /**
   * Opens `fragment` in place.
   *
   * @param additionalData as {@link AdditionalData12.current} gives it; the length is written to it here.
   * @returns a view of the content in `fragment`; undefined for a fragment that does not authenticate, or cannot by its length.
   */
  open(additionalData: Uint8Array, fragment: Uint8Array): Uint8Array | undefined;
  /** Forgets the key. */
  wipe(): void;
}

/** Seals fragments of TLS 1.2 records under one key, whatever the cipher suite does. RFC 5246 §6.2.3. */
export interface FragmentSealer {
  /** Most bytes of a fragment besides its content. */
  readonly overhead: number;
  /** Records that the key may seal before it must be replaced. */
  readonly recordsPerKey: number;
  /**
   * Writes the fragment for `content` to the front of `output`, where {@link overhead} + `content` must fit, and no `content` be.
   *
   * @param additionalData as {@link AdditionalData12.current} gives it; the length is written to it here.
   * @returns bytes written.
   */
  seal(additionalData: Uint8Array, content: Uint8Array, output: Uint8Array): number;
  /** Forgets the key. */
  wipe(): void;
}

/** Bytes of the sequence number, which {@link AdditionalData12} starts with. */
export const SEQUENCE_LENGTH = 8;

const TYPE_AT = 8;
const VERSION_AT = 9;
const LENGTH_AT = 11;
const ADDITIONAL_DATA_LENGTH = 13;

/** What the records of one direction are authenticated with besides their content: number, type, version, length. RFC 5246 §6.2.3.3. */
export class AdditionalData12 {
  readonly #bytes = new Uint8Array(ADDITIONAL_DATA_LENGTH);
  readonly #view = new DataView(this.#bytes.buffer);
  #sequence: number;

  constructor(sequence: number) {
    this.#sequence = sequence;
  }

  /** The number of the record that {@link current} is for. */
  get sequence(): number {
    return this.#sequence;
  }

  /**
   * The additional data of the record at hand, in a buffer that the next call overwrites. Its length is still to be written,
   * by {@link writeLength}.
   * @throws {TlsAlert} internal_error when {@link MAX_SEQUENCE} records were counted.
   */
  current(type: number, version: number): Uint8Array {
    const sequence = this.#sequence;
    if (sequence >= MAX_SEQUENCE) throw new TlsAlert("internal_error", `${sequence} records under one key`);
    const view = this.#view;
    // Both are taken modulo 2^32, without their fraction.
    view.setUint32(0, sequence / 2 ** 32);
    view.setUint32(4, sequence);
    view.setUint8(TYPE_AT, type);
    view.setUint16(VERSION_AT, version);
    return this.#bytes;
  }

  /** Goes on to the next record. */
  advance(): void {
    this.#sequence++;
  }
}

/** Writes the length to `additionalData`, in a time that does not depend on it. */
export function writeLength(additionalData: Uint8Array, length: number): void {
  additionalData[LENGTH_AT] = length >>> 8;
  additionalData[LENGTH_AT + 1] = length & 0xff;
}
