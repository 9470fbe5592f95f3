import { afterAll, expect } from "vitest";
import type { ClientOptions, ServerOptions, TlsVersion } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import type { Driver } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
} from "./peers/gnutls.ts";
import type { Peer } from "./process.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// What becomes of versions that both sides have, or only one of them.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");

function asClient(feature: string, run: (scope: Scope) => Promise<void>): void {
  row({ peer: "gnutls-serv", we: "client", version: "any", feature }, gnutlsServerLacks({}), run);
}

function asServer(feature: string, run: (scope: Scope) => Promise<void>): void {
  row({ peer: "gnutls-cli", we: "server", version: "any", feature }, gnutlsLacks({}), run);
}

function meetServer(
  scope: Scope,
  priority: string,
  ours: Partial<ClientOptions>,
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const args = [`--priority=${priority}`];
  return meetGnutlsServer(scope, shim, certificate, args, clientFor(certificate, ours));
}

function meetClient(
  scope: Scope,
  priority: string,
  ours: Partial<ServerOptions>,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  return meetGnutlsClient(scope, authority, [`--priority=${priority}`], serverWith(certificate, ours));
}

const EVERYTHING = "NORMAL:+VERS-TLS1.1:+VERS-TLS1.0";
const only = (version: string): string => `NORMAL:-VERS-ALL:+VERS-${version.replace("v", "")}`;
const both: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];

for (const [name, versions, version] of [
  ["both", both, "TLSv1.3"],
  ["TLS 1.2", ["TLSv1.2"], "TLSv1.2"],
  ["TLS 1.3", ["TLSv1.3"], "TLSv1.3"],
] as const) {
  asClient(`they have all versions, we have ${name}`, async (scope) => {
    const { client } = await meetServer(scope, EVERYTHING, { versions });
    expect((await client.untilComplete()).version).toBe(version);
    await echoAndClose(client);
  });
  asServer(`they have all versions, we have ${name}`, async (scope) => {
    const { server, peer } = await meetClient(scope, EVERYTHING, { versions });
    expect((await server.untilComplete()).version).toBe(version);
    await exchangeAndClose(server, peer);
    expect(peer.output).toContain(`Description: (${version.replace("v", "")}`);
  });
}

const strangers: readonly (readonly [string, readonly TlsVersion[]])[] = [
  ["TLSv1.3", ["TLSv1.2"]],
  ["TLSv1.2", ["TLSv1.3"]],
  ["TLSv1.1", both],
  ["TLSv1.0", both],
];
for (const [theirs, versions] of strangers) {
  const feature = `they have ${theirs}, we have ${versions.join(" and ")}`;
  asClient(feature, async (scope) => {
    const { client, peer } = await meetServer(scope, only(theirs), { versions });
    // GnuTLS looks for a suite first.
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
    await peer.untilPrinted(/Error in handshake: No supported cipher suites have been found/);
  });
  asServer(feature, async (scope) => {
    const { server, peer } = await meetClient(scope, only(theirs), { versions });
    expect(await server.untilClosed()).toMatchObject({
      kind: "error",
      alertSent: "protocol_version",
      error: { message: expect.stringContaining(`the client offers version ${nameOf(theirs)},`) },
    });
    await peer.untilPrinted(/Received alert \[70\]/);
  });
}

for (const theirs of ["TLSv1.1", "TLSv1.0"]) {
  asClient(`they have ${theirs}, we have both, and a suite that fits`, async (scope) => {
    const cipherSuites = ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"];
    const { client, peer } = await meetServer(scope, only(theirs), { cipherSuites });
    expect(await client.untilClosed()).toMatchObject({
      kind: "error",
      alertSent: "protocol_version",
      error: { message: expect.stringContaining(`server chose version ${nameOf(theirs)},`) },
    });
    await peer.untilPrinted(/Error in handshake/);
  });
}

asServer("they fell back to TLS 1.2, we have both", async (scope) => {
  const { server, peer } = await meetClient(scope, `${only("TLSv1.2")}:%FALLBACK_SCSV`, {});
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "inappropriate_fallback" });
  await peer.untilPrinted(/Received alert \[86\]/);
});

asServer("they fell back to TLS 1.2, we have TLS 1.2", async (scope) => {
  const priority = `${only("TLSv1.2")}:%FALLBACK_SCSV`;
  const { server, peer } = await meetClient(scope, priority, { versions: ["TLSv1.2"] });
  expect((await server.untilComplete()).version).toBe("TLSv1.2");
  await exchangeAndClose(server, peer);
});

/** As the registry has it. */
function nameOf(version: string): string {
  return version === "TLSv1.0" ? "TLSv1" : version;
}
