import { expect, test } from "vitest";
import type { TlsProtocolOptions } from "../../src/protocol/tls-protocol.ts";
import { type Link, type Recorder, type Side, tlsPair } from "./memory.ts";

const RUNS = 80;
const STEPS = 60;

type Random = (below: number) => number;

/** Numbers that depend on `seed` alone (mulberry32). */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** A side, and what it did, apart from what it has seen. */
interface Actor {
  readonly side: Side;
  readonly options: TlsProtocolOptions;
  /** What it has written and not in vain. */
  readonly written: Uint8Array[];
  /** Whether it has given up reading. */
  hasClosed: boolean;
}

test(`${RUNS} random conversations keep the order of calls, lose nothing in silence, and leave no timer`, async () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = randomFrom(seed);
    const hasFaults = random(3) === 0;
    const { actors, clock } = await converse(random, hasFaults);
    for (const [index, actor] of actors.entries()) {
      const peer = actors[index === 0 ? 1 : 0];
      const label = `seed ${seed}, ${index === 0 ? "client" : "server"}`;
      outcomes.add(judge(label, actor, peer, hasFaults));
    }
    expect(clock.timers, `seed ${seed}`).toBe(0);
  }
  // Were one of these missing, the random numbers would not reach far enough.
  for (const outcome of [
    "null, all",
    "null, part",
    "TruncationError, all",
    "RangeError, part",
    "undefined, all",
  ])
    expect(outcomes).toContain(outcome);
});

async function converse(random: Random, hasFaults: boolean) {
  const [clientOptions, serverOptions] = [randomOptions(random), randomOptions(random)];
  const pair = await tlsPair({
    client: clientOptions,
    server: serverOptions,
    split: function* (bytes) {
      for (let at = 0; at < bytes.length;) {
        const length = 1 + random(random(2) === 0 ? 100 : 30_000);
        yield bytes.subarray(at, at + length);
        at += length;
      }
    },
  });
  const { link, clock } = pair;
  const actors: [Actor, Actor] = [
    { side: pair.client, options: clientOptions, written: [], hasClosed: false },
    { side: pair.server, options: serverOptions, written: [], hasClosed: false },
  ];
  for (const { side } of actors) side.app.during.eofReceived = () => random(2) === 0;
  pair.open();
  if (random(4) > 0) link.run();
  for (let step = 0; step < STEPS; step++) act(actors[random(2) === 0 ? 0 : 1], link, random, hasFaults);
  for (const { side } of actors) {
    side.tls.resumeWriting();
    side.tls.appTransport.resumeReading();
  }
  link.run();
  for (const { side } of actors) {
    side.tls.appTransport.close();
    link.run();
  }
  clock.advance(60_000);
  return { actors, clock };
}

function randomOptions(random: Random): TlsProtocolOptions {
  return {
    halfClose: random(2) === 0,
    eof: random(4) === 0 ? "tolerant" : "strict",
    writeHighWater: random(3) * 20_000,
    readHighWater: random(3) * 20_000,
    maxRead: 1 + random(60_000),
  };
}

/** Does something; faults and ends are rare. */
function act(actor: Actor, link: Link, random: Random, hasFaults: boolean): void {
  const { tls, lower } = actor.side;
  const { appTransport } = tls;
  const write = (): void => {
    const bytes = new Uint8Array(random(random(2) === 0 ? 100 : 40_000)).fill(random(256));
    if (!appTransport.isClosing) actor.written.push(bytes);
    appTransport.write(bytes);
  };
  const close = (end: () => void): void => {
    if (random(10) > 0) return;
    actor.hasClosed = true;
    end();
  };
  const deeds = [
    write,
    write,
    write,
    write,
    () => appTransport.pauseReading(),
    () => appTransport.resumeReading(),
    () => appTransport.resumeReading(),
    () => tls.pauseWriting(),
    () => tls.resumeWriting(),
    () => tls.resumeWriting(),
    () => link.run(),
    () => link.run(),
    () => link.clock.settle(),
    () => close(() => appTransport.close()),
    ...(hasFaults
      ? [
          () => void (random(10) === 0 && lower.receive("end")),
          () => close(() => appTransport.abort()),
          () => close(() => lower.lose(new RangeError("reset"))),
        ]
      : []),
  ];
  deeds[random(deeds.length)]?.();
}

/** @returns how the connection ended, and whether all data arrived. */
function judge(label: string, { side, options, hasClosed }: Actor, peer: Actor, hasFaults: boolean): string {
  const { app, tls, lower } = side;
  expectOrder(app, label);
  expect([tls.state, lower.isClosing, label]).toEqual(["UNWRAPPED", true, label]);
  if (app.calls.includes("connectionMade")) expect(app.calls, label).toContain("connectionLost");
  const received = Buffer.concat(app.chunks);
  const written = Buffer.concat(peer.written);
  expect(written.subarray(0, received.length).equals(received), label).toBe(true);
  const isWhole = received.length === written.length;
  if (!hasFaults && !hasClosed && !peer.hasClosed)
    expect([app.lostWith, isWhole, label]).toEqual([null, true, label]);
  // An end that was heard has everything before it, unless nobody minds.
  if (app.calls.includes("eofReceived") && options.eof === "strict")
    expect([isWhole, label]).toEqual([true, label]);
  const end = app.lostWith === undefined ? "undefined" : (app.lostWith?.name ?? "null");
  return `${end}, ${isWhole ? "all" : "part"}`;
}

function expectOrder(app: Recorder, label: string): void {
  const calls = app.calls.map((call) => call.replace(/ \d+$/, ""));
  expect(calls.filter((call) => !call.endsWith("Writing")).join(" "), label).toMatch(
    /^(connectionMade( dataReceived)*( eofReceived)?( connectionLost)?)?$/,
  );
  expect(calls.filter((call) => call.endsWith("Writing")).join(" "), label).toMatch(
    /^(pauseWriting resumeWriting ?)*(pauseWriting)?$/,
  );
}
