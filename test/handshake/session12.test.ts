import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import {
  type ClientSession12,
  decodeSession12,
  encodeSession12,
  type ServerSession12,
  type Session12,
} from "../../src/handshake/session12.ts";
import { seededRandom } from "../support/forger.ts";
import { fromHex } from "../support/hex.ts";

const bytes = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

const client: ClientSession12 = {
  role: "client",
  cipherSuite: 0xc02f,
  mainSecret: bytes(0x4d, 48),
  extendedMainSecret: true,
  createdAtSeconds: 1_800_000_000,
  lifetimeSeconds: 7200,
  serverName: "example.com",
  peerCertificateType: "x509",
  peerChain: [bytes(1, 3), bytes(2, 2)],
  ocspResponse: bytes(3, 1),
  signedCertificateTimestamps: [bytes(4, 2)],
  sessionId: bytes(5, 32),
  ticket: bytes(6, 4),
};

const bareClient: ClientSession12 = {
  ...client,
  extendedMainSecret: false,
  serverName: null,
  peerCertificateType: "raw-public-key",
  peerChain: [],
  ocspResponse: null,
  signedCertificateTimestamps: [],
  sessionId: bytes(0, 0),
  ticket: bytes(0, 0),
};

const server: ServerSession12 = {
  role: "server",
  cipherSuite: 0xcca9,
  mainSecret: bytes(0x4e, 48),
  extendedMainSecret: true,
  createdAtSeconds: 0,
  lifetimeSeconds: 2 ** 32 - 1,
  serverName: "a".repeat(255),
  peerCertificateType: "raw-public-key",
  peerChain: [bytes(1, 70_000)],
  ocspResponse: bytes(3, 70_000),
  signedCertificateTimestamps: [bytes(4, 2), bytes(5, 65_535)],
  endPointBinding: bytes(7, 64),
};

const bareServer: ServerSession12 = {
  ...server,
  serverName: null,
  peerCertificateType: "raw-public-key",
  peerChain: [],
  ocspResponse: null,
  signedCertificateTimestamps: [],
  endPointBinding: bytes(0, 0),
};

const SAMPLES: readonly (readonly [string, Session12])[] = [
  ["a client's", client],
  ["a client's with little in it", bareClient],
  ["a client's with the longest ticket", { ...client, ticket: bytes(6, 65_535) }],
  ["a server's", server],
  ["a server's with little in it", bareServer],
];

describe("sessions of TLS 1.2", () => {
  test.each(SAMPLES)("%s comes back as it was", (_, session) => {
    expect(decodeSession12(encodeSession12(session))).toEqual(session);
  });

  test("have their version, format and role in front, and the main secret at the end", () => {
    const common = `
      c02f 01 6b49d200 00001c20
      01 0b 6578616d706c652e636f6d
      00 0000000b 000003 010101 000002 0202
      01 000001 03
      00000004 0002 0404`;
    const tail = `20 ${"05".repeat(32)} 0004 06060606 ${"4d".repeat(48)}`;
    expect(hex(encodeSession12(client))).toBe(hex(fromHex(`0303 02 01 ${common} ${tail}`)));
    const bare = `0303 02 02 cca9 01 00000000 ffffffff 00 02 00000000 00 00000000 00 ${"4e".repeat(48)}`;
    expect(hex(encodeSession12(bareServer))).toBe(hex(fromHex(bare)));
  });

  test("are read into memory of their own, and write none that is the session's", () => {
    for (const view of [(one: Uint8Array) => one, (one: Uint8Array): Uint8Array => Buffer.from(one)]) {
      const encoded = view(encodeSession12(client));
      const session = decodeSession12(encoded);
      encoded.fill(0xff);
      expect(session).toEqual(client);
    }
    encodeSession12(client).fill(0);
    expect(hex(client.mainSecret)).toBe("4d".repeat(48));
  });
});

describe("what is no session", () => {
  test.each([
    ["nothing", ""],
    ["48 bytes", "00".repeat(48)],
    ["another version", "0304"],
    ["the format of before", "030301"],
    ["another format", "030303"],
    ["an unknown role", "03030200"],
    ["an unknown role", "03030203"],
  ])("gives null for %s", (_, start) => {
    const prefix = fromHex(start);
    const rest = start === "" || prefix.length === 48 ? new Uint8Array() : encodeSession12(client);
    expect(decodeSession12(concatBytes(prefix, rest.subarray(prefix.length)))).toBeNull();
  });

  test.each(SAMPLES.slice(0, 2))("gives null for %s of the other role", (_, session) => {
    expect(decodeSession12(encodeSession12(session).with(3, 2))).toBeNull();
  });

  test.each([
    ["a client's", client],
    ["a server's", { ...server, peerChain: [], ocspResponse: bytes(1, 9), signedCertificateTimestamps: [] }],
  ])("gives null for %s that is cut anywhere, or longer by a byte", (_, session) => {
    const encoded = encodeSession12(session);
    const cut = Array.from(encoded, (__, i) => encoded.subarray(0, i));
    const longer = [concatBytes(encoded, Uint8Array.of(0)), concatBytes(Uint8Array.of(3), encoded)];
    expect([...cut, ...longer].filter((one) => decodeSession12(one) !== null)).toEqual([]);
  });

  test("gives null for a flag that is neither 0 nor 1, and a name that is not ASCII or empty", () => {
    const encoded = encodeSession12({ ...bareClient, serverName: "x" });
    const [flagAt, nameFlagAt, nameAt] = [6, 15, 17];
    expect(encoded.subarray(nameFlagAt, nameAt + 1)).toEqual(Uint8Array.of(1, 1, 0x78));
    expect(decodeSession12(encoded.with(flagAt, 1))).toMatchObject({ extendedMainSecret: true });
    expect(decodeSession12(encoded.with(flagAt, 2))).toBeNull();
    expect(decodeSession12(encoded.with(nameFlagAt, 2))).toBeNull();
    expect(decodeSession12(encoded.with(nameAt, 0x79))).toMatchObject({ serverName: "y" });
    expect(decodeSession12(encoded.with(nameAt, 0x80))).toBeNull();
    const withoutName = encodeSession12(bareClient);
    const emptyName = concatBytes(withoutName.subarray(0, 15), Uint8Array.of(1, 0), withoutName.subarray(16));
    expect(decodeSession12(emptyName)).toBeNull();
  });

  test("damage gives null or another session, whose bytes are those: nothing is read loosely", () => {
    const seed = 20_260_301;
    const random = seededRandom(seed);
    const counts = { null: 0, session: 0 };
    const samples = [client, bareClient, bareServer].map(encodeSession12);
    for (let round = 0; round < 6000; round++) {
      const [at = 0, low = 0, bit = 0, value = 0] = random(4);
      const sample = samples[round % samples.length] ?? new Uint8Array();
      const index = (256 * at + low) % sample.length;
      const damaged = sample.with(index, round % 2 === 0 ? value : (sample[index] ?? 0) ^ (1 << (bit & 7)));
      const session = decodeSession12(damaged);
      counts[session === null ? "null" : "session"]++;
      if (session !== null) {
        expect(hex(encodeSession12(session)), `seed ${seed} round ${round}`).toBe(hex(damaged));
      }
    }
    expect(counts.null).toBeGreaterThan(1000);
    expect(counts.session).toBeGreaterThan(1000);
  });
});

describe("encodeSession12", () => {
  test.each<[string, Session12]>([
    ["a main secret of 47 bytes", { ...client, mainSecret: bytes(1, 47) }],
    ["a suite above 65,535", { ...client, cipherSuite: 65_536 }],
    ["half a second", { ...client, createdAtSeconds: 0.5 }],
    ["a lifetime of 2^32 seconds", { ...server, lifetimeSeconds: 2 ** 32 }],
    ["an empty name", { ...server, serverName: "" }],
    ["a name of 256 characters", { ...server, serverName: "a".repeat(256) }],
    ["a name that is not ASCII", { ...server, serverName: "é" }],
    ["an empty certificate", { ...server, peerChain: [bytes(0, 0)] }],
    ["an empty OCSP response", { ...client, ocspResponse: bytes(0, 0) }],
    ["an empty timestamp", { ...client, signedCertificateTimestamps: [bytes(0, 0)] }],
    ["a session ID of 33 bytes", { ...client, sessionId: bytes(1, 33) }],
    ["a ticket of 65,536 bytes", { ...client, ticket: bytes(1, 65_536) }],
    ["an end point binding of 65 bytes", { ...server, endPointBinding: bytes(1, 65) }],
  ])("refuses %s", (_, session) => {
    expect(() => encodeSession12(session)).toThrow(RangeError);
  });
});
