import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { PeerAlert, TimeoutError, TlsAlert, TruncationError } from "../../src/index.ts";
import type { TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import { connectedPair, type Side } from "./memory.ts";

/** Bytes of a record with `length` bytes of data. */
const record = (length: number): number => 5 + length + 1 + 16;
const CLOSE_NOTIFY = record(2);
const lastCall = ({ app }: Side): string | undefined => app.calls.at(-1);

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

describe("the peer's end", () => {
  type Pair = Awaited<ReturnType<typeof connectedPair>>;
  const tolerant = { eof: "tolerant" } as const;
  const closes = ({ server }: Pair): void => server.tls.appTransport.close();
  const ends = ({ link }: Pair): void => link.client.receive("end");
  const breaks = ({ server }: Pair): void => server.tls.dataReceived(new Uint8Array(30).fill(23));
  const modes: [string, TlsProtocolOptions, (pair: Pair) => void, readonly string[], string | null][] = [
    ["close_notify, strict", { eof: "strict" }, closes, ["eofReceived"], null],
    ["close_notify, tolerant", tolerant, closes, ["eofReceived"], null],
    ["no close_notify, strict", {}, ends, [], "TruncationError"],
    ["no close_notify, tolerant", tolerant, ends, ["eofReceived"], null],
    ["a fatal alert, strict", {}, breaks, [], "PeerAlert"],
    ["a fatal alert, tolerant", tolerant, breaks, [], "PeerAlert"],
  ];
  test.each(modes)("by %s is what the application hears", async (_name, options, end, calls, error) => {
    const pair = await connectedPair({ client: options });
    const { client, server, link, clock } = pair;
    server.tls.appTransport.write(ascii("data"));
    link.run();
    end(pair);
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4", ...calls, "connectionLost"]);
    expect(client.app.lostWith?.name ?? null).toBe(error);
    expect([clock.timers, client.lower.calls.filter((call) => call === "close").length]).toEqual([0, 1]);
  });

  test.each([
    ["null, strict", {}, null, "TruncationError"],
    ["null, tolerant", { eof: "tolerant" } as const, null, null],
    ["an error", {}, new RangeError("reset"), "RangeError"],
    ["an error, tolerant", { eof: "tolerant" } as const, new RangeError("reset"), "RangeError"],
  ])("by connectionLost(%s) alone is not taken for close_notify", async (_name, options, error, expected) => {
    const { client, clock } = await connectedPair({ client: options });
    client.lower.lose(error);
    expect(client.app.calls).toEqual(["connectionMade"]);
    clock.settle();
    expect(client.app.lostWith?.name ?? null).toBe(expected);
    expect(client.lower.calls).toEqual([]);
  });

  test("with close_notify cut off at any byte is a TruncationError, and at none is orderly", async () => {
    for (let length = 0; length <= CLOSE_NOTIFY; length++) {
      const { client, server, link } = await connectedPair();
      server.tls.appTransport.write(ascii("data"));
      server.tls.appTransport.close();
      link.client.receive(link.server.take().subarray(0, record(4) + length), "end");
      link.clock.settle();
      const isWhole = length === CLOSE_NOTIFY;
      const calls = isWhole ? ["eofReceived", "connectionLost"] : ["connectionLost"];
      expect(client.app.calls, `${length} bytes`).toEqual(["connectionMade", "dataReceived 4", ...calls]);
      expect(client.app.lostWith?.name ?? null).toBe(isWhole ? null : "TruncationError");
    }
  });

  test("while the application is paused waits until it has taken the data before", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.pauseReading();
    server.tls.appTransport.write(ascii("data"));
    server.tls.appTransport.close();
    server.lower.closeWrite();
    link.run();
    expect([client.app.calls, client.lower.isClosing]).toEqual([["connectionMade"], false]);
    client.tls.appTransport.resumeReading();
    expect(client.app.calls).toEqual(["connectionMade"]);
    link.run();
    expect(client.app.calls.slice(1)).toEqual(["dataReceived 4", "eofReceived", "connectionLost"]);
    expect(client.app.lostWith).toBeNull();
  });

  test("after our close, without close_notify, takes nothing away", async () => {
    const { client, link } = await connectedPair();
    client.tls.appTransport.close();
    link.client.receive("end");
    link.clock.settle();
    expect(client.lower.calls.at(-1)).toBe("close");
    expect(client.app.lostWith).toBeNull();
  });

  test("with a record that was changed under way is bad_record_mac on both sides", async () => {
    const { client, server, link } = await connectedPair();
    server.tls.appTransport.write(ascii("good"));
    server.tls.appTransport.write(ascii("changed"));
    const bytes = link.server.take();
    bytes[record(4) + 8] = (bytes[record(4) + 8] ?? 0) ^ 1;
    link.client.receive(bytes);
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4", "connectionLost"]);
    expect(client.app.lostWith).toBeInstanceOf(TlsAlert);
    expect(client.app.lostWith).toMatchObject({ alert: "bad_record_mac" });
    expect(client.lower.calls).toEqual([`write ${record(2)}`, "close"]);
    expect(lastCall(server)).toBe("connectionLost");
    expect(server.app.lostWith).toBeInstanceOf(PeerAlert);
    expect(server.app.lostWith).toMatchObject({ alert: "bad_record_mac" });
  });

  test("with a record that was changed is an error behind our close, too", async () => {
    const { client, link } = await connectedPair();
    client.tls.appTransport.close();
    client.tls.dataReceived(new Uint8Array(30).fill(23));
    link.run();
    expect(client.app.lostWith).toBeInstanceOf(TlsAlert);
  });
});

describe("half-close", () => {
  const halfClose = { client: { halfClose: true }, server: { halfClose: true } };

  test("closeWrite() ends our direction alone, and the peer's answer arrives", async () => {
    const { client, server, link, clock } = await connectedPair(halfClose);
    server.app.during.eofReceived = (transport) => {
      transport.write(ascii("answer to "));
      return true;
    };
    client.tls.appTransport.write(ascii("question"));
    client.tls.appTransport.closeWrite();
    link.run();
    expect([client.tls.state, client.tls.appTransport.isClosing]).toEqual(["WRAPPED", false]);
    expect([server.tls.state, server.tls.appState]).toEqual(["WRAPPED", "STATE_EOF"]);
    server.tls.appTransport.write(ascii(server.app.text));
    server.tls.appTransport.closeWrite();
    link.run();
    expect(client.app.text).toBe("answer to question");
    expect(client.app.calls.slice(-2)).toEqual(["eofReceived", "connectionLost"]);
    expect(server.app.calls.slice(-2)).toEqual(["eofReceived", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith, clock.timers]).toEqual([null, null, 0]);
    expect(client.lower.calls).not.toContain("closeWrite");
  });

  test("true from eofReceived() has no effect where it is off", async () => {
    const { client, server, link } = await connectedPair();
    server.app.during.eofReceived = () => true;
    client.tls.appTransport.close();
    link.run();
    expect(server.app.calls.slice(-2)).toEqual(["eofReceived", "connectionLost"]);
  });

  test("nothing from eofReceived() closes", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    client.tls.appTransport.closeWrite();
    link.run();
    expect(server.app.lostWith).toBeNull();
    expect(client.app.lostWith).toBeNull();
  });

  test("closeWrite() throws a TypeError where it is off", async () => {
    const { client } = await connectedPair();
    expect(() => client.tls.appTransport.closeWrite()).toThrow(TypeError);
    expect(client.tls.state).toBe("WRAPPED");
  });

  test("closeWrite() during the handshake sends what was written before, and close_notify", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    client.tls.appTransport.write(ascii("all"));
    client.tls.appTransport.closeWrite();
    client.tls.appTransport.closeWrite();
    link.run();
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 3", "eofReceived", "connectionLost"]);
  });

  test("the peer's silent end is a truncation for one who has closed its own direction", async () => {
    const { client, link } = await connectedPair(halfClose);
    client.tls.appTransport.closeWrite();
    link.client.receive("end");
    link.clock.settle();
    expect(client.app.lostWith).toBeInstanceOf(TruncationError);
  });

  test("the transport's end behind close_notify leaves our direction open", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    server.app.during.eofReceived = () => true;
    client.tls.appTransport.closeWrite();
    client.lower.closeWrite();
    link.run();
    server.tls.appTransport.write(ascii("still here"));
    link.run();
    expect(client.app.text).toBe("still here");
    server.tls.appTransport.close();
    link.run();
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });
});
