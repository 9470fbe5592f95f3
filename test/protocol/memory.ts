import {
  ClientConfig,
  type ClientOptions,
  credential,
  pinned,
  ServerConfig,
  type ServerOptions,
  TlsEngine,
} from "../../src/index.ts";
import { latin1 } from "../../src/bytes.ts";
import { TlsProtocol, type TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import type { Clock, Protocol, Transport } from "../../src/protocol/transport.ts";
import { testCertificate } from "../support/certificates.ts";
import { type Split, whole } from "../support/pair.ts";

/** Time that stands still until a test moves it. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Map<object, { readonly atMs: number; readonly callback: () => void }>();
  #deferred: (() => void)[] = [];

  /** Timers that run. */
  get timers(): number {
    return this.#timers.size;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const handle = {};
    this.#timers.set(handle, { atMs: this.#nowMs + ms, callback });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as object);
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** Runs what was deferred, and what that defers. @returns whether there was any. */
  settle(): boolean {
    let any = false;
    for (let callback = this.#deferred.shift(); callback !== undefined; callback = this.#deferred.shift()) {
      any = true;
      callback();
    }
    return any;
  }

  /** Lets `ms` pass, and runs what is deferred by then. */
  advance(ms: number): void {
    this.pass(ms);
    this.settle();
  }

  /** Lets `ms` pass. */
  pass(ms: number): void {
    this.#nowMs += ms;
    for (const [handle, { atMs, callback }] of this.#timers) {
      if (atMs > this.#nowMs || !this.#timers.delete(handle)) continue;
      callback();
    }
  }
}

/** An application that writes down what it is told. */
export class Recorder implements Protocol {
  /** Names of the calls in order; data with their length. */
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  /** What `connectionLost` has said; undefined before. */
  lostWith: Error | null | undefined;
  transport: Transport | undefined;
  /** Runs inside of the call of this name. */
  readonly during: Partial<Record<keyof Protocol, (transport: Transport) => boolean | void>> = {};

  get text(): string {
    return latin1(Buffer.concat(this.chunks));
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.#call("connectionMade", "connectionMade");
  }

  dataReceived(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
    this.#call("dataReceived", `dataReceived ${bytes.length}`);
  }

  eofReceived(): boolean | void {
    return this.#call("eofReceived", "eofReceived");
  }

  connectionLost(error: Error | null): void {
    if (this.lostWith !== undefined) throw new Error("connectionLost twice");
    this.lostWith = error;
    this.#call("connectionLost", "connectionLost");
  }

  pauseWriting(): void {
    this.#call("pauseWriting", "pauseWriting");
  }

  resumeWriting(): void {
    this.#call("resumeWriting", "resumeWriting");
  }

  #call(name: keyof Protocol, line: string): boolean | void {
    this.calls.push(line);
    if (this.transport !== undefined) return this.during[name]?.(this.transport);
  }
}

/** A transport in memory, which a test loads, pauses, breaks and looks into. It behaves as a socket does. */
export class MemoryTransport implements Transport {
  readonly info = null;
  readonly calls: string[] = [];
  protocol: Protocol | undefined;
  isClosing = false;
  isReadingPaused = false;
  /** What was sent and not taken; `"end"` when our direction has ended. */
  readonly outgoing: (Uint8Array | "end")[] = [];
  readonly #clock: Clock;
  readonly #incoming: (Uint8Array | "end")[] = [];
  #hasSentEnd = false;
  #hasReceivedEnd = false;
  #isLost = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Connects `protocol`. */
  open(protocol: Protocol): this {
    this.protocol = protocol;
    protocol.connectionMade(this);
    return this;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  write(bytes: Uint8Array): void {
    this.calls.push(`write ${bytes.length}`);
    if (this.#hasSentEnd) throw new Error("a write behind the end");
    if (!this.#isLost) this.outgoing.push(bytes.slice());
  }

  close(): void {
    this.calls.push("close");
    this.isClosing = true;
    this.#end();
    if (this.#hasReceivedEnd) this.#clock.defer(() => this.lose(null));
  }

  closeWrite(): void {
    this.calls.push("closeWrite");
    this.#end();
  }

  abort(error?: Error): void {
    this.calls.push("abort");
    this.isClosing = true;
    this.outgoing.length = 0;
    this.#end();
    this.#clock.defer(() => this.lose(error ?? null));
  }

  pauseReading(): void {
    this.calls.push("pauseReading");
    this.isReadingPaused = true;
  }

  resumeReading(): void {
    this.calls.push("resumeReading");
    this.isReadingPaused = false;
    this.#clock.defer(() => this.#deliver());
  }

  setProtocol(protocol: Protocol): void {
    this.calls.push("setProtocol");
    this.protocol = protocol;
  }

  /** Bytes, or the end, arrive from the peer. While reading is paused they wait. */
  receive(...items: readonly (Uint8Array | "end")[]): void {
    this.#incoming.push(...items);
    this.#deliver();
  }

  /** The connection breaks; the peer sees its end. */
  lose(error: Error | null): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.isClosing = true;
    this.#end();
    this.protocol?.connectionLost(error);
  }

  /** Everything that was sent and not taken. */
  take(): Uint8Array {
    const bytes = this.outgoing.filter((item) => item !== "end");
    this.outgoing.length = 0;
    return Buffer.concat(bytes);
  }

  #end(): void {
    if (this.#hasSentEnd) return;
    this.#hasSentEnd = true;
    this.outgoing.push("end");
  }

  #deliver(): void {
    while (!this.isReadingPaused && !this.#isLost) {
      const item = this.#incoming.shift();
      if (item === undefined) return;
      if (item === "end") this.#receiveEnd();
      else if (!this.isClosing) this.protocol?.dataReceived(item);
    }
  }

  #receiveEnd(): void {
    this.#hasReceivedEnd = true;
    if (this.isClosing) this.#clock.defer(() => this.lose(null));
    else if (this.protocol?.eofReceived?.() !== true && !this.isClosing) this.close();
  }
}

/** Two transports back to back. */
export class Link {
  readonly clock: FakeClock;
  readonly client: MemoryTransport;
  readonly server: MemoryTransport;
  readonly #split: Split;

  constructor(clock = new FakeClock(), split: Split = whole) {
    this.clock = clock;
    this.client = new MemoryTransport(clock);
    this.server = new MemoryTransport(clock);
    this.#split = split;
  }

  /** Carries bytes and ends both ways until nothing moves any more. */
  run(): void {
    for (;;) {
      const moved = [
        this.clock.settle(),
        this.#carry(this.client, this.server),
        this.#carry(this.server, this.client),
      ];
      if (!moved.includes(true)) return;
    }
  }

  #carry(from: MemoryTransport, to: MemoryTransport): boolean {
    const items = from.outgoing.splice(0);
    for (const item of items) {
      if (item === "end") to.receive(item);
      else to.receive(...this.#split(item));
    }
    return items.length > 0;
  }
}

/** One end of a connection: an application, TLS, and the transport below. */
export interface Side {
  readonly app: Recorder;
  readonly tls: TlsProtocol;
  readonly lower: MemoryTransport;
}

export interface PairOptions {
  readonly client?: TlsProtocolOptions;
  readonly server?: TlsProtocolOptions;
  readonly clientConfig?: ClientConfig;
  readonly serverConfig?: ServerConfig;
  readonly split?: Split;
}

/** A client and a server that are not connected yet. */
export async function tlsPair(options: PairOptions = {}) {
  const link = new Link(new FakeClock(), options.split);
  const clientConfig = options.clientConfig ?? (await testClientConfig());
  const serverConfig = options.serverConfig ?? (await testServerConfig());
  const side = (
    config: ClientConfig | ServerConfig,
    lower: MemoryTransport,
    given: TlsProtocolOptions = {},
  ): Side => {
    const app = new Recorder();
    return { app, lower, tls: TlsEngine.wrap(app, config, { clock: link.clock, ...given }) };
  };
  const client = side(clientConfig, link.client, options.client);
  const server = side(serverConfig, link.server, options.server);
  const open = (): void => {
    link.server.open(server.tls);
    link.client.open(client.tls);
  };
  return { link, clock: link.clock, client, server, open };
}

/** A client and a server behind the handshake. The transports have forgotten the calls of the handshake. */
export async function connectedPair(options: PairOptions = {}) {
  const pair = await tlsPair(options);
  pair.open();
  pair.link.run();
  for (const { tls, lower } of [pair.client, pair.server]) {
    await tls.handshake;
    lower.calls.length = 0;
  }
  return pair;
}

/** A configuration for `localhost` with a small ClientHello. */
export async function testClientConfig(changes: Partial<ClientOptions> = {}): Promise<ClientConfig> {
  const { spkiSha256 } = await testCertificate({ keyType: "ecdsa-p256" });
  return new ClientConfig({
    serverName: "localhost",
    trust: pinned([spkiSha256]),
    groups: ["x25519"],
    ...changes,
  } as ClientOptions);
}

export async function testServerConfig(changes: Partial<ServerOptions> = {}): Promise<ServerConfig> {
  const { certificatePem, keyPem } = await testCertificate({ keyType: "ecdsa-p256" });
  return new ServerConfig({
    credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
    ...changes,
  } as ServerOptions);
}
