import { expect } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import {
  type ClientConfig,
  type EarlyHello,
  MemoryReplayStore,
  type ReplayStore,
  type ServerConfig,
  TlsEngine,
} from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { End, Pair, type Split } from "../support/pair.ts";
import { Clock, OpenStore } from "./sessions.ts";
import { open } from "./versions.ts";

export type ClientChanges = NonNullable<Parameters<typeof toyClient>[0]>;
export type ServerChanges = NonNullable<Parameters<typeof toyServer>[0]>;

/** What is said in early data, where it does not matter. */
export const QUESTION = "GET / HTTP/1.1";

/** Bytes of early data that the servers here take. */
export const MAX_BYTES = 1000;

/** A replay store that remembers what it was asked. */
export class OpenReplayStore implements ReplayStore {
  readonly asked: EarlyHello[] = [];
  readonly #inner: ReplayStore;

  constructor(inner: ReplayStore) {
    this.#inner = inner;
  }

  take(hello: EarlyHello): ReturnType<ReplayStore["take"]> {
    this.asked.push(hello);
    return this.#inner.take(hello);
  }
}

/** A client and a server on the same clock, which have met already: the client has a ticket for early data. */
export interface Acquainted {
  readonly clock: Clock;
  readonly client: ClientConfig;
  readonly server: ServerConfig;
  readonly replays: OpenReplayStore;
}

/** Both have TLS 1.3 alone unless they are told otherwise, and one key share each. */
export async function acquainted(
  clientChanges: ClientChanges = {},
  serverChanges: ServerChanges = {},
): Promise<Acquainted> {
  const clock = new Clock();
  const replays = new OpenReplayStore(new MemoryReplayStore({ now: clock.now }));
  const client = toyClient({
    versions: ["TLSv1.3"],
    keyShares: ["x25519"],
    sessionStore: new OpenStore(),
    now: clock.now,
    ...clientChanges,
  });
  const server = toyServer({
    versions: ["TLSv1.3"],
    ticketCount: 1,
    earlyData: { maxBytes: MAX_BYTES, replayStore: replays },
    now: clock.now,
    ...serverChanges,
  });
  const pair = await open(client, server);
  pair.client.engine.closeWrite();
  pair.server.engine.closeWrite();
  await pair.run();
  return { clock, client, server, replays };
}

/** A connection that starts with `earlyData`, run to the end of its handshake. */
export async function meetAgain(
  { client, server }: Pick<Acquainted, "client" | "server">,
  earlyData: string | Uint8Array = QUESTION,
  split?: Split,
): Promise<Pair> {
  return new Pair(client, server, split, { earlyData: bytesOf(earlyData) }).run();
}

/** The first flight of a client that has something to say, as anybody on the way sees it. */
export function firstFlight(client: ClientConfig, earlyData: string | Uint8Array = QUESTION): Uint8Array {
  const end = new End(TlsEngine.client(client, { earlyData: bytesOf(earlyData) }));
  expect(end.drain()).toBeUndefined();
  return end.engine.takeOutput() ?? new Uint8Array();
}

/** A server that is given `flight`, and has answered as far as it can. */
export async function serverGiven(server: ServerConfig, flight: Uint8Array): Promise<End> {
  const end = new End(TlsEngine.server(server));
  end.engine.receive(flight);
  for (let waits = end.drain(); waits !== undefined; waits = end.drain()) await waits;
  return end;
}

/** The handshake is through, and the early data has arrived once, as such. */
export async function expectAccepted(pair: Pair, earlyData: string | Uint8Array = QUESTION): Promise<void> {
  expect(latin1(pair.server.early)).toBe(latin1(bytesOf(earlyData)));
  expect(typesOf(pair.client)).not.toContain("early-data-rejected");
  expect([pair.client, pair.server].map(({ engine }) => engine.info)).toMatchObject([
    { resumed: true, earlyDataAccepted: true },
    { resumed: true, earlyDataAccepted: true },
  ]);
  await expectWorking(pair);
}

/** The handshake is through, the early data has come back once, and nothing of it was delivered. */
export async function expectRejected(
  pair: Pair,
  { resumed, earlyData = QUESTION }: { readonly resumed: boolean; readonly earlyData?: string | Uint8Array },
): Promise<void> {
  expect(typesOf(pair.server)).not.toContain("early-data");
  const events = pair.client.events.filter(({ type }) => type !== "session");
  expect(events.map(({ type }) => type)).toEqual(["handshake-complete", "early-data-rejected"]);
  expect(events[1]).toEqual({ type: "early-data-rejected", data: new Uint8Array(bytesOf(earlyData)) });
  expect([pair.client, pair.server].map(({ engine }) => engine.info)).toMatchObject([
    { resumed, earlyDataAccepted: false },
    { resumed, earlyDataAccepted: false },
  ]);
  await expectWorking(pair);
}

/** Data goes both ways, and arrives once. */
export async function expectWorking(pair: Pair): Promise<void> {
  const before = [pair.client, pair.server].map((end) => latin1(end.received));
  pair.client.engine.write(ascii("ping"));
  pair.server.engine.write(ascii("pong"));
  await pair.run();
  expect([pair.client, pair.server].map((end) => latin1(end.received))).toEqual([
    `${before[0]}pong`,
    `${before[1]}ping`,
  ]);
  expect([pair.client.closed, pair.server.closed]).toEqual([undefined, undefined]);
  expect([pair.client, pair.server].flatMap(({ engine }) => engine.takeHookErrors())).toEqual([]);
}

/** What was reported, by name. */
export function typesOf({ events }: End): readonly string[] {
  return events.map(({ type }) => type);
}

/** What a client has sent so far. */
export function sentBy({ sent }: End): Uint8Array {
  return concatBytes(...sent);
}

export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? ascii(data) : data;
}
