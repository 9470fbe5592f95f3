import { describe, expect, test } from "vitest";
import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { upgrade } from "../../src/engine/upgrade.ts";
import {
  type ClientConfig,
  NotTlsError,
  type ServerConfig,
  TimeoutError,
  TlsEngine,
  TruncationError,
  type Unread,
} from "../../src/index.ts";
import { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import type { Protocol, Transport } from "../../src/protocol/transport.ts";
import { type Split, whole } from "../support/pair.ts";
import { FakeClock, Link, MemoryTransport, Recorder, testClientConfig, testServerConfig } from "./memory.ts";

/** A plaintext connection between two applications. */
function plaintextLink(split: Split = whole) {
  const link = new Link(new FakeClock(), split);
  const client = new Recorder();
  const server = new Recorder();
  link.client.open(client);
  link.server.open(server);
  return { link, clock: link.clock, client, server };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

describe("upgrade()", () => {
  test.each(["TLSv1.3", "TLSv1.2"] as const)(
    "puts %s under two applications that talk already",
    async (version) => {
      const { link, clock, client, server } = plaintextLink();
      const options = { versions: [version], groups: ["x25519", "secp256r1"] };
      link.client.write(ascii("STARTTLS\n"));
      link.run();
      link.server.write(ascii("go ahead\n"));
      const [serverConfig, clientConfig] = [await testServerConfig(options), await testClientConfig(options)];
      const serverUpgrade = upgrade(link.server, server, serverConfig, "none", { clock });
      link.run();
      const clientUpgrade = upgrade(link.client, client, clientConfig, "none", { clock });
      link.run();
      const [a, b] = await Promise.all([clientUpgrade, serverUpgrade]);
      expect(a.info).toMatchObject({ version, role: "client", peer: { kind: "verified" } });
      expect(a.transport.info).toBe(a.info);
      a.transport.write(ascii("secret"));
      b.transport.write(ascii("answer"));
      link.run();
      expect([client.text, server.text]).toEqual(["go ahead\nanswer", "STARTTLS\nsecret"]);
      a.transport.close();
      link.run();
      for (const { calls, lostWith } of [client, server]) {
        expect(calls.filter((call) => call === "connectionMade" || call === "connectionLost")).toEqual([
          "connectionMade",
          "connectionLost",
        ]);
        expect(lostWith).toBeNull();
      }
    },
  );

  test("gives what channel bindings, exporters and new keys are to be had from", async () => {
    const { link, clock, client, server } = plaintextLink();
    const [serverConfig, clientConfig] = [await testServerConfig(), await testClientConfig()];
    const upgrading = [
      upgrade(link.server, server, serverConfig, "none", { clock }),
      upgrade(link.client, client, clientConfig, "none", { clock }),
    ];
    const early = new TlsProtocol(client, new TlsEngine(), null);
    expect(() => early.channelBinding("tls-exporter")).toThrow(TypeError);
    expect(() => early.updateKeys()).toThrow(TypeError);
    link.run();
    const [a, b] = (await Promise.all(upgrading)).map(({ protocol }) => protocol);
    expect(a?.channelBinding("tls-exporter")).toHaveLength(32);
    expect(a?.channelBinding("tls-exporter")).toEqual(b?.channelBinding("tls-exporter"));
    const [own, peer] = [a, b].map((end) => end?.exportKeyingMaterial("EXPORTER-test", Uint8Array.of(1), 48));
    expect(own).toHaveLength(48);
    expect(own).toEqual(peer);
    a?.updateKeys(true);
    a?.appTransport.write(ascii("under new keys"));
    link.run();
    b?.appTransport.write(ascii("as asked"));
    link.run();
    expect([server.text, client.text]).toEqual(["as asked", "under new keys"]);
  });

  test("pauses reading, takes the protocol's place, starts, and resumes, in that order", async () => {
    const { link, clock, client } = plaintextLink();
    const upgrading = upgrade(link.client, client, await testClientConfig(), "none", { clock });
    expect(link.client.calls.map((call) => call.replace(/\d+/, "n"))).toEqual([
      "pauseReading",
      "setProtocol",
      "write n",
      "resumeReading",
    ]);
    link.client.abort();
    link.run();
    expect(await failure(upgrading)).toBeInstanceOf(Error);
  });

  test("does nothing to the transport when its arguments are wrong", async () => {
    const { link, clock, client } = plaintextLink();
    const config = await testClientConfig();
    const wrong: [string, () => Promise<unknown>][] = [
      ["ConfigError", () => upgrade(link.client, client, config, "none", { handshakeTimeoutMs: 0 })],
      ["ConfigError", () => upgrade(link.client, client, config, "none", { eof: "lax" as never })],
      ["TypeError", () => upgrade(link.client, client, {} as never, "none", { clock })],
      ["TypeError", () => upgrade(link.client, client, config, undefined as never, { clock })],
      ["TypeError", () => upgrade(link.client, client, config, "text" as Unread, { clock })],
    ];
    for (const [name, call] of wrong) expect(await failure(call())).toMatchObject({ name });
    expect([link.client.calls, link.client.protocol, clock.timers]).toEqual([[], client, 0]);
    link.client.close();
    expect(await failure(upgrade(link.client, client, config, "none", { clock }))).toBeInstanceOf(TypeError);
    expect(link.client.calls).toEqual(["close"]);
  });

  test("gives an application that asks for it the new transport before the first data", async () => {
    const { link, clock, client, server } = plaintextLink();
    server.during.connectionMade = (transport) => transport.write(ascii("220 TLS first"));
    const options = { clock, callConnectionMade: true };
    const upgrades = [
      upgrade(link.server, server, await testServerConfig(), "none", options),
      upgrade(link.client, client, await testClientConfig(), "none", options),
    ];
    link.run();
    const [, { transport } = { transport: null }] = await Promise.all(upgrades);
    expect(client.calls).toEqual(["connectionMade", "connectionMade", "dataReceived 13"]);
    expect(client.transport).toBe(transport);
  });

  const failures: [string, (pair: ReturnType<typeof plaintextLink>) => void, unknown][] = [
    ["the transport ends", ({ link }) => link.client.receive("end"), TruncationError],
    ["the transport breaks", ({ link }) => link.client.lose(new RangeError("reset")), RangeError],
    ["time runs out", ({ clock }) => clock.advance(60_000), TimeoutError],
    ["the peer goes on in plaintext", ({ link }) => link.client.receive(ascii("250 EVIL")), NotTlsError],
  ];
  test.each(failures)("when %s rejects, and the transport is closed", async (_name, fail, error) => {
    const pair = plaintextLink();
    const { link, clock, client } = pair;
    const upgrading = failure(upgrade(link.client, client, await testClientConfig(), "none", { clock }));
    fail(pair);
    link.run();
    expect(await upgrading).toBeInstanceOf(error);
    expect([link.client.isClosing, clock.timers]).toEqual([true, 0]);
    expect(client.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(client.lostWith).toBe(await upgrading);
  });
});

describe("what is injected around an upgrade", () => {
  /** Plaintext bytes that come behind the last plaintext line, and how: in the parser's hands, or from the transport. */
  const ways: [string, (to: MemoryTransport, bytes: Uint8Array) => Unread][] = [
    ["held by a parser", (_to, bytes) => bytes],
    [
      "waiting in the transport",
      (to, bytes) => {
        to.pauseReading();
        to.receive(bytes);
        return "none";
      },
    ],
  ];
  const roles: ["client" | "server", () => Promise<ClientConfig | ServerConfig>][] = [
    ["client", testClientConfig],
    ["server", testServerConfig],
  ];
  const cases = roles.flatMap(([role, config]) =>
    ["250 EVIL\r\n", "RSET\r\n", "\0", "\x17\x03\x03", "\n"].flatMap((text) =>
      ways.map(([way, give]) => [role, JSON.stringify(text), way, text, config, give] as const),
    ),
  );
  test.each(cases)(
    "as %s: %s, %s, never reaches the application",
    async (role, _shown, _way, text, config, give) => {
      const { link, clock, client, server } = plaintextLink();
      const lower = link[role];
      const app = role === "client" ? client : server;
      const unread = give(lower, ascii(text));
      const upgrading = failure(upgrade(lower, app, await config(), unread, { clock, eof: "tolerant" }));
      link.run();
      lower.receive("end");
      link.run();
      const error = await upgrading;
      // A record that never comes whole is a truncation; everything else shows at its first byte.
      if (text.startsWith("\x17")) expect(error).toBeInstanceOf(TruncationError);
      else expect(error).toMatchObject({ name: "NotTlsError", kind: "plaintext-after-upgrade" });
      expect(app.chunks).toEqual([]);
      expect(lower.isClosing).toBe(true);
      if (role === "server") expect(link.server.take()).toEqual(Buffer.alloc(0));
    },
  );

  test("behind plaintext that was written before: that is still sent", async () => {
    const { link, clock, server } = plaintextLink();
    link.server.write(ascii("220 go\r\n"));
    const upgrading = failure(
      upgrade(link.server, server, await testServerConfig(), ascii("EVIL\r\n"), { clock }),
    );
    expect(latin1(link.server.take())).toBe("220 go\r\n");
    expect(await upgrading).toBeInstanceOf(NotTlsError);
    expect(link.server.calls.at(-1)).toBe("close");
  });

  test("is of kind not-tls on a connection that is TLS from its first byte, and of the other kind with unread bytes", async () => {
    const clock = new FakeClock();
    for (const [options, kind] of [
      [{}, "not-tls"],
      [{ unread: new Uint8Array() }, "plaintext-after-upgrade"],
    ] as const) {
      const tls = TlsEngine.wrap(new Recorder(), await testServerConfig(), { clock, ...options });
      new MemoryTransport(clock).open(tls).receive(ascii("GET / HTTP/1.1\r\n"));
      expect(await failure(tls.handshake)).toMatchObject({ name: "NotTlsError", kind });
    }
  });
});

describe("a pipelined ClientHello", () => {
  test("works wherever it is cut into what the parser holds and what still arrives", async () => {
    const [serverConfig, clientConfig] = [await testServerConfig(), await testClientConfig()];
    const hello = clientHello(clientConfig);
    for (let at = 0; at <= hello.length; at++) {
      const clock = new FakeClock();
      const lower = new MemoryTransport(clock);
      const app = new Recorder();
      lower.open(app);
      // A segment with the PROXY line and the first `at` bytes, and another with the rest.
      const upgrading = failure(upgrade(lower, app, serverConfig, hello.subarray(0, at), { clock }));
      clock.settle();
      if (at < hello.length) {
        expect(lower.outgoing).toEqual([]);
        lower.receive(hello.subarray(at));
      }
      // ServerHello, and the rest of the flight.
      expect(lower.take()[0], `${at} bytes`).toBe(22);
      lower.abort();
      clock.settle();
      await upgrading;
    }
  });

  test("works to the end, with data behind it", async () => {
    const { link, clock, server } = plaintextLink();
    const client = TlsEngine.wrap(new Recorder(), await testClientConfig(), { clock });
    const held: Uint8Array[] = [];
    server.during.dataReceived = () => void held.push(...server.chunks);
    link.client.write(ascii("PROXY TCP4\r\n"));
    client.connectionMade(link.client);
    link.client.setProtocol(client);
    client.appTransport.write(ascii("first request"));
    link.server.receive(link.client.take());
    const unread = concatBytes(...held).subarray(12);
    const upgrading = upgrade(link.server, server, await testServerConfig(), unread, { clock });
    server.chunks.length = 0;
    link.run();
    await upgrading;
    expect(server.text).toBe("first request");
  });

  function clientHello(config: ClientConfig): Uint8Array {
    return TlsEngine.client(config).takeOutput() ?? new Uint8Array();
  }
});

describe("CONNECT, as a proxy that answers itself does it", () => {
  /** Answers requests, over TLS or not. */
  class HttpServer implements Protocol {
    protected transport: Transport | undefined;
    connectionMade(transport: Transport): void {
      this.transport = transport;
    }
    dataReceived(bytes: Uint8Array): void {
      if (!latin1(bytes).endsWith("\r\n\r\n")) throw new Error("a request in parts");
      this.transport?.write(ascii("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"));
      this.transport?.close();
    }
    connectionLost(): void {}
  }

  /** Becomes a TLS server behind CONNECT, by wrapping another server. */
  class ConnectServer extends HttpServer {
    #tls: TlsProtocol | undefined;
    readonly #wrap: (unread: Uint8Array) => TlsProtocol;
    constructor(wrap: (unread: Uint8Array) => TlsProtocol) {
      super();
      this.#wrap = wrap;
    }
    override dataReceived(bytes: Uint8Array): void {
      const text = latin1(bytes);
      if (this.#tls !== undefined) {
        this.#tls.dataReceived(bytes);
      } else if (text.startsWith("CONNECT ") && this.transport !== undefined) {
        this.transport.write(ascii("HTTP/1.1 200 OK\r\n\r\n"));
        this.#tls = this.#wrap(bytes.subarray(text.indexOf("\r\n\r\n") + 4));
        this.#tls.connectionMade(this.transport);
      } else super.dataReceived(bytes);
    }
    eofReceived(): boolean {
      return this.#tls?.eofReceived() ?? false;
    }
    override connectionLost(error: Error | null = null): void {
      this.#tls?.connectionLost(error);
    }
  }

  test.each([true, false])("with a ClientHello in the same segment: %s", async (isPipelined) => {
    const link = new Link();
    const { clock } = link;
    const config = await testServerConfig();
    link.server.open(
      new ConnectServer((unread) => TlsEngine.wrap(new HttpServer(), config, { clock, unread })),
    );
    const app = new Recorder();
    app.during.connectionMade = (transport) => transport.write(ascii("GET / HTTP/1.1\r\n\r\n"));
    const tls = TlsEngine.wrap(app, await testClientConfig(), { clock });
    link.client.write(ascii("CONNECT localhost:443 HTTP/1.1\r\n\r\n"));
    if (!isPipelined) {
      link.server.receive(link.client.take());
      expect(latin1(link.server.take())).toBe("HTTP/1.1 200 OK\r\n\r\n");
    }
    link.client.open(tls);
    if (isPipelined) {
      link.server.receive(link.client.take());
      const answer = link.server.take();
      expect(latin1(answer.subarray(0, 19))).toBe("HTTP/1.1 200 OK\r\n\r\n");
      link.client.receive(answer.subarray(19));
    }
    link.run();
    expect(app.text).toMatch(/OK$/);
    expect(app.calls.slice(-2)).toEqual(["eofReceived", "connectionLost"]);
    expect(app.lostWith).toBeNull();
  });
});
