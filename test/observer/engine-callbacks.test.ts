import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import {
  type ClientOptions,
  type ClientTrust,
  credential,
  HandshakeType,
  pinned,
  type ServerOptions,
  type ServerTrust,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { eventRow, type Side } from "../support/observer.ts";
import { byteByByte, whole } from "../support/pair.ts";
import { brief, type Course, rows, WatchedPeers } from "./watched-pair.ts";

interface Case extends Course {
  readonly name: string;
  readonly client?: Partial<ClientOptions>;
  readonly server?: Partial<ServerOptions>;
  readonly helloRetried?: true;
  /** The connection is the second one, and resumes the session of the first. */
  readonly resumed?: true;
  /** Descriptions of the alerts of both sides. */
  readonly alerts: Readonly<Record<Side, readonly number[]>>;
  /** How many events the callbacks of both sides report. */
  readonly events: number;
  /** A long certificate may take one more record, which each side reports as two events. */
  readonly mayHaveMore?: true;
}

const noAlerts = { client: [], server: [] };
const clientsOwn = await testCertificate({ commonName: "client", keyType: "ed25519" });
const clientCredential = credential({ certificateChain: clientsOwn.certificatePem, key: clientsOwn.keyPem });
const askClient = { trust: pinned([clientsOwn.spkiSha256]) };
const nobody: ServerTrust & ClientTrust = {
  verify: () => ({ trust: "rejected", reason: "nobody is trusted", alert: "unknown_ca" }),
};

const cases: readonly Case[] = [
  { name: "full handshake", alerts: noAlerts, events: 56 },
  {
    name: "full handshake without middlebox compatibility",
    client: { middleboxCompatibility: false, cipherSuites: ["TLS_AES_128_GCM_SHA256"] },
    alerts: noAlerts,
    events: 50,
  },
  {
    name: "data, and close_notify both ways",
    client: { cipherSuites: ["TLS_AES_256_GCM_SHA384"], keyShares: ["x25519"] },
    async afterwards(pair) {
      pair.client.engine.write(ascii("hello"));
      await pair.run();
      pair.server.engine.write(ascii("world"));
      await pair.run();
      pair.client.engine.closeWrite();
      await pair.run();
      pair.server.engine.closeWrite();
      await pair.run();
    },
    alerts: { client: [0], server: [0] },
    events: 76,
  },
  {
    name: "HelloRetryRequest for another group",
    client: { groups: ["x25519", "secp256r1"], keyShares: ["x25519"] },
    server: { groups: ["secp256r1"] },
    helloRetried: true,
    alerts: noAlerts,
    events: 64,
  },
  {
    name: "HelloRetryRequest with a cookie, without middlebox compatibility",
    client: { groups: ["x25519", "secp384r1"], keyShares: ["x25519"], middleboxCompatibility: false },
    server: { groups: ["secp384r1"], helloRetryCookie: true },
    helloRetried: true,
    alerts: noAlerts,
    events: 58,
  },
  {
    name: "client with a certificate",
    client: { clientCredential },
    server: { clientAuth: { mode: "require", ...askClient } },
    alerts: noAlerts,
    events: 74,
  },
  {
    name: "client that is asked and has no certificate",
    server: { clientAuth: { mode: "request", ...askClient } },
    alerts: noAlerts,
    events: 68,
  },
  {
    name: "messages over many records, and padding",
    client: { clientCredential, recordSizeLimit: 64 },
    server: { clientAuth: { mode: "require", ...askClient }, recordSizeLimit: 100, recordPadding: () => 7 },
    alerts: noAlerts,
    events: 150,
    mayHaveMore: true,
  },
  { name: "resumed handshake", resumed: true, alerts: noAlerts, events: 38 },
  {
    name: "resumed handshake of another suite, behind HelloRetryRequest, without middlebox compatibility",
    client: {
      cipherSuites: ["TLS_AES_256_GCM_SHA384"],
      groups: ["x25519", "secp256r1"],
      keyShares: ["x25519"],
      middleboxCompatibility: false,
    },
    server: { groups: ["secp256r1"], helloRetryCookie: true },
    helloRetried: true,
    resumed: true,
    alerts: noAlerts,
    events: 40,
  },
  {
    name: "resumed handshake of a client with a certificate",
    client: { clientCredential },
    server: { clientAuth: { mode: "require", ...askClient } },
    resumed: true,
    alerts: noAlerts,
    events: 38,
  },
  {
    name: "KeyUpdates of both sides, asked for and not",
    async afterwards(pair) {
      pair.client.engine.updateKeys(true);
      pair.client.engine.write(ascii("one"));
      await pair.run();
      pair.server.engine.write(ascii("two"));
      await pair.run();
      pair.server.engine.updateKeys(false);
      pair.server.engine.updateKeys(true);
      pair.server.engine.write(ascii("three"));
      await pair.run();
      pair.client.engine.write(ascii("four"));
      await pair.run();
    },
    alerts: noAlerts,
    events: 102,
  },
  {
    name: "client that refuses the server's certificate",
    client: { trust: nobody },
    refused: ["client", HandshakeType.certificate_verify],
    alerts: { client: [48], server: [] },
    events: 41,
  },
  {
    name: "server that requires a certificate and gets none",
    server: { clientAuth: { mode: "require", ...askClient } },
    refused: ["server", HandshakeType.certificate],
    alerts: { client: [], server: [116] },
    events: 59,
  },
  {
    name: "server that refuses the client's certificate",
    client: { clientCredential },
    server: { clientAuth: { mode: "require", trust: nobody } },
    refused: ["server", HandshakeType.certificate_verify],
    alerts: { client: [], server: [48] },
    events: 65,
  },
  {
    name: "server that does not know the client's SNI",
    server: { chooseSetup: () => ({ reject: "unrecognized_name" }) },
    refused: ["server", HandshakeType.client_hello],
    alerts: { client: [], server: [112] },
    events: 8,
  },
  {
    name: "client and server without a suite in common",
    client: { cipherSuites: ["TLS_AES_128_GCM_SHA256"] },
    server: { cipherSuites: ["TLS_AES_256_GCM_SHA384"] },
    refused: ["server", HandshakeType.client_hello],
    alerts: { client: [], server: [40] },
    events: 8,
  },
];

describe.each([
  ["whole flights", whole],
  ["single bytes", byteByByte],
] as const)("the message callback of an engine, over %s,", (_name, split) => {
  test.each(cases)("reports what an observer sees: $name", async (one) => {
    const peers = new WatchedPeers(one.client, one.server);
    if (one.resumed) await peers.connect(one, split);
    const { pair, observer, reported } = await peers.connect(one, split);
    expect(observer.pending).toBe(0);
    expect(observer.alerts.client.map(([, description]) => description)).toEqual(one.alerts.client);
    expect(observer.alerts.server.map(([, description]) => description)).toEqual(one.alerts.server);
    expect(Object.values(observer.finished)).not.toContain(false);
    if (one.refused === undefined) {
      expect(observer.finished).toEqual({ client: true, server: true });
      expect(pair.client.engine.info?.helloRetried).toBe(one.helloRetried ?? false);
      expect(pair.client.engine.info?.resumed).toBe(one.resumed ?? false);
    }
    const observed = (side: Side, direction?: string) =>
      observer.events
        .filter((event) => event.side === side && (direction ?? event.direction) === event.direction)
        .map(eventRow);
    for (const direction of ["read", "write"] as const) {
      const ofClient = reported.client.filter((message) => message.direction === direction);
      expect(rows("client", ofClient)).toEqual(observed("client", direction));
    }
    // A server answers what it has read whole, and so has one order; a client writes between two reads.
    expect(rows("server", reported.server)).toEqual(observed("server"));
    const events = reported.client.length + reported.server.length;
    if (one.mayHaveMore) expect(events).toBeGreaterThanOrEqual(one.events);
    else expect(events).toBe(one.events);
    expect(pair.client.engine.takeHookErrors()).toEqual([]);
    expect(pair.server.engine.takeHookErrors()).toEqual([]);
  });
});

const protectedMessage = (direction: "read" | "write", type: number): readonly string[] => [
  `${direction} 256/23`,
  `${direction} 257/22`,
  `${direction} 22/${type}`,
];

test("a client writes ChangeCipherSpec behind the ServerHello, where OpenSSL writes it before Finished; the rest has OpenSSL's order", async () => {
  const { reported } = await new WatchedPeers().connect();
  const serverFlight = [8, 11, 15, 20].flatMap((type) => protectedMessage("read", type));
  expect(reported.client.map(brief)).toEqual([
    "write 256/22",
    "write 22/1",
    "read 256/22",
    "read 22/2",
    "write 256/20",
    "write 20/257",
    "read 256/20",
    ...serverFlight,
    ...protectedMessage("write", 20),
    ...[4, 4].flatMap((type) => protectedMessage("read", type)),
  ]);
});
