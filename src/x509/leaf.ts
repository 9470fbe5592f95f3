import { TlsAlert } from "../alert.ts";
import { type AlgorithmIdentifier, readAlgorithmIdentifier } from "../crypto/algorithm-identifier.ts";
import { namedCurves } from "../crypto/curves.ts";
import { sha256 } from "../crypto/hashes.ts";
import { Oid } from "../crypto/object-identifiers.ts";
import type { KeyType } from "../crypto/provider.ts";
import { DerError, type DerReader, readDer } from "../der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../der/tags.ts";

/**
 * What the handshake itself needs of a peer's first certificate: the key that CertificateVerify is checked with.
 * Names, dates, issuers and signatures are not looked at here; that is the trust policy's part.
 */
export interface LeafCertificate {
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
 * Reads a DER certificate (RFC 5280 §4.1) as far as the handshake needs it.
 * @throws {TlsAlert} decode_error when it is malformed; unsupported_certificate when its key is of a kind that is not supported.
 */
export function readLeaf(der: Uint8Array): LeafCertificate {
  try {
    return readDer(der, (outer) =>
      outer.sequence((certificate) => {
        const leaf = certificate.sequence((tbs) => readTbsCertificate(der, tbs));
        certificate.element(DerTag.SEQUENCE);
        certificate.bitString();
        return leaf;
      }),
    );
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new TlsAlert("decode_error", `certificate is malformed: ${error.message}`, { cause: error });
  }
}

function readTbsCertificate(der: Uint8Array, tbs: DerReader): LeafCertificate {
  tbs.optionalExplicit(0, (version) => version.smallInteger(2));
  tbs.integerBytes();
  tbs.element(DerTag.SEQUENCE); // signature
  tbs.element(DerTag.SEQUENCE); // issuer
  tbs.element(DerTag.SEQUENCE); // validity
  tbs.element(DerTag.SEQUENCE); // subject
  const subjectPublicKeyInfo = tbs.element(DerTag.SEQUENCE);
  tbs.optional(contextPrimitive(1));
  tbs.optional(contextPrimitive(2));
  const extensions = tbs.optional(contextConstructed(3));
  return {
    der,
    subjectPublicKeyInfo,
    spkiSha256: sha256.digest(subjectPublicKeyInfo),
    keyType: keyTypeOf(subjectPublicKeyInfo),
    permitsDigitalSignature: extensions === undefined || permitsDigitalSignature(extensions),
  };
}

function keyTypeOf(subjectPublicKeyInfo: Uint8Array): KeyType {
  const algorithm = readDer(subjectPublicKeyInfo, (outer) =>
    outer.sequence((info) => {
      const identifier = readAlgorithmIdentifier(info);
      info.bitString();
      return identifier;
    }),
  );
  const keyType = keyTypeOfAlgorithm(algorithm);
  if (keyType === undefined) {
    throw new TlsAlert("unsupported_certificate", `key algorithm ${algorithm.oid} is not supported`);
  }
  return keyType;
}

function keyTypeOfAlgorithm({ oid, parameters }: AlgorithmIdentifier): KeyType | undefined {
  switch (oid) {
    case Oid.rsaEncryption:
      return "rsa";
    case Oid.rsassaPss:
      return "rsa-pss";
    case Oid.ed25519:
      return "ed25519";
    case Oid.ecPublicKey: {
      // Anything but an OID is explicit parameters, which nobody should have to check.
      if (parameters?.[0] !== DerTag.OBJECT_IDENTIFIER) return undefined;
      const curve = readDer(parameters, (reader) => reader.objectIdentifier());
      return namedCurves.find((known) => known.oid === curve)?.keyType;
    }
    default:
      return undefined;
  }
}

const KEY_USAGE = "2.5.29.15";

/** digitalSignature is bit 0, the highest bit of the first byte. */
const DIGITAL_SIGNATURE = 0x80;

function permitsDigitalSignature(explicit: Uint8Array): boolean {
  return readDer(explicit, (outer) =>
    outer.sequence((list) => {
      let permitted = true;
      while (!list.isAtEnd) {
        list.sequence((extension) => {
          const oid = extension.objectIdentifier();
          if (extension.nextTag === DerTag.BOOLEAN) extension.boolean();
          const value = extension.octetString();
          if (oid !== KEY_USAGE) return;
          const { bytes } = readDer(value, (reader) => reader.bitString());
          permitted = ((bytes[0] ?? 0) & DIGITAL_SIGNATURE) !== 0;
        });
      }
      return permitted;
    }),
  );
}
