/** Milliseconds that a row waits for one thing, such as a line or an event, before it fails. */
export const PATIENCE_MS = 10_000;

/** Something that changes, and that rows wait on. Nothing here sleeps: a wait ends with the change that it is for. */
export class Changes {
  readonly #waiters = new Set<() => void>();

  /** Tells everybody who waits that there is something new to look at. */
  announce(): void {
    for (const look of this.#waiters) look();
  }

  /**
   * The first result of `probe` that is neither undefined nor false. It is called now, and after each change.
   *
   * @param what for the error's message.
   * @param describe what there is instead, for the error's message.
   * @param isOver whether nothing will change any more; the wait fails then.
   */
  async until<T>(
    what: string,
    probe: () => T | undefined | false,
    describe: () => string,
    isOver: () => boolean,
  ): Promise<T> {
    let look = (): void => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        const fail = (why: string): void => reject(new Error(`no ${what} ${why}; ${describe()}`));
        look = () => {
          try {
            const found = probe();
            if (found !== undefined && found !== false) resolve(found);
            else if (isOver()) fail("before the end");
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        timer = setTimeout(() => fail(`in ${PATIENCE_MS} ms`), PATIENCE_MS);
        this.#waiters.add(look);
        look();
      });
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(look);
    }
  }
}

/** What a row has opened, and what closes it again, whatever the row's result is. */
export class Scope {
  readonly #closers: (() => unknown)[] = [];

  /** Closers run in reverse order. */
  onClose(closer: () => unknown): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) await closer();
  }
}
