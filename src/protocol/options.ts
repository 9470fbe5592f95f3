import { ConfigError } from "../errors.ts";
import type { PeerIdentity } from "../handshake/established.ts";
import type { Session } from "../handshake/post.ts";
import { runtimeClock } from "./clock.ts";
import type { Clock } from "./transport.ts";

/** How a `TlsProtocol` treats time, ends and buffers. What TLS itself does is in `ClientConfig` and `ServerConfig`. */
export interface TlsProtocolOptions {
  /** Milliseconds from the start of the handshake to its end. Default: 60 000. */
  readonly handshakeTimeoutMs?: number;
  /** Milliseconds from our close to the peer's answer. Default: 30 000. */
  readonly shutdownTimeoutMs?: number;
  /** Whether the application is told `connectionMade` after the handshake; false when it was told before. Default: true. */
  readonly callConnectionMade?: boolean;
  /**
   * What the end of the transport without close_notify is. `"strict"`: a `TruncationError`, since anyone on the path can have cut
   * the data. `"tolerant"`: an end like any other, for peers that are known not to say close_notify. Default: `"strict"`.
   */
  readonly eof?: "strict" | "tolerant";
  /** Whether one direction may end before the other: `closeWrite()`, and true as an answer of `eofReceived()`. Default: false. */
  readonly halfClose?: boolean;
  /** Bytes that the transport below does not take, at which the application is told `pauseWriting`. Default: 512 KiB. */
  readonly writeHighWater?: number;
  /** Bytes at which it is told `resumeWriting`. Default: a quarter of `writeHighWater`. */
  readonly writeLowWater?: number;
  /** Received bytes that a paused application does not take, at which the transport below is paused. Default: 256 KiB. */
  readonly readHighWater?: number;
  /** Bytes at which it is resumed. Default: a quarter of `readHighWater`. */
  readonly readLowWater?: number;
  /** Bytes that one `dataReceived` may join. A single record is never cut. Default: 256 KiB. */
  readonly maxRead?: number;
  /** Takes tickets for later connections. A client gets them after the handshake, mostly with the first data. */
  readonly onSession?: (session: Session) => void;
  /** Takes who a client is that has answered `requestClientCertificate()`. */
  readonly onClientAuthenticated?: (peer: PeerIdentity) => void;
  /**
   * Takes what disturbs no connection: what `onMessage`, `onKeyLog`, `onSession`, `onClientAuthenticated`, `pauseWriting` and
   * `resumeWriting` have thrown; and, once per connection, a `TypeError` for a write that came too late.
   */
  readonly onHookError?: (error: unknown) => void;
  /** Where time comes from. Default: the runtime's `setTimeout`. */
  readonly clock?: Clock;
  /** Bytes that were read from the transport already, to be received first. They are copied. */
  readonly unread?: Uint8Array;
}

/** {@link TlsProtocolOptions}, checked and complete. */
export interface ProtocolSettings {
  readonly handshakeTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly callConnectionMade: boolean;
  readonly eof: "strict" | "tolerant";
  readonly halfClose: boolean;
  readonly writeMarks: Marks;
  readonly readMarks: Marks;
  readonly maxRead: number;
  readonly onSession: ((session: Session) => void) | undefined;
  readonly onClientAuthenticated: ((peer: PeerIdentity) => void) | undefined;
  readonly onHookError: ((error: unknown) => void) | undefined;
  readonly clock: Clock;
}

/** A high and a low watermark, in bytes. */
export interface Marks {
  readonly high: number;
  readonly low: number;
}

/** @throws {ConfigError} for an option that is out of range; {TypeError} for `unread` that is no Uint8Array. */
export function protocolSettings(options: TlsProtocolOptions): ProtocolSettings {
  const { eof = "strict", maxRead = 256 * 1024, unread } = options;
  if (eof !== "strict" && eof !== "tolerant") throw new ConfigError("eof", eof, '"strict", "tolerant"');
  if (!isLength(maxRead) || maxRead === 0) throw new ConfigError("maxRead", maxRead, "whole numbers from 1");
  if (unread !== undefined && !(unread instanceof Uint8Array))
    throw new TypeError("unread must be a Uint8Array");
  return {
    handshakeTimeoutMs: timeLimit("handshakeTimeoutMs", options.handshakeTimeoutMs, 60_000),
    shutdownTimeoutMs: timeLimit("shutdownTimeoutMs", options.shutdownTimeoutMs, 30_000),
    callConnectionMade: options.callConnectionMade ?? true,
    eof,
    halfClose: options.halfClose ?? false,
    writeMarks: marks("write", options.writeHighWater, options.writeLowWater, 512 * 1024),
    readMarks: marks("read", options.readHighWater, options.readLowWater, 256 * 1024),
    maxRead,
    onSession: options.onSession,
    onClientAuthenticated: options.onClientAuthenticated,
    onHookError: options.onHookError,
    clock: options.clock ?? runtimeClock(),
  };
}

/** The longest delay that timers take; Node and browsers turn a longer one into none at all. */
const MAX_DELAY_MS = 2 ** 31 - 1;

function timeLimit(option: string, ms: number | undefined, byDefault: number): number {
  if (ms === undefined) return byDefault;
  if (!(ms > 0 && ms <= MAX_DELAY_MS))
    throw new ConfigError(option, ms, `more than 0, up to ${MAX_DELAY_MS}`);
  return ms;
}

/** Given one mark, the other is four times as high or a quarter of it. */
function marks(
  direction: "read" | "write",
  givenHigh: number | undefined,
  givenLow: number | undefined,
  highByDefault: number,
): Marks {
  const high = givenHigh ?? (givenLow === undefined ? highByDefault : 4 * givenLow);
  const low = givenLow ?? Math.floor(high / 4);
  const lowAllowed = `whole numbers from 0 to ${direction}HighWater`;
  if (givenLow !== undefined && !isLength(givenLow))
    throw new ConfigError(`${direction}LowWater`, low, lowAllowed);
  if (!isLength(high)) throw new ConfigError(`${direction}HighWater`, high, "whole numbers from 0");
  if (low > high) throw new ConfigError(`${direction}LowWater`, low, `${lowAllowed}, ${high}`);
  return { high, low };
}

function isLength(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
