import { afterAll, expect } from "vitest";
import { type ClientAuth, type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
  priority,
} from "./peers/gnutls.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  meetClient,
  noOpenssl,
  startClient,
  startServer,
} from "./peers/openssl.ts";
import { noPython, startPython } from "./peers/python.ts";
import { SeenMessages } from "../support/compression.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Clients that are asked for their certificate behind the handshake. node:tls, Go and JSSE neither ask nor offer it.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048", "ed25519"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const kinds = ["ecdsa-p256", "rsa-2048", "ed25519"] as const;
const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const trust = pinned(kinds.map((kind) => authority.client(kind).spkiSha256));
const required: ClientAuth = { mode: "require", trust };
const requested: ClientAuth = { mode: "request", trust };
const offering: Partial<ClientOptions> = { postHandshakeAuth: true, clientCredential: own.credential };

/** Our server asks, and the answer has come. */
async function authenticate(server: Driver, clientAuth: ClientAuth = required): Promise<void> {
  const before = server.eventsOf("client-authenticated").length;
  server.engine.requestClientCertificate(clientAuth);
  server.pump();
  await server.until("answer", () => server.eventsOf("client-authenticated").length > before);
}

const sClient = { peer: "openssl s_client", we: "server" } as const;
const sServer = { peer: "openssl s_server", we: "client" } as const;
const identity = (kind: (typeof kinds)[number]): readonly string[] => {
  const { leafFile, keyFile } = authority.client(kind);
  return ["-cert", leafFile, "-key", keyFile, "-cert_chain", authority.intermediateFile];
};

for (const kind of kinds) {
  const feature = `client authentication behind the handshake, ${kind}`;
  row({ ...sClient, feature }, noOpenssl, async (scope) => {
    const args = ["-enable_pha", ...identity(kind)];
    const meeting = await meetClient(scope, authority, args, serverWith(certificate));
    const { server } = meeting;
    expect((await server.untilComplete()).peer).toEqual({ kind: "none" });
    await authenticate(server);
    expect(server.info.peer.kind).toBe("verified");
    await exchangeWithClient(meeting);
  });
  row({ ...sServer, feature }, noOpenssl, async (scope) => {
    const { peer, port } = await startServer(scope, authority, certificate, ["-CAfile", authority.rootFile]);
    const clientCredential = authority.client(kind).credential;
    const client = await connect(scope, port, clientFor(certificate, { ...offering, clientCredential }));
    await client.untilComplete();
    // At the start of a line, s_server takes letters for commands.
    peer.write("c\n");
    await peer.untilPrinted(new RegExp(`depth=0.*client-${kind}\\nverify return:1`));
    await exchangeWithServer(client, peer);
  });
}

row({ ...sClient, feature: "asked twice, with KeyUpdates and data in between" }, noOpenssl, async (scope) => {
  const args = ["-enable_pha", ...identity("ecdsa-p256")];
  const meeting = await meetClient(scope, authority, args, serverWith(certificate));
  const { server, peer } = meeting;
  await server.untilComplete();
  server.updateKeys(true);
  await authenticate(server);
  peer.write("K\n");
  server.write("data\n");
  await server.until("KeyUpdate", () => server.eventsOf("key-update").length > 2);
  await authenticate(server, requested);
  expect(server.info.peer.kind).toBe("verified");
  await exchangeWithClient(meeting);
});

row({ ...sServer, feature: "asked twice, with KeyUpdates and data in between" }, noOpenssl, async (scope) => {
  const { peer, port } = await startServer(scope, authority, certificate, ["-CAfile", authority.rootFile]);
  const client = await connect(scope, port, clientFor(certificate, offering));
  await client.untilComplete();
  client.updateKeys(false);
  peer.write("c\n");
  await peer.untilPrinted(/depth=0.*client-ecdsa-p256\nverify return:1/);
  // A KeyUpdate that asks for one of ours.
  peer.write("K\n");
  await client.until("KeyUpdate", () => client.eventsOf("key-update").length > 1);
  peer.write("c\n");
  await peer.until("second certificate", () => peer.output.split("depth=0").length > 2);
  await exchangeWithServer(client, peer);
});

row({ ...sClient, feature: "asked, has no certificate: requested" }, noOpenssl, async (scope) => {
  const meeting = await meetClient(scope, authority, ["-enable_pha"], serverWith(certificate));
  await meeting.server.untilComplete();
  await authenticate(meeting.server, requested);
  expect(meeting.server.info.peer).toEqual({ kind: "none" });
  await exchangeWithClient(meeting);
});

row({ ...sClient, feature: "asked, has no certificate: required" }, noOpenssl, async (scope) => {
  const { server, peer } = await meetClient(scope, authority, ["-enable_pha"], serverWith(certificate));
  await server.untilComplete();
  server.engine.requestClientCertificate(required);
  server.pump();
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  await peer.untilPrinted(/alert certificate required/);
});

row({ ...sServer, feature: "asked, we have no certificate" }, noOpenssl, async (scope) => {
  const { peer, port } = await startServer(scope, authority, certificate);
  const client = await connect(scope, port, clientFor(certificate, { postHandshakeAuth: true }));
  await client.untilComplete();
  peer.write("c\n");
  await peer.untilPrinted(/SSL_do_handshake -> 1/);
  await exchangeWithServer(client, peer);
});

row({ ...sClient, feature: "a client that does not offer it cannot be asked" }, noOpenssl, async (scope) => {
  const meeting = await meetClient(scope, authority, [...identity("ecdsa-p256")], serverWith(certificate));
  await meeting.server.untilComplete();
  expect(() => meeting.server.engine.requestClientCertificate(required)).toThrow(TypeError);
  await exchangeWithClient(meeting);
});

row(
  { ...sServer, feature: "without our offer, s_server finds that it cannot ask" },
  noOpenssl,
  async (scope) => {
    const { peer, port } = await startServer(scope, authority, certificate);
    const client = await connect(scope, port, clientFor(certificate, { clientCredential: own.credential }));
    await client.untilComplete();
    peer.write("c\n");
    await peer.untilPrinted(/extension not received/);
    await exchangeWithServer(client, peer);
  },
);

row(
  { ...sClient, feature: "asked in a resumed session, behind HelloRetryRequest" },
  noOpenssl,
  async (scope) => {
    const listener = await listen(scope, serverWith(certificate, { groups: ["secp384r1"] }));
    const file = `${authority.folder}/asked.pem`;
    for (const session of ["-sess_out", "-sess_in"]) {
      const args = ["-enable_pha", "-groups", "X25519:P-384", session, file, ...identity("rsa-2048")];
      const peer = startClient(scope, authority, listener.port, args);
      const server = await listener.accept();
      const isSecond = session === "-sess_in";
      expect(await server.untilComplete()).toMatchObject({
        helloRetried: true,
        resumed: isSecond,
        peer: { kind: "none" },
      });
      await authenticate(server);
      expect(server.info.peer.kind).toBe("verified");
      await exchangeWithClient({ server, peer });
    }
  },
);

row({ ...sServer, feature: "asked in a resumed session" }, noOpenssl, async (scope) => {
  const args = ["-CAfile", authority.rootFile, "-naccept", "2"];
  const { peer, port } = await startServer(scope, authority, certificate, args);
  const config = clientFor(certificate, offering);
  for (const [resumed, count] of [
    [false, 1],
    [true, 2],
  ] as const) {
    const client = await connect(scope, port, config);
    expect((await client.untilComplete()).resumed).toBe(resumed);
    peer.write("c\n");
    await peer.until("certificate", () => peer.output.split("depth=0").length > count);
    await exchangeWithServer(client, peer);
    expect(client.eventsOf("session").length).toBeGreaterThan(0);
  }
});

const pythonClient = { peer: "Python ssl client", we: "server" } as const;
const pythonServer = { peer: "Python ssl server", we: "client" } as const;

/** A client of the script, connected to a server of ours. */
async function meetPython(
  scope: Scope,
  offer: "offer" | "none",
  hasCertificate = true,
): Promise<{ readonly server: Driver; readonly peer: ReturnType<typeof startPython> }> {
  const listener = await listen(scope, serverWith(certificate));
  const files = hasCertificate ? [own.chainFile, own.keyFile] : ["", ""];
  const args = ["client", ...files, authority.rootFile, String(listener.port), offer];
  const peer = startPython(scope, "post_handshake_auth.py", ...args);
  return { server: await listener.accept(), peer };
}

async function echoAndEnd(server: Driver, text = "echo\n"): Promise<void> {
  server.write(text);
  await server.untilReceived(text);
  server.closeWrite();
  await server.untilClosed();
}

row({ ...pythonClient, feature: "SSLContext.post_handshake_auth" }, noPython, async (scope) => {
  const { server, peer } = await meetPython(scope, "offer");
  expect((await server.untilComplete()).peer).toEqual({ kind: "none" });
  await authenticate(server);
  expect(server.info.peer.kind).toBe("verified");
  await authenticate(server, requested);
  await echoAndEnd(server);
  await peer.untilPrinted(/"end": "eof"/);
});

row(
  { ...pythonClient, feature: "SSLContext.post_handshake_auth, no certificate" },
  noPython,
  async (scope) => {
    const { server, peer } = await meetPython(scope, "offer", false);
    await server.untilComplete();
    server.engine.requestClientCertificate(required);
    server.pump();
    expect(await server.untilClosed()).toMatchObject({ alertSent: "certificate_required" });
    await peer.untilPrinted(/CERTIFICATE_REQUIRED|certificate required/);
  },
);

row(
  { ...pythonClient, feature: "a client that does not offer it cannot be asked" },
  noPython,
  async (scope) => {
    const { server } = await meetPython(scope, "none");
    await server.untilComplete();
    expect(() => server.engine.requestClientCertificate(required)).toThrow(TypeError);
    await echoAndEnd(server);
  },
);

async function reachPython(scope: Scope, options: Partial<ClientOptions>): Promise<Driver> {
  const files = [certificate.chainFile, certificate.keyFile, authority.rootFile];
  const peer = startPython(scope, "post_handshake_auth.py", "server", ...files);
  const [, port] = await peer.untilPrinted(/"port": (\d+)/);
  const client = await connect(scope, Number(port), clientFor(certificate, options));
  await peer.untilPrinted(/"peer": null/);
  return client;
}

row({ ...pythonServer, feature: "verify_client_post_handshake()" }, noPython, async (scope) => {
  const client = await reachPython(scope, offering);
  const lines: string[] = [];
  for (const command of ["who", "ask", "who", "ask", "who"]) {
    client.write(`${command}\n`);
    lines.push(await client.readLine());
  }
  expect(lines).toEqual(["None", "asked", "client-ecdsa-p256", "asked", "client-ecdsa-p256"]);
  expect((await client.close()).kind).toBe("clean");
});

row(
  { ...pythonServer, feature: "verify_client_post_handshake(), we have no certificate" },
  noPython,
  async (scope) => {
    const client = await reachPython(scope, { postHandshakeAuth: true });
    client.write("ask\nwho\n");
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_required" });
  },
);

row(
  { ...pythonServer, feature: "verify_client_post_handshake(), we do not offer it" },
  noPython,
  async (scope) => {
    const client = await reachPython(scope, {});
    client.write("ask\n");
    expect((await client.untilClosed()).kind).not.toBe("error");
  },
);

const gnutlsCli = { peer: "gnutls-cli", we: "server" } as const;
const gnutlsServ = { peer: "gnutls-serv", we: "client" } as const;

function meetGnutls(scope: Scope, args: readonly string[], ours: Partial<ServerOptions> = {}) {
  const all = [`--priority=${priority([])}`, ...args];
  return meetGnutlsClient(scope, authority, all, serverWith(certificate, ours));
}

const files = [`--x509certfile=${own.chainFile}`, `--x509keyfile=${own.keyFile}`];

row({ ...gnutlsCli, feature: "--post-handshake-auth" }, gnutlsLacks({}), async (scope) => {
  const { server, peer } = await meetGnutls(scope, ["--post-handshake-auth", ...files]);
  expect((await server.untilComplete()).peer).toEqual({ kind: "none" });
  await peer.untilPrinted(/Handshake was completed/);
  await authenticate(server);
  expect(server.info.peer.kind).toBe("verified");
  await authenticate(server, requested);
  await exchangeAndClose(server, peer);
});

row({ ...gnutlsCli, feature: "--post-handshake-auth, no certificate" }, gnutlsLacks({}), async (scope) => {
  const { server, peer } = await meetGnutls(scope, ["--post-handshake-auth"]);
  await server.untilComplete();
  await peer.untilPrinted(/Handshake was completed/);
  await authenticate(server, requested);
  expect(server.info.peer).toEqual({ kind: "none" });
  await exchangeAndClose(server, peer);
});

row(
  { ...gnutlsCli, feature: "a client that does not offer it cannot be asked" },
  gnutlsLacks({}),
  async (scope) => {
    const { server, peer } = await meetGnutls(scope, files);
    await server.untilComplete();
    expect(() => server.engine.requestClientCertificate(required)).toThrow(TypeError);
    await exchangeAndClose(server, peer);
  },
);

for (const isKnown of [true, false]) {
  const feature = `**REAUTH**${isKnown ? "" : ", we have no certificate"}`;
  row({ ...gnutlsServ, feature }, gnutlsServerLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const config = clientFor(certificate, {
      postHandshakeAuth: true,
      clientCredential: isKnown ? own.credential : [],
      onMessage: seen.onMessage,
    });
    // It requires what it has not asked for in the handshake.
    const theirs = [`--x509cafile=${authority.rootFile}`, ...(isKnown ? ["--disable-client-cert"] : [])];
    const args = [`--priority=${priority([])}`, ...theirs];
    const { client } = await meetGnutlsServer(scope, shim, certificate, args, config);
    await client.untilComplete();
    client.write("**REAUTH**\n");
    // While it waits for the answer, gnutls-serv takes no data.
    const answers = (): number => seen.names.filter((name) => name === "write finished").length;
    await client.until("answer", () => answers() === 2);
    await echoAndClose(client);
    expect(seen.names.includes("write certificate_verify")).toBe(isKnown);
  });
}
