import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type ClientOptions, type ConnectionInfo, MemorySessionStore } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import { KEYING_MATERIAL, opensslLacks, startServer } from "./peers/openssl.ts";
import type { Peer } from "./process.ts";
import { fullInfo, MovableClock, OfferedIdentities, resumedInfo, SeenMessages } from "./resumption13.ts";
import { clientFor, groups, row, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that our client resumes with s_server.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("rsa-2048");
const about = { peer: "openssl s_server", we: "client" } as const;

function resuming(feature: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature }, opensslLacks({}), run);
}

/** One s_server, and connections to it that keep their sessions in one store. */
class Meetings {
  readonly peer: Peer;
  readonly store: MemorySessionStore = new MemorySessionStore();
  readonly #scope: Scope;
  readonly #port: number;
  readonly #ours: Partial<ClientOptions>;
  #lines = 0;
  #reused = 0;

  constructor(scope: Scope, peer: Peer, port: number, ours: Partial<ClientOptions>) {
    this.peer = peer;
    this.#scope = scope;
    this.#port = port;
    this.#ours = ours;
  }

  static async at(
    scope: Scope,
    connections: number,
    args: readonly string[] = [],
    ours: Partial<ClientOptions> = {},
  ): Promise<Meetings> {
    const all = ["-naccept", String(connections), ...args];
    const { peer, port } = await startServer(scope, authority, certificate, all);
    return new Meetings(scope, peer, port, ours);
  }

  open(changes: Partial<ClientOptions> = {}): Promise<Driver> {
    const options = { sessionStore: this.store, ...this.#ours, ...changes };
    return connect(this.#scope, this.#port, clientFor(certificate, options));
  }

  /** One line each way, and a clean end that we begin. What s_server says of a reused session must be what we do. */
  async finish(client: Driver): Promise<ConnectionInfo> {
    const info = await client.untilComplete();
    await this.talk(client);
    if (info.resumed) this.#reused++;
    expect(this.peer.output.split("Reused session-id")).toHaveLength(1 + this.#reused);
    expect((await client.close()).kind).toBe("clean");
    return info;
  }

  /** One line each way. */
  async talk(client: Driver): Promise<void> {
    const number = ++this.#lines;
    client.write(`ping ${number}\n`);
    await this.peer.untilPrinted(new RegExp(`ping ${number}$`, "m"));
    this.peer.write(`pong ${number}\n`);
    await client.untilReceived(`pong ${number}\n`);
  }

  async again(changes: Partial<ClientOptions> = {}): Promise<ConnectionInfo> {
    return await this.finish(await this.open(changes));
  }
}

const verified = { ...resumedInfo, peer: { kind: "verified" } };

for (const suite of suites) {
  const place = { suite, feature: "resumption: no certificates, same exports, same key log" };
  row({ ...about, ...place }, opensslLacks({}), async (scope) => {
    const file = join(authority.folder, `resumed ${suite}.log`);
    const lines: string[] = [];
    const seen = new SeenMessages();
    const exporting = ["-keymatexport", "EXPORTER-interop", "-keymatexportlen", "40"];
    const meetings = await Meetings.at(scope, 3, [...exporting, "-keylogfile", file], {
      cipherSuites: [suite],
      onMessage: seen.onMessage,
      onKeyLog: (line) => lines.push(line),
    });
    const exports: string[] = [];
    for (const resumed of [false, true, true]) {
      const client = await meetings.open();
      const info = await client.untilComplete();
      expect(info).toMatchObject({ resumed, cipherSuite: suite, peer: { kind: "verified" } });
      seen.expectAsTold(info);
      const exported = client.engine.exportKeyingMaterial("EXPORTER-interop", new Uint8Array(), 40);
      exports.push(Buffer.from(exported).toString("hex").toUpperCase());
      await meetings.finish(client);
    }
    const printed = [...meetings.peer.output.matchAll(new RegExp(KEYING_MATERIAL, "g"))];
    expect(printed.map(([, hex]) => hex)).toEqual(exports);
    expect(new Set(exports).size).toBe(3);
    expect(lines).toHaveLength(15);
    expect(lines.sort()).toEqual(keyLogLines(file));
  });
}

for (const [how, args, resumed] of [
  ["their sessions are in a cache", ["-no_ticket"], true],
  ["their cache is their program's", ["-no_ticket", "-ext_cache"], true],
  ["refused: they keep no sessions", ["-no_ticket", "-no_cache"], false],
  ["refused: they give no tickets", ["-num_tickets", "0"], false],
] as const) {
  resuming(`resumption, ${how}`, async (scope) => {
    const meetings = await Meetings.at(scope, 2, args);
    expect(await meetings.again()).toMatchObject(fullInfo);
    expect(await meetings.again()).toMatchObject({ resumed });
  });
}

for (const [count, outcome] of [
  [2, [true, true]],
  [1, [true, false]],
] as const) {
  resuming(`two connections at once, each with a ticket of its own; tickets: ${count}`, async (scope) => {
    const { shapeClientHello, all } = new OfferedIdentities();
    const args = ["-num_tickets", String(count)];
    const meetings = await Meetings.at(scope, 3, args, { shapeClientHello });
    const first = await meetings.open();
    await meetings.finish(first);
    const tickets = first.eventsOf("session").map(({ session }) => session.ticket);
    expect(tickets).toHaveLength(count);
    // s_server talks to one client after the other, and both have sent their ClientHello by now.
    const both = [await meetings.open(), await meetings.open()];
    const hexes = tickets.map((ticket) => [Buffer.from(ticket).toString("hex")]);
    expect(all).toEqual([[], ...hexes, ...(count === 1 ? [[]] : [])]);
    const infos: ConnectionInfo[] = [];
    for (const client of both) infos.push(await meetings.finish(client));
    expect(infos.map((info) => info.resumed)).toEqual(outcome);
  });
}

resuming("a ticket is offered once, also when nothing comes of it", async (scope) => {
  const { shapeClientHello, all } = new OfferedIdentities();
  const args = ["-num_tickets", "2"];
  const meetings = await Meetings.at(scope, 3, args, { shapeClientHello });
  await meetings.again();
  const dropped = await meetings.open();
  dropped.abort("internal_error");
  await meetings.peer.untilPrinted(/alert internal error/);
  expect(await meetings.again()).toMatchObject(verified);
  expect(all.map((identities) => identities.length)).toEqual([0, 1, 1]);
  expect(all[1]).not.toEqual(all[2]);
});

for (const group of ["secp384r1", "secp521r1"] as const) {
  row({ ...about, group, feature: "resumption, HelloRetryRequest" }, opensslLacks({}), async (scope) => {
    const { shapeClientHello, all } = new OfferedIdentities();
    const theirs = ["-groups", { secp384r1: "P-384", secp521r1: "P-521" }[group]];
    const meetings = await Meetings.at(scope, 2, theirs, { keyShares: ["x25519"], shapeClientHello });
    expect(await meetings.again()).toMatchObject({ ...fullInfo, helloRetried: true, group });
    expect(await meetings.again()).toMatchObject({ ...verified, helloRetried: true, group });
    expect(all.map((identities) => identities.length)).toEqual([0, 0, 1, 1]);
    expect(all[2]).toEqual(all[3]);
  });
}

const [aes128, aes256, chacha] = suites;
for (const [before, after, resumed] of [
  [[aes128], [chacha], false],
  [[aes128], [chacha, aes128], true],
  [[chacha], [aes128, chacha], true],
  [[aes128], [aes256, aes128], false],
  [[aes256], [aes128, aes256], false],
  [[aes256], [aes256, chacha], true],
] as const) {
  const names = (list: readonly string[]): string => list.map((suite) => suite.slice(4)).join(" or ");
  const outcome = resumed ? "resumption" : "a full handshake";
  resuming(`${outcome}: ${names(before)}, then ${names(after)}`, async (scope) => {
    const meetings = await Meetings.at(scope, 2);
    expect(await meetings.again({ cipherSuites: before })).toMatchObject({ cipherSuite: before[0] });
    const info = await meetings.again({ cipherSuites: after });
    expect(info).toMatchObject({ resumed, cipherSuite: after[0], peer: { kind: "verified" } });
  });
}

for (const [seconds, resumed] of [
  [7190, true],
  [7200, false],
] as const) {
  const outcome = resumed ? "resumption" : "a full handshake";
  resuming(`${outcome}: ${seconds} of the ticket's 7200 s are over`, async (scope) => {
    const { shapeClientHello, all } = new OfferedIdentities();
    const clock = new MovableClock();
    const meetings = await Meetings.at(scope, 2, [], { now: clock.now, shapeClientHello });
    const first = await meetings.open();
    await meetings.finish(first);
    expect(first.eventsOf("session")[0]?.session.lifetimeSeconds).toBe(7200);
    clock.moveOn(seconds);
    expect(await meetings.again()).toMatchObject({ resumed });
    expect(all[1]).toHaveLength(resumed ? 1 : 0);
  });
}

for (const how of ["by ticket", "their sessions are in a cache"]) {
  resuming(`resumption ${how}, client certificate: they know who we are`, async (scope) => {
    const verify = ["-CAfile", authority.rootFile, "-verify_return_error", "-Verify", "3"];
    const seen = new SeenMessages();
    const theirs = [...verify, ...(how === "by ticket" ? [] : ["-no_ticket"])];
    const ours = { clientCredential: own.credential, onMessage: seen.onMessage };
    const meetings = await Meetings.at(scope, 2, theirs, ours);
    for (const resumed of [false, true]) {
      const info = await meetings.again();
      expect(info).toMatchObject({ resumed, peer: { kind: "verified" } });
      seen.expectAsTold(info, 5);
      const subjects = [...meetings.peer.output.matchAll(/^subject=.*client-rsa-2048/gm)];
      expect(subjects).toHaveLength(resumed ? 2 : 1);
    }
  });
}

resuming("a full handshake: another client certificate", async (scope) => {
  const verify = ["-CAfile", authority.rootFile, "-verify_return_error", "-Verify", "3"];
  const meetings = await Meetings.at(scope, 3, verify);
  const other = authority.client("ecdsa-p256");
  expect(await meetings.again({ clientCredential: own.credential })).toMatchObject(fullInfo);
  expect(await meetings.again({ clientCredential: other.credential })).toMatchObject(fullInfo);
  expect(await meetings.again({ clientCredential: own.credential })).toMatchObject(verified);
});

resuming("resumption behind KeyUpdates, and KeyUpdates behind resumption", async (scope) => {
  const meetings = await Meetings.at(scope, 3);
  for (const resumed of [false, true, true]) {
    const client = await meetings.open();
    expect(await client.untilComplete()).toMatchObject({ resumed });
    // OpenSSL owes its KeyUpdate until it writes, as we do.
    client.updateKeys(true);
    await meetings.talk(client);
    meetings.peer.write("K\n");
    await client.until("another KeyUpdate", () => client.eventsOf("key-update").length >= 3);
    await meetings.finish(client);
    const directions = client.eventsOf("key-update").map(({ direction }) => direction);
    expect(directions).toEqual(["write", "read", "read", "write"]);
  }
});

for (const [modes, group] of [
  [["psk_ke"], null],
  [["psk_dhe_ke", "psk_ke"], "x25519"],
] as const) {
  resuming(`resumption, we have ${modes.join(" and ")}`, async (scope) => {
    const meetings = await Meetings.at(scope, 2, ["-allow_no_dhe_kex"], {
      pskModes: modes,
      groups: ["x25519", ...groups.slice(1)],
    });
    expect(await meetings.again()).toMatchObject({ ...fullInfo, group: "x25519" });
    expect(await meetings.again()).toMatchObject({ ...verified, group });
  });
}

resuming("a full handshake: we have psk_ke, they want a key exchange", async (scope) => {
  const meetings = await Meetings.at(scope, 2, [], { pskModes: ["psk_ke"] });
  expect(await meetings.again()).toMatchObject(fullInfo);
  expect(await meetings.again()).toMatchObject(fullInfo);
});

resuming("resumption: the trust policy is asked again, and may say no", async (scope) => {
  // The third connection could offer one of two sessions.
  const verdicts = ["verified", "verified", "rejected", "rejected", "verified"] as const;
  const asked: number[] = [];
  const meetings = await Meetings.at(scope, 3, [], {
    trust: {
      verify: ({ chain }) => {
        const trust = verdicts[asked.push(chain.length) - 1] ?? "verified";
        return trust === "rejected" ? { trust, alert: "certificate_revoked", reason: "a test" } : { trust };
      },
    },
  });
  expect(await meetings.again()).toMatchObject(fullInfo);
  expect(await meetings.again()).toMatchObject(verified);
  expect(await meetings.again()).toMatchObject(fullInfo);
  expect(asked).toEqual([2, 2, 2, 2, 2]);
});

resuming("resumption with another ALPN protocol", async (scope) => {
  const meetings = await Meetings.at(scope, 2, ["-alpn", "b,a"]);
  expect(await meetings.again({ alpn: ["a"] })).toMatchObject({ ...fullInfo, alpn: "a" });
  expect(await meetings.again({ alpn: ["b"] })).toMatchObject({ ...verified, alpn: "b" });
});

resuming("a full handshake: another server that does not know the ticket", async (scope) => {
  const first = await Meetings.at(scope, 1);
  await first.again();
  const second = await Meetings.at(scope, 2, [], { sessionStore: first.store });
  expect(await second.again()).toMatchObject({ ...fullInfo, peer: { kind: "verified" } });
  expect(await second.again()).toMatchObject(verified);
});

resuming("versions: a session of TLS 1.3, and then TLS 1.2; and back", async (scope) => {
  const meetings = await Meetings.at(scope, 4, ["-min_protocol", "TLSv1.2"]);
  expect(await meetings.again({ versions: ["TLSv1.3"] })).toMatchObject(fullInfo);
  const older = { versions: ["TLSv1.2"] } as const;
  expect(await meetings.again(older)).toMatchObject({ version: "TLSv1.2", resumed: false });
  expect(await meetings.again(older)).toMatchObject({ version: "TLSv1.2", resumed: true });
  // A session of each is offered.
  expect(await meetings.again()).toMatchObject(verified);
});
