import {
  CertificateEntryExtensions,
  CertificateRequestExtensions,
  CertificateStatus,
  CertificateStatusRequest,
  ClientHelloExtensions,
  EncryptedExtensionsExtensions,
  HelloRetryRequestExtensions,
  KeyShareEntry,
  NewSessionTicketExtensions,
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
  EndOfEarlyData,
  Finished,
  HelloRetryRequest,
  KeyUpdate,
  NewSessionTicket,
  ServerHello,
} from "../../src/messages/handshake13.ts";
import { ImportedIdentity } from "../../src/messages/imported-identity.ts";
import { Alert } from "../../src/messages/record.ts";
import { fromHex } from "../support/hex.ts";
import { filler, vec16, vec24, vec8, wire } from "./loose.ts";
import { type Sample, sample } from "./sample.ts";
import { TLS12_SAMPLES } from "./samples12.ts";

const RANDOM = Uint8Array.from({ length: 32 }, (_, i) => i);
const SESSION_ID = filler(32, 0x5e);
const clientHello = {
  legacyVersion: 0x0303,
  random: RANDOM,
  legacySessionId: SESSION_ID,
  cipherSuites: [0x1301, 0x1303, 0x00ff],
  legacyCompressionMethods: fromHex("0100"),
};
const CLIENT_HELLO_START = wire("0303", RANDOM, vec8(SESSION_ID), "0006 1301 1303 00ff", "02 0100");
const serverHello = {
  legacyVersion: 0x0303,
  random: RANDOM,
  legacySessionIdEcho: SESSION_ID,
  cipherSuite: 0x1302,
  legacyCompressionMethod: 0,
};
const SERVER_HELLO_START = wire("0303", RANDOM, vec8(SESSION_ID), "1302", "00");

/** At least one value of every definition that src/messages exports. */
export const SAMPLES: readonly Sample[] = [
  ...TLS12_SAMPLES,
  sample("ServerName", ServerName, { nameType: 0, name: fromHex("612e62") }, wire("00 0003 612e62")),
  sample("ServerName", ServerName, { nameType: 7, name: fromHex("ff") }, wire("07 0001 ff")),
  sample(
    "KeyShareEntry",
    KeyShareEntry,
    { group: 0x001d, keyExchange: fromHex("aabb") },
    wire("001d 0002 aabb"),
  ),
  sample(
    "PskIdentity",
    PskIdentity,
    { identity: fromHex("0102"), obfuscatedTicketAge: 0xfffefdfc },
    wire("0002 0102 fffefdfc"),
  ),
  sample(
    "OfferedPsks",
    OfferedPsks,
    {
      identities: [
        { identity: fromHex("01"), obfuscatedTicketAge: 5 },
        { identity: fromHex("0203"), obfuscatedTicketAge: 6 },
      ],
      binders: [filler(32, 1), filler(48, 2)],
    },
    wire("000f 0001 01 00000005 0002 0203 00000006", vec16(vec8(filler(32, 1)), vec8(filler(48, 2)))),
  ),
  sample(
    "ImportedIdentity",
    ImportedIdentity,
    { externalIdentity: fromHex("0102"), context: fromHex("03"), targetProtocol: 0x0304, targetKdf: 0x0001 },
    wire("0002 0102 0001 03 0304 0001"),
  ),
  sample(
    "OidFilter",
    OidFilter,
    { certificateExtensionOid: fromHex("0603551d25"), certificateExtensionValues: fromHex("3000") },
    wire("05 0603551d25 0002 3000"),
  ),
  sample(
    "CertificateStatusRequest",
    CertificateStatusRequest,
    { statusType: 1, responderIdList: [fromHex("aa"), fromHex("bbcc")], requestExtensions: fromHex("dd") },
    wire("01 0007 0001 aa 0002 bbcc 0001 dd"),
  ),
  sample(
    "CertificateStatusRequest",
    CertificateStatusRequest,
    { statusType: 2, request: fromHex("010203") },
    wire("02 010203"),
    { from: 1 },
  ),
  sample(
    "CertificateStatus",
    CertificateStatus,
    { statusType: 1, response: fromHex("30030a0100") },
    wire("01 000005 30030a0100"),
  ),
  sample(
    "ClientHelloExtensions",
    ClientHelloExtensions,
    {
      postHandshakeAuth: true,
      recordSizeLimit: 0x4001,
      unknown: [{ type: 0x0a0a, body: fromHex("00") }],
      order: [28, 0x0a0a, 49],
    },
    wire("000f 001c 0002 4001 0a0a 0001 00 0031 0000"),
    [0],
  ),
  sample(
    "ServerHelloExtensions",
    ServerHelloExtensions,
    { preSharedKey: 1, supportedVersions: 0x0304, order: [41, 43] },
    wire("000c 0029 0002 0001 002b 0002 0304"),
    [0],
  ),
  sample(
    "HelloRetryRequestExtensions",
    HelloRetryRequestExtensions,
    { supportedVersions: 0x0304, keyShare: 0x0017, order: [43, 51] },
    wire("000c 002b 0002 0304 0033 0002 0017"),
  ),
  sample(
    "EncryptedExtensionsExtensions",
    EncryptedExtensionsExtensions,
    { serverName: true, unknown: [{ type: 16384, body: fromHex("") }], order: [0, 16384] },
    wire("0008 0000 0000 4000 0000"),
  ),
  sample(
    "CertificateRequestExtensions",
    CertificateRequestExtensions,
    { signatureAlgorithms: [0x0403, 0x0804], order: [13] },
    wire("000a 000d 0006 0004 0403 0804"),
  ),
  sample(
    "CertificateEntryExtensions",
    CertificateEntryExtensions,
    { signedCertificateTimestamp: [fromHex("aa")], order: [18] },
    wire("0009 0012 0005 0003 0001 aa"),
  ),
  sample(
    "NewSessionTicketExtensions",
    NewSessionTicketExtensions,
    { earlyData: 0x00010000, order: [42] },
    wire("0008 002a 0004 00010000"),
  ),
  sample(
    "ClientHello",
    ClientHello,
    {
      ...clientHello,
      extensions: {
        serverName: [{ nameType: 0, name: fromHex("6578616d706c65") }],
        supportedGroups: [0x001d, 0x0017],
        signatureAlgorithms: [0x0403],
        supportedVersions: [0x0304, 0x0303],
        keyShare: [{ group: 0x001d, keyExchange: filler(32) }],
        preSharedKey: {
          identities: [{ identity: fromHex("07"), obfuscatedTicketAge: 1 }],
          binders: [filler(32, 2)],
        },
        unknown: [{ type: 0x3a3a, body: fromHex("") }],
        order: [0x3a3a, 0, 10, 13, 43, 51, 41],
      },
    },
    wire(
      CLIENT_HELLO_START,
      vec16(
        "3a3a 0000",
        "0000 000c 000a 00 0007 6578616d706c65",
        "000a 0006 0004 001d 0017",
        "000d 0004 0002 0403",
        "002b 0005 04 0304 0303",
        wire("0033 0026 0024 001d 0020", filler(32)),
        wire("0029 002c 0007 0001 07 00000001 0021 20", filler(32, 2)),
      ),
    ),
    [CLIENT_HELLO_START.length],
  ),
  sample(
    "ServerHello",
    ServerHello,
    {
      ...serverHello,
      extensions: {
        supportedVersions: 0x0304,
        keyShare: { group: 0x001d, keyExchange: filler(32) },
        order: [51, 43],
      },
    },
    wire(SERVER_HELLO_START, vec16("0033 0024 001d 0020", filler(32), "002b 0002 0304")),
    [SERVER_HELLO_START.length],
  ),
  sample(
    "HelloRetryRequest",
    HelloRetryRequest,
    { ...serverHello, extensions: { supportedVersions: 0x0304, cookie: fromHex("c0c1"), order: [43, 44] } },
    wire(SERVER_HELLO_START, "000e 002b 0002 0304 002c 0004 0002 c0c1"),
  ),
  sample(
    "EncryptedExtensions",
    EncryptedExtensions,
    { extensions: { applicationLayerProtocolNegotiation: [fromHex("6832")], order: [16] } },
    wire("0009 0010 0005 0003 02 6832"),
  ),
  sample(
    "CertificateRequest",
    CertificateRequest,
    {
      certificateRequestContext: fromHex("cc"),
      extensions: {
        certificateAuthorities: [fromHex("3000")],
        signatureAlgorithms: [0x0807],
        order: [47, 13],
      },
    },
    wire("01 cc", "0012 002f 0006 0004 0002 3000 000d 0004 0002 0807"),
  ),
  sample(
    "CertificateEntry",
    CertificateEntry,
    {
      certData: fromHex("3003"),
      extensions: { statusRequest: { statusType: 1, response: fromHex("30") }, order: [5] },
    },
    wire("000002 3003", "0009 0005 0005 01 000001 30"),
  ),
  sample(
    "Certificate",
    Certificate,
    {
      certificateRequestContext: fromHex(""),
      certificateList: [
        { certData: fromHex("3003"), extensions: { order: [] } },
        { certData: filler(300), extensions: { unknown: [{ type: 1, body: fromHex("01") }], order: [1] } },
      ],
    },
    wire("00", vec24("000002 3003 0000", vec24(filler(300)), "0005 0001 0001 01")),
  ),
  sample(
    "CompressedCertificate",
    CompressedCertificate,
    { algorithm: 2, uncompressedLength: 0x010203, compressedCertificateMessage: fromHex("aabb") },
    wire("0002 010203 000002 aabb"),
  ),
  sample(
    "CertificateVerify",
    CertificateVerify,
    { algorithm: 0x0403, signature: fromHex("3006020101020102") },
    wire("0403 0008 3006020101020102"),
  ),
  sample("Finished", Finished, { verifyData: filler(32) }, filler(32), { from: 0 }),
  sample("EndOfEarlyData", EndOfEarlyData, {}, wire("")),
  sample(
    "NewSessionTicket",
    NewSessionTicket,
    {
      ticketLifetime: 604800,
      ticketAgeAdd: 0x89abcdef,
      ticketNonce: fromHex("00"),
      ticket: fromHex("0102030405"),
      extensions: { earlyData: 0xffffffff, order: [42] },
    },
    wire("00093a80 89abcdef 01 00 0005 0102030405 0008 002a 0004 ffffffff"),
  ),
  sample("KeyUpdate", KeyUpdate, { requestUpdate: 0 }, wire("00")),
  sample("KeyUpdate", KeyUpdate, { requestUpdate: 1 }, wire("01")),
  sample("Alert", Alert, { level: 2, description: 40 }, wire("02 28")),
];
