// Hot path: every record passes here, both ways. Plain loops; no closures, generators or codecs per record.

import { TlsAlert } from "../alert.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import { CHANGE_CIPHER_SPEC } from "../messages/record.ts";
import {
  MAX_CIPHERTEXT_EXPANSION_13,
  MAX_PLAINTEXT_LENGTH,
  type RawRecord,
  RECORD_HEADER_LENGTH,
  RecordBuffer,
} from "./framing.ts";
import { OutputBuffer } from "./output.ts";
import { MAX_INNER_PLAINTEXT_LENGTH, type ReadProtection, type WriteProtection } from "./protection.ts";

/** Bytes of an alert. RFC 8446 §6. */
const ALERT_LENGTH = 2;
/** The smallest `record_size_limit`. RFC 8449 §4. */
const MIN_RECORD_SIZE_LIMIT = 64;

/** Is told of every record, both ways. */
export interface RecordObserver {
  /**
   * A record was read or written. One that is read is reported after it was opened; one that does not authenticate is
   * reported as well, and one whose header or plaintext breaks a rule of the record layer is not.
   *
   * @param header view of the five header bytes, valid during the call.
   * @param innerType the content type of what is inside a protected record (in TLS 1.2 it is the header's); undefined for any other
   * record, and for one that did not authenticate.
   */
  record(direction: "read" | "write", header: Uint8Array, innerType: number | undefined): void;
}

/** A record that was read, opened if it was protected. */
export interface ReadRecord {
  /**
   * 21..23, of a protected record the type that is authentic; 20 when {@link RecordLayer.changeCipherSpecPolicy} delivers it.
   */
  readonly type: number;
  /** View of the content, valid until the next `receive` or `read`. Only application_data may be empty. */
  readonly fragment: Uint8Array;
  readonly isProtected: boolean;
}

/** How many records without effect a peer may send. */
export interface RecordLimits {
  /** Empty application_data records in a row. */
  readonly emptyRecords: number;
  /** ChangeCipherSpec records that are dropped; those that are delivered do not count. */
  readonly changeCipherSpecs: number;
}

/** What a {@link RecordLayer} is made with. */
export interface RecordLayerOptions {
  readonly observer?: RecordObserver;
  readonly limits: RecordLimits;
}

/** The record layer of one connection: received bytes to content, content to bytes to send. RFC 8446 §5, RFC 5246 §6. */
export class RecordLayer {
  /**
   * What becomes of an unprotected ChangeCipherSpec. `"drop"` counts it and reads on, as TLS 1.3 does between the first
   * ClientHello and the peer's Finished (RFC 8446 §5). `"deliver"` returns it from {@link read}, where TLS 1.2 waits for it
   * (RFC 5246 §7.1); while reads are protected it refuses all the same, as there is no second one without renegotiation.
   * `"refuse"` is for any other time.
   */
  changeCipherSpecPolicy: "refuse" | "drop" | "deliver" = "refuse";

  /** `legacy_record_version` of unprotected records: 0x0301 for the first ClientHello, 0x0303 else. RFC 8446 §5.1. */
  plaintextVersion: number = ProtocolVersion["TLSv1.2"];

  /**
   * Bytes of padding for a protected record with `contentLength` bytes of content, clipped to what fits.
   * None when undefined; records of TLS 1.2 have none, and it is not asked. RFC 8446 §5.4.
   */
  padding: ((contentLength: number) => number) | undefined;

  readonly #observer: RecordObserver | undefined;
  readonly #limits: RecordLimits;
  readonly #received = new RecordBuffer();
  readonly #output = new OutputBuffer();
  #readProtection: ReadProtection | undefined;
  #writeProtection: WriteProtection | undefined;
  #readLimit = MAX_INNER_PLAINTEXT_LENGTH;
  #writeLimit = MAX_INNER_PLAINTEXT_LENGTH;
  /** Whether an unprotected alert is returned although reads are protected: the peer may have failed before it had keys. */
  #acceptsPlaintextAlert = false;
  #earlyDataBudget: number | undefined;
  #emptyRecords = 0;
  #changeCipherSpecs = 0;

  constructor({ observer, limits }: RecordLayerOptions) {
    this.#observer = observer;
    this.#limits = limits;
  }

  /** Received bytes that were not consumed. */
  get bufferedLength(): number {
    return this.#received.length;
  }

  /**
   * Most bytes of plaintext that a protected record may hold, as announced to the peer in our `record_size_limit`: in TLS 1.3 content,
   * type and padding, in TLS 1.2 the content. More than the protocol allows counts as what it allows. RFC 8449 §4.
   */
  get readLimit(): number {
    return this.#readLimit;
  }

  set readLimit(recordSizeLimit: number) {
    this.#readLimit = clipRecordSizeLimit(recordSizeLimit);
    if (this.#readProtection !== undefined) this.#readProtection.recordSizeLimit = this.#readLimit;
  }

  /**
   * Most bytes of plaintext in a protected record, counted as for {@link readLimit}: the peer's `record_size_limit`.
   * More than the protocol allows counts as what it allows. Unprotected records are not subject to it. RFC 8449 §4.
   */
  get writeLimit(): number {
    return this.#writeLimit;
  }

  set writeLimit(recordSizeLimit: number) {
    this.#writeLimit = clipRecordSizeLimit(recordSizeLimit);
  }

  /**
   * Bytes of early data that are passed over, because the client offered some and we do not take it: application_data that does not
   * authenticate, or comes before there are keys. It ends with the first record that opens, and is to be set to undefined behind a
   * second ClientHello. RFC 8446 §4.2.10.
   *
   * Under a protection of TLS 1.2 nothing is ever passed over: a record that does not authenticate ends the connection, so that a
   * forger learns the time of one guess at most.
   */
  set earlyDataBudget(bytes: number | undefined) {
    this.#earlyDataBudget = bytes;
  }

  /** Records that may be written before the key must be replaced; Infinity while writes are not protected. */
  get recordsLeftToWrite(): number {
    return this.#writeProtection?.recordsLeft ?? Infinity;
  }

  /** ChangeCipherSpec records that were dropped. */
  get droppedChangeCipherSpecs(): number {
    return this.#changeCipherSpecs;
  }

  /** Bytes of output that were not taken. */
  get pendingOutput(): number {
    return this.#output.length;
  }

  /** Buffers `bytes` from the peer, which are copied. */
  receive(bytes: Uint8Array): void {
    this.#received.append(bytes);
  }

  /** A view of up to `count` received bytes that were not consumed, valid until the next `receive` or `read`. */
  firstBytes(count: number): Uint8Array {
    return this.#received.firstBytes(count);
  }

  /**
   * The next record, opened; undefined when more bytes are needed. At most one record is opened per call.
   *
   * @throws {TlsAlert} as {@link RecordBuffer.next} does, and bad_record_mac for a record that does not authenticate;
   * record_overflow for a plaintext that is too long; decode_error for an alert that is not two bytes;
   * unexpected_message for a content type that cannot be here, an empty handshake or alert fragment, too many empty
   * records, and a ChangeCipherSpec that {@link changeCipherSpecPolicy} does not allow; illegal_parameter for one that would be
   * delivered and is not the byte 1.
   */
  read(): ReadRecord | undefined {
    const protection = this.#readProtection;
    for (;;) {
      const raw = this.#received.next(this.#maxFragmentLength());
      if (raw === undefined) return undefined;
      if (raw.type === ContentType.change_cipher_spec) {
        if (this.#deliversChangeCipherSpec(raw))
          return { type: raw.type, fragment: raw.fragment, isProtected: false };
      } else if (protection === undefined || this.#isAcceptedPlaintextAlert(raw)) {
        this.#observer?.record("read", raw.header, undefined);
        if (!this.#passesOver(raw)) return this.#accept(raw.type, raw.fragment, false);
      } else {
        const inner = protection.open(raw);
        this.#observer?.record("read", raw.header, inner?.type);
        if (inner !== undefined) {
          this.#acceptsPlaintextAlert = false;
          this.#earlyDataBudget = undefined;
          return this.#accept(inner.type, inner.content, true);
        }
        if (!this.#passesOver(raw)) throw new TlsAlert("bad_record_mac", "record does not authenticate");
      }
    }
  }

  /** Everything received that was not consumed, such as the bytes behind a close_notify; the caller owns it. */
  takeUnread(): Uint8Array {
    return this.#received.takeAll();
  }

  /**
   * Opens the records that follow by `protection`, which the layer owns and wipes from here on. No handshake bytes may be left over
   * from before (`HandshakeJoiner.isAligned`).
   *
   * @param options `plaintextAlertAllowed`: whether an unprotected alert may still come before the first record that opens, from a
   * peer that failed before it had keys. TLS 1.3 alone has that case; it means nothing under a protection of TLS 1.2.
   */
  protectReads(
    protection: ReadProtection,
    { plaintextAlertAllowed = false }: { readonly plaintextAlertAllowed?: boolean } = {},
  ): void {
    this.#readProtection?.wipe();
    this.#readProtection = protection;
    protection.recordSizeLimit = this.#readLimit;
    this.#acceptsPlaintextAlert = plaintextAlertAllowed && protection.version === "TLSv1.3";
  }

  /** Seals what is written from here on by `protection`, which the layer owns and wipes from here on. */
  protectWrites(protection: WriteProtection): void {
    this.#writeProtection?.wipe();
    this.#writeProtection = protection;
  }

  /** What is written from here on is plaintext again: a second ClientHello behind early data. RFC 8446 §4.2.10. */
  unprotectWrites(): void {
    this.#writeProtection?.wipe();
    this.#writeProtection = undefined;
  }

  /**
   * Appends `bytes` to the output, in as many records of `type` as they take; none when they are empty. They stay the
   * caller's. A ChangeCipherSpec is never protected.
   *
   * @throws {TlsAlert} internal_error when the sequence numbers of the key are used up.
   */
  write(type: number, bytes: Uint8Array): void {
    const protection = this.#writeProtection;
    if (protection === undefined || type === ContentType.change_cipher_spec)
      this.#writePlaintext(type, bytes);
    else this.#seal(protection, type, bytes);
  }

  /**
   * Up to `max` bytes to send, in one buffer that the caller owns; null when there are none. Without `max` nothing is copied.
   * @throws {RangeError} when `max` is less than 1.
   */
  takeOutput(max = Infinity): Uint8Array | null {
    if (!(max >= 1)) throw new RangeError(`max is ${max}, allowed 1 and more`);
    return this.#output.take(max);
  }

  /** Forgets keys, received bytes and output. The layer is as dead as its keys. */
  wipe(): void {
    this.#readProtection?.wipe();
    this.#writeProtection?.wipe();
    this.#received.wipe();
    this.#output.clear();
  }

  /** Early data is protected before we have keys of our own, and longer for it. */
  #maxFragmentLength(): number {
    if (this.#readProtection !== undefined) return this.#readProtection.maxFragmentLength;
    return this.#earlyDataBudget !== undefined
      ? MAX_PLAINTEXT_LENGTH + MAX_CIPHERTEXT_EXPANSION_13
      : MAX_PLAINTEXT_LENGTH;
  }

  /** Whether the record is early data that we do not take. */
  #passesOver({ type, fragment }: RawRecord): boolean {
    if (this.#earlyDataBudget === undefined || type !== ContentType.application_data) return false;
    if (this.#readProtection?.version === "TLSv1.2") return false;
    if (fragment.length > this.#earlyDataBudget)
      throw new TlsAlert("unexpected_message", "more early data than is passed over");
    this.#earlyDataBudget -= fragment.length;
    return true;
  }

  /** Whether a ChangeCipherSpec is to be returned; false when it was dropped. */
  #deliversChangeCipherSpec({ header, fragment }: RawRecord): boolean {
    this.#observer?.record("read", header, undefined);
    const delivers = this.changeCipherSpecPolicy === "deliver";
    if (this.changeCipherSpecPolicy === "refuse" || (delivers && this.#readProtection !== undefined))
      throw new TlsAlert("unexpected_message", "change_cipher_spec record where none may be");
    if (fragment.length !== 1 || fragment[0] !== CHANGE_CIPHER_SPEC)
      throw new TlsAlert(
        delivers ? "illegal_parameter" : "unexpected_message",
        `change_cipher_spec of ${fragment.length} bytes, allowed the one byte 1`,
      );
    if (delivers) return true;
    if (++this.#changeCipherSpecs > this.#limits.changeCipherSpecs)
      throw new TlsAlert(
        "unexpected_message",
        `more than ${this.#limits.changeCipherSpecs} change_cipher_spec records`,
      );
    return false;
  }

  #isAcceptedPlaintextAlert({ type, fragment }: RawRecord): boolean {
    return this.#acceptsPlaintextAlert && type === ContentType.alert && fragment.length === ALERT_LENGTH;
  }

  #accept(type: number, fragment: Uint8Array, isProtected: boolean): ReadRecord {
    switch (type) {
      case ContentType.application_data:
        if (!isProtected) throw new TlsAlert("unexpected_message", "application_data without protection");
        if (fragment.length > 0) this.#emptyRecords = 0;
        else if (++this.#emptyRecords > this.#limits.emptyRecords)
          throw new TlsAlert(
            "unexpected_message",
            `more than ${this.#limits.emptyRecords} empty records in a row`,
          );
        break;
      case ContentType.handshake:
        if (fragment.length === 0) throw new TlsAlert("unexpected_message", "empty handshake fragment");
        break;
      case ContentType.alert:
        if (fragment.length === 0) throw new TlsAlert("unexpected_message", "empty alert fragment");
        if (fragment.length !== ALERT_LENGTH)
          throw new TlsAlert("decode_error", `alert fragment of ${fragment.length} bytes`);
        break;
      default:
        throw new TlsAlert("unexpected_message", `protected record of content type ${type}`);
    }
    return { type, fragment, isProtected };
  }

  #writePlaintext(type: number, bytes: Uint8Array): void {
    const output = this.#output;
    const records = Math.ceil(bytes.length / MAX_PLAINTEXT_LENGTH);
    let at = output.reserve(bytes.length + records * RECORD_HEADER_LENGTH);
    const target = output.bytes;
    for (let start = 0; start < bytes.length; start += MAX_PLAINTEXT_LENGTH) {
      const fragment = bytes.subarray(start, start + MAX_PLAINTEXT_LENGTH);
      const recordStart = at;
      target[at++] = type;
      target[at++] = this.plaintextVersion >>> 8;
      target[at++] = this.plaintextVersion & 0xff;
      target[at++] = fragment.length >>> 8;
      target[at++] = fragment.length & 0xff;
      target.set(fragment, at);
      at += fragment.length;
      output.commit(at - recordStart);
      this.#observer?.record(
        "write",
        target.subarray(recordStart, recordStart + RECORD_HEADER_LENGTH),
        undefined,
      );
    }
  }

  #seal(protection: WriteProtection, type: number, bytes: Uint8Array): void {
    const output = this.#output;
    const { overhead } = protection;
    const limit = protection.contentLimit(this.#writeLimit);
    const asksForPadding = this.padding !== undefined && protection.version === "TLSv1.3";
    output.reserve(bytes.length + Math.ceil(bytes.length / limit) * overhead);
    for (let start = 0; start < bytes.length; start += limit) {
      const content = bytes.length <= limit ? bytes : bytes.subarray(start, start + limit);
      const padding = asksForPadding ? this.#paddingLength(content.length, limit) : 0;
      const at = output.reserve(content.length + padding + overhead);
      const target = output.bytes;
      output.commit(protection.seal(type, content, padding, target, at));
      this.#observer?.record("write", target.subarray(at, at + RECORD_HEADER_LENGTH), type);
    }
  }

  #paddingLength(contentLength: number, limit: number): number {
    const wanted = this.padding?.(contentLength) ?? 0;
    return wanted > 0 ? Math.min(Math.floor(wanted), limit - contentLength) : 0;
  }
}

function clipRecordSizeLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < MIN_RECORD_SIZE_LIMIT)
    throw new RangeError(`record size limit is ${limit}, allowed ${MIN_RECORD_SIZE_LIMIT} and more`);
  return Math.min(limit, MAX_INNER_PLAINTEXT_LENGTH);
}
