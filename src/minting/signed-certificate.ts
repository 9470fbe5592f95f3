import type { Extension, Name } from "@peculiar/x509";
import { hex } from "../bytes.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { SigningKey } from "../crypto/provider.ts";
import { systemRandom } from "../crypto/random.ts";
import { readDer } from "../der/reader.ts";
import { derBitString, derSequence } from "../der/writer.ts";
import { ConfigError } from "../errors.ts";
import { SignatureScheme } from "../messages/codepoints.ts";
import { decodeCertificate } from "../x509/certificate.ts";
import { webCrypto } from "./key-pair.ts";
import { x509 } from "./peculiar.ts";
import type { Validity } from "./validity.ts";

/** What a certificate is to say. */
export interface CertificateDraft {
  readonly subject: Name;
  readonly issuer: Name;
  /** DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly validity: Validity;
  readonly extensions: readonly Extension[];
}

/**
 * A certificate, signed with the issuer's key, wherever that lives. Its serial number is random, and of 16 bytes.
 *
 * @returns DER.
 * @throws {ConfigError} for a key that signs no scheme that certificates are signed with. What the key itself throws is passed on.
 */
export async function signCertificate(draft: CertificateDraft, key: SigningKey): Promise<Uint8Array> {
  const algorithm = signatureAlgorithmOf(key);
  const unsigned = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerialNumber(),
      subject: draft.subject,
      issuer: draft.issuer,
      notBefore: new Date(draft.validity.notBeforeSeconds * 1000),
      notAfter: new Date(draft.validity.notAfterSeconds * 1000),
      publicKey: draft.subjectPublicKeyInfo.slice(),
      extensions: [...draft.extensions],
      signingAlgorithm: algorithm,
      // The signature is to come, and needs the bytes that it signs.
      signature: new Uint8Array(64).fill(1),
    },
    webCrypto(),
  );
  const { tbs, signatureAlgorithm } = decodeCertificate(new Uint8Array(unsigned.rawData));
  const signature = await key.sign(algorithm.scheme, tbs, systemRandom);
  return derSequence(tbs, signatureAlgorithm, derBitString(signature));
}

/**
 * An identifier for a key, in hexadecimal: the first 160 bits of the SHA-256 digest of the BIT STRING's bytes (RFC 7093 §2, method 1).
 *
 * @param subjectPublicKeyInfo DER.
 */
export function keyIdentifierOf(subjectPublicKeyInfo: Uint8Array): string {
  const key = readDer(subjectPublicKeyInfo, (outer) =>
    outer.sequence((info) => {
      info.skip();
      return info.bitStringBytes();
    }),
  );
  return hex(sha256.digest(key).subarray(0, 20));
}

/** How a certificate is signed, as TLS and as WebCrypto name it. */
interface SignatureAlgorithm {
  readonly scheme: number;
  readonly name: string;
  readonly hash?: string;
  readonly saltLength?: number;
}

/** PKCS #1 v1.5 for RSA keys that sign it, since every client verifies it; for others what the key prefers. */
function signatureAlgorithmOf({ keyType, schemes, tls12Schemes }: SigningKey): SignatureAlgorithm {
  const [preferred] = signatureAlgorithms;
  if (preferred !== undefined && tls12Schemes?.includes(preferred.scheme) === true) return preferred;
  for (const scheme of [...schemes, ...(tls12Schemes ?? [])]) {
    const known = signatureAlgorithms.find((algorithm) => algorithm.scheme === scheme);
    if (known !== undefined) return known;
  }
  throw new ConfigError("authority", keyType, "a key that signs one of the schemes of RFC 8446 §4.2.3");
}

const PKCS1 = "RSASSA-PKCS1-v1_5";
const PSS = "RSA-PSS";

const signatureAlgorithms: readonly SignatureAlgorithm[] = [
  { scheme: SignatureScheme.rsa_pkcs1_sha256, name: PKCS1, hash: "SHA-256" },
  { scheme: SignatureScheme.rsa_pkcs1_sha384, name: PKCS1, hash: "SHA-384" },
  { scheme: SignatureScheme.rsa_pkcs1_sha512, name: PKCS1, hash: "SHA-512" },
  { scheme: SignatureScheme.rsa_pss_rsae_sha256, name: PSS, hash: "SHA-256", saltLength: 32 },
  { scheme: SignatureScheme.rsa_pss_rsae_sha384, name: PSS, hash: "SHA-384", saltLength: 48 },
  { scheme: SignatureScheme.rsa_pss_rsae_sha512, name: PSS, hash: "SHA-512", saltLength: 64 },
  { scheme: SignatureScheme.rsa_pss_pss_sha256, name: PSS, hash: "SHA-256", saltLength: 32 },
  { scheme: SignatureScheme.rsa_pss_pss_sha384, name: PSS, hash: "SHA-384", saltLength: 48 },
  { scheme: SignatureScheme.rsa_pss_pss_sha512, name: PSS, hash: "SHA-512", saltLength: 64 },
  { scheme: SignatureScheme.ecdsa_secp256r1_sha256, name: "ECDSA", hash: "SHA-256" },
  { scheme: SignatureScheme.ecdsa_secp384r1_sha384, name: "ECDSA", hash: "SHA-384" },
  { scheme: SignatureScheme.ecdsa_secp521r1_sha512, name: "ECDSA", hash: "SHA-512" },
  { scheme: SignatureScheme.ed25519, name: "Ed25519" },
];

/** Hexadecimal. The first byte is positive and not zero, so the INTEGER has as many bytes whatever they are (RFC 5280 §4.1.2.2). */
function randomSerialNumber(): string {
  const bytes = systemRandom(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return hex(bytes);
}
