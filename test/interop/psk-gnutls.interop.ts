import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  type ExternalPsk,
  externalPsk,
  type PskMode,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import type { Driver } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  expectSameExport,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
} from "./peers/gnutls.ts";
import type { Peer } from "./process.ts";
import { SeenMessages } from "./resumption13.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Pre-shared keys that both sides are told of, with GnuTLS, which has them for SHA-256.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});
const shim = noServer === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "gnutls-serv", we: "client" } as const;
const asServer = { peer: "gnutls-cli", we: "server" } as const;

const key = randomBytes(32);
const name = "interop";
const psk = externalPsk({ identity: Buffer.from(name), key });
const byPsk = { version: "TLSv1.3", resumed: false, peer: { kind: "psk", identity: psk.identity } } as const;
const sha256 = { cipherSuites: ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"] };

/** A priority string with these ways of key exchange, and those with certificates. */
function pskPriority(...ways: readonly ("PSK" | "ECDHE-PSK")[]): string {
  const parts = ["NORMAL", "-VERS-ALL", "+VERS-TLS1.3", ...ways.map((way) => `+${way}`)];
  return `--priority=${parts.join(":")}`;
}

const label = "EXPORTER-interop";
const exporting = [`--keymatexport=${label}`, "--keymatexportsize=40"];

/** Our client, and a new gnutls-serv that knows one key. */
async function meetServer(
  scope: Scope,
  ways: string,
  ours: Partial<ClientOptions> = {},
  known = { name, key },
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const file = join(authority.folder, `${randomBytes(4).toString("hex")}.psk`);
  writeFileSync(file, `${known.name}:${known.key.toString("hex")}\n`);
  const theirs = [ways, `--pskpasswd=${file}`, ...exporting];
  const config = clientFor(certificate, { ...sha256, externalPsks: [psk], ...ours });
  return await meetGnutlsServer(scope, shim, certificate, theirs, config);
}

/** A new gnutls-cli that has one key, and our server. */
function meetClient(
  scope: Scope,
  ways: string,
  ours: Partial<ServerOptions> = {},
  has = { name, key },
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const theirs = [ways, `--pskusername=${has.name}`, `--pskkey=${has.key.toString("hex")}`, ...exporting];
  const findPsk = (identity: Uint8Array): ExternalPsk | null =>
    Buffer.from(identity).toString() === name ? psk : null;
  return meetGnutlsClient(scope, authority, theirs, serverWith(certificate, { ...sha256, findPsk, ...ours }));
}

const ways: readonly (readonly [
  feature: string,
  theirs: string,
  ours: readonly PskMode[],
  group: string | null,
])[] = [
  ["psk_dhe_ke", pskPriority("ECDHE-PSK"), ["psk_dhe_ke"], "x25519"],
  ["psk_ke", pskPriority("PSK"), ["psk_ke"], null],
  ["they have both modes, we psk_dhe_ke", pskPriority("PSK", "ECDHE-PSK"), ["psk_dhe_ke"], "x25519"],
  ["they have both modes, we psk_ke", pskPriority("PSK", "ECDHE-PSK"), ["psk_ke"], null],
];

for (const [feature, theirs, pskModes, group] of ways) {
  const place = { feature: `external PSK, ${feature}: no certificates, same export` };
  const groups = { groups: ["x25519", "secp256r1"] };
  row({ ...asClient, ...place }, noServer, async (scope) => {
    const seen = new SeenMessages();
    const { client, peer } = await meetServer(scope, theirs, {
      ...groups,
      pskModes,
      onMessage: seen.onMessage,
    });
    const info = await client.untilComplete();
    expect(info).toMatchObject({ ...byPsk, group });
    seen.expectAsTold(info);
    await expectSameExport(client, peer, label);
    await peer.untilPrinted(/PSK authentication. Connected as 'interop'/);
    await echoAndClose(client);
  });
  row({ ...asServer, ...place }, noClient, async (scope) => {
    const seen = new SeenMessages();
    const { server, peer } = await meetClient(scope, theirs, {
      ...groups,
      pskModes,
      onMessage: seen.onMessage,
    });
    const info = await server.untilComplete();
    expect(info).toMatchObject({ ...byPsk, group });
    seen.expectAsTold(info);
    await expectSameExport(server, peer, label);
    await exchangeAndClose(server, peer);
  });
}

const dhe = pskPriority("ECDHE-PSK");

row(
  { ...asClient, group: "secp384r1", feature: "external PSK, HelloRetryRequest" },
  noServer,
  async (scope) => {
    const theirs = `${dhe}:-GROUP-ALL:+GROUP-SECP384R1`;
    const { client } = await meetServer(scope, theirs, { keyShares: ["x25519"] });
    expect(await client.untilComplete()).toMatchObject({ ...byPsk, helloRetried: true, group: "secp384r1" });
    await echoAndClose(client);
  },
);

row(
  { ...asServer, group: "secp384r1", feature: "external PSK, HelloRetryRequest and cookie" },
  noClient,
  async (scope) => {
    const { server, peer } = await meetClient(scope, dhe, { groups: ["secp384r1"], helloRetryCookie: true });
    expect(await server.untilComplete()).toMatchObject({ ...byPsk, helloRetried: true, group: "secp384r1" });
    await exchangeAndClose(server, peer);
  },
);

row({ ...asClient, feature: "external PSK: another key" }, noServer, async (scope) => {
  const { client, peer } = await meetServer(scope, dhe, {}, { name, key: randomBytes(32) });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  await peer.untilPrinted(/Error in handshake/);
});

row({ ...asServer, feature: "external PSK: another key" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, dhe, {}, { name, key: randomBytes(32) });
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "decrypt_error" });
  await peer.untilPrinted(/Received alert \[51\]: Decrypt error/);
});

// GnuTLS makes up a key for an identity that it does not know, where RFC 8446 §4.2.11 has it go on without one.
row({ ...asClient, feature: "external PSK: an identity that they do not know" }, noServer, async (scope) => {
  const { client, peer } = await meetServer(scope, dhe, {}, { name: "somebody", key });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  await peer.untilPrinted(/Error in handshake/);
});

row(
  { ...asServer, feature: "external PSK: an identity that we do not know, and we show a certificate" },
  noClient,
  async (scope) => {
    const { server, peer } = await meetClient(scope, dhe, {}, { name: "somebody", key });
    expect(await server.untilComplete()).toMatchObject({ resumed: false, peer: { kind: "none" } });
    await exchangeAndClose(server, peer);
    expect(peer.output).toContain("The certificate is trusted");
  },
);

row(
  { ...asServer, feature: "external PSK: an identity that we do not know, and we have no certificate" },
  noClient,
  async (scope) => {
    const { server, peer } = await meetClient(scope, dhe, { credentials: [] }, { name: "somebody", key });
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
    await peer.untilPrinted(/Received alert \[40\]: Handshake failed/);
  },
);

// GnuTLS does not go back to certificates when it knows the identity.
row({ ...asClient, feature: "external PSK: their suite has another hash" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, `${dhe}:-CIPHER-ALL:+AES-256-GCM`, {
    cipherSuites: ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"],
  });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
});

row({ ...asServer, feature: "external PSK: our suite has another hash" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, dhe, { cipherSuites: ["TLS_AES_256_GCM_SHA384"] });
  expect(await server.untilComplete()).toMatchObject({ resumed: false, peer: { kind: "none" } });
  await exchangeAndClose(server, peer);
});
