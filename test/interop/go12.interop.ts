import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions, type TlsVersion } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  answerGo,
  answerGoOnce,
  buildGoPeer,
  echoWithGo,
  expectSameGoExport,
  goLacks12,
  goOnly12,
  goTls12,
  noGo,
} from "./peers/go.ts";
import type { Peer } from "./process.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import { combinations12, expectAgreement12, featureOf, only12 } from "./rows12.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
const go = buildGoPeer();
afterAll(() => {
  authority.remove();
  go.remove();
});

const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "Go crypto/tls server", we: "client", version: "TLSv1.2" } as const;
const asServer = { peer: "Go crypto/tls client", we: "server", version: "TLSv1.2" } as const;

async function meetServer(
  scope: Scope,
  theirs: readonly string[] = goTls12,
  ours: Partial<ClientOptions> = {},
  issued = certificate,
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const peer = go.start(scope, "server", "-cert", issued.chainFile, "-key", issued.keyFile, ...theirs);
  const [, port] = await peer.untilPrinted(/"port":(\d+)/);
  return { client: await connect(scope, Number(port), clientFor(issued, ours)), peer };
}

async function meetClient(
  scope: Scope,
  theirs: readonly string[] = goTls12,
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const listener = await listen(scope, serverWith(issued, ours));
  const peer = go.start(scope, "client", String(listener.port), "-ca", authority.rootFile, ...theirs);
  return { server: await listener.accept(), peer };
}

// Go has no encrypt-then-MAC.
for (const combination of combinations12([false])) {
  const { suite, group, certificate: kind } = combination;
  const place = { suite, group, certificate: kind, feature: featureOf(combination) };
  const theirs = goOnly12(combination);
  row({ ...asClient, ...place }, goLacks12(combination), async (scope) => {
    const { client, peer } = await meetServer(scope, theirs, only12(combination), authority.server(kind));
    expectAgreement12(await client.untilComplete(), combination);
    await echoWithGo(client, peer);
  });
  row({ ...asServer, ...place }, goLacks12(combination), async (scope) => {
    const { server, peer } = await meetClient(scope, theirs, only12(combination), authority.server(kind));
    expectAgreement12(await server.untilComplete(), combination);
    await answerGo(server, peer);
  });
}

row({ ...asClient, feature: "defaults of both sides" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  const info = await client.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, helloRetried: false });
  await echoWithGo(client, peer);
});

row({ ...asServer, feature: "defaults of both sides" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope);
  const info = await server.untilComplete();
  expect(info).toMatchObject({ version: "TLSv1.2", extendedMainSecret: true, helloRetried: false });
  await answerGo(server, peer);
});

row({ ...asClient, feature: "ALPN and SNI" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope, [...goTls12, "-alpn", "b,a"], { alpn: ["a", "b"] });
  expect((await client.untilComplete()).alpn).toBe("b");
  await peer.untilPrinted(/"alpn":"b","exported":"[0-9a-f]+","name":"localhost"/);
  await echoWithGo(client, peer);
});

row({ ...asServer, feature: "ALPN and SNI" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope, [...goTls12, "-alpn", "a,b"], { alpn: ["b", "a"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/"alpn":"b"/);
  await answerGo(server, peer);
});

row({ ...asClient, feature: "ALPN: none in common" }, noGo, async (scope) => {
  const { client } = await meetServer(scope, [...goTls12, "-alpn", "a"], { alpn: ["b"] });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "no_application_protocol" });
});

row({ ...asServer, feature: "they refuse the name" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope, [...goTls12, "-name", "elsewhere.test"]);
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "bad_certificate" });
  await peer.untilPrinted(/not elsewhere\.test/);
});

row({ ...asServer, feature: "no cipher suite in common: the error names theirs" }, noGo, async (scope) => {
  const theirs = [...goTls12, "-suites", "TLS_RSA_WITH_AES_128_GCM_SHA256"];
  const { server, peer } = await meetClient(scope, theirs);
  expect(await server.untilClosed()).toMatchObject({
    alertSent: "handshake_failure",
    error: { message: expect.stringContaining("the client offers TLS_RSA_WITH_AES_128_GCM_SHA256") },
  });
  await peer.untilPrinted(/handshake failure/);
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519", "ecdsa-p384", "ecdsa-p521"] as const) {
  const own = authority.client(kind);
  const feature = `client certificate required, ${kind}`;
  row({ ...asClient, feature }, noGo, async (scope) => {
    const theirs = [...goTls12, "-auth", "require", "-ca", authority.rootFile];
    const { client, peer } = await meetServer(scope, theirs, { clientCredential: own.credential });
    await peer.untilPrinted(new RegExp(`"peer":\\["client-${kind}"`));
    await echoWithGo(client, peer);
  });
  row({ ...asServer, feature }, noGo, async (scope) => {
    const theirs = [...goTls12, "-cert", own.chainFile, "-key", own.keyFile];
    const ours = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } } as const;
    const { server, peer } = await meetClient(scope, theirs, ours);
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await answerGo(server, peer);
  });
}

row({ ...asClient, feature: "client certificate requested, none given" }, noGo, async (scope) => {
  const theirs = [...goTls12, "-auth", "request", "-ca", authority.rootFile];
  const { client, peer } = await meetServer(scope, theirs);
  await echoWithGo(client, peer);
});

row({ ...asClient, feature: "client certificate required, none given" }, noGo, async (scope) => {
  const theirs = [...goTls12, "-auth", "require", "-ca", authority.rootFile];
  const { client, peer } = await meetServer(scope, theirs);
  expect((await client.untilClosed()).kind).toBe("alert");
  await peer.untilPrinted(/client didn't provide a certificate/);
});

row({ ...asServer, feature: "client certificate required, none given" }, noGo, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meetClient(scope, goTls12, ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/handshake failure/);
});

const same = "exporter, tls-unique and key log are the same";
row({ ...asClient, feature: same }, noGo, async (scope) => {
  const keylog = join(authority.folder, "go-server.log");
  const lines: string[] = [];
  const ours = { onKeyLog: (line: string) => lines.push(line) };
  const { client, peer } = await meetServer(scope, [...goTls12, "-keylog", keylog], ours);
  await client.untilComplete();
  await expectSameSecrets(client, peer);
  await echoWithGo(client, peer);
  expectSameKeys(lines, keylog);
});

row({ ...asServer, feature: same }, noGo, async (scope) => {
  const keylog = join(authority.folder, "go-client.log");
  const lines: string[] = [];
  const ours = { onKeyLog: (line: string) => lines.push(line) };
  const { server, peer } = await meetClient(scope, [...goTls12, "-keylog", keylog], ours);
  await server.untilComplete();
  await expectSameSecrets(server, peer);
  await answerGo(server, peer);
  expectSameKeys(lines, keylog);
});

for (const [how, theirs, resumed] of [
  ["by ticket", [], true],
  ["refused: they take no tickets", ["-tickets=false"], false],
] as const) {
  row({ ...asClient, feature: `resumption ${how}` }, noGo, async (scope) => {
    const args = ["-cert", certificate.chainFile, "-key", certificate.keyFile, "-connections", "2"];
    const peer = go.start(scope, "server", ...args, ...goTls12, ...theirs);
    const [, port] = await peer.untilPrinted(/"port":(\d+)/);
    const config = clientFor(certificate);
    const uniques: string[] = [];
    for (const again of [false, true]) {
      const client = await connect(scope, Number(port), config);
      expect(await client.untilComplete()).toMatchObject({ resumed: again && resumed });
      uniques.push(Buffer.from(client.engine.channelBinding("tls-unique")).toString("hex"));
      await echoWithGo(client, peer);
    }
    expect(await peer.untilExit()).toBe(0);
    expect(uniquesIn(peer)).toEqual(uniques);
    expect(peer.output.includes('"resumed":true')).toBe(resumed);
  });
}

for (const [how, theirs, ours, resumed] of [
  ["by ticket", [], {}, true],
  ["refused: they offer no tickets", ["-tickets=false"], {}, false],
  // Go knows tickets alone.
  ["refused: we give no tickets", [], { sessionTickets: false }, false],
] as const) {
  row({ ...asServer, feature: `resumption ${how}` }, noGo, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, ours));
    const args = [String(listener.port), "-ca", authority.rootFile, "-connections", "2"];
    const peer = go.start(scope, "client", ...args, ...goTls12, ...theirs);
    const uniques: string[] = [];
    for (const again of [false, true]) {
      const server = await listener.accept();
      expect(await server.untilComplete()).toMatchObject({ resumed: again && resumed });
      uniques.push(Buffer.from(server.engine.channelBinding("tls-unique")).toString("hex"));
      await answerGoOnce(server);
    }
    expect(await peer.untilExit()).toBe(0);
    expect(uniquesIn(peer)).toEqual(uniques);
    expect(peer.output.includes('"resumed":true')).toBe(resumed);
  });
}

const both: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];
/** What Go has, what we have, and what becomes of it; null for nothing. */
const mixes: readonly (readonly [
  min: string,
  max: string,
  own: readonly TlsVersion[],
  outcome: TlsVersion | null,
])[] = [
  ["1.0", "1.3", ["TLSv1.2"], "TLSv1.2"],
  ["1.0", "1.3", ["TLSv1.3"], "TLSv1.3"],
  ["1.0", "1.3", both, "TLSv1.3"],
  ["1.0", "1.2", both, "TLSv1.2"],
  ["1.2", "1.2", ["TLSv1.3"], null],
  ["1.3", "1.3", ["TLSv1.2"], null],
  ["1.0", "1.1", both, null],
];
for (const [min, max, versions, outcome] of mixes) {
  const theirs = min === max ? `TLS ${min}` : `TLS ${min} to ${max}`;
  const about = {
    version: "any",
    feature: `they have ${theirs}, we have ${versions.join(" and ")}`,
  } as const;
  const flags = ["-min", min, "-max", max];
  row({ ...asClient, ...about }, noGo, async (scope) => {
    const { client, peer } = await meetServer(scope, flags, { versions });
    if (outcome === null) {
      expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "protocol_version" });
      await peer.untilPrinted(/client offered only unsupported versions/);
      return;
    }
    expect((await client.untilComplete()).version).toBe(outcome);
    await echoWithGo(client, peer);
  });
  row({ ...asServer, ...about }, noGo, async (scope) => {
    const { server, peer } = await meetClient(scope, flags, { versions });
    if (outcome === null) {
      expect(await server.untilClosed()).toMatchObject({
        alertSent: "protocol_version",
        error: { message: expect.stringContaining(`the client offers version TLSv${max}`) },
      });
      await peer.untilPrinted(/protocol version not supported/);
      return;
    }
    expect((await server.untilComplete()).version).toBe(outcome);
    await answerGo(server, peer);
  });
}

row({ ...asClient, feature: "truncation: killed" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  await client.untilComplete();
  await peer.untilPrinted(/"open"/);
  peer.kill();
  expect((await client.untilClosed()).kind).toBe("truncated");
});

row({ ...asServer, feature: "upgrade from plaintext" }, noGo, async (scope) => {
  const listener = await listen(scope);
  const args = ["-ca", authority.rootFile, "-starttls", "STARTTLS", ...goTls12];
  const peer = go.start(scope, "client", String(listener.port), ...args);
  const server = await listener.accept();
  expect(await server.readLine()).toBe("STARTTLS");
  server.write("GO\n");
  server.upgrade(serverWith(certificate));
  await answerGo(server, peer);
  expect(server.info.version).toBe("TLSv1.2");
});

/** Compares exports with a context and without, and `tls-unique`. */
async function expectSameSecrets(own: Driver, peer: Peer): Promise<void> {
  await expectSameGoExport(own, peer);
  const [, plain] = await peer.untilPrinted(/"plain":"([0-9a-f]+)"/);
  const exported = own.engine.exportKeyingMaterial("EXPORTER-interop", null, 40);
  expect(Buffer.from(exported).toString("hex")).toBe(plain);
  const unique = Buffer.from(own.engine.channelBinding("tls-unique")).toString("hex");
  expect(uniquesIn(peer)).toEqual([unique]);
}

function uniquesIn(peer: Peer): readonly (string | undefined)[] {
  return [...peer.output.matchAll(/"unique":"([0-9a-f]+)"/g)].map(([, unique]) => unique);
}

function expectSameKeys(ours: readonly string[], keylog: string): void {
  expect(ours).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
  expect(ours).toEqual(keyLogLines(keylog));
}
