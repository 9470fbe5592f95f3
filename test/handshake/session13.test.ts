import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { decodeSession12, encodeSession12 } from "../../src/handshake/session12.ts";
import {
  type ClientSession13,
  decodeSession13,
  encodeSession13,
  type ServerSession13,
  type Session13,
} from "../../src/handshake/session13.ts";
import { seededRandom } from "../support/forger.ts";
import { fromHex } from "../support/hex.ts";

const bytes = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

const client: ClientSession13 = {
  role: "client",
  cipherSuite: 0x1301,
  preSharedKey: bytes(0x4d, 32),
  ticketAtMs: 1_800_000_000_123,
  ageAdd: 0xfedcba98,
  maxEarlyDataBytes: 16_384,
  alpn: bytes(0x68, 2),
  createdAtSeconds: 1_800_000_000,
  lifetimeSeconds: 7200,
  serverName: "example.com",
  peerCertificateType: "x509",
  peerChain: [bytes(1, 3), bytes(2, 2)],
  ocspResponse: bytes(3, 1),
  signedCertificateTimestamps: [bytes(4, 2)],
  ticket: bytes(6, 4),
};

const bareClient: ClientSession13 = {
  ...client,
  maxEarlyDataBytes: null,
  alpn: bytes(0, 0),
  serverName: null,
  peerCertificateType: "raw-public-key",
  peerChain: [],
  ocspResponse: null,
  signedCertificateTimestamps: [],
  ticket: bytes(0, 1),
};

const server: ServerSession13 = {
  role: "server",
  cipherSuite: 0x1302,
  preSharedKey: bytes(0x4e, 48),
  ticketAtMs: 2 ** 53 - 1,
  ageAdd: 2 ** 32 - 1,
  maxEarlyDataBytes: 2 ** 32 - 1,
  alpn: bytes(0x68, 255),
  createdAtSeconds: 0,
  lifetimeSeconds: 2 ** 32 - 1,
  serverName: "a".repeat(255),
  peerCertificateType: "raw-public-key",
  peerChain: [bytes(1, 70_000)],
  ocspResponse: bytes(3, 70_000),
  signedCertificateTimestamps: [bytes(4, 2), bytes(5, 65_535)],
  endPointBinding: bytes(7, 64),
};

const bareServer: ServerSession13 = {
  ...server,
  ticketAtMs: 0,
  ageAdd: 0,
  maxEarlyDataBytes: null,
  alpn: bytes(0, 0),
  serverName: null,
  peerCertificateType: "raw-public-key",
  peerChain: [],
  ocspResponse: null,
  signedCertificateTimestamps: [],
  endPointBinding: bytes(0, 0),
};

const SAMPLES: readonly (readonly [string, Session13])[] = [
  ["a client's", client],
  ["a client's with little in it", bareClient],
  ["a client's with no early data, which is not none", { ...client, maxEarlyDataBytes: 0 }],
  ["a client's with the longest ticket", { ...client, ticket: bytes(6, 65_535) }],
  ["a server's", server],
  ["a server's with little in it", bareServer],
];

describe("sessions of TLS 1.3", () => {
  test.each(SAMPLES)("%s comes back as it was", (_, session) => {
    expect(decodeSession13(encodeSession13(session))).toEqual(session);
  });

  test("have their version, format and role in front, and the PSK at the end", () => {
    const fields = `
      1301 000001a3 185c507b fedcba98 01 00004000 02 6868
      6b49d200 00001c20
      01 0b 6578616d706c652e636f6d
      00 0000000b 000003 010101 000002 0202
      01 000001 03
      00000004 0002 0404`;
    const tail = `0004 06060606 ${"4d".repeat(32)}`;
    expect(hex(encodeSession13(client))).toBe(hex(fromHex(`0304 02 01 20 ${fields} ${tail}`)));
    const bare = `0304 02 02 30 1302 ${"00".repeat(12)} 00 00 00000000 ffffffff 00 02 00000000 00 00000000 00 ${"4e".repeat(48)}`;
    expect(hex(encodeSession13(bareServer))).toBe(hex(fromHex(bare)));
  });

  test("are read into memory of their own, and write none that is the session's", () => {
    for (const view of [(one: Uint8Array) => one, (one: Uint8Array): Uint8Array => Buffer.from(one)]) {
      const encoded = view(encodeSession13(client));
      const session = decodeSession13(encoded);
      encoded.fill(0xff);
      expect(session).toEqual(client);
    }
    encodeSession13(client).fill(0);
    expect(hex(client.preSharedKey)).toBe("4d".repeat(32));
  });
});

describe("what is no session", () => {
  test.each([
    ["nothing", ""],
    ["4 bytes", "03040201"],
    ["5 bytes", "0304020120"],
    ["37 bytes", `0304020120${"00".repeat(32)}`],
    ["another version", "0303"],
    ["the format of before", "030401"],
    ["another format", "030403"],
    ["an unknown role", "03040200"],
    ["an unknown role", "03040203"],
    ["a PSK of 0 bytes", "0304020100"],
    ["a PSK of 31 bytes", "030402011f"],
    ["a PSK of 48 bytes where 32 are", "0304020130"],
    ["a PSK of 255 bytes", "03040201ff"],
  ])("gives null for %s", (what, start) => {
    const prefix = fromHex(start);
    const rest = /^(nothing|\d+ bytes)$/.test(what) ? new Uint8Array() : encodeSession13(client);
    expect(decodeSession13(concatBytes(prefix, rest.subarray(prefix.length)))).toBeNull();
  });

  test.each(SAMPLES.slice(0, 2))("gives null for %s of the other role", (_, session) => {
    expect(decodeSession13(encodeSession13(session).with(3, 2))).toBeNull();
  });

  test("gives null for a session of TLS 1.2, which is none of TLS 1.3 either", () => {
    const { ticketAtMs: _at, ageAdd: _add, maxEarlyDataBytes: _max, alpn: _alpn, ...origin } = client;
    const other = { ...origin, mainSecret: bytes(1, 48), extendedMainSecret: true, sessionId: bytes(1, 32) };
    expect(decodeSession13(encodeSession12(other))).toBeNull();
    expect(decodeSession12(encodeSession13(client))).toBeNull();
    // Not even with the version of the other.
    expect(decodeSession13(encodeSession12(other).with(1, 4))).toBeNull();
    expect(decodeSession12(encodeSession13(client).with(1, 3))).toBeNull();
  });

  test.each([
    ["a client's", client],
    ["a server's", { ...server, peerChain: [], ocspResponse: bytes(1, 9), signedCertificateTimestamps: [] }],
  ])("gives null for %s that is cut anywhere, or longer by a byte", (_, session) => {
    const encoded = encodeSession13(session);
    const cut = Array.from(encoded, (__, i) => encoded.subarray(0, i));
    const longer = [concatBytes(encoded, Uint8Array.of(0)), concatBytes(Uint8Array.of(3), encoded)];
    expect([...cut, ...longer].filter((one) => decodeSession13(one) !== null)).toEqual([]);
  });

  test("gives null for a flag that is neither 0 nor 1, a name that is not ASCII or empty, and an empty ticket", () => {
    const encoded = encodeSession13({ ...bareClient, serverName: "x" });
    const [flagAt, nameFlagAt, nameAt] = [19, 29, 31];
    expect(encoded[flagAt]).toBe(0);
    expect(encoded.subarray(nameFlagAt, nameAt + 1)).toEqual(Uint8Array.of(1, 1, 0x78));
    expect(decodeSession13(encoded.with(flagAt, 2))).toBeNull();
    expect(decodeSession13(encoded.with(nameFlagAt, 2))).toBeNull();
    expect(decodeSession13(encoded.with(nameAt, 0x79))).toMatchObject({ serverName: "y" });
    expect(decodeSession13(encoded.with(nameAt, 0x80))).toBeNull();
    const withoutName = encodeSession13(bareClient);
    const emptyName = concatBytes(withoutName.subarray(0, 29), Uint8Array.of(1, 0), withoutName.subarray(30));
    expect(decodeSession13(emptyName)).toBeNull();
    const ticketAt = withoutName.length - 32 - 3;
    expect(withoutName.subarray(ticketAt, ticketAt + 3)).toEqual(Uint8Array.of(0, 1, 0));
    const noTicket = concatBytes(
      withoutName.subarray(0, ticketAt),
      Uint8Array.of(0, 0),
      withoutName.subarray(ticketAt + 3),
    );
    expect(decodeSession13(noTicket)).toBeNull();
  });

  test("damage gives null or another session, whose bytes are those: nothing is read loosely", () => {
    const seed = 20_261_121;
    const random = seededRandom(seed);
    const counts = { null: 0, session: 0 };
    const samples = [client, bareClient, bareServer].map(encodeSession13);
    for (let round = 0; round < 6000; round++) {
      const [at = 0, low = 0, bit = 0, value = 0] = random(4);
      const sample = samples[round % samples.length] ?? new Uint8Array();
      const index = (256 * at + low) % sample.length;
      const damaged = sample.with(index, round % 2 === 0 ? value : (sample[index] ?? 0) ^ (1 << (bit & 7)));
      const session = decodeSession13(damaged);
      counts[session === null ? "null" : "session"]++;
      if (session !== null) {
        expect(hex(encodeSession13(session)), `seed ${seed} round ${round}`).toBe(hex(damaged));
      }
    }
    expect(counts.null).toBeGreaterThan(1000);
    expect(counts.session).toBeGreaterThan(1000);
  });
});

describe("encodeSession13", () => {
  test.each<[string, Session13]>([
    ["a PSK of 0 bytes", { ...client, preSharedKey: bytes(1, 0) }],
    ["a PSK of 31 bytes", { ...client, preSharedKey: bytes(1, 31) }],
    ["a PSK of 64 bytes", { ...client, preSharedKey: bytes(1, 64) }],
    ["a suite above 65,535", { ...client, cipherSuite: 65_536 }],
    ["half a second", { ...client, createdAtSeconds: 0.5 }],
    ["a lifetime of 2^32 seconds", { ...server, lifetimeSeconds: 2 ** 32 }],
    ["a negative lifetime", { ...server, lifetimeSeconds: -1 }],
    ["a ticket of before 1970", { ...client, ticketAtMs: -1 }],
    ["half a millisecond", { ...client, ticketAtMs: 0.5 }],
    ["a time of 2^64 milliseconds", { ...client, ticketAtMs: 2 ** 64 }],
    ["an age of 2^32", { ...client, ageAdd: 2 ** 32 }],
    ["early data of 2^32 bytes", { ...client, maxEarlyDataBytes: 2 ** 32 }],
    ["an ALPN name of 256 bytes", { ...client, alpn: bytes(0x68, 256) }],
    ["an empty name", { ...server, serverName: "" }],
    ["a name of 256 characters", { ...server, serverName: "a".repeat(256) }],
    ["a name that is not ASCII", { ...server, serverName: "é" }],
    ["an empty certificate", { ...server, peerChain: [bytes(0, 0)] }],
    ["an empty OCSP response", { ...client, ocspResponse: bytes(0, 0) }],
    ["an empty timestamp", { ...client, signedCertificateTimestamps: [bytes(0, 0)] }],
    ["an empty ticket", { ...client, ticket: bytes(1, 0) }],
    ["a ticket of 65,536 bytes", { ...client, ticket: bytes(1, 65_536) }],
    ["an end point binding of 65 bytes", { ...server, endPointBinding: bytes(1, 65) }],
  ])("refuses %s", (_, session) => {
    expect(() => encodeSession13(session)).toThrow(RangeError);
  });
});
