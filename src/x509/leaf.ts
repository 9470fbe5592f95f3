import { TlsAlert } from "../alert.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { KeyType } from "../crypto/provider.ts";
import { DerError } from "../der/reader.ts";
import { type Certificate, decodeCertificate } from "./certificate.ts";
import { keyAlgorithmOf } from "./key-type.ts";
import { KeyUsageBit } from "./key-usage.ts";

/**
 * A peer's first certificate, with what the handshake itself needs of it: the key that CertificateVerify is checked with.
 * Names, dates, issuers and signatures are not looked at here; that is the trust policy's part.
 */
export interface LeafCertificate {
  readonly certificateType: "x509";
  readonly certificate: Certificate;
  /** The whole certificate; a view of the bytes it was read from. */
  readonly der: Uint8Array;
  /** DER SubjectPublicKeyInfo; a view of {@link der}. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** SHA-256 of {@link subjectPublicKeyInfo}, as key pins are written. */
  readonly spkiSha256: Uint8Array;
  readonly keyType: KeyType;
  /** Whether the keyUsage extension, if there is one, permits digital signatures. RFC 5280 §4.2.1.3. */
  readonly permitsDigitalSignature: boolean;
}

/**
 * Reads a DER certificate (RFC 5280 §4.1), strictly.
 * @throws {TlsAlert} decode_error when it is malformed; unsupported_certificate when its key is of a kind that is not supported.
 */
export function readLeaf(der: Uint8Array): LeafCertificate {
  try {
    const certificate = decodeCertificate(der);
    const { subjectPublicKeyInfo, extensions } = certificate;
    const { keyUsage } = extensions;
    return {
      certificateType: "x509",
      certificate,
      der,
      subjectPublicKeyInfo,
      spkiSha256: sha256.digest(subjectPublicKeyInfo),
      keyType: supportedKeyType(subjectPublicKeyInfo),
      permitsDigitalSignature: keyUsage === undefined || (keyUsage & KeyUsageBit.digitalSignature) !== 0,
    };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new TlsAlert("decode_error", `certificate is malformed: ${error.message}`, { cause: error });
  }
}

/** @throws {DerError} when it is malformed. @throws {TlsAlert} unsupported_certificate. */
export function supportedKeyType(subjectPublicKeyInfo: Uint8Array): KeyType {
  const { keyType, oid } = keyAlgorithmOf(subjectPublicKeyInfo);
  if (keyType !== undefined) return keyType;
  throw new TlsAlert("unsupported_certificate", `key algorithm ${oid} is not supported`);
}
