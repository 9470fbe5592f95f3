import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import {
  type ClientAuth,
  type ClientHello,
  type ConnectionInfo,
  MemorySessionStore,
  NEED_DATA,
  type ServerConfig,
  TlsEngine,
  type TlsVersion,
} from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { byteByByte, End, Pair } from "../support/pair.ts";
import { expectRefusal } from "./refusal.ts";
import { Clock, messagesOf, namesOf, OpenStore, Policy, trustingClient } from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");
const clientCredential = await toyCredential("client");

/** Both ways in which a server can give a session. */
const KINDS = [
  ["by ticket", { sessionTickets: true }],
  ["by id", { sessionTickets: false }],
] as const;

const infosOf = ({ client, server }: Pair): readonly (ConnectionInfo | null)[] => [
  client.engine.info,
  server.engine.info,
];

/** Both sides say that the connection was resumed, or that it was not. */
function expectResumed(pair: Pair, resumed: boolean): void {
  expect(infosOf(pair).map((info) => info?.resumed)).toEqual([resumed, resumed]);
}

const helloOf = (end: End): ClientHello => {
  const [raw] = messagesOf(end);
  if (raw === undefined) throw new Error("no ClientHello");
  return decodeHandshake("client_hello", raw);
};

const FULL = ["server_hello", "certificate", "server_key_exchange", "server_hello_done"];

describe.each(KINDS)("a session that is resumed %s", (_kind, options) => {
  const isTicket = options.sessionTickets;

  test("goes on as what it was, without certificates and keys", async () => {
    const [client, server] = [clientOf(), serverOf(options)];
    const first = await open(client, server);
    const second = await open(client, server);
    expectResumed(first, false);
    expectResumed(second, true);
    expect(namesOf(first.client)).toEqual(["client_hello", "client_key_exchange"]);
    expect(namesOf(first.server)).toEqual([...FULL, ...(isTicket ? ["new_session_ticket"] : [])]);
    expect(namesOf(second.client)).toEqual(["client_hello"]);
    expect(namesOf(second.server)).toEqual(["server_hello"]);
    for (const role of ["client", "server"] as const) {
      const [before, after] = [first[role].engine.info, second[role].engine.info];
      expect(before).toMatchObject({ group: "x25519", extendedMainSecret: true });
      expect(after).toEqual({ ...before, resumed: true, group: null, peerSignatureScheme: null });
    }
    second.client.engine.write(ascii("question"));
    second.server.engine.write(ascii("answer"));
    await second.run();
    expect(latin1(second.server.received)).toBe("question");
    expect(latin1(second.client.received)).toBe("answer");
  });

  test("is asked for and granted as RFC 5077 §3.4 and RFC 5246 §7.4.1.2 say", async () => {
    const [client, server] = [clientOf(), serverOf(options)];
    const first = await open(client, server);
    const [asks, offers] = [helloOf(first.client), helloOf((await open(client, server)).client)];
    expect([asks.legacySessionId, asks.extensions.sessionTicket]).toEqual([
      new Uint8Array(),
      new Uint8Array(),
    ]);
    const [serverHello] = messagesOf(first.server);
    const given = decodeHandshake("tls12_server_hello", serverHello ?? new Uint8Array());
    expect([given.sessionId.length, given.extensions.sessionTicket]).toEqual(
      isTicket ? [0, true] : [32, undefined],
    );
    expect(offers.legacySessionId).toHaveLength(32);
    if (isTicket) expect(offers.extensions.sessionTicket?.length).toBeGreaterThan(100);
    else
      expect([hex(offers.legacySessionId), offers.extensions.sessionTicket?.length]).toEqual([
        hex(given.sessionId),
        0,
      ]);
  });

  test("gives each connection keys of its own", async () => {
    const [client, server] = [clientOf(), serverOf(options)];
    const exported = [];
    for (let i = 0; i < 3; i++) {
      const pair = await open(client, server);
      const [own, peer] = [pair.client, pair.server].map(({ engine }) =>
        hex(engine.exportKeyingMaterial("EXPERIMENTAL", null, 32)),
      );
      expect(own).toBe(peer);
      exported.push(own);
    }
    expect(new Set(exported).size).toBe(3);
  });

  test("can be resumed again and again, and by two at a time", async () => {
    const [client, server] = [clientOf(), serverOf(options)];
    await open(client, server);
    const pairs = [new Pair(client, server), new Pair(client, server)];
    for (const pair of pairs) expectResumed(await pair.run(), true);
    for (let i = 0; i < 3; i++) expectResumed(await open(client, server), true);
  });

  test("works when the bytes come one by one", async () => {
    const [client, server] = [clientOf(), serverOf(options)];
    await new Pair(client, server, byteByByte).run();
    expectResumed(await new Pair(client, server, byteByByte).run(), true);
  });

  test("agrees on ALPN anew, and on record_size_limit", async () => {
    const [client, server] = [
      clientOf({ alpn: ["a", "b"], recordSizeLimit: 100 }),
      serverOf({ ...options, alpn: ["a", "b"] }),
    ];
    const sessionStore = client.settings.sessionStore;
    expect((await open(client, server)).client.engine.info?.alpn).toBe("a");
    const pair = await open(client.with({ alpn: ["b"], sessionStore }), server);
    expectResumed(pair, true);
    expect(infosOf(pair).map((info) => info?.alpn)).toEqual(["b", "b"]);
    pair.server.engine.write(new Uint8Array(250));
    await pair.run();
    const lengths = pair.client.events.flatMap((event) => (event.type === "data" ? [event.data.length] : []));
    expect(lengths).toEqual([100, 100, 50]);
  });

  test("is passed over by a server that speaks TLS 1.3 by now", async () => {
    const sessionStore = new OpenStore();
    const versions: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];
    const client = clientOf({ versions, sessionStore });
    await open(client, serverOf(options));
    expect(sessionStore.sessions.size).toBe(1);
    const pair = await open(client, serverOf({ ...options, versions }));
    expect(pair.client.engine.info).toMatchObject({ version: "TLSv1.3", resumed: false });
    expectResumed(pair, false);
  });

  test("comes back to a server of TLS 1.2 when the client speaks both", async () => {
    const [client, server] = [clientOf({ versions: ["TLSv1.3", "TLSv1.2"] }), serverOf(options)];
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(helloOf(pair.client).extensions.keyShare?.length).toBeGreaterThan(0);
  });

  test("has an end of its own, by the clock of either side", async () => {
    const lifetime = isTicket ? 2 * 3600 : 24 * 3600;
    for (const late of ["client", "server"] as const) {
      const clocks = { client: new Clock(), server: new Clock() };
      const client = clientOf({ now: clocks.client.now });
      const server = serverOf({ ...options, now: clocks.server.now });
      await open(client, server);
      clocks[late].move(lifetime - 1);
      expectResumed(await open(client, server), true);
      clocks[late].move(1);
      const pair = await open(client, server);
      expectResumed(pair, false);
      expect(helloOf(pair.client).legacySessionId.length > 0, late).toBe(late === "server");
      // The new session is as good as the first one was.
      clocks[late].move(lifetime - 1);
      expectResumed(await open(client, server), true);
    }
  });

  test("is not used when a clock has gone back behind its beginning", async () => {
    for (const late of ["client", "server"] as const) {
      const clocks = { client: new Clock(), server: new Clock() };
      const client = clientOf({ now: clocks.client.now });
      const server = serverOf({ ...options, now: clocks.server.now });
      await open(client, server);
      clocks[late].move(-1);
      expectResumed(await open(client, server), false);
    }
  });

  test("is for its server name alone", async () => {
    const sessionStore = new MemorySessionStore();
    const provider = clientOf().settings.provider;
    const policy = new Policy();
    const named = (serverName: string) => trustingClient(policy, { provider, serverName, sessionStore });
    const server = serverOf(options);
    await open(named("a.example"), server);
    expectResumed(await open(named("b.example"), server), false);
    expectResumed(await open(named("a.example"), server), true);
    expectResumed(await open(named("b.example"), server), true);
  });

  test("is refused to a client that says another name, whatever its store has given it", async () => {
    // One place for everything.
    const store = new OpenStore();
    const sessionStore = {
      get: () => store.get(""),
      put: (_key: string, session: Uint8Array) => store.put("", session),
      take: () => store.take(""),
    };
    const sniOf = (sni: string) =>
      trustingClient(new Policy(), {
        serverName: null,
        dangerouslySkipHostname: true,
        sni,
        sessionStore,
      } as never);
    const server = serverOf(options);
    await open(sniOf("a.example"), server);
    const pair = await open(sniOf("b.example"), server);
    expect(helloOf(pair.client).legacySessionId).toHaveLength(32);
    expectResumed(pair, false);
    expect(pair.server.engine.info?.serverName).toBe("b.example");
    // A client that has verified a name does not even ask.
    store.calls.length = 0;
    const verified = await open(
      trustingClient(new Policy(), { serverName: "b.example", sessionStore }),
      server,
    );
    expect(helloOf(verified.client).legacySessionId).toHaveLength(0);
    expectResumed(verified, false);
  });

  test("needs its suite, on both sides", async () => {
    const [GCM, CHACHA] = [
      "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
      "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ];
    const sessionStore = new MemorySessionStore();
    const server = serverOf({ ...options, cipherSuites: [GCM, CHACHA] });
    const client = clientOf({ sessionStore, cipherSuites: [GCM, CHACHA] });
    await open(client, server);
    const other = await open(client.with({ cipherSuites: [CHACHA] }), server);
    expectResumed(other, false);
    // The suite of the session goes before the preference of either side.
    const turned = await open(client.with({ cipherSuites: [GCM, CHACHA] }), server);
    expectResumed(turned, true);
    expect(infosOf(turned).map((info) => info?.cipherSuite)).toEqual([CHACHA, CHACHA]);
    // The client offers the session's suite no more than any other, if a shape says so.
    const shapeClientHello = (hello: ClientHello): ClientHello => ({
      ...hello,
      cipherSuites: hello.cipherSuites.toSorted((a, b) => a - b).slice(0, 1),
    });
    expectResumed(await open(client.with({ shapeClientHello }), server), false);
  });

  test("is not kept by a client without a store", async () => {
    const [client, server] = [clientOf({ sessionStore: null }), serverOf(options)];
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, false);
    expect(helloOf(pair.client).extensions.sessionTicket).toBeUndefined();
  });

  test("is not kept by a client that knows no name of its server", async () => {
    const sessionStore = new OpenStore();
    const client = trustingClient(new Policy(), {
      serverName: null,
      dangerouslySkipHostname: true,
      sessionStore,
    } as never);
    await open(client, serverOf(options));
    expect(sessionStore.calls).toEqual([]);
    // An IP address is a name that is not sent.
    const byAddress = trustingClient(new Policy(), { serverName: "192.0.2.1", sessionStore });
    const server = serverOf(options);
    await open(byAddress, server);
    expectResumed(await open(byAddress, server), true);
  });

  test("lasts as long as the handshake that made it says: without it there is none", async () => {
    const sessionStore = new OpenStore();
    const pair = new Pair(clientOf({ sessionStore }), serverOf(options));
    pair.client.engine.abort();
    await pair.run();
    expect(sessionStore.sessions.size).toBe(0);
  });
});

describe("a server", () => {
  test("without a store gives no id, and without tickets too no session at all", async () => {
    for (const [sessionTickets, resumed] of [
      [true, true],
      [false, false],
    ] as const) {
      const client = clientOf();
      const server = serverOf({ sessionStore: null, sessionTickets });
      const first = await open(client, server);
      const [hello] = messagesOf(first.server);
      expect(decodeHandshake("tls12_server_hello", hello ?? new Uint8Array()).sessionId).toHaveLength(0);
      expectResumed(await open(client, server), resumed);
    }
  });

  test("gives an id to a client that takes no tickets", async () => {
    const shapeClientHello = ({
      extensions: { sessionTicket: _, ...kept },
      ...hello
    }: ClientHello): ClientHello => ({
      ...hello,
      extensions: kept,
    });
    const [client, server] = [clientOf({ shapeClientHello }), serverOf()];
    const first = await open(client, server);
    expect(namesOf(first.server)).toEqual(FULL);
    expectResumed(await open(client, server), true);
  });

  test("that does not know the ticket makes a new session, which replaces it", async () => {
    const client = clientOf();
    const server = serverOf();
    // Another config has another key.
    const restarted = server.with({});
    await open(client, server);
    await open(clientOf(), restarted);
    const pair = await open(client, restarted);
    expectResumed(pair, false);
    expect(helloOf(pair.client).extensions.sessionTicket?.length).toBeGreaterThan(100);
    expect(namesOf(pair.server)).toContain("new_session_ticket");
    expectResumed(await open(client, restarted), true);
  });

  test("that does not know the id makes a new session, which replaces it", async () => {
    const client = clientOf();
    const server = serverOf({ sessionTickets: false });
    await open(client, server);
    const restarted = server.with({});
    expectResumed(await open(client, restarted), false);
    expectResumed(await open(client, restarted), true);
  });

  test("takes no ticket that was changed, and does not say so", async () => {
    for (const at of [0, 20, 60, -1]) {
      const store = new OpenStore();
      const client = clientOf({
        sessionStore: store,
        shapeClientHello: (hello) => {
          const sessionTicket = hello.extensions.sessionTicket?.slice() ?? new Uint8Array();
          const index = at < 0 ? sessionTicket.length + at : at;
          if (sessionTicket.length > 0) sessionTicket[index] = (sessionTicket[index] ?? 0) ^ 1;
          return { ...hello, extensions: { ...hello.extensions, sessionTicket } };
        },
      });
      const server = serverOf();
      await open(client, server);
      expectResumed(await open(client, server), false);
    }
  });

  test("gives no ticket for a session that is too large for one, and the handshake is as good as any", async () => {
    const [leaf = new Uint8Array()] = clientCredential.certificateChain;
    const trust = new Policy();
    const server = serverOf({ clientAuth: { mode: "require", trust } });
    for (const [filler, isLarge] of [
      [15_000, false],
      [17_000, true],
    ] as const) {
      const store = new OpenStore();
      const certificateChain = [leaf, new Uint8Array(filler)];
      const client = clientOf({
        sessionStore: store,
        clientCredential: { ...clientCredential, certificateChain },
      });
      const pair = await open(client, server);
      const ticket = messagesOf(pair.server).at(-1);
      const { ticket: bytes, ticketLifetimeHint } = decodeHandshake(
        "tls12_new_session_ticket",
        ticket ?? new Uint8Array(),
      );
      expect([bytes.length > filler, ticketLifetimeHint]).toEqual(isLarge ? [false, 0] : [true, 7200]);
      expect(bytes.length === 0).toBe(isLarge);
      expect(store.sessions.size).toBe(isLarge ? 0 : 1);
      expect(pair.server.engine.info?.peer).toMatchObject({ kind: "verified", chain: certificateChain });
      pair.client.engine.write(ascii("on"));
      await pair.run();
      expect(latin1(pair.server.received)).toBe("on");
      expectResumed(await open(client, server), !isLarge);
    }
  });
});

describe("the trust policy of a client", () => {
  test("is asked again about the same peer at the time of now, before anything is sent", async () => {
    const clock = new Clock();
    const policy = new Policy();
    const client = trustingClient(policy, { now: clock.now });
    const server = serverOf({ now: clock.now });
    const first = await open(client, server);
    clock.move(60);
    const second = new Pair(client, server);
    expect(policy.asked).toHaveLength(2);
    await second.run();
    expectResumed(second, true);
    expect(policy.asked).toHaveLength(2);
    const [before, after] = policy.asked;
    expect(after).toEqual({ ...before, nowMs: clock.now() });
    expect(before?.nowMs).toBe(clock.now() - 60_000);
    expect(after?.chain).toEqual(server.credentials[0]?.certificateChain);
    expect(second.client.engine.info?.peer).toEqual(first.client.engine.info?.peer);
  });

  test("that trusts the peer no more costs the session, and decides about the full handshake too", async () => {
    const store = new OpenStore();
    const policy = new Policy();
    const client = trustingClient(policy, { sessionStore: store });
    const server = serverOf();
    await open(client, server);
    const [[key, session] = ["", new Uint8Array()]] = store.sessions;
    policy.verdicts.push({ trust: "rejected", reason: "expired", alert: "certificate_expired" });
    const pair = await open(client, server);
    expect(helloOf(pair.client).extensions.sessionTicket).toHaveLength(0);
    expectResumed(pair, false);
    expect(policy.asked).toHaveLength(3);
    expect(store.calls).toEqual(["get", "put", "get", "take", "put"]);
    expect(store.sessions.get(key)).not.toEqual(session);
    // Now it rejects the certificate itself.
    const verdict = { trust: "rejected", reason: "expired", alert: "certificate_expired" } as const;
    policy.verdicts.push(verdict, verdict);
    const refused = await new Pair(client, server).run();
    expectRefusal(refused.client, "certificate_expired", /rejected: expired/);
    expect(store.sessions.size).toBe(0);
  });

  test("that fails ends the connection before a message is sent, with its error as the cause", async () => {
    const policy = new Policy();
    const client = trustingClient(policy);
    const server = serverOf();
    await open(client, server);
    const failure = new Error("no database");
    policy.verify = () => {
      throw failure;
    };
    const pair = await new Pair(client, server).run();
    expect(pair.client.closed).toMatchObject({ kind: "error", error: { cause: failure } });
    // But for the alert.
    expect(namesOf(pair.client)).toEqual([]);
    expect(pair.server.engine.info).toBeNull();
  });

  test("may take its time: nothing is sent until it has answered", async () => {
    const policy = new Policy();
    const client = trustingClient(policy);
    const server = serverOf();
    await open(client, server);
    let answer: () => void = () => undefined;
    policy.verify = () => new Promise((resolve) => (answer = () => resolve({ trust: "verified" }))) as never;
    const pair = new Pair(client, server);
    const event = pair.client.engine.nextEvent();
    if (event === NEED_DATA || event.type !== "pending") throw new Error("it does not wait");
    expect(pair.client.engine.takeOutput()).toBeNull();
    answer();
    await event.done;
    await pair.run();
    expectResumed(pair, true);
  });

  test("that is asked by a client with another policy in the same store decides for that client", async () => {
    const sessionStore = new OpenStore();
    const server = serverOf();
    await open(trustingClient(new Policy(), { sessionStore }), server);
    const strict = new Policy();
    strict.verdicts.push(
      { trust: "rejected", reason: "not pinned" },
      { trust: "rejected", reason: "not pinned" },
    );
    const pair = await new Pair(trustingClient(strict, { sessionStore }), server).run();
    expectRefusal(pair.client, "certificate_unknown", /not pinned/);
  });
});

describe.each(KINDS)("a session of a client with a certificate, %s,", (_kind, options) => {
  const authOf = (trust: Policy, mode: "request" | "require" = "require"): ClientAuth => ({ mode, trust });
  const withCertificate = () => clientOf({ clientCredential });

  test("is resumed after the server's policy was asked again", async () => {
    const clock = new Clock();
    const policy = new Policy();
    const client = withCertificate();
    const server = serverOf({ ...options, now: clock.now, clientAuth: authOf(policy) });
    const first = await open(client, server);
    clock.move(60);
    const second = await open(client, server);
    expectResumed(second, true);
    expect(namesOf(second.client)).toEqual(["client_hello"]);
    expect(second.server.engine.info).toMatchObject({
      peer: { kind: "verified", chain: clientCredential.certificateChain },
      peerSignatureScheme: null,
    });
    expect(second.server.engine.info?.peer).toEqual(first.server.engine.info?.peer);
    expect(policy.asked).toHaveLength(2);
    expect(policy.asked[1]).toEqual({ ...policy.asked[0], nowMs: clock.now() });
    expect(policy.asked[0]).toMatchObject({ role: "client", serverName: null });
  });

  test("is not resumed when the policy trusts it no more: the certificate is asked for again", async () => {
    const policy = new Policy();
    const client = withCertificate();
    const server = serverOf({ ...options, clientAuth: authOf(policy) });
    await open(client, server);
    policy.verdicts.push({ trust: "rejected", reason: "revoked" });
    const pair = await open(client, server);
    expectResumed(pair, false);
    expect(namesOf(pair.server)).toContain("certificate_request");
    const verdict = { trust: "rejected", reason: "revoked", alert: "certificate_revoked" } as const;
    policy.verdicts.push(verdict, verdict);
    const refused = await new Pair(client, server).run();
    expectRefusal(refused.server, "certificate_revoked", /rejected: revoked/);
  });

  test("stays unverified when its policy says so", async () => {
    const client = withCertificate();
    const trust = { verify: () => ({ trust: "unverified", reason: "a guest" }) as const };
    const server = serverOf({ ...options, clientAuth: { mode: "require", trust } });
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(pair.server.engine.info?.peer).toMatchObject({ kind: "unverified", reason: "a guest" });
  });

  /** A server whose client authentication is `modes` in turn, connection by connection. */
  function serverInTurn(...modes: readonly (ClientAuth | undefined)[]): ServerConfig {
    const left = [...modes];
    return serverOf({
      ...options,
      chooseSetup: () => ({ clientAuth: left.shift() ?? { mode: "none" } }),
    });
  }

  test.each([
    [
      "asked for by a server that now requires one, from a client that had shown none",
      "request",
      "require",
      false,
      false,
    ],
    [
      "asked for by a server that now requires one, from a client that had shown it",
      "request",
      "require",
      true,
      true,
    ],
    ["required, by a server that now asks for one", "require", "request", true, true],
    ["required, by a server that now wants none", "require", undefined, true, false],
    ["asked for and not shown, by a server that now wants none", "request", undefined, false, true],
    ["asked for and not shown, by a server that asks again", "request", "request", false, true],
    ["not wanted, by a server that now asks for one", undefined, "request", true, true],
    ["not wanted, by a server that now requires one", undefined, "require", true, false],
  ] as const)("%s: mode %s, then %s", async (_what, before, after, hasCertificate, resumed) => {
    const policy = new Policy();
    const auth = (mode: "request" | "require" | undefined): ClientAuth | undefined =>
      mode === undefined ? undefined : authOf(policy, mode);
    const client = hasCertificate ? withCertificate() : clientOf();
    const server = serverInTurn(auth(before), auth(after));
    await open(client, server);
    const pair = await new Pair(client, server).run();
    if (after === "require" && !hasCertificate) {
      expectRefusal(pair.server, "handshake_failure", "the client sent no certificate");
      return;
    }
    expect(pair.server.closed).toBeUndefined();
    expectResumed(pair, resumed);
    const isShown = hasCertificate && after !== undefined && !(resumed && before === undefined);
    expect(pair.server.engine.info?.peer.kind).toBe(isShown ? "verified" : "none");
  });
});

describe("the extended main secret", () => {
  /** As of a client that does not know RFC 7627. */
  const withoutIt = ({
    extensions: { extendedMainSecret: _, ...kept },
    ...hello
  }: ClientHello): ClientHello => ({
    ...hello,
    extensions: kept,
  });

  test("is what a session was made with: one without it is resumed without it", async () => {
    const [client, server] = [clientOf({ shapeClientHello: withoutIt }), serverOf()];
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expectResumed(pair, resumed);
      expect(infosOf(pair).map((info) => info?.extendedMainSecret)).toEqual([false, false]);
    }
  });

  test("offered for a session without it leads to a full handshake with it", async () => {
    const sessionStore = new OpenStore();
    const server = serverOf();
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore }), server);
    const pair = await open(clientOf({ sessionStore }), server);
    expect(helloOf(pair.client).extensions.sessionTicket?.length).toBeGreaterThan(0);
    expectResumed(pair, false);
    expect(infosOf(pair).map((info) => info?.extendedMainSecret)).toEqual([true, true]);
  });

  test.each(KINDS)("missing for a session with it is handshake_failure, %s", async (_kind, options) => {
    const sessionStore = new OpenStore();
    const server = serverOf(options);
    await open(clientOf({ sessionStore }), server);
    const pair = await new Pair(clientOf({ sessionStore, shapeClientHello: withoutIt }), server).run();
    expectRefusal(pair.server, "handshake_failure", /resumes a session with an extended main secret/);
  });

  test("is required: a client does not offer a session without it", async () => {
    const sessionStore = new OpenStore();
    const server = serverOf();
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore }), server);
    const strict = clientOf({ sessionStore, requireExtendedMainSecret: true });
    const pair = await open(strict, server);
    expect(helloOf(pair.client).extensions.sessionTicket).toHaveLength(0);
    expectResumed(pair, false);
    expectResumed(await open(strict, server), true);
  });

  test("is required: a server makes a full handshake in place of a session without it", async () => {
    const sessionStore = new MemorySessionStore();
    const clientStore = new OpenStore();
    const server = serverOf({ sessionTickets: false, sessionStore });
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore: clientStore }), server);
    const strict = server.with({ requireExtendedMainSecret: true });
    expectResumed(await open(clientOf({ sessionStore: clientStore }), strict), false);
  });

  test("is required: who does not offer it is refused, by either side", async () => {
    const pair = await new Pair(
      clientOf({ shapeClientHello: withoutIt }),
      serverOf({ requireExtendedMainSecret: true }),
    ).run();
    expectRefusal(
      pair.server,
      "handshake_failure",
      "the client offers no extended main secret, and it is required",
    );
    const other = await new Pair(
      clientOf({ shapeClientHello: withoutIt, requireExtendedMainSecret: true }),
      serverOf(),
    ).run();
    expectRefusal(
      other.client,
      "handshake_failure",
      "server has no extended main secret, and it is required",
    );
  });
});

test("a client that offers a session takes a full handshake from a server that does not resume it", async () => {
  const client = clientOf();
  await open(client, serverOf());
  const stranger = new End(TlsEngine.server(serverOf({ sessionTickets: false, sessionStore: null })));
  const own = new End(TlsEngine.client(client));
  for (let i = 0; i < 4; i++) {
    expect(own.drain()).toBeUndefined();
    stranger.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(stranger.drain()).toBeUndefined();
    own.engine.receive(stranger.engine.takeOutput() ?? new Uint8Array());
  }
  expect(own.engine.info).toMatchObject({ resumed: false });
});
