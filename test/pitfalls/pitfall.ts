import { expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import {
  type AlertName,
  type ConnectionInfo,
  NEED_DATA,
  TlsAlert,
  type TlsEvent,
  type TlsVersion,
} from "../../src/index.ts";
import type { Forger } from "../support/forger.ts";

/** One test on one row of the table of pitfalls (protocol-pitfalls.md §4). */
export interface Pitfall {
  readonly row: number;
  /** The role of the engine. */
  readonly engine: "client" | "server";
  readonly name: string;
  readonly run: () => void;
}

/** The name of the test of a pitfall of `version`, which starts with the row. */
export function testName(version: TlsVersion, { row, engine, name }: Pitfall): string {
  return `row ${row}, ${version}: ${name} (${engine})`;
}

/** Registers a test per pitfall of `version`. */
export function testPitfalls(version: TlsVersion, pitfalls: readonly Pitfall[]): void {
  for (const pitfall of pitfalls) test(testName(version, pitfall), pitfall.run);
}

/** What an engine must answer to a fault: the alert, and the fact as a fragment of the error's message. */
export interface Verdict {
  readonly alert: AlertName;
  readonly says: string | RegExp;
}

/** A forger that can go through a handshake as an honest peer does. */
interface Peer extends Forger {
  complete(): this;
}

/** How the tests of a version come by their engines. */
export interface Sides<S extends Peer, C extends Peer, ClientSetup, ServerSetup> {
  readonly version: TlsVersion;
  /** A forged server and a client engine that has sent its ClientHello. */
  readonly forgedServer: (setup?: ClientSetup) => S;
  /** A forged client and a server engine that waits for a ClientHello. */
  readonly forgedClient: (setup?: ServerSetup) => C;
  /** A forged server in front of a message of its flight. */
  readonly serverMidway: () => S;
  /** A forged client in front of a message of its flight. */
  readonly clientMidway: () => C;
}

/** Ways to make a {@link Pitfall}, for one version. */
export interface PitfallMakers<S, C, ClientSetup, ServerSetup> {
  /** The client engine refuses what `forge` does with `verdict`. */
  readonly clientRefuses: (
    row: number,
    name: string,
    verdict: Verdict,
    forge: (server: S) => void,
    setup?: ClientSetup,
  ) => Pitfall;
  /** The server engine refuses what `forge` does with `verdict`. */
  readonly serverRefuses: (
    row: number,
    name: string,
    verdict: Verdict,
    forge: (client: C) => void,
    setup?: ServerSetup,
  ) => Pitfall;
  /** The client engine takes what `forge` does: the connection opens and works. */
  readonly clientAccepts: (
    row: number,
    name: string,
    forge: (server: S) => void,
    setup?: ClientSetup,
  ) => Pitfall;
  /** The server engine takes what `forge` does: the connection opens and works. */
  readonly serverAccepts: (
    row: number,
    name: string,
    forge: (client: C) => void,
    setup?: ServerSetup,
  ) => Pitfall;
  /** The same fault, which both engines refuse: amid the peer's flight, or when the handshake is through. */
  readonly bothRefuse: (
    row: number,
    name: string,
    verdict: Verdict,
    forge: (peer: S | C) => void,
    where?: "in the handshake" | "after the handshake",
  ) => readonly Pitfall[];
  /** The same deed, which both engines put up with when the handshake is through. */
  readonly bothAccept: (row: number, name: string, act: (peer: S | C) => void) => readonly Pitfall[];
}

/** The {@link PitfallMakers} of a version. */
export function pitfallMakers<S extends Peer, C extends Peer, ClientSetup, ServerSetup>({
  version,
  forgedServer,
  forgedClient,
  serverMidway,
  clientMidway,
}: Sides<S, C, ClientSetup, ServerSetup>): PitfallMakers<S, C, ClientSetup, ServerSetup> {
  const refusal = <P extends Peer>(
    peer: () => P,
    test: Omit<Pitfall, "run">,
    verdict: Verdict,
    forge: (peer: P) => void,
  ): Pitfall => ({
    ...test,
    name: `${test.name} gets ${verdict.alert}`,
    run() {
      const forger = peer();
      forge(forger);
      expectRefusal(forger, verdict);
    },
  });
  const acceptance = <P extends Peer>(
    peer: () => P,
    test: Omit<Pitfall, "run">,
    forge: (peer: P) => void,
  ): Pitfall => ({
    ...test,
    run() {
      const forger = peer();
      forge(forger);
      expect(expectOpen(forger.complete()).version).toBe(version);
    },
  });
  return {
    clientRefuses: (row, name, verdict, forge, setup) =>
      refusal(() => forgedServer(setup), { row, name, engine: "client" }, verdict, forge),
    serverRefuses: (row, name, verdict, forge, setup) =>
      refusal(() => forgedClient(setup), { row, name, engine: "server" }, verdict, forge),
    clientAccepts: (row, name, forge, setup) =>
      acceptance(() => forgedServer(setup), { row, name, engine: "client" }, forge),
    serverAccepts: (row, name, forge, setup) =>
      acceptance(() => forgedClient(setup), { row, name, engine: "server" }, forge),
    bothRefuse(row, what, verdict, forge, where = "after the handshake") {
      const isDuring = where === "in the handshake";
      const name = `${what} ${where}`;
      const server = isDuring ? serverMidway : (): S => forgedServer().complete();
      const client = isDuring ? clientMidway : (): C => forgedClient().complete();
      return [
        refusal(server, { row, name, engine: "client" }, verdict, forge),
        refusal(client, { row, name, engine: "server" }, verdict, forge),
      ];
    },
    bothAccept: (row, name, act) => [
      acceptance(() => forgedServer().complete(), { row, name, engine: "client" }, act),
      acceptance(() => forgedClient().complete(), { row, name, engine: "server" }, act),
    ],
  };
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
