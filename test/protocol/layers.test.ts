import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { upgrade } from "../../src/engine/upgrade.ts";
import { TlsEngine, TruncationError } from "../../src/index.ts";
import type { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import type { Protocol } from "../../src/protocol/transport.ts";
import { connectedPair, Link, Recorder, testClientConfig, testServerConfig } from "./memory.ts";

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
