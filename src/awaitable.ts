/** What may answer at once or later. A value costs no microtask. */
export type Awaitable<T> = T | PromiseLike<T>;

/** Whether an answer is still to come. */
export function isThenable<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Goes on with what is there at once, or will be. */
export function andThen<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return isThenable(value) ? value.then(next) : next(value);
}
