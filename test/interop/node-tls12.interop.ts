import type { ConnectionOptions, SecureContextOptions } from "node:tls";
import { afterAll, expect } from "vitest";
import { type ClientOptions, credential, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  exchangeWithNode,
  expectSameNodeExports,
  meetNodeClient,
  meetNodeServer,
  nodeLacks,
  nodeOnly12,
  type NodePeer,
  type NodeServerOptions,
} from "./peers/node.ts";
import { requestNodeStartTls, startNodeStartTls } from "./peers/node-starttls.ts";
import { OCSP_TRY_LATER } from "./peers/openssl.ts";
import { clientFor, patterned, row, serverWith } from "./rows.ts";
import { AgreedExtensions, combinations12, expectAgreement12, featureOf, only12 } from "./rows12.ts";
import { answerStartTls, requestStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const toServer = { peer: "node:tls server", we: "client", version: "TLSv1.2" } as const;
const toClient = { peer: "node:tls client", we: "server", version: "TLSv1.2" } as const;
/** All that node:tls speaks in these rows. */
const tls12 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const satisfies SecureContextOptions;

for (const combination of combinations12()) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const place = { suite, group, certificate: kind, feature: featureOf(combination) };
  const theirs = { ...tls12, ...nodeOnly12(combination) };
  row({ ...toServer, ...place }, nodeLacks({}), async (scope) => {
    const issued = authority.server(kind);
    const agreed = new AgreedExtensions();
    const config = clientFor(issued, { ...only12(combination), onMessage: agreed.onMessage });
    const { client, peer } = await meetNodeServer(scope, "socket", issued, config, theirs);
    expectAgreement12(await client.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithNode(client, peer);
  });
  row({ ...toClient, ...place }, nodeLacks({}), async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const config = serverWith(authority.server(kind), ours);
    const { server, peer } = await meetNodeClient(scope, "socket", authority, config, theirs);
    expectAgreement12(await server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithNode(server, peer);
  });
}

type ClientMeeting = (
  ours?: Partial<ClientOptions>,
  theirs?: NodeServerOptions,
) => Promise<{ readonly client: Driver; readonly peer: NodePeer }>;
type ServerMeeting = (
  ours?: Partial<ServerOptions>,
  theirs?: ConnectionOptions,
) => Promise<{ readonly server: Driver; readonly peer: NodePeer }>;

/** A row of our client, over a Duplex: the rows of the matrix have sockets. */
function asClient(feature: string, run: (meet: ClientMeeting, scope: Scope) => Promise<void>): void {
  row({ ...toServer, feature }, nodeLacks({}), async (scope) => {
    const meet: ClientMeeting = (ours, theirs) =>
      meetNodeServer(scope, "duplex", certificate, clientFor(certificate, ours), { ...tls12, ...theirs });
    await run(meet, scope);
  });
}

/** A row of our server, over a Duplex. */
function asServer(feature: string, run: (meet: ServerMeeting, scope: Scope) => Promise<void>): void {
  row({ ...toClient, feature }, nodeLacks({}), async (scope) => {
    const meet: ServerMeeting = (ours, theirs) =>
      meetNodeClient(scope, "duplex", authority, serverWith(certificate, ours), { ...tls12, ...theirs });
    await run(meet, scope);
  });
}

asClient("defaults of both sides", async (meet) => {
  const { client, peer } = await meet();
  const info = await client.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, resumed: false });
  expect(peer.socket.getProtocol()).toBe("TLSv1.2");
  await exchangeWithNode(client, peer);
});

asServer("defaults of both sides", async (meet) => {
  const { server, peer } = await meet();
  const info = await server.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, resumed: false });
  await peer.untilSecure();
  expect(peer.socket.getProtocol()).toBe("TLSv1.2");
  await exchangeWithNode(server, peer);
});

asClient("ALPN and SNI", async (meet) => {
  const names: string[] = [];
  const { client, peer } = await meet(
    { alpn: ["c", "a", "b"] },
    {
      ALPNProtocols: ["b", "a"],
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    },
  );
  expect((await client.untilComplete()).alpn).toBe("b");
  await exchangeWithNode(client, peer);
  expect(names).toEqual(["localhost"]);
  expect(peer.socket.alpnProtocol).toBe("b");
});

asServer("ALPN and SNI", async (meet) => {
  const { server, peer } = await meet({ alpn: ["b", "a"] }, { ALPNProtocols: ["c", "a", "b"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await exchangeWithNode(server, peer);
  expect(peer.socket.alpnProtocol).toBe("b");
  expect(peer.socket.authorized).toBe(true);
});

asServer("the name does not match", async (meet) => {
  const { peer } = await meet({}, { servername: "elsewhere.test" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

asServer("no cipher suite in common: the error names theirs", async (meet) => {
  const { server, peer } = await meet({}, { ciphers: "AES128-GCM-SHA256" });
  expect(await server.untilClosed()).toMatchObject({
    alertSent: "handshake_failure",
    error: {
      message: expect.stringContaining(
        "no cipher suite in common: the client offers TLS_RSA_WITH_AES_128_GCM_SHA256",
      ),
    },
  });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" });
});

for (const kind of [
  "ecdsa-p256",
  "rsa-2048",
  "ed25519",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-pss-2048",
] as const) {
  const own = authority.client(kind);
  asClient(`client certificate required, ${kind}`, async (meet) => {
    const theirs = { requestCert: true, rejectUnauthorized: true, ca: authority.rootPem };
    const { client, peer } = await meet({ clientCredential: own.credential }, theirs);
    await exchangeWithNode(client, peer);
    expect(peer.socket.authorized).toBe(true);
  });
  asServer(`client certificate required, ${kind}`, async (meet) => {
    const { server, peer } = await meet(
      { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } },
      { key: own.keyPem, cert: own.chainPem },
    );
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await exchangeWithNode(server, peer);
  });
}

asClient("client certificate requested, none given", async (meet) => {
  const theirs = { requestCert: true, rejectUnauthorized: false, ca: authority.rootPem };
  const { client, peer } = await meet({}, theirs);
  await exchangeWithNode(client, peer);
  expect(peer.socket.authorized).toBe(false);
});

asServer("client certificate requested, none given", async (meet) => {
  const { spkiSha256 } = authority.client("rsa-2048");
  const { server, peer } = await meet({ clientAuth: { mode: "request", trust: pinned([spkiSha256]) } });
  expect((await server.untilComplete()).peer.kind).toBe("none");
  await exchangeWithNode(server, peer);
});

asServer("client certificate required, none given", async (meet) => {
  const { spkiSha256 } = authority.client("rsa-2048");
  const { server, peer } = await meet({ clientAuth: { mode: "require", trust: pinned([spkiSha256]) } });
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE" });
});

asServer("stapled OCSP response", async (meet) => {
  const { chainPem, keyPem } = certificate;
  const own = credential({ certificateChain: chainPem, key: keyPem, ocspResponse: OCSP_TRY_LATER });
  // The types of Node do not know this option of connect().
  const asking: ConnectionOptions & { readonly requestOCSP: boolean } = { requestOCSP: true };
  const { server, peer } = await meet({ credentials: [own] }, asking);
  const staples: Buffer[] = [];
  peer.socket.on("OCSPResponse", (response) => staples.push(response));
  await exchangeWithNode(server, peer);
  expect(staples).toEqual([Buffer.from(OCSP_TRY_LATER)]);
});

asClient("exporter and key log are the same", async (meet) => {
  const keys = keyLogs();
  const { client, peer } = await meet({ onKeyLog: keys.ours }, { onKeyLog: keys.theirs });
  await client.untilComplete();
  await expectSameNodeExports(client, peer);
  await expectSameFinished(client, peer);
  await exchangeWithNode(client, peer);
  keys.expectSame();
});

asServer("exporter and key log are the same", async (meet) => {
  const keys = keyLogs();
  const { server, peer } = await meet({ onKeyLog: keys.ours });
  peer.socket.on("keylog", keys.theirs);
  await server.untilComplete();
  await expectSameNodeExports(server, peer);
  await expectSameFinished(server, peer);
  await exchangeWithNode(server, peer);
  keys.expectSame();
});

asClient("1 MiB both ways at once", async (meet) => {
  const { client, peer } = await meet();
  await client.untilComplete();
  await exchangeMuch(client, peer);
});

asServer("1 MiB both ways at once", async (meet) => {
  const { server, peer } = await meet();
  await server.untilComplete();
  await exchangeMuch(server, peer);
});

asClient("close_notify: theirs first", async (meet) => {
  const { client, peer } = await meet();
  client.write("ping");
  await peer.untilReceived("ping");
  peer.socket.end("last words");
  expect((await client.untilClosed()).kind).toBe("clean");
  expect(client.received.toString()).toBe("last words");
  await client.close();
  expect(await peer.untilOver()).toBeUndefined();
});

asServer("close_notify: theirs first", async (meet) => {
  const { server, peer } = await meet();
  await server.untilComplete();
  peer.socket.end("last words");
  expect((await server.untilClosed()).kind).toBe("clean");
  expect(server.received.toString()).toBe("last words");
  await server.close();
  expect(await peer.untilOver()).toBeUndefined();
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
  const about = { certificate: kind, feature: "STARTTLS (SMTP)" } as const;
  const issued = authority.server(kind);

  row({ ...toServer, ...about }, undefined, async (scope) => {
    const { port, upgraded } = await startNodeStartTls(scope, issued, tls12);
    const client = await connect(scope, port);
    await requestStartTls(client);
    client.upgrade(clientFor(issued));
    await exchangeWithNode(client, await upgraded());
    expect(client.info.version).toBe("TLSv1.2");
  });

  row({ ...toClient, ...about }, undefined, async (scope) => {
    const listener = await listen(scope);
    const asking = requestNodeStartTls(scope, authority, listener.port, tls12);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(issued));
    await exchangeWithNode(server, await asking);
    expect(server.info.version).toBe("TLSv1.2");
  });
}

/** In a full handshake `tls-unique` is the client's Finished. RFC 5929 §3.1. */
async function expectSameFinished(own: Driver, peer: NodePeer): Promise<void> {
  await peer.untilSecure();
  const isClient = own.info.role === "server";
  const theirs = isClient ? peer.socket.getFinished() : peer.socket.getPeerFinished();
  expect(theirs?.equals(own.engine.channelBinding("tls-unique"))).toBe(true);
}

function keyLogs(): {
  readonly ours: (line: string) => void;
  readonly theirs: (line: Buffer) => void;
  expectSame(): void;
} {
  const ours: string[] = [];
  const theirs: string[] = [];
  return {
    ours: (line) => ours.push(line),
    theirs: (line) => theirs.push(line.toString("latin1").trimEnd()),
    expectSame: () => {
      expect(ours).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
      expect(ours).toEqual(theirs);
    },
  };
}

async function exchangeMuch(own: Driver, peer: NodePeer): Promise<void> {
  const data = patterned(2 ** 20);
  peer.socket.write(data);
  own.write(data);
  await own.until("1 MiB", () => own.receivedLength >= data.length);
  await peer.until("1 MiB", () => peer.receivedLength >= data.length);
  expect(own.received.equals(data)).toBe(true);
  expect(peer.received.equals(data)).toBe(true);
  expect((await own.close()).kind).toBe("clean");
}
