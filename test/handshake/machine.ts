import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { AlertName } from "../../src/alert.ts";
import type { TlsVersion } from "../../src/index.ts";
import { handshakeMessages, type HandshakeName } from "../../src/messages/handshake.ts";

/** What is true of a connection, as far as the next state depends on it. */
export type Facts = Readonly<Record<string, boolean>>;

/** What a peer sends in a handshake: a message, or the ChangeCipherSpec of TLS 1.2. */
export type Sent = HandshakeName | "change_cipher_spec";

export interface Transition {
  readonly receives: Sent;
  readonly if: Facts;
  readonly sets: Facts;
  /** A state of this machine, or a name under `elsewhere`. Absent when {@link alert} is the answer. */
  readonly next?: string;
  /** The fatal answer. */
  readonly alert?: AlertName;
  /** The answer that is none. */
  readonly warning?: AlertName;
  /** It is no part of the handshake. */
  readonly passedOver?: true;
}

export interface State {
  readonly name: string;
  readonly readKeys: "none" | "early data" | "handshake" | "application" | "connection";
  readonly changeCipherSpec: "drop" | "refuse" | "defer" | "due";
  readonly applicationData: "deliver" | "refuse";
  readonly transitions: readonly Transition[];
}

/** The machine of a role. RFC 8446 A.1, A.2, or RFC 5246 §7.3. */
export function machineOf(role: "client" | "server", version: TlsVersion): Machine {
  return MACHINES[version][role];
}

/** A machine of `vectors/state-machine.json` or `vectors/state-machine12.json`. */
export class Machine {
  readonly version: TlsVersion;
  readonly states: ReadonlyMap<string, State>;
  readonly start: State;
  readonly end: State;

  /** @throws {Error} for data in which something is missing, unknown or ambiguous. */
  constructor(role: "client" | "server", version: TlsVersion) {
    this.version = version;
    const { name: fileName, source } = FILES[version];
    const path = join(import.meta.dirname, "../../vectors", fileName);
    const file = JSON.parse(readFileSync(path, "utf8")) as MachineFile;
    const machine = file.machines.find((candidate) => candidate.role === role);
    if (machine === undefined || !file.source.includes(source)) throw new Error(`no ${role}`);
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
    for (const { name, transitions, changeCipherSpec } of this.states.values()) {
      const isDue = transitions.some(({ receives }) => receives === "change_cipher_spec");
      if (isDue !== (changeCipherSpec === "due")) throw new Error(`${name}: is ChangeCipherSpec due?`);
      for (const { receives, next, alert, if: condition, sets } of transitions) {
        if ((next === undefined) === (alert === undefined)) throw new Error(`${name}: next or alert?`);
        if (next !== undefined && !(next in file.elsewhere)) this.#state(next);
        if (!isDue && !(receives in handshakeMessages)) throw new Error(`${name}: no message ${receives}`);
        for (const fact of Object.keys({ ...condition, ...sets })) {
          if (!(fact in file.facts)) throw new Error(`${name}: no fact ${fact}`);
        }
      }
    }
  }

  /** What `state` takes without ending the connection, sorted. */
  accepted(state: State, facts: Facts): readonly Sent[] {
    return possible(state, facts)
      .filter(({ next }) => next !== undefined)
      .map(({ receives }) => receives)
      .toSorted();
  }

  /** What a flow waits for in `state`, sorted. */
  awaited(state: State, facts: Facts): readonly Sent[] {
    return possible(state, facts)
      .filter(({ passedOver }) => passedOver === undefined)
      .map(({ receives }) => receives)
      .toSorted();
  }

  /** The alert that `message`, which is not accepted, gets in `state`. */
  refusal(state: State, facts: Facts, message: string): AlertName {
    const refusal = possible(state, facts).find(({ receives }) => receives === message);
    return refusal?.alert ?? "unexpected_message";
  }

  /** Where `message` leads. @throws {Error} unless exactly one transition is possible. */
  follow(
    state: State,
    facts: Facts,
    message: string,
  ): { readonly state: State; readonly facts: Facts; readonly warning: AlertName | undefined } {
    const transitions = possible(state, facts).filter(({ receives }) => receives === message);
    const [transition] = transitions;
    if (transition?.next === undefined || transitions.length > 1) {
      throw new Error(`${state.name}: ${transitions.length} transitions with ${message}`);
    }
    const { next, sets, warning } = transition;
    return { state: this.#state(next), facts: { ...facts, ...sets }, warning };
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
  /** What may stand as `next` and is no state of this file. */
  readonly elsewhere: Readonly<Record<string, string>>;
  readonly machines: readonly {
    readonly role: string;
    readonly start: string;
    readonly end: string;
    readonly states: readonly (Omit<State, "transitions"> & {
      readonly transitions: readonly (Omit<Transition, "if" | "sets"> & Partial<Transition>)[];
    })[];
  }[];
}

function possible({ transitions }: State, facts: Facts): readonly Transition[] {
  return transitions.filter(({ if: condition }) =>
    Object.entries(condition).every(([fact, value]) => (facts[fact] ?? false) === value),
  );
}

const FILES = {
  "TLSv1.3": { name: "state-machine.json", source: "RFC 8446 Appendix A" },
  "TLSv1.2": { name: "state-machine12.json", source: "RFC 5246 §7.3" },
} as const;

const MACHINES = {
  "TLSv1.3": { client: new Machine("client", "TLSv1.3"), server: new Machine("server", "TLSv1.3") },
  "TLSv1.2": { client: new Machine("client", "TLSv1.2"), server: new Machine("server", "TLSv1.2") },
} as const;
