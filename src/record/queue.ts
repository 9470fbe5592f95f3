// Hot path: every received byte passes here. Plain loops and field access; no closures, generators or codecs per record.

const NO_STORAGE = new Uint8Array();
const FIRST_CAPACITY = 4096;

/**
 * Bytes that are appended at the end and consumed at the front, in one contiguous array.
 *
 * The array is allocated on first use and doubles as it must. Consumed space is used again once moving what is left
 * costs no more than what was consumed, so that a byte is moved a bounded number of times, whatever sizes come.
 * After {@link rest} the array is held weakly: traffic that goes on finds it again, and on a connection that stays
 * idle it is the garbage collector's.
 */
export class ByteQueue {
  #bytes = NO_STORAGE;
  #start = 0;
  #end = 0;
  #resting: WeakRef<Uint8Array<ArrayBuffer>> | undefined;

  /** Bytes appended and not consumed. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes of the array that is held; 0 before the first use and after {@link rest}. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Copies `bytes` behind what is there. Views that were handed out before are dead afterwards. */
  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (bytes.length > this.#bytes.length - this.#end) this.#makeRoom(bytes.length);
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The byte at `index`, which must be below {@link length}. */
  at(index: number): number {
    return this.#bytes[this.#start + index] ?? 0;
  }

  /** A view of bytes `from..to`, clipped to what is there and dead at the next {@link append}. */
  view(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(this.#start + from, Math.min(this.#start + to, this.#end));
  }

  /** Drops the first `length` bytes, at most {@link length}; views of them stay until the next {@link append}. */
  consume(length: number): void {
    this.#start += length;
  }

  /** To be called when the queue is empty and nothing is going on: lets go of the array. */
  rest(): void {
    if (this.#bytes.length === 0 || this.length > 0) return;
    // Some runtimes have no WeakRef; they allocate again.
    if (this.#resting === undefined && typeof WeakRef !== "undefined")
      this.#resting = new WeakRef(this.#bytes);
    this.#bytes = NO_STORAGE;
    this.#start = 0;
    this.#end = 0;
  }

  /** Drops everything, and overwrites all of it with zeros. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#resting?.deref()?.fill(0);
    this.#resting = undefined;
    this.#bytes = NO_STORAGE;
    this.#start = 0;
    this.#end = 0;
  }

  #makeRoom(length: number): void {
    const { length: kept } = this;
    const needed = kept + length;
    let bytes = this.#bytes;
    if (bytes.length === 0) {
      const rested = this.#resting?.deref();
      if (rested !== undefined && rested.length >= needed) {
        this.#bytes = rested;
        return;
      }
    }
    if (needed > bytes.length || this.#start < kept) {
      bytes = new Uint8Array(Math.max(needed, bytes.length * 2, FIRST_CAPACITY));
      bytes.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = bytes;
      this.#resting = undefined;
    } else {
      bytes.copyWithin(0, this.#start, this.#end);
    }
    this.#start = 0;
    this.#end = kept;
  }
}
