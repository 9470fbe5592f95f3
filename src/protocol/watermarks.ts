/** Whether a buffer is full: from the high mark on, until it has gone down to the low one. */
export class Watermarks {
  readonly #high: number;
  readonly #low: number;
  #isFull = false;

  /** @param high bytes, and at least `low`. An empty buffer is never full, whatever the marks are. */
  constructor(high: number, low: number) {
    this.#high = Math.max(high, 1);
    this.#low = low;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Takes the bytes that are in the buffer now. @returns whether {@link isFull} has changed. */
  update(length: number): boolean {
    const wasFull = this.#isFull;
    this.#isFull = wasFull ? length > this.#low : length >= this.#high;
    return this.#isFull !== wasFull;
  }
}
