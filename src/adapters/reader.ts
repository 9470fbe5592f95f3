import { ByteQueue } from "../record/queue.ts";

/** The stream ended, in order, in the middle of what was to be read. What was received of it can still be read. */
export class IncompleteReadError extends Error {
  override readonly name = "IncompleteReadError";
  /** Bytes that are there. */
  readonly receivedBytes: number;

  constructor(wanted: string, receivedBytes: number) {
    super(`the stream ended ${receivedBytes} bytes into ${wanted}`);
    this.receivedBytes = receivedBytes;
  }
}

/** There is no separator within the limit. What was received stays where it is and can be read otherwise. */
export class ReadLimitError extends Error {
  override readonly name = "ReadLimitError";
  readonly limitBytes: number;

  constructor(limitBytes: number) {
    super(`no separator within ${limitBytes} bytes`);
    this.limitBytes = limitBytes;
  }
}

/**
 * One way to read: called with what is there whenever there is more of it, and once more when nothing will follow.
 *
 * @returns undefined to wait for more, which it must not do when `isEnded`.
 */
export type ReadAttempt<T> = (received: ByteQueue, isEnded: boolean) => T | undefined;

/** What was received and not read yet, how it ends, and the one read that waits for more. */
export class Reader {
  readonly #received = new ByteQueue();
  /** Answers whether the read that waits is settled. */
  #waiting: (() => boolean) | undefined;
  #end: { readonly error: Error | null } | undefined;

  /** Bytes received and not read. */
  get length(): number {
    return this.#received.length;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Copies `bytes` behind what is there. */
  append(bytes: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#received.append(bytes);
    this.#retry();
  }

  /** Nothing will follow. After what is there, reads get null, or `error` if there is one. Only the first call counts. */
  end(error: Error | null): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#retry();
  }

  /** Ends it now: what is there is dropped, and reads get null, or `error`. */
  discard(error: Error | null): void {
    this.take(this.length);
    this.end(error);
  }

  /** The first `length` bytes, at most {@link length}, which the caller owns. */
  take(length: number): Uint8Array {
    return take(this.#received, length);
  }

  /** @throws {TypeError} as a rejection, while another read waits. */
  read<T>(attempt: ReadAttempt<T>): Promise<T> {
    if (this.#waiting !== undefined) return Promise.reject(new TypeError("another read is waiting already"));
    return new Promise((resolve, reject) => {
      const tryAgain = (): boolean => {
        try {
          const result = this.#attempt(attempt);
          if (result === undefined) return false;
          resolve(result);
        } catch (error) {
          reject(error);
        }
        return true;
      };
      if (!tryAgain()) this.#waiting = tryAgain;
    });
  }

  #attempt<T>(attempt: ReadAttempt<T>): T | undefined {
    const end = this.#end;
    // In front of an error, a read that has all that it wants gets it, and one that would have to make do with less does not.
    const result = attempt(this.#received, end?.error === null);
    if (result === undefined && end !== undefined && end.error !== null) throw end.error;
    return result;
  }

  #retry(): void {
    if (this.#waiting?.() === true) this.#waiting = undefined;
  }
}

/** Whatever is there, at least one and at most `max` bytes; null at the end. */
export function some(max: number): ReadAttempt<Uint8Array | null> {
  return (received, isEnded) => {
    if (received.length > 0) return take(received, Math.min(max, received.length));
    return isEnded ? null : undefined;
  };
}

/** `length` bytes. @throws {IncompleteReadError} when the stream ends before. */
export function exactly(length: number): ReadAttempt<Uint8Array> {
  return (received, isEnded) => {
    if (received.length >= length) return take(received, length);
    if (isEnded) throw new IncompleteReadError(`${length} bytes`, received.length);
    return undefined;
  };
}

/**
 * Everything up to and including `separator`, at most `limit` bytes; null at the end.
 *
 * @throws {ReadLimitError} when there is more without one; {IncompleteReadError} when the stream ends before one.
 */
export function until(separator: Uint8Array, limit: number): ReadAttempt<Uint8Array | null> {
  // Where the search goes on: a peer that sends single bytes must not make us look at all of them again for each one.
  let from = 0;
  return (received, isEnded) => {
    const end = endOf(separator, received, from, limit);
    if (end !== undefined) return take(received, end);
    if (received.length >= limit) throw new ReadLimitError(limit);
    from = Math.max(0, received.length - separator.length + 1);
    if (!isEnded) return undefined;
    if (received.length === 0) return null;
    throw new IncompleteReadError("what was to end with a separator", received.length);
  };
}

function take(queue: ByteQueue, length: number): Uint8Array {
  const bytes = queue.view(0, length).slice();
  queue.consume(length);
  queue.rest();
  return bytes;
}

/** Where the first `separator` ends that begins at or after `from` and ends within `limit`. */
function endOf(separator: Uint8Array, queue: ByteQueue, from: number, limit: number): number | undefined {
  const bytes = queue.view(0, Math.min(queue.length, limit));
  const [first = 0] = separator;
  for (let at = bytes.indexOf(first, from); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (separator.every((byte, i) => bytes[at + i] === byte)) return at + separator.length;
  }
  return undefined;
}
