import { afterAll, expect } from "vitest";
import {
  type ListenerOptions,
  openConnection,
  type OpenConnectionOptions,
  startServer,
} from "../../src/node.ts";
import { makeAuthority } from "./ca.ts";
import { requestNodeStartTls, startNodeStartTls } from "./peers/node-starttls.ts";
import { opensslLacks, startClient, startServer as startOpensslServer } from "./peers/openssl.ts";
import { noPython, startPython } from "./peers/python.ts";
import { clientFor, patterned, row, serverWith } from "./rows.ts";
import { Changes, type Scope } from "./waiting.ts";

type Connection = Awaited<ReturnType<typeof openConnection>>;

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const clientConfig = clientFor(certificate);
const serverConfig = serverWith(certificate);

/** What the rows of this file are about, next to the peer: the API that they go through. */
const api = { client: "openConnection", server: "startServer" } as const;

async function open(
  scope: Scope,
  port: number,
  options: Partial<OpenConnectionOptions>,
): Promise<Connection> {
  const connection = await openConnection({ host: "127.0.0.1", port, ...options });
  scope.onClose(() => connection.abort());
  return connection;
}

/** What OpenSSL is told, and what becomes of it: we have both versions in these rows. */
const versions = [
  ["-tls1_3", "TLSv1.3"],
  ["-tls1_2", "TLSv1.2"],
] as const;

/** Listens, and runs `handler` on connections; waiting for the result of the first one. */
async function serve<T>(
  scope: Scope,
  options: Partial<ListenerOptions>,
  handler: (connection: Connection) => Promise<T>,
): Promise<{ readonly port: number; readonly result: () => Promise<T> }> {
  const changes = new Changes();
  let outcome: { readonly result: T } | { readonly error: unknown } | undefined;
  const settle = (value: typeof outcome): void => {
    outcome ??= value;
    changes.announce();
  };
  const listener = await startServer(
    async (connection) => {
      try {
        settle({ result: await handler(connection) });
      } catch (error) {
        settle({ error });
        throw error;
      }
    },
    {
      host: "127.0.0.1",
      port: 0,
      onHandshakeError: (error) => settle({ error }),
      onError: () => undefined,
      ...options,
    },
  );
  scope.onClose(() => listener.close());
  return {
    port: listener.port,
    result: async () => {
      const settled = await changes.until(
        "result of the handler",
        () => outcome,
        () => "it has not ended",
        () => false,
      );
      if ("error" in settled) throw settled.error;
      return settled.result;
    },
  };
}

/** A handler: one line in, one line out, then until the peer has ended. */
async function answerOneLine(connection: Connection): Promise<string | null> {
  const line = await connection.readLine();
  connection.write("pong from tls-engine\n");
  expect(await connection.read()).toBeNull();
  return line;
}

/** The client's side of SMTP up to TLS. */
async function requestStartTls(connection: Connection): Promise<void> {
  const reply = async (): Promise<string> => {
    const line = await connection.readLine();
    if (line === null) throw new Error("the server has ended");
    return line[3] === "-" ? reply() : line;
  };
  expect(await reply()).toMatch(/^220 /);
  connection.write("EHLO tls-engine.test\r\n");
  expect(await reply()).toMatch(/^250 STARTTLS/);
  connection.write("STARTTLS\r\n");
  expect(await reply()).toMatch(/^220 /);
  await connection.startTls(clientConfig);
}

/** The server's side of SMTP up to TLS. */
async function answerStartTls(connection: Connection): Promise<void> {
  connection.write("220 localhost ESMTP tls-engine\r\n");
  for (
    let line = await connection.readLine();
    line?.toUpperCase() !== "STARTTLS";
    line = await connection.readLine()
  ) {
    if (line === null) throw new Error("the client has ended");
    connection.write(/^ehlo/i.test(line) ? "250-localhost\r\n250 STARTTLS\r\n" : "250 noted\r\n");
  }
  connection.write("220 go ahead\r\n");
  await connection.startTls(serverConfig);
}

for (const [flag, version] of versions) {
  row(
    { peer: "openssl s_server", we: "client", version, feature: `${api.client}, TLS at once` },
    opensslLacks({}),
    async (scope) => {
      const { peer, port } = await startOpensslServer(scope, authority, certificate, [flag]);
      const connection = await open(scope, port, { tls: clientConfig });
      connection.write("ping from tls-engine\n");
      await peer.untilPrinted(/ping from tls-engine/);
      peer.write("pong from openssl\n");
      expect(await connection.readLine()).toBe("pong from openssl");
      await connection.close();
      expect((await connection.closed).kind).toBe("clean");
    },
  );
}

row(
  { peer: "openssl s_server", we: "client", feature: `${api.client}, killed` },
  opensslLacks({}),
  async (scope) => {
    const { peer, port } = await startOpensslServer(scope, authority, certificate);
    const connection = await open(scope, port, { tls: clientConfig });
    await peer.untilPrinted(/^CIPHER is/m);
    peer.kill();
    await expect(connection.read()).rejects.toMatchObject({ name: "TruncationError" });
    expect((await connection.closed).kind).toBe("truncated");
  },
);

for (const [flag, version] of versions) {
  const about = { peer: "openssl s_client", we: "server", version } as const;
  row({ ...about, feature: `${api.server}, TLS at once` }, opensslLacks({}), async (scope) => {
    const server = await serve(scope, { tls: serverConfig }, answerOneLine);
    const peer = startClient(scope, authority, server.port, [flag]);
    peer.write("ping from openssl\n");
    await peer.untilPrinted(/pong from tls-engine/);
    peer.endInput();
    expect(await server.result()).toBe("ping from openssl");
  });

  row({ ...about, feature: `${api.server}, startTls (SMTP)` }, opensslLacks({}), async (scope) => {
    const server = await serve(scope, { upgradeable: true }, async (connection) => {
      await answerStartTls(connection);
      return await answerOneLine(connection);
    });
    const peer = startClient(scope, authority, server.port, [flag, "-starttls", "smtp"]);
    peer.write("ping from openssl\n");
    await peer.untilPrinted(/pong from tls-engine/);
    peer.endInput();
    expect(await server.result()).toBe("ping from openssl");
  });
}

row(
  { peer: "Python asyncio start_tls server", we: "client", feature: `${api.client}, startTls (SMTP)` },
  noPython,
  async (scope) => {
    const { chainFile, keyFile } = certificate;
    const peer = startPython(scope, "starttls_server.py", chainFile, keyFile, "{}");
    const [, port] = await peer.untilPrinted(/"port": (\d+)/);
    const connection = await open(scope, Number(port), { upgradeable: true });
    await requestStartTls(connection);
    connection.write("ping from tls-engine\n");
    expect(await connection.readLine()).toBe("ping from tls-engine");
    await connection.close();
    expect((await connection.closed).kind).toBe("clean");
    await peer.untilPrinted(/"end": "eof"/);
  },
);

row(
  { peer: "Python asyncio start_tls client", we: "server", feature: `${api.server}, startTls (SMTP)` },
  noPython,
  async (scope) => {
    const server = await serve(scope, { upgradeable: true }, async (connection) => {
      await answerStartTls(connection);
      return await answerOneLine(connection);
    });
    const peer = startPython(scope, "starttls_client.py", String(server.port), authority.rootFile, "{}");
    expect(await server.result()).toBe("ping from python");
    await peer.untilPrinted(/"end": "closed"/);
  },
);

row(
  { peer: "Python smtplib", we: "server", feature: `${api.server}, startTls (SMTP)` },
  noPython,
  async (scope) => {
    const server = await serve(scope, { upgradeable: true }, async (connection) => {
      await answerStartTls(connection);
      const greeting = await connection.readLine();
      connection.write("250 localhost\r\n");
      const last = await connection.readLine();
      connection.write("221 bye\r\n");
      return [greeting, last];
    });
    const peer = startPython(scope, "smtplib_client.py", String(server.port), authority.rootFile);
    expect(await server.result()).toEqual([expect.stringMatching(/^ehlo /i), "QUIT"]);
    await peer.untilPrinted(/TLSv1\.3/);
  },
);

row(
  { peer: "node:tls server", we: "client", feature: `${api.client}, startTls, 4 MiB each way` },
  undefined,
  async (scope) => {
    const { port, upgraded } = await startNodeStartTls(scope, certificate);
    const connection = await open(scope, port, { upgradeable: true });
    await requestStartTls(connection);
    const peer = await upgraded();
    const data = patterned(4 * 1024 * 1024);
    peer.socket.write(data);
    connection.write(data);
    expect(Buffer.from(await connection.readExactly(data.length)).equals(data)).toBe(true);
    await connection.drain();
    await peer.until("4 MiB", () => peer.receivedLength >= data.length);
    expect(peer.received.equals(data)).toBe(true);
    await connection.close();
    expect((await connection.closed).kind).toBe("clean");
  },
);

row(
  { peer: "node:tls client", we: "server", feature: `${api.server}, startTls, 4 MiB each way` },
  undefined,
  async (scope) => {
    const data = patterned(4 * 1024 * 1024);
    const server = await serve(scope, { upgradeable: true }, async (connection) => {
      await answerStartTls(connection);
      const received = await connection.readExactly(data.length);
      connection.write(received);
      await connection.drain();
      expect(await connection.read()).toBeNull();
      return Buffer.from(received).equals(data);
    });
    const peer = await requestNodeStartTls(scope, authority, server.port);
    await peer.untilSecure();
    peer.socket.write(data);
    await peer.until("4 MiB", () => peer.receivedLength >= data.length);
    expect(peer.received.equals(data)).toBe(true);
    peer.socket.end();
    expect(await server.result()).toBe(true);
  },
);
