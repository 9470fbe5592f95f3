import { describe, expect, test } from "vitest";

import { ConfigError, type EarlyDataOptions, type EarlyHello, MemoryReplayStore } from "../../src/index.ts";
import { toyServer } from "../handshake/scenarios.ts";

const hello = (key: string, changes: Partial<EarlyHello> = {}): EarlyHello => ({
  key,
  issuedAtMs: 1000,
  expiresAtMs: 61_000,
  ...changes,
});

/** A store on a clock that starts at 1000. */
function storeOf(entries?: number) {
  const time = { ms: 1000 };
  const store = new MemoryReplayStore({ now: () => time.ms, ...(entries !== undefined && { entries }) });
  return { time, store };
}

describe("a MemoryReplayStore", () => {
  test("takes each key once", () => {
    const { store } = storeOf();
    expect(["a", "b", "a", "b", "c"].map((key) => store.take(hello(key)))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test("takes none of a ticket that is older than it is", () => {
    const { store } = storeOf();
    expect(store.take(hello("a", { issuedAtMs: 999 }))).toBe(false);
    expect(store.take(hello("a"))).toBe(true);
  });

  test("remembers as many as it may, and makes room of those whose time is over", () => {
    const { store, time } = storeOf(2);
    expect(store.take(hello("a"))).toBe(true);
    expect(store.take(hello("b", { expiresAtMs: 62_000 }))).toBe(true);
    expect(store.take(hello("c"))).toBe(false);
    time.ms = 60_999;
    expect(store.take(hello("c", { expiresAtMs: 90_000 }))).toBe(false);
    time.ms = 61_000;
    expect(store.take(hello("c", { expiresAtMs: 90_000 }))).toBe(true);
    expect(store.take(hello("d", { expiresAtMs: 90_000 }))).toBe(false);
    expect(store.take(hello("b", { expiresAtMs: 62_000 }))).toBe(false);
  });

  test("does not take again what it has forgotten when its clock goes back", () => {
    const { store, time } = storeOf(1);
    expect(store.take(hello("a"))).toBe(true);
    time.ms = 61_000;
    expect(store.take(hello("b", { expiresAtMs: 121_000 }))).toBe(true);
    time.ms = 2000;
    expect(store.take(hello("a"))).toBe(false);
    time.ms = 121_000;
    expect(store.take(hello("a"))).toBe(false);
    expect(store.take(hello("c", { expiresAtMs: 181_000 }))).toBe(true);
  });

  test("remembers 65,536 by default", () => {
    const { store } = storeOf();
    for (let i = 0; i < 2 ** 16; i++) store.take(hello(String(i)));
    expect(store.take(hello("one more"))).toBe(false);
  });

  test("uses the runtime's clock by default", () => {
    const issuedAtMs = Date.now() + 1000;
    expect(new MemoryReplayStore().take(hello("a", { issuedAtMs, expiresAtMs: issuedAtMs + 60_000 }))).toBe(
      true,
    );
    expect(new MemoryReplayStore().take(hello("a", { issuedAtMs: issuedAtMs - 10_000 }))).toBe(false);
  });

  test.each([0, 1.5, 2 ** 24, NaN, "10" as never])("has no room for %s entries: ConfigError", (entries) => {
    expect(() => new MemoryReplayStore({ entries })).toThrow(ConfigError);
  });
});

describe("earlyData of a ServerConfig", () => {
  const replayStore = new MemoryReplayStore();
  const wrong: readonly (readonly [string, string, Partial<EarlyDataOptions>])[] = [
    ["no bytes", "earlyData.maxBytes", { maxBytes: 0, replayStore }],
    ["half a byte", "earlyData.maxBytes", { maxBytes: 0.5, replayStore }],
    ["too many bytes", "earlyData.maxBytes", { maxBytes: 2 ** 32, replayStore }],
    ["no limit", "earlyData.maxBytes", { replayStore }],
    ["no store", "earlyData.replayStore", { maxBytes: 1 }],
    ["a store that is none", "earlyData.replayStore", { maxBytes: 1, replayStore: new Map() as never }],
  ];
  test.each(wrong)("is not taken with %s: ConfigError", (_what, option, earlyData) => {
    expect(() => toyServer({ earlyData: earlyData as EarlyDataOptions })).toThrow(
      expect.objectContaining({ name: "ConfigError", option }),
    );
  });

  test("is off unless it is asked for, and is kept by with()", () => {
    expect(toyServer().earlyData).toBeUndefined();
    const earlyData = { maxBytes: 2 ** 32 - 1, replayStore };
    expect(toyServer({ earlyData }).with({ alpn: ["a"] }).earlyData).toEqual(earlyData);
  });
});
