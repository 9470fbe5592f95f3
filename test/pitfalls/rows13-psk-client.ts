import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import { externalPsk } from "../../src/index.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import { clientRefusesPsk, clientTakesPsk, serverAgain, withSession } from "./client-sessions13.ts";
import { flipped, setting, without } from "./edits.ts";
import { ForgedServer } from "./forged-server.ts";
import { ForgedServer12 } from "./forged-server12.ts";
import { testCredential } from "./leaf-certificate.ts";
import { eventsOf, expectOpen, expectRefusal, type Pitfall } from "./pitfall.ts";
import { clientConfig } from "./pitfall13.ts";
import { illegal } from "./setups.ts";

type ServerHello = HandshakeBody<"server_hello">;

const credential = testCredential();

function gotInsteadOf(got: string, due: string) {
  return { alert: "unexpected_message", says: `got ${got} where ${due} is due` } as const;
}

/** Row 9: who has taken a PSK shows no certificate, and asks for none. */
const certificates: readonly Pitfall[] = [
  ...(["certificateRequest", "certificate", "certificateVerify"] as const).map((step) => {
    const name = step.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`);
    return clientRefusesPsk(9, `${name} in a resumed handshake`, gotInsteadOf(name, "finished"), (server) =>
      server.upTo("finished")[step](),
    );
  }),
  clientRefusesPsk(
    9,
    "a certificate in a resumed handshake, without EncryptedExtensions,",
    gotInsteadOf("certificate", "encrypted_extensions"),
    (server) => server.upTo("encryptedExtensions").certificate(),
  ),
  clientRefusesPsk(
    9,
    "Finished in a resumed handshake, without EncryptedExtensions,",
    gotInsteadOf("finished", "encrypted_extensions"),
    (server) => server.upTo("encryptedExtensions").finished(),
  ),
  clientRefusesPsk(
    9,
    "a server that does not take the PSK, and shows no certificate,",
    gotInsteadOf("finished", "certificate_request or certificate"),
    (server) => {
      server.upTo("certificate").finished();
    },
    { again: { psk: undefined as never } },
  ),
];

/** The SHA-256 session is the client's only one; the server chooses. */
const selection: readonly Pitfall[] = [
  clientTakesPsk(42, "PSK 0 is taken", "resumed", () => undefined),
  clientTakesPsk(
    42,
    "PSK 0 is taken behind HelloRetryRequest",
    "resumed",
    (server) => server.helloRetryRequest(),
    {
      again: { group: secp256r1 },
    },
  ),
  clientTakesPsk(42, "PSK 0 is taken with another suite of its hash", "resumed", () => undefined, {
    forger: { suite: TLS_AES_128_GCM_SHA256 },
    again: { suite: TLS_CHACHA20_POLY1305_SHA256 },
  }),
  clientTakesPsk(
    42,
    "a session that the server does not take leads to a full handshake",
    "full",
    () => undefined,
    {
      again: { psk: undefined as never },
    },
  ),
  ...[1, 2, 65_535].map((index) =>
    clientRefusesPsk(
      42,
      `PSK ${index} of one`,
      illegal(`server chose PSK ${index}, and 1 were offered`),
      (server) => server.serverHello(),
      { psk: { index } },
    ),
  ),
  clientRefusesPsk(
    42,
    "PSK 1 of one behind HelloRetryRequest",
    illegal("server chose PSK 1, and 1 were offered"),
    (server) => {
      server.helloRetryRequest();
      server.serverHello();
    },
    { psk: { index: 1 }, again: { group: secp256r1 } },
  ),
  clientRefusesPsk(
    42,
    "a suite of another hash than the PSK",
    illegal("server chose TLS_AES_256_GCM_SHA384 with PSK 0, which is one of SHA-256"),
    (server) => server.serverHello(),
    { again: { suite: TLS_AES_256_GCM_SHA384 } },
  ),
  clientRefusesPsk(
    42,
    "a suite of another hash than the PSK, of SHA-384,",
    illegal("server chose TLS_AES_128_GCM_SHA256 with PSK 0, which is one of SHA-384"),
    (server) => server.serverHello(),
    { forger: { suite: TLS_AES_256_GCM_SHA384 }, again: { suite: TLS_AES_128_GCM_SHA256 } },
  ),
  {
    row: 42,
    engine: "client",
    name: "a PSK that the suite of HelloRetryRequest has taken out of the offer gets unsupported_extension",
    run() {
      const server = serverAgain({ again: { suite: TLS_AES_256_GCM_SHA384, group: secp256r1 } });
      server.helloRetryRequest();
      expect(server.clientHello.extensions.preSharedKey).toBeUndefined();
      server.serverHello();
      expectRefusal(server, {
        alert: "unsupported_extension",
        says: "ServerHello holds pre_shared_key, which was not asked for",
      });
    },
  },
  clientRefusesPsk(
    42,
    "a PSK without key_share, where a key exchange is asked for,",
    { alert: "missing_extension", says: "ServerHello holds no key_share" },
    (server) => server.serverHello(),
    { psk: { withoutShare: true } },
  ),
  clientRefusesPsk(
    42,
    "neither PSK nor key_share",
    { alert: "missing_extension", says: "ServerHello holds no key_share" },
    (server) =>
      server.serverHello((body) =>
        without<ServerHello>("keyShare")(without<ServerHello>("preSharedKey")(body)),
      ),
  ),
  clientRefusesPsk(
    42,
    "neither PSK nor key_share, where no key exchange is asked for,",
    { alert: "missing_extension", says: "ServerHello holds no key_share" },
    (server) => server.serverHello(without<ServerHello>("preSharedKey")),
    { config: { pskModes: ["psk_ke"] }, psk: { withoutShare: true } },
  ),
  ...([["psk_ke"], ["psk_dhe_ke", "psk_ke"]] as const).map((pskModes) =>
    clientTakesPsk(
      42,
      `a PSK without key_share is taken with the modes ${pskModes.join(", ")}`,
      "resumed",
      () => undefined,
      { config: { pskModes }, psk: { withoutShare: true } },
    ),
  ),
  {
    row: 42,
    engine: "client",
    name: "a PSK that the server does not have gets bad_record_mac",
    run() {
      const server = serverAgain({ psk: { key: new Uint8Array(32).fill(1) } });
      // Neither side can read what the other one says, not even the alert.
      expect(() => server.upTo("finished")).toThrow("record does not authenticate");
      expect(eventsOf(server, "closed").map(({ how }) => how)).toMatchObject([
        { kind: "error", alertSent: "bad_record_mac" },
      ]);
    },
  },
  clientRefusesPsk(
    42,
    "another Finished than that of the PSK",
    { alert: "decrypt_error", says: "the server's Finished does not match the transcript" },
    (server) => server.upTo("finished").finished({ raw: (raw) => flipped(raw) }),
  ),
  clientRefusesPsk(
    42,
    "pre_shared_key in EncryptedExtensions",
    {
      alert: "unsupported_extension",
      says: "EncryptedExtensions holds pre_shared_key, which does not belong there",
    },
    (server) =>
      server.upTo("encryptedExtensions").encryptedExtensions({
        raw: () => Uint8Array.of(8, 0, 0, 8, 0, 6, 0, 41, 0, 2, 0, 0),
      }),
  ),
  clientRefusesPsk(
    42,
    "pre_shared_key in HelloRetryRequest",
    {
      alert: "unsupported_extension",
      says: "HelloRetryRequest holds pre_shared_key, which does not belong there",
    },
    (server) =>
      server.helloRetryRequest((body) => ({
        ...body,
        extensions: { ...body.extensions, unknown: [{ type: 41, body: Uint8Array.of(0, 0) }] },
      })),
    { again: { group: secp256r1 } },
  ),
  ...[0, 1].map((index): Pitfall => ({
    row: 42,
    engine: "client",
    name: `of two PSKs from elsewhere, ${index} is the one that the server takes`,
    run() {
      const key = new Uint8Array(32).fill(3);
      const other = new Uint8Array(32).fill(4);
      const externalPsks = [key, other].map((one, i) =>
        externalPsk({ identity: ascii(`psk ${i}`), key: one }),
      );
      const psk = { key: index === 0 ? key : other, index };
      const server = new ForgedServer(clientConfig({ externalPsks }), { psk });
      const info = expectOpen(server.complete());
      expect(info).toMatchObject({ resumed: false, peer: { kind: "psk", identity: ascii(`psk ${index}`) } });
    },
  })),
];

/** Row 43: a session is of one version. */
const versions: readonly Pitfall[] = [
  {
    row: 43,
    engine: "client",
    name: "a session of TLS 1.3 that a server takes for one of TLS 1.2 gets illegal_parameter",
    run() {
      const { config } = withSession({ config: { versions: ["TLSv1.3", "TLSv1.2"] } });
      const server = new ForgedServer12(config, { credential });
      const { legacySessionId, extensions } = server.clientHello;
      expect([legacySessionId.length, extensions.preSharedKey?.identities.length]).toEqual([32, 1]);
      // As a server does that resumes.
      server.serverHello((body) => ({ ...body, sessionId: legacySessionId }));
      expectRefusal(server, { alert: "illegal_parameter", says: /session/ });
    },
  },
  {
    row: 43,
    engine: "client",
    name: "a session of TLS 1.3 with a server that speaks TLS 1.2 by now leads to a full handshake",
    run() {
      const { config } = withSession({ config: { versions: ["TLSv1.3", "TLSv1.2"] } });
      const server = new ForgedServer12(config, { credential });
      expect(server.clientHello.extensions.preSharedKey?.identities).toHaveLength(1);
      expect(expectOpen(server.complete())).toMatchObject({ version: "TLSv1.2", resumed: false });
    },
  },
  {
    row: 43,
    engine: "client",
    name: "a session of TLS 1.2 that a server takes for one of TLS 1.3 gets unsupported_extension",
    run() {
      const config = clientConfig({ versions: ["TLSv1.3", "TLSv1.2"] });
      const first = new ForgedServer12(config, { credential, issuesTicket: true }).complete();
      expect(expectOpen(first).resumed).toBe(false);
      const psk = { key: first.newSession.mainSecret.slice(0, 32) };
      const server = new ForgedServer(config, { credential, psk });
      expect(server.clientHello.extensions.sessionTicket?.length).toBeGreaterThan(0);
      server.serverHello();
      expectRefusal(server, {
        alert: "unsupported_extension",
        says: "ServerHello holds pre_shared_key, which was not asked for",
      });
    },
  },
  clientTakesPsk(
    43,
    "a server may choose another ALPN protocol in a resumed handshake",
    "resumed",
    (server) =>
      server
        .upTo("encryptedExtensions")
        .encryptedExtensions(setting({ applicationLayerProtocolNegotiation: [ascii("b")] })),
    { config: { alpn: ["a", "b"] } },
  ),
];

export const rowsPskClient: readonly Pitfall[] = [...certificates, ...selection, ...versions];
