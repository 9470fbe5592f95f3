import type { TlsEngine, TlsEvent } from "../../src/index.ts";
import type { Facts, Machine, State } from "./machine.ts";

/** A scripted side, of either version. */
export interface WalkPeer {
  /** Alerts that were received, by name. */
  readonly alerts: readonly string[];
  /** Names of what its flow waits for. */
  readonly expected: readonly string[];
  /** The outcome of its handshake, when it has ended. */
  readonly established: unknown;
  peek(): { readonly name: string; readonly raw: Uint8Array | undefined } | undefined;
  play(): string;
  skip(): string;
  sendRecord(type: number, content: Uint8Array): void;
  sendPlaintextRecord(type: number, content: Uint8Array): void;
  takeOutput(): Uint8Array;
  receive(bytes: Uint8Array): void;
}

/** An engine, and a scripted peer at the other end. */
export interface WalkScene {
  readonly engine: TlsEngine;
  readonly peer: WalkPeer;
  readonly events: readonly TlsEvent[];
  /** The `closed` events. */
  readonly closed: readonly Extract<TlsEvent, { type: "closed" }>["how"][];
  exchange(): void;
  inject(raw: Uint8Array): void;
  injectRecord(type: number, content: Uint8Array): void;
  play(): string;
  playTimes(count: number): void;
  playAll(): readonly string[];
}

/** A scenario, whose points are to be looked at one by one. */
export interface Walk {
  readonly machine: Machine;
  /** What is true at the start. */
  readonly facts: Facts;
  /** An engine and its peer. Nothing was played yet. */
  readonly start: () => WalkScene;
  /** The subject as a scripted side too, and its peer. */
  readonly twoSides: () => { readonly subject: WalkPeer; readonly peer: WalkPeer };
}

/** A point of a scenario at which the subject waits. */
export interface Point {
  /** What the peer has sent. */
  readonly played: readonly string[];
  readonly state: State;
  readonly facts: Facts;
}

/** All points of a scenario, from the start to the end of the machine. */
export function pointsOfWalk({ machine, facts: atStart, start }: Walk): readonly Point[] {
  const scene = start();
  let { state, facts }: { state: State; facts: Facts } = { state: machine.start, facts: atStart };
  const points: Point[] = [{ played: [], state, facts }];
  while (scene.peer.peek() !== undefined) {
    const message = scene.play();
    ({ state, facts } = machine.follow(state, facts, message));
    points.push({ played: [...(points.at(-1)?.played ?? []), message], state, facts });
  }
  if (state !== machine.end) throw new Error(`the scenario ends in ${state.name}`);
  return points;
}

/** A scene that was played up to `point`. */
export function sceneOfWalk({ start }: Walk, { played }: Point): WalkScene {
  const scene = start();
  scene.playTimes(played.length);
  return scene;
}
