import type { Clock } from "../../src/protocol/transport.ts";

interface Planned {
  readonly at: number;
  readonly callback: () => void;
}

/** Time that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #now = 0;
  readonly #planned = new Set<Planned>();

  /** Timers that are running. */
  get timers(): number {
    return this.#planned.size;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const planned = { at: this.#now + ms, callback };
    this.#planned.add(planned);
    return planned;
  }

  clearTimeout(handle: unknown): void {
    // Handles come from setTimeout above.
    this.#planned.delete(handle as Planned);
  }

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Runs what is due within `ms` milliseconds, in order. */
  advance(ms: number): void {
    this.#now += ms;
    for (const planned of [...this.#planned].sort((a, b) => a.at - b.at)) {
      if (planned.at <= this.#now && this.#planned.delete(planned)) planned.callback();
    }
  }
}

/** Lets everything run that needs no time: streams in memory, and promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
