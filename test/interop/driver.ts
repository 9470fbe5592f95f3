import { once } from "node:events";
import net from "node:net";
import type { Duplex } from "node:stream";
import {
  type AlertName,
  type ClientConfig,
  type ClientStartOptions,
  type CloseReason,
  type ConnectionInfo,
  NEED_DATA,
  type ServerConfig,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";
import { Changes, type Scope } from "./waiting.ts";

/** A TlsEngine on a stream of Node, with what it has reported. It is as small as a driver can be, and has no timers. */
export class Driver {
  readonly engine: TlsEngine;
  /** Every event but `data`, whose bytes are in {@link received}; those of `early-data` are copies. */
  readonly events: TlsEvent[] = [];
  readonly #stream: Duplex;
  readonly #changes = new Changes();
  #received: Buffer[] = [];
  #receivedLength = 0;
  #onData: ((data: Buffer) => void) | undefined;

  constructor(engine: TlsEngine, stream: Duplex) {
    this.engine = engine;
    this.#stream = stream;
    if (stream instanceof net.Socket) stream.setNoDelay(true);
    stream.on("data", (bytes: Buffer) => {
      engine.receive(bytes);
      this.pump();
    });
    const ended = (): void => {
      engine.receiveEof();
      this.pump();
    };
    // A connection that is reset has ended too: the engine tells whether that was due.
    stream.on("end", ended).on("close", ended).on("error", ended);
    this.pump();
  }

  /** Bytes received so far that {@link take} has not taken; in plaintext as well as through TLS. */
  get received(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  get receivedLength(): number {
    return this.#receivedLength;
  }

  /** Early data that was received, as Latin-1. */
  get early(): string {
    return Buffer.concat(this.eventsOf("early-data").map(({ data }) => data)).toString("latin1");
  }

  /** Early data that has come back, as Latin-1. */
  get rejected(): string {
    return Buffer.concat(this.eventsOf("early-data-rejected").map(({ data }) => data)).toString("latin1");
  }

  get info(): ConnectionInfo {
    const { info } = this.engine;
    if (info === null) throw new Error("the handshake has not ended");
    return info;
  }

  /** How reading has ended, if it has. */
  get how(): CloseReason | undefined {
    return this.eventsOf("closed")[0]?.how;
  }

  eventsOf<K extends TlsEvent["type"]>(type: K): Extract<TlsEvent, { type: K }>[] {
    return this.events.filter((event): event is Extract<TlsEvent, { type: K }> => event.type === type);
  }

  /** Gets what arrives from now on, in place of {@link received}. */
  onData(use: (data: Buffer) => void): void {
    this.#onData = use;
    const early = this.take();
    if (early.length > 0) use(early);
  }

  write(data: Uint8Array | string): void {
    this.engine.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
    this.pump();
  }

  upgrade(config: ClientConfig | ServerConfig): void {
    const unread = this.take();
    this.engine.upgrade(config, unread.length > 0 ? unread : "none");
    this.pump();
  }

  updateKeys(requestPeer: boolean): void {
    this.engine.updateKeys(requestPeer);
    this.pump();
  }

  /** Everything that was received, which is forgotten here; or only up to the end of the first line. */
  take(part: "all" | "line" = "all"): Buffer {
    const { received } = this;
    const length = part === "all" ? received.length : received.indexOf("\n") + 1;
    this.#received = [received.subarray(length)];
    this.#receivedLength = received.length - length;
    return received.subarray(0, length);
  }

  /** The next line that is received, without its end. */
  async readLine(): Promise<string> {
    await this.until("line", () => this.received.includes("\n"));
    return this.take("line").toString("latin1").trimEnd();
  }

  /** Waits for `text` among what is received. */
  async untilReceived(text: string): Promise<void> {
    await this.until(JSON.stringify(text.slice(0, 60)), () => this.received.includes(text, 0, "latin1"));
  }

  async untilComplete(): Promise<ConnectionInfo> {
    return await this.until("handshake-complete", () => this.engine.info ?? undefined);
  }

  async untilClosed(): Promise<CloseReason> {
    return await this.until("closed event", () => this.how);
  }

  /** Says close_notify, waits for the peer's, and ends the stream. */
  async close(): Promise<CloseReason> {
    this.closeWrite();
    const how = await this.untilClosed();
    this.#stream.end();
    return how;
  }

  /** Says close_notify, and goes on reading. */
  closeWrite(): void {
    this.engine.closeWrite();
    this.pump();
  }

  abort(alert: AlertName): void {
    this.engine.abort(alert);
    this.pump();
  }

  /** Waits until `probe` finds something; fails when the connection ends before. */
  async until<T>(what: string, probe: () => T | undefined | false): Promise<T> {
    return await this.#changes.until(
      what,
      probe,
      () => this.#description(),
      () => this.engine.state === "closed" || this.#stream.destroyed,
    );
  }

  /** The loop that every driver has: events until there is none, then the output. */
  pump(): void {
    for (let event = this.engine.nextEvent(); event !== NEED_DATA; event = this.engine.nextEvent()) {
      if (event.type === "data") {
        this.#take(Buffer.from(event.data));
      } else if (event.type === "pending") {
        this.#stream.pause();
        void event.done.then(() => {
          this.#stream.resume();
          this.pump();
        });
        break;
      } else {
        this.events.push(event.type === "early-data" ? { ...event, data: event.data.slice() } : event);
      }
    }
    const output = this.engine.takeOutput();
    if (output !== null && this.#stream.writable) this.#stream.write(output);
    const isOver = this.how !== undefined && this.how.kind !== "clean";
    if (isOver && this.#stream.writable) this.#stream.end();
    this.#changes.announce();
  }

  #take(data: Buffer): void {
    if (this.#onData !== undefined) {
      this.#onData(data);
      return;
    }
    this.#received.push(data);
    this.#receivedLength += data.length;
  }

  #description(): string {
    const how = this.how === undefined ? "not closed" : describeClose(this.how);
    const events = this.events.map(({ type }) => type).join(", ");
    return `engine ${this.engine.state}, ${how}, events: ${events || "none"}, ${this.#receivedLength} bytes received`;
  }
}

/** One line about the end of a connection. */
export function describeClose(how: CloseReason): string {
  if (how.kind === "clean") return "closed by close_notify";
  if (how.kind === "aborted") return "aborted";
  const { error } = how;
  const cause = error.cause instanceof Error ? ` (${error.cause.stack ?? error.cause.message})` : "";
  return `${how.kind}: ${error.message}${cause}`;
}

/** Connects to a port of this machine. Without a config the connection starts in plaintext. */
export async function connect(
  scope: Scope,
  port: number,
  config?: ClientConfig,
  start: ClientStartOptions = {},
): Promise<Driver> {
  const socket = net.connect({ host: "127.0.0.1", port });
  scope.onClose(() => socket.destroy());
  await once(socket, "connect");
  return new Driver(config === undefined ? new TlsEngine() : TlsEngine.client(config, start), socket);
}

/** A listener of ours on a port of this machine. */
export interface Listener {
  readonly port: number;
  /** The next connection that was not accepted yet. */
  readonly accept: () => Promise<Driver>;
}

/** Listens on a free port. Without a config connections start in plaintext; with a function, each has the one that it gives. */
export async function listen(scope: Scope, config?: ServerConfig | (() => ServerConfig)): Promise<Listener> {
  const accepted: Driver[] = [];
  const changes = new Changes();
  const server = net.createServer((socket) => {
    scope.onClose(() => socket.destroy());
    const own = typeof config === "function" ? config() : config;
    accepted.push(new Driver(own === undefined ? new TlsEngine() : TlsEngine.server(own), socket));
    changes.announce();
  });
  scope.onClose(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the listener has no port");
  return {
    port: address.port,
    accept: () =>
      changes.until(
        "connection",
        () => accepted.shift(),
        () => "nobody has connected",
        () => false,
      ),
  };
}
