import { expect } from "vitest";

import { concatBytes, hex16 } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import { derBitString, derInteger, derNull, derObjectIdentifier, derSequence } from "../../src/der/writer.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import { flipped } from "./edits.ts";
import {
  keyUsage,
  KeyUsageBit,
  leafCertificate,
  spkiOf,
  testCredential,
  testKey,
} from "./leaf-certificate.ts";
import {
  clientAccepts,
  clientRefuses,
  expectOpen,
  forgedClient,
  mutual,
  type Pitfall,
  serverAccepts,
  serverRefuses,
} from "./pitfall.ts";
import {
  answersWithoutCertificate,
  bothRefuseCertificate,
  bothRefuseProof,
  clientHas,
  serverHas,
} from "./proofs.ts";
import { asking } from "./setups.ts";

function unofferedSuite(suite: number) {
  return {
    alert: "illegal_parameter",
    says: `server chose cipher suite ${hex16(suite)}, which was not offered`,
  } as const;
}

/** Row 37: the choice of the suite. */
const suites: readonly Pitfall[] = [
  ...nobleCipherSuites.flatMap((suite) => [
    clientAccepts(37, `${suite.name} is taken`, () => undefined, { forger: { suite } }),
    serverAccepts(37, `${suite.name} is taken`, () => undefined, { forger: { suite } }),
    serverAccepts(
      37,
      `${suite.name} is taken from between unknown suites`,
      (client) =>
        client.clientHello((hello) => ({
          ...hello,
          cipherSuites: [0x0a0a, 0xc02f, suite.id, 0x00ff, 0x5600],
        })),
      { forger: { suite } },
    ),
  ]),
  ...[0x1304, 0x1305, 0xc02f, 0x009c, 0x0000, 0x0a0a].map((cipherSuite) =>
    clientRefuses(
      37,
      `a ServerHello with suite ${hex16(cipherSuite)}`,
      unofferedSuite(cipherSuite),
      (server) => server.serverHello((body) => ({ ...body, cipherSuite })),
    ),
  ),
  clientRefuses(
    37,
    "a ServerHello with a suite that is known and was not offered",
    unofferedSuite(0x1302),
    (server) => server.serverHello((body) => ({ ...body, cipherSuite: 0x1302 })),
    { config: { cipherSuites: ["TLS_AES_128_GCM_SHA256"] } },
  ),
  ...[[0xc02f, 0x009c], [0x00ff], [0x0a0a, 0x1304]].map((cipherSuites) =>
    serverRefuses(
      37,
      `a ClientHello with suites ${cipherSuites.map(hex16).join(", ")}`,
      {
        alert: "handshake_failure",
        says: `no cipher suite in common: the client offers ${hex16(cipherSuites[0] ?? 0)}`,
      },
      (client) => client.clientHello((hello) => ({ ...hello, cipherSuites })),
    ),
  ),
  serverRefuses(
    37,
    "a ClientHello with the one suite that the server does not want",
    { alert: "handshake_failure", says: "no cipher suite in common: the client offers 0x1301" },
    (client) => client.clientHello(),
    { config: { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] } },
  ),
];

type Certificate = HandshakeBody<"certificate">;

/** Replaces the leaf. */
function withLeaf(certData: Uint8Array): (body: Certificate) => Certificate {
  return (body) => ({ ...body, certificateList: [{ certData, extensions: {} }] });
}

const [leaf = new Uint8Array()] = testCredential().certificateChain;

const malformedLeaf = { alert: "decode_error", says: "certificate is malformed" } as const;

function unsupportedKey(oid: string) {
  return { alert: "unsupported_certificate", says: `key algorithm ${oid} is not supported` } as const;
}

/** A leaf with a key of another kind. */
function leafWithKey(...algorithm: readonly Uint8Array[]): Uint8Array {
  return leafCertificate(derSequence(derSequence(...algorithm), derBitString(new Uint8Array(57).fill(7))));
}

/** Row 38: Certificate messages. */
const certificates: readonly Pitfall[] = [
  clientRefuses(
    38,
    "a server's Certificate without a certificate",
    { alert: "decode_error", says: "the server's Certificate holds no certificate" },
    (server) => server.upTo("certificate").certificate((body) => ({ ...body, certificateList: [] })),
  ),
  serverRefuses(
    38,
    "a client's Certificate without a certificate, where one is required,",
    { alert: "certificate_required", says: "the client sent no certificate" },
    (client) => client.upTo("certificate").certificate(),
    { config: mutual.config },
  ),
  {
    row: 38,
    engine: "server",
    name: "a client's Certificate without a certificate is taken where one is requested",
    run() {
      const clientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
      const client = forgedClient({ config: { clientAuth } });
      expect(expectOpen(client.complete()).peer).toEqual({ kind: "none" });
    },
  },
  answersWithoutCertificate(
    38,
    "a client without a certificate answers a CertificateRequest with an empty list",
    asking,
    [0x0403],
  ),
  ...[
    { what: "one byte", certData: Uint8Array.of(0x30) },
    { what: "zeros", certData: new Uint8Array(200) },
    { what: "text", certData: Uint8Array.from("-----BEGIN CERTIFICATE-----", (c) => c.charCodeAt(0)) },
    { what: "an empty SEQUENCE", certData: derSequence() },
    { what: "a byte behind it", certData: concatBytes(leaf, Uint8Array.of(0)) },
    { what: "a byte missing", certData: leaf.subarray(0, -1) },
    { what: "half of it missing", certData: leaf.subarray(0, leaf.length / 2) },
    {
      what: "an indefinite length",
      certData: concatBytes(Uint8Array.of(0x30, 0x80), leaf, new Uint8Array(2)),
    },
  ].flatMap(({ what, certData }) =>
    bothRefuseCertificate(38, `a leaf that is garbage (${what})`, malformedLeaf, withLeaf(certData)),
  ),
  ...[
    { what: "Ed448", oid: "1.3.101.113", parameters: [] },
    { what: "DSA", oid: "1.2.840.10040.4.1", parameters: [derNull()] },
    { what: "secp256k1", oid: "1.2.840.10045.2.1", parameters: [derObjectIdentifier("1.3.132.0.10")] },
    { what: "a curve by its equation", oid: "1.2.840.10045.2.1", parameters: [derSequence(derInteger(1))] },
    { what: "a curve by nothing", oid: "1.2.840.10045.2.1", parameters: [] },
  ].flatMap(({ what, oid, parameters }) =>
    bothRefuseCertificate(
      38,
      `a leaf with a key of ${what}`,
      unsupportedKey(oid),
      withLeaf(leafWithKey(derObjectIdentifier(oid), ...parameters)),
    ),
  ),
  ...bothRefuseCertificate(
    38,
    "a leaf with a key that is no point on its curve",
    {
      alert: "bad_certificate",
      says: "public key is malformed: public key is not an uncompressed point on P-256",
    },
    withLeaf(leafCertificate(flipped(spkiOf(testKey("ecdsa-p256"))))),
  ),
  clientRefuses(
    38,
    "a request context in a server's Certificate",
    { alert: "illegal_parameter", says: "the server's Certificate has a request context" },
    (server) =>
      server
        .upTo("certificate")
        .certificate((body) => ({ ...body, certificateRequestContext: Uint8Array.of(1) })),
  ),
  serverRefuses(
    38,
    "another request context in a client's Certificate",
    { alert: "illegal_parameter", says: "has another context than the request" },
    (client) =>
      client
        .upTo("certificate")
        .certificate((body) => ({ ...body, certificateRequestContext: Uint8Array.of(1) })),
    mutual,
  ),
  clientRefuses(
    38,
    "a request context in a CertificateRequest of the handshake",
    { alert: "decode_error", says: "CertificateRequest in the handshake has a context" },
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest((body) => ({ ...body, certificateRequestContext: Uint8Array.of(1) })),
    asking,
  ),
  ...(["client", "server"] as const).map((engine): Pitfall => {
    const verdict = { alert: "decode_error", says: "vector of 0 bytes, allowed 1..16777215" } as const;
    // An empty context, a list of 5 bytes, a certificate of none and no extensions.
    const raw = () => Uint8Array.of(11, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0);
    return engine === "client"
      ? clientRefuses(38, "an empty certificate", verdict, (server) =>
          server.upTo("certificate").certificate({ raw }),
        )
      : serverRefuses(
          38,
          "an empty certificate",
          verdict,
          (client) => client.upTo("certificate").certificate({ raw }),
          mutual,
        );
  }),
  ...bothRefuseCertificate(
    38,
    "17 certificates",
    { alert: "bad_certificate", says: "sent 17 certificates, allowed 16" },
    (body) => ({
      ...body,
      certificateList: Array.from({ length: 17 }, () => ({ certData: leaf, extensions: {} })),
    }),
  ),
  ...bothRefuseCertificate(
    38,
    "a certificate behind the leaf that is over the limit",
    { alert: "bad_certificate", says: "sent a certificate of 1001 bytes, allowed 1000" },
    (body) => ({
      ...body,
      certificateList: [...body.certificateList, { certData: new Uint8Array(1001), extensions: {} }],
    }),
    { config: { limits: { certificateBytes: 1000 } } },
  ),
  clientAccepts(38, "16 certificates, of which only the leaf is read, are taken", (server) =>
    server.upTo("certificate").certificate((body) => ({
      ...body,
      certificateList: [
        ...body.certificateList,
        ...Array.from({ length: 15 }, () => ({ certData: Uint8Array.of(1), extensions: {} })),
      ],
    })),
  ),
];

const noDigitalSignature = {
  alert: "illegal_parameter",
  says: "does not permit digital signatures",
} as const;

const { digitalSignature, keyEncipherment, keyCertSign, decipherOnly } = KeyUsageBit;

/** Row 39: keyUsage of the leaf. */
const keyUsages: readonly Pitfall[] = [
  ...[
    { what: "keyEncipherment", bits: [keyEncipherment] },
    { what: "keyCertSign", bits: [keyCertSign] },
    { what: "decipherOnly", bits: [decipherOnly] },
    { what: "nothing", bits: [] },
  ].flatMap(({ what, bits }) =>
    (["ecdsa-p256", "rsa", "ed25519"] as const).flatMap((keyType) =>
      bothRefuseProof(
        39,
        `a key of kind ${keyType} whose keyUsage permits ${what}`,
        testCredential(keyType, { extensions: [keyUsage(...bits)] }),
        noDigitalSignature,
        (body) => body,
      ),
    ),
  ),
  ...[
    { what: "digitalSignature", extensions: [keyUsage(digitalSignature)] },
    {
      what: "digitalSignature and others",
      extensions: [keyUsage(digitalSignature, keyEncipherment, decipherOnly)],
    },
    { what: "anything, as it is not there,", extensions: [] as Uint8Array[] },
  ].flatMap(({ what, extensions }) => {
    // An empty list of extensions is malformed; none at all is what version 3 has then.
    const own = testCredential("ecdsa-p256", extensions.length === 0 ? {} : { extensions });
    return [
      clientAccepts(39, `a server whose keyUsage permits ${what} is taken`, () => undefined, serverHas(own)),
      serverAccepts(39, `a client whose keyUsage permits ${what} is taken`, () => undefined, clientHas(own)),
    ];
  }),
];

export const rows37To39: readonly Pitfall[] = [...suites, ...certificates, ...keyUsages];
