import { constants, createPublicKey, verify } from "node:crypto";

import { TlsAlert } from "../../src/alert.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { readLeaf } from "../../src/x509/leaf.ts";
import type { ObservedProof } from "../support/observer.ts";

/** How a signature of a handshake was checked, and with which result. */
export interface CheckedProof {
  /** Signer and scheme, such as `"server ed25519"`. */
  readonly name: string;
  /** By our verifier; by node:crypto only where ours refuses the key, because it is too small. */
  readonly by: "tls-engine" | "node:crypto";
  readonly isGenuine: boolean;
}

/** Checks the signature of a CertificateVerify or ServerKeyExchange under the key of its certificate. */
export async function checkProof(proof: ObservedProof): Promise<CheckedProof> {
  const { version, signer, algorithm, content, signature, certificate } = proof;
  const { subjectPublicKeyInfo, keyType } = readLeaf(certificate);
  const name = `${signer} ${codepointName(SignatureScheme, algorithm)}`;
  const verifier = nobleSignatureVerifiers.find(
    ({ id, inHandshake, tls12KeyTypes }) =>
      id === algorithm && (version === "TLSv1.3" ? inHandshake : tls12KeyTypes.includes(keyType)),
  );
  if (verifier === undefined)
    throw new Error(`${name} has no verifier in ${version} for a key of ${keyType}`);
  try {
    const isGenuine = await verifier.verify(subjectPublicKeyInfo, content, signature);
    return { name, by: "tls-engine", isGenuine };
  } catch (error) {
    if (
      !(error instanceof TlsAlert) ||
      !error.message.startsWith("unsupported_certificate: RSA modulus of 1024 bits")
    )
      throw error;
    return {
      name,
      by: "node:crypto",
      isGenuine: verifyRsaSha256(algorithm, subjectPublicKeyInfo, content, signature),
    };
  }
}

/** rsa_pss_rsae_sha256 or rsa_pkcs1_sha256 by node:crypto, for keys of any size. */
function verifyRsaSha256(
  algorithm: number,
  subjectPublicKeyInfo: Uint8Array,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  switch (algorithm) {
    case SignatureScheme.rsa_pss_rsae_sha256:
      return verifyRsaPssSha256(subjectPublicKeyInfo, content, signature);
    case SignatureScheme.rsa_pkcs1_sha256: {
      const key = createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: "der", type: "spki" });
      return verify("sha256", content, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    }
    default:
      throw new Error(`${codepointName(SignatureScheme, algorithm)} is not checked by node:crypto here`);
  }
}

/** rsa_pss_rsae_sha256 (RFC 8446 §4.2.3) by node:crypto, for keys of any size. */
export function verifyRsaPssSha256(
  subjectPublicKeyInfo: Uint8Array,
  content: Uint8Array,
  signature: Uint8Array,
): boolean {
  const key = createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: "der", type: "spki" });
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return verify("sha256", content, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature);
}
