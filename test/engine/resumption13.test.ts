import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import { ExtensionType, NEED_DATA, TlsEngine } from "../../src/index.ts";
import { byteByByte, End, Pair } from "../support/pair.ts";
import { Clock, expectResumed, helloOf, infosOf, OpenStore } from "./sessions.ts";
import {
  client13,
  FULL,
  Heard,
  identitiesOf,
  PLACES,
  server13,
  sessionsOf,
  SHORT,
  copyOf,
} from "./sessions13.ts";
import { open } from "./versions.ts";

describe.each(PLACES)("a session %s", (_place, options) => {
  test("goes on as what it was, without certificates", async () => {
    const heard = { client: new Heard(), server: new Heard() };
    const client = client13({ onMessage: heard.client.onMessage });
    const server = server13({ ...options, onMessage: heard.server.onMessage });
    const first = await open(client, server);
    expectResumed(first, false);
    const read = (names: readonly string[]): readonly string[] => names.map((name) => `read ${name}`);
    expect(heard.client.names).toEqual([
      "write client_hello",
      ...read(["server_hello", ...FULL]),
      "write finished",
      ...read(["new_session_ticket", "new_session_ticket"]),
    ]);
    for (const side of Object.values(heard)) side.names = [];
    const second = await open(client, server);
    expectResumed(second, true);
    expect(heard.client.names).toEqual([
      "write client_hello",
      ...read(["server_hello", ...SHORT]),
      "write finished",
      ...read(["new_session_ticket"]),
    ]);
    const ofServer = heard.server.names.map((name) =>
      name.startsWith("read") ? name.replace("read", "write") : name.replace("write", "read"),
    );
    expect(ofServer).toEqual(heard.client.names);
    for (const role of ["client", "server"] as const) {
      const [before, after] = [first[role].engine.info, second[role].engine.info];
      expect(before).toMatchObject({ version: "TLSv1.3", group: "x25519", helloRetried: false });
      expect(after).toEqual({ ...before, resumed: true, peerSignatureScheme: null });
    }
    second.client.engine.write(ascii("question"));
    second.server.engine.write(ascii("answer"));
    await second.run();
    expect(latin1(second.server.received)).toBe("question");
    expect(latin1(second.client.received)).toBe("answer");
  });

  test("is offered as RFC 8446 §4.2.11 says, with the age of its ticket on top of what the server asked to add", async () => {
    const clock = new Clock();
    const [client, server] = [client13({ now: clock.now }), server13({ ...options, now: clock.now })];
    const first = await open(client, server);
    expect(helloOf(first.client).extensions.preSharedKey).toBeUndefined();
    expect([...(helloOf(first.client).extensions.pskKeyExchangeModes ?? [])]).toEqual([1]);
    const [session, ...others] = sessionsOf(first.client);
    expect(others).toHaveLength(1);
    clock.move(1234.567);
    const { extensions } = helloOf((await open(client, server)).client);
    expect(extensions.order?.at(-1)).toBe(ExtensionType.pre_shared_key);
    expect(extensions.preSharedKey).toEqual({
      identities: [
        {
          identity: session?.ticket,
          obfuscatedTicketAge: ((session?.ageAdd ?? 0) + 1_234_567) % 2 ** 32,
        },
      ],
      binders: [expect.any(Uint8Array)],
    });
    expect(extensions.preSharedKey?.binders[0]).toHaveLength(32);
  });

  test("adds another number to its age in each ticket, and has another PSK", async () => {
    const sessions = sessionsOf((await open(client13(), server13(options))).client);
    const [one, other] = sessions.map(({ ageAdd, preSharedKey, ticket }) => [
      ageAdd,
      hex(preSharedKey),
      hex(ticket),
    ]);
    for (let i = 0; i < 3; i++) expect(one?.[i]).not.toEqual(other?.[i]);
  });

  test("gives each connection secrets of its own, on which both sides agree", async () => {
    const [client, server] = [client13(), server13(options)];
    const exported = new Set<string>();
    const endPoints = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const pair = await open(client, server);
      expectResumed(pair, i > 0);
      for (const ask of [
        ({ engine }: End) => engine.exportKeyingMaterial("EXPERIMENTAL", ascii("context"), 32),
        ({ engine }: End) => engine.channelBinding("tls-exporter"),
      ]) {
        const [own, peer] = [pair.client, pair.server].map((end) => hex(ask(end)));
        expect(own).toBe(peer);
        exported.add(own ?? "");
      }
      for (const { engine } of [pair.client, pair.server])
        endPoints.add(hex(engine.channelBinding("tls-server-end-point")));
    }
    expect(exported.size).toBe(8);
    const [certificate = new Uint8Array()] = server.credentials[0]?.certificateChain ?? [];
    expect([...endPoints]).toEqual([createHash("sha256").update(certificate).digest("hex")]);
  });

  test("can be resumed by as many connections as there are tickets, and each gives one for the next", async () => {
    const [client, server] = [client13(), server13(options)];
    await open(client, server);
    const pairs = Array.from({ length: 3 }, () => new Pair(client, server));
    const offers = [];
    for (const [i, pair] of pairs.entries()) {
      expectResumed(await pair.run(), i < 2);
      offers.push(...identitiesOf(pair.client).map(hex));
    }
    expect(new Set(offers).size).toBe(2);
    for (let i = 0; i < 4; i++) {
      const pair = await open(client, server);
      expectResumed(pair, true);
      expect(sessionsOf(pair.client)).toHaveLength(1);
      const [offer] = identitiesOf(pair.client).map(hex);
      expect(offers).not.toContain(offer);
      offers.push(offer ?? "");
    }
  });

  test("works when the bytes come one by one", async () => {
    const [client, server] = [client13(), server13(options)];
    await new Pair(client, server, byteByByte).run();
    expectResumed(await new Pair(client, server, byteByByte).run(), true);
  });

  test("agrees on ALPN anew, and on record_size_limit", async () => {
    const [client, server] = [
      client13({ alpn: ["a", "b"], recordSizeLimit: 100 }),
      server13({ ...options, alpn: ["a", "b"] }),
    ];
    const { sessionStore } = client.settings;
    expect((await open(client, server)).client.engine.info?.alpn).toBe("a");
    const pair = await open(client.with({ alpn: ["b"], sessionStore }), server);
    expectResumed(pair, true);
    expect(infosOf(pair).map((info) => info?.alpn)).toEqual(["b", "b"]);
    pair.server.engine.write(new Uint8Array(250));
    await pair.run();
    const lengths = pair.client.events.flatMap((event) => (event.type === "data" ? [event.data.length] : []));
    // One byte of the limit is the type's.
    expect(lengths).toEqual([99, 99, 52]);
  });

  test("is resumed with any suite of its hash, and by no other", async () => {
    const [AES_128, AES_256, CHACHA] = [
      "TLS_AES_128_GCM_SHA256",
      "TLS_AES_256_GCM_SHA384",
      "TLS_CHACHA20_POLY1305_SHA256",
    ];
    const all = [AES_128, AES_256, CHACHA];
    for (const [made, wanted, isOffered, resumed] of [
      [AES_128, [CHACHA, AES_128], true, true],
      [CHACHA, [AES_128, CHACHA], true, true],
      [AES_128, [AES_256, AES_128], true, false],
      [AES_256, [AES_128, AES_256], true, false],
      [AES_256, [AES_256], true, true],
      // The client has not even the suite.
      [AES_128, [AES_256], false, false],
      [AES_128, [CHACHA], false, false],
    ] as const) {
      const sessionStore = new OpenStore();
      const server = server13({ ...options, cipherSuites: all });
      await open(client13({ sessionStore, cipherSuites: [made] }), server);
      const client = client13({ sessionStore, cipherSuites: [...wanted] });
      // A server has its own preference: here it is that of the client.
      const again = server.with({
        cipherSuites: [...wanted],
        sessionStore: server.settings.sessionStore,
        sessionTickets: server.ticketKeys ?? "stored",
      });
      const pair = await open(client, again);
      const what = `${made}, then ${wanted.join(", ")}`;
      expect(identitiesOf(pair.client).length > 0, what).toBe(isOffered);
      expect(pair.client.engine.info, what).toMatchObject({ resumed, cipherSuite: wanted[0] });
      expectResumed(pair, resumed);
    }
  });
});

describe("a client", () => {
  test("takes a session out of the store before it offers it, whatever comes of the connection", async () => {
    const store = new OpenStore();
    const client = client13({ sessionStore: store });
    const server = server13();
    await open(client, server);
    expect([...store.sessions.keys()]).toEqual(["tls13 client localhost #0", "tls13 client localhost #1"]);
    const cut = new End(TlsEngine.client(client));
    expect([...store.sessions.keys()]).toEqual(["tls13 client localhost #1"]);
    cut.engine.abort();
    const refused = new End(TlsEngine.client(client));
    expect(store.sessions.size).toBe(0);
    refused.engine.receive(Uint8Array.of(21, 3, 3, 0, 2, 2, 40));
    expect(refused.drain()).toBeUndefined();
    expect(refused.closed).toMatchObject({ kind: "alert", alert: "handshake_failure" });
    expect(store.sessions.size).toBe(0);
    expectResumed(await open(client, server), false);
  });

  test("offers one session at a time, and leaves the other one where it is", async () => {
    const store = new OpenStore();
    const client = client13({ sessionStore: store });
    const first = await open(client, server13());
    const tickets = sessionsOf(first.client).map(({ ticket }) => hex(ticket));
    store.calls.length = 0;
    const engine = new End(TlsEngine.client(client));
    engine.sent.push(engine.engine.takeOutput() ?? new Uint8Array());
    expect(identitiesOf(engine).map(hex)).toEqual([tickets[0]]);
    expect(store.calls).toEqual(["take"]);
  });

  test("keeps the tickets of a connection in two places, the last ones if there are more", async () => {
    const store = new OpenStore();
    const client = client13({ sessionStore: store });
    const server = server13({ ticketCount: 5 });
    const first = await open(client, server);
    const tickets = sessionsOf(first.client).map(({ ticket }) => hex(ticket));
    expect(tickets).toHaveLength(5);
    expect(store.sessions.size).toBe(2);
    const offered = [];
    for (let i = 0; i < 2; i++) {
      const pair = new Pair(client, server13());
      await pair.run();
      offered.push(...identitiesOf(pair.client).map(hex));
    }
    expect(offered[0]).toBe(tickets[4]);
  });

  test("keeps nothing without a store, and reports sessions all the same", async () => {
    const [client, server] = [client13({ sessionStore: null }), server13()];
    expect(sessionsOf((await open(client, server)).client)).toHaveLength(2);
    const pair = await open(client, server);
    expectResumed(pair, false);
    expect(identitiesOf(pair.client)).toEqual([]);
  });

  test("keeps nothing of a handshake that does not end", async () => {
    const sessionStore = new OpenStore();
    const pair = new Pair(client13({ sessionStore }), server13());
    pair.client.engine.abort();
    await pair.run();
    expect(sessionStore.sessions.size).toBe(0);
  });

  test("reports a session that is the host's: what is done to it changes nothing in the store", async () => {
    const client = client13();
    const server = server13();
    const pair = new Pair(client, server);
    await pair.run();
    for (const session of sessionsOf(pair.client)) {
      session.preSharedKey.fill(0);
      session.ticket.fill(0);
    }
    expectResumed(await open(client, server), true);
    expectResumed(await open(client, server), true);
  });

  test("that is over takes no tickets", async () => {
    const store = new OpenStore();
    const pair = new Pair(client13({ sessionStore: store }), server13());
    const { client, server } = pair;
    // All but the tickets, which the server sends when it has the client's Finished.
    server.engine.receive(client.engine.takeOutput() ?? new Uint8Array());
    expect(server.drain()).toBeUndefined();
    client.engine.receive(server.engine.takeOutput() ?? new Uint8Array());
    expect(client.drain()).toBeUndefined();
    server.engine.receive(client.engine.takeOutput() ?? new Uint8Array());
    expect(server.drain()).toBeUndefined();
    client.engine.abort();
    client.engine.receive(server.engine.takeOutput() ?? new Uint8Array());
    expect(client.drain()).toBeUndefined();
    expect(client.engine.nextEvent()).toBe(NEED_DATA);
    expect(store.sessions.size).toBe(0);
    expect(sessionsOf(client)).toEqual([]);
  });
});

describe("a server", () => {
  test.each([0, 1, 8])(
    "gives %i tickets in a full handshake, and at most one in a resumed one",
    async (count) => {
      const [client, server] = [client13(), server13({ ticketCount: count })];
      const pair = await open(client, server);
      expect(sessionsOf(pair.client)).toHaveLength(count);
      expect(pair.server.engine.info).toMatchObject({ resumed: false });
      const next = await open(client, server);
      expectResumed(next, count > 0);
      expect(sessionsOf(next.client)).toHaveLength(Math.min(count, 1));
    },
  );

  test.each([
    ["that gives none", { sessionTickets: false }],
    ["that would keep its sessions, and has no store", { sessionTickets: "stored", sessionStore: null }],
  ] as const)("%s has full handshakes, also with a client that offers a session", async (_what, options) => {
    const client = client13();
    const pair = await open(client, server13(options));
    expect(sessionsOf(pair.client)).toEqual([]);
    await open(client, server13());
    const offering = await open(client, server13(options));
    expect(identitiesOf(offering.client)).toHaveLength(1);
    expectResumed(offering, false);
    expect(offering.server.engine.takeHookErrors()).toEqual([]);
  });

  test("sends its tickets behind the client's Finished, and in front of data", async () => {
    const pair = new Pair(client13(), server13());
    pair.server.engine.write(ascii("first"));
    await pair.run();
    expect(pair.client.events.map(({ type }) => type)).toEqual([
      "handshake-complete",
      "session",
      "session",
      "data",
    ]);
  });

  test("keeps a session in its store under the name that the ticket says, once", async () => {
    const store = new OpenStore();
    const server = server13({ sessionTickets: "stored", sessionStore: store });
    const client = client13();
    const first = await open(client, server);
    const names = sessionsOf(first.client).map(({ ticket }) => `tls13 server ${hex(ticket)}`);
    expect(names.map(({ length }) => length)).toEqual([77, 77]);
    expect([...store.sessions.keys()]).toEqual(names);
    store.calls.length = 0;
    expectResumed(await open(client, server), true);
    expect(store.calls).toEqual(["get", "take", "put"]);
    expect(store.sessions.has(names[0] ?? "")).toBe(false);
    expect(store.sessions.size).toBe(2);
  });

  test("that keeps sessions gives them to one client, whoever shows the ticket again", async () => {
    const clientStore = new OpenStore();
    const server = server13({ sessionTickets: "stored", ticketCount: 1 });
    const client = client13({ sessionStore: clientStore });
    await open(client, server);
    const kept = copyOf(clientStore);
    expectResumed(await open(client, server), true);
    const again = await open(client13({ sessionStore: kept }), server);
    expect(identitiesOf(again.client)).toHaveLength(1);
    expectResumed(again, false);
  });

  test("that keeps sessions takes none away from its client for somebody who has only seen the ticket", async () => {
    const server = server13({ sessionTickets: "stored", ticketCount: 1 });
    const clientStore = new OpenStore();
    const client = client13({ sessionStore: clientStore });
    await open(client, server);
    const kept = copyOf(clientStore);
    const seen = TlsEngine.client(client13({ sessionStore: clientStore })).takeOutput() ?? new Uint8Array();
    // The last byte of the binder.
    seen[seen.length - 1] = (seen.at(-1) ?? 0) ^ 1;
    const forged = new End(TlsEngine.server(server));
    forged.engine.receive(seen);
    await forged.drain();
    expect(forged.closed).toMatchObject({ kind: "error", alertSent: "decrypt_error" });
    expectResumed(await open(client13({ sessionStore: kept }), server), true);
  });

  test("makes a full handshake when another one has taken the session meanwhile", async () => {
    const store = new OpenStore();
    const take = store.take.bind(store);
    const server = server13({ sessionTickets: "stored", ticketCount: 1, sessionStore: store });
    const client = client13();
    await open(client, server);
    store.take = (key) => (take(key), null);
    expectResumed(await open(client, server), false);
  });

  test("whose sessions are sealed takes a ticket again, as it keeps nothing", async () => {
    const clientStore = new OpenStore();
    const server = server13();
    const client = client13({ sessionStore: clientStore });
    await open(client, server);
    for (let i = 0; i < 3; i++)
      expectResumed(await open(client13({ sessionStore: copyOf(clientStore) }), server), true);
  });
});
