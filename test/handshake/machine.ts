import { readFileSync } from "node:fs";
import { join } from "node:path";

import { handshakeMessages, type HandshakeName } from "../../src/messages/handshake.ts";

/** What is true of a connection, as far as the next state depends on it. */
export type Facts = Readonly<Record<string, boolean>>;

export interface Transition {
  readonly receives: HandshakeName;
  readonly if: Facts;
  readonly sets: Facts;
  readonly next: string;
}

export interface State {
  readonly name: string;
  readonly readKeys: "none" | "early data" | "handshake" | "application";
  readonly changeCipherSpec: "drop" | "refuse";
  readonly applicationData: "deliver" | "refuse";
  readonly transitions: readonly Transition[];
}

/** The machine of a role. RFC 8446 A.1, A.2. */
export function machineOf(role: "client" | "server"): Machine {
  return MACHINES[role];
}

/** A machine of `vectors/state-machine.json`. */
export class Machine {
  readonly states: ReadonlyMap<string, State>;
  readonly start: State;
  readonly end: State;

  /** @throws {Error} for data in which something is missing, unknown or ambiguous. */
  constructor(role: "client" | "server") {
    const path = join(import.meta.dirname, "../../vectors/state-machine.json");
    const file = JSON.parse(readFileSync(path, "utf8")) as MachineFile;
    const machine = file.machines.find((candidate) => candidate.role === role);
    if (machine === undefined || !file.source.includes("RFC 8446 Appendix A")) throw new Error(`no ${role}`);
    this.states = new Map(
      machine.states.map((state) => [
        state.name,
        {
          ...state,
          transitions: state.transitions.map((transition) => ({ if: {}, sets: {}, ...transition })),
        },
      ]),
    );
    this.start = this.#state(machine.start);
    this.end = this.#state(machine.end);
    for (const { name, transitions } of this.states.values()) {
      for (const { receives, next, if: condition, sets } of transitions) {
        this.#state(next);
        if (!(receives in handshakeMessages)) throw new Error(`${name}: no message ${receives}`);
        for (const fact of Object.keys({ ...condition, ...sets })) {
          if (!(fact in file.facts)) throw new Error(`${name}: no fact ${fact}`);
        }
      }
    }
  }

  /** Names of the messages that `state` accepts, sorted. */
  accepted(state: State, facts: Facts): readonly HandshakeName[] {
    return state.transitions
      .filter((transition) => holds(transition, facts))
      .map(({ receives }) => receives)
      .toSorted();
  }

  /** Where `message` leads. @throws {Error} unless exactly one transition is possible. */
  follow(state: State, facts: Facts, message: string): { readonly state: State; readonly facts: Facts } {
    const possible = state.transitions.filter(
      (transition) => transition.receives === message && holds(transition, facts),
    );
    const [transition] = possible;
    if (transition === undefined || possible.length > 1) {
      throw new Error(`${state.name}: ${possible.length} transitions with ${message}`);
    }
    return { state: this.#state(transition.next), facts: { ...facts, ...transition.sets } };
  }

  #state(name: string): State {
    const state = this.states.get(name);
    if (state === undefined) throw new Error(`no state ${name}`);
    return state;
  }
}

interface MachineFile {
  readonly source: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly machines: readonly {
    readonly role: string;
    readonly start: string;
    readonly end: string;
    readonly states: readonly (Omit<State, "transitions"> & {
      readonly transitions: readonly (Pick<Transition, "receives" | "next"> & Partial<Transition>)[];
    })[];
  }[];
}

function holds({ if: condition }: Transition, facts: Facts): boolean {
  return Object.entries(condition).every(([fact, value]) => (facts[fact] ?? false) === value);
}

const MACHINES = { client: new Machine("client"), server: new Machine("server") };
