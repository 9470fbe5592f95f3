// Hot path: every received record passes here. Plain loops and field access; no closures, generators or codecs per record.

import { TlsAlert } from "../alert.ts";
import { hex16 } from "../bytes.ts";
import { ContentType } from "../messages/codepoints.ts";
import { ByteQueue } from "./queue.ts";

/** Bytes in front of each fragment: type, version, length. RFC 8446 §5.1. */
export const RECORD_HEADER_LENGTH = 5;
/** Most bytes of content in a record. RFC 8446 §5.1. */
export const MAX_PLAINTEXT_LENGTH = 2 ** 14;
/** Bytes by which a protected TLS 1.3 fragment may exceed {@link MAX_PLAINTEXT_LENGTH}. RFC 8446 §5.2. */
export const MAX_CIPHERTEXT_EXPANSION_13 = 256;
/** Bytes by which a protected TLS 1.2 fragment may exceed {@link MAX_PLAINTEXT_LENGTH}. RFC 5246 §6.2.3. */
export const MAX_CIPHERTEXT_EXPANSION_12 = 2048;

/** A record as it came. Its views are valid until the next `append` or `next` of the {@link RecordBuffer}. */
export interface RawRecord {
  /** The outer content type, 20..23. */
  readonly type: number;
  /** `legacy_record_version`, whose major part is 3. */
  readonly version: number;
  /** View of the five header bytes. */
  readonly header: Uint8Array;
  /** View of the fragment; opening the record overwrites it in place. */
  readonly fragment: Uint8Array;
}

/** Received bytes, cut into records. */
export class RecordBuffer {
  readonly #received = new ByteQueue();

  /** Bytes buffered and not consumed. */
  get length(): number {
    return this.#received.length;
  }

  /** Bytes of memory that are held for {@link length} bytes and more to come; 0 while the buffer is empty and idle. */
  get capacity(): number {
    return this.#received.capacity;
  }

  /** Copies `bytes`, which stay the caller's. */
  append(bytes: Uint8Array): void {
    this.#received.append(bytes);
  }

  /** A view of up to `count` buffered bytes, valid until the next `append` or `next`. Nothing is consumed. */
  firstBytes(count: number): Uint8Array {
    return this.#received.view(0, count);
  }

  /**
   * Consumes the next record; undefined when it is not here whole. Its header is checked as soon as the five bytes
   * are here, so that a record which is too long is refused before it is buffered.
   *
   * @param maxFragmentLength the most bytes that the header may declare.
   * @throws {TlsAlert} unexpected_message for a content type other than 20..23; protocol_version for a major version
   * other than 3; record_overflow for a fragment that is too long. Nothing is consumed then. RFC 8446 §5.1.
   */
  next(maxFragmentLength: number): RawRecord | undefined {
    const received = this.#received;
    const { length } = received;
    if (length < RECORD_HEADER_LENGTH) {
      if (length === 0) received.rest();
      return undefined;
    }
    const type = received.at(0);
    if (type < ContentType.change_cipher_spec || type > ContentType.application_data)
      throw new TlsAlert("unexpected_message", `record of content type ${type}`);
    const version = (received.at(1) << 8) | received.at(2);
    if (version >>> 8 !== 3) throw new TlsAlert("protocol_version", `record of version ${hex16(version)}`);
    const fragmentLength = (received.at(3) << 8) | received.at(4);
    if (fragmentLength > maxFragmentLength)
      throw new TlsAlert(
        "record_overflow",
        `fragment of ${fragmentLength} bytes, allowed ${maxFragmentLength}`,
      );
    const recordLength = RECORD_HEADER_LENGTH + fragmentLength;
    if (length < recordLength) return undefined;
    const record: RawRecord = {
      type,
      version,
      header: received.view(0, RECORD_HEADER_LENGTH),
      fragment: received.view(RECORD_HEADER_LENGTH, recordLength),
    };
    received.consume(recordLength);
    return record;
  }

  /** Consumes everything that is left, such as the bytes behind a close_notify. The caller owns the result. */
  takeAll(): Uint8Array {
    const left = this.#received.view(0, this.length).slice();
    this.#received.consume(left.length);
    this.#received.rest();
    return left;
  }

  /** Drops everything, and overwrites it with zeros: plaintext was decrypted in place here. */
  wipe(): void {
    this.#received.wipe();
  }
}
