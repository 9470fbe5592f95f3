import { ConfigError } from "../errors.ts";
import type { Clock } from "./transport.ts";

/** The timers that every runtime has, and that no standard library type of this project declares. */
interface RuntimeTimers {
  readonly setTimeout?: (callback: () => void, ms: number) => unknown;
  readonly clearTimeout?: (handle: unknown) => void;
}

/** The runtime's own timers. @throws {ConfigError} where there are none. */
export function runtimeClock(timers: RuntimeTimers = globalThis as RuntimeTimers): Clock {
  const { setTimeout, clearTimeout } = timers;
  if (typeof setTimeout !== "function" || typeof clearTimeout !== "function") {
    throw new ConfigError("clock", undefined, "a Clock, where the runtime has no setTimeout");
  }
  return {
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (handle) => clearTimeout(handle),
    defer: (callback) => void Promise.resolve().then(callback),
  };
}

/** One timer that runs at most once at a time. */
export class Timer {
  readonly #clock: Clock;
  #running: { readonly handle: unknown } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `callback` in `ms` milliseconds, unless {@link cancel} is called; a call that was planned before is off. */
  start(ms: number, callback: () => void): void {
    this.cancel();
    const handle = this.#clock.setTimeout(() => {
      this.#running = undefined;
      callback();
    }, ms);
    this.#running = { handle };
  }

  cancel(): void {
    if (this.#running === undefined) return;
    this.#clock.clearTimeout(this.#running.handle);
    this.#running = undefined;
  }
}
