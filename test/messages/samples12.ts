import { Tls12ServerHelloExtensions } from "../../src/messages/extensions.ts";
import {
  ClientKeyExchange,
  HelloRequest,
  ServerECDHParams,
  ServerHelloDone,
  ServerKeyExchange,
  Tls12Certificate,
  Tls12CertificateRequest,
  Tls12NewSessionTicket,
  Tls12RawPublicKey,
  Tls12ServerHello,
} from "../../src/messages/handshake12.ts";
import { fromHex } from "../support/hex.ts";
import { filler, vec16, vec24, vec8, wire } from "./loose.ts";
import { type Sample, sample } from "./sample.ts";

const RANDOM = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const serverHello = {
  serverVersion: 0x0303,
  random: RANDOM,
  sessionId: filler(32, 0x5e),
  cipherSuite: 0xc02f,
  compressionMethod: 0,
};
const SERVER_HELLO_START = wire("0303", RANDOM, vec8(filler(32, 0x5e)), "c02f 00");

/** At least one value of every definition of TLS 1.2. */
export const TLS12_SAMPLES: readonly Sample[] = [
  sample(
    "Tls12ServerHelloExtensions",
    Tls12ServerHelloExtensions,
    {
      extendedMainSecret: true,
      renegotiationInfo: fromHex(""),
      unknown: [{ type: 51, body: fromHex("001d") }],
      order: [0xff01, 51, 23],
    },
    wire("000f ff01 0001 00 0033 0002 001d 0017 0000"),
    [0],
  ),
  sample("HelloRequest", HelloRequest, {}, wire("")),
  sample(
    "Tls12ServerHello",
    Tls12ServerHello,
    {
      ...serverHello,
      extensions: {
        ecPointFormats: fromHex("00"),
        applicationLayerProtocolNegotiation: [fromHex("6832")],
        order: [16, 11],
      },
    },
    wire(SERVER_HELLO_START, "000f 0010 0005 0003 02 6832 000b 0002 01 00"),
    [SERVER_HELLO_START.length],
  ),
  sample(
    "Tls12Certificate",
    Tls12Certificate,
    { certificateList: [fromHex("3003"), filler(300)] },
    vec24("000002 3003", vec24(filler(300))),
  ),
  sample("Tls12Certificate", Tls12Certificate, { certificateList: [] }, wire("000000")),
  sample("Tls12RawPublicKey", Tls12RawPublicKey, { subjectPublicKeyInfo: filler(44) }, vec24(filler(44))),
  sample("Tls12RawPublicKey", Tls12RawPublicKey, { subjectPublicKeyInfo: fromHex("") }, wire("000000")),
  sample(
    "ServerECDHParams",
    ServerECDHParams,
    { curveType: 3, namedCurve: 0x0017, publicKey: filler(65, 4) },
    wire("03 0017", vec8(filler(65, 4))),
  ),
  sample(
    "ServerKeyExchange",
    ServerKeyExchange,
    { params: fromHex("03001d03aabbcc"), algorithm: 0x0804, signature: filler(256) },
    wire("03 001d 03 aabbcc 0804", vec16(filler(256))),
  ),
  sample(
    "ServerKeyExchange",
    ServerKeyExchange,
    { params: fromHex("03ffff0100"), algorithm: 0x0403, signature: fromHex("") },
    wire("03 ffff 01 00 0403 0000"),
  ),
  sample(
    "Tls12CertificateRequest",
    Tls12CertificateRequest,
    {
      certificateTypes: fromHex("0140"),
      supportedSignatureAlgorithms: [0x0403, 0x0804],
      certificateAuthorities: [fromHex("3000"), fromHex("310101")],
    },
    wire("02 01 40 0004 0403 0804 0009 0002 3000 0003 310101"),
  ),
  sample("ServerHelloDone", ServerHelloDone, {}, wire("")),
  sample("ClientKeyExchange", ClientKeyExchange, { publicKey: filler(32) }, vec8(filler(32))),
  sample(
    "Tls12NewSessionTicket",
    Tls12NewSessionTicket,
    { ticketLifetimeHint: 0xfffefdfc, ticket: fromHex("010203") },
    wire("fffefdfc 0003 010203"),
  ),
  sample(
    "Tls12NewSessionTicket",
    Tls12NewSessionTicket,
    { ticketLifetimeHint: 0, ticket: fromHex("") },
    wire("00000000 0000"),
  ),
];
