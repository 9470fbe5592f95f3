import { type Awaitable, MemorySessionStore, type SessionStore } from "../../src/index.ts";
import type { Answer } from "./hooks.ts";

/** What has gone wrong in a {@link failingStore}. */
export class StoreError extends Error {
  override readonly name = "StoreError";
}

/** A store in memory whose answers go through `answer`. It does one thing after the other, as they were asked for. */
export function answeringStore(answer: Answer): SessionStore {
  const memory = new MemorySessionStore();
  return {
    get: (key) => answer(memory.get(key)),
    put: (key, session) => answer(memory.put(key, session)),
    take: (key) => answer(memory.take(key)),
  };
}

/** A store that answers no earlier than in some turns of the microtask queue, one question after the other. */
export function lateStore(): SessionStore {
  const memory = new MemorySessionStore();
  let last: Promise<unknown> = Promise.resolve();
  const queue = async <T>(action: () => T): Promise<T> => {
    const before = last;
    const own = (async () => {
      await before;
      for (let turns = 0; turns < 5; turns++) await Promise.resolve();
      return action();
    })();
    last = own;
    return own;
  };
  return {
    get: (key) => queue(() => memory.get(key)),
    // It is copied as late as it may be: whoever puts it wipes it afterwards.
    put: (key, session) => queue(() => memory.put(key, session)),
    take: (key) => queue(() => memory.take(key)),
  };
}

/** A store that does nothing but fail, when `answer` lets it. */
export class FailingStore implements SessionStore {
  /** What was answered late. */
  readonly answers: Promise<never>[] = [];
  readonly #answer: Answer;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  get(key: string): Awaitable<never> {
    return this.#fail(`cannot get ${key}`);
  }

  put(key: string): Awaitable<never> {
    return this.#fail(`cannot put ${key}`);
  }

  take(key: string): Awaitable<never> {
    return this.#fail(`cannot take ${key}`);
  }

  #fail(message: string): Promise<never> {
    const error = new StoreError(message);
    const answered = this.#answer(undefined);
    if (answered === undefined) throw error;
    const failed = Promise.resolve(answered).then(() => Promise.reject(error));
    this.answers.push(failed);
    return failed;
  }
}
