import { once } from "node:events";
import { connect, createServer, type Server, Socket } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeTransport } from "../../src/adapters/node/socket-transport.ts";
import { ascii, latin1 } from "../../src/bytes.ts";
import { duplexPair } from "./duplex-pair.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { Recorder } from "./recorder.ts";

const EVENTS = ["data", "end", "drain", "finish", "close", "error", "readable"];
const listenersOf = (stream: Duplex): number =>
  EVENTS.reduce((sum, event) => sum + stream.listenerCount(event), 0);

let server: Server;
const accepted: Socket[] = [];

beforeAll(async () => {
  server = createServer((socket) => accepted.push(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
});

afterAll(() => server.close());

async function socketPair(): Promise<[Socket, Socket]> {
  const { port } = server.address() as { port: number };
  const client = connect(port, "127.0.0.1");
  await Promise.all([once(client, "connect"), once(server, "connection")]);
  const peer = accepted.pop();
  if (peer === undefined) throw new Error("nobody was accepted");
  return [client, peer];
}

const kinds: readonly (readonly [string, () => Promise<readonly [Duplex, Duplex]>])[] = [
  ["sockets", socketPair],
  ["streams in memory", async () => duplexPair()],
];

describe.each(kinds)("over %s", (_kind, makePair) => {
  test("calls come in order, through a conversation that both sides end", async () => {
    const [a, b] = await makePair();
    const before = listenersOf(a);
    const left = new Recorder();
    const right = new Recorder();
    nodeTransport(a, left);
    expect(left.calls).toEqual(["made"]);
    nodeTransport(b, right);
    left.transport?.write(ascii("hello "));
    left.transport?.write(ascii("there"));
    right.onData = () => {
      if (right.received.length === 11) right.transport?.write(ascii("hi"));
    };
    left.onData = () => left.transport?.close();
    expect(await left.lost).toBeNull();
    expect(await right.lost).toBeNull();
    expect(left.calls).toEqual(["made", "data hi", "lost"]);
    expect(right.calls).toEqual(["made", "data hello there", "eof", "lost"]);
    await settle();
    expect(listenersOf(a)).toBe(before);
    expect(left.transport?.isClosing).toBe(true);
  });

  test("goes on writing after the peer's end when eofReceived answers true", async () => {
    const [a, b] = await makePair();
    const left = new Recorder();
    const right = new Recorder();
    right.keepsOpen = true;
    nodeTransport(a, left);
    nodeTransport(b, right);
    left.transport?.write(ascii("question"));
    left.transport?.closeWrite();
    left.transport?.write(ascii("goes nowhere"));
    await expect.poll(() => right.calls).toEqual(["made", "data question", "eof"]);
    right.transport?.write(ascii("answer"));
    right.transport?.closeWrite();
    expect(await left.lost).toBeNull();
    expect(await right.lost).toBeNull();
    expect(left.calls).toEqual(["made", "data answer", "eof", "lost"]);
  });

  test("abort() drops the connection, with its error, after it has returned", async () => {
    const [a, b] = await makePair();
    const before = listenersOf(a);
    const left = new Recorder();
    const right = new Recorder();
    nodeTransport(a, left);
    nodeTransport(b, right);
    const error = new Error("enough");
    left.transport?.abort(error);
    left.transport?.abort(new Error("twice"));
    expect(left.calls).toEqual(["made"]);
    expect(await left.lost).toBe(error);
    await right.lost;
    expect(left.calls).toEqual(["made", "lost: enough"]);
    expect(right.calls.at(-1)).toMatch(/^lost/);
    await settle();
    expect(listenersOf(a)).toBe(before);
  });

  test("pauses and resumes reading", async () => {
    const [a, b] = await makePair();
    const left = new Recorder();
    const right = new Recorder();
    nodeTransport(a, left);
    nodeTransport(b, right);
    right.transport?.pauseReading();
    left.transport?.write(ascii("later"));
    await settle();
    expect(right.calls).toEqual(["made"]);
    right.transport?.resumeReading();
    await expect.poll(() => right.calls).toEqual(["made", "data later"]);
    left.transport?.abort();
    right.transport?.abort();
  });

  test("says once when to stop writing, and once when to go on", async () => {
    const [a, b] = await makePair();
    const left = new Recorder();
    const right = new Recorder();
    nodeTransport(a, left);
    nodeTransport(b, right);
    right.transport?.pauseReading();
    const block = new Uint8Array(1 << 20);
    for (let i = 0; i < 32; i++) left.transport?.write(block);
    expect(left.calls).toEqual(["made", "pause"]);
    right.transport?.resumeReading();
    await expect.poll(() => left.calls, { timeout: 5_000 }).toEqual(["made", "pause", "resume"]);
    await expect.poll(() => right.received.length, { timeout: 5_000 }).toBe(32 << 20);
    left.transport?.abort();
    right.transport?.abort();
  });

  test("an exception of the protocol ends the connection, not the process", async () => {
    const [a, b] = await makePair();
    const left = new Recorder();
    nodeTransport(a, left);
    left.onData = () => {
      throw new RangeError("a bug");
    };
    b.write("x");
    expect(await left.lost).toMatchObject({ name: "RangeError", message: "a bug" });
    b.destroy();
  });

  test("setProtocol() delivers to another one, which is not told connectionMade", async () => {
    const [a, b] = await makePair();
    const first = new Recorder();
    const second = new Recorder();
    nodeTransport(a, first).setProtocol(second);
    b.end("x");
    await second.lost;
    expect(first.calls).toEqual(["made"]);
    expect(second.calls).toEqual(["made", "data x", "eof", "lost"].slice(1));
    b.destroy();
  });
});

test("a protocol that comes while writing is paused is told so, and to resume", async () => {
  const [a, b] = duplexPair();
  const first = new Recorder();
  const second = new Recorder();
  const transport = nodeTransport(a, first);
  b.pause();
  transport.write(new Uint8Array(100_000));
  transport.write(new Uint8Array(100_000));
  transport.setProtocol(second);
  expect(first.calls).toEqual(["made", "pause"]);
  expect(second.calls).toEqual(["pause"]);
  b.resume();
  await expect.poll(() => second.calls).toEqual(["pause", "resume"]);
  transport.abort();
});

test("copies what it writes before the call returns", async () => {
  const [a, b] = duplexPair();
  const left = new Recorder();
  const transport = nodeTransport(a, left);
  const right = new Recorder();
  nodeTransport(b, right).pauseReading();
  const bytes = ascii("abc");
  transport.write(bytes);
  transport.write(bytes);
  bytes.fill(0);
  right.transport?.resumeReading();
  await expect.poll(() => latin1(right.received)).toBe("abcabc");
});

test("turns Nagle's algorithm off, and writes as it is told, write by write", async () => {
  class NoticingSocket extends Socket {
    noDelay: boolean | undefined;
    override setNoDelay(on?: boolean): this {
      this.noDelay = on;
      return super.setNoDelay(on);
    }
  }
  const socket = new NoticingSocket();
  const protocol = new Recorder();
  nodeTransport(socket, protocol).abort();
  expect(socket.noDelay).toBe(true);
  await protocol.lost;

  const [a] = duplexPair();
  const transport = nodeTransport(a, new Recorder());
  transport.write(new Uint8Array(100_000));
  transport.write(new Uint8Array());
  expect(a.written.map(({ length }) => length)).toEqual([100_000]);
});

test("delivers first what waits in the stream", async () => {
  const [a, b] = duplexPair();
  b.write("second");
  await settle();
  a.unshift("first ");
  const protocol = new Recorder();
  nodeTransport(a, protocol);
  await expect.poll(() => protocol.calls).toEqual(["made", "data first second"]);
});

test("takes a socket that is connecting, and reports that nobody listens", async () => {
  const probe = createServer();
  await once(probe.listen(0, "127.0.0.1"), "listening");
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  const protocol = new Recorder();
  nodeTransport(connect(port, "127.0.0.1"), protocol).write(ascii("hello?"));
  expect(await protocol.lost).toMatchObject({ code: "ECONNREFUSED" });
  expect(protocol.calls.length).toBe(2);
});

test("reports a connection that the peer has dropped", async () => {
  const [a, b] = await socketPair();
  const protocol = new Recorder();
  nodeTransport(a, protocol);
  b.resetAndDestroy();
  expect(await protocol.lost).toMatchObject({ code: "ECONNRESET" });
});

test("a stream that is destroyed already loses the connection after connectionMade", async () => {
  const [a] = duplexPair();
  a.destroy();
  const protocol = new Recorder();
  nodeTransport(a, protocol);
  expect(protocol.calls).toEqual(["made"]);
  expect(await protocol.lost).toBeInstanceOf(Error);
});

describe("close()", () => {
  test("waits for the peer's end within its time limit, drops what comes, and counts that as orderly", async () => {
    const clock = new ManualClock();
    const [a, b] = duplexPair();
    const protocol = new Recorder();
    const transport = nodeTransport(a, protocol, { clock, closeTimeoutMs: 500 });
    transport.write(ascii("bye"));
    transport.close();
    transport.close();
    b.write("one more thing");
    await settle();
    clock.advance(499);
    await settle();
    expect(protocol.calls).toEqual(["made"]);
    clock.advance(1);
    expect(await protocol.lost).toBeNull();
    expect(protocol.calls).toEqual(["made", "lost"]);
    expect(latin1(Buffer.concat(a.written))).toBe("bye");
    expect(clock.timers).toBe(0);
    b.destroy();
  });

  test("sees the peer's end although reading is paused", async () => {
    const [a, b] = duplexPair();
    const protocol = new Recorder();
    const transport = nodeTransport(a, protocol);
    transport.pauseReading();
    b.write(new Uint8Array(100_000));
    b.resume().end();
    transport.close();
    expect(await protocol.lost).toBeNull();
    expect(protocol.calls).toEqual(["made", "lost"]);
  });

  test("stops its timer when the peer ends in time", async () => {
    const clock = new ManualClock();
    const [a, b] = duplexPair();
    const protocol = new Recorder();
    nodeTransport(a, protocol, { clock }).close();
    expect(clock.timers).toBe(1);
    b.resume().end();
    expect(await protocol.lost).toBeNull();
    expect(clock.timers).toBe(0);
  });

  test("goes on as long as the peer takes bytes, and fails when it takes none", async () => {
    const clock = new ManualClock();
    const [a, b] = duplexPair({ highWaterMark: 1000 });
    const protocol = new Recorder();
    const transport = nodeTransport(a, protocol, { clock, closeTimeoutMs: 100 });
    for (let i = 0; i < 4; i++) transport.write(new Uint8Array(1000));
    transport.close();
    for (let round = 0; round < 2; round++) {
      await settle();
      expect(b.read(1000)).toHaveLength(1000);
      await settle();
      clock.advance(100);
      expect(protocol.lostWith).toBeUndefined();
    }
    clock.advance(100);
    expect(await protocol.lost).toMatchObject({
      message: expect.stringMatching(/bytes were not sent within 100 ms/) as string,
    });
    b.destroy();
  });
});

test.each([
  ["objects", () => new PassThrough({ objectMode: true })],
  ["strings", () => new PassThrough().setEncoding("utf8")],
  ["data that somebody else listens to", () => new PassThrough().on("data", () => undefined)],
  ["data that somebody else reads", () => new PassThrough().on("readable", () => undefined)],
])("refuses a stream of %s", (_name, makeStream) => {
  const protocol = new Recorder();
  expect(() => nodeTransport(makeStream(), protocol)).toThrow(TypeError);
  expect(protocol.calls).toEqual([]);
});
