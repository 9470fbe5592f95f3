import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  credential,
  pinned,
  type PresentedPeer,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsOnly12,
  gnutlsServerLacks,
  gnutlsSuite12,
  meetGnutlsClient,
  meetGnutlsServer,
  priority12,
  startGnutlsClient,
} from "./peers/gnutls.ts";
import { OCSP_TRY_LATER } from "./peers/openssl.ts";
import type { Peer } from "./process.ts";
import { clientFor, patterned, row, serverWith } from "./rows.ts";
import {
  AgreedExtensions,
  combinations12,
  expectAgreement12,
  featureOf,
  only12,
  type Suite12,
} from "./rows12.ts";
import { answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "gnutls-serv", we: "client", version: "TLSv1.2" } as const;
const asServer = { peer: "gnutls-cli", we: "server", version: "TLSv1.2" } as const;
const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});

/** Our client, and a new gnutls-serv that has what `priority` leaves of TLS 1.2. */
function meetServer(
  scope: Scope,
  priority: readonly string[] = [],
  theirs: readonly string[] = [],
  ours: Partial<ClientOptions> = {},
  issued = certificate,
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const args = [priority12(...priority), ...theirs];
  return meetGnutlsServer(scope, shim, issued, args, clientFor(issued, ours));
}

/** A new gnutls-cli that has what `priority` leaves of TLS 1.2, and a server of ours. */
function meetClient(
  scope: Scope,
  priority: readonly string[] = [],
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const args = [priority12(...priority), ...theirs];
  return meetGnutlsClient(scope, authority, args, serverWith(issued, ours));
}

for (const combination of combinations12()) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const place = { suite, group, certificate: kind, feature: featureOf(combination) };
  const theirs = gnutlsOnly12(combination);
  row({ ...asClient, ...place }, noServer, async (scope) => {
    const issued = authority.server(kind);
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const { client } = await meetServer(scope, theirs, ["--disable-client-cert"], ours, issued);
    expectAgreement12(await client.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await echoAndClose(client);
  });
  row({ ...asServer, ...place }, noClient, async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const { server, peer } = await meetClient(scope, theirs, [], ours, authority.server(kind));
    expectAgreement12(await server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeAndClose(server, peer);
    expect(peer.output).toContain("The certificate is trusted");
  });
}

row({ ...asClient, feature: "defaults of both sides" }, noServer, async (scope) => {
  const { client } = await meetServer(scope);
  const info = await client.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, resumed: false });
  await echoAndClose(client);
});

row({ ...asServer, feature: "defaults of both sides" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope);
  const info = await server.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, resumed: false });
  await exchangeAndClose(server, peer);
  expect(peer.output).toContain("Options: extended master secret, safe renegotiation,");
});

row({ ...asClient, feature: "no extended main secret" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["%NO_SESSION_HASH"]);
  expect((await client.untilComplete()).extendedMainSecret).toBe(false);
  await echoAndClose(client);
});

row({ ...asServer, feature: "no extended main secret" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, ["%NO_SESSION_HASH"]);
  expect((await server.untilComplete()).extendedMainSecret).toBe(false);
  await exchangeAndClose(server, peer);
});

const noEms = "no extended main secret, and we require it";
row({ ...asClient, feature: noEms }, noServer, async (scope) => {
  const { client, peer } = await meetServer(scope, ["%NO_SESSION_HASH"], [], {
    requireExtendedMainSecret: true,
  });
  expect(await client.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/A TLS fatal alert has been received/);
});

row({ ...asServer, feature: noEms }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, ["%NO_SESSION_HASH"], [], {
    requireExtendedMainSecret: true,
  });
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/Received alert \[40\]/);
});

row({ ...asClient, feature: "no renegotiation_info" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["%DISABLE_SAFE_RENEGOTIATION"]);
  expect(await client.untilClosed()).toMatchObject({
    alertSent: "handshake_failure",
    error: { message: expect.stringContaining("renegotiation_info") },
  });
});

row({ ...asClient, feature: "no renegotiation_info, and we allow that" }, noServer, async (scope) => {
  const ours = { dangerouslyAllowServerWithoutRenegotiationInfo: true };
  const { client } = await meetServer(scope, ["%DISABLE_SAFE_RENEGOTIATION"], [], ours);
  await client.untilComplete();
  await echoAndClose(client);
});

row({ ...asServer, feature: "no renegotiation_info" }, noClient, async (scope) => {
  const agreed = new AgreedExtensions();
  const ours = { onMessage: agreed.onMessage };
  const { server, peer } = await meetClient(scope, ["%DISABLE_SAFE_RENEGOTIATION"], [], ours);
  await exchangeAndClose(server, peer);
  expect(agreed.types).not.toContain(0xff01);
});

row({ ...asServer, feature: "no extensions at all" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, ["%NO_EXTENSIONS"]);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/Received alert \[40\]/);
});

row(
  { ...asServer, feature: "no cipher suite in common: the error names theirs" },
  noClient,
  async (scope) => {
    const { server, peer } = await meetClient(scope, ["-KX-ALL", "+RSA", "+DHE-RSA"]);
    expect(await server.untilClosed()).toMatchObject({
      alertSent: "handshake_failure",
      error: { message: expect.stringMatching(/no cipher suite in common: .*TLS_RSA_WITH_AES_128_CBC_SHA/) },
    });
    await peer.untilPrinted(/Received alert \[40\]/);
  },
);

row({ ...asClient, feature: "no cipher suite in common" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["-KX-ALL", "+RSA", "+DHE-RSA"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
});

row({ ...asClient, feature: "ALPN and SNI" }, noServer, async (scope) => {
  const theirs = ["--alpn=b", "--alpn=a", "--sni-hostname=localhost", "--sni-hostname-fatal"];
  const { client, peer } = await meetServer(scope, [], theirs, { alpn: ["c", "a"] });
  expect((await client.untilComplete()).alpn).toBe("a");
  await peer.untilPrinted(/Application protocol: a/);
  await echoAndClose(client);
});

row({ ...asClient, feature: "SNI is refused" }, noServer, async (scope) => {
  const theirs = ["--sni-hostname=second.test", "--sni-hostname-fatal"];
  const { client } = await meetServer(scope, [], theirs);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "unrecognized_name" });
});

row({ ...asServer, feature: "ALPN and SNI" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, [], ["--alpn=a", "--alpn=b"], { alpn: ["b"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/Application protocol: b/);
  await exchangeAndClose(server, peer);
});

row({ ...asServer, feature: "they refuse the certificate" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, [], [], {}, authority.second);
  await server.untilClosed();
  await peer.untilPrinted(/The name in the certificate does not match the expected/);
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
  const feature = `client certificate required, ${kind}`;
  row({ ...asClient, feature }, noServer, async (scope) => {
    const theirs = ["--require-client-cert", "--verify-client-cert", `--x509cafile=${authority.rootFile}`];
    const { client, peer } = await meetServer(scope, [], theirs, { clientCredential: own.credential });
    await client.untilComplete();
    await peer.untilPrinted(new RegExp(`Subject: CN=client-${kind}\\b`));
    await echoAndClose(client);
  });
  row({ ...asServer, feature }, noClient, async (scope) => {
    const theirs = [`--x509certfile=${own.chainFile}`, `--x509keyfile=${own.keyFile}`];
    const ours = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } } as const;
    const { server, peer } = await meetClient(scope, [], theirs, ours);
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await exchangeAndClose(server, peer);
  });
}

row({ ...asClient, feature: "client certificate requested, none given" }, noServer, async (scope) => {
  const { client } = await meetServer(scope);
  await echoAndClose(client);
});

row({ ...asClient, feature: "client certificate required, none given" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, [], ["--require-client-cert"]);
  expect((await client.untilClosed()).kind).toBe("alert");
});

row({ ...asServer, feature: "client certificate requested, none given" }, noClient, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours = { clientAuth: { mode: "request", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meetClient(scope, [], [], ours);
  expect((await server.untilComplete()).peer.kind).toBe("none");
  await exchangeAndClose(server, peer);
});

row({ ...asServer, feature: "client certificate required, none given" }, noClient, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meetClient(scope, [], [], ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/Received alert \[40\]/);
});

row({ ...asClient, feature: "stapled OCSP response" }, noServer, async (scope) => {
  const file = join(authority.folder, "gnutls-staple.der");
  writeFileSync(file, OCSP_TRY_LATER);
  const seen: PresentedPeer[] = [];
  const theirs = [`--ocsp-response=${file}`, "--ignore-ocsp-response-errors"];
  const { client } = await meetServer(scope, [], theirs, {
    trust: {
      verify: (peer) => {
        seen.push(peer);
        return { trust: "verified" };
      },
    },
  });
  await echoAndClose(client);
  expect(seen[0]?.ocspResponse).toEqual(OCSP_TRY_LATER);
});

row({ ...asServer, feature: "stapled OCSP response" }, noClient, async (scope) => {
  const { chainPem, keyPem } = certificate;
  const own = credential({ certificateChain: chainPem, key: keyPem, ocspResponse: OCSP_TRY_LATER });
  const file = join(authority.folder, "gnutls-received.der");
  const { server, peer } = await meetClient(
    scope,
    [],
    ["--insecure", "--no-ca-verification", `--save-ocsp=${file}`],
    { credentials: [own] },
  );
  await exchangeAndClose(server, peer);
  expect(new Uint8Array(readFileSync(file))).toEqual(OCSP_TRY_LATER);
});

row({ ...asServer, feature: "extensions that we do not do" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, [], ["--compress-cert=zlib", "--heartbeat"]);
  await exchangeAndClose(server, peer);
});

const bulkSuites: readonly (readonly [Suite12, string, readonly string[]])[] = [
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", ", encrypt-then-MAC", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", ", MAC-then-encrypt", ["%NO_ETM"]],
];
for (const [suite, mode, flags] of bulkSuites) {
  row({ ...asServer, suite, feature: `256 KiB each way${mode}` }, noClient, async (scope) => {
    const priority = [...gnutlsSuite12(suite), ...flags];
    const { server, peer } = await meetClient(scope, priority, [], { cipherSuites: [suite] });
    await peer.untilPrinted(/Handshake was completed/);
    const digits = patterned(2 ** 18).toString("latin1");
    const data = Buffer.from(digits.replace(/.{64}/g, "$&\n"));
    peer.write(data);
    await server.until("256 KiB", () => server.receivedLength >= data.length);
    expect(server.take().equals(data)).toBe(true);
    server.write(data);
    await peer.until("256 KiB", () => peer.stdoutLength >= data.length && peer.stdout.includes(data));
    await exchangeAndClose(server, peer);
  });
}

row({ ...asServer, feature: "truncation: killed" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope);
  await peer.untilPrinted(/Handshake was completed/);
  peer.kill();
  expect((await server.untilClosed()).kind).toBe("truncated");
});

row({ ...asServer, feature: "STARTTLS (SMTP)" }, noClient, async (scope) => {
  const listener = await listen(scope);
  const args = [priority12(), "--starttls-proto=smtp"];
  const peer = startGnutlsClient(scope, authority, listener.port, args);
  const server = await listener.accept();
  await answerStartTls(server, serverWith(certificate));
  await exchangeAndClose(server, peer);
  expect(server.info.version).toBe("TLSv1.2");
});
