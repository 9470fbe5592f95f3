import type { Awaitable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";
import { wipe } from "../bytes.ts";

/**
 * Where sessions are kept between connections. They are bytes, secrets among them: whoever reads a store can read the
 * connections of its sessions.
 */
export interface SessionStore {
  /** The session under `key`, which the caller owns, or null. It stays where it is. */
  get(key: string): Awaitable<Uint8Array | null>;
  /** Keeps a copy of `session` under `key`, in place of what was there. */
  put(key: string, session: Uint8Array): Awaitable<void>;
  /** Removes the session under `key` and gives it to the caller: of several callers, to one. Null when there is none. */
  take(key: string): Awaitable<Uint8Array | null>;
}

/** What a {@link MemorySessionStore} is made with. */
export interface MemorySessionStoreOptions {
  /** Sessions to keep; one more evicts the one that was not used for the longest time. Default: 256. */
  readonly entries?: number;
}

/** Sessions in the memory of this process. What it evicts and replaces, it overwrites. */
export class MemorySessionStore implements SessionStore {
  readonly #entries: number;
  /** A Map keeps the order of insertion: the first is the one to evict. */
  readonly #sessions = new Map<string, Uint8Array>();

  /** @throws {ConfigError} for `entries` that is not a whole number from 1 to 2^24 - 1. */
  constructor({ entries = 256 }: MemorySessionStoreOptions = {}) {
    if (!Number.isInteger(entries) || entries < 1 || entries >= 2 ** 24) {
      throw new ConfigError("entries", entries, `whole numbers in 1..${2 ** 24 - 1}`);
    }
    this.#entries = entries;
  }

  get(key: string): Uint8Array | null {
    const session = this.#sessions.get(key);
    if (session === undefined) return null;
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    return new Uint8Array(session);
  }

  put(key: string, session: Uint8Array): void {
    // Not slice(), which gives a view when the session is a Buffer of Node.
    const kept = new Uint8Array(session);
    this.#remove(key);
    this.#sessions.set(key, kept);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > this.#entries && oldest !== undefined) this.#remove(oldest);
  }

  take(key: string): Uint8Array | null {
    const session = this.#sessions.get(key);
    this.#sessions.delete(key);
    return session ?? null;
  }

  #remove(key: string): void {
    const session = this.#sessions.get(key);
    if (session !== undefined) wipe(session);
    this.#sessions.delete(key);
  }
}
