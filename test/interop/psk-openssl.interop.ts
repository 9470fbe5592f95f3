import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  type ExternalPsk,
  externalPsk,
  MemorySessionStore,
  pinned,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver } from "./driver.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  KEYING_MATERIAL,
  meetClient,
  opensslLacks,
  opensslSession,
  type OpensslMeeting,
  startServer,
} from "./peers/openssl.ts";
import type { Peer } from "./process.ts";
import { resumedInfo, SeenMessages } from "./resumption13.ts";
import { clientFor, row, serverWith, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Pre-shared keys that both sides are told of, with OpenSSL. Its -psk is for SHA-256; those of another hash it takes from a file.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("ecdsa-p256");
const asClient = { peer: "openssl s_server", we: "client" } as const;
const asServer = { peer: "openssl s_client", we: "server" } as const;
const [aes128, aes256, chacha] = suites;

const key = randomBytes(32);
const identity = "interop";
const psk = externalPsk({ identity: Buffer.from(identity), key });
const byPsk = { version: "TLSv1.3", resumed: false, peer: { kind: "psk", identity: psk.identity } } as const;

/** What `openssl` is told of the key. */
function told(name = identity, secret: Uint8Array = key): readonly string[] {
  return ["-psk_identity", name, "-psk", Buffer.from(secret).toString("hex")];
}

/** Suites that it is for: the first one that both have decides. */
const sha256 = { cipherSuites: [aes128, chacha] };
const exporting = ["-keymatexport", "EXPORTER-interop", "-keymatexportlen", "40"];

async function expectSameExport(driver: Driver, peer: Peer): Promise<void> {
  const [, theirs] = await peer.untilPrinted(KEYING_MATERIAL);
  const ours = driver.engine.exportKeyingMaterial("EXPORTER-interop", new Uint8Array(), 40);
  expect(Buffer.from(ours).toString("hex")).toBe(theirs?.toLowerCase());
}

/** Our client at a new s_server. */
async function meetServer(
  scope: Scope,
  theirs: readonly string[],
  ours: Partial<ClientOptions> = {},
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const { peer, port } = await startServer(scope, authority, certificate, theirs);
  return {
    client: await connect(scope, port, clientFor(certificate, { externalPsks: [psk], ...ours })),
    peer,
  };
}

/** A new s_client at our server, which knows the one key. */
function meetOurs(
  scope: Scope,
  theirs: readonly string[],
  ours: Partial<ServerOptions> = {},
): Promise<OpensslMeeting> {
  return meetClient(scope, authority, theirs, serverWith(certificate, { findPsk: knowing(psk), ...ours }));
}

function knowing(...psks: readonly ExternalPsk[]): (name: Uint8Array) => ExternalPsk | null {
  return (name) => psks.find((each) => Buffer.from(each.identity).equals(name)) ?? null;
}

for (const suite of [aes128, chacha]) {
  const place = { suite, feature: "external PSK: no certificates, same export" };
  row({ ...asClient, ...place }, opensslLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const theirs = [...told(), ...exporting];
    const { client, peer } = await meetServer(scope, theirs, {
      cipherSuites: [suite],
      onMessage: seen.onMessage,
    });
    const info = await client.untilComplete();
    expect(info).toMatchObject({ ...byPsk, cipherSuite: suite, group: "x25519" });
    seen.expectAsTold(info);
    await expectSameExport(client, peer);
    await exchangeWithServer(client, peer);
    expect(peer.output).toContain("Reused session-id");
  });
  row({ ...asServer, ...place }, opensslLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const theirs = [...told(), ...exporting];
    const meeting = await meetOurs(scope, theirs, { cipherSuites: [suite], onMessage: seen.onMessage });
    const info = await meeting.server.untilComplete();
    expect(info).toMatchObject({ ...byPsk, cipherSuite: suite, group: "x25519" });
    seen.expectAsTold(info);
    await expectSameExport(meeting.server, meeting.peer);
    await exchangeWithClient(meeting);
    expect(meeting.peer.output).toMatch(/^Reused, TLSv1\.3/m);
    // Nobody has shown a certificate that a ticket could stand for.
    expect(meeting.peer.output).not.toContain("New Session Ticket arrived");
  });
}

/** A PSK of SHA-384, and how `openssl` is told of it: as the key of a session that never was. */
function psk384(file: string): { readonly psk: ExternalPsk; readonly theirs: readonly string[] } {
  const secret = randomBytes(48);
  const path = join(authority.folder, file);
  writeFileSync(path, opensslSession(0x1302, secret));
  return {
    psk: externalPsk({ identity: Buffer.from("interop 384"), key: secret, hash: "SHA-384" }),
    theirs: ["-psk_identity", "interop 384", "-psk_session", path],
  };
}

row({ ...asClient, suite: aes256, feature: "external PSK with SHA-384" }, opensslLacks({}), async (scope) => {
  const { psk: long, theirs } = psk384("server-384.pem");
  const { client, peer } = await meetServer(scope, theirs, { externalPsks: [long], cipherSuites: [aes256] });
  const info = await client.untilComplete();
  expect(info).toMatchObject({ peer: { kind: "psk", identity: long.identity }, cipherSuite: aes256 });
  await exchangeWithServer(client, peer);
});

row({ ...asServer, suite: aes256, feature: "external PSK with SHA-384" }, opensslLacks({}), async (scope) => {
  const { psk: long, theirs } = psk384("client-384.pem");
  const meeting = await meetOurs(scope, theirs, { findPsk: knowing(psk, long), cipherSuites: [aes256] });
  const info = await meeting.server.untilComplete();
  expect(info).toMatchObject({ peer: { kind: "psk", identity: long.identity }, cipherSuite: aes256 });
  await exchangeWithClient(meeting);
});

for (const [feature, theirs, ours, group] of [
  ["psk_ke", ["-allow_no_dhe_kex"], ["psk_ke"], null],
  ["both modes", ["-allow_no_dhe_kex"], ["psk_ke", "psk_dhe_ke"], "x25519"],
] as const) {
  row({ ...asClient, feature: `external PSK, ${feature}` }, opensslLacks({}), async (scope) => {
    const { client, peer } = await meetServer(scope, [...told(), ...theirs, ...exporting], {
      ...sha256,
      pskModes: ours,
    });
    expect(await client.untilComplete()).toMatchObject({ ...byPsk, group });
    await expectSameExport(client, peer);
    await exchangeWithServer(client, peer);
  });
}

for (const [feature, theirs, ours, group] of [
  ["psk_ke", ["-allow_no_dhe_kex"], ["psk_ke"], null],
  ["both modes, psk_ke preferred", ["-allow_no_dhe_kex"], ["psk_ke", "psk_dhe_ke"], null],
  ["both modes, psk_dhe_ke preferred", ["-allow_no_dhe_kex"], ["psk_dhe_ke", "psk_ke"], "x25519"],
] as const) {
  row({ ...asServer, feature: `external PSK, ${feature}` }, opensslLacks({}), async (scope) => {
    const meeting = await meetOurs(scope, [...told(), ...theirs, ...exporting], {
      ...sha256,
      pskModes: ours,
    });
    expect(await meeting.server.untilComplete()).toMatchObject({ ...byPsk, group });
    await expectSameExport(meeting.server, meeting.peer);
    await exchangeWithClient(meeting);
  });
}

row(
  { ...asClient, group: "secp384r1", feature: "external PSK, HelloRetryRequest" },
  opensslLacks({}),
  async (scope) => {
    const ours = { ...sha256, keyShares: ["x25519"] };
    const { client, peer } = await meetServer(scope, [...told(), "-groups", "P-384"], ours);
    expect(await client.untilComplete()).toMatchObject({ ...byPsk, helloRetried: true, group: "secp384r1" });
    await exchangeWithServer(client, peer);
  },
);

row(
  { ...asServer, group: "secp384r1", feature: "external PSK, HelloRetryRequest and cookie" },
  opensslLacks({}),
  async (scope) => {
    const ours = { ...sha256, groups: ["secp384r1"], helloRetryCookie: true };
    const meeting = await meetOurs(scope, told(), ours);
    expect(await meeting.server.untilComplete()).toMatchObject({
      ...byPsk,
      helloRetried: true,
      group: "secp384r1",
    });
    await exchangeWithClient(meeting);
  },
);

row(
  { ...asServer, feature: "external PSK, looked up with a delay; we have no certificate" },
  opensslLacks({}),
  async (scope) => {
    const findPsk = async (name: Uint8Array): Promise<ExternalPsk | null> => {
      await new Promise(setImmediate);
      return knowing(psk)(name);
    };
    const meeting = await meetOurs(scope, told(), { ...sha256, credentials: [], findPsk });
    expect(await meeting.server.untilComplete()).toMatchObject(byPsk);
    await exchangeWithClient(meeting);
  },
);

row(
  { ...asClient, feature: "external PSK: the second of three that we have" },
  opensslLacks({}),
  async (scope) => {
    const others = ["a", "b"].map((name) =>
      externalPsk({ identity: Buffer.from(name), key: randomBytes(16) }),
    );
    const [first, last] = others;
    if (first === undefined || last === undefined) throw new Error("two keys are due");
    const { client, peer } = await meetServer(scope, [...told(), "-nocert"], {
      ...sha256,
      externalPsks: [first, psk, last],
    });
    expect(await client.untilComplete()).toMatchObject(byPsk);
    await exchangeWithServer(client, peer);
  },
);

row(
  { ...asClient, feature: "external PSK: they know another identity, and show a certificate" },
  opensslLacks({}),
  async (scope) => {
    const { client, peer } = await meetServer(scope, told("somebody else"));
    expect(await client.untilComplete()).toMatchObject({ resumed: false, peer: { kind: "verified" } });
    await exchangeWithServer(client, peer);
  },
);

row(
  { ...asClient, feature: "external PSK: they know another identity, and have no certificate" },
  opensslLacks({}),
  async (scope) => {
    const { client, peer } = await meetServer(scope, [...told("somebody else"), "-nocert"]);
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
    await peer.untilPrinted(/no shared cipher|no suitable signature algorithm/);
  },
);

row(
  { ...asServer, feature: "external PSK: an identity that we do not know, and we show a certificate" },
  opensslLacks({}),
  async (scope) => {
    const meeting = await meetOurs(scope, told("somebody else"));
    expect(await meeting.server.untilComplete()).toMatchObject({ resumed: false, peer: { kind: "none" } });
    await exchangeWithClient(meeting);
    expect(meeting.peer.output).toMatch(/^Server certificate/m);
  },
);

row(
  { ...asServer, feature: "external PSK: an identity that we do not know, and we have no certificate" },
  opensslLacks({}),
  async (scope) => {
    const { server, peer } = await meetOurs(scope, told("somebody else"), { credentials: [] });
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
    await peer.untilPrinted(/alert handshake failure/);
  },
);

row({ ...asClient, feature: "external PSK: another key" }, opensslLacks({}), async (scope) => {
  const { client, peer } = await meetServer(scope, told(identity, randomBytes(32)), sha256);
  // RFC 8446 §4.2.11.2 leaves the alert open.
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "illegal_parameter" });
  await peer.untilPrinted(/binder does not verify/);
});

row({ ...asServer, feature: "external PSK: another key" }, opensslLacks({}), async (scope) => {
  const { server, peer } = await meetOurs(scope, told(identity, randomBytes(32)), sha256);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "decrypt_error" });
  await peer.untilPrinted(/alert decrypt error/);
});

row(
  { ...asClient, feature: "external PSK: their suite has another hash" },
  opensslLacks({}),
  async (scope) => {
    const { client, peer } = await meetServer(scope, [...told(), "-ciphersuites", aes256]);
    expect(await client.untilComplete()).toMatchObject({ cipherSuite: aes256, peer: { kind: "verified" } });
    await exchangeWithServer(client, peer);
  },
);

row({ ...asServer, feature: "external PSK: our suite has another hash" }, opensslLacks({}), async (scope) => {
  const meeting = await meetOurs(scope, told(), { cipherSuites: [aes256, aes128] });
  expect(await meeting.server.untilComplete()).toMatchObject({ cipherSuite: aes256, peer: { kind: "none" } });
  await exchangeWithClient(meeting);
});

row(
  { ...asServer, feature: "external PSK: we demand a certificate instead" },
  opensslLacks({}),
  async (scope) => {
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;
    const theirs = [...told(), "-cert", own.leafFile, "-key", own.keyFile];
    const meeting = await meetOurs(scope, theirs, { ...sha256, clientAuth });
    expect(await meeting.server.untilComplete()).toMatchObject({ peer: { kind: "verified" } });
    await exchangeWithClient(meeting);
  },
);

row(
  { ...asClient, feature: "external PSK: no session comes of it, and one from before goes first" },
  opensslLacks({}),
  async (scope) => {
    const { peer, port } = await startServer(scope, authority, certificate, [...told(), "-naccept", "4"]);
    const sessionStore = new MemorySessionStore();
    const meet = async (externalPsks: readonly ExternalPsk[]): Promise<ConnectionInfo> => {
      const client = await connect(
        scope,
        port,
        clientFor(certificate, { ...sha256, externalPsks, sessionStore }),
      );
      await exchangeWithServer(client, peer);
      return client.info;
    };
    expect(await meet([psk])).toMatchObject(byPsk);
    expect(await meet([])).toMatchObject({ resumed: false, peer: { kind: "verified" } });
    expect(await meet([psk])).toMatchObject({ ...resumedInfo, peer: { kind: "verified" } });
    expect(await meet([])).toMatchObject({ ...resumedInfo, peer: { kind: "verified" } });
  },
);

row(
  { ...asServer, feature: "external PSK behind a ticket that nobody knows" },
  opensslLacks({}),
  async (scope) => {
    const file = join(authority.folder, "forgotten.session");
    const first = await meetOurs(scope, ["-sess_out", file], sha256);
    await exchangeWithClient(first);
    const meeting = await meetOurs(scope, [...told(), "-sess_in", file], sha256);
    expect(await meeting.server.untilComplete()).toMatchObject(byPsk);
    await exchangeWithClient(meeting);
  },
);
