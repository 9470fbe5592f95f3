import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { ClientStartOptions, TlsEngine, Unread } from "../engine/engine.ts";
import { ConfigError } from "../errors.ts";
import type { ChannelBindingType, ConnectionInfo, PeerIdentity } from "../handshake/established.ts";
import { Application, type AppState } from "./application.ts";
import { TlsDriver, type WrapState } from "./driver.ts";
import { checkEarlyDataUse, protocolSettings, type TlsProtocolOptions } from "./options.ts";
import type { TlsControls } from "./tls-controls.ts";
import type { Protocol, Transport } from "./transport.ts";

export type { AppState } from "./application.ts";
export type { WrapState } from "./driver.ts";
export type { TlsProtocolOptions } from "./options.ts";
export type { TlsControls } from "./tls-controls.ts";

/**
 * TLS between a transport and an application, as asyncio's `SSLProtocol` is: a protocol to the one, and a transport to the other.
 * It adds to the engine what that has not: time limits, back-pressure both ways, and the orderly end.
 *
 * Give it to a transport as its protocol; or call `connectionMade(transport)`, and pass on what the transport says from then on.
 * An application that was told `connectionMade` hears in `connectionLost` how the connection ended; before that, {@link handshake} rejects.
 *
 * An application may call anything of its transport from any callback. If a callback throws, the connection ends, and `connectionLost`
 * gets what was thrown.
 */
export class TlsProtocol implements Protocol, TlsControls {
  readonly #driver: TlsDriver;

  /**
   * @param engine in plaintext or in its handshake; nobody else may drive it from now on.
   * @param config puts TLS on an engine that is in plaintext, behind `options.unread`. Null for one that is in its handshake, and
   * for a connection that stays in plaintext until {@link startTls}.
   * @throws {ConfigError} for an option that is out of range; {TypeError} for an engine that is used already.
   */
  constructor(
    app: Protocol,
    engine: TlsEngine,
    config: ClientConfig | ServerConfig | null,
    options: TlsProtocolOptions = {},
  ) {
    const settings = protocolSettings(options);
    const { earlyData } = options;
    if (config !== null) checkEarlyDataUse(config, earlyData, options);
    else if (earlyData !== undefined)
      throw new ConfigError(
        "earlyData",
        `${earlyData.length} bytes`,
        "none without a config; startTls() takes some",
      );
    if (engine.state !== "plaintext" && engine.state !== "handshaking")
      throw new TypeError(`the engine is ${engine.state}; TlsProtocol takes a new one`);
    if (config !== null)
      engine.upgrade(config, options.unread ?? "none", earlyData === undefined ? {} : { earlyData });
    else if (options.unread !== undefined) engine.receive(options.unread);
    const application = new Application(app, settings, (error) => this.#driver.reportHookError(error));
    this.#driver = new TlsDriver(engine, settings, application);
  }

  get state(): WrapState {
    return this.#driver.state;
  }

  get appState(): AppState {
    return this.#driver.app.state;
  }

  /** What the application gets: a transport like any other, so that TLS works over it again. */
  get appTransport(): Transport {
    return this.#driver.appTransport;
  }

  /**
   * Settles when the handshake has ended, or with it the connection; in plaintext, it is that of the next {@link startTls}. A rejection that
   * nobody looks at is not unhandled.
   */
  get handshake(): Promise<ConnectionInfo> {
    return this.#driver.handshake.promise;
  }

  /**
   * Puts TLS on a connection in plaintext where it stands. What was written before goes out before. The application stays, is not told
   * `connectionMade` again, and hears `connectionLost` if the handshake fails.
   *
   * @param unread bytes that came behind the command that asked for TLS, if a parser holds any: they go to TLS, never to the application.
   * @param options early data of a client.
   * @throws {TypeError} unless the connection is in plaintext and open both ways; {ConfigError} for early data that has nobody to go to.
   * Nothing has changed then.
   */
  startTls(
    config: ClientConfig | ServerConfig,
    unread: Unread,
    options: ClientStartOptions = {},
  ): Promise<ConnectionInfo> {
    const driver = this.#driver;
    if (!driver.isPlaintext)
      throw new TypeError("startTls() needs a connection that is in plaintext and open");
    checkEarlyDataUse(config, options.earlyData, driver.settings);
    driver.engine.upgrade(config, unread, options);
    driver.requestAndGoOn(() => driver.startHandshake());
    return driver.handshake.promise;
  }

  unwrap(): Promise<void> {
    return this.#driver.controls.unwrap();
  }

  exportKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#driver.controls.exportKeyingMaterial(label, context, length);
  }

  /** The same for early data, which `onEarlyData` may ask for already; see `TlsEngine.exportEarlyKeyingMaterial`. RFC 8446 §7.5. */
  exportEarlyKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#driver.engine.exportEarlyKeyingMaterial(label, context, length);
  }

  channelBinding(type: ChannelBindingType): Uint8Array {
    return this.#driver.controls.channelBinding(type);
  }

  updateKeys(requestPeer = false): void {
    this.#driver.controls.updateKeys(requestPeer);
  }

  requestClientCertificate(clientAuth?: ClientAuth): Promise<PeerIdentity> {
    return this.#driver.controls.requestClientCertificate(clientAuth);
  }

  /**
   * Starts TLS, or plaintext, on `transport`.
   *
   * @param isReadingPaused whether its reading was paused for this; then it is resumed when TLS wants to read.
   * @throws {TypeError} the second time.
   */
  connectionMade(transport: Transport, isReadingPaused = false): void {
    const driver = this.#driver;
    if (driver.lower.isAttached) throw new TypeError("connectionMade() was called before");
    driver.lower.attach(transport, isReadingPaused);
    if (driver.isOver) {
      driver.lower.abort();
    } else {
      if (driver.engine.state === "handshaking") driver.startHandshake();
      driver.pump();
    }
  }

  dataReceived(bytes: Uint8Array): void {
    if (this.#driver.isOver) return;
    this.#driver.engine.receive(bytes);
    this.#driver.pump();
  }

  /** @returns true while something is to be sent or read; then it is TLS that closes the transport. */
  eofReceived(): boolean {
    const driver = this.#driver;
    if (driver.isOver) return false;
    driver.engine.receiveEof();
    driver.pump();
    return !driver.isOver && !driver.lower.isClosing;
  }

  connectionLost(error: Error | null): void {
    this.#driver.lose(error);
  }

  pauseWriting(): void {
    this.#driver.lower.isWritingPaused = true;
  }

  resumeWriting(): void {
    this.#driver.lower.isWritingPaused = false;
    this.#driver.pump();
  }
}
