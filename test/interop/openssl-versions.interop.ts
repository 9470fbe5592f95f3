import { afterAll, expect } from "vitest";
import type { ClientOptions, ServerOptions, TlsVersion } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { hideVersions } from "./downgrade.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  meetClient,
  opensslLacks,
  type OpensslMeeting,
  type OpensslServer,
  startClient,
  startServer,
} from "./peers/openssl.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// What becomes of versions that both sides have, or only one of them; and of renegotiation, which there is none of.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");

function asClient(name: string, run: (scope: Scope) => Promise<void>): void {
  const about = { peer: "openssl s_server", we: "client", version: "any" } as const;
  row({ ...about, feature: name }, opensslLacks({}), run);
}

function asServer(name: string, run: (scope: Scope) => Promise<void>): void {
  const about = { peer: "openssl s_client", we: "server", version: "any" } as const;
  row({ ...about, feature: name }, opensslLacks({}), run);
}

async function meetServer(
  scope: Scope,
  args: readonly string[],
  options: Partial<ClientOptions> = {},
): Promise<OpensslServer & { readonly client: Driver }> {
  const server = await startServer(scope, authority, certificate, args);
  return { ...server, client: await connect(scope, server.port, clientFor(certificate, options)) };
}

function meet(
  scope: Scope,
  args: readonly string[],
  options: Partial<ServerOptions> = {},
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, args, serverWith(certificate, options));
}

/** OpenSSL with all versions that it has. What is older than TLS 1.2 is off in it unless it is told to accept anything. */
const everything = ["-min_protocol", "TLSv1", "-cipher", "ALL:@SECLEVEL=0"];
const bothVersions = ["-min_protocol", "TLSv1.2"];
const oldVersions = [
  ["-tls1_1", "TLSv1.1"],
  ["-tls1", "TLSv1"],
] as const;
const both: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];

for (const [name, versions, version] of [
  ["both", both, "TLSv1.3"],
  ["TLS 1.2", ["TLSv1.2"], "TLSv1.2"],
  ["TLS 1.3", ["TLSv1.3"], "TLSv1.3"],
] as const) {
  asClient(`they have all versions, we have ${name}`, async (scope) => {
    const { client, peer } = await meetServer(scope, everything, { versions });
    expect((await client.untilComplete()).version).toBe(version);
    await exchangeWithServer(client, peer);
  });
  asServer(`they have all versions, we have ${name}`, async (scope) => {
    const meeting = await meet(scope, everything, { versions });
    expect((await meeting.server.untilComplete()).version).toBe(version);
    await meeting.peer.untilPrinted(new RegExp(`Protocol *: ${version}|^New, ${version}`, "m"));
    await exchangeWithClient(meeting);
  });
}

for (const [flag, theirs, ours] of [
  ["-tls1_2", "TLSv1.2", "TLSv1.3"],
  ["-tls1_3", "TLSv1.3", "TLSv1.2"],
] as const) {
  asClient(`they have ${theirs}, we have ${ours}`, async (scope) => {
    const { client } = await meetServer(scope, [flag], { versions: [ours] });
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "protocol_version" });
  });
  asServer(`they have ${theirs}, we have ${ours}`, async (scope) => {
    const { server, peer } = await meet(scope, [flag], { versions: [ours] });
    expect(await server.untilClosed()).toMatchObject({
      kind: "error",
      alertSent: "protocol_version",
      error: {
        message: `protocol_version: the client offers version ${theirs}, and ${ours} is required`,
      },
    });
    await peer.untilPrinted(/alert protocol version/);
  });
}

for (const [flag, theirs] of oldVersions) {
  asClient(`they have ${theirs}, we have both`, async (scope) => {
    const { client } = await meetServer(scope, [flag, "-cipher", "ALL:@SECLEVEL=0"]);
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "protocol_version" });
  });
  asServer(`they have ${theirs}, we have both`, async (scope) => {
    const { server, peer } = await meet(scope, [flag, "-cipher", "ALL:@SECLEVEL=0"]);
    expect(await server.untilClosed()).toMatchObject({
      kind: "error",
      alertSent: "protocol_version",
      error: {
        message: `protocol_version: the client offers version ${theirs}, and TLSv1.3 or TLSv1.2 is required`,
      },
    });
    await peer.untilPrinted(/alert protocol version/);
  });
}

asServer("they fell back to TLS 1.2, we have both", async (scope) => {
  const { server, peer } = await meet(scope, ["-tls1_2", "-fallback_scsv"]);
  expect(await server.untilClosed()).toMatchObject({
    kind: "error",
    alertSent: "inappropriate_fallback",
    error: { message: expect.stringContaining("TLSv1.2") },
  });
  await peer.untilPrinted(/alert inappropriate fallback/);
});

asServer("they fell back to TLS 1.1, we have TLS 1.2", async (scope) => {
  const args = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-fallback_scsv"];
  const { server, peer } = await meet(scope, args, { versions: ["TLSv1.2"] });
  expect(await server.untilClosed()).toMatchObject({ alertSent: "inappropriate_fallback" });
  await peer.untilPrinted(/alert inappropriate fallback/);
});

asServer("they fell back to TLS 1.2, we have TLS 1.2", async (scope) => {
  const meeting = await meet(scope, ["-tls1_2", "-fallback_scsv"], { versions: ["TLSv1.2"] });
  expect((await meeting.server.untilComplete()).version).toBe("TLSv1.2");
  await exchangeWithClient(meeting);
});

const attack = "they have both, we have both, and an attacker hides that";

asClient(attack, async (scope) => {
  const { peer, port } = await startServer(scope, authority, certificate, bothVersions);
  const client = await connect(scope, await hideVersions(scope, port), clientFor(certificate));
  expect(await client.untilClosed()).toMatchObject({
    kind: "error",
    alertSent: "illegal_parameter",
    error: { message: expect.stringContaining("downgrade mark") },
  });
  await peer.untilPrinted(/alert illegal parameter/);
});

asServer(attack, async (scope) => {
  const listener = await listen(scope, serverWith(certificate));
  const peer = startClient(scope, authority, await hideVersions(scope, listener.port), bothVersions);
  const server = await listener.accept();
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  await peer.untilPrinted(/inappropriate fallback/);
});

// OpenSSL ends the connection by itself when renegotiation is refused with the warning.
for (const command of ["r", "R"]) {
  asClient(`renegotiation (${command}) is refused with a warning`, async (scope) => {
    const { client, peer } = await meetServer(scope, ["-tls1_2"]);
    await client.untilComplete();
    await peer.untilPrinted(/^CIPHER is/m);
    peer.write(`${command}\n`);
    await peer.untilPrinted(/ssl3_read_bytes:no renegotiation/);
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  });
}

for (const args of [[], ["-legacy_renegotiation"]]) {
  asServer(["renegotiation is refused with a warning", ...args].join(", "), async (scope) => {
    const { server, peer } = await meet(scope, ["-tls1_2", ...args]);
    await server.untilComplete();
    await peer.untilPrinted(/Verify return code/);
    peer.write("R\n");
    await peer.untilPrinted(/ssl3_read_bytes:no renegotiation/);
    expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  });
}
