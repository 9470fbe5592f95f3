import { equalBytes, hex } from "../bytes.ts";
import { type DerReader, readDer } from "../der/reader.ts";
import { contextConstructed, DerTag } from "../der/tags.ts";
import { type CertificateExtensions, readExtensions } from "./certificate-extensions.ts";
import { readName } from "./distinguished-name.ts";
import { readTime } from "./time.ts";

/**
 * A decoded CertificateList (RFC 5280 §5.1) that is complete for its issuer: one with all reasons, for all of the issuer's certificates
 * and only for those. Nothing is said about its signature. Bytes are views of {@link der}, which must not change.
 */
export interface CertificateList {
  readonly der: Uint8Array;
  /** The whole DER TBSCertList, which {@link signature} signs. */
  readonly tbs: Uint8Array;
  /** The whole DER AlgorithmIdentifier of {@link signature}; that inside of {@link tbs} is the same. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** A whole DER Name. */
  readonly issuer: Uint8Array;
  /** Since 1970. */
  readonly thisUpdateSeconds: number;
  /** Since 1970. */
  readonly nextUpdateSeconds: number;
  /** Which of the issuer's keys signed it, if it says so. */
  readonly authorityKeyIdentifier: Uint8Array | undefined;
  /** Whether a certificate of the issuer is revoked, by the contents of its serial number. */
  isRevoked(serialNumber: Uint8Array): boolean;
}

/**
 * Decodes a DER CertificateList.
 *
 *     CertificateList ::= SEQUENCE {
 *       tbsCertList        TBSCertList,
 *       signatureAlgorithm AlgorithmIdentifier,
 *       signatureValue     BIT STRING }
 *
 * @throws {DerError} with what is wrong and where, for anything that is not exactly DER, and for a list that cannot be used: without
 *   nextUpdate or cRLNumber, which RFC 5280 §5.1.2.5 and §5.2.3 demand, for a delta, indirect or partial list, for one with a critical extension,
 *   or with an entry that has a critical extension (§5.3).
 */
export function decodeCertificateList(der: Uint8Array): CertificateList {
  return readDer(der, (outer) =>
    outer.sequence((list) => {
      const { innerAlgorithm, revoked, ...fields } = list.sequence(readTbsCertList);
      const tbs = list.lastElement();
      const signatureAlgorithm = list.element(DerTag.SEQUENCE);
      if (!equalBytes(signatureAlgorithm, innerAlgorithm))
        throw list.error("signatureAlgorithm is not that of tbsCertList");
      const signature = list.bitStringBytes();
      const isRevoked = (serialNumber: Uint8Array): boolean => revoked.has(hex(serialNumber));
      return { der, tbs, signatureAlgorithm, signature, isRevoked, ...fields };
    }),
  );
}

/**
 *     TBSCertList ::= SEQUENCE {
 *       version             INTEGER { v2(1) },   -- optional in the syntax; extensions need it
 *       signature           AlgorithmIdentifier,
 *       issuer              Name,
 *       thisUpdate          Time,
 *       nextUpdate          Time OPTIONAL,
 *       revokedCertificates SEQUENCE OF SEQUENCE { ... } OPTIONAL,
 *       crlExtensions       [0] EXPLICIT Extensions OPTIONAL }
 */
function readTbsCertList(tbs: DerReader) {
  const version = tbs.nextTag === DerTag.INTEGER ? tbs.smallInteger(0xff) : 0;
  if (version !== 1) throw tbs.error("it is not of version 2");
  tbs.sequence((algorithm) => {
    algorithm.objectIdentifierBytes();
    if (!algorithm.isAtEnd) algorithm.skip();
  });
  const innerAlgorithm = tbs.lastElement();
  const issuer = readName(tbs);
  const thisUpdateSeconds = readUpdate(tbs);
  if (!isTime(tbs.nextTag)) throw tbs.error("there is no nextUpdate");
  const nextUpdateSeconds = readUpdate(tbs);
  const revoked = tbs.nextTag === DerTag.SEQUENCE ? tbs.sequence(readRevokedCertificates) : new Set<string>();
  const hasExtensions = tbs.nextTag === contextConstructed(0);
  const extensions = hasExtensions ? tbs.nested(contextConstructed(0), readExtensions) : undefined;
  const fault = extensionFault(extensions);
  if (fault !== undefined) throw tbs.error(fault);
  const authorityKeyIdentifier = extensions?.authorityKeyIdentifier?.keyIdentifier;
  return { innerAlgorithm, issuer, thisUpdateSeconds, nextUpdateSeconds, revoked, authorityKeyIdentifier };
}

function isTime(tag: number | undefined): boolean {
  return tag === DerTag.UTCTime || tag === DerTag.GeneralizedTime;
}

function readUpdate(tbs: DerReader): number {
  const { seconds, isEarlyGeneralizedTime } = readTime(tbs);
  if (isEarlyGeneralizedTime) throw tbs.error("a date before 2050 is a GeneralizedTime");
  return seconds;
}

const CRL_NUMBER = "2.5.29.20";
/** Bytes of a cRLNumber. RFC 5280 §5.2.3. */
const MAX_CRL_NUMBER_LENGTH = 20;
/** What makes a list say something else than a complete one: they must be critical, and are refused without that too. RFC 5280 §5.2.4, §5.2.5. */
const INCOMPLETE: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["2.5.29.27", "deltaCRLIndicator"],
  ["2.5.29.28", "issuingDistributionPoint"],
]);
/** Names the issuer of this entry and all that follow. RFC 5280 §5.3.3. */
const CERTIFICATE_ISSUER = "2.5.29.29";

function extensionFault(extensions: CertificateExtensions | undefined): string | undefined {
  const incomplete = extensions?.all.find(({ oid }) => INCOMPLETE.has(oid));
  if (incomplete !== undefined)
    return `it has ${INCOMPLETE.get(incomplete.oid)}, and only complete lists are taken`;
  const critical = extensions?.all.find((extension) => extension.critical);
  if (critical !== undefined) return `extension ${critical.oid} is critical, and is not known or must not be`;
  const number = extensions?.all.find(({ oid }) => oid === CRL_NUMBER);
  if (number === undefined) return "there is no cRLNumber";
  const { length } = readDer(number.value, (reader) => reader.unsignedInteger());
  return length > MAX_CRL_NUMBER_LENGTH ? `its cRLNumber has ${length} bytes` : undefined;
}

/**
 *     SEQUENCE {
 *       userCertificate    CertificateSerialNumber,
 *       revocationDate     Time,
 *       crlEntryExtensions Extensions OPTIONAL }
 *
 * For whatever reason and since whenever: the certificate is revoked, on hold too.
 */
function readRevokedCertificates(list: DerReader): ReadonlySet<string> {
  const revoked = new Set<string>();
  do {
    list.sequence((entry) => {
      revoked.add(hex(entry.integerBytes()));
      readTime(entry);
      if (entry.isAtEnd) return;
      const { all } = readExtensions(entry);
      if (all.some(({ oid }) => oid === CERTIFICATE_ISSUER))
        throw entry.error("an entry has certificateIssuer, and only lists of one issuer are taken");
      const critical = all.find((extension) => extension.critical);
      if (critical !== undefined)
        throw entry.error(`extension ${critical.oid} of an entry is critical, and not known`);
    });
  } while (!list.isAtEnd);
  return revoked;
}
