import type { ConnectionInfo } from "../handshake/established.ts";
import type { TlsControls } from "./tls-controls.ts";

/**
 * What an application protocol writes to: a socket, or TLS over one. The shape is asyncio's, so that what works on a
 * socket works over TLS, and TLS works over TLS.
 */
export interface Transport {
  /** Sends `bytes`, which are copied or sent before the call returns. What is written after the end goes nowhere. */
  write(bytes: Uint8Array): void;
  /** Sends what was written, ends the outgoing direction, waits for the peer to do the same within a time limit, and closes. */
  close(): void;
  /** Ends the outgoing direction behind what was written, and goes on reading, where the transport can do that. */
  closeWrite(): void;
  /** Drops the connection now, and what was not sent with it. `error` is what `connectionLost` gets. */
  abort(error?: Error): void;
  /** Whether {@link close} or {@link abort} was called, or the connection was lost. */
  readonly isClosing: boolean;
  /** Stops `dataReceived`. Bytes of the peer wait in bounded buffers, and then at the peer. */
  pauseReading(): void;
  resumeReading(): void;
  /** Delivers to `protocol` from now on. It is not told `connectionMade`. */
  setProtocol(protocol: Protocol): void;
  /** What TLS has agreed on; null in plaintext and before the handshake has ended. */
  readonly info: ConnectionInfo | null;
  /** What TLS can do besides; absent where there can be none. In plaintext its methods throw `TypeError`. */
  readonly tls?: TlsControls;
}

/**
 * What a transport delivers to: an application, or TLS in front of one. Calls come in this order:
 * `connectionMade`, any number of `dataReceived`, at most one `eofReceived`, exactly one `connectionLost`.
 */
export interface Protocol {
  connectionMade(transport: Transport): void;
  /** `bytes` are valid until the call returns. */
  dataReceived(bytes: Uint8Array): void;
  /** The peer has ended its direction. Returning true keeps ours open, where the transport can do that; else it is closed. */
  eofReceived?(): boolean | void;
  /** Exactly once after `connectionMade`; null after an orderly end. */
  connectionLost(error: Error | null): void;
  /** The transport holds as much as it should: write no more until `resumeWriting`. The two are paired. */
  pauseWriting?(): void;
  resumeWriting?(): void;
}

/** Time, so that tests can make it. */
export interface Clock {
  /** Calls `callback` after `ms` milliseconds. @returns what {@link clearTimeout} takes. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
  /** Calls `callback` soon, never before the current call has returned: asyncio's `call_soon`. */
  defer(callback: () => void): void;
}
