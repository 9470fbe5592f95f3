import { expect } from "vitest";

import { hex16 } from "../../src/bytes.ts";
import type { KeyType } from "../../src/crypto/provider.ts";
import type { Credential } from "../../src/index.ts";
import { ClientCertificateType, codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { present } from "../support/forger.ts";
import { setting } from "./edits.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, type Pitfall, type Verdict } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { bothRefuseProof12, clientHas12, serverHas12 } from "./proofs12.ts";
import { illegal } from "./setups.ts";
import { suiteFor } from "./setups12.ts";

const nameOf = (scheme: number): string => codepointName(SignatureScheme, scheme);

function notOffered(scheme: number) {
  return illegal(`signed with ${nameOf(scheme)}, which it was not offered for this`);
}

/** What each key may sign with in TLS 1.2: ECDSA with any hash, and PKCS #1 as well as PSS. */
const allowed: readonly { readonly keyType: KeyType; readonly schemes: readonly number[] }[] = [
  { keyType: "ecdsa-p256", schemes: [0x0403, 0x0503, 0x0603] },
  { keyType: "ecdsa-p384", schemes: [0x0503, 0x0403, 0x0603] },
  { keyType: "ecdsa-p521", schemes: [0x0603, 0x0403, 0x0503] },
  { keyType: "ed25519", schemes: [0x0807] },
  { keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601] },
  { keyType: "rsa-pss", schemes: [0x0809, 0x080a, 0x080b] },
];

/** A scheme for another kind of key than the certificate has. */
const mismatches: readonly { readonly keyType: KeyType; readonly schemes: readonly number[] }[] = [
  { keyType: "ecdsa-p256", schemes: [0x0807, 0x0804, 0x0809, 0x0401] },
  { keyType: "ecdsa-p384", schemes: [0x0807] },
  { keyType: "ecdsa-p521", schemes: [0x0601] },
  { keyType: "ed25519", schemes: [0x0403, 0x0603, 0x0804] },
  { keyType: "rsa", schemes: [0x0809, 0x080a, 0x080b, 0x0403, 0x0807] },
  { keyType: "rsa-pss", schemes: [0x0804, 0x0805, 0x0806, 0x0401] },
];

/** A server engine signs with the first of its credentials that the client can verify. */
function serverSignsWith(
  name: string,
  own: readonly KeyType[],
  signatureAlgorithms: readonly number[],
  scheme: number,
): Pitfall {
  return {
    row: 35,
    engine: "server",
    name,
    run() {
      const suites = own.map((keyType) => suiteFor(keyType));
      const schemeOwner = own.find((keyType) =>
        allowed.some((row) => row.keyType === keyType && row.schemes.includes(scheme)),
      );
      const client = forgedClient12({
        config: { credentials: own.map((keyType) => testCredential(keyType)) },
        forger: { suite: suiteFor(present(schemeOwner)) },
      });
      client.clientHello((hello) => ({
        ...hello,
        cipherSuites: suites.map(({ id }) => id),
        extensions: { ...hello.extensions, signatureAlgorithms, supportedGroups: [29, 23, 24, 25] },
      }));
      expectOpen(client.complete());
      expect(present(client.serverKeyExchange).algorithm).toBe(scheme);
    },
  };
}

/** A client engine answers a CertificateRequest with `scheme`; null for an empty Certificate. */
function clientSignsWith(
  name: string,
  own: Credential,
  request: { readonly types?: readonly number[]; readonly schemes: readonly number[] },
  scheme: number | null,
): Pitfall {
  return {
    row: 35,
    engine: "client",
    name,
    run() {
      const server = forgedServer12({
        config: { clientCredential: own },
        forger: { asksForCertificate: true },
      });
      const { rsa_sign, ecdsa_sign } = ClientCertificateType;
      server.upTo("certificateRequest").certificateRequest((body) => ({
        ...body,
        certificateTypes: Uint8Array.from(request.types ?? [rsa_sign, ecdsa_sign]),
        supportedSignatureAlgorithms: request.schemes,
      }));
      expectOpen(server.complete());
      const certificate = present(server.messages.find((message) => message.name === "tls12_certificate"));
      const { certificateList } = decodeHandshake("tls12_certificate", certificate.raw);
      expect(certificateList).toEqual(scheme === null ? [] : own.certificateChain);
      const proof = server.messages.find((message) => message.name === "certificate_verify");
      expect(proof === undefined ? null : decodeHandshake("certificate_verify", proof.raw).algorithm).toBe(
        scheme,
      );
    },
  };
}

function noneInCommon(accepted: readonly number[], suite: string, own: string): Verdict {
  return {
    alert: "handshake_failure",
    says: `no signature scheme in common with ${suite}: the peer accepts ${accepted.map(nameOf).join(", ")}; our keys: ${own}`,
  };
}

/** Row 35: a scheme must have been offered, and be one for the key; in TLS 1.2 the curve is not bound to it. */
const schemes: readonly Pitfall[] = [
  ...allowed.flatMap(({ keyType, schemes: able }) =>
    able.flatMap((scheme) => [
      clientAccepts(
        35,
        `a ServerKeyExchange with ${nameOf(scheme)} and a key of kind ${keyType} is taken`,
        (server) => server.upTo("serverKeyExchange").serverKeyExchange({}, { scheme }),
        serverHas12(testCredential(keyType)),
      ),
      serverAccepts(
        35,
        `a client's CertificateVerify with ${nameOf(scheme)} and a key of kind ${keyType} is taken`,
        (client) => client.upTo("certificateVerify").certificateVerify({}, { scheme }),
        clientHas12(testCredential(keyType)),
      ),
    ]),
  ),
  ...[0x0201, 0x0203, 0x0202, 0x0402, 0x0808, 0x0a0a, 0x0000].flatMap((algorithm) =>
    bothRefuseProof12(35, hex16(algorithm), testCredential(), notOffered(algorithm), (body) => ({
      ...body,
      algorithm,
    })),
  ),
  clientRefuses(
    35,
    "a ServerKeyExchange with a scheme that is known and was not offered",
    notOffered(0x0403),
    (server) => server.upTo("serverKeyExchange").serverKeyExchange(),
    { config: { signatureSchemes: ["ed25519", "rsa_pss_rsae_sha256"] } },
  ),
  clientRefuses(
    35,
    "a ServerKeyExchange with a scheme that was taken out of the ClientHello",
    notOffered(0x0403),
    (server) => server.upTo("serverKeyExchange").serverKeyExchange(),
    { config: { shapeClientHello: setting<ClientHello>({ signatureAlgorithms: [0x0807, 0x0804] }) } },
  ),
  serverRefuses(
    35,
    "a client's CertificateVerify with a scheme that is known and was not offered",
    notOffered(0x0403),
    (client) => client.complete(),
    { ...mutual, config: { ...mutual.config, signatureSchemes: ["ed25519", "rsa_pss_rsae_sha256"] } },
  ),
  ...mismatches.flatMap(({ keyType, schemes: wrong }) =>
    wrong.flatMap((algorithm) =>
      bothRefuseProof12(
        35,
        `${nameOf(algorithm)} and a key of kind ${keyType}`,
        testCredential(keyType),
        illegal(`has ${nameOf(algorithm)}, and the key is ${keyType}`),
        (body) => ({ ...body, algorithm }),
      ),
    ),
  ),
  ...(
    [
      { accepted: [0x0807], keyType: "ecdsa-p256" },
      { accepted: [0x0203, 0x0201], keyType: "ecdsa-p256" },
      { accepted: [0x0201, 0x0202], keyType: "rsa" },
      { accepted: [0x0403, 0x0809], keyType: "rsa" },
      { accepted: [0x0401, 0x0804], keyType: "rsa-pss" },
      { accepted: [0x7a7a], keyType: "ed25519" },
    ] as const
  ).flatMap(({ accepted, keyType }) => {
    const shown = accepted.map(nameOf).join(", ");
    const own = testCredential(keyType);
    const suite = suiteFor(keyType);
    return [
      // RFC 5246 §7.4.6: who has no suitable certificate sends none, and the server decides.
      clientSignsWith(
        `a CertificateRequest that takes ${shown} is not answered with a key of kind ${keyType}`,
        own,
        { schemes: accepted },
        null,
      ),
      serverRefuses(
        35,
        `a ClientHello that takes ${shown}, for a key of kind ${keyType},`,
        noneInCommon(accepted, suite.name, keyType),
        (client) => client.clientHello(setting({ signatureAlgorithms: accepted })),
        { config: { credentials: [own] }, forger: { suite } },
      ),
    ];
  }),
  clientSignsWith(
    "a CertificateRequest for RSA alone is not answered with an ECDSA key",
    testCredential(),
    { types: [ClientCertificateType.rsa_sign], schemes: [0x0403, 0x0401] },
    null,
  ),
  clientSignsWith(
    "a CertificateRequest for ECDSA alone is not answered with an RSA key",
    testCredential("rsa"),
    { types: [ClientCertificateType.ecdsa_sign], schemes: [0x0403, 0x0401] },
    null,
  ),
  clientSignsWith(
    "a CertificateRequest for unknown kinds is not answered with a key",
    testCredential(),
    { types: [2, 3, 4, 255], schemes: [0x0403] },
    null,
  ),
  clientSignsWith(
    "an Ed25519 key is one for ecdsa_sign",
    testCredential("ed25519"),
    { types: [ClientCertificateType.ecdsa_sign], schemes: [0x0807] },
    0x0807,
  ),
  clientSignsWith(
    "an ECDSA key signs with the hash that the server takes",
    testCredential(),
    { schemes: [0x0603] },
    0x0603,
  ),
  clientSignsWith(
    "an RSA key signs with PKCS #1 where the server takes nothing else",
    testCredential("rsa"),
    { schemes: [0x0201, 0x0501, 0x0401] },
    0x0401,
  ),
  clientSignsWith(
    "an RSA key signs with PSS where the server takes both",
    testCredential("rsa"),
    { schemes: [0x0401, 0x0804] },
    0x0804,
  ),
  serverSignsWith(
    "the second credential signs when the first one cannot",
    ["ed25519", "ecdsa-p256"],
    [0x0403],
    0x0403,
  ),
  serverSignsWith(
    "the first credential signs when both can",
    ["ed25519", "ecdsa-p256"],
    [0x0403, 0x0807],
    0x0807,
  ),
  serverSignsWith(
    "schemes that the key cannot do are passed over",
    ["rsa"],
    [0x0403, 0x0201, 0x0601, 0x0501],
    0x0501,
  ),
  serverSignsWith("an RSA key signs with PSS where the client takes both", ["rsa"], [0x0401, 0x0804], 0x0804),
  serverSignsWith(
    "a key on P-384 signs with SHA-256 where the client takes nothing else",
    ["ecdsa-p384"],
    [0x0403],
    0x0403,
  ),
  serverSignsWith(
    "a key on P-256 signs with SHA-512 where the client takes nothing else",
    ["ecdsa-p256"],
    [0x0603],
    0x0603,
  ),
];

export const tls12Rows35: readonly Pitfall[] = [...schemes];
