import { afterAll, beforeAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { certificateKinds, type Issued, makeAuthority } from "./ca.ts";
import { connect, type Driver, listen, type Listener } from "./driver.ts";
import { noJava, startJava } from "./peers/java.ts";
import type { Peer } from "./process.ts";
import { clientFor, patterned, row, serverWith } from "./rows.ts";
import { combinations12, expectAgreement12, featureOf, only12 } from "./rows12.ts";
import { Scope } from "./waiting.ts";

const authority = await makeAuthority();
const asClient = { peer: "Java JSSE server", we: "client", version: "TLSv1.2" } as const;
const asServer = { peer: "Java JSSE client", we: "server", version: "TLSv1.2" } as const;
const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");

/** One virtual machine per role for all rows. */
const machines = new Scope();
let server: Peer;
let client: Peer;

beforeAll(async () => {
  if (noJava !== undefined) return;
  const identity = (kind: Issued["kind"], auth: string, versions: string): string => {
    const { chainFile, keyFile } = authority.server(kind);
    return [kind, chainFile, keyFile, auth, versions].join(":");
  };
  const identities = certificateKinds.map((kind) => identity(kind, "none", "TLSv1.2"));
  const asking = ["request", "require"].map((auth) => identity("ecdsa-p256", auth, "TLSv1.2"));
  const others = ["TLSv1.3", "TLSv1.2,TLSv1.3"].map((versions) => identity("ecdsa-p256", "none", versions));
  server = startJava(machines, "server", authority.rootFile, ...identities, ...asking, ...others);
  client = startJava(machines, "client", authority.rootFile, own.chainFile, own.keyFile);
  await client.untilPrinted(/^READY/m);
  await server.untilPrinted(/^LISTENING ecdsa-p256 none TLSv1\.2,TLSv1\.3 /m);
});
afterAll(async () => {
  await machines.close();
  authority.remove();
});

interface ServerChoice {
  readonly kind?: Issued["kind"];
  readonly auth?: "none" | "request" | "require";
  readonly versions?: string;
}

async function portOf({
  kind = "ecdsa-p256",
  auth = "none",
  versions = "TLSv1.2",
}: ServerChoice): Promise<number> {
  const line = `^LISTENING ${kind} ${auth} ${versions.replaceAll(".", "\\.")} (\\d+)`;
  const [, port] = await server.untilPrinted(new RegExp(line, "m"));
  return Number(port);
}

async function meetServer(
  scope: Scope,
  ours: Partial<ClientOptions> = {},
  theirs: ServerChoice = {},
): Promise<Driver> {
  const config = clientFor(authority.server(theirs.kind ?? "ecdsa-p256"), ours);
  return await connect(scope, await portOf(theirs), config);
}

/** Their client, connected to a server of ours; and what it prints of the connection. */
interface ClientMeeting {
  readonly driver: Driver;
  readonly printed: (text: string) => Promise<unknown>;
}

async function call(listener: Listener, command = "localhost TLSv1.2"): Promise<ClientMeeting> {
  const { port, accept } = listener;
  client.write(`${port} ${command}\n`);
  return {
    driver: await accept(),
    printed: (text) => client.untilPrinted(new RegExp(`^(ANSWER|ERROR) ${port} .*${text}`, "m")),
  };
}

async function meetClient(
  scope: Scope,
  ours: Partial<ServerOptions> = {},
  issued = certificate,
  command?: string,
): Promise<ClientMeeting> {
  return await call(await listen(scope, serverWith(issued, ours)), command);
}

/** An echoed line, and a clean end that we begin. */
async function echoAndClose(driver: Driver): Promise<void> {
  driver.write("ping from tls-engine\n");
  await driver.untilReceived("ping from tls-engine\n");
  expect((await driver.close()).kind).toBe("clean");
}

/** One line each way, and a clean end that the peer begins. */
async function answerAndClose({ driver, printed }: ClientMeeting): Promise<void> {
  await driver.untilReceived("ping from java\n");
  driver.write("pong from tls-engine\n");
  expect((await driver.untilClosed()).kind).toBe("clean");
  await driver.close();
  await printed("pong from tls-engine$");
}

// JSSE has no encrypt-then-MAC.
for (const combination of combinations12([false])) {
  const { suite, group, certificate: kind } = combination;
  const place = { suite, group, certificate: kind, feature: featureOf(combination) };
  row({ ...asClient, ...place }, noJava, async (scope) => {
    const driver = await meetServer(scope, only12(combination), { kind });
    expectAgreement12(await driver.untilComplete(), combination);
    await echoAndClose(driver);
  });
  row({ ...asServer, ...place }, noJava, async (scope) => {
    const meeting = await meetClient(scope, only12(combination), authority.server(kind));
    expectAgreement12(await meeting.driver.untilComplete(), combination);
    await answerAndClose(meeting);
  });
}

row({ ...asClient, feature: "ALPN" }, noJava, async (scope) => {
  const driver = await meetServer(scope, { alpn: ["a", "b"] });
  expect(await driver.untilComplete()).toMatchObject({ alpn: "b", extendedMainSecret: true });
  await echoAndClose(driver);
});

row({ ...asServer, feature: "ALPN and SNI" }, noJava, async (scope) => {
  const meeting = await meetClient(scope, { alpn: ["a"] });
  expect(await meeting.driver.untilComplete()).toMatchObject({
    alpn: "a",
    serverName: "localhost",
    extendedMainSecret: true,
  });
  await answerAndClose(meeting);
});

row({ ...asServer, feature: "the name does not match" }, noJava, async (scope) => {
  const { driver, printed } = await meetClient(scope, {}, certificate, "elsewhere.test TLSv1.2");
  expect(await driver.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_unknown" });
  await printed("No subject alternative DNS name matching elsewhere.test");
});

row({ ...asClient, feature: "client certificate required" }, noJava, async (scope) => {
  const ours = { clientCredential: own.credential };
  await echoAndClose(await meetServer(scope, ours, { auth: "require" }));
});

row({ ...asClient, feature: "client certificate requested, none given" }, noJava, async (scope) => {
  await echoAndClose(await meetServer(scope, {}, { auth: "request" }));
});

row({ ...asClient, feature: "client certificate required, none given" }, noJava, async (scope) => {
  const driver = await meetServer(scope, {}, { auth: "require" });
  expect(await driver.untilClosed()).toMatchObject({
    kind: "alert",
    alert: expect.stringMatching(/^(bad_certificate|handshake_failure)$/),
  });
});

row({ ...asServer, feature: "client certificate required" }, noJava, async (scope) => {
  const ours: Partial<ServerOptions> = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } };
  const meeting = await meetClient(scope, ours);
  expect((await meeting.driver.untilComplete()).peer.kind).toBe("verified");
  await answerAndClose(meeting);
});

row({ ...asClient, feature: "resumption" }, noJava, async (scope) => {
  const config = clientFor(certificate);
  for (const resumed of [false, true]) {
    const driver = await connect(scope, await portOf({}), config);
    expect(await driver.untilComplete()).toMatchObject({ resumed, peer: { kind: "verified" } });
    await echoAndClose(driver);
  }
});

for (const [how, ours] of [
  ["by ticket", {}],
  ["by session id, we give no tickets", { sessionTickets: false }],
] as const) {
  row({ ...asServer, feature: `resumption ${how}` }, noJava, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, ours));
    for (const resumed of [false, true]) {
      const meeting = await call(listener);
      expect(await meeting.driver.untilComplete()).toMatchObject({ resumed, extendedMainSecret: true });
      await answerAndClose(meeting);
    }
  });
}

row({ ...asClient, feature: "renegotiation is refused with a warning" }, noJava, async (scope) => {
  const driver = await meetServer(scope);
  await driver.untilComplete();
  driver.write("RENEGOTIATE\n");
  // JSSE ends the connection by itself then.
  expect(await driver.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  await server.untilPrinted(/^ERROR .*no_renegotiation/m);
});

row({ ...asServer, feature: "renegotiation is refused with a warning" }, noJava, async (scope) => {
  const { driver, printed } = await meetClient(scope, {}, certificate, "localhost TLSv1.2 again");
  await driver.untilComplete();
  expect(await driver.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  await printed("no_renegotiation");
});

for (const [theirs, ours, outcome] of [
  ["TLSv1.2,TLSv1.3", "TLSv1.2", "TLSv1.2"],
  ["TLSv1.2,TLSv1.3", "TLSv1.3", "TLSv1.3"],
  ["TLSv1.2", "TLSv1.3", null],
  ["TLSv1.3", "TLSv1.2", null],
] as const) {
  const feature = `they have ${theirs.replace(",", " and ")}, we have ${ours}`;
  const options = { versions: [ours] };
  row({ ...asClient, version: "any", feature }, noJava, async (scope) => {
    const driver = await meetServer(scope, options, { versions: theirs });
    if (outcome === null) {
      expect(await driver.untilClosed()).toMatchObject({ kind: "alert", alert: "protocol_version" });
      return;
    }
    expect((await driver.untilComplete()).version).toBe(outcome);
    await echoAndClose(driver);
  });
  row({ ...asServer, version: "any", feature }, noJava, async (scope) => {
    const meeting = await meetClient(scope, options, certificate, `localhost ${theirs}`);
    if (outcome === null) {
      expect(await meeting.driver.untilClosed()).toMatchObject({
        alertSent: "protocol_version",
        error: { message: expect.stringContaining(`the client offers version ${theirs},`) },
      });
      await meeting.printed("protocol_version");
      return;
    }
    expect((await meeting.driver.untilComplete()).version).toBe(outcome);
    await answerAndClose(meeting);
  });
}

row({ ...asClient, feature: "1 MiB each way" }, noJava, async (scope) => {
  const driver = await meetServer(scope);
  await driver.untilComplete();
  const data = patterned(2 ** 20);
  driver.write(data);
  await driver.until("1 MiB", () => driver.receivedLength >= data.length);
  expect(driver.take().equals(data)).toBe(true);
  await echoAndClose(driver);
});
