import { concatBytes } from "../bytes.ts";

/** What is written before the handshake has ended: kept in order, up to a limit. */
export class WriteQueue {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #length = 0;

  /** @param limit bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Appends a copy. @throws {RangeError} beyond the limit; nothing of `bytes` is kept then. */
  push(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#limit) {
      throw new RangeError(`${length} bytes written before the handshake has ended, allowed ${this.#limit}`);
    }
    this.#chunks.push(bytes.slice());
    this.#length = length;
  }

  /** Everything, joined; the queue is empty afterwards. */
  take(): Uint8Array {
    const all = concatBytes(...this.#chunks);
    this.clear();
    return all;
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
  }
}
