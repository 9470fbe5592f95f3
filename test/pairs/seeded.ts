import { randomInt } from "node:crypto";

import type { Random } from "../../src/index.ts";
import type { Split } from "../support/pair.ts";

/** The seed of this run: `TLS_ENGINE_SEED` from the environment, or a new one. Tests show it in their titles. */
export const RUN_SEED = process.env["TLS_ENGINE_SEED"] ?? String(randomInt(2 ** 31));

/** Numbers and bytes that follow from a text, and look random. */
export class Seeded {
  #state: number;

  constructor(seed: string) {
    // FNV-1a
    let hash = 0x811c9dc5;
    for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193);
    this.#state = hash;
  }

  /** A whole number in 0..`bound` - 1. */
  integer(bound: number): number {
    return Math.floor((this.#next() / 2 ** 32) * bound);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.integer(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  readonly bytes: Random = (length) => {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#next() >>> 24;
    return bytes;
  };

  /** Cuts into pieces of 1 to `longest` bytes, short ones more often. */
  split(longest: number): Split {
    // A generator has no `this` of its own.
    const size = (): number => 1 + this.integer(1 + this.integer(longest));
    return function* (bytes) {
      for (let start = 0; start < bytes.length;) {
        const end = start + size();
        yield bytes.subarray(start, end);
        start = end;
      }
    };
  }

  /** splitmix32 */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
