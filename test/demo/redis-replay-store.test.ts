import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { EarlyHello, ReplayStore } from "../../src/index.ts";
import {
  acquainted,
  expectAccepted,
  expectRejected,
  firstFlight,
  MAX_BYTES,
  meetAgain,
  serverGiven,
  typesOf,
} from "../engine/early-data.ts";
import { freePort, missingRedis, RedisServer } from "./redis-server.ts";

interface RedisReplayStore {
  take(hello: EarlyHello): Promise<boolean>;
  start(): Promise<RedisReplayStore>;
}

// The example has no types.
const { RedisReplayStore } = (await import(
  join(import.meta.dirname, "../../examples/redis-replay-store.mjs")
)) as {
  readonly RedisReplayStore: new (port: number) => RedisReplayStore;
};

const skipReason = missingRedis === undefined ? "" : ` (${missingRedis})`;

/** A ClientHello of now. */
function hello(key: string): EarlyHello {
  const now = Date.now();
  return { key, issuedAtMs: now, expiresAtMs: now + 60_000 };
}

async function withRedis(run: (redis: RedisServer) => Promise<void>): Promise<void> {
  const redis = await RedisServer.start();
  try {
    await run(redis);
  } finally {
    await redis.stop();
  }
}

test.skipIf(missingRedis !== undefined)(
  `of stores on one Redis, each key is taken by one, once, whoever asks first${skipReason}`,
  () =>
    withRedis(async ({ port }) => {
      const stores = await Promise.all([1, 2, 3].map(() => new RedisReplayStore(port).start()));
      const hellos = Array.from({ length: 200 }, (_, i) => hello(`key ${i}`));
      const answers = await Promise.all(
        hellos.map((one) => Promise.all([...stores, ...stores].map((store) => store.take(one)))),
      );
      expect(answers.map((each) => each.filter(Boolean).length)).toEqual(hellos.map(() => 1));
      for (const one of hellos.slice(0, 10)) expect(await stores[0]?.take(one)).toBe(false);
    }),
);

test.skipIf(missingRedis !== undefined)(
  `a Redis that was started anew takes nothing of before, and one that is gone is an error${skipReason}`,
  async () => {
    const first = await RedisServer.start();
    const store = await new RedisReplayStore(first.port).start();
    const old = hello("old");
    expect(await store.take(old)).toBe(true);
    await first.stop();
    await expect(store.take(hello("meanwhile"))).rejects.toThrow();
    await expect(store.take(hello("meanwhile"))).rejects.toThrow("ECONNREFUSED");
    const second = await RedisServer.start(first.port);
    try {
      await store.start();
      expect(await store.take(old)).toBe(false);
      expect(await store.take(hello("new"))).toBe(true);
      expect(await store.take(hello("new"))).toBe(false);
    } finally {
      await second.stop();
    }
  },
);

test.skipIf(missingRedis !== undefined)(
  `early data is taken once by two servers on one Redis, and rejected when Redis is gone${skipReason}`,
  () =>
    withRedis(async (redis) => {
      const clock = { now: Date.now };
      const earlyData = async (): Promise<{ maxBytes: number; replayStore: ReplayStore }> => ({
        maxBytes: MAX_BYTES,
        replayStore: await new RedisReplayStore(redis.port).start(),
      });
      const sides = await acquainted(clock, { ...clock, ticketCount: 4, earlyData: await earlyData() });
      const { ticketKeys } = sides.server;
      if (ticketKeys === null) throw new Error("the server has no ticket keys");
      const other = sides.server.with({ sessionTickets: ticketKeys, earlyData: await earlyData() });
      const flight = firstFlight(sides.client);
      const ends = await Promise.all(
        [sides.server, other, sides.server, other].map((server) => serverGiven(server, flight)),
      );
      expect(ends.flatMap(typesOf)).toEqual(["early-data"]);
      await expectAccepted(await meetAgain({ ...sides, server: other }));
      await redis.stop();
      const pair = await meetAgain({ ...sides, server: other });
      expect(pair.server.engine.takeHookErrors()).toHaveLength(1);
      await expectRejected(pair, { resumed: true });
    }),
);

test("a server that accepts and says nothing is an error, within the store's own time limit", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  await expect(new RedisReplayStore(address.port).take(hello("key"))).rejects.toThrow(
    "Redis does not answer",
  );
  silent.close();
});

test("no server at all is an error", async () => {
  await expect(new RedisReplayStore(await freePort()).start()).rejects.toThrow("ECONNREFUSED");
});
