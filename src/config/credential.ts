import { equalBytes } from "../bytes.ts";
import { signingKeyFromPem } from "../crypto/private-key.ts";
import type { SigningKey } from "../crypto/provider.ts";
import { parsePem } from "../der/pem.ts";
import { DerError } from "../der/reader.ts";
import { ConfigError } from "../errors.ts";
import { type LeafCertificate, readLeaf } from "../x509/leaf.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";

/** A certificate chain and the key that proves it; or a raw public key, as {@link rawPublicKey} makes it. */
export interface Credential {
  /** Default: x509. With a raw public key there are no staples. RFC 7250. */
  readonly certificateType?: CertificateTypeName;
  /** DER certificates, the leaf first, each one certified by the next; of a raw public key its DER SubjectPublicKeyInfo alone. */
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

/**
 * A checked credential.
 * @throws {ConfigError} when the chain or the key cannot be read, or do not belong together; and for a staple that cannot be sent.
 */
export function credential(options: CredentialOptions): Credential {
  const certificateChain =
    typeof options.certificateChain === "string"
      ? certificatesFromPem(options.certificateChain)
      : options.certificateChain.map((der) => der.slice());
  const [leafDer] = certificateChain;
  if (leafDer === undefined) throw new ConfigError("certificateChain", "", "at least one certificate");
  const leaf = readOwnLeaf(leafDer);
  const key = typeof options.key === "string" ? signingKeyFromPem(options.key) : options.key;
  const { keyType, subjectPublicKeyInfo = leaf.subjectPublicKeyInfo } = key;
  if (keyType !== leaf.keyType || !equalBytes(subjectPublicKeyInfo, leaf.subjectPublicKeyInfo)) {
    throw new ConfigError(
      "key",
      keyType,
      `the private key of the first certificate, which is ${leaf.keyType}`,
    );
  }
  checkStaples(options);
  return Object.freeze({
    certificateChain,
    key,
    ...(options.ocspResponse !== undefined && { ocspResponse: options.ocspResponse.slice() }),
    ...(options.signedCertificateTimestamps !== undefined && {
      signedCertificateTimestamps: options.signedCertificateTimestamps.map((sct) => sct.slice()),
    }),
  });
}

/** Where one credential may stand for a list of them. */
export function listOf(given: Credential | readonly Credential[]): readonly Credential[] {
  // `isArray` does not tell a readonly array from the rest.
  return Array.isArray(given) ? (given as readonly Credential[]) : [given as Credential];
}

/**
 * Credentials that were made by hand, or without types, may lack what a handshake needs.
 *
 * @param given what the option holds, for the message.
 * @throws {ConfigError} naming `option`.
 */
export function checkCredentials(
  option: string,
  credentials: readonly Credential[],
  given: unknown = credentials,
): readonly Credential[] {
  for (const credential of credentials as readonly (Partial<Credential> | null)[]) {
    const { certificateChain, key } = credential ?? {};
    if (!Array.isArray(certificateChain) || typeof key?.sign !== "function" || !Array.isArray(key.schemes)) {
      throw new ConfigError(option, given, "a credential as credential() makes it");
    }
    if (certificateChain.length === 0) {
      throw new ConfigError(option, "an empty chain", "at least one certificate each");
    }
    checkType(option, credential);
  }
  return credentials;
}

function checkType(option: string, credential: Partial<Credential> | null): void {
  const { certificateType = "x509", certificateChain = [], ...staples } = credential ?? {};
  if (certificateType === "x509") return;
  const isBare =
    certificateChain.length === 1 &&
    staples.ocspResponse === undefined &&
    staples.signedCertificateTimestamps === undefined;
  if (certificateType !== "raw-public-key" || !isBare) {
    throw new ConfigError(
      option,
      certificateType,
      "credentials with certificateType x509, or raw-public-key with one key and no staples",
    );
  }
}

/** The DER certificates of PEM text, in order. Other blocks are passed over. @throws {ConfigError} for text that is not PEM. */
export function certificatesFromPem(text: string): readonly Uint8Array[] {
  try {
    return parsePem(text)
      .filter(({ label }) => label === "CERTIFICATE")
      .map(({ bytes }) => bytes);
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw refusal(`text that is not PEM: ${cause.message}`, "PEM text with CERTIFICATE blocks", cause);
  }
}

function readOwnLeaf(der: Uint8Array): LeafCertificate {
  try {
    return readLeaf(der);
  } catch (cause) {
    throw refusal(der, "DER certificates", cause);
  }
}

function refusal(value: unknown, allowed: string, cause: unknown): ConfigError {
  const error = new ConfigError("certificateChain", value, allowed);
  error.cause = cause;
  return error;
}

/** The bounds of what goes into Certificate. RFC 8446 §4.4.2.1, RFC 6962 §3.3. */
function checkStaples({ ocspResponse, signedCertificateTimestamps }: CredentialOptions): void {
  if (ocspResponse?.length === 0) throw new ConfigError("ocspResponse", ocspResponse, "1 byte and more");
  const lengths = signedCertificateTimestamps?.map(({ length }) => length);
  if (lengths === undefined) return;
  const total = lengths.reduce((sum, length) => sum + 2 + length, 0);
  if (lengths.includes(0) || total < 1 || total >= 2 ** 16) {
    throw new ConfigError(
      "signedCertificateTimestamps",
      signedCertificateTimestamps,
      `at least one, each of 1 byte and more, of ${2 ** 16 - 1} bytes together with 2 for each`,
    );
  }
}
