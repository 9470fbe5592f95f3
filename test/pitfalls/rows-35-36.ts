import { expect } from "vitest";

import { concatBytes, hex16 } from "../../src/bytes.ts";
import { namedCurves } from "../../src/crypto/curves.ts";
import type { KeyType, SigningKey } from "../../src/crypto/provider.ts";
import {
  derBitString,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
  derUnsignedInteger,
} from "../../src/der/writer.ts";
import { type Credential, credential } from "../../src/index.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { Forger } from "../support/forger.ts";
import { flipped, setting, without } from "./edits.ts";
import { leafCertificate, testCredential } from "./leaf-certificate.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient,
  forgedServer,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";
import { answersWithoutCertificate, bothRefuseProof, clientHas, serverHas } from "./proofs.ts";
import { asking } from "./setups.ts";

function notOffered(scheme: number) {
  const name = codepointName(SignatureScheme, scheme);
  return {
    alert: "illegal_parameter",
    says: `signed with ${name}, which it was not offered for this`,
  } as const;
}

export const anyKeyType: readonly KeyType[] = [
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "ed25519",
  "rsa",
  "rsa-pss",
];

/** A scheme for another kind of key than the certificate has. */
const mismatches: readonly { readonly keyType: KeyType; readonly schemes: readonly number[] }[] = [
  { keyType: "ecdsa-p256", schemes: [0x0503, 0x0603, 0x0807, 0x0804, 0x0809] },
  { keyType: "ecdsa-p384", schemes: [0x0403, 0x0603] },
  { keyType: "ecdsa-p521", schemes: [0x0403, 0x0503] },
  { keyType: "ed25519", schemes: [0x0403, 0x0804] },
  { keyType: "rsa", schemes: [0x0809, 0x080a, 0x080b, 0x0403] },
  { keyType: "rsa-pss", schemes: [0x0804, 0x0805, 0x0806] },
];

/** The algorithm of the engine's CertificateVerify. */
function schemeOf({ messages }: Forger): number {
  const proof = messages.find(({ name }) => name === "certificate_verify");
  if (proof === undefined) throw new Error("the engine has sent no CertificateVerify");
  return decodeHandshake("certificate_verify", proof.raw).algorithm;
}

/** A server engine signs with the first of its credentials that the client can verify. */
function serverSignsWith(
  name: string,
  own: readonly KeyType[],
  accepted: readonly number[],
  scheme: number,
): Pitfall {
  return {
    row: 35,
    engine: "server",
    name,
    run() {
      const client = forgedClient({ config: { credentials: own.map((keyType) => testCredential(keyType)) } });
      client.clientHello(setting({ signatureAlgorithms: accepted }));
      expectOpen(client.complete());
      expect(schemeOf(client)).toBe(scheme);
    },
  };
}

function noneInCommon(accepted: string, own: string) {
  return {
    alert: "handshake_failure",
    says: `no signature scheme in common: the peer accepts ${accepted}; our keys: ${own}`,
  } as const;
}

/** Row 35: a scheme must have been offered, be one for handshakes, and be one for the key. */
const schemes: readonly Pitfall[] = [
  ...anyKeyType.flatMap((keyType) => [
    clientAccepts(
      35,
      `a server with a key of kind ${keyType} is taken`,
      () => undefined,
      serverHas(testCredential(keyType)),
    ),
    serverAccepts(
      35,
      `a client with a key of kind ${keyType} is taken`,
      () => undefined,
      clientHas(testCredential(keyType)),
    ),
    serverAccepts(35, `a client can talk to a key of kind ${keyType}`, () => undefined, {
      config: { credentials: [testCredential(keyType)] },
    }),
  ]),
  ...[0x0401, 0x0501, 0x0601].flatMap((algorithm) =>
    bothRefuseProof(
      35,
      `${codepointName(SignatureScheme, algorithm)}, which is for certificates only,`,
      testCredential("rsa"),
      notOffered(algorithm),
      (body) => ({ ...body, algorithm }),
    ),
  ),
  ...[0x0201, 0x0203, 0x0402, 0x0808, 0x0a0a, 0x0000].flatMap((algorithm) =>
    bothRefuseProof(35, hex16(algorithm), testCredential(), notOffered(algorithm), (body) => ({
      ...body,
      algorithm,
    })),
  ),
  clientRefuses(
    35,
    "a server's CertificateVerify with a scheme that is known and was not offered",
    notOffered(0x0403),
    (server) => server.complete(),
    { config: { signatureSchemes: ["ed25519", "rsa_pss_rsae_sha256"] } },
  ),
  clientRefuses(
    35,
    "a server's CertificateVerify with a scheme that was taken out of the ClientHello",
    notOffered(0x0403),
    (server) => server.complete(),
    { config: { shapeClientHello: setting<ClientHello>({ signatureAlgorithms: [0x0807, 0x0804] }) } },
  ),
  serverRefuses(
    35,
    "a client's CertificateVerify with a scheme that is known and was not offered",
    notOffered(0x0403),
    (client) => client.complete(),
    { ...mutual, config: { ...mutual.config, signatureSchemes: ["ed25519", "rsa_pss_rsae_sha256"] } },
  ),
  ...mismatches.flatMap(({ keyType, schemes }) =>
    schemes.flatMap((algorithm) =>
      bothRefuseProof(
        35,
        `${codepointName(SignatureScheme, algorithm)} and a key of kind ${keyType}`,
        testCredential(keyType),
        { alert: "illegal_parameter", says: `and its key is ${keyType}` },
        (body) => ({ ...body, algorithm }),
      ),
    ),
  ),
  clientRefuses(
    35,
    "a CertificateRequest without signature_algorithms",
    { alert: "missing_extension", says: "CertificateRequest holds no signature_algorithms" },
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest((body) =>
          setting<typeof body>({ signatureAlgorithmsCert: [0x0403] })(
            without<typeof body>("signatureAlgorithms")(body),
          ),
        ),
    asking,
  ),
  ...(
    [
      { accepted: [0x0503, 0x0807], keyType: "ecdsa-p256" },
      { accepted: [0x0401, 0x0501, 0x0601], keyType: "rsa" },
      { accepted: [0x0804, 0x0805, 0x0806], keyType: "rsa-pss" },
      { accepted: [0x7a7a], keyType: "ed25519" },
    ] as const
  ).flatMap(({ accepted, keyType }) => {
    const names = accepted.map((id) => codepointName(SignatureScheme, id)).join(", ");
    const own = testCredential(keyType);
    return [
      // RFC 8446 §4.4.2: who has no suitable certificate sends none, and the server decides.
      answersWithoutCertificate(
        35,
        `a CertificateRequest that takes ${names} is not answered with a key of kind ${keyType}`,
        { ...asking, config: { clientCredential: own } },
        accepted,
      ),
      serverRefuses(
        35,
        `a ClientHello that takes ${names}, for a key of kind ${keyType},`,
        noneInCommon(names, keyType),
        (client) => client.clientHello(setting({ signatureAlgorithms: accepted })),
        { config: { credentials: [own] } },
      ),
    ];
  }),
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
    [0x0401, 0x0403, 0x0805, 0x0804],
    0x0804,
  ),
];

/** The order of the base point of P-256. */
const N = namedCurves.find(({ name }) => name === "P-256")?.order ?? 0n;

function ecdsa(r: bigint | Uint8Array, s: bigint | Uint8Array): Uint8Array {
  const [first, second] = [r, s].map((value) =>
    typeof value === "bigint" ? derInteger(value) : derUnsignedInteger(value),
  );
  return derSequence(first ?? derNull(), second ?? derNull());
}

export const badEcdsa: readonly { readonly what: string; readonly signature: Uint8Array }[] = [
  { what: "r of 0", signature: ecdsa(0n, 1n) },
  { what: "s of 0", signature: ecdsa(1n, 0n) },
  { what: "r and s of 0", signature: ecdsa(0n, 0n) },
  { what: "r of n", signature: ecdsa(N, 1n) },
  { what: "s of n", signature: ecdsa(1n, N) },
  { what: "r above n", signature: ecdsa(N + 1n, 1n) },
  { what: "s above n", signature: ecdsa(1n, N + 1n) },
  { what: "r of -1", signature: ecdsa(-1n, 1n) },
  { what: "r of 2^512", signature: ecdsa(1n << 512n, 1n) },
  { what: "one number only", signature: derSequence(derInteger(1)) },
  { what: "a byte behind it", signature: concatBytes(ecdsa(1n, 1n), Uint8Array.of(0)) },
  { what: "no byte", signature: new Uint8Array() },
  { what: "64 bytes that are no DER", signature: new Uint8Array(64).fill(7) },
];

const doesNotVerify = { alert: "decrypt_error", says: /CertificateVerify \(\w+\) does not verify/ } as const;

/** A credential with an RSA key of 1024 bits, which signs nothing. */
export function shortRsaCredential(): Credential {
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.1"), derNull());
  const modulus = new Uint8Array(128).fill(0xff);
  const subjectPublicKeyInfo = derSequence(
    algorithm,
    derBitString(derSequence(derUnsignedInteger(modulus), derInteger(65537))),
  );
  const key: SigningKey = {
    keyType: "rsa",
    schemes: [0x0804],
    subjectPublicKeyInfo,
    sign: () => new Uint8Array(128).fill(1),
  };
  return credential({ certificateChain: [leafCertificate(subjectPublicKeyInfo)], key });
}

/** Row 36: signatures that are none. */
const signatures: readonly Pitfall[] = [
  ...badEcdsa.flatMap(({ what, signature }) =>
    bothRefuseProof(36, `an ECDSA signature with ${what}`, testCredential(), doesNotVerify, (body) => ({
      ...body,
      signature,
    })),
  ),
  ...anyKeyType.flatMap((keyType) => [
    ...bothRefuseProof(
      36,
      `one bit changed under ${keyType}`,
      testCredential(keyType),
      doesNotVerify,
      (body) => ({
        ...body,
        signature: flipped(body.signature),
      }),
    ),
    ...bothRefuseProof(
      36,
      `a byte too few under ${keyType}`,
      testCredential(keyType),
      doesNotVerify,
      (body) => ({
        ...body,
        signature: body.signature.subarray(0, -1),
      }),
    ),
    ...bothRefuseProof(
      36,
      `a byte too many under ${keyType}`,
      testCredential(keyType),
      doesNotVerify,
      (body) => ({
        ...body,
        signature: concatBytes(body.signature, Uint8Array.of(0)),
      }),
    ),
  ]),
  ...bothRefuseProof(36, "a signature of zeros under rsa", testCredential("rsa"), doesNotVerify, (body) => ({
    ...body,
    signature: new Uint8Array(256),
  })),
  ...bothRefuseProof(
    36,
    "another hash than the one signed with",
    testCredential("rsa"),
    doesNotVerify,
    (body) => ({
      ...body,
      algorithm: 0x0805,
    }),
  ),
  ...bothRefuseProof(
    36,
    "an RSA key of 1024 bits",
    shortRsaCredential(),
    { alert: "unsupported_certificate", says: "RSA modulus of 1024 bits is not in 2048..8192" },
    (body) => body,
  ),
  {
    row: 36,
    engine: "client",
    name: "a signature of a client is not taken for a server's",
    run() {
      const server = forgedServer();
      server.upTo("certificateVerify");
      const { key } = testCredential();
      const digest = server.transcript.digest();
      const context = Uint8Array.from("TLS 1.3, client CertificateVerify", (c) => c.charCodeAt(0));
      const content = concatBytes(new Uint8Array(64).fill(0x20), context, Uint8Array.of(0), digest);
      const signature = key.sign(0x0403, content, server.random);
      if (!(signature instanceof Uint8Array)) throw new Error("the key answers late");
      server.certificateVerify((body) => ({ ...body, signature }));
      expect(server.alerts).toMatchObject([{ level: 2, alert: "decrypt_error" }]);
    },
  },
];

export const rows35To36: readonly Pitfall[] = [...schemes, ...signatures];
