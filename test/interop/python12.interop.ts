import { join } from "node:path";
import { constants } from "node:crypto";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  pinned,
  type ServerOptions,
  type TlsVersion,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import { opensslSuite12 } from "./peers/openssl.ts";
import {
  answerPython,
  connectToPython,
  echoWithPython,
  meetPythonClient,
  meetPythonServer,
  noPython,
  type PythonClientMeeting,
  type PythonServerMeeting,
  type ScriptOptions,
  startPython,
} from "./peers/python.ts";
import type { Peer } from "./process.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import {
  AgreedExtensions,
  type Combination12,
  combinations12,
  expectAgreement12,
  featureOf,
  type Group12,
  only12,
} from "./rows12.ts";
import { answerSmtp, answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "Python asyncio start_tls server", we: "client", version: "TLSv1.2" } as const;
const asServer = { peer: "Python asyncio start_tls client", we: "server", version: "TLSv1.2" } as const;
const tls12 = { versions: ["TLSv1_2", "TLSv1_2"] } as const;

function meetServer(
  scope: Scope,
  theirs: ScriptOptions = {},
  ours: Partial<ClientOptions> = {},
  issued = certificate,
): Promise<PythonServerMeeting> {
  return meetPythonServer(scope, issued, { ...tls12, ...theirs }, clientFor(issued, ours));
}

function meetClient(
  scope: Scope,
  theirs: ScriptOptions = {},
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<PythonClientMeeting> {
  return meetPythonClient(scope, authority, { ...tls12, ...theirs }, serverWith(issued, ours));
}

/** Options that hold the scripts to one combination, but for the group. */
function pythonOnly12({ suite, encryptThenMac }: Combination12): ScriptOptions {
  const options = encryptThenMac === false ? constants.SSL_OP_NO_ENCRYPT_THEN_MAC : 0;
  return { ciphers: opensslSuite12(suite), options };
}

/** Names of groups as `SSLContext.set_ecdh_curve` takes them. Clients go without it: the curve of the certificate must be offered too. */
const curves: Readonly<Record<Group12, string>> = {
  x25519: "X25519",
  secp256r1: "prime256v1",
  secp384r1: "secp384r1",
  secp521r1: "secp521r1",
};

for (const combination of combinations12()) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const place = { suite, group, certificate: kind, feature: `STARTTLS, ${featureOf(combination)}` };
  const theirs = pythonOnly12(combination);
  row({ ...asClient, ...place }, noPython, async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const { client, peer } = await meetServer(
      scope,
      { ...theirs, curve: curves[group] },
      ours,
      authority.server(kind),
    );
    expectAgreement12(await client.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await echoWithPython(client, peer);
  });
  row({ ...asServer, ...place }, noPython, async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const { server, peer } = await meetClient(scope, theirs, ours, authority.server(kind));
    expectAgreement12(await server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await answerPython(server, peer);
  });
}

row({ ...asClient, feature: "ALPN" }, noPython, async (scope) => {
  const { client, peer } = await meetServer(scope, { alpn: ["b", "a"] }, { alpn: ["a", "b"] });
  expect((await client.untilComplete()).alpn).toBe("b");
  await peer.untilPrinted(/"alpn": "b"/);
  await echoWithPython(client, peer);
});

row({ ...asServer, feature: "ALPN and SNI" }, noPython, async (scope) => {
  const { server, peer } = await meetClient(scope, { alpn: ["a", "b"] }, { alpn: ["b", "a"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/"alpn": "b"/);
  await answerPython(server, peer);
});

row({ ...asServer, feature: "the name does not match" }, noPython, async (scope) => {
  const { server, peer } = await meetClient(scope, { name: "elsewhere.test" });
  // asyncio aborts its transport, mostly before its alert is out.
  expect((await server.untilClosed()).kind).toMatch(/^(truncated|alert)$/);
  await peer.untilPrinted(/Hostname mismatch/);
});

row(
  { ...asServer, feature: "no cipher suite in common: the error names theirs" },
  noPython,
  async (scope) => {
    const { server, peer } = await meetClient(scope, { ciphers: "AES256-GCM-SHA384" });
    expect(await server.untilClosed()).toMatchObject({
      alertSent: "handshake_failure",
      error: { message: expect.stringContaining("the client offers TLS_RSA_WITH_AES_256_GCM_SHA384") },
    });
    await peer.untilPrinted(/HANDSHAKE_FAILURE/);
  },
);

for (const kind of ["rsa-2048", "ecdsa-p256", "ed25519"] as const) {
  const own = authority.client(kind);
  row({ ...asClient, feature: `client certificate required, ${kind}` }, noPython, async (scope) => {
    const theirs = { clientCa: authority.rootFile, clientMode: "require" } as const;
    const { client, peer } = await meetServer(scope, theirs, { clientCredential: own.credential });
    await peer.untilPrinted(new RegExp(`"client-${kind}"`));
    await echoWithPython(client, peer);
  });
  row({ ...asServer, feature: `client certificate required, ${kind}` }, noPython, async (scope) => {
    const theirs = { certificate: own.chainFile, key: own.keyFile };
    const { server, peer } = await meetClient(scope, theirs, {
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    });
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await answerPython(server, peer);
  });
}

row({ ...asClient, feature: "client certificate requested, none given" }, noPython, async (scope) => {
  const theirs = { clientCa: authority.rootFile, clientMode: "request" } as const;
  const { client, peer } = await meetServer(scope, theirs);
  await echoWithPython(client, peer);
});

row({ ...asClient, feature: "client certificate required, none given" }, noPython, async (scope) => {
  const theirs = { clientCa: authority.rootFile, clientMode: "require" } as const;
  const { client, peer } = await meetServer(scope, theirs);
  expect((await client.untilClosed()).kind).toMatch(/^(truncated|alert)$/);
  await peer.untilPrinted(/PEER_DID_NOT_RETURN_A_CERTIFICATE/);
});

row({ ...asServer, feature: "client certificate requested, none given" }, noPython, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours: Partial<ServerOptions> = { clientAuth: { mode: "request", trust: pinned([spkiSha256]) } };
  const { server, peer } = await meetClient(scope, {}, ours);
  expect((await server.untilComplete()).peer.kind).toBe("none");
  await answerPython(server, peer);
});

row({ ...asServer, feature: "client certificate required, none given" }, noPython, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours: Partial<ServerOptions> = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } };
  const { server, peer } = await meetClient(scope, {}, ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/HANDSHAKE_FAILURE/);
});

/** The lowest bit is SSL_OP_NO_EXTENDED_MASTER_SECRET, which Node and Python have no name for. */
const NO_EXTENDED_MAIN_SECRET = 1;

for (const extended of [true, false]) {
  const theirs = { options: extended ? 0 : NO_EXTENDED_MAIN_SECRET };
  const feature = `tls-unique and key log are the same${extended ? "" : ", no extended main secret"}`;
  row({ ...asClient, feature }, noPython, async (scope) => {
    const keylog = join(authority.folder, `python-server-${extended}.log`);
    const lines: string[] = [];
    const ours = { onKeyLog: (line: string) => lines.push(line) };
    const { client, peer } = await meetServer(scope, { ...theirs, keylog }, ours);
    expect((await client.untilComplete()).extendedMainSecret).toBe(extended);
    await expectSameUnique(client, peer);
    await echoWithPython(client, peer);
    expectSameKeys(lines, keylog);
  });
  row({ ...asServer, feature }, noPython, async (scope) => {
    const keylog = join(authority.folder, `python-client-${extended}.log`);
    const lines: string[] = [];
    const ours = { onKeyLog: (line: string) => lines.push(line) };
    const { server, peer } = await meetClient(scope, { ...theirs, keylog }, ours);
    expect((await server.untilComplete()).extendedMainSecret).toBe(extended);
    await expectSameUnique(server, peer);
    await answerPython(server, peer);
    expectSameKeys(lines, keylog);
  });
}

for (const [how, options] of [
  ["by ticket", 0],
  ["by session id", constants.SSL_OP_NO_TICKET],
] as const) {
  row({ ...asClient, feature: `resumption ${how}` }, noPython, async (scope) => {
    const { port, ...first } = await meetServer(scope, { options });
    expect((await first.client.untilComplete()).resumed).toBe(false);
    await echoWithPython(first.client, first.peer);
    // The same config, since that keeps the session.
    const config = clientFor(certificate);
    const plain = await connectToPython(scope, port, config);
    await plain.untilComplete();
    await echoWithPython(plain, first.peer);
    const client = await connectToPython(scope, port, config);
    expect(await client.untilComplete()).toMatchObject({ resumed: true, peer: { kind: "verified" } });
    const [, theirs] = await first.peer.untilPrinted(/"unique": "([0-9a-f]+)", "reused": true/);
    expect(Buffer.from(client.engine.channelBinding("tls-unique")).toString("hex")).toBe(theirs);
    await echoWithPython(client, first.peer);
  });
}

for (const [how, options, ours] of [
  ["by ticket", 0, {}],
  ["by session id, they take no tickets", constants.SSL_OP_NO_TICKET, {}],
  ["by session id, we give no tickets", 0, { sessionTickets: false }],
] as const) {
  const about = { peer: "Python ssl.SSLSession", we: "server", version: "TLSv1.2" } as const;
  row({ ...about, feature: `resumption ${how}` }, noPython, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, ours));
    const theirs = JSON.stringify({ ...tls12, options });
    const count = 3;
    const args = [String(listener.port), authority.rootFile, String(count), theirs];
    const peer = startPython(scope, "session_client.py", ...args);
    const infos: ConnectionInfo[] = [];
    const uniques: string[] = [];
    while (infos.length < count) {
      const server = await listener.accept();
      infos.push(await server.untilComplete());
      uniques.push(Buffer.from(server.engine.channelBinding("tls-unique")).toString("hex"));
      await server.untilReceived("ping from python\n");
      server.write("pong from tls-engine\n");
      expect((await server.untilClosed()).kind).toBe("clean");
      await server.close();
    }
    expect(await peer.untilExit()).toBe(0);
    expect(infos.map(({ resumed }) => resumed)).toEqual([false, true, true]);
    const printed = peer.output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(printed.map(({ reused }) => reused)).toEqual([false, true, true]);
    expect(printed.map(({ unique }) => unique)).toEqual(uniques);
    expect(printed[0]).toMatchObject({ ticket: how === "by ticket", open: "TLSv1.2" });
  });
}

const both = ["TLSv1_2", "TLSv1_3"] as const;
/** What Python has, what we have, and what becomes of it; null for nothing. */
const mixes: readonly (readonly [readonly [string, string], TlsVersion, TlsVersion | null])[] = [
  [both, "TLSv1.2", "TLSv1.2"],
  [both, "TLSv1.3", "TLSv1.3"],
  [["TLSv1_2", "TLSv1_2"], "TLSv1.3", null],
  [["TLSv1_3", "TLSv1_3"], "TLSv1.2", null],
];
for (const [versions, own, outcome] of mixes) {
  const theirs = [...new Set(versions)].map((name) => name.replace("_", ".")).join(" and ");
  const about = { version: "any", feature: `they have ${theirs}, we have ${own}` } as const;
  row({ ...asClient, ...about }, noPython, async (scope) => {
    const { client, peer } = await meetServer(scope, { versions }, { versions: [own] });
    if (outcome === null) {
      // asyncio aborts its transport, mostly before its alert is out.
      expect((await client.untilClosed()).kind).toMatch(/^(truncated|alert)$/);
      await peer.untilPrinted(/UNSUPPORTED_PROTOCOL/);
      return;
    }
    expect((await client.untilComplete()).version).toBe(outcome);
    await echoWithPython(client, peer);
  });
  row({ ...asServer, ...about }, noPython, async (scope) => {
    const { server, peer } = await meetClient(scope, { versions }, { versions: [own] });
    if (outcome === null) {
      expect(await server.untilClosed()).toMatchObject({
        alertSent: "protocol_version",
        error: { message: expect.stringContaining(`the client offers version ${theirs},`) },
      });
      await peer.untilPrinted(/PROTOCOL_VERSION/);
      return;
    }
    expect((await server.untilComplete()).version).toBe(outcome);
    await answerPython(server, peer);
  });
}

row(
  { peer: "Python smtplib", we: "server", version: "TLSv1.2", feature: "STARTTLS (SMTP)" },
  noPython,
  async (scope) => {
    const listener = await listen(scope);
    const peer = startPython(scope, "smtplib_client.py", String(listener.port), authority.rootFile);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(certificate, { versions: ["TLSv1.2"] }));
    expect(await answerSmtp(server)).toEqual([expect.stringMatching(/^ehlo /i), "QUIT"]);
    await peer.untilPrinted(/TLSv1\.2/);
  },
);

async function expectSameUnique(own: Driver, peer: Peer): Promise<void> {
  const [, theirs] = await peer.untilPrinted(/"unique": "([0-9a-f]+)"/);
  expect(Buffer.from(own.engine.channelBinding("tls-unique")).toString("hex")).toBe(theirs);
}

function expectSameKeys(ours: readonly string[], keylog: string): void {
  expect(ours).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
  expect(ours).toEqual(keyLogLines(keylog));
}
