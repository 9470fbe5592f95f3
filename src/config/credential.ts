import { equalBytes } from "../bytes.ts";
import { signingKeyFromPem } from "../crypto/private-key.ts";
import type { SigningKey } from "../crypto/provider.ts";
import { parsePem } from "../der/pem.ts";
import { ConfigError } from "../errors.ts";
import { readLeaf } from "../x509/leaf.ts";

/** A certificate chain and the key that proves it. */
export interface Credential {
  /** DER certificates, the leaf first, each one certified by the next. */
  readonly certificateChain: readonly Uint8Array[];
  readonly key: SigningKey;
  /** An OCSPResponse in DER to staple, if the peer asks for one. */
  readonly ocspResponse?: Uint8Array;
  /** Signed certificate timestamps to send (RFC 6962), if the peer asks for them. */
  readonly signedCertificateTimestamps?: readonly Uint8Array[];
}

/** What {@link credential} takes: the same as it gives, or PEM. */
export interface CredentialOptions {
  /** PEM text with one or more CERTIFICATE blocks, or DER certificates; the leaf first. Copied. */
  readonly certificateChain: string | readonly Uint8Array[];
  /** PEM text with the private key (PKCS#8, SEC1 or PKCS#1), or a key that signs elsewhere. */
  readonly key: string | SigningKey;
  readonly ocspResponse?: Uint8Array;
  readonly signedCertificateTimestamps?: readonly Uint8Array[];
}

/** A checked credential. @throws {ConfigError} when the chain or the key cannot be read, or do not belong together. */
export function credential(options: CredentialOptions): Credential {
  const certificateChain =
    typeof options.certificateChain === "string"
      ? certificatesFromPem(options.certificateChain)
      : options.certificateChain.map((der) => der.slice());
  const [leafDer] = certificateChain;
  if (leafDer === undefined) throw new ConfigError("certificateChain", "", "at least one certificate");
  const leaf = readOwnLeaf(leafDer);
  const key = typeof options.key === "string" ? signingKeyFromPem(options.key) : options.key;
  const { subjectPublicKeyInfo } = key;
  if (subjectPublicKeyInfo !== undefined && !equalBytes(subjectPublicKeyInfo, leaf.subjectPublicKeyInfo)) {
    throw new ConfigError("key", key.keyType, "the private key of the first certificate");
  }
  return Object.freeze({
    certificateChain,
    key,
    ...(options.ocspResponse !== undefined && { ocspResponse: options.ocspResponse.slice() }),
    ...(options.signedCertificateTimestamps !== undefined && {
      signedCertificateTimestamps: options.signedCertificateTimestamps.map((sct) => sct.slice()),
    }),
  });
}

/** The DER certificates of PEM text, in order. Other blocks are passed over. @throws {ConfigError} for text that is not PEM. */
export function certificatesFromPem(text: string): readonly Uint8Array[] {
  return parsePem(text)
    .filter(({ label }) => label === "CERTIFICATE")
    .map(({ bytes }) => bytes);
}

function readOwnLeaf(der: Uint8Array): { readonly subjectPublicKeyInfo: Uint8Array } {
  try {
    return readLeaf(der);
  } catch (cause) {
    const error = new ConfigError("certificateChain", der, "DER certificates");
    error.cause = cause;
    throw error;
  }
}
