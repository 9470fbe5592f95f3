import { ascii, concatBytes } from "../../src/bytes.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
} from "../../src/der/writer.ts";

/** The fields of a certificate, each as a whole element, or as whatever should stand in its place. */
export interface CertificateFields {
  /** Before the serial number; nothing for version 1. */
  readonly version: Uint8Array;
  readonly serialNumber: Uint8Array;
  readonly innerAlgorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly validity: Uint8Array;
  readonly subject: Uint8Array;
  readonly subjectPublicKeyInfo: Uint8Array;
  /** issuerUniqueID and subjectUniqueID. */
  readonly uniqueIds: Uint8Array;
  /** With their `[3]`; see {@link withExtensions}. */
  readonly extensions: Uint8Array;
  /** Behind the last field of tbsCertificate. */
  readonly tbsEnd: Uint8Array;
  /** By default the same as the inner one. */
  readonly outerAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  /** Behind the signature. */
  readonly certificateEnd: Uint8Array;
}

/** A certificate of version 3 without extensions, signed by nobody, with `changes`. */
export function buildCertificate(changes: Partial<CertificateFields> = {}): Uint8Array {
  const fields = { ...DEFAULTS, outerAlgorithm: changes.innerAlgorithm ?? ALGORITHM, ...changes };
  const tbs = derSequence(
    fields.version,
    fields.serialNumber,
    fields.innerAlgorithm,
    fields.issuer,
    fields.validity,
    fields.subject,
    fields.subjectPublicKeyInfo,
    fields.uniqueIds,
    fields.extensions,
    fields.tbsEnd,
  );
  return derSequence(tbs, fields.outerAlgorithm, fields.signature, fields.certificateEnd);
}

/** As {@link buildCertificate}, with these extensions. */
export function withExtensions(...extensions: readonly Uint8Array[]): Uint8Array {
  return buildCertificate({ extensions: derExplicit(3, derSequence(...extensions)) });
}

/** An Extension. */
export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  const flag = critical ? [derBoolean(true)] : [];
  return derSequence(derObjectIdentifier(oid), ...flag, derOctetString(value));
}

/** Object identifiers of extensions. */
export const ExtensionId = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  certificatePolicies: "2.5.29.32",
  authorityKeyIdentifier: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
} as const;

/** A Name with one relative name per attribute: `[oid, tag of the string, string in Latin-1]`. */
export function buildName(...attributes: readonly (readonly [string, number, string])[]): Uint8Array {
  return derSequence(...attributes.map((attribute) => derSet(buildAttribute(...attribute))));
}

/** An AttributeTypeAndValue. */
export function buildAttribute(oid: string, tag: number, text: string): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derElement(tag, latin1Bytes(text)));
}

/** `commonName` as a UTF8String. */
export function commonName(text: string): Uint8Array {
  return buildName(["2.5.4.3", DerTag.UTF8String, text]);
}

/** A validity of two times: those of 13 characters as UTCTime, others as GeneralizedTime. */
export function buildValidity(...times: readonly string[]): Uint8Array {
  return derSequence(
    ...times.map((time) =>
      derElement(time.length === 13 ? DerTag.UTCTime : DerTag.GeneralizedTime, ascii(time)),
    ),
  );
}

/** A GeneralName with a primitive tag: `[number]`. */
export function generalName(number: number, contents: string | Uint8Array): Uint8Array {
  return derElement(0x80 | number, typeof contents === "string" ? latin1Bytes(contents) : contents);
}

/** `tag`, `length` as it is given, and the contents: for lengths that DER does not have. */
export function rawElement(
  tag: number,
  length: readonly number[],
  ...contents: readonly Uint8Array[]
): Uint8Array {
  return concatBytes(Uint8Array.of(tag, ...length), ...contents);
}

export function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** ecdsa-with-SHA256 */
export const ALGORITHM: Uint8Array = derSequence(derObjectIdentifier("1.2.840.10045.4.3.2"));

const NOTHING = new Uint8Array();

const DEFAULTS: Omit<CertificateFields, "outerAlgorithm"> = {
  version: derExplicit(0, derInteger(2)),
  serialNumber: derInteger(0x7a7a7a),
  innerAlgorithm: ALGORITHM,
  issuer: commonName("issuer"),
  validity: buildValidity("260101000000Z", "20560101000000Z"),
  subject: commonName("subject"),
  subjectPublicKeyInfo: derSequence(
    derSequence(derObjectIdentifier("1.2.840.113549.1.1.1"), derNull()),
    derBitString(new Uint8Array(65).fill(4)),
  ),
  uniqueIds: NOTHING,
  extensions: NOTHING,
  tbsEnd: NOTHING,
  signature: derBitString(new Uint8Array(64).fill(5)),
  certificateEnd: NOTHING,
};
