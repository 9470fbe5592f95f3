import { equalBytes } from "../bytes.ts";
import { sha1, sha256 } from "../crypto/hashes.ts";
import { Oid } from "../crypto/object-identifiers.ts";
import type { Awaitable } from "../awaitable.ts";
import type { Hash, SignatureVerifier } from "../crypto/provider.ts";
import { DerError, readDer } from "../der/reader.ts";
import { ExtensionType } from "../messages/codepoints.ts";
import { defaultPathLimits, PathBudget } from "./budget.ts";
import { type Certificate, decodeCertificate } from "./certificate.ts";
import { KeyUsageBit } from "./key-usage.ts";
import {
  type BasicOcspResponse,
  type CertId,
  type CrlReason,
  decodeOcspResponse,
  type ResponderId,
  type SingleResponse,
} from "./ocsp-response.ts";
import { showSubject, showTime } from "./path-rules.ts";
import { type Search, settle, SignatureChecks } from "./signature-checks.ts";

/** What is asked about a certificate. */
export interface OcspQuestion {
  /** DER, of any worth; the caller limits its length. */
  readonly response: Uint8Array;
  /** The certificate that the response should be about. */
  readonly certificate: Certificate;
  /** The authority that signed {@link certificate}, as is already known. */
  readonly issuer: Certificate;
  /** Since 1970. */
  readonly nowSeconds: number;
  /** Schemes that the response, and the certificate of its signer, may be signed with. */
  readonly verifiers: readonly SignatureVerifier[];
  /** How long a response counts that does not say when there will be a newer one. Default: 86,400, a day. */
  readonly maxAgeSeconds?: number;
  /** By how much the clocks of the responder and of this side may differ. Default: 300. */
  readonly clockSkewSeconds?: number;
}

/** What a response is worth. Times are since 1970. */
export type OcspVerdict =
  | {
      readonly status: "good";
      readonly thisUpdateSeconds: number;
      /** Undefined when the response does not say. */
      readonly nextUpdateSeconds: number | undefined;
    }
  | {
      readonly status: "revoked";
      readonly atSeconds: number;
      /** Undefined when the response does not say. */
      readonly reason: CrlReason | undefined;
    }
  | {
      /** Nothing is known about the certificate: what the response says does not count, or is that nothing is known. */
      readonly status: "unusable";
      /** Why, for people. */
      readonly reason: string;
    };

/**
 * Checks what an OCSP response says about a certificate. RFC 6960 §3.2, §4.2.2.2.
 *
 * It must be about that certificate, up to date, and signed by the issuer itself or by a responder that the issuer appointed: one whose
 * certificate is in the response, signed with the same key of the issuer, valid now, and for this purpose. Whether the certificate of such
 * a responder is revoked is not asked. Two signatures are checked at most, and none before everything else has been.
 *
 * @returns a promise only when a verifier gives one.
 * @throws what a verifier throws, but for a TlsAlert, which says that it does not verify with such a key.
 */
export function checkOcspResponse(question: OcspQuestion): Awaitable<OcspVerdict> {
  const search = judge({ ...question, nowSeconds: Math.floor(question.nowSeconds) });
  return settle(search, search.next());
}

/** Whether a server with this certificate promises to send an OCSP response along ("must-staple"). RFC 7633 §4.2.3. */
export function hasMustStaple({ extensions: { tlsFeatures } }: Certificate): boolean {
  return tlsFeatures?.includes(ExtensionType.status_request) === true;
}

function* judge(question: OcspQuestion): Search<OcspVerdict> {
  const response = readAnswer(question.response);
  if (typeof response === "string") return unusable(response);
  const single = findSingleResponse(response.responses, question);
  if (typeof single === "string") return unusable(single);
  const fault = yield* findSignerFault(response, question);
  if (fault !== undefined) return unusable(fault);
  const { certStatus, thisUpdateSeconds, nextUpdateSeconds } = single;
  switch (certStatus.kind) {
    case "good":
      return { status: "good", thisUpdateSeconds, nextUpdateSeconds };
    case "revoked":
      return { status: "revoked", atSeconds: certStatus.atSeconds, reason: certStatus.reason };
    case "unknown":
      return unusable("the responder does not know the certificate");
  }
}

function unusable(reason: string): OcspVerdict {
  return { status: "unusable", reason: `OCSP response: ${reason}` };
}

function readAnswer(der: Uint8Array): BasicOcspResponse | string {
  try {
    const response = decodeOcspResponse(der);
    return response.responseStatus === "successful"
      ? response.basic
      : `responseStatus is ${response.responseStatus}`;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return `it is malformed: ${error.message}`;
  }
}

/** What counts of all that is said about the certificate, and is up to date: the worst; or why there is nothing. */
function findSingleResponse(
  responses: readonly SingleResponse[],
  question: OcspQuestion,
): SingleResponse | string {
  const identifiers = new CertificateIdentifiers(question);
  const about = responses.filter(({ certId }) => identifiers.include(certId));
  const current = about.filter((single) => dateFault(single, question) === undefined);
  for (const kind of ["revoked", "unknown", "good"] as const) {
    const worst = current.find(({ certStatus }) => certStatus.kind === kind);
    if (worst !== undefined) return worst;
  }
  const [first] = about;
  return (first && dateFault(first, question)) ?? "it is not about the certificate";
}

const DEFAULT_MAX_AGE_SECONDS = 86_400;
const DEFAULT_CLOCK_SKEW_SECONDS = 300;

/** RFC 6960 §4.2.2.1. Written so that a clock that gives NaN refuses everything. */
function dateFault(
  { thisUpdateSeconds, nextUpdateSeconds }: SingleResponse,
  {
    nowSeconds,
    maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS,
    clockSkewSeconds = DEFAULT_CLOCK_SKEW_SECONDS,
  }: OcspQuestion,
): string | undefined {
  if (!(nowSeconds >= thisUpdateSeconds - clockSkewSeconds))
    return `thisUpdate ${showTime(thisUpdateSeconds)} is in the future`;
  if (nextUpdateSeconds === undefined)
    return nowSeconds <= thisUpdateSeconds + maxAgeSeconds + clockSkewSeconds
      ? undefined
      : `thisUpdate ${showTime(thisUpdateSeconds)} is more than ${maxAgeSeconds} s ago, and there is no nextUpdate`;
  if (nextUpdateSeconds < thisUpdateSeconds)
    return `nextUpdate ${showTime(nextUpdateSeconds)} is before thisUpdate`;
  return nowSeconds <= nextUpdateSeconds + clockSkewSeconds
    ? undefined
    : `nextUpdate ${showTime(nextUpdateSeconds)} is over`;
}

/** The CertIDs of one certificate, by hash function. */
class CertificateIdentifiers {
  readonly #question: OcspQuestion;
  readonly #known = new Map<Hash, Omit<CertId, "hashAlgorithm">>();

  constructor(question: OcspQuestion) {
    this.#question = question;
  }

  include({ hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }: CertId): boolean {
    const hash = CERT_ID_HASHES.get(hashAlgorithm);
    if (hash === undefined) return false;
    const own = this.#of(hash);
    return (
      equalBytes(serialNumber, own.serialNumber) &&
      equalBytes(issuerNameHash, own.issuerNameHash) &&
      equalBytes(issuerKeyHash, own.issuerKeyHash)
    );
  }

  #of(hash: Hash): Omit<CertId, "hashAlgorithm"> {
    const known = this.#known.get(hash);
    if (known !== undefined) return known;
    const { certificate, issuer } = this.#question;
    const made = {
      issuerNameHash: hash.digest(certificate.issuer),
      issuerKeyHash: hash.digest(keyBitsOf(issuer)),
      serialNumber: certificate.serialNumber,
    };
    this.#known.set(hash, made);
    return made;
  }
}

/** Those that responders use. SHA-1 does, as a digest only says which certificate is meant: the signature says by whom. */
const CERT_ID_HASHES: ReadonlyMap<string, Hash> = /* @__PURE__ */ new Map([
  [Oid.sha1, sha1],
  [Oid.sha256, sha256],
]);

/** The contents of the BIT STRING in a SubjectPublicKeyInfo, without the number of unused bits. */
function keyBitsOf({ subjectPublicKeyInfo }: Certificate): Uint8Array {
  return readDer(subjectPublicKeyInfo, (outer) =>
    outer.sequence((info) => {
      info.skip();
      return info.bitStringBytes();
    }),
  );
}

/** Why the response is not signed by anyone who may; undefined when it is. */
function* findSignerFault(
  response: BasicOcspResponse,
  { issuer, verifiers, nowSeconds }: OcspQuestion,
): Search<string | undefined> {
  // Two checks stay below these limits, whatever the keys are.
  const signatures = new SignatureChecks(verifiers, new PathBudget(defaultPathLimits));
  if (isNamedBy(response.responderId, issuer)) return (yield* signatures.findFault(response, issuer))?.detail;
  const responder = findResponder(response, issuer, nowSeconds);
  if (typeof responder === "string") return responder;
  // The certificate first: a key that the issuer has not vouched for is not worth a computation.
  const unappointed = yield* signatures.findFault(responder, issuer);
  if (unappointed !== null) return `the certificate of its signer: ${unappointed.detail}`;
  return (yield* signatures.findFault(response, responder))?.detail;
}

/** Whether the response says that the key in `certificate` signed it. */
function isNamedBy(responderId: ResponderId, certificate: Certificate): boolean {
  return responderId.kind === "byName"
    ? equalBytes(responderId.name, certificate.subject)
    : equalBytes(responderId.keyHash, sha1.digest(keyBitsOf(certificate)));
}

/** The first certificate in the response that fits, apart from its signature; or what is wrong with those that should. */
function findResponder(
  { responderId, certificates }: BasicOcspResponse,
  issuer: Certificate,
  nowSeconds: number,
): Certificate | string {
  let fault: string | undefined;
  for (const der of certificates) {
    const certificate = readCertificate(der);
    if (certificate === undefined || !isNamedBy(responderId, certificate)) continue;
    const found = responderFault(certificate, issuer, nowSeconds);
    if (found === undefined) return certificate;
    fault ??= `the certificate of its signer, ${showSubject(certificate)}: ${found}`;
  }
  return fault ?? "its signer is neither the issuer nor anyone whose certificate is in it";
}

function readCertificate(der: Uint8Array): Certificate | undefined {
  try {
    return decodeCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return undefined;
  }
}

/** Explicitly: anyExtendedKeyUsage does not appoint anybody. RFC 6960 §4.2.2.2. */
const OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";

/** RFC 5280 §4.2.1.12: what goes with the purpose is digitalSignature, nonRepudiation, which is bit 1, or both. */
const SIGNING_USAGE = KeyUsageBit.digitalSignature | (1 << 1);

/** What keeps the holder of a certificate from answering for `issuer`, apart from the certificate's signature. RFC 6960 §4.2.2.2. */
function responderFault(
  { issuer: issuerName, notBeforeSeconds, notAfterSeconds, extensions }: Certificate,
  issuer: Certificate,
  nowSeconds: number,
): string | undefined {
  const { extendedKeyUsage, keyUsage, basicConstraints, unknownCritical } = extensions;
  if (!equalBytes(issuerName, issuer.subject)) return "it is of another issuer";
  if (extendedKeyUsage?.includes(OCSP_SIGNING) !== true)
    return "extendedKeyUsage does not allow to sign OCSP responses";
  if (keyUsage !== undefined && (keyUsage & SIGNING_USAGE) === 0)
    return "keyUsage does not permit signatures";
  // An authority below the issuer that has the purpose, as for its own responders, is not meant to answer for the issuer.
  if (basicConstraints?.isCa === true) return "it is that of an authority";
  if (unknownCritical[0] !== undefined) return `the critical extension ${unknownCritical[0]} is not known`;
  if (!(nowSeconds >= notBeforeSeconds)) return `notBefore ${showTime(notBeforeSeconds)}`;
  if (!(nowSeconds <= notAfterSeconds)) return `notAfter ${showTime(notAfterSeconds)}`;
  return undefined;
}
