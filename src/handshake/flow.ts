import { type Awaitable, isThenable } from "../awaitable.ts";
import type { HandshakeName } from "../messages/handshake.ts";

/**
 * A handshake is a coroutine: straight-line code that suspends where it must wait, and nowhere else.
 *
 * - It waits for a handshake message (`receive`), and names the ones that it accepts; in TLS 1.2 for a ChangeCipherSpec too.
 * - It waits for the host (`settle`): a signature, a verdict, a choice of certificate. A value given at once does not suspend.
 *
 * That is all. Records, alerts, ChangeCipherSpec and key limits are dealt with before a message reaches a flow. A flow
 * called without `yield*` does nothing at all; the lint rule `no-floating-flow` and test/architecture.test.ts catch that.
 */

/** Why a flow is suspended. */
export type Wait =
  | { readonly on: "message"; readonly expected: readonly HandshakeName[] }
  /** TLS 1.2. A flow that is given a message instead refuses it. */
  | { readonly on: "change_cipher_spec" }
  | {
      readonly on: "promise";
      readonly promise: PromiseLike<unknown>;
      /** Takes what the promise gives when the flow has ended meanwhile. */
      readonly discard: (late: unknown) => void;
    };

/**
 * A handshake, or a part of one, that suspends on a {@link Wait} and ends with a `T`. It is resumed with a whole message, with undefined
 * for a ChangeCipherSpec, or with what the promise gave.
 */
export type Flow<T> = Generator<Wait, T, unknown>;

/**
 * Waits for a host operation; one that has answered already does not suspend.
 *
 * @param wipe for an answer that holds a secret: it is called when the answer comes after the end of the flow.
 */
export function* settle<T>(value: Awaitable<T>, wipe?: (late: T) => void): Flow<T> {
  if (!isThenable(value)) return value;
  // The runner resumes a wait on a promise, and discards late, what that promise gave.
  const discard = (late: unknown): void => wipe?.(late as T);
  return (yield { on: "promise", promise: value, discard }) as T;
}

/** Where a {@link FlowRunner} stands. */
export type FlowState<T> =
  | { readonly is: "waiting"; readonly expected: readonly HandshakeName[] }
  /** `settled` resolves when `FlowRunner.resume` may be called; it never rejects. */
  | { readonly is: "parked"; readonly settled: Promise<void>; readonly isSettled: boolean }
  | { readonly is: "done"; readonly value: T };

/**
 * Drives one {@link Flow}. Errors of the flow leave `start`, `deliver` and `resume` as exceptions; the runner is dead afterwards.
 */
export class FlowRunner<T> {
  readonly #flow: Flow<T>;
  #wait: Wait | undefined;
  #parked: Parked | undefined;
  #done: { readonly value: T } | undefined;

  constructor(flow: Flow<T>) {
    this.#flow = flow;
  }

  /** Whether {@link state} is `parked`, asked once per record. */
  get isParked(): boolean {
    return this.#parked !== undefined;
  }

  /** Whether a ChangeCipherSpec is due, and nothing else. */
  get awaitsChangeCipherSpec(): boolean {
    return this.#wait?.on === "change_cipher_spec";
  }

  get state(): FlowState<T> {
    if (this.#done !== undefined) return { is: "done", value: this.#done.value };
    if (this.#parked !== undefined) {
      return { is: "parked", settled: this.#parked.settled, isSettled: this.#parked.outcome !== undefined };
    }
    return { is: "waiting", expected: this.#wait?.on === "message" ? this.#wait.expected : [] };
  }

  /** Runs the flow to its first wait. */
  start(): void {
    this.#advance(this.#flow.next());
  }

  /** Hands over what the flow waits for: a whole message, header included; or undefined for a ChangeCipherSpec, if it {@link awaitsChangeCipherSpec}. */
  deliver(message: Uint8Array | undefined): void {
    if (this.state.is !== "waiting")
      throw new TypeError("a message was delivered to a flow that does not wait for one");
    this.#advance(this.#flow.next(message));
  }

  /** Continues after the promise that the flow was parked on has settled. */
  resume(): void {
    const outcome = this.#parked?.outcome;
    if (outcome === undefined) throw new TypeError("the flow is not parked on a settled promise");
    this.#parked = undefined;
    this.#advance(outcome.ok ? this.#flow.next(outcome.value) : this.#flow.throw(outcome.reason));
  }

  /** The flow will not go on. What its host operation gives later is discarded. */
  abandon(): void {
    this.#parked?.abandon();
  }

  #advance(result: IteratorResult<Wait, T>): void {
    if (result.done === true) {
      this.#wait = undefined;
      this.#done = { value: result.value };
      return;
    }
    this.#wait = result.value;
    if (result.value.on === "promise") this.#parked = new Parked(result.value.promise, result.value.discard);
  }
}

type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly reason: unknown };

class Parked {
  readonly settled: Promise<void>;
  outcome: Outcome | undefined;
  readonly #discard: (late: unknown) => void;
  #isAbandoned = false;

  constructor(promise: PromiseLike<unknown>, discard: (late: unknown) => void) {
    this.#discard = discard;
    this.settled = Promise.resolve(promise).then(
      (value) => {
        this.outcome = { ok: true, value };
        if (this.#isAbandoned) discard(value);
      },
      (reason: unknown) => {
        this.outcome = { ok: false, reason };
      },
    );
  }

  abandon(): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    if (this.outcome?.ok === true) this.#discard(this.outcome.value);
  }
}
