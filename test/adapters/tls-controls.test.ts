import { beforeAll, describe, expect, test } from "vitest";
import { connectionFromSocket, openConnection } from "../../src/adapters/node/connect.ts";
import { startServer } from "../../src/adapters/node/server.ts";
import { latin1 } from "../../src/bytes.ts";
import {
  type ClientAuth,
  ConfigError,
  type Connection,
  credential,
  type PeerIdentity,
  pinned,
  TlsAlert,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { duplexPair } from "./duplex-pair.ts";
import { settle } from "./manual-clock.ts";
import { type Configs, plainPair, securePair, tls12Configs, tlsConfigs } from "./tls-pair.ts";

const own = await testCertificate({ commonName: "client" });
const required: ClientAuth = { mode: "require", trust: pinned([own.spkiSha256]) };
let configs: Configs;
let configs12: Configs;
beforeAll(async () => {
  const clientCredential = credential({ certificateChain: own.certificatePem, key: own.keyPem });
  const { client, server } = await tlsConfigs();
  configs = { client: client.with({ postHandshakeAuth: true, clientCredential }), server };
  configs12 = await tls12Configs();
});

const METHODS: Readonly<Record<string, (connection: Connection) => unknown>> = {
  exportKeyingMaterial: (connection) => connection.exportKeyingMaterial("EXPERIMENTAL", null, 16),
  channelBinding: (connection) => connection.channelBinding("tls-exporter"),
  updateKeys: (connection) => connection.updateKeys(),
  requestClientCertificate: (connection) => connection.requestClientCertificate(required),
  unwrap: (connection) => connection.unwrap(),
};

describe.each(Object.entries(METHODS))("%s()", (_name, method) => {
  const outcome = async (connection: Connection): Promise<unknown> => await method(connection);

  test("needs TLS, and a transport", async () => {
    const { server, client } = plainPair();
    await expect(outcome(server)).rejects.toThrow(TypeError);
    server.write("in plaintext still\n");
    expect(await client.readLine()).toBe("in plaintext still");
    client.abort();
    server.abort();
  });

  test("is refused while TLS starts, and after the end", async () => {
    const { server, client } = plainPair();
    const started = Promise.all([server.startTls(configs.server), client.startTls(configs.client)]);
    await expect(outcome(server)).rejects.toThrow(TypeError);
    await started;
    await Promise.all([server.close(), client.close()]);
    await expect(outcome(server)).rejects.toThrow(TypeError);
  });
});

test("both sides have the same keying material and channel bindings", async () => {
  const { server, client } = await securePair(configs);
  for (const type of ["tls-exporter", "tls-server-end-point"] as const) {
    expect(client.channelBinding(type)).toEqual(server.channelBinding(type));
    expect(client.channelBinding(type)).toHaveLength(32);
  }
  const exported = client.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 40);
  expect(exported).toEqual(server.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 40));
  expect(exported).toHaveLength(40);
  expect(() => client.channelBinding("tls-unique")).toThrow(TypeError);
  expect(() => client.exportKeyingMaterial("EXPERIMENTAL", null, 0)).toThrow(RangeError);
  await Promise.all([client.close(), server.close()]);
});

test("TLS 1.2 has tls-unique, and neither renewal of keys nor requests", async () => {
  const { server, client } = await securePair(configs12);
  expect(client.channelBinding("tls-unique")).toEqual(server.channelBinding("tls-unique"));
  expect(() => client.updateKeys()).toThrow(TypeError);
  await expect(server.requestClientCertificate(required)).rejects.toThrow(TypeError);
  client.write("still open\n");
  expect(await server.readLine()).toBe("still open");
  await Promise.all([client.close(), server.close()]);
});

test("updateKeys() renews the keys of both directions", async () => {
  const { server, client } = await securePair(configs);
  client.updateKeys(true);
  client.write("one\n");
  expect(await server.readLine()).toBe("one");
  server.write("two\n");
  expect(await client.readLine()).toBe("two");
  server.updateKeys();
  server.write("three\n");
  expect(await client.readLine()).toBe("three");
  await Promise.all([client.close(), server.close()]);
  expect(await client.closed).toEqual({ kind: "clean" });
});

describe("requestClientCertificate()", () => {
  test("gives who the client is, which info and the option say too", async () => {
    const told: PeerIdentity[] = [];
    const tlsOptions = { onClientAuthenticated: (peer: PeerIdentity) => void told.push(peer) };
    const { server, client } = await securePair(configs, { tlsOptions });
    expect(server.info?.peer).toEqual({ kind: "none" });
    client.write("before\n");
    const peer = await server.requestClientCertificate(required);
    expect(peer).toMatchObject({ kind: "verified", chain: [own.der] });
    expect(server.info?.peer).toBe(peer);
    expect(told).toEqual([peer]);
    expect(await server.readLine()).toBe("before");
    client.write("behind\n");
    expect(await server.readLine()).toBe("behind");
    await Promise.all([client.close(), server.close()]);
  });

  test("is one at a time, and the next one may follow", async () => {
    const { server, client } = await securePair(configs);
    const first = server.requestClientCertificate(required);
    await expect(server.requestClientCertificate(required)).rejects.toThrow("is being asked");
    expect((await first).kind).toBe("verified");
    const asked = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
    expect((await server.requestClientCertificate(asked)).kind).toBe("unverified");
    await Promise.all([client.close(), server.close()]);
  });

  test("rejects with the alert for what is refused, which ends the connection", async () => {
    const { server, client } = await securePair({
      ...configs,
      client: configs.client.with({ clientCredential: [] }),
    });
    const failure = await server.requestClientCertificate(required).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TlsAlert);
    expect(failure).toMatchObject({ alert: "certificate_required" });
    await expect(client.read()).rejects.toThrow("certificate_required");
    expect(await server.closed).toEqual({ kind: "error", error: failure });
  });

  test("rejects for a client that cannot be asked, and for nothing to ask, and nothing has changed", async () => {
    const notOffering = await securePair({
      ...configs,
      client: configs.client.with({ postHandshakeAuth: false }),
    });
    await expect(notOffering.server.requestClientCertificate(required)).rejects.toThrow(TypeError);
    const { server, client } = await securePair(configs);
    await expect(server.requestClientCertificate()).rejects.toThrow(ConfigError);
    await expect(server.requestClientCertificate({ mode: "none" })).rejects.toThrow(ConfigError);
    await expect(client.requestClientCertificate(required)).rejects.toThrow(TypeError);
    expect((await server.requestClientCertificate(required)).kind).toBe("verified");
    for (const connection of [server, client, notOffering.server, notOffering.client]) connection.abort();
  });

  test.each(["close", "abort", "closeWrite", "unwrap"] as const)(
    "rejects when the client does not answer, and %s()s instead",
    async (end) => {
      const { server, client } = await securePair({
        ...configs,
        client: configs.client.with({ clientCredential: () => new Promise(() => undefined) }),
      });
      const answer = server.requestClientCertificate(required).catch((error: unknown) => error);
      await settle();
      const ended = Promise.resolve(client[end]()).catch((error: unknown) => error);
      expect(await answer).toBeInstanceOf(Error);
      expect(server.info?.peer).toEqual({ kind: "none" });
      server.abort();
      client.abort();
      await ended;
    },
  );

  test("rejects when we end the connection ourselves", async () => {
    const { server, client } = await securePair(configs);
    const answer = server.requestClientCertificate(required).catch((error: unknown) => error);
    server.abort(new Error("enough"));
    expect(await answer).toMatchObject({ message: "enough" });
    client.abort();
  });

  test("reports what the option throws, and the connection goes on", async () => {
    const errors: unknown[] = [];
    const tlsOptions = {
      onClientAuthenticated: () => {
        throw new RangeError("a bug");
      },
      onHookError: (error: unknown) => void errors.push(error),
    };
    const { server, client } = await securePair(configs, { tlsOptions });
    expect((await server.requestClientCertificate(required)).kind).toBe("verified");
    expect(errors).toEqual([new RangeError("a bug")]);
    await Promise.all([client.close(), server.close()]);
    expect(await server.closed).toEqual({ kind: "clean" });
  });
});

describe("unwrap()", () => {
  test("leads back to plaintext on both sides, and TLS may start again", async () => {
    const { server, client, clientStream } = await securePair(configs);
    const seen: Buffer[] = [];
    clientStream.on("data", (bytes: Buffer) => seen.push(bytes));
    server.write("last in TLS\n");
    await settle();
    clientStream.cork();
    const unwrapped = Promise.all([client.unwrap(), server.unwrap()]);
    clientStream.uncork();
    await unwrapped;
    expect([client.info, server.info]).toEqual([null, null]);
    server.write("first in plaintext\n");
    expect(await client.readLine()).toBe("last in TLS");
    expect(await client.readLine()).toBe("first in plaintext");
    expect(latin1(Buffer.concat(seen))).toContain("first in plaintext");
    await Promise.all([client.startTls(configs.client), server.startTls(configs.server)]);
    expect(client.channelBinding("tls-exporter")).toEqual(server.channelBinding("tls-exporter"));
    client.write("in TLS again\n");
    expect(await server.readLine()).toBe("in TLS again");
    await Promise.all([client.close(), server.close()]);
    expect(await client.closed).toEqual({ kind: "clean" });
  });

  test("lets nothing be written until the peer has agreed", async () => {
    const { server, client, clientStream } = await securePair(configs);
    clientStream.cork();
    const unwrapped = client.unwrap();
    expect(() => client.write("x")).toThrow("while TLS ends");
    expect(() => client.closeWrite()).toThrow("while TLS ends");
    await expect(client.unwrap()).rejects.toThrow(TypeError);
    await expect(client.startTls(configs.client)).rejects.toThrow(TypeError);
    const alsoUnwrapped = server.unwrap();
    clientStream.uncork();
    await Promise.all([unwrapped, alsoUnwrapped]);
    client.write("y\n");
    expect(await server.readLine()).toBe("y");
    client.abort();
    server.abort();
  });

  test("comes too late when the peer has said close_notify, which is the end of what it writes", async () => {
    const { server, client } = await securePair(configs);
    const unwrapped = client.unwrap();
    expect(await server.read()).toBeNull();
    await expect(server.unwrap()).rejects.toThrow(TypeError);
    const closed = server.close();
    await unwrapped;
    expect(client.info).toBeNull();
    client.abort();
    await closed;
  });

  test("rejects when the connection ends before", async () => {
    const { server, client, serverStream } = await securePair(configs);
    const unwrapped = client.unwrap();
    serverStream.destroy();
    await expect(unwrapped).rejects.toThrow();
    await expect(client.unwrap()).rejects.toThrow(TypeError);
    server.abort();
  });
});

test("connections that have TLS from the first byte have them too", async () => {
  const served: unknown[] = [];
  const listener = await startServer(
    async (connection) => {
      served.push(connection.channelBinding("tls-exporter"));
      const peer = await connection.requestClientCertificate(required);
      connection.write(`${peer.kind}\n`);
      served.push(connection.info?.peer);
    },
    { port: 0, host: "127.0.0.1", tls: configs.server },
  );
  const client = await openConnection({ port: listener.port, host: "127.0.0.1", tls: configs.client });
  expect(await client.readLine()).toBe("verified");
  expect(served).toEqual([
    client.channelBinding("tls-exporter"),
    { kind: "verified", certificateType: "x509", chain: [own.der], path: null },
  ]);
  await client.close();
  await listener.close();
});

test("in TLS inside of TLS they are those of the inner one, and its unwrap() leads back to the outer one", async () => {
  const { server, client, clientStream } = await securePair(configs);
  const outer = client.channelBinding("tls-exporter");
  await Promise.all([
    server.startTls(configs.server, { insideTls: true }),
    client.startTls(configs.client, { insideTls: true }),
  ]);
  expect(client.channelBinding("tls-exporter")).toEqual(server.channelBinding("tls-exporter"));
  expect(client.channelBinding("tls-exporter")).not.toEqual(outer);
  expect((await server.requestClientCertificate(required)).kind).toBe("verified");
  clientStream.cork();
  const unwrapped = Promise.all([client.unwrap(), server.unwrap()]);
  clientStream.uncork();
  await unwrapped;
  client.write("under the outer one\n");
  expect(await server.readLine()).toBe("under the outer one");
  client.abort();
  server.abort();
});

test("connections over a stream that knows no TLS say so", async () => {
  const [stream, other] = duplexPair({});
  const connection = connectionFromSocket(stream);
  expect(() => connection.channelBinding("tls-exporter")).toThrow("channelBinding() needs TLS");
  connection.abort();
  other.destroy();
});
