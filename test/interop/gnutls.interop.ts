import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  expectSameExport,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
  priority,
  startGnutlsClient,
} from "./peers/gnutls.ts";
import type { Peer } from "./process.ts";
import { applicationRecords } from "./record-lengths.ts";
import { clientFor, combinations, expectAgreement, patterned, row, serverWith } from "./rows.ts";
import { answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "gnutls-serv", we: "client" } as const;
const asServer = { peer: "gnutls-cli", we: "server" } as const;
const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});
/** What a record holds besides content. */
const typeAndTag = 1 + 16;

function meetServer(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ClientOptions> = {},
  issued = certificate,
  env: Record<string, string> = {},
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  return meetGnutlsServer(scope, shim, issued, theirs, clientFor(issued, ours), env);
}

function meetClient(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  issued = certificate,
  env: Record<string, string> = {},
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  return meetGnutlsClient(scope, authority, theirs, serverWith(issued, ours), env);
}

for (const combination of combinations()) {
  const { suite, group } = combination;
  const about = { ...combination, feature: "data both ways" };
  const ours = { cipherSuites: [suite], groups: [group] };
  const theirs = [`--priority=${priority([group], suite)}`];
  row({ ...asClient, ...about }, gnutlsServerLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const { client } = await meetServer(scope, [...theirs, "--disable-client-cert"], ours, issued);
    expectAgreement(await client.untilComplete(), combination);
    await echoAndClose(client);
  });
  row({ ...asServer, ...about }, gnutlsLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const { server, peer } = await meetClient(scope, theirs, ours, issued);
    expectAgreement(await server.untilComplete(), combination);
    await exchangeAndClose(server, peer);
    expect(peer.output).toContain("The certificate is trusted");
  });
}

row({ ...asClient, feature: "ALPN and SNI" }, noServer, async (scope) => {
  const theirs = ["--alpn=b", "--alpn=a", "--sni-hostname=localhost", "--sni-hostname-fatal"];
  const { client, peer } = await meetServer(scope, theirs, { alpn: ["c", "a"] });
  expect((await client.untilComplete()).alpn).toBe("a");
  await peer.untilPrinted(/Application protocol: a/);
  await echoAndClose(client);
});

row({ ...asClient, feature: "SNI is refused" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["--sni-hostname=second.test", "--sni-hostname-fatal"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "unrecognized_name" });
});

row({ ...asServer, feature: "ALPN and SNI" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, ["--alpn=a", "--alpn=b"], { alpn: ["b"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/Application protocol: b/);
  await exchangeAndClose(server, peer);
});

row({ ...asServer, feature: "they refuse the certificate" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, [], {}, authority.second);
  await server.untilClosed();
  await peer.untilPrinted(/The name in the certificate does not match the expected/);
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
  const own = authority.client(kind);
  const feature = `client certificate required, ${kind}`;
  row({ ...asClient, feature }, noServer, async (scope) => {
    const theirs = ["--require-client-cert", "--verify-client-cert", `--x509cafile=${authority.rootFile}`];
    const { client, peer } = await meetServer(scope, theirs, { clientCredential: own.credential });
    await client.untilComplete();
    await peer.untilPrinted(new RegExp(`Subject: CN=client-${kind}\\b`));
    await echoAndClose(client);
  });
  row({ ...asServer, feature }, noClient, async (scope) => {
    const theirs = [`--x509certfile=${own.chainFile}`, `--x509keyfile=${own.keyFile}`];
    const ours = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } } as const;
    const { server, peer } = await meetClient(scope, theirs, ours);
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await exchangeAndClose(server, peer);
  });
}

row({ ...asClient, feature: "client certificate requested, none given" }, noServer, async (scope) => {
  const { client } = await meetServer(scope);
  await echoAndClose(client);
});

row({ ...asClient, feature: "client certificate required, none given" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["--require-client-cert"]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_required" });
});

row({ ...asServer, feature: "client certificate required, none given" }, noClient, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meetClient(scope, [], ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  await peer.untilPrinted(/certificate is required/i);
});

row({ ...asClient, feature: "HelloRetryRequest: another group" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, [`--priority=${priority(["secp521r1"])}`]);
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp521r1" });
  await echoAndClose(client);
});

for (const helloRetryCookie of [false, true]) {
  const feature = `HelloRetryRequest: another group${helloRetryCookie ? " and a cookie" : ""}`;
  row({ ...asServer, feature }, noClient, async (scope) => {
    const theirs = ["--single-key-share", `--priority=${priority(["x25519", "secp384r1"])}`];
    const { server, peer } = await meetClient(scope, theirs, { groups: ["secp384r1"], helloRetryCookie });
    expect(await server.untilComplete()).toMatchObject({ helloRetried: true, group: "secp384r1" });
    await exchangeAndClose(server, peer);
  });
}

row({ ...asServer, feature: "KeyUpdate: theirs" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope, ["--inline-commands"]);
  await peer.untilPrinted(/Handshake was completed/);
  peer.write("^rekey^\n");
  await peer.untilPrinted(/Rekey was completed/);
  await server.until("their KeyUpdate", () => server.eventsOf("key-update").length > 0);
  await exchangeAndClose(server, peer);
  expect(server.eventsOf("key-update").map(({ direction }) => direction)).toContain("read");
});

row({ ...asClient, feature: "KeyUpdate: ours, with and without a request" }, noServer, async (scope) => {
  const { client } = await meetServer(scope);
  await client.untilComplete();
  client.updateKeys(false);
  client.updateKeys(true);
  await echoAndClose(client);
  expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "write", "read"]);
});

row({ ...asServer, feature: "KeyUpdate: ours, with and without a request" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope);
  await server.untilComplete();
  server.updateKeys(false);
  server.updateKeys(true);
  await exchangeAndClose(server, peer);
  expect(server.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "write", "read"]);
});

row({ ...asClient, feature: "record_size_limit 513 both ways" }, noServer, async (scope) => {
  const sizes = applicationRecords();
  const ours = { recordSizeLimit: 513, onMessage: sizes.onMessage };
  const { client } = await meetServer(scope, ["--recordsize=512"], ours);
  const line = "x".repeat(3000);
  client.write(`${line}\n`);
  await client.untilReceived(line);
  sizes.expectAtMost(512 + typeAndTag);
  await echoAndClose(client);
});

row({ ...asServer, feature: "record_size_limit 513 both ways" }, noClient, async (scope) => {
  const sizes = applicationRecords();
  const ours = { recordSizeLimit: 513, onMessage: sizes.onMessage };
  const { server, peer } = await meetClient(scope, ["--recordsize=512"], ours);
  await peer.untilPrinted(/Handshake was completed/);
  // Of what it reads at once, gnutls-cli sends what fits into one record.
  peer.write(`${"x".repeat(600)}\n`);
  await server.until("a full record", () => server.receivedLength >= 512);
  server.write("y".repeat(3000));
  await peer.untilPrinted(/y{3000}/);
  sizes.expectAtMost(512 + typeAndTag);
  await exchangeAndClose(server, peer);
});

row(
  { ...asClient, feature: "exporter, channel binding and key log are the same" },
  noServer,
  async (scope) => {
    const file = join(authority.folder, "gnutls-serv.log");
    const lines: string[] = [];
    const label = "EXPORTER-interop";
    const { client, peer } = await meetServer(
      scope,
      [`--keymatexport=${label}`, "--keymatexportsize=40"],
      { onKeyLog: (line) => lines.push(line) },
      certificate,
      { SSLKEYLOGFILE: file },
    );
    await client.untilComplete();
    await expectSameExport(client, peer, label);
    const [, binding] = await peer.untilPrinted(/'tls-exporter': ([0-9a-f]{64})/);
    expect(Buffer.from(client.engine.channelBinding("tls-exporter")).toString("hex")).toBe(binding);
    await echoAndClose(client);
    expect(keyLogLines(file)).toEqual(lines.sort());
  },
);

row({ ...asServer, feature: "exporter and key log are the same" }, noClient, async (scope) => {
  const file = join(authority.folder, "gnutls-cli.log");
  const lines: string[] = [];
  const label = "EXPORTER-interop";
  const { server, peer } = await meetClient(
    scope,
    [`--keymatexport=${label}`, "--keymatexportsize=40"],
    { onKeyLog: (line) => lines.push(line) },
    certificate,
    { SSLKEYLOGFILE: file },
  );
  await server.untilComplete();
  await expectSameExport(server, peer, label);
  await exchangeAndClose(server, peer);
  expect(keyLogLines(file)).toEqual(lines.sort());
});

row({ ...asClient, feature: "tickets arrive as sessions" }, noServer, async (scope) => {
  const { client } = await meetServer(scope);
  await echoAndClose(client);
  expect(client.eventsOf("session").length).toBeGreaterThanOrEqual(1);
});

row({ ...asClient, feature: "CertificateRequest with compress_certificate" }, noServer, async (scope) => {
  const { client } = await meetServer(scope, ["--compress-cert=zlib"]);
  await echoAndClose(client);
});

row({ ...asServer, feature: "extensions that we do not do" }, noClient, async (scope) => {
  const theirs = ["--compress-cert=zlib", "--post-handshake-auth", "--heartbeat"];
  const { server, peer } = await meetClient(scope, theirs);
  await exchangeAndClose(server, peer);
});

row({ ...asServer, feature: "1 MiB each way" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope);
  await peer.untilPrinted(/Handshake was completed/);
  const data = Buffer.from(
    patterned(2 ** 20)
      .toString("latin1")
      .replace(/.{64}/g, "$&\n"),
  );
  peer.write(data);
  await server.until("1 MiB", () => server.receivedLength >= data.length);
  expect(server.take().equals(data)).toBe(true);
  server.write(data);
  await peer.until("1 MiB", () => peer.stdoutLength >= data.length && peer.stdout.includes(data));
  await exchangeAndClose(server, peer);
});

row({ ...asServer, feature: "truncation: killed" }, noClient, async (scope) => {
  const { server, peer } = await meetClient(scope);
  await peer.untilPrinted(/Handshake was completed/);
  peer.kill();
  expect((await server.untilClosed()).kind).toBe("truncated");
});

row({ ...asServer, feature: "STARTTLS (SMTP)" }, noClient, async (scope) => {
  const listener = await listen(scope);
  const peer = startGnutlsClient(scope, authority, listener.port, ["--starttls-proto=smtp"]);
  const server = await listener.accept();
  await answerStartTls(server, serverWith(certificate));
  await exchangeAndClose(server, peer);
});
