import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type Connection,
  connectionFromSocket,
  type Listener,
  type ListenerOptions,
  NotTlsError,
  openConnection,
  startServer,
} from "../../src/node.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { type Configs, tlsConfigs } from "./tls-pair.ts";

const host = "127.0.0.1";
let configs: Configs;
beforeAll(async () => {
  configs = await tlsConfigs();
});

const listeners: Listener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function serve(
  handler: (connection: Connection) => Promise<void>,
  options: Partial<ListenerOptions> = {},
): Promise<Listener> {
  const listener = await startServer(handler, { host, port: 0, closeGraceMs: 200, ...options });
  listeners.push(listener);
  return listener;
}

/** The server of articles 1 and 2. */
async function pingServer(connection: Connection): Promise<void> {
  for (let line = await connection.readLine(); line !== null; line = await connection.readLine()) {
    if (line === "QUIT") return;
    if (line === "PING") connection.write("PONG\n");
    else if (line === "STARTTLS") await connection.startTls();
  }
}

async function ping(connection: Connection): Promise<string | null> {
  connection.write("PING\n");
  return connection.readLine();
}

describe("openConnection() and startServer()", () => {
  test("upgradeable: plaintext first, then TLS by startTls() without arguments on both sides", async () => {
    const { port } = await serve(pingServer, { tls: configs.server, upgradeable: true });
    const connection = await openConnection({ host, port, tls: configs.client, upgradeable: true });
    expect(connection.info).toBeNull();
    expect(await ping(connection)).toBe("PONG");
    connection.write("STARTTLS\n");
    await connection.startTls();
    expect(connection.info?.version).toBe("TLSv1.3");
    expect(await ping(connection)).toBe("PONG");
    connection.write("QUIT\n");
    await connection.drain();
    await connection.close();
    expect(await connection.closed).toEqual({ kind: "clean" });
  });

  test("upgradeable without startTls() stays in plaintext", async () => {
    const { port } = await serve(pingServer, { tls: configs.server, upgradeable: true });
    const socket = connect(port, host);
    socket.end("PING\n");
    expect(String(await once(socket, "data"))).toBe("PONG\n");
  });

  test("tls without upgradeable: TLS from the first byte, and startTls() refuses", async () => {
    const seen: unknown[] = [];
    const { port } = await serve(
      async (connection) => {
        seen.push(connection.info?.role);
        await expect(connection.startTls(configs.server)).rejects.toThrow("not upgradeable");
        await pingServer(connection);
      },
      { tls: configs.server },
    );
    const connection = await openConnection({ host, port, tls: configs.client });
    expect(connection.info?.peer.kind).toBe("verified");
    await expect(connection.startTls(configs.client)).rejects.toThrow(TypeError);
    expect(await ping(connection)).toBe("PONG");
    expect(seen).toEqual(["server"]);
    await connection.close();
  });

  test("neither: plaintext, and startTls() refuses", async () => {
    const { port } = await serve(pingServer);
    const connection = await openConnection({ host, port });
    expect(await ping(connection)).toBe("PONG");
    await expect(connection.startTls(configs.client)).rejects.toThrow("not upgradeable");
    await connection.close();
  });

  test("refuse the configuration of the other role", async () => {
    await expect(openConnection({ host, port: 1, tls: configs.server as never })).rejects.toThrow(TypeError);
    await expect(startServer(pingServer, { host, port: 0, tls: configs.client as never })).rejects.toThrow(
      TypeError,
    );
    await expect(openConnection({ host, port: 1, timeoutMs: 0 })).rejects.toThrow(RangeError);
  });

  test("50 clients at once, half of them upgraded and half from the first byte", async () => {
    const upgradeable = await serve(pingServer, { tls: configs.server, upgradeable: true });
    const secure = await serve(pingServer, { tls: configs.server });
    const talks = Array.from({ length: 50 }, async (_, i) => {
      const isUpgradeable = i % 2 === 0;
      const { port } = isUpgradeable ? upgradeable : secure;
      const connection = await openConnection({
        host,
        port,
        tls: configs.client,
        upgradeable: isUpgradeable,
      });
      if (isUpgradeable) {
        connection.write("STARTTLS\n");
        await connection.startTls();
      }
      const answers = [await ping(connection), await ping(connection)];
      await connection.close();
      return [answers, (await connection.closed).kind, connection.info?.role];
    });
    expect(await Promise.all(talks)).toEqual(
      Array.from({ length: 50 }, () => [["PONG", "PONG"], "clean", "client"]),
    );
  });

  test("openConnection() rejects when nobody listens", async () => {
    const probe = createServer();
    await once(probe.listen(0, host), "listening");
    const { port } = probe.address() as { port: number };
    await new Promise((resolve) => probe.close(resolve));
    await expect(openConnection({ host, port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("startServer() rejects when the port is taken", async () => {
    const { port } = await serve(pingServer);
    await expect(startServer(pingServer, { host, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  test("openConnection() gives up after timeoutMs, the handshake included, and when its signal aborts", async () => {
    const accepted: Socket[] = [];
    const silent = createServer((socket) => accepted.push(socket.on("error", () => undefined).resume()));
    await once(silent.listen(0, host), "listening");
    const { port } = silent.address() as { port: number };
    const clock = new ManualClock();
    const attempt = openConnection({ host, port, tls: configs.client, timeoutMs: 1_000, clock });
    const failed = expect(attempt).rejects.toMatchObject({ code: "ETIMEDOUT" });
    await expect.poll(() => accepted.length).toBe(1);
    clock.advance(1_000);
    await failed;
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const aborted = openConnection({ host, port, tls: configs.client, signal: controller.signal });
    const rejected = expect(aborted).rejects.toBe(reason);
    await expect.poll(() => accepted.length).toBe(2);
    controller.abort(reason);
    await rejected;
    await expect(openConnection({ host, port, signal: controller.signal })).rejects.toBe(reason);
    await expect.poll(() => accepted.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    expect(clock.timers).toBe(0);
    silent.close();
  });

  test("the signal does nothing to a connection that has come about", async () => {
    const { port } = await serve(pingServer);
    const controller = new AbortController();
    const connection = await openConnection({ host, port, signal: controller.signal });
    controller.abort();
    expect(await ping(connection)).toBe("PONG");
    await connection.close();
  });
});

describe("a listener goes on", () => {
  test("when a client speaks no TLS: onHandshakeError hears of it", async () => {
    const errors: [unknown, string][] = [];
    const { port } = await serve(pingServer, {
      tls: configs.server,
      onHandshakeError: (error, remote) => errors.push([error, remote]),
    });
    const socket = connect(port, host);
    socket.end("GET / HTTP/1.1\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    expect(errors).toHaveLength(1);
    expect(errors[0]?.[0]).toMatchObject({ name: "NotTlsError", kind: "not-tls" });
    expect(errors[0]?.[1]).toMatch(/^127\.0\.0\.1:\d+$/);
    const connection = await openConnection({ host, port, tls: configs.client });
    expect(await ping(connection)).toBe("PONG");
    await connection.close();
  });

  test("when a client injects commands behind STARTTLS, and when onHandshakeError itself throws", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const lines: string[] = [];
    const { port } = await serve(
      async (connection) => {
        expect(await connection.readLine()).toBe("STARTTLS");
        await connection.startTls();
        lines.push((await connection.readLine()) ?? "");
      },
      {
        tls: configs.server,
        upgradeable: true,
        onHandshakeError: (error) => {
          throw error;
        },
        onError: (error) => lines.push(String(error)),
      },
    );
    const socket = connect(port, host);
    socket.end("STARTTLS\nEVIL\n");
    socket.resume();
    await once(socket, "close");
    expect(warned.mock.calls.map(([warning]) => warning)).toMatchObject([
      { name: "NotTlsError", kind: "plaintext-after-upgrade" },
    ]);
    expect(lines).toEqual([]);
    warned.mockRestore();
    const connection = await openConnection({ host, port, tls: configs.client, upgradeable: true });
    connection.write("STARTTLS\n");
    await connection.startTls();
    connection.write("fine\n");
    await expect.poll(() => lines).toEqual(["fine"]);
    await connection.close();
  });

  test("when a handler throws: onError hears of it, and the connection is dropped", async () => {
    const errors: unknown[] = [];
    const bug = new RangeError("a bug");
    const { port } = await serve(
      async (connection) => {
        if ((await connection.readLine()) === "throw") throw bug;
      },
      { onError: (error, { info }) => errors.push(error, info) },
    );
    const connection = await openConnection({ host, port });
    connection.write("throw\n");
    expect(await connection.read()).toBeNull();
    await connection.close();
    expect(errors).toEqual([bug, null]);
  });

  test("when a handler throws and nobody asked: the process is warned", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { port } = await serve(() => Promise.reject(new Error("unseen")));
    const connection = await openConnection({ host, port });
    expect(await connection.read()).toBeNull();
    await connection.close();
    expect(warned).toHaveBeenCalledWith(expect.objectContaining({ message: "unseen" }));
    warned.mockRestore();
  });

  test("a misused startTls() is the handler's own error", async () => {
    const errors: unknown[] = [];
    const { port } = await serve((connection) => connection.startTls().then(() => undefined), {
      onError: (error) => errors.push(error),
      onHandshakeError: () => errors.push("handshake"),
    });
    const connection = await openConnection({ host, port });
    expect(await connection.read()).toBeNull();
    await connection.close();
    expect(errors).toMatchObject([{ name: "TypeError" }]);
  });
});

describe("Listener.close()", () => {
  test("ends what goes on, in order where that is possible, and drops the rest in time", async () => {
    const clock = new ManualClock();
    const ends: Promise<string | null>[] = [];
    const listener = await serve(
      async (connection) => {
        const read = connection.readLine();
        ends.push(read);
        await read;
      },
      { tls: configs.server, closeGraceMs: 700, clock },
    );
    const { port } = listener;
    const client = await openConnection({ host, port, tls: configs.client });
    const stuck = connect(port, host).on("error", () => undefined);
    await once(stuck, "connect");
    await expect.poll(() => ends.length).toBe(1);
    const orderly = client.read();
    const closing = listener.close();
    expect(listener.close()).toBe(closing);
    expect(await orderly).toBeNull();
    await client.close();
    expect(await client.closed).toEqual({ kind: "clean" });
    expect(await ends[0]).toBeNull();
    await settle();
    clock.advance(700);
    await closing;
    await expect(openConnection({ host, port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("drops a client that does not answer, when the time is over", async () => {
    const clock = new ManualClock();
    const listener = await serve(pingServer, { closeGraceMs: 700, clock });
    const socket = connect({ port: listener.port, host, allowHalfOpen: true });
    socket.on("error", () => undefined).write("PING\n");
    await once(socket, "data");
    let isClosed = false;
    const closing = listener.close().then(() => (isClosed = true));
    await once(socket, "end");
    clock.advance(699);
    await settle();
    expect(isClosed).toBe(false);
    clock.advance(1);
    await closing;
    socket.destroy();
  });

  test("is what disposing does", async () => {
    const listener = await serve(pingServer);
    const { port } = listener;
    await listener[Symbol.asyncDispose]();
    expect(listener.port).toBe(port);
    await expect(openConnection({ host, port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("connectionFromSocket()", () => {
  test("takes a socket over from a parser, with the bytes that it puts back", async () => {
    const server = createServer((socket) => {
      socket.once("data", (chunk: Buffer) => {
        socket.pause();
        socket.unshift(chunk.subarray(chunk.indexOf("\n") + 1));
        const connection = connectionFromSocket(socket, { tls: configs.server });
        void connection.startTls().catch((error: unknown) => {
          expect(error).toBeInstanceOf(NotTlsError);
        });
      });
    });
    await once(server.listen(0, host), "listening");
    const { port } = server.address() as { port: number };
    const evil = connect(port, host);
    evil.end("STARTTLS\nEVIL\n");
    evil.resume();
    await once(evil, "close");
    const good = await openConnection({ host, port, upgradeable: true, tls: configs.client });
    good.write("STARTTLS\n");
    expect((await good.startTls()).role).toBe("client");
    good.abort();
    server.close();
  });
});
