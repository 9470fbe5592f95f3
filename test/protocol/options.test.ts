import { describe, expect, test } from "vitest";
import { ConfigError, TimeoutError, TlsEngine } from "../../src/index.ts";
import { runtimeClock } from "../../src/protocol/clock.ts";
import { protocolSettings } from "../../src/protocol/options.ts";
import { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import { FakeClock, Link, MemoryTransport, Recorder, testClientConfig } from "./memory.ts";

describe("the constructor", () => {
  test("takes a plaintext engine and a config, and asks nothing else of the engine", async () => {
    const clock = new FakeClock();
    const lower = new MemoryTransport(clock);
    const tls = new TlsProtocol(new Recorder(), new TlsEngine(), await testClientConfig(), { clock });
    expect(tls.state).toBe("UNWRAPPED");
    lower.open(tls);
    expect(lower.take()[0]).toBe(22);
    expect(() => tls.connectionMade(lower)).toThrow(TypeError);
  });

  test.each([
    ["eof", "lax"],
    ["maxRead", 0],
    ["maxRead", 1.5],
    ["writeHighWater", -1],
    ["readHighWater", NaN],
    ["readLowWater", -1],
    ["writeLowWater", 0.5],
  ])("refuses %s %s: ConfigError", async (option, value) => {
    const config = await testClientConfig();
    expect(() => TlsEngine.wrap(new Recorder(), config, { [option]: value })).toThrow(
      expect.objectContaining({ name: "ConfigError", option }),
    );
  });

  test("takes a quarter of the high mark for the low one, and four times the low one for the high one", () => {
    expect(protocolSettings({ writeHighWater: 1000 }).writeMarks).toEqual({ high: 1000, low: 250 });
    expect(protocolSettings({ readLowWater: 1000 }).readMarks).toEqual({ high: 4000, low: 1000 });
    const { writeMarks, readMarks, maxRead } = protocolSettings({});
    expect([writeMarks, readMarks, maxRead]).toEqual([
      { high: 524_288, low: 131_072 },
      { high: 262_144, low: 65_536 },
      262_144,
    ]);
    expect(() => protocolSettings({ writeHighWater: 10, writeLowWater: 11 })).toThrow("writeLowWater");
    expect(() => protocolSettings({ unread: "text" as never })).toThrow(TypeError);
  });

  test("refuses an engine that has ended, and one that has TLS on if there is a config: TypeError", async () => {
    const config = await testClientConfig();
    const ended = new TlsEngine();
    ended.closeWrite();
    ended.receiveEof();
    ended.nextEvent();
    expect(() => new TlsProtocol(new Recorder(), ended, null)).toThrow(TypeError);
    expect(() => new TlsProtocol(new Recorder(), TlsEngine.client(config), config)).toThrow(TypeError);
    // What a caller without types passes.
    expect(() => TlsEngine.wrap(new Recorder(), {} as never)).toThrow(TypeError);
    expect(() => TlsEngine.wrap(new Recorder(), null as never)).toThrow(TypeError);
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
    link.client.open(TlsEngine.wrap(app, await testClientConfig(), options));
    expect(await lost).toBeInstanceOf(TimeoutError);
  });
});
