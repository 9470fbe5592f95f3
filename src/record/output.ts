// Hot path: every record that is written is sealed straight into this buffer.

const NO_STORAGE = new Uint8Array();
const FIRST_CAPACITY = 256;

/** Records that wait to be sent, in one array, which is given away when it is taken. */
export class OutputBuffer {
  #bytes = NO_STORAGE;
  #start = 0;
  #end = 0;

  /** Bytes written and not taken. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** The array to write to, from where {@link reserve} says; another one after the next `reserve` or `take`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Makes sure that `length` bytes fit, and returns where they start. They count once they are committed. */
  reserve(length: number): number {
    const needed = this.#end + length;
    if (needed > this.#bytes.length) {
      const kept = this.#bytes.subarray(this.#start, this.#end);
      const grown = new Uint8Array(Math.max(kept.length + length, kept.length * 2, FIRST_CAPACITY));
      grown.set(kept);
      this.#bytes = grown;
      this.#end = kept.length;
      this.#start = 0;
    }
    return this.#end;
  }

  /** Counts the next `length` bytes as written. */
  commit(length: number): void {
    this.#end += length;
  }

  /** Up to `max` bytes, which the caller owns; null when there are none. Nothing is copied when it is all of them. */
  take(max: number): Uint8Array | null {
    if (this.length === 0) return null;
    if (max < this.length) {
      const part = this.#bytes.slice(this.#start, this.#start + max);
      this.#start += part.length;
      return part;
    }
    const all = this.#bytes.subarray(this.#start, this.#end);
    this.clear();
    return all;
  }

  /** Drops everything. */
  clear(): void {
    this.#bytes = NO_STORAGE;
    this.#start = 0;
    this.#end = 0;
  }
}
