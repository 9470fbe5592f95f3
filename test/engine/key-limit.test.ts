import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { Pair } from "../support/pair.ts";
import { counting } from "./counting-provider.ts";
import { expectRefusal } from "./refusal.ts";
import { configsOf } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

/** Records that are held back: a write takes as many at most. */
const RESERVE = 512;
const LIMIT = 600;

const SUITES = [
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
];

const USED_UP = /^internal_error: the write key is used up, and TLS 1.2 has no other one$/;

/** A client and a server whose keys may seal {@link LIMIT} records, and what they have sealed. */
async function limitedPair(suite: string, recordSizeLimit?: number) {
  // Tickets are sealed too, and this is not about them.
  const { provider, sealed } = counting(LIMIT);
  const common = {
    provider,
    cipherSuites: [suite],
    ...(recordSizeLimit !== undefined && { recordSizeLimit }),
  };
  const pair = new Pair(clientOf(common), serverOf({ ...common, sessionTickets: false }));
  return { pair, sealed };
}

describe.each(SUITES)("a key of %s that is used up", (suite) => {
  test.each(["client", "server"] as const)(
    "ends the connection of the %s with internal_error: everything that write() took arrives, and no more",
    async (role) => {
      const { pair, sealed } = await limitedPair(suite);
      await pair.run();
      const writer = pair[role];
      const reader = role === "client" ? pair.server : pair.client;
      let taken = 0;
      for (let i = 0; i < LIMIT; i++) if (writer.engine.write(Uint8Array.of(i & 0xff))) taken++;
      await pair.run();
      // Finished was the first record of the key.
      expect(taken).toBe(LIMIT - RESERVE);
      expect(reader.received).toEqual(Buffer.from(Uint8Array.from({ length: taken }, (_, i) => i & 0xff)));
      expectRefusal(writer, "internal_error", USED_UP);
      expect(reader.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
      expect(writer.engine.state).toBe("closed");
      expect(Math.max(...sealed)).toBeLessThanOrEqual(LIMIT);
    },
  );

  test("is not the other direction's", async () => {
    const { pair } = await limitedPair(suite);
    await pair.run();
    for (let i = 0; i < LIMIT - RESERVE; i++) pair.client.engine.write(Uint8Array.of(1));
    for (let i = 0; i < 10; i++) pair.server.engine.write(Uint8Array.of(2));
    await pair.run();
    expect([pair.client.received.length, pair.server.received.length]).toEqual([10, LIMIT - RESERVE]);
    expect([pair.client.closed, pair.server.closed]).toEqual([undefined, undefined]);
  });

  test("leaves room for close_notify", async () => {
    const { pair } = await limitedPair(suite);
    await pair.run();
    for (let i = 0; i < LIMIT - RESERVE; i++) pair.client.engine.write(Uint8Array.of(1));
    pair.client.engine.closeWrite();
    await pair.run();
    expect(pair.server.closed).toEqual({ kind: "clean" });
    expect(pair.client.closed).toBeUndefined();
  });
});

test("a write of many records is cut where the key ends: the start of it arrives, and both sides know", async () => {
  const { pair, sealed } = await limitedPair(SUITES[0] ?? "", 64);
  await pair.run();
  const slice = 16_384;
  expect(pair.client.engine.write(new Uint8Array(3 * slice).fill(7))).toBe(false);
  await pair.run();
  expect(pair.server.received).toEqual(Buffer.alloc(slice, 7));
  expectRefusal(pair.client, "internal_error", USED_UP);
  expect(pair.server.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
  expect(Math.max(...sealed)).toBeLessThanOrEqual(LIMIT);
});

test("what was written before the handshake has ended is subject to it too", async () => {
  const { pair } = await limitedPair(SUITES[1] ?? "", 64);
  pair.client.engine.write(new Uint8Array(40_000).fill(7));
  await pair.run();
  expect(pair.client.events.map(({ type }) => type)).toEqual(["handshake-complete", "closed"]);
  expectRefusal(pair.client, "internal_error", USED_UP);
  expect(pair.server.received).toEqual(Buffer.alloc(16_384, 7));
  expect(pair.server.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
});

test("updateKeys() is a TypeError in TLS 1.2, and changes nothing", async () => {
  const pair = await new Pair(clientOf(), serverOf()).run();
  for (const { engine } of [pair.client, pair.server]) {
    for (const requestPeer of [false, true]) {
      expect(() => engine.updateKeys(requestPeer)).toThrow(
        new TypeError("updateKeys() needs TLS 1.3, and this is TLSv1.2"),
      );
    }
    expect(engine.pendingOutput).toBe(0);
  }
  pair.client.engine.write(ascii("on"));
  await pair.run();
  expect(latin1(pair.server.received)).toBe("on");
});
