import { concatBytes } from "../bytes.ts";
import { bytesFromBigInt } from "./integers.ts";
import { contextConstructed, DerTag } from "./tags.ts";

/** One DER element: `tag`, the minimal length of all `contents`, and the contents. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return concatBytes(Uint8Array.of(tag), lengthBytes(length), ...contents);
}

/** SEQUENCE of encoded elements. */
export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(DerTag.SEQUENCE, ...elements);
}

/** SET of encoded elements, as they are given: sorting a SET OF (X.690 §11.6) is up to the caller. */
export function derSet(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(DerTag.SET, ...elements);
}

/** EXPLICIT `[number]` around encoded elements. */
export function derExplicit(number: number, ...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(contextConstructed(number), ...elements);
}

/** BOOLEAN. */
export function derBoolean(value: boolean): Uint8Array {
  return derElement(DerTag.BOOLEAN, Uint8Array.of(value ? 0xff : 0x00));
}

/** NULL. */
export function derNull(): Uint8Array {
  return derElement(DerTag.NULL);
}

/** INTEGER of either sign. */
export function derInteger(value: bigint | number): Uint8Array {
  const integer = BigInt(value);
  // One bit more than the magnitude needs, for the sign; -128 needs no more bits than 127 does.
  const bits = (integer < 0n ? -integer - 1n : integer).toString(2).length + 1;
  const length = Math.ceil(bits / 8);
  return derElement(DerTag.INTEGER, bytesFromBigInt(BigInt.asUintN(8 * length, integer), length));
}

/** INTEGER from big-endian bytes of a non-negative number; leading zeros do not matter. */
export function derUnsignedInteger(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const magnitude = bytes.subarray(start);
  const needsZero = magnitude.length === 0 || (magnitude[0] ?? 0) >= 0x80;
  return derElement(DerTag.INTEGER, needsZero ? Uint8Array.of(0) : new Uint8Array(0), magnitude);
}

/** OBJECT IDENTIFIER from dotted decimal. @throws {RangeError} for what is none. */
export function derObjectIdentifier(dotted: string): Uint8Array {
  if (!/^[0-2]\.(0|[1-9]\d*)(\.(0|[1-9]\d*))*$/.test(dotted)) {
    throw new RangeError(`${JSON.stringify(dotted)} is not an object identifier`);
  }
  const [first = 0n, second = 0n, ...rest] = dotted.split(".").map(BigInt);
  if (first < 2n && second > 39n) throw new RangeError(`the second arc of ${dotted} is above 39`);
  return derElement(DerTag.OBJECT_IDENTIFIER, ...[first * 40n + second, ...rest].map(base128));
}

/** BIT STRING. @param unusedBits low bits of the last byte that are padding, 0..7; they must be zero. */
export function derBitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  const last = bytes.at(-1) ?? 0;
  if (unusedBits < 0 || unusedBits > 7 || (unusedBits > 0 && bytes.length === 0)) {
    throw new RangeError(`${unusedBits} padding bits in ${bytes.length} bytes`);
  }
  if ((last & ((1 << unusedBits) - 1)) !== 0) throw new RangeError("padding bits are not zero");
  return derElement(DerTag.BIT_STRING, Uint8Array.of(unusedBits), bytes);
}

/** OCTET STRING. */
export function derOctetString(bytes: Uint8Array): Uint8Array {
  return derElement(DerTag.OCTET_STRING, bytes);
}

function lengthBytes(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
}

function base128(arc: bigint): Uint8Array {
  const bytes = [Number(arc & 0x7fn)];
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 0x7fn) | 0x80);
  return Uint8Array.from(bytes);
}
