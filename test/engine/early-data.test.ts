import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import {
  type EarlyHello,
  externalPsk,
  MemoryReplayStore,
  nobleProvider,
  type ReplayStore,
  TicketKeys,
  TlsEngine,
} from "../../src/index.ts";
import { Seeded, RUN_SEED } from "../pairs/seeded.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { End, Pair } from "../support/pair.ts";
import {
  type Acquainted,
  acquainted,
  type ClientChanges,
  expectAccepted,
  expectRejected,
  expectWorking,
  firstFlight,
  MAX_BYTES,
  meetAgain,
  QUESTION,
  type ServerChanges,
  serverGiven,
  typesOf,
} from "./early-data.ts";
import { expectRefusal } from "./refusal.ts";
import { Clock, helloOf, OpenStore } from "./sessions.ts";
import { open } from "./versions.ts";

const sharedKeys = (): TicketKeys => new TicketKeys({ provider: nobleProvider() });
const clientCredential = await toyCredential("client");

describe("early data is taken", () => {
  const accepted: readonly (readonly [string, ClientChanges, ServerChanges])[] = [
    ["by default suites", {}, {}],
    ["under AES-256", {}, { cipherSuites: ["TLS_AES_256_GCM_SHA384"] }],
    ["under ChaCha20", {}, { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] }],
    [
      "by sides that have TLS 1.2 too",
      { versions: ["TLSv1.3", "TLSv1.2"] },
      { versions: ["TLSv1.3", "TLSv1.2"] },
    ],
    ["for an ALPN protocol", { alpn: ["a", "b"] }, { alpn: ["b"] }],
    ["without a key exchange", { pskModes: ["psk_ke"] }, { pskModes: ["psk_ke", "psk_dhe_ke"] }],
    ["without a word to middleboxes", { middleboxCompatibility: false }, {}],
    ["with tickets that are names in a store", {}, { sessionTickets: "stored" }],
    ["with tickets under keys that are shared", {}, { sessionTickets: sharedKeys() }],
    [
      "by a server that would have asked for a certificate",
      { clientCredential },
      { clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } },
    ],
    ["in padded records", { recordPadding: () => 100 }, { recordPadding: () => 100 }],
  ];

  test.each(accepted)("%s", async (_how, clientChanges, serverChanges) => {
    const sides = await acquainted(clientChanges, serverChanges);
    const pair = await meetAgain(sides);
    expect(typesOf(pair.server)).toEqual(["early-data", "handshake-complete"]);
    expect(typesOf(pair.client)).toEqual(["handshake-complete", "session"]);
    await expectAccepted(pair);
    expect(sides.replays.asked).toHaveLength(1);
    // The ticket of a resumed connection is as good.
    await expectAccepted(await meetAgain(sides, "again"), "again");
  });

  test("to the last byte that is allowed, in as many records as it takes", async () => {
    const replayStore = new MemoryReplayStore({ now: () => 0 });
    for (const maxBytes of [1, 2 ** 14, 2 ** 14 + 1, 50_000]) {
      const earlyData = new Seeded(String(maxBytes)).bytes(maxBytes);
      const sides = await acquainted({}, { earlyData: { maxBytes, replayStore } });
      const pair = await meetAgain(sides, earlyData);
      expect(typesOf(pair.server)).toEqual([
        ...Array.from({ length: Math.ceil(maxBytes / 2 ** 14) }, () => "early-data"),
        "handshake-complete",
      ]);
      await expectAccepted(pair, earlyData);
    }
  });

  test("before what was written behind it", async () => {
    const { client, server } = await acquainted();
    const pair = new Pair(client, server, undefined, { earlyData: ascii("first ") });
    pair.client.engine.write(ascii("second "));
    await pair.run();
    expect([latin1(pair.server.early), latin1(pair.server.received)]).toEqual(["first ", "second "]);
    await expectAccepted(pair, "first ");
  });

  test("from a copy: what becomes of the bytes that were given does not matter", async () => {
    const { client, server } = await acquainted();
    const earlyData = ascii(QUESTION);
    const pair = new Pair(client, server, undefined, { earlyData });
    earlyData.fill(0);
    await expectAccepted(await pair.run());
  });

  test("by an engine that was upgraded from plaintext", async () => {
    const { client, server } = await acquainted();
    const [own, peer] = [new End(new TlsEngine()), new End(new TlsEngine())];
    peer.engine.upgrade(server, "none");
    own.engine.upgrade(client, "none", { earlyData: ascii(QUESTION) });
    peer.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(peer.drain()).toBeUndefined();
    expect(latin1(peer.early)).toBe(QUESTION);
  });

  test("while the client's session is there: each is for one connection", async () => {
    const sides = await acquainted();
    const { client } = sides;
    const [first, second] = [firstFlight(client), firstFlight(client)];
    expect(first.length - second.length).toBeGreaterThan(QUESTION.length);
    expect(typesOf(await serverGiven(sides.server, second))).toEqual([]);
    expect(typesOf(await serverGiven(sides.server, first))).toEqual(["early-data"]);
  });
});

/** What both sides are when they meet again. */
type Later = (sides: Acquainted) => Pick<Acquainted, "client" | "server">;

interface Rejection {
  readonly why: string;
  readonly first?: readonly [ClientChanges, ServerChanges];
  readonly later: Later;
  readonly resumed: boolean;
  /** Whether the client has sent it all the same. */
  readonly sent: boolean;
}

const keys = sharedKeys();
const withKeys = [{}, { sessionTickets: keys }] as const;

const rejections: readonly Rejection[] = [
  {
    why: "there is no session",
    later: ({ client, server }) => ({ client: client.with({ sessionStore: new OpenStore() }), server }),
    resumed: false,
    sent: false,
  },
  {
    why: "the client has changed its suites",
    later: ({ client, server }) => ({
      client: client.with({ cipherSuites: ["TLS_AES_256_GCM_SHA384"] }),
      server,
    }),
    resumed: false,
    sent: false,
  },
  {
    why: "the client has no use for the session's protocol any more",
    first: [{ alpn: ["a", "b"] }, { alpn: ["a", "b"] }],
    later: ({ client, server }) => ({ client: client.with({ alpn: ["b"] }), server }),
    resumed: true,
    sent: false,
  },
  {
    why: "the ticket is none for early data",
    first: [{}, { ...withKeys[1], earlyData: undefined as never }],
    later: ({ client, server, replays }) => ({
      client,
      server: server.with({ earlyData: { maxBytes: MAX_BYTES, replayStore: replays } }),
    }),
    resumed: true,
    sent: false,
  },
  {
    why: "the server does not open the ticket",
    later: ({ client, server }) => ({ client, server: server.with({ sessionTickets: sharedKeys() }) }),
    resumed: false,
    sent: true,
  },
  {
    why: "the server has chosen another protocol",
    first: [{ alpn: ["a", "b"] }, { ...withKeys[1], alpn: ["a"] }],
    later: ({ client, server }) => ({ client, server: server.with({ alpn: ["b"] }) }),
    resumed: true,
    sent: true,
  },
  {
    why: "the server chooses no protocol any more",
    first: [{ alpn: ["a"] }, { ...withKeys[1], alpn: ["a"] }],
    later: ({ client, server }) => ({ client, server: server.with({ alpn: [] }) }),
    resumed: true,
    sent: true,
  },
  {
    why: "the server has chosen another suite of the same hash",
    first: [{}, { ...withKeys[1], cipherSuites: ["TLS_AES_128_GCM_SHA256"] }],
    later: ({ client, server }) => ({
      client,
      server: server.with({ cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"] }),
    }),
    resumed: true,
    sent: true,
  },
  {
    why: "the server asks for a second ClientHello",
    first: withKeys,
    later: ({ client, server }) => ({ client, server: server.with({ groups: ["secp256r1"] }) }),
    resumed: true,
    sent: true,
  },
  {
    why: "the server takes none any more",
    first: withKeys,
    later: ({ client, server }) => ({ client, server: server.with({ earlyData: undefined as never }) }),
    resumed: true,
    sent: true,
  },
  {
    why: "the server takes less than the ticket says",
    first: withKeys,
    later: ({ client, server, replays }) => ({
      client,
      server: server.with({ earlyData: { maxBytes: MAX_BYTES - 1, replayStore: replays } }),
    }),
    resumed: true,
    sent: true,
  },
  {
    why: "the ticket is older than the server's MemoryReplayStore",
    first: withKeys,
    later: ({ clock, client, server }) => {
      clock.move(1);
      const replayStore = new MemoryReplayStore({ now: clock.now });
      return { client, server: server.with({ earlyData: { maxBytes: MAX_BYTES, replayStore } }) };
    },
    resumed: true,
    sent: true,
  },
];

describe("early data comes back when", () => {
  test.each(rejections.map((rejection) => [rejection.why, rejection] as const))(
    "%s",
    async (_why, rejection) => {
      const { first = [], later, resumed, sent } = rejection;
      const sides = await acquainted(...first);
      const pair = await meetAgain(later(sides));
      expect(helloOf(pair.client).extensions.earlyData).toBe(sent ? true : undefined);
      await expectRejected(pair, { resumed });
    },
  );

  test("it is longer than the ticket allows", async () => {
    const sides = await acquainted();
    const earlyData = new Uint8Array(MAX_BYTES + 1).fill(0x61);
    const pair = await meetAgain(sides, earlyData);
    expect(helloOf(pair.client).extensions.earlyData).toBeUndefined();
    await expectRejected(pair, { resumed: true, earlyData });
  });

  test("it fills all that was allowed: the server passes over as much", async () => {
    for (const maxBytes of [2 ** 14, 60_000]) {
      const replayStore = { take: () => false };
      const recordSizeLimit = 500;
      for (const options of [{}, { recordSizeLimit }]) {
        const earlyData = new Uint8Array(maxBytes).fill(0x61);
        const sides = await acquainted(
          {},
          { ...options, sessionTickets: keys, earlyData: { maxBytes, replayStore } },
        );
        await expectRejected(await meetAgain(sides, earlyData), { resumed: true, earlyData });
        // Also when it has given tickets for it once, and takes none by now.
        for (const changes of [{ earlyData: undefined as never }, { groups: ["secp256r1"] }]) {
          const server = sides.server.with(changes);
          const pair = await meetAgain({ ...sides, server }, earlyData);
          await expectRejected(pair, { resumed: true, earlyData });
        }
      }
    }
  });

  test("there is an external PSK only, with which none can be sent", async () => {
    const psk = externalPsk({ identity: ascii("us"), key: new Uint8Array(32).fill(7) });
    const sides = await acquainted();
    const client = sides.client.with({ externalPsks: [psk], sessionStore: null });
    const server = sides.server.with({ findPsk: () => psk });
    const pair = await meetAgain({ client, server });
    const { extensions } = helloOf(pair.client);
    expect([extensions.preSharedKey?.identities.length, extensions.earlyData]).toEqual([1, undefined]);
    await expectRejected(pair, { resumed: false });
    expect(pair.server.engine.info?.peer).toMatchObject({ kind: "psk" });
  });

  test("the server takes the external PSK that stands behind the session's", async () => {
    const psk = externalPsk({ identity: ascii("us"), key: new Uint8Array(32).fill(7) });
    const sides = await acquainted({ externalPsks: [psk] });
    const server = sides.server.with({
      sessionTickets: false,
      findPsk: (id) => (latin1(id) === "us" ? psk : null),
    });
    const pair = await meetAgain({ ...sides, server });
    const { extensions } = helloOf(pair.client);
    expect([extensions.preSharedKey?.identities.length, extensions.earlyData]).toEqual([2, true]);
    await expectRejected(pair, { resumed: false });
  });

  test("is behind the end of the handshake, where all of it can be written again", async () => {
    const sides = await acquainted({}, { sessionTickets: keys });
    const server = sides.server.with({ earlyData: undefined as never });
    const pair = new Pair(sides.client, server, undefined, { earlyData: ascii("first ") });
    pair.client.engine.write(ascii("second "));
    await pair.run();
    await expectRejected(pair, { resumed: true, earlyData: "first " });
    for (const event of pair.client.events)
      if (event.type === "early-data-rejected") pair.client.engine.write(event.data);
    await pair.run();
    // What was written meanwhile has gone out before.
    expect(latin1(pair.server.received)).toBe("second pingfirst ");
  });

  test.each([
    ["TLS 1.3", ["TLSv1.3"]],
    ["TLS 1.2", ["TLSv1.2"]],
  ] as const)("there was nobody to give a session, in %s", async (_name, versions) => {
    const { client, server } = await acquainted();
    const sides = {
      client: client.with({ versions: ["TLSv1.3", "TLSv1.2"], sessionStore: null }),
      server: server.with({ versions }),
    };
    await expectRejected(await meetAgain(sides), { resumed: false });
  });
});

test("no early data at all, or an empty one, is no event", async () => {
  const sides = await acquainted();
  const pair = await meetAgain(sides, "");
  expect(helloOf(pair.client).extensions.earlyData).toBeUndefined();
  expect([typesOf(pair.client), typesOf(pair.server)]).toEqual([
    ["handshake-complete", "session"],
    ["handshake-complete"],
  ]);
  await expectWorking(pair);
});

test("a server of TLS 1.2 in place of the one that was met is refused: protocol_version", async () => {
  const { client, server } = await acquainted({ versions: ["TLSv1.3", "TLSv1.2"] });
  const pair = await meetAgain({ client, server: server.with({ versions: ["TLSv1.2"] }) });
  expectRefusal(pair.client, "protocol_version", "server chose TLS 1.2 although early data was sent to it");
  expect(typesOf(pair.client)).toEqual(["closed"]);
});

describe("an answer of the replay store", () => {
  const answers: readonly (readonly [string, ReplayStore["take"]])[] = [
    ["of false", () => false],
    ["of false that comes late", () => Promise.resolve(false)],
    ["that is no boolean", () => "yes" as never],
    ["that is none", () => undefined as never],
  ];
  test.each(answers)("%s rejects early data", async (_what, take) => {
    const sides = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore: { take } } });
    await expectRejected(await meetAgain(sides), { resumed: true });
  });

  const failures: readonly (readonly [string, (error: Error) => ReplayStore["take"]])[] = [
    [
      "throws",
      (error) => () => {
        throw error;
      },
    ],
    ["rejects", (error) => () => Promise.reject(error)],
  ];
  test.each(failures)("that %s rejects early data, and is told to the host", async (_how, failing) => {
    const error = new Error("no connection to the store");
    const replayStore = { take: failing(error) };
    const sides = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    const pair = await meetAgain(sides);
    expect(pair.server.engine.takeHookErrors()).toEqual([error]);
    await expectRejected(pair, { resumed: true });
  });

  test("of true that comes late is as good as one at once", async () => {
    const replayStore = { take: () => Promise.resolve(true) };
    const sides = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    await expectAccepted(await meetAgain(sides));
  });

  test("that never comes keeps the handshake where it is, and lets the host end it", async () => {
    const replayStore = { take: () => new Promise<boolean>(() => undefined) };
    const { client, server } = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    const end = new End(TlsEngine.server(server));
    end.engine.receive(firstFlight(client));
    expect(end.drain()).toBeInstanceOf(Promise);
    expect([end.events, end.engine.takeOutput()]).toEqual([[], null]);
    end.engine.abort("internal_error");
    expect(end.drain()).toBeUndefined();
    expect(end.closed).toEqual({ kind: "aborted", alertSent: "internal_error" });
  });

  test("that comes after the connection has ended changes nothing", async () => {
    let answer: (isFirst: boolean) => void = () => undefined;
    const replayStore = { take: () => new Promise<boolean>((resolve) => (answer = resolve)) };
    const { client, server } = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    const end = new End(TlsEngine.server(server));
    end.engine.receive(firstFlight(client));
    const waits = end.drain();
    end.engine.abort();
    answer(true);
    await waits;
    expect(end.drain()).toBeUndefined();
    expect([typesOf(end), end.engine.takeOutput()]).toEqual([["closed"], null]);
  });
});

describe("the age that a client shows", () => {
  test.each([
    [60_000, true],
    [60_001, false],
    [61_000, false],
    [-60_000, true],
    [-60_001, false],
    [-61_000, false],
    [2 ** 31, false],
  ])("may be off by a minute: %d ms too little → %s", async (skewMs, isTaken) => {
    const clock = new Clock();
    let serverAheadMs = 0;
    const sides = await acquainted(
      { now: clock.now },
      {
        now: () => clock.now() + serverAheadMs,
        ticketLifetimeSeconds: 7 * 24 * 3600 - 1,
        earlyData: { maxBytes: MAX_BYTES, replayStore: new MemoryReplayStore({ now: () => 0 }) },
      },
    );
    clock.move(3600);
    serverAheadMs = skewMs;
    const pair = await meetAgain(sides);
    if (isTaken) await expectAccepted(pair);
    // Only a session's whole age is too much for its resumption.
    else await expectRejected(pair, { resumed: skewMs < 2 ** 31 });
  });

  test("is asked about in numbers that tell when it will be too old", async () => {
    const sides = await acquainted({}, { sessionTickets: keys });
    const { clock, client, replays } = sides;
    const issuedAtMs = clock.now();
    clock.move(100);
    const flight = firstFlight(client);
    clock.move(-5);
    await serverGiven(sides.server, flight);
    const [asked] = replays.asked;
    expect(asked).toEqual({
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      issuedAtMs,
      expiresAtMs: issuedAtMs + 160_001,
    } satisfies EarlyHello);
    // A store that remembers nothing shows what the age alone refuses.
    const server = sides.server.with({
      earlyData: { maxBytes: MAX_BYTES, replayStore: { take: () => true } },
    });
    clock.move(65 - 0.001);
    expect(clock.now()).toBe(issuedAtMs + 159_999);
    for (const [ms, types] of [
      [0, ["early-data"]],
      [1, ["early-data"]],
      [1, []],
    ] as const) {
      clock.move(ms / 1000);
      expect(typesOf(await serverGiven(server, flight))).toEqual(types);
    }
  });
});

describe("a ClientHello that comes again", () => {
  test("has its early data taken once, by the same server", async () => {
    const { client, server, replays } = await acquainted();
    const flight = firstFlight(client);
    const [first, ...others] = [
      await serverGiven(server, flight),
      await serverGiven(server, flight),
      await serverGiven(server, flight),
    ];
    expect(latin1(first.early)).toBe(QUESTION);
    expect(others.map(typesOf)).toEqual([[], []]);
    expect(new Set(replays.asked.map(({ key }) => key)).size).toBe(1);
    // The replay is answered as any client whose early data is not taken.
    for (const { engine } of others) expect(engine.pendingOutput).toBeGreaterThan(100);
  });

  test("has its early data taken once, by two servers that share a store and ticket keys", async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { client, server } = await acquainted({}, { sessionTickets: keys });
      // Not a config with the same options, but one that was made elsewhere.
      const other = server.with({
        sessionTickets: TicketKeys.import(keys.export(0), { provider: nobleProvider() }),
      });
      const flight = firstFlight(client);
      const ends = [];
      for (const index of [...order, ...order])
        ends.push(await serverGiven([server, other][index] ?? server, flight));
      expect(ends.map(typesOf)).toEqual([["early-data"], [], [], []]);
    }
  });

  test("has its early data taken once, by connections that are there at the same time", async () => {
    const taken = new Set<string>();
    const waiting: (() => void)[] = [];
    /** Atomic, as its only step comes when it answers. */
    const replayStore: ReplayStore = {
      take: ({ key }) =>
        new Promise((resolve) => {
          waiting.push(() => {
            resolve(!taken.has(key));
            taken.add(key);
          });
        }),
    };
    const { client, server } = await acquainted({}, { earlyData: { maxBytes: MAX_BYTES, replayStore } });
    const flight = firstFlight(client);
    const ends = [0, 1, 2].map(() => new End(TlsEngine.server(server)));
    const waits = ends.map((end) => {
      end.engine.receive(flight);
      return end.drain();
    });
    for (const answer of waiting.toReversed()) answer();
    for (const wait of waits) await wait;
    for (const end of ends) expect(end.drain()).toBeUndefined();
    expect(ends.map(typesOf)).toEqual([[], [], ["early-data"]]);
  });

  test("is another one when its binder is: a client may send the same early data twice", async () => {
    const sides = await acquainted();
    await expectAccepted(await meetAgain(sides));
    await expectAccepted(await meetAgain(sides));
    expect(new Set(sides.replays.asked.map(({ key }) => key)).size).toBe(2);
  });

  test("cannot be made another one by changes in what its first binder does not cover", async () => {
    const psk = externalPsk({ identity: ascii("us"), key: new Uint8Array(32).fill(7) });
    const { client, server } = await acquainted({ externalPsks: [psk] });
    const flight = firstFlight(client);
    const helloEnd = 5 + ((flight[3] ?? 0) << 8) + (flight[4] ?? 0);
    const changed = flight.slice();
    // The last byte of the second binder, which nobody looks at.
    changed[helloEnd - 1] = (changed[helloEnd - 1] ?? 0) ^ 1;
    expect(typesOf(await serverGiven(server, flight))).toEqual(["early-data"]);
    expect(typesOf(await serverGiven(server, changed))).toEqual([]);
  });
});

test("a replay store that is full rejects early data, until something may be forgotten", async () => {
  const clock = new Clock();
  const replayStore = new MemoryReplayStore({ entries: 2, now: clock.now });
  const sides = await acquainted(
    { now: clock.now },
    { now: clock.now, earlyData: { maxBytes: MAX_BYTES, replayStore } },
  );
  await expectAccepted(await meetAgain(sides));
  await expectAccepted(await meetAgain(sides));
  await expectRejected(await meetAgain(sides), { resumed: true });
  clock.move(61);
  await expectAccepted(await meetAgain(sides));
});

test(`whatever happens, each byte of early data arrives once or comes back once: TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
  const seeded = new Seeded(`${RUN_SEED} early data`);
  let taken = 0;
  for (let i = 0; i < 60; i++) {
    const replayStore = { take: () => seeded.integer(2) === 0 };
    const maxBytes = 1 + seeded.integer(40_000);
    const earlyData = seeded.bytes(1 + seeded.integer(Math.floor(maxBytes * 1.2)));
    const sides = await acquainted({}, { sessionTickets: keys, earlyData: { maxBytes, replayStore } });
    const changes = seeded.pick<ServerChanges>([{}, {}, { groups: ["secp256r1"] }]);
    const pair = await meetAgain(
      { ...sides, server: sides.server.with(changes) },
      earlyData,
      seeded.split(3000),
    );
    const back = pair.client.events.flatMap((event) =>
      event.type === "early-data-rejected" ? [event.data] : [],
    );
    const arrived = pair.server.early.length > 0 ? [pair.server.early] : [];
    expect([...back, ...arrived].map((bytes) => hex(bytes))).toEqual([hex(earlyData)]);
    expect(pair.client.engine.info?.earlyDataAccepted).toBe(arrived.length > 0);
    taken += arrived.length;
    await expectWorking(pair);
  }
  expect(taken).toBeGreaterThan(5);
  expect(taken).toBeLessThan(55);
});

test("a server that was not met gets no early data: what a client has to say is not for everybody", async () => {
  const { client, server } = await acquainted();
  await open(client, server);
  const other = client.with({ serverName: "other.example" });
  const pair = await meetAgain({ client: other, server });
  expect(helloOf(pair.client).extensions.preSharedKey).toBeUndefined();
  await expectRejected(pair, { resumed: false });
});
