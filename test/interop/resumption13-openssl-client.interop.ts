import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ConnectionInfo,
  MemorySessionStore,
  pinned,
  type ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { keyLogLines } from "./key-log.ts";
import {
  exchangeWithClient,
  KEYING_MATERIAL,
  meetClient,
  opensslGroups,
  opensslLacks,
  type OpensslMeeting,
} from "./peers/openssl.ts";
import { copyOf, fullInfo, MovableClock, newTicketKeys, resumedInfo, SeenMessages } from "./resumption13.ts";
import { row, serverWith, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.3 that s_client resumes with our server.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("rsa-2048");
const about = { peer: "openssl s_client", we: "server" } as const;

function resuming(feature: string, run: (scope: Scope) => Promise<void>): void {
  row({ ...about, feature }, opensslLacks({}), run);
}

let files = 0;

/** An s_client that is started again and again, each time with the session of the time before, unless it keeps the one it has. */
class Meetings {
  readonly #scope: Scope;
  readonly #config: ServerConfig;
  readonly #file = join(authority.folder, `${++files}.session`);

  constructor(scope: Scope, ours: Partial<ServerOptions> = {}) {
    this.#scope = scope;
    this.#config = serverWith(certificate, ours);
  }

  /** @param next `keep` has it come with the same session once more. */
  async open(
    args: readonly string[] = [],
    config = this.#config,
    next: "keep" | "renew" = "renew",
  ): Promise<OpensslMeeting> {
    const remembered = existsSync(this.#file) ? ["-sess_in", this.#file] : [];
    const kept = next === "renew" ? ["-sess_out", this.#file] : [];
    return await meetClient(this.#scope, authority, [...remembered, ...kept, ...args], config);
  }

  /** One line each way, and a clean end that the peer begins. What s_client says of a reused session must be what we do. */
  async finish(meeting: OpensslMeeting): Promise<ConnectionInfo> {
    const info = await meeting.server.untilComplete();
    await meeting.peer.untilPrinted(info.resumed ? /^Reused, TLSv1\.3/m : /^New, TLSv1\.3/m);
    await exchangeWithClient(meeting);
    return info;
  }

  async again(...args: Parameters<Meetings["open"]>): Promise<ConnectionInfo> {
    return await this.finish(await this.open(...args));
  }
}

for (const suite of suites) {
  const place = { suite, feature: "resumption: no certificates, same exports, same key log" };
  row({ ...about, ...place }, opensslLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const lines: string[] = [];
    const meetings = new Meetings(scope, {
      cipherSuites: [suite],
      onMessage: seen.onMessage,
      onKeyLog: (line) => lines.push(line),
    });
    const exporting = ["-keymatexport", "EXPORTER-interop", "-keymatexportlen", "40"];
    for (const [index, resumed] of [false, true, true].entries()) {
      const file = join(authority.folder, `${suite} ${index}.log`);
      const meeting = await meetings.open([...exporting, "-keylogfile", file]);
      const info = await meeting.server.untilComplete();
      expect(info).toMatchObject({ resumed, cipherSuite: suite, serverName: "localhost" });
      seen.expectAsTold(info);
      const exported = meeting.server.engine.exportKeyingMaterial("EXPORTER-interop", new Uint8Array(), 40);
      await meetings.finish(meeting);
      const [, printed] = KEYING_MATERIAL.exec(meeting.peer.output) ?? [];
      expect(printed?.toLowerCase()).toBe(Buffer.from(exported).toString("hex"));
      expect(lines.splice(0).sort()).toEqual(keyLogLines(file));
    }
  });
}

for (const [ticketCount, expected] of [
  [undefined, [2, 1]],
  [0, [0, 0]],
  [1, [1, 1]],
  [8, [8, 1]],
] as const) {
  const feature =
    ticketCount === undefined
      ? "two tickets, and one when resumed"
      : `tickets that they get: ${String(expected)}`;
  resuming(feature, async (scope) => {
    const meetings = new Meetings(scope, ticketCount === undefined ? {} : { ticketCount });
    for (const [index, tickets] of expected.entries()) {
      const meeting = await meetings.open();
      expect(await meetings.finish(meeting)).toMatchObject({ resumed: index === 1 && ticketCount !== 0 });
      const arrived = meeting.peer.output.split("Post-Handshake New Session Ticket arrived");
      expect(arrived).toHaveLength(1 + tickets);
    }
  });
}

for (const [how, ours] of [
  ["sealed tickets", {}],
  ["shared ticket keys", { sessionTickets: newTicketKeys() }],
  ["stored tickets", { sessionTickets: "stored" }],
] as const) {
  resuming(`resumption with ${how}, three times`, async (scope) => {
    const meetings = new Meetings(scope, ours);
    for (const resumed of [false, true, true, true])
      expect(await meetings.again()).toMatchObject({ resumed });
  });

  resuming(`resumption with ${how}: the same one twice`, async (scope) => {
    const meetings = new Meetings(scope, ours);
    expect(await meetings.again()).toMatchObject(fullInfo);
    expect(await meetings.again([], undefined, "keep")).toMatchObject(resumedInfo);
    // Only a store knows of the first time.
    expect(await meetings.again()).toMatchObject({ resumed: how !== "stored tickets" });
    expect(await meetings.again()).toMatchObject(resumedInfo);
  });

  for (const group of ["secp384r1", "secp521r1"] as const) {
    const place = { group, feature: `resumption with ${how}, HelloRetryRequest and cookie` };
    row({ ...about, ...place }, opensslLacks({}), async (scope) => {
      const meetings = new Meetings(scope, { ...ours, groups: [group], helloRetryCookie: true });
      const theirs = ["-groups", `X25519:${opensslGroups[group]}`];
      expect(await meetings.again(theirs)).toMatchObject({ ...fullInfo, helloRetried: true, group });
      expect(await meetings.again(theirs)).toMatchObject({ ...resumedInfo, helloRetried: true, group });
    });
  }
}

for (const [what, ours] of [
  ["we give no tickets", { sessionTickets: false }],
  ["stored tickets, and no store", { sessionTickets: "stored", sessionStore: null }],
] as const) {
  resuming(`a full handshake: ${what}`, async (scope) => {
    const meetings = new Meetings(scope, ours);
    expect(await meetings.again()).toMatchObject(fullInfo);
    expect(await meetings.again()).toMatchObject(fullInfo);
  });
}

const [aes128, aes256, chacha] = suites;
for (const [before, after, resumed] of [
  [aes128, [chacha, aes128], true],
  [chacha, [aes128, chacha], true],
  [aes128, [aes256, aes128], false],
  [aes256, [aes128, aes256], false],
] as const) {
  const outcome = resumed ? "resumption" : "a full handshake";
  const names = after.map((suite) => suite.slice(4)).join(" or ");
  resuming(`${outcome}: ${before.slice(4)}, then ${names}`, async (scope) => {
    const keys = newTicketKeys();
    const meetings = new Meetings(scope, { cipherSuites: [before], sessionTickets: keys });
    expect(await meetings.again()).toMatchObject({ ...fullInfo, cipherSuite: before });
    // Our preference counts: OpenSSL offers them in its own order.
    const later = serverWith(certificate, { cipherSuites: after, sessionTickets: keys });
    const offered = ["-ciphersuites", after.join(":")];
    expect(await meetings.again(offered, later)).toMatchObject({ resumed, cipherSuite: after[0] });
  });
}

const DAY_SECONDS = 24 * 3600;
for (const [lifetime, what, seconds, resumed, hint] of [
  [10, "almost all of the ticket's lifetime is over", 9, true, 10],
  [10, "the ticket's lifetime is over", 10, false, 10],
  [7 * DAY_SECONDS, "six of seven days are over", 6 * DAY_SECONDS, true, DAY_SECONDS],
  [7 * DAY_SECONDS, "seven days are over", 7 * DAY_SECONDS, false, 7 * DAY_SECONDS],
] as const) {
  resuming(`${resumed ? "resumption" : "a full handshake"}: ${what}`, async (scope) => {
    // A clock that no second passes on by itself.
    let nowMs = Date.now();
    const meetings = new Meetings(scope, { ticketLifetimeSeconds: lifetime, now: () => nowMs });
    const first = await meetings.open();
    await meetings.finish(first);
    expect(first.peer.output).toContain(`TLS session ticket lifetime hint: ${lifetime} (seconds)`);
    nowMs += seconds * 1000;
    const second = await meetings.open();
    expect(await meetings.finish(second)).toMatchObject({ resumed });
    // The new ticket does not outlive seven days since the full handshake.
    const arrived = second.peer.output.split("New Session Ticket arrived").slice(1).join("");
    expect(arrived).toContain(`TLS session ticket lifetime hint: ${hint} (seconds)`);
  });
}

resuming(
  "a full handshake: the key of the ticket is rotated out; and then resumption again",
  async (scope) => {
    const clock = new MovableClock();
    const meetings = new Meetings(scope, { sessionTickets: newTicketKeys(60, 60), now: clock.now });
    expect(await meetings.again()).toMatchObject(fullInfo);
    expect(await meetings.again()).toMatchObject(resumedInfo);
    clock.moveOn(60);
    // Its key seals no more, and still opens.
    expect(await meetings.again([], undefined, "keep")).toMatchObject(resumedInfo);
    clock.moveOn(60);
    expect(await meetings.again()).toMatchObject(fullInfo);
    expect(await meetings.again()).toMatchObject(resumedInfo);
  },
);

resuming("resumption at another server with the same ticket keys, there and back", async (scope) => {
  const clock = new MovableClock();
  const keys = newTicketKeys(60, 600);
  const here = serverWith(certificate, { sessionTickets: keys, now: clock.now });
  const there = serverWith(certificate, { sessionTickets: copyOf(keys), now: clock.now });
  const meetings = new Meetings(scope);
  expect(await meetings.again([], here)).toMatchObject(fullInfo);
  for (const config of [there, here, there]) {
    expect(await meetings.again([], config)).toMatchObject(resumedInfo);
    clock.moveOn(60);
  }
  expect(await meetings.again([], serverWith(certificate))).toMatchObject(fullInfo);
});

resuming("resumption at another server with the same store", async (scope) => {
  const options = { sessionTickets: "stored", sessionStore: new MemorySessionStore() } as const;
  const meetings = new Meetings(scope);
  expect(await meetings.again([], serverWith(certificate, options))).toMatchObject(fullInfo);
  expect(await meetings.again([], serverWith(certificate, options))).toMatchObject(resumedInfo);
});

/** A server that must see the client's certificate. */
const strict: Partial<ServerOptions> = {
  clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
};
const theirCertificate = ["-cert", own.chainFile, "-key", own.keyFile];

for (const sessionTickets of [true, "stored"] as const) {
  const how = sessionTickets === true ? "sealed tickets" : "stored tickets";
  resuming(`resumption with ${how}, client certificate: we know who they are`, async (scope) => {
    const seen = new SeenMessages();
    const meetings = new Meetings(scope, { ...strict, sessionTickets, onMessage: seen.onMessage });
    const chains: (readonly Uint8Array[])[] = [];
    for (const resumed of [false, true, true]) {
      const info = await meetings.again(theirCertificate);
      expect(info).toMatchObject({ resumed, peer: { kind: "verified" } });
      seen.expectAsTold(info, 5);
      if (info.peer.kind === "verified") chains.push(info.peer.chain);
    }
    const [first, ...later] = chains;
    expect(later).toEqual([first, first]);
    // s_client shows its leaf alone, as it does not complete the chain by itself.
    expect(first).toHaveLength(1);
  });
}

resuming("a full handshake: a client certificate is required now", async (scope) => {
  const keys = newTicketKeys();
  const meetings = new Meetings(scope, { sessionTickets: keys });
  expect(await meetings.again(theirCertificate)).toMatchObject({ resumed: false, peer: { kind: "none" } });
  const later = serverWith(certificate, { ...strict, sessionTickets: keys });
  const verified = { peer: { kind: "verified" } };
  expect(await meetings.again(theirCertificate, later)).toMatchObject({ ...fullInfo, ...verified });
  expect(await meetings.again(theirCertificate, later)).toMatchObject({ ...resumedInfo, ...verified });
});

resuming("a full handshake: the client certificate is not trusted any more", async (scope) => {
  const keys = newTicketKeys();
  const meetings = new Meetings(scope, { ...strict, sessionTickets: keys });
  expect(await meetings.again(theirCertificate)).toMatchObject(fullInfo);
  const other = authority.client("ecdsa-p256");
  const clientAuth = { mode: "require", trust: pinned([other.spkiSha256]) } as const;
  const later = serverWith(certificate, { clientAuth, sessionTickets: keys });
  const info = await meetings.again(["-cert", other.chainFile, "-key", other.keyFile], later);
  expect(info).toMatchObject({ ...fullInfo, peer: { kind: "verified" } });
});

resuming("a full handshake: for another name", async (scope) => {
  const meetings = new Meetings(scope);
  expect(await meetings.again()).toMatchObject({ ...fullInfo, serverName: "localhost" });
  const named = { ...fullInfo, serverName: "second.test" };
  expect(await meetings.again(["-servername", "second.test"])).toMatchObject(named);
});

resuming("resumption with another ALPN protocol", async (scope) => {
  const meetings = new Meetings(scope, { alpn: ["a", "b"] });
  expect(await meetings.again(["-alpn", "a"])).toMatchObject({ ...fullInfo, alpn: "a" });
  expect(await meetings.again(["-alpn", "b"])).toMatchObject({ ...resumedInfo, alpn: "b" });
});

resuming("resumption behind KeyUpdates, and KeyUpdates behind resumption", async (scope) => {
  const meetings = new Meetings(scope);
  for (const resumed of [false, true, true]) {
    const meeting = await meetings.open();
    const { server, peer } = meeting;
    expect(await server.untilComplete()).toMatchObject({ resumed });
    server.updateKeys(true);
    peer.write("theirs is owed\n");
    await server.untilReceived("theirs is owed\n");
    peer.write("K\n");
    await server.until("another KeyUpdate", () => server.eventsOf("key-update").length >= 3);
    await meetings.finish(meeting);
    const directions = server.eventsOf("key-update").map(({ direction }) => direction);
    expect(directions).toEqual(["write", "read", "read", "write"]);
  }
});

for (const [modes, theirs, group] of [
  [["psk_ke", "psk_dhe_ke"], ["-allow_no_dhe_kex"], null],
  [["psk_dhe_ke", "psk_ke"], ["-allow_no_dhe_kex"], "x25519"],
  [["psk_ke", "psk_dhe_ke"], [], "x25519"],
] as const) {
  const who = theirs.length > 0 ? "both modes" : "psk_dhe_ke";
  resuming(`resumption, we have ${modes.join(" before ")}, they have ${who}`, async (scope) => {
    const meetings = new Meetings(scope, { pskModes: modes });
    expect(await meetings.again(theirs)).toMatchObject({ ...fullInfo, group: "x25519" });
    expect(await meetings.again(theirs)).toMatchObject({ ...resumedInfo, group });
  });
}

resuming("no tickets: we have psk_ke, they want a key exchange", async (scope) => {
  const meetings = new Meetings(scope, { pskModes: ["psk_ke"] });
  const meeting = await meetings.open();
  expect(await meetings.finish(meeting)).toMatchObject(fullInfo);
  expect(meeting.peer.output).not.toContain("New Session Ticket arrived");
});

resuming("-no_ticket takes tickets nevertheless, as TLS 1.3 knows nothing else", async (scope) => {
  const meetings = new Meetings(scope);
  expect(await meetings.again(["-no_ticket"])).toMatchObject(fullInfo);
  expect(await meetings.again(["-no_ticket"])).toMatchObject(resumedInfo);
});
