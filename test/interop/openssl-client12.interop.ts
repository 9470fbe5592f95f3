import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { credential, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  exchangeWithClient,
  KEYING_MATERIAL,
  meetClient,
  OCSP_TRY_LATER,
  only12 as theirOnly12,
  opensslLacks,
  type OpensslMeeting,
  opensslSuite12,
  startClient,
  withoutExtendedMainSecret,
} from "./peers/openssl.ts";
import { patterned, row, serverWith } from "./rows.ts";
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

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_client", we: "server", version: "TLSv1.2" } as const;
const withoutEms = withoutExtendedMainSecret(authority.folder);

/** A row about a feature that does not depend on suite, group and certificate. */
function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** A new s_client that has only TLS 1.2, connected to a server of ours that would talk TLS 1.3 too. */
function meet(
  scope: Scope,
  args: readonly string[] = [],
  options: Partial<ServerOptions> = {},
  issued = certificate,
  env: Record<string, string> = {},
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, ["-tls1_2", ...args], serverWith(issued, options), env);
}

for (const combination of combinations12()) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const place = { ...about, suite, group, certificate: kind, feature: featureOf(combination) };
  row(place, opensslLacks({}), async (scope) => {
    const agreed = new AgreedExtensions();
    const options = { ...only12(combination), onMessage: agreed.onMessage };
    const meeting = await meet(scope, theirOnly12(combination), options, authority.server(kind));
    expectAgreement12(await meeting.server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithClient(meeting);
    expect(meeting.peer.output).toContain("Verification: OK");
  });
}

feature("defaults of both sides", async (scope) => {
  const meeting = await meet(scope);
  expect(await meeting.server.untilComplete()).toMatchObject({
    version: "TLSv1.2",
    extendedMainSecret: true,
    helloRetried: false,
    resumed: false,
  });
  await meeting.peer.untilPrinted(/Extended master secret: yes/);
  expect(meeting.peer.output).toContain("Secure Renegotiation IS supported");
  await exchangeWithClient(meeting);
});

feature("no extended main secret", async (scope) => {
  const meeting = await meet(scope, [], {}, certificate, withoutEms);
  expect((await meeting.server.untilComplete()).extendedMainSecret).toBe(false);
  await meeting.peer.untilPrinted(/Extended master secret: no/);
  expect(() => meeting.server.engine.channelBinding("tls-exporter")).toThrow(/extended main secret/);
  await exchangeWithClient(meeting);
});

feature("no extended main secret, and we require it", async (scope) => {
  const options = { requireExtendedMainSecret: true };
  const { server, peer } = await meet(scope, [], options, certificate, withoutEms);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});

feature("ALPN: our choice", async (scope) => {
  const meeting = await meet(scope, ["-alpn", "c,a,b"], { alpn: ["b", "a"] });
  expect((await meeting.server.untilComplete()).alpn).toBe("b");
  await meeting.peer.untilPrinted(/ALPN protocol: b/);
  await exchangeWithClient(meeting);
});

feature("ALPN: none in common", async (scope) => {
  const { server, peer } = await meet(scope, ["-alpn", "a"], { alpn: ["b"] });
  await peer.untilPrinted(/alert no application protocol/);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "no_application_protocol" });
});

feature("ALPN: none in common, and ignored", async (scope) => {
  const meeting = await meet(scope, ["-alpn", "a"], { alpn: ["b"], alpnMismatch: "ignore" });
  await meeting.peer.untilPrinted(/No ALPN negotiated/);
  await exchangeWithClient(meeting);
});

feature("SNI chooses the certificate, by a promise", async (scope) => {
  const { second } = authority;
  const meeting = await meet(scope, ["-servername", "second.test", "-verify_hostname", "second.test"], {
    chooseSetup: async ({ serverName }) =>
      serverName === "second.test" ? { credentials: [second.credential] } : {},
  });
  expect((await meeting.server.untilComplete()).serverName).toBe("second.test");
  await exchangeWithClient(meeting);
});

feature("no SNI", async (scope) => {
  const meeting = await meet(scope, ["-noservername"]);
  expect((await meeting.server.untilComplete()).serverName).toBeNull();
  await exchangeWithClient(meeting);
});

feature("they refuse the certificate", async (scope) => {
  const { server } = await meet(scope, ["-CAfile", certificate.leafFile]);
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "unknown_ca" });
});

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
    const own = authority.client(kind);
    const meeting = await meet(scope, ["-cert", own.leafFile, "-key", own.keyFile], {
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    });
    expect((await meeting.server.untilComplete()).peer.kind).toBe("verified");
    await exchangeWithClient(meeting);
  });
}

feature("client certificate without extended main secret", async (scope) => {
  const own = authority.client("rsa-2048");
  const options: Partial<ServerOptions> = {
    clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
  };
  const args = ["-cert", own.leafFile, "-key", own.keyFile];
  const meeting = await meet(scope, args, options, certificate, withoutEms);
  expect((await meeting.server.untilComplete()).peer.kind).toBe("verified");
  await exchangeWithClient(meeting);
});

feature("client certificate requested, and given", async (scope) => {
  const own = authority.client("ecdsa-p256");
  const meeting = await meet(scope, ["-cert", own.leafFile, "-key", own.keyFile], {
    clientAuth: { mode: "request", trust: pinned([own.spkiSha256]) },
  });
  expect((await meeting.server.untilComplete()).peer.kind).toBe("verified");
  await exchangeWithClient(meeting);
});

feature("client certificate requested, none given", async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const meeting = await meet(scope, [], { clientAuth: { mode: "request", trust: pinned([spkiSha256]) } });
  expect((await meeting.server.untilComplete()).peer.kind).toBe("none");
  await exchangeWithClient(meeting);
});

feature("client certificate required, none given", async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const options = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meet(scope, [], options);
  // certificate_required is of TLS 1.3.
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});

feature("client certificate refused", async (scope) => {
  const own = authority.client("ecdsa-p256");
  const options = { clientAuth: { mode: "require", trust: pinned([certificate.spkiSha256]) } } as const;
  const { server, peer } = await meet(scope, ["-cert", own.leafFile, "-key", own.keyFile], options);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_unknown" });
  await peer.untilPrinted(/alert certificate unknown/);
});

feature("client certificate: authorities are named", async (scope) => {
  const own = authority.client("ecdsa-p256");
  const meeting = await meet(scope, ["-cert", own.leafFile, "-key", own.keyFile], {
    clientAuth: { mode: "require", trust: pinned([own.spkiSha256]), authorities: [authority.issuerName] },
  });
  await exchangeWithClient(meeting);
  expect(meeting.peer.output).toMatch(/Acceptable client certificate CA names\nCN = tls-engine interop\n/);
});

feature("stapled OCSP response", async (scope) => {
  const { chainPem, keyPem } = certificate;
  const own = credential({ certificateChain: chainPem, key: keyPem, ocspResponse: OCSP_TRY_LATER });
  const meeting = await meet(scope, ["-status"], { credentials: [own] });
  await meeting.peer.untilPrinted(/OCSP Response Status: trylater/);
  await exchangeWithClient(meeting);
});

feature("stapled OCSP response, not asked for", async (scope) => {
  const { chainPem, keyPem } = certificate;
  const own = credential({ certificateChain: chainPem, key: keyPem, ocspResponse: OCSP_TRY_LATER });
  await exchangeWithClient(await meet(scope, [], { credentials: [own] }));
});

for (const extended of [true, false]) {
  feature(
    `exporter and key log are the same${extended ? "" : ", no extended main secret"}`,
    async (scope) => {
      const file = join(authority.folder, `client-keys-${extended}.log`);
      const label = "EXPORTER-interop";
      const ours: string[] = [];
      const args = ["-keylogfile", file, "-keymatexport", label, "-keymatexportlen", "50"];
      const options = { onKeyLog: (line: string) => ours.push(line) };
      const meeting = await meet(scope, args, options, certificate, extended ? {} : withoutEms);
      expect((await meeting.server.untilComplete()).extendedMainSecret).toBe(extended);
      const [, theirs] = await meeting.peer.untilPrinted(KEYING_MATERIAL);
      // It exports without a context, which in TLS 1.2 differs from an empty one.
      const exported = meeting.server.engine.exportKeyingMaterial(label, null, 50);
      expect(Buffer.from(exported).toString("hex").toUpperCase()).toBe(theirs);
      await exchangeWithClient(meeting);
      expect(ours).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
      expect(ours).toEqual(keyLogLines(file));
    },
  );
}

feature("records of 512 bytes, handshake included", async (scope) => {
  const own = authority.client("rsa-2048");
  const pieces = ["-max_send_frag", "512", "-split_send_frag", "512", "-nocommands"];
  const args = [...pieces, "-cert", own.leafFile, "-key", own.keyFile];
  const meeting = await meet(scope, args, {
    clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
  });
  await meeting.server.untilComplete();
  const line = `${"x".repeat(6000)}\n`;
  meeting.peer.write(line);
  await meeting.server.untilReceived(line);
  await exchangeWithClient(meeting);
});

const bulkSuites: readonly (readonly [Suite12, string, readonly string[]])[] = [
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "", []],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", ", encrypt-then-MAC", []],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", ", MAC-then-encrypt", ["-no_etm"]],
];
for (const [suite, mode, args] of bulkSuites) {
  row({ ...about, suite, feature: `1 MiB each way${mode}` }, opensslLacks({}), async (scope) => {
    const theirs = ["-quiet", "-cipher", opensslSuite12(suite), ...args];
    const { server, peer } = await meet(scope, theirs, { cipherSuites: [suite] });
    await server.untilComplete();
    const data = patterned(2 ** 20);
    peer.write(data);
    await server.until("1 MiB", () => server.receivedLength >= data.length);
    expect(server.received.equals(data)).toBe(true);
    server.write(data);
    await peer.until("1 MiB", () => peer.stdoutLength >= data.length);
    expect(peer.stdout.equals(data)).toBe(true);
    server.closeWrite();
    expect((await server.untilClosed()).kind).toBe("clean");
  });
}

feature("close_notify: ours first", async (scope) => {
  const { server, peer } = await meet(scope);
  await server.untilComplete();
  server.write("last words\n");
  server.closeWrite();
  await peer.untilPrinted(/last words[^]+closed/);
  expect((await server.untilClosed()).kind).toBe("clean");
});

feature("truncation: killed", async (scope) => {
  const { server, peer } = await meet(scope);
  await server.untilComplete();
  peer.write("ping\n");
  await server.untilReceived("ping\n");
  peer.kill();
  expect((await server.untilClosed()).kind).toBe("truncated");
});

feature("we abort", async (scope) => {
  const { server, peer } = await meet(scope);
  await server.untilComplete();
  server.abort("internal_error");
  await peer.untilPrinted(/alert internal error/);
  expect(server.how).toMatchObject({ kind: "aborted", alertSent: "internal_error" });
});

feature("extensions that we do not know", async (scope) => {
  const args = ["-maxfraglen", "1024", "-serverinfo", "65280,65281"];
  await exchangeWithClient(await meet(scope, args));
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
  row({ ...about, certificate: kind, feature: "STARTTLS (SMTP)" }, opensslLacks({}), async (scope) => {
    const listener = await listen(scope);
    const peer = startClient(scope, authority, listener.port, ["-tls1_2", "-starttls", "smtp"]);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(authority.server(kind)));
    await exchangeWithClient({ server, peer });
    expect(peer.output).toContain("Verification: OK");
  });
}
