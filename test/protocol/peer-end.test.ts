import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { PeerAlert, TlsAlert, TruncationError } from "../../src/index.ts";
import type { TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import { connectedPair, type Side } from "./memory.ts";

/** Bytes of a record with `length` bytes of data. */
const record = (length: number): number => 5 + length + 1 + 16;
const CLOSE_NOTIFY = record(2);
const lastCall = ({ app }: Side): string | undefined => app.calls.at(-1);

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

  test("is known when the transport is lost, though the application has not heard of it yet", async () => {
    const { client, server, link } = await connectedPair();
    client.app.during.dataReceived = (transport) => transport.pauseReading();
    server.tls.appTransport.write(ascii("data"));
    server.tls.appTransport.close();
    link.client.receive(link.server.take());
    link.client.lose(null);
    link.clock.settle();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4", "connectionLost"]);
    expect(client.app.lostWith).toBeNull();
  });

  test("comes behind data that wait for the application to be resumed, and nothing is written any more", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.pauseReading();
    server.tls.appTransport.write(ascii("data"));
    link.run();
    client.app.during.dataReceived = (transport) => transport.write(ascii("answer"));
    client.tls.appTransport.resumeReading();
    client.lower.lose(new RangeError("reset"));
    link.clock.settle();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4", "connectionLost"]);
    expect(client.lower.calls).toEqual([]);
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

  test("true from eofReceived() has no effect once our direction has ended", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    client.app.during.eofReceived = () => true;
    client.tls.appTransport.closeWrite();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "eofReceived", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("true from eofReceived() has no effect behind an end without close_notify", async () => {
    const { client, link } = await connectedPair({ client: { halfClose: true, eof: "tolerant" } });
    client.app.during.eofReceived = () => true;
    link.client.receive("end");
    link.clock.settle();
    expect(client.app.calls).toEqual(["connectionMade", "eofReceived", "connectionLost"]);
    expect(client.app.lostWith).toBeNull();
  });

  test("a transport that is lost after the peer's close_notify is no truncation", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    client.app.during.eofReceived = () => true;
    server.tls.appTransport.closeWrite();
    link.run();
    expect(client.tls.state).toBe("WRAPPED");
    client.lower.lose(null);
    link.clock.settle();
    expect(client.app.lostWith).toBeNull();
  });

  test("eofReceived() of TLS is true while there is something to write or to read", async () => {
    const { client, server, link } = await connectedPair(halfClose);
    client.app.during.eofReceived = () => true;
    server.tls.appTransport.closeWrite();
    client.tls.dataReceived(link.server.take());
    expect(client.tls.eofReceived()).toBe(true);
    client.tls.appTransport.close();
    expect(client.tls.eofReceived()).toBe(false);
    const { client: paused } = await connectedPair();
    paused.tls.appTransport.pauseReading();
    expect(paused.tls.eofReceived()).toBe(true);
    paused.tls.appTransport.abort();
    expect(paused.tls.eofReceived()).toBe(false);
    const { client: strict } = await connectedPair();
    expect(strict.tls.eofReceived()).toBe(false);
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
