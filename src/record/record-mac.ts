// Hot path: see protection12.ts.

import { wipe } from "../bytes.ts";
import type { Hash, RunningHash } from "../crypto/provider.ts";
import { writeLength } from "./fragment12.ts";

/** The HMAC of CBC records under one key. RFC 5246 §6.2.3.1, RFC 2104. */
export class RecordMac {
  /** Bytes of a MAC. */
  readonly length: number;
  readonly #hash: Hash;
  readonly #innerPad: Uint8Array;
  readonly #outerPad: Uint8Array;
  readonly #zeros: Uint8Array;
  readonly #byte = new Uint8Array(1);

  /** @param key copied; its length is that of a MAC. */
  constructor(hash: Hash, key: Uint8Array) {
    if (key.length !== hash.outputLength)
      throw new RangeError(`mac key of ${key.length} bytes, allowed ${hash.outputLength}`);
    this.length = hash.outputLength;
    this.#hash = hash;
    this.#innerPad = pad(hash, key, 0x36);
    this.#outerPad = pad(hash, key, 0x5c);
    this.#zeros = new Uint8Array(hash.blockLength);
  }

  /** The MAC of `data`, whose length is written to `additionalData`. */
  compute(additionalData: Uint8Array, data: Uint8Array): Uint8Array {
    writeLength(additionalData, data.length);
    const inner = this.#hash.start();
    inner.update(this.#innerPad);
    inner.update(additionalData);
    inner.update(data);
    return this.#finish(inner);
  }

  /**
   * The MAC of the first `length` bytes of `data`, where `length` is a secret in `least..most`, and those are not. `data` has at
   * least `most` bytes.
   *
   * The provider is called in the same order, with as many bytes each time, and for exactly as many compressions, whatever `length` is:
   * each byte of the window goes to one of two hashes by a call of its own, to the inner one of the HMAC or to another one that is
   * thrown away. Only which of the two it is depends on `length`.
   *
   * A hash of m bytes takes floor((m + f) / b) + 1 compressions, for blocks of b bytes, and f bytes of the length at the end of the
   * padding. With t = `length` - `least` and r = `most` - `least`, the inner hash is of x + t bytes, where x is public. The rest of the
   * window, r - t bytes, goes to the other hash, which has s public bytes in front. Both together take
   *
   *     floor((x + t + f) / b) + floor((s + r - t + f) / b) + 2
   *
   * compressions. The two numerators add up to k = x + s + r + 2f, which does not depend on t. The sum of two quotients is
   * floor(k / b), or one less when the remainders add up to b or more; remainders of numbers that add up to k can only do so when k has a
   * remainder below b - 1. So s is chosen to make that remainder b - 1, and the sum is the same for every t.
   *
   * What still depends on `length` is which of two objects a call is made on, at which byte of the window either of them fills up a block,
   * and how many zeros the hash pads with. None of it is a compression or a call more; but nothing here can bind the JavaScript engine,
   * which may compile or collect garbage when it likes. bench/cbc-timing.mjs measures what is left.
   */
  computeInWindow(
    additionalData: Uint8Array,
    data: Uint8Array,
    least: number,
    length: number,
    most: number,
  ): Uint8Array {
    writeLength(additionalData, length);
    const { blockLength } = this.#hash;
    const inner = this.#hash.start();
    inner.update(this.#innerPad);
    inner.update(additionalData);
    inner.update(data.subarray(0, least));
    const other = this.#hash.start();
    // The pad is a whole block, and so is not in the remainder.
    const known = additionalData.length + most + 2 * lengthFieldLength(blockLength);
    other.update(this.#zeros.subarray(0, blockLength - 1 - (known % blockLength)));
    const hashes = [other, inner];
    const byte = this.#byte;
    for (let i = least; i < most; i++) {
      byte[0] = data[i]!;
      // 1 when `i` is below `length`, or else 0.
      hashes[(i - length) >>> 31]!.update(byte);
    }
    other.digest();
    return this.#finish(inner);
  }

  /** Forgets the key. */
  wipe(): void {
    wipe(this.#innerPad, this.#outerPad, this.#byte);
  }

  #finish(inner: RunningHash): Uint8Array {
    const outer = this.#hash.start();
    outer.update(this.#outerPad);
    outer.update(inner.digest());
    return outer.digest();
  }
}

function pad({ blockLength }: Hash, key: Uint8Array, byte: number): Uint8Array {
  const padded = new Uint8Array(blockLength).fill(byte);
  for (let i = 0; i < key.length; i++) padded[i]! ^= key[i]!;
  return padded;
}

/** Bytes of the message length in the padding of a hash: 8 for blocks of 64 bytes, 16 for 128. FIPS 180-4 §5.1. */
function lengthFieldLength(blockLength: 64 | 128): number {
  return blockLength / 8;
}
