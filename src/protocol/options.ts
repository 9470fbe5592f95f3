import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import { checkFunction } from "../config/settings.ts";
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
   * Goes out with the first flight of a client, if a session allows it: see `ClientStartOptions`. It has no forward secrecy, and an attacker
   * may repeat it. It needs `onEarlyDataRejected`.
   */
  readonly earlyData?: Uint8Array;
  /**
   * Gets `earlyData` back, behind `connectionMade` and before any data, when it was not sent or not taken; to be written now, if it is
   * fit for the server that this is. Of an application that has paused reading, it waits as data do. What it throws ends the connection.
   */
  readonly onEarlyDataRejected?: (data: Uint8Array) => void;
  /**
   * Takes early data of a client, record by record, before `connectionMade`; the receiver owns the bytes. Whoever has seen them can have sent
   * them again, so nothing must come of them that must not happen twice. A server whose config takes early data needs it. What it throws
   * ends the connection.
   */
  readonly onEarlyData?: (data: Uint8Array) => void;
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
  readonly onEarlyData: ((data: Uint8Array) => void) | undefined;
  readonly onEarlyDataRejected: ((data: Uint8Array) => void) | undefined;
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
    onEarlyData: checkFunction("onEarlyData", options.onEarlyData),
    onEarlyDataRejected: checkFunction("onEarlyDataRejected", options.onEarlyDataRejected),
    onClientAuthenticated: options.onClientAuthenticated,
    onHookError: options.onHookError,
    clock: options.clock ?? runtimeClock(),
  };
}

type TakeBytes = (data: Uint8Array) => void;

interface EarlyDataTakers {
  readonly onEarlyData?: TakeBytes | undefined;
  readonly onEarlyDataRejected?: TakeBytes | undefined;
}

/**
 * Whether all early data has somebody to go to.
 *
 * @param earlyData what is to be sent; undefined for nothing.
 * @throws {ConfigError} when it has not, so that nothing is lost without a word; and for early data of a server. {TypeError} for what is no bytes.
 */
export function checkEarlyDataUse(
  config: ClientConfig | ServerConfig,
  earlyData: Uint8Array | undefined,
  { onEarlyData, onEarlyDataRejected }: EarlyDataTakers,
): void {
  if (config?.role === "server" && config.earlyData !== undefined && onEarlyData === undefined)
    throw new ConfigError("onEarlyData", onEarlyData, "a function, as the ServerConfig takes early data");
  if (earlyData === undefined) return;
  if (!(earlyData instanceof Uint8Array)) throw new TypeError("earlyData must be a Uint8Array");
  if (config?.role === "server")
    throw new ConfigError("earlyData", `${earlyData.length} bytes`, "none for a server");
  if (onEarlyDataRejected === undefined) {
    throw new ConfigError(
      "onEarlyDataRejected",
      onEarlyDataRejected,
      "a function, as there is earlyData, which may not be taken",
    );
  }
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
