import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { ExtensionType, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import {
  exchangeWithClient,
  meetClient,
  opensslLacks,
  type OpensslMeeting,
  startClient,
  startServer,
} from "./peers/openssl.ts";
import { row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// What our server makes of the things that a ClientHello may offer.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048", "ecdsa-p384", "ed25519"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_client", we: "server" } as const;

function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** A new s_client, connected to a server of ours. */
function meet(
  scope: Scope,
  args: readonly string[],
  options: Partial<ServerOptions> = {},
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, args, serverWith(certificate, options));
}

for (const helloRetryCookie of [false, true]) {
  feature(`HelloRetryRequest: another group${helloRetryCookie ? " and a cookie" : ""}`, async (scope) => {
    const options = { groups: ["secp521r1"], helloRetryCookie };
    const meeting = await meet(scope, ["-groups", "X25519:P-521"], options);
    const info = await meeting.server.untilComplete();
    expect(info).toMatchObject({ helloRetried: true, group: "secp521r1" });
    await exchangeWithClient(meeting);
  });
}

feature("HelloRetryRequest without middlebox compatibility", async (scope) => {
  const args = ["-groups", "X25519:P-384", "-no_middlebox"];
  const meeting = await meet(scope, args, { groups: ["secp384r1"] });
  expect((await meeting.server.untilComplete()).helloRetried).toBe(true);
  await exchangeWithClient(meeting);
});

feature("HelloRetryRequest: a key share of a group that we do not know", async (scope) => {
  const meeting = await meet(scope, ["-groups", "ffdhe2048:X25519"]);
  expect(await meeting.server.untilComplete()).toMatchObject({ helloRetried: true, group: "x25519" });
  await exchangeWithClient(meeting);
});

feature("no group in common", async (scope) => {
  const { server, peer } = await meet(scope, ["-groups", "X25519"], { groups: ["secp384r1"] });
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});

const schemes = {
  "rsa-2048": "rsa_pss_rsae_sha512",
  "ecdsa-p384": "ECDSA+SHA384",
  ed25519: "ed25519",
} as const;
for (const kind of ["rsa-2048", "ecdsa-p384", "ed25519"] as const) {
  const feature = `credential chosen by signature_algorithms (${schemes[kind]})`;
  row({ ...about, certificate: kind, feature }, opensslLacks({}), async (scope) => {
    const kinds = ["ed25519", "rsa-2048", "ecdsa-p384"] as const;
    const credentials = kinds.map((each) => authority.server(each).credential);
    // The authority signs with ECDSA+SHA256, for which we have no credential here.
    const meeting = await meet(scope, ["-sigalgs", `${schemes[kind]}:ECDSA+SHA256`], { credentials });
    await exchangeWithClient(meeting);
    expect(meeting.peer.output).toContain(`CN = server-${kind}`);
  });
}

for (const retry of [false, true]) {
  const retried = retry ? ", HelloRetryRequest" : "";
  feature(`a pre_shared_key that we do not know${retried}`, async (scope) => {
    const session = await sessionFromElsewhere(scope, `psk-${String(retry)}`);
    const types: number[] = [];
    const meeting = await meet(scope, ["-sess_in", session, "-groups", "X25519:P-256"], {
      groups: retry ? ["secp256r1"] : ["x25519"],
      chooseSetup: ({ extensionTypes }) => {
        types.push(...extensionTypes);
        return {};
      },
    });
    expect((await meeting.server.untilComplete()).helloRetried).toBe(retry);
    await exchangeWithClient(meeting);
    expect(types).toContain(ExtensionType.pre_shared_key);
  });

  feature(`early data that we do not take${retried}`, async (scope) => {
    const session = await sessionFromElsewhere(scope, `early-${String(retry)}`, "-early_data");
    const early = join(authority.folder, "early.txt");
    writeFileSync(early, "early bird\n".repeat(500));
    const types: number[] = [];
    const args = ["-sess_in", session, "-early_data", early, "-groups", "X25519:P-256"];
    const meeting = await meet(scope, args, {
      groups: retry ? ["secp256r1"] : ["x25519"],
      chooseSetup: ({ extensionTypes }) => {
        types.push(...extensionTypes);
        return {};
      },
    });
    expect((await meeting.server.untilComplete()).helloRetried).toBe(retry);
    await meeting.peer.untilPrinted(/Early data was rejected/);
    await exchangeWithClient(meeting);
    expect(types).toContain(ExtensionType.early_data);
    expect(meeting.server.received.includes("early bird")).toBe(false);
  });
}

feature("no middlebox compatibility", async (scope) => {
  await exchangeWithClient(await meet(scope, ["-no_middlebox"]));
});

feature("extensions that we do not know", async (scope) => {
  const args = ["-maxfraglen", "1024", "-serverinfo", "65280,65281", "-enable_pha"];
  await exchangeWithClient(await meet(scope, args));
});

/** A file with a session that s_client has got from an s_server. */
async function sessionFromElsewhere(scope: Scope, name: string, ...args: readonly string[]): Promise<string> {
  const file = join(authority.folder, `${name}.session`);
  const { port, peer } = await startServer(scope, authority, certificate, args);
  const client = startClient(scope, authority, port, ["-sess_out", file]);
  // The tickets lie before this line.
  peer.write("pong from openssl\n");
  await client.untilPrinted(/pong from openssl/);
  client.endInput();
  expect(await client.untilExit()).toBe(0);
  return file;
}
