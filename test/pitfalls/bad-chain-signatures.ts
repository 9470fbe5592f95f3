import { concatBytes } from "../../src/bytes.ts";
import { derNull, derSequence } from "../../src/der/writer.ts";
import { authority, newKey, root } from "../config/peers.ts";
import { ALGORITHM } from "../x509/certificate-builder.ts";
import { issueAuthority, type Issued, testKey } from "../x509/issuing.ts";
import {
  type BadChain,
  type ChainCase,
  ecdsaRoot,
  otherAuthority,
  rebuilt,
  rsaRoot,
  signers,
} from "./chains.ts";
import { flipped } from "./edits.ts";
import type { Verdict } from "./pitfall.ts";
import { badEcdsa } from "./rows-35-36.ts";

const badSignature: Verdict = {
  alert: "bad_certificate",
  says: /certificate was rejected: bad-signature: CN=authority, the key of CN=root did not sign it$/,
};

const badLeafSignature: Verdict = {
  alert: "bad_certificate",
  says: /certificate was rejected: bad-signature: CN=(example\.com|alice), the key of CN=authority did not sign it$/,
};

const weakAlgorithm: Verdict = {
  alert: "bad_certificate",
  says: /certificate was rejected: weak-algorithm: CN=authority, its signature is of an algorithm that is not accepted$/,
};

/** What is said when the one certificate that is needed was passed over. */
export const unknownIssuer: Verdict = {
  alert: "unknown_ca",
  says: /certificate was rejected: unknown-issuer: CN=(example\.com|alice), its issuer CN=authority is not known$/,
};

/** What is no signature of any key. */
function spoiltSignatures(signature: Uint8Array) {
  return [
    { how: "changed in its first bit", signature: flipped(signature, 0, 0x80) },
    { how: "changed in its last bit", signature: flipped(signature) },
    { how: "a byte too short", signature: signature.subarray(0, -1) },
    { how: "a byte too long", signature: concatBytes(signature, Uint8Array.of(0)) },
    { how: "of zeros", signature: new Uint8Array(signature.length) },
    { how: "of no byte", signature: new Uint8Array() },
  ] as const;
}

/** Row 36: signatures of intermediates. */
const signatures: readonly BadChain[] = [
  ...[
    { kind: "Ed25519", anchor: root },
    { kind: "RSA", anchor: rsaRoot },
  ].flatMap(({ kind, anchor }) => {
    const intermediate = otherAuthority(anchor);
    return spoiltSignatures(intermediate.certificate.signature).map(({ how, signature }): BadChain => ({
      row: 36,
      what: `whose intermediate has an ${kind} signature ${how}`,
      behind: [rebuilt(intermediate, { signature })],
      anchor,
      verdict: badSignature,
    }));
  }),
  ...badEcdsa.map(({ what, signature }): BadChain => ({
    row: 36,
    what: `whose intermediate has an ECDSA signature with ${what}`,
    behind: [rebuilt(otherAuthority(ecdsaRoot), { signature })],
    anchor: ecdsaRoot,
    verdict: badSignature,
  })),
  {
    row: 36,
    what: "whose intermediate is signed by somebody else under the name of the anchor",
    behind: [otherAuthority(root, { signer: newKey() }).der],
    verdict: badSignature,
  },
  {
    row: 36,
    what: "whose intermediate has the signature of another certificate of the same authority",
    behind: [rebuilt(authority, { signature: otherAuthority(root).certificate.signature })],
    verdict: badSignature,
  },
  {
    row: 36,
    what: "whose intermediates are all signed by somebody else",
    behind: [1, 2, 3].map(() => otherAuthority(root, { signer: newKey() }).der),
    verdict: badSignature,
  },
  {
    row: 36,
    what: "whose leaf is changed in its signature",
    alterLeaf: (leaf) => withSignature(leaf, flipped(leaf.certificate.signature)),
    verdict: badLeafSignature,
  },
  {
    row: 36,
    what: "whose leaf is signed by the anchor in place of the authority",
    alterLeaf: (leaf) => withSignature(leaf, root.key.sign(leaf.certificate.tbs)),
    verdict: badLeafSignature,
  },
];

function withSignature(leaf: Issued, signature: Uint8Array): Issued {
  return { ...leaf, der: rebuilt(leaf, { signature }) };
}

/** Row 36: signatures that are genuine, and of no worth. */
const algorithms: readonly BadChain[] = [
  ...(
    [
      ["MD5", rsaRoot, signers.pkcs1Md5],
      ["SHA-1", rsaRoot, signers.pkcs1Sha1],
      ["SHA-224", rsaRoot, signers.pkcs1Sha224],
      ["RSASSA-PSS and SHA-1", rsaRoot, signers.pssSha1],
      ["RSASSA-PSS and a salt of another length than the hash", rsaRoot, signers.pssSha256ShortSalt],
      ["ECDSA and SHA-1", ecdsaRoot, signers.ecdsaSha1],
      ["ECDSA and SHA-224", ecdsaRoot, signers.ecdsaSha224],
    ] as const
  ).map(([algorithm, anchor, signer]): BadChain => ({
    row: 36,
    what: `whose intermediate is signed with ${algorithm}`,
    behind: [otherAuthority(anchor, { signer }).der],
    anchor,
    verdict: weakAlgorithm,
  })),
  ...(
    [
      ["ECDSA and SHA-256", ecdsaRoot, signers.ecdsaSha256, ["ed25519", "ecdsa_secp384r1_sha384"]],
      ["RSA and SHA-384", rsaRoot, signers.pkcs1Sha384, ["ed25519", "rsa_pkcs1_sha256"]],
      ["RSASSA-PSS", rsaRoot, signers.pssSha256, ["ed25519", "rsa_pkcs1_sha256"]],
      ["PKCS #1", rsaRoot, signers.pkcs1Sha256, ["ed25519", "rsa_pss_rsae_sha256"]],
    ] as const
  ).map(([algorithm, anchor, signer, signatureSchemes]): BadChain => ({
    row: 36,
    what: `whose intermediate is signed with ${algorithm}, to an engine that offers ${signatureSchemes.join(" and ")},`,
    behind: [otherAuthority(anchor, { signer }).der],
    anchor,
    signatureSchemes,
    verdict: weakAlgorithm,
  })),
  {
    row: 36,
    what: "whose leaf is signed with ECDSA, to an engine that offers ed25519",
    ...belowEcdsaAuthority(),
    signatureSchemes: ["ed25519"],
    verdict: {
      alert: "bad_certificate",
      says: /weak-algorithm: CN=(example\.com|alice), its signature is of an algorithm/,
    },
  },
  {
    row: 36,
    what: "whose intermediate says another algorithm beside its signature than in what is signed",
    behind: [rebuilt(authority, { signatureAlgorithm: ALGORITHM })],
    verdict: unknownIssuer,
  },
  {
    row: 36,
    what: "whose intermediate says another algorithm in what is signed than beside its signature",
    behind: [
      rebuilt(otherAuthority(root, { fields: { innerAlgorithm: ALGORITHM } }), {
        signatureAlgorithm: root.key.algorithm,
      }),
    ],
    verdict: unknownIssuer,
  },
  {
    row: 36,
    what: "whose intermediate says its algorithm with other parameters in what is signed",
    behind: [
      rebuilt(
        otherAuthority(rsaRoot, {
          signer: { ...signers.pkcs1Sha256, algorithm: withoutParameters(signers.pkcs1Sha256.algorithm) },
        }),
        { signatureAlgorithm: signers.pkcs1Sha256.algorithm },
      ),
    ],
    anchor: rsaRoot,
    verdict: unknownIssuer,
  },
  {
    row: 36,
    what: "whose intermediate says its algorithm without parameters, inside and outside,",
    behind: [
      otherAuthority(rsaRoot, {
        signer: { ...signers.pkcs1Sha256, algorithm: withoutParameters(signers.pkcs1Sha256.algorithm) },
      }).der,
    ],
    anchor: rsaRoot,
    verdict: weakAlgorithm,
  },
  {
    row: 36,
    what: "whose intermediate says the algorithm of another key, inside and outside,",
    behind: [otherAuthority(root, { signer: { ...root.key, algorithm: ALGORITHM } }).der],
    verdict: weakAlgorithm,
  },
  {
    row: 36,
    what: "whose intermediate has an RSA key of 1024 bits",
    ...belowSmallKey(),
    verdict: {
      alert: "unsupported_certificate",
      says: /unsupported-key: CN=small, .*RSA modulus of 1024 bits is not in 2048\.\.8192/,
    },
  },
];

function belowEcdsaAuthority(): Pick<ChainCase, "issuer" | "behind"> {
  const issuer = issueAuthority(root, { key: testKey("P-256"), subject: "authority of ECDSA" });
  return { issuer, behind: [issuer.der] };
}

function belowSmallKey(): Pick<ChainCase, "issuer" | "behind"> {
  const issuer = issueAuthority(root, { key: testKey("RSA-1024"), subject: "small" });
  return { issuer, behind: [issuer.der] };
}

/** AlgorithmIdentifier without the NULL behind its object identifier. */
function withoutParameters(algorithm: Uint8Array): Uint8Array {
  return derSequence(algorithm.subarray(2, algorithm.length - derNull().length));
}

/** Row 36: chains with a signature that does not verify, or that counts for nothing. */
export const badSignatures: readonly BadChain[] = [...signatures, ...algorithms];
