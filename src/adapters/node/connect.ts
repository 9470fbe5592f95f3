import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import type { Duplex } from "node:stream";
import type { ClientConfig } from "../../config/client.ts";
import { TlsEngine } from "../../engine/engine.ts";
import { runtimeClock } from "../../protocol/clock.ts";
import type { TlsProtocolOptions } from "../../protocol/options.ts";
import { Connection, type ConnectionOptions } from "../connection.ts";
import { nodeTransport, type NodeTransportOptions } from "./socket-transport.ts";

/** Options of what lies between a socket and the application. */
export interface SocketConnectionOptions
  extends NodeTransportOptions, Pick<ConnectionOptions, "tlsOptions" | "readHighWaterBytes"> {}

/** Where to connect to, as `net.connect()` takes it, and how. */
export interface OpenConnectionOptions
  extends Omit<TcpNetConnectOpts, "onread" | "allowHalfOpen" | "signal">, SocketConnectionOptions {
  /** TLS from the first byte; or, with `upgradeable`, what `startTls()` takes when it is called without one. Default: plaintext. */
  readonly tls?: ClientConfig;
  /** Starts in plaintext, and allows `startTls()`. Default: false. */
  readonly upgradeable?: boolean;
  /** How long connecting may take, together with the handshake if TLS comes first. Default: 60 000. */
  readonly timeoutMs?: number;
  /** Ends the attempt, not the connection that has come of it. */
  readonly signal?: AbortSignal;
}

/**
 * Connects, and resolves when the application may talk: behind the handshake, if TLS comes first. An attempt that fails
 * rejects with what the socket or TLS has to say, and closes the socket.
 *
 * @throws {TypeError} or {RangeError} as a rejection, for options that make no sense.
 */
export async function openConnection(options: OpenConnectionOptions): Promise<Connection> {
  const { tls, upgradeable = false, timeoutMs = 60_000, signal, clock = runtimeClock() } = options;
  if (tls !== undefined && tls.role !== "client")
    throw new TypeError("openConnection() takes a ClientConfig");
  if (!(timeoutMs > 0)) throw new RangeError(`timeoutMs is ${timeoutMs}, allowed more than 0`);
  signal?.throwIfAborted();
  const connection = new Connection(connectionOptions({ ...options, upgradeable }));
  const wrapped =
    tls === undefined || upgradeable ? null : TlsEngine.wrap(connection, tls, wrapOptions(options));
  const socket = connect(connectTarget(options));
  const giveUp = (reason: unknown): void =>
    void socket.destroy(reason instanceof Error ? reason : new Error("aborted", { cause: reason }));
  const timer = clock.setTimeout(() => giveUp(timedOut(timeoutMs)), timeoutMs);
  const abort = (): void => giveUp(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    await connected(socket);
    nodeTransport(socket, wrapped ?? connection, options);
    await wrapped?.handshake;
    return connection;
  } finally {
    clock.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * A connection on a socket that is connected, or on any other Duplex of bytes: the socket that an HTTP server gives away with its `connect`
 * event (put the `head` back with `socket.unshift(head)`), a `tls.TLSSocket`, a pipe. It starts in plaintext and is upgradeable.
 *
 * @throws {TypeError} as {@link nodeTransport} does.
 */
export function connectionFromSocket(
  stream: Duplex,
  options: NodeTransportOptions & ConnectionOptions = {},
): Connection {
  const connection = new Connection(connectionOptions(options));
  nodeTransport(stream, connection, options);
  return connection;
}

/** The part that a {@link Connection} takes. */
export function connectionOptions(options: NodeTransportOptions & ConnectionOptions): ConnectionOptions {
  return { ...options, tlsOptions: wrapOptions(options) };
}

/** The part that a `TlsProtocol` takes. */
export function wrapOptions({ tlsOptions, clock }: SocketConnectionOptions): TlsProtocolOptions {
  return { halfClose: true, ...(clock !== undefined && { clock }), ...tlsOptions };
}

/** Without what would make `net` act on its own after the connection is there. */
function connectTarget(options: OpenConnectionOptions): TcpNetConnectOpts {
  const { signal: _, ...target } = options;
  return { ...target, allowHalfOpen: true };
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve();
    });
  });
}

function timedOut(limitMs: number): Error {
  return Object.assign(new Error(`connecting took longer than ${limitMs} ms`), { code: "ETIMEDOUT" });
}
