import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { ByteQueue } from "../../src/record/queue.ts";
import { patternBytes } from "./independent-sealer.ts";

describe("ByteQueue", () => {
  test("gives the appended bytes in order, whatever is appended, consumed and rested in between", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("append" as const), length: fc.integer({ min: 0, max: 9000 }) }),
      fc.record({ kind: fc.constant("consume" as const), length: fc.integer({ min: 0, max: 12000 }) }),
      fc.record({ kind: fc.constant("rest" as const), length: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const queue = new ByteQueue();
        let expected = new Uint8Array();
        let total = 0;
        for (const { kind, length } of steps) {
          if (kind === "append") {
            const bytes = patternBytes(length, total++);
            queue.append(bytes);
            expected = Uint8Array.of(...expected, ...bytes);
            bytes.fill(0);
          } else if (kind === "consume") {
            const consumed = Math.min(length, queue.length);
            queue.consume(consumed);
            expected = expected.slice(consumed);
          } else queue.rest();
          expect(queue.length).toBe(expected.length);
          expect(Buffer.compare(queue.view(0, Infinity), expected)).toBe(0);
          if (expected.length > 0) expect(queue.at(expected.length - 1)).toBe(expected.at(-1));
        }
      }),
    );
  });

  test("holds no array before its first use and after it rests", () => {
    const queue = new ByteQueue();
    expect(queue.capacity).toBe(0);
    queue.append(patternBytes(100));
    expect(queue.capacity).toBeGreaterThanOrEqual(100);
    queue.consume(100);
    queue.rest();
    expect(queue.capacity).toBe(0);
  });

  test("keeps its array when it is told to rest with bytes inside", () => {
    const queue = new ByteQueue();
    queue.append(patternBytes(3));
    queue.rest();
    expect([...queue.view(0, 3)]).toEqual([...patternBytes(3)]);
  });

  test("finds its array again when traffic goes on after a rest", () => {
    const queue = new ByteQueue();
    queue.append(patternBytes(20_000));
    const { buffer } = queue.view(0, 1);
    queue.consume(20_000);
    queue.rest();
    queue.append(patternBytes(1));
    expect(queue.view(0, 1).buffer).toBe(buffer);
  });

  test("moves bytes to the front only when no more are moved than were consumed, and grows otherwise", () => {
    for (const { consumed, capacity } of [
      { consumed: 2047, capacity: 8192 },
      { consumed: 2048, capacity: 4096 },
    ]) {
      const queue = new ByteQueue();
      queue.append(patternBytes(4096));
      queue.consume(consumed);
      queue.append(patternBytes(1));
      expect(queue.capacity).toBe(capacity);
      expect(hex(queue.view(0, 3000))).toBe(
        hex(patternBytes(4096).subarray(consumed)) + hex(patternBytes(1)),
      );
    }
  });

  test("stays within four times of what it holds, in a long stream of odd sizes", () => {
    const queue = new ByteQueue();
    let largest = 0;
    for (let i = 0; i < 5000; i++) {
      queue.append(patternBytes(1448));
      while (queue.length >= 16_406) queue.consume(16_406);
      largest = Math.max(largest, queue.capacity);
    }
    expect(largest).toBeLessThanOrEqual(4 * (16_406 + 1448));
  });

  test("overwrites with zeros what it held, also while it rests", () => {
    const queue = new ByteQueue();
    queue.append(patternBytes(64));
    const held = queue.view(0, 64);
    queue.wipe();
    expect(held.every((byte) => byte === 0)).toBe(true);
    expect(queue.length).toBe(0);

    queue.append(patternBytes(64));
    const rested = queue.view(0, 64);
    queue.consume(64);
    queue.rest();
    expect([...rested]).toEqual([...patternBytes(64)]);
    queue.wipe();
    expect(rested.every((byte) => byte === 0)).toBe(true);
  });
});
