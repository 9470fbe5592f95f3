import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  answerPython as answerAndClose,
  echoWithPython as echoAndClose,
  meetPythonClient,
  meetPythonServer,
  noPython,
  type PythonClientMeeting,
  pythonLacks,
  type PythonServerMeeting,
  type ScriptOptions,
  startPython,
} from "./peers/python.ts";
import { clientFor, combinations, expectAgreement, row, serverWith } from "./rows.ts";
import { answerSmtp, answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "Python asyncio start_tls server", we: "client" } as const;
const asServer = { peer: "Python asyncio start_tls client", we: "server" } as const;

/** Our client, upgraded by the script's server. */
function meetServer(
  scope: Scope,
  theirs: ScriptOptions = {},
  ours: Partial<ClientOptions> = {},
  issued = certificate,
): Promise<PythonServerMeeting> {
  return meetPythonServer(scope, issued, theirs, clientFor(issued, ours));
}

/** The script's client, upgraded by a server of ours. */
function meetClient(
  scope: Scope,
  theirs: ScriptOptions = {},
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<PythonClientMeeting> {
  return meetPythonClient(scope, authority, theirs, serverWith(issued, ours));
}

for (const combination of combinations()) {
  const { suite, group } = combination;
  const ours = { cipherSuites: [suite], groups: [group] };
  row(
    { ...asClient, ...combination, feature: "STARTTLS, data both ways" },
    pythonLacks(combination),
    async (scope) => {
      const issued = authority.server(combination.certificate);
      const { client, peer } = await meetServer(scope, {}, ours, issued);
      expectAgreement(await client.untilComplete(), combination);
      await echoAndClose(client, peer);
    },
  );
  row(
    { ...asServer, ...combination, feature: "STARTTLS, data both ways" },
    pythonLacks(combination),
    async (scope) => {
      const { server, peer } = await meetClient(scope, {}, ours, authority.server(combination.certificate));
      expectAgreement(await server.untilComplete(), combination);
      await answerAndClose(server, peer);
    },
  );
}

row({ ...asClient, feature: "ALPN" }, noPython, async (scope) => {
  const { client, peer } = await meetServer(scope, { alpn: ["b", "a"] }, { alpn: ["a", "b"] });
  expect((await client.untilComplete()).alpn).toBe("b");
  await peer.untilPrinted(/"alpn": "b"/);
  await echoAndClose(client, peer);
});

row({ ...asServer, feature: "ALPN and SNI" }, noPython, async (scope) => {
  const { server, peer } = await meetClient(scope, { alpn: ["a", "b"] }, { alpn: ["b", "a"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await peer.untilPrinted(/"alpn": "b"/);
  await answerAndClose(server, peer);
});

row({ ...asServer, feature: "the name does not match" }, noPython, async (scope) => {
  const { server, peer } = await meetClient(scope, { name: "elsewhere.test" });
  // asyncio aborts its transport, mostly before its alert is out.
  expect((await server.untilClosed()).kind).toMatch(/^(truncated|alert)$/);
  await peer.untilPrinted(/Hostname mismatch/);
});

row({ ...asClient, feature: "client certificate required" }, noPython, async (scope) => {
  const { credential } = authority.client("rsa-2048");
  const theirs = { clientCa: authority.rootFile, clientMode: "require" } as const;
  const { client, peer } = await meetServer(scope, theirs, { clientCredential: credential });
  await peer.untilPrinted(/"client-rsa-2048"/);
  await echoAndClose(client, peer);
});

row({ ...asClient, feature: "client certificate required, none given" }, noPython, async (scope) => {
  const theirs = { clientCa: authority.rootFile, clientMode: "require" } as const;
  const { client, peer } = await meetServer(scope, theirs);
  expect((await client.untilClosed()).kind).toMatch(/^(truncated|alert)$/);
  await peer.untilPrinted(/PEER_DID_NOT_RETURN_A_CERTIFICATE/);
});

row({ ...asServer, feature: "client certificate required" }, noPython, async (scope) => {
  const own = authority.client("ecdsa-p256");
  const { server, peer } = await meetClient(
    scope,
    { certificate: own.chainFile, key: own.keyFile },
    { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } },
  );
  expect((await server.untilComplete()).peer.kind).toBe("verified");
  await answerAndClose(server, peer);
});

row({ ...asServer, feature: "client certificate required, none given" }, noPython, async (scope) => {
  const { spkiSha256 } = authority.client("ecdsa-p256");
  const ours: Partial<ServerOptions> = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } };
  const { server, peer } = await meetClient(scope, {}, ours);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  await peer.untilPrinted(/CERTIFICATE_REQUIRED/);
});

row({ ...asClient, feature: "key log is the same" }, noPython, async (scope) => {
  const keylog = join(authority.folder, "python-server.log");
  const lines: string[] = [];
  const { client, peer } = await meetServer(scope, { keylog }, { onKeyLog: (line) => lines.push(line) });
  await echoAndClose(client, peer);
  expect(lines.sort()).toEqual(keyLogLines(keylog));
});

row({ ...asServer, feature: "key log is the same" }, noPython, async (scope) => {
  const keylog = join(authority.folder, "python-client.log");
  const lines: string[] = [];
  const { server, peer } = await meetClient(scope, { keylog }, { onKeyLog: (line) => lines.push(line) });
  await answerAndClose(server, peer);
  expect(lines.sort()).toEqual(keyLogLines(keylog));
});

row({ peer: "Python smtplib", we: "server", feature: "STARTTLS (SMTP)" }, noPython, async (scope) => {
  const listener = await listen(scope);
  const peer = startPython(scope, "smtplib_client.py", String(listener.port), authority.rootFile);
  const server = await listener.accept();
  await answerStartTls(server, serverWith(certificate));
  expect(await answerSmtp(server)).toEqual([expect.stringMatching(/^ehlo /i), "QUIT"]);
  await peer.untilPrinted(/TLSv1\.3/);
});
