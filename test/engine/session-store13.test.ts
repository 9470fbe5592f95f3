import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import { decodeSession13, encodeSession13 } from "../../src/handshake/session13.ts";
import { type Awaitable, NEED_DATA, type SessionStore, TlsEngine } from "../../src/index.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { End, Pair } from "../support/pair.ts";
import { Deferred } from "./parked-pair.ts";
import { expectResumed, OpenStore } from "./sessions.ts";
import { client13, identitiesOf, server13, sessionsOf } from "./sessions13.ts";
import { open } from "./versions.ts";

/** A client and a server of which one has `sessionStore`, and the other one keeps sessions as well. */
function configsWith(role: "client" | "server", sessionStore: SessionStore) {
  return {
    client: client13(role === "client" ? { sessionStore } : {}),
    server: server13({
      ticketCount: 1,
      ...(role === "server" && { sessionTickets: "stored" as const, sessionStore }),
    }),
  };
}

/** `inner` with some calls replaced. */
function withCalls(inner: OpenStore, calls: Partial<SessionStore>): SessionStore {
  return {
    get: (key) => inner.get(key),
    put: (key, session) => inner.put(key, session),
    take: (key) => inner.take(key),
    ...calls,
  };
}

const failure = new Error("the store is gone");
const WAYS = [
  [
    "throws",
    (): never => {
      throw failure;
    },
  ],
  ["rejects", () => Promise.reject(failure)],
] as const;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A client looks into both places. */
const LOOKS = { client: 2, server: 1 } as const;
const OTHER = { client: "server", server: "client" } as const;

describe.each(["client", "server"] as const)("a %s of TLS 1.3 whose store", (role) => {
  test.each(WAYS)("%s when it is read makes a full handshake, and tells the host", async (_how, fail) => {
    const { client, server } = configsWith(role, withCalls(new OpenStore(), { take: fail }));
    const first = await open(client, server);
    first.client.engine.takeHookErrors();
    const pair = await open(client, server);
    expectResumed(pair, false);
    expect(pair[role].engine.takeHookErrors()).toEqual(Array.from({ length: LOOKS[role] }, () => failure));
    expect(pair[role].engine.takeHookErrors()).toEqual([]);
    expect(pair[OTHER[role]].engine.takeHookErrors()).toEqual([]);
  });

  test.each(WAYS)("%s when it is written has a connection, and tells the host", async (_how, fail) => {
    const { client, server } = configsWith(role, withCalls(new OpenStore(), { put: fail }));
    const pair = await open(client, server);
    await turn();
    expect(pair[role].engine.takeHookErrors()).toEqual([failure]);
    // The ticket has gone out all the same: it is of no use, and does no harm.
    expect(sessionsOf(pair.client)).toHaveLength(1);
    pair.client.engine.write(ascii("on"));
    await pair.run();
    expect(latin1(pair.server.received)).toBe("on");
    expectResumed(await open(client, server), false);
  });

  test("answers with promises resumes all the same", async () => {
    const inner = new OpenStore();
    const late = async <T>(value: Awaitable<T>): Promise<T> => {
      await turn();
      return value;
    };
    const { client, server } = configsWith(role, {
      get: (key) => late(inner.get(key)),
      put: (key, session) => late(inner.put(key, session)),
      take: (key) => late(inner.take(key)),
    });
    for (const resumed of [false, true, true]) {
      const pair = await open(client, server);
      await turn();
      expectResumed(pair, resumed);
      expect(pair[role].engine.takeHookErrors()).toEqual([]);
    }
  });

  test("never answers a write does not hold up the connection", async () => {
    const never = new Promise<never>(() => undefined);
    const { client, server } = configsWith(role, withCalls(new OpenStore(), { put: () => never }));
    const pair = await open(client, server);
    expect(pair[role].engine.state).toBe("open");
    expect(sessionsOf(pair.client)).toHaveLength(1);
  });

  test("never answers a read holds up this connection alone, which can be aborted", async () => {
    const inner = new OpenStore();
    let isStuck = false;
    const never = new Promise<never>(() => undefined);
    const { client, server } = configsWith(
      role,
      withCalls(inner, { take: (key) => (isStuck ? never : inner.take(key)) }),
    );
    await open(client, server);
    isStuck = true;
    const ends = { client: new End(TlsEngine.client(client)), server: new End(TlsEngine.server(server)) };
    ends.server.engine.receive(ends.client.engine.takeOutput() ?? new Uint8Array());
    expect(ends[role].drain()).toBeInstanceOf(Promise);
    ends[role].engine.abort("internal_error");
    expect(ends[role].drain()).toBeUndefined();
    expect(ends[role].closed).toEqual({ kind: "aborted", alertSent: "internal_error" });
    isStuck = false;
    expect((await open(client, server)).client.engine.state).toBe("open");
  });

  test("gives Buffers of Node, views of a pool, resumes", async () => {
    const inner = new Map<string, Buffer>();
    const { client, server } = configsWith(role, {
      get: (key) => inner.get(key) ?? null,
      put: (key, session) => void inner.set(key, Buffer.from(session)),
      take: (key) => {
        const session = inner.get(key) ?? null;
        inner.delete(key);
        return session;
      },
    });
    for (const resumed of [false, true, true]) expectResumed(await open(client, server), resumed);
  });

  test("has undefined for what it does not have, as a Map does, makes a full handshake", async () => {
    for (const nothing of [undefined, Promise.resolve(undefined)]) {
      const { client, server } = configsWith(
        role,
        withCalls(new OpenStore(), { take: () => nothing as never }),
      );
      await open(client, server);
      const pair = await open(client, server);
      expectResumed(pair, false);
      expect(pair[role].engine.takeHookErrors()).toEqual([]);
    }
  });

  test("gives what was never a session, or one of the other side, makes a full handshake", async () => {
    const other = new OpenStore();
    const turned = configsWith(OTHER[role], other);
    await open(turned.client, turned.server);
    const [foreign = new Uint8Array()] = other.sessions.values();
    expect(foreign.length).toBeGreaterThan(48);
    for (const session of [
      new Uint8Array(),
      new Uint8Array(37),
      new Uint8Array(48),
      new Uint8Array(500).fill(0xff),
      ascii("{}"),
      foreign,
    ]) {
      const store = new OpenStore();
      const { client, server } = configsWith(role, store);
      await open(client, server);
      store.change(() => session.slice());
      const pair = await open(client, server);
      expectResumed(pair, false);
      // What another side has kept is a session nevertheless.
      const errors =
        session === foreign
          ? []
          : [`the session store had ${session.length} bytes that are no session; they are dropped`];
      expect(pair[role].engine.takeHookErrors()).toEqual(errors.map((message) => new Error(message)));
      // The new one has taken its place.
      expectResumed(await open(client, server), true);
    }
  });

  test("gives a session that is cut off anywhere makes a full handshake, and tells the host", async () => {
    const store = new OpenStore();
    const { client, server } = configsWith(role, store);
    await open(client, server);
    const seeded = new Seeded("cut off");
    for (let i = 0; i < 30; i++) {
      store.change((session) => session.slice(0, seeded.integer(session.length)));
      const pair = await open(client, server);
      expectResumed(pair, false);
      expect(pair[role].engine.takeHookErrors(), `${i}`).toHaveLength(1);
    }
  });

  test(`gives a session with some bits changed resumes it, or not, and never fails for the fault of its own reader: TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
    const seeded = new Seeded(RUN_SEED);
    const store = new OpenStore();
    const { client, server } = configsWith(role, store);
    await open(client, server);
    const outcomes = new Set<string>();
    for (let i = 0; i < 80; i++) {
      // Not the PSK, which is the last, and is tested elsewhere.
      const changes: string[] = [];
      store.change((session) => {
        const at = seeded.integer(session.length - 32);
        changes.push(`byte ${at}`);
        return session.with(at, (session[at] ?? 0) ^ (1 << seeded.integer(8)));
      });
      const pair = await new Pair(client, server).run();
      for (const how of [pair.client.closed, pair.server.closed]) {
        if (how === undefined) continue;
        expect(how.kind === "error" ? how.alertSent : how.kind, changes.join()).not.toBe("internal_error");
      }
      const [how] = [pair.client.closed, pair.server.closed];
      outcomes.add(how === undefined ? `resumed ${pair.client.engine.info?.resumed}` : how.kind);
      // A new session for the next round.
      store.sessions.clear();
      await open(client13({ sessionStore: client.settings.sessionStore }), server);
    }
    expect(outcomes).toContain("resumed false");
  });
});

test.each(["client", "server"] as const)(
  "a %s takes no session of the other side, whose certificates are its own, though everything else agrees",
  async (role) => {
    const store = new OpenStore();
    const { client, server } = configsWith(role, store);
    const asking = server.with({
      clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true },
      sessionStore: server.settings.sessionStore,
      sessionTickets: server.ticketKeys ?? "stored",
    });
    await open(client, asking);
    store.change((bytes) => {
      const session = decodeSession13(bytes);
      if (session === null) throw new Error("no session");
      const peerChain = server.credentials[0]?.certificateChain ?? [];
      const other =
        session.role === "client"
          ? { ...session, role: "server" as const, endPointBinding: new Uint8Array() }
          : { ...session, role: "client" as const, ticket: new Uint8Array(32) };
      return encodeSession13({ ...other, peerChain });
    });
    const pair = await open(client, asking);
    expectResumed(pair, false);
    expect(pair.server.engine.info?.peer).toEqual({ kind: "none" });
  },
);

describe("an answer of the store that comes late", () => {
  test.each(["client", "server"] as const)("parks the handshake of a %s until it is there", async (role) => {
    const inner = new OpenStore();
    const answer = new Deferred<Uint8Array | null>();
    let isLate = false;
    const store = withCalls(inner, {
      take: (key) => (isLate ? answer.promise : inner.take(key)),
    });
    const { client, server } = configsWith(role, store);
    await open(client, server);
    isLate = true;
    const [session = new Uint8Array()] = inner.sessions.values();
    const pair = new Pair(client, server);
    pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
    const waits = pair[role].drain();
    expect(waits).toBeInstanceOf(Promise);
    expect(pair[role].engine.pendingOutput).toBe(0);
    answer.resolve(session.slice());
    await waits;
    expectResumed(await pair.run(), true);
  });

  test.each(["client", "server"] as const)(
    "after the engine of a %s was closed changes nothing, and is wiped",
    async (role) => {
      for (const settles of ["before abort()", "after abort()"]) {
        const inner = new OpenStore();
        const answer = new Deferred<Uint8Array | null>();
        let isLate = false;
        const { client, server } = configsWith(
          role,
          withCalls(inner, { take: (key) => (isLate ? answer.promise : inner.take(key)) }),
        );
        await open(client, server);
        isLate = true;
        const [session = new Uint8Array()] = inner.sessions.values();
        const ends = { client: new End(TlsEngine.client(client)), server: new End(TlsEngine.server(server)) };
        ends.server.engine.receive(ends.client.engine.takeOutput() ?? new Uint8Array());
        const { engine } = ends[role];
        expect(engine.nextEvent()).toMatchObject({ type: "pending" });
        const given = session.slice();
        if (settles === "before abort()") {
          answer.resolve(given);
          await turn();
        }
        engine.abort();
        answer.resolve(given);
        await turn();
        expect(hex(given), settles).toBe("00".repeat(given.length));
        expect(engine.nextEvent()).toEqual({ type: "closed", how: { kind: "aborted", alertSent: null } });
        expect(engine.nextEvent()).toBe(NEED_DATA);
        expect(engine.takeOutput()).toBeNull();
      }
    },
  );

  test("after the engine was closed may be an error, which changes nothing", async () => {
    const answer = new Deferred<Uint8Array | null>();
    const engine = TlsEngine.client(
      client13({ sessionStore: withCalls(new OpenStore(), { take: () => answer.promise }) }),
    );
    engine.abort();
    answer.reject(failure);
    await turn();
    expect(engine.state).toBe("closed");
    expect(engine.takeOutput()).toBeNull();
  });

  test.each(["client", "server"] as const)(
    "to a write of a %s is an error that the host is told of after the end",
    async (role) => {
      const answer = new Deferred<void>();
      const { client, server } = configsWith(role, withCalls(new OpenStore(), { put: () => answer.promise }));
      const pair = await open(client, server);
      pair[role].engine.abort();
      expect(pair[role].engine.takeHookErrors()).toEqual([]);
      answer.reject(failure);
      await turn();
      expect(pair[role].engine.takeHookErrors()).toEqual([failure]);
    },
  );
});

test.each(["client", "server"] as const)(
  "a %s wipes what it has taken from its store, and what it has put there when that is done",
  async (role) => {
    const inner = new OpenStore();
    const seen: Uint8Array[] = [];
    const puts: Deferred<void>[] = [];
    const { client, server } = configsWith(
      role,
      withCalls(inner, {
        take: (key) => {
          const session = inner.take(key);
          if (session !== null) seen.push(session);
          return session;
        },
        put: (key, session) => {
          inner.put(key, session);
          seen.push(session);
          const done = new Deferred<void>();
          puts.push(done);
          return done.promise;
        },
      }),
    );
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expect(seen).toHaveLength(3);
    const [put, taken, putAgain] = seen.map((session) => session.some((byte) => byte !== 0));
    expect([put, taken, putAgain]).toEqual([true, false, true]);
    for (const done of puts) done.resolve();
    await turn();
    for (const session of seen) expect(hex(session)).toBe("00".repeat(session.length));
  },
);
