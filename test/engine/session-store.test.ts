import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import { type Awaitable, NEED_DATA, type SessionStore, TlsEngine } from "../../src/index.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { End, Pair } from "../support/pair.ts";
import { editing, ManInTheMiddle } from "./man-in-the-middle.ts";
import { expectRefusal } from "./refusal.ts";
import { messagesOf, OpenStore } from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

/** A client and a server of which one has `sessionStore`, and the other one keeps sessions as well. */
function configsWith(role: "client" | "server", sessionStore: SessionStore) {
  return {
    client: clientOf(role === "client" ? { sessionStore } : {}),
    server: serverOf({ sessionTickets: role === "client", ...(role === "server" && { sessionStore }) }),
  };
}

const resumedBy = ({ client, server }: Pair): readonly unknown[] => [
  client.engine.info?.resumed,
  server.engine.info?.resumed,
];

/** A store in which one call fails; the others go through. */
function failing(
  call: keyof SessionStore,
  fail: () => never | Promise<never>,
): SessionStore & { readonly inner: OpenStore } {
  const inner = new OpenStore();
  return {
    inner,
    get: (key) => (call === "get" ? fail() : inner.get(key)),
    put: (key, session) => (call === "put" ? fail() : inner.put(key, session)),
    take: (key) => (call === "take" ? fail() : inner.take(key)),
  };
}

const failure = new Error("the store is gone");
const WAYS = [
  [
    "throws",
    () => {
      throw failure;
    },
  ],
  ["rejects", () => Promise.reject(failure)],
] as const;

/** A promise that a test keeps. */
function deferred<T>(): {
  readonly promise: Promise<T>;
  give: (value: T) => void;
  fail: (error: unknown) => void;
} {
  let give: (value: T) => void = () => undefined;
  let fail: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((resolve, reject) => {
    give = resolve;
    fail = reject;
  });
  return { promise, give, fail };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each(["client", "server"] as const)("a %s whose store", (role) => {
  test.each(WAYS)("%s when it is read makes a full handshake, and tells the host", async (_how, fail) => {
    const { client, server } = configsWith(role, failing("get", fail));
    await open(client, server);
    const pair = await open(client, server);
    expect(resumedBy(pair)).toEqual([false, false]);
    expect(pair[role].engine.takeHookErrors()).toEqual([failure]);
    expect(pair[role].engine.takeHookErrors()).toEqual([]);
    expect(pair[role === "client" ? "server" : "client"].engine.takeHookErrors()).toEqual([]);
  });

  test.each(WAYS)("%s when it is written has a connection, and tells the host", async (_how, fail) => {
    const { client, server } = configsWith(role, failing("put", fail));
    const pair = await open(client, server);
    await turn();
    expect(pair[role].engine.takeHookErrors()).toEqual([failure]);
    pair.client.engine.write(ascii("on"));
    await pair.run();
    expect(latin1(pair.server.received)).toBe("on");
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
    await open(client, server);
    await turn();
    const pair = await open(client, server);
    expect(resumedBy(pair)).toEqual([true, true]);
    expect(pair[role].engine.takeHookErrors()).toEqual([]);
  });

  test("never answers a write does not hold up the connection", async () => {
    const never = new Promise<never>(() => undefined);
    const { client, server } = configsWith(role, { get: () => null, put: () => never, take: () => null });
    expect((await open(client, server)).client.engine.state).toBe("open");
  });

  test("gives Buffers of Node, views of a pool, resumes", async () => {
    const inner = new Map<string, Buffer>();
    const { client, server } = configsWith(role, {
      get: (key) => {
        const session = inner.get(key);
        return session === undefined ? null : Buffer.from(session);
      },
      put: (key, session) => void inner.set(key, Buffer.from(session)),
      take: (key) => {
        const session = inner.get(key) ?? null;
        inner.delete(key);
        return session;
      },
    });
    for (const resumed of [false, true, true]) {
      expect(resumedBy(await open(client, server))).toEqual([resumed, resumed]);
    }
  });

  test("has undefined for what it does not have, as a Map does, makes a full handshake", async () => {
    for (const nothing of [undefined, Promise.resolve(undefined)]) {
      const { client, server } = configsWith(role, {
        get: () => nothing as never,
        put: () => undefined,
        take: () => nothing as never,
      });
      await open(client, server);
      const pair = await open(client, server);
      expect(resumedBy(pair)).toEqual([false, false]);
      expect(pair[role].engine.takeHookErrors()).toEqual([]);
    }
  });

  test("gives what was never a session, or one of the other side, makes a full handshake", async () => {
    const other = new OpenStore();
    await open(...pairOf(configsWith(role === "client" ? "server" : "client", other)));
    const [foreign = new Uint8Array()] = other.sessions.values();
    expect(foreign.length).toBeGreaterThan(48);
    for (const session of [
      new Uint8Array(),
      new Uint8Array(47),
      new Uint8Array(48),
      new Uint8Array(500).fill(0xff),
      ascii("{}"),
      foreign,
    ]) {
      const store = new OpenStore();
      const { client, server } = configsWith(role, store);
      await open(client, server);
      store.change(() => session);
      const pair = await open(client, server);
      expect(resumedBy(pair)).toEqual([false, false]);
      // What another side has kept is a session nevertheless.
      const errors =
        session === foreign
          ? []
          : [`the session store had ${session.length} bytes that are no session; they are dropped`];
      expect(pair[role].engine.takeHookErrors()).toEqual(errors.map((message) => new Error(message)));
      // The new one has taken its place.
      expect(resumedBy(await open(client, server))).toEqual([true, true]);
    }
  });

  test("gives a session that is cut off anywhere makes a full handshake", async () => {
    const store = new OpenStore();
    const { client, server } = configsWith(role, store);
    await open(client, server);
    const seeded = new Seeded("cut off");
    for (let i = 0; i < 30; i++) {
      store.change((session) => session.slice(0, seeded.integer(session.length)));
      expect(resumedBy(await open(client, server)), `${i}`).toEqual([false, false]);
    }
  });

  test(`gives a session with some bits changed resumes it, or not, and never fails for the fault of its own reader: TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
    const seeded = new Seeded(RUN_SEED);
    const store = new OpenStore();
    const { client, server } = configsWith(role, store);
    await open(client, server);
    const [[key, session] = ["", new Uint8Array()]] = store.sessions;
    const outcomes = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const changed = session.slice();
      // Not the main secret, which is the last: see below for that.
      const at = seeded.integer(changed.length - 48);
      changed[at] = (changed[at] ?? 0) ^ (1 << seeded.integer(8));
      store.sessions.set(key, changed);
      const pair = await new Pair(client, server).run();
      const ends = [pair.client.closed, pair.server.closed].flatMap((how) =>
        how?.kind === "error" ? [how.alertSent] : [],
      );
      expect(ends, `byte ${at}: ${hex(changed)}`).not.toContain("internal_error");
      outcomes.add(ends[0] ?? `resumed ${pair.client.engine.info?.resumed}`);
    }
    expect(outcomes).toContain("resumed false");
  });
});

function pairOf<C, S>({ client, server }: { readonly client: C; readonly server: S }): [C, S] {
  return [client, server];
}

describe("an answer of the store that comes late", () => {
  test.each(["client", "server"] as const)("parks the handshake of a %s until it is there", async (role) => {
    const inner = new OpenStore();
    const answer = deferred<Uint8Array | null>();
    const store: SessionStore = {
      get: () => answer.promise,
      put: (key, session) => inner.put(key, session),
      take: (key) => inner.take(key),
    };
    const { client, server } = configsWith(role, inner);
    await open(client, server);
    const [session = new Uint8Array()] = inner.sessions.values();
    const slow = { client: client.with({}), server };
    const clientConfig =
      role === "client"
        ? client.with({ sessionStore: store })
        : slow.client.with({ sessionStore: client.settings.sessionStore });
    const serverConfig = role === "server" ? server.with({ sessionStore: store }) : server;
    const ends = {
      client: new End(TlsEngine.client(clientConfig)),
      server: new End(TlsEngine.server(serverConfig)),
    };
    ends.server.engine.receive(ends.client.engine.takeOutput() ?? new Uint8Array());
    const waits = ends[role].drain();
    expect(waits).toBeInstanceOf(Promise);
    expect(ends[role].engine.pendingOutput).toBe(0);
    answer.give(session.slice());
    await waits;
    for (let i = 0; i < 3; i++) {
      expect(ends.client.drain()).toBeUndefined();
      ends.server.engine.receive(ends.client.engine.takeOutput() ?? new Uint8Array());
      expect(ends.server.drain()).toBeUndefined();
      ends.client.engine.receive(ends.server.engine.takeOutput() ?? new Uint8Array());
    }
    expect(ends.client.engine.info?.resumed).toBe(true);
    expect(ends.server.engine.info?.resumed).toBe(true);
  });

  test("after the engine was closed changes nothing, and is wiped", async () => {
    for (const settles of ["before abort()", "after abort()"]) {
      const inner = new OpenStore();
      const client = clientOf({ sessionStore: inner });
      await open(client, serverOf());
      const [session = new Uint8Array()] = inner.sessions.values();
      const answer = deferred<Uint8Array | null>();
      const engine = TlsEngine.client(
        client.with({ sessionStore: { ...bound(inner), get: () => answer.promise } }),
      );
      expect(engine.nextEvent()).toMatchObject({ type: "pending" });
      const given = session.slice();
      if (settles === "before abort()") {
        answer.give(given);
        await turn();
      }
      engine.abort();
      answer.give(given);
      await turn();
      expect(given, settles).toEqual(new Uint8Array(given.length));
      expect(engine.nextEvent()).toEqual({ type: "closed", how: { kind: "aborted", alertSent: null } });
      expect(engine.nextEvent()).toBe(NEED_DATA);
      expect(engine.takeOutput()).toBeNull();
    }
  });

  test("after the engine was closed may be an error, which changes nothing", async () => {
    const answer = deferred<Uint8Array | null>();
    const engine = TlsEngine.client(
      clientOf({ sessionStore: { get: () => answer.promise, put: () => undefined, take: () => null } }),
    );
    engine.abort();
    answer.fail(failure);
    await turn();
    expect(engine.state).toBe("closed");
    expect(engine.takeOutput()).toBeNull();
  });

  test("to a write is an error that the host is told of after the end", async () => {
    const answer = deferred<void>();
    const client = clientOf({
      sessionStore: { get: () => null, put: () => answer.promise, take: () => null },
    });
    const pair = await open(client, serverOf());
    pair.client.engine.abort();
    expect(pair.client.engine.takeHookErrors()).toEqual([]);
    answer.fail(failure);
    await turn();
    expect(pair.client.engine.takeHookErrors()).toEqual([failure]);
  });
});

function bound(store: OpenStore): SessionStore {
  return {
    get: (key) => store.get(key),
    put: (key, session) => store.put(key, session),
    take: (key) => store.take(key),
  };
}

describe("a resumption that fails", () => {
  /** `change` of the main secret, which comes last in a session. */
  const withOtherSecret = (session: Uint8Array): Uint8Array => {
    session[session.length - 1] = (session.at(-1) ?? 0) ^ 1;
    return session;
  };

  test("because the server's Finished is not the right one costs the session", async () => {
    const store = new OpenStore();
    const client = clientOf({ sessionStore: store, alpn: ["a", "b"] });
    const server = serverOf({ alpn: ["b", "a"] });
    await open(client, server);
    const middle = new ManInTheMiddle(
      client,
      server,
      editing("tls12_server_hello", (hello) => ({
        ...hello,
        extensions: { ...hello.extensions, applicationLayerProtocolNegotiation: [ascii("a")] },
      })),
    );
    await middle.run();
    expectRefusal(middle.client, "decrypt_error", /Finished/);
    expect(store.sessions.size).toBe(0);
    expect((await open(client, server)).client.engine.info?.resumed).toBe(false);
  });

  test("because both sides have another main secret costs the session", async () => {
    const store = new OpenStore();
    const client = clientOf({ sessionStore: store });
    const server = serverOf();
    await open(client, server);
    store.change(withOtherSecret);
    const pair = await new Pair(client, server).run();
    expectRefusal(pair.client, "bad_record_mac", /does not authenticate/);
    expect(store.sessions.size).toBe(0);
    expect((await open(client, server)).client.engine.info?.resumed).toBe(false);
  });

  test("because the server sends an alert costs the session", async () => {
    const store = new OpenStore();
    const client = clientOf({ sessionStore: store });
    const server = serverOf();
    await open(client, server);
    for (const messages of [0, 1]) {
      const pair = new Pair(client, server);
      if (messages === 0) {
        pair.server.engine.abort("handshake_failure");
      } else {
        pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
        expect(pair.server.drain()).toBeUndefined();
        // Its ServerHello is on its way, and its Finished is not.
        const flight = pair.server.engine.takeOutput() ?? new Uint8Array();
        pair.client.engine.receive(flight.subarray(0, 5 + ((flight[3] ?? 0) << 8) + (flight[4] ?? 0)));
        expect(pair.client.drain()).toBeUndefined();
        pair.client.engine.receive(Uint8Array.of(21, 3, 3, 0, 2, 2, 40));
      }
      await pair.run();
      expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "handshake_failure" });
      expect(store.sessions.size).toBe(0);
      const next = await open(client, server);
      expect(messagesOf(next.client)).toHaveLength(2);
    }
  });

  test("because the server resumes it with another suite, or without the extended main secret, costs the session", async () => {
    for (const [change, alert] of [
      [{ cipherSuite: 0xc02c }, "illegal_parameter"],
      [{ extensions: { renegotiationInfo: new Uint8Array() } }, "handshake_failure"],
    ] as const) {
      const store = new OpenStore();
      const client = clientOf({ sessionStore: store });
      const server = serverOf();
      await open(client, server);
      const middle = new ManInTheMiddle(
        client,
        server,
        editing("tls12_server_hello", (hello) => ({ ...hello, ...change })),
      );
      await middle.run();
      expectRefusal(middle.client, alert, /resumes a session/);
      expect(store.sessions.size).toBe(0);
      expect((await open(client, server)).client.engine.info?.resumed).toBe(false);
    }
  });

  test("for no fault of the session, when the transport ends, leaves it", async () => {
    const store = new OpenStore();
    const client = clientOf({ sessionStore: store });
    const server = serverOf();
    await open(client, server);
    const cut = new End(TlsEngine.client(client));
    cut.engine.receiveEof();
    expect(cut.drain()).toBeUndefined();
    expect(cut.closed?.kind).toBe("truncated");
    expect(store.sessions.size).toBe(1);
    expect((await open(client, server)).client.engine.info?.resumed).toBe(true);
  });

  test("and costs the session wipes what the store gives back, late too", async () => {
    for (const late of [false, true]) {
      const inner = new OpenStore();
      const given: Uint8Array[] = [];
      const client = clientOf({
        sessionStore: {
          ...bound(inner),
          take: (key) => {
            const session = inner.take(key);
            if (session !== null) given.push(session);
            return late ? turn().then(() => session) : session;
          },
        },
      });
      const server = serverOf();
      await open(client, server);
      inner.change(withOtherSecret);
      const pair = await new Pair(client, server).run();
      expect(pair.client.engine.state).toBe("closed");
      if (late) {
        await turn();
        await turn();
      }
      expect(given).toHaveLength(1);
      for (const session of given) expect(session).toEqual(new Uint8Array(session.length));
    }
  });

  test("and costs the session tells the host when the store cannot take it away", async () => {
    for (const [, fail] of WAYS) {
      const store = failing("take", fail);
      const client = clientOf({ sessionStore: store });
      const server = serverOf();
      await open(client, server);
      store.inner.change(withOtherSecret);
      const pair = await new Pair(client, server).run();
      await turn();
      expect(pair.client.closed).toMatchObject({ kind: "error", alertSent: "bad_record_mac" });
      expect(pair.client.engine.takeHookErrors()).toEqual([failure]);
    }
  });
});
