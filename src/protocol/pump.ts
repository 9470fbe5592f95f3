import type { Clock } from "./transport.ts";

/**
 * Calls a function as often as there is something to do, and never inside of itself: what its callbacks bring about makes it go round
 * once more.
 */
export class Pump {
  readonly #clock: Clock;
  readonly #round: () => void;
  #isRunning = false;
  #isDue = false;
  #isPlanned = false;

  /** @param round does what there is to do, once. */
  constructor(clock: Clock, round: () => void) {
    this.#clock = clock;
    this.#round = round;
  }

  /** Goes round until nothing is due any more. Called from inside, it makes the next round due. */
  run(): void {
    this.#isDue = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#isDue) {
        this.#isDue = false;
        this.#round();
      }
    } finally {
      this.#isRunning = false;
    }
  }

  /** Runs soon. */
  plan(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#clock.defer(() => {
      this.#isPlanned = false;
      this.run();
    });
  }

  /** Calls `action` as if from inside: what it makes due comes after it, and not before the current call has returned. */
  hold(action: () => void): void {
    const isInside = this.#isRunning;
    this.#isRunning = true;
    try {
      action();
    } finally {
      this.#isRunning = isInside;
    }
    if (isInside) this.#isDue = true;
    else if (this.#isDue) this.plan();
  }

  /** {@link run}, unless it would overtake a planned one or is running. */
  runUnlessPlanned(): void {
    if (!this.#isRunning && !this.#isPlanned) this.run();
  }
}
