import { TlsAlert } from "../alert.ts";
import { hex } from "../bytes.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { KeyType } from "../crypto/provider.ts";
import { DerError } from "../der/reader.ts";
import { showName } from "./distinguished-name.ts";
import { type LeafCertificate, supportedKeyType } from "./leaf.ts";

/** What a peer shows of its key: a certificate, or the key and nothing else (RFC 7250). */
export type CertificateTypeName = "x509" | "raw-public-key";

/** A peer's key without a certificate around it: nobody says whose it is, or until when. RFC 7250. */
export interface RawPublicKeyLeaf {
  readonly certificateType: "raw-public-key";
  /** There is none. */
  readonly certificate: null;
  /** DER SubjectPublicKeyInfo; a view of the bytes it was read from. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** SHA-256 of {@link subjectPublicKeyInfo}, as key pins are written. */
  readonly spkiSha256: Uint8Array;
  readonly keyType: KeyType;
}

/** The key of a peer, with the certificate that it is in, if it is in one. `certificate` and `certificateType` tell which. */
export type Leaf = LeafCertificate | RawPublicKeyLeaf;

/**
 * Reads what a peer shows in place of a certificate: a DER SubjectPublicKeyInfo (RFC 5280 §4.1). The key in it is looked at when it is used.
 * @throws {TlsAlert} decode_error when it is malformed; unsupported_certificate when it is of a kind that is not supported.
 */
export function readRawPublicKey(subjectPublicKeyInfo: Uint8Array): RawPublicKeyLeaf {
  try {
    return {
      certificateType: "raw-public-key",
      certificate: null,
      subjectPublicKeyInfo,
      spkiSha256: sha256.digest(subjectPublicKeyInfo),
      keyType: supportedKeyType(subjectPublicKeyInfo),
    };
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new TlsAlert("decode_error", `raw public key is malformed: ${error.message}`, { cause: error });
  }
}

/** Whose key it is, as text for people: the subject of the certificate, or the hash of the raw key. */
export function showLeaf({ certificate, spkiSha256 }: Leaf): string {
  return certificate === null ? `raw public key ${hex(spkiSha256)}` : showName(certificate.subject);
}
