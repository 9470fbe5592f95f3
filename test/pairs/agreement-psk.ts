import { createHash } from "node:crypto";

import { expect } from "vitest";

import { hex, latin1 } from "../../src/bytes.ts";
import { type ConnectionInfo, ContentType, type TlsMessage } from "../../src/index.ts";
import { describeHandshake } from "../../src/messages/handshake.ts";
import type { TestKeyType } from "../support/certificates.ts";
import { psksOf } from "./configs-psk.ts";
import { certificateOf } from "./configs12.ts";
import { type ConnectionPsk, CONNECTIONS, type OutcomePsk, speechOf } from "./conversation-psk.ts";
import { meansOf, type RowPsk } from "./matrix-psk.ts";
import { StoreError } from "./stores.ts";
import type { Side12 } from "./watched12.ts";

/** Whether both sides have come to what `row` says, in all connections. */
export async function expectAgreementPsk(
  row: RowPsk,
  { connections, hookErrors }: OutcomePsk,
): Promise<void> {
  expect(connections).toHaveLength(CONNECTIONS);
  for (const [i, connection] of connections.entries()) {
    for (const role of ["client", "server"] as const) {
      const { early, long, last } = speechOf(role, i);
      const listener = connection[role === "client" ? "server" : "client"].end;
      expect(latin1(listener.received)).toBe([...early, long, last].join(""));
      expect(listener.closed).toEqual({ kind: "clean" });
      expect(listener.engine.state).toBe("closed");
    }
    await expectInfo(row, i, connection);
    await expectSecrets(row, i, connection);
    expectMessages(row, i, connection);
    expectPolicies(row, i, connection);
  }
  const exported = connections.map(({ client }) => client.account.exported.split(" ")[0]);
  expect(new Set(exported).size).toBe(CONNECTIONS);
  for (const role of ["client", "server"] as const) {
    const messages = hookErrors[role].map((error) => (error instanceof StoreError ? error.message : error));
    expect(messages, `hook errors of the ${role}`).toEqual(
      connections
        .flatMap((_, i) => failuresOf(row, role, i))
        .map((failure) => expect.stringMatching(failure)),
    );
  }
}

/** What the trust policy, the peer and the schedule lead to. */
async function expectInfo(row: RowPsk, i: number, { client, server }: ConnectionPsk): Promise<void> {
  const means = meansOf(row, i);
  const isWithoutExchange = means !== null && row.pskModes.endsWith("psk_ke");
  const shared = {
    version: "TLSv1.3",
    cipherSuite: row.suite,
    group: isWithoutExchange ? null : row.group,
    alpn: row.alpn === "agreed" ? "http/1.1" : null,
    serverName: "localhost",
    resumed: means === "session",
    // Without a key exchange there is nothing to ask for again.
    helloRetried: row.retry !== "none" && !isWithoutExchange,
    extendedMainSecret: true,
    earlyDataAccepted: false,
  } satisfies Partial<ConnectionInfo>;
  const psk = psksOf(row).find(({ hash }) => hash === hashOf(row));
  const byPsk = { kind: "psk", identity: hex(psk?.identity ?? new Uint8Array()) };
  const verified = async (role: "client" | "server", keyType: TestKeyType): Promise<unknown> => ({
    kind: "verified",
    certificateType: "x509",
    chain: [hex((await certificateOf(role, keyType)).der)],
    path: null,
  });
  expect(infoOf(client)).toEqual({
    ...shared,
    role: "client",
    peerSignatureScheme: means === null ? SCHEMES[row.certificate] : null,
    peer: means === "psk" ? byPsk : await verified("server", row.certificate),
  });
  const { clientCertificate } = row;
  const shown = clientCertificate === null ? { kind: "none" } : await verified("client", clientCertificate);
  expect(infoOf(server)).toEqual({
    ...shared,
    role: "server",
    peerSignatureScheme: means === null && clientCertificate !== null ? SCHEMES[clientCertificate] : null,
    peer: means === "psk" ? byPsk : shown,
  });
}

/** Bytes as hexadecimal, which is compared in less time. */
function infoOf({ end }: Side12): unknown {
  const { info } = end.engine;
  const { peer } = info ?? {};
  if (peer === undefined) return info;
  if ("chain" in peer) return { ...info, peer: { ...peer, chain: peer.chain.map(hex) } };
  return peer.kind === "psk" ? { ...info, peer: { ...peer, identity: hex(peer.identity) } } : info;
}

/** What each kind of key signs with when the verifier takes anything. */
const SCHEMES: Partial<Record<TestKeyType, string>> = {
  "ecdsa-p256": "ecdsa_secp256r1_sha256",
  "rsa-2048": "rsa_pss_rsae_sha256",
  ed25519: "ed25519",
};

function hashOf({ suite }: RowPsk): string {
  return suite.endsWith("SHA384") ? "SHA-384" : "SHA-256";
}

async function expectSecrets(row: RowPsk, i: number, { client, server }: ConnectionPsk): Promise<void> {
  expect(client.account.keyLog).toHaveLength(5);
  expect(client.account.keyLog.toSorted()).toEqual(server.account.keyLog.toSorted());
  expect(server.account.exported).toBe(client.account.exported);
  const [material, exporter, ...endPoint] = client.account.exported.split(" ");
  expect(material).toMatch(/^[0-9a-f]{80}$/);
  expect(exporter).toMatch(/^[0-9a-f]{64}$/);
  const { der } = await certificateOf("server", row.certificate);
  // Ed25519 has no hash of its own for it; without a certificate there is nothing.
  const isThere = meansOf(row, i) !== "psk" && row.certificate !== "ed25519";
  expect(endPoint.join(" ")).toBe(
    isThere
      ? createHash("sha256").update(der).digest("hex")
      : "TypeError: this connection has no channel binding tls-server-end-point",
  );
}

function expectMessages(row: RowPsk, i: number, { client, server }: ConnectionPsk): void {
  const means = meansOf(row, i);
  const isAsked = means === null && row.clientAuth !== "none";
  const isRetried = client.end.engine.info?.helloRetried === true;
  const tickets = { session: 1, psk: 0, none: 2 }[means ?? "none"];
  expect(namesOf(client.messages).filter((name) => !name.endsWith("key_update"))).toEqual([
    "write client_hello",
    ...(isRetried ? ["read hello_retry_request", "write client_hello"] : []),
    "read server_hello",
    "read encrypted_extensions",
    ...(isAsked ? ["read certificate_request"] : []),
    ...(means === null ? ["read certificate", "read certificate_verify"] : []),
    "read finished",
    ...(isAsked ? ["write certificate"] : []),
    ...(isAsked && row.clientCertificate !== null ? ["write certificate_verify"] : []),
    "write finished",
    ...Array.from({ length: tickets }, () => "read new_session_ticket"),
  ]);
  expect(client.end.events.filter(({ type }) => type === "session")).toHaveLength(tickets);
  const other = (name: string): string =>
    name.startsWith("read") ? name.replace("read", "write") : name.replace("write", "read");
  expect(namesOf(server.messages).map(other).toSorted()).toEqual(namesOf(client.messages).toSorted());
}

function namesOf(messages: readonly TlsMessage[]): readonly string[] {
  return messages
    .filter(({ contentType }) => contentType === ContentType.handshake)
    .map(({ direction, data }) => `${direction} ${describeHandshake(data)}`);
}

/** A policy is asked about certificates, whether they are shown now or were in the full handshake. */
function expectPolicies(row: RowPsk, i: number, { client, server }: ConnectionPsk): void {
  const means = meansOf(row, i);
  expect(client.account.policies).toHaveLength(means === "psk" ? 0 : 1);
  const isShown = means !== "psk" && row.clientCertificate !== null;
  expect(server.account.policies).toHaveLength(isShown ? 1 : 0);
}

/** How the messages of what fails start, in the order in which it is tried. */
function failuresOf(row: RowPsk, role: "client" | "server", i: number): readonly string[] {
  const { store, versions, psk } = row;
  if (store !== "failing") return [];
  const tickets = meansOf(row, i) === "psk" ? 0 : 2;
  if (role === "server") {
    return psk === "ticket of a stored session"
      ? Array.from({ length: tickets }, () => "^cannot put tls13 server ")
      : [];
  }
  return [
    "^cannot take tls13 client .* #0$",
    "^cannot take tls13 client .* #1$",
    ...(/^(client|both) also/.test(versions) ? ["^cannot get tls12 client "] : []),
    ...(tickets > 0 ? ["^cannot put tls13 client .* #0$", "^cannot put tls13 client .* #1$"] : []),
  ];
}
