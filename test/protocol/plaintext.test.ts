import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { NotTlsError, TimeoutError, TlsEngine, TruncationError } from "../../src/index.ts";
import type { TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import {
  connectedPair,
  FakeClock,
  Link,
  MemoryTransport,
  Recorder,
  testClientConfig,
  testServerConfig,
} from "./memory.ts";

/** Two connections in plaintext that can be upgraded. */
function pipePair(options: TlsProtocolOptions = {}) {
  const link = new Link();
  const side = (lower: MemoryTransport) => {
    const app = new Recorder();
    const tls = TlsEngine.wrap(app, undefined, { clock: link.clock, ...options });
    lower.open(tls);
    return { app, tls, lower };
  };
  return { link, clock: link.clock, client: side(link.client), server: side(link.server) };
}

async function secured(options: TlsProtocolOptions = {}) {
  const pair = pipePair(options);
  const promised = [pair.server.tls.handshake, pair.client.tls.handshake];
  const infos = [
    pair.server.tls.startTls(await testServerConfig(), "none"),
    pair.client.tls.startTls(await testClientConfig(), "none"),
  ];
  pair.link.run();
  expect(await Promise.all(promised)).toEqual(await Promise.all(infos));
  return pair;
}

describe("without a config", () => {
  test("bytes pass as they are, and ends too", () => {
    const { client, server, link, clock } = pipePair();
    expect([client.tls.state, client.tls.appState, client.app.calls]).toEqual([
      "UNWRAPPED",
      "STATE_CON_MADE",
      ["connectionMade"],
    ]);
    client.tls.appTransport.write(ascii("plain"));
    expect(Buffer.from(link.client.outgoing[0] as Uint8Array).toString()).toBe("plain");
    link.run();
    expect(server.app.text).toBe("plain");
    client.tls.appTransport.close();
    link.run();
    expect(server.app.calls.slice(-2)).toEqual(["eofReceived", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith, clock.timers]).toEqual([null, null, 0]);
  });

  test("bytes that were read before come first", () => {
    const link = new Link();
    const app = new Recorder();
    link.client.open(TlsEngine.wrap(app, undefined, { clock: link.clock, unread: ascii("read before") }));
    expect(app.calls).toEqual(["connectionMade", "dataReceived 11"]);
  });

  test("a half-close is passed on to the transport, behind what it does not take yet", () => {
    const { client, server, link } = pipePair({ halfClose: true });
    server.app.during.eofReceived = (transport) => {
      transport.write(ascii("answer"));
      transport.close();
    };
    client.tls.pauseWriting();
    client.tls.appTransport.write(ascii("question"));
    client.tls.appTransport.closeWrite();
    expect(client.lower.calls).toEqual([]);
    client.tls.resumeWriting();
    expect(client.lower.calls).toEqual(["write 8", "closeWrite"]);
    client.tls.resumeWriting();
    expect(client.lower.calls).toEqual(["write 8", "closeWrite"]);
    link.run();
    expect([client.app.text, server.app.text]).toEqual(["answer", "question"]);
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("close() waits until the transport has taken everything", () => {
    const { client, link } = pipePair();
    client.tls.pauseWriting();
    client.tls.appTransport.write(ascii("last words"));
    client.tls.appTransport.close();
    link.run();
    expect([client.tls.state, client.lower.calls]).toEqual(["FLUSHING", []]);
    client.tls.resumeWriting();
    expect(client.lower.calls).toEqual(["write 10", "close"]);
  });

  test("handshake rejects when the connection ends in plaintext", async () => {
    const { client, link } = pipePair();
    client.tls.appTransport.close();
    link.run();
    await expect(client.tls.handshake).rejects.toThrow("closed");
  });
});

describe("startTls()", () => {
  test("puts TLS under an application where it stands, from inside of dataReceived", async () => {
    const { client, server, link } = pipePair();
    const [serverConfig, clientConfig] = [await testServerConfig(), await testClientConfig()];
    server.app.during.dataReceived = (transport) => {
      if (server.tls.state !== "UNWRAPPED") return;
      transport.write(ascii("220 go"));
      void server.tls.startTls(serverConfig, "none");
      transport.write(ascii("220 secure hello"));
    };
    client.app.during.dataReceived = () => {
      if (client.tls.state === "UNWRAPPED") void client.tls.startTls(clientConfig, "none");
    };
    client.tls.appTransport.write(ascii("STARTTLS"));
    link.run();
    expect(await client.tls.handshake).toMatchObject({ role: "client" });
    expect(await server.tls.handshake).toMatchObject({ role: "server" });
    expect(client.app.text).toBe("220 go220 secure hello");
    expect(client.app.calls.filter((call) => call === "connectionMade")).toHaveLength(1);
  });

  test("gives TLS what came behind the command, and nothing of it to the application", async () => {
    const { server, link } = pipePair();
    const config = await testServerConfig();
    server.app.during.dataReceived = () =>
      void server.tls.startTls(config, server.app.chunks[0]?.subarray(9) ?? "none");
    server.lower.receive(ascii("STARTTLS\nEVIL\n"));
    link.clock.settle();
    await expect(server.tls.handshake).rejects.toThrow(NotTlsError);
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 14", "connectionLost"]);
    expect(server.app.lostWith).toMatchObject({ kind: "plaintext-after-upgrade" });
  });

  test("gives TLS what a paused application has not read", async () => {
    const { server, link } = pipePair();
    server.app.during.dataReceived = (transport) => transport.pauseReading();
    server.lower.receive(ascii("STARTTLS\n"));
    server.lower.receive(ascii("EVIL\n"));
    expect(server.app.text).toBe("STARTTLS\n");
    await expect(server.tls.startTls(await testServerConfig(), "none")).rejects.toThrow(NotTlsError);
    link.clock.settle();
    expect(server.app.text).toBe("STARTTLS\n");
  });

  test("starts from inside of resumeWriting, too", async () => {
    const { server } = pipePair({ writeHighWater: 1 });
    const config = await testServerConfig();
    server.app.during.resumeWriting = () => void server.tls.startTls(config, ascii("EVIL"));
    server.tls.pauseWriting();
    server.tls.appTransport.write(ascii("220 go"));
    server.tls.resumeWriting();
    await expect(server.tls.handshake).rejects.toThrow(NotTlsError);
  });

  test("is refused twice, in TLS, before the connection and after its end: TypeError", async () => {
    const config = await testClientConfig();
    const { client } = await connectedPair();
    const { client: piped } = pipePair();
    void piped.tls.startTls(config, "none");
    const unopened = TlsEngine.wrap(new Recorder(), undefined, { clock: new FakeClock() });
    const { client: closed } = pipePair();
    closed.tls.appTransport.close();
    for (const tls of [client.tls, piped.tls, unopened, closed.tls])
      expect(() => tls.startTls(config, "none")).toThrow(TypeError);
    const { client: open } = pipePair();
    expect(() => open.tls.startTls({} as never, "none")).toThrow(TypeError);
    expect(open.tls.state).toBe("UNWRAPPED");
  });

  test("has a time limit", async () => {
    const { client, clock } = pipePair();
    const rejection = client.tls.startTls(await testClientConfig(), "none");
    clock.advance(60_000);
    await expect(rejection).rejects.toThrow(TimeoutError);
    expect(client.app.lostWith).toBeInstanceOf(TimeoutError);
  });
});

describe("unwrap()", () => {
  test("leads both sides back to plaintext, and from there to TLS again", async () => {
    const { client, server, link, clock } = await secured();
    client.tls.appTransport.write(ascii("secret "));
    const unwrapping = [client.tls.unwrap(), server.tls.unwrap()];
    link.run();
    await Promise.all(unwrapping);
    for (const { tls } of [client, server])
      expect([tls.state, tls.appTransport.info]).toEqual(["UNWRAPPED", null]);
    expect(clock.timers).toBe(0);
    const next = client.tls.handshake;
    client.tls.appTransport.write(ascii("plain "));
    expect(Buffer.from(link.client.outgoing[0] as Uint8Array).toString()).toBe("plain ");
    link.run();
    const infos = [
      server.tls.startTls(await testServerConfig(), "none"),
      client.tls.startTls(await testClientConfig(), "none"),
    ];
    client.tls.appTransport.write(ascii("secret again"));
    expect(client.tls.handshake).toBe(infos[1]);
    link.run();
    expect((await infos[1])?.cipherSuite).toBe(client.tls.appTransport.info?.cipherSuite);
    expect(await next).toBe(client.tls.appTransport.info);
    expect(server.app.text).toBe("secret plain secret again");
    expect(server.app.calls.filter((call) => !call.startsWith("data"))).toEqual(["connectionMade"]);
  });

  test("waits for the peer within the limit of the shutdown, and takes no writes until then", async () => {
    const errors: unknown[] = [];
    const { client, clock } = await secured({ onHookError: (error) => errors.push(error) });
    const unwrapping = client.tls.unwrap();
    client.tls.appTransport.write(ascii("nowhere"));
    expect(errors).toHaveLength(1);
    clock.advance(30_000);
    await expect(unwrapping).rejects.toThrow(TimeoutError);
    expect(client.app.lostWith).toBeInstanceOf(TimeoutError);
  });

  test("is overtaken by close()", async () => {
    const { client, server, link, clock } = await secured();
    const unwrapping = client.tls.unwrap();
    client.tls.appTransport.close();
    link.run();
    await unwrapping;
    expect([client.app.lostWith, server.app.lostWith, clock.timers]).toEqual([null, null, 0]);
    expect(() => client.tls.unwrap()).toThrow(TypeError);
  });

  test("is refused once one direction has ended: TypeError", async () => {
    const { client, server, link } = await secured({ halfClose: true });
    server.app.during.eofReceived = () => true;
    client.tls.appTransport.closeWrite();
    link.run();
    for (const { tls } of [client, server]) {
      expect(tls.state).toBe("WRAPPED");
      expect(() => tls.unwrap()).toThrow(TypeError);
    }
  });

  test("rejects when the transport ends instead", async () => {
    const { client, link } = await secured();
    const unwrapping = client.tls.unwrap();
    link.client.receive("end");
    await expect(unwrapping).rejects.toThrow(TruncationError);
  });
});
