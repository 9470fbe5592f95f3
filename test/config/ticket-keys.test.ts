import { createDecipheriv, createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import {
  ConfigError,
  type CryptoProvider,
  nobleProvider,
  type Random,
  TicketKeys,
  type TicketKeysOptions,
  type Tls13CipherSuite,
} from "../../src/index.ts";
import { seededRandom } from "../support/forger.ts";
import { expectConfigError } from "./config-error.ts";

const STATE = Uint8Array.from({ length: 100 }, (_, i) => i);
const HOUR = 3600;
const WEEK = 7 * 24 * HOUR;
/** When a period of an hour begins, and one of 12 hours too. */
const START = 40_000 * 12 * HOUR * 1000;
const after = (seconds: number): number => START + seconds * 1000;

const providerOf = (...cipherSuites: readonly Tls13CipherSuite[]): CryptoProvider => ({
  ...nobleProvider(),
  cipherSuites,
});
const provider = providerOf(TLS_AES_128_GCM_SHA256);

const ticketKeys = (options: Partial<TicketKeysOptions> = {}): TicketKeys =>
  new TicketKeys({ provider, random: seededRandom(1), ...options });

/** Keys that rotate every hour and open for two hours more. */
const hourly = (options: Partial<TicketKeysOptions> = {}): TicketKeys =>
  ticketKeys({ rotationSeconds: HOUR, lifetimeSeconds: 2 * HOUR, ...options });

const salts = seededRandom(2);
const seal = (keys: TicketKeys, nowMs: number): Uint8Array => keys.seal(STATE, salts, nowMs);
const opens = (keys: TicketKeys, ticket: Uint8Array, nowMs: number): boolean => {
  const state = keys.open(ticket, nowMs);
  if (state !== null) expect(hex(state)).toBe(hex(STATE));
  return state !== null;
};
const nameOf = (ticket: Uint8Array): string => hex(ticket.subarray(0, 16));

/** Another machine with the keys of `keys`. */
const copyOf = (keys: TicketKeys, nowMs: number): TicketKeys =>
  TicketKeys.import(keys.export(nowMs), { provider });

/** A random that tells how many bytes it was asked for, and gives bytes of `value` and counting. */
function countingRandom(value: number): { readonly random: Random; readonly drawn: readonly number[] } {
  const drawn: number[] = [];
  const random: Random = (length) => {
    drawn.push(length);
    return new Uint8Array(length).fill(value + drawn.length);
  };
  return { random, drawn };
}

/** HKDF-Expand of at most one block. RFC 5869 §2.3. */
const expand = (hash: string, key: Uint8Array, info: Uint8Array, length: number): Uint8Array =>
  new Uint8Array(
    createHmac(hash.replace("-", ""), key)
      .update(concatBytes(info, Uint8Array.of(1)))
      .digest()
      .subarray(0, length),
  );

/** The ratchet once more: what period `epoch` has when period 0 has `root`. */
function periodOf(
  hash: string,
  root: Uint8Array,
  epoch: number,
): { readonly root: Uint8Array; readonly name: Uint8Array; readonly secret: Uint8Array } {
  const step = (from: Uint8Array, label: string, length: number): Uint8Array =>
    expand(hash, from, Buffer.from(`tls-engine ticket keys ${label}`), length);
  let current = root;
  for (let i = 0; i < epoch; i++) current = step(current, "next", 32);
  return { root: current, name: step(current, "name", 16), secret: step(current, "ticket", 32) };
}

/** A provider that shows what it is given as keys: the very arrays, so that a test sees what was wiped. */
function watchedProvider(): {
  readonly provider: CryptoProvider;
  /** Keys of HMAC that are not zero, without repetition, in hexadecimal. */
  readonly alive: () => readonly string[];
  readonly hmacs: () => number;
  /** The key of each sealer as it was, and how often it has sealed. */
  readonly sealers: readonly { readonly key: string; seals: number; isWiped: boolean }[];
} {
  const seen = new Set<Uint8Array>();
  const sealers: { readonly key: string; seals: number; isWiped: boolean }[] = [];
  let hmacs = 0;
  const { hash, aead } = TLS_AES_128_GCM_SHA256;
  const watched: Tls13CipherSuite = {
    ...TLS_AES_128_GCM_SHA256,
    hash: {
      ...hash,
      hmac: (key, data) => {
        hmacs++;
        seen.add(key);
        return hash.hmac(key, data);
      },
    },
    aead: {
      ...aead,
      sealer: (key) => {
        const sealer = aead.sealer(key);
        const watch = { key: hex(key), seals: 0, isWiped: false };
        sealers.push(watch);
        return {
          seal: (...args) => {
            watch.seals++;
            sealer.seal(...args);
          },
          wipe: () => {
            watch.isWiped = true;
            sealer.wipe();
          },
        };
      },
    },
  };
  return {
    provider: providerOf(watched),
    alive: () => [...new Set([...seen].filter((key) => key.some((byte) => byte !== 0)).map(hex))],
    hmacs: () => hmacs,
    sealers,
  };
}

describe("TicketKeys", () => {
  test.each([TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256])(
    "opens what it has sealed with the AEAD of $name, whatever the length",
    (suite) => {
      const random = seededRandom(2);
      const keys = ticketKeys({ provider: providerOf(suite) });
      for (const length of [0, 1, 15, 16, 17, 1000, 65_471]) {
        const state = random(length);
        const ticket = keys.seal(state, random, START);
        expect(ticket).toHaveLength(length + 64);
        expect(hex(keys.open(ticket, START) ?? Uint8Array.of(0xff))).toBe(hex(state));
      }
    },
  );

  test.each([
    ["aes-128-gcm", TLS_AES_128_GCM_SHA256],
    ["aes-256-gcm", TLS_AES_256_GCM_SHA384],
  ] as const)(
    "seals as is written above it: name of the period, salt, and %s under a key of this ticket",
    (cipher, { hash, aead, ...suite }) => {
      const own = countingRandom(0x10);
      const { random } = countingRandom(0x50);
      const keys = hourly({ provider: providerOf({ hash, aead, ...suite }), random: own.random });
      for (const [i, hours] of [0, 1, 2, 30].entries()) {
        const ticket = keys.seal(STATE, random, after(hours * HOUR));
        const { name, secret } = periodOf(hash.name, new Uint8Array(32).fill(0x11), hours);
        const header = concatBytes(name, new Uint8Array(32).fill(0x51 + i));
        expect(hex(ticket.subarray(0, 48))).toBe(hex(header));
        const info = concatBytes(Buffer.from("tls-engine ticket"), header);
        const key = expand(hash.name, secret, info, aead.keyLength);
        const decipher = createDecipheriv(cipher, key, new Uint8Array(12)).setAAD(header);
        decipher.setAuthTag(ticket.subarray(-16));
        const state = Buffer.concat([decipher.update(ticket.subarray(48, -16)), decipher.final()]);
        expect(hex(state)).toBe(hex(STATE));
      }
    },
  );

  test("draws 32 bytes with its first ticket, and a salt with each", () => {
    const own = countingRandom(0x10);
    const { random, drawn } = countingRandom(0x50);
    const keys = hourly({ random: own.random });
    expect(keys.open(new Uint8Array(200), START)).toBeNull();
    expect(own.drawn).toEqual([]);
    const first = keys.seal(STATE, random, START);
    const second = keys.seal(STATE, random, START);
    expect([keys.open(first, START), keys.open(second, START)]).toEqual([STATE, STATE]);
    expect(nameOf(first)).toBe(nameOf(second));
    expect(hex(first.subarray(48, 64))).not.toBe(hex(second.subarray(48, 64)));
    keys.seal(STATE, random, after(5 * HOUR));
    expect(own.drawn).toEqual([32]);
    expect(drawn).toEqual([32, 32, 32]);
  });

  test("draws with its first export, and nothing for an import", () => {
    const [own, other] = [countingRandom(0x10), countingRandom(0x20)];
    const keys = hourly({ random: own.random });
    const exported = keys.export(START);
    const copy = TicketKeys.import(exported, { provider, random: other.random });
    expect(opens(copy, seal(keys, START), START)).toBe(true);
    expect(opens(keys, seal(copy, START), START)).toBe(true);
    expect([own.drawn, other.drawn]).toEqual([[32], []]);
  });

  test("does not open tickets of other keys, even under the same name", () => {
    const [ours, theirs] = [ticketKeys(), ticketKeys({ random: seededRandom(3) })];
    const [own, other] = [seal(ours, START), seal(theirs, START)];
    expect(opens(ours, own, START)).toBe(true);
    expect(ours.open(other, START)).toBeNull();
    expect(ours.open(concatBytes(own.subarray(0, 16), other.subarray(16)), START)).toBeNull();
  });

  test("does not open a ticket that has been changed in any byte, cut or lengthened", () => {
    const keys = ticketKeys();
    const ticket = keys.seal(STATE.subarray(0, 20), salts, START);
    const changed = Array.from(ticket, (byte, i) => ticket.with(i, byte ^ (1 << (i % 8))));
    const cut = Array.from(ticket, (_, i) => ticket.subarray(0, i));
    const longer = [concatBytes(ticket, Uint8Array.of(0)), concatBytes(Uint8Array.of(0), ticket)];
    const opened = [...changed, ...cut, ...longer].filter((one) => keys.open(one, START) !== null);
    expect(opened).toEqual([]);
    expect(changed.length + cut.length).toBe(2 * 84);
    expect(keys.open(ticket, START)).toEqual(STATE.subarray(0, 20));
  });

  test("leaves the state and the ticket to the caller", () => {
    const keys = ticketKeys();
    const state = STATE.slice();
    const ticket = keys.seal(state, salts, START);
    const kept = hex(ticket);
    keys.open(ticket, START)?.fill(0);
    expect([hex(state), hex(ticket)]).toEqual([hex(STATE), kept]);
  });

  test("says so when a random gives another number of bytes, and is none the worse", () => {
    const broken: Random = (length) => new Uint8Array(length - 1);
    expect(() => seal(ticketKeys({ random: broken }), START)).toThrow(RangeError);
    expect(() => ticketKeys({ random: broken }).export(START)).toThrow(RangeError);
    const keys = ticketKeys();
    expect(() => keys.seal(STATE, broken, START)).toThrow(RangeError);
    expect(opens(keys, seal(keys, START), START)).toBe(true);
  });

  test("seals each ticket under a key that no other ticket has, so that none wears out", () => {
    const { provider, sealers } = watchedProvider();
    const keys = hourly({ provider });
    for (let i = 0; i < 1000; i++) seal(keys, after(i * 60));
    expect(new Set(sealers.map(({ key }) => key)).size).toBe(1000);
    expect(sealers.filter(({ seals, isWiped }) => seals !== 1 || !isWiped)).toEqual([]);
  });

  test.each([
    ["rotationSeconds", 59, "60..604800"],
    ["rotationSeconds", WEEK + 1, "60..604800"],
    ["rotationSeconds", 60.5, "60..604800"],
    ["rotationSeconds", Number.NaN, "60..604800"],
    ["lifetimeSeconds", -1, "0..604800"],
    ["lifetimeSeconds", WEEK + 1, "0..604800"],
    ["lifetimeSeconds", 0.5, "0..604800"],
    ["random", 5, "a function"],
  ])("refuses %s of %s", (option, value, allowed) => {
    const options = { [option]: value };
    expectConfigError(() => ticketKeys(options), { option, value: String(value), allowed });
    for (const fine of [60, WEEK]) ticketKeys({ rotationSeconds: fine });
    for (const fine of [0, WEEK]) ticketKeys({ lifetimeSeconds: fine });
  });

  test("needs a provider with an AEAD, and takes the strongest", () => {
    const all = nobleProvider();
    const cbc = all.cipherSuites.filter(({ name }) => name.includes("_CBC_"));
    expect(cbc.length).toBeGreaterThan(0);
    const without = { ...all, name: "without", cipherSuites: cbc };
    expectConfigError(() => ticketKeys({ provider: without }), {
      option: "provider",
      value: '"without"',
      allowed: "AEAD",
    });
    const both = ticketKeys({ provider: providerOf(TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384) });
    const strong = ticketKeys({ provider: providerOf(TLS_AES_256_GCM_SHA384) });
    expect(opens(strong, seal(both, START), START)).toBe(false);
    expect(seal(strong, START)).toHaveLength(164);
    expect(opens(strong, seal(both, START), START)).toBe(true);
  });
});

describe("the rotation of TicketKeys", () => {
  test("gives each period a name of its own, and opens tickets of before", () => {
    const keys = hourly();
    const tickets = [0, 0.5 * HOUR, HOUR - 0.001, HOUR, 1.5 * HOUR, 2 * HOUR].map((at) =>
      seal(keys, after(at)),
    );
    const names = tickets.map(nameOf);
    expect(names.map((name) => names.indexOf(name))).toEqual([0, 0, 0, 3, 3, 5]);
    for (const ticket of tickets) expect(opens(keys, ticket, after(2 * HOUR))).toBe(true);
  });

  test("is every 12 hours by default, and tickets are opened for a week after that", () => {
    const keys = ticketKeys();
    const first = seal(keys, START);
    expect(nameOf(seal(keys, after(12 * HOUR - 0.001)))).toBe(nameOf(first));
    expect(nameOf(seal(keys, after(12 * HOUR)))).not.toBe(nameOf(first));
    expect(opens(keys, first, after(12 * HOUR + WEEK - 0.001))).toBe(true);
    expect(opens(keys, first, after(12 * HOUR + WEEK))).toBe(false);
  });

  test.each([
    ["none", 0],
    ["less than a period", 600],
    ["whole periods", 2 * HOUR],
    ["more than that", 2 * HOUR + 600],
  ])("ends what a key opens on the millisecond, with a lifetime of %s", (_what, lifetimeSeconds) => {
    for (const sealedAt of [0, HOUR - 0.001]) {
      const keys = hourly({ lifetimeSeconds });
      const ticket = seal(keys, after(sealedAt));
      expect(opens(keys, ticket, after(HOUR + lifetimeSeconds - 0.001))).toBe(true);
      expect(opens(keys, ticket, after(HOUR + lifetimeSeconds))).toBe(false);
      // Nor does it come back with the clock.
      expect(opens(keys, ticket, after(HOUR))).toBe(false);
      expect(opens(keys, ticket, START)).toBe(false);
    }
  });

  test("opens the tickets of a period that has passed while nobody asked", () => {
    const keys = hourly({ lifetimeSeconds: WEEK });
    const copy = copyOf(keys, START);
    const tickets = [0, 50, 100].map((hours) => seal(keys, after(hours * HOUR)));
    for (const ticket of tickets) expect(opens(copy, ticket, after(100 * HOUR))).toBe(true);
    const late = copyOf(keys, after(100 * HOUR));
    expect(tickets.map((ticket) => opens(late, ticket, after(200 * HOUR)))).toEqual([false, true, true]);
  });

  test("wipes what it leaves behind: roots at once, keys at their end", () => {
    const { provider: watched, alive } = watchedProvider();
    const keys = hourly({ provider: watched, random: countingRandom(0x10).random });
    const ahead = hourly({ random: countingRandom(0x10).random });
    seal(ahead, START);
    const of = (hours: number) => periodOf("SHA-256", new Uint8Array(32).fill(0x11), hours);
    const secretsOf = (...hours: readonly number[]) => hours.map((hour) => hex(of(hour).secret));
    for (let hour = 0; hour < 6; hour++) {
      seal(keys, after(hour * HOUR));
      expect(opens(keys, seal(ahead, after((hour + 1) * HOUR)), after(hour * HOUR))).toBe(true);
      seal(keys, after((hour - 1) * HOUR));
      const held = [hour - 2, hour - 1, hour, hour + 1].filter((period) => period >= 0);
      expect(alive().toSorted()).toEqual([hex(of(hour).root), ...secretsOf(...held)].toSorted());
    }
    // Two periods without a ticket: only what has sealed or opened was seen.
    expect(keys.open(new Uint8Array(100), after(8 * HOUR - 0.001))).toBeNull();
    expect(alive().toSorted()).toEqual([hex(of(7).root), ...secretsOf(5, 6)].toSorted());
    keys.wipe();
    expect(alive()).toEqual([]);
  });

  test("keeps no more keys than can be of use, however often it is asked", () => {
    const keys = ticketKeys({ rotationSeconds: 60, lifetimeSeconds: 120 });
    const lengths = [0, 60, 120, 180, 240, 6000].map((at) => keys.export(after(at)).length);
    const [first = 0] = lengths;
    // A name and a secret for each period before.
    expect(lengths.map((length) => (length - first) / 48)).toEqual([0, 1, 2, 2, 2, 2]);
  });
});

describe("a clock that is not right", () => {
  test("loses nothing when it goes back: the key of its time seals, and tickets of later are opened", () => {
    const keys = hourly();
    const names = [0, 1, 2].map((hours) => nameOf(seal(keys, after(hours * HOUR))));
    const late = seal(keys, after(2 * HOUR));
    for (const hours of [1, 0, 2, 1]) {
      const now = after(hours * HOUR + 60);
      const ticket = seal(keys, now);
      expect(nameOf(ticket)).toBe(names[hours]);
      expect(opens(keys, ticket, now)).toBe(true);
      expect(opens(keys, late, now)).toBe(true);
    }
    expect(nameOf(seal(keys, after(3 * HOUR)))).not.toBe(names[2]);
  });

  test("seals with the latest key when it goes back behind all that there are", () => {
    const keys = hourly();
    const ticket = seal(keys, after(10 * HOUR));
    for (const hours of [9, 7, 1, -100]) {
      const early = seal(keys, after(hours * HOUR));
      expect(nameOf(early)).toBe(nameOf(ticket));
      expect(opens(keys, early, after(hours * HOUR))).toBe(true);
      expect(opens(keys, early, after(10 * HOUR))).toBe(true);
    }
    // A copy that was made at such a time goes on where the keys were.
    const copy = copyOf(keys, START);
    expect(opens(copy, ticket, after(10 * HOUR))).toBe(true);
    expect(nameOf(seal(copy, after(11 * HOUR)))).toBe(nameOf(seal(keys, after(11 * HOUR))));
  });

  test("moves the keys by 20,000 periods at most, and changes nothing when it shows more", () => {
    const keys = hourly();
    const ticket = seal(keys, START);
    const far = after(20_001 * HOUR);
    expect(seal(keys, far)).toEqual(new Uint8Array());
    expect(keys.open(ticket, far)).toBeNull();
    expect(() => keys.export(far)).toThrow(RangeError);
    expect(opens(keys, ticket, START)).toBe(true);
    expect(nameOf(seal(keys, START))).toBe(nameOf(ticket));
    const near = seal(keys, after(20_001 * HOUR - 0.001));
    expect(opens(keys, near, far)).toBe(true);
    expect(opens(keys, ticket, START)).toBe(false);
  });

  test("costs a bounded number of steps", () => {
    const { provider, hmacs } = watchedProvider();
    const keys = hourly({ provider });
    seal(keys, START);
    let before = hmacs();
    expect(seal(keys, after(20_001 * HOUR))).toHaveLength(0);
    expect(hmacs() - before).toBe(0);
    before = hmacs();
    expect(seal(keys, after(20_000 * HOUR))).toHaveLength(164);
    // One for each root, few for the keys that are left.
    expect(hmacs() - before).toBeGreaterThanOrEqual(20_000);
    expect(hmacs() - before).toBeLessThan(20_020);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 2 ** 32 * HOUR * 1000])(
    "that shows %s ms gives no tickets and takes none, and does no harm",
    (broken) => {
      const own = countingRandom(0x10);
      const keys = hourly({ random: own.random });
      expect(seal(keys, broken)).toEqual(new Uint8Array());
      expect(() => keys.export(broken)).toThrow(RangeError);
      expect(own.drawn).toEqual([]);
      const ticket = seal(keys, START);
      expect(seal(keys, broken)).toEqual(new Uint8Array());
      expect(keys.open(ticket, broken)).toBeNull();
      expect(() => keys.export(broken)).toThrow(RangeError);
      expect(opens(keys, ticket, START)).toBe(true);
    },
  );

  test("that starts in 1970 is as good as any", () => {
    const keys = hourly();
    const ticket = seal(keys, 0);
    expect(opens(copyOf(keys, 0), ticket, 2 * HOUR * 1000)).toBe(true);
  });
});

describe("two machines with the same keys", () => {
  test("open each other's tickets across rotations, without talking to each other", () => {
    const a = hourly();
    const b = copyOf(a, after(60));
    for (const hours of [0, 0.5, 1, 2, 2.99, 7, 500, 501]) {
      const now = after(hours * HOUR + 60);
      const tickets = [seal(a, now), seal(b, now)];
      const [first, second] = tickets.map(nameOf);
      expect(first).toBe(second);
      for (const keys of [a, b]) for (const ticket of tickets) expect(opens(keys, ticket, now)).toBe(true);
      for (const keys of [a, b])
        for (const ticket of tickets) expect(opens(keys, ticket, now + 2 * HOUR * 1000)).toBe(true);
    }
  });

  test("open each other's tickets with clocks one period apart, and not two ahead", () => {
    const a = hourly();
    const b = copyOf(a, START);
    for (let hours = 0; hours < 5; hours++) {
      const [late, early] = [after(hours * HOUR), after((hours + 1) * HOUR)];
      expect(opens(b, seal(a, late), early)).toBe(true);
      expect(opens(a, seal(b, early), late)).toBe(true);
    }
    const ahead = seal(b, after(7 * HOUR));
    expect(opens(a, ahead, after(6 * HOUR - 0.001))).toBe(false);
    expect(opens(a, ahead, after(6 * HOUR))).toBe(true);
  });

  test("looking ahead does not move on", () => {
    const a = hourly();
    const b = copyOf(a, START);
    const [now, next] = [nameOf(seal(a, START)), seal(b, after(HOUR))];
    expect(opens(a, next, START)).toBe(true);
    expect(nameOf(seal(a, START))).toBe(now);
    expect(nameOf(seal(copyOf(a, START), START))).toBe(now);
  });

  test("agree when the one that imports has a clock that is behind", () => {
    const a = hourly();
    seal(a, START);
    const b = copyOf(a, after(HOUR));
    const ticket = seal(b, START);
    expect(nameOf(ticket)).toBe(nameOf(seal(a, START)));
    expect(opens(a, ticket, after(HOUR))).toBe(true);
    expect(opens(b, seal(a, after(HOUR)), START)).toBe(true);
  });

  test("share tickets of before, as long as they live", () => {
    const a = hourly();
    const tickets = [0, 1, 2, 3].map((hours) => seal(a, after(hours * HOUR)));
    const b = copyOf(a, after(3 * HOUR));
    expect(tickets.map((ticket) => opens(b, ticket, after(3 * HOUR)))).toEqual([false, true, true, true]);
    expect(tickets.map((ticket) => opens(b, ticket, after(4 * HOUR)))).toEqual([false, false, true, true]);
  });

  test("have the algorithms and times of the exporter, whatever the provider would choose", () => {
    const a = hourly();
    const strong = providerOf(TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256);
    const b = TicketKeys.import(a.export(START), { provider: strong });
    const c = TicketKeys.import(b.export(START), {
      provider,
      rotationSeconds: HOUR,
      lifetimeSeconds: 2 * HOUR,
    });
    const ticket = seal(b, START);
    for (const keys of [a, b, c]) {
      expect(nameOf(seal(keys, after(0.5 * HOUR)))).toBe(nameOf(ticket));
      expect(opens(keys, ticket, after(3 * HOUR - 0.001))).toBe(true);
      expect(opens(keys, ticket, after(3 * HOUR))).toBe(false);
    }
  });
});

describe("an export of TicketKeys", () => {
  const keys = hourly();
  for (const hours of [0, 1, 2]) seal(keys, after(hours * HOUR));
  const exported = keys.export(after(2 * HOUR));
  const refused = { option: "exported", allowed: "the bytes that export() gave" };

  test("holds the root of now, and of before only the keys that are still good", () => {
    const root = new Uint8Array(32).fill(0x11);
    const own = hourly({ random: countingRandom(0x10).random });
    seal(own, START);
    const text = hex(own.export(after(3 * HOUR)));
    for (const hours of [0, 1, 2, 3]) {
      const period = periodOf("SHA-256", root, hours);
      expect(text.includes(hex(period.root))).toBe(hours === 3);
      expect(text.includes(hex(period.secret))).toBe(hours === 1 || hours === 2);
      expect(text.includes(hex(period.name))).toBe(hours === 1 || hours === 2);
    }
  });

  test("is the caller's, on both sides", () => {
    const own = exported.slice();
    const copy = TicketKeys.import(own, { provider });
    own.fill(0);
    const first = keys.export(after(2 * HOUR));
    expect(hex(first)).toBe(hex(exported));
    first.fill(0);
    expect(opens(copy, seal(keys, after(2 * HOUR)), after(2 * HOUR))).toBe(true);
    // A Buffer of Node, whose slice() is a view, into memory that others use.
    const buffer = Buffer.from(exported);
    const other = TicketKeys.import(buffer, { provider });
    buffer.fill(0);
    expect(hex(other.export(after(2 * HOUR)))).toBe(hex(exported));
  });

  test("is refused when it was cut anywhere", () => {
    for (let length = 0; length < exported.length; length++) {
      const cut = exported.subarray(0, length);
      const value = `Uint8Array(${length})`;
      expectConfigError(() => TicketKeys.import(cut, { provider }), { ...refused, value });
    }
  });

  test("is refused with any bit changed, and with bytes before or behind it", () => {
    const value = `Uint8Array(${exported.length})`;
    for (const [i, byte] of exported.entries()) {
      const changed = exported.with(i, byte ^ (1 << (i % 8)));
      expectConfigError(() => TicketKeys.import(changed, { provider }), { ...refused, value });
    }
    for (const longer of [
      [exported, Uint8Array.of(0)],
      [Uint8Array.of(1), exported],
      [exported, exported],
    ])
      expect(() => TicketKeys.import(concatBytes(...longer), { provider })).toThrow(ConfigError);
  });

  test.each([
    ["nothing", undefined, '"undefined"'],
    ["text", hex(exported), '"string"'],
    ["an array", [...exported], '"object"'],
  ])("is refused when it is %s, and not shown", (_what, given, value) => {
    expectConfigError(() => TicketKeys.import(given as never, { provider }), { ...refused, value });
  });

  /** The export with other bytes and a checksum that is right. */
  const forged = (change: (body: Uint8Array) => Uint8Array): Uint8Array => {
    const body = change(exported.slice(0, -32));
    return concatBytes(body, sha256.digest(body));
  };
  /** Where the fields are: format, two names of algorithms, three numbers, names. */
  const NUMBERS = 1 + 1 + "AES-128-GCM".length + 1 + "SHA-256".length;
  const uint32At = (at: number, value: number) => (body: Uint8Array) => {
    new DataView(body.buffer).setUint32(at, value);
    return body;
  };

  test.each([
    ["another format", (body: Uint8Array) => body.with(0, 2), "exported", "format of ticket keys is 2"],
    ["no fields", () => Uint8Array.of(1), "exported", "format 1"],
    ["a secret less", (body: Uint8Array) => body.subarray(0, -32), "exported", "format 1"],
    [
      "a byte more",
      (body: Uint8Array) => concatBytes(body, Uint8Array.of(0)),
      "exported",
      "1 trailing bytes in exported ticket keys",
    ],
    ["keys of before 1970", uint32At(NUMBERS + 8, 1), "exported", "from 1970 on"],
    ["a rotation out of range", uint32At(NUMBERS, 59), "rotationSeconds", "60..604800"],
    ["a lifetime out of range", uint32At(NUMBERS + 4, WEEK + 1), "lifetimeSeconds", "0..604800"],
  ])("is refused with %s, also when its checksum is right", (_what, change, option, allowed) => {
    const bytes = forged(change);
    const values = { rotationSeconds: "59", lifetimeSeconds: String(WEEK + 1) };
    const value = values[option as keyof typeof values] ?? `Uint8Array(${bytes.length})`;
    expectConfigError(() => TicketKeys.import(bytes, { provider }), { option, value, allowed });
    TicketKeys.import(
      forged((body) => body),
      { provider },
    );
  });

  test.each([
    ["without the AEAD", TLS_CHACHA20_POLY1305_SHA256],
    ["without the hash", { ...TLS_AES_128_GCM_SHA256, hash: TLS_AES_256_GCM_SHA384.hash }],
  ])("is refused with a provider %s", (_what, suite) => {
    expectConfigError(() => TicketKeys.import(exported, { provider: providerOf(suite) }), {
      option: "provider",
      value: '"noble"',
      allowed: "AES-128-GCM and SHA-256",
    });
  });

  test.each([
    ["rotationSeconds", 2 * HOUR, HOUR],
    ["lifetimeSeconds", 3 * HOUR, 2 * HOUR],
  ])("is refused with another %s", (option, given, own) => {
    const options = { provider, [option]: given };
    expectConfigError(() => TicketKeys.import(exported, options), {
      option,
      value: String(given),
      allowed: `${own}, as the exporter's`,
    });
  });
});

describe("wiped TicketKeys", () => {
  test("seal and open nothing, and are not exported", () => {
    const keys = hourly();
    const copy = copyOf(keys, START);
    const ticket = seal(keys, START);
    for (let i = 0; i < 2; i++) {
      keys.wipe();
      expect(seal(keys, START)).toEqual(new Uint8Array());
      expect(keys.open(ticket, START)).toBeNull();
      expect(() => keys.export(START)).toThrow(TypeError);
    }
    expect(opens(copy, ticket, START)).toBe(true);
  });

  test("draw no new key, whether they had one or not", () => {
    const own = countingRandom(0x10);
    const keys = hourly({ random: own.random });
    keys.wipe();
    expect(seal(keys, START)).toEqual(new Uint8Array());
    expect(own.drawn).toEqual([]);
  });
});
