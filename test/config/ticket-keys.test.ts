import { createDecipheriv, createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { aes128Gcm, aes256Gcm, chacha20Poly1305 } from "../../src/crypto/aeads.ts";
import { concatBytes, hex } from "../../src/bytes.ts";
import { TicketKeys } from "../../src/config/ticket-keys.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import type { Random } from "../../src/crypto/provider.ts";
import { seededRandom } from "../support/forger.ts";

const STATE = Uint8Array.from({ length: 100 }, (_, i) => i);
const NOTHING = new Uint8Array();

/** A random that tells how many bytes it was asked for, and gives bytes of `value` and counting. */
function countingRandom(value: number): { readonly random: Random; readonly drawn: readonly number[] } {
  const drawn: number[] = [];
  const random: Random = (length) => {
    drawn.push(length);
    return new Uint8Array(length).fill(value + drawn.length);
  };
  return { random, drawn };
}

const ticketKeys = (seed = 1): TicketKeys => new TicketKeys(aes128Gcm, sha256, seededRandom(seed));

describe("TicketKeys", () => {
  test.each([
    ["AES-128-GCM", aes128Gcm, sha256],
    ["AES-256-GCM with SHA-384", aes256Gcm, sha384],
    ["ChaCha20-Poly1305", chacha20Poly1305, sha256],
  ])("opens what it has sealed with %s, whatever the length", (_, aead, hash) => {
    const random = seededRandom(2);
    const keys = new TicketKeys(aead, hash, seededRandom(1));
    for (const length of [0, 1, 15, 16, 17, 1000, 65_471]) {
      const state = random(length);
      const ticket = keys.seal(state, random);
      expect(ticket).toHaveLength(length + 64);
      expect(hex(keys.open(ticket) ?? Uint8Array.of(0xff))).toBe(hex(state));
    }
  });

  test.each([
    ["aes-128-gcm", aes128Gcm, sha256],
    ["aes-256-gcm", aes256Gcm, sha384],
  ] as const)(
    "seals as is written above it: name, salt, and %s under a key of this ticket",
    (cipher, aead, hash) => {
      const own = countingRandom(0x10);
      const salts = countingRandom(0x50);
      const ticket = new TicketKeys(aead, hash, own.random).seal(STATE, salts.random);
      const header = concatBytes(new Uint8Array(16).fill(0x11), new Uint8Array(32).fill(0x51));
      expect(hex(ticket.subarray(0, 48))).toBe(hex(header));
      // HKDF-Expand of at most one block: RFC 5869 §2.3.
      const key = createHmac(hash.name.replace("-", ""), new Uint8Array(32).fill(0x12))
        .update(concatBytes(Buffer.from("tls-engine ticket"), header, Uint8Array.of(1)))
        .digest()
        .subarray(0, aead.keyLength);
      const decipher = createDecipheriv(cipher, key, new Uint8Array(12)).setAAD(header);
      decipher.setAuthTag(ticket.subarray(-16));
      const state = Buffer.concat([decipher.update(ticket.subarray(48, -16)), decipher.final()]);
      expect(hex(state)).toBe(hex(STATE));
    },
  );

  test("draws its key with the first ticket, and a salt with each", () => {
    const own = countingRandom(0x10);
    const salts = countingRandom(0x50);
    const keys = new TicketKeys(aes128Gcm, sha256, own.random);
    expect(keys.open(new Uint8Array(200))).toBeNull();
    expect(own.drawn).toEqual([]);
    const first = keys.seal(STATE, salts.random);
    const second = keys.seal(STATE, salts.random);
    expect([keys.open(first), keys.open(second)]).toEqual([STATE, STATE]);
    expect(own.drawn).toEqual([16, 32]);
    expect(salts.drawn).toEqual([32, 32]);
    expect(hex(first.subarray(0, 16))).toBe(hex(second.subarray(0, 16)));
    expect(hex(first.subarray(48, 64))).not.toBe(hex(second.subarray(48, 64)));
  });

  test("does not open tickets of other keys, even under the same name", () => {
    const random = seededRandom(3);
    const sameName = (secret: number): TicketKeys => {
      const draws = [new Uint8Array(16).fill(7), new Uint8Array(32).fill(secret)];
      return new TicketKeys(aes128Gcm, sha256, () => draws.shift() ?? NOTHING);
    };
    for (const [ours, theirs] of [
      [ticketKeys(1), ticketKeys(2)],
      [sameName(1), sameName(2)],
    ] as const) {
      ours.seal(STATE, random);
      expect(ours.open(theirs.seal(STATE, random))).toBeNull();
    }
  });

  test("does not open a ticket that has been changed in any byte, cut or lengthened", () => {
    const keys = ticketKeys();
    const ticket = keys.seal(STATE.subarray(0, 20), seededRandom(4));
    const changed = Array.from(ticket, (byte, i) => ticket.with(i, byte ^ (1 << (i % 8))));
    const cut = Array.from(ticket, (_, i) => ticket.subarray(0, i));
    const longer = [concatBytes(ticket, Uint8Array.of(0)), concatBytes(Uint8Array.of(0), ticket)];
    const opened = [...changed, ...cut, ...longer].filter((one) => keys.open(one) !== null);
    expect(opened).toEqual([]);
    expect(changed.length + cut.length).toBe(2 * 84);
    expect(keys.open(ticket)).toEqual(STATE.subarray(0, 20));
  });

  test("leaves the state and the ticket to the caller", () => {
    const keys = ticketKeys();
    const state = STATE.slice();
    const ticket = keys.seal(state, seededRandom(5));
    const kept = hex(ticket);
    keys.open(ticket)?.fill(0);
    expect([hex(state), hex(ticket)]).toEqual([hex(STATE), kept]);
  });

  test("says so when a random gives another number of bytes", () => {
    const broken: Random = (length) => new Uint8Array(length - 1);
    expect(() => new TicketKeys(aes128Gcm, sha256, broken).seal(STATE, seededRandom(1))).toThrow(RangeError);
    const keys = ticketKeys();
    expect(() => keys.seal(STATE, broken)).toThrow(RangeError);
    expect(keys.open(keys.seal(STATE, seededRandom(1)))).toEqual(STATE);
  });
});
