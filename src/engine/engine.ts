import { type AlertName, checkAlertName } from "../alert.ts";
import { concatBytes } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { ChannelBindingType, ConnectionInfo } from "../handshake/established.ts";
import { checkEarlyDataUse } from "../protocol/options.ts";
import { TlsProtocol, type TlsProtocolOptions } from "../protocol/tls-protocol.ts";
import type { Protocol } from "../protocol/transport.ts";
import { TlsConnection } from "./connection.ts";
import { NEED_DATA, type TlsEvent } from "./events.ts";

/**
 * Bytes that arrived behind the command that asked for TLS, and that a parser holds: they go to TLS, never to the
 * application. `"none"` asserts that no parser holds any.
 */
export type Unread = Uint8Array | "none";

/** What one connection of a client begins with. */
export interface ClientStartOptions {
  /**
   * Goes out with the first flight if a session allows it, in one piece; otherwise, and when the server does not take it, it comes back as the
   * event `early-data-rejected`, behind which what was written meanwhile has gone out already. It has no forward secrecy, and an attacker may
   * repeat it: RFC 8446 §8. Copied.
   */
  readonly earlyData?: Uint8Array;
}

/** Where an engine stands. */
export type EngineState = "plaintext" | "handshaking" | "open" | "closed";

/**
 * TLS without input and output: bytes in, events and bytes out.
 *
 * A new engine is a pipe: what is received comes out as `data`, what is written comes out as output. {@link upgrade} puts TLS
 * on it, {@link unwrap} takes it off again. The driver's loop is always the same:
 *
 * 1. give it what the transport received: {@link receive}, {@link receiveEof};
 * 2. call {@link nextEvent} until it answers {@link NEED_DATA} or `pending`;
 * 3. send what {@link takeOutput} gives, after every call and after errors too: it may hold an alert.
 *
 * What a peer sends never throws; it ends in exactly one `closed` event. After an event `closed` that is not `clean`, every call is
 * inert. After a clean one, writing goes on until {@link closeWrite}. Misuse throws `TypeError` or `RangeError`; so does a hook
 * that calls anything here but {@link abort}.
 */
export class TlsEngine {
  #tls: TlsConnection | undefined;
  #plaintextInput: Uint8Array[] = [];
  #output: Uint8Array[] = [];
  #isEof = false;
  #isReadOver = false;
  #isWriteOver = false;
  #isAborted = false;
  /** Whether a call is under way that may call hooks. */
  #isBusy = false;
  /** An abort that a hook has asked for; it is carried out when the call that called the hook is through. */
  #abortDue: { readonly alert: AlertName | undefined } | undefined;
  /** Of a TLS that was unwrapped. */
  #hookErrors: unknown[] = [];

  /** A client that speaks TLS from the first byte; its first flight is output already. */
  static client(config: ClientConfig, options: ClientStartOptions = {}): TlsEngine {
    return TlsEngine.#started(config, "client", options);
  }

  /** A server that speaks TLS from the first byte. */
  static server(config: ServerConfig): TlsEngine {
    return TlsEngine.#started(config, "server");
  }

  /**
   * TLS around an application protocol, as asyncio's `SSLProtocol` is: the result is the protocol of a transport, and `app` that of the
   * transport above TLS. The config decides the role. Without one the connection is in plaintext until the result's `startTls()`.
   *
   * The first bytes must be TLS. If they are none, the `NotTlsError` is of kind `not-tls`; with `options.unread`, even if
   * empty, of kind `plaintext-after-upgrade`, since then the connection was in plaintext before.
   *
   * @throws {ConfigError} for an option that is out of range, and for early data that has nobody to go to; {TypeError} for a `config` that is none.
   */
  static wrap(
    app: Protocol,
    config?: ClientConfig | ServerConfig,
    { earlyData, ...options }: TlsProtocolOptions = {},
  ): TlsProtocol {
    const start: ClientStartOptions = earlyData === undefined ? {} : { earlyData };
    if (config === undefined || options.unread !== undefined)
      return new TlsProtocol(app, new TlsEngine(), config ?? null, { ...options, ...start });
    checkEarlyDataUse(config, earlyData, options);
    const engine = config?.role === "server" ? TlsEngine.server(config) : TlsEngine.client(config, start);
    return new TlsProtocol(app, engine, null, options);
  }

  static #started(
    config: ClientConfig | ServerConfig,
    role: "client" | "server",
    options: ClientStartOptions = {},
  ): TlsEngine {
    if (config?.role !== role)
      throw new TypeError(`a ${role} needs a ${role === "client" ? "ClientConfig" : "ServerConfig"}`);
    const engine = new TlsEngine();
    engine.#tls = new TlsConnection(config, "not-tls", engine.#isAborting, earlyDataOf(config, options));
    return engine;
  }

  get state(): EngineState {
    if (this.#tls === undefined) return this.#isReadOver && this.#isWriteOver ? "closed" : "plaintext";
    if (this.#tls.isReadOver && this.#tls.writeState === "closed") return "closed";
    return this.#tls.info === null ? "handshaking" : "open";
  }

  /** Whether {@link write} takes bytes: `handshake` queues them. */
  get writeState(): "handshake" | "open" | "closed" {
    if (this.#tls !== undefined) return this.#tls.writeState;
    return this.#isWriteOver ? "closed" : "open";
  }

  /** What the handshake has agreed on; null before it has ended, and in plaintext. It stays after the end of the connection. */
  get info(): ConnectionInfo | null {
    return this.#tls?.info ?? null;
  }

  /** Bytes of output that were not taken. */
  get pendingOutput(): number {
    return this.#output.reduce((sum, { length }) => sum + length, this.#tls?.pendingOutput ?? 0);
  }

  /** Bytes received that no event has covered yet. */
  get pendingInput(): number {
    return this.#tls?.pendingInput ?? this.#plaintextInput.reduce((sum, { length }) => sum + length, 0);
  }

  /** Takes bytes from the transport. They are copied; the caller may reuse the buffer. Never throws for what a peer sent. */
  receive(bytes: Uint8Array): void {
    checkBytes("receive", bytes);
    if (bytes.length === 0) return;
    this.#enter("receive");
    try {
      if (this.#tls !== undefined) this.#tls.receive(bytes);
      else if (!this.#isEof && !this.#isReadOver) this.#plaintextInput.push(bytes.slice());
    } finally {
      this.#leave();
    }
  }

  /** The transport has ended: nothing more will be received. */
  receiveEof(): void {
    this.#isEof = true;
    this.#tls?.receiveEof();
  }

  /**
   * The next thing that happened, or {@link NEED_DATA}. At most one record of application data is opened per call, so that
   * a reader that stops calling stops the work. While a hook is awaited, it answers the same `pending` again and again.
   */
  nextEvent(): TlsEvent | typeof NEED_DATA {
    if (this.#tls !== undefined) {
      const event = this.#nextTlsEvent(this.#tls);
      if (event !== NEED_DATA && event.type === "unwrapped") this.#returnToPlaintext(this.#tls);
      return event;
    }
    const data = this.#plaintextInput.shift();
    if (data !== undefined) return { type: "data", data };
    if (!this.#isEof || this.#isReadOver) return NEED_DATA;
    this.#isReadOver = true;
    return {
      type: "closed",
      how: this.#isAborted ? { kind: "aborted", alertSent: null } : { kind: "clean" },
    };
  }

  /**
   * Sends application data, which is copied. During the handshake it is queued, in order and up to `limits.queuedWriteBytes`.
   *
   * @returns false when the bytes were dropped because the connection is over.
   * @throws {TypeError} after {@link closeWrite}; {RangeError} when the queue is full.
   */
  write(bytes: Uint8Array): boolean {
    checkBytes("write", bytes);
    this.#enter("write");
    try {
      return this.#tls === undefined ? this.#writePlaintext(bytes) : this.#tls.write(bytes);
    } finally {
      this.#leave();
    }
  }

  #writePlaintext(bytes: Uint8Array): boolean {
    if (this.#isWriteOver) {
      if (this.#isReadOver) return false;
      throw new TypeError("write() after closeWrite()");
    }
    if (bytes.length > 0) this.#output.push(bytes.slice());
    return true;
  }

  /**
   * Puts TLS on a plaintext connection; the config decides the role. What was written before goes out before the first
   * record. What was received and not reported, and `unread` before it, goes to TLS: bytes that somebody put behind the
   * STARTTLS command never reach the application as if they had come through TLS. If they are no TLS record, the connection ends with
   * a `NotTlsError` of kind `plaintext-after-upgrade`.
   *
   * @throws {TypeError} when TLS is on already, or the connection has ended. Nothing has changed then.
   */
  upgrade(config: ClientConfig | ServerConfig, unread: Unread, options: ClientStartOptions = {}): void {
    if (config?.role !== "client" && config?.role !== "server") {
      throw new TypeError("upgrade() needs a ClientConfig or a ServerConfig");
    }
    if (unread !== "none") checkBytes("upgrade", unread);
    const earlyData = earlyDataOf(config, options);
    if (this.#tls !== undefined) throw new TypeError("upgrade() while TLS is on");
    if (this.#isReadOver || this.#isWriteOver)
      throw new TypeError("upgrade() after the end of the connection");
    this.#enter("upgrade");
    try {
      const received = this.#plaintextInput;
      this.#plaintextInput = [];
      this.#tls = new TlsConnection(config, "plaintext-after-upgrade", this.#isAborting, earlyData);
      if (unread !== "none") this.#tls.receive(unread);
      for (const bytes of received) this.#tls.receive(bytes);
      if (this.#isEof) this.#tls.receiveEof();
    } finally {
      this.#leave();
    }
  }

  /**
   * Ends what we write, with close_notify behind it. Reading goes on until the peer does the same. During the handshake it
   * takes effect at its end.
   */
  closeWrite(): void {
    this.#enter("closeWrite");
    try {
      if (this.#tls === undefined) this.#isWriteOver = true;
      else this.#tls.closeWrite();
    } finally {
      this.#leave();
    }
  }

  /**
   * Ends both directions at once, with a fatal `alert` if one is named and TLS is on. A hook may call it: then nothing more of the
   * handshake is sent, and the end comes when the call that called the hook is through.
   *
   * @throws {TypeError} for an alert that does not exist.
   */
  abort(alert?: AlertName): void {
    if (alert !== undefined) checkAlertName(alert);
    if (this.#isBusy) {
      this.#abortDue ??= { alert };
      return;
    }
    if (this.#tls !== undefined) {
      this.#tls.abort(alert);
      return;
    }
    if (this.#isReadOver && this.#isWriteOver) return;
    this.#isWriteOver = true;
    this.#isAborted = true;
    this.#plaintextInput = [];
    this.#isEof = true;
  }

  /**
   * Takes TLS off again, as FTP's CCC does: sends close_notify, and waits for the peer's. When it is there, the event
   * `unwrapped` is reported, and what came behind it is plaintext `data`. It must be called before the peer's close_notify has
   * been reported as `closed`.
   *
   * @throws {TypeError} unless the connection is open.
   */
  unwrap(): void {
    if (this.#tls === undefined) throw new TypeError("unwrap() in plaintext");
    this.#enter("unwrap");
    try {
      this.#tls.unwrap();
    } finally {
      this.#leave();
    }
  }

  /**
   * Renews the keys that we write with (RFC 8446 §4.6.3), and asks the peer to renew its own if `requestPeer`. It happens by itself
   * when the limit of a key is near.
   *
   * @throws {TypeError} unless the connection is open.
   */
  updateKeys(requestPeer = false): void {
    if (this.#tls === undefined) throw new TypeError("updateKeys() in plaintext");
    this.#enter("updateKeys");
    try {
      this.#tls.updateKeys(requestPeer);
    } finally {
      this.#leave();
    }
  }

  /**
   * Asks a client of TLS 1.3 for a certificate, behind the handshake. Its answer is the event `client-authenticated`, or the end of the
   * connection with what `clientAuth` says about it. Only clients that have offered it may be asked. RFC 8446 §4.6.2.
   *
   * @param clientAuth default: that of the config.
   * @throws {TypeError} unless the connection is open and the client can be asked; {ConfigError} for a mode `none`, or a policy that is none.
   */
  requestClientCertificate(clientAuth?: ClientAuth): void {
    if (this.#tls === undefined) throw new TypeError("requestClientCertificate() in plaintext");
    this.#enter("requestClientCertificate");
    try {
      this.#tls.requestClientCertificate(clientAuth);
    } finally {
      this.#leave();
    }
  }

  /** Up to `max` bytes to send, in one buffer that the caller owns; null when there are none, and to a hook. */
  takeOutput(max?: number): Uint8Array | null {
    if (this.#isBusy) return null;
    if (max !== undefined && !(max >= 1)) throw new RangeError(`max is ${max}, allowed 1 and more`);
    const [first] = this.#output;
    if (first === undefined) return this.#tls?.takeOutput(max) ?? null;
    if (max === undefined) {
      const rest = this.#tls?.takeOutput() ?? new Uint8Array();
      const all = concatBytes(...this.#output, rest);
      this.#output = [];
      return all;
    }
    const taken = first.subarray(0, max);
    if (taken.length === first.length) this.#output.shift();
    else this.#output[0] = first.subarray(taken.length);
    return taken;
  }

  /**
   * Keying material that both sides can compute and nobody else. RFC 8446 §7.5, RFC 5705.
   *
   * @param label 1 to 249 ASCII characters, registered or private; @param length bytes.
   * @param context null for none: in TLS 1.2 that is another thing than an empty one.
   * @returns bytes that the caller owns.
   * @throws {TypeError} before the handshake has ended, and after the connection has.
   */
  exportKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    checkExport("exportKeyingMaterial", context, length);
    const exporter = this.#tls?.exporter;
    if (exporter === undefined || this.state !== "open")
      throw new TypeError("exporters need a connection that is open");
    return exporter.export(label, context, length);
  }

  /**
   * The same of the secret that goes with early data: from when a client has sent some, and a server has decided to take it, to the end of
   * the connection. It is as replayable as early data is; and when that was rejected, nobody but the client has it. RFC 8446 §7.5.
   *
   * @throws {TypeError} when there is no early data, and after the end of the connection.
   */
  exportEarlyKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    checkExport("exportEarlyKeyingMaterial", context, length);
    const exporter = this.#tls?.earlyExporter;
    if (exporter === undefined || this.state === "closed")
      throw new TypeError("early exporters need a connection with early data");
    return exporter.export(label, context, length);
  }

  /**
   * What an authentication inside of the connection is bound to, so that it cannot be passed on through another one; the caller owns it.
   *
   * - `tls-exporter` (RFC 9266): 32 bytes, in TLS 1.2 only with an extended main secret.
   * - `tls-server-end-point` (RFC 5929 §4): the hash of the server's certificate.
   * - `tls-unique` (RFC 5929 §3): 12 bytes, in TLS 1.2 only, and not in a resumed session without an extended main secret.
   *
   * @throws {TypeError} when the connection is not open or has no such binding.
   */
  channelBinding(type: ChannelBindingType): Uint8Array {
    const tls = this.#tls;
    if (tls?.bindings === undefined || tls.info === null || this.state !== "open")
      throw new TypeError("channel bindings need a connection that is open");
    switch (type) {
      case "tls-exporter":
        if (!tls.info.extendedMainSecret)
          throw new TypeError("tls-exporter needs an extended main secret in TLS 1.2 (RFC 9266 §4)");
        return this.exportKeyingMaterial("EXPORTER-Channel-Binding", new Uint8Array(), 32);
      case "tls-server-end-point":
        return available(type, tls.bindings.serverEndPoint());
      case "tls-unique":
        return available(type, tls.bindings.tlsUnique?.slice() ?? null);
      default:
        throw new TypeError(`channel binding ${String(type satisfies never)} is not supported`);
    }
  }

  /** What `onMessage` and `onKeyLog` have thrown since the last call, oldest first. Nothing of it has disturbed the connection. */
  takeHookErrors(): readonly unknown[] {
    const kept = this.#hookErrors;
    this.#hookErrors = [];
    return [...kept, ...(this.#tls?.takeHookErrors() ?? [])];
  }

  /** A hook that calls the engine would find it half-way through a flight or a change of keys. */
  #enter(method: string): void {
    if (this.#isBusy) throw new TypeError(`${method}() was called from inside of a hook`);
    this.#isBusy = true;
  }

  #leave(): void {
    this.#isBusy = false;
    const due = this.#abortDue;
    if (due === undefined) return;
    this.#abortDue = undefined;
    this.abort(due.alert);
  }

  readonly #isAborting = (): boolean => this.#abortDue !== undefined;

  #nextTlsEvent(tls: TlsConnection): TlsEvent | typeof NEED_DATA {
    this.#enter("nextEvent");
    let event: TlsEvent | typeof NEED_DATA;
    let isAborting = false;
    try {
      event = tls.nextEvent();
      isAborting = this.#isAborting();
    } finally {
      this.#leave();
    }
    // A hook has called abort(), which has made the last event just now.
    return isAborting && event === NEED_DATA ? tls.nextEvent() : event;
  }

  #returnToPlaintext(tls: TlsConnection): void {
    const output = tls.takeOutput();
    if (output !== null) this.#output.push(output);
    const unread = tls.takeUnread();
    if (unread.length > 0) this.#plaintextInput.push(unread);
    this.#hookErrors.push(...tls.takeHookErrors());
    tls.forget();
    this.#tls = undefined;
  }
}

function available(type: string, binding: Uint8Array | null): Uint8Array {
  if (binding === null) throw new TypeError(`this connection has no channel binding ${type}`);
  return binding;
}

function checkBytes(method: string, bytes: Uint8Array): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${method}() takes a Uint8Array`);
}

function checkExport(method: string, context: Uint8Array | null, length: number): void {
  if (context !== null) checkBytes(method, context);
  if (!Number.isInteger(length) || length < 1 || length > 8160)
    throw new RangeError(`length is ${length}, allowed 1..8160`);
}

/** @throws {TypeError} for early data of a server, or what is no bytes. */
function earlyDataOf(
  { role }: ClientConfig | ServerConfig,
  { earlyData }: ClientStartOptions,
): Uint8Array | undefined {
  if (earlyData === undefined) return undefined;
  checkBytes("earlyData", earlyData);
  if (role === "server") throw new TypeError("a server has no early data to send");
  return new Uint8Array(earlyData);
}
