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
  /** Where `bytes` lie in the outermost input, for messages. */
  readonly #origin: number;
  #at = 0;
  /** Where the element starts that is being read, for messages. */
  #elementAt = 0;

  constructor(bytes: Uint8Array, origin = 0) {
    this.#bytes = bytes;
    this.#origin = origin;
  }

  /** Whether everything has been read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next element's identifier octet, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** @throws {DerError} unless everything has been read. */
  end(): void {
    this.#elementAt = this.#at;
    if (!this.isAtEnd) throw this.#error(`${this.#bytes.length - this.#at} bytes are left over`);
  }

  /** The whole next element, tag and length included; its insides are not looked at. With `tag`, it must be that one. */
  element(tag?: number): Uint8Array {
    const start = this.#at;
    this.#contents(tag);
    return this.#bytes.subarray(start, this.#at);
  }

  /** The contents of the next element, which must have `tag`. */
  contents(tag: number): Uint8Array {
    return this.#contents(tag);
  }

  /** The contents of the next element if it has `tag`; otherwise nothing is read. */
  optional(tag: number): Uint8Array | undefined {
    return this.nextTag === tag ? this.#contents(tag) : undefined;
  }

  /** Reads the insides of the next element, which must have `tag`, with `read`, to its end. */
  nested<T>(tag: number, read: (reader: DerReader) => T): T {
    const contents = this.#contents(tag);
    const inner = new DerReader(contents, this.#origin + this.#at - contents.length);
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
    const contents = this.#contents(DerTag.BOOLEAN);
    const value = contents[0];
    if (contents.length !== 1 || (value !== 0x00 && value !== 0xff)) {
      throw this.#error("BOOLEAN is neither 0x00 nor 0xff");
    }
    return value === 0xff;
  }

  /** NULL. */
  null(): void {
    if (this.#contents(DerTag.NULL).length !== 0) throw this.#error("NULL has contents");
  }

  /** INTEGER as its two's complement bytes: at least one, and no more than needed. With `tag`, an IMPLICIT or ENUMERATED one. */
  integerBytes(tag: number = DerTag.INTEGER): Uint8Array {
    const contents = this.#contents(tag);
    const [first, second] = contents;
    if (first === undefined) throw this.#error("INTEGER has no contents");
    if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw this.#error("INTEGER is not minimal");
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
    if (first >= 0x80) throw this.#error("INTEGER is negative");
    return first === 0 ? contents.subarray(1) : contents;
  }

  /** INTEGER that must lie in 0..`maximum`, which is below 2^32, as a number. */
  smallInteger(maximum: number): number {
    const bytes = this.unsignedInteger();
    const value = bytes.length > 4 ? Infinity : bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    if (value > maximum) throw this.#error(`INTEGER is above ${maximum}`);
    return value;
  }

  /** OBJECT IDENTIFIER in dotted decimal. */
  objectIdentifier(): string {
    const contents = this.#contents(DerTag.OBJECT_IDENTIFIER);
    if (contents.length > OBJECT_IDENTIFIER_LIMIT) {
      throw this.#error(
        `OBJECT IDENTIFIER of ${contents.length} bytes is longer than ${OBJECT_IDENTIFIER_LIMIT}`,
      );
    }
    if (contents.length === 0) throw this.#error("OBJECT IDENTIFIER has no contents");
    if ((contents.at(-1) ?? 0) >= 0x80) throw this.#error("OBJECT IDENTIFIER is cut off");
    const arcs: string[] = [];
    for (let at = 0; at < contents.length;) {
      const start = at;
      if (contents[at] === 0x80) throw this.#error("OBJECT IDENTIFIER is not minimal");
      while ((contents[at] ?? 0) >= 0x80) at++;
      at++;
      arcs.push(...arcNames(contents.subarray(start, at), start === 0));
    }
    return arcs.join(".");
  }

  /** BIT STRING, whose padding bits are zero. With `tag`, an IMPLICIT one. */
  bitString(tag: number = DerTag.BIT_STRING): BitString {
    const contents = this.#contents(tag);
    const unusedBits = contents[0];
    if (unusedBits === undefined) throw this.#error("BIT STRING has no contents");
    if (unusedBits > 7 || (unusedBits > 0 && contents.length === 1)) {
      throw this.#error(`BIT STRING of ${contents.length - 1} bytes has ${unusedBits} padding bits`);
    }
    if (((contents.at(-1) ?? 0) & ((1 << unusedBits) - 1)) !== 0 && contents.length > 1) {
      throw this.#error("BIT STRING has padding bits that are not zero");
    }
    return { bytes: contents.subarray(1), unusedBits };
  }

  /** BIT STRING that must hold whole bytes, as keys and signatures do. With `tag`, an IMPLICIT one. */
  bitStringBytes(tag: number = DerTag.BIT_STRING): Uint8Array {
    const { bytes, unusedBits } = this.bitString(tag);
    if (unusedBits !== 0) throw this.#error("BIT STRING does not hold whole bytes");
    return bytes;
  }

  /** OCTET STRING. */
  octetString(): Uint8Array {
    return this.#contents(DerTag.OCTET_STRING);
  }

  #contents(expected: number | undefined): Uint8Array {
    const bytes = this.#bytes;
    this.#elementAt = this.#at;
    const tag = bytes[this.#at];
    if (tag === undefined) {
      throw this.#error(
        `expected ${expected === undefined ? "an element" : tagName(expected)}, found the end`,
      );
    }
    if ((tag & 0x1f) === 0x1f) throw this.#error("a tag number above 30 is not supported");
    if ((tag & 0xdf) === 0) throw this.#error("end-of-contents belongs to an indefinite length");
    if (expected !== undefined && tag !== expected) {
      throw this.#error(`expected ${tagName(expected)}, found ${tagName(tag)}`);
    }
    const { start, length } = this.#length();
    if (length > bytes.length - start) {
      throw this.#error(`${tagName(tag)} of ${length} bytes, of which ${bytes.length - start} are there`);
    }
    this.#at = start + length;
    return bytes.subarray(start, this.#at);
  }

  /** The length after the identifier octet at `#at`, and where the contents start. X.690 §8.1.3, §10.1. */
  #length(): { readonly start: number; readonly length: number } {
    const bytes = this.#bytes;
    const at = this.#at + 1;
    const first = bytes[at];
    if (first === undefined) throw this.#error("the length is missing");
    if (first < 0x80) return { start: at + 1, length: first };
    if (first === 0x80) throw this.#error("the length is indefinite");
    const count = first & 0x7f;
    if (count > 4) throw this.#error(`the length takes ${count} bytes`);
    if (at + count >= bytes.length) throw this.#error("the length is cut off");
    let length = 0;
    for (let i = 1; i <= count; i++) length = length * 256 + (bytes[at + i] ?? 0);
    if (length < 0x80 || length < 256 ** (count - 1)) throw this.#error("the length is not minimal");
    return { start: at + 1 + count, length };
  }

  #error(fact: string): DerError {
    return new DerError(`${fact} (at offset ${this.#origin + this.#elementAt})`);
  }
}

/** Decoding an arc takes time in the square of its length; no registered identifier comes near. */
const OBJECT_IDENTIFIER_LIMIT = 1024;

/** The decimal names of one subidentifier: two of them for the first, which packs the first two arcs. X.690 §8.19.4. */
function arcNames(base128: Uint8Array, isFirst: boolean): readonly string[] {
  let value: bigint | number = 0;
  if (base128.length <= 7) for (const byte of base128) value = value * 128 + (byte & 0x7f);
  else value = base128.reduce((sum, byte) => (sum << 7n) | BigInt(byte & 0x7f), 0n);
  if (!isFirst) return [String(value)];
  if (value < 40) return ["0", String(value)];
  if (value < 80) return ["1", String(Number(value) - 40)];
  return ["2", String(typeof value === "bigint" ? value - 80n : value - 80)];
}
