import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import {
  type AlertName,
  ClientConfig,
  type ClientOptions,
  type ConnectionInfo,
  NEED_DATA,
  pinned,
  ServerConfig,
  type ServerOptions,
  TlsAlert,
  type TlsEvent,
} from "../../src/index.ts";
import { type Forger, type ForgerOptions, seededRandom } from "../support/forger.ts";
import { ForgedClient } from "./forged-client.ts";
import { ForgedServer } from "./forged-server.ts";
import { spkiOf, testCredential, testKey } from "./leaf-certificate.ts";

/** One test on one row of the table of pitfalls (protocol-pitfalls.md §4). */
export interface Pitfall {
  readonly row: number;
  /** The role of the engine. */
  readonly engine: "client" | "server";
  readonly name: string;
  readonly run: () => void;
}

/** Registers a test per pitfall; its name starts with the row. */
export function testPitfalls(pitfalls: readonly Pitfall[]): void {
  for (const { row, engine, name, run } of pitfalls) test(`row ${row}: ${name} (${engine})`, run);
}

/** What a client engine and its forged server differ in from the usual. */
export interface ClientSetup {
  readonly config?: Partial<ClientOptions>;
  readonly forger?: ConstructorParameters<typeof ForgedServer>[1];
}

/** What a server engine and its forged client differ in from the usual. */
export interface ServerSetup {
  readonly config?: Partial<ServerOptions>;
  readonly forger?: ForgerOptions;
}

/** What an engine must answer to a fault: the alert, and the fact as a fragment of the error's message. */
export interface Verdict {
  readonly alert: AlertName;
  readonly says: string | RegExp;
}

const SEED = 0x5eed;

/** The name that clients want, and whose key they trust. */
export const SERVER_NAME = "server.example";

/** A forged server and a client engine that has sent its ClientHello. */
export function forgedServer({ config = {}, forger = {} }: ClientSetup = {}): ForgedServer {
  const key = forger.credential?.key ?? testKey("ecdsa-p256");
  return new ForgedServer(
    // The options are complete; a spread of unions cannot show it.
    new ClientConfig({
      serverName: SERVER_NAME,
      trust: pinned([createHash("sha256").update(spkiOf(key)).digest()]),
      groups: ["x25519", "secp256r1"],
      keyShares: ["x25519"],
      random: seededRandom(SEED),
      now: () => 1_800_000_000_000,
      ...config,
    } as ClientOptions),
    { credential: testCredential(), ...forger },
  );
}

/** A forged client and a server engine that waits for a ClientHello. */
export function forgedClient({ config = {}, forger = {} }: ServerSetup = {}): ForgedClient {
  return new ForgedClient(
    new ServerConfig({
      credentials: [testCredential()],
      groups: ["x25519", "secp256r1"],
      random: seededRandom(SEED),
      now: () => 1_800_000_000_000,
      ...config,
    }),
    forger,
  );
}

/** A server that asks for a certificate, and a client that has one. */
export const mutual = {
  config: { clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } },
  forger: { credential: testCredential() },
} as const satisfies ServerSetup;

/** The client engine refuses what `forge` does with `verdict`. */
export function clientRefuses(
  row: number,
  name: string,
  { alert, says }: Verdict,
  forge: (server: ForgedServer) => void,
  setup?: ClientSetup,
): Pitfall {
  return {
    row,
    engine: "client",
    name: `${name} gets ${alert}`,
    run() {
      const server = forgedServer(setup);
      forge(server);
      expectRefusal(server, { alert, says });
    },
  };
}

/** The server engine refuses what `forge` does with `verdict`. */
export function serverRefuses(
  row: number,
  name: string,
  { alert, says }: Verdict,
  forge: (client: ForgedClient) => void,
  setup?: ServerSetup,
): Pitfall {
  return {
    row,
    engine: "server",
    name: `${name} gets ${alert}`,
    run() {
      const client = forgedClient(setup);
      forge(client);
      expectRefusal(client, { alert, says });
    },
  };
}

/** The client engine takes what `forge` does: the connection opens and works. */
export function clientAccepts(
  row: number,
  name: string,
  forge: (server: ForgedServer) => void,
  setup?: ClientSetup,
): Pitfall {
  return {
    row,
    engine: "client",
    name,
    run() {
      const server = forgedServer(setup);
      forge(server);
      expectOpen(server.complete());
    },
  };
}

/** The server engine takes what `forge` does: the connection opens and works. */
export function serverAccepts(
  row: number,
  name: string,
  forge: (client: ForgedClient) => void,
  setup?: ServerSetup,
): Pitfall {
  return {
    row,
    engine: "server",
    name,
    run() {
      const client = forgedClient(setup);
      forge(client);
      expectOpen(client.complete());
    },
  };
}

/** The same fault, which both engines refuse: in front of the peer's Certificate, or when the handshake is through. */
export function bothRefuse(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (peer: Forger) => void,
  where: "in the handshake" | "after the handshake" = "after the handshake",
): readonly Pitfall[] {
  const isDuring = where === "in the handshake";
  return [
    clientRefuses(row, `${name} ${where}`, verdict, (server) =>
      forge(isDuring ? server.upTo("certificate") : server.complete()),
    ),
    serverRefuses(
      row,
      `${name} ${where}`,
      verdict,
      (client) => forge(isDuring ? client.upTo("certificate") : client.complete()),
      isDuring ? mutual : {},
    ),
  ];
}

/** The same deed, which both engines put up with when the handshake is through. */
export function bothAccept(row: number, name: string, act: (peer: Forger) => void): readonly Pitfall[] {
  return [
    clientAccepts(row, name, (server) => act(server.complete())),
    serverAccepts(row, name, (client) => act(client.complete())),
  ];
}

/** The events of one type. */
export function eventsOf<T extends TlsEvent["type"]>(
  { events }: Forger,
  type: T,
): readonly Extract<TlsEvent, { readonly type: T }>[] {
  // The filter keeps only those of the type, which the compiler cannot see.
  return events.filter((event) => event.type === type) as Extract<TlsEvent, { readonly type: T }>[];
}

/** The engine has reported the fault as its one and last `closed`, has sent one fatal alert, and is inert. */
export function expectRefusal(peer: Forger, { alert, says }: Verdict): void {
  const closed = eventsOf(peer, "closed").map(({ how }) => how);
  expect(closed).toEqual([{ kind: "error", alertSent: alert, error: expect.any(TlsAlert) }]);
  const [how] = closed;
  if (how?.kind !== "error" || !(how.error instanceof TlsAlert)) throw new Error("unreachable");
  expect(how.error.alert).toBe(alert);
  expect(how.error.message.slice(`${alert}: `.length)).toMatch(says);
  expect(peer.events.at(-1)?.type).toBe("closed");
  expect(peer.alerts.map(({ level, alert }) => ({ level, alert }))).toEqual([{ level: 2, alert }]);
  expectInert(peer);
}

/** Nothing that is done to the engine has an effect, and nothing that its peer sends is reported. */
export function expectInert(peer: Forger): void {
  const { engine } = peer;
  const { events, alerts, messages, data } = peer;
  const before = [events.length, alerts.length, messages.length, data.length];
  peer.sendData(ascii("too late"));
  peer.sendHandshake(Uint8Array.of(24, 0, 0, 1, 1));
  peer.sendAlert(1, "close_notify");
  peer.deliver(Uint8Array.of(0x47, 0x45, 0x54, 0x20));
  expect(engine.write(ascii("too late"))).toBe(false);
  engine.closeWrite();
  engine.abort("internal_error");
  engine.receiveEof();
  expect(() => engine.unwrap()).toThrow(TypeError);
  expect(() => engine.updateKeys()).toThrow(TypeError);
  expect(() => engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32)).toThrow(TypeError);
  peer.pump();
  expect([events.length, alerts.length, messages.length, data.length]).toEqual(before);
  expect(engine.nextEvent()).toBe(NEED_DATA);
  expect(engine.takeOutput()).toBeNull();
  expect({ state: engine.state, writeState: engine.writeState }).toEqual({
    state: "closed",
    writeState: "closed",
  });
  expect({ input: engine.pendingInput, output: engine.pendingOutput }).toEqual({ input: 0, output: 0 });
  expect(engine.takeHookErrors()).toEqual([]);
}

/** The handshake is through on both sides, and data goes both ways. */
export function expectOpen(peer: Forger): ConnectionInfo {
  expect(peer.alerts).toEqual([]);
  expect(eventsOf(peer, "closed")).toEqual([]);
  const [complete, ...others] = eventsOf(peer, "handshake-complete");
  if (complete === undefined) throw new Error("the handshake has not ended");
  expect(others).toEqual([]);
  expect(peer.isPeerFinishedGood).toBe(true);
  const events = eventsOf(peer, "data").length;
  const data = peer.data.length;
  peer.sendData(ascii("ping"));
  expect(
    eventsOf(peer, "data")
      .slice(events)
      .map((event) => event.data),
  ).toEqual([ascii("ping")]);
  expect(peer.engine.write(ascii("pong"))).toBe(true);
  peer.pump();
  expect(peer.data.slice(data)).toEqual([ascii("pong")]);
  return complete.info;
}
