import { randomBytes } from "node:crypto";
import type { TlsOptions } from "node:tls";
import { afterAll, expect } from "vitest";
import { type ClientOptions, MemorySessionStore, pinned } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  connectNode,
  exchangeWithNode,
  expectSameNodeExports,
  listenNode,
  nodeLacks,
  type NodePeer,
} from "./peers/node.ts";
import { acceptAs, fullInfo, OfferedIdentities, resumedInfo, SeenMessages } from "./resumption13.ts";
import { clientPairs, serverPairs } from "./resumption13-pairs.ts";
import { clientFor, row, serverWith, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that are resumed with node:tls.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "node:tls server", we: "client" } as const;
const asServer = { peer: "node:tls client", we: "server" } as const;
const tls13 = { minVersion: "TLSv1.3" } as const;

interface Meeting {
  readonly own: Driver;
  readonly peer: NodePeer;
}

/** A server of node:tls, and what connects to it again and again with the same store. */
async function meetServer(
  scope: Scope,
  theirs: TlsOptions = {},
  sessionStore = new MemorySessionStore(),
): Promise<(ours?: Partial<ClientOptions>) => Promise<Meeting>> {
  const { port, next } = await listenNode(scope, certificate, { ...tls13, ...theirs });
  return async (ours = {}) => {
    const client = await connect(scope, port, clientFor(certificate, { sessionStore, ...ours }));
    return { own: client, peer: await next() };
  };
}

/** Checks that both sides have found out the same, then one line each way and a clean end. */
async function finish({ own: driver, peer }: Meeting): Promise<void> {
  const { resumed } = await driver.untilComplete();
  await expectSameNodeExports(driver, peer);
  expect(peer.socket.isSessionReused()).toBe(resumed);
  await exchangeWithNode(driver, peer);
}

for (const { feature, resumed, helloRetried = false, first, second } of clientPairs) {
  row({ ...asClient, feature: `resumption, ${feature}` }, nodeLacks({}), async (scope) => {
    const meet = await meetServer(scope);
    const before = await meet(first);
    expect(before.own.info).toMatchObject({ ...fullInfo, helloRetried });
    await finish(before);
    const after = await meet(second);
    expect(after.own.info).toMatchObject({ resumed, helloRetried, peer: { kind: "verified" } });
    await finish(after);
  });
}

for (const suite of suites) {
  const place = { suite, feature: "resumption: no certificates, same exports" };
  row({ ...asClient, ...place }, nodeLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const meet = await meetServer(scope, { ciphers: suite });
    for (const resumed of [false, true, true]) {
      const meeting = await meet({ onMessage: seen.onMessage });
      expect(meeting.own.info).toMatchObject({ resumed, cipherSuite: suite, peer: { kind: "verified" } });
      seen.expectAsTold(meeting.own.info);
      await finish(meeting);
    }
  });

  row({ ...asServer, ...place }, nodeLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const config = serverWith(certificate, { cipherSuites: [suite], onMessage: seen.onMessage });
    const listener = await listen(scope, config);
    let session: Buffer | undefined;
    for (const resumed of [false, true, true]) {
      const peer = connectNode(scope, authority, listener.port, { ...tls13, ...(session && { session }) });
      peer.socket.on("session", (made) => (session = made));
      const server = await listener.accept();
      const info = await server.untilComplete();
      expect(info).toMatchObject({ resumed, cipherSuite: suite, serverName: "localhost" });
      seen.expectAsTold(info);
      await finish({ own: server, peer });
    }
  });
}

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ ...asServer, feature: `resumption, ${feature}` }, nodeLacks({}), async (scope) => {
    const listener = await listen(scope);
    let session: Buffer | undefined;
    for (const [index, ours] of make().entries()) {
      const peer = connectNode(scope, authority, listener.port, { ...tls13, ...(session && { session }) });
      peer.socket.on("session", (made) => (session = made));
      const server = await acceptAs(listener, serverWith(certificate, ours));
      const expected = { resumed: index === 1 && resumed, helloRetried };
      expect(await server.untilComplete()).toMatchObject(expected);
      await finish({ own: server, peer });
    }
  });
}

row(
  { ...asClient, feature: "resumption at another server with the same ticket keys" },
  nodeLacks({}),
  async (scope) => {
    const store = new MemorySessionStore();
    const ticketKeys = randomBytes(48);
    const here = await meetServer(scope, { ticketKeys }, store);
    const there = await meetServer(scope, { ticketKeys }, store);
    for (const [meet, resumed] of [
      [here, false],
      [there, true],
      [here, true],
    ] as const) {
      const meeting = await meet();
      expect(meeting.own.info).toMatchObject({ resumed });
      await finish(meeting);
    }
  },
);

row(
  { ...asClient, feature: "resumption, refused: the key of the ticket is rotated out" },
  nodeLacks({}),
  async (scope) => {
    const { shapeClientHello, all } = new OfferedIdentities();
    const store = new MemorySessionStore();
    for (let servers = 0; servers < 2; servers++) {
      const meet = await meetServer(scope, { ticketKeys: randomBytes(48) }, store);
      const meeting = await meet({ shapeClientHello });
      expect(meeting.own.info).toMatchObject({ ...fullInfo, peer: { kind: "verified" } });
      await finish(meeting);
    }
    expect(all.map((identities) => identities.length)).toEqual([0, 1]);
  },
);

row({ ...asClient, feature: "resumption, their tickets live for a minute" }, nodeLacks({}), async (scope) => {
  let nowMs = Date.now();
  const now = (): number => nowMs;
  const meet = await meetServer(scope, { sessionTimeout: 60 });
  const first = await meet({ now });
  await finish(first);
  expect(first.own.eventsOf("session")[0]?.session.lifetimeSeconds).toBe(60);
  nowMs += 59_000;
  const second = await meet({ now });
  expect(second.own.info).toMatchObject(resumedInfo);
  await finish(second);
  nowMs += 60_000;
  const third = await meet({ now });
  expect(third.own.info).toMatchObject(fullInfo);
  await finish(third);
});

row(
  { ...asClient, feature: "resumption, client certificate: they know who we are" },
  nodeLacks({}),
  async (scope) => {
    const seen = new SeenMessages();
    const meet = await meetServer(scope, { requestCert: true, ca: authority.rootPem });
    for (const resumed of [false, true]) {
      const meeting = await meet({ clientCredential: own.credential, onMessage: seen.onMessage });
      expect(meeting.own.info).toMatchObject({ resumed });
      expect(meeting.peer.socket.authorized).toBe(true);
      expect(meeting.peer.socket.getPeerCertificate().subject.CN).toBe("client-ecdsa-p256");
      await finish(meeting);
      seen.expectAsTold(meeting.own.info, 5);
    }
  },
);

row(
  { ...asServer, feature: "resumption, client certificate: we know who they are" },
  nodeLacks({}),
  async (scope) => {
    const seen = new SeenMessages();
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
    const listener = await listen(scope, serverWith(certificate, { clientAuth, onMessage: seen.onMessage }));
    const theirs = { ...tls13, cert: own.chainPem, key: own.keyPem };
    let session: Buffer | undefined;
    for (const resumed of [false, true]) {
      const peer = connectNode(scope, authority, listener.port, { ...theirs, ...(session && { session }) });
      peer.socket.on("session", (made) => (session = made));
      const server = await listener.accept();
      const info = await server.untilComplete();
      const chain = [expect.any(Uint8Array), expect.any(Uint8Array)];
      expect(info).toMatchObject({ resumed, peer: { kind: "verified", chain } });
      seen.expectAsTold(info, 5);
      await finish({ own: server, peer });
    }
  },
);
