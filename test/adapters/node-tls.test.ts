import { once } from "node:events";
import { connect as netConnect, createServer, type Socket } from "node:net";
import { connect as tlsConnect, createServer as createTlsServer, TLSSocket } from "node:tls";
import { afterEach, beforeAll, expect, test } from "vitest";
import {
  type Connection,
  connectionFromSocket,
  type Listener,
  type ListenerOptions,
  openConnection,
  startServer,
} from "../../src/node.ts";
import { testCertificate, type TestCertificate } from "../support/certificates.ts";
import { type Configs, tlsConfigs } from "./tls-pair.ts";

const host = "127.0.0.1";
let configs: Configs;
let certificate: TestCertificate;
beforeAll(async () => {
  configs = await tlsConfigs();
  certificate = await testCertificate();
});

const endings: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

async function serve(
  handler: (connection: Connection) => Promise<void>,
  options: Partial<ListenerOptions> = {},
): Promise<Listener> {
  const listener = await startServer(handler, { host, port: 0, closeGraceMs: 200, ...options });
  endings.push(() => listener.close());
  return listener;
}

/** A server of Node's own, on a port of its own. */
async function serveWithNode(onSocket: (socket: Socket) => void): Promise<number> {
  const server = createServer(onSocket);
  endings.push(() => void server.close());
  await once(server.listen(0, host), "listening");
  return (server.address() as { port: number }).port;
}

/** One line of what `socket` receives. */
async function line(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString();
}

test("Node's client upgrades with our server, and closes cleanly", async () => {
  const ends: unknown[] = [];
  const { port } = await serve(
    async (connection) => {
      expect(await connection.readLine()).toBe("STARTTLS");
      connection.write("220 go\r\n");
      await connection.startTls();
      connection.write(
        `${(await connection.readLine()) ?? ""} over ${connection.info?.version ?? "nothing"}\n`,
      );
      ends.push(await connection.readLine(), connection.endedBy);
    },
    { tls: configs.server, upgradeable: true },
  );
  const socket = netConnect(port, host);
  socket.write("STARTTLS\r\n");
  expect(await line(socket)).toBe("220 go\r\n");
  const secure = tlsConnect({ socket, ca: certificate.certificatePem, servername: "localhost" });
  await once(secure, "secureConnect");
  expect(secure.getProtocol()).toBe("TLSv1.3");
  secure.write("hello\n");
  expect(await line(secure)).toBe("hello over TLSv1.3\n");
  secure.resume().end();
  await once(secure, "close");
  expect(ends).toEqual([null, { kind: "clean" }]);
});

test("Node's client talks to our server from the first byte, in a single round trip", async () => {
  const { port } = await serve(
    async (connection) => {
      connection.write(`${(await connection.readLine()) ?? ""}!\n`);
      await connection.drain();
    },
    { tls: configs.server },
  );
  const secure = tlsConnect({ port, host, ca: certificate.certificatePem, servername: "localhost" });
  secure.write("hello\n");
  expect(await line(secure)).toBe("hello!\n");
  secure.end();
  await once(secure, "close");
});

test("our client upgrades with Node's server", async () => {
  const port = await serveWithNode((socket) => {
    socket.once("data", () => {
      socket.write("220 go\r\n");
      const secure = new TLSSocket(socket, {
        isServer: true,
        cert: certificate.certificatePem,
        key: certificate.keyPem,
      });
      secure.on("data", (chunk: Buffer) => secure.end(`echo ${chunk.toString()}`));
    });
  });
  const connection = await openConnection({ host, port, tls: configs.client, upgradeable: true });
  connection.write("STARTTLS\r\n");
  expect(await connection.readLine()).toBe("220 go");
  const info = await connection.startTls();
  expect(info).toMatchObject({ version: "TLSv1.3", group: "x25519", peer: { kind: "verified" } });
  connection.write("hello\n");
  expect(await connection.readLine()).toBe("echo hello");
  expect(await connection.readLine()).toBeNull();
  await connection.close();
  expect(await connection.closed).toEqual({ kind: "clean" });
});

test("our client sees that Node's server is cut off in the middle", async () => {
  const port = await serveWithNode((socket) => {
    const secure = new TLSSocket(socket, {
      isServer: true,
      cert: certificate.certificatePem,
      key: certificate.keyPem,
    });
    secure.on("error", () => undefined);
    secure.once("data", () => secure.write("half", () => socket.end()));
  });
  const connection = await openConnection({ host, port, tls: configs.client });
  connection.write("hello\n");
  expect(Buffer.from((await connection.read()) ?? "").toString()).toBe("half");
  await expect(connection.read()).rejects.toMatchObject({ name: "TruncationError" });
  expect(connection.endedBy).toMatchObject({ kind: "truncated" });
});

test("Node's server hears in an alert that our client does not trust it", async () => {
  const server = createTlsServer({ cert: certificate.certificatePem, key: certificate.keyPem });
  endings.push(() => void server.close());
  await once(server.listen(0, host), "listening");
  const { port } = server.address() as { port: number };
  const refused = once(server, "tlsClientError");
  const distrust = configs.client.with({ trust: { verify: () => ({ trust: "rejected", reason: "no" }) } });
  await expect(openConnection({ host, port, tls: distrust })).rejects.toMatchObject({
    name: "TlsAlert",
    alert: "certificate_unknown",
  });
  const [error] = (await refused) as [Error & { code?: string }];
  expect(error.code).toBe("ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN");
});

test("our TLS inside of Node's TLS, through connectionFromSocket()", async () => {
  const server = createTlsServer({ cert: certificate.certificatePem, key: certificate.keyPem }, (outer) => {
    const connection = connectionFromSocket(outer, { tls: configs.server });
    void (async () => {
      expect(await connection.readLine()).toBe("STARTTLS");
      await connection.startTls();
      connection.write(`${(await connection.readLine()) ?? ""} through two\n`);
      await connection.close();
    })();
  });
  endings.push(() => void server.close());
  await once(server.listen(0, host), "listening");
  const { port } = server.address() as { port: number };
  const outer = tlsConnect({ port, host, ca: certificate.certificatePem, servername: "localhost" });
  await once(outer, "secureConnect");
  const connection = connectionFromSocket(outer);
  connection.write("STARTTLS\n");
  expect(connection.info).toBeNull();
  await connection.startTls(configs.client);
  expect(connection.info?.peer.kind).toBe("verified");
  connection.write("hello\n");
  expect(await connection.readLine()).toBe("hello through two");
  expect(await connection.readLine()).toBeNull();
  await connection.close();
  expect(await connection.closed).toEqual({ kind: "clean" });
});

test("a reset by Node's client reaches our handler as an error, not as an end", async () => {
  const outcomes: unknown[] = [];
  const { port } = await serve(
    async (connection) => {
      outcomes.push(await connection.readLine());
      outcomes.push(await connection.readLine().catch((error: unknown) => error));
    },
    { tls: configs.server },
  );
  const raw = netConnect(port, host);
  const secure = tlsConnect({ socket: raw, ca: certificate.certificatePem, servername: "localhost" });
  secure.on("error", () => undefined);
  secure.write("hello\n");
  await expect.poll(() => outcomes.length).toBe(1);
  raw.resetAndDestroy();
  await expect.poll(() => outcomes.length).toBe(2);
  expect(outcomes).toMatchObject(["hello", { code: "ECONNRESET" }]);
});
