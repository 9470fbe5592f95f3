import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { upgrade } from "../../src/engine/upgrade.ts";
import { ConfigError, NotTlsError, TimeoutError, TlsEngine, TruncationError } from "../../src/index.ts";
import { runtimeClock } from "../../src/protocol/clock.ts";
import type { TlsProtocol, TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import type { Protocol, Transport } from "../../src/protocol/transport.ts";
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
  const infos = [
    pair.server.tls.startTls(await testServerConfig(), "none"),
    pair.client.tls.startTls(await testClientConfig(), "none"),
  ];
  pair.link.run();
  await Promise.all(infos);
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
    client.tls.appTransport.write(ascii("plain "));
    expect(Buffer.from(link.client.outgoing[0] as Uint8Array).toString()).toBe("plain ");
    link.run();
    const infos = [
      server.tls.startTls(await testServerConfig(), "none"),
      client.tls.startTls(await testClientConfig(), "none"),
    ];
    client.tls.appTransport.write(ascii("secret again"));
    link.run();
    await Promise.all(infos);
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
    const { client, server, link } = await secured();
    const unwrapping = client.tls.unwrap();
    client.tls.appTransport.close();
    link.run();
    await unwrapping;
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
    expect(() => client.tls.unwrap()).toThrow(TypeError);
  });

  test("rejects when the transport ends instead", async () => {
    const { client, link } = await secured();
    const unwrapping = client.tls.unwrap();
    link.client.receive("end");
    await expect(unwrapping).rejects.toThrow(TruncationError);
  });
});

describe("TLS over TLS over TLS", () => {
  async function threeLayers() {
    const link = new Link();
    const { clock } = link;
    const nest = (app: Recorder, wrap: (app: Protocol) => TlsProtocol): TlsProtocol[] => {
      const inner = wrap(app);
      const middle = wrap(inner);
      return [wrap(middle), middle, inner];
    };
    const [clientConfig, serverConfig] = [await testClientConfig(), await testServerConfig()];
    const apps = { client: new Recorder(), server: new Recorder() };
    const client = nest(apps.client, (app) => TlsEngine.wrap(app, clientConfig, { clock }));
    const server = nest(apps.server, (app) => TlsEngine.wrap(app, serverConfig, { clock }));
    const [outerClient, outerServer] = [client[0], server[0]];
    if (outerClient === undefined || outerServer === undefined) throw new Error("no layers");
    link.server.open(outerServer);
    link.client.open(outerClient);
    link.run();
    return { link, clock, apps, client, server };
  }

  test("carries data, and closes layer by layer", async () => {
    const { link, clock, apps, client, server } = await threeLayers();
    await Promise.all([...client, ...server].map((tls) => tls.handshake));
    apps.client.transport?.write(new Uint8Array(100_000).fill(1));
    apps.server.transport?.write(ascii("answer"));
    link.run();
    expect(Buffer.concat(apps.server.chunks)).toEqual(Buffer.alloc(100_000, 1));
    expect(apps.client.text).toBe("answer");
    apps.client.transport?.close();
    link.run();
    for (const { calls, lostWith } of Object.values(apps)) {
      expect(calls.at(-1)).toBe("connectionLost");
      expect(lostWith).toBeNull();
    }
    expect([...client, ...server].map((tls) => tls.appState)).toEqual(Array(6).fill("STATE_CON_LOST"));
    expect(clock.timers).toBe(0);
  });

  test("passes pauses up and down", async () => {
    const { link, apps, client } = await threeLayers();
    client[0]?.pauseWriting();
    for (let i = 0; i < 20; i++) apps.client.transport?.write(new Uint8Array(65_536));
    // The outer layer is full first, then the middle one, then the inner one.
    expect(apps.client.calls).not.toContain("pauseWriting");
    for (let i = 0; i < 20; i++) apps.client.transport?.write(new Uint8Array(65_536));
    expect(apps.client.calls.filter((call) => call === "pauseWriting")).toHaveLength(1);
    client[0]?.resumeWriting();
    expect(apps.client.calls.at(-1)).toBe("resumeWriting");
    link.run();
    expect(Buffer.concat(apps.server.chunks).length).toBe(40 * 65_536);
  });

  test("ends from below with the same fault in every layer", async () => {
    const { link, apps } = await threeLayers();
    link.client.lose(new RangeError("reset"));
    link.clock.settle();
    expect(apps.client.lostWith).toEqual(new RangeError("reset"));
  });

  test("comes of upgrading what was upgraded", async () => {
    const { client, server, link, clock } = await connectedPair();
    const [inner, outer]: [Recorder, Recorder] = [new Recorder(), new Recorder()];
    const upgrades = [
      upgrade(server.tls.appTransport, outer, await testServerConfig(), "none", { clock }),
      upgrade(client.tls.appTransport, inner, await testClientConfig(), "none", { clock }),
    ];
    link.run();
    const [b, a] = await Promise.all(upgrades);
    a?.transport.write(ascii("doubly secret"));
    b?.transport.write(ascii("indeed"));
    link.run();
    expect([inner.text, outer.text]).toEqual(["indeed", "doubly secret"]);
    b?.transport.close();
    link.run();
    expect([inner.lostWith, outer.lostWith]).toEqual([null, null]);
  });

  test("is truncated inside when only the outside says its end", async () => {
    const { apps, link, server } = await threeLayers();
    server[0]?.appTransport.close();
    link.run();
    expect(apps.client.lostWith).toBeInstanceOf(TruncationError);
  });
});

describe("the default clock", () => {
  test("is the runtime's", async () => {
    const clock = runtimeClock();
    const order: string[] = [];
    const timer = clock.setTimeout(() => order.push("never"), 1);
    clock.clearTimeout(timer);
    await new Promise<void>((resolve) => {
      clock.setTimeout(resolve, 2);
      clock.defer(() => order.push("deferred"));
      order.push("now");
    });
    expect(order).toEqual(["now", "deferred"]);
  });

  test("must be given where the runtime has no timers: ConfigError", () => {
    expect(() => runtimeClock({})).toThrow(ConfigError);
  });

  test("is what a connection takes that was given none", async () => {
    const link = new Link();
    const app = new Recorder();
    const lost = new Promise<Error | null>((resolve) => {
      app.connectionLost = resolve;
    });
    const options = { handshakeTimeoutMs: 1, callConnectionMade: false };
    const transport: Transport = link.client;
    TlsEngine.wrap(app, await testClientConfig(), options).connectionMade(transport);
    expect(await lost).toBeInstanceOf(TimeoutError);
  });
});
