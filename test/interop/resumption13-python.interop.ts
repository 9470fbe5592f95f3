import { constants } from "node:crypto";
import { afterAll, expect } from "vitest";
import { MemorySessionStore, pinned, type ServerConfig } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import {
  connectToPython,
  echoWithPython,
  noPython,
  type ScriptOptions,
  startPython,
  startPythonServer,
} from "./peers/python.ts";
import type { Peer } from "./process.ts";
import { acceptAs, SeenMessages } from "./resumption13.ts";
import { clientPairs, serverPairs } from "./resumption13-pairs.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that are resumed with Python: with a server of asyncio, and with an ssl.SSLSession.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "Python asyncio start_tls server", we: "client" } as const;
const asServer = { peer: "Python ssl.SSLSession", we: "server" } as const;

/** What the scripts print of a connection. */
interface PythonState {
  readonly open: string;
  readonly reused: boolean;
  readonly ticket?: boolean;
  readonly peer?: unknown;
}

function statesIn(peer: Peer): readonly PythonState[] {
  const lines = peer.output.split("\n").filter((line) => line.includes('"open"'));
  return lines.map((line) => JSON.parse(line) as PythonState);
}

for (const { feature, resumed, helloRetried = false, first, second } of clientPairs) {
  row({ ...asClient, feature: `resumption, ${feature}` }, noPython, async (scope) => {
    const { peer, port } = await startPythonServer(scope, certificate, {});
    const sessionStore = new MemorySessionStore();
    const seen = new SeenMessages();
    for (const [index, ours] of [first, second].entries()) {
      const config = clientFor(certificate, { sessionStore, onMessage: seen.onMessage, ...ours });
      const client = await connectToPython(scope, port, config);
      const info = await client.untilComplete();
      const expected = { version: "TLSv1.3", resumed: index === 1 && resumed, helloRetried };
      expect(info).toMatchObject({ ...expected, peer: { kind: "verified" } });
      seen.expectAsTold(info);
      await echoWithPython(client, peer);
    }
    expect(statesIn(peer).map(({ reused }) => reused)).toEqual([false, resumed]);
  });
}

row({ ...asClient, feature: "resumption, their sessions are in a cache" }, noPython, async (scope) => {
  const { peer, port } = await startPythonServer(scope, certificate, { options: constants.SSL_OP_NO_TICKET });
  const config = clientFor(certificate);
  for (const resumed of [false, true]) {
    const client = await connectToPython(scope, port, config);
    expect(await client.untilComplete()).toMatchObject({ resumed });
    await echoWithPython(client, peer);
  }
  expect(statesIn(peer).map(({ reused }) => reused)).toEqual([false, true]);
});

row(
  { ...asClient, feature: "resumption, client certificate: they know who we are" },
  noPython,
  async (scope) => {
    const theirs = { clientCa: authority.rootFile, clientMode: "require" } as const;
    const { peer, port } = await startPythonServer(scope, certificate, theirs);
    const config = clientFor(certificate, { clientCredential: own.credential });
    for (const resumed of [false, true]) {
      const client = await connectToPython(scope, port, config);
      expect(await client.untilComplete()).toMatchObject({ resumed });
      await echoWithPython(client, peer);
    }
    const [before, after] = statesIn(peer);
    expect(JSON.stringify(before?.peer)).toContain("client-ecdsa-p256");
    expect(after?.peer).toEqual(before?.peer);
    expect(after?.reused).toBe(true);
  },
);

/** Starts the script that connects so often, each time with its last session. */
function startSessions(scope: Scope, port: number, connections: number, theirs: ScriptOptions = {}): Peer {
  const args = [String(port), authority.rootFile, String(connections), JSON.stringify(theirs)];
  return startPython(scope, "session_client.py", ...args);
}

async function answerOnce(server: Driver): Promise<void> {
  await server.untilReceived("ping from python\n");
  server.write("pong from tls-engine\n");
  expect((await server.untilClosed()).kind).toBe("clean");
  await server.close();
}

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ ...asServer, feature: `resumption, ${feature}` }, noPython, async (scope) => {
    const listener = await listen(scope);
    const peer = startSessions(scope, listener.port, 2);
    const seen = new SeenMessages();
    for (const [index, ours] of make().entries()) {
      const config: ServerConfig = serverWith(certificate, { ...ours, onMessage: seen.onMessage });
      const server = await acceptAs(listener, config);
      const info = await server.untilComplete();
      expect(info).toMatchObject({ version: "TLSv1.3", resumed: index === 1 && resumed, helloRetried });
      seen.expectAsTold(info);
      await answerOnce(server);
    }
    expect(await peer.untilExit(), peer.output).toBe(0);
    const states = [false, resumed].map((reused) => ({ open: "TLSv1.3", reused, ticket: true }));
    expect(statesIn(peer)).toMatchObject(states);
  });
}

row(
  { ...asServer, feature: "resumption, client certificate: we know who they are" },
  noPython,
  async (scope) => {
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
    const listener = await listen(scope, serverWith(certificate, { clientAuth }));
    const peer = startSessions(scope, listener.port, 3, { certificate: own.chainFile, key: own.keyFile });
    for (const resumed of [false, true, true]) {
      const server = await listener.accept();
      const chain = [expect.any(Uint8Array), expect.any(Uint8Array)];
      expect(await server.untilComplete()).toMatchObject({ resumed, peer: { kind: "verified", chain } });
      await answerOnce(server);
    }
    expect(await peer.untilExit(), peer.output).toBe(0);
    expect(statesIn(peer).map(({ reused }) => reused)).toEqual([false, true, true]);
  },
);
