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
  only,
  opensslLacks,
  type OpensslServer,
  startServer,
} from "./peers/openssl.ts";
import { clientFor, combinations, expectAgreement, patterned, rareCertificates, row } from "./rows.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_server", we: "client" } as const;

/** A row about a feature that does not depend on suite, group and certificate. */
function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** Our client, connected to a new s_server. */
async function meet(
  scope: Scope,
  args: readonly string[],
  options: Partial<ClientOptions> = {},
): Promise<OpensslServer & { readonly client: Driver }> {
  const server = await startServer(scope, authority, certificate, args);
  return { ...server, client: await connect(scope, server.port, clientFor(certificate, options)) };
}

for (const combination of combinations()) {
  row({ ...about, ...combination, feature: "data both ways" }, opensslLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const { group, suite } = combination;
    const server = await startServer(scope, authority, issued, only(combination));
    const options = { cipherSuites: [suite], groups: [group] };
    const client = await connect(scope, server.port, clientFor(issued, options));
    expectAgreement(await client.untilComplete(), combination);
    await exchangeWithServer(client, server.peer);
  });
}

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

feature("SNI chooses the certificate", async (scope) => {
  const { second } = authority;
  const args = ["-servername", "second.test", "-cert2", second.leafFile, "-key2", second.keyFile];
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

feature("we refuse the certificate", async (scope) => {
  const { peer, port } = await startServer(scope, authority, certificate);
  const client = await connect(scope, port, clientFor(authority.second));
  expect(await client.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_unknown" });
  await peer.untilPrinted(/alert certificate unknown/);
});

feature("signature_algorithms leaves one scheme", async (scope) => {
  const issued = authority.server("rsa-2048");
  const { peer, port } = await startServer(scope, authority, issued);
  const options = { signatureSchemes: ["rsa_pss_rsae_sha384", "ecdsa_secp256r1_sha256"] };
  const client = await connect(scope, port, clientFor(issued, options));
  expect((await client.untilComplete()).peerSignatureScheme).toBe("rsa_pss_rsae_sha384");
  await exchangeWithServer(client, peer);
});

const requests = ["-CAfile", authority.rootFile, "-verify_return_error"];

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519", ...rareCertificates] as const) {
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
  const args = [...requests, "-Verify", "3", "-client_sigalgs", "rsa_pss_rsae_sha512:ECDSA+SHA256"];
  const { client, peer } = await meet(scope, args, { clientCredential });
  await client.untilComplete();
  await peer.untilPrinted(/Peer signing digest: SHA512/);
  await exchangeWithServer(client, peer);
});

feature("client certificate requested, none given", async (scope) => {
  const { client, peer } = await meet(scope, [...requests, "-verify", "3"]);
  await exchangeWithServer(client, peer);
});

feature("client certificate required, none given", async (scope) => {
  const { client } = await meet(scope, [...requests, "-Verify", "3"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_required" });
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

feature("HelloRetryRequest: another group", async (scope) => {
  const { client, peer } = await meet(scope, ["-groups", "P-521"]);
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp521r1" });
  await exchangeWithServer(client, peer);
});

// Behind its stateless HelloRetryRequest s_server does not take a ChangeCipherSpec, from s_client neither.
const stateless = { middleboxCompatibility: false };

feature("HelloRetryRequest: a cookie", async (scope) => {
  const { client, peer } = await meet(scope, ["-stateless"], { ...stateless, groups: ["x25519"] });
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "x25519" });
  await exchangeWithServer(client, peer);
});

feature("HelloRetryRequest: another group and a cookie", async (scope) => {
  const { client, peer } = await meet(scope, ["-stateless", "-groups", "P-384"], stateless);
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp384r1" });
  await exchangeWithServer(client, peer);
});

feature("HelloRetryRequest without middlebox compatibility", async (scope) => {
  const options = { middleboxCompatibility: false };
  const { client, peer } = await meet(scope, ["-no_middlebox", "-groups", "P-256"], options);
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp256r1" });
  await exchangeWithServer(client, peer);
});

feature("no middlebox compatibility on either side", async (scope) => {
  const options = { middleboxCompatibility: false };
  const { client, peer } = await meet(scope, ["-no_middlebox"], options);
  await exchangeWithServer(client, peer);
});

feature("KeyUpdate: theirs, with and without a request", async (scope) => {
  const { client, peer } = await meet(scope, []);
  await peer.untilPrinted(/^CIPHER is/m);
  const updates = (): string =>
    client
      .eventsOf("key-update")
      .map(({ direction }) => direction)
      .join();
  peer.write("k\n");
  await client.until("the first KeyUpdate", () => updates() === "read");
  peer.write("K\n");
  await client.until("the second KeyUpdate", () => updates() === "read,read");
  client.write("owed\n");
  await peer.untilPrinted(/owed/);
  expect(updates()).toBe("read,read,write");
  await exchangeWithServer(client, peer);
});

feature("KeyUpdate: ours, with and without a request", async (scope) => {
  const { client, peer } = await meet(scope, []);
  await client.untilComplete();
  client.updateKeys(false);
  client.write("after one\n");
  await peer.untilPrinted(/after one/);
  client.updateKeys(true);
  client.write("after two\n");
  await peer.untilPrinted(/after two/);
  await exchangeWithServer(client, peer);
  expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "write", "read"]);
});

feature("record padding both ways", async (scope) => {
  const options = { recordPadding: (length: number) => 511 - (length % 512) };
  const { client, peer } = await meet(scope, ["-record_padding", "512"], options);
  await exchangeWithServer(client, peer);
});

feature("records of 512 bytes, handshake included", async (scope) => {
  const { client, peer } = await meet(scope, ["-max_send_frag", "512", "-split_send_frag", "512"]);
  await client.untilComplete();
  const line = `${"x".repeat(6000)}\n`;
  peer.write(line);
  await client.untilReceived(line);
  await exchangeWithServer(client, peer);
});

feature("key log is the same", async (scope) => {
  const file = join(authority.folder, "server-keys.log");
  const ours: string[] = [];
  const options = { onKeyLog: (line: string) => ours.push(line) };
  const { client, peer } = await meet(scope, ["-keylogfile", file], options);
  await exchangeWithServer(client, peer);
  expect(ours.sort()).toEqual(keyLogLines(file));
  expect(ours).toHaveLength(5);
});

feature("exporter gives the same", async (scope) => {
  const label = "EXPORTER-interop";
  const { client, peer } = await meet(scope, ["-keymatexport", label, "-keymatexportlen", "50"]);
  await client.untilComplete();
  const [, theirs] = await peer.untilPrinted(KEYING_MATERIAL);
  const ours = client.engine.exportKeyingMaterial(label, new Uint8Array(), 50);
  expect(Buffer.from(ours).toString("hex").toUpperCase()).toBe(theirs);
  await exchangeWithServer(client, peer);
});

for (const count of [2, 4]) {
  feature(`tickets: ${count}`, async (scope) => {
    const { client, peer } = await meet(scope, ["-num_tickets", String(count)]);
    await exchangeWithServer(client, peer);
    const sessions = client.eventsOf("session").map(({ session }) => session);
    expect(sessions).toHaveLength(count);
    expect(new Set(sessions.map(({ ticket }) => Buffer.from(ticket).toString("hex"))).size).toBe(count);
    expect(sessions[0]).toMatchObject({ lifetimeSeconds: 7200, serverName: "localhost" });
    // s_server prints its session when the last ticket is out, with that ticket's PSK in it.
    const [, printed = ""] = /BEGIN SSL SESSION PARAMETERS-----([^-]+)-/.exec(peer.output) ?? [];
    const preSharedKey = Buffer.from(sessions[count - 1]?.preSharedKey ?? []);
    expect(preSharedKey.length).toBeGreaterThanOrEqual(32);
    expect(Buffer.from(printed, "base64").includes(preSharedKey)).toBe(true);
  });
}

feature("4 MiB each way", async (scope) => {
  const { client, peer } = await meet(scope, []);
  await client.untilComplete();
  const data = patterned(4 * 1024 * 1024);
  client.write(data);
  await peer.until("4 MiB", () => peer.stdoutLength >= data.length && peer.stdout.includes(data));
  peer.write(data);
  await client.until("4 MiB", () => client.receivedLength >= data.length);
  expect(client.received.equals(data)).toBe(true);
  expect((await client.close()).kind).toBe("clean");
});

feature("close_notify: theirs first", async (scope) => {
  const { client } = await meet(scope, ["-www"]);
  client.write("GET / HTTP/1.0\r\n\r\n");
  expect((await client.untilClosed()).kind).toBe("clean");
  expect(client.received.toString("latin1")).toMatch(/^HTTP\/1\.0 200 [^]+<\/html>\s*$/i);
  expect(client.engine.writeState).toBe("open");
  await client.close();
});

feature("truncation: their socket closed", async (scope) => {
  const { client, peer } = await meet(scope, []);
  await client.untilComplete();
  await peer.untilPrinted(/^CIPHER is/m);
  peer.write("q\n");
  expect((await client.untilClosed()).kind).toBe("truncated");
});

feature("truncation: killed", async (scope) => {
  const { client, peer } = await meet(scope, []);
  await client.untilComplete();
  client.write("ping\n");
  await peer.untilPrinted(/ping/);
  peer.kill();
  expect((await client.untilClosed()).kind).toBe("truncated");
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
