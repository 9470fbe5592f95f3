import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { Watermarks } from "../../src/protocol/watermarks.ts";
import { byteByByte } from "../support/pair.ts";
import { connectedPair, Recorder, tlsPair } from "./memory.ts";

const KIB = 1024;
const reads = ({ app }: { readonly app: Recorder }): number[] =>
  app.calls.flatMap((call) => (call.startsWith("dataReceived ") ? [Number(call.slice(13))] : []));

describe("reading", () => {
  test("joins the records of one delivery", async () => {
    const { client, server, link } = await connectedPair();
    server.tls.appTransport.write(new Uint8Array(100_000));
    link.run();
    expect(reads(client)).toEqual([100_000]);
  });

  test("joins 256 KiB at most, and cuts no record", async () => {
    const { client, server, link } = await connectedPair();
    server.tls.appTransport.write(new Uint8Array(600 * KIB + 1));
    link.run();
    expect(reads(client)).toEqual([256 * KIB, 256 * KIB, 88 * KIB + 1]);
  });

  test("joins up to maxRead, or one record if that is longer", async () => {
    for (const [maxRead, sizes] of [
      [40 * KIB, [32 * KIB, 32 * KIB]],
      [1, [16 * KIB, 16 * KIB, 16 * KIB, 16 * KIB]],
    ] as const) {
      const { client, server, link } = await connectedPair({ client: { maxRead } });
      server.tls.appTransport.write(new Uint8Array(64 * KIB));
      link.run();
      expect(reads(client)).toEqual(sizes);
    }
  });

  test("gives the same data for any split of the records", async () => {
    const { client, server, link } = await connectedPair({ split: byteByByte });
    server.tls.appTransport.write(ascii("one "));
    server.tls.appTransport.write(ascii("two"));
    link.run();
    expect(client.app.text).toBe("one two");
    expect(reads(client)).toEqual([4, 3]);
  });

  test("gives an application bytes that later calls do not change", async () => {
    const { client, server, link } = await connectedPair();
    let bytes: Uint8Array | undefined;
    client.tls.appTransport.setProtocol({
      connectionMade: () => {},
      connectionLost: () => {},
      dataReceived: (data) => {
        bytes ??= data;
        client.tls.appTransport.write(new Uint8Array(1000).fill(7));
      },
    });
    for (const text of ["first", "second"]) {
      server.tls.appTransport.write(ascii(text));
      link.run();
    }
    expect(Buffer.from(bytes ?? []).toString()).toBe("first");
  });

  test("stops within a delivery when the application pauses, and goes on where it stopped", async () => {
    const { client, server, link } = await connectedPair({ client: { maxRead: 16 * KIB } });
    client.app.during.dataReceived = (transport) => transport.pauseReading();
    server.tls.appTransport.write(new Uint8Array(40 * KIB));
    link.run();
    expect(reads(client)).toEqual([16 * KIB]);
    for (const sizes of [2, 3, 3]) {
      client.tls.appTransport.resumeReading();
      expect(reads(client).length).toBeLessThanOrEqual(sizes);
      link.run();
      expect(reads(client).length).toBe(sizes);
    }
    expect(reads(client)).toEqual([16 * KIB, 16 * KIB, 8 * KIB]);
  });

  test("pauses the transport from 256 KiB that are not taken, and resumes it at 64 KiB", async () => {
    const { client, server, link } = await connectedPair({ client: { maxRead: 16 * KIB } });
    const send = (length: number): void => {
      server.tls.appTransport.write(new Uint8Array(length));
      link.run();
    };
    client.tls.appTransport.pauseReading();
    send(255 * KIB);
    expect(client.lower.calls).toEqual([]);
    send(KIB);
    expect(client.lower.calls).toEqual(["pauseReading"]);
    client.app.during.dataReceived = (transport) => transport.pauseReading();
    const left = (): number => 256 * KIB - reads(client).reduce((sum, length) => sum + length, 0);
    // 64 KiB of data are more than that in records.
    while (left() > 64 * KIB) {
      client.tls.appTransport.resumeReading();
      link.run();
      expect(client.lower.calls).toEqual(["pauseReading"]);
    }
    client.tls.appTransport.resumeReading();
    link.run();
    expect(left()).toBe(48 * KIB);
    expect(client.lower.calls).toEqual(["pauseReading", "resumeReading"]);
  });

  test("never pauses the transport of an application that takes everything, whatever the marks are", async () => {
    const { client, server, link } = await connectedPair({
      client: { readHighWater: 0 },
      split: byteByByte,
    });
    server.tls.appTransport.write(ascii("data"));
    link.run();
    expect([client.app.text, client.lower.calls]).toEqual(["data", []]);
  });

  test("is not resumed from inside of resumeReading()", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.appTransport.pauseReading();
    server.tls.appTransport.write(ascii("data"));
    link.run();
    client.tls.appTransport.resumeReading();
    client.tls.appTransport.resumeReading();
    expect(client.app.calls).toEqual(["connectionMade"]);
    link.clock.settle();
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 4"]);
  });

  test("of a paused application does not stop its handshake", async () => {
    const { client, server, link, open } = await tlsPair();
    client.tls.appTransport.pauseReading();
    server.app.during.connectionMade = (transport) => transport.write(ascii("data"));
    open();
    link.run();
    await client.tls.handshake;
    expect(client.app.calls).toEqual(["connectionMade"]);
    client.tls.appTransport.resumeReading();
    link.run();
    expect(client.app.text).toBe("data");
  });
});

describe("writing", () => {
  test("copies what it is given", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.pauseWriting();
    const bytes = ascii("mine");
    client.tls.appTransport.write(bytes);
    bytes.fill(0);
    client.tls.resumeWriting();
    link.run();
    expect(server.app.text).toBe("mine");
  });

  test("pauses the application from 512 KiB that the transport does not take, and resumes it in pairs", async () => {
    const { client, server, link } = await connectedPair();
    client.tls.pauseWriting();
    for (let i = 0; i < 7; i++) client.tls.appTransport.write(new Uint8Array(64 * KIB));
    expect(client.app.calls).toEqual(["connectionMade"]);
    client.tls.appTransport.write(new Uint8Array(64 * KIB));
    client.tls.appTransport.write(new Uint8Array(64 * KIB));
    expect(client.app.calls).toEqual(["connectionMade", "pauseWriting"]);
    expect(client.lower.calls).toEqual([]);
    client.tls.resumeWriting();
    expect(client.app.calls).toEqual(["connectionMade", "pauseWriting", "resumeWriting"]);
    link.run();
    expect(reads(server).reduce((sum, length) => sum + length)).toBe(576 * KIB);
  });

  test("holds back what a transport that pauses in the middle does not take", async () => {
    const { client, link } = await connectedPair();
    const { lower, tls } = client;
    const write = lower.write.bind(lower);
    lower.write = (bytes) => {
      write(bytes);
      tls.pauseWriting();
    };
    tls.appTransport.write(ascii("1"));
    tls.appTransport.write(ascii("2"));
    expect(lower.calls.length).toBe(1);
    tls.resumeWriting();
    expect(lower.calls.length).toBe(2);
    expect(link.client.outgoing.length).toBe(2);
  });

  test("during the handshake counts what waits for its end, and refuses more than the limit: RangeError", async () => {
    const { client, server, link, open } = await tlsPair({ client: { callConnectionMade: false } });
    open();
    const { appTransport } = client.tls;
    appTransport.write(new Uint8Array(512 * KIB));
    expect(client.app.calls).toEqual(["pauseWriting"]);
    appTransport.write(new Uint8Array(512 * KIB));
    expect(() => appTransport.write(new Uint8Array(1))).toThrow(RangeError);
    link.run();
    expect(client.app.calls).toEqual(["pauseWriting", "resumeWriting"]);
    expect(reads(server).reduce((sum, length) => sum + length)).toBe(1024 * KIB);
  });

  test("pauses nobody before connectionMade", async () => {
    const { client, link, open } = await tlsPair();
    open();
    client.tls.appTransport.write(new Uint8Array(600 * KIB));
    link.run();
    expect(client.app.calls).toEqual(["connectionMade"]);
  });

  test("reports what pauseWriting and resumeWriting throw, and goes on", async () => {
    const errors: unknown[] = [];
    const { client, server, link } = await connectedPair({
      client: { writeHighWater: 1, onHookError: (error) => errors.push(error) },
    });
    const fail = (): void => {
      throw new RangeError("a bug");
    };
    Object.assign(client.app.during, { pauseWriting: fail, resumeWriting: fail });
    client.tls.pauseWriting();
    client.tls.appTransport.write(ascii("data"));
    client.tls.resumeWriting();
    link.run();
    expect(errors).toEqual([new RangeError("a bug"), new RangeError("a bug")]);
    expect(server.app.text).toBe("data");
  });

  test("passes a pause on to the protocol that takes the place of the paused one", async () => {
    const { client } = await connectedPair({ client: { writeHighWater: 1 } });
    client.tls.pauseWriting();
    client.tls.appTransport.write(ascii("data"));
    const next = new Recorder();
    client.tls.appTransport.setProtocol(next);
    client.tls.resumeWriting();
    expect(next.calls).toEqual(["pauseWriting", "resumeWriting"]);
    expect(client.app.calls).toEqual(["connectionMade", "pauseWriting"]);
    client.tls.pauseWriting();
    client.tls.appTransport.write(ascii("data"));
    client.tls.appTransport.abort();
    const last = new Recorder();
    client.tls.appTransport.setProtocol(last);
    expect(last.calls).toEqual([]);
  });
});

test("watermarks are full from the high one to the low one, and never when empty", () => {
  const levels = [0, 9, 10, 11, 4, 3, 9, 10, 0];
  const marks = new Watermarks(10, 3);
  expect(levels.map((level) => (marks.update(level) ? marks.isFull : "-"))).toEqual([
    "-",
    "-",
    true,
    "-",
    "-",
    false,
    "-",
    true,
    false,
  ]);
  const zero = new Watermarks(0, 0);
  expect([zero.update(0), zero.isFull, zero.update(1), zero.isFull, zero.update(0), zero.isFull]).toEqual([
    false,
    false,
    true,
    true,
    true,
    false,
  ]);
});
