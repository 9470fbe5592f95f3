import { beforeAll, describe, expect, test } from "vitest";
import { IncompleteReadError } from "../../src/adapters/reader.ts";
import { connectionFromSocket } from "../../src/adapters/node/connect.ts";
import { latin1 } from "../../src/bytes.ts";
import { TruncationError } from "../../src/index.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { type Configs, securePair, tlsConfigs } from "./tls-pair.ts";

let configs: Configs;
beforeAll(async () => {
  configs = await tlsConfigs();
});

describe("the end of a connection in TLS", () => {
  test("a transport that ends without close_notify gives TruncationError, behind what came before", async () => {
    const { server, client, serverStream } = await securePair(configs);
    server.write("all of this line\nhalf of th");
    await settle();
    serverStream.push(null);
    serverStream.end();
    expect(await client.readLine()).toBe("all of this line");
    await expect(client.readLine()).rejects.toThrow(TruncationError);
    expect(latin1((await client.read()) ?? new Uint8Array())).toBe("half of th");
    await expect(client.read()).rejects.toThrow(TruncationError);
    expect(client.endedBy).toMatchObject({ kind: "truncated", error: { name: "TruncationError" } });
    expect(await client.closed).toMatchObject({ kind: "truncated" });
    server.abort();
  });

  test("a peer that knows no close_notify can be tolerated", async () => {
    const { server, client, serverStream } = await securePair(configs, { tlsOptions: { eof: "tolerant" } });
    server.write("line\n");
    await settle();
    serverStream.end();
    expect(await client.readLine()).toBe("line");
    expect(await client.readLine()).toBeNull();
    server.abort();
  });

  test("close_notify gives null, and IncompleteReadError inside of a line", async () => {
    const { server, client } = await securePair(configs);
    server.write("line\nhalf");
    const closed = server.close();
    expect(await client.readLine()).toBe("line");
    await expect(client.readLine()).rejects.toThrow(IncompleteReadError);
    expect(latin1((await client.read()) ?? new Uint8Array())).toBe("half");
    expect(await client.read()).toBeNull();
    expect(client.endedBy).toEqual({ kind: "clean" });
    await client.close();
    await closed;
    expect(await server.closed).toEqual({ kind: "clean" });
  });

  test.each([true, false])("each direction ends for itself; halfClose: %s", async (halfClose) => {
    const { server, client } = await securePair(configs, { tlsOptions: { halfClose } });
    client.write("question");
    if (!halfClose) {
      expect(() => client.closeWrite()).toThrow(TypeError);
      client.write("s\n");
      expect(await server.readLine()).toBe("questions");
      await Promise.all([client.close(), server.close()]);
      return;
    }
    client.closeWrite();
    expect(() => client.write("more")).toThrow(TypeError);
    expect(latin1((await server.read()) ?? new Uint8Array())).toBe("question");
    expect(await server.read()).toBeNull();
    server.write("answer\n");
    expect(await client.readLine()).toBe("answer");
    server.closeWrite();
    expect(await client.readLine()).toBeNull();
    expect(await client.closed).toEqual({ kind: "clean" });
    expect(await server.closed).toEqual({ kind: "clean" });
  });

  test("a peer that never answers close_notify is given up after the time limit", async () => {
    const clock = new ManualClock();
    const { server, client, serverStream } = await securePair(configs, {
      clock,
      tlsOptions: { shutdownTimeoutMs: 3_000, clock },
    });
    serverStream.pause();
    const closed = client.close();
    await settle();
    clock.advance(2_999);
    await settle();
    expect(client.endedBy).toBeNull();
    clock.advance(1);
    await closed;
    expect(await client.closed).toMatchObject({ kind: "error", error: { during: "shutdown" } });
    server.abort();
    await settle();
    expect(clock.timers).toBe(0);
  });

  test("data that is on its way when we close is dropped, and the end is clean", async () => {
    const { server, client } = await securePair(configs);
    server.write("in flight");
    const closed = client.close();
    server.write("and more");
    await settle();
    await server.close();
    await closed;
    expect(await client.closed).toEqual({ kind: "clean" });
    expect(await client.read()).toBeNull();
  });

  test("abort() sends no close_notify: the peer sees that something is missing", async () => {
    const { server, client } = await securePair(configs);
    client.abort();
    await expect(server.read()).rejects.toThrow();
    expect(await client.closed).toEqual({ kind: "aborted" });
  });
});

describe("back-pressure in TLS", () => {
  test("8 MiB to a slow reader arrive whole, and little waits on either side", async () => {
    const size = 8 << 20;
    const { server, client, clientStream } = await securePair(
      configs,
      { readHighWaterBytes: 64 * 1024, tlsOptions: { writeHighWater: 128 * 1024, readHighWater: 64 * 1024 } },
      { highWaterMark: 64 * 1024 },
    );
    const sent = new Uint8Array(64 * 1024).map((_, i) => i * 7);
    let written = 0;
    const writing = (async () => {
      while (written < size) {
        server.write(sent);
        written += sent.length;
        await server.drain();
      }
      server.closeWrite();
    })();
    await settle();
    // What stream, TLS and reader may hold together; the rest waits at the writer.
    const most = 1 << 20;
    expect(written).toBeLessThan(most);
    expect(clientStream.isPaused()).toBe(true);
    let received = 0;
    let reads = 0;
    for (let chunk = await client.read(10_000); chunk !== null; chunk = await client.read(10_000)) {
      for (let i = 0; i < chunk.length; i += 997) expect(chunk[i]).toBe(sent[(received + i) % sent.length]);
      received += chunk.length;
      expect(written - received).toBeLessThan(most);
      if (++reads % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(received).toBe(size);
    await writing;
    client.abort();
    server.abort();
  });

  test("after an upgrade it is the new transport that is paused, and resumed", async () => {
    const { server, client } = await securePair(configs, { readHighWaterBytes: 1000 });
    server.write(new Uint8Array(5_000));
    await settle();
    server.write("and a line\n");
    await settle();
    expect(await client.readExactly(5_000)).toEqual(new Uint8Array(5_000));
    expect(await client.readLine()).toBe("and a line");
    client.abort();
  });
});

describe("TLS inside of TLS", () => {
  test("a second startTls() says insideTls, and talks through both", async () => {
    const { server, client } = await securePair(configs);
    const outer = client.info;
    client.write("CONNECT\n");
    expect(await server.readLine()).toBe("CONNECT");
    const [, inner] = await Promise.all([
      server.startTls(configs.server, { insideTls: true }),
      client.startTls(configs.client.with({ alpn: ["inner"] }), { insideTls: true }),
    ]);
    expect(client.info).toBe(inner);
    expect(client.info).not.toBe(outer);
    client.write("through both\n");
    expect(await server.readLine()).toBe("through both");
    server.write("and back\n");
    expect(await client.readLine()).toBe("and back");
    await Promise.all([client.close(), server.close()]);
    expect(await client.closed).toEqual({ kind: "clean" });
    expect(await server.closed).toEqual({ kind: "clean" });
  });
});

test("connectionFromSocket refuses what cannot carry bytes of one reader", async () => {
  const { clientStream } = await securePair(configs);
  expect(() => connectionFromSocket(clientStream)).toThrow(TypeError);
  clientStream.destroy();
});
