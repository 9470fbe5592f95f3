import { describe, expect, test } from "vitest";

import { type ServerConfig, TlsEngine } from "../../src/index.ts";
import { End, Pair } from "../support/pair.ts";
import { finish, move } from "./parked-pair.ts";
import { Clock, expectResumed, OpenStore } from "./sessions.ts";
import { client13, copyOf, identitiesOf, PLACES, server13, sessionsOf } from "./sessions13.ts";
import { open } from "./versions.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

const lifetimesOf = (pair: Pair): readonly number[] =>
  sessionsOf(pair.client).map(({ lifetimeSeconds }) => lifetimeSeconds);

describe.each(PLACES)("a session %s", (_place, options) => {
  test("lasts two hours if the server does not say otherwise, by the clock of either side", async () => {
    for (const late of ["client", "server"] as const) {
      const clocks = { client: new Clock(), server: new Clock() };
      const client = client13({ now: clocks.client.now });
      const server = server13({ ...options, now: clocks.server.now });
      const first = await open(client, server);
      expect(lifetimesOf(first)).toEqual([2 * HOUR, 2 * HOUR]);
      clocks[late].move(2 * HOUR - 1);
      expectResumed(await open(client, server), true);
      clocks[late].move(1);
      // What came with the full handshake is too old, and the ticket of the resumed one is not.
      const next = await open(client, server);
      expectResumed(next, true);
      clocks[late].move(2 * HOUR);
      const pair = await open(client, server);
      expectResumed(pair, false);
      expect(identitiesOf(pair.client).length > 0, late).toBe(late === "server");
      // The new session is as good as the first one was.
      clocks[late].move(2 * HOUR - 1);
      expectResumed(await open(client, server), true);
    }
  });

  test.each([1, 60, WEEK])("lasts %i s if the server says so", async (ticketLifetimeSeconds) => {
    for (const [seconds, resumed] of [
      [0, true],
      [ticketLifetimeSeconds - 1, true],
      [ticketLifetimeSeconds, false],
      [10 * WEEK, false],
    ] as const) {
      const clocks = { client: new Clock(), server: new Clock() };
      const client = client13({ now: clocks.client.now });
      const server = server13({ ...options, ticketLifetimeSeconds, now: clocks.server.now });
      const first = await open(client, server);
      expect(lifetimesOf(first)).toEqual([ticketLifetimeSeconds, ticketLifetimeSeconds]);
      // A client whose clock stands still offers it.
      clocks.server.move(seconds);
      const pair = await open(client, server);
      expect(identitiesOf(pair.client)).toHaveLength(1);
      expectResumed(pair, resumed);
    }
  });

  test("is not used when a clock has gone back by more than a minute behind its beginning", async () => {
    for (const late of ["client", "server"] as const) {
      for (const [seconds, resumed] of [
        [-60, true],
        [-61, false],
      ] as const) {
        const clocks = { client: new Clock(), server: new Clock() };
        const client = client13({ now: clocks.client.now });
        const server = server13({ ...options, now: clocks.server.now });
        await open(client, server);
        clocks[late].move(seconds);
        const pair = await open(client, server);
        expect(pair.client.engine.info?.resumed, `${late}, ${seconds} s`).toBe(resumed);
        expectResumed(pair, resumed);
      }
    }
  });

  test("lives a week from its full handshake in all, however often it is resumed", async () => {
    const clock = new Clock();
    const client = client13({ now: clock.now });
    const server = server13({ ...options, now: clock.now, ticketLifetimeSeconds: 3 * DAY, ticketCount: 1 });
    expect(lifetimesOf(await open(client, server))).toEqual([3 * DAY]);
    const lifetimes = [];
    for (const seconds of [2 * DAY, 2 * DAY + HOUR, 2 * DAY, 23 * HOUR - 1]) {
      clock.move(seconds);
      const pair = await open(client, server);
      expectResumed(pair, true);
      lifetimes.push(...lifetimesOf(pair));
    }
    // One second is left.
    expect(lifetimes).toEqual([3 * DAY, 3 * DAY - HOUR, 23 * HOUR, 1]);
    clock.move(1);
    const over = await open(client, server);
    expectResumed(over, false);
    expect(identitiesOf(over.client)).toEqual([]);
    expect(lifetimesOf(over)).toEqual([3 * DAY]);
  });

  test("is not kept alive by a client whose clock stands still", async () => {
    const clock = new Clock();
    const client = client13();
    const server = server13({ ...options, now: clock.now, ticketLifetimeSeconds: WEEK, ticketCount: 1 });
    await open(client, server);
    clock.move(WEEK - 1);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(lifetimesOf(pair)).toEqual([1]);
    clock.move(1);
    const late = await open(client, server);
    expect(identitiesOf(late.client)).toHaveLength(1);
    expectResumed(late, false);
  });
});

test("a client looks at the second session when the first is too old, and wipes the old one out of its store", async () => {
  const clock = new Clock();
  const store = new OpenStore();
  const client = client13({ sessionStore: store, now: clock.now });
  const server = server13({ ticketLifetimeSeconds: 60 });
  await open(client, server);
  const old = copyOf(store).sessions.get("tls13 client localhost #0") ?? new Uint8Array();
  clock.move(30);
  await open(client13({ sessionStore: store, now: clock.now }), server);
  // The first slot has the ticket of the resumed connection; now an old one takes its place.
  store.put("tls13 client localhost #1", store.sessions.get("tls13 client localhost #0") ?? new Uint8Array());
  store.put("tls13 client localhost #0", old);
  clock.move(40);
  const pair = await open(client, server);
  expect(identitiesOf(pair.client)).toHaveLength(1);
  expectResumed(pair, true);
  // Its ticket has the place of the one that it has used.
  expect([...store.sessions.keys()]).toEqual(["tls13 client localhost #1"]);
});

describe("a clock", () => {
  /** Everything up to the tickets, which are on their way. */
  function upToTickets(client: Parameters<typeof TlsEngine.client>[0], server: ServerConfig) {
    const ends = { client: new End(TlsEngine.client(client)), server: new End(TlsEngine.server(server)) };
    move(ends.client, ends.server);
    expect(ends.server.drain()).toBeUndefined();
    move(ends.server, ends.client);
    expect(ends.client.drain()).toBeUndefined();
    return ends;
  }

  test("of a client that goes back before the tickets are there leaves them good for their lifetime", async () => {
    const clock = new Clock();
    const client = client13({ now: clock.now });
    const server = server13({ ticketLifetimeSeconds: 60 });
    const ends = upToTickets(client, server);
    clock.move(-3600);
    finish(ends.client, ends.server);
    expect(ends.client.closed).toBeUndefined();
    expect(ends.client.engine.state).toBe("open");
    clock.move(3600);
    expectResumed(await open(client, server), true);
  });

  test("of a server that goes back before it gives tickets leaves the connection as it is", async () => {
    const clock = new Clock();
    const client = client13();
    const server = server13({ ticketLifetimeSeconds: 60, now: clock.now });
    await open(client, server);
    clock.move(30);
    const ends = upToTickets(client, server);
    expect(ends.client.engine.info?.resumed).toBe(true);
    clock.move(-3600);
    finish(ends.client, ends.server);
    expect(ends.server.closed).toBeUndefined();
    expect(ends.server.engine.state).toBe("open");
    expect(sessionsOf(ends.client)).toHaveLength(1);
  });

  test("may count fractions of milliseconds, as that of performance does", async () => {
    let ms = 1_700_000_000_000.25;
    const now = (): number => (ms += 0.3);
    for (const [, options] of PLACES) {
      const [client, server] = [client13({ now }), server13({ ...options, now })];
      await open(client, server);
      expectResumed(await open(client, server), true);
    }
  });
});
