import { concatBytes } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import { present } from "../support/forger.ts";
import { flipped } from "./edits.ts";
import { testCredential } from "./leaf-certificate.ts";
import type { Pitfall } from "./pitfall.ts";
import { clientRefuses, mutual, serverRefuses } from "./pitfall12.ts";
import { bothRefuseProof12 } from "./proofs12.ts";
import { anyKeyType, badEcdsa, shortRsaCredential } from "./rows-35-36.ts";

const doesNotVerify = {
  alert: "decrypt_error",
  says: /(ServerKeyExchange|CertificateVerify) \(\w+\) does not verify/,
} as const;

/** The signature of a server is of this, and of nothing else. */
const otherContents: readonly {
  readonly what: string;
  readonly content: (content: Uint8Array) => Uint8Array;
}[] = [
  { what: "another random of the client", content: (content) => flipped(content, 0) },
  { what: "another random of the server", content: (content) => flipped(content, 32) },
  {
    what: "both randoms, the server's first,",
    content: (content) =>
      concatBytes(content.subarray(32, 64), content.subarray(0, 32), content.subarray(64)),
  },
  { what: "another point", content: (content) => flipped(content) },
  { what: "another group", content: (content) => flipped(content, 64 + 2) },
  { what: "the parameters alone", content: (content) => content.subarray(64) },
  { what: "nothing", content: () => new Uint8Array() },
];

/** Row 36: signatures that are none. */
const signatures: readonly Pitfall[] = [
  ...badEcdsa.flatMap(({ what, signature }) =>
    bothRefuseProof12(36, `an ECDSA signature with ${what}`, testCredential(), doesNotVerify, (body) => ({
      ...body,
      signature,
    })),
  ),
  ...anyKeyType.flatMap((keyType) =>
    [
      { what: "one bit changed", change: (signature: Uint8Array) => flipped(signature) },
      { what: "a byte too few", change: (signature: Uint8Array) => signature.subarray(0, -1) },
      {
        what: "a byte too many",
        change: (signature: Uint8Array) => concatBytes(signature, Uint8Array.of(0)),
      },
    ].flatMap(({ what, change }) =>
      bothRefuseProof12(36, `${what} under ${keyType}`, testCredential(keyType), doesNotVerify, (body) => ({
        ...body,
        signature: change(body.signature),
      })),
    ),
  ),
  ...bothRefuseProof12(
    36,
    "one bit changed in a PKCS #1 signature",
    testCredential("rsa"),
    doesNotVerify,
    (body) => ({ ...body, signature: flipped(body.signature) }),
    0x0401,
  ),
  ...(
    [
      ["PSS", 0x0804, "PKCS #1", 0x0401],
      ["PKCS #1", 0x0401, "PSS", 0x0804],
      ["PKCS #1 with SHA-256", 0x0401, "PKCS #1 with SHA-384", 0x0501],
    ] as const
  ).flatMap(([made, scheme, said, algorithm]) =>
    bothRefuseProof12(
      36,
      `a signature of ${made} that says ${said}`,
      testCredential("rsa"),
      doesNotVerify,
      (body) => ({ ...body, algorithm }),
      scheme,
    ),
  ),
  ...bothRefuseProof12(
    36,
    "a signature of ECDSA with SHA-256 that says SHA-384",
    testCredential(),
    doesNotVerify,
    (body) => ({ ...body, algorithm: 0x0503 }),
    0x0403,
  ),
  ...bothRefuseProof12(
    36,
    "a signature of zeros under rsa",
    testCredential("rsa"),
    doesNotVerify,
    (body) => ({
      ...body,
      signature: new Uint8Array(256),
    }),
  ),
  ...bothRefuseProof12(
    36,
    "an RSA key of 1024 bits",
    shortRsaCredential(),
    { alert: "unsupported_certificate", says: "RSA modulus of 1024 bits is not in 2048..8192" },
    (body) => body,
  ),
  ...otherContents.map(({ what, content }) =>
    clientRefuses(36, `a ServerKeyExchange whose signature is of ${what}`, doesNotVerify, (server) =>
      server.upTo("serverKeyExchange").serverKeyExchange({}, { content }),
    ),
  ),
  clientRefuses(
    36,
    "a ServerKeyExchange whose point was replaced behind its signature",
    doesNotVerify,
    (server) =>
      server
        .upTo("serverKeyExchange")
        .serverKeyExchange((body) => ({ ...body, params: flipped(body.params) })),
  ),
  ...[
    { what: "the messages without the first byte", content: (messages: Uint8Array) => messages.subarray(1) },
    { what: "the hash of the messages", content: (messages: Uint8Array) => sha256.digest(messages) },
    {
      what: "the content that TLS 1.3 has",
      content: (messages: Uint8Array) => certificateVerifyContent("client", sha256.digest(messages)),
    },
    { what: "nothing", content: () => new Uint8Array() },
  ].map(({ what, content }) =>
    serverRefuses(
      36,
      `a CertificateVerify whose signature is of ${what}`,
      doesNotVerify,
      (client) => client.upTo("certificateVerify").certificateVerify({}, { content }),
      mutual,
    ),
  ),
  serverRefuses(
    36,
    "a CertificateVerify with the signature of a ServerKeyExchange",
    doesNotVerify,
    (client) =>
      client.upTo("certificateVerify").certificateVerify(() => {
        const { algorithm, signature } = present(client.serverKeyExchange);
        return { algorithm, signature };
      }),
    mutual,
  ),
];

export const tls12Rows36: readonly Pitfall[] = [...signatures];
