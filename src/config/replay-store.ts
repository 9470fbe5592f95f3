import type { Awaitable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";

/** A ClientHello with early data, as a {@link ReplayStore} is asked about it. */
export interface EarlyHello {
  /** Tells this ClientHello from all others, and is no secret: a digest in hexadecimal. */
  readonly key: string;
  /** When the ticket was issued, in milliseconds since 1970. */
  readonly issuedAtMs: number;
  /** From when on a replay is refused for its age alone, so that the key may be forgotten. */
  readonly expiresAtMs: number;
}

/**
 * Remembers which early data was taken. Whoever has seen a ClientHello can send it again, to any server that opens its ticket: all of them
 * must share one store. RFC 8446 §8.2.
 */
export interface ReplayStore {
  /**
   * Whether this is the first time that anybody asks for `hello.key`, and nobody else will be told so: it must be atomic. False when in doubt;
   * then the early data is passed over, and the client sends it again behind the handshake. What it throws counts as false.
   */
  take(hello: EarlyHello): Awaitable<boolean>;
}

/** Takes early data, which may be replayed and has no forward secrecy. RFC 8446 §2.3, §8. */
export interface EarlyDataOptions {
  /** Bytes that a client may send, 1..2^32-1. */
  readonly maxBytes: number;
  readonly replayStore: ReplayStore;
}

/** @throws {ConfigError} */
export function checkEarlyData(options: EarlyDataOptions | undefined): EarlyDataOptions | undefined {
  if (options === undefined) return undefined;
  const { maxBytes, replayStore } = options;
  if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes >= 2 ** 32)
    throw new ConfigError("earlyData.maxBytes", maxBytes, `whole numbers in 1..${2 ** 32 - 1}`);
  if (typeof replayStore?.take !== "function")
    throw new ConfigError("earlyData.replayStore", replayStore, "a store with a method take");
  return { maxBytes, replayStore };
}

/** What a {@link MemoryReplayStore} is made with. */
export interface MemoryReplayStoreOptions {
  /** Keys to remember at a time; beyond, no early data is taken. Default: 65536. */
  readonly entries?: number;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * Remembers in this process, for servers whose ticket keys no other process has. Tickets that are older than the store are refused: it
 * cannot know what was taken before.
 */
export class MemoryReplayStore implements ReplayStore {
  readonly #entries: number;
  readonly #now: () => number;
  readonly #startedAtMs: number;
  /** What has expired by then may have been forgotten, whatever the clock says now. */
  #forgottenUntilMs = -Infinity;
  /** When each may be forgotten. */
  readonly #taken = new Map<string, number>();

  /** @throws {ConfigError} for `entries` that is not a whole number from 1 to 2^24 - 1. */
  constructor({ entries = 2 ** 16, now = Date.now }: MemoryReplayStoreOptions = {}) {
    if (!Number.isInteger(entries) || entries < 1 || entries >= 2 ** 24)
      throw new ConfigError("entries", entries, `whole numbers in 1..${2 ** 24 - 1}`);
    this.#entries = entries;
    this.#now = now;
    this.#startedAtMs = now();
  }

  take({ key, issuedAtMs, expiresAtMs }: EarlyHello): boolean {
    if (issuedAtMs < this.#startedAtMs || expiresAtMs <= this.#forgottenUntilMs) return false;
    if (this.#taken.has(key)) return false;
    if (this.#taken.size >= this.#entries) this.#forgetExpired();
    if (this.#taken.size >= this.#entries) return false;
    this.#taken.set(key, expiresAtMs);
    return true;
  }

  #forgetExpired(): void {
    const now = this.#now();
    this.#forgottenUntilMs = Math.max(this.#forgottenUntilMs, now);
    for (const [key, expiresAtMs] of this.#taken) if (expiresAtMs <= now) this.#taken.delete(key);
  }
}
