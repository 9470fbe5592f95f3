import type { ConnectionInfo } from "../handshake/established.ts";
import type { TlsDriver } from "./driver.ts";
import type { TlsControls } from "./tls-controls.ts";
import type { Protocol, Transport } from "./transport.ts";

/** The transport that an application above TLS gets. */
export class AppTransport implements Transport {
  readonly #driver: TlsDriver;
  #hasReportedLateWrite = false;

  constructor(driver: TlsDriver) {
    this.#driver = driver;
  }

  get isClosing(): boolean {
    return this.#driver.isOver || this.#driver.isShuttingDown || this.#driver.lower.isClosing;
  }

  get info(): ConnectionInfo | null {
    return this.#driver.engine.info;
  }

  get tls(): TlsControls {
    return this.#driver.controls;
  }

  /**
   * Sends `bytes` through TLS; during the handshake they wait for its end. What is written after the end, ours or the connection's, is
   * dropped, and reported to `onHookError` the first time.
   *
   * @throws {TypeError} for anything but a Uint8Array; {RangeError} when more than `limits.queuedWriteBytes` wait for the handshake.
   */
  write(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("write() takes a Uint8Array");
    if (bytes.length === 0) return;
    const driver = this.#driver;
    driver.request(() => {
      if (!this.#isWritable || !driver.engine.write(bytes)) this.#reportLateWrite(bytes.length);
      else if (driver.state === "DO_HANDSHAKE") driver.queuedLength += bytes.length;
    });
  }

  /**
   * Sends what was written and close_notify, waits for the peer's within the time limit of the shutdown, and closes the transport below.
   * What the peer still sends is dropped. During the handshake it drops the connection.
   */
  close(): void {
    const driver = this.#driver;
    if (driver.isOver || driver.isShuttingDown) return;
    if (driver.state === "WRAPPED" || driver.isPlaintext) driver.requestAndGoOn(() => driver.startShutdown());
    else driver.abort();
  }

  /** Sends what was written and close_notify, and goes on reading. @throws {TypeError} unless `halfClose` is on. */
  closeWrite(): void {
    const driver = this.#driver;
    if (!driver.settings.halfClose) throw new TypeError("closeWrite() needs the option halfClose");
    if (!this.#isWritable) return;
    driver.requestAndGoOn(() => {
      if (driver.isReadOver) driver.startShutdown();
      else driver.engine.closeWrite();
      driver.isWriteOver = true;
    });
  }

  /** Drops the connection, without close_notify. */
  abort(error?: Error): void {
    this.#driver.abort(error);
  }

  pauseReading(): void {
    this.#driver.isAppPaused = true;
  }

  /** What waits is delivered after this call. */
  resumeReading(): void {
    if (!this.#driver.isAppPaused) return;
    this.#driver.isAppPaused = false;
    this.#driver.planPump();
  }

  setProtocol(protocol: Protocol): void {
    this.#driver.app.replace(protocol);
  }

  get #isWritable(): boolean {
    const { state, isPlaintext, isWriteOver } = this.#driver;
    return (state === "DO_HANDSHAKE" || state === "WRAPPED" || isPlaintext) && !isWriteOver;
  }

  #reportLateWrite(length: number): void {
    if (this.#hasReportedLateWrite) return;
    this.#hasReportedLateWrite = true;
    this.#driver.reportHookError(
      new TypeError(`write() on a connection that is not open for writing: ${length} bytes were dropped`),
    );
  }
}
