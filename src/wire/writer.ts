/** Growable big-endian output. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  /** @param capacity bytes to start with; it grows as needed. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Appends an unsigned integer of `size` bytes, 1 to 4. @throws {RangeError} when `value` does not fit. */
  uint(size: number, value: number): void {
    this.patch(this.reserve(size), size, value);
  }

  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Makes room for `size` bytes, zero until they are patched, and returns where they start. */
  reserve(size: number): number {
    const at = this.#length;
    const needed = at + size;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }

  /** Overwrites `size` bytes at `at` with an unsigned integer. @throws {RangeError} when `value` does not fit. */
  patch(at: number, size: number, value: number): void {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) {
      throw new RangeError(`${value} does not fit an unsigned integer of ${size} bytes`);
    }
    let rest = value;
    for (let i = at + size - 1; i >= at; i--) {
      this.#bytes[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
