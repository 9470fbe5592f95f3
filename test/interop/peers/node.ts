import { constants } from "node:crypto";
import { once } from "node:events";
import type net from "node:net";
import { duplexPair } from "node:stream";
import tls from "node:tls";
import { expect } from "vitest";
import { type ClientConfig, type ServerConfig, TlsEngine } from "../../../src/index.ts";
import type { Authority, Issued } from "../ca.ts";
import { connect, Driver, listen } from "../driver.ts";
import type { Combination, Group } from "../rows.ts";
import type { Combination12 } from "../rows12.ts";
import { Changes, type Scope } from "../waiting.ts";
import { opensslGroups, opensslGroups12, opensslSuite12 } from "./openssl.ts";

const [major = 0, minor = 0] = (process.versions.openssl ?? "").split(".").map(Number);

/** Why node:tls cannot do what a row is about. */
export function nodeLacks({ group }: { readonly group?: Group | undefined }): string | undefined {
  const hasHybrid = major > 3 || (major === 3 && minor >= 5);
  if (group === "X25519MLKEM768" && !hasHybrid) {
    return `node ${process.version} is built on OpenSSL ${major}.${minor}, which has no X25519MLKEM768`;
  }
  return undefined;
}

/** Options that hold node:tls to one combination. */
export function nodeOnly({ suite, group }: Pick<Combination, "suite" | "group">): tls.SecureContextOptions {
  return { ciphers: suite, ecdhCurve: opensslGroups[group] };
}

/** Options that hold node:tls to one combination of TLS 1.2, next to its versions. */
export function nodeOnly12(combination: Combination12): tls.SecureContextOptions {
  const { suite, encryptThenMac } = combination;
  return {
    ciphers: opensslSuite12(suite),
    ecdhCurve: opensslGroups12(combination),
    ...(encryptThenMac === false && { secureOptions: constants.SSL_OP_NO_ENCRYPT_THEN_MAC }),
  };
}

/** How bytes travel between our driver and node:tls. */
export type Carrier = "socket" | "duplex";

/** One side of node:tls, and what it has received. */
export class NodePeer {
  readonly socket: tls.TLSSocket;
  readonly #changes = new Changes();
  readonly #received: Buffer[] = [];
  #receivedLength = 0;
  #isSecure: boolean;
  #hasEnded = false;
  #isOver = false;
  #error: NodeJS.ErrnoException | undefined;

  constructor(scope: Scope, socket: tls.TLSSocket, isSecure: boolean) {
    this.socket = socket;
    this.#isSecure = isSecure;
    scope.onClose(() => socket.destroy());
    socket.on("secureConnect", () => (this.#isSecure = true));
    socket.on("data", (bytes: Buffer) => {
      this.#received.push(bytes);
      this.#receivedLength += bytes.length;
    });
    socket.on("end", () => {
      this.#hasEnded = true;
      // Sockets do so by themselves, a Duplex does not.
      socket.end();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#error = error;
      this.#isOver = true;
    });
    socket.on("close", () => (this.#isOver = true));
    const announce = (): void => this.#changes.announce();
    for (const event of ["secureConnect", "data", "end", "error", "close"]) socket.on(event, announce);
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  get receivedLength(): number {
    return this.#receivedLength;
  }

  /** Whether the other side has said close_notify. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  async untilReceived(text: string): Promise<void> {
    await this.until(JSON.stringify(text), () => this.received.includes(text));
  }

  async untilSecure(): Promise<void> {
    await this.until("secureConnect", () => this.#isSecure);
  }

  /** Waits for the end of the connection, and gives the error that it ended with. */
  async untilOver(): Promise<NodeJS.ErrnoException | undefined> {
    await this.until("end", () => this.#isOver);
    return this.#error;
  }

  async until<T>(what: string, probe: () => T | undefined | false): Promise<T> {
    return await this.#changes.until(
      what,
      probe,
      () => `node:tls received ${this.#receivedLength} bytes, error: ${this.#error?.message ?? "none"}`,
      () => this.#isOver,
    );
  }
}

export interface NodeServerOptions extends tls.TlsOptions {
  readonly onKeyLog?: (line: Buffer) => void;
}

/** Our client after its handshake with a new server of node:tls. */
export async function meetNodeServer(
  scope: Scope,
  carrier: Carrier,
  certificate: Issued,
  config: ClientConfig,
  options: NodeServerOptions = {},
): Promise<{ readonly client: Driver; readonly peer: NodePeer }> {
  const { onKeyLog, ...rest } = options;
  const { keyPem, chainPem } = certificate;
  const server = tls.createServer({ key: keyPem, cert: chainPem, minVersion: "TLSv1.3", ...rest });
  if (onKeyLog !== undefined) server.on("keylog", onKeyLog);
  const peer = new Promise<NodePeer>((resolve, reject) => {
    server.on("secureConnection", (socket) => resolve(new NodePeer(scope, socket, true)));
    server.on("tlsClientError", reject);
  });
  const client = await reach(scope, carrier, server, config);
  return { peer: await peer, client };
}

async function reach(
  scope: Scope,
  carrier: Carrier,
  server: tls.Server,
  config: ClientConfig,
): Promise<Driver> {
  if (carrier === "duplex") {
    const [ours, theirs] = duplexPair();
    server.emit("connection", theirs);
    return new Driver(TlsEngine.client(config), ours);
  }
  scope.onClose(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on a port has an address of this kind.
  return await connect(scope, (server.address() as net.AddressInfo).port, config);
}

/** A server of node:tls that listens on a port of this machine. */
export async function listenNode(
  scope: Scope,
  { keyPem, chainPem }: Issued,
  options: tls.TlsOptions,
): Promise<{
  readonly port: number;
  /** The next connection whose handshake has ended. */
  readonly next: () => Promise<NodePeer>;
}> {
  const secured: NodePeer[] = [];
  const changes = new Changes();
  const server = tls.createServer({ key: keyPem, cert: chainPem, ...options }, (socket) => {
    secured.push(new NodePeer(scope, socket, true));
    changes.announce();
  });
  // Node keeps no sessions by itself, but for those in tickets.
  const sessions = new Map<string, Buffer>();
  server.on("newSession", (id: Buffer, session: Buffer, done: () => void) => {
    sessions.set(id.toString("hex"), session);
    done();
  });
  server.on("resumeSession", (id: Buffer, done: (error: Error | null, session: Buffer | null) => void) =>
    done(null, sessions.get(id.toString("hex")) ?? null),
  );
  scope.onClose(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a port has an address of this kind.
    port: (server.address() as net.AddressInfo).port,
    next: () =>
      changes.until(
        "secureConnection",
        () => secured.shift(),
        () => "node has no further connection",
        () => false,
      ),
  };
}

/** A client of node:tls on a port of this machine, which verifies the certificate there for `localhost`. */
export function connectNode(
  scope: Scope,
  authority: Authority,
  port: number,
  options: tls.ConnectionOptions,
): NodePeer {
  const all = { host: "127.0.0.1", port, ca: authority.rootPem, servername: "localhost", ...options };
  return new NodePeer(scope, tls.connect(all), false);
}

/** A new client of node:tls, connected to a server of ours, whose certificate it verifies for `localhost`. */
export async function meetNodeClient(
  scope: Scope,
  carrier: Carrier,
  authority: Authority,
  config: ServerConfig,
  options: tls.ConnectionOptions = {},
): Promise<{ readonly server: Driver; readonly peer: NodePeer }> {
  const all = { ca: authority.rootPem, servername: "localhost", minVersion: "TLSv1.3", ...options } as const;
  if (carrier === "duplex") {
    const [ours, theirs] = duplexPair();
    const server = new Driver(TlsEngine.server(config), ours);
    return { server, peer: new NodePeer(scope, tls.connect({ socket: theirs, ...all }), false) };
  }
  const listener = await listen(scope, config);
  const peer = new NodePeer(scope, tls.connect({ host: "127.0.0.1", port: listener.port, ...all }), false);
  return { server: await listener.accept(), peer };
}

/** One line each way, and a clean end that we begin. */
export async function exchangeWithNode(own: Driver, peer: NodePeer): Promise<void> {
  await own.untilComplete();
  own.write("ping from tls-engine\n");
  await peer.untilReceived("ping from tls-engine\n");
  peer.socket.write("pong from node\n");
  await own.untilReceived("pong from node\n");
  expect((await own.close()).kind).toBe("clean");
  expect(peer.hasEnded).toBe(true);
  expect(await peer.untilOver()).toBeUndefined();
}

/** Compares three exports: in TLS 1.2 no context differs from an empty one. */
export async function expectSameNodeExports(own: Driver, peer: NodePeer): Promise<void> {
  await peer.untilSecure();
  // The types of Node do not know that the context may be left out.
  const theirSide: { exportKeyingMaterial(length: number, label: string, context?: Buffer): Buffer } =
    peer.socket;
  const seen = new Set<string>();
  for (const context of [null, Buffer.alloc(0), Buffer.from("a context")]) {
    const theirs = theirSide.exportKeyingMaterial(64, "EXPORTER-interop", context ?? undefined);
    const ours = own.engine.exportKeyingMaterial("EXPORTER-interop", context, 64);
    expect(Buffer.from(ours).equals(theirs), String(context)).toBe(true);
    seen.add(theirs.toString("hex"));
  }
  expect(seen.size).toBe(own.info.version === "TLSv1.3" ? 2 : 3);
}
