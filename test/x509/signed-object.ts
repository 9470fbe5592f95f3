import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import { defaultPathLimits, PathBudget } from "../../src/x509/budget.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import type { Finding } from "../../src/x509/path-rules.ts";
import { SignatureChecks, type SignedObject } from "../../src/x509/signature-checks.ts";
import { buildCertificate } from "./certificate-builder.ts";

/** Bytes that are signed as a certificate is, and the key. */
export interface SignedBytes {
  /** What stands where tbsCertificate would. */
  readonly message: Uint8Array;
  /** DER AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  /** DER BIT STRING. */
  readonly signature: Uint8Array;
  /** DER SubjectPublicKeyInfo of the issuer. */
  readonly subjectPublicKeyInfo: Uint8Array;
}

/**
 * What a path finds wrong with the signature, once a certificate with that key is its issuer; null when it is genuine. This is all
 * that a path does about a signature: both certificates are decoded, the key is read, the scheme looked up, the budget charged, the
 * verifier asked. Only the bytes that are signed are others than those of the certificate that has the signature.
 *
 * @throws {DerError} when there is no certificate with such a key, algorithm or signature.
 */
export function findSignatureFault(
  { message, algorithm, signature, subjectPublicKeyInfo }: SignedBytes,
  verifiers: readonly SignatureVerifier[],
): Finding | null {
  const issuer = decodeCertificate(buildCertificate({ subjectPublicKeyInfo }));
  const child = decodeCertificate(buildCertificate({ innerAlgorithm: algorithm, signature }));
  const signed: SignedObject = { ...child, tbs: message };
  const checks = new SignatureChecks(verifiers, new PathBudget(defaultPathLimits));
  const step = checks.findFault(signed, issuer).next();
  if (step.done !== true) throw new Error("these verifiers answer at once");
  return step.value;
}
