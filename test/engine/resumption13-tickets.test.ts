import { describe, expect, test } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import { decodeSession13, encodeSession13 } from "../../src/handshake/session13.ts";
import { type ClientConfig, type ServerConfig, TicketKeys, TlsEngine } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { End, Pair } from "../support/pair.ts";
import { finish, move } from "./parked-pair.ts";
import { expectResumed, infosOf, messagesOf, OpenStore } from "./sessions.ts";
import { client13, copyOf, identitiesOf, PLACES, server13, sessionsOf } from "./sessions13.ts";
import { open } from "./versions.ts";

const clientCredential = await toyCredential("client");

/** A client that offers `store`'s session with its ticket changed. */
function offering(store: OpenStore, change: (ticket: Uint8Array) => Uint8Array): ClientConfig {
  const changed = copyOf(store);
  changed.change((bytes) => {
    const session = decodeSession13(bytes);
    if (session?.role !== "client") throw new Error("no session of a client");
    return encodeSession13({ ...session, ticket: change(session.ticket) });
  });
  return client13({ sessionStore: changed });
}

/** The index of the PSK that the server takes; undefined when the handshake is to be a full one. */
function taken(client: ClientConfig, server: ServerConfig, what: string): number | undefined {
  const ends = { client: new End(TlsEngine.client(client)), server: new End(TlsEngine.server(server)) };
  const hello = ends.client.engine.takeOutput() ?? new Uint8Array();
  ends.client.sent.push(hello);
  expect(identitiesOf(ends.client), what).toHaveLength(1);
  ends.server.engine.receive(hello);
  expect(ends.server.drain()).toBeUndefined();
  expect(ends.server.closed, what).toBeUndefined();
  expect(ends.server.engine.takeHookErrors(), what).toEqual([]);
  ends.server.sent.push(ends.server.engine.takeOutput() ?? new Uint8Array());
  const [answer = new Uint8Array()] = messagesOf(ends.server);
  return decodeHandshake("server_hello", answer).extensions.preSharedKey;
}

describe.each(PLACES)("a ticket of a session %s", (_place, options) => {
  /** A server, and what a client of it has kept. */
  async function known(): Promise<{ readonly server: ServerConfig; readonly store: OpenStore }> {
    const store = new OpenStore();
    const server = server13({ ...options, ticketCount: 1 });
    await open(client13({ sessionStore: store }), server);
    return { server, store };
  }

  test("with any of its bytes changed leads to a full handshake, and not to an error", async () => {
    const { server, store } = await known();
    let bytes = 0;
    for (let at = 0; at === 0 || at < bytes; at++) {
      const client = offering(store, (ticket) => {
        bytes = ticket.length;
        return ticket.with(at, (ticket[at] ?? 0) ^ (1 << (at & 7)));
      });
      expect(taken(client, server, `byte ${at}`), `byte ${at}`).toBeUndefined();
    }
    expect(bytes).toBeGreaterThanOrEqual(32);
    // It is as good as ever where it was not changed.
    expect(
      taken(
        offering(store, (ticket) => ticket),
        server,
        "unchanged",
      ),
    ).toBe(0);
  });

  test("that is cut, longer or something else leads to a full handshake", async () => {
    const { server, store } = await known();
    let length = 0;
    offering(store, (ticket) => {
      ({ length } = ticket);
      return ticket;
    });
    const lengths = [1, 15, 16, 31, 32, 33, 47, 48, 63, 64, 65, length - 1].filter((cut) => cut < length);
    expect(lengths.length).toBeGreaterThan(4);
    for (const [what, change] of [
      ...lengths.map((cut) => [`${cut} bytes`, (ticket: Uint8Array) => ticket.slice(0, cut)] as const),
      ["one byte more", (ticket: Uint8Array) => concatBytes(ticket, Uint8Array.of(0))],
      ["twice", (ticket: Uint8Array) => concatBytes(ticket, ticket)],
      ["32 zeros", () => new Uint8Array(32)],
      ["15,000 zeros", () => new Uint8Array(15_000)],
    ] as const)
      expect(taken(offering(store, change), server, what), what).toBeUndefined();
  });

  test("that is refused in silence is replaced by the new ones", async () => {
    const { server, store } = await known();
    const client = offering(store, (ticket) => ticket.with(3, (ticket[3] ?? 0) ^ 1));
    const pair = await open(client, server);
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expectResumed(pair, false);
    expectResumed(await open(client, server), true);
  });

  test("of another server, or of this one before it was started again, leads to a full handshake", async () => {
    const { server, store } = await known();
    for (const other of [server13(options), server.with({ sessionStore: new OpenStore() })]) {
      const client = client13({ sessionStore: copyOf(store) });
      const pair = await open(client, other);
      expect(identitiesOf(pair.client)).toHaveLength(1);
      expectResumed(pair, false);
      expect(sessionsOf(pair.client).length).toBeGreaterThan(0);
      // Now that it has keys of its own too.
      expectResumed(await open(client13({ sessionStore: copyOf(store) }), other), false);
      expectResumed(await open(client, other), true);
    }
  });

  test("whose PSK is another one on the two sides is decrypt_error, and costs the session", async () => {
    const { server, store } = await known();
    store.change((bytes) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1));
    const client = client13({ sessionStore: store });
    const pair = await new Pair(client, server).run();
    expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "decrypt_error" });
    expect(pair.server.closed).toMatchObject({
      error: { message: "decrypt_error: the binder of PSK 0 does not match the ClientHello" },
    });
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "decrypt_error" });
    expect(store.sessions.size).toBe(0);
    expectResumed(await open(client, server), false);
  });
});

test("two servers that have their ticket keys in common resume the sessions of each other", async () => {
  const keys = new TicketKeys({ provider: toyProvider() });
  const [one, other] = [server13({ sessionTickets: keys }), server13({ sessionTickets: keys })];
  const client = client13();
  expectResumed(await open(client, one), false);
  expectResumed(await open(client, other), true);
  expectResumed(await open(client, one), true);
});

test("a server whose ticket keys were wiped gives no tickets, and takes none", async () => {
  const keys = new TicketKeys({ provider: toyProvider() });
  const server = server13({ sessionTickets: keys });
  const client = client13();
  expect(sessionsOf((await open(client, server)).client)).toHaveLength(2);
  keys.wipe();
  const pair = await open(client, server);
  expect(identitiesOf(pair.client)).toHaveLength(1);
  expectResumed(pair, false);
  expect(sessionsOf(pair.client)).toEqual([]);
});

test("a session that is too large for a ticket gives none, and may be in a store", async () => {
  const [leaf = new Uint8Array()] = clientCredential.certificateChain;
  for (const [filler, sessionTickets, tickets] of [
    [15_000, true, 2],
    [17_000, true, 0],
    [17_000, "stored", 2],
  ] as const) {
    const certificateChain = [leaf, new Uint8Array(filler)];
    const client = client13({ clientCredential: { ...clientCredential, certificateChain } });
    const server = server13({
      sessionTickets,
      clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true },
    });
    const pair = await open(client, server);
    expect(sessionsOf(pair.client), `${filler} bytes, ${sessionTickets}`).toHaveLength(tickets);
    const next = await open(client, server);
    expectResumed(next, tickets > 0);
    expect(next.server.engine.info?.peer).toMatchObject({ kind: "unverified", chain: certificateChain });
  }
});

describe("psk_key_exchange_modes", () => {
  const [KE, DHE] = ["psk_ke", "psk_dhe_ke"] as const;

  test.each([
    { client: [DHE], server: [DHE], resumes: "x25519" },
    { client: [DHE], server: [KE, DHE], resumes: "x25519" },
    { client: [KE, DHE], server: [DHE], resumes: "x25519" },
    { client: [KE, DHE], server: [DHE, KE], resumes: "x25519" },
    { client: [DHE, KE], server: [KE, DHE], resumes: null },
    { client: [KE], server: [DHE, KE], resumes: null },
    { client: [KE], server: [KE], resumes: null },
    { client: [KE, DHE], server: [KE], resumes: null },
  ])("of $client and $server lead to the group $resumes", async ({ client, server, resumes }) => {
    const configs = [client13({ pskModes: client }), server13({ pskModes: server })] as const;
    const first = await open(...configs);
    expect(infosOf(first).map((info) => info?.group)).toEqual(["x25519", "x25519"]);
    for (let i = 0; i < 2; i++) {
      const pair = await open(...configs);
      expectResumed(pair, true);
      expect(infosOf(pair).map((info) => info?.group)).toEqual([resumes, resumes]);
      const [answer = new Uint8Array()] = messagesOf(pair.server);
      const { extensions } = decodeHandshake("server_hello", answer);
      expect([extensions.preSharedKey, extensions.keyShare === undefined]).toEqual([0, resumes === null]);
      const [own, peer] = [pair.client, pair.server].map(({ engine }) =>
        engine.exportKeyingMaterial("EXPERIMENTAL", null, 32),
      );
      expect(own).toEqual(peer);
    }
  });

  test.each([
    { client: [KE], server: [DHE] },
    { client: [DHE], server: [KE] },
  ] as const)("without one in common lead to no tickets: $client and $server", async ({ client, server }) => {
    const configs = [client13({ pskModes: client }), server13({ pskModes: server })] as const;
    for (let i = 0; i < 2; i++) {
      const pair = await open(...configs);
      expectResumed(pair, false);
      expect(sessionsOf(pair.client)).toEqual([]);
    }
  });

  test("that change between two connections lead to a full handshake", async () => {
    const sessionStore = new OpenStore();
    const server = server13({ pskModes: [DHE] });
    await open(client13({ sessionStore }), server);
    const pair = await open(client13({ sessionStore, pskModes: [KE] }), server);
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expectResumed(pair, false);
  });

  test("without a key exchange need no group in common, and no HelloRetryRequest", async () => {
    const sessionStore = new OpenStore();
    const keys = new TicketKeys({ provider: toyProvider() });
    const server = server13({ sessionTickets: keys, pskModes: [KE] });
    await open(client13({ sessionStore, pskModes: [KE] }), server);
    const other = server13({ sessionTickets: keys, pskModes: [KE], groups: ["secp256r1"] });
    const client = client13({ sessionStore, pskModes: [KE], groups: ["x25519"] });
    const pair = await open(client, other);
    expectResumed(pair, true);
    expect(infosOf(pair).map((info) => [info?.group, info?.helloRetried])).toEqual([
      [null, false],
      [null, false],
    ]);
  });
});

test("a ticket is of use at once, while the server still puts the session into its store", async () => {
  const store = new OpenStore();
  let put: () => void = () => undefined;
  const server = server13({
    ticketCount: 1,
    sessionTickets: "stored",
    sessionStore: {
      get: (key) => store.get(key),
      // Copied late, as it may be.
      put: (key, session) =>
        new Promise((resolve) => {
          put = () => {
            store.put(key, session);
            resolve();
          };
        }),
      take: (key) => store.take(key),
    },
  });
  const client = client13();
  const first = await open(client, server);
  const ends = { client: new End(TlsEngine.client(client)), server: new End(TlsEngine.server(server)) };
  put();
  move(ends.client, ends.server);
  finish(ends.client, ends.server);
  expect(ends.client.engine.info?.resumed).toBe(true);
  first.client.engine.abort();
});
