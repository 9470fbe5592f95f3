import { TlsAlert } from "../alert.ts";

/** Cursor over received bytes. Every shortfall is a `decode_error`; nothing is copied. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #offset: number;

  /** Reads `bytes[start..end)`. */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Reads an unsigned big-endian integer of `size` bytes, 1 to 4. */
  uint(size: number): number {
    const start = this.#advance(size);
    let value = 0;
    for (let i = start; i < start + size; i++) value = value * 256 + (this.#bytes[i] ?? 0);
    return value;
  }

  /** Borrows the next `length` bytes: the view aliases the input. */
  take(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** A reader confined to the next `length` bytes, which this one skips. */
  sub(length: number): Reader {
    const start = this.#advance(length);
    return new Reader(this.#bytes, start, start + length);
  }

  /** @throws {TlsAlert} decode_error when bytes of `what` are left over. */
  expectEnd(what: string): void {
    if (this.remaining > 0) throw new TlsAlert("decode_error", `${this.remaining} trailing bytes in ${what}`);
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#end - start) {
      throw new TlsAlert("decode_error", `${length} bytes are declared where ${this.#end - start} are left`);
    }
    this.#offset = start + length;
    return start;
  }
}
