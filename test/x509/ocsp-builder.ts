import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { ascii } from "../../src/bytes.ts";
import { sha1 } from "../../src/crypto/hashes.ts";
import { readDer } from "../../src/der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derElement,
  derExplicit,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import { buildCertificate, type CertificateFields, commonName } from "./certificate-builder.ts";

/** Whoever has a certificate and its key. */
export interface Signer {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

const ED25519 = derSequence(derObjectIdentifier("1.3.101.112"));
const NOTHING = new Uint8Array();

/** An authority with this name and a new Ed25519 key, whose certificate is signed by nobody, or one that `issuer` appointed. */
export function buildSigner(name: string, issuer?: Signer, changes: Partial<CertificateFields> = {}): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const der = buildCertificate({
    innerAlgorithm: ED25519,
    subject: commonName(name),
    subjectPublicKeyInfo: Uint8Array.from(publicKey.export({ type: "spki", format: "der" })),
    ...(issuer !== undefined && { issuer: issuer.certificate.subject }),
    ...changes,
  });
  const unsigned = decodeCertificate(der);
  const certificate = issuer === undefined ? unsigned : decodeCertificate(signed(unsigned.tbs, issuer.key));
  return { certificate, key: privateKey };
}

/** A certificate of `issuer` for what is no signer. */
export function buildLeaf(issuer: Signer, changes: Partial<CertificateFields> = {}): Certificate {
  return decodeCertificate(buildCertificate({ issuer: issuer.certificate.subject, ...changes }));
}

function signed(tbs: Uint8Array, key: KeyObject): Uint8Array {
  return derSequence(tbs, ED25519, derBitString(sign(null, tbs, key)));
}

/** The fields of a response, each as a whole element, or as whatever should stand in its place. */
export interface ResponseFields {
  readonly responseStatus: Uint8Array;
  /** With its `[0]`; by default what the fields below make. */
  readonly responseBytes: Uint8Array;
  readonly responseType: Uint8Array;
  /** Behind the response in its OCTET STRING. */
  readonly responseEnd: Uint8Array;
  readonly version: Uint8Array;
  readonly responderId: Uint8Array;
  readonly producedAt: Uint8Array;
  /** SingleResponses. */
  readonly responses: readonly Uint8Array[];
  /** With its `[1]`. */
  readonly responseExtensions: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  /** By default that of the signer. */
  readonly signature: Uint8Array;
  /** With its `[0]`; see {@link withCertificates}. */
  readonly certs: Uint8Array;
}

/** An OCSPResponse that `signer` signs, and that names it; with `changes`, which are signed too. */
export function buildResponse(signer: Signer, changes: Partial<ResponseFields> = {}): Uint8Array {
  const fields = {
    responseStatus: enumerated(0),
    responseType: derObjectIdentifier("1.3.6.1.5.5.7.48.1.1"),
    responseEnd: NOTHING,
    version: NOTHING,
    responderId: derExplicit(1, signer.certificate.subject),
    producedAt: generalizedTime("20260701000000Z"),
    responses: [],
    responseExtensions: NOTHING,
    signatureAlgorithm: ED25519,
    certs: NOTHING,
    ...changes,
  };
  const tbs = derSequence(
    fields.version,
    fields.responderId,
    fields.producedAt,
    derSequence(...fields.responses),
    fields.responseExtensions,
  );
  const signature = fields.signature ?? derBitString(sign(null, tbs, signer.key));
  const basic = derSequence(tbs, fields.signatureAlgorithm, signature, fields.certs);
  const bytes = derSequence(fields.responseType, derElement(DerTag.OCTET_STRING, basic, fields.responseEnd));
  return derSequence(fields.responseStatus, fields.responseBytes ?? derExplicit(0, bytes));
}

/** `certs` of a response. */
export function withCertificates(...certificates: readonly Uint8Array[]): Uint8Array {
  return derExplicit(0, derSequence(...certificates));
}

/** The fields of a SingleResponse, as those of {@link ResponseFields}. */
export interface SingleFields {
  readonly certId: Uint8Array;
  readonly certStatus: Uint8Array;
  readonly thisUpdate: Uint8Array;
  /** With its `[0]`. */
  readonly nextUpdate: Uint8Array;
  /** With its `[1]`. */
  readonly singleExtensions: Uint8Array;
}

/** A SingleResponse: the certificate is good from July to August 2026. */
export function buildSingle(
  certificate: Certificate,
  issuer: Signer,
  changes: Partial<SingleFields> = {},
): Uint8Array {
  const fields = {
    certId: buildCertId(certificate, issuer),
    certStatus: GOOD,
    thisUpdate: generalizedTime("20260701000000Z"),
    nextUpdate: derExplicit(0, generalizedTime("20260801000000Z")),
    singleExtensions: NOTHING,
    ...changes,
  };
  return derSequence(
    fields.certId,
    fields.certStatus,
    fields.thisUpdate,
    fields.nextUpdate,
    fields.singleExtensions,
  );
}

/** In the middle of July 2026. */
export const MID_JULY: number = Date.UTC(2026, 6, 15) / 1000;

export const SHA1: Uint8Array = derSequence(derObjectIdentifier("1.3.14.3.2.26"), derNull());

/** A CertID with SHA-1, or whatever `hashAlgorithm` says it is. */
export function buildCertId(
  certificate: Certificate,
  issuer: Signer,
  hashAlgorithm: Uint8Array = SHA1,
): Uint8Array {
  return derSequence(
    hashAlgorithm,
    derOctetString(sha1.digest(certificate.issuer)),
    derOctetString(keyHash(issuer.certificate)),
    derElement(DerTag.INTEGER, certificate.serialNumber),
  );
}

/** The SHA-1 digest by which a ResponderID or a CertID names the key of a certificate. */
export function keyHash({ subjectPublicKeyInfo }: Certificate): Uint8Array {
  return sha1.digest(
    readDer(subjectPublicKeyInfo, (outer) =>
      outer.sequence((info) => {
        info.skip();
        return info.bitStringBytes();
      }),
    ),
  );
}

export const GOOD: Uint8Array = derElement(contextPrimitive(0));
export const UNKNOWN: Uint8Array = derElement(contextPrimitive(2));

/** Revoked in January 2026, with these fields behind the time. */
export function revoked(...fields: readonly Uint8Array[]): Uint8Array {
  return derElement(contextConstructed(1), generalizedTime("20260101000000Z"), ...fields);
}

export function enumerated(...contents: readonly number[]): Uint8Array {
  return derElement(DerTag.ENUMERATED, Uint8Array.from(contents));
}

export function generalizedTime(text: string): Uint8Array {
  return derElement(DerTag.GeneralizedTime, ascii(text));
}

/** Whose responses {@link response} makes. */
export const issuer: Signer = buildSigner("issuer");
/** What they are about. */
export const leaf: Certificate = buildLeaf(issuer);

/** A response of the issuer about the leaf, with changes to the answer and around it. */
export function response(
  single: Partial<SingleFields> = {},
  fields: Partial<ResponseFields> = {},
): Uint8Array {
  return buildResponse(issuer, { responses: [buildSingle(leaf, issuer, single)], ...fields });
}

/** Extensions of a response or of an answer. */
export function extensions(...list: readonly Uint8Array[]): Uint8Array {
  return derExplicit(1, derSequence(...list));
}

export const NONCE = "1.3.6.1.5.5.7.48.1.2";
