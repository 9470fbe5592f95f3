import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import { alertThrownBy, patternBytes } from "./independent-sealer.ts";

const MAX = 1000;

function message(type: number, body: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(type, body.length >>> 16, body.length >>> 8, body.length), body);
}

const messages = [
  message(1, patternBytes(60)),
  message(14, new Uint8Array()),
  message(20, patternBytes(32, 3)),
  message(11, patternBytes(MAX, 5)),
];
const stream = concatBytes(...messages);
const expected = messages.map(hex);

function drain(joiner: HandshakeJoiner): string[] {
  const drained: string[] = [];
  for (let next = joiner.next(); next !== undefined; next = joiner.next()) drained.push(hex(next));
  return drained;
}

describe("HandshakeJoiner", () => {
  test("gives the same messages at every split, and knows where one ends", () => {
    const ends = new Set<number>([0]);
    for (let i = 0, end = 0; i < messages.length; i++) ends.add((end += messages[i]?.length ?? 0));
    for (let split = 0; split <= stream.length; split++) {
      const joiner = new HandshakeJoiner(MAX);
      joiner.push(stream.subarray(0, split));
      const first = drain(joiner);
      expect(joiner.isAligned, `split at ${split}`).toBe(ends.has(split));
      joiner.push(stream.subarray(split));
      expect([...first, ...drain(joiner)], `split at ${split}`).toEqual(expected);
      expect(joiner.isAligned).toBe(true);
    }
  });

  test("gives the same messages byte by byte", () => {
    const joiner = new HandshakeJoiner(MAX);
    const seen: string[] = [];
    for (const byte of stream) {
      joiner.push(Uint8Array.of(byte));
      seen.push(...drain(joiner));
    }
    expect(seen).toEqual(expected);
  });

  test("is aligned only when it holds no byte, of a whole message or of a part", () => {
    const joiner = new HandshakeJoiner(MAX);
    joiner.push(messages[1] ?? stream);
    expect(joiner.isAligned).toBe(false);
    joiner.push(Uint8Array.of(1));
    joiner.next();
    expect(joiner.isAligned).toBe(false);
  });

  test("refuses a message that declares too much when its fourth byte is here: illegal_parameter", () => {
    const joiner = new HandshakeJoiner(MAX);
    joiner.push(Uint8Array.of(11, 0, 0x03));
    expect(joiner.next()).toBeUndefined();
    joiner.push(Uint8Array.of(0xe9));
    expect(alertThrownBy(() => joiner.next())).toBe("illegal_parameter");
  });

  test("refuses a message of 2^24 - 1 bytes behind a good one: illegal_parameter", () => {
    const joiner = new HandshakeJoiner(2 ** 16);
    joiner.push(concatBytes(messages[0] ?? stream, Uint8Array.of(1, 0xff, 0xff, 0xff)));
    expect(hex(joiner.next() ?? stream)).toBe(expected[0]);
    expect(alertThrownBy(() => joiner.next())).toBe("illegal_parameter");
  });

  test("owns what it gives and copies what it takes", () => {
    const joiner = new HandshakeJoiner(MAX);
    const fragment = concatBytes(messages[0] ?? stream, messages[2] ?? stream);
    joiner.push(fragment);
    fragment.fill(0xff);
    const first = joiner.next();
    const second = joiner.next();
    expect(joiner.next()).toBeUndefined();
    joiner.push(patternBytes(500));
    expect(first && hex(first)).toBe(expected[0]);
    expect(second && hex(second)).toBe(expected[2]);
  });

  test("is aligned and empty after it was wiped", () => {
    const joiner = new HandshakeJoiner(MAX);
    joiner.push(stream);
    joiner.wipe();
    expect(joiner.isAligned).toBe(true);
    expect(joiner.next()).toBeUndefined();
  });
});
