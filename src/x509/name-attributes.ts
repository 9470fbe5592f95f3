import { type DerReader, readDer } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";

/** One attribute of a Name. RFC 5280 §4.1.2.4. */
export interface NameAttribute {
  /** Its type in dotted decimal. */
  readonly type: string;
  /** The identifier octet of its value, which is a string in most. */
  readonly tag: number;
  /** The contents of its value; a view of the name. */
  readonly value: Uint8Array;
}

/** Types of attributes. RFC 5280 §A.1. */
export const AttributeType = {
  commonName: "2.5.4.3",
  emailAddress: "1.2.840.113549.1.9.1",
} as const;

/**
 * The RelativeDistinguishedNames of a DER Name that has been decoded, each with its attributes.
 * @throws {DerError} for anything else.
 */
export function relativeNamesOf(name: Uint8Array): readonly (readonly NameAttribute[])[] {
  return readDer(name, (outer) =>
    outer.sequence((names) => listOf(names, (reader) => reader.set((set) => listOf(set, readAttribute)))),
  );
}

/**
 * A RelativeDistinguishedName in a form that is the same for spellings that differ in case, white space, string type or order only: what
 * RFC 5280 §7.1 holds for equal, and a little more.
 */
export function foldRelativeName(attributes: readonly NameAttribute[]): string {
  const folded = attributes.map(({ type, tag, value }) => `${type}=${foldText(decodeText(tag, value))}`);
  return JSON.stringify(folded.toSorted());
}

function listOf<T>(reader: DerReader, read: (reader: DerReader) => T): readonly T[] {
  const list: T[] = [];
  while (!reader.isAtEnd) list.push(read(reader));
  return list;
}

function readAttribute(reader: DerReader): NameAttribute {
  return reader.sequence((attribute) => {
    const type = attribute.objectIdentifier();
    const tag = attribute.nextTag ?? 0;
    attribute.skip();
    return { type, tag, value: attribute.lastContents() };
  });
}

/** Compatibility forms and case are folded by the tables of Unicode, not by those of a language. */
function foldText(text: string): string {
  return text.replace(MANY_MARKS, "$&\u034f").normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}

/**
 * Sorting marks takes time that grows with the square of their number, so a combining grapheme joiner is put behind so many, which no
 * text of a language has. UAX #15 §13. The two letters become marks.
 */
const MANY_MARKS = /[\p{M}\uff9e\uff9f]{30}/gu;

function decodeText(tag: number, bytes: Uint8Array): string {
  const codePoints = tag === DerTag.UTF8String ? utf8(bytes) : fixedWidth(bytes, WIDTHS.get(tag) ?? 1);
  let text = "";
  for (const codePoint of codePoints)
    text += codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : "\ufffd";
  return text;
}

/** Bytes of a character; one in all other strings. */
const WIDTHS: ReadonlyMap<number, number> = /* @__PURE__ */ new Map([
  [DerTag.BMPString, 2],
  [DerTag.UniversalString, 4],
]);

function fixedWidth(bytes: Uint8Array, width: number): readonly number[] {
  const codePoints: number[] = [];
  for (let at = 0; at + width <= bytes.length; at += width) {
    let codePoint = 0;
    for (let i = 0; i < width; i++) codePoint = codePoint * 256 + (bytes[at + i] ?? 0);
    codePoints.push(codePoint);
  }
  return codePoints;
}

/** The code points of UTF-8 that has been checked when the name was decoded. RFC 3629 §3. */
function utf8(bytes: Uint8Array): readonly number[] {
  const codePoints: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at++] ?? 0;
    const more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let codePoint = more === 0 ? first : first & (0x3f >> more);
    for (let i = 0; i < more; i++) codePoint = codePoint * 64 + ((bytes[at++] ?? 0) & 0x3f);
    codePoints.push(codePoint);
  }
  return codePoints;
}
