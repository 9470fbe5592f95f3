import { expect } from "vitest";

import { concatBytes, hex16 } from "../../src/bytes.ts";
import { secp256r1, secp384r1 } from "../../src/crypto/groups/nist.ts";
import { X25519MLKEM768 } from "../../src/crypto/groups/x25519mlkem768.ts";
import { nobleGroups } from "../../src/crypto/noble.ts";
import type { KeyExchangeGroup } from "../../src/crypto/provider.ts";
import { codepointName, ECCurveType, NamedGroup } from "../../src/messages/codepoints.ts";
import { ServerECDHParams } from "../../src/messages/handshake12.ts";
import { decode, encode } from "../../src/wire/codec.ts";
import { present } from "../support/forger.ts";
import { flipped, setting } from "./edits.ts";
import type { ForgedServer12, SignedParams } from "./forged-server12.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  type ClientSetup12,
  forgedClient12,
  forgedServer12,
  serverAccepts,
  serverRefuses,
  type ServerSetup12,
} from "./pitfall12.ts";
import { badShares } from "./rows-33-34.ts";
import { illegal } from "./setups.ts";
import { only12 } from "./setups12.ts";

const groups = nobleGroups.filter(({ inTls12 }) => inTls12);

/** The second group is for the certificate of the server. */
function namesWith(group: KeyExchangeGroup): readonly string[] {
  return group === secp256r1 ? [group.name] : [group.name, "secp256r1"];
}

function clientWith(group: KeyExchangeGroup): ClientSetup12 {
  return { config: { groups: namesWith(group), keyShares: [group.name] }, forger: { group } };
}

function serverWith(group: KeyExchangeGroup): ServerSetup12 {
  return { config: { groups: [group.name] }, forger: { group } };
}

/** Changes the point in signed parameters. */
function sharing(forge: (publicKey: Uint8Array) => Uint8Array): SignedParams {
  return {
    params(own) {
      const params = decode(ServerECDHParams, own, "params");
      return encode(ServerECDHParams, { ...params, publicKey: forge(params.publicKey) });
    },
  };
}

/** A whole first flight with other parameters, which are signed. */
function signing(server: ForgedServer12, signed: SignedParams): void {
  server.upTo("serverKeyExchange").serverKeyExchange({}, signed);
  server.serverHelloDone();
}

/** Row 33: what is no point, or one that gives the secret away. */
const points: readonly Pitfall[] = [
  ...badShares
    .filter(({ group }) => group.inTls12)
    .flatMap(({ group, what, says, forge }) => [
      clientRefuses(
        33,
        `a ServerKeyExchange for ${group.name} with ${what}`,
        illegal(says),
        (server) => signing(server, sharing(forge)),
        clientWith(group),
      ),
      serverRefuses(
        33,
        `a ClientKeyExchange for ${group.name} with ${what}`,
        illegal(says),
        (client) =>
          client
            .upTo("clientKeyExchange")
            .clientKeyExchange(({ publicKey }) => ({ publicKey: forge(publicKey) })),
        serverWith(group),
      ),
    ]),
  clientRefuses(
    33,
    "a ServerKeyExchange without a point",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..255" },
    (server) => signing(server, { params: (own) => concatBytes(own.subarray(0, 3), Uint8Array.of(0)) }),
  ),
  serverRefuses(
    33,
    "a ClientKeyExchange without a point",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..255" },
    (client) =>
      client.upTo("clientKeyExchange").clientKeyExchange({ raw: () => Uint8Array.of(16, 0, 0, 1, 0) }),
  ),
  serverRefuses(
    33,
    "a ClientKeyExchange that is empty, as of a static key in the certificate,",
    { alert: "decode_error", says: "1 bytes are declared where 0 are left" },
    (client) => client.upTo("clientKeyExchange").clientKeyExchange({ raw: () => Uint8Array.of(16, 0, 0, 0) }),
  ),
  clientAccepts(33, "an x25519 point with its high bit set is taken from a server", (server) =>
    signing(
      server,
      sharing((key) => flipped(key, -1, 0x80)),
    ),
  ),
  serverAccepts(33, "an x25519 point with its high bit set is taken from a client", (client) =>
    client
      .upTo("clientKeyExchange")
      .clientKeyExchange(({ publicKey }) => ({ publicKey: flipped(publicKey, -1, 0x80) })),
  ),
  ...groups.flatMap((group) => [
    clientAccepts(33, `a good ${group.name} point is taken`, () => undefined, clientWith(group)),
    serverAccepts(33, `a good ${group.name} point is taken`, () => undefined, serverWith(group)),
  ]),
];

function notOffered(id: number) {
  return illegal(`server chose group ${codepointName(NamedGroup, id)}, which was not offered for TLS 1.2`);
}

function inGroup(namedCurve: number, length = 32): SignedParams {
  const publicKey = new Uint8Array(length).fill(7);
  return {
    params: () => encode(ServerECDHParams, { curveType: ECCurveType.named_curve, namedCurve, publicKey }),
  };
}

/** Explicit curves as RFC 4492 §5.4 had them: a prime field, and a binary one with a trinomial basis. */
const explicitCurves = [
  { what: "an explicit prime curve", curveType: 1 },
  { what: "an explicit curve of characteristic 2", curveType: 2 },
  { what: "curve type 0", curveType: 0 },
  { what: "curve type 4", curveType: 4 },
  { what: "curve type 255", curveType: 255 },
] as const;

function noGroup(supported: string) {
  return {
    alert: "handshake_failure",
    says: `no group in common: the client supports ${supported}`,
  } as const;
}

/** A server's choice among the groups of the client. */
function serverChooses(
  name: string,
  supportedGroups: readonly number[],
  setup: ServerSetup12,
  group: string,
): Pitfall {
  return {
    row: 34,
    engine: "server",
    name,
    run() {
      const client = forgedClient12(setup);
      client.clientHello(setting({ supportedGroups }));
      expect(expectOpen(client.complete()).group).toBe(group);
    },
  };
}

const P256 = secp256r1.id;

/** Row 34: the group in ServerKeyExchange. */
const groupChoice: readonly Pitfall[] = [
  ...[secp384r1.id, 0x001e, 0x0100, 0x0016, 0x7a7a].map((id) =>
    clientRefuses(
      34,
      `a ServerKeyExchange with group ${hex16(id)}, which was not offered,`,
      notOffered(id),
      (server) => signing(server, inGroup(id)),
    ),
  ),
  clientRefuses(
    34,
    "a ServerKeyExchange with X25519MLKEM768, which was offered for TLS 1.3,",
    notOffered(X25519MLKEM768.id),
    (server) => signing(server, inGroup(X25519MLKEM768.id, 255)),
    { config: { groups: ["X25519MLKEM768", "x25519", "secp256r1"] } },
  ),
  clientRefuses(
    34,
    "a ServerKeyExchange with a group that was taken out of the ClientHello",
    notOffered(29),
    (server) => signing(server, {}),
    {
      config: {
        ...only12.config,
        shapeClientHello: (hello) => setting<typeof hello>({ supportedGroups: [P256] })(hello),
      },
    },
  ),
  ...explicitCurves.map(({ what, curveType }) =>
    clientRefuses(
      34,
      `a ServerKeyExchange with ${what}`,
      illegal(`curve_type is ${curveType}, allowed 3`),
      (server) =>
        signing(server, { params: (own) => concatBytes(Uint8Array.of(curveType), own.subarray(1)) }),
    ),
  ),
  ...[
    { supportedGroups: [0x001e, 0x0100], shown: "x448, ffdhe2048" },
    { supportedGroups: [secp384r1.id], shown: "secp384r1" },
    { supportedGroups: [X25519MLKEM768.id], shown: "X25519MLKEM768" },
    { supportedGroups: [0x7a7a], shown: "0x7a7a" },
  ].map(({ supportedGroups, shown }) =>
    serverRefuses(34, `a ClientHello with the groups ${shown}`, noGroup(shown), (client) =>
      client.clientHello(setting({ supportedGroups })),
    ),
  ),
  serverRefuses(
    34,
    "a ClientHello with a hybrid group that both sides have, and no other,",
    noGroup("X25519MLKEM768"),
    (client) => client.clientHello(setting({ supportedGroups: [X25519MLKEM768.id] })),
    { config: { groups: ["X25519MLKEM768", "x25519", "secp256r1"] } },
  ),
  serverChooses(
    "a hybrid group is passed over",
    [X25519MLKEM768.id, 29, P256],
    { config: { groups: ["X25519MLKEM768", "x25519", "secp256r1"] } },
    "x25519",
  ),
  serverChooses("the server's first group that the client has is taken", [P256, 29], {}, "x25519"),
  serverChooses(
    "unknown groups are passed over",
    [0x7a7a, 0x001e, P256],
    { forger: { group: secp256r1 } },
    "secp256r1",
  ),
  {
    row: 34,
    engine: "client",
    name: "a client offers for TLS 1.2 alone no group that TLS 1.2 does not have",
    run() {
      const { clientHello } = forgedServer12({
        config: { versions: ["TLSv1.2"], groups: nobleGroups.map(({ name }) => name) },
      });
      expect(present(clientHello.extensions.supportedGroups)).toEqual(groups.map(({ id }) => id));
    },
  },
];

export const tls12Rows33To34: readonly Pitfall[] = [...points, ...groupChoice];
