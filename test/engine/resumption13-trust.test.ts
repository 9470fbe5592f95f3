import { describe, expect, test } from "vitest";

import {
  type ClientAuth,
  type ClientConfig,
  type ClientOptions,
  MemorySessionStore,
  NEED_DATA,
  type ServerConfig,
} from "../../src/index.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { Pair } from "../support/pair.ts";
import { expectRefusal } from "./refusal.ts";
import { Clock, expectResumed, helloOf, OpenStore, Policy, trustingClient } from "./sessions.ts";
import { client13, FULL, Heard, identitiesOf, PLACES, server13, SHORT } from "./sessions13.ts";
import { open } from "./versions.ts";

const clientCredential = await toyCredential("client");

/** A client of TLS 1.3 that asks `trust`. */
function trusting(trust: Policy, options: Partial<ClientOptions> = {}): ClientConfig {
  return trustingClient(trust, { versions: ["TLSv1.3"], ...options } as Partial<ClientOptions>);
}

describe.each(PLACES)("a session %s", (_place, options) => {
  test("is for its server name alone", async () => {
    const sessionStore = new MemorySessionStore();
    const { provider } = client13().settings;
    const named = (serverName: string) =>
      trusting(new Policy(), { provider, serverName, sessionStore } as never);
    const server = server13(options);
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
      trusting(new Policy(), { serverName: null, dangerouslySkipHostname: true, sni, sessionStore } as never);
    const server = server13(options);
    await open(sniOf("a.example"), server);
    const pair = await open(sniOf("b.example"), server);
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expectResumed(pair, false);
    expect(pair.server.engine.info?.serverName).toBe("b.example");
    // A client that has verified a name does not even ask.
    const verified = await open(
      trusting(new Policy(), { serverName: "b.example", sessionStore } as never),
      server,
    );
    expect(identitiesOf(verified.client)).toEqual([]);
    expectResumed(verified, false);
  });

  test("is not kept by a client that knows no name of its server", async () => {
    const sessionStore = new OpenStore();
    const client = trusting(new Policy(), {
      serverName: null,
      dangerouslySkipHostname: true,
      sessionStore,
    } as never);
    await open(client, server13(options));
    expect(sessionStore.calls).toEqual([]);
    // An IP address is a name that is not sent.
    const byAddress = trusting(new Policy(), { serverName: "192.0.2.1", sessionStore } as never);
    const server = server13(options);
    await open(byAddress, server);
    const pair = await open(byAddress, server);
    expectResumed(pair, true);
    expect(helloOf(pair.client).extensions.serverName).toBeUndefined();
  });

  test("is for the client's own certificate alone", async () => {
    const sessionStore = new OpenStore();
    const server = server13(options);
    const clients = [
      client13({ sessionStore }),
      client13({ sessionStore, clientCredential }),
      client13({ sessionStore, clientCredential: await toyCredential("another client") }),
      client13({ sessionStore, clientCredential: () => clientCredential }),
    ];
    for (const client of clients) expectResumed(await open(client, server), false);
    expect(sessionStore.sessions.size).toBe(8);
    for (const client of clients) expectResumed(await open(client, server), true);
  });
});

describe("the trust policy of a client", () => {
  test("is asked again about the same peer at the time of now, before anything is sent", async () => {
    const clock = new Clock();
    const policy = new Policy();
    const client = trusting(policy, { now: clock.now });
    const server = server13({ now: clock.now });
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

  test("is told of what was stapled to the full handshake, also in the third connection", async () => {
    const policy = new Policy();
    const client = trusting(policy);
    const [own] = server13().credentials;
    if (own === undefined) throw new Error("no credential");
    const stapled = {
      ...own,
      ocspResponse: Uint8Array.of(1, 2, 3),
      signedCertificateTimestamps: [Uint8Array.of(4), Uint8Array.of(5, 6)],
    };
    const server = server13({ credentials: [stapled], ticketCount: 1 });
    for (const resumed of [false, true, true]) expectResumed(await open(client, server), resumed);
    expect(policy.asked).toHaveLength(3);
    for (const asked of policy.asked) {
      expect(asked).toMatchObject({
        ocspResponse: stapled.ocspResponse,
        signedCertificateTimestamps: stapled.signedCertificateTimestamps,
      });
    }
  });

  test("decides about the path to the peer in the resumed connection", async () => {
    const policy = new Policy();
    const client = trusting(policy);
    const server = server13();
    const first = await open(client, server);
    const peer = first.client.engine.info?.peer;
    expect(peer).toMatchObject({ kind: "verified", path: null });
    const [certificate = new Uint8Array()] = server.credentials[0]?.certificateChain ?? [];
    const path = [certificate, Uint8Array.of(48, 0)];
    policy.verdicts.push({ trust: "verified", path });
    const second = await open(client, server);
    expectResumed(second, true);
    expect(second.client.engine.info?.peer).toEqual({ ...peer, path });
    const third = await open(client, server);
    expectResumed(third, true);
    expect(third.client.engine.info?.peer).toEqual(peer);
  });

  test("that trusts the peer no more costs the session, and decides about the full handshake too", async () => {
    const store = new OpenStore();
    const policy = new Policy();
    const client = trusting(policy, { sessionStore: store });
    const server = server13({ ticketCount: 1 });
    await open(client, server);
    policy.verdicts.push({ trust: "rejected", reason: "expired", alert: "certificate_expired" });
    const pair = await open(client, server);
    expect(identitiesOf(pair.client)).toEqual([]);
    expectResumed(pair, false);
    expect(policy.asked).toHaveLength(3);
    expect(store.calls).toEqual(["take", "take", "put", "take", "take", "put"]);
    // Now it rejects the certificate itself.
    const verdict = { trust: "rejected", reason: "expired", alert: "certificate_expired" } as const;
    policy.verdicts.push(verdict, verdict);
    const refused = await new Pair(client, server).run();
    expectRefusal(refused.client, "certificate_expired", /rejected: expired/);
    expect(store.sessions.size).toBe(0);
  });

  test("is asked about each session by itself", async () => {
    const policy = new Policy();
    const client = trusting(policy);
    const server = server13();
    await open(client, server);
    policy.verdicts.push({ trust: "rejected", reason: "in a bad mood" });
    expectResumed(await open(client, server), true);
    expect(policy.asked).toHaveLength(3);
  });

  test("that fails ends the connection before a message is sent, with its error as the cause", async () => {
    const policy = new Policy();
    const client = trusting(policy);
    const server = server13();
    await open(client, server);
    const failure = new Error("no database");
    policy.verify = () => {
      throw failure;
    };
    const pair = await new Pair(client, server).run();
    expect(pair.client.closed).toMatchObject({ kind: "error", error: { cause: failure } });
    expect(pair.server.engine.info).toBeNull();
    expect(pair.server.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
  });

  test("may take its time: nothing is sent until it has answered", async () => {
    const policy = new Policy();
    const client = trusting(policy);
    const server = server13();
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
    const server = server13();
    await open(trusting(new Policy(), { sessionStore }), server);
    const strict = new Policy();
    strict.verdicts.push(
      ...Array.from({ length: 3 }, () => ({ trust: "rejected", reason: "not pinned" }) as const),
    );
    const pair = await new Pair(trusting(strict, { sessionStore }), server).run();
    expectRefusal(pair.client, "certificate_unknown", /not pinned/);
    expect(strict.asked).toHaveLength(3);
  });
});

describe.each(PLACES)("a session %s, of a client with a certificate,", (_place, options) => {
  const authOf = (trust: Policy, mode: "request" | "require" = "require"): ClientAuth => ({ mode, trust });
  const withCertificate = (heard = new Heard()) => client13({ clientCredential, onMessage: heard.onMessage });

  test("is resumed after the server's policy was asked again, and no certificate is sent", async () => {
    const clock = new Clock();
    const policy = new Policy();
    const heard = new Heard();
    const client = withCertificate(heard);
    const server = server13({ ...options, now: clock.now, clientAuth: authOf(policy), ticketCount: 1 });
    const first = await open(client, server);
    for (let i = 1; i < 3; i++) {
      clock.move(60);
      heard.names = [];
      const next = await open(client, server);
      expectResumed(next, true);
      expect(heard.names).toEqual([
        "write client_hello",
        ...["server_hello", ...SHORT].map((name) => `read ${name}`),
        "write finished",
        "read new_session_ticket",
      ]);
      expect(next.server.engine.info).toMatchObject({
        peer: { kind: "verified", chain: clientCredential.certificateChain },
        peerSignatureScheme: null,
      });
      expect(next.server.engine.info?.peer).toEqual(first.server.engine.info?.peer);
      expect(policy.asked).toHaveLength(1 + i);
      expect(policy.asked[i]).toEqual({ ...policy.asked[0], nowMs: clock.now() });
    }
    expect(policy.asked[0]).toMatchObject({ role: "client", serverName: null });
  });

  test("is not resumed when the policy trusts it no more: the certificate is asked for again", async () => {
    const policy = new Policy();
    const heard = new Heard();
    const client = withCertificate(heard);
    const server = server13({ ...options, clientAuth: authOf(policy) });
    await open(client, server);
    policy.verdicts.push({ trust: "rejected", reason: "revoked" });
    heard.names = [];
    const pair = await open(client, server);
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expectResumed(pair, false);
    expect(heard.names).toEqual(
      expect.arrayContaining([...FULL, "certificate_request"].map((name) => `read ${name}`)),
    );
    const verdict = { trust: "rejected", reason: "revoked", alert: "certificate_revoked" } as const;
    policy.verdicts.push(verdict, verdict);
    const refused = await new Pair(client, server).run();
    expectRefusal(refused.server, "certificate_revoked", /rejected: revoked/);
  });

  test("ends the connection when the policy fails, with its error as the cause", async () => {
    const policy = new Policy();
    const client = withCertificate();
    const server = server13({ ...options, clientAuth: authOf(policy) });
    await open(client, server);
    const failure = new Error("no database");
    policy.verify = () => {
      throw failure;
    };
    const pair = await new Pair(client, server).run();
    expect(pair.server.closed).toMatchObject({
      kind: "error",
      alertSent: "internal_error",
      error: { cause: failure },
    });
  });

  test("stays unverified when its policy says so", async () => {
    const client = withCertificate();
    const trust = { verify: () => ({ trust: "unverified", reason: "a guest" }) as const };
    const server = server13({ ...options, clientAuth: { mode: "require", trust } });
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(pair.server.engine.info?.peer).toMatchObject({ kind: "unverified", reason: "a guest" });
  });

  test("of an empty Certificate is not one of a certificate", async () => {
    const policy = new Policy();
    const client = client13();
    const server = server13({ ...options, clientAuth: authOf(policy, "request") });
    await open(client, server);
    const pair = await open(client, server);
    expectResumed(pair, true);
    expect(policy.asked).toEqual([]);
    expect(pair.server.engine.info?.peer).toEqual({ kind: "none" });
  });

  /** A server whose client authentication is `modes` in turn, connection by connection. */
  function serverInTurn(...modes: readonly (ClientAuth | undefined)[]): ServerConfig {
    const left = [...modes];
    return server13({ ...options, chooseSetup: () => ({ clientAuth: left.shift() ?? { mode: "none" } }) });
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
    const client = hasCertificate ? withCertificate() : client13();
    const server = serverInTurn(auth(before), auth(after));
    await open(client, server);
    const pair = await new Pair(client, server).run();
    expect(identitiesOf(pair.client)).toHaveLength(1);
    if (after === "require" && !hasCertificate) {
      expectRefusal(pair.server, "certificate_required", "the client sent no certificate");
      return;
    }
    expect(pair.server.closed).toBeUndefined();
    expectResumed(pair, resumed);
    const isShown = hasCertificate && after !== undefined && !(resumed && before === undefined);
    expect(pair.server.engine.info?.peer.kind).toBe(isShown ? "verified" : "none");
  });
});
