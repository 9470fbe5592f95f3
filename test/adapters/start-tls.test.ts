import { beforeAll, describe, expect, test } from "vitest";
import { Connection } from "../../src/adapters/connection.ts";
import { connectionFromSocket } from "../../src/adapters/node/connect.ts";
import { latin1 } from "../../src/bytes.ts";
import { ConfigError, NEED_DATA, NotTlsError, TimeoutError, TlsEngine } from "../../src/index.ts";
import { duplexPair } from "./duplex-pair.ts";
import { ManualClock, settle } from "./manual-clock.ts";
import { type Configs, plainPair, securePair, tlsConfigs } from "./tls-pair.ts";

let configs: Configs;
beforeAll(async () => {
  configs = await tlsConfigs();
});

/** A client's first flight. */
function clientHello(): { readonly engine: TlsEngine; readonly flight: Uint8Array } {
  const engine = TlsEngine.client(configs.client);
  const flight = engine.takeOutput();
  if (flight === null) throw new Error("a client that says nothing");
  return { engine, flight };
}

/** Runs `engine` on the bytes of `stream`, as a peer that is not a Connection would. */
function drive(engine: TlsEngine, stream: ReturnType<typeof duplexPair>[number]): { received(): string } {
  let received = "";
  const pump = (): void => {
    for (let event = engine.nextEvent(); event !== NEED_DATA; event = engine.nextEvent()) {
      if (event.type === "pending") throw new Error("nothing to wait for");
      if (event.type === "data") received += latin1(event.data);
    }
    const output = engine.takeOutput();
    if (output !== null) stream.write(output);
  };
  stream.on("data", (chunk: Buffer) => {
    engine.receive(chunk);
    pump();
  });
  pump();
  return { received: () => received };
}

describe("what articles 1 and 2 observe", () => {
  test("info is null before and typed after, and the connections are the same objects, reading and writing on", async () => {
    const { server, client } = plainPair();
    expect(client.info).toBeNull();
    client.write("PING\n");
    expect(await server.readLine()).toBe("PING");
    server.write("PONG\n");
    expect(await client.readLine()).toBe("PONG");
    client.write("STARTTLS\n");
    expect(await server.readLine()).toBe("STARTTLS");
    const [serverInfo, clientInfo] = await Promise.all([
      server.startTls(configs.server),
      client.startTls(configs.client),
    ]);
    expect(clientInfo).toMatchObject({
      role: "client",
      version: "TLSv1.3",
      group: "x25519",
      serverName: "localhost",
      peer: { kind: "verified" },
    });
    expect(client.info).toBe(clientInfo);
    expect(server.info).toBe(serverInfo);
    expect(serverInfo).toMatchObject({ role: "server", peer: { kind: "none" } });
    client.write("PING\n");
    expect(await server.readLine()).toBe("PING");
    server.write("PONG\n");
    expect(await client.readLine()).toBe("PONG");
    await Promise.all([client.close(), server.close()]);
    expect(client.info).toBe(clientInfo);
    expect(await client.closed).toEqual({ kind: "clean" });
    expect(await server.closed).toEqual({ kind: "clean" });
  });

  test("nothing that is said in TLS is on the wire in the clear", async () => {
    const { server, client, clientStream } = await securePair(configs);
    client.write("the secret word\n");
    expect(await server.readLine()).toBe("the secret word");
    const wire = latin1(Buffer.concat(clientStream.written));
    expect(wire).not.toContain("secret");
    client.abort();
    server.abort();
  });

  test("what was written before goes out before the first record", async () => {
    const { server, client, serverStream } = plainPair();
    server.write("220 go\r\n");
    const upgraded = server.startTls(configs.server);
    expect(await client.readLine()).toBe("220 go");
    await client.startTls(configs.client);
    await upgraded;
    const wire = latin1(Buffer.concat(serverStream.written));
    expect(wire.startsWith("220 go\r\n\x16\x03\x03")).toBe(true);
    client.abort();
  });

  test("plaintext that the transport has not taken is sent before, and TLS waits for it", async () => {
    const { server, client } = plainPair({}, { highWaterMark: 1000 });
    server.write(new Uint8Array(50_000));
    const upgraded = server.startTls(configs.server);
    await settle();
    await client.readExactly(50_000);
    await client.startTls(configs.client);
    await upgraded;
    // The transport had asked us to wait, and it is TLS that it has told to go on.
    await server.drain();
    server.write("on\n");
    expect(await client.readLine()).toBe("on");
    client.abort();
  });

  test("a flight of the handshake is one write, and so are all tickets behind it", async () => {
    const { clientStream, serverStream } = await securePair(configs);
    expect(serverStream.written.length).toBe(2);
    expect(clientStream.written.length).toBe(2);
    clientStream.destroy();
  });
});

describe("what comes behind the command", () => {
  test.each([
    [
      "in the same segment",
      (stream: ReturnType<typeof duplexPair>[number]) => stream.write("STARTTLS\nEVIL\n"),
    ],
    [
      "in the next segment",
      (stream: ReturnType<typeof duplexPair>[number]) => {
        stream.write("STARTTLS\n");
        stream.write("EVIL\n");
      },
    ],
  ])("a server refuses a command that was injected %s, and never reads it", async (_name, inject) => {
    const [serverStream, attacker] = duplexPair();
    const server = connectionFromSocket(serverStream);
    inject(attacker);
    attacker.resume();
    await settle();
    expect(await server.readLine()).toBe("STARTTLS");
    const upgraded = server.startTls(configs.server);
    const read = server.readLine();
    await expect(upgraded).rejects.toMatchObject({ name: "NotTlsError", kind: "plaintext-after-upgrade" });
    await expect(read).rejects.toThrow(NotTlsError);
    await expect(server.read()).rejects.toThrow(NotTlsError);
    attacker.end();
    expect(await server.closed).toMatchObject({ kind: "error", error: { kind: "plaintext-after-upgrade" } });
    expect(server.info).toBeNull();
  });

  test.each([
    ["in the same segment", ["220 go\n250 EVIL\n"]],
    ["in the next segment", ["220 go\n", "250 EVIL\n"]],
    ["in pieces", Array.from("220 go\n250 EVIL\n")],
  ])("a client refuses an answer that was injected %s, and never reads it", async (_name, segments) => {
    const [attacker, clientStream] = duplexPair();
    const client = connectionFromSocket(clientStream);
    for (const segment of segments) attacker.write(segment);
    attacker.resume();
    await settle();
    expect(await client.readLine()).toBe("220 go");
    await expect(client.startTls(configs.client)).rejects.toMatchObject({
      name: "NotTlsError",
      kind: "plaintext-after-upgrade",
      message: expect.stringContaining("250 EVIL") as string,
    });
    await expect(client.readLine()).rejects.toThrow(NotTlsError);
    attacker.destroy();
  });

  test("an injected answer that arrives while the handshake waits is refused as well", async () => {
    const [attacker, clientStream] = duplexPair();
    const client = connectionFromSocket(clientStream);
    const upgraded = client.startTls(configs.client);
    upgraded.catch(() => undefined);
    await settle();
    attacker.write("250 EVIL\n");
    attacker.resume();
    await expect(upgraded).rejects.toMatchObject({ kind: "plaintext-after-upgrade" });
    attacker.destroy();
  });

  test.each([
    ["", {}],
    [", into a reader that is full and has stopped reading", { readHighWaterBytes: 10 }],
  ])("a ClientHello in the same segment as the command works%s", async (_name, options) => {
    const [serverStream, peer] = duplexPair();
    const server = connectionFromSocket(serverStream, options);
    const { engine, flight } = clientHello();
    peer.write(Buffer.concat([Buffer.from("STARTTLS\n"), flight]));
    await settle();
    expect(serverStream.isPaused()).toBe("readHighWaterBytes" in options);
    expect(await server.readLine()).toBe("STARTTLS");
    drive(engine, peer);
    expect(await server.startTls(configs.server)).toMatchObject({ serverName: "localhost" });
    engine.write(Buffer.from("over TLS\n"));
    peer.write(engine.takeOutput() ?? "");
    expect(await server.readLine()).toBe("over TLS");
    peer.destroy();
  });

  test("a ClientHello may be cut at every byte, in front of the upgrade and behind it", async () => {
    const { length } = clientHello().flight;
    expect(length).toBeGreaterThan(150);
    for (let cut = 0; cut <= length; cut++) {
      const [serverStream, peer] = duplexPair();
      const server = connectionFromSocket(serverStream);
      const { engine, flight } = clientHello();
      peer.write(Buffer.concat([Buffer.from("STARTTLS\n"), flight.subarray(0, cut)]));
      expect(await server.readLine()).toBe("STARTTLS");
      const upgraded = server.startTls(configs.server);
      peer.write(flight.subarray(cut));
      // For a client, checking the certificate is what takes time; a server that answers has understood it.
      await expect.poll(() => serverStream.written.length, { interval: 1 }).toBe(1);
      // A handshake record with a ServerHello.
      const [flightBack = Buffer.of()] = serverStream.written;
      expect([flightBack[0], flightBack[5]]).toEqual([22, 2]);
      if (cut % 50 === 0) {
        drive(engine, peer);
        expect(await upgraded).toMatchObject({ serverName: "localhost" });
      }
      upgraded.catch(() => undefined);
      peer.destroy();
    }
  });

  test("a reader that was full before TLS started fills up again, and then the peer waits", async () => {
    const [serverStream, peer] = duplexPair();
    const server = connectionFromSocket(serverStream, { readHighWaterBytes: 10 });
    const { engine, flight } = clientHello();
    peer.write(flight);
    await settle();
    expect(serverStream.isPaused()).toBe(true);
    drive(engine, peer);
    await server.startTls(configs.server);
    const block = new Uint8Array(10_000);
    for (let i = 0; i < 90; i++) {
      engine.write(block);
      peer.write(engine.takeOutput() ?? "");
    }
    await settle();
    expect(serverStream.isPaused()).toBe(true);
    expect(await server.readExactly(900_000)).toEqual(new Uint8Array(900_000));
    peer.destroy();
  });

  test("what a client sends right behind its Finished can be read, in order, and stays within the watermark", async () => {
    const [serverStream, peer] = duplexPair();
    const server = connectionFromSocket(serverStream, { readHighWaterBytes: 1000 });
    const { engine, flight } = clientHello();
    engine.write(Buffer.from("first\n"));
    engine.write(new Uint8Array(100_000));
    peer.write(flight);
    drive(engine, peer);
    await server.startTls(configs.server);
    expect(await server.readLine()).toBe("first");
    expect(await server.readExactly(100_000)).toEqual(new Uint8Array(100_000));
    peer.destroy();
  });
});

describe("startTls() refuses, and changes nothing", () => {
  test.each([
    ["without a configuration", (connection: Connection) => connection.startTls(), TypeError],
    [
      "with something that is none",
      (connection: Connection) => connection.startTls({ serverName: "localhost" } as never),
      TypeError,
    ],
    [
      "with a time limit of zero",
      (connection: Connection) => connection.startTls(configs.client, { handshakeTimeoutMs: 0 }),
      ConfigError,
    ],
    [
      "with watermarks upside down",
      (connection: Connection) =>
        connection.startTls(configs.client, { writeLowWater: 10, writeHighWater: 5 }),
      ConfigError,
    ],
  ])("%s", async (_name, start, expected) => {
    const { server, client, clientStream } = plainPair();
    server.write("unread\n");
    await settle();
    await expect(start(client)).rejects.toThrow(expected);
    expect(await client.readLine()).toBe("unread");
    client.write("still plaintext\n");
    expect(await server.readLine()).toBe("still plaintext");
    expect(latin1(Buffer.concat(clientStream.written))).toBe("still plaintext\n");
    client.abort();
  });

  test("while a read waits", async () => {
    const { server, client } = plainPair();
    const read = client.readLine();
    await expect(client.startTls(configs.client)).rejects.toThrow("startTls() while a read waits");
    server.write("answer\n");
    expect(await read).toBe("answer");
    client.abort();
  });

  test("while TLS starts, and while it is on", async () => {
    const { server, client } = plainPair();
    const first = client.startTls(configs.client);
    await expect(client.startTls(configs.client)).rejects.toThrow(TypeError);
    expect(() => client.write("in the middle of a handshake")).toThrow(TypeError);
    expect(() => client.closeWrite()).toThrow(TypeError);
    await server.startTls(configs.server);
    await first;
    await expect(client.startTls(configs.client)).rejects.toThrow("startTls() while TLS is on");
    client.write("fine\n");
    expect(await server.readLine()).toBe("fine");
    client.abort();
  });

  test("on a connection that is not upgradeable, that is ending, or that has no transport", async () => {
    const [stream] = duplexPair();
    const fixed = connectionFromSocket(stream, { upgradeable: false, tls: configs.client });
    await expect(fixed.startTls()).rejects.toThrow("not upgradeable");
    fixed.abort();
    const { client } = plainPair();
    client.closeWrite();
    await expect(client.startTls(configs.client)).rejects.toThrow(TypeError);
    client.abort();
    await expect(client.startTls(configs.client)).rejects.toThrow(TypeError);
    await expect(new Connection().startTls(configs.client)).rejects.toThrow(TypeError);
  });
});

describe("a failure of startTls() closes the connection", () => {
  test("when the certificate is not trusted, and both sides say why", async () => {
    const { server, client } = plainPair();
    const stranger = configs.client.with({
      trust: { verify: () => ({ trust: "rejected", reason: "never seen" }) },
    });
    const outcomes = await Promise.allSettled([server.startTls(configs.server), client.startTls(stranger)]);
    expect(outcomes).toMatchObject([
      { status: "rejected", reason: { name: "PeerAlert", alert: "certificate_unknown" } },
      { status: "rejected", reason: { name: "TlsAlert", alert: "certificate_unknown" } },
    ]);
    expect(await client.closed).toMatchObject({ kind: "error", error: { name: "TlsAlert" } });
    expect(await server.closed).toMatchObject({ kind: "error", error: { name: "PeerAlert" } });
    await expect(client.read()).rejects.toMatchObject({ name: "TlsAlert" });
    expect(client.info).toBeNull();
    expect(() => client.write("in the clear?")).toThrow(TypeError);
  });

  test("when it takes too long, by the clock that was given", async () => {
    const clock = new ManualClock();
    const { client } = plainPair({ clock });
    const upgraded = client.startTls(configs.client, { handshakeTimeoutMs: 5_000 });
    const failed = expect(upgraded).rejects.toThrow(TimeoutError);
    await settle();
    clock.advance(4_999);
    await settle();
    expect(client.endedBy).toBeNull();
    clock.advance(1);
    await failed;
    expect(await client.closed).toMatchObject({ kind: "error", error: { during: "handshake" } });
    await settle();
    expect(clock.timers).toBe(0);
  });

  test("when the peer ends before it, or during it", async () => {
    const { server, client } = plainPair();
    server.closeWrite();
    await settle();
    await expect(client.startTls(configs.client)).rejects.toMatchObject({ name: "TruncationError" });
    expect(await client.closed).toMatchObject({ kind: "truncated" });

    const other = plainPair();
    const upgraded = other.client.startTls(configs.client);
    const failed = expect(upgraded).rejects.toMatchObject({ name: "TruncationError" });
    await settle();
    other.server.closeWrite();
    await failed;
    expect(await other.client.closed).toMatchObject({ kind: "truncated" });
  });

  test("when we close it ourselves", async () => {
    const { client } = plainPair();
    const upgraded = client.startTls(configs.client);
    const failed = expect(upgraded).rejects.toThrow();
    await settle();
    await client.close();
    await failed;
    expect(await client.closed).toEqual({ kind: "aborted" });
  });
});
