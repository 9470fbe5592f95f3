import { expect } from "vitest";

import type { HandshakeBody } from "../../src/messages/handshake.ts";
import { present } from "../support/forger.ts";
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
  forgedClient12,
  forgedServer12,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { bothRefuseCertificate12, bothRefuseProof12, clientHas12, serverHas12 } from "./proofs12.ts";
import { illegal } from "./setups.ts";
import { asking12 } from "./setups12.ts";

type Certificate = HandshakeBody<"tls12_certificate">;

/** Replaces the leaf. */
function withLeaf(certData: Uint8Array): (body: Certificate) => Certificate {
  return () => ({ certificateList: [certData] });
}

const malformedLeaf = { alert: "decode_error", says: "certificate is malformed" } as const;

const emptyCertificate = { alert: "decode_error", says: "vector of 0 bytes, allowed 1..16777215" } as const;

/** A list of three bytes, with a certificate of none. */
const withEmptyCertificate = { raw: () => Uint8Array.of(11, 0, 0, 6, 0, 0, 3, 0, 0, 0) };

const requesting = {
  config: { clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true } },
} as const;

/** Row 38: Certificate messages. */
const certificates: readonly Pitfall[] = [
  clientRefuses(
    38,
    "a server's Certificate without a certificate",
    { alert: "decode_error", says: "the server's Certificate holds no certificate" },
    (server) => server.upTo("certificate").certificate(() => ({ certificateList: [] })),
  ),
  serverRefuses(
    38,
    "a client's Certificate without a certificate, where one is required,",
    { alert: "handshake_failure", says: "the client sent no certificate" },
    (client) => client.upTo("certificate").certificate(),
    { config: mutual.config },
  ),
  {
    row: 38,
    engine: "server",
    name: "a client's Certificate without a certificate is taken where one is requested",
    run() {
      expect(expectOpen(forgedClient12(requesting).complete()).peer).toEqual({ kind: "none" });
    },
  },
  {
    row: 38,
    engine: "client",
    name: "a client without a certificate answers a CertificateRequest with an empty list",
    run() {
      const server = forgedServer12(asking12);
      expectOpen(server.complete());
      const answer = present(server.messages.find((message) => message.name === "tls12_certificate"));
      expect(answer.raw).toEqual(Uint8Array.of(11, 0, 0, 3, 0, 0, 0));
    },
  },
  ...garbageLeaves.flatMap(({ what, certData }) =>
    bothRefuseCertificate12(38, `a leaf that is garbage (${what})`, malformedLeaf, withLeaf(certData)),
  ),
  ...unsupportedLeaves.flatMap(({ what, oid, certData }) =>
    bothRefuseCertificate12(
      38,
      `a leaf with a key of ${what}`,
      { alert: "unsupported_certificate", says: `key algorithm ${oid} is not supported` },
      withLeaf(certData),
    ),
  ),
  ...bothRefuseCertificate12(
    38,
    "a leaf with a key that is no point on its curve",
    {
      alert: "bad_certificate",
      says: "public key is malformed: public key is not an uncompressed point on P-256",
    },
    withLeaf(pointlessLeaf),
  ),
  clientRefuses(38, "an empty certificate of a server", emptyCertificate, (server) =>
    server.upTo("certificate").certificate(withEmptyCertificate),
  ),
  serverRefuses(
    38,
    "an empty certificate of a client",
    emptyCertificate,
    (client) => client.upTo("certificate").certificate(withEmptyCertificate),
    mutual,
  ),
  ...bothRefuseCertificate12(
    38,
    "17 certificates",
    { alert: "bad_certificate", says: "sent 17 certificates, allowed 16" },
    () => ({ certificateList: Array.from({ length: 17 }, () => goodLeaf) }),
  ),
  ...bothRefuseCertificate12(
    38,
    "a certificate behind the leaf that is over the limit",
    { alert: "bad_certificate", says: "sent a certificate of 1001 bytes, allowed 1000" },
    (body) => ({ certificateList: [...body.certificateList, new Uint8Array(1001)] }),
    { config: { limits: { certificateBytes: 1000 } } },
  ),
  clientAccepts(38, "16 certificates, of which only the leaf is read, are taken", (server) =>
    server.upTo("certificate").certificate((body) => ({
      certificateList: [...body.certificateList, ...Array.from({ length: 15 }, () => Uint8Array.of(1))],
    })),
  ),
  clientRefuses(
    38,
    "a CertificateStatus of another type than OCSP",
    illegal("the server's CertificateStatus is of type 2"),
    (server) => server.upTo("certificateStatus").certificateStatus((body) => ({ ...body, statusType: 2 })),
    { forger: { staples: true } },
  ),
  clientRefuses(
    38,
    "a CertificateStatus without a response",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..16777215" },
    (server) =>
      server
        .upTo("certificateStatus")
        .certificateStatus({ raw: () => Uint8Array.of(22, 0, 0, 4, 1, 0, 0, 0) }),
    { forger: { staples: true } },
  ),
  clientAccepts(
    38,
    "a CertificateStatus that was announced may be left out",
    (server) => {
      server.upTo("certificateStatus");
      server.serverKeyExchange();
    },
    { forger: { staples: true } },
  ),
  clientRefuses(
    38,
    "a CertificateRequest without a kind of certificate",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..255" },
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest({ raw: () => Uint8Array.of(13, 0, 0, 7, 0, 0, 2, 4, 3, 0, 0) }),
    asking12,
  ),
  clientRefuses(
    38,
    "a CertificateRequest without a signature scheme",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 2..65534" },
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest({ raw: () => Uint8Array.of(13, 0, 0, 6, 1, 64, 0, 0, 0, 0) }),
    asking12,
  ),
  clientRefuses(
    38,
    "a CertificateRequest with an empty authority",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..65535" },
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest({ raw: () => Uint8Array.of(13, 0, 0, 10, 1, 64, 0, 2, 4, 3, 0, 2, 0, 0) }),
    asking12,
  ),
];

const noDigitalSignature = illegal("does not permit digital signatures");

/** Row 39: keyUsage of the leaf. */
const keyUsages: readonly Pitfall[] = [
  ...forbiddingKeyUsages.flatMap(({ what, bits }) =>
    (["ecdsa-p256", "rsa", "ed25519"] as const).flatMap((keyType) =>
      bothRefuseProof12(
        39,
        `a key of kind ${keyType} whose keyUsage permits ${what}`,
        testCredential(keyType, { extensions: [keyUsage(...bits)] }),
        noDigitalSignature,
        (body) => body,
      ),
    ),
  ),
  ...permittingCredentials.flatMap(({ what, own }) => [
    clientAccepts(39, `a server whose keyUsage permits ${what} is taken`, () => undefined, serverHas12(own)),
    serverAccepts(39, `a client whose keyUsage permits ${what} is taken`, () => undefined, clientHas12(own)),
  ]),
];

export const tls12Rows38To39: readonly Pitfall[] = [...certificates, ...keyUsages];
