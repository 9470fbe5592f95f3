import { describe, expect, test } from "vitest";

import { type ClientAuth, MemorySessionStore, NEED_DATA, type ServerConfig } from "../../src/index.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { Pair } from "../support/pair.ts";
import { expectRefusal } from "./refusal.ts";
import {
  Clock,
  expectResumed,
  helloOf,
  KINDS,
  namesOf,
  OpenStore,
  Policy,
  trustingClient,
} from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");
const clientCredential = await toyCredential("client");

describe.each(KINDS)("a session that is resumed %s", (_kind, options) => {
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
