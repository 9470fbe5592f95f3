import { describe, expect, test } from "vitest";

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
import { checkProof } from "./proofs.ts";
import { only12, rows, talkAndClose, type Course, WatchedPeers } from "./watched-pair.ts";

interface Case extends Course {
  readonly name: string;
  readonly client?: Partial<ClientOptions>;
  readonly server?: Partial<ServerOptions>;
  /** A connection before this one makes the session that it resumes. */
  readonly resumes?: true;
  /** Descriptions of the alerts of both sides. */
  readonly alerts?: Readonly<Record<Side, readonly number[]>>;
  /** How many events the callbacks of both sides report. */
  readonly events: number;
}

const noAlerts = { client: [], server: [] };
const rsaOwn = await testCertificate({ commonName: "server", keyType: "rsa-2048" });
/** Its certificate does not fit into a record. */
const longOwn = await testCertificate({
  names: ["localhost", ...Array.from({ length: 600 }, (_, i) => `${i}.with-a-long-name.example`)],
});
const clientsOwn = await testCertificate({ commonName: "client", keyType: "ed25519" });
const clientCredential = credential({ certificateChain: clientsOwn.certificatePem, key: clientsOwn.keyPem });
const askClient = { trust: pinned([clientsOwn.spkiSha256]) };
const nobody: ServerTrust & ClientTrust = {
  verify: () => ({ trust: "rejected", reason: "nobody is trusted", alert: "unknown_ca" }),
};

const rsaServer: Pick<Case, "client" | "server"> = {
  client: { trust: pinned([rsaOwn.spkiSha256]) },
  server: {
    ...only12,
    credentials: [credential({ certificateChain: rsaOwn.certificatePem, key: rsaOwn.keyPem })],
  },
};

const cases: readonly Case[] = [
  { name: "full handshake, of a client of both versions", server: only12, events: 42 },
  { name: "full handshake, of a server of both versions", client: only12, events: 42 },
  { name: "full handshake, of TLS 1.2 alone", client: only12, server: only12, events: 42 },
  {
    name: "full handshake with a session id",
    server: { ...only12, sessionTickets: false },
    events: 38,
  },
  {
    name: "full handshake without a session",
    client: { sessionStore: null },
    server: { ...only12, sessionStore: null, sessionTickets: false },
    events: 38,
  },
  {
    name: "full handshake with a stapled OCSP response",
    server: {
      ...only12,
      credentials: [
        credential({
          certificateChain: rsaOwn.certificatePem,
          key: rsaOwn.keyPem,
          ocspResponse: Uint8Array.of(0x30, 0),
        }),
      ],
    },
    client: { trust: pinned([rsaOwn.spkiSha256]) },
    events: 46,
  },
  ...[
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
  ].map((suite): Case => ({
    name: `data and close_notify under ${suite}`,
    client: { ...rsaServer.client, cipherSuites: [suite] },
    server: { ...rsaServer.server, cipherSuites: [suite] },
    afterwards: talkAndClose,
    alerts: { client: [0], server: [0] },
    events: 54,
  })),
  {
    name: "resumed by its ticket",
    server: only12,
    resumes: true,
    afterwards: talkAndClose,
    alerts: { client: [0], server: [0] },
    events: 34,
  },
  {
    name: "resumed by its session id",
    server: { ...only12, sessionTickets: false },
    resumes: true,
    events: 22,
  },
  {
    name: "client with a certificate",
    client: { clientCredential },
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
    events: 54,
  },
  {
    name: "client with a certificate, whose session is resumed",
    client: { clientCredential },
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
    resumes: true,
    events: 22,
  },
  {
    name: "client that is asked and has no certificate",
    server: { ...only12, clientAuth: { mode: "request", ...askClient } },
    events: 50,
  },
  {
    name: "Certificate over two records",
    client: { trust: pinned([longOwn.spkiSha256]) },
    server: {
      ...only12,
      credentials: [credential({ certificateChain: longOwn.certificatePem, key: longOwn.keyPem })],
    },
    events: 44,
  },
  {
    name: "data over many records",
    client: { recordSizeLimit: 64 },
    server: { ...only12, recordSizeLimit: 100 },
    async afterwards(pair) {
      pair.client.engine.write(new Uint8Array(300));
      await pair.run();
      pair.server.engine.write(new Uint8Array(300));
      await pair.run();
    },
    events: 58,
  },
  {
    name: "client that refuses the server's certificate",
    client: { trust: nobody },
    server: only12,
    refused: ["client", HandshakeType.server_hello_done],
    alerts: { client: [48], server: [] },
    events: 24,
  },
  {
    name: "server that requires a certificate and gets none",
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
    refused: ["server", HandshakeType.certificate],
    alerts: { client: [], server: [40] },
    events: 38,
  },
  {
    name: "server that refuses the client's certificate",
    client: { clientCredential },
    server: { ...only12, clientAuth: { mode: "require", trust: nobody } },
    refused: ["server", HandshakeType.certificate_verify],
    alerts: { client: [], server: [48] },
    events: 44,
  },
  {
    name: "server that does not know the client's SNI",
    server: { ...only12, chooseSetup: () => ({ reject: "unrecognized_name" }) },
    refused: ["server", HandshakeType.client_hello],
    alerts: { client: [], server: [112] },
    events: 8,
  },
  {
    name: "client and server without a suite in common",
    client: { ...only12, cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
    server: { cipherSuites: ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] },
    refused: ["server", HandshakeType.client_hello],
    alerts: { client: [], server: [40] },
    events: 8,
  },
  {
    name: "client and server without an ALPN protocol in common",
    client: { alpn: ["one"] },
    server: { ...only12, alpn: ["two"] },
    refused: ["server", HandshakeType.client_hello],
    alerts: { client: [], server: [120] },
    events: 8,
  },
];

describe.each([
  ["whole flights", whole],
  ["single bytes", byteByByte],
] as const)("the message callback of an engine in TLS 1.2, over %s,", (_name, split) => {
  test.each(cases)("reports what an observer sees: $name", async (one) => {
    const peers = new WatchedPeers(one.client, one.server);
    if (one.resumes === true) await peers.connect();
    const { pair, observer, reported } = await peers.connect(one, split);
    const { alerts = noAlerts } = one;
    expect(observer.pending).toBe(0);
    expect(observer.alerts.client.map(([, description]) => description)).toEqual(alerts.client);
    expect(observer.alerts.server.map(([, description]) => description)).toEqual(alerts.server);
    expect(Object.values(observer.finished)).not.toContain(false);
    const checked = await Promise.all(observer.proofs.map(checkProof));
    expect(checked.filter(({ by, isGenuine }) => by !== "tls-engine" || !isGenuine)).toEqual([]);
    if (one.refused === undefined) {
      expect(observer.finished).toEqual({ client: true, server: true });
      expect(observer.handshakes12.map(({ isResumed, isExtended }) => [isResumed, isExtended])).toEqual([
        [one.resumes ?? false, true],
      ]);
      expect(pair.client.engine.info).toMatchObject({ version: "TLSv1.2", resumed: one.resumes ?? false });
    }
    for (const { protections } of observer.handshakes12) {
      for (const { opened, resealed } of Object.values(protections)) expect(resealed).toBe(opened);
    }
    for (const side of ["client", "server"] as const) {
      const observed = observer.events.filter((event) => event.side === side);
      expect(rows(side, reported[side])).toEqual(observed.map(eventRow));
    }
    expect(reported.client.length + reported.server.length).toBe(one.events);
    expect(pair.client.engine.takeHookErrors()).toEqual([]);
    expect(pair.server.engine.takeHookErrors()).toEqual([]);
  });
});
