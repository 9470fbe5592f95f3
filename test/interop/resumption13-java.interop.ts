import { afterAll, beforeAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  MemorySessionStore,
  pinned,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, listen } from "./driver.ts";
import { noJava, startJava } from "./peers/java.ts";
import type { Peer } from "./process.ts";
import { acceptAs, newTicketKeys, SeenMessages } from "./resumption13.ts";
import { clientPairs, serverPairs } from "./resumption13-pairs.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that are resumed with JSSE, which tells of it by the time at which a session was made.

const authority = await makeAuthority(["ecdsa-p256"]);
const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "Java JSSE server", we: "client" } as const;
const asServer = { peer: "Java JSSE client", we: "server" } as const;

/** One virtual machine per role for all rows. */
const machines = new Scope();
let server: Peer;
let client: Peer;

beforeAll(async () => {
  if (noJava !== undefined) return;
  const { chainFile, keyFile } = certificate;
  const identities = ["none", "require"].map((auth) =>
    ["server", chainFile, keyFile, auth, "TLSv1.3"].join(":"),
  );
  server = startJava(machines, "server", authority.rootFile, ...identities);
  client = startJava(machines, "client", authority.rootFile, own.chainFile, own.keyFile);
  await client.untilPrinted(/^READY/m);
  await server.untilPrinted(/^LISTENING server require /m);
});
afterAll(async () => {
  await machines.close();
  authority.remove();
});

/** When a session was made, and with whom, as the other side says. */
type Origin = readonly [madeAt: string, peer: string];

/** Connects to their server, asks what it knows of the session, and ends the connection cleanly. */
async function visit(
  scope: Scope,
  auth: "none" | "require",
  ours: Partial<ClientOptions>,
): Promise<{ readonly info: ConnectionInfo; readonly origin: Origin }> {
  const [, port] = await server.untilPrinted(new RegExp(`^LISTENING server ${auth} TLSv1\\.3 (\\d+)`, "m"));
  const driver = await connect(scope, Number(port), clientFor(certificate, ours));
  const info = await driver.untilComplete();
  driver.write("SESSION\n");
  const [madeAt = "", peer = ""] = (await driver.readLine()).split(" ");
  driver.write("ping from tls-engine\n");
  await driver.untilReceived("ping from tls-engine\n");
  expect((await driver.close()).kind).toBe("clean");
  return { info, origin: [madeAt, peer] };
}

for (const { feature, resumed, helloRetried = false, first, second } of clientPairs) {
  row({ ...asClient, feature: `resumption, ${feature}` }, noJava, async (scope) => {
    const seen = new SeenMessages();
    const always = { sessionStore: new MemorySessionStore(), onMessage: seen.onMessage };
    const before = await visit(scope, "none", { ...always, ...first });
    expect(before.info).toMatchObject({ version: "TLSv1.3", resumed: false, helloRetried });
    seen.expectAsTold(before.info);
    const after = await visit(scope, "none", { ...always, ...second });
    expect(after.info).toMatchObject({ resumed, helloRetried, peer: { kind: "verified" } });
    seen.expectAsTold(after.info);
    expect(after.origin[0] === before.origin[0]).toBe(resumed);
  });
}

row(
  { ...asClient, feature: "resumption, client certificate: they know who we are" },
  noJava,
  async (scope) => {
    const ours = { sessionStore: new MemorySessionStore(), clientCredential: own.credential };
    const before = await visit(scope, "require", ours);
    expect(before).toMatchObject({
      info: { resumed: false },
      origin: [before.origin[0], "CN=client-ecdsa-p256"],
    });
    const after = await visit(scope, "require", ours);
    expect(after).toMatchObject({ info: { resumed: true }, origin: before.origin });
  },
);

/** Their client connects twice, to servers of ours that are these in turn. */
async function receive(
  scope: Scope,
  configs: readonly Partial<ServerOptions>[],
): Promise<readonly { readonly info: ConnectionInfo; readonly origin: string }[]> {
  const listener = await listen(scope);
  const seen = new SeenMessages();
  const outcomes: { readonly info: ConnectionInfo; readonly origin: string }[] = [];
  for (const ours of configs) {
    client.write(`${listener.port} localhost TLSv1.3\n`);
    const driver = await acceptAs(listener, serverWith(certificate, { ...ours, onMessage: seen.onMessage }));
    const info = await driver.untilComplete();
    seen.expectAsTold(info, ours.clientAuth === undefined ? 2 : 5);
    await driver.untilReceived("ping from java\n");
    driver.write("pong from tls-engine\n");
    expect((await driver.untilClosed()).kind).toBe("clean");
    await driver.close();
    const printed = new RegExp(`^SESSION ${listener.port} (\\d+) CN=server-ecdsa-p256`, "gm");
    const number = outcomes.length;
    const origin = await client.until("SESSION", () => [...client.output.matchAll(printed)][number]?.[1]);
    outcomes.push({ info, origin });
  }
  return outcomes;
}

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ ...asServer, feature: `resumption, ${feature}` }, noJava, async (scope) => {
    const [before, after] = await receive(scope, make());
    expect(before?.info).toMatchObject({ version: "TLSv1.3", resumed: false, helloRetried });
    expect(after?.info).toMatchObject({ version: "TLSv1.3", resumed, helloRetried });
    expect(after?.origin === before?.origin).toBe(resumed);
  });
}

row(
  { ...asServer, feature: "resumption, client certificate: we know who they are" },
  noJava,
  async (scope) => {
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
    const ours = { clientAuth, sessionTickets: newTicketKeys() };
    const [before, after] = await receive(scope, [ours, ours]);
    const chain = [expect.any(Uint8Array), expect.any(Uint8Array)];
    expect(before?.info).toMatchObject({ resumed: false, peer: { kind: "verified", chain } });
    expect(after?.info).toMatchObject({ resumed: true, peer: { kind: "verified", chain } });
    expect(after?.origin).toBe(before?.origin);
  },
);
