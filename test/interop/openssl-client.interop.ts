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
  only,
  opensslLacks,
  type OpensslMeeting,
  startClient,
} from "./peers/openssl.ts";
import { combinations, expectAgreement, patterned, rareCertificates, row, serverWith } from "./rows.ts";
import { answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "openssl s_client", we: "server" } as const;

/** A row about a feature that does not depend on suite, group and certificate. */
function feature(name: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** A new s_client, connected to a server of ours. */
function meet(
  scope: Scope,
  args: readonly string[],
  options: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, args, serverWith(issued, options));
}

for (const combination of combinations()) {
  row({ ...about, ...combination, feature: "data both ways" }, opensslLacks(combination), async (scope) => {
    const { group, suite } = combination;
    const options = { cipherSuites: [suite], groups: [group] };
    const issued = authority.server(combination.certificate);
    const meeting = await meet(scope, only(combination), options, issued);
    expectAgreement(await meeting.server.untilComplete(), combination);
    await exchangeWithClient(meeting);
    expect(meeting.peer.output).toContain("Verification: OK");
  });
}

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

feature("SNI is refused", async (scope) => {
  const options: Partial<ServerOptions> = { chooseSetup: () => ({ reject: "unrecognized_name" }) };
  const { server, peer } = await meet(scope, ["-servername", "second.test"], options);
  await peer.untilPrinted(/unrecognized name/);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "unrecognized_name" });
});

feature("no SNI", async (scope) => {
  const meeting = await meet(scope, ["-noservername"]);
  expect((await meeting.server.untilComplete()).serverName).toBeNull();
  await exchangeWithClient(meeting);
});

feature("they refuse the certificate", async (scope) => {
  const listener = await listen(scope, serverWith(certificate));
  const args = ["-CAfile", certificate.leafFile];
  startClient(scope, authority, listener.port, args);
  const server = await listener.accept();
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "unknown_ca" });
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519", ...rareCertificates] as const) {
  feature(`client certificate required, ${kind}`, async (scope) => {
    const own = authority.client(kind);
    const meeting = await meet(scope, ["-cert", own.leafFile, "-key", own.keyFile], {
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    });
    expect((await meeting.server.untilComplete()).peer.kind).toBe("verified");
    await exchangeWithClient(meeting);
  });
}

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
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  await peer.untilPrinted(/alert certificate required/);
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

feature("KeyUpdate: theirs, with and without a request", async (scope) => {
  const meeting = await meet(scope, []);
  const { server, peer } = meeting;
  const updates = (): string =>
    server
      .eventsOf("key-update")
      .map(({ direction }) => direction)
      .join();
  await peer.untilPrinted(/Verify return code/);
  peer.write("k\n");
  await server.until("the first KeyUpdate", () => updates() === "read");
  peer.write("K\n");
  await server.until("the second KeyUpdate", () => updates() === "read,read");
  server.write("owed\n");
  await peer.untilPrinted(/owed/);
  expect(updates()).toBe("read,read,write");
  await exchangeWithClient(meeting);
});

feature("KeyUpdate: ours, with and without a request", async (scope) => {
  const meeting = await meet(scope, []);
  const { server, peer } = meeting;
  await server.untilComplete();
  server.updateKeys(false);
  server.write("after one\n");
  await peer.untilPrinted(/after one/);
  server.updateKeys(true);
  server.write("after two\n");
  await peer.untilPrinted(/after two/);
  await exchangeWithClient(meeting);
  expect(server.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "write", "read"]);
});

feature("KeyUpdate: both at once", async (scope) => {
  const meeting = await meet(scope, []);
  const { server, peer } = meeting;
  await peer.untilPrinted(/Verify return code/);
  peer.write("K\n");
  server.updateKeys(true);
  await server.until("their KeyUpdates", () => server.eventsOf("key-update").length >= 2);
  await exchangeWithClient(meeting);
});

feature("record padding both ways", async (scope) => {
  const options = { recordPadding: (length: number) => 511 - (length % 512) };
  await exchangeWithClient(await meet(scope, ["-record_padding", "512"], options));
});

feature("records of 512 bytes", async (scope) => {
  const meeting = await meet(scope, ["-max_send_frag", "512", "-split_send_frag", "512", "-nocommands"]);
  await meeting.server.untilComplete();
  const line = `${"x".repeat(6000)}\n`;
  meeting.peer.write(line);
  await meeting.server.untilReceived(line);
  await exchangeWithClient(meeting);
});

feature("key log is the same", async (scope) => {
  const file = join(authority.folder, "client-keys.log");
  const ours: string[] = [];
  const meeting = await meet(scope, ["-keylogfile", file], { onKeyLog: (line) => ours.push(line) });
  await exchangeWithClient(meeting);
  expect(ours.sort()).toEqual(keyLogLines(file));
  expect(ours).toHaveLength(5);
});

feature("exporter gives the same", async (scope) => {
  const label = "EXPORTER-interop";
  const meeting = await meet(scope, ["-keymatexport", label, "-keymatexportlen", "50"]);
  await meeting.server.untilComplete();
  const [, theirs] = await meeting.peer.untilPrinted(KEYING_MATERIAL);
  const ours = meeting.server.engine.exportKeyingMaterial(label, new Uint8Array(), 50);
  expect(Buffer.from(ours).toString("hex").toUpperCase()).toBe(theirs);
  await exchangeWithClient(meeting);
});

feature("4 MiB each way", async (scope) => {
  const { server, peer } = await meet(scope, ["-quiet"]);
  await server.untilComplete();
  const data = patterned(4 * 1024 * 1024);
  peer.write(data);
  await server.until("4 MiB", () => server.receivedLength >= data.length);
  expect(server.received.equals(data)).toBe(true);
  server.write(data);
  await peer.until("4 MiB", () => peer.stdoutLength >= data.length);
  expect(peer.stdout.equals(data)).toBe(true);
  server.closeWrite();
  expect((await server.untilClosed()).kind).toBe("clean");
});

feature("close_notify: ours first", async (scope) => {
  const { server, peer } = await meet(scope, []);
  await server.untilComplete();
  server.write("last words\n");
  server.closeWrite();
  await peer.untilPrinted(/last words[^]+closed/);
  expect((await server.untilClosed()).kind).toBe("clean");
});

feature("truncation: killed", async (scope) => {
  const { server, peer } = await meet(scope, []);
  await server.untilComplete();
  peer.write("ping\n");
  await server.untilReceived("ping\n");
  peer.kill();
  expect((await server.untilClosed()).kind).toBe("truncated");
});

feature("we abort", async (scope) => {
  const { server, peer } = await meet(scope, []);
  await server.untilComplete();
  server.abort("internal_error");
  await peer.untilPrinted(/alert internal error/);
  expect(server.how).toMatchObject({ kind: "aborted", alertSent: "internal_error" });
});

feature("stapled OCSP response", async (scope) => {
  const { chainPem, keyPem } = certificate;
  const own = credential({ certificateChain: chainPem, key: keyPem, ocspResponse: OCSP_TRY_LATER });
  const meeting = await meet(scope, ["-status"], { credentials: [own] });
  await meeting.peer.untilPrinted(/OCSP Response Status: trylater/);
  await exchangeWithClient(meeting);
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
  row({ ...about, certificate: kind, feature: "STARTTLS (SMTP)" }, opensslLacks({}), async (scope) => {
    const listener = await listen(scope);
    const peer = startClient(scope, authority, listener.port, ["-starttls", "smtp"]);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(authority.server(kind)));
    await exchangeWithClient({ server, peer });
    expect(peer.output).toContain("Verification: OK");
  });
}
