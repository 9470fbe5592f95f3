import type { ClientAuth } from "../config/server.ts";
import type { ChannelBindingType, PeerIdentity } from "../handshake/established.ts";
import type { TlsDriver } from "./driver.ts";
import { Pledge } from "./pledge.ts";

/** What TLS can do on a connection besides carrying bytes. */
export interface TlsControls {
  /** Keying material that both sides can compute and nobody else; see `TlsEngine.exportKeyingMaterial`. RFC 8446 §7.5, RFC 5705. */
  exportKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array;
  /** What SCRAM-PLUS and the like bind an authentication to; see `TlsEngine.channelBinding`. */
  channelBinding(type: ChannelBindingType): Uint8Array;
  /** Renews the keys that we write with, and asks the peer to do the same if `requestPeer`; see `TlsEngine.updateKeys`. */
  updateKeys(requestPeer?: boolean): void;
  /**
   * Asks a client of TLS 1.3 for a certificate, behind the handshake; see `TlsEngine.requestClientCertificate`. One request at a time: the next one
   * waits for the answer. It comes behind what the client has written before, which must be read.
   *
   * @param clientAuth default: that of the config.
   * @returns who the client is; `info.peer` is that too from now on. It rejects when the connection ends before, by what `clientAuth` refuses as well. A
   * rejection that nobody looks at is not unhandled.
   * @throws {TypeError} unless the connection is open, the client can be asked, and no request waits; {ConfigError} for `clientAuth`.
   */
  requestClientCertificate(clientAuth?: ClientAuth): Promise<PeerIdentity>;
  /**
   * Takes TLS off again, as FTP's CCC does, when the peer has agreed by its close_notify. Until then nothing can be written.
   *
   * @returns settled when the connection is in plaintext, or lost.
   * @throws {TypeError} unless TLS is on and open both ways.
   */
  unwrap(): Promise<void>;
}

/** The {@link TlsControls} of a driver. */
export class DriverControls implements TlsControls {
  readonly #driver: TlsDriver;

  constructor(driver: TlsDriver) {
    this.#driver = driver;
  }

  exportKeyingMaterial(label: string, context: Uint8Array | null, length: number): Uint8Array {
    return this.#driver.engine.exportKeyingMaterial(label, context, length);
  }

  channelBinding(type: ChannelBindingType): Uint8Array {
    return this.#driver.engine.channelBinding(type);
  }

  updateKeys(requestPeer = false): void {
    this.#driver.requestAndGoOn(() => this.#driver.engine.updateKeys(requestPeer));
  }

  requestClientCertificate(clientAuth?: ClientAuth): Promise<PeerIdentity> {
    const driver = this.#driver;
    if (driver.authenticating !== undefined)
      throw new TypeError("requestClientCertificate() while the client is being asked");
    const authenticating = new Pledge<PeerIdentity>();
    driver.requestAndGoOn(() => {
      driver.engine.requestClientCertificate(clientAuth);
      driver.authenticating = authenticating;
    });
    return authenticating.promise;
  }

  unwrap(): Promise<void> {
    const driver = this.#driver;
    if (driver.state !== "WRAPPED" || driver.isReadOver || driver.isWriteOver)
      throw new TypeError("unwrap() needs a connection that is in TLS and open");
    const unwrapping = new Pledge<void>();
    driver.requestAndGoOn(() => {
      driver.engine.unwrap();
      driver.unwrapping = unwrapping;
      driver.isWriteOver = true;
      driver.startShutdownTimer();
    });
    return unwrapping.promise;
  }
}
