import type { DerReader } from "../der/reader.ts";
import { contextConstructed, tagName } from "../der/tags.ts";
import { readName } from "./distinguished-name.ts";

/** A GeneralName that is not an address. RFC 5280 §4.2.1.6. */
type NamedGeneralName =
  /** `dNSName`: ASCII without NUL, otherwise as the CA wrote it; perhaps a wildcard, perhaps no host name at all. */
  | { readonly kind: "dns"; readonly name: Uint8Array }
  /** `rfc822Name`: ASCII without NUL. */
  | { readonly kind: "email"; readonly address: Uint8Array }
  /** `uniformResourceIdentifier`: ASCII without NUL. */
  | { readonly kind: "uri"; readonly uri: Uint8Array }
  /** `directoryName`: a DER Name. */
  | { readonly kind: "directory"; readonly name: Uint8Array }
  /** `otherName` [0], `x400Address` [3], `ediPartyName` [5] or `registeredID` [8]: its number, and the contents that its tag encloses. */
  | { readonly kind: "other"; readonly tag: number; readonly bytes: Uint8Array };

/** A name of subjectAltName. All bytes are views of the certificate. RFC 5280 §4.2.1.6. */
export type GeneralName =
  | NamedGeneralName
  /** `iPAddress`: 4 octets or 16. */
  | { readonly kind: "ip"; readonly octets: Uint8Array };

/** The base of a subtree of names. All bytes are views of the certificate. RFC 5280 §4.2.1.10. */
export type GeneralSubtree =
  | NamedGeneralName
  /** `iPAddress`: 4 octets or 16, and as many of a mask whose ones are all in front. Bits of `octets` behind the mask mean nothing, and may be set. */
  | { readonly kind: "ip"; readonly octets: Uint8Array; readonly mask: Uint8Array };

/** What names the certificates below a CA may have; one of the lists is not empty. RFC 5280 §4.2.1.10. */
export interface NameConstraints {
  readonly permitted: readonly GeneralSubtree[];
  readonly excluded: readonly GeneralSubtree[];
}

/**
 * Reads `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`.
 * @throws {DerError} when it is malformed, empty, or has more than 1000 names.
 */
export function readGeneralNames(reader: DerReader): readonly GeneralName[] {
  return reader.sequence(readGeneralNameList);
}

/**
 * Reads the insides of {@link readGeneralNames}'s SEQUENCE, for where it has an IMPLICIT tag.
 * @throws {DerError} as that one.
 */
export function readGeneralNameList(list: DerReader): readonly GeneralName[] {
  const names: GeneralName[] = [];
  do {
    if (names.length === NAME_LIMIT) throw list.error(`there are more than ${NAME_LIMIT} names`);
    names.push(readGeneralName(list));
  } while (!list.isAtEnd);
  return names;
}

/**
 * Reads NameConstraints.
 *
 *     NameConstraints ::= SEQUENCE {
 *       permittedSubtrees [0] GeneralSubtrees OPTIONAL,
 *       excludedSubtrees  [1] GeneralSubtrees OPTIONAL }
 *     GeneralSubtrees ::= SEQUENCE SIZE (1..MAX) OF GeneralSubtree
 *     GeneralSubtree ::= SEQUENCE {
 *       base    GeneralName,
 *       minimum [0] BaseDistance DEFAULT 0,
 *       maximum [1] BaseDistance OPTIONAL }
 *
 * @throws {DerError} when it is malformed; without any subtree; with a `minimum` (which must be 0, and DER does not encode 0) or a
 *   `maximum`; or with more than 1000 subtrees in a list.
 */
export function readNameConstraints(reader: DerReader): NameConstraints {
  const constraints = reader.sequence((lists) => ({
    permitted: readSubtrees(lists, contextConstructed(0)),
    excluded: readSubtrees(lists, contextConstructed(1)),
  }));
  if (constraints.permitted.length + constraints.excluded.length === 0)
    throw reader.error("there is no subtree");
  return constraints;
}

/** Bounds what a certificate makes others do. */
const NAME_LIMIT = 1000;

/** The identifier octets of GeneralName's choices. */
const Choice = {
  otherName: 0xa0,
  rfc822Name: 0x81,
  dNSName: 0x82,
  x400Address: 0xa3,
  directoryName: 0xa4,
  ediPartyName: 0xa5,
  uniformResourceIdentifier: 0x86,
  iPAddress: 0x87,
  registeredID: 0x88,
} as const;

function readGeneralName(list: DerReader): GeneralName {
  if (list.nextTag !== Choice.iPAddress) return readNamedGeneralName(list);
  const octets = list.contents(Choice.iPAddress);
  if (octets.length !== 4 && octets.length !== 16) {
    throw list.error(`iPAddress has ${octets.length} octets, not 4 or 16`);
  }
  return { kind: "ip", octets };
}

function readNamedGeneralName(reader: DerReader): NamedGeneralName {
  const tag = reader.nextTag ?? 0;
  switch (tag) {
    case Choice.dNSName:
      return { kind: "dns", name: readIa5(reader, tag, "dNSName") };
    case Choice.rfc822Name:
      return { kind: "email", address: readIa5(reader, tag, "rfc822Name") };
    case Choice.uniformResourceIdentifier:
      return { kind: "uri", uri: readIa5(reader, tag, "uniformResourceIdentifier") };
    case Choice.directoryName:
      // Name is a CHOICE, which makes its tag EXPLICIT. X.680 §31.2.7.
      return { kind: "directory", name: reader.nested(tag, readName) };
    case Choice.otherName:
      reader.nested(tag, checkOtherName);
      return { kind: "other", tag: tag & 0x1f, bytes: reader.lastContents() };
    case Choice.x400Address:
    case Choice.ediPartyName:
    case Choice.registeredID:
      return { kind: "other", tag: tag & 0x1f, bytes: reader.contents(tag) };
    default:
      reader.skip();
      throw reader.error(`GeneralName has no ${tagName(tag)}`);
  }
}

/** IA5String has NUL, but C programs that stop there see another name. */
function readIa5(reader: DerReader, tag: number, what: string): Uint8Array {
  const bytes = reader.contents(tag);
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0 || byte >= 0x80) {
      throw reader.error(`${what} has the byte 0x${byte.toString(16).padStart(2, "0")}`);
    }
  }
  return bytes;
}

/** `OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }` */
function checkOtherName(otherName: DerReader): void {
  otherName.objectIdentifierBytes();
  otherName.nested(contextConstructed(0), (value) => value.skip());
}

function readSubtrees(lists: DerReader, tag: number): readonly GeneralSubtree[] {
  if (lists.nextTag !== tag) return [];
  return lists.nested(tag, (list) => {
    const subtrees: GeneralSubtree[] = [];
    do {
      if (subtrees.length === NAME_LIMIT) throw list.error(`there are more than ${NAME_LIMIT} subtrees`);
      subtrees.push(list.sequence(readSubtree));
    } while (!list.isAtEnd);
    return subtrees;
  });
}

function readSubtree(subtree: DerReader): GeneralSubtree {
  const base =
    subtree.nextTag === Choice.iPAddress ? readAddressRange(subtree) : readNamedGeneralName(subtree);
  if (!subtree.isAtEnd) {
    subtree.skip();
    throw subtree.error("a subtree has a minimum or maximum");
  }
  return base;
}

function readAddressRange(subtree: DerReader): GeneralSubtree {
  const bytes = subtree.contents(Choice.iPAddress);
  if (bytes.length !== 8 && bytes.length !== 32) {
    throw subtree.error(`iPAddress of a subtree has ${bytes.length} octets, not 8 or 32`);
  }
  const mask = bytes.subarray(bytes.length / 2);
  if (!isContiguous(mask)) throw subtree.error("iPAddress of a subtree has a mask with ones behind a zero");
  return { kind: "ip", octets: bytes.subarray(0, bytes.length / 2), mask };
}

/** Whether `mask` is ones, then zeros. RFC 4632 §3.1. */
function isContiguous(mask: Uint8Array): boolean {
  let mayHaveOnes = true;
  for (const byte of mask) {
    const zeros = ~byte & 0xff;
    if (!mayHaveOnes && byte !== 0) return false;
    // Zeros that are all behind the ones are 2^n - 1.
    if ((zeros & (zeros + 1)) !== 0) return false;
    mayHaveOnes = zeros === 0;
  }
  return true;
}
