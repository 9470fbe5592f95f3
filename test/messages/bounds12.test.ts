import { describe, expect, test } from "vitest";

import { ClientHelloExtensions, Tls12ServerHelloExtensions } from "../../src/messages/extensions.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import {
  ClientKeyExchange,
  ServerECDHParams,
  ServerKeyExchange,
  Tls12Certificate,
  Tls12CertificateRequest,
  Tls12NewSessionTicket,
  Tls12ServerHello,
} from "../../src/messages/handshake12.ts";
import { type Codec, decode, encode } from "../../src/wire/codec.ts";
import { fromHex } from "../support/hex.ts";
import { alertOf } from "../wire/alerts.ts";
import {
  bounded,
  type BoundedField,
  codePoints,
  describeBounds,
  onlyItem,
  onlyItemWire,
  unknown,
  unknownWire,
} from "./bounded.ts";
import { extension, filler, vec16, vec24, vec8, wire } from "./loose.ts";

const RANDOM = filler(32);
const serverHello = {
  serverVersion: 0x0303,
  random: RANDOM,
  sessionId: filler(0),
  cipherSuite: 1,
  compressionMethod: 0,
  extensions: {},
};
const params = fromHex("03001d01ab");
const certificateRequest = {
  certificateTypes: filler(1),
  supportedSignatureAlgorithms: [0xabab],
  certificateAuthorities: [],
};
const blocks = [
  ["ClientHello", ClientHelloExtensions],
  ["ServerHello", Tls12ServerHelloExtensions],
] as const;

const MESSAGES: readonly BoundedField[] = [
  bounded(
    "ServerHello.session_id<0..32>",
    Tls12ServerHello,
    { allowed: [0, 32], refused: [33, 255], unsaid: [256] },
    (n) => wire("0303", RANDOM, vec8(filler(n)), "0001 00 0000"),
    (n) => ({ ...serverHello, sessionId: filler(n) }),
  ),
  bounded(
    "ServerHello.extensions<0..2^16-1>",
    Tls12ServerHello,
    { allowed: [0, 4, 65535], unsaid: [65536] },
    (n) => wire("0303", RANDOM, "00 0001 00", vec16(unknownWire(n))),
    (n) => ({ ...serverHello, extensions: unknown(n) }),
  ),
  bounded(
    "Certificate.certificate_list<0..2^24-1>",
    Tls12Certificate,
    { allowed: [0, 4, 2 ** 24 - 1], refused: [3], unsaid: [2 ** 24] },
    (n) => vec24(n === 0 ? "" : vec24(filler(n - 3))),
    (n) => ({ certificateList: n === 0 ? [] : [filler(n - 3)] }),
  ),
  bounded(
    "ASN.1Cert<1..2^24-1>",
    Tls12Certificate,
    { allowed: [1, 2 ** 24 - 8], refused: [0], unsaid: [2 ** 24] },
    (n) => vec24("000001 ab", vec24(filler(n))),
    (n) => ({ certificateList: [filler(1), filler(n)] }),
  ),
  bounded(
    "ServerECDHParams.public<1..2^8-1>",
    ServerECDHParams,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => wire("03 0017", vec8(filler(n))),
    (n) => ({ curveType: 3, namedCurve: 0x0017, publicKey: filler(n) }),
  ),
  bounded(
    "ServerKeyExchange.signature<0..2^16-1>",
    ServerKeyExchange,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire(params, "0403", vec16(filler(n))),
    (n) => ({ params, algorithm: 0x0403, signature: filler(n) }),
  ),
  bounded(
    "CertificateRequest.certificate_types<1..2^8-1>",
    Tls12CertificateRequest,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => wire(vec8(filler(n)), "0002 abab 0000"),
    (n) => ({ ...certificateRequest, certificateTypes: filler(n) }),
  ),
  bounded(
    "CertificateRequest.supported_signature_algorithms<2..2^16-2>",
    Tls12CertificateRequest,
    { allowed: [2, 4, 65534], refused: [0], unsaid: [65536] },
    (n) => wire("01 ab", vec16(filler(n)), "0000"),
    (n) => ({ ...certificateRequest, supportedSignatureAlgorithms: codePoints(n) }),
  ),
  bounded(
    "CertificateRequest.certificate_authorities<0..2^16-1>",
    Tls12CertificateRequest,
    { allowed: [0, 3, 65535], refused: [2], unsaid: [65536] },
    (n) => wire("01 ab 0002 abab", vec16(onlyItemWire(n))),
    (n) => ({ ...certificateRequest, certificateAuthorities: onlyItem(n) }),
  ),
  bounded(
    "ClientECDiffieHellmanPublic.ecdh_Yc<1..2^8-1>",
    ClientKeyExchange,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => vec8(filler(n)),
    (n) => ({ publicKey: filler(n) }),
  ),
  bounded(
    "NewSessionTicket.ticket<0..2^16-1>",
    Tls12NewSessionTicket,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire("00000001", vec16(filler(n))),
    (n) => ({ ticketLifetimeHint: 1, ticket: filler(n) }),
  ),
];

const EXTENSIONS: readonly BoundedField[] = [
  ...blocks.flatMap(([message, codec]) => [
    bounded(
      `${message} ec_point_format_list<1..2^8-1>`,
      codec as Codec<{ readonly ecPointFormats?: Uint8Array }>,
      { allowed: [1, 255], refused: [0], unsaid: [256] },
      (n) => vec16(extension(11, vec8(filler(n)))),
      (n) => ({ ecPointFormats: filler(n) }),
    ),
    bounded(
      `${message} renegotiated_connection<0..255>`,
      codec as Codec<{ readonly renegotiationInfo?: Uint8Array }>,
      { allowed: [0, 12, 24, 255], unsaid: [256] },
      (n) => vec16(extension(0xff01, vec8(filler(n)))),
      (n) => ({ renegotiationInfo: filler(n) }),
    ),
  ]),
  bounded(
    "ServerHello protocol_name_list<2..2^16-1>",
    Tls12ServerHelloExtensions,
    { allowed: [2, 256], refused: [0] },
    (n) => vec16(extension(16, vec16(n === 0 ? "" : vec8(filler(n - 1))))),
    (n) => ({ applicationLayerProtocolNegotiation: n === 0 ? [] : [filler(n - 1)] }),
  ),
  bounded(
    "ServerHello sct_list<1..2^16-1>",
    Tls12ServerHelloExtensions,
    { allowed: [3, 65529], refused: [0, 2], unsaid: [65536] },
    (n) => vec16(extension(18, vec16(onlyItemWire(n)))),
    (n) => ({ signedCertificateTimestamp: onlyItem(n) }),
  ),
];

describeBounds([...MESSAGES, ...EXTENSIONS]);

describe("fixed lengths", () => {
  test.each([31, 33])("a random of %i bytes is a RangeError to write", (length) => {
    expect(() => encode(Tls12ServerHello, { ...serverHello, random: filler(length) })).toThrow(RangeError);
  });

  test("supported_signature_algorithms with half a number at their end are decode_error", () => {
    const bytes = wire("01 ab 0003 000102 0000");
    expect(alertOf(() => decode(Tls12CertificateRequest, bytes, "certificate_request"))).toBe("decode_error");
  });
});

describe("ServerKeyExchange", () => {
  test.each([0, 1, 2, 4, 248, 255])("with curve_type %i is illegal_parameter", (curveType) => {
    const bytes = wire(Uint8Array.of(curveType), "001d 01 ab 0403 0001 ab");
    expect(alertOf(() => decode(ServerKeyExchange, bytes, "server_key_exchange"))).toBe("illegal_parameter");
    expect(alertOf(() => decode(ServerECDHParams, bytes.subarray(0, 5), "params"))).toBe("illegal_parameter");
  });

  test("gives the bytes that were signed as a view of what came", () => {
    const raw = wire("0c 00000f 03 001d 04 a1a2a3a4 0403 0003 b1b2b3");
    const message = decodeHandshake("server_key_exchange", raw);
    expect(message.params).toEqual(fromHex("03001d04a1a2a3a4"));
    expect([message.params.buffer, message.params.byteOffset]).toEqual([raw.buffer, raw.byteOffset + 4]);
    expect(decode(ServerECDHParams, message.params, "params").publicKey).toEqual(fromHex("a1a2a3a4"));
    expect(message.algorithm).toBe(0x0403);
    expect(message.signature).toEqual(fromHex("b1b2b3"));
  });
});

describe("extensions of TLS 1.2", () => {
  test("in ServerHello are refused when they appear twice, known or not", () => {
    for (const type of [23, 0x0a0a]) {
      const twice = vec16(extension(type, wire("")), extension(type, wire("")));
      expect(alertOf(() => decode(Tls12ServerHelloExtensions, twice, "twice"))).toBe("decode_error");
    }
  });

  test("stand before all others but server_name, and pre_shared_key stays last", () => {
    const bytes = encode(ClientHelloExtensions, {
      preSharedKey: {
        identities: [{ identity: filler(1), obfuscatedTicketAge: 1 }],
        binders: [filler(32)],
      },
      encryptThenMac: true,
      sessionTicket: filler(0),
      ecPointFormats: filler(1, 0),
      supportedGroups: [0x001d],
      statusRequest: { statusType: 1, responderIdList: [], requestExtensions: filler(0) },
      renegotiationInfo: filler(0),
      extendedMainSecret: true,
      signatureAlgorithms: [0x0403],
      serverName: [{ nameType: 0, name: filler(1) }],
    });
    expect(decode(ClientHelloExtensions, bytes, "extensions").order).toEqual([
      0, 23, 0xff01, 5, 10, 11, 35, 22, 13, 41,
    ]);
  });
});
