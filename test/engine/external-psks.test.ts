import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import {
  type Awaitable,
  ClientConfig,
  type ClientOptions,
  ConfigError,
  type ExternalPsk,
  externalPsk,
  importedPsks,
  NEED_DATA,
  type PskMode,
  ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { TOY_CLIENT_OPTIONS } from "../handshake/scenarios.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { Pair } from "../support/pair.ts";
import { binderOf, truncated } from "./binders.ts";
import { Deferred } from "./parked-pair.ts";
import { expectRefusal } from "./refusal.ts";
import {
  expectResumed,
  helloOf,
  infosOf,
  messagesOf,
  OpenStore,
  Policy,
  trustingClient,
} from "./sessions.ts";
import { client13, Heard, identitiesOf, server13, sessionsOf, SHORT } from "./sessions13.ts";
import { open } from "./versions.ts";

const KEY = new Uint8Array(32).map((_, i) => i);
const SUITES = { "SHA-256": "TLS_AES_128_GCM_SHA256", "SHA-384": "TLS_AES_256_GCM_SHA384" } as const;

function psk(identity: string, hash: ExternalPsk["hash"] = "SHA-256", key = KEY): ExternalPsk {
  return externalPsk({ identity: ascii(identity), key, hash });
}

/** What a server looks PSKs up in, and what it was asked for. */
class KnownPsks {
  readonly asked: string[] = [];
  readonly #known: readonly ExternalPsk[];

  constructor(...known: readonly ExternalPsk[]) {
    this.#known = known;
  }

  readonly findPsk = (identity: Uint8Array): ExternalPsk | null => {
    this.asked.push(latin1(identity));
    const found = this.#known.find((one) => hex(one.identity) === hex(identity));
    // It is the callee's to keep.
    identity.fill(0);
    return found ?? null;
  };
}

/** A server that has a certificate too. */
function serverOf(known: KnownPsks, options: Partial<ServerOptions> = {}): ServerConfig {
  return server13({ findPsk: known.findPsk, ...options });
}

function clientOf(externalPsks: readonly ExternalPsk[], options: Partial<ClientOptions> = {}): ClientConfig {
  return client13({ externalPsks, ...options } as Parameters<typeof client13>[0]);
}

function expectPsk(pair: Pair, identity: string): void {
  for (const info of infosOf(pair)) {
    expect(info).toMatchObject({
      resumed: false,
      peerSignatureScheme: null,
      peer: { kind: "psk", identity: ascii(identity) },
    });
  }
  const [own, peer] = [pair.client, pair.server].map(({ engine }) =>
    hex(engine.exportKeyingMaterial("EXPERIMENTAL", null, 32)),
  );
  expect(own).toBe(peer);
}

/** Both sides have shown certificates, or could have. */
function expectCertificates(pair: Pair): void {
  expect(pair.client.engine.info?.peer.kind).toBe("unverified");
  expect(pair.server.engine.info?.peer.kind).not.toBe("psk");
  expectResumed(pair, false);
}

describe("an external PSK", () => {
  test.each(["SHA-256", "SHA-384"] as const)(
    "of %s takes the place of certificates, and there are no tickets",
    async (hash) => {
      const heard = new Heard();
      const known = new KnownPsks(psk("device 7", hash));
      const client = clientOf([psk("device 7", hash)], { onMessage: heard.onMessage });
      const pair = await open(client, serverOf(known, { cipherSuites: [SUITES[hash]] }));
      expectPsk(pair, "device 7");
      expect(known.asked).toEqual(["device 7"]);
      expect(sessionsOf(pair.client)).toEqual([]);
      expect(infosOf(pair).map((info) => [info?.group, info?.cipherSuite])).toEqual([
        ["x25519", SUITES[hash]],
        ["x25519", SUITES[hash]],
      ]);
      expect(heard.names).toEqual([
        "write client_hello",
        ...["server_hello", ...SHORT].map((name) => `read ${name}`),
        "write finished",
      ]);
      for (const { engine } of [pair.client, pair.server]) {
        expect(() => engine.channelBinding("tls-server-end-point")).toThrow(TypeError);
        expect(engine.channelBinding("tls-exporter")).toHaveLength(32);
      }
      pair.client.engine.write(ascii("on"));
      await pair.run();
      expect(latin1(pair.server.received)).toBe("on");
      // It can be used again and again.
      expectPsk(await open(client, serverOf(known, { cipherSuites: [SUITES[hash]] })), "device 7");
    },
  );

  test.each(["external", "imported"] as const)("that is %s has a binder of its kind", async (kind) => {
    const [imported] = importedPsks({
      externalIdentity: ascii("device"),
      key: KEY,
      targets: [{ protocol: 0x0304, kdf: 0x0001 }],
    });
    const own = kind === "imported" && imported !== undefined ? imported : psk("device");
    const pair = await open(clientOf([own]), serverOf(new KnownPsks(own)));
    expectPsk(pair, latin1(own.identity));
    const [hello = new Uint8Array()] = messagesOf(pair.client);
    const { identities, binders } = helloOf(pair.client).extensions.preSharedKey ?? {};
    expect(identities).toEqual([{ identity: own.identity, obfuscatedTicketAge: 0 }]);
    const label = kind === "imported" ? "imp binder" : "ext binder";
    expect(binders?.map(hex)).toEqual([hex(binderOf("sha256", label, own.key, truncated(hello, 32)))]);
    // The other side takes it for one of the other kind.
    const other = { ...own, kind: kind === "imported" ? ("external" as const) : ("imported" as const) };
    const refused = await new Pair(clientOf([own]), serverOf(new KnownPsks(other))).run();
    expectRefusal(refused.server, "decrypt_error", /the binder of PSK 0/);
  });

  test("that is imported is taken for the hash that the suite has", async () => {
    const targets = [
      { protocol: 0x0304, kdf: 0x0001 },
      { protocol: 0x0304, kdf: 0x0002 },
    ] as const;
    const imported = importedPsks({ externalIdentity: ascii("device"), key: KEY, targets });
    for (const [i, cipherSuite] of Object.values(SUITES).entries()) {
      const server = serverOf(new KnownPsks(...imported), { cipherSuites: [cipherSuite] });
      const pair = await open(clientOf(imported), server);
      expectPsk(pair, latin1(imported[i]?.identity ?? KEY));
      expect(pair.client.engine.info).toMatchObject({ cipherSuite });
    }
  });

  test("with another key on the other side is decrypt_error", async () => {
    const server = serverOf(new KnownPsks(psk("device", "SHA-256", KEY.toReversed())));
    const pair = await new Pair(clientOf([psk("device")]), server).run();
    expectRefusal(pair.server, "decrypt_error", "the binder of PSK 0 does not match the ClientHello");
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "decrypt_error" });
    expect(pair.client.engine.info).toBeNull();
  });

  test("that the server does not know, or has no suite for, leads to certificates", async () => {
    const known = new KnownPsks(psk("of SHA-384", "SHA-384"));
    const server = serverOf(known, { cipherSuites: [SUITES["SHA-256"]] });
    expectCertificates(await open(clientOf([psk("stranger")]), server));
    expectCertificates(await open(clientOf([psk("of SHA-384", "SHA-384")]), server));
    // Known there under another hash than here.
    expectCertificates(await open(clientOf([psk("of SHA-384", "SHA-256")]), server));
    expect(known.asked).toEqual(["stranger", "of SHA-384", "of SHA-384"]);
    expectCertificates(await open(clientOf([psk("device")]), server13()));
  });

  test("that the client has no suite for is not offered", async () => {
    const client = clientOf([psk("of SHA-384", "SHA-384")], { cipherSuites: [SUITES["SHA-256"]] });
    const pair = await open(client, serverOf(new KnownPsks()));
    expect(identitiesOf(pair.client)).toEqual([]);
    expectCertificates(pair);
  });

  test("is the first that the server knows, in the order of the client", async () => {
    const names = ["one", "two", "three"];
    const all = names.map((name) => psk(name));
    for (const [known, taken, asked] of [
      [["three", "one"], "one", ["one"]],
      [["three", "two"], "two", ["one", "two"]],
      [["three"], "three", names],
    ] as const) {
      const server = new KnownPsks(...known.map((name) => psk(name)));
      expectPsk(await open(clientOf(all), serverOf(server)), taken);
      expect(server.asked).toEqual(asked);
    }
  });

  test("is looked up at most eight times", async () => {
    const all = Array.from({ length: 12 }, (_, i) => psk(`device ${i}`));
    const known = new KnownPsks(psk("device 8"));
    expectCertificates(await open(clientOf(all), serverOf(known)));
    expect(known.asked).toEqual(all.slice(0, 8).map(({ identity }) => latin1(identity)));
  });

  test("comes behind the session that a client has, and in its place when that is over", async () => {
    const store = new OpenStore();
    const known = new KnownPsks(psk("device"));
    const server = serverOf(known);
    await open(client13({ sessionStore: store }), server);
    const client = clientOf([psk("device")], { sessionStore: store });
    const resumed = await open(client, server);
    expect(identitiesOf(resumed.client)).toHaveLength(2);
    expectResumed(resumed, true);
    expect(resumed.client.engine.info?.peer.kind).toBe("unverified");
    // Nobody has asked for a PSK.
    expect(known.asked).toEqual([]);
    // Another server cannot open the ticket.
    const other = new KnownPsks(psk("device"));
    expectPsk(await open(client, serverOf(other)), "device");
    expect(other.asked.map(({ length }) => length > 64)).toEqual([true, false]);
    // The second ticket of the first connection is left.
    expectResumed(await open(client, server), true);
  });

  test("needs no credentials, on either side; who has no PSK is refused then", async () => {
    const server = new ServerConfig({
      provider: toyProvider(),
      versions: ["TLSv1.3"],
      findPsk: new KnownPsks(psk("device")).findPsk,
    });
    expectPsk(await open(clientOf([psk("device")]), server), "device");
    for (const client of [client13(), clientOf([psk("stranger")])]) {
      const pair = await new Pair(client, server).run();
      expectRefusal(pair.server, "handshake_failure", /no signature scheme in common/);
    }
  });

  test("is not asked about by the trust policy, and what the server says of its certificates does not count", async () => {
    const policy = new Policy();
    policy.verdicts.push({ trust: "rejected", reason: "nobody is trusted" });
    const client = trustingClient(policy, {
      versions: ["TLSv1.3"],
      externalPsks: [psk("device")],
    } as Partial<ClientOptions>);
    expectPsk(await open(client, serverOf(new KnownPsks(psk("device")))), "device");
    expect(policy.asked).toEqual([]);
    // Without the PSK the certificate counts.
    const pair = await new Pair(client, server13()).run();
    expectRefusal(pair.client, "certificate_unknown", /nobody is trusted/);
  });

  test("is of use where certificates are asked for, and not where they are required", async () => {
    const clientCredential = await toyCredential("client");
    const trust = new Policy();
    const client = clientOf([psk("device")], { clientCredential });
    const known = new KnownPsks(psk("device"));
    const asking = serverOf(known, { clientAuth: { mode: "request", trust } });
    expectPsk(await open(client, asking), "device");
    expect(trust.asked).toEqual([]);
    expect(known.asked).toEqual(["device"]);
    const requiring = serverOf(known, { clientAuth: { mode: "require", trust } });
    const pair = await open(client, requiring);
    expect(pair.server.engine.info?.peer.kind).toBe("verified");
    expect(trust.asked).toHaveLength(1);
    expect(known.asked).toEqual(["device"]);
    const bare = await new Pair(clientOf([psk("device")]), requiring).run();
    expectRefusal(bare.server, "certificate_required", "the client sent no certificate");
  });

  test("leaves everything else to be agreed on: SNI, ALPN, record_size_limit", async () => {
    const server = serverOf(new KnownPsks(psk("device")), { alpn: ["b", "a"], recordSizeLimit: 64 });
    const client = clientOf([psk("device")], { alpn: ["a", "b"], recordSizeLimit: 100 });
    const pair = await open(client, server);
    expectPsk(pair, "device");
    expect(infosOf(pair).map((info) => [info?.alpn, info?.serverName])).toEqual([
      ["b", "localhost"],
      ["b", "localhost"],
    ]);
    const refused = await new Pair(clientOf([psk("device")], { alpn: ["c"] }), server).run();
    expectRefusal(refused.server, "no_application_protocol", /ALPN|protocol/);
  });

  test.each<{ client: readonly PskMode[]; server: readonly PskMode[]; group: string | null }>([
    { client: ["psk_ke"], server: ["psk_ke"], group: null },
    { client: ["psk_dhe_ke", "psk_ke"], server: ["psk_ke", "psk_dhe_ke"], group: null },
    { client: ["psk_ke", "psk_dhe_ke"], server: ["psk_dhe_ke", "psk_ke"], group: "x25519" },
  ])("is used as $client and $server say: with the group $group", async ({ client, server, group }) => {
    const pair = await open(
      clientOf([psk("device")], { pskModes: client }),
      serverOf(new KnownPsks(psk("device")), { pskModes: server }),
    );
    expectPsk(pair, "device");
    expect(infosOf(pair).map((info) => info?.group)).toEqual([group, group]);
  });

  test("is not used, nor looked up, without a mode in common", async () => {
    const known = new KnownPsks(psk("device"));
    const client = clientOf([psk("device")], { pskModes: ["psk_ke"] });
    const pair = await open(client, serverOf(known));
    expect(identitiesOf(pair.client)).toHaveLength(1);
    expectCertificates(pair);
    expect(known.asked).toEqual([]);
  });

  test("is offered beside TLS 1.2, which has no use for it", async () => {
    const client = clientOf([psk("device")], { versions: ["TLSv1.3", "TLSv1.2"] });
    const known = new KnownPsks(psk("device"));
    expectPsk(await open(client, serverOf(known, { versions: ["TLSv1.3", "TLSv1.2"] })), "device");
    known.asked.length = 0;
    const older = await open(client, serverOf(known, { versions: ["TLSv1.2"] }));
    expect(older.client.engine.info).toMatchObject({ version: "TLSv1.2", peer: { kind: "unverified" } });
    expect(known.asked).toEqual([]);
    // A session of TLS 1.2 is offered beside it.
    const pair = await open(client, serverOf(known, { versions: ["TLSv1.2"] }));
    expect(helloOf(pair.client).extensions).toMatchObject({ preSharedKey: { identities: [{}] } });
    expect(helloOf(pair.client).extensions.sessionTicket?.length).toBeGreaterThan(0);
  });

  test("is the host's: what it does to the key afterwards is its own affair", async () => {
    const key = KEY.slice();
    const own = externalPsk({ identity: ascii("device"), key });
    key.fill(0);
    const server = serverOf(new KnownPsks(own));
    for (let i = 0; i < 2; i++) expectPsk(await open(clientOf([own]), server), "device");
    expect(hex(own.key)).toBe(hex(KEY));
    expect(latin1(own.identity)).toBe("device");
  });
});

describe("findPsk", () => {
  const failure = new Error("no database");
  const never = new Promise<never>(() => undefined);

  function pairWith(findPsk: (identity: Uint8Array) => Awaitable<ExternalPsk | null>): Pair {
    return new Pair(clientOf([psk("device")]), server13({ findPsk }));
  }

  test.each<[string, (identity: Uint8Array) => Awaitable<ExternalPsk | null>, unknown]>([
    [
      "throws",
      () => {
        throw failure;
      },
      failure,
    ],
    ["rejects", () => Promise.reject(failure), failure],
    [
      "answers with a PSK of another identity",
      () => psk("another"),
      new TypeError("findPsk answered with a PSK of another identity than it was asked for"),
    ],
    [
      "answers with a key that is too short",
      () => ({ ...psk("device"), key: new Uint8Array(15).fill(0x5e) }),
      expect.any(ConfigError),
    ],
  ])("that %s ends the connection with internal_error, whose cause it is", async (_what, findPsk, cause) => {
    const pair = await pairWith(findPsk).run();
    expect(pair.server.closed).toMatchObject({
      kind: "error",
      alertSent: "internal_error",
      error: { cause },
    });
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
  });

  test("never shows the key in an error", async () => {
    const key = ascii("a secret of 15b");
    const pair = await pairWith(() => ({ ...psk("device"), key })).run();
    if (pair.server.closed?.kind !== "error") throw new Error("no error");
    const { cause } = pair.server.closed.error;
    expect(String(cause)).toMatch(/findPsk\.key.*16 bytes and more/);
    expect(String(cause)).not.toContain("secret of");
    expect(JSON.stringify(cause)).not.toContain(String(key[0]));
  });

  test("that answers late parks the handshake until then", async () => {
    const answer = new Deferred<ExternalPsk | null>();
    const pair = pairWith(() => answer.promise);
    pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
    expect(pair.server.drain()).toBeInstanceOf(Promise);
    expect(pair.server.engine.takeOutput()).toBeNull();
    answer.resolve(psk("device"));
    expectPsk(await pair.run(), "device");
  });

  test("that never answers holds up this connection alone, which can be aborted", () => {
    const pair = pairWith(() => never);
    pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
    expect(pair.server.drain()).toBeInstanceOf(Promise);
    pair.server.engine.abort("internal_error");
    expect(pair.server.drain()).toBeUndefined();
    expect(pair.server.closed).toEqual({ kind: "aborted", alertSent: "internal_error" });
  });

  test.each(["with a PSK", "with an error"])(
    "that answers %s after the connection was closed changes nothing",
    async (what) => {
      const answer = new Deferred<ExternalPsk | null>();
      const pair = pairWith(() => answer.promise);
      pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
      expect(pair.server.drain()).toBeInstanceOf(Promise);
      pair.server.engine.abort();
      expect(pair.server.drain()).toBeUndefined();
      const own = psk("device");
      if (what === "with a PSK") answer.resolve(own);
      else answer.reject(failure);
      await new Promise((resolve) => setImmediate(resolve));
      expect(pair.server.engine.nextEvent()).toBe(NEED_DATA);
      expect(pair.server.engine.takeOutput()).toBeNull();
      expect(pair.server.engine.takeHookErrors()).toEqual([]);
      // It is the host's, and not wiped.
      expect(hex(own.key)).toBe(hex(KEY));
    },
  );
});

describe("a configuration", () => {
  const configs = {
    client: (options: Partial<ClientOptions>) =>
      new ClientConfig({ ...TOY_CLIENT_OPTIONS, ...options } as ClientOptions),
    server: (options: Partial<ServerOptions>) => new ServerConfig(options),
  };

  test.each<[string, () => unknown, RegExp]>([
    [
      "an empty identity",
      () => externalPsk({ identity: new Uint8Array(), key: KEY }),
      /identity.*1\.\.65535 bytes/,
    ],
    [
      "an identity of 65,536 bytes",
      () => externalPsk({ identity: new Uint8Array(65_536), key: KEY }),
      /identity.*1\.\.65535 bytes/,
    ],
    ["a key of 15 bytes", () => externalPsk({ identity: KEY, key: KEY.slice(17) }), /key.*16 bytes and more/],
    [
      "another hash",
      () => externalPsk({ identity: KEY, key: KEY, hash: "SHA-512" as never }),
      /hash.*SHA-256, SHA-384/,
    ],
    [
      "a PSK of another kind",
      () => configs.client({ externalPsks: [{ ...psk("a"), kind: "resumption" as never }] }),
      /externalPsks\.kind.*external, imported/,
    ],
    [
      "an identity that is text",
      () => configs.client({ externalPsks: [{ ...psk("a"), identity: "a" as never }] }),
      /identity/,
    ],
    ["no mode", () => configs.client({ pskModes: [] }), /pskModes.*psk_dhe_ke, psk_ke/],
    ["an unknown mode", () => configs.client({ pskModes: ["psk" as never] }), /pskModes.*psk_dhe_ke, psk_ke/],
    ["a server without credentials and findPsk", () => configs.server({}), /credentials.*findPsk/],
    ["a findPsk that is no function", () => configs.server({ findPsk: {} as never }), /findPsk.*a function/],
    ["a number of tickets below 0", () => server13({ ticketCount: -1 }), /ticketCount.*0\.\.8/],
    ["nine tickets", () => server13({ ticketCount: 9 }), /ticketCount.*0\.\.8/],
    ["half a ticket", () => server13({ ticketCount: 0.5 }), /ticketCount.*0\.\.8/],
  ])("is refused with %s", (_what, make, message) => {
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });

  test("takes identities and keys from 1 and 16 bytes up, and copies them", () => {
    const identity = new Uint8Array(65_535);
    const own = externalPsk({ identity, key: KEY.slice(16) });
    identity.fill(1);
    expect(own.identity).toEqual(new Uint8Array(65_535));
    expect(own).toMatchObject({ kind: "external", hash: "SHA-256" });
    expect(externalPsk({ identity: Uint8Array.of(7), key: KEY, hash: "SHA-384" }).hash).toBe("SHA-384");
  });

  test("is not changed by what happens to the array of PSKs or modes afterwards", async () => {
    const externalPsks = [psk("device")];
    const pskModes: PskMode[] = ["psk_dhe_ke"];
    const client = clientOf(externalPsks, { pskModes });
    externalPsks.length = 0;
    pskModes.push("psk_ke");
    const pair = await open(client, serverOf(new KnownPsks(psk("device"))));
    expectPsk(pair, "device");
    expect([...(helloOf(pair.client).extensions.pskKeyExchangeModes ?? [])]).toEqual([1]);
  });
});
