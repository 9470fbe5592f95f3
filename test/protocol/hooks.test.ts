import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { TlsEngine } from "../../src/index.ts";
import { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import type { Transport } from "../../src/protocol/transport.ts";
import { connectedPair, FakeClock, MemoryTransport, Recorder, testClientConfig, tlsPair } from "./memory.ts";

describe("hooks", () => {
  test("of the config that throw are reported and disturb nothing", async () => {
    const errors: unknown[] = [];
    const onMessage = (): void => {
      throw new RangeError("in onMessage");
    };
    const clientConfig = await testClientConfig({ onMessage, onKeyLog: onMessage });
    const { client, server, link } = await connectedPair({
      clientConfig,
      client: { onHookError: (error) => errors.push(error) },
    });
    const before = errors.length;
    expect(before).toBeGreaterThan(10);
    client.tls.appTransport.write(ascii("data"));
    expect(errors.length).toBe(before + 2);
    link.run();
    expect([server.app.text, client.tls.state]).toEqual(["data", "WRAPPED"]);
    client.tls.appTransport.close();
    link.run();
    expect(client.app.lostWith).toBeNull();
    expect(errors.every((error) => error instanceof RangeError)).toBe(true);
  });

  const hookCalls: [string, (transport: Transport) => void][] = [
    ["abort()", (transport) => transport.abort()],
    ["close()", (transport) => transport.close()],
    ["closeWrite()", (transport) => transport.closeWrite()],
    ["write()", (transport) => transport.write(ascii("x"))],
  ];
  test.each(hookCalls)("of the config that call %s end a handshake or leave it whole", async (name, call) => {
    const errors: unknown[] = [];
    const outcomes = new Set<string>();
    for (let at = 1, messages = at; messages >= at; at++) {
      messages = 0;
      const onMessage = (): void => {
        messages += 1;
        if (messages === at) call(pair.client.tls.appTransport);
      };
      const pair = await tlsPair({
        client: { halfClose: true, onHookError: (error) => errors.push(error) },
        clientConfig: await testClientConfig({ onMessage }),
      });
      const { client, clock, link, open } = pair;
      open();
      link.run();
      const isWhole = client.app.calls.length > 0;
      outcomes.add(isWhole ? "whole" : "ended");
      if (!isWhole) {
        await expect(client.tls.handshake).rejects.toThrow("closed");
        expect([client.tls.state, client.lower.calls.at(-1)]).toEqual(["UNWRAPPED", "abort"]);
      }
      client.tls.appTransport.close();
      link.run();
      expect(client.app.calls).toEqual(isWhole ? ["connectionMade", "connectionLost"] : []);
      expect([client.app.lostWith ?? null, clock.timers]).toEqual([null, 0]);
    }
    // An engine refuses to be called by its own hook, but for an abort.
    const isRefused = name.includes("rite");
    expect(outcomes).toEqual(new Set(isRefused ? ["whole"] : ["whole", "ended"]));
    if (isRefused) expect(errors).toContainEqual(expect.any(TypeError));
  });

  // Each record gives two messages; the first three records are delivered together.
  const whileDataArrive = hookCalls.flatMap(([name, call]) => [1, 3].map((at) => [name, at, call] as const));
  test.each(whileDataArrive)("of the config that call %s at message %i of data", async (name, at, call) => {
    let left = Infinity;
    const onMessage = (): void => {
      left -= 1;
      if (left === 0) call(pair.client.tls.appTransport);
    };
    const pair = await connectedPair({
      client: { halfClose: true },
      clientConfig: await testClientConfig({ onMessage }),
    });
    const { client, server, link, clock } = pair;
    left = at;
    server.tls.appTransport.write(new Uint8Array(40_000));
    link.run();
    // Nothing is delivered behind the end.
    expect(client.app.chunks.length).toBe(name === "abort()" ? 0 : 1);
    client.tls.appTransport.close();
    link.run();
    expect(client.app.calls.at(-1)).toBe("connectionLost");
    expect([client.app.lostWith, clock.timers]).toEqual([null, 0]);
  });

  test("that report errors and throw themselves tell the runtime, later", async () => {
    const clock = new FakeClock();
    const onHookError = (): void => {
      throw new EvalError("in onHookError");
    };
    const config = await testClientConfig();
    const tls = new TlsProtocol(new Recorder(), TlsEngine.client(config), null, { clock, onHookError });
    new MemoryTransport(clock).open(tls);
    tls.appTransport.close();
    tls.appTransport.write(ascii("late"));
    expect(() => clock.settle()).toThrow(EvalError);
  });
});
