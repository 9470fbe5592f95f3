import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { ContentType, NEED_DATA, NotTlsError, TlsAlert, TlsEngine } from "../../src/index.ts";
import { MESSAGES } from "../handshake/foreign-messages.ts";
import { SCENARIOS, sceneOf, toyClient, toyServer } from "../handshake/scenarios.ts";
import { SCENARIOS12 } from "../handshake/scenarios12.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import type { Scene } from "../support/scripted-peer.ts";

/** How long one of these tests may take; the cases that are left then are not run. */
const BUDGET_MS = 1_500;
const CASES = 1_000;

/** Those of both versions, with peers that do as ours do. */
const ALL_SCENARIOS = [...SCENARIOS, ...SCENARIOS12.filter(({ serverIo }) => serverIo === undefined)];

/** A scenario, and how many messages the peer has sent. */
interface Point {
  readonly scenario: Parameters<typeof sceneOf>[0];
  readonly played: number;
}

const POINTS: readonly Point[] = ALL_SCENARIOS.flatMap((scenario) => {
  const { length } = sceneOf(scenario).playAll();
  return Array.from({ length: length + 1 }, (_, played) => ({ scenario, played }));
});

/** A scene that was played up to a point. */
function sceneAt({ scenario, played }: Point): Scene {
  const scene = sceneOf(scenario);
  scene.playTimes(played);
  return scene;
}

/** Runs `one` for many seeds of its own, and names the seed that fails. */
function eachSeed(what: string, one: (seeded: Seeded) => void): void {
  const until = performance.now() + BUDGET_MS;
  let cases = 0;
  for (; cases < CASES && performance.now() < until; cases++) {
    const seed = `${RUN_SEED} ${what} ${cases}`;
    try {
      one(new Seeded(seed));
    } catch (cause) {
      throw new Error(`new Seeded(${JSON.stringify(seed)})`, { cause });
    }
  }
  expect(cases).toBeGreaterThan(20);
}

/**
 * Gives `bytes` to `engine` in random pieces, and takes everything that it says. Nothing may throw, an error of ours may not
 * hide behind an alert, and there is one end at most.
 */
function feed(engine: TlsEngine, bytes: Uint8Array, seeded: Seeded): void {
  for (const piece of seeded.split(1 + seeded.integer(2_000))(bytes)) {
    engine.receive(piece.slice());
    if (seeded.integer(3) > 0) drain(engine);
  }
  drain(engine);
  const { state } = engine;
  if (state === "closed") expect(engine.pendingInput).toBe(0);
  engine.receiveEof();
  // The transport has ended: if it had not closed before, it has now.
  const ends = drain(engine);
  expect(ends).toBe(state === "closed" ? 0 : 1);
  expect(engine.nextEvent()).toBe(NEED_DATA);
}

/** Gives how many `closed` events there were. */
function drain(engine: TlsEngine): number {
  let ends = 0;
  for (let count = 0; ; count++) {
    if (count > 100_000) throw new Error("the engine has no end of events");
    const event = engine.nextEvent();
    if (event === NEED_DATA) break;
    if (event.type === "pending") throw new Error("no hook of this config is late");
    expect(ends).toBe(0);
    if (event.type !== "closed") continue;
    ends++;
    if (event.how.kind !== "error") continue;
    const { error, alertSent } = event.how;
    if (error instanceof NotTlsError) {
      expect(alertSent).toBeNull();
    } else {
      expect(error).toBeInstanceOf(TlsAlert);
      // internal_error would be a fault of ours that a peer can provoke.
      if (error.alert === "internal_error") throw new Error("internal_error", { cause: error.cause });
      expect(alertSent).toBe(error.alert);
    }
  }
  engine.takeOutput();
  return ends;
}

/** A copy with one to four changes: bits, bytes, insertions, deletions, repeated and shuffled stretches. */
function mutated(bytes: Uint8Array, seeded: Seeded): Uint8Array {
  let result: Uint8Array = bytes.slice();
  for (let changes = 1 + seeded.integer(4); changes > 0; changes--) {
    const at = seeded.integer(result.length + 1);
    const length = seeded.integer(1 + seeded.integer(40));
    const [before, stretch, after] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ];
    switch (seeded.integer(7)) {
      case 0:
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << seeded.integer(8));
        break;
      case 1:
        if (at < result.length) result[at] = seeded.pick([0, 1, 2, 0x7f, 0x80, 0xff]);
        break;
      case 2:
        result = concatBytes(before, seeded.bytes(length), stretch, after);
        break;
      case 3:
        result = concatBytes(before, after);
        break;
      case 4:
        result = concatBytes(before, stretch, stretch, after);
        break;
      case 5:
        result = concatBytes(after, before, stretch);
        break;
      default:
        result = result.slice(0, at);
    }
  }
  return result;
}

/** `raw` with the length in its header as it should be. */
function withLength(raw: Uint8Array): Uint8Array {
  const [type = 0] = raw;
  const body = raw.subarray(4);
  return concatBytes(
    Uint8Array.of(type, body.length >> 16, (body.length >> 8) & 0xff, body.length & 0xff),
    body,
  );
}

describe(`an engine that gets rubbish, TLS_ENGINE_SEED=${RUN_SEED}`, () => {
  test("from the first byte ends once, and throws nothing", () => {
    eachSeed("random bytes", (seeded) => {
      const engine = seeded.integer(2) === 0 ? TlsEngine.client(toyClient()) : TlsEngine.server(toyServer());
      // Now and then it looks like the start of a record.
      const start = seeded.pick([[], [22, 3, 1], [22, 3, 3, 0], [21, 3, 3, 0, 2]]);
      feed(engine, concatBytes(Uint8Array.from(start), seeded.bytes(seeded.integer(400))), seeded);
    });
  });

  test("in records of every type and length ends once, and throws nothing", () => {
    eachSeed("random records", (seeded) => {
      const scene = sceneAt(seeded.pick(POINTS));
      scene.peer.peek();
      for (let records = 1 + seeded.integer(6); records > 0; records--) {
        const type = seeded.pick([20, 21, 22, 22, 22, 23, 24, seeded.integer(256)]);
        const content = seeded.integer(3) === 0 ? Uint8Array.of(1) : seeded.bytes(seeded.integer(60));
        if (seeded.integer(2) === 0) scene.peer.sendPlaintextRecord(type, content);
        else scene.peer.sendRecord(type, content, seeded.integer(3));
      }
      if (scene.engine.state !== "closed") feed(scene.engine, scene.peer.takeOutput(), seeded);
    });
  });

  test("in the bytes of a flight ends once, and throws nothing", () => {
    eachSeed("mutated flights", (seeded) => {
      const { engine, peer } = sceneOf(seeded.pick(ALL_SCENARIOS));
      while (peer.peek() !== undefined) peer.play();
      feed(engine, mutated(peer.takeOutput(), seeded), seeded);
    });
  });

  test("in the messages of a handshake, properly protected, ends once, throws nothing, and never completes", () => {
    eachSeed("mutated messages", (seeded) => {
      const scene = sceneAt(seeded.pick(POINTS));
      const own = scene.peer.peek();
      const base = own !== undefined && seeded.integer(4) > 0 ? own.raw : seeded.pick(MESSAGES).raw;
      const changed = mutated(base, seeded);
      const raw = seeded.integer(4) > 0 ? withLength(changed) : changed;
      if (own !== undefined) scene.peer.skip();
      scene.peer.send(raw);
      while (scene.peer.peek() !== undefined) scene.peer.play();
      scene.peer.sendRecord(ContentType.application_data, seeded.bytes(10));
      feed(scene.engine, scene.peer.takeOutput(), seeded);
      if (own !== undefined && hex(raw) !== hex(own.raw)) expect(scene.engine.info).toBeNull();
    });
  });

  test("none: the flights as they are end well", () => {
    for (const point of POINTS) {
      const scene = sceneAt(point);
      scene.playAll();
      expect(scene.engine.state).toBe("open");
    }
  });
});
