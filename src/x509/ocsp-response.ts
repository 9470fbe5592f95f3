import { readAlgorithmIdentifier } from "../crypto/algorithm-identifier.ts";
import { type DerReader, readDer } from "../der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../der/tags.ts";
import { readExtensions } from "./certificate-extensions.ts";
import { readName } from "./distinguished-name.ts";
import { readTime } from "./time.ts";

/** A decoded OCSPResponse: an answer, or the word of a responder that gives none. Nothing is said about its signature. RFC 6960 §4.2.1. */
export type OcspResponse =
  | { readonly responseStatus: "successful"; readonly basic: BasicOcspResponse }
  | { readonly responseStatus: OcspFailure };

/** What a responder says that has no answer. RFC 6960 §2.3. */
export type OcspFailure = "malformedRequest" | "internalError" | "tryLater" | "sigRequired" | "unauthorized";

/** A decoded BasicOCSPResponse. All bytes are views of what it was decoded from, which must not change. */
export interface BasicOcspResponse {
  /** The whole DER ResponseData, which {@link signature} signs. */
  readonly tbs: Uint8Array;
  /** The whole DER AlgorithmIdentifier of {@link signature}, which does not sign it. */
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  readonly responderId: ResponderId;
  /** When it was signed, in seconds since 1970. */
  readonly producedAtSeconds: number;
  /** What it says, about any number of certificates. */
  readonly responses: readonly SingleResponse[];
  /** What the responder sent along to check its signature with: at most 16 SEQUENCEs, whose insides are not looked at. */
  readonly certificates: readonly Uint8Array[];
}

/** Whose signature it is: a whole DER Name, or the SHA-1 digest of a public key, as {@link CertId.issuerKeyHash} is one. */
export type ResponderId =
  | { readonly kind: "byName"; readonly name: Uint8Array }
  | { readonly kind: "byKey"; readonly keyHash: Uint8Array };

/** What is said about one certificate. */
export interface SingleResponse {
  readonly certId: CertId;
  readonly certStatus: CertStatus;
  /** Since 1970: when that was known to be so. */
  readonly thisUpdateSeconds: number;
  /** Since 1970: by when there will be news; undefined when there may be some at any time. */
  readonly nextUpdateSeconds: number | undefined;
}

/** Which certificate it is about. */
export interface CertId {
  /** The hash function of the two digests, in dotted decimal. */
  readonly hashAlgorithm: string;
  /** Of the DER Name in the certificate's `issuer`. */
  readonly issuerNameHash: Uint8Array;
  /** Of the contents of the BIT STRING with the issuer's key, without the number of unused bits. */
  readonly issuerKeyHash: Uint8Array;
  /** The contents of the INTEGER, as `Certificate.serialNumber` has them. */
  readonly serialNumber: Uint8Array;
}

/** RFC 6960 §2.2. */
export type CertStatus =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly atSeconds: number; readonly reason: CrlReason | undefined }
  | { readonly kind: "unknown" };

/** RFC 5280 §5.3.1. */
export type CrlReason = (typeof CRL_REASONS)[number] & string;

/**
 * Decodes a DER OCSPResponse.
 *
 *     OCSPResponse ::= SEQUENCE {
 *       responseStatus ENUMERATED,
 *       responseBytes  [0] EXPLICIT SEQUENCE {
 *         responseType OBJECT IDENTIFIER,     -- id-pkix-ocsp-basic
 *         response     OCTET STRING } OPTIONAL }
 *
 * The work is bounded by the length of `der`, which the caller limits.
 *
 * @throws {DerError} with what is wrong and where, for anything that is not exactly DER, an answer of another type or version, a failure
 *   with an answer or a success without, and any critical extension but a nonce of the whole response.
 */
export function decodeOcspResponse(der: Uint8Array): OcspResponse {
  return readDer(der, (outer) =>
    outer.sequence((response): OcspResponse => {
      const responseStatus = readEnumerated(response, RESPONSE_STATUSES, "responseStatus");
      if (responseStatus !== "successful") return { responseStatus };
      const basic = response.nested(contextConstructed(0), (explicit) =>
        explicit.sequence(readResponseBytes),
      );
      return { responseStatus, basic };
    }),
  );
}

/** By number; 4 is not used. */
const RESPONSE_STATUSES = [
  "successful",
  "malformedRequest",
  "internalError",
  "tryLater",
  undefined,
  "sigRequired",
  "unauthorized",
] as const;

/** By number; 7 is not used. */
const CRL_REASONS = [
  "unspecified",
  "keyCompromise",
  "cACompromise",
  "affiliationChanged",
  "superseded",
  "cessationOfOperation",
  "certificateHold",
  undefined,
  "removeFromCRL",
  "privilegeWithdrawn",
  "aACompromise",
] as const;

const BASIC_RESPONSE = "1.3.6.1.5.5.7.48.1.1";
const NONCE = "1.3.6.1.5.5.7.48.1.2";

function readResponseBytes(fields: DerReader): BasicOcspResponse {
  const responseType = fields.objectIdentifier();
  if (responseType !== BASIC_RESPONSE)
    throw fields.error(`responseType ${responseType} is not id-pkix-ocsp-basic`);
  return fields.nested(DerTag.OCTET_STRING, (response) => response.sequence(readBasicResponse));
}

/**
 *     BasicOCSPResponse ::= SEQUENCE {
 *       tbsResponseData    ResponseData,
 *       signatureAlgorithm AlgorithmIdentifier,
 *       signature          BIT STRING,
 *       certs              [0] EXPLICIT SEQUENCE OF Certificate OPTIONAL }
 */
function readBasicResponse(basic: DerReader): BasicOcspResponse {
  const data = basic.sequence(readResponseData);
  const tbs = basic.lastElement();
  const signatureAlgorithm = readAlgorithmIdentifier(basic).bytes;
  const signature = basic.bitStringBytes();
  const certificates = basic.optionalExplicit(0, (explicit) => explicit.sequence(readCertificates)) ?? [];
  return { tbs, signatureAlgorithm, signature, certificates, ...data };
}

function readCertificates(list: DerReader): readonly Uint8Array[] {
  const certificates: Uint8Array[] = [];
  while (!list.isAtEnd) {
    certificates.push(list.element(DerTag.SEQUENCE));
    if (certificates.length > CERTIFICATE_LIMIT)
      throw list.error(`there are more than ${CERTIFICATE_LIMIT} certificates`);
  }
  return certificates;
}

/** One is enough; each costs whoever looks for the right one. */
const CERTIFICATE_LIMIT = 16;

/**
 *     ResponseData ::= SEQUENCE {
 *       version            [0] EXPLICIT Version DEFAULT v1,   -- there is no other
 *       responderID        ResponderID,
 *       producedAt         GeneralizedTime,
 *       responses          SEQUENCE OF SingleResponse,
 *       responseExtensions [1] EXPLICIT Extensions OPTIONAL }
 */
function readResponseData(data: DerReader) {
  data.optionalExplicit(0, checkVersion);
  const responderId = readResponderId(data);
  const producedAtSeconds = readGeneralizedTime(data);
  const responses = data.sequence(readSingleResponses);
  skipExtensions(data, NONCE);
  return { responderId, producedAtSeconds, responses };
}

/** That version 1, the default, is encoded is let pass: there are responders that do it, other validators take it, and it means nothing. */
function checkVersion(explicit: DerReader): void {
  const version = 1 + explicit.smallInteger(0xff);
  if (version !== 1) throw explicit.error(`there is no version ${version}`);
}

/**
 *     ResponderID ::= CHOICE {
 *       byName [1] EXPLICIT Name,
 *       byKey  [2] EXPLICIT OCTET STRING }
 */
function readResponderId(data: DerReader): ResponderId {
  const name = data.optionalExplicit(1, readName);
  if (name !== undefined) return { kind: "byName", name };
  return data.nested(contextConstructed(2), (explicit) => {
    const keyHash = explicit.octetString();
    if (keyHash.length !== 20) throw explicit.error(`${keyHash.length} bytes are no SHA-1 digest`);
    return { kind: "byKey", keyHash };
  });
}

function readSingleResponses(list: DerReader): readonly SingleResponse[] {
  const responses: SingleResponse[] = [];
  while (!list.isAtEnd) responses.push(list.sequence(readSingleResponse));
  return responses;
}

/**
 *     SingleResponse ::= SEQUENCE {
 *       certID           CertID,
 *       certStatus       CertStatus,
 *       thisUpdate       GeneralizedTime,
 *       nextUpdate       [0] EXPLICIT GeneralizedTime OPTIONAL,
 *       singleExtensions [1] EXPLICIT Extensions OPTIONAL }
 */
function readSingleResponse(single: DerReader): SingleResponse {
  const certId = single.sequence(readCertId);
  const certStatus = readCertStatus(single);
  const thisUpdateSeconds = readGeneralizedTime(single);
  const nextUpdateSeconds = single.optionalExplicit(0, readGeneralizedTime);
  skipExtensions(single);
  return { certId, certStatus, thisUpdateSeconds, nextUpdateSeconds };
}

/**
 *     CertID ::= SEQUENCE {
 *       hashAlgorithm  AlgorithmIdentifier,   -- with NULL or without parameters
 *       issuerNameHash OCTET STRING,
 *       issuerKeyHash  OCTET STRING,
 *       serialNumber   INTEGER }
 */
function readCertId(fields: DerReader): CertId {
  const hashAlgorithm = fields.sequence((algorithm) => {
    const oid = algorithm.objectIdentifier();
    if (!algorithm.isAtEnd) algorithm.null();
    return oid;
  });
  return {
    hashAlgorithm,
    issuerNameHash: fields.octetString(),
    issuerKeyHash: fields.octetString(),
    serialNumber: fields.integerBytes(),
  };
}

/**
 *     CertStatus ::= CHOICE {
 *       good    [0] IMPLICIT NULL,
 *       revoked [1] IMPLICIT SEQUENCE {
 *         revocationTime   GeneralizedTime,
 *         revocationReason [0] EXPLICIT ENUMERATED OPTIONAL },
 *       unknown [2] IMPLICIT NULL }
 */
function readCertStatus(single: DerReader): CertStatus {
  const tag = single.nextTag;
  if (tag === contextPrimitive(0) || tag === contextPrimitive(2)) {
    if (single.contents(tag).length > 0) throw single.error("NULL has contents");
    return { kind: tag === contextPrimitive(0) ? "good" : "unknown" };
  }
  return single.nested(contextConstructed(1), (info) => ({
    kind: "revoked",
    atSeconds: readGeneralizedTime(info),
    reason: info.optionalExplicit(0, (explicit) => readEnumerated(explicit, CRL_REASONS, "revocationReason")),
  }));
}

/** `YYYYMMDDHHMMSSZ`, of any year: RFC 6960 §4.2.2.1 leaves no UTCTime. In seconds since 1970. */
function readGeneralizedTime(reader: DerReader): number {
  if (reader.nextTag !== DerTag.GeneralizedTime) reader.skip(DerTag.GeneralizedTime);
  return readTime(reader).seconds;
}

function readEnumerated<T extends string>(
  reader: DerReader,
  names: readonly (T | undefined)[],
  what: string,
): T {
  const bytes = reader.integerBytes(DerTag.ENUMERATED);
  const name = bytes.length === 1 ? names[bytes[0] ?? 0] : undefined;
  if (name === undefined) throw reader.error(`${what} has a value that there is not`);
  return name;
}

/**
 * Reads `[1]`, if it is there. No extension is of use here: nobody has asked with a nonce of ours, and the others say where else there is
 * something to learn. RFC 6960 §4.4.
 *
 * @param known one that may be critical.
 */
function skipExtensions(reader: DerReader, known?: string): void {
  const extensions = reader.optionalExplicit(1, readExtensions);
  const critical = extensions?.all.find((extension) => extension.critical && extension.oid !== known);
  if (critical !== undefined) throw reader.error(`extension ${critical.oid} is critical, and not known`);
}
