import { afterAll, expect } from "vitest";
import type { ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { exchangeWithClient, meetClient, opensslLacks, type OpensslMeeting } from "./peers/openssl.ts";
import { row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// What our server makes of the things that a ClientHello of TLS 1.2 may offer.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048", "ecdsa-p384"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_client", we: "server", version: "TLSv1.2" } as const;

function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** A new s_client that has only TLS 1.2, connected to a server of ours that would talk TLS 1.3 too. */
function meet(
  scope: Scope,
  args: readonly string[],
  options: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, ["-tls1_2", ...args], serverWith(issued, options));
}

feature("no cipher suite in common: the error names what they offer", async (scope) => {
  const { server, peer } = await meet(scope, ["-cipher", "AES128-SHA:DHE-RSA-AES128-GCM-SHA256"]);
  expect(await server.untilClosed()).toMatchObject({
    kind: "error",
    alertSent: "handshake_failure",
    error: {
      message: expect.stringMatching(
        /TLS_DHE_RSA_WITH_AES_128_GCM_SHA256.*TLS_RSA_WITH_AES_128_CBC_SHA|TLS_RSA_WITH_AES_128_CBC_SHA.*TLS_DHE_RSA_WITH_AES_128_GCM_SHA256/,
      ),
    },
  });
  await peer.untilPrinted(/alert handshake failure/);
});

feature("CBC suites are not taken by default", async (scope) => {
  const { server } = await meet(scope, ["-cipher", "ECDHE-ECDSA-AES128-SHA"]);
  expect(await server.untilClosed()).toMatchObject({
    alertSent: "handshake_failure",
    error: { message: expect.stringContaining("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA") },
  });
});

feature("no group in common", async (scope) => {
  const { server, peer } = await meet(scope, ["-groups", "X25519"], { groups: ["secp384r1"] });
  expect(await server.untilClosed()).toMatchObject({
    alertSent: "handshake_failure",
    error: { message: expect.stringContaining("x25519") },
  });
  await peer.untilPrinted(/alert handshake failure/);
});

feature("their order of groups does not count, ours does", async (scope) => {
  const options = { groups: ["secp384r1", "x25519"] };
  const meeting = await meet(scope, ["-groups", "X25519:P-256:P-384"], options);
  expect((await meeting.server.untilComplete()).group).toBe("secp384r1");
  await exchangeWithClient(meeting);
});

const suitesByKind = {
  "rsa-2048": "ECDHE-RSA-AES128-GCM-SHA256",
  "ecdsa-p384": "ECDHE-ECDSA-AES128-GCM-SHA256",
} as const;
for (const kind of ["rsa-2048", "ecdsa-p384"] as const) {
  row(
    { ...about, certificate: kind, feature: "credential chosen by the suites" },
    opensslLacks({}),
    async (scope) => {
      const kinds = ["rsa-2048", "ecdsa-p384"] as const;
      const credentials = kinds.map((each) => authority.server(each).credential);
      const meeting = await meet(scope, ["-cipher", suitesByKind[kind]], { credentials });
      await exchangeWithClient(meeting);
      expect(meeting.peer.output).toContain(`CN = server-${kind}`);
    },
  );
}

for (const [sigalgs, scheme] of [
  ["RSA+SHA384", "SHA384\nPeer signature type: RSA\n"],
  ["rsa_pss_rsae_sha512", "SHA512\nPeer signature type: RSA-PSS\n"],
]) {
  const feature = `signature_algorithms leaves ${sigalgs}`;
  row({ ...about, certificate: "rsa-2048", feature }, opensslLacks({}), async (scope) => {
    const args = ["-sigalgs", `${sigalgs}:ECDSA+SHA256`];
    const meeting = await meet(scope, args, {}, authority.server("rsa-2048"));
    await meeting.peer.untilPrinted(new RegExp(`Peer signing digest: ${scheme}`));
    await exchangeWithClient(meeting);
  });
}

feature("signature_algorithms of SHA-1 alone", async (scope) => {
  const args = ["-cipher", "DEFAULT@SECLEVEL=0", "-sigalgs", "RSA+SHA1:ECDSA+SHA1"];
  const { server, peer } = await meet(scope, args);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});
