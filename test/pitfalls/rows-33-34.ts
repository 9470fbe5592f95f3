import { expect } from "vitest";

import { concatBytes, hex16 } from "../../src/bytes.ts";
import { secp384r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { X25519MLKEM768 } from "../../src/crypto/groups/x25519mlkem768.ts";
import { nobleGroups } from "../../src/crypto/noble.ts";
import type { KeyExchangeGroup } from "../../src/crypto/provider.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { flipped, setting } from "./edits.ts";
import { eventsOf, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  type ClientSetup,
  forgedServer,
  serverAccepts,
  serverRefuses,
  type ServerSetup,
} from "./pitfall13.ts";
import { illegal } from "./setups.ts";

/** A share that is forged out of a good one. */
export interface BadShare {
  readonly group: KeyExchangeGroup;
  readonly what: string;
  readonly says: string;
  readonly forge: (keyExchange: Uint8Array) => Uint8Array;
  /** Absent where it concerns both. */
  readonly engine?: "client" | "server";
}

const nistLengths = [
  { group: nobleGroups.find(({ name }) => name === "secp256r1"), length: 65 },
  { group: nobleGroups.find(({ name }) => name === "secp384r1"), length: 97 },
  { group: nobleGroups.find(({ name }) => name === "secp521r1"), length: 133 },
].flatMap(({ group, length }) => (group === undefined ? [] : [{ group, length }]));

/** Points of order 1, 2, 4 and 8 on Curve25519 and its twist, as RFC 7748 §7 has in mind: the secret would be zeros. */
const lowOrder = [
  new Uint8Array(32),
  Uint8Array.of(1, ...new Uint8Array(31)),
  Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f),
  Uint8Array.of(0xed, ...new Uint8Array(30).fill(0xff), 0x7f),
  Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f),
];

/** Shares that must be refused, and why. */
export const badShares: readonly BadShare[] = [
  ...nistLengths.flatMap(({ group, length }): readonly BadShare[] => [
    {
      group,
      what: "a byte too few",
      says: `key_exchange has ${length - 1} bytes, not ${length}`,
      forge: (point) => point.subarray(0, -1),
    },
    {
      group,
      what: "a byte too many",
      says: `key_exchange has ${length + 1} bytes, not ${length}`,
      forge: (point) => concatBytes(point, Uint8Array.of(0)),
    },
    {
      group,
      what: "a compressed point",
      says: `key_exchange has ${(length + 1) / 2} bytes, not ${length}`,
      forge: (point) =>
        concatBytes(Uint8Array.of(2 + ((point.at(-1) ?? 0) & 1)), point.subarray(1, (length + 1) / 2)),
    },
    {
      group,
      what: "a hybrid point",
      says: "key_exchange has point form 6, not 4",
      forge: (point) => concatBytes(Uint8Array.of(6), point.subarray(1)),
    },
    {
      group,
      what: "a point off the curve",
      says: "key_exchange is not a point on the curve",
      forge: (point) => flipped(point),
    },
    {
      group,
      what: "coordinates of zeros",
      says: "key_exchange is not a point on the curve",
      forge: () => concatBytes(Uint8Array.of(4), new Uint8Array(length - 1)),
    },
    {
      group,
      what: "coordinates above the prime",
      says: "key_exchange is not a point on the curve",
      forge: () => concatBytes(Uint8Array.of(4), new Uint8Array(length - 1).fill(0xff)),
    },
    {
      group,
      what: "the point at infinity",
      says: `key_exchange has 1 bytes, not ${length}`,
      forge: () => Uint8Array.of(0),
    },
  ]),
  { group: x25519, what: "31 bytes", says: "has 31 bytes, not 32", forge: (key) => key.subarray(1) },
  {
    group: x25519,
    what: "33 bytes",
    says: "has 33 bytes, not 32",
    forge: (key) => concatBytes(key, Uint8Array.of(0)),
  },
  ...lowOrder.map((point, index) => ({
    group: x25519,
    what: `point ${index} of low order`,
    says: "x25519 public key has a low order",
    forge: () => point,
  })),
  {
    group: X25519MLKEM768,
    engine: "server",
    what: "a byte too few",
    says: "key_exchange has 1215 bytes, not 1216",
    forge: (key) => key.subarray(1),
  },
  {
    group: X25519MLKEM768,
    engine: "client",
    what: "a byte too many",
    says: "key_exchange has 1121 bytes, not 1120",
    forge: (key) => concatBytes(key, Uint8Array.of(0)),
  },
  {
    group: X25519MLKEM768,
    what: "a point of low order at its end",
    says: "x25519 public key has a low order",
    forge: (key) => concatBytes(key.subarray(0, -32), new Uint8Array(32)),
  },
  {
    group: X25519MLKEM768,
    what: "the x25519 half alone",
    says: "key_exchange has 32 bytes, not",
    forge: (key) => key.subarray(-32),
  },
  {
    group: X25519MLKEM768,
    engine: "server",
    what: "a coefficient above 3328",
    says: "encapsulation key has a coefficient above 3328",
    forge: (key) => concatBytes(Uint8Array.of(0xff, 0xff, 0xff), key.subarray(3)),
  },
];

function clientWith(group: KeyExchangeGroup): ClientSetup {
  return { config: { groups: [group.name], keyShares: [group.name] }, forger: { group } };
}

function serverWith(group: KeyExchangeGroup): ServerSetup {
  return { config: { groups: [group.name] }, forger: { group } };
}

/** Changes the bytes of the one share in a ServerHello. */
function sharing(forge: BadShare["forge"]) {
  return (body: HandshakeBody<"server_hello">): HandshakeBody<"server_hello"> => {
    const { keyShare } = body.extensions;
    if (keyShare === undefined) return body;
    return setting<typeof body>({ keyShare: { ...keyShare, keyExchange: forge(keyShare.keyExchange) } })(
      body,
    );
  };
}

/** Changes the bytes of the shares in a ClientHello. */
function offering(forge: BadShare["forge"]) {
  return (hello: ClientHello): ClientHello => {
    const shares = hello.extensions.keyShare ?? [];
    const keyShare = shares.map((share) => ({ ...share, keyExchange: forge(share.keyExchange) }));
    return setting<ClientHello>({ keyShare })(hello);
  };
}

/** Row 33: what is no point, or one that gives the secret away. */
const points: readonly Pitfall[] = [
  ...badShares
    .filter(({ engine }) => engine !== "server")
    .map(({ group, what, says, forge }) =>
      clientRefuses(
        33,
        `a ${group.name} share with ${what}`,
        illegal(says),
        (server) => server.serverHello(sharing(forge)),
        clientWith(group),
      ),
    ),
  ...badShares
    .filter(({ engine }) => engine !== "client")
    .map(({ group, what, says, forge }) =>
      serverRefuses(
        33,
        `a ${group.name} share with ${what}`,
        illegal(says),
        (client) => client.clientHello(offering(forge)),
        serverWith(group),
      ),
    ),
  clientAccepts(33, "an x25519 share with its high bit set is taken", (server) =>
    server.serverHello(sharing((key) => flipped(key, -1, 0x80))),
  ),
  serverAccepts(33, "an x25519 share with its high bit set is taken", (client) =>
    client.clientHello(offering((key) => flipped(key, -1, 0x80))),
  ),
  ...nobleGroups.flatMap((group) => [
    clientAccepts(33, `a good ${group.name} share is taken`, () => undefined, clientWith(group)),
    serverAccepts(33, `a good ${group.name} share is taken`, () => undefined, serverWith(group)),
  ]),
  {
    row: 33,
    engine: "client",
    name: "a ML-KEM ciphertext for another key gives other keys, and then bad_record_mac",
    run() {
      const server = forgedServer(clientWith(X25519MLKEM768));
      server.serverHello(sharing((key) => flipped(key, 0)));
      // The alert is under keys that the forger does not have.
      expect(() => server.encryptedExtensions()).toThrow("record does not authenticate");
      expect(eventsOf(server, "closed").map(({ how }) => how)).toMatchObject([
        { kind: "error", alertSent: "bad_record_mac" },
      ]);
    },
  },
];

/** Row 34, as far as TLS 1.3 has it: the server's group must be one that it was sent a share for. */
const groupChoice: readonly Pitfall[] = [secp384r1.id, 0x001e, 0x0100, 0x0016, 0x7a7a].map((group) =>
  clientRefuses(
    34,
    `a ServerHello with group ${hex16(group)}, which was not offered,`,
    illegal(`server chose group ${hex16(group)}, for which it has no share`),
    (server) => server.serverHello(setting({ keyShare: { group, keyExchange: new Uint8Array(32) } })),
  ),
);

export const rows33To34: readonly Pitfall[] = [...points, ...groupChoice];
