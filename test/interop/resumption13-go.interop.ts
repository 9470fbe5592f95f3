import { afterAll, expect } from "vitest";
import { type ClientOptions, MemorySessionStore, pinned } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { answerGoOnce, buildGoPeer, echoWithGo, noGo } from "./peers/go.ts";
import type { Peer } from "./process.ts";
import { acceptAs, fullInfo, SeenMessages } from "./resumption13.ts";
import { clientPairs, serverPairs } from "./resumption13-pairs.ts";
import { clientFor, row, serverWith, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that are resumed with Go.

const authority = await makeAuthority(["ecdsa-p256"]);
const go = buildGoPeer();
afterAll(() => {
  authority.remove();
  go.remove();
});

const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "Go crypto/tls server", we: "client" } as const;
const asServer = { peer: "Go crypto/tls client", we: "server" } as const;

/** A server of Go for so many connections, and what makes one to it with the same store each time. */
async function meetServer(
  scope: Scope,
  connections: number,
  theirs: readonly string[] = [],
): Promise<{ readonly peer: Peer; readonly open: (ours?: Partial<ClientOptions>) => Promise<Driver> }> {
  const identity = ["-cert", certificate.chainFile, "-key", certificate.keyFile];
  const peer = go.start(scope, "server", ...identity, "-connections", String(connections), ...theirs);
  const [, port] = await peer.untilPrinted(/"port":(\d+)/);
  const sessionStore = new MemorySessionStore();
  const open = (ours: Partial<ClientOptions> = {}): Promise<Driver> =>
    connect(scope, Number(port), clientFor(certificate, { sessionStore, ...ours }));
  return { peer, open };
}

/** What Go says of its connections. */
interface GoState {
  readonly resumed: boolean;
  readonly exported: string;
  readonly peer: readonly string[];
}

/** What it says when it has come to its end. */
async function statesOf(peer: Peer): Promise<readonly GoState[]> {
  expect(await peer.untilExit(), peer.output).toBe(0);
  const lines = peer.output.split("\n").filter((line) => line.includes('"open":"TLS 1.3"'));
  return lines.map((line) => JSON.parse(line) as GoState);
}

function exported(driver: Driver): string {
  const ours = driver.engine.exportKeyingMaterial("EXPORTER-interop", Buffer.from("a context"), 40);
  return Buffer.from(ours).toString("hex");
}

for (const { feature, resumed, helloRetried = false, first, second } of clientPairs) {
  row({ ...asClient, feature: `resumption, ${feature}` }, noGo, async (scope) => {
    // A group less than our client guesses.
    const { peer, open } = await meetServer(scope, 2, ["-groups", "x25519,secp256r1"]);
    const exports: string[] = [];
    const seen = new SeenMessages();
    for (const [index, ours] of [first, second].entries()) {
      const client = await open({ ...ours, onMessage: seen.onMessage });
      const info = await client.untilComplete();
      const expected = { version: "TLSv1.3", resumed: index === 1 && resumed, helloRetried };
      expect(info).toMatchObject({ ...expected, peer: { kind: "verified" } });
      seen.expectAsTold(info);
      exports.push(exported(client));
      await echoWithGo(client, peer);
    }
    const states = await statesOf(peer);
    expect(states).toMatchObject(exports.map((hex, i) => ({ exported: hex, resumed: i === 1 && resumed })));
  });
}

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ ...asServer, feature: `resumption, ${feature}` }, noGo, async (scope) => {
    const listener = await listen(scope);
    const args = [String(listener.port), "-ca", authority.rootFile, "-connections", "2"];
    const peer = go.start(scope, "client", ...args);
    const exports: string[] = [];
    const seen = new SeenMessages();
    for (const [index, ours] of make().entries()) {
      const config = serverWith(certificate, { ...ours, onMessage: seen.onMessage });
      const server = await acceptAs(listener, config);
      const info = await server.untilComplete();
      expect(info).toMatchObject({ version: "TLSv1.3", resumed: index === 1 && resumed, helloRetried });
      seen.expectAsTold(info);
      exports.push(exported(server));
      await answerGoOnce(server);
    }
    const states = await statesOf(peer);
    expect(states).toMatchObject(exports.map((hex, i) => ({ exported: hex, resumed: i === 1 && resumed })));
  });
}

for (const suite of suites) {
  // Go cannot be told of suites of TLS 1.3; ours are for it to take.
  const about = { suite, feature: "resumption, three connections" };
  row({ ...asClient, ...about }, noGo, async (scope) => {
    const { peer, open } = await meetServer(scope, 3);
    for (const resumed of [false, true, true]) {
      const client = await open({ cipherSuites: [suite] });
      expect(await client.untilComplete()).toMatchObject({ resumed, cipherSuite: suite });
      await echoWithGo(client, peer);
    }
    expect((await statesOf(peer)).map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });
  row({ ...asServer, ...about }, noGo, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, { cipherSuites: [suite] }));
    const args = [String(listener.port), "-ca", authority.rootFile, "-connections", "3"];
    const peer = go.start(scope, "client", ...args);
    for (const resumed of [false, true, true]) {
      const server = await listener.accept();
      expect(await server.untilComplete()).toMatchObject({ resumed, cipherSuite: suite });
      await answerGoOnce(server);
    }
    expect((await statesOf(peer)).map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });
}

row({ ...asClient, feature: "resumption, refused: they give no tickets" }, noGo, async (scope) => {
  const { peer, open } = await meetServer(scope, 2, ["-tickets=false"]);
  for (let connections = 0; connections < 2; connections++) {
    const client = await open();
    expect(await client.untilComplete()).toMatchObject(fullInfo);
    await echoWithGo(client, peer);
  }
});

row({ ...asClient, feature: "resumption, client certificate: they know who we are" }, noGo, async (scope) => {
  const { peer, open } = await meetServer(scope, 2, ["-auth", "require", "-ca", authority.rootFile]);
  for (const resumed of [false, true]) {
    const client = await open({ clientCredential: own.credential });
    expect(await client.untilComplete()).toMatchObject({ resumed });
    await echoWithGo(client, peer);
  }
  const subjects = [expect.stringMatching(/^client-ecdsa-p256$/), "tls-engine interop"];
  expect((await statesOf(peer)).map((state) => state.peer)).toEqual([subjects, subjects]);
});

row({ ...asServer, feature: "resumption, client certificate: we know who they are" }, noGo, async (scope) => {
  const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
  const listener = await listen(scope, serverWith(certificate, { clientAuth }));
  const args = [String(listener.port), "-ca", authority.rootFile, "-connections", "2"];
  const peer = go.start(scope, "client", ...args, "-cert", own.chainFile, "-key", own.keyFile);
  for (const resumed of [false, true]) {
    const server = await listener.accept();
    const chain = [expect.any(Uint8Array), expect.any(Uint8Array)];
    expect(await server.untilComplete()).toMatchObject({ resumed, peer: { kind: "verified", chain } });
    await answerGoOnce(server);
  }
  expect((await statesOf(peer)).map(({ resumed }) => resumed)).toEqual([false, true]);
});

row(
  { ...asClient, feature: "resumption behind KeyUpdates, and KeyUpdates behind resumption" },
  noGo,
  async (scope) => {
    const { peer, open } = await meetServer(scope, 2);
    for (const resumed of [false, true]) {
      const client = await open();
      expect(await client.untilComplete()).toMatchObject({ resumed });
      client.updateKeys(true);
      await echoWithGo(client, peer);
      expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
    }
  },
);
