import { Duplex, type DuplexOptions } from "node:stream";

/** One end of a pair of streams in memory: what is written to it can be read from the other. */
export class DuplexEnd extends Duplex {
  other: DuplexEnd | undefined;
  /** What was written, write by write. */
  readonly written: Buffer[] = [];
  #afterRead: (() => void) | undefined;

  override _read(): void {
    const afterRead = this.#afterRead;
    this.#afterRead = undefined;
    afterRead?.();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.written.push(chunk);
    const { other } = this;
    if (other === undefined || other.destroyed) callback();
    else if (other.push(chunk)) callback();
    else other.#afterRead = callback;
  }

  override _final(callback: () => void): void {
    this.other?.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { other } = this;
    // A peer that vanishes without an end looks like a connection that is cut.
    if (other !== undefined && !other.destroyed && !this.writableFinished) {
      queueMicrotask(() => other.destroy());
    }
    callback(error);
  }
}

/** Two ends, the first one for the server by convention. */
export function duplexPair(options: DuplexOptions = {}): readonly [DuplexEnd, DuplexEnd] {
  const a = new DuplexEnd(options);
  const b = new DuplexEnd(options);
  a.other = b;
  b.other = a;
  return [a, b];
}
