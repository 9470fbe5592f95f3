import { createHash } from "node:crypto";

import { expect } from "vitest";

import { hex, latin1 } from "../../src/bytes.ts";
import { type ConnectionInfo, nobleProvider } from "../../src/index.ts";
import type { TestKeyType } from "../support/certificates.ts";
import { certificateOf, OCSP_RESPONSE, SCHEMES_OF_TLS12, SCTS } from "./configs12.ts";
import { type Connection12, type Outcome12, speechOf } from "./conversation12.ts";
import type { Exported12 } from "./exported12.ts";
import type { Row12 } from "./matrix12.ts";
import { StoreError } from "./stores.ts";
import { policyAsText, type Side12 } from "./watched12.ts";
import { expectMessages, expectRecordSizes } from "./wire12.ts";

/** Whether both sides have come to what `row` says, in all connections. */
export async function expectAgreement12(row: Row12, { connections, hookErrors }: Outcome12): Promise<void> {
  expect(connections).toHaveLength(row.resumption === "none" ? 1 : 2);
  for (const [i, connection] of connections.entries()) {
    const resumed = i > 0;
    const isLast = i === connections.length - 1;
    for (const role of ["client", "server"] as const) {
      const { early, long, last } = speechOf(role, row, isLast);
      const listener = connection[role === "client" ? "server" : "client"].end;
      expect(latin1(listener.received)).toBe([...early, long, last].join(""));
      expect(listener.closed).toEqual({ kind: "clean" });
      expect(listener.engine.state).toBe("closed");
    }
    await expectInfo(row, connection, resumed);
    await expectSecrets(row, connection, resumed);
    expectMessages(row, connection, resumed);
    await expectPolicies(row, connection);
    if (isLast) expectRecordSizes(row, connection);
  }
  expectNewKeys(connections);
  for (const role of ["client", "server"] as const) {
    const messages = hookErrors[role].map((error) => (error instanceof StoreError ? error.message : error));
    expect(messages, `hook errors of the ${role}`).toEqual(
      failuresOf(row, role).map((failure) => expect.stringMatching(`^${failure}`)),
    );
  }
}

/** How the messages of what fails start, in the order in which it is tried. */
function failuresOf(
  { store, versions, middleboxCompatibility }: Row12,
  role: "client" | "server",
): readonly string[] {
  if (store !== "failing") return [];
  const speaksTls13 = versions === "client also 1.3";
  const asked = {
    client: [
      // Either of the two sessions of TLS 1.3 would do.
      ...(speaksTls13 ? ["cannot take tls13 client .* #0$", "cannot take tls13 client .* #1$"] : []),
      "cannot get tls12 client ",
    ],
    // A session id for middleboxes may be one of TLS 1.2, as far as a server knows.
    server: speaksTls13 && middleboxCompatibility ? ["cannot get tls12 server "] : [],
  };
  return [...asked[role], `cannot put tls12 ${role} `];
}

async function expectInfo(row: Row12, { client, server }: Connection12, resumed: boolean): Promise<void> {
  const shared = {
    version: "TLSv1.2",
    cipherSuite: row.suite,
    group: resumed ? null : row.group,
    alpn: row.alpn === "agreed" ? "http/1.1" : null,
    serverName: "localhost",
    resumed,
    helloRetried: false,
    extendedMainSecret: row.extendedMainSecret,
    earlyDataAccepted: false,
  } satisfies Partial<ConnectionInfo>;
  const schemes = SCHEMES[row.signatureSchemes];
  expect(infoOf(client)).toEqual({
    ...shared,
    role: "client",
    peerSignatureScheme: resumed ? null : schemes[row.certificate],
    peer: {
      kind: "verified",
      certificateType: "x509",
      chain: [hex((await certificateOf("server", row.certificate)).der)],
      path: null,
    },
  });
  const { clientCertificate } = row;
  expect(infoOf(server)).toEqual({
    ...shared,
    role: "server",
    peerSignatureScheme: resumed || clientCertificate === null ? null : schemes[clientCertificate],
    peer:
      clientCertificate === null
        ? { kind: "none" }
        : {
            kind: "verified",
            certificateType: "x509",
            chain: [hex((await certificateOf("client", clientCertificate)).der)],
            path: null,
          },
  });
}

/** Certificates as hexadecimal, which is compared in less time. */
function infoOf({ end }: Side12): unknown {
  const { info } = end.engine;
  const { peer } = info ?? {};
  return peer !== undefined && "chain" in peer
    ? { ...info, peer: { ...peer, chain: peer.chain.map(hex) } }
    : info;
}

/** What each kind of key signs with. */
const SCHEMES: Readonly<Record<Row12["signatureSchemes"], Readonly<Record<TestKeyType, string>>>> = {
  all: {
    "ecdsa-p256": "ecdsa_secp256r1_sha256",
    "ecdsa-p384": "ecdsa_secp384r1_sha384",
    "ecdsa-p521": "ecdsa_secp521r1_sha512",
    ed25519: "ed25519",
    "rsa-2048": "rsa_pss_rsae_sha256",
    "rsa-pss-2048": "rsa_pss_pss_sha256",
  },
  "only in TLS 1.2": {
    "ecdsa-p256": "ecdsa_secp384r1_sha384",
    "ecdsa-p384": "ecdsa_secp384r1_sha384",
    "ecdsa-p521": "ecdsa_secp384r1_sha384",
    ed25519: "ed25519",
    "rsa-2048": "rsa_pkcs1_sha256",
    "rsa-pss-2048": "rsa_pss_pss_sha384",
  },
};

async function expectSecrets(row: Row12, { client, server }: Connection12, resumed: boolean): Promise<void> {
  expect(client.account.keyLog).toEqual([expect.stringMatching(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/)]);
  expect(server.account.keyLog).toEqual(client.account.keyLog);
  expect(server.account.exported).toBe(client.account.exported);
  // It is the text of one.
  const exported = JSON.parse(client.account.exported) as Exported12;
  const { withoutContext, withEmptyContext, withContext, bindings } = exported;
  const materials = new Set([withoutContext, withEmptyContext, withContext]);
  expect([...materials]).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/^[0-9a-f]{80}$/)));
  const { der } = await certificateOf("server", row.certificate);
  expect(bindings).toEqual({
    "tls-exporter": expect.stringMatching(
      row.extendedMainSecret ? /^[0-9a-f]{64}$/ : /^tls-exporter needs an extended main secret/,
    ),
    // Ed25519 has no hash of its own for it.
    "tls-server-end-point":
      row.certificate === "ed25519"
        ? "this connection has no channel binding tls-server-end-point"
        : createHash("sha256").update(der).digest("hex"),
    "tls-unique": expect.stringMatching(
      row.extendedMainSecret || !resumed
        ? /^[0-9a-f]{24}$/
        : /^this connection has no channel binding tls-unique$/,
    ),
  });
}

/** A session has one main secret, and each connection keys and randoms of its own. */
function expectNewKeys(connections: readonly Connection12[]): void {
  const lines = connections.map(({ client }) => client.account.keyLog[0]?.split(" ") ?? []);
  expect(new Set(lines.map(([, clientRandom]) => clientRandom)).size).toBe(connections.length);
  expect(new Set(lines.map(([, , mainSecret]) => mainSecret)).size).toBe(1);
  expect(new Set(connections.map(({ client }) => client.account.exported)).size).toBe(connections.length);
}

async function expectPolicies(row: Row12, { client, server }: Connection12): Promise<void> {
  const { clientCertificate } = row;
  const signatureVerifiers =
    row.signatureSchemes === "all"
      ? nobleProvider().signatureVerifiers
      : SCHEMES_OF_TLS12.map((name) => ({ name }));
  expect(client.account.policies).toEqual([
    policyAsText({
      role: "server",
      serverName: "localhost",
      chain: [(await certificateOf("server", row.certificate)).der],
      ocspResponse: row.staples.startsWith("OCSP") ? OCSP_RESPONSE : null,
      signedCertificateTimestamps: row.staples.endsWith("SCT") ? SCTS : [],
      signatureVerifiers,
    }),
  ]);
  const asked =
    clientCertificate !== null &&
    policyAsText({
      role: "client",
      serverName: null,
      chain: [(await certificateOf("client", clientCertificate)).der],
      ocspResponse: null,
      signedCertificateTimestamps: [],
      signatureVerifiers,
    });
  expect(server.account.policies).toEqual(asked === false ? [] : [asked]);
}
