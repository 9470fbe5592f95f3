import { expect } from "vitest";

import {
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites12.ts";
import type { ClientOptions } from "../../src/index.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { rawMessage } from "../support/forger.ts";
import { back, credential, known, offered, type Way, WAYS } from "./client-sessions12.ts";
import { flipped, times } from "./edits.ts";
import { ForgedServer } from "./forged-server.ts";
import { ForgedServer12, type ForgedServer12Options } from "./forged-server12.ts";
import { expectOpen, expectRefusal, type Pitfall, type Verdict } from "./pitfall.ts";
import { clientConfig, SERVER_NAME } from "./pitfall13.ts";
import { illegal, strayChangeCipherSpec } from "./setups.ts";
import { cbc, SESSION_ID } from "./setups12.ts";

/** A test for each way. */
function each(row: number, name: string, run: (way: Way) => void): readonly Pitfall[] {
  return WAYS.map((way) => ({
    row,
    engine: "client",
    name: `${name} (session by ${way.way})`,
    run: () => run(way),
  }));
}

/** The server comes up with something when it resumes a session, and the client refuses it. */
function refuses(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (server: ForgedServer12) => void,
  first: { readonly options?: Partial<ClientOptions>; readonly forger?: ForgedServer12Options } = {},
  returning: ForgedServer12Options = {},
): readonly Pitfall[] {
  return each(row, `${name} gets ${verdict.alert}, and the session is not offered again`, (way) => {
    const all = known(way, first.options, first.forger);
    const server = back(all, { ...first.forger, ...returning });
    forge(server);
    expectRefusal(server, verdict);
    // RFC 5246 §7.2.2: otherwise every connection from now on would fail.
    expect(offered(all.config)).toBe("nothing");
  });
}

const SHA384 = TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;

const CHACHA20 = TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;

function otherExtension(isExtended: boolean): Verdict {
  const [session, hello] = isExtended ? ["with", "without"] : ["without", "with"];
  return {
    alert: "handshake_failure",
    says: `server resumes a session ${session} an extended main secret ${hello} it`,
  };
}

/** Row 43: what a server must keep when it resumes a session. */
const agreement: readonly Pitfall[] = [
  ...each(43, "a session that keeps everything is resumed", (way) => {
    const all = known(way);
    times(2, () => {
      const info = expectOpen(back(all).complete());
      expect(info).toMatchObject({
        resumed: true,
        version: "TLSv1.2",
        group: null,
        peerSignatureScheme: null,
        peer: { kind: "verified", chain: credential.certificateChain },
      });
    });
  }),
  ...[SHA384, CHACHA20].flatMap((suite) =>
    refuses(
      43,
      `a ServerHello that resumes a session with ${suite.name}`,
      illegal(`server resumes a session of TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 with ${suite.name}`),
      (server) => server.serverHello(),
      {},
      { suite },
    ),
  ),
  ...refuses(
    43,
    "a ServerHello that resumes a session of a suite with SHA-384 with one of SHA-256",
    illegal(`server resumes a session of ${SHA384.name} with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`),
    (server) => server.serverHello((body) => ({ ...body, cipherSuite: 0xc02b })),
    { forger: { suite: SHA384 } },
  ),
  ...[true, false].flatMap((extendedMainSecret) =>
    refuses(
      43,
      `a ServerHello that resumes a session ${extendedMainSecret ? "with" : "without"} extended main secret and has it ${extendedMainSecret ? "not" : "itself"}`,
      otherExtension(extendedMainSecret),
      (server) => server.serverHello(),
      { forger: { extendedMainSecret } },
      { extendedMainSecret: !extendedMainSecret },
    ),
  ),
  ...refuses(
    43,
    "a ServerHello that resumes a session with compression",
    illegal("server chose compression method 1"),
    (server) => server.serverHello((body) => ({ ...body, compressionMethod: 1 })),
  ),
  ...refuses(
    43,
    "a ServerHello that resumes a session in TLS 1.1",
    { alert: "protocol_version", says: "server chose version TLSv1.1" },
    (server) => server.serverHello((body) => ({ ...body, serverVersion: 0x0302 })),
  ),
  ...each(43, "a session without extended main secret is resumed without it", (way) => {
    const forger = { extendedMainSecret: false };
    expect(expectOpen(back(known(way, {}, forger), forger).complete())).toMatchObject({
      resumed: true,
      extendedMainSecret: false,
    });
  }),
  ...[true, false].flatMap((encryptThenMac) =>
    each(
      43,
      `a session of a CBC suite is resumed ${encryptThenMac ? "with" : "without"} encrypt_then_mac, which it did ${encryptThenMac ? "not have" : "have"} at first`,
      (way) => {
        const { suite } = cbc.forger;
        const all = known(way, cbc.config, { suite, encryptThenMac: !encryptThenMac });
        expect(expectOpen(back(all, { encryptThenMac }).complete()).resumed).toBe(true);
      },
    ),
  ),
  ...each(43, "a server of TLS 1.3 does not resume the session, and it stays", (way) => {
    const { config } = known(way);
    const server = new ForgedServer(config, { credential }).complete();
    expect(expectOpen(server)).toMatchObject({ version: "TLSv1.3", resumed: false });
    expect(offered(config)).toBe(way.way);
  }),
  ...each(
    43,
    "a server that does not resume the session makes a full handshake, and a new session",
    (way) => {
      const { config } = known(way);
      const other = {
        suite: SHA384,
        extendedMainSecret: false,
        sessionId: SESSION_ID.map((byte) => byte ^ 1),
      };
      const server = new ForgedServer12(config, { credential, ...other }).complete();
      expect(expectOpen(server).resumed).toBe(false);
      const again = back({ config, session: server.newSession }, { extendedMainSecret: false });
      expect(expectOpen(again.complete())).toMatchObject({ resumed: true, cipherSuite: SHA384.name });
    },
  ),
  ...each(43, "a server that does not resume the session must prove its key", (way) => {
    const { config } = known(way);
    const server = new ForgedServer12(config, { credential });
    server
      .upTo("serverKeyExchange")
      .serverKeyExchange((body) => ({ ...body, signature: flipped(body.signature) }));
    expectRefusal(server, { alert: "decrypt_error", says: "ServerKeyExchange" });
  }),
];

/** Row 43: when a client offers its session. */
const offers: readonly Pitfall[] = [
  ...each(43, "a session is offered to the same server", (way) => {
    expect(offered(known(way).config)).toBe(way.way);
  }),
  ...(
    [
      ["for another name", { serverName: "other.example" }],
      ["to nobody in particular", { serverName: null, dangerouslySkipHostname: true, sni: SERVER_NAME }],
      ["without its suite", { cipherSuites: [SHA384.name] }],
      ["in TLS 1.3 alone", { versions: ["TLSv1.3"] }],
      ["without a store", { sessionStore: null }],
    ] as const
  ).flatMap(([what, options]) =>
    each(43, `a session is not offered ${what}`, (way) => {
      const { config } = known(way);
      const { sessionStore } = config.settings;
      expect(offered(clientConfig({ sessionStore, ...options }))).toBe("nothing");
      expect(offered(config)).toBe(way.way);
    }),
  ),
  ...each(43, "a session without extended main secret is not offered where that is required", (way) => {
    const { config } = known(way, {}, { extendedMainSecret: false });
    const { sessionStore } = config.settings;
    expect(offered(clientConfig({ sessionStore, requireExtendedMainSecret: true }))).toBe("nothing");
    expect(offered(config)).toBe(way.way);
  }),
  ...each(43, "a session with a server that is not trusted any more is not offered, and forgotten", (way) => {
    let isTrusted = true;
    const trust = {
      verify: () =>
        isTrusted ? ({ trust: "verified" } as const) : ({ trust: "rejected", reason: "expired" } as const),
    };
    const { config } = known(way, { trust });
    expect(offered(config)).toBe(way.way);
    isTrusted = false;
    expect(offered(config)).toBe("nothing");
    isTrusted = true;
    expect(offered(config)).toBe("nothing");
  }),
  ...each(43, "a session that the handshake has not completed is not kept", (way) => {
    const config = clientConfig();
    new ForgedServer12(config, { credential, ...way.forger }).upTo("finished");
    expect(offered(config)).toBe("nothing");
  }),
];

const mismatch = { alert: "decrypt_error", says: "the server's Finished does not match" } as const;

function gotInsteadOf(got: string, due: string) {
  return { alert: "unexpected_message", says: `got ${got} where ${due} is due` } as const;
}

/** Rows 9 and 43: the rest of a resumed handshake. */
const rest: readonly Pitfall[] = [
  ...refuses(43, "a Finished with a bit changed", mismatch, (server) =>
    server.upTo("finished").finished((body) => ({ verifyData: flipped(body.verifyData) })),
  ),
  ...refuses(43, "the client's own Finished", mismatch, (server) =>
    server.upTo("finished").finished(() => ({ verifyData: server.verifyData("client") })),
  ),
  ...refuses(
    43,
    "a Finished under the keys of another main secret",
    { alert: "bad_record_mac", says: "record does not authenticate" },
    (server) => {
      server
        .upTo("changeCipherSpec")
        .changeCipherSpec({ keys: (own) => ({ ...own, key: flipped(own.key) }) });
      server.finished();
    },
  ),
  ...refuses(
    9,
    "a Certificate in a resumed handshake",
    gotInsteadOf("certificate", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").certificate(),
  ),
  ...refuses(
    9,
    "a ServerKeyExchange in a resumed handshake",
    gotInsteadOf("server_key_exchange", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").serverKeyExchange(),
  ),
  ...refuses(
    9,
    "a CertificateRequest in a resumed handshake",
    gotInsteadOf("certificate_request", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").certificateRequest(),
  ),
  ...refuses(
    9,
    "a ServerHelloDone in a resumed handshake",
    gotInsteadOf("server_hello_done", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").sendHandshake(rawMessage(HandshakeType.server_hello_done)),
  ),
  ...refuses(
    9,
    "a NewSessionTicket in a resumed handshake that was not announced",
    gotInsteadOf("new_session_ticket", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").newSessionTicket(),
  ),
  ...refuses(
    9,
    "a resumed handshake without the NewSessionTicket that was announced",
    strayChangeCipherSpec,
    (server) => server.upTo("newSessionTicket").changeCipherSpec(),
    {},
    { issuesTicket: true },
  ),
  ...refuses(
    9,
    "a resumed handshake whose Finished has no ChangeCipherSpec before it",
    gotInsteadOf("finished", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").finished(),
  ),
  ...each(43, "a session that the server refuses by an alert is not offered again", (way) => {
    const all = known(way);
    back(all).sendAlert(2, "handshake_failure");
    expect(offered(all.config)).toBe("nothing");
  }),
];

export const tls12Rows43Client: readonly Pitfall[] = [...agreement, ...offers, ...rest];
