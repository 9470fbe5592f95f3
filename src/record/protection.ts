// Hot path: every protected record passes here. Plain loops, in place; no closures, generators or codecs per record,
// and no allocation but the views that the AEAD interface asks for.

import { TlsAlert } from "../alert.ts";
import type { Opener, Sealer, Tls13CipherSuite } from "../crypto/provider.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import type { TrafficKeys } from "../schedule/traffic.ts";
import {
  MAX_CIPHERTEXT_EXPANSION_13,
  MAX_PLAINTEXT_LENGTH,
  RECORD_HEADER_LENGTH,
  type RawRecord,
} from "./framing.ts";
import { MAX_SEQUENCE, RecordNonce } from "./nonce.ts";

/** What was inside a protected record. */
export interface InnerPlaintext {
  /** The type that is authentic: the inner one in TLS 1.3, that of the header in TLS 1.2. */
  readonly type: number;
  /** View into the record's fragment. */
  readonly content: Uint8Array;
}

/** Opens the records of one direction under one key; the record layer knows no more of a version than this. */
export interface ReadProtection {
  readonly version: ProtectionVersion;
  /** Most bytes that the header of a record may declare. */
  readonly maxFragmentLength: number;
  /** Most bytes of plaintext in a record, as `record_size_limit` counts them in this version. RFC 8449 §4. */
  recordSizeLimit: number;
  /**
   * Opens `record` in place.
   * @returns undefined when the record does not authenticate; the sequence number stays then.
   */
  open(record: RawRecord): InnerPlaintext | undefined;
  /** Forgets the key. */
  wipe(): void;
}

/** Seals the records of one direction under one key; the record layer knows no more of a version than this. */
export interface WriteProtection {
  /** Only TLS 1.3 has padding that is asked for. */
  readonly version: ProtectionVersion;
  /** Records that the key may still seal before it must be replaced. */
  readonly recordsLeft: number;
  /** Most bytes of a record besides content and padding: no fewer, except under CBC, which fills up blocks. */
  readonly overhead: number;
  /** Most bytes of content and padding in a record under a `record_size_limit`. RFC 8449 §4. */
  contentLimit(recordSizeLimit: number): number;
  /**
   * Writes one record to `output` at `offset`, where {@link overhead} + `content` + padding must fit.
   * @returns bytes written.
   */
  seal(type: number, content: Uint8Array, paddingLength: number, output: Uint8Array, offset?: number): number;
  /** Forgets the key. */
  wipe(): void;
}

/** The version whose records a protection is for. */
export type ProtectionVersion = "TLSv1.2" | "TLSv1.3";

/** Where a protection starts to count. */
export interface ProtectionOptions {
  /** Sequence number of the first record; only tests start elsewhere than at 0. */
  readonly sequence?: number;
}

/** Most bytes of a TLSInnerPlaintext: content, type and padding. RFC 8446 §5.4. */
export const MAX_INNER_PLAINTEXT_LENGTH = MAX_PLAINTEXT_LENGTH + 1;

/** Opens TLS 1.3 records. RFC 8446 §5.2. */
export class ReadProtection13 implements ReadProtection {
  readonly version = "TLSv1.3";
  readonly maxFragmentLength = MAX_PLAINTEXT_LENGTH + MAX_CIPHERTEXT_EXPANSION_13;
  /** Most bytes of content, type and padding in a record. */
  recordSizeLimit = MAX_INNER_PLAINTEXT_LENGTH;
  readonly #tagLength: number;
  readonly #opener: Opener;
  readonly #nonce: RecordNonce;

  /** @param keys copied; the caller may wipe them. */
  constructor(suite: Tls13CipherSuite, keys: TrafficKeys, { sequence = 0 }: ProtectionOptions = {}) {
    this.#tagLength = suite.aead.tagLength;
    this.#opener = suite.aead.opener(keys.key);
    this.#nonce = new RecordNonce(keys.iv, sequence);
  }

  /**
   * Opens `record` in place. Nothing else about it is looked at before it has authenticated.
   *
   * @returns undefined for a record that does not authenticate, or is too short to: bad_record_mac, unless the caller
   * has a reason to skip it. The sequence number stays then.
   * @throws {TlsAlert} unexpected_message for an outer type other than application_data, and for a plaintext that is
   * all padding; record_overflow for one that is too long.
   */
  open(record: RawRecord): InnerPlaintext | undefined {
    const { fragment } = record;
    const innerLength = fragment.length - this.#tagLength;
    if (innerLength < 0) return undefined;
    const inner = fragment.subarray(0, innerLength);
    if (!this.#opener.open(this.#nonce.current(), record.header, fragment, inner)) return undefined;
    this.#nonce.advance();
    if (record.type !== ContentType.application_data)
      throw new TlsAlert("unexpected_message", `protected record of outer content type ${record.type}`);
    if (innerLength > this.recordSizeLimit)
      throw new TlsAlert(
        "record_overflow",
        `inner plaintext of ${innerLength} bytes, allowed ${this.recordSizeLimit}`,
      );
    let last = innerLength - 1;
    while (last >= 0 && inner[last] === 0) last--;
    if (last < 0) throw new TlsAlert("unexpected_message", "inner plaintext without a content type");
    return { type: inner[last] ?? 0, content: inner.subarray(0, last) };
  }

  wipe(): void {
    this.#opener.wipe();
    this.#nonce.wipe();
  }
}

/** Seals TLS 1.3 records. RFC 8446 §5.2. */
export class WriteProtection13 implements WriteProtection {
  readonly version = "TLSv1.3";
  readonly overhead: number;
  readonly #recordsPerKey: number;
  readonly #tagLength: number;
  readonly #sealer: Sealer;
  readonly #nonce: RecordNonce;
  readonly #header = new Uint8Array(RECORD_HEADER_LENGTH);

  /** @param keys copied; the caller may wipe them. */
  constructor(suite: Tls13CipherSuite, keys: TrafficKeys, { sequence = 0 }: ProtectionOptions = {}) {
    const { aead } = suite;
    this.#recordsPerKey = Math.min(aead.recordsPerKey, MAX_SEQUENCE);
    this.#tagLength = aead.tagLength;
    this.overhead = RECORD_HEADER_LENGTH + 1 + aead.tagLength;
    this.#sealer = aead.sealer(keys.key);
    this.#nonce = new RecordNonce(keys.iv, sequence);
    this.#header[0] = ContentType.application_data;
    this.#header[1] = ProtocolVersion["TLSv1.2"] >>> 8;
    this.#header[2] = ProtocolVersion["TLSv1.2"] & 0xff;
  }

  /** Records that the key may still seal, by the limits of its AEAD. RFC 8446 §5.5. */
  get recordsLeft(): number {
    return Math.max(0, this.#recordsPerKey - this.#nonce.sequence);
  }

  contentLimit(recordSizeLimit: number): number {
    return Math.min(recordSizeLimit, MAX_INNER_PLAINTEXT_LENGTH) - 1;
  }

  /**
   * Writes header and ciphertext of one record to `output` at `offset`. `content` and padding together must be within
   * {@link contentLimit}, and `content` must not overlap the place that is written to.
   *
   * @returns bytes written.
   * @throws {TlsAlert} internal_error when the sequence numbers are used up.
   */
  seal(type: number, content: Uint8Array, paddingLength: number, output: Uint8Array, offset = 0): number {
    const nonce = this.#nonce.current();
    const innerLength = content.length + 1 + paddingLength;
    const fragmentLength = innerLength + this.#tagLength;
    const header = this.#header;
    header[3] = fragmentLength >>> 8;
    header[4] = fragmentLength & 0xff;
    output.set(header, offset);
    const start = offset + RECORD_HEADER_LENGTH;
    output.set(content, start);
    const end = start + innerLength;
    output[start + content.length] = type;
    if (paddingLength > 0) output.fill(0, end - paddingLength, end);
    const fragment = output.subarray(start, end + this.#tagLength);
    this.#sealer.seal(nonce, header, output.subarray(start, end), fragment);
    this.#nonce.advance();
    return RECORD_HEADER_LENGTH + fragmentLength;
  }

  wipe(): void {
    this.#sealer.wipe();
    this.#nonce.wipe();
  }
}
