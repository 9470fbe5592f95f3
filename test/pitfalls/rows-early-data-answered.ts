import { expect } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from "../../src/crypto/suites.ts";
import { externalPsk, ProtocolVersion } from "../../src/index.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import {
  clientAccepts,
  clientRefuses,
  END_OF_EARLY_DATA,
  rejecting,
  serverAccepts,
  takes,
} from "./early-pitfalls.ts";
import { setting, without } from "./edits.ts";
import type { EarlyClient } from "./forged-early-client.ts";
import type { EarlyServer } from "./forged-early-server.ts";
import { eventsOf, expectOpen, type Pitfall } from "./pitfall.ts";
import { illegal } from "./setups.ts";

const psk = externalPsk({ identity: ascii("us"), key: new Uint8Array(32).fill(9) });

/** Row 46: what a client expects of a server that takes early data. */
const answers: readonly Pitfall[] = [
  clientAccepts(46, "a client says EndOfEarlyData behind early data that is taken", (server) => {
    server.upTo("finished");
    expect([latin1(concatBytes(...server.data)), server.hasEnded]).toEqual(["a".repeat(10), false]);
    server.complete();
    expect(server.hasEnded).toBe(true);
    expect(server.messages.map(({ name }) => name)).toEqual([
      "client_hello",
      "end_of_early_data",
      "finished",
    ]);
    expect(server.messages[1]?.raw).toEqual(END_OF_EARLY_DATA);
    expect(eventsOf(server, "early-data-rejected")).toEqual([]);
  }),
  clientRefuses(
    46,
    "early_data in EncryptedExtensions without the PSK",
    { alert: "unsupported_extension", says: "the server takes early data without the PSK that it is for" },
    (server) => {
      server.serverHello((body) => without<typeof body>("preSharedKey")(body));
      server.encryptedExtensions();
    },
  ),
  clientRefuses(
    46,
    "early_data in EncryptedExtensions with another PSK than the first",
    illegal("the server takes early data, and chose another PSK than the first, which it is for"),
    (server) => {
      server.serverHello(setting({ preSharedKey: 1 }));
      server.encryptedExtensions();
    },
    {
      externalKey: psk.key,
      config: { externalPsks: [psk] },
    },
  ),
  clientRefuses(
    46,
    "early_data in EncryptedExtensions behind HelloRetryRequest",
    { alert: "unsupported_extension", says: "EncryptedExtensions holds early_data, which was not asked for" },
    (server) => {
      server.helloRetryRequest();
      server.serverHello();
      server.encryptedExtensions();
    },
    { forger: { group: secp256r1 } },
  ),
  clientRefuses(
    46,
    "early_data in EncryptedExtensions under another suite of the same hash",
    illegal("the server takes early data of TLS_AES_128_GCM_SHA256 and chose TLS_CHACHA20_POLY1305_SHA256"),
    (server) => server.upTo("finished"),
    { forger: { suite: TLS_CHACHA20_POLY1305_SHA256 } },
  ),
  clientRefuses(
    46,
    "a ServerHello with the PSK and a suite of another hash, behind early data,",
    illegal("server chose TLS_AES_256_GCM_SHA384 with PSK 0, which is one of SHA-256"),
    (server) => server.serverHello(setting({ preSharedKey: 0 })),
    { forger: { suite: TLS_AES_256_GCM_SHA384 } },
  ),
  ...[undefined, "a"].map((alpn) =>
    clientRefuses(
      46,
      `early_data in EncryptedExtensions with ${alpn === undefined ? "no" : "another"} ALPN protocol`,
      illegal("the server takes early data, and chose another ALPN protocol than it is for"),
      (server) => {
        server.serverHello();
        server.encryptedExtensions(
          setting(alpn === undefined ? {} : { applicationLayerProtocolNegotiation: [ascii(alpn)] }),
        );
      },
      { config: { alpn: ["a", "b"] }, session: { alpn: ascii("b") } },
    ),
  ),
  clientAccepts(
    46,
    "early_data in EncryptedExtensions with the ALPN protocol of the session is taken",
    (server) => {
      server.serverHello();
      server.encryptedExtensions(setting({ applicationLayerProtocolNegotiation: [ascii("b")] }));
      expect(expectOpen(server.complete())).toMatchObject({ alpn: "b", earlyDataAccepted: true });
    },
    { config: { alpn: ["a", "b"] }, session: { alpn: ascii("b") } },
  ),
  clientRefuses(
    46,
    "a ServerHello of TLS 1.2 behind early data",
    { alert: "protocol_version", says: "server chose TLS 1.2 although early data was sent to it" },
    (server) =>
      server.sendHandshake(
        encodeHandshake("tls12_server_hello", {
          serverVersion: ProtocolVersion["TLSv1.2"],
          random: server.random(32),
          sessionId: new Uint8Array(),
          cipherSuite: 0xc02b,
          compressionMethod: 0,
          extensions: { extendedMainSecret: true, renegotiationInfo: new Uint8Array() },
        }),
      ),
  ),
  clientRefuses(
    46,
    "early_data in a ServerHello",
    { alert: "unsupported_extension", says: "ServerHello holds early_data, which does not belong there" },
    (server) =>
      server.serverHello((body) => ({
        ...body,
        extensions: {
          ...body.extensions,
          unknown: [{ type: ExtensionType.early_data, body: new Uint8Array() }],
        },
      })),
  ),
];

/** Row 51: early exporters. */
const exporters: readonly Pitfall[] = [
  clientAccepts(51, "a client exports early from its first flight on", (server) => expectEarlyExport(server)),
  takes(51, "a server exports early once it takes early data", (client) => expectEarlyExport(client), ""),
  serverAccepts(
    51,
    "a server that does not take early data has nothing to export early",
    (client) => {
      client.upTo("early data");
      expect(() => client.engine.exportEarlyKeyingMaterial("EXPERIMENTAL", null, 32)).toThrow(TypeError);
    },
    rejecting,
  ),
  serverAccepts(51, "a server has nothing to export early before it was sent anything", (client) =>
    expect(() => client.engine.exportEarlyKeyingMaterial("EXPERIMENTAL", null, 32)).toThrow(TypeError),
  ),
];

/** The early exporter is the forger's, and there is no other yet; it stays. */
function expectEarlyExport(peer: EarlyClient | EarlyServer): void {
  const exported = (): Uint8Array =>
    peer.engine.exportEarlyKeyingMaterial("EXPERIMENTAL", ascii("context"), 32);
  const expected = peer.earlyExporter?.export("EXPERIMENTAL", ascii("context"), 32);
  expect(exported()).toEqual(expected);
  expect(() => peer.engine.exportKeyingMaterial("EXPERIMENTAL", ascii("context"), 32)).toThrow(TypeError);
  expectOpen(peer.complete());
  expect(exported()).toEqual(expected);
  expect(peer.engine.exportKeyingMaterial("EXPERIMENTAL", ascii("context"), 32)).not.toEqual(expected);
}

/** What the server says to early data, and what both make of it. */
export const rowsOfAnsweredEarlyData: readonly Pitfall[] = [...answers, ...exporters];
