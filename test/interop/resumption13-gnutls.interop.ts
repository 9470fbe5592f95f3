import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  MemorySessionStore,
  pinned,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  priority,
  startGnutlsClient,
  startGnutlsServer,
} from "./peers/gnutls.ts";
import type { Peer } from "./process.ts";
import { acceptAs, fullInfo, OfferedIdentities, resumedInfo, SeenMessages } from "./resumption13.ts";
import { clientPairs, serverPairs } from "./resumption13-pairs.ts";
import { clientFor, row, serverWith, type Suite, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that are resumed with GnuTLS. Its client does so in one run, which connects twice.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});
const shim = noServer === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "gnutls-serv", we: "client" } as const;
const asServer = { peer: "gnutls-cli", we: "server" } as const;

const label = "EXPORTER-interop";
const EXPORTED = /Key material: ([0-9a-f]+)/g;
const BINDING = /'tls-exporter': ([0-9a-f]+)/g;
const exporting = [`--keymatexport=${label}`, "--keymatexportsize=40"];

/** Our priority string, unless there is another one. */
function withPriority(args: readonly string[]): readonly string[] {
  return args.some((arg) => arg.startsWith("--priority")) ? args : [tls13(), ...args];
}

function tls13(suite?: Suite): string {
  return `--priority=${priority([], suite)}`;
}

/** A gnutls-serv, and what connects to it again and again with the same store. */
async function meetServer(
  scope: Scope,
  theirs: readonly string[] = ["--disable-client-cert"],
): Promise<{ readonly peer: Peer; readonly open: (ours?: Partial<ClientOptions>) => Promise<Driver> }> {
  const { port, peer } = await startGnutlsServer(scope, shim, certificate, withPriority(theirs));
  const sessionStore = new MemorySessionStore();
  const open = (ours: Partial<ClientOptions> = {}): Promise<Driver> =>
    connect(scope, port, clientFor(certificate, { sessionStore, ...ours }));
  return { peer, open };
}

interface TwoConnections {
  readonly server: Driver;
  readonly peer: Peer;
  readonly first: ConnectionInfo;
}

/** A gnutls-cli that has connected to a server of ours, has left, and has come again. */
async function meetClient(
  scope: Scope,
  theirs: readonly string[],
  first: Partial<ServerOptions>,
  second = first,
  inFirst: (server: Driver) => void = () => undefined,
): Promise<TwoConnections> {
  const before = serverWith(certificate, first);
  const after = second === first ? before : serverWith(certificate, second);
  const listener = await listen(scope);
  const args = [...withPriority(theirs), "--resume", "--waitresumption"];
  const peer = startGnutlsClient(scope, authority, listener.port, args);
  const early = await acceptAs(listener, before);
  const info = await early.untilComplete();
  inFirst(early);
  expect((await early.untilClosed()).kind).toBe("clean");
  await early.close();
  return { server: await acceptAs(listener, after), peer, first: info };
}

/** Checks that they have found out the same, then one line each way and a clean end. */
async function finish({ server, peer }: TwoConnections, resumed: boolean): Promise<void> {
  await exchangeAndClose(server, peer);
  expect(peer.output.includes("This is a resumed session")).toBe(resumed);
}

/** What the peer has printed for the n-th time, from 0. */
async function nth(peer: Peer, n: number, pattern: RegExp): Promise<string | undefined> {
  return await peer.until(String(pattern), () => [...peer.output.matchAll(pattern)][n]?.[1]);
}

function exported(own: Driver): readonly string[] {
  const { engine } = own;
  const bytes = [
    engine.exportKeyingMaterial(label, new Uint8Array(), 40),
    engine.channelBinding("tls-exporter"),
  ];
  return bytes.map((each) => Buffer.from(each).toString("hex"));
}

for (const suite of suites) {
  const place = { suite, feature: "resumption: no certificates, same exporter and channel binding" };
  row({ ...asClient, ...place }, noServer, async (scope) => {
    const seen = new SeenMessages();
    const { onMessage } = seen;
    const theirs = [tls13(suite), "--disable-client-cert", ...exporting];
    const { peer, open } = await meetServer(scope, theirs);
    for (const [before, resumed] of [false, true, true].entries()) {
      const client = await open({ onMessage });
      const info = await client.untilComplete();
      expect(info).toMatchObject({ resumed, cipherSuite: suite, peer: { kind: "verified" } });
      seen.expectAsTold(info);
      const theirExports = [await nth(peer, before, EXPORTED), await nth(peer, before, BINDING)];
      expect(theirExports).toEqual(exported(client));
      expect(peer.output.split("This is a resumed session")).toHaveLength(1 + before);
      await echoAndClose(client);
    }
  });

  row({ ...asServer, ...place }, noClient, async (scope) => {
    const seen = new SeenMessages();
    const { onMessage } = seen;
    const exports: (readonly string[])[] = [];
    const meeting = await meetClient(
      scope,
      [tls13(suite), ...exporting],
      { onMessage },
      undefined,
      (server) => {
        exports.push(exported(server));
        seen.expectAsTold(server.info);
      },
    );
    expect(meeting.first).toMatchObject({ ...fullInfo, cipherSuite: suite });
    const info = await meeting.server.untilComplete();
    expect(info).toMatchObject({ ...resumedInfo, cipherSuite: suite, serverName: "localhost" });
    seen.expectAsTold(info);
    exports.push(exported(meeting.server));
    for (const [n, [ours]] of exports.entries()) expect(await nth(meeting.peer, n, EXPORTED)).toBe(ours);
    await finish(meeting, true);
  });
}

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ ...asServer, feature: `resumption, ${feature}` }, noClient, async (scope) => {
    const meeting = await meetClient(scope, [], ...make());
    expect(meeting.first).toMatchObject({ ...fullInfo, helloRetried });
    expect(await meeting.server.untilComplete()).toMatchObject({ resumed, helloRetried });
    await finish(meeting, resumed);
  });
}

for (const { feature, resumed, helloRetried = false, first, second } of clientPairs) {
  row({ ...asClient, feature: `resumption, ${feature}` }, noServer, async (scope) => {
    const { peer, open } = await meetServer(scope);
    const before = await open(first);
    expect(await before.untilComplete()).toMatchObject({ ...fullInfo, helloRetried });
    await echoAndClose(before);
    const client = await open(second);
    expect(await client.untilComplete()).toMatchObject({ resumed, helloRetried, peer: { kind: "verified" } });
    await echoAndClose(client);
    expect(peer.output.includes("This is a resumed session")).toBe(resumed);
  });
}

row({ ...asClient, feature: "resumption, refused: they give no tickets" }, noServer, async (scope) => {
  const { open } = await meetServer(scope, ["--noticket"]);
  for (let connections = 0; connections < 2; connections++) {
    const client = await open();
    expect(await client.untilComplete()).toMatchObject(fullInfo);
    await echoAndClose(client);
  }
});

row(
  { ...asClient, feature: "two connections at once, each with a ticket of its own" },
  noServer,
  async (scope) => {
    const { shapeClientHello, all } = new OfferedIdentities();
    const { open } = await meetServer(scope);
    await echoAndClose(await open());
    const both = [await open({ shapeClientHello }), await open({ shapeClientHello })];
    const infos = [];
    for (const client of both) infos.push(await client.untilComplete());
    expect(infos).toMatchObject([resumedInfo, resumedInfo]);
    expect(new Set(all.flat()).size).toBe(2);
    for (const client of both) await echoAndClose(client);
  },
);

row(
  { ...asClient, feature: "resumption, client certificate: they know who we are" },
  noServer,
  async (scope) => {
    const seen = new SeenMessages();
    const { onMessage } = seen;
    const theirs = ["--require-client-cert", "--verify-client-cert", `--x509cafile=${authority.rootFile}`];
    const { peer, open } = await meetServer(scope, theirs);
    for (const [before, resumed] of [false, true].entries()) {
      const client = await open({ clientCredential: own.credential, onMessage });
      expect(await client.untilComplete()).toMatchObject({ resumed });
      await nth(peer, before, /(Subject: CN=client-ecdsa-p256)/g);
      await echoAndClose(client);
      seen.expectAsTold(client.info, 5);
    }
    expect(peer.output).toContain("This is a resumed session");
  },
);

row(
  { ...asServer, feature: "resumption, client certificate: we know who they are" },
  noClient,
  async (scope) => {
    const seen = new SeenMessages();
    const { onMessage } = seen;
    const theirs = [`--x509certfile=${own.chainFile}`, `--x509keyfile=${own.keyFile}`];
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
    const verified = { kind: "verified", chain: [expect.any(Uint8Array), expect.any(Uint8Array)] };
    const meeting = await meetClient(scope, theirs, { clientAuth, onMessage }, undefined, ({ info }) =>
      seen.expectAsTold(info, 5),
    );
    expect(meeting.first).toMatchObject({ ...fullInfo, peer: verified });
    const info = await meeting.server.untilComplete();
    expect(info).toMatchObject({ ...resumedInfo, peer: verified });
    expect(info.peer).toEqual(meeting.first.peer);
    seen.expectAsTold(info);
    await finish(meeting, true);
  },
);

row(
  { ...asClient, feature: "resumption behind KeyUpdates, and KeyUpdates behind resumption" },
  noServer,
  async (scope) => {
    const { open } = await meetServer(scope);
    for (const resumed of [false, true, true]) {
      const client = await open();
      expect(await client.untilComplete()).toMatchObject({ resumed });
      client.updateKeys(true);
      await echoAndClose(client);
      expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
    }
  },
);

// Not in the first connection: gnutls-cli has no use for a KeyUpdate while it waits for its ticket.
row({ ...asServer, feature: "KeyUpdates behind resumption" }, noClient, async (scope) => {
  const meeting = await meetClient(scope, ["--inline-commands"], {});
  const { server, peer } = meeting;
  expect(await server.untilComplete()).toMatchObject(resumedInfo);
  await peer.untilPrinted(/This is a resumed session/);
  server.updateKeys(true);
  peer.write("^rekey^\n");
  await peer.untilPrinted(/Rekey was completed/);
  await finish(meeting, true);
  expect(server.eventsOf("key-update").map(({ direction }) => direction)).toContain("read");
});
