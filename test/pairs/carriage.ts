import type { End, Split } from "../support/pair.ts";
import type { Answer } from "./hooks.ts";

/** How a conversation is carried. */
export interface Carriage {
  readonly split: Split;
  readonly answer: Answer;
  /** Whether bytes are delivered while a hook is awaited, up to what a parked handshake may hold. */
  readonly deliversWhileParked: boolean;
}

/** Carries bytes between two ends, in the pieces and at the times that a {@link Carriage} says. */
export class Wire {
  /** How often a hook was awaited. */
  waits = 0;
  readonly #client: End;
  readonly #server: End;
  readonly #carriage: Carriage;

  constructor(client: End, server: End, carriage: Carriage) {
    this.#client = client;
    this.#server = server;
    this.#carriage = carriage;
  }

  /** Until neither side has anything to say. */
  async carry(): Promise<void> {
    do {
      await this.#settle(this.#client);
      await this.#settle(this.#server);
    } while (
      (await this.#move(this.#client, this.#server)) ||
      (await this.#move(this.#server, this.#client))
    );
  }

  async #move(from: End, to: End): Promise<boolean> {
    const output = from.engine.takeOutput();
    if (output === null) return false;
    from.sent.push(output);
    for (const piece of this.#carriage.split(output)) {
      to.engine.receive(piece);
      if (to.drain() !== undefined && !this.#carriage.deliversWhileParked) await this.#settle(to);
    }
    await this.#settle(to);
    return true;
  }

  async #settle(end: End): Promise<void> {
    for (let done = end.drain(); done !== undefined; done = end.drain()) {
      this.waits++;
      await done;
    }
  }
}
