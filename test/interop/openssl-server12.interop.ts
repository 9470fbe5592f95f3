import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import type { ClientOptions, PresentedPeer } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  exchangeWithServer,
  KEYING_MATERIAL,
  OCSP_TRY_LATER,
  only12 as theirOnly12,
  opensslLacks,
  type OpensslServer,
  opensslSuite12,
  startServer,
  withoutExtendedMainSecret,
} from "./peers/openssl.ts";
import { clientFor, patterned, row } from "./rows.ts";
import {
  AgreedExtensions,
  combinations12,
  expectAgreement12,
  featureOf,
  only12,
  type Suite12,
} from "./rows12.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_server", we: "client", version: "TLSv1.2" } as const;
const withoutEms = withoutExtendedMainSecret(authority.folder);

/** A row about a feature that does not depend on suite, group and certificate. */
function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** Our client, which would talk TLS 1.3 too, connected to a new s_server that has only TLS 1.2. */
async function meet(
  scope: Scope,
  args: readonly string[] = [],
  options: Partial<ClientOptions> = {},
  env: Record<string, string> = {},
): Promise<OpensslServer & { readonly client: Driver }> {
  const server = await startServer(scope, authority, certificate, ["-tls1_2", ...args], env);
  return { ...server, client: await connect(scope, server.port, clientFor(certificate, options)) };
}

for (const combination of combinations12()) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const place = { ...about, suite, group, certificate: kind, feature: featureOf(combination) };
  row(place, opensslLacks({}), async (scope) => {
    const issued = authority.server(kind);
    const agreed = new AgreedExtensions();
    const server = await startServer(scope, authority, issued, ["-tls1_2", ...theirOnly12(combination)]);
    const config = clientFor(issued, { ...only12(combination), onMessage: agreed.onMessage });
    const client = await connect(scope, server.port, config);
    expectAgreement12(await client.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithServer(client, server.peer);
  });
}

feature("defaults of both sides", async (scope) => {
  const { client, peer } = await meet(scope);
  expect(await client.untilComplete()).toMatchObject({
    version: "TLSv1.2",
    extendedMainSecret: true,
    helloRetried: false,
    resumed: false,
  });
  await exchangeWithServer(client, peer);
});

feature("no extended main secret", async (scope) => {
  const { client, peer } = await meet(scope, [], {}, withoutEms);
  expect((await client.untilComplete()).extendedMainSecret).toBe(false);
  expect(() => client.engine.channelBinding("tls-exporter")).toThrow(/extended main secret/);
  await exchangeWithServer(client, peer);
});

feature("no extended main secret, and we require it", async (scope) => {
  const { client, peer } = await meet(scope, [], { requireExtendedMainSecret: true }, withoutEms);
  expect(await client.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});

feature("extended main secret, and we require it", async (scope) => {
  const { client, peer } = await meet(scope, [], { requireExtendedMainSecret: true });
  expect((await client.untilComplete()).extendedMainSecret).toBe(true);
  await exchangeWithServer(client, peer);
});

feature("no cipher suite in common", async (scope) => {
  const { client } = await meet(scope, ["-cipher", "AES128-SHA"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
});

feature("CBC suites are not offered by default", async (scope) => {
  const { client } = await meet(scope, ["-cipher", "ECDHE-ECDSA-AES128-SHA"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
});

feature("ALPN: the server's choice", async (scope) => {
  const { client, peer } = await meet(scope, ["-alpn", "b,a"], { alpn: ["c", "a", "b"] });
  expect((await client.untilComplete()).alpn).toBe("b");
  await peer.untilPrinted(/ALPN protocols selected: b/);
  await exchangeWithServer(client, peer);
});

feature("ALPN: none in common", async (scope) => {
  const { client } = await meet(scope, ["-alpn", "a"], { alpn: ["b"] });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "no_application_protocol" });
});

feature("ALPN: they do not know it", async (scope) => {
  const { client, peer } = await meet(scope, [], { alpn: ["b"] });
  expect((await client.untilComplete()).alpn).toBeNull();
  await exchangeWithServer(client, peer);
});

feature("SNI chooses the certificate", async (scope) => {
  const { second } = authority;
  const args = ["-tls1_2", "-servername", "second.test", "-cert2", second.leafFile, "-key2", second.keyFile];
  const { peer, port } = await startServer(scope, authority, certificate, args);
  const client = await connect(scope, port, clientFor(second, { serverName: "second.test" }));
  await client.untilComplete();
  await peer.untilPrinted(/Hostname in TLS extension: "second\.test"/);
  expect((await client.close()).kind).toBe("clean");
});

feature("SNI is refused", async (scope) => {
  const { second } = authority;
  const args = ["-servername", "second.test", "-cert2", second.leafFile, "-key2", second.keyFile];
  const { client } = await meet(scope, [...args, "-servername_fatal"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "unrecognized_name" });
});

feature("SNI is warned about", async (scope) => {
  const { second } = authority;
  const args = ["-servername", "second.test", "-cert2", second.leafFile, "-key2", second.keyFile];
  const { client, peer } = await meet(scope, args);
  await client.untilComplete();
  expect(client.eventsOf("warning-alert")).toMatchObject([{ alert: "unrecognized_name" }]);
  await exchangeWithServer(client, peer);
});

feature("we refuse the certificate", async (scope) => {
  const { peer, port } = await startServer(scope, authority, certificate, ["-tls1_2"]);
  const client = await connect(scope, port, clientFor(authority.second));
  expect(await client.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_unknown" });
  await peer.untilPrinted(/alert certificate unknown/);
});

for (const scheme of ["rsa_pkcs1_sha256", "rsa_pkcs1_sha512", "rsa_pss_rsae_sha384"]) {
  feature(`signature_algorithms leaves ${scheme}`, async (scope) => {
    const issued = authority.server("rsa-2048");
    const { peer, port } = await startServer(scope, authority, issued, ["-tls1_2"]);
    const options = { signatureSchemes: [scheme, "ecdsa_secp256r1_sha256"] };
    const client = await connect(scope, port, clientFor(issued, options));
    expect((await client.untilComplete()).peerSignatureScheme).toBe(scheme);
    await exchangeWithServer(client, peer);
  });
}

const requests = ["-CAfile", authority.rootFile, "-verify_return_error"];
const clientKinds = [
  "ecdsa-p256",
  "rsa-2048",
  "ed25519",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-pss-2048",
] as const;

for (const kind of clientKinds) {
  feature(`client certificate required, ${kind}`, async (scope) => {
    const clientCredential = authority.client(kind).credential;
    const { client, peer } = await meet(scope, [...requests, "-Verify", "3"], { clientCredential });
    await client.untilComplete();
    await peer.untilPrinted(new RegExp(`subject=.*client-${kind}`));
    await exchangeWithServer(client, peer);
  });
}

feature("client certificate required, one scheme accepted", async (scope) => {
  const clientCredential = authority.client("rsa-2048").credential;
  const args = [...requests, "-Verify", "3", "-client_sigalgs", "RSA+SHA512:ECDSA+SHA256"];
  const { client, peer } = await meet(scope, args, { clientCredential });
  await client.untilComplete();
  await peer.untilPrinted(/Peer signing digest: SHA512\nPeer signature type: RSA\n/);
  await exchangeWithServer(client, peer);
});

feature("client certificate without extended main secret", async (scope) => {
  const clientCredential = authority.client("ecdsa-p384").credential;
  const args = [...requests, "-Verify", "3"];
  const { client, peer } = await meet(scope, args, { clientCredential }, withoutEms);
  expect((await client.untilComplete()).extendedMainSecret).toBe(false);
  await exchangeWithServer(client, peer);
});

feature("client certificate requested, and given", async (scope) => {
  const clientCredential = authority.client("ecdsa-p256").credential;
  const { client, peer } = await meet(scope, [...requests, "-verify", "3"], { clientCredential });
  await client.untilComplete();
  await peer.untilPrinted(/subject=.*client-ecdsa-p256/);
  await exchangeWithServer(client, peer);
});

feature("client certificate requested, none given", async (scope) => {
  const { client, peer } = await meet(scope, [...requests, "-verify", "3"]);
  await client.untilComplete();
  await exchangeWithServer(client, peer);
});

feature("client certificate required, none given", async (scope) => {
  const { client } = await meet(scope, [...requests, "-Verify", "3"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
});

feature("client certificate chosen by the authorities that are named", async (scope) => {
  const { credential } = authority.client("ecdsa-p256");
  const seen: string[] = [];
  const { client, peer } = await meet(scope, [...requests, "-Verify", "3"], {
    clientCredential: async ({ authorities, signatureSchemes }) => {
      seen.push(...authorities.map((name) => Buffer.from(name).toString("latin1")));
      return signatureSchemes.includes(0x0403) ? credential : null;
    },
  });
  await exchangeWithServer(client, peer);
  expect(seen).toEqual([expect.stringContaining("tls-engine interop root")]);
});

feature("stapled OCSP response", async (scope) => {
  const file = join(authority.folder, "ocsp.der");
  writeFileSync(file, OCSP_TRY_LATER);
  const seen: PresentedPeer[] = [];
  const { client, peer } = await meet(scope, ["-status_file", file], {
    trust: {
      verify: (peer) => {
        seen.push(peer);
        return { trust: "verified" };
      },
    },
  });
  await exchangeWithServer(client, peer);
  expect(seen[0]?.ocspResponse).toEqual(OCSP_TRY_LATER);
  expect(seen[0]?.chain).toHaveLength(2);
});

for (const extended of [true, false]) {
  feature(
    `exporter and key log are the same${extended ? "" : ", no extended main secret"}`,
    async (scope) => {
      const file = join(authority.folder, `server-keys-${extended}.log`);
      const label = "EXPORTER-interop";
      const ours: string[] = [];
      const args = ["-keylogfile", file, "-keymatexport", label, "-keymatexportlen", "50"];
      const options = { onKeyLog: (line: string) => ours.push(line) };
      const { client, peer } = await meet(scope, args, options, extended ? {} : withoutEms);
      expect((await client.untilComplete()).extendedMainSecret).toBe(extended);
      const [, theirs] = await peer.untilPrinted(KEYING_MATERIAL);
      // It exports without a context, which in TLS 1.2 differs from an empty one.
      const exported = client.engine.exportKeyingMaterial(label, null, 50);
      expect(Buffer.from(exported).toString("hex").toUpperCase()).toBe(theirs);
      await exchangeWithServer(client, peer);
      expect(ours).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
      expect(ours).toEqual(keyLogLines(file));
    },
  );
}

feature("records of 512 bytes, handshake included", async (scope) => {
  const { client, peer } = await meet(scope, ["-max_send_frag", "512", "-split_send_frag", "512"]);
  await client.untilComplete();
  const line = `${"x".repeat(6000)}\n`;
  peer.write(line);
  await client.untilReceived(line);
  await exchangeWithServer(client, peer);
});

const bulkSuites: readonly (readonly [Suite12, string, readonly string[]])[] = [
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "", []],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", ", encrypt-then-MAC", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", ", MAC-then-encrypt", ["-no_etm"]],
];
for (const [suite, mode, args] of bulkSuites) {
  row({ ...about, suite, feature: `1 MiB each way${mode}` }, opensslLacks({}), async (scope) => {
    const theirs = ["-cipher", opensslSuite12(suite), ...args];
    const { client, peer } = await meet(scope, theirs, { cipherSuites: [suite] });
    await client.untilComplete();
    const data = patterned(2 ** 20);
    client.write(data);
    await peer.until("1 MiB", () => peer.stdoutLength >= data.length && peer.stdout.includes(data));
    peer.write(data);
    await client.until("1 MiB", () => client.receivedLength >= data.length);
    expect(client.received.equals(data)).toBe(true);
    expect((await client.close()).kind).toBe("clean");
  });
}

feature("close_notify: theirs first", async (scope) => {
  const { client } = await meet(scope, ["-www"]);
  client.write("GET / HTTP/1.0\r\n\r\n");
  expect((await client.untilClosed()).kind).toBe("clean");
  expect(client.received.toString("latin1")).toMatch(/^HTTP\/1\.0 200 [^]+<\/html>\s*$/i);
  expect(client.engine.writeState).toBe("open");
  await client.close();
});

feature("truncation: killed", async (scope) => {
  const { client, peer } = await meet(scope);
  await client.untilComplete();
  client.write("ping\n");
  await peer.untilPrinted(/ping/);
  peer.kill();
  expect((await client.untilClosed()).kind).toBe("truncated");
});
