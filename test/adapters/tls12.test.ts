import { constants } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as tlsConnect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { nodeTransport } from "../../src/adapters/node/socket-transport.ts";
import { ascii, hex } from "../../src/bytes.ts";
import { TlsEngine } from "../../src/index.ts";
import { openConnection, startServer } from "../../src/node.ts";
import { testCertificate, type TestCertificate } from "../support/certificates.ts";
import { type Configs, plainPair, securePair, tls12Configs, tlsConfigs } from "./tls-pair.ts";

const host = "127.0.0.1";
let configs: Configs;
let certificate: TestCertificate;
beforeAll(async () => {
  configs = await tls12Configs();
  certificate = await testCertificate();
});

const endings: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** A server of Node's own that answers what it hears, and ends with us. */
async function serveWithNode(
  options: Parameters<typeof createTlsServer>[0],
  onSocket: (socket: TLSSocket) => void = () => undefined,
): Promise<number> {
  const keys = { cert: certificate.certificatePem, key: certificate.keyPem };
  const server = createTlsServer({ ...keys, maxVersion: "TLSv1.2", ...options }, (socket) => {
    onSocket(socket);
    socket.on("error", () => undefined).pipe(socket);
  });
  // Node keeps no sessions by itself.
  const sessions = new Map<string, Buffer>();
  server.on("newSession", (id, session, done) => {
    sessions.set(id.toString("hex"), session);
    done();
  });
  server.on("resumeSession", (id, done) => done(null, sessions.get(id.toString("hex")) ?? null));
  endings.push(() => void server.close());
  await once(server.listen(0, host), "listening");
  return (server.address() as { readonly port: number }).port;
}

describe("a Connection over TLS 1.2", () => {
  test("talks, knows what was agreed on, and ends cleanly", async () => {
    const { server, client, clientStream } = await securePair(configs);
    expect(client.info).toMatchObject({
      version: "TLSv1.2",
      group: "x25519",
      resumed: false,
      peer: { kind: "verified" },
    });
    expect(server.info).toMatchObject({
      version: "TLSv1.2",
      serverName: "localhost",
      peer: { kind: "none" },
    });
    client.write("the secret word\n");
    expect(await server.readLine()).toBe("the secret word");
    server.write(`${"x".repeat(50_000)}\n`);
    expect(await client.readLine()).toHaveLength(50_000);
    expect(Buffer.concat(clientStream.written).toString("latin1")).not.toContain("secret");
    await Promise.all([client.close(), server.close()]);
    expect([await client.closed, await server.closed]).toEqual([{ kind: "clean" }, { kind: "clean" }]);
  });

  test("is resumed the next time, after STARTTLS too", async () => {
    const resumed = [];
    for (let i = 0; i < 2; i++) {
      const { server, client } = plainPair();
      client.write("STARTTLS\n");
      expect(await server.readLine()).toBe("STARTTLS");
      const infos = await Promise.all([server.startTls(configs.server), client.startTls(configs.client)]);
      resumed.push(infos.map((info) => info.resumed));
      client.write("on\n");
      expect(await server.readLine()).toBe("on");
      await Promise.all([client.close(), server.close()]);
    }
    expect(resumed[1]).toEqual([true, true]);
  });
});

describe("Node's own TLS 1.2", () => {
  test.each([
    ["resumes by ticket with our server", {}],
    ["resumes by id with our server", { sessionTickets: false }],
  ])("as a client %s", async (_what, options) => {
    const listener = await startServer(
      async (connection) => {
        connection.write(`${(await connection.readLine()) ?? ""} ${connection.info?.resumed}\n`);
        await connection.drain();
        await connection.readLine();
      },
      { host, port: 0, tls: configs.server.with(options), closeGraceMs: 200 },
    );
    endings.push(() => listener.close());
    let session: ReturnType<TLSSocket["getSession"]>;
    for (const resumed of [false, true]) {
      const socket = tlsConnect({
        host,
        port: listener.port,
        servername: "localhost",
        ca: certificate.certificatePem,
        maxVersion: "TLSv1.2",
        ...(session !== undefined && { session }),
      });
      await once(socket, "secureConnect");
      expect([socket.getProtocol(), socket.isSessionReused()]).toEqual(["TLSv1.2", resumed]);
      socket.write("hello\n");
      const [chunk] = (await once(socket, "data")) as [Buffer];
      expect(chunk.toString()).toBe(`hello ${resumed}\n`);
      session = socket.getSession();
      socket.end();
      await once(socket, "close");
    }
  });

  test.each([
    ["by ticket", {}],
    ["by id", { secureOptions: constants.SSL_OP_NO_TICKET }],
  ])("as a server resumes %s for our client", async (_what, options) => {
    const port = await serveWithNode({ ...options, sessionIdContext: "tls-engine" });
    // With sessions of its own.
    const client = configs.client.with({});
    for (const resumed of [false, true, true]) {
      const connection = await openConnection({ host, port, tls: client });
      expect(connection.info).toMatchObject({ version: "TLSv1.2", resumed, peer: { kind: "verified" } });
      connection.write("hello\n");
      expect(await connection.readLine()).toBe("hello");
      await connection.close();
      expect(await connection.closed).toEqual({ kind: "clean" });
    }
  });

  test("is what our client of both versions comes to, and back with a session in hand", async () => {
    const { client } = await tlsConfigs();
    const both = client.with({ groups: ["x25519", "secp256r1"] });
    const port = await serveWithNode({ sessionIdContext: "tls-engine" });
    for (const resumed of [false, true]) {
      const connection = await openConnection({ host, port, tls: both });
      expect(connection.info).toMatchObject({ version: "TLSv1.2", resumed });
      await connection.close();
    }
    const modern = await serveWithNode({ maxVersion: "TLSv1.3" });
    const connection = await openConnection({ host, port: modern, tls: both });
    expect(connection.info).toMatchObject({ version: "TLSv1.3", resumed: false });
    await connection.close();
  });

  test("exports what our client exports, and has the same tls-unique", async () => {
    let theirs: readonly string[] = [];
    const port = await serveWithNode({}, (socket) => {
      const exported = [undefined, Buffer.alloc(0), Buffer.from("context")].map((context) =>
        socket.exportKeyingMaterial(40, "EXPORTER-test", context as Buffer),
      );
      theirs = [...exported, socket.getPeerFinished() ?? Buffer.alloc(0)].map((bytes) =>
        bytes.toString("hex"),
      );
    });
    let ours: readonly string[] = [];
    const client = TlsEngine.wrap(
      {
        connectionMade: (transport) => transport.write(ascii("hello")),
        dataReceived: () => {
          const exported = [null, new Uint8Array(), ascii("context")].map((context) =>
            client.exportKeyingMaterial("EXPORTER-test", context, 40),
          );
          ours = [...exported, client.channelBinding("tls-unique")].map(hex);
          client.appTransport.close();
        },
        connectionLost: () => ended(),
      },
      configs.client,
    );
    let ended: () => void = () => undefined;
    const lost = new Promise<void>((resolve) => (ended = resolve));
    nodeTransport(connect(port, host), client);
    await lost;
    expect(ours).toEqual(theirs);
    expect(new Set(ours).size).toBe(4);
  });
});
