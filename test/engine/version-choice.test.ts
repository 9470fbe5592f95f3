import { describe, expect, test } from "vitest";

import { ascii, concatBytes, hex } from "../../src/bytes.ts";
import {
  CipherSuite,
  type ClientConfig,
  type ClientHello,
  ContentType,
  ExtensionType,
  NEED_DATA,
  ProtocolVersion,
  type ServerConfig,
  TlsEngine,
  type TlsVersion,
} from "../../src/index.ts";
import { decodeHandshake, encodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import { Seeded } from "../pairs/seeded.ts";
import { End, Pair } from "../support/pair.ts";
import { editing, ManInTheMiddle, recordsOf } from "./man-in-the-middle.ts";
import { expectRefusal } from "./refusal.ts";
import { configsOf, open, VERSION_LISTS } from "./versions.ts";

const both = configsOf("TLSv1.3", "TLSv1.2");
const old = configsOf("TLSv1.2");
const modern = configsOf("TLSv1.3");

const DOWNGRADED_TO_TLS12 = hex(concatBytes(ascii("DOWNGRD"), Uint8Array.of(1)));

const named = (versions: readonly TlsVersion[]): string => versions.join(" and ");

/** The ClientHello in a client's first flight. */
function helloOf(config: ClientConfig): ClientHello {
  const [record] = recordsOf(TlsEngine.client(config).takeOutput() ?? new Uint8Array());
  if (record === undefined) throw new Error("the client says nothing");
  return decodeHandshake("client_hello", record.subarray(5));
}

/** A record with `raw` in it. */
function plaintext(raw: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(ContentType.handshake, 3, 3, raw.length >> 8, raw.length & 0xff), raw);
}

/** A server that gets the ClientHello of `client` after `change`, and what it answers at first. */
function serverAfter(
  server: ServerConfig,
  client: ClientConfig,
  change: (hello: ClientHello) => ClientHello = (hello) => hello,
): { readonly server: End; readonly answer: HandshakeBody<"tls12_server_hello"> | undefined } {
  const end = new End(TlsEngine.server(server));
  end.engine.receive(plaintext(encodeHandshake("client_hello", change(helloOf(client)))));
  expect(end.drain()).toBeUndefined();
  const [record] = recordsOf(end.engine.takeOutput() ?? new Uint8Array());
  const isHello = record?.[0] === ContentType.handshake;
  return {
    server: end,
    answer: isHello ? decodeHandshake("tls12_server_hello", record.subarray(5)) : undefined,
  };
}

/** A client that gets a ServerHello without supported_versions. */
function clientAfter(client: ClientConfig, changes: Partial<HandshakeBody<"tls12_server_hello">> = {}): End {
  const end = new End(TlsEngine.client(client));
  expect(end.drain()).toBeUndefined();
  const body: HandshakeBody<"tls12_server_hello"> = {
    serverVersion: ProtocolVersion["TLSv1.2"],
    random: new Uint8Array(32).fill(7),
    sessionId: new Uint8Array(),
    cipherSuite: CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    compressionMethod: 0,
    extensions: { extendedMainSecret: true, renegotiationInfo: new Uint8Array() },
    ...changes,
  };
  end.engine.receive(plaintext(encodeHandshake("tls12_server_hello", body)));
  expect(end.drain()).toBeUndefined();
  return end;
}

const without = ({ extensions: { supportedVersions: _, ...kept }, ...hello }: ClientHello): ClientHello => ({
  ...hello,
  extensions: kept,
});

const pairs = VERSION_LISTS.flatMap((client) => VERSION_LISTS.map((server) => ({ client, server })));

describe("a client and a server", () => {
  test.each(
    pairs.map(({ client, server }) => ({
      client,
      server,
      expected: client.find((version) => server.includes(version)),
    })),
  )("of $client and of $server speak $expected", async ({ client, server, expected }) => {
    const pair = await new Pair(configsOf(...client).client(), configsOf(...server).server()).run();
    if (expected !== undefined) {
      expect(pair.client.engine.info).toMatchObject({ version: expected, role: "client" });
      expect(pair.server.engine.info).toMatchObject({ version: expected, role: "server" });
      pair.client.engine.write(ascii("hello"));
      pair.server.engine.write(ascii("world"));
      await pair.run();
      expect([hex(pair.server.received), hex(pair.client.received)]).toEqual([
        hex(ascii("hello")),
        hex(ascii("world")),
      ]);
      return;
    }
    const what = `the client offers version ${client.join(", ")}, and ${server.join(" or ")} is required`;
    expectRefusal(pair.server, "protocol_version", what);
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "protocol_version" });
  });

  test("of both prefer TLS 1.3 in whatever order a config names them", async () => {
    const reversed = configsOf("TLSv1.2", "TLSv1.3");
    const pair = await open(reversed.client(), reversed.server());
    expect(pair.client.engine.info?.version).toBe("TLSv1.3");
  });

  test("retry with another key share as before, when both speak TLS 1.2 too", async () => {
    const client = both.client({ keyShares: ["x25519"] });
    const pair = await open(client, both.server({ groups: ["secp256r1"] }));
    expect(pair.client.engine.info).toMatchObject({
      version: "TLSv1.3",
      helloRetried: true,
      group: "secp256r1",
    });
  });
});

describe("a ClientHello", () => {
  const OF_TLS12 = [
    "extended_main_secret",
    "renegotiation_info",
    "ec_point_formats",
    "session_ticket",
  ] as const;
  const OF_TLS13 = ["supported_versions", "psk_key_exchange_modes", "key_share"] as const;

  test.each(VERSION_LISTS.map((versions) => [named(versions), versions] as const))(
    "of %s offers what belongs to it",
    (_name, versions) => {
      const hello = helloOf(configsOf(...versions).client());
      const types = hello.extensions.order ?? [];
      const has = (names: readonly (keyof typeof ExtensionType)[]): readonly boolean[] =>
        names.map((name) => types.includes(ExtensionType[name]));
      expect(has(OF_TLS12)).toEqual(OF_TLS12.map(() => versions.includes("TLSv1.2")));
      expect(has(OF_TLS13)).toEqual(OF_TLS13.map(() => versions.includes("TLSv1.3")));
      expect(types).not.toContain(ExtensionType.encrypt_then_mac);
      expect(hello.legacyVersion).toBe(ProtocolVersion["TLSv1.2"]);
      expect(hello.extensions.supportedVersions).toEqual(
        versions.includes("TLSv1.3") ? versions.map((version) => ProtocolVersion[version]) : undefined,
      );
      const ofTls13 = hello.cipherSuites.filter((id) => id >> 8 === 0x13).length;
      expect(ofTls13).toBe(versions.includes("TLSv1.3") ? 3 : 0);
      expect(hello.cipherSuites.length - ofTls13).toBe(versions.includes("TLSv1.2") ? 6 : 0);
      // A middlebox has nothing to see in TLS 1.2 but TLS 1.2.
      expect(hello.legacySessionId).toHaveLength(versions.includes("TLSv1.3") ? 32 : 0);
    },
  );

  test("offers to encrypt first when it names a CBC suite", () => {
    const { extensions } = helloOf(old.client({ cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"] }));
    expect(extensions.encryptThenMac).toBe(true);
  });

  test("asks for no ticket when sessions are not kept", () => {
    expect(helloOf(both.client({ sessionStore: null })).extensions.sessionTicket).toBeUndefined();
  });
});

describe("a server that has no version in common with the client", () => {
  test.each([
    [0x0302, "TLSv1.1"],
    [0x0301, "TLSv1"],
    [0x0200, "0x0200"],
  ])("because its legacy_version is %i says so: %s", (legacyVersion, shown) => {
    const { server } = serverAfter(both.server(), old.client(), (hello) => ({ ...hello, legacyVersion }));
    const what = `the client offers version ${shown}, and TLSv1.3 or TLSv1.2 is required`;
    expectRefusal(server, "protocol_version", what);
  });

  test("because its supported_versions holds only others says so", () => {
    const { server } = serverAfter(both.server(), both.client(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, supportedVersions: [0x0a0a, 0x0302] },
    }));
    expectRefusal(
      server,
      "protocol_version",
      "the client offers version 0x0a0a, TLSv1.1, and TLSv1.3 or TLSv1.2 is required",
    );
  });

  test("names no more than 16 of thousands", () => {
    const { server } = serverAfter(both.server(), both.client(), (hello) => ({
      ...hello,
      extensions: { ...hello.extensions, supportedVersions: Array<number>(127).fill(0x7f00) },
    }));
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "protocol_version" });
    expect(server.closed?.kind === "error" && server.closed.error.message).toContain("… (127 in all)");
  });

  test("because its legacy_version is that of SSL 3 says so, whatever supported_versions holds", () => {
    const { server } = serverAfter(both.server(), both.client(), (hello) => ({
      ...hello,
      legacyVersion: ProtocolVersion.SSLv3,
    }));
    expectRefusal(server, "protocol_version", "ClientHello has legacy_version SSLv3");
  });
});

describe("a server", () => {
  test("takes TLS 1.2 from a legacy_version above it, since TLS 1.3 is offered in supported_versions alone", () => {
    for (const legacyVersion of [0x0304, 0x7f1c, 0xffff]) {
      const { answer } = serverAfter(both.server(), old.client(), (hello) => ({ ...hello, legacyVersion }));
      expect(answer?.serverVersion).toBe(ProtocolVersion["TLSv1.2"]);
    }
  });

  test("looks into supported_versions, not at legacy_version or the order, and passes over what it does not know", () => {
    const { answer } = serverAfter(old.server(), both.client(), (hello) => ({
      ...hello,
      legacyVersion: 0x0301,
      extensions: { ...hello.extensions, supportedVersions: [0x3a3a, 0x0302, 0x0304, 0x0303] },
    }));
    expect(answer?.serverVersion).toBe(ProtocolVersion["TLSv1.2"]);
  });

  test("that takes TLS 1.2 refuses a ChangeCipherSpec that came before the ClientHello", async () => {
    const pair = new Pair(old.client(), both.server());
    pair.server.engine.receive(Uint8Array.of(20, 3, 3, 0, 1, 1));
    await pair.run();
    expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "unexpected_message" });
  });
});

describe("a client", () => {
  test.each([
    [
      "of TLS 1.3 alone refuses TLS 1.2",
      modern,
      0x0303,
      "server chose version TLSv1.2, and TLSv1.3 was offered",
    ],
    [
      "of both refuses TLS 1.1",
      both,
      0x0302,
      "server chose version TLSv1.1, and TLSv1.3 or TLSv1.2 was offered",
    ],
    ["of TLS 1.2 alone refuses TLS 1.0", old, 0x0301, "server chose version TLSv1, and TLSv1.2 was offered"],
    // RFC 8446 §4.2.1: TLS 1.3 is chosen in supported_versions.
    [
      "of both refuses TLS 1.3 in server_version",
      both,
      0x0304,
      "server chose version TLSv1.3, and TLSv1.3 or TLSv1.2 was offered",
    ],
    ["of both refuses SSL 3", both, 0x0300, "server sent legacy_version SSLv3"],
  ] as const)("%s", (_what, configs, serverVersion, message) => {
    expectRefusal(clientAfter(configs.client(), { serverVersion }), "protocol_version", message);
  });

  test("of TLS 1.2 alone refuses an answer of TLS 1.3, which it has not asked for", async () => {
    const pair = new Pair(modern.client(), modern.server());
    const hello = pair.client.engine.takeOutput();
    if (hello === null) throw new Error("no ClientHello");
    pair.server.engine.receive(hello);
    expect(pair.server.drain()).toBeUndefined();
    const client = new End(TlsEngine.client(old.client()));
    client.engine.receive(pair.server.engine.takeOutput() ?? new Uint8Array());
    expect(client.drain()).toBeUndefined();
    expectRefusal(client, "unsupported_extension", "server answers with TLS 1.3, and TLSv1.2 was offered");
  });

  test("of both drops a ChangeCipherSpec in front of the ServerHello for TLS 1.3, and refuses it for TLS 1.2", async () => {
    for (const configs of [modern, old]) {
      const pair = new Pair(both.client(), configs.server());
      pair.client.engine.receive(Uint8Array.of(20, 3, 3, 0, 1, 1));
      expect(pair.client.drain()).toBeUndefined();
      expect(pair.client.closed).toBeUndefined();
      await pair.run();
      if (configs === modern) expect(pair.client.engine.info?.version).toBe("TLSv1.3");
      else
        expectRefusal(pair.client, "unexpected_message", "the peer sent change_cipher_spec before its hello");
    }
  });

  test("that was asked for a second ClientHello refuses an answer of TLS 1.2 to it", async () => {
    let hellos = 0;
    const middle = new ManInTheMiddle(
      both.client({ keyShares: ["x25519"], middleboxCompatibility: false }),
      both.server({ groups: ["secp256r1"] }),
      (raw) => {
        if (raw[0] !== 2 || ++hellos < 2) return undefined;
        return encodeHandshake("tls12_server_hello", {
          serverVersion: 0x0303,
          random: new Uint8Array(32),
          sessionId: new Uint8Array(),
          cipherSuite: CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
          compressionMethod: 0,
          extensions: { renegotiationInfo: new Uint8Array() },
        });
      },
    );
    await middle.run();
    expectRefusal(
      middle.client,
      "illegal_parameter",
      "server chose TLS 1.3 in HelloRetryRequest and an older version in ServerHello",
    );
  });
});

describe("the downgrade mark", () => {
  const last8 = (random: Uint8Array | undefined): string => hex(random?.subarray(24) ?? new Uint8Array());

  test("is set by a server of both that speaks TLS 1.2, behind random bytes, and by one of TLS 1.2 alone not", () => {
    for (const [configs, isMarked] of [
      [both, true],
      [old, false],
    ] as const) {
      const drawn: Uint8Array[] = [];
      const seeded = new Seeded("downgrade");
      const random = (length: number): Uint8Array => {
        const bytes = seeded.bytes(length);
        drawn.push(bytes.slice());
        return bytes;
      };
      const { answer } = serverAfter(configs.server({ random }), old.client());
      const own = drawn.find(
        (bytes) => hex(bytes.subarray(0, 24)) === hex(answer?.random.subarray(0, 24) ?? new Uint8Array()),
      );
      expect(own).toHaveLength(32);
      expect(last8(answer?.random)).toBe(isMarked ? DOWNGRADED_TO_TLS12 : last8(own));
    }
  });

  test("is not in an answer of TLS 1.3", async () => {
    const pair = await open(both.client(), both.server());
    const [hello] = recordsOf(pair.server.sent[0] ?? new Uint8Array());
    expect(hex(hello ?? new Uint8Array())).not.toContain(DOWNGRADED_TO_TLS12);
  });

  test("is passed over by a client of TLS 1.2 alone", async () => {
    const pair = await open(old.client(), both.server());
    expect(pair.client.engine.info?.version).toBe("TLSv1.2");
  });

  test.each([
    ["that of TLS 1.2", 1],
    ["that of TLS 1.1", 0],
  ])("%s ends the handshake of a client that has offered TLS 1.3", (_what, last) => {
    const random = concatBytes(new Uint8Array(24).fill(9), ascii("DOWNGRD"), Uint8Array.of(last));
    for (const configs of [both, modern]) {
      expectRefusal(
        clientAfter(configs.client(), { random }),
        "illegal_parameter",
        "server was brought down from TLS 1.3: its random holds the downgrade mark",
      );
    }
    expect(clientAfter(old.client(), { random }).closed).toBeUndefined();
  });

  test("has to be whole and in its place", () => {
    for (const random of [
      concatBytes(new Uint8Array(24), ascii("DOWNGRE"), Uint8Array.of(1)),
      concatBytes(new Uint8Array(23), ascii("DOWNGRD"), Uint8Array.of(1, 1)),
    ]) {
      expect(clientAfter(both.client(), { random }).closed).toBeUndefined();
    }
  });

  test("gives away somebody who takes supported_versions out of the ClientHello", async () => {
    const middle = new ManInTheMiddle(both.client(), both.server(), editing("client_hello", without));
    await middle.run();
    expectRefusal(
      middle.client,
      "illegal_parameter",
      "server was brought down from TLS 1.3: its random holds the downgrade mark",
    );
    expect(middle.server.closed).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  });

  test("cannot be taken out again: the server has signed its random", async () => {
    const middle = new ManInTheMiddle(both.client(), both.server(), (raw) =>
      raw[0] === 1
        ? editing("client_hello", without)(raw)
        : editing("tls12_server_hello", (hello) => ({ ...hello, random: new Uint8Array(32).fill(5) }))(raw),
    );
    await middle.run();
    expect(middle.client.closed).toMatchObject({
      kind: "error",
      alertSent: "decrypt_error",
      error: { message: expect.stringContaining("ServerKeyExchange") },
    });
  });

  test("is not needed to find out a server of TLS 1.2 alone whose ClientHello was changed: Finished does", async () => {
    const middle = new ManInTheMiddle(both.client(), old.server(), editing("client_hello", without));
    await middle.run();
    expect(middle.server.closed).toMatchObject({ kind: "error" });
    expect(middle.client.engine.info).toBeNull();
    expect(middle.server.engine.info).toBeNull();
  });
});

describe("TLS_FALLBACK_SCSV", () => {
  const fallback = (hello: ClientHello): ClientHello => ({
    ...hello,
    cipherSuites: [...hello.cipherSuites, CipherSuite.TLS_FALLBACK_SCSV],
  });

  test("from a client of TLS 1.2 is inappropriate_fallback for a server that speaks TLS 1.3", async () => {
    const pair = await new Pair(old.client({ shapeClientHello: fallback }), both.server()).run();
    expectRefusal(
      pair.server,
      "inappropriate_fallback",
      "the client fell back to version TLSv1.2, and TLSv1.3 is spoken here",
    );
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "inappropriate_fallback" });
  });

  test("is the reason even when there is no version in common", () => {
    const { server } = serverAfter(modern.server(), old.client(), fallback);
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "inappropriate_fallback" });
  });

  test("means nothing when the version is our highest", async () => {
    const toOld = await open(old.client({ shapeClientHello: fallback }), old.server());
    expect(toOld.client.engine.info?.version).toBe("TLSv1.2");
    const toBoth = await open(both.client({ shapeClientHello: fallback }), both.server());
    expect(toBoth.client.engine.info?.version).toBe("TLSv1.3");
  });
});

test("HelloRequest in front of a ServerHello is passed over for TLS 1.2, and refused for TLS 1.3", async () => {
  for (const [server, isOpen] of [
    [old.server(), true],
    [both.server(), false],
  ] as const) {
    const pair = new Pair(both.client(), server);
    pair.client.engine.receive(plaintext(Uint8Array.of(0, 0, 0, 0)));
    expect(pair.client.engine.nextEvent()).toBe(NEED_DATA);
    await pair.run();
    expect(pair.client.engine.state).toBe(isOpen ? "open" : "closed");
    if (!isOpen) expect(pair.client.closed).toMatchObject({ kind: "error", alertSent: "unexpected_message" });
  }
});
