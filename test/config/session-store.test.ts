import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { MemorySessionStore } from "../../src/config/session-store.ts";
import { expectConfigError } from "./config-error.ts";

const session = (value: number): Uint8Array => new Uint8Array(4).fill(value);

/** The keys of `candidates` that the store has, without using them. */
function keysOf(store: MemorySessionStore, candidates: string): string {
  // take() changes the order of none of the others.
  return candidates
    .split("")
    .filter((key) => store.take(key) !== null)
    .join("");
}

describe("MemorySessionStore", () => {
  test("gives what was put, as often as it is asked", () => {
    const store = new MemorySessionStore();
    expect(store.get("a")).toBeNull();
    store.put("a", session(1));
    store.put("b", session(2));
    expect(store.get("a")).toEqual(session(1));
    expect(store.get("a")).toEqual(session(1));
    expect(store.get("b")).toEqual(session(2));
  });

  test("take() gives a session once", () => {
    const store = new MemorySessionStore();
    store.put("a", session(1));
    expect(store.take("a")).toEqual(session(1));
    expect(store.take("a")).toBeNull();
    expect(store.get("a")).toBeNull();
    expect(store.take("b")).toBeNull();
  });

  test.each([
    ["arrays", (value: number) => session(value)],
    ["Buffers, whose slice() is a view", (value: number): Uint8Array => Buffer.from(session(value))],
  ])("keeps and gives copies of %s", (_, make) => {
    const store = new MemorySessionStore();
    const given = make(1);
    store.put("a", given);
    given.fill(0xff);
    store.get("a")?.fill(0xff);
    expect(hex(store.get("a") ?? session(0))).toBe("01010101");
    expect(store.take("a")?.constructor).toBe(Uint8Array);
  });

  test("put() replaces what was there, and what was given before stays as it is", () => {
    const store = new MemorySessionStore();
    store.put("a", session(1));
    const before = store.get("a");
    store.put("a", session(2));
    expect(store.get("a")).toEqual(session(2));
    expect(before).toEqual(session(1));
  });

  test("put() takes what get() gave for the same key", () => {
    const store = new MemorySessionStore();
    store.put("a", session(1));
    store.put("a", store.get("a") ?? session(0));
    expect(store.get("a")).toEqual(session(1));
  });

  test("evicts the session that was put first", () => {
    const store = new MemorySessionStore({ entries: 3 });
    for (const key of "abcde") store.put(key, session(1));
    expect(keysOf(store, "abcde")).toBe("cde");
  });

  test.each([
    ["read", (store: MemorySessionStore) => void store.get("a")],
    ["replaced", (store: MemorySessionStore) => store.put("a", session(2))],
  ])("keeps a session that was %s since, and evicts the next", (_, use) => {
    const store = new MemorySessionStore({ entries: 3 });
    for (const key of "abc") store.put(key, session(1));
    use(store);
    store.put("d", session(1));
    expect(keysOf(store, "abcd")).toBe("acd");
  });

  test("evicts nothing for a session that was replaced or taken", () => {
    const store = new MemorySessionStore({ entries: 2 });
    store.put("a", session(1));
    store.put("b", session(1));
    store.put("b", session(2));
    expect(store.take("b")).toEqual(session(2));
    store.put("c", session(3));
    expect(keysOf(store, "abc")).toBe("ac");
  });

  test("keeps one session, or 256 by default", () => {
    const one = new MemorySessionStore({ entries: 1 });
    const many = new MemorySessionStore();
    for (let i = 0; i < 300; i++) for (const store of [one, many]) store.put(String(i), session(1));
    const kept = (store: MemorySessionStore): readonly number[] =>
      Array.from({ length: 300 }, (_, i) => i).filter((i) => store.get(String(i)) !== null);
    expect(kept(one)).toEqual([299]);
    expect(kept(many)).toEqual(Array.from({ length: 256 }, (_, i) => 44 + i));
  });

  test.each(["toString", "__proto__", ""])("takes the key %j for one like any other", (key) => {
    const store = new MemorySessionStore();
    expect(store.get(key)).toBeNull();
    store.put(key, session(1));
    expect(store.take(key)).toEqual(session(1));
  });

  test.each([0, -1, 1.5, 2 ** 24, Number.NaN, Infinity])("refuses %d entries", (entries) => {
    expectConfigError(() => new MemorySessionStore({ entries }), {
      option: "entries",
      value: String(entries),
      allowed: "whole numbers in 1..16777215",
    });
  });
});

describe("wiping", () => {
  /** The arrays that the store keeps: those that are made while it runs `act`. */
  function madeBy(act: () => void): readonly Uint8Array[] {
    const made: Uint8Array[] = [];
    const original = globalThis.Uint8Array;
    globalThis.Uint8Array = new Proxy(original, {
      construct(target, args, newTarget) {
        const array = Reflect.construct(target, args, newTarget) as Uint8Array;
        made.push(array);
        return array;
      },
    });
    try {
      act();
    } finally {
      globalThis.Uint8Array = original;
    }
    return made;
  }

  test("overwrites what is evicted or replaced, and not what is taken", () => {
    const store = new MemorySessionStore({ entries: 2 });
    const [a, b] = ["a", "b"].map((key, i) => madeBy(() => store.put(key, Buffer.alloc(4, 1 + i)))[0]);
    expect([a, b]).toEqual([session(1), session(2)]);
    store.put("c", session(3));
    expect(a).toEqual(session(0));
    expect(b).toEqual(session(2));
    store.put("b", session(4));
    expect(b).toEqual(session(0));
    const taken = store.take("b");
    store.put("d", session(5));
    store.put("e", session(6));
    expect(taken).toEqual(session(4));
  });
});
