import { expect } from "vitest";

import { TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 } from "../../src/crypto/suites12.ts";
import { ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { present, rawMessage } from "../support/forger.ts";
import { adding, flipped, raw, setting, times } from "./edits.ts";
import { ForgedClient12 } from "./forged-client12.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, expectRefusal, type Pitfall, type Verdict } from "./pitfall.ts";
import { mutual } from "./pitfall12.ts";
import { serverAccepts as server13Accepts, serverConfig } from "./pitfall13.ts";
import { comesBack, type Return, type Way, WAYS, withSession } from "./server-sessions12.ts";
import { resumingClient } from "./setups12.ts";

/** The session is resumed, or there is a full handshake; both work. */
function outcome(
  isResumed: boolean,
  name: string,
  back: Return,
  change: (hello: ClientHello) => ClientHello = (hello) => hello,
  ways: readonly Way[] = WAYS,
): readonly Pitfall[] {
  return ways.map((way) => ({
    row: 43,
    engine: "server",
    name: `a session by ${way.way} ${name} is ${isResumed ? "resumed" : "not resumed, and the handshake is full"}`,
    run() {
      const client = comesBack(way, back);
      client.clientHello(change);
      const { resumed, group } = expectOpen(client.complete());
      expect({ resumed, isResumed: client.isResumed }).toEqual({ resumed: isResumed, isResumed });
      expect(group).toBe(isResumed ? null : "x25519");
    },
  }));
}

/** The server refuses the client that comes back. */
function refusal(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (client: ForgedClient12) => void,
  back: Return = {},
): readonly Pitfall[] {
  return WAYS.map((way) => ({
    row,
    engine: "server",
    name: `${name}, of a session by ${way.way}, gets ${verdict.alert}`,
    run() {
      const client = comesBack(way, back);
      forge(client);
      expectRefusal(client, verdict);
    },
  }));
}

const named = (name: string) =>
  setting<ClientHello>({
    serverName: [{ nameType: 0, name: Uint8Array.from(name, (c) => c.charCodeAt(0)) }],
  });

const SHA384 = TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;

/** A clock that tests turn. */
function clock(): { seconds: number; readonly now: () => number } {
  const time = { seconds: 1_800_000_000, now: () => time.seconds * 1000 };
  return time;
}

const HOURS = 3600;

/** How long sessions live: tickets for 2 hours, ids for a day. */
const ages: readonly Pitfall[] = WAYS.flatMap((way) => {
  const lifetime = way.way === "ticket" ? 2 * HOURS : 24 * HOURS;
  return [
    { age: 0, isResumed: true },
    { age: lifetime - 1, isResumed: true },
    { age: lifetime, isResumed: false },
    { age: lifetime + 7 * 24 * HOURS, isResumed: false },
    { age: -60, isResumed: true },
    { age: -61, isResumed: false },
  ].map(({ age, isResumed }): Pitfall => ({
    row: 43,
    engine: "server",
    name: `a session by ${way.way} of ${age} s is ${isResumed ? "" : "not "}resumed`,
    run() {
      const time = clock();
      const client = comesBack(way, { first: { now: time.now } });
      time.seconds += age;
      expect(expectOpen(client.complete()).resumed).toBe(isResumed);
    },
  }));
});

const requesting = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;

/** What a session must keep, and what may change. */
const agreement: readonly Pitfall[] = [
  ...outcome(true, "that keeps everything", {}),
  ...outcome(true, "of a suite with SHA-384", { forger: { suite: SHA384 } }),
  ...outcome(true, "whose suite is offered behind others", {}, (hello) => ({
    ...hello,
    cipherSuites: [0x0a0a, 0xcca9, 0xc02c, ...hello.cipherSuites],
  })),
  ...outcome(false, "whose suite is not offered any more", { returning: { suite: SHA384 } }),
  ...outcome(
    false,
    "whose suite the server does not want any more",
    { second: { cipherSuites: [SHA384.name] }, returning: { suite: SHA384 } },
    undefined,
    [WAYS[1]],
  ),
  ...refusal(
    43,
    "a ClientHello without extended_main_secret, which the session has",
    {
      alert: "handshake_failure",
      says: "the client resumes a session with an extended main secret, and does not offer it any more",
    },
    (client) => client.clientHello(),
    { returning: { extendedMainSecret: false } },
  ),
  ...outcome(false, "without extended main secret, by a client that has it now,", {
    forger: { extendedMainSecret: false },
    returning: { extendedMainSecret: true },
  }),
  ...outcome(true, "without extended main secret, by a client that has none,", {
    forger: { extendedMainSecret: false },
  }),
  ...outcome(
    false,
    "without extended main secret, with a server that requires it now,",
    {
      forger: { extendedMainSecret: false },
      returning: { extendedMainSecret: true },
      second: { requireExtendedMainSecret: true },
    },
    undefined,
    [WAYS[1]],
  ),
  ...refusal(
    43,
    "a ClientHello without extended_main_secret, to a server that requires it",
    { alert: "handshake_failure", says: "the client offers no extended main secret, and it is required" },
    (client) => client.clientHello(),
    { returning: { extendedMainSecret: false }, first: { requireExtendedMainSecret: true } },
  ),
  ...outcome(true, "for the same name", { before: named("a.example") }, named("a.example")),
  ...outcome(true, "for the same name in other letters", { before: named("a.example") }, named("A.Example")),
  ...outcome(false, "for another name", { before: named("a.example") }, named("b.example")),
  ...outcome(false, "with a name, by a client that says none,", { before: named("a.example") }),
  ...outcome(false, "without a name, by a client that says one,", {}, named("a.example")),
  ...outcome(true, "of a client with a certificate", {
    first: mutual.config,
    forger: mutual.forger,
  }),
  ...outcome(
    false,
    "of a client without a certificate, where one is required now,",
    { second: mutual.config, returning: mutual.forger },
    undefined,
    [WAYS[1]],
  ),
  ...outcome(true, "of a client without a certificate, where one is requested,", {
    first: { clientAuth: requesting },
  }),
  ...outcome(
    false,
    "of a client with a certificate, where none is asked for any more,",
    { first: mutual.config, forger: mutual.forger, second: { clientAuth: { mode: "none" } } },
    undefined,
    [WAYS[1]],
  ),
  ...WAYS.map((way): Pitfall => ({
    row: 43,
    engine: "server",
    name: `a session by ${way.way} of a client whose certificate is not trusted any more is not resumed`,
    run() {
      let isTrusted = true;
      const trust = {
        verify: () =>
          isTrusted
            ? ({ trust: "verified" } as const)
            : ({ trust: "rejected", reason: "revoked", alert: "certificate_revoked" } as const),
      };
      const client = comesBack(way, {
        first: { clientAuth: { mode: "require", trust } },
        forger: { credential: testCredential() },
      });
      isTrusted = false;
      client.upTo("certificateVerify");
      expect(client.isResumed).toBe(false);
      client.certificateVerify();
      expectRefusal(client, { alert: "certificate_revoked", says: "revoked" });
    },
  })),
  ...WAYS.map((way): Pitfall => ({
    row: 43,
    engine: "server",
    name: `a session by ${way.way} is resumed as often as it is offered, and its ticket stays`,
    run() {
      const config = serverConfig();
      const first = new ForgedClient12(config, { takesTickets: way.takesTickets }).complete();
      times(3, () => {
        const client = new ForgedClient12(config, { session: first.newSession }).complete();
        expect(expectOpen(client).resumed).toBe(true);
        expect(client.ticket).toBeUndefined();
        expect(present(client.serverHello).extensions.sessionTicket).toBeUndefined();
      });
    },
  })),
  {
    row: 43,
    engine: "server",
    name: "who the client was is known when its session is resumed",
    run() {
      const client = resumingClient(mutual).complete();
      expect(expectOpen(client).peer).toEqual({
        kind: "unverified",
        certificateType: "x509",
        chain: testCredential().certificateChain,
        reason: "any certificate is accepted",
      });
    },
  },
  server13Accepts(43, "a ticket of TLS 1.2 in a ClientHello of TLS 1.3 means nothing", (client) => {
    const { session } = withSession(WAYS[0]);
    client.clientHello(adding(raw(ExtensionType.session_ticket, session.ticket)));
  }),
];

const badRecord = { alert: "bad_record_mac", says: "record does not authenticate" } as const;

const mismatch = { alert: "decrypt_error", says: "the client's Finished does not match" } as const;

/** Rows 9 and 43: the rest of a resumed handshake. */
const rest: readonly Pitfall[] = [
  ...refusal(43, "a Finished under the keys of another main secret", badRecord, (client) => {
    client.upTo("changeCipherSpec").changeCipherSpec({
      keys: (own) => ({ ...own, key: flipped(own.key) }),
    });
    client.finished();
  }),
  ...refusal(43, "a Finished with a bit changed", mismatch, (client) =>
    client.upTo("finished").finished((body) => ({ verifyData: flipped(body.verifyData) })),
  ),
  ...refusal(43, "the server's own Finished", mismatch, (client) =>
    client.upTo("finished").finished(() => ({ verifyData: client.verifyData("server") })),
  ),
  ...refusal(
    9,
    "a ClientKeyExchange",
    { alert: "unexpected_message", says: "got client_key_exchange where change_cipher_spec is due" },
    (client) => {
      client.upTo("changeCipherSpec");
      client.sendHandshake(rawMessage(HandshakeType.client_key_exchange, Uint8Array.of(1, 4)));
    },
  ),
  ...refusal(
    9,
    "a Certificate",
    { alert: "unexpected_message", says: "got certificate where change_cipher_spec is due" },
    (client) => client.upTo("changeCipherSpec").certificate(),
    { forger: mutual.forger, first: mutual.config },
  ),
  ...refusal(
    9,
    "a Finished without ChangeCipherSpec",
    { alert: "unexpected_message", says: "got finished where change_cipher_spec is due" },
    (client) => client.upTo("changeCipherSpec").finished(),
  ),
];

export const tls12Rows43Server: readonly Pitfall[] = [...ages, ...agreement, ...rest];
