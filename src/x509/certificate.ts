import { equalBytes } from "../bytes.ts";
import { type DerReader, readDer } from "../der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../der/tags.ts";
import { type CertificateExtensions, readExtensions } from "./certificate-extensions.ts";
import { readName } from "./distinguished-name.ts";
import { readTime } from "./time.ts";

/**
 * A decoded certificate (RFC 5280 §4.1): its form is right, and nothing is said about whether it may be trusted. All bytes are views of
 * {@link der}, which must not change.
 */
export interface Certificate {
  /** The whole certificate. */
  readonly der: Uint8Array;
  /** The whole DER TBSCertificate, which {@link signature} signs. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** The contents of the INTEGER: two's complement, as short as it can be, of any length; some CAs have issued 0 and negative ones. */
  readonly serialNumber: Uint8Array;
  /** The whole DER AlgorithmIdentifier of {@link signature}; that inside of {@link tbs} is the same. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** A whole DER Name, perhaps an empty one. */
  readonly issuer: Uint8Array;
  /** A whole DER Name, perhaps an empty one. */
  readonly subject: Uint8Array;
  /** The first second at which it is valid, since 1970. It may be after {@link notAfterSeconds}. */
  readonly notBeforeSeconds: number;
  /** The last second at which it is valid, since 1970. */
  readonly notAfterSeconds: number;
  /** Whether a date before 2050 is a GeneralizedTime: RFC 5280 §4.1.2.5 forbids it, and a few roots have it all the same. */
  readonly hasEarlyGeneralizedTime: boolean;
  /** The whole DER SubjectPublicKeyInfo; the key in it is not looked at. */
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly extensions: CertificateExtensions;
}

/**
 * Decodes a DER certificate.
 *
 *     Certificate ::= SEQUENCE {
 *       tbsCertificate     TBSCertificate,
 *       signatureAlgorithm AlgorithmIdentifier,
 *       signatureValue     BIT STRING }
 *
 * The work is bounded by the length of `der`, which the caller limits.
 *
 * @throws {DerError} with what is wrong and at which offset, for anything that is not exactly DER: bytes behind any element, defaults that
 *   are encoded, an extension that occurs twice, extensions or unique identifiers in versions that have none, and so on.
 */
export function decodeCertificate(der: Uint8Array): Certificate {
  return readDer(der, (outer) =>
    outer.sequence((certificate) => {
      const { innerAlgorithm, ...fields } = certificate.sequence(readTbsCertificate);
      const tbs = certificate.lastElement();
      const signatureAlgorithm = certificate.element(DerTag.SEQUENCE);
      if (!equalBytes(signatureAlgorithm, innerAlgorithm)) {
        throw certificate.error("signatureAlgorithm is not that of tbsCertificate");
      }
      return { der, tbs, signatureAlgorithm, signature: certificate.bitStringBytes(), ...fields };
    }),
  );
}

/**
 *     TBSCertificate ::= SEQUENCE {
 *       version         [0] EXPLICIT Version DEFAULT v1,
 *       serialNumber    INTEGER,
 *       signature       AlgorithmIdentifier,
 *       issuer          Name,
 *       validity        SEQUENCE { notBefore Time, notAfter Time },
 *       subject         Name,
 *       subjectPublicKeyInfo SEQUENCE { AlgorithmIdentifier, BIT STRING },
 *       issuerUniqueID  [1] IMPLICIT BIT STRING OPTIONAL,   -- v2 or v3
 *       subjectUniqueID [2] IMPLICIT BIT STRING OPTIONAL,   -- v2 or v3
 *       extensions      [3] EXPLICIT Extensions OPTIONAL }  -- v3
 */
function readTbsCertificate(tbs: DerReader) {
  const version: 1 | 2 | 3 = tbs.optionalExplicit(0, readVersion) ?? 1;
  const serialNumber = tbs.integerBytes();
  const innerAlgorithm = readAlgorithm(tbs);
  const issuer = readName(tbs);
  const validity = tbs.sequence(readValidity);
  const subject = readName(tbs);
  tbs.sequence(checkPublicKeyInfo);
  const subjectPublicKeyInfo = tbs.lastElement();
  checkUniqueIdentifier(tbs, contextPrimitive(1), version);
  checkUniqueIdentifier(tbs, contextPrimitive(2), version);
  if (tbs.nextTag === contextConstructed(3) && version !== 3) {
    tbs.skip();
    throw tbs.error(`a certificate of version ${version} has extensions`);
  }
  const extensions = tbs.optionalExplicit(3, readExtensions) ?? { all: [], unknownCritical: [] };
  return {
    version,
    serialNumber,
    innerAlgorithm,
    issuer,
    ...validity,
    subject,
    subjectPublicKeyInfo,
    extensions,
  };
}

function readVersion(explicit: DerReader): 2 | 3 {
  const version = 1 + explicit.smallInteger(0xff);
  if (version === 2 || version === 3) return version;
  throw explicit.error(
    version === 1 ? "version 1 is the default, which DER does not encode" : `there is no version ${version}`,
  );
}

/** The whole AlgorithmIdentifier. What its parameters may be is a matter of the algorithm. */
function readAlgorithm(reader: DerReader): Uint8Array {
  reader.sequence((algorithm) => {
    algorithm.objectIdentifierBytes();
    if (!algorithm.isAtEnd) algorithm.skip();
  });
  return reader.lastElement();
}

function readValidity(validity: DerReader) {
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  return {
    notBeforeSeconds: notBefore.seconds,
    notAfterSeconds: notAfter.seconds,
    hasEarlyGeneralizedTime: notBefore.isEarlyGeneralizedTime || notAfter.isEarlyGeneralizedTime,
  };
}

function checkPublicKeyInfo(info: DerReader): void {
  readAlgorithm(info);
  info.bitStringBytes();
}

function checkUniqueIdentifier(tbs: DerReader, tag: number, version: number): void {
  if (tbs.nextTag !== tag) return;
  tbs.bitString(tag);
  if (version === 1) throw tbs.error("a certificate of version 1 has a unique identifier");
}
