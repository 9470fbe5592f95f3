import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { TimeoutError, TlsEngine, TruncationError } from "../../src/index.ts";
import { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import { connectedPair, MemoryTransport, Recorder, type Side, testClientConfig } from "./memory.ts";

/** Bytes of a record with `length` bytes of data. */
const record = (length: number): number => 5 + length + 1 + 16;
const CLOSE_NOTIFY = record(2);

describe("close()", () => {
  test("sends what was written and close_notify, and closes below when the peer has answered", async () => {
    const { client, server, link, clock } = await connectedPair();
    const { appTransport } = client.tls;
    appTransport.write(ascii("last words"));
    expect(appTransport.isClosing).toBe(false);
    appTransport.close();
    expect([client.tls.state, appTransport.isClosing, clock.timers]).toEqual(["SHUTDOWN", true, 1]);
    expect(client.lower.calls).toEqual([`write ${record(10)}`, `write ${CLOSE_NOTIFY}`]);
    link.run();
    expect(client.lower.calls.slice(2)).toEqual(["close"]);
    expect(client.app.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(client.app.lostWith).toBeNull();
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 10", "eofReceived", "connectionLost"]);
    expect(server.lower.calls).toEqual([`write ${CLOSE_NOTIFY}`, "close"]);
    expect(server.app.lostWith).toBeNull();
    expect([client.tls.state, client.tls.appState, clock.timers]).toEqual(["UNWRAPPED", "STATE_CON_LOST", 0]);
    expect(appTransport.info).toMatchObject({ version: "TLSv1.3" });
  });

  test("twice is as good as once", async () => {
    const { client, link } = await connectedPair();
    client.tls.appTransport.close();
    client.tls.appTransport.close();
    link.run();
    client.tls.appTransport.close();
    client.tls.appTransport.abort();
    link.run();
    expect(client.lower.calls).toEqual([`write ${CLOSE_NOTIFY}`, "close"]);
  });

  test("on both sides at once is orderly", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.close();
    server.tls.appTransport.close();
    link.run();
    for (const { app } of [client, server]) {
      expect(app.calls).toEqual(["connectionMade", "connectionLost"]);
      expect(app.lostWith).toBeNull();
    }
  });

  test("drops data that are under way already, and stays orderly", async () => {
    const { client, server, link } = await connectedPair();
    server.tls.appTransport.write(new Uint8Array(100_000));
    client.tls.appTransport.close();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("drops the answer of a peer that goes on writing behind our close_notify", async () => {
    const { client, server, link } = await connectedPair({ server: { halfClose: true } });
    server.app.during.eofReceived = () => true;
    client.tls.appTransport.close();
    link.run();
    server.tls.appTransport.write(ascii("the answer"));
    link.run();
    expect([client.tls.state, server.tls.state]).toEqual(["SHUTDOWN", "WRAPPED"]);
    server.tls.appTransport.close();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("waits below until a paused transport has taken everything, and delivers what arrives meanwhile", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.pauseWriting();
    client.tls.appTransport.write(new Uint8Array(1000));
    client.tls.appTransport.close();
    expect(client.tls.state).toBe("FLUSHING");
    server.tls.appTransport.write(ascii("late"));
    server.tls.appTransport.close();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4", "eofReceived"]);
    expect([client.tls.state, client.lower.calls]).toEqual(["FLUSHING", []]);
    client.tls.resumeWriting();
    expect(client.lower.calls).toEqual([`write ${record(1000) + CLOSE_NOTIFY}`, "close"]);
    link.run();
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("of a paused application discards what waits for it", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.pauseReading();
    server.tls.appTransport.write(new Uint8Array(300_000));
    server.tls.appTransport.close();
    link.run();
    expect([client.lower.isReadingPaused, client.app.calls]).toEqual([true, ["connectionMade"]]);
    client.tls.appTransport.close();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(client.app.lostWith).toBeNull();
  });

  test.each([
    ["30 s", {}, 30_000],
    ["its own limit", { shutdownTimeoutMs: 7 }, 7],
  ])("gives up after %s without an answer: TimeoutError", async (_name, options, ms) => {
    const { client, clock } = await connectedPair({ client: options });
    client.tls.appTransport.close();
    clock.advance(ms - 1);
    expect(client.tls.state).toBe("SHUTDOWN");
    clock.advance(1);
    expect(client.lower.calls).toEqual([`write ${CLOSE_NOTIFY}`, "abort"]);
    expect(client.app.lostWith).toBeInstanceOf(TimeoutError);
    expect(client.app.lostWith).toMatchObject({ during: "shutdown" });
    expect([client.tls.state, clock.timers]).toEqual(["UNWRAPPED", 0]);
  });

  test("gives up when the transport never takes everything: TimeoutError", async () => {
    const { client, clock } = await connectedPair();
    client.tls.pauseWriting();
    client.tls.appTransport.close();
    clock.advance(30_000);
    expect(client.app.lostWith).toBeInstanceOf(TimeoutError);
    expect(client.lower.calls).toEqual(["abort"]);
  });
});

describe("a close that is done", () => {
  test("needs no more time: what is left is the transport's", async () => {
    const { client, server, clock, link } = await connectedPair();
    client.tls.appTransport.close();
    server.tls.dataReceived(link.client.take());
    client.tls.dataReceived(link.server.take());
    expect([client.lower.calls.at(-1), client.tls.state, clock.timers]).toEqual(["close", "SHUTDOWN", 0]);
    clock.settle();
    expect(client.app.lostWith).toBeUndefined();
  });

  test("is not started again by closeWrite()", async () => {
    const { client, server, clock, link } = await connectedPair({ client: { halfClose: true } });
    server.tls.appTransport.close();
    client.tls.dataReceived(link.server.take());
    expect([client.tls.state, clock.timers]).toEqual(["SHUTDOWN", 1]);
    client.tls.appTransport.closeWrite();
    expect([client.tls.state, clock.timers]).toEqual(["SHUTDOWN", 1]);
    link.run();
    client.tls.appTransport.closeWrite();
    expect([client.tls.state, clock.timers]).toEqual(["UNWRAPPED", 0]);
  });

  test("had its answer before it was asked for, if that waited for a paused application", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.pauseReading();
    server.tls.appTransport.write(ascii("data"));
    server.tls.appTransport.close();
    client.tls.dataReceived(link.server.take());
    client.tls.appTransport.close();
    expect(client.lower.calls).toEqual([`write ${CLOSE_NOTIFY}`, "close"]);
  });
});

describe("abort()", () => {
  test.each([undefined, new RangeError("enough")])(
    "drops the connection without close_notify (%s)",
    async (error) => {
      const { client, server, link } = await connectedPair();
      client.tls.appTransport.abort(error);
      expect(client.app.calls).toEqual(["connectionMade"]);
      link.run();
      expect(client.lower.calls).toEqual(["abort"]);
      expect(client.app.lostWith).toBe(error ?? null);
      expect(server.app.lostWith).toBeInstanceOf(TruncationError);
    },
  );

  test("ends the engine too", async () => {
    const { clock } = await connectedPair();
    const engine = TlsEngine.client(await testClientConfig());
    const tls = new TlsProtocol(new Recorder(), engine, null, { clock });
    new MemoryTransport(clock).open(tls);
    tls.appTransport.abort();
    expect([engine.state, engine.write(ascii("x"))]).toEqual(["closed", false]);
  });

  test("ends a close that waits", async () => {
    const { client, clock } = await connectedPair();
    client.tls.appTransport.close();
    client.tls.appTransport.abort();
    clock.settle();
    expect([client.app.lostWith, clock.timers]).toEqual([null, 0]);
  });
});

describe("write() behind the end", () => {
  const ends: [string, (side: Side) => void][] = [
    ["close()", ({ tls }) => tls.appTransport.close()],
    ["closeWrite()", ({ tls }) => tls.appTransport.closeWrite()],
    ["abort()", ({ tls }) => tls.appTransport.abort()],
    ["the loss of the transport", ({ lower }) => lower.lose(null)],
  ];
  test.each(ends)("of %s is dropped, and reported once", async (_name, end) => {
    const errors: unknown[] = [];
    const { client, link } = await connectedPair({
      client: { halfClose: true, onHookError: (error) => errors.push(error) },
    });
    end(client);
    const calls = [...client.lower.calls];
    for (let i = 0; i < 9; i++) client.tls.appTransport.write(ascii("x"));
    client.tls.appTransport.write(new Uint8Array());
    link.clock.settle();
    expect(client.lower.calls).toEqual(calls);
    expect(errors).toEqual([
      expect.objectContaining({ name: "TypeError", message: expect.stringContaining("1 byte") }),
    ]);
    expect(() => client.tls.appTransport.write("x" as never)).toThrow(TypeError);
  });

  test("is silent without onHookError", async () => {
    const { client } = await connectedPair();
    client.tls.appTransport.close();
    client.tls.appTransport.write(ascii("x"));
  });
});
