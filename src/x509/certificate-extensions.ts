import { DerError, type DerReader, dottedDecimal } from "../der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../der/tags.ts";
import {
  type GeneralName,
  type NameConstraints,
  readGeneralNameList,
  readGeneralNames,
  readNameConstraints,
} from "./general-name.ts";

/** One extension, as it stands in the certificate. RFC 5280 §4.1. */
export interface Extension {
  /** Dotted decimal; made when it is asked for. */
  readonly oid: string;
  readonly critical: boolean;
  /** The contents of `extnValue`; a view of the certificate. */
  readonly value: Uint8Array;
}

/** RFC 5280 §4.2.1.9. */
export interface BasicConstraints {
  readonly isCa: boolean;
  /**
   * How many authorities that are not self-issued may stand between this one and the leaf, 0..255; undefined for any number. Without
   * {@link isCa} it means nothing.
   */
  readonly pathLength: number | undefined;
}

/** RFC 5280 §4.2.1.1. */
export interface AuthorityKeyIdentifier {
  readonly keyIdentifier?: Uint8Array;
  /** Whether the issuer's certificate is also named by its own issuer and serial number. */
  readonly hasIssuerAndSerial: boolean;
}

/**
 * The extensions of a certificate, with those decoded that path validation works on. Each of these is well formed, critical or not; whether
 * it may be critical, or stand in such a certificate at all, is not decided here.
 */
export interface CertificateExtensions {
  /** All, in their order; none occurs twice. */
  readonly all: readonly Extension[];
  readonly basicConstraints?: BasicConstraints;
  /** Bit `i` of RFC 5280 §4.2.1.3 is `1 << i`, so `keyCertSign` is 0x20; at least one is set. */
  readonly keyUsage?: number;
  /** Key purposes in dotted decimal, at least one. RFC 5280 §4.2.1.12. */
  readonly extendedKeyUsage?: readonly string[];
  /** At least one name. RFC 5280 §4.2.1.6. */
  readonly subjectAltName?: readonly GeneralName[];
  readonly nameConstraints?: NameConstraints;
  readonly authorityKeyIdentifier?: AuthorityKeyIdentifier;
  /** A view of the certificate. RFC 5280 §4.2.1.2. */
  readonly subjectKeyIdentifier?: Uint8Array;
  /** Extensions of a handshake that the server promises: 5 is status_request, "must-staple". RFC 7633. */
  readonly tlsFeatures?: readonly number[];
  /** Object identifiers of the critical extensions that are not among the decoded ones above: whoever takes the certificate must refuse it. */
  readonly unknownCritical: readonly string[];
}

/**
 * Reads the insides of `[3]` of a TBSCertificate.
 *
 *     Extensions ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE {
 *       extnID    OBJECT IDENTIFIER,
 *       critical  BOOLEAN DEFAULT FALSE,
 *       extnValue OCTET STRING }
 *
 * @throws {DerError} when one of those that are decoded is malformed, one occurs twice, there is none, or there are more than 64.
 */
export function readExtensions(reader: DerReader): CertificateExtensions {
  return reader.sequence((list) => {
    const all: CertificateExtension[] = [];
    const draft: Draft = { all, unknownCritical: [] };
    do {
      if (all.length === EXTENSION_LIMIT)
        throw list.error(`there are more than ${EXTENSION_LIMIT} extensions`);
      const extension = list.sequence((fields) => readExtension(fields, draft));
      if (all.some((other) => other.hasSameOid(extension)))
        throw list.error(`extension ${extension.oid} occurs twice`);
      all.push(extension);
    } while (!list.isAtEnd);
    return draft;
  });
}

/** Bounds the time that the search for duplicates takes. */
const EXTENSION_LIMIT = 64;

type Draft = { -readonly [Name in keyof CertificateExtensions]: CertificateExtensions[Name] } & {
  readonly unknownCritical: string[];
};

class CertificateExtension implements Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
  readonly #oid: Uint8Array;

  constructor(oid: Uint8Array, critical: boolean, value: Uint8Array) {
    this.#oid = oid;
    this.critical = critical;
    this.value = value;
  }

  get oid(): string {
    return dottedDecimal(this.#oid);
  }

  hasSameOid(other: CertificateExtension): boolean {
    return areEqual(this.#oid, other.#oid);
  }
}

function readExtension(fields: DerReader, draft: Draft): CertificateExtension {
  const oid = fields.objectIdentifierBytes();
  const critical = readCritical(fields);
  const name = decodedName(oid);
  if (name === undefined) {
    if (critical) draft.unknownCritical.push(dottedDecimal(oid));
    return new CertificateExtension(oid, critical, fields.octetString());
  }
  try {
    fields.nested(DerTag.OCTET_STRING, (value) => decodeValue(name, value, draft));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new DerError(`${name}: ${error.message}`, { cause: error });
  }
  return new CertificateExtension(oid, critical, fields.lastContents());
}

function readCritical(fields: DerReader): boolean {
  if (fields.nextTag !== DerTag.BOOLEAN) return false;
  if (!fields.boolean()) throw fields.error("critical is FALSE, the default, which DER does not encode");
  return true;
}

/** Extensions that are decoded, by the last arc of id-ce, which is 2.5.29. */
const CERTIFICATE_EXTENSIONS = {
  14: "subjectKeyIdentifier",
  15: "keyUsage",
  17: "subjectAltName",
  19: "basicConstraints",
  30: "nameConstraints",
  35: "authorityKeyIdentifier",
  37: "extKeyUsage",
} as const;

/** 1.3.6.1.5.5.7.1.24 */
const TLS_FEATURE = /* @__PURE__ */ Uint8Array.of(0x2b, 6, 1, 5, 5, 7, 1, 24);

type DecodedName = (typeof CERTIFICATE_EXTENSIONS)[keyof typeof CERTIFICATE_EXTENSIONS] | "tlsFeature";

function decodedName(oid: Uint8Array): DecodedName | undefined {
  if (oid.length !== 3 || oid[0] !== 0x55 || oid[1] !== 0x1d)
    return areEqual(oid, TLS_FEATURE) ? "tlsFeature" : undefined;
  const names: Readonly<Record<number, DecodedName>> = CERTIFICATE_EXTENSIONS;
  return names[oid[2] ?? 0];
}

function decodeValue(name: DecodedName, value: DerReader, draft: Draft): void {
  switch (name) {
    case "subjectKeyIdentifier":
      draft.subjectKeyIdentifier = value.octetString();
      break;
    case "keyUsage":
      draft.keyUsage = readKeyUsage(value);
      break;
    case "subjectAltName":
      draft.subjectAltName = readGeneralNames(value);
      break;
    case "basicConstraints":
      draft.basicConstraints = value.sequence(readBasicConstraints);
      break;
    case "nameConstraints":
      draft.nameConstraints = readNameConstraints(value);
      break;
    case "authorityKeyIdentifier":
      draft.authorityKeyIdentifier = value.sequence(readAuthorityKeyIdentifier);
      break;
    case "extKeyUsage":
      draft.extendedKeyUsage = value.sequence(readKeyPurposes);
      break;
    case "tlsFeature":
      draft.tlsFeatures = value.sequence(readTlsFeatures);
  }
}

/**
 *     BasicConstraints ::= SEQUENCE {
 *       cA                BOOLEAN DEFAULT FALSE,
 *       pathLenConstraint INTEGER (0..MAX) OPTIONAL }
 *
 * Two faults are let pass, because too many certificates have them and neither means anything: FALSE that is encoded although it is the
 * default, and a pathLenConstraint without cA.
 */
function readBasicConstraints(fields: DerReader): BasicConstraints {
  const isCa = fields.nextTag === DerTag.BOOLEAN && fields.boolean();
  return { isCa, pathLength: fields.isAtEnd ? undefined : fields.smallInteger(255) };
}

/** Trailing zero bits, which DER strikes from a list of named bits (X.690 §11.2.2), are let pass: there are roots that have them. */
function readKeyUsage(value: DerReader): number {
  const { bytes } = value.bitString();
  if (bytes.length > 2) throw value.error(`${bytes.length} bytes, where there are 9 bits`);
  let usage = 0;
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit;
  }
  if (usage === 0) throw value.error("no bit is set");
  return usage;
}

/** `ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId` */
function readKeyPurposes(list: DerReader): readonly string[] {
  const purposes: string[] = [];
  do purposes.push(list.objectIdentifier());
  while (!list.isAtEnd);
  return purposes;
}

/**
 *     AuthorityKeyIdentifier ::= SEQUENCE {
 *       keyIdentifier             [0] OCTET STRING OPTIONAL,
 *       authorityCertIssuer       [1] GeneralNames OPTIONAL,
 *       authorityCertSerialNumber [2] INTEGER OPTIONAL }   -- the last two together, or neither
 */
function readAuthorityKeyIdentifier(fields: DerReader): AuthorityKeyIdentifier {
  const keyIdentifier = fields.optional(contextPrimitive(0));
  const hasIssuer = fields.nextTag === contextConstructed(1);
  if (hasIssuer) fields.nested(contextConstructed(1), readGeneralNameList);
  const hasIssuerAndSerial = fields.nextTag === contextPrimitive(2);
  if (hasIssuerAndSerial) fields.integerBytes(contextPrimitive(2));
  if (hasIssuer !== hasIssuerAndSerial) throw fields.error("an issuer and a serial number belong together");
  return keyIdentifier === undefined ? { hasIssuerAndSerial } : { keyIdentifier, hasIssuerAndSerial };
}

/** `Features ::= SEQUENCE OF INTEGER` */
function readTlsFeatures(list: DerReader): readonly number[] {
  const features: number[] = [];
  while (!list.isAtEnd) features.push(list.smallInteger(0xffff));
  return features;
}

/** Compares what is public. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
