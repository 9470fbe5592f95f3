import { hex } from "../bytes.ts";

/** The non-negative integer whose big-endian bytes these are; none are zero. (OS2IP of RFC 8017 §4.2.) */
export function bigIntFromBytes(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${hex(bytes)}`);
}

/**
 * `value` in exactly `length` big-endian bytes. (I2OSP of RFC 8017 §4.1.)
 * @throws {RangeError} when it is negative or does not fit. The value is not shown, as it may be secret.
 */
export function bytesFromBigInt(value: bigint, length: number): Uint8Array {
  if (value < 0n) throw new RangeError("a negative integer has no unsigned bytes");
  const digits = value.toString(16);
  if (digits.length > 2 * length && value !== 0n) {
    throw new RangeError(`the integer does not fit in ${length} bytes`);
  }
  const padded = length === 0 ? "" : digits.padStart(2 * length, "0");
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = parseInt(padded.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Bits of a non-negative integer without leading zeros; those of 0 are 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}
