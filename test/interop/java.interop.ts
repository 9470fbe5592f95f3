import { afterAll, beforeAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { type Issued, makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { javaLacks, noJava, startJava } from "./peers/java.ts";
import type { Peer } from "./process.ts";
import { clientFor, combinations, expectAgreement, groups, patterned, row, serverWith } from "./rows.ts";
import { Scope } from "./waiting.ts";

const authority = await makeAuthority();
const asClient = { peer: "Java JSSE server", we: "client" } as const;
const asServer = { peer: "Java JSSE client", we: "server" } as const;
const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const kinds = [...new Set(combinations().map((combination) => combination.certificate))];

/** One virtual machine per role for all rows. */
const machines = new Scope();
let server: Peer;
let client: Peer;

beforeAll(async () => {
  if (noJava !== undefined) return;
  const identity = (kind: Issued["kind"], auth: string): string => {
    const { chainFile, keyFile } = authority.server(kind);
    return [kind, chainFile, keyFile, auth, "TLSv1.3"].join(":");
  };
  const identities = kinds.map((kind) => identity(kind, "none"));
  const asking = ["request", "require"].map((auth) => identity("ecdsa-p256", auth));
  server = startJava(machines, "server", authority.rootFile, ...identities, ...asking);
  client = startJava(machines, "client", authority.rootFile, own.chainFile, own.keyFile);
  await client.untilPrinted(/^READY/m);
  await server.untilPrinted(/^LISTENING ecdsa-p256 require /m);
});
afterAll(async () => {
  await machines.close();
  authority.remove();
});

async function meetServer(
  scope: Scope,
  ours: Partial<ClientOptions> = {},
  kind: Issued["kind"] = "ecdsa-p256",
  auth: "none" | "request" | "require" = "none",
): Promise<Driver> {
  const [, port] = await server.untilPrinted(new RegExp(`^LISTENING ${kind} ${auth} TLSv1\\.3 (\\d+)`, "m"));
  return await connect(scope, Number(port), clientFor(authority.server(kind), ours));
}

/** Their client, connected to a server of ours; and what it prints of the connection. */
async function meetClient(
  scope: Scope,
  ours: Partial<ServerOptions> = {},
  issued = certificate,
  name = "localhost",
): Promise<{ readonly driver: Driver; readonly printed: (text: string) => Promise<unknown> }> {
  const { port, accept } = await listen(scope, serverWith(issued, ours));
  client.write(`${port} ${name} TLSv1.3\n`);
  return {
    driver: await accept(),
    printed: (text) => client.untilPrinted(new RegExp(`^(ANSWER|ERROR) ${port} .*${text}`, "m")),
  };
}

/** An echoed line, and a clean end that we begin. */
async function echoAndClose(driver: Driver): Promise<void> {
  driver.write("ping from tls-engine\n");
  await driver.untilReceived("ping from tls-engine\n");
  expect((await driver.close()).kind).toBe("clean");
}

/** One line each way, and a clean end that the peer begins. */
async function answerAndClose({ driver, printed }: Awaited<ReturnType<typeof meetClient>>): Promise<void> {
  await driver.untilReceived("ping from java\n");
  driver.write("pong from tls-engine\n");
  expect((await driver.untilClosed()).kind).toBe("clean");
  await driver.close();
  await printed("pong from tls-engine$");
}

for (const combination of combinations()) {
  const { suite, group } = combination;
  const about = { ...combination, feature: "data both ways" };
  const ours = { cipherSuites: [suite], groups: [group] };
  row({ ...asClient, ...about }, javaLacks(combination), async (scope) => {
    const driver = await meetServer(scope, ours, combination.certificate);
    expectAgreement(await driver.untilComplete(), combination);
    await echoAndClose(driver);
  });
  row({ ...asServer, ...about }, javaLacks(combination), async (scope) => {
    const meeting = await meetClient(scope, ours, authority.server(combination.certificate));
    expectAgreement(await meeting.driver.untilComplete(), combination);
    await answerAndClose(meeting);
  });
}

row({ ...asClient, feature: "ALPN" }, noJava, async (scope) => {
  const driver = await meetServer(scope, { alpn: ["a", "b"] });
  expect((await driver.untilComplete()).alpn).toBe("b");
  await echoAndClose(driver);
});

row({ ...asServer, feature: "ALPN and SNI" }, noJava, async (scope) => {
  const meeting = await meetClient(scope, { alpn: ["a"] });
  expect(await meeting.driver.untilComplete()).toMatchObject({ alpn: "a", serverName: "localhost" });
  await answerAndClose(meeting);
});

row({ ...asServer, feature: "the name does not match" }, noJava, async (scope) => {
  const { driver, printed } = await meetClient(scope, {}, certificate, "elsewhere.test");
  expect(await driver.untilClosed()).toMatchObject({ kind: "alert", alert: "certificate_unknown" });
  await printed("No subject alternative DNS name matching elsewhere.test");
});

row({ ...asClient, feature: "client certificate required" }, noJava, async (scope) => {
  const driver = await meetServer(scope, { clientCredential: own.credential }, "ecdsa-p256", "require");
  await echoAndClose(driver);
});

row({ ...asClient, feature: "client certificate requested, none given" }, noJava, async (scope) => {
  await echoAndClose(await meetServer(scope, {}, "ecdsa-p256", "request"));
});

row({ ...asClient, feature: "client certificate required, none given" }, noJava, async (scope) => {
  const driver = await meetServer(scope, {}, "ecdsa-p256", "require");
  expect(await driver.untilClosed()).toMatchObject({
    kind: "alert",
    alert: expect.stringMatching(/^(bad_certificate|certificate_required)$/),
  });
});

row({ ...asServer, feature: "client certificate required" }, noJava, async (scope) => {
  const ours: Partial<ServerOptions> = { clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) } };
  const meeting = await meetClient(scope, ours);
  expect((await meeting.driver.untilComplete()).peer.kind).toBe("verified");
  await answerAndClose(meeting);
});

row({ ...asClient, feature: "HelloRetryRequest" }, noJava, async (scope) => {
  const ours = { keyShares: ["X25519MLKEM768"], groups: groups.toReversed() };
  const driver = await meetServer(scope, ours);
  expect(await driver.untilComplete()).toMatchObject({ helloRetried: true });
  await echoAndClose(driver);
});

row({ ...asServer, feature: "HelloRetryRequest and cookie" }, noJava, async (scope) => {
  const meeting = await meetClient(scope, { groups: ["secp521r1"], helloRetryCookie: true });
  expect(await meeting.driver.untilComplete()).toMatchObject({ helloRetried: true, group: "secp521r1" });
  await answerAndClose(meeting);
});

for (const cipherSuite of ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"] as const) {
  const feature = "4 MiB each way, with their KeyUpdates";
  row({ ...asClient, suite: cipherSuite, feature }, noJava, async (scope) => {
    const driver = await meetServer(scope, { cipherSuites: [cipherSuite] });
    await driver.untilComplete();
    const data = patterned(4 * 1024 * 1024);
    driver.write(data);
    await driver.until("4 MiB", () => driver.receivedLength >= data.length);
    expect(driver.take().equals(data)).toBe(true);
    expect(
      driver.eventsOf("key-update").filter(({ direction }) => direction === "read").length,
    ).toBeGreaterThan(1);
    await echoAndClose(driver);
  });
}

row({ ...asClient, feature: "tickets arrive as sessions" }, noJava, async (scope) => {
  const driver = await meetServer(scope);
  await echoAndClose(driver);
  expect(driver.eventsOf("session").length).toBeGreaterThanOrEqual(1);
});

row({ ...asClient, feature: "KeyUpdate: ours, with a request" }, noJava, async (scope) => {
  const driver = await meetServer(scope);
  await driver.untilComplete();
  driver.updateKeys(true);
  await echoAndClose(driver);
  expect(driver.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
});
