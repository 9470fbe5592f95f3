import {
  CertificateEntryExtensions,
  CertificateRequestExtensions,
  ClientHelloExtensions,
  EncryptedExtensionsExtensions,
  HelloRetryRequestExtensions,
  NewSessionTicketExtensions,
  ServerHelloExtensions,
  Tls12ServerHelloExtensions,
} from "../../src/messages/extensions.ts";
import type { Codec, Infer } from "../../src/wire/codec.ts";
import { fromHex } from "../support/hex.ts";
import { filler, vec16, vec8, wire } from "./loose.ts";

/** The extension blocks by the names of their definitions. */
export const BLOCKS = {
  ClientHelloExtensions,
  ServerHelloExtensions,
  Tls12ServerHelloExtensions,
  HelloRetryRequestExtensions,
  EncryptedExtensionsExtensions,
  CertificateRequestExtensions,
  CertificateEntryExtensions,
  NewSessionTicketExtensions,
} as const;

export type BlockName = keyof typeof BLOCKS;

/** A value of an extension that a block knows, and the bytes of its body, put together by hand. */
export interface ExtensionSample {
  readonly block: BlockName;
  readonly codec: Codec<Readonly<Record<string, unknown>>>;
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
  readonly body: Uint8Array;
  /** The truncations of `body` that are whole bodies themselves: all from this length on; undefined for none. */
  readonly wholeFrom: number | undefined;
}

type ValuesOf<B extends BlockName> = Infer<(typeof BLOCKS)[B]>;
type NameIn<B extends BlockName> = Exclude<keyof ValuesOf<B>, "unknown" | "order"> & string;

function row<B extends BlockName, N extends NameIn<B>>(
  block: B,
  name: N,
  type: number,
  value: NonNullable<ValuesOf<B>[N]>,
  body: string | Uint8Array,
  wholeFrom?: number,
): ExtensionSample {
  // The table of all rows forgets which value a name has in its block.
  const codec = BLOCKS[block] as unknown as ExtensionSample["codec"];
  return { block, codec, name, type, value, body: wire(body), wholeFrom };
}

const STATUS_REQUEST = {
  statusType: 1,
  responderIdList: [fromHex("aabb")],
  requestExtensions: fromHex("cc"),
} as const;
const STATUS_REQUEST_BODY = "01 0004 0002 aabb 0001 cc";
const NAMES = [fromHex("3000"), fromHex("310101")];
const NAMES_BODY = "0009 0002 3000 0003 310101";
const PROTOCOLS = [fromHex("6832"), fromHex("687474702f312e31")];
const PROTOCOLS_BODY = "000c 02 6832 08 687474702f312e31";

/** At least one value of every extension that a block knows. */
export const EXTENSION_SAMPLES: readonly ExtensionSample[] = [
  row(
    "ClientHelloExtensions",
    "serverName",
    0,
    [{ nameType: 0, name: fromHex("612e62") }],
    "0006 00 0003 612e62",
  ),
  row("ClientHelloExtensions", "extendedMainSecret", 23, true, ""),
  row("ClientHelloExtensions", "renegotiationInfo", 0xff01, fromHex(""), "00"),
  row("ClientHelloExtensions", "renegotiationInfo", 0xff01, filler(12), vec8(filler(12))),
  row("ClientHelloExtensions", "ecPointFormats", 11, fromHex("000102"), "03 000102"),
  row("ClientHelloExtensions", "sessionTicket", 35, fromHex(""), "", 0),
  row("ClientHelloExtensions", "sessionTicket", 35, filler(40), filler(40), 0),
  row("ClientHelloExtensions", "encryptThenMac", 22, true, ""),
  row("ClientHelloExtensions", "statusRequest", 5, STATUS_REQUEST, STATUS_REQUEST_BODY),
  row("ClientHelloExtensions", "statusRequest", 5, { statusType: 9, request: fromHex("0102") }, "09 0102", 1),
  row("ClientHelloExtensions", "supportedGroups", 10, [0x001d, 0x0017, 0x11ec], "0006 001d 0017 11ec"),
  row("ClientHelloExtensions", "signatureAlgorithms", 13, [0x0403, 0x0804], "0004 0403 0804"),
  row("ClientHelloExtensions", "applicationLayerProtocolNegotiation", 16, PROTOCOLS, PROTOCOLS_BODY),
  row("ClientHelloExtensions", "signedCertificateTimestamp", 18, true, ""),
  row("ClientHelloExtensions", "clientCertificateTypes", 19, fromHex("0200"), "02 0200"),
  row("ClientHelloExtensions", "serverCertificateTypes", 20, fromHex("0201fe"), "03 0201fe"),
  row("ClientHelloExtensions", "padding", 21, filler(5, 0), "0000000000", 0),
  row("ClientHelloExtensions", "compressCertificate", 27, [1, 2, 3], "06 0001 0002 0003"),
  row("ClientHelloExtensions", "recordSizeLimit", 28, 0x4001, "4001"),
  row("ClientHelloExtensions", "earlyData", 42, true, ""),
  row("ClientHelloExtensions", "supportedVersions", 43, [0x0304, 0x7a7a], "04 0304 7a7a"),
  row("ClientHelloExtensions", "cookie", 44, fromHex("c0c1c2"), "0003 c0c1c2"),
  row("ClientHelloExtensions", "pskKeyExchangeModes", 45, fromHex("0100"), "02 0100"),
  row("ClientHelloExtensions", "certificateAuthorities", 47, NAMES, NAMES_BODY),
  row("ClientHelloExtensions", "postHandshakeAuth", 49, true, ""),
  row("ClientHelloExtensions", "signatureAlgorithmsCert", 50, [0x0401], "0002 0401"),
  row(
    "ClientHelloExtensions",
    "keyShare",
    51,
    [
      { group: 0x0a0a, keyExchange: fromHex("00") },
      { group: 0x001d, keyExchange: filler(32) },
    ],
    vec16("0a0a 0001 00 001d 0020", filler(32)),
  ),
  row("ClientHelloExtensions", "keyShare", 51, [], "0000"),
  row(
    "ClientHelloExtensions",
    "preSharedKey",
    41,
    { identities: [{ identity: fromHex("01"), obfuscatedTicketAge: 2 }], binders: [filler(32)] },
    wire("0007 0001 01 00000002", vec16(vec8(filler(32)))),
  ),
  row("ServerHelloExtensions", "supportedVersions", 43, 0x0304, "0304"),
  row(
    "ServerHelloExtensions",
    "keyShare",
    51,
    { group: 0x0017, keyExchange: fromHex("04aa") },
    "0017 0002 04aa",
  ),
  row("ServerHelloExtensions", "preSharedKey", 41, 3, "0003"),
  row("Tls12ServerHelloExtensions", "serverName", 0, true, ""),
  row("Tls12ServerHelloExtensions", "extendedMainSecret", 23, true, ""),
  row("Tls12ServerHelloExtensions", "renegotiationInfo", 0xff01, filler(24), vec8(filler(24))),
  row("Tls12ServerHelloExtensions", "statusRequest", 5, true, ""),
  row("Tls12ServerHelloExtensions", "supportedGroups", 10, fromHex("0002001d"), "0002 001d", 0),
  row("Tls12ServerHelloExtensions", "ecPointFormats", 11, fromHex("00"), "01 00"),
  row("Tls12ServerHelloExtensions", "sessionTicket", 35, true, ""),
  row("Tls12ServerHelloExtensions", "encryptThenMac", 22, true, ""),
  row("Tls12ServerHelloExtensions", "applicationLayerProtocolNegotiation", 16, PROTOCOLS, PROTOCOLS_BODY),
  row(
    "Tls12ServerHelloExtensions",
    "signedCertificateTimestamp",
    18,
    [fromHex("aa"), fromHex("bbcc")],
    "0007 0001 aa 0002 bbcc",
  ),
  row("Tls12ServerHelloExtensions", "clientCertificateType", 19, 2, "02"),
  row("Tls12ServerHelloExtensions", "serverCertificateType", 20, 0, "00"),
  row("Tls12ServerHelloExtensions", "recordSizeLimit", 28, 0x4000, "4000"),
  row("HelloRetryRequestExtensions", "supportedVersions", 43, 0x0304, "0304"),
  row("HelloRetryRequestExtensions", "keyShare", 51, 0x0018, "0018"),
  row("HelloRetryRequestExtensions", "cookie", 44, fromHex("c0"), "0001 c0"),
  row("EncryptedExtensionsExtensions", "serverName", 0, true, ""),
  row("EncryptedExtensionsExtensions", "supportedGroups", 10, [0x0018], "0002 0018"),
  row(
    "EncryptedExtensionsExtensions",
    "applicationLayerProtocolNegotiation",
    16,
    [fromHex("6832")],
    "0003 02 6832",
  ),
  row("EncryptedExtensionsExtensions", "clientCertificateType", 19, 2, "02"),
  row("EncryptedExtensionsExtensions", "serverCertificateType", 20, 0, "00"),
  row("EncryptedExtensionsExtensions", "recordSizeLimit", 28, 64, "0040"),
  row("EncryptedExtensionsExtensions", "earlyData", 42, true, ""),
  row("CertificateRequestExtensions", "statusRequest", 5, true, ""),
  row("CertificateRequestExtensions", "signatureAlgorithms", 13, [0x0807], "0002 0807"),
  row("CertificateRequestExtensions", "signedCertificateTimestamp", 18, true, ""),
  row("CertificateRequestExtensions", "compressCertificate", 27, [2], "02 0002"),
  row("CertificateRequestExtensions", "certificateAuthorities", 47, NAMES, NAMES_BODY),
  row(
    "CertificateRequestExtensions",
    "oidFilters",
    48,
    [
      { certificateExtensionOid: fromHex("0603551d25"), certificateExtensionValues: fromHex("3000") },
      { certificateExtensionOid: fromHex("0603551d0f"), certificateExtensionValues: fromHex("") },
    ],
    vec16("05 0603551d25 0002 3000 05 0603551d0f 0000"),
  ),
  row("CertificateRequestExtensions", "signatureAlgorithmsCert", 50, [0x0401, 0x0601], "0004 0401 0601"),
  row(
    "CertificateEntryExtensions",
    "statusRequest",
    5,
    { statusType: 1, response: fromHex("3003") },
    "01 000002 3003",
  ),
  row(
    "CertificateEntryExtensions",
    "signedCertificateTimestamp",
    18,
    [fromHex("aa"), fromHex("bbcc")],
    "0007 0001 aa 0002 bbcc",
  ),
  row("NewSessionTicketExtensions", "earlyData", 42, 0x00010000, "00010000"),
];
