import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  answerGo as answerAndClose,
  buildGoPeer,
  echoWithGo as echoAndClose,
  expectSameGoExport as expectSameExport,
  noGo,
} from "./peers/go.ts";
import type { Peer } from "./process.ts";
import { clientFor, combinations, expectAgreement, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
const go = buildGoPeer();
afterAll(() => {
  authority.remove();
  go.remove();
});

const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "Go crypto/tls server", we: "client" } as const;
const asServer = { peer: "Go crypto/tls client", we: "server" } as const;

/** Go's crypto/tls neither makes nor accepts them. */
function goLacks({ certificate: kind }: { readonly certificate: string }): string | undefined {
  return noGo ?? (kind === "rsa-pss-2048" ? "crypto/tls has no keys of type RSASSA-PSS" : undefined);
}

async function meetServer(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ClientOptions> = {},
  issued = certificate,
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const peer = go.start(scope, "server", "-cert", issued.chainFile, "-key", issued.keyFile, ...theirs);
  const [, port] = await peer.untilPrinted(/"port":(\d+)/);
  return { client: await connect(scope, Number(port), clientFor(issued, ours)), peer };
}

async function meetClient(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const listener = await listen(scope, serverWith(issued, ours));
  const peer = go.start(scope, "client", String(listener.port), "-ca", authority.rootFile, ...theirs);
  return { server: await listener.accept(), peer };
}

for (const combination of combinations()) {
  const { suite, group } = combination;
  const ours = { cipherSuites: [suite], groups: [group] };
  row({ ...asClient, ...combination, feature: "data both ways" }, goLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const { client, peer } = await meetServer(scope, ["-groups", group], ours, issued);
    expectAgreement(await client.untilComplete(), combination);
    await echoAndClose(client, peer);
  });
  row({ ...asServer, ...combination, feature: "data both ways" }, goLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const { server, peer } = await meetClient(scope, ["-groups", group], ours, issued);
    expectAgreement(await server.untilComplete(), combination);
    await answerAndClose(server, peer);
  });
}

row({ ...asClient, feature: "defaults of both sides" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  expect(await client.untilComplete()).toMatchObject({ group: "X25519MLKEM768", helloRetried: false });
  await echoAndClose(client, peer);
});

row({ ...asServer, feature: "defaults of both sides" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope);
  expect(await server.untilComplete()).toMatchObject({ group: "X25519MLKEM768", helloRetried: false });
  await answerAndClose(server, peer);
});

for (const group of ["secp384r1", "X25519MLKEM768"] as const) {
  const feature = `HelloRetryRequest to ${group}`;
  row({ ...asClient, group, feature }, noGo, async (scope) => {
    const { client, peer } = await meetServer(scope, ["-groups", group], {
      groups: ["x25519", group],
      keyShares: ["x25519"],
    });
    expect(await client.untilComplete()).toMatchObject({ group, helloRetried: true });
    await echoAndClose(client, peer);
  });
}

row({ ...asServer, group: "secp521r1", feature: "HelloRetryRequest and cookie" }, noGo, async (scope) => {
  const ours = { groups: ["secp521r1"], helloRetryCookie: true };
  const { server, peer } = await meetClient(scope, ["-groups", "X25519MLKEM768,x25519,secp521r1"], ours);
  expect(await server.untilComplete()).toMatchObject({ group: "secp521r1", helloRetried: true });
  await answerAndClose(server, peer);
});

row({ ...asClient, feature: "ALPN and SNI" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope, ["-alpn", "b,a"], { alpn: ["a", "b"] });
  expect((await client.untilComplete()).alpn).toBe("b");
  await peer.untilPrinted(/"alpn":"b","exported":"[0-9a-f]+","name":"localhost"/);
  await echoAndClose(client, peer);
});

row({ ...asServer, feature: "ALPN and SNI" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope, ["-alpn", "a,b"], { alpn: ["b", "a"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/"alpn":"b"/);
  await answerAndClose(server, peer);
});

row({ ...asClient, feature: "ALPN: none in common" }, noGo, async (scope) => {
  const { client } = await meetServer(scope, ["-alpn", "a"], { alpn: ["b"] });
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "no_application_protocol" });
});

row({ ...asServer, feature: "they refuse the name" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope, ["-name", "elsewhere.test"]);
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "bad_certificate" });
  await peer.untilPrinted(/not elsewhere\.test/);
});

for (const kind of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
  const own = authority.client(kind);
  const feature = `client certificate required, ${kind}`;
  row({ ...asClient, feature }, noGo, async (scope) => {
    const theirs = ["-auth", "require", "-ca", authority.rootFile];
    const { client, peer } = await meetServer(scope, theirs, { clientCredential: own.credential });
    await peer.untilPrinted(new RegExp(`"peer":\\["client-${kind}"`));
    await echoAndClose(client, peer);
  });
  row({ ...asServer, feature }, noGo, async (scope) => {
    const ours = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } } as const;
    const { server, peer } = await meetClient(scope, ["-cert", own.chainFile, "-key", own.keyFile], ours);
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await answerAndClose(server, peer);
  });
}

row({ ...asClient, feature: "client certificate requested, none given" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope, ["-auth", "request", "-ca", authority.rootFile]);
  await echoAndClose(client, peer);
});

row({ ...asClient, feature: "client certificate required, none given" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope, ["-auth", "require", "-ca", authority.rootFile]);
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_required" });
  await peer.untilPrinted(/client didn't provide a certificate/);
});

row({ ...asServer, feature: "client certificate required, none given" }, noGo, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } } as const;
  const { server, peer } = await meetClient(scope, [], ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  await peer.untilPrinted(/certificate required/);
});

row({ ...asClient, feature: "exporter and key log are the same" }, noGo, async (scope) => {
  const keylog = join(authority.folder, "go-server.log");
  const lines: string[] = [];
  const ours = { onKeyLog: (line: string) => lines.push(line) };
  const { client, peer } = await meetServer(scope, ["-keylog", keylog], ours);
  await client.untilComplete();
  await expectSameExport(client, peer);
  await echoAndClose(client, peer);
  expectSameKeys(lines, keylog);
});

row({ ...asServer, feature: "exporter and key log are the same" }, noGo, async (scope) => {
  const keylog = join(authority.folder, "go-client.log");
  const lines: string[] = [];
  const ours = { onKeyLog: (line: string) => lines.push(line) };
  const { server, peer } = await meetClient(scope, ["-keylog", keylog], ours);
  await server.untilComplete();
  await expectSameExport(server, peer);
  await answerAndClose(server, peer);
  expectSameKeys(lines, keylog);
});

row({ ...asClient, feature: "KeyUpdate: ours, with a request" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  await client.untilComplete();
  client.updateKeys(true);
  await echoAndClose(client, peer);
  expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
});

row({ ...asServer, feature: "KeyUpdate: ours, with a request" }, noGo, async (scope) => {
  const { server, peer } = await meetClient(scope);
  await server.untilComplete();
  server.updateKeys(true);
  await answerAndClose(server, peer);
  expect(server.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
});

row({ ...asClient, feature: "tickets arrive as sessions" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  await echoAndClose(client, peer);
  expect(client.eventsOf("session").length).toBeGreaterThanOrEqual(1);
});

row({ ...asClient, feature: "truncation: killed" }, noGo, async (scope) => {
  const { client, peer } = await meetServer(scope);
  await client.untilComplete();
  await peer.untilPrinted(/"open"/);
  peer.kill();
  expect((await client.untilClosed()).kind).toBe("truncated");
});

row({ ...asServer, feature: "upgrade from plaintext" }, noGo, async (scope) => {
  const listener = await listen(scope);
  const args = ["-ca", authority.rootFile, "-starttls", "STARTTLS"];
  const peer = go.start(scope, "client", String(listener.port), ...args);
  const server = await listener.accept();
  expect(await server.readLine()).toBe("STARTTLS");
  server.write("GO\n");
  server.upgrade(serverWith(certificate));
  await answerAndClose(server, peer);
});

/** Go logs the four traffic secrets, and not the one for exporters. */
function expectSameKeys(ours: readonly string[], keylog: string): void {
  const theirs = keyLogLines(keylog);
  expect(theirs).toHaveLength(4);
  expect(ours.filter((line) => !line.startsWith("EXPORTER_SECRET")).sort()).toEqual(theirs);
}
