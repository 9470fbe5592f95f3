import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import {
  type ClientHello,
  type ClientOptions,
  externalPsk,
  type ServerOptions,
  TicketKeys,
  type TlsVersion,
} from "../../src/index.ts";
import { decodeHandshake, encodeHandshake, isHandshake } from "../../src/messages/handshake.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyProvider } from "../handshake/toy-provider.ts";
import { Pair } from "../support/pair.ts";
import { binderOf, messageHash, truncated } from "./binders.ts";
import { type Edit, ManInTheMiddle } from "./man-in-the-middle.ts";
import { expectRefusal } from "./refusal.ts";
import { Clock, expectResumed, helloOf, infosOf, messagesOf, OpenStore } from "./sessions.ts";
import { client13, identitiesOf, PLACES, server13, sessionsOf } from "./sessions13.ts";
import { open } from "./versions.ts";

/** The two ClientHellos of a client without middlebox compatibility. */
const hellosOf = (pair: Pair): readonly ClientHello[] =>
  messagesOf(pair.client).map((raw) => decodeHandshake("client_hello", raw));

describe.each(PLACES)("a session %s, behind HelloRetryRequest,", (_place, options) => {
  // The first share of such a client misses the group of such a server.
  const missing = { groups: ["x25519", "secp256r1"], keyShares: ["x25519"], middleboxCompatibility: false };
  const retrying = { ...options, groups: ["secp256r1"] };

  test.each([
    ["sha256", "TLS_AES_128_GCM_SHA256", false],
    ["sha256", "TLS_CHACHA20_POLY1305_SHA256", true],
    ["sha384", "TLS_AES_256_GCM_SHA384", false],
  ] as const)(
    "is bound to both ClientHellos: %s, %s, with a cookie: %s",
    async (hash, suite, helloRetryCookie) => {
      const clock = new Clock();
      const cipherSuites = [suite];
      const client = client13({ ...missing, cipherSuites, now: clock.now });
      const server = server13({ ...retrying, cipherSuites, helloRetryCookie });
      const first = await open(client, server);
      expect(infosOf(first).map((info) => info?.helloRetried)).toEqual([true, true]);
      const [session] = sessionsOf(first.client);
      clock.move(17);
      const second = await open(client, server);
      expectResumed(second, true);
      expect(infosOf(second).map((info) => [info?.helloRetried, info?.group])).toEqual([
        [true, "secp256r1"],
        [true, "secp256r1"],
      ]);
      const [hello = new Uint8Array(), again = new Uint8Array()] = messagesOf(second.client);
      const [retry = new Uint8Array(), answer = new Uint8Array()] = messagesOf(second.server);
      const [one, other] = hellosOf(second).map(({ extensions }) => extensions.preSharedKey);
      expect(one?.identities).toEqual([
        { identity: session?.ticket, obfuscatedTicketAge: ((session?.ageAdd ?? 0) + 17_000) % 2 ** 32 },
      ]);
      expect(other?.identities).toEqual(one?.identities);
      const psk = session?.preSharedKey ?? new Uint8Array();
      const { length } = psk;
      expect(hex(one?.binders[0] ?? psk)).toBe(
        hex(binderOf(hash, "res binder", psk, truncated(hello, length))),
      );
      const transcript = Buffer.concat([messageHash(hash, hello), retry, truncated(again, length)]);
      expect(hex(other?.binders[0] ?? psk)).toBe(hex(binderOf(hash, "res binder", psk, transcript)));
      expect(decodeHandshake("server_hello", answer).extensions).toMatchObject({ preSharedKey: 0 });
    },
  );

  test("shows the age that its ticket has by then", async () => {
    const clock = new Clock();
    const client = client13({ ...missing, now: clock.now });
    const server = server13(retrying);
    await open(client, server);
    // The clock goes on while the server is asked for a setup.
    const slow = server.with({
      sessionTickets: server.ticketKeys ?? "stored",
      sessionStore: server.settings.sessionStore,
      chooseSetup: () => {
        clock.move(2);
        return {};
      },
    });
    const pair = await open(client, slow);
    expectResumed(pair, true);
    const [before = 0, after = 0] = hellosOf(pair).map(
      ({ extensions }) => extensions.preSharedKey?.identities[0]?.obfuscatedTicketAge,
    );
    expect((after - before + 2 ** 32) % 2 ** 32).toBe(2000);
  });

  test("is looked up once", async () => {
    const store = new OpenStore();
    const client = client13(missing);
    const server = server13({ ...retrying, sessionStore: store, ticketCount: 1 });
    await open(client, server);
    store.calls.length = 0;
    expectResumed(await open(client, server), true);
    expect(store.calls).toEqual(options.sessionTickets === true ? [] : ["get", "take", "put"]);
  });

  test("is not offered again when it is of another hash than the server's suite", async () => {
    const store = new OpenStore();
    const client = client13({ ...missing, sessionStore: store, cipherSuites: ["TLS_AES_256_GCM_SHA384"] });
    const server = server13(retrying);
    await open(client, server);
    const other = client13({ ...missing, sessionStore: store });
    const pair = await open(other, server);
    expectResumed(pair, false);
    expect(infosOf(pair).map((info) => info?.cipherSuite)).toEqual([
      "TLS_CHACHA20_POLY1305_SHA256",
      "TLS_CHACHA20_POLY1305_SHA256",
    ]);
    const [before, after] = hellosOf(pair);
    expect(before?.extensions.preSharedKey?.identities).toHaveLength(1);
    expect(after?.extensions.preSharedKey).toBeUndefined();
    const { preSharedKey: _, keyShare: __, order = [], ...kept } = before?.extensions ?? {};
    expect(after?.extensions).toMatchObject(kept);
    expect(after?.extensions.order).toEqual(order.slice(0, -1));
  });

  /** Somebody between the two, who changes the second ClientHello. */
  async function refused(change: (psks: NonNullable<ClientHello["extensions"]["preSharedKey"]>) => unknown) {
    const [client, server] = [client13(missing), server13(retrying)];
    await open(client, server);
    let hellos = 0;
    const edit: Edit = (raw) => {
      if (!isHandshake("client_hello", raw) || ++hellos < 2) return undefined;
      const hello = decodeHandshake("client_hello", raw);
      const { preSharedKey, order = [], ...kept } = hello.extensions;
      if (preSharedKey === undefined) throw new Error("no PSK in the second ClientHello");
      const changed = change(preSharedKey) as typeof preSharedKey | undefined;
      return encodeHandshake("client_hello", {
        ...hello,
        extensions:
          changed === undefined
            ? { ...kept, order: order.slice(0, -1) }
            : { ...kept, preSharedKey: changed, order },
      });
    };
    const middle = await new ManInTheMiddle(client, server, edit).run();
    expect(hellos).toBe(2);
    return middle.server;
  }

  test("with another binder is decrypt_error", async () => {
    const server = await refused(({ identities, binders: [binder = new Uint8Array()] }) => ({
      identities,
      binders: [binder.with(0, (binder[0] ?? 0) ^ 1)],
    }));
    expectRefusal(server, "decrypt_error", "the binder of PSK 0 does not match the ClientHello");
  });

  test("that is gone from the second ClientHello is missing_extension", async () => {
    const server = await refused(() => undefined);
    expectRefusal(server, "missing_extension", "the second ClientHello holds no pre_shared_key any more");
  });

  test("that has become another one in the second ClientHello is illegal_parameter", async () => {
    const server = await refused(({ identities: [first], binders }) => ({
      identities: [{ ...first, identity: ascii("another") }],
      binders,
    }));
    expectRefusal(server, "illegal_parameter", "the second ClientHello does not offer PSK 0 any more");
  });
});

test("a client behind HelloRetryRequest offers the external PSKs that the suite is for, and each has the binder of its new place", async () => {
  const psk = (name: string, hash: "SHA-256" | "SHA-384") =>
    externalPsk({ identity: ascii(name), key: new Uint8Array(32).fill(name.length), hash });
  const known = psk("known", "SHA-256");
  const client = client13({
    externalPsks: [psk("of another hash", "SHA-384"), psk("unknown", "SHA-256"), known],
    keyShares: ["x25519"],
    middleboxCompatibility: false,
  });
  const asked: string[] = [];
  const server = server13({
    groups: ["secp256r1"],
    findPsk: (identity) => {
      asked.push(Buffer.from(identity).toString());
      return asked.at(-1) === "known" ? known : null;
    },
  });
  const pair = await open(client, server);
  expect(pair.server.engine.info).toMatchObject({
    helloRetried: true,
    peer: { kind: "psk", identity: ascii("known") },
  });
  expect(asked).toEqual(["of another hash", "unknown", "known"]);
  const offers = hellosOf(pair).map(({ extensions }) =>
    extensions.preSharedKey?.identities.map(({ identity }) => Buffer.from(identity).toString()),
  );
  expect(offers).toEqual([
    ["of another hash", "unknown", "known"],
    ["unknown", "known"],
  ]);
  const [, answer = new Uint8Array()] = messagesOf(pair.server);
  expect(decodeHandshake("server_hello", answer).extensions.preSharedKey).toBe(1);
});

describe("shapeClientHello", () => {
  type Extensions = ClientHello["extensions"];
  type Psks = NonNullable<Extensions["preSharedKey"]>;

  /** A second connection, whose ClientHello is `shape`d. */
  async function shaped(shape: (extensions: Extensions, psks: Psks) => Extensions, external = false) {
    const store = new OpenStore();
    const server = server13();
    const externalPsks = external ? [externalPsk({ identity: ascii("e"), key: new Uint8Array(16) })] : [];
    await open(client13({ sessionStore: store }), server);
    const client = client13({
      sessionStore: store,
      externalPsks,
      shapeClientHello: (hello) => {
        const { preSharedKey } = hello.extensions;
        if (preSharedKey === undefined) throw new Error("no PSK");
        return { ...hello, extensions: shape(hello.extensions, preSharedKey) };
      },
    });
    return { pair: await new Pair(client, server).run(), store };
  }

  test("that takes the PSK out leads to a full handshake; the session is used up", async () => {
    const { pair, store } = await shaped(({ preSharedKey: _, ...kept }) => kept);
    expect(identitiesOf(pair.client)).toEqual([]);
    expectResumed(pair, false);
    expect(store.calls.filter((call) => call === "take")).toHaveLength(3);
  });

  test("that leaves it where it is gets the binder filled in, whatever it puts there and in front", async () => {
    const { pair } = await shaped((extensions, psks) => ({
      ...extensions,
      preSharedKey: { ...psks, binders: [new Uint8Array(32).fill(0xff)] },
      unknown: [{ type: 0x0a0a, body: ascii("grease") }],
      order: [0x0a0a, ...DEFAULT_ORDER, 41],
    }));
    expect(helloOf(pair.client).extensions.order?.[0]).toBe(0x0a0a);
    expectResumed(pair, true);
  });

  test("that takes out what a PSK needs is refused by the server", async () => {
    const { pair } = await shaped(({ pskKeyExchangeModes: _, ...kept }) => kept);
    expectRefusal(pair.server, "missing_extension", "ClientHello holds no psk_key_exchange_modes");
  });

  test("that puts it in front of other extensions is refused by the server", async () => {
    const { pair } = await shaped((extensions) => ({ ...extensions, order: [41, ...DEFAULT_ORDER] }));
    expect(helloOf(pair.client).extensions.order?.[0]).toBe(41);
    expectRefusal(pair.server, "illegal_parameter", "pre_shared_key is not the last extension");
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  });

  test.each<readonly [string, (psks: Psks) => Psks]>([
    [
      "another identity",
      (psks) => ({ ...psks, identities: [{ identity: ascii("other"), obfuscatedTicketAge: 0 }] }),
    ],
    [
      "another identity in its place, and a binder of another length",
      () => ({
        identities: [{ identity: ascii("other"), obfuscatedTicketAge: 0 }],
        binders: [new Uint8Array(48)],
      }),
    ],
  ])("that makes %s of it leads to a full handshake", async (_what, change) => {
    const { pair } = await shaped((extensions, psks) => ({ ...extensions, preSharedKey: change(psks) }));
    expect(identitiesOf(pair.client)).toEqual([ascii("other")]);
    expectResumed(pair, false);
    expect(pair.server.closed).toBeUndefined();
  });

  test.each<readonly [string, (psks: Psks) => Psks, string]>([
    [
      "one more in front",
      ({ identities, binders }) => ({
        identities: [{ identity: ascii("grease"), obfuscatedTicketAge: 0 }, ...identities],
        binders: [new Uint8Array(32), ...binders],
      }),
      "the binder of PSK 1",
    ],
    [
      "a binder of another length",
      (psks) => ({ ...psks, binders: [new Uint8Array(33)] }),
      "the binder of PSK 0",
    ],
  ])("that adds %s keeps its own binders, which are not good", async (_what, change, says) => {
    const { pair } = await shaped((extensions, psks) => ({ ...extensions, preSharedKey: change(psks) }));
    expectRefusal(pair.server, "decrypt_error", `${says} does not match the ClientHello`);
  });

  test("that adds an identity without a binder is refused by the server", async () => {
    const { pair } = await shaped((extensions, { identities, binders }) => ({
      ...extensions,
      preSharedKey: { identities: [...identities, ...identities], binders },
    }));
    expectRefusal(pair.server, "illegal_parameter", "pre_shared_key holds 2 identities and 1 binders");
  });

  test("that turns the PSKs round keeps its own binders, which are not good", async () => {
    const { pair } = await shaped(
      (extensions, { identities, binders }) => ({
        ...extensions,
        preSharedKey: { identities: identities.toReversed(), binders: binders.toReversed() },
      }),
      true,
    );
    expect(identitiesOf(pair.client)).toHaveLength(2);
    expectRefusal(pair.server, "decrypt_error", "the binder of PSK 1 does not match the ClientHello");
  });
});

/** As the client has them. */
const DEFAULT_ORDER: readonly number[] = [0, 5, 10, 13, 18, 43, 45, 51];

describe("a client and a server of several versions", () => {
  const BOTH: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];
  const ONLY12: readonly TlsVersion[] = ["TLSv1.2"];
  const ONLY13: readonly TlsVersion[] = ["TLSv1.3"];
  const keys = (): Partial<ServerOptions> => ({
    sessionTickets: new TicketKeys({ provider: toyProvider() }),
    ticketCount: 2,
  });
  const clientOf = (versions: readonly TlsVersion[], sessionStore: OpenStore) =>
    toyClient({ versions, sessionStore } satisfies Partial<ClientOptions>);

  test("resume sessions of TLS 1.3 when both speak both", async () => {
    const store = new OpenStore();
    const server = toyServer({ ...keys(), versions: BOTH });
    for (const resumed of [false, true, true]) {
      const pair = await open(clientOf(BOTH, store), server);
      expectResumed(pair, resumed);
      expect(infosOf(pair).map((info) => info?.version)).toEqual(["TLSv1.3", "TLSv1.3"]);
      // A session of TLS 1.2 was neither there nor made.
      expect(helloOf(pair.client).extensions.sessionTicket).toHaveLength(0);
    }
    expect([...store.sessions.keys()]).toEqual(["tls13 client localhost #1", "tls13 client localhost #0"]);
  });

  test("keep a session of TLS 1.2 while there is one of TLS 1.3, and come back to it", async () => {
    const store = new OpenStore();
    const common = keys();
    await open(clientOf(ONLY12, store), toyServer({ ...common, versions: BOTH }));
    expect([...store.sessions.keys()]).toEqual(["tls12 client localhost"]);
    // A server of TLS 1.3 has no use for it, and the client keeps it.
    const newer = await open(clientOf(BOTH, store), toyServer({ ...common, versions: ONLY13 }));
    expect(helloOf(newer.client).extensions.sessionTicket?.length).toBeGreaterThan(100);
    expect(newer.client.engine.info).toMatchObject({ version: "TLSv1.3", resumed: false });
    expect(store.sessions.size).toBe(3);
    // Then the server is one of TLS 1.2 alone, and sessions of TLS 1.3 are used up one by one.
    const older = toyServer({ ...common, versions: ONLY12 });
    for (const left of [2, 1]) {
      const pair = await open(clientOf(BOTH, store), older);
      const { preSharedKey, sessionTicket } = helloOf(pair.client).extensions;
      expect([preSharedKey?.identities.length, sessionTicket?.length]).toEqual([1, 0]);
      expect(pair.client.engine.info).toMatchObject({ version: "TLSv1.2", resumed: false });
      expect(store.sessions.size).toBe(left);
    }
    const back = await open(clientOf(BOTH, store), older);
    expect(helloOf(back.client).extensions.preSharedKey).toBeUndefined();
    expect(back.client.engine.info).toMatchObject({ version: "TLSv1.2" });
    expectResumed(back, true);
  });

  test("do not ask for a session of a version that they do not speak", async () => {
    const store = new OpenStore();
    const server = toyServer({ ...keys(), versions: BOTH });
    await open(clientOf(ONLY12, store), server);
    await open(clientOf(ONLY13, store), server);
    expect(store.sessions.size).toBe(3);
    for (const [versions, calls] of [
      [ONLY12, ["get"]],
      [ONLY13, ["take"]],
    ] as const) {
      store.calls.length = 0;
      const pair = await new Pair(clientOf(versions, store), server).run();
      expectResumed(pair, true);
      expect(store.calls.slice(0, 1)).toEqual(calls);
      expect(store.calls).not.toContain(calls[0] === "get" ? "take" : "get");
    }
  });

  test("take no session for one of the other version, whatever the store says", async () => {
    const store = new OpenStore();
    const server = toyServer({ ...keys(), versions: BOTH });
    await open(clientOf(ONLY12, store), server);
    await open(clientOf(ONLY13, store), server);
    const of12 = store.sessions.get("tls12 client localhost") ?? new Uint8Array();
    const of13 = store.sessions.get("tls13 client localhost #0") ?? new Uint8Array();
    store.sessions.clear();
    store.put("tls12 client localhost", of13);
    store.put("tls13 client localhost #0", of12);
    const pair = await open(clientOf(BOTH, store), server);
    const { preSharedKey, sessionTicket } = helloOf(pair.client).extensions;
    expect([preSharedKey, sessionTicket?.length]).toEqual([undefined, 0]);
    expectResumed(pair, false);
    const errors = [of12, of13].map(
      ({ length }) =>
        new Error(`the session store had ${length} bytes that are no session; they are dropped`),
    );
    expect(pair.client.engine.takeHookErrors()).toEqual(errors);
  });

  test("take no ticket for one of the other version, though they are sealed with one key", async () => {
    const store = new OpenStore();
    const server = toyServer({ ...keys(), versions: BOTH });
    await open(clientOf(ONLY12, store), server);
    const first = await open(clientOf(ONLY13, new OpenStore()), server);
    const [session] = sessionsOf(first.client);
    const of13 = session?.ticket ?? new Uint8Array();
    const of12 = helloOf((await open(clientOf(ONLY12, store), server)).client).extensions.sessionTicket;
    const in12 = await open(
      toyClient({
        versions: ONLY12,
        shapeClientHello: (hello) => ({
          ...hello,
          legacySessionId: new Uint8Array(32).fill(1),
          extensions: { ...hello.extensions, sessionTicket: of13 },
        }),
      }),
      server,
    );
    expectResumed(in12, false);
    const in13 = await open(
      toyClient({
        versions: ONLY13,
        shapeClientHello: (hello) => ({
          ...hello,
          extensions: {
            ...hello.extensions,
            preSharedKey: {
              identities: [{ identity: of12 ?? new Uint8Array(), obfuscatedTicketAge: 0 }],
              binders: [new Uint8Array(32)],
            },
          },
        }),
      }),
      server,
    );
    expect(identitiesOf(in13.client)[0]?.length).toBeGreaterThan(100);
    expectResumed(in13, false);
    expect(in13.server.engine.takeHookErrors()).toEqual([]);
  });
});
