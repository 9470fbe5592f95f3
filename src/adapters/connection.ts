/// <reference lib="esnext.disposable" preserve="true" />
import { latin1 } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import { upgrade } from "../engine/upgrade.ts";
import { TruncationError } from "../errors.ts";
import type { ChannelBindingType, ConnectionInfo, PeerIdentity } from "../handshake/established.ts";
import { checkEarlyDataUse, protocolSettings, type TlsProtocolOptions } from "../protocol/options.ts";
import type { TlsControls } from "../protocol/tls-controls.ts";
import type { Protocol, Transport } from "../protocol/transport.ts";
import { exactly, type ReadAttempt, Reader, some, until } from "./reader.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** `Symbol.asyncDispose`, also where the runtime has none, so that `await using` and a `finally` find the same method. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose");

/** How a connection has ended. */
export type ConnectionEnd =
  /** Both sides said so; or we closed it and the rest was orderly. */
  | { readonly kind: "clean" }
  /** The transport ended without close_notify: data may be missing. */
  | { readonly kind: "truncated"; readonly error: TruncationError }
  /** {@link Connection.abort} was called. */
  | { readonly kind: "aborted" }
  | { readonly kind: "error"; readonly error: Error };

/** What a {@link Connection} is made with. */
export interface ConnectionOptions {
  /** Whether {@link Connection.startTls} is allowed. Default: true. */
  readonly upgradeable?: boolean;
  /** What {@link Connection.startTls} takes when it is called without a configuration. */
  readonly tls?: ClientConfig | ServerConfig;
  /** What {@link Connection.startTls} takes for the options that it is not given. */
  readonly tlsOptions?: TlsOptions;
  /** Bytes received and not read at which the peer is made to wait. Default: 128 KiB. It goes on at half of that. */
  readonly readHighWaterBytes?: number;
}

/** Time limits, watermarks and rules of TLS on a connection. `halfClose` is true if it is left out. */
export type TlsOptions = Omit<TlsProtocolOptions, "callConnectionMade" | "unread">;

/** What {@link Connection.startTls} takes besides the configuration. */
export interface StartTlsOptions extends TlsOptions {
  /** Puts TLS inside of TLS. Without it, a connection that has TLS refuses to start it again. Default: false. */
  readonly insideTls?: boolean;
}

/** Bytes that {@link Connection.readUntil} and {@link Connection.readLine} look at by default. */
const LINE_LIMIT_BYTES = 64 * 1024;

/**
 * Reading and writing with promises, on any {@link Transport}, from plaintext through {@link startTls}. It is the {@link Protocol} of the
 * transport that it is given to, and stays the same object when TLS comes.
 *
 * Reads: one at a time. What has arrived can be read whatever happens afterwards; behind it, reads get null when the peer has
 * ended in an orderly way, and else reject with the error: a `TruncationError` when data may be missing.
 */
export class Connection implements Protocol {
  readonly #options: ConnectionOptions;
  readonly #readHighWaterBytes: number;
  readonly #reader = new Reader();
  readonly #closed: Promise<ConnectionEnd>;
  #resolveClosed: (end: ConnectionEnd) => void = () => undefined;
  #transport: Transport | undefined;
  #isReadingPaused = false;
  #isWritingPaused = false;
  #drains: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  /** While TLS starts, the transport is not ours to use. */
  #isStartingTls = false;
  /** While TLS ends, nothing can be written. */
  #isUnwrapping = false;
  #isWriteEnded = false;
  #isClosing = false;
  #isAborted = false;
  #lost: { readonly error: Error | null } | undefined;
  #endedBy: ConnectionEnd | null = null;

  constructor(options: ConnectionOptions = {}) {
    this.#options = options;
    this.#readHighWaterBytes = options.readHighWaterBytes ?? 128 * 1024;
    checkLength("readHighWaterBytes", this.#readHighWaterBytes);
    this.#closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** What TLS has agreed on; null in plaintext. It stays after the end of the connection. */
  get info(): ConnectionInfo | null {
    return this.#transport?.info ?? null;
  }

  /** How the peer's side has ended, or the connection; null while it goes on. What was received before can still be read. */
  get endedBy(): ConnectionEnd | null {
    return this.#endedBy;
  }

  /** Whether {@link close} or {@link abort} was called, or TLS did not start, or the connection is over. */
  get isEnding(): boolean {
    return this.#isClosing || this.#lost !== undefined;
  }

  /** Resolves when the connection is over, both ways, with how that came. It never rejects. */
  get closed(): Promise<ConnectionEnd> {
    return this.#closed;
  }

  /** What has arrived, as soon as there is any: 1..`max` bytes, which the caller owns. Null at the end. */
  async read(max: number = this.#readHighWaterBytes): Promise<Uint8Array | null> {
    checkLength("max", max);
    return this.#read(some(max));
  }

  /** Exactly `length` bytes. @throws {IncompleteReadError} when the peer ends before. */
  async readExactly(length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array();
    checkLength("length", length);
    return this.#read(exactly(length));
  }

  /**
   * Everything up to and including `separator`. Null when the peer has ended and nothing is left.
   *
   * @throws {ReadLimitError} when `limitBytes` hold no separator; {IncompleteReadError} when the peer ends behind something else.
   */
  async readUntil(
    separator: Uint8Array | string,
    limitBytes: number = LINE_LIMIT_BYTES,
  ): Promise<Uint8Array | null> {
    const bytes = bytesOf(separator);
    checkLength("the length of separator", bytes.length);
    checkLength("limitBytes", limitBytes);
    return this.#read(until(bytes, limitBytes));
  }

  /**
   * A line without its `\n` or `\r\n`, at most 64 KiB of it. Null when the peer has ended and nothing is left.
   *
   * @param encoding of UTF-8, what is malformed becomes U+FFFD; `latin1` gives each byte as one character.
   * @throws {ReadLimitError} for a longer one; {IncompleteReadError} when the peer ends inside of a line.
   */
  async readLine(encoding: "utf-8" | "latin1" = "utf-8"): Promise<string | null> {
    const line = await this.readUntil("\n");
    if (line === null) return null;
    const text = encoding === "latin1" ? latin1(line) : decodeUtf8(line);
    return text.slice(0, text.endsWith("\r\n") ? -2 : -1);
  }

  /**
   * Sends bytes, which are copied, or a string in UTF-8. Call {@link drain} between large ones.
   *
   * What is written after the peer has dropped the connection goes nowhere.
   *
   * @throws {TypeError} after {@link closeWrite}, {@link close} or {@link abort}, and while {@link startTls} is under way.
   */
  write(data: Uint8Array | string): void {
    const transport = this.#requireTransport();
    if (this.#isStartingTls) throw new TypeError("write() while TLS starts");
    if (this.#isUnwrapping) throw new TypeError("write() while TLS ends");
    if (this.#isWriteEnded || this.#isClosing) throw new TypeError("write() after the end of what we write");
    transport.write(bytesOf(data));
  }

  /** Resolves when the transport takes more. @throws the error that has ended the connection, as a rejection. */
  async drain(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost.error ?? new Error("the connection is over");
    if (!this.#isWritingPaused) return;
    await new Promise<void>((resolve, reject) => this.#drains.push({ resolve, reject }));
  }

  /**
   * Starts TLS on this connection; the configuration decides the role. Without one, the `tls` of {@link ConnectionOptions} counts.
   *
   * What was written before is sent in plaintext. What was received and not read goes to TLS, never to a later read: a ClientHello that
   * came right behind the command works, and commands that somebody put there end the connection with a `NotTlsError` of kind
   * `plaintext-after-upgrade`. There is no way back to plaintext: a failure closes the connection and rejects.
   *
   * @throws {TypeError} as a rejection, and nothing has changed then: no configuration, not `upgradeable`, TLS is on already, a read
   * waits, or the connection is ending. `ConfigError` for options, in the same way.
   */
  async startTls(
    config: ClientConfig | ServerConfig | undefined = this.#options.tls,
    { insideTls = false, ...options }: StartTlsOptions = {},
  ): Promise<ConnectionInfo> {
    const transport = this.#requireTransport();
    const tlsOptions = { halfClose: true, ...this.#options.tlsOptions, ...options };
    this.#checkStartTls(config, insideTls);
    // Refuses what is out of range before anything has changed.
    checkEarlyDataUse(config, tlsOptions.earlyData, protocolSettings(tlsOptions));
    if (this.#lost !== undefined) throw this.#lost.error ?? new Error("the connection is over");
    this.#isStartingTls = true;
    try {
      if (this.#reader.isEnded) throw new TruncationError("the peer ended before TLS started");
      // Nothing may wait between the two: what came meanwhile, or was read, would pass for something that TLS has brought.
      const unread = this.#reader.take(this.#reader.length);
      // A pause of the transport is for TLS to know from here on; TLS has its own for us.
      this.resumeWriting();
      const upgraded = await upgrade(transport, this, config, unread, tlsOptions);
      this.#transport = upgraded.transport;
      this.#isReadingPaused = false;
      return upgraded.info;
    } catch (error) {
      this.#failStartTls(transport, error);
      throw error;
    } finally {
      this.#isStartingTls = false;
      this.#updateReading();
    }
  }

  /**
   * Takes TLS off again, as FTP's CCC does, when the peer has agreed by its close_notify. Until then nothing can be written. What was received and not
   * read stays in front of what comes in plaintext. {@link startTls} works again afterwards. Both sides call it because their protocol says so: once
   * the peer's close_notify has arrived, it is too late, and that was the end of what the peer writes.
   *
   * @throws {TypeError} as a rejection, unless TLS is on and open both ways; and what has ended the connection before the peer has agreed.
   */
  async unwrap(): Promise<void> {
    const tls = this.#requireTls("unwrap");
    if (this.#isWriteEnded || this.#isClosing) throw new TypeError("unwrap() while the connection ends");
    const unwrapped = tls.unwrap();
    this.#isUnwrapping = true;
    try {
      await unwrapped;
    } finally {
      this.#isUnwrapping = false;
    }
  }

  /**
   * Keying material that both sides can compute and nobody else. RFC 8446 §7.5, RFC 5705.
   *
   * @param label 1 to 249 ASCII characters; @param context null for none; @param length bytes, 1..8160.
   * @returns bytes that the caller owns.
   * @throws {TypeError} unless TLS is on and open; {RangeError} for the length.
   */
  exportKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#requireTls("exportKeyingMaterial").exportKeyingMaterial(label, context, length);
  }

  /**
   * What an authentication inside of the connection is bound to, as SCRAM-PLUS (RFC 5802 §6) and LDAP (RFC 4513 §5.2) do it: see
   * `TlsEngine.channelBinding`. The caller owns it.
   *
   * @throws {TypeError} unless TLS is on and open, and has such a binding.
   */
  channelBinding(type: ChannelBindingType): Uint8Array {
    return this.#requireTls("channelBinding").channelBinding(type);
  }

  /**
   * Renews the keys that we write with, and asks the peer to do the same if `requestPeer`. It happens by itself when it must. RFC 8446 §4.6.3.
   *
   * @throws {TypeError} unless TLS 1.3 is on, and we may write.
   */
  updateKeys(requestPeer = false): void {
    this.#requireTls("updateKeys").updateKeys(requestPeer);
  }

  /**
   * Asks a client of TLS 1.3 for a certificate, behind the handshake: a client that has `postHandshakeAuth`. RFC 8446 §4.6.2.
   *
   * The answer comes behind what the client has written before, so that must be read.
   *
   * @param clientAuth default: that of the config.
   * @returns who the client is, as {@link info} says from now on.
   * @throws {TypeError} as a rejection, unless the connection is open, the client can be asked, and no request waits; `ConfigError` for
   * `clientAuth`; and what has ended the connection before the answer, such as the alert for a certificate that `clientAuth` refuses.
   */
  async requestClientCertificate(clientAuth?: ClientAuth): Promise<PeerIdentity> {
    return await this.#requireTls("requestClientCertificate").requestClientCertificate(clientAuth);
  }

  /** Ends what we write, behind what was written. Reading goes on. */
  closeWrite(): void {
    const transport = this.#requireTransport();
    if (this.#isStartingTls) throw new TypeError("closeWrite() while TLS starts");
    if (this.#isUnwrapping) throw new TypeError("closeWrite() while TLS ends");
    transport.closeWrite();
    this.#isWriteEnded = true;
  }

  /**
   * Sends what was written, says goodbye, and closes. What was received and not read is dropped, and reads get null. While TLS
   * starts, it aborts.
   *
   * @returns when the connection is over; within the time limits of the transport.
   */
  async close(): Promise<void> {
    const transport = this.#requireTransport();
    if (this.#isStartingTls) {
      this.abort();
    } else if (!this.#isClosing) {
      this.#isClosing = true;
      this.#reader.discard(null);
      this.#updateReading();
      transport.close();
    }
    await this.#closed;
  }

  /** Drops the connection now, and what was not sent with it. A read that waits rejects with `error`. */
  abort(error?: Error): void {
    const transport = this.#requireTransport();
    this.#isClosing = true;
    this.#isAborted ||= error === undefined && this.#lost === undefined;
    this.#reader.discard(error ?? new Error("the connection was aborted"));
    transport.abort(error);
  }

  /** The same as {@link close}. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  connectionMade(transport: Transport): void {
    if (this.#transport !== undefined) throw new TypeError("the connection has a transport already");
    this.#transport = transport;
  }

  dataReceived(bytes: Uint8Array): void {
    this.#reader.append(bytes);
    this.#updateReading();
  }

  eofReceived(): boolean {
    this.#reader.end(null);
    this.#endedBy ??= { kind: "clean" };
    return true;
  }

  connectionLost(error: Error | null): void {
    if (this.#lost !== undefined) return;
    this.#lost = { error };
    this.#reader.end(error);
    const end = this.#endOf(error);
    this.#endedBy = end;
    for (const { reject } of this.#drains.splice(0)) reject(error ?? new Error("the connection is over"));
    this.#resolveClosed(end);
  }

  pauseWriting(): void {
    this.#isWritingPaused = true;
  }

  resumeWriting(): void {
    this.#isWritingPaused = false;
    for (const { resolve } of this.#drains.splice(0)) resolve();
  }

  #requireTransport(): Transport {
    if (this.#transport === undefined) throw new TypeError("the connection is not made yet");
    return this.#transport;
  }

  #requireTls(method: string): TlsControls {
    const { tls } = this.#requireTransport();
    if (tls === undefined || this.#isStartingTls || this.info === null)
      throw new TypeError(`${method}() needs TLS`);
    return tls;
  }

  #read<T>(attempt: ReadAttempt<T>): Promise<T> {
    const result = this.#reader.read(attempt);
    this.#updateReading();
    return result;
  }

  /** Lets bytes come while a read waits, and stops them when too many are there. */
  #updateReading(): void {
    if (this.#transport === undefined || this.#isStartingTls || this.#lost !== undefined) return;
    const { length, isWaiting } = this.#reader;
    const highWater = this.#readHighWaterBytes;
    const isFull = this.#isReadingPaused ? length > highWater / 2 : length >= highWater;
    const isPaused = isFull && !isWaiting;
    if (isPaused === this.#isReadingPaused) return;
    this.#isReadingPaused = isPaused;
    if (isPaused) this.#transport.pauseReading();
    else this.#transport.resumeReading();
  }

  #checkStartTls(
    config: ClientConfig | ServerConfig | undefined,
    insideTls: boolean,
  ): asserts config is ClientConfig | ServerConfig {
    if (config?.role !== "client" && config?.role !== "server")
      throw new TypeError("startTls() needs a ClientConfig or a ServerConfig");
    if (this.#options.upgradeable === false)
      throw new TypeError("startTls() on a connection that is not upgradeable");
    if (this.#isStartingTls) throw new TypeError("startTls() while TLS starts");
    if (this.#isUnwrapping) throw new TypeError("startTls() while TLS ends");
    if (this.info !== null && !insideTls) throw new TypeError("startTls() while TLS is on");
    if (this.#isWriteEnded || this.#isClosing) throw new TypeError("startTls() while the connection ends");
    if (this.#reader.isWaiting) throw new TypeError("startTls() while a read waits");
  }

  #failStartTls(transport: Transport, cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error("TLS did not start", { cause });
    this.#isClosing = true;
    this.#reader.discard(error);
    if (!transport.isClosing) transport.abort(error);
  }

  #endOf(error: Error | null): ConnectionEnd {
    if (this.#isAborted) return { kind: "aborted" };
    if (error === null) return { kind: "clean" };
    return error instanceof TruncationError ? { kind: "truncated", error } : { kind: "error", error };
  }
}

function bytesOf(data: Uint8Array | string): Uint8Array {
  if (typeof data === "string") return encodeUtf8(data);
  if (!(data instanceof Uint8Array)) throw new TypeError("bytes are a Uint8Array or a string");
  return data;
}

function checkLength(name: string, length: number): void {
  if (!Number.isInteger(length) || length < 1) {
    throw new RangeError(`${name} is ${length}, allowed whole numbers from 1`);
  }
}
