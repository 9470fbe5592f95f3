import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import {
  type ClientConfig,
  ContentType,
  MemoryReplayStore,
  nobleProvider,
  type ServerConfig,
  TicketKeys,
  TlsEngine,
  type TlsEvent,
  type TlsMessage,
} from "../../src/index.ts";
import { describeHandshake } from "../../src/messages/handshake.ts";
import { answering, type Answer, atOnce, late } from "../pairs/hooks.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { answeringStore } from "../pairs/stores.ts";
import { toyProvider } from "../handshake/toy-provider.ts";
import { seededRandom } from "../support/forger.ts";
import { ConnectionObserver, keyLogSecrets } from "../support/observer.ts";
import { byteByByte, End, Pair, type Split, whole } from "../support/pair.ts";
import {
  acquainted,
  type ClientChanges,
  expectAccepted,
  expectRejected,
  expectWorking,
  firstFlight,
  MAX_BYTES,
  meetAgain,
  QUESTION,
  sentBy,
  type ServerChanges,
  typesOf,
} from "./early-data.ts";
import { recordsOf } from "./man-in-the-middle.ts";
import { expectRefusal } from "./refusal.ts";
import { WatchedProvider } from "./watched-provider.ts";

const keys = new TicketKeys({ provider: nobleProvider() });

/** Ways in which early data fares: what the server is when it is met again. */
const FATES = [
  ["taken", {}],
  ["rejected", { earlyData: undefined as never }],
  ["rejected by HelloRetryRequest", { groups: ["secp256r1"] }],
] as const satisfies readonly (readonly [string, ServerChanges])[];

/** What both sides have reported and sent. */
function accountOf(pair: Pair) {
  const shown = (event: TlsEvent): readonly unknown[] => {
    if (event.type === "early-data" || event.type === "early-data-rejected")
      return [event.type, hex(event.data)];
    return event.type === "session" ? [event.type, hex(event.session.ticket)] : [event.type];
  };
  return [pair.client, pair.server].map((end) => ({
    events: end.events.filter(({ type }) => type !== "data").map(shown),
    received: hex(end.received),
    sent: hex(sentBy(end)),
  }));
}

/** The same connection each time, but for how its bytes are cut and when its hooks answer. */
async function conversation(changes: ServerChanges, split: Split, answer: Answer) {
  const provider = answering(toyProvider(), answer);
  const replays = new MemoryReplayStore({ now: () => 0 });
  const sides = await acquainted(
    { provider, random: seededRandom(1), sessionStore: answeringStore(answer) },
    {
      provider,
      random: seededRandom(2),
      sessionTickets: "stored",
      sessionStore: answeringStore(answer),
      earlyData: { maxBytes: 40_000, replayStore: { take: (hello) => answer(replays.take(hello)) } },
    },
  );
  const server = sides.server.with(changes);
  const earlyData = new Seeded("data").bytes(40_000);
  const pair = new Pair(sides.client, server, split, { earlyData });
  pair.client.engine.write(ascii("behind it"));
  await pair.run();
  return accountOf(pair);
}

describe.each(FATES)("early data that is %s", (fate, changes) => {
  test(`gives the same events and bytes however it is cut, and whenever hooks answer: TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
    const usual = await conversation(changes, whole, atOnce);
    const [client, server] = usual;
    expect(client?.events.map(([type]) => type)).toEqual([
      "handshake-complete",
      ...(fate === "taken" ? [] : ["early-data-rejected"]),
      "session",
    ]);
    expect(server?.events.map(([type]) => type)).toEqual([
      ...(fate === "taken" ? ["early-data", "early-data", "early-data"] : []),
      "handshake-complete",
    ]);
    expect(server?.received).toBe(hex(ascii("behind it")));
    const seeded = new Seeded(`${RUN_SEED} ${fate}`);
    for (const [split, answer] of [
      [byteByByte, atOnce],
      [whole, late(seeded)],
      [byteByByte, late(seeded)],
      [seeded.split(100), atOnce],
      [seeded.split(20_000), late(seeded)],
    ] as const) {
      expect(await conversation(changes, split, answer)).toEqual(usual);
    }
  });

  test("is in the key log of who has the secrets, and opens by it", async () => {
    const logs = { client: [] as string[], server: [] as string[] };
    const sides = await acquainted({}, { sessionTickets: keys });
    const client = sides.client.with({ onKeyLog: (line) => logs.client.push(line) });
    const server = sides.server.with({ ...changes, onKeyLog: (line) => logs.server.push(line) });
    const pair = await meetAgain({ client, server });
    const labels = (lines: readonly string[]): readonly (string | undefined)[] =>
      lines.map((line) => line.split(" ")[0]);
    const early = ["CLIENT_EARLY_TRAFFIC_SECRET", "EARLY_EXPORTER_SECRET"];
    const others = [
      "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
      "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "CLIENT_TRAFFIC_SECRET_0",
      "SERVER_TRAFFIC_SECRET_0",
      "EXPORTER_SECRET",
    ];
    expect(labels(logs.client)).toEqual([...early, ...others]);
    expect(labels(logs.server)).toEqual(fate === "taken" ? [...early, ...others] : others);
    expect(logs.client).toEqual(expect.arrayContaining(logs.server));

    const observer = new ConnectionObserver(keyLogSecrets(logs.client));
    const [first = new Uint8Array(), ...rest] = pair.client.sent;
    observer.carry("client", first);
    expect(observer.data.client.map((content) => latin1(content))).toEqual([QUESTION]);
    expect(rest.length).toBeGreaterThan(0);
  });

  test.each([true, false])(
    "has ChangeCipherSpec in front of it, once (middleboxes: %s)",
    async (middleboxCompatibility) => {
      const sides = await acquainted({ middleboxCompatibility }, { sessionTickets: keys });
      const pair = await meetAgain(
        { ...sides, server: sides.server.with(changes) },
        new Uint8Array(100).fill(1),
      );
      const types = pair.client.sent.map((bytes) => recordsOf(bytes).map(([type]) => type));
      const { handshake, change_cipher_spec, application_data } = ContentType;
      expect(types).toEqual([
        [handshake, ...(middleboxCompatibility ? [change_cipher_spec] : []), application_data],
        ...(fate === "rejected by HelloRetryRequest" ? [[handshake]] : []),
        // EndOfEarlyData has a record of its own.
        fate === "taken" ? [application_data, application_data] : [application_data],
      ]);
      for (const record of recordsOf(sentBy(pair.client)).slice(1))
        expect([record[1], record[2]]).toEqual([3, 3]);
    },
  );

  test("is told to message callbacks as it goes", async () => {
    const messages: Record<"client" | "server", TlsMessage[]> = { client: [], server: [] };
    const sides = await acquainted({}, { sessionTickets: keys });
    const client = sides.client.with({ onMessage: (message) => messages.client.push(message) });
    const server = sides.server.with({ ...changes, onMessage: (message) => messages.server.push(message) });
    await meetAgain({ client, server });
    const names = (side: "client" | "server", direction: "read" | "write"): readonly string[] =>
      messages[side]
        .filter((message) => message.direction === direction && message.contentType === ContentType.handshake)
        .map(({ data }) => describeHandshake(data));
    const hellos =
      fate === "rejected by HelloRetryRequest" ? ["client_hello", "client_hello"] : ["client_hello"];
    const flight = [...hellos, ...(fate === "taken" ? ["end_of_early_data"] : []), "finished"];
    expect(names("client", "write")).toEqual(flight);
    expect(names("server", "read")).toEqual(flight);
  });

  test("is not subject to the server's record_size_limit, which what follows is", async () => {
    const sides = await acquainted({ recordSizeLimit: 200 }, { sessionTickets: keys, recordSizeLimit: 100 });
    const earlyData = new Uint8Array(MAX_BYTES).fill(1);
    const pair = await meetAgain({ ...sides, server: sides.server.with(changes) }, earlyData);
    if (fate === "taken") await expectAccepted(pair, earlyData);
    else await expectRejected(pair, { resumed: true, earlyData });
    pair.server.events.length = 0;
    pair.client.events.length = 0;
    pair.client.engine.write(new Uint8Array(250));
    pair.server.engine.write(new Uint8Array(250));
    await pair.run();
    const lengths = ({ events }: End): readonly number[] =>
      events.flatMap((event) => (event.type === "data" ? [event.data.length] : []));
    expect([lengths(pair.server), lengths(pair.client)]).toEqual([
      [99, 99, 52],
      [199, 51],
    ]);
  });

  test("goes before closeWrite(), which is done at the end of the handshake", async () => {
    const sides = await acquainted({}, { sessionTickets: keys });
    const pair = new Pair(sides.client, sides.server.with(changes), whole, { earlyData: ascii(QUESTION) });
    pair.client.engine.closeWrite();
    pair.server.engine.write(ascii("answer"));
    pair.server.engine.closeWrite();
    await pair.run();
    expect(latin1(pair.client.received)).toBe("answer");
    expect(typesOf(pair.client)).toEqual([
      "handshake-complete",
      ...(fate === "taken" ? [] : ["early-data-rejected"]),
      "session",
      "data",
      "closed",
    ]);
    expect(typesOf(pair.server)).toEqual([
      ...(fate === "taken" ? ["early-data"] : []),
      "handshake-complete",
      "closed",
    ]);
    for (const { closed, engine } of [pair.client, pair.server]) {
      expect(closed).toEqual({ kind: "clean" });
      expect(engine.state).toBe("closed");
    }
    // It has come back, and there is no way to send it any more.
    expect(pair.client.engine.write(ascii(QUESTION))).toBe(false);
  });

  test("can be sent again when TLS was taken off and put on again", async () => {
    const sides = await acquainted({}, { sessionTickets: keys });
    const server = sides.server.with(changes);
    const pair = await meetAgain({ ...sides, server });
    if (fate === "taken") await expectAccepted(pair);
    else await expectRejected(pair, { resumed: true });
    pair.client.engine.unwrap();
    pair.server.engine.unwrap();
    await pair.run();
    expect([typesOf(pair.client).at(-1), typesOf(pair.server).at(-1)]).toEqual(["unwrapped", "unwrapped"]);
    for (const end of [pair.client, pair.server]) end.events.length = 0;
    pair.server.engine.upgrade(server, "none");
    pair.client.engine.upgrade(sides.client, "none", { earlyData: ascii("again") });
    await pair.run();
    if (fate === "taken") await expectAccepted(pair, "again");
    else await expectRejected(pair, { resumed: true, earlyData: "again" });
  });

  test("leaves no secret behind, whoever ends the connection, and when", async () => {
    const ends: readonly ((end: End) => void)[] = [
      ({ engine }) => engine.abort(),
      ({ engine }) => engine.abort("internal_error"),
      ({ engine }) => engine.receiveEof(),
    ];
    for (const end of ends) {
      for (const role of ["client", "server"] as const) {
        let steps = 1;
        for (let stopAt = 0; stopAt < steps; stopAt++) {
          const { watch, client, server } = await watched(changes);
          const pair = new Pair(client, server, whole, { earlyData: ascii(QUESTION) });
          steps = step(pair, stopAt);
          if (pair[role].engine.state === "handshaking")
            expect(() => pair[role].engine.unwrap()).toThrow(TypeError);
          end(pair[role]);
          expect(pair[role].drain()).toBeUndefined();
          expect(typesOf(pair[role]).filter((type) => type === "closed")).toHaveLength(1);
          const other = pair[role === "client" ? "server" : "client"];
          other.engine.abort();
          expect(other.drain()).toBeUndefined();
          expect(watch.alive, `${role}, step ${stopAt}`).toEqual([]);
        }
        expect(steps).toBeGreaterThan(3);
      }
    }
  });

  test("has its secrets wiped when the handshake has ended", async () => {
    const usual = await watched(changes);
    await expectWorking(await meetAgain(usual, ""));
    const { watch, client, server } = await watched(changes);
    const pair = await meetAgain({ client, server });
    await expectWorking(pair);
    expect(watch.aliveCiphers).toEqual(["opener", "opener", "sealer", "sealer"]);
    expect(watch.alive).toEqual(usual.watch.alive);
    pair.client.engine.closeWrite();
    pair.server.engine.closeWrite();
    await pair.run();
    expect(watch.alive).toEqual([]);
  });
});

/** Both sides with a provider that watches; what they keep for good is left out. */
async function watched(changes: ServerChanges): Promise<{
  readonly watch: WatchedProvider;
  readonly client: ClientConfig;
  readonly server: ServerConfig;
}> {
  const watch = new WatchedProvider(toyProvider());
  const { provider } = watch;
  const sides = await acquainted({ provider }, { provider, sessionTickets: keys });
  return { watch, client: sides.client, server: sides.server.with(changes) };
}

/** Carries bytes `count` times, each time those of one side. @returns how often something was carried, and once more if it was always so. */
function step({ client, server }: Pair, count: number): number {
  let carried = 0;
  for (let idle = 0, isClient = true; idle < 2 && carried < count; isClient = !isClient) {
    const [from, to] = isClient ? [client, server] : [server, client];
    expect(from.drain()).toBeUndefined();
    const output = from.engine.takeOutput();
    idle = output === null ? idle + 1 : 0;
    if (output === null) continue;
    carried++;
    to.engine.receive(output);
    expect(to.drain()).toBeUndefined();
  }
  return carried === count ? count + 2 : carried;
}

describe("an alert among early data", () => {
  test("of a client is read, and ends the connection", async () => {
    const { client, server } = await acquainted();
    const own = new End(TlsEngine.client(client, { earlyData: ascii(QUESTION) }));
    own.engine.abort("user_canceled");
    const peer = new End(TlsEngine.server(server));
    peer.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(peer.drain()).toBeUndefined();
    expect(typesOf(peer)).toEqual(["early-data", "closed"]);
    expect(peer.closed).toMatchObject({ kind: "alert", alert: "user_canceled" });
  });

  test("of a client is passed over with the rest by a server that takes none", async () => {
    const { client, server } = await acquainted({}, { sessionTickets: keys });
    const own = new End(TlsEngine.client(client, { earlyData: ascii(QUESTION) }));
    own.engine.abort("user_canceled");
    const peer = new End(TlsEngine.server(server.with({ earlyData: undefined as never })));
    peer.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(peer.drain()).toBeUndefined();
    expect(typesOf(peer)).toEqual([]);
    peer.engine.receiveEof();
    expect(peer.drain()).toBeUndefined();
    expect(peer.closed).toMatchObject({ kind: "truncated" });
  });

  test("of a server is read by the client, under its handshake keys", async () => {
    const { client, server } = await acquainted();
    const pair = new Pair(client, server, whole, { earlyData: ascii(QUESTION) });
    step(pair, 1);
    pair.server.engine.abort("access_denied");
    await pair.run();
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "access_denied" });
    expect(typesOf(pair.client).filter((type) => type === "early-data-rejected")).toEqual([]);
  });
});

describe("a replay store that answers late", () => {
  test("holds early data back, up to what may arrive meanwhile", async () => {
    const replayStore = { take: () => new Promise<boolean>(() => undefined) };
    const { client, server } = await acquainted(
      {},
      { earlyData: { maxBytes: MAX_BYTES, replayStore }, limits: { parkedInputBytes: 50 } },
    );
    const flight = firstFlight(client);
    const [hello = new Uint8Array(), ...rest] = recordsOf(flight);
    const end = new End(TlsEngine.server(server));
    end.engine.receive(hello);
    expect(end.drain()).toBeInstanceOf(Promise);
    for (const record of rest) end.engine.receive(record);
    expect(end.drain()).toBeInstanceOf(Promise);
    end.engine.receive(new Uint8Array(50));
    expect(end.drain()).toBeUndefined();
    expectRefusal(end, "internal_error", "more than 50 bytes arrived while the handshake waits for a hook");
    expect(typesOf(end)).toEqual(["closed"]);
  });

  test("does not keep a client from ending the connection", async () => {
    let answer: (isFirst: boolean) => void = () => undefined;
    const replayStore = { take: () => new Promise<boolean>((resolve) => (answer = resolve)) };
    const { client, server } = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    const own = new End(TlsEngine.client(client, { earlyData: ascii(QUESTION) }));
    own.engine.abort("user_canceled");
    const end = new End(TlsEngine.server(server));
    end.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    const waits = end.drain();
    end.engine.receiveEof();
    answer(true);
    await waits;
    expect(end.drain()).toBeUndefined();
    expect(typesOf(end)).toEqual(["early-data", "closed"]);
    expect(end.closed).toMatchObject({ kind: "alert", alert: "user_canceled" });
  });
});

describe("the arguments of early data", () => {
  const changes: ClientChanges = {};

  test("are bytes, and a client's: TypeError", async () => {
    const { client, server } = await acquainted(changes);
    expect(() => TlsEngine.client(client, { earlyData: "text" as never })).toThrow(TypeError);
    expect(() => new TlsEngine().upgrade(client, "none", { earlyData: [1] as never })).toThrow(TypeError);
    const engine = new TlsEngine();
    expect(() => engine.upgrade(server, "none", { earlyData: ascii(QUESTION) })).toThrow(TypeError);
    // Nothing has changed.
    engine.upgrade(server, "none");
    expect(engine.state).toBe("handshaking");
  });
});
