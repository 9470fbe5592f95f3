import { hex } from "../bytes.ts";
import { DerError, readDer, type DerReader } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";

/**
 * Reads a Name (RFC 5280 §4.1.2.4), which may be empty, and checks its form down to the strings.
 *
 *     Name ::= SEQUENCE OF RelativeDistinguishedName
 *     RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
 *     AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }
 *
 * Strings must be what their type says as far as decoding them goes: in one piece, and UTF-8, 7-bit, or two or four bytes per character. What is
 * not checked is the alphabet of PrintableString, from which many CAs stray, the order of several attributes in a set, and the insides of values that
 * are no strings: names are compared as the bytes that they are.
 *
 * @returns the whole DER Name.
 * @throws {DerError} when it is malformed.
 */
export function readName(reader: DerReader): Uint8Array {
  reader.sequence(checkRelativeNames);
  return reader.lastElement();
}

/**
 * The Name as text for messages, in the manner of RFC 4514: `CN=example.com,O=Example\, Inc.,C=US`, most specific first. Bytes that
 * are no printable ASCII become `\C3`, so nothing in it is mistaken for the text around. It is cut at about 250 characters.
 *
 * @param der a DER Name; anything else gives `(malformed name)`.
 */
export function showName(der: Uint8Array): string {
  try {
    return showRelativeNames(readDer(der, (reader) => reader.sequence(relativeNames)));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return "(malformed name)";
  }
}

function checkRelativeNames(names: DerReader): void {
  while (!names.isAtEnd) names.set(checkAttributes);
}

function checkAttributes(attributes: DerReader): void {
  do attributes.sequence(checkAttribute);
  while (!attributes.isAtEnd);
}

function checkAttribute(attribute: DerReader): void {
  attribute.objectIdentifierBytes();
  const tag = attribute.nextTag ?? 0;
  attribute.skip();
  switch (tag) {
    case DerTag.UTF8String:
      if (!isUtf8(attribute.lastContents())) throw attribute.error("UTF8String is not UTF-8");
      return;
    case DerTag.PrintableString:
    case DerTag.IA5String:
    case DerTag.NumericString:
    case DerTag.VisibleString:
      if (!is7Bit(attribute.lastContents()))
        throw attribute.error("a string of 7-bit characters has a byte above 0x7f");
      return;
    case DerTag.BMPString:
      if (attribute.lastContents().length % 2 !== 0) throw attribute.error("BMPString has an odd length");
      return;
    case DerTag.UniversalString:
      if (attribute.lastContents().length % 4 !== 0)
        throw attribute.error("UniversalString is not of whole characters");
      return;
    default:
      if ((tag & 0xe0) === UNIVERSAL_CONSTRUCTED && tag !== DerTag.SEQUENCE && tag !== DerTag.SET)
        throw attribute.error("an attribute is in pieces, which DER does not have");
  }
}

/** The class and the constructed bit of an identifier octet. */
const UNIVERSAL_CONSTRUCTED = 0x20;

function is7Bit(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] ?? 0) >= 0x80) return false;
  return true;
}

/** Whether `bytes` are UTF-8 without overlong forms, surrogates and what is above U+10FFFF. RFC 3629 §4. */
function isUtf8(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) {
    const first = bytes[at] ?? 0;
    if (first < 0x80) continue;
    if (first < 0xc2 || first > 0xf4) return false;
    const second = bytes[++at] ?? 0;
    const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) return false;
    for (let more = first < 0xe0 ? 0 : first < 0xf0 ? 1 : 2; more > 0; more--) {
      if (((bytes[++at] ?? 0) & 0xc0) !== 0x80) return false;
    }
  }
  return true;
}

function relativeNames(names: DerReader): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  while (!names.isAtEnd) found.push(names.element(DerTag.SET));
  return found;
}

/** What is shown of a name, of one of its sets and of one value. */
const SHOWN_CHARACTERS = 240;

function showRelativeNames(names: readonly Uint8Array[]): string {
  let text = "";
  for (const name of names.toReversed()) {
    if (text !== "") text += ",";
    text += readDer(name, (reader) => reader.set(showAttributes));
    if (text.length > SHOWN_CHARACTERS) return `${text.slice(0, SHOWN_CHARACTERS)}...`;
  }
  return text;
}

function showAttributes(attributes: DerReader): string {
  let text = "";
  while (!attributes.isAtEnd) {
    if (text.length > SHOWN_CHARACTERS) attributes.skip();
    else text += `${text === "" ? "" : "+"}${attributes.sequence(showAttribute)}`;
  }
  return text;
}

function showAttribute(attribute: DerReader): string {
  const type = attribute.objectIdentifier();
  const isText = TEXT_TAGS.has(attribute.nextTag);
  attribute.skip();
  const value = isText
    ? escaped(attribute.lastContents().subarray(0, SHOWN_CHARACTERS))
    : `#${hex(attribute.lastElement().subarray(0, SHOWN_CHARACTERS))}`;
  return `${ATTRIBUTE_NAMES.get(type) ?? type}=${value}`;
}

/** RFC 4514 §2.4: what is special gets a backslash, and what is not printable ASCII its bytes in hexadecimal. */
function escaped(value: Uint8Array): string {
  let text = "";
  for (const [i, byte] of value.entries()) {
    const character = String.fromCharCode(byte);
    const isOuterSpace = character === " " && (i === 0 || i === value.length - 1);
    if (byte < 0x20 || byte > 0x7e) text += `\\${byte.toString(16).padStart(2, "0").toUpperCase()}`;
    else if ('"+,;<>\\'.includes(character) || isOuterSpace || (character === "#" && i === 0))
      text += `\\${character}`;
    else text += character;
  }
  return text;
}

const TEXT_TAGS: ReadonlySet<number | undefined> = /* @__PURE__ */ new Set([
  DerTag.UTF8String,
  DerTag.PrintableString,
  DerTag.IA5String,
  DerTag.NumericString,
  DerTag.VisibleString,
  DerTag.TeletexString,
]);

/** RFC 4514 §3, and two more that certificates often have. */
const ATTRIBUTE_NAMES: ReadonlyMap<string, string> = /* @__PURE__ */ new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "STREET"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
]);
