import { hex } from "../bytes.ts";
import { contextConstructed, DerTag, tagName } from "./tags.ts";

/**
 * Bytes are not the DER that was expected, or a text is not PEM.
 *
 * The message names tags, lengths and offsets, and never contents: what was read may be a private key.
 */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** The value of a BIT STRING. */
export interface BitString {
  /** The bits, first bit in the highest bit of the first byte; padding bits are zero. */
  readonly bytes: Uint8Array;
  /** How many of the last byte's low bits are padding, 0..7. */
  readonly unusedBits: number;
}

/**
 * Reads all of `bytes` with `read`.
 *
 * @returns what `read` returned.
 * @throws {DerError} when something is malformed, or `read` left bytes behind.
 */
export function readDer<T>(bytes: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

/**
 * Reads DER (X.690 §8, §10, §11) element by element, in order, by the tag that is expected.
 *
 * Strict: lengths and INTEGERs are minimal, indefinite lengths and high tag numbers are refused, and each nested element must be
 * consumed completely. Every method throws {@link DerError} for anything else. Slices share memory with the input.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  /** Where this reader stops, in `#bytes`. */
  readonly #end: number;
  /** Where `#bytes` lie in the outermost input, for messages. */
  readonly #origin: number;
  #at: number;
  /** Where the element starts that was read last. */
  #elementAt: number;
  /** Where its contents start; they end at `#at`. */
  #contentsAt: number;

  /**
   * @param origin where `bytes` lie in a larger input, so that messages tell offsets in that one.
   * @param start where in `bytes` to start, and `end` where to stop.
   */
  constructor(bytes: Uint8Array, origin = 0, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#end = end;
    this.#origin = origin;
    this.#at = start;
    this.#elementAt = start;
    this.#contentsAt = start;
  }

  /** Whether everything has been read. */
  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The next element's identifier octet, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#at < this.#end ? this.#bytes[this.#at] : undefined;
  }

  /** @throws {DerError} unless everything has been read. */
  end(): void {
    if (this.isAtEnd) return;
    this.#elementAt = this.#at;
    throw this.error(`${this.#end - this.#at} bytes are left over`);
  }

  /** The whole next element, tag and length included; its insides are not looked at. With `tag`, it must be that one. */
  element(tag?: number): Uint8Array {
    this.#next(tag);
    return this.lastElement();
  }

  /** The contents of the next element, which must have `tag`. */
  contents(tag: number): Uint8Array {
    this.#next(tag);
    return this.lastContents();
  }

  /** The contents of the next element if it has `tag`; otherwise nothing is read. */
  optional(tag: number): Uint8Array | undefined {
    return this.nextTag === tag ? this.contents(tag) : undefined;
  }

  /** Reads over the next element, whose insides are not looked at. With `tag`, it must be that one. */
  skip(tag?: number): void {
    this.#next(tag);
  }

  /** The whole element that was read last, tag and length included; {@link nested} counts as reading one. */
  lastElement(): Uint8Array {
    return this.#bytes.subarray(this.#elementAt, this.#at);
  }

  /** The contents of the element that was read last. */
  lastContents(): Uint8Array {
    return this.#bytes.subarray(this.#contentsAt, this.#at);
  }

  /** What is wrong with the element that was read last, and where it lies. The caller throws it. */
  error(fact: string): DerError {
    return new DerError(`${fact} (at offset ${this.#origin + this.#elementAt})`);
  }

  /** Reads the insides of the next element, which must have `tag`, with `read`, to its end. */
  nested<T>(tag: number, read: (reader: DerReader) => T): T {
    this.#next(tag);
    const inner = new DerReader(this.#bytes, this.#origin, this.#contentsAt, this.#at);
    const value = read(inner);
    inner.end();
    return value;
  }

  /** Reads the insides of a SEQUENCE with `read`, to its end. */
  sequence<T>(read: (reader: DerReader) => T): T {
    return this.nested(DerTag.SEQUENCE, read);
  }

  /** Reads the insides of a SET with `read`, to its end. The order of a SET OF is not checked. */
  set<T>(read: (reader: DerReader) => T): T {
    return this.nested(DerTag.SET, read);
  }

  /** Reads the insides of EXPLICIT `[number]` with `read`, to their end; undefined when the next element is another. */
  optionalExplicit<T>(number: number, read: (reader: DerReader) => T): T | undefined {
    const tag = contextConstructed(number);
    return this.nextTag === tag ? this.nested(tag, read) : undefined;
  }

  /** BOOLEAN: 0x00 or 0xff. */
  boolean(): boolean {
    this.#next(DerTag.BOOLEAN);
    const value = this.#bytes[this.#contentsAt];
    if (this.#at - this.#contentsAt !== 1 || (value !== 0x00 && value !== 0xff)) {
      throw this.error("BOOLEAN is neither 0x00 nor 0xff");
    }
    return value === 0xff;
  }

  /** NULL. */
  null(): void {
    this.#next(DerTag.NULL);
    if (this.#at !== this.#contentsAt) throw this.error("NULL has contents");
  }

  /** INTEGER as its two's complement bytes: at least one, and no more than needed. With `tag`, an IMPLICIT or ENUMERATED one. */
  integerBytes(tag: number = DerTag.INTEGER): Uint8Array {
    const contents = this.contents(tag);
    if (contents.length === 0) throw this.error("INTEGER has no contents");
    const first = contents[0];
    const second = contents[1] ?? 0;
    if (contents.length > 1 && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw this.error("INTEGER is not minimal");
    }
    return contents;
  }

  /** INTEGER, of either sign. */
  integer(): bigint {
    const contents = this.integerBytes();
    const unsigned = BigInt(`0x${hex(contents)}`);
    return (contents[0] ?? 0) < 0x80 ? unsigned : unsigned - (1n << BigInt(8 * contents.length));
  }

  /** INTEGER that must not be negative, as big-endian bytes without leading zeros; none for 0. Does no arithmetic. */
  unsignedInteger(): Uint8Array {
    const contents = this.integerBytes();
    const first = contents[0] ?? 0;
    if (first >= 0x80) throw this.error("INTEGER is negative");
    return first === 0 ? contents.subarray(1) : contents;
  }

  /** INTEGER that must lie in 0..`maximum`, which is below 2^32, as a number. */
  smallInteger(maximum: number): number {
    const bytes = this.unsignedInteger();
    let value = bytes.length > 4 ? Infinity : 0;
    for (let i = 0; i < bytes.length; i++) value = value * 256 + (bytes[i] ?? 0);
    if (value > maximum) throw this.error(`INTEGER is above ${maximum}`);
    return value;
  }

  /** OBJECT IDENTIFIER in dotted decimal. */
  objectIdentifier(): string {
    return dottedDecimal(this.objectIdentifierBytes());
  }

  /** OBJECT IDENTIFIER as its contents, which {@link dottedDecimal} makes to text. */
  objectIdentifierBytes(): Uint8Array {
    const contents = this.contents(DerTag.OBJECT_IDENTIFIER);
    const { length } = contents;
    if (length > OBJECT_IDENTIFIER_LIMIT) {
      throw this.error(`OBJECT IDENTIFIER of ${length} bytes is longer than ${OBJECT_IDENTIFIER_LIMIT}`);
    }
    let isArcStart = true;
    for (let i = 0; i < length; i++) {
      const byte = contents[i] ?? 0;
      if (isArcStart && byte === 0x80) throw this.error("OBJECT IDENTIFIER is not minimal");
      isArcStart = byte < 0x80;
    }
    if (length === 0) throw this.error("OBJECT IDENTIFIER has no contents");
    if (!isArcStart) throw this.error("OBJECT IDENTIFIER is cut off");
    return contents;
  }

  /** BIT STRING, whose padding bits are zero. With `tag`, an IMPLICIT one. */
  bitString(tag: number = DerTag.BIT_STRING): BitString {
    this.#next(tag);
    const length = this.#at - this.#contentsAt;
    const unusedBits = this.#bytes[this.#contentsAt];
    if (unusedBits === undefined || length === 0) throw this.error("BIT STRING has no contents");
    if (unusedBits > 7 || (unusedBits > 0 && length === 1)) {
      throw this.error(`BIT STRING of ${length - 1} bytes has ${unusedBits} padding bits`);
    }
    if (length > 1 && ((this.#bytes[this.#at - 1] ?? 0) & ((1 << unusedBits) - 1)) !== 0) {
      throw this.error("BIT STRING has padding bits that are not zero");
    }
    return { bytes: this.#bytes.subarray(this.#contentsAt + 1, this.#at), unusedBits };
  }

  /** BIT STRING that must hold whole bytes, as keys and signatures do. With `tag`, an IMPLICIT one. */
  bitStringBytes(tag: number = DerTag.BIT_STRING): Uint8Array {
    const { bytes, unusedBits } = this.bitString(tag);
    if (unusedBits !== 0) throw this.error("BIT STRING does not hold whole bytes");
    return bytes;
  }

  /** OCTET STRING. */
  octetString(): Uint8Array {
    return this.contents(DerTag.OCTET_STRING);
  }

  /** Reads over the next element, and notes where it and its contents start. */
  #next(expected: number | undefined): void {
    this.#elementAt = this.#at;
    const tag = this.nextTag;
    if (tag === undefined) {
      throw this.error(
        `expected ${expected === undefined ? "an element" : tagName(expected)}, found the end`,
      );
    }
    if ((tag & 0x1f) === 0x1f) throw this.error("a tag number above 30 is not supported");
    if ((tag & 0xdf) === 0) throw this.error("end-of-contents belongs to an indefinite length");
    if (expected !== undefined && tag !== expected) {
      throw this.error(`expected ${tagName(expected)}, found ${tagName(tag)}`);
    }
    const length = this.#length();
    const present = this.#end - this.#contentsAt;
    if (length > present) {
      throw this.error(`${tagName(tag)} of ${length} bytes, of which ${present} are there`);
    }
    this.#at = this.#contentsAt + length;
  }

  /** The length behind the identifier octet at `#at`; sets `#contentsAt`. X.690 §8.1.3, §10.1. */
  #length(): number {
    const bytes = this.#bytes;
    const at = this.#at + 1;
    const first = bytes[at];
    if (first === undefined || at >= this.#end) throw this.error("the length is missing");
    this.#contentsAt = at + 1;
    if (first < 0x80) return first;
    if (first === 0x80) throw this.error("the length is indefinite");
    const count = first & 0x7f;
    if (count > 4) throw this.error(`the length takes ${count} bytes`);
    if (at + count >= this.#end) throw this.error("the length is cut off");
    let length = 0;
    for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1)) throw this.error("the length is not minimal");
    this.#contentsAt += count;
    return length;
  }
}

/**
 * The dotted decimal of an OBJECT IDENTIFIER's contents (X.690 §8.19), as {@link DerReader.objectIdentifierBytes} gives them; what they
 * are for other bytes is not defined.
 */
export function dottedDecimal(contents: Uint8Array): string {
  let text = "";
  let arcAt = 0;
  let arc = 0;
  for (let i = 0; i < contents.length; i++) {
    const byte = contents[i] ?? 0;
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    const value = i - arcAt < 7 ? arc : bigArc(contents.subarray(arcAt, i + 1));
    text += arcAt === 0 ? firstArcs(value) : `.${value}`;
    arcAt = i + 1;
    arc = 0;
  }
  return text;
}

/** No registered identifier comes near; the time for one with a single arc grows with the square of its length. */
const OBJECT_IDENTIFIER_LIMIT = 1024;

/** A subidentifier that is too large for a number. Four of its digits are seven hexadecimal ones, which BigInt reads quickly. */
function bigArc(base128: Uint8Array): bigint {
  let hexadecimal = "0x";
  let group = 0;
  for (const [i, byte] of base128.entries()) {
    group = (group << 7) | (byte & 0x7f);
    if ((base128.length - 1 - i) % 4 !== 0) continue;
    hexadecimal += group.toString(16).padStart(7, "0");
    group = 0;
  }
  return BigInt(hexadecimal);
}

/** The first subidentifier packs the first two arcs. X.690 §8.19.4. */
function firstArcs(value: number | bigint): string {
  if (value < 40) return `0.${value}`;
  if (value < 80) return `1.${Number(value) - 40}`;
  return `2.${typeof value === "bigint" ? value - 80n : value - 80}`;
}
