import { expect } from "vitest";

import { hex16 } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import { cipherSuiteName } from "../../src/messages/cipher-suite-names.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import {
  forbiddingKeyUsages,
  garbageLeaves,
  goodLeaf,
  permittingCredentials,
  pointlessLeaf,
  unsupportedLeaves,
} from "./bad-certificates.ts";
import { keyUsage, testCredential } from "./leaf-certificate.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";
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
  ...nobleCipherSuites
    .filter((suite) => suite.version === "TLSv1.3")
    .flatMap((suite) => [
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
        says: `no cipher suite in common: the client offers ${cipherSuiteName(cipherSuites[0] ?? 0)}`,
      },
      (client) => client.clientHello((hello) => ({ ...hello, cipherSuites })),
    ),
  ),
  serverRefuses(
    37,
    "a ClientHello with the one suite that the server does not want",
    {
      alert: "handshake_failure",
      says: "no cipher suite in common: the client offers TLS_AES_128_GCM_SHA256",
    },
    (client) => client.clientHello(),
    { config: { cipherSuites: ["TLS_CHACHA20_POLY1305_SHA256"] } },
  ),
];

type Certificate = HandshakeBody<"certificate">;

/** Replaces the leaf. */
function withLeaf(certData: Uint8Array): (body: Certificate) => Certificate {
  return (body) => ({ ...body, certificateList: [{ certData, extensions: {} }] });
}

const malformedLeaf = { alert: "decode_error", says: "certificate is malformed" } as const;

function unsupportedKey(oid: string) {
  return { alert: "unsupported_certificate", says: `key algorithm ${oid} is not supported` } as const;
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
  ...garbageLeaves.flatMap(({ what, certData }) =>
    bothRefuseCertificate(38, `a leaf that is garbage (${what})`, malformedLeaf, withLeaf(certData)),
  ),
  ...unsupportedLeaves.flatMap(({ what, oid, certData }) =>
    bothRefuseCertificate(38, `a leaf with a key of ${what}`, unsupportedKey(oid), withLeaf(certData)),
  ),
  ...bothRefuseCertificate(
    38,
    "a leaf with a key that is no point on its curve",
    {
      alert: "bad_certificate",
      says: "public key is malformed: public key is not an uncompressed point on P-256",
    },
    withLeaf(pointlessLeaf),
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
      certificateList: Array.from({ length: 17 }, () => ({ certData: goodLeaf, extensions: {} })),
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

/** Row 39: keyUsage of the leaf. */
const keyUsages: readonly Pitfall[] = [
  ...forbiddingKeyUsages.flatMap(({ what, bits }) =>
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
  ...permittingCredentials.flatMap(({ what, own }) => [
    clientAccepts(39, `a server whose keyUsage permits ${what} is taken`, () => undefined, serverHas(own)),
    serverAccepts(39, `a client whose keyUsage permits ${what} is taken`, () => undefined, clientHas(own)),
  ]),
];

export const rows37To39: readonly Pitfall[] = [...suites, ...certificates, ...keyUsages];
