import { describe, expect, test } from "vitest";
import { asyncDispose, Connection } from "../../src/adapters/connection.ts";
import { connectionFromSocket } from "../../src/adapters/node/connect.ts";
import { IncompleteReadError, ReadLimitError } from "../../src/adapters/reader.ts";
import type { ClientConfig } from "../../src/config/client.ts";
import { latin1 } from "../../src/bytes.ts";
import { duplexPair } from "./duplex-pair.ts";
import { settle } from "./manual-clock.ts";

function plainPair(): readonly [Connection, Connection] {
  const [a, b] = duplexPair();
  return [connectionFromSocket(a), connectionFromSocket(b)];
}

describe("reading", () => {
  test("lines end with LF or CRLF, and are UTF-8 or Latin-1", async () => {
    const [a, b] = plainPair();
    b.write("grüße\r\n\n\r\r\n");
    expect(await a.readLine()).toBe("grüße");
    expect(await a.readLine()).toBe("");
    expect(await a.readLine()).toBe("\r");
    b.write(Uint8Array.of(0x67, 0xfc, 0x0a, 0x67, 0xfc, 0x0a));
    expect(await a.readLine("latin1")).toBe("gü");
    expect(await a.readLine()).toBe("g\ufffd");
    a.abort();
  });

  test("a line may have 64 KiB, and no more", async () => {
    const [a, b] = plainPair();
    const longest = "a".repeat(64 * 1024 - 1);
    b.write(`${longest}\n`);
    expect(await a.readLine()).toBe(longest);
    b.write(`${longest}a\n`);
    await expect(a.readLine()).rejects.toThrow(ReadLimitError);
    expect((await a.readUntil("\n", 100_000))?.length).toBe(64 * 1024 + 1);
    a.abort();
  });

  test("mixes lines, exact lengths, separators and whatever is there", async () => {
    const [a, b] = plainPair();
    b.write("head\r\n\r\nbodytail");
    expect(latin1((await a.readUntil("\r\n\r\n")) ?? new Uint8Array())).toBe("head\r\n\r\n");
    expect(latin1(await a.readExactly(4))).toBe("body");
    expect(await a.readExactly(0)).toEqual(new Uint8Array());
    expect(latin1((await a.read(2)) ?? new Uint8Array())).toBe("ta");
    expect(latin1((await a.read()) ?? new Uint8Array())).toBe("il");
    a.abort();
  });

  test("ends with null behind the last line, and with an error inside of one", async () => {
    const [a, b] = plainPair();
    b.write("whole\npart");
    b.closeWrite();
    expect(await a.readLine()).toBe("whole");
    await expect(a.readLine()).rejects.toThrow(IncompleteReadError);
    expect(latin1((await a.read()) ?? new Uint8Array())).toBe("part");
    expect(await a.readLine()).toBeNull();
    expect(await a.read()).toBeNull();
    expect(a.endedBy).toEqual({ kind: "clean" });
    a.abort();
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses a length of %s", async (length) => {
    const [a] = plainPair();
    await expect(a.read(length)).rejects.toThrow(RangeError);
    if (length !== 0) await expect(a.readExactly(length)).rejects.toThrow(RangeError);
    await expect(a.readUntil("\n", length)).rejects.toThrow(RangeError);
    await expect(a.readUntil("", 10)).rejects.toThrow(RangeError);
    expect(() => new Connection({ readHighWaterBytes: length })).toThrow(RangeError);
    a.abort();
  });

  test("one read at a time", async () => {
    const [a, b] = plainPair();
    const line = a.readLine();
    await expect(a.read()).rejects.toThrow(TypeError);
    b.write("ok\n");
    expect(await line).toBe("ok");
    a.abort();
  });
});

describe("back-pressure", () => {
  test("makes the peer wait at the high watermark, and goes on at half of it", async () => {
    const [a, b] = duplexPair({ highWaterMark: 1000 });
    const reader = connectionFromSocket(a, { readHighWaterBytes: 4000 });
    const writer = connectionFromSocket(b);
    for (let i = 0; i < 20; i++) writer.write(new Uint8Array(1000));
    let isDrained = false;
    const drained = writer.drain().then(() => (isDrained = true));
    await settle();
    expect(a.isPaused()).toBe(true);
    expect(isDrained).toBe(false);
    await reader.readExactly(1999);
    expect(a.isPaused()).toBe(true);
    await reader.readExactly(1);
    expect(a.isPaused()).toBe(false);
    await reader.readExactly(18_000);
    await drained;
    reader.abort();
  });

  test("takes in more than the high watermark for a read that needs more", async () => {
    const [a, b] = duplexPair({ highWaterMark: 1000 });
    const reader = connectionFromSocket(a, { readHighWaterBytes: 1000 });
    b.write(new Uint8Array(50_000));
    expect(await reader.readExactly(50_000)).toHaveLength(50_000);
    reader.abort();
  });
});

describe("writing and ending", () => {
  test("refuses to write before there is a transport, and after the end of what we write", async () => {
    expect(() => new Connection().write("x")).toThrow(TypeError);
    const [a, b] = plainPair();
    expect(() => a.connectionMade(a as never)).toThrow(TypeError);
    expect(() => a.write(5 as never)).toThrow(TypeError);
    a.closeWrite();
    expect(() => a.write("x")).toThrow(TypeError);
    b.write("still heard\n");
    expect(await b.readLine()).toBeNull();
    expect(await a.readLine()).toBe("still heard");
    await b.close();
    expect(await a.closed).toEqual({ kind: "clean" });
  });

  test("close() sends what was written, and both sides end cleanly", async () => {
    const [a, b] = plainPair();
    a.write("last words\n");
    const waiting = a.readLine();
    const closed = a.close();
    expect(() => a.write("x")).toThrow(TypeError);
    expect(await waiting).toBeNull();
    expect(await b.readLine()).toBe("last words");
    expect(await b.readLine()).toBeNull();
    await b.close();
    await closed;
    expect(await a.closed).toEqual({ kind: "clean" });
    expect(await b.closed).toEqual({ kind: "clean" });
    expect(a.endedBy).toEqual({ kind: "clean" });
    await a.close();
    await expect(a.drain()).rejects.toThrow("the connection is over");
  });

  test("close() with a full reader still sees the peer's end", async () => {
    const [a, b] = duplexPair();
    const reader = connectionFromSocket(a, { readHighWaterBytes: 10 });
    b.write(new Uint8Array(100_000));
    await settle();
    const closed = reader.close();
    b.resume().end();
    await closed;
    expect(await reader.closed).toEqual({ kind: "clean" });
  });

  test("abort() drops both directions, and what waits rejects", async () => {
    const [a] = plainPair();
    a.write(new Uint8Array(1_000_000));
    const drained = expect(a.drain()).rejects.toThrow("the connection is over");
    const read = a.read();
    a.abort();
    await expect(read).rejects.toThrow("the connection was aborted");
    await drained;
    expect(await a.closed).toEqual({ kind: "aborted" });
    const [c] = plainPair();
    const error = new Error("enough");
    c.abort(error);
    expect(await c.closed).toEqual({ kind: "error", error });
    await expect(c.read()).rejects.toBe(error);
    await expect(c.drain()).rejects.toBe(error);
  });

  test("a connection that breaks rejects reads and drains behind what had arrived", async () => {
    const [a, b] = duplexPair({ highWaterMark: 10 });
    const connection = connectionFromSocket(a);
    b.pause();
    connection.write(new Uint8Array(1000));
    const drained = connection.drain();
    drained.catch(() => undefined);
    b.write("got it\n");
    await settle();
    const error = new Error("wire cut");
    a.destroy(error);
    expect(await connection.closed).toEqual({ kind: "error", error });
    await expect(drained).rejects.toBe(error);
    expect(await connection.readLine()).toBe("got it");
    await expect(connection.readLine()).rejects.toBe(error);
    connection.write("goes nowhere");
    await expect(connection.startTls({ role: "client" } as ClientConfig)).rejects.toBe(error);
  });

  test("disposing closes", async () => {
    const [a, b] = plainPair();
    const disposed = a[asyncDispose]();
    expect(await b.read()).toBeNull();
    await b.close();
    await disposed;
    expect(asyncDispose).toBe(Symbol.asyncDispose);
  });

  test("has no info in plaintext", () => {
    const [a] = plainPair();
    expect(a.info).toBeNull();
    expect(a.endedBy).toBeNull();
    a.abort();
  });
});
