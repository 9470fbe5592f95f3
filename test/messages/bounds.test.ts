import { describe, expect, test } from "vitest";

import {
  CertificateEntryExtensions,
  CertificateRequestExtensions,
  CertificateStatus,
  CertificateStatusRequest,
  ClientHelloExtensions,
  EncryptedExtensionsExtensions,
  HelloRetryRequestExtensions,
  KeyShareEntry,
  OfferedPsks,
  OidFilter,
  PskIdentity,
  ServerHelloExtensions,
  ServerName,
} from "../../src/messages/extensions.ts";
import {
  Certificate,
  CertificateEntry,
  CertificateRequest,
  CertificateVerify,
  ClientHello,
  CompressedCertificate,
  EncryptedExtensions,
  HelloRetryRequest,
  KeyUpdate,
  NewSessionTicket,
  ServerHello,
} from "../../src/messages/handshake13.ts";
import { ImportedIdentity } from "../../src/messages/imported-identity.ts";
import { type Codec, decode, encode } from "../../src/wire/codec.ts";
import { alertOf } from "../wire/alerts.ts";
import {
  type BoundedField,
  bounded,
  codePoints,
  describeBounds,
  onlyItem,
  onlyItemWire,
  shortItems,
  unknown,
  unknownWire,
} from "./bounded.ts";
import { extension, filler, vec16, vec24, vec8, wire } from "./loose.ts";

const RANDOM = filler(32);
const helloValue = { legacyVersion: 0x0303, random: RANDOM, legacySessionId: filler(0), cipherSuites: [1] };
const clientHello = { ...helloValue, legacyCompressionMethods: filler(1), extensions: {} };
const serverHello = {
  legacyVersion: 0x0303,
  random: RANDOM,
  legacySessionIdEcho: filler(0),
  cipherSuite: 1,
  legacyCompressionMethod: 0,
  extensions: {},
};
const ticket = {
  ticketLifetime: 1,
  ticketAgeAdd: 2,
  ticketNonce: filler(0),
  ticket: filler(1),
  extensions: {},
};
const TICKET_START = "00000001 00000002";

const MESSAGES: readonly BoundedField[] = [
  bounded(
    "ClientHello.legacy_session_id<0..32>",
    ClientHello,
    { allowed: [0, 32], refused: [33, 255], unsaid: [256] },
    (n) => wire("0303", RANDOM, vec8(filler(n)), "0002 0001 01 ab 0000"),
    (n) => ({ ...clientHello, legacySessionId: filler(n) }),
  ),
  bounded(
    "ClientHello.cipher_suites<2..2^16-2>",
    ClientHello,
    { allowed: [2, 4, 65534], refused: [0], unsaid: [65536] },
    (n) => wire("0303", RANDOM, "00", vec16(filler(n)), "01 ab 0000"),
    (n) => ({ ...clientHello, cipherSuites: codePoints(n) }),
  ),
  bounded(
    "ClientHello.legacy_compression_methods<1..2^8-1>",
    ClientHello,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => wire("0303", RANDOM, "00 0002 0001", vec8(filler(n)), "0000"),
    (n) => ({ ...clientHello, legacyCompressionMethods: filler(n) }),
  ),
  bounded(
    "ClientHello.extensions<0..2^16-1>",
    ClientHello,
    { allowed: [0, 4, 65535], unsaid: [65536] },
    (n) => wire("0303", RANDOM, "00 0002 0001 01 ab", vec16(unknownWire(n))),
    (n) => ({ ...clientHello, extensions: unknown(n) }),
  ),
  ...(
    [
      ["ServerHello", ServerHello],
      ["HelloRetryRequest", HelloRetryRequest],
    ] as const
  ).flatMap(([name, codec]) => [
    bounded(
      `${name}.legacy_session_id_echo<0..32>`,
      codec as Codec<typeof serverHello>,
      { allowed: [0, 32], refused: [33, 255], unsaid: [256] },
      (n) => wire("0303", RANDOM, vec8(filler(n)), "0001 00 0000"),
      (n) => ({ ...serverHello, legacySessionIdEcho: filler(n) }),
    ),
    bounded(
      `${name}.extensions<0..2^16-1>`,
      codec as Codec<typeof serverHello>,
      { allowed: [0, 4, 65535], unsaid: [65536] },
      (n) => wire("0303", RANDOM, "00 0001 00", vec16(unknownWire(n))),
      (n) => ({ ...serverHello, extensions: unknown(n) }),
    ),
  ]),
  bounded(
    "EncryptedExtensions.extensions<0..2^16-1>",
    EncryptedExtensions,
    { allowed: [0, 4, 65535], unsaid: [65536] },
    (n) => vec16(unknownWire(n)),
    (n) => ({ extensions: unknown(n) }),
  ),
  bounded(
    "CertificateRequest.certificate_request_context<0..2^8-1>",
    CertificateRequest,
    { allowed: [0, 255], unsaid: [256] },
    (n) => wire(vec8(filler(n)), "0004 abab 0000"),
    (n) => ({ certificateRequestContext: filler(n), extensions: unknown(4) }),
  ),
  bounded(
    "CertificateRequest.extensions<2..2^16-1>",
    CertificateRequest,
    { allowed: [4, 65535], refused: [0], unsaid: [65536] },
    (n) => wire("00", vec16(unknownWire(n))),
    (n) => ({ certificateRequestContext: filler(0), extensions: unknown(n) }),
  ),
  bounded(
    "Certificate.certificate_request_context<0..2^8-1>",
    Certificate,
    { allowed: [0, 255], unsaid: [256] },
    (n) => wire(vec8(filler(n)), "000000"),
    (n) => ({ certificateRequestContext: filler(n), certificateList: [] }),
  ),
  bounded(
    "Certificate.certificate_list<0..2^24-1>",
    Certificate,
    { allowed: [0, 6, 2 ** 24 - 1], unsaid: [2 ** 24] },
    (n) => wire("00", vec24(n === 0 ? "" : wire(vec24(filler(n - 5)), "0000"))),
    (n) => ({
      certificateRequestContext: filler(0),
      certificateList: n === 0 ? [] : [{ certData: filler(n - 5), extensions: {} }],
    }),
  ),
  bounded(
    "CertificateEntry.cert_data<1..2^24-1>",
    CertificateEntry,
    { allowed: [1, 2 ** 24 - 1], refused: [0], unsaid: [2 ** 24] },
    (n) => wire(vec24(filler(n)), "0000"),
    (n) => ({ certData: filler(n), extensions: {} }),
  ),
  bounded(
    "CertificateEntry.extensions<0..2^16-1>",
    CertificateEntry,
    { allowed: [0, 4, 65535], unsaid: [65536] },
    (n) => wire("000001 ab", vec16(unknownWire(n))),
    (n) => ({ certData: filler(1), extensions: unknown(n) }),
  ),
  bounded(
    "CompressedCertificate.compressed_certificate_message<1..2^24-1>",
    CompressedCertificate,
    { allowed: [1, 2 ** 24 - 1], refused: [0], unsaid: [2 ** 24] },
    (n) => wire("0001 000002", vec24(filler(n))),
    (n) => ({ algorithm: 1, uncompressedLength: 2, compressedCertificateMessage: filler(n) }),
  ),
  bounded(
    "CertificateVerify.signature<0..2^16-1>",
    CertificateVerify,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire("0403", vec16(filler(n))),
    (n) => ({ algorithm: 0x0403, signature: filler(n) }),
  ),
  bounded(
    "NewSessionTicket.ticket_nonce<0..255>",
    NewSessionTicket,
    { allowed: [0, 255], unsaid: [256] },
    (n) => wire(TICKET_START, vec8(filler(n)), "0001 ab 0000"),
    (n) => ({ ...ticket, ticketNonce: filler(n) }),
  ),
  bounded(
    "NewSessionTicket.ticket<1..2^16-1>",
    NewSessionTicket,
    { allowed: [1, 65535], refused: [0], unsaid: [65536] },
    (n) => wire(TICKET_START, "00", vec16(filler(n)), "0000"),
    (n) => ({ ...ticket, ticket: filler(n) }),
  ),
  bounded(
    "NewSessionTicket.extensions<0..2^16-2>",
    NewSessionTicket,
    { allowed: [0, 4, 65534], refused: [65535], unsaid: [65536] },
    (n) => wire(TICKET_START, "00 0001 ab", vec16(unknownWire(n))),
    (n) => ({ ...ticket, extensions: unknown(n) }),
  ),
];

const PARTS: readonly BoundedField[] = [
  bounded(
    "ServerName.name<1..2^16-1>",
    ServerName,
    { allowed: [1, 65535], refused: [0], unsaid: [65536] },
    (n) => wire("00", vec16(filler(n))),
    (n) => ({ nameType: 0, name: filler(n) }),
  ),
  bounded(
    "KeyShareEntry.key_exchange<1..2^16-1>",
    KeyShareEntry,
    { allowed: [1, 65535], refused: [0], unsaid: [65536] },
    (n) => wire("001d", vec16(filler(n))),
    (n) => ({ group: 0x001d, keyExchange: filler(n) }),
  ),
  bounded(
    "PskIdentity.identity<1..2^16-1>",
    PskIdentity,
    { allowed: [1, 65535], refused: [0], unsaid: [65536] },
    (n) => wire(vec16(filler(n)), "00000001"),
    (n) => ({ identity: filler(n), obfuscatedTicketAge: 1 }),
  ),
  bounded(
    "OfferedPsks.identities<7..2^16-1>",
    OfferedPsks,
    { allowed: [7, 65535], refused: [0], unsaid: [65536] },
    (n) => wire(vec16(n === 0 ? "" : wire(vec16(filler(n - 6)), "00000001")), vec16(vec8(filler(32)))),
    (n) => ({
      identities: n === 0 ? [] : [{ identity: filler(n - 6), obfuscatedTicketAge: 1 }],
      binders: [filler(32)],
    }),
  ),
  bounded(
    "OfferedPsks.binders<33..2^16-1>",
    OfferedPsks,
    { allowed: [33, 256, 65535], refused: [0], unsaid: [65536] },
    (n) => wire("0007 0001 ab 00000001", vec16(...shortItems(n).map((binder) => vec8(binder)))),
    (n) => ({ identities: [{ identity: filler(1), obfuscatedTicketAge: 1 }], binders: shortItems(n) }),
  ),
  bounded(
    "PskBinderEntry<32..255>",
    OfferedPsks,
    { allowed: [32, 255], refused: [31], unsaid: [256] },
    (n) => wire("0007 0001 ab 00000001", vec16(vec8(filler(32)), vec8(filler(n)))),
    (n) => ({
      identities: [{ identity: filler(1), obfuscatedTicketAge: 1 }],
      binders: [filler(32), filler(n)],
    }),
  ),
  bounded(
    "ImportedIdentity.external_identity<1..2^16-1>",
    ImportedIdentity,
    { allowed: [1, 65535], refused: [0], unsaid: [65536] },
    (n) => wire(vec16(filler(n)), "0000 0304 0001"),
    (n) => ({ externalIdentity: filler(n), context: filler(0), targetProtocol: 0x0304, targetKdf: 1 }),
  ),
  bounded(
    "ImportedIdentity.context<0..2^16-1>",
    ImportedIdentity,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire("0001 ab", vec16(filler(n)), "0304 0001"),
    (n) => ({ externalIdentity: filler(1), context: filler(n), targetProtocol: 0x0304, targetKdf: 1 }),
  ),
  bounded(
    "OIDFilter.certificate_extension_oid<1..2^8-1>",
    OidFilter,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => wire(vec8(filler(n)), "0000"),
    (n) => ({ certificateExtensionOid: filler(n), certificateExtensionValues: filler(0) }),
  ),
  bounded(
    "OIDFilter.certificate_extension_values<0..2^16-1>",
    OidFilter,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire("01 ab", vec16(filler(n))),
    (n) => ({ certificateExtensionOid: filler(1), certificateExtensionValues: filler(n) }),
  ),
  bounded(
    "OCSPStatusRequest.responder_id_list<0..2^16-1>",
    CertificateStatusRequest,
    { allowed: [0, 3, 65535], refused: [2], unsaid: [65536] },
    (n) => wire("01", vec16(onlyItemWire(n)), "0000"),
    (n) => ({ statusType: 1 as const, responderIdList: onlyItem(n), requestExtensions: filler(0) }),
  ),
  bounded(
    "ResponderID<1..2^16-1>",
    CertificateStatusRequest,
    { allowed: [1, 256], refused: [0], unsaid: [65536] },
    (n) => wire("01", vec16("0001 ab", vec16(filler(n))), "0000"),
    (n) => ({
      statusType: 1 as const,
      responderIdList: [filler(1), filler(n)],
      requestExtensions: filler(0),
    }),
  ),
  bounded(
    "OCSPStatusRequest.request_extensions<0..2^16-1>",
    CertificateStatusRequest,
    { allowed: [0, 65535], unsaid: [65536] },
    (n) => wire("01 0000", vec16(filler(n))),
    (n) => ({ statusType: 1 as const, responderIdList: [], requestExtensions: filler(n) }),
  ),
  bounded(
    "CertificateStatus.response<1..2^24-1>",
    CertificateStatus,
    { allowed: [1, 2 ** 24 - 1], refused: [0], unsaid: [2 ** 24] },
    (n) => wire("01", vec24(filler(n))),
    (n) => ({ statusType: 1, response: filler(n) }),
  ),
];

/** The blocks that know an extension leave 65531 bytes to its body. */
const ROOM = 65531;

const EXTENSIONS: readonly BoundedField[] = [
  bounded(
    "ClientHello server_name<1..2^16-1>",
    ClientHelloExtensions,
    { allowed: [4, ROOM - 2], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(0, vec16(n === 0 ? "" : wire("00", vec16(filler(n - 3)))))),
    (n) => ({ serverName: n === 0 ? [] : [{ nameType: 0, name: filler(n - 3) }] }),
  ),
  bounded(
    "EncryptedExtensions supported_groups<2..2^16-1>",
    EncryptedExtensionsExtensions,
    { allowed: [2, 4, ROOM - 3], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(10, vec16(filler(n)))),
    (n) => ({ supportedGroups: codePoints(n) }),
  ),
  ...(
    [
      ["signatureAlgorithms", 13],
      ["signatureAlgorithmsCert", 50],
    ] as const
  ).map(([name, type]) =>
    bounded(
      `CertificateRequest ${name}<2..2^16-2>`,
      CertificateRequestExtensions,
      { allowed: [2, 4, ROOM - 3], refused: [0], unsaid: [65536] },
      (n) => vec16(extension(type, vec16(filler(n)))),
      (n) => ({ [name]: codePoints(n) }),
    ),
  ),
  bounded(
    "EncryptedExtensions protocol_name_list<2..2^16-1>",
    EncryptedExtensionsExtensions,
    { allowed: [2, 256], refused: [0] },
    (n) => vec16(extension(16, vec16(n === 0 ? "" : vec8(filler(n - 1))))),
    (n) => ({ applicationLayerProtocolNegotiation: n === 0 ? [] : [filler(n - 1)] }),
  ),
  bounded(
    "ProtocolName<1..2^8-1>",
    EncryptedExtensionsExtensions,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => vec16(extension(16, vec16("01 ab", vec8(filler(n))))),
    (n) => ({ applicationLayerProtocolNegotiation: [filler(1), filler(n)] }),
  ),
  bounded(
    "CertificateRequest compress_certificate algorithms<2..2^8-2>",
    CertificateRequestExtensions,
    { allowed: [2, 254], refused: [0], unsaid: [256] },
    (n) => vec16(extension(27, vec8(filler(n)))),
    (n) => ({ compressCertificate: codePoints(n) }),
  ),
  bounded(
    "ClientHello supported_versions<2..254>",
    ClientHelloExtensions,
    { allowed: [2, 254], refused: [0], unsaid: [256] },
    (n) => vec16(extension(43, vec8(filler(n)))),
    (n) => ({ supportedVersions: codePoints(n) }),
  ),
  bounded(
    "HelloRetryRequest cookie<1..2^16-1>",
    HelloRetryRequestExtensions,
    { allowed: [1, ROOM - 2], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(44, vec16(filler(n)))),
    (n) => ({ cookie: filler(n) }),
  ),
  bounded(
    "ClientHello psk_key_exchange_modes<1..255>",
    ClientHelloExtensions,
    { allowed: [1, 255], refused: [0], unsaid: [256] },
    (n) => vec16(extension(45, vec8(filler(n)))),
    (n) => ({ pskKeyExchangeModes: filler(n) }),
  ),
  bounded(
    "ClientHello authorities<3..2^16-1>",
    ClientHelloExtensions,
    { allowed: [3, ROOM - 2], refused: [0, 2], unsaid: [65536] },
    (n) => vec16(extension(47, vec16(onlyItemWire(n)))),
    (n) => ({ certificateAuthorities: onlyItem(n) }),
  ),
  bounded(
    "DistinguishedName<1..2^16-1>",
    CertificateRequestExtensions,
    { allowed: [1, 256], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(47, vec16("0001 ab", vec16(filler(n))))),
    (n) => ({ certificateAuthorities: [filler(1), filler(n)] }),
  ),
  bounded(
    "ClientHello client_shares<0..2^16-1>",
    ClientHelloExtensions,
    { allowed: [0, 5, ROOM - 2], unsaid: [65536] },
    (n) => vec16(extension(51, vec16(n === 0 ? "" : wire("001d", vec16(filler(n - 4)))))),
    (n) => ({ keyShare: n === 0 ? [] : [{ group: 0x001d, keyExchange: filler(n - 4) }] }),
  ),
  bounded(
    "ServerHello server_share key_exchange<1..2^16-1>",
    ServerHelloExtensions,
    { allowed: [1, ROOM - 4], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(51, wire("001d", vec16(filler(n))))),
    (n) => ({ keyShare: { group: 0x001d, keyExchange: filler(n) } }),
  ),
  bounded(
    "CertificateRequest filters<0..2^16-1>",
    CertificateRequestExtensions,
    { allowed: [0, 4, ROOM - 2], unsaid: [65536] },
    (n) => vec16(extension(48, vec16(n === 0 ? "" : wire("01 ab", vec16(filler(n - 4)))))),
    (n) => ({
      oidFilters:
        n === 0 ? [] : [{ certificateExtensionOid: filler(1), certificateExtensionValues: filler(n - 4) }],
    }),
  ),
  bounded(
    "CertificateEntry sct_list<1..2^16-1>",
    CertificateEntryExtensions,
    { allowed: [3, ROOM - 2], refused: [0, 2], unsaid: [65536] },
    (n) => vec16(extension(18, vec16(onlyItemWire(n)))),
    (n) => ({ signedCertificateTimestamp: onlyItem(n) }),
  ),
  bounded(
    "SerializedSCT<1..2^16-1>",
    CertificateEntryExtensions,
    { allowed: [1, 256], refused: [0], unsaid: [65536] },
    (n) => vec16(extension(18, vec16("0001 ab", vec16(filler(n))))),
    (n) => ({ signedCertificateTimestamp: [filler(1), filler(n)] }),
  ),
];

describeBounds([...MESSAGES, ...PARTS, ...EXTENSIONS]);

describe("fixed lengths", () => {
  test.each([31, 33])("a random of %i bytes is a RangeError to write", (length) => {
    expect(() => encode(ClientHello, { ...clientHello, random: filler(length) })).toThrow(RangeError);
    expect(() => encode(ServerHello, { ...serverHello, random: filler(length) })).toThrow(RangeError);
    expect(() => encode(HelloRetryRequest, { ...serverHello, random: filler(length) })).toThrow(RangeError);
  });

  test("a number that does not fit its field is a RangeError to write", () => {
    expect(() => encode(ClientHello, { ...clientHello, legacyVersion: 0x10000 })).toThrow(RangeError);
    expect(() => encode(ClientHello, { ...clientHello, cipherSuites: [0x10000] })).toThrow(RangeError);
    expect(() => encode(ServerHello, { ...serverHello, legacyCompressionMethod: 256 })).toThrow(RangeError);
    expect(() => encode(NewSessionTicket, { ...ticket, ticketLifetime: 2 ** 32 })).toThrow(RangeError);
    expect(() => encode(NewSessionTicket, { ...ticket, ticketAgeAdd: -1 })).toThrow(RangeError);
    expect(() => encode(NewSessionTicket, { ...ticket, extensions: { earlyData: 2 ** 32 } })).toThrow(
      RangeError,
    );
    expect(() =>
      encode(CompressedCertificate, {
        algorithm: 1,
        uncompressedLength: 2 ** 24,
        compressedCertificateMessage: filler(1),
      }),
    ).toThrow(RangeError);
  });
});

describe("vectors of numbers", () => {
  test.each([
    ["cipher_suites", wire("0303", RANDOM, "00 0003 000102 01 00 0000"), ClientHello],
    ["supported_groups", wire("0009 000a 0005 0003 000102"), ClientHelloExtensions],
    ["signature_algorithms", wire("0009 000d 0005 0003 000102"), ClientHelloExtensions],
    ["supported_versions", wire("0008 002b 0004 03 000102"), ClientHelloExtensions],
    ["compress_certificate", wire("0008 001b 0004 03 000102"), ClientHelloExtensions],
  ] as const)("%s with half a number at its end is decode_error", (what, bytes, codec) => {
    expect(alertOf(() => decode(codec as Codec<unknown>, bytes, what))).toBe("decode_error");
  });
});

describe("KeyUpdate", () => {
  test.each([2, 0xff])("with request_update %i is illegal_parameter", (value) => {
    expect(alertOf(() => decode(KeyUpdate, Uint8Array.of(value), "key_update"))).toBe("illegal_parameter");
  });
});

describe("extensions that appear twice", () => {
  const twice = (type: number, body: string): Uint8Array =>
    vec16(extension(type, wire(body)), extension(type, wire(body)));

  test.each([
    ["ClientHello", ClientHelloExtensions, "decode_error"],
    ["ServerHello", ServerHelloExtensions, "decode_error"],
    ["HelloRetryRequest", HelloRetryRequestExtensions, "illegal_parameter"],
    ["EncryptedExtensions", EncryptedExtensionsExtensions, "decode_error"],
    ["CertificateRequest", CertificateRequestExtensions, "decode_error"],
    ["CertificateEntry", CertificateEntryExtensions, "decode_error"],
  ] as const)("in %s are refused, known or not", (what, codec, alert) => {
    expect(alertOf(() => decode(codec as Codec<unknown>, twice(0x0a0a, ""), what))).toBe(alert);
  });

  test("in NewSessionTicket are illegal_parameter, known or not", () => {
    const codec = NewSessionTicket as Codec<unknown>;
    const start = `${TICKET_START} 00 0001 ab`;
    expect(alertOf(() => decode(codec, wire(start, twice(42, "00000001")), "ticket"))).toBe(
      "illegal_parameter",
    );
    expect(alertOf(() => decode(codec, wire(start, twice(0x0a0a, "")), "ticket"))).toBe("illegal_parameter");
  });
});
