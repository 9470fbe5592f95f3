import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { ContentType, type SessionStore, TimeoutError, TlsEngine, TlsProtocol } from "../../src/index.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { byteByByte, whole } from "../support/pair.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import {
  connectedPair,
  FakeClock,
  MemoryTransport,
  Recorder,
  testClientConfig,
  testServerConfig,
  tlsPair,
} from "./memory.ts";

const options = { versions: ["TLSv1.2"], groups: ["x25519", "secp256r1"] } as const;

describe("TLS 1.2 through TlsProtocol", () => {
  test.each([
    ["whole flights", whole],
    ["single bytes", byteByByte],
  ])("talks, ends cleanly, and resumes the next time, over %s", async (_what, split) => {
    const clientConfig = await testClientConfig(options);
    const serverConfig = await testServerConfig(options);
    for (const resumed of [false, true]) {
      const pair = await connectedPair({ clientConfig, serverConfig, split });
      const { client, server, link, clock } = pair;
      expect(await client.tls.handshake).toMatchObject({ version: "TLSv1.2", role: "client", resumed });
      expect(await server.tls.handshake).toMatchObject({ version: "TLSv1.2", role: "server", resumed });
      client.tls.appTransport.write(ascii("question"));
      link.run();
      server.tls.appTransport.write(ascii("answer"));
      link.run();
      expect([server.app.text, client.app.text]).toEqual(["question", "answer"]);
      client.tls.appTransport.close();
      link.run();
      for (const { app, lower } of [client, server]) {
        expect(app.calls.at(-1)).toBe("connectionLost");
        expect([app.lostWith, lower.isLost]).toEqual([null, true]);
      }
      expect(clock.timers).toBe(0);
    }
  });

  test("has each direction end for itself", async () => {
    const { client, server, link } = await connectedPair({
      clientConfig: await testClientConfig(options),
      serverConfig: await testServerConfig(options),
      client: { halfClose: true },
      server: { halfClose: true },
    });
    server.app.during.eofReceived = () => true;
    client.tls.appTransport.write(ascii("all"));
    client.tls.appTransport.closeWrite();
    link.run();
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 3", "eofReceived"]);
    server.tls.appTransport.write(ascii("answer"));
    server.tls.appTransport.close();
    link.run();
    expect(client.app.text).toBe("answer");
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("exports keying material and bindings, and has no new keys to give", async () => {
    const { client, server, link } = await connectedPair({
      clientConfig: await testClientConfig(options),
      serverConfig: await testServerConfig(options),
    });
    const [own, peer] = [client, server].map(({ tls }) => [
      hex(tls.exportKeyingMaterial("EXPORTER-test", null, 32)),
      hex(tls.exportKeyingMaterial("EXPORTER-test", new Uint8Array(), 32)),
      hex(tls.channelBinding("tls-exporter")),
      hex(tls.channelBinding("tls-server-end-point")),
      hex(tls.channelBinding("tls-unique")),
    ]);
    expect(own).toEqual(peer);
    expect(new Set(own).size).toBe(5);
    expect(() => client.tls.updateKeys()).toThrow("updateKeys() needs TLS 1.3, and this is TLSv1.2");
    client.tls.appTransport.write(ascii("on"));
    link.run();
    expect(server.app.text).toBe("on");
  });

  test("waits for the session store, and gives up as for any other handshake", async () => {
    const never: SessionStore = {
      get: () => new Promise(() => undefined),
      put: () => undefined,
      take: () => null,
    };
    const { client, clock, link, open } = await tlsPair({
      clientConfig: await testClientConfig({ ...options, sessionStore: never }),
      serverConfig: await testServerConfig(options),
    });
    open();
    link.run();
    expect(client.lower.calls.filter((call) => call.startsWith("write"))).toEqual([]);
    clock.advance(60_000);
    link.run();
    await expect(client.tls.handshake).rejects.toThrow(TimeoutError);
    expect(client.lower.isLost).toBe(true);
  });

  test("tells onHookError what the session store has thrown, and resumes nothing", async () => {
    const errors: unknown[] = [];
    const fail = (): never => {
      throw new RangeError("in the store");
    };
    const clientConfig = await testClientConfig({
      ...options,
      sessionStore: { get: fail, put: fail, take: fail },
    });
    const { client, server, link } = await connectedPair({
      clientConfig,
      serverConfig: await testServerConfig(options),
      client: { onHookError: (error) => errors.push(error) },
    });
    client.tls.appTransport.write(ascii("data"));
    link.run();
    expect(server.app.text).toBe("data");
    expect(errors).toEqual([new RangeError("in the store"), new RangeError("in the store")]);
  });

  test("tells an application nothing of warnings and of a renegotiation that is refused", async () => {
    const clock = new FakeClock();
    const app = new Recorder();
    const tls = new TlsProtocol(app, TlsEngine.client(await testClientConfig(options)), null, { clock });
    const lower = new MemoryTransport(clock).open(tls);
    const peer = new ScriptedPeer(await testServerConfig(options));
    const run = (): void => {
      for (let i = 0; i < 4; i++) {
        clock.settle();
        peer.receive(lower.take());
        while (peer.peek() !== undefined) peer.play();
        lower.receive(peer.takeOutput());
      }
    };
    run();
    expect(app.calls).toEqual(["connectionMade"]);
    peer.sendRecord(ContentType.alert, Uint8Array.of(1, 112));
    peer.send(encodeHandshake("hello_request", {}));
    peer.sendRecord(ContentType.application_data, ascii("data"));
    run();
    expect(app.calls).toEqual(["connectionMade", "dataReceived 4"]);
    expect(peer.alerts).toEqual(["no_renegotiation"]);
    tls.appTransport.write(ascii("still here"));
    run();
    expect(peer.data).toEqual(ascii("still here"));
  });
});
