import { expect, test } from "vitest";

import { type ClientHelloInfo, type ClientOptions, MemorySessionStore } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { seededRandom } from "../support/forger.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { Pair } from "../support/pair.ts";
import { VERSIONS } from "./versions.ts";

const isGrease = (value: number): boolean => (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
const MODES = [0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4];

/** Connects, and gives what the server was asked for. */
async function helloOf(options: Partial<ClientOptions>, groups?: readonly string[]): Promise<ClientHello> {
  let info: ClientHelloInfo | undefined;
  const server = toyServer({
    ticketCount: 1,
    chooseSetup: (hello) => ((info = hello), {}),
    ...(groups !== undefined && { groups }),
  });
  const pair = await new Pair(toyClient({ grease: true, ...options }), server).run();
  expect([pair.client.closed, pair.server.closed]).toEqual([undefined, undefined]);
  if (info === undefined) throw new Error("no hello");
  return decodeHandshake("client_hello", info.raw);
}

test.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
  "a ClientHello has reserved values everywhere, and the server passes over them (seed %i)",
  async (seed) => {
    const { cipherSuites, extensions } = await helloOf({ random: seededRandom(seed) });
    const {
      supportedGroups = [],
      supportedVersions = [],
      signatureAlgorithms = [],
      keyShare = [],
    } = extensions;
    expect(isGrease(cipherSuites[0] ?? 0)).toBe(true);
    expect(isGrease(supportedVersions[0] ?? 0)).toBe(true);
    expect(isGrease(supportedGroups[0] ?? 0)).toBe(true);
    expect(keyShare[0]).toEqual({ group: supportedGroups[0], keyExchange: new Uint8Array(1) });
    expect(isGrease(signatureAlgorithms.at(-1) ?? 0)).toBe(true);
    expect(MODES).toContain(extensions.pskKeyExchangeModes?.at(-1));
    for (const list of [cipherSuites, supportedVersions, supportedGroups, signatureAlgorithms])
      expect(list.filter(isGrease)).toHaveLength(1);
    const { order = [], unknown = [] } = extensions;
    expect(unknown.map(({ body }) => body.length)).toEqual([0, 1]);
    expect([order[0], order.at(-1)]).toEqual(unknown.map(({ type }) => type));
    expect(order.filter(isGrease)).toHaveLength(2);
    expect(new Set(order).size).toBe(order.length);
  },
);

test.each(VERSIONS)("a hello of %s alone has them too", async (version) => {
  const { cipherSuites, extensions } = await helloOf({ versions: [version] });
  expect(cipherSuites.filter(isGrease)).toHaveLength(1);
  expect(extensions.supportedVersions?.filter(isGrease).length).toBe(version === "TLSv1.3" ? 1 : undefined);
});

test("a second ClientHello has the same ones, and pre_shared_key stays the last extension", async () => {
  const options = { sessionStore: new MemorySessionStore(), grease: true, keyShares: ["x25519"] };
  const client = toyClient(options);
  const server = toyServer({ ticketCount: 1 });
  await new Pair(client, server).run();
  const pair = await new Pair(client, server.with({ groups: ["secp256r1"], helloRetryCookie: true })).run();
  expect(pair.client.closed).toBeUndefined();
  expect(pair.server.engine.info).toMatchObject({ helloRetried: true, resumed: false });
});

test("none are sent by default", async () => {
  const { cipherSuites, extensions } = await helloOf({ grease: false });
  expect(cipherSuites.some(isGrease)).toBe(false);
  expect(extensions.order?.some(isGrease)).toBe(false);
});
