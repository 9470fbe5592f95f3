import { afterEach, describe, expect, test } from "vitest";
import { ascii, latin1 } from "../../src/bytes.ts";
import type { ClientConfig, ServerConfig } from "../../src/index.ts";
import {
  type Connection,
  type Listener,
  type ListenerOptions,
  MemoryReplayStore,
  openConnection,
  startServer,
  type TlsOptions,
} from "../../src/node.ts";
import { plainPair, securePair, tlsConfigs } from "./tls-pair.ts";

const host = "127.0.0.1";

interface Sides {
  readonly client: ClientConfig;
  readonly server: ServerConfig;
}

async function sidesWith(isTaken: boolean): Promise<Sides> {
  const { client, server } = await tlsConfigs();
  const memory = new MemoryReplayStore();
  const replayStore = isTaken ? memory : { take: () => false };
  return { client, server: server.with({ earlyData: { maxBytes: 1000, replayStore }, ticketCount: 8 }) };
}

const listeners: Listener[] = [];
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close()));
});

async function serve(
  handler: (connection: Connection) => Promise<void>,
  options: Partial<ListenerOptions>,
): Promise<number> {
  const listener = await startServer(handler, { host, port: 0, closeGraceMs: 200, ...options });
  listeners.push(listener);
  return listener.port;
}

/** Connects once without early data, for a session. */
async function meet(port: number, tls: ClientConfig): Promise<void> {
  const connection = await openConnection({ host, port, tls });
  // The tickets come before what the server says.
  await connection.readLine();
  await connection.close();
}

const back = (): never => {
  throw new Error("it should have been taken");
};

describe("startServer() and openConnection()", () => {
  test("bring early data to the handler's connection, whichever it is", async () => {
    const { client, server } = await sidesWith(true);
    const early = new WeakMap<Connection, string>();
    const port = await serve(
      async (connection) => {
        connection.write(`you said ${early.get(connection) ?? "nothing"}\n`);
        await connection.readLine();
      },
      { tls: server, onEarlyData: (data, connection) => void early.set(connection, latin1(data)) },
    );
    // Each has a session of its own: two of one client would be one after the other.
    const clients = Array.from({ length: 8 }, () => client.with({}));
    await Promise.all(clients.map((one) => meet(port, one)));
    const answers = clients.map(async (tls, i) => {
      const tlsOptions = { earlyData: ascii(`hello ${i}`), onEarlyDataRejected: back };
      const connection = await openConnection({ host, port, tls, tlsOptions });
      expect(connection.info).toMatchObject({ resumed: true, earlyDataAccepted: true });
      const line = await connection.readLine();
      await connection.close();
      return line;
    });
    expect(await Promise.all(answers)).toEqual(clients.map((_, i) => `you said hello ${i}`));
  });

  test("give rejected early data back before the connection is there to write it again", async () => {
    const { client, server } = await sidesWith(false);
    const port = await serve(
      async (connection) => {
        connection.write("hello\n");
        const line = await connection.readLine();
        if (line !== null) connection.write(`you said ${line}\n`);
      },
      { tls: server, onEarlyData: back },
    );
    await meet(port, client);
    const rejected: Uint8Array[] = [];
    const connection = await openConnection({
      host,
      port,
      tls: client,
      tlsOptions: { earlyData: ascii("PING\n"), onEarlyDataRejected: (data) => rejected.push(data) },
    });
    expect(connection.info).toMatchObject({ resumed: true, earlyDataAccepted: false });
    expect(rejected.map(latin1)).toEqual(["PING\n"]);
    for (const data of rejected) connection.write(data);
    expect([await connection.readLine(), await connection.readLine()]).toEqual(["hello", "you said PING"]);
    await connection.close();
  });

  test("bring early data of a connection that is upgraded, to the listener or to whom the handler names", async () => {
    const { client, server } = await sidesWith(true);
    const heard: string[] = [];
    let own: TlsOptions = {};
    const port = await serve(
      async (connection) => {
        await connection.readLine();
        await connection.startTls(undefined, own);
        connection.write("hello\n");
        await connection.readLine();
      },
      { tls: server, upgradeable: true, onEarlyData: (data) => heard.push(`listener ${latin1(data)}`) },
    );
    const upgraded = async (options: TlsOptions): Promise<Connection> => {
      const connection = await openConnection({ host, port, tls: client, upgradeable: true });
      connection.write("STARTTLS\n");
      await connection.startTls(undefined, options);
      await connection.readLine();
      await connection.close();
      return connection;
    };
    await upgraded({});
    for (const options of [
      {},
      { onEarlyData: (data: Uint8Array) => heard.push(`handler ${latin1(data)}`) },
    ]) {
      own = options;
      const { info } = await upgraded({ earlyData: ascii("PING"), onEarlyDataRejected: back });
      expect(info).toMatchObject({ earlyDataAccepted: true });
    }
    expect(heard).toEqual(["listener PING", "handler PING"]);
  });

  test("refuse at the start what would lose early data: ConfigError", async () => {
    const { client, server } = await sidesWith(true);
    const handler = async (): Promise<void> => undefined;
    const start = (options: Partial<ListenerOptions>): Promise<Listener> =>
      startServer(handler, { host, port: 0, tls: server, ...options });
    await expect(start({})).rejects.toMatchObject({ name: "ConfigError", option: "onEarlyData" });
    await expect(start({ onEarlyData: "yes" as never })).rejects.toMatchObject({
      name: "ConfigError",
      option: "onEarlyData",
    });
    await expect(start({ tlsOptions: { onEarlyData: 1 as never } })).rejects.toMatchObject({
      name: "ConfigError",
      option: "onEarlyData",
    });
    await expect(start({ tlsOptions: { eof: "lax" as never } })).rejects.toMatchObject({
      name: "ConfigError",
      option: "eof",
    });
    const tlsOptions = { earlyData: ascii("PING"), onEarlyDataRejected: back };
    await expect(start({ onEarlyData: back, tlsOptions })).rejects.toMatchObject({
      name: "ConfigError",
      option: "earlyData",
    });
    await expect(
      openConnection({ host, port: 1, tls: client, tlsOptions: { earlyData: ascii("PING") } }),
    ).rejects.toMatchObject({ name: "ConfigError", option: "onEarlyDataRejected" });
    // One for all connections is as good, when it does not matter whose data it gets.
    listeners.push(await start({ tlsOptions: { onEarlyData: back } }));
  });
});

describe("Connection.startTls()", () => {
  test("takes early data, and the callbacks for it, on any transport", async () => {
    const sides = await sidesWith(true);
    const first = await securePair(
      { client: sides.client, server: sides.server.with({ earlyData: undefined as never }) },
      {},
    );
    await Promise.all([first.client.close(), first.server.close()]);
    const heard: string[] = [];
    const onEarlyData = (data: Uint8Array): void => void heard.push(latin1(data));
    for (const isAccepted of [false, true]) {
      const { client, server } = plainPair();
      const rejected: string[] = [];
      const infos = await Promise.all([
        server.startTls(sides.server, { onEarlyData }),
        client.startTls(sides.client, {
          earlyData: ascii("PING"),
          onEarlyDataRejected: (data) => rejected.push(latin1(data)),
        }),
      ]);
      expect(infos.map((info) => info.earlyDataAccepted)).toEqual([isAccepted, isAccepted]);
      expect([heard, rejected]).toEqual(isAccepted ? [["PING"], []] : [[], ["PING"]]);
      server.write("PONG\n");
      expect(await client.readLine()).toBe("PONG");
      await Promise.all([client.close(), server.close()]);
    }
  });

  test("refuses what would lose early data, and the connection goes on in plaintext: ConfigError", async () => {
    const sides = await sidesWith(true);
    const { client, server } = plainPair();
    await expect(server.startTls(sides.server)).rejects.toMatchObject({
      name: "ConfigError",
      option: "onEarlyData",
    });
    await expect(client.startTls(sides.client, { earlyData: ascii("PING") })).rejects.toMatchObject({
      name: "ConfigError",
      option: "onEarlyDataRejected",
    });
    client.write("still here\n");
    expect(await server.readLine()).toBe("still here");
    await Promise.all([client.close(), server.close()]);
  });
});
