import { constants, createPublicKey, verify } from "node:crypto";

import { TlsAlert } from "../../src/alert.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { readLeaf } from "../../src/x509/leaf.ts";
import type { ObservedProof } from "../support/observer.ts";

/** How a CertificateVerify was checked, and with which result. */
export interface CheckedProof {
  /** Signer and scheme, such as `"server ed25519"`. */
  readonly name: string;
  /** By our verifier; by node:crypto only where ours refuses the key, because it is too small. */
  readonly by: "tls-engine" | "node:crypto";
  readonly isGenuine: boolean;
}

/** Checks the signature of a CertificateVerify under the key of its certificate. */
export async function checkProof(proof: ObservedProof): Promise<CheckedProof> {
  const { signer, algorithm, content, signature, certificate } = proof;
  const { subjectPublicKeyInfo } = readLeaf(certificate);
  const name = `${signer} ${codepointName(SignatureScheme, algorithm)}`;
  const verifier = nobleSignatureVerifiers.find(({ id, inHandshake }) => id === algorithm && inHandshake);
  if (verifier === undefined) throw new Error(`${name} has no verifier`);
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
      isGenuine: verifyRsaPssSha256(subjectPublicKeyInfo, content, signature),
    };
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
