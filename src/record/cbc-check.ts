// Hot path: see protection12.ts. What is computed here from decrypted bytes that are not authentic yet decides neither a branch, nor
// an index, nor the number of turns of a loop: it is masks, with all bits set (-1) for yes and none (0) for no.

import type { RecordMac } from "./record-mac.ts";

/** Most bytes of padding with the byte that tells how many. RFC 5246 §6.2.3.2. */
const MAX_PADDING = 256;

/**
 * Yes when `plaintext` ends with good padding, behind which at least `leastBefore` bytes are left. RFC 5246 §6.2.3.2.
 * `plaintext` is longer than `leastBefore`; only the two lengths decide what is read.
 */
export function paddingMask(plaintext: Uint8Array, leastBefore: number): number {
  const { length } = plaintext;
  const last = length - 1;
  const paddingLength = plaintext[last]!;
  const read = Math.min(MAX_PADDING, length);
  let difference = 0;
  for (let i = 0; i < read; i++)
    difference |= (plaintext[last - i]! ^ paddingLength) & ~lessThan(paddingLength, i);
  return equals(difference, 0) & ~lessThan(length, leastBefore + 1 + paddingLength);
}

/**
 * Checks MAC and padding of MAC-then-encrypt records in a shape that depends on their length alone, and leaves one answer. The time
 * that it takes is meant to tell nothing about the padding, as otherwise who may send records gets to know plaintext (Vaudenay 2002; AlFardan
 * and Paterson, "Lucky Thirteen", 2013).
 *
 * Bad padding counts as padding of length 0, as RFC 5246 §6.2.3.2 advises, and the MAC is checked as always.
 */
export class CbcRecordCheck {
  readonly #mac: RecordMac;
  #rotated: Uint8Array;
  #shifted: Uint8Array;

  /** @param mac owned, and wiped by {@link wipe}. */
  constructor(mac: RecordMac) {
    this.#mac = mac;
    this.#rotated = new Uint8Array(mac.length);
    this.#shifted = new Uint8Array(mac.length);
  }

  /** Least bytes of a plaintext: the MAC, and one byte of padding. */
  get leastLength(): number {
    return this.#mac.length + 1;
  }

  /**
   * Bytes of content in front of MAC and padding in `plaintext`; -1 when one of them is wrong.
   *
   * @param additionalData whose length is written here.
   * @param plaintext at least {@link leastLength} bytes.
   */
  contentLength(additionalData: Uint8Array, plaintext: Uint8Array): number {
    const macLength = this.#mac.length;
    const most = plaintext.length - macLength - 1;
    const least = Math.max(0, most - (MAX_PADDING - 1));
    let good = paddingMask(plaintext, macLength);
    const length = most - (plaintext[plaintext.length - 1]! & good);
    const computed = this.#mac.computeInWindow(additionalData, plaintext, least, length, most);
    const received = this.#macAt(plaintext, least, length, most);
    let difference = 0;
    for (let i = 0; i < macLength; i++) difference |= computed[i]! ^ received[i]!;
    good &= equals(difference, 0);
    return (length & good) | ~good;
  }

  /** Forgets the key. */
  wipe(): void {
    this.#mac.wipe();
    this.#rotated.fill(0);
    this.#shifted.fill(0);
  }

  /**
   * The MAC that stands at `at`, which is in `least..most` and secret. All places where it may stand are read in order; what belongs to
   * it ends up rotated by an amount that is secret too, and is turned back in steps of 1, 2, 4, ..., each of them taken or not by mask.
   */
  #macAt(plaintext: Uint8Array, least: number, at: number, most: number): Uint8Array {
    const macLength = this.#mac.length;
    let rotated = this.#rotated;
    let shifted = this.#shifted;
    rotated.fill(0);
    let rotation = 0;
    for (let i = least, place = 0; i < most + macLength; i++) {
      rotated[place]! |= plaintext[i]! & ~lessThan(i, at) & lessThan(i, at + macLength);
      rotation |= place & equals(i, at);
      place = place + 1 === macLength ? 0 : place + 1;
    }
    for (let step = 1; step < macLength; step <<= 1) {
      const stays = equals(rotation & step, 0);
      for (let i = 0, from = step; i < macLength; i++) {
        shifted[i] = (rotated[i]! & stays) | (rotated[from]! & ~stays);
        from = from + 1 === macLength ? 0 : from + 1;
      }
      const turned = shifted;
      shifted = rotated;
      rotated = turned;
    }
    return rotated;
  }
}

/** Yes when `a` is below `b`; both are in 0..2^30. */
function lessThan(a: number, b: number): number {
  return (a - b) >> 31;
}

/** Yes when `a` and `b` are the same; both are in 0..2^30. */
function equals(a: number, b: number): number {
  return ((a ^ b) - 1) >> 31;
}
