import { createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { ServerConfig } from "../../config/server.ts";
import { checkFunction } from "../../config/settings.ts";
import { TlsEngine } from "../../engine/engine.ts";
import type { ConnectionInfo } from "../../handshake/established.ts";
import { runtimeClock } from "../../protocol/clock.ts";
import { checkEarlyDataUse, protocolSettings } from "../../protocol/options.ts";
import type { Clock, Transport } from "../../protocol/transport.ts";
import { asyncDispose, Connection, type StartTlsOptions, type TlsOptions } from "../connection.ts";
import { connectionOptions, type SocketConnectionOptions, wrapOptions } from "./connect.ts";
import { nodeTransport } from "./socket-transport.ts";

/** Serves one client. The connection is closed when the promise resolves, and dropped when it rejects. */
export type ConnectionHandler = (connection: Connection) => Promise<void>;

/** Where {@link startServer} listens, as `net.Server.listen()` takes it, and how it treats clients. */
export interface ListenerOptions extends ListenOptions, SocketConnectionOptions {
  /** TLS from the first byte; or, with `upgradeable`, what `startTls()` takes when it is called without one. Default: plaintext. */
  readonly tls?: ServerConfig;
  /** Starts in plaintext, and allows `startTls()`. Default: false. */
  readonly upgradeable?: boolean;
  /**
   * A client with which TLS did not come about, at the first byte or in a `startTls()` that the handler let fail. The listener goes on.
   *
   * @param remote the client's address and port.
   */
  readonly onHandshakeError?: (error: unknown, remote: string) => void;
  /**
   * Takes early data of a client before the handler has its connection, which is the second argument; the receiver owns the bytes. Needed with a
   * `tls` that takes early data. See `TlsProtocolOptions`.
   */
  readonly onEarlyData?: (data: Uint8Array, connection: Connection) => void;
  /** What a handler has thrown. Default: a warning of the process. */
  readonly onError?: (error: unknown, connection: Connection) => void;
  /** How long {@link Listener.close} waits for connections to end in order. Default: 2 000. */
  readonly closeGraceMs?: number;
}

/** What {@link startServer} has started. */
export interface Listener {
  /** The port listened on; 0 for a path. */
  readonly port: number;
  /**
   * Accepts no more, closes all connections, and drops those that have not ended within `closeGraceMs`.
   *
   * @returns when all of them are gone.
   */
  close(): Promise<void>;
  /** The same as {@link close}. */
  [asyncDispose](): Promise<void>;
}

/**
 * Listens, and calls `handler` for each client: behind the handshake, if TLS comes first. Nothing that a client or a handler does ends
 * the listener or the process.
 *
 * @throws as a rejection, when listening fails, and {TypeError} or {ConfigError} for options that make no sense.
 */
export async function startServer(handler: ConnectionHandler, options: ListenerOptions): Promise<Listener> {
  if (options.tls !== undefined && options.tls.role !== "server")
    throw new TypeError("startServer() takes a ServerConfig");
  checkTlsOptions(options);
  const listener = new NodeListener(handler, options);
  await listener.listen();
  return listener;
}

/** A connection that remembers with what error a handshake has ended it. */
class AcceptedConnection extends Connection {
  handshakeError: unknown;

  override async startTls(
    config?: Parameters<Connection["startTls"]>[0],
    options?: StartTlsOptions,
  ): Promise<ConnectionInfo> {
    try {
      return await super.startTls(config, options);
    } catch (error) {
      // What was refused before anything was done is a mistake of the handler.
      if (this.isEnding) this.handshakeError = error;
      throw error;
    }
  }
}

class NodeListener implements Listener {
  readonly #server: Server;
  readonly #handler: ConnectionHandler;
  readonly #options: ListenerOptions;
  readonly #clock: Clock;
  #port = 0;
  /** How to end what goes on, in order. */
  readonly #ongoing = new Map<Transport, () => void>();
  #closed: Promise<void> | undefined;

  constructor(handler: ConnectionHandler, options: ListenerOptions) {
    this.#handler = handler;
    this.#options = options;
    this.#clock = options.clock ?? runtimeClock();
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true },
      (socket) => void this.#accept(socket),
    );
  }

  get port(): number {
    return this.#port;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ ...this.#options }, () => {
        this.#server.off("error", reject);
        this.#server.on("error", warn);
        const address = this.#server.address();
        if (typeof address === "object" && address !== null) this.#port = address.port;
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const end of this.#ongoing.values()) end();
    const timer = this.#clock.setTimeout(() => {
      for (const transport of this.#ongoing.keys()) transport.abort();
    }, this.#options.closeGraceMs ?? 2_000);
    await closed;
    this.#clock.clearTimeout(timer);
  }

  async #accept(socket: Socket): Promise<void> {
    const { tls, upgradeable = false } = this.#options;
    const remote = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    const tlsOptions = tlsOptionsFor(this.#options, () => connection);
    const connection: AcceptedConnection = new AcceptedConnection(
      connectionOptions({ ...this.#options, upgradeable, tlsOptions }),
    );
    if (tls === undefined || upgradeable) {
      const transport = nodeTransport(socket, connection, this.#options);
      this.#track(socket, transport, () => void connection.close());
    } else {
      const wrapped = TlsEngine.wrap(connection, tls, wrapOptions({ ...this.#options, tlsOptions }));
      const transport = nodeTransport(socket, wrapped, this.#options);
      this.#track(socket, transport, () => wrapped.appTransport.close());
      try {
        await wrapped.handshake;
      } catch (error) {
        this.#reportHandshakeError(error, remote);
        return;
      }
    }
    await this.#serve(connection, remote);
  }

  async #serve(connection: AcceptedConnection, remote: string): Promise<void> {
    try {
      await this.#handler(connection);
      await connection.close();
    } catch (error) {
      // TLS that failed closes the connection itself, behind its alert.
      if (error === connection.handshakeError) {
        this.#reportHandshakeError(error, remote);
      } else {
        connection.abort();
        report(() => (this.#options.onError ?? warn)(error, connection));
      }
    }
  }

  #track(socket: Socket, transport: Transport, end: () => void): void {
    this.#ongoing.set(transport, end);
    socket.once("close", () => this.#ongoing.delete(transport));
    if (this.#closed !== undefined) end();
  }

  #reportHandshakeError(error: unknown, remote: string): void {
    report(() => this.#options.onHandshakeError?.(error, remote));
  }
}

/** What would be wrong with every connection is said at the start. */
function checkTlsOptions(options: ListenerOptions): void {
  const onEarlyData = checkFunction("onEarlyData", options.onEarlyData);
  const settings = protocolSettings(wrapOptions(options));
  // A handler that starts TLS itself may say itself who takes early data.
  if (options.tls === undefined || options.upgradeable === true) return;
  const taker = onEarlyData === undefined ? settings.onEarlyData : () => undefined;
  checkEarlyDataUse(options.tls, options.tlsOptions?.earlyData, { ...settings, onEarlyData: taker });
}

/** `onEarlyData` is told whose data it gets, since many connections share one. */
function tlsOptionsFor(
  { tlsOptions = {}, onEarlyData }: ListenerOptions,
  connection: () => Connection,
): TlsOptions {
  if (onEarlyData === undefined) return tlsOptions;
  return { ...tlsOptions, onEarlyData: (data) => onEarlyData(data, connection()) };
}

/** A callback that throws must not end the process either. */
function report(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
