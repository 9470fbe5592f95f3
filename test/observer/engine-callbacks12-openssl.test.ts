import { describe, expect, test } from "vitest";

import {
  ClientConfig,
  type ClientOptions,
  credential,
  HandshakeType,
  MessageContentType,
  pinned,
  ServerConfig,
  type ServerOptions,
  type TlsMessage,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import type { Side } from "../support/observer.ts";
import { Scene } from "../support/scripted-peer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { only12, talkAndClose, type Course, WatchedPeers } from "./watched-pair.ts";

/** Two sides, and whether they resume the session of a connection before. */
interface Peers {
  readonly client?: Partial<ClientOptions>;
  readonly server?: Partial<ServerOptions>;
  readonly resumes?: true;
}

const clientsOwn = await testCertificate({ commonName: "client", keyType: "ed25519" });
const clientCredential = credential({ certificateChain: clientsOwn.certificatePem, key: clientsOwn.keyPem });
const askClient = { trust: pinned([clientsOwn.spkiSha256]) };

const HEADER = MessageContentType.HEADER;
const HELLO = { CH: HandshakeType.client_hello, SH: HandshakeType.server_hello } as const;

/** Direction, version, content type and message type. */
const outline = ({ direction, version, contentType, messageType }: TlsMessage) =>
  [direction, version, contentType, messageType] as const;

const names: Readonly<Record<string, string>> = {
  "22/1": "CH",
  "22/2": "SH",
  "22/4": "NST",
  "22/11": "CERT",
  "22/12": "SKE",
  "22/13": "CERT_REQUEST",
  "22/14": "SERVER_DONE",
  "22/15": "CV",
  "22/16": "CKE",
  "22/20": "FIN",
  "20/257": "CCS",
};

/** What is written, by the names above; a record of its own starts with H. */
const written = (messages: readonly TlsMessage[]): string =>
  messages
    .filter(({ direction }) => direction === "write")
    .map(({ contentType, messageType }) =>
      contentType === MessageContentType.HEADER ? "| H" : names[`${contentType}/${messageType}`],
    )
    .join(" ");

/** The sequences of OpenSSL, which writes one message per record. */
const sequences: readonly (Peers & Readonly<Record<"name" | "clientWrites" | "serverWrites", string>>)[] = [
  {
    name: "full handshake with a ticket",
    server: only12,
    clientWrites: "| H CH | H CKE | H CCS | H FIN",
    serverWrites: "| H SH | H CERT | H SKE | H SERVER_DONE | H NST | H CCS | H FIN",
  },
  {
    name: "client with a certificate",
    client: { clientCredential },
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
    clientWrites: "| H CH | H CERT | H CKE | H CV | H CCS | H FIN",
    serverWrites: "| H SH | H CERT | H SKE | H CERT_REQUEST | H SERVER_DONE | H NST | H CCS | H FIN",
  },
  {
    name: "resumed session",
    server: only12,
    resumes: true,
    clientWrites: "| H CH | H CCS | H FIN",
    serverWrites: "| H SH | H CCS | H FIN",
  },
];

test.each(sequences)(
  "both sides write in the order of OpenSSL: $name",
  async ({ client, server, resumes, clientWrites, serverWrites }) => {
    const peers = new WatchedPeers(client, server);
    if (resumes === true) await peers.connect();
    const { reported } = await peers.connect();
    expect(written(reported.client)).toBe(clientWrites);
    expect(written(reported.server)).toBe(serverWrites);
    const readCcs = (messages: readonly TlsMessage[]): readonly number[] =>
      messages
        .filter(({ direction, messageType }) => direction === "read" && [20, 257].includes(messageType))
        .filter(({ contentType }) => contentType !== 22)
        .map(({ contentType }) => contentType);
    expect(readCcs(reported.client)).toEqual([MessageContentType.HEADER]);
    expect(readCcs(reported.server)).toEqual([MessageContentType.HEADER]);
  },
);

test.each([
  {
    client: ["TLSv1.3", "TLSv1.2"],
    server: ["TLSv1.2"],
    clientHello: [0x0304, 0x0304],
    serverHello: [0x0303, 0x0304],
  },
  {
    client: ["TLSv1.2"],
    server: ["TLSv1.3", "TLSv1.2"],
    clientHello: [0x0303, 0x0304],
    serverHello: [0x0303, 0x0303],
  },
  { client: ["TLSv1.2"], server: ["TLSv1.2"], clientHello: [0x0303, 0x0304], serverHello: [0x0303, 0x0303] },
] as const)(
  "a client of $client reports hellos under its highest version, and a server of $server reads a ClientHello as one of TLS 1.3",
  async ({ client, server, clientHello, serverHello }) => {
    const { reported } = await new WatchedPeers({ versions: client }, { versions: server }).connect();
    const versionsOf = (side: Side, type: number): readonly number[] =>
      reported[side]
        .filter(({ contentType, messageType }) => contentType === 22 && messageType === type)
        .map(({ version }) => version);
    expect([...versionsOf("client", HELLO.CH), ...versionsOf("server", HELLO.CH)]).toEqual(clientHello);
    expect([...versionsOf("server", HELLO.SH), ...versionsOf("client", HELLO.SH)]).toEqual(serverHello);
    const others = [...reported.client, ...reported.server]
      .filter(({ contentType }) => contentType < MessageContentType.HEADER)
      .filter(({ contentType, messageType }) => contentType !== 22 || messageType > HELLO.SH);
    expect(new Set(others.map(({ version }) => version))).toEqual(new Set([0x0303]));
  },
);

const golden = sharedVectors("cpython-golden");

/** What the two of a recording were: by whom, and what they did after the handshake. */
const recorded: Readonly<Record<string, Peers & Course>> = {
  tls12_full: { server: only12, afterwards: talkAndClose },
  "tls12_ecdhe-rsa-aes128-gcm-sha256": { client: only12, afterwards: talkAndClose },
  "tls12_ecdhe-rsa-chacha20-poly1305": { client: only12, afterwards: talkAndClose },
  "tls12_aes128-gcm-sha256": {
    client: { ...only12, cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
    server: { cipherSuites: ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"] },
  },
  tls12_for_resume: { server: only12 },
  tls12_ticket_resume: { server: only12, resumes: true, afterwards: talkAndClose },
  tls12_mtls_ok: {
    client: { clientCredential },
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
    afterwards: talkAndClose,
  },
  tls12_mtls_required_nocert: {
    server: { ...only12, clientAuth: { mode: "require", ...askClient } },
  },
};

describe.skipIf(golden.missing)(`the message callbacks of CPython ${golden.missing ?? ""}`, () => {
  test.each(Object.entries(recorded))(
    "%s: our two sides are told the same directions, versions, content types and message types, in the same order",
    async (name, one) => {
      const { events } = golden.json<{ readonly events: readonly (readonly unknown[])[] }>(`${name}.json`);
      const peers = new WatchedPeers(one.client, one.server);
      if (one.resumes === true) await peers.connect();
      const { reported } = await peers.connect(one);
      for (const side of ["client", "server"] as const) {
        const ofCpython = events.filter(([first]) => first === side).map((event) => event.slice(1, 5));
        expect(ofCpython.length).toBeGreaterThan(0);
        expect(reported[side].map(outline)).toEqual(ofCpython);
      }
    },
  );

  test("all recordings of TLS 1.2 are compared", () => {
    const names = golden.names().filter((name) => name.startsWith("tls12_"));
    expect(
      Object.keys(recorded)
        .map((name) => `${name}.json`)
        .toSorted(),
    ).toEqual(names);
  });
});

describe("an attempt to renegotiate", () => {
  const { certificatePem, keyPem, spkiSha256 } = clientsOwn;
  const server = (options: Partial<ServerOptions> = {}): ServerConfig =>
    new ServerConfig({
      ...only12,
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
      ...options,
    });
  const client = (options: Partial<ClientOptions> = {}): ClientConfig =>
    new ClientConfig({
      ...only12,
      serverName: "localhost",
      trust: pinned([spkiSha256]),
      ...options,
    } as ClientOptions); // Half of a union is a partial of none of its members.

  /** What the second and the third message of the peer make an engine report behind its handshake, which must be over. */
  function attempt(scene: Scene, told: readonly TlsMessage[], raw: () => Uint8Array) {
    scene.playAll();
    expect(scene.engine.state).toBe("open");
    const before = told.length;
    scene.inject(raw());
    const afterOne = told
      .slice(before)
      .map((message) => [...outline(message), [...message.data].slice(0, 2)]);
    scene.inject(raw());
    const afterTwo = told
      .slice(before + afterOne.length)
      .map((message) => [...outline(message), [...message.data].slice(0, 2)]);
    return { afterOne, afterTwo };
  }

  test("is read by a server as a ClientHello of TLS 1.2, and answered with a warning, and the second one with the end", () => {
    const told: TlsMessage[] = [];
    const scene = new Scene(server({ onMessage: (message) => told.push(message) }), client());
    const { afterOne, afterTwo } = attempt(scene, told, () => {
      const hello = told.find(({ contentType }) => contentType === 22);
      return hello?.data ?? new Uint8Array();
    });
    expect(afterOne).toEqual([
      ["read", 0x0303, HEADER, 22, [22, 3]],
      ["read", 0x0303, 22, HELLO.CH, [1, 0]],
      ["write", 0x0303, HEADER, 21, [21, 3]],
      ["write", 0x0303, 21, 100, [1, 100]],
    ]);
    expect(afterTwo).toEqual([...afterOne.slice(0, 3), ["write", 0x0303, 21, 100, [2, 100]]]);
    expect(scene.peer.alerts).toEqual(["no_renegotiation", "no_renegotiation"]);
  });

  test("is read by a client as a HelloRequest of TLS 1.2, and answered with a warning, and the second one with the end", () => {
    const told: TlsMessage[] = [];
    const scene = new Scene(client({ onMessage: (message) => told.push(message) }), server());
    const { afterOne, afterTwo } = attempt(scene, told, () => Uint8Array.of(0, 0, 0, 0));
    expect(afterOne).toEqual([
      ["read", 0x0303, HEADER, 22, [22, 3]],
      ["read", 0x0303, 22, 0, [0, 0]],
      ["write", 0x0303, HEADER, 21, [21, 3]],
      ["write", 0x0303, 21, 100, [1, 100]],
    ]);
    expect(afterTwo).toEqual([...afterOne.slice(0, 3), ["write", 0x0303, 21, 100, [2, 100]]]);
    expect(scene.peer.alerts).toEqual(["no_renegotiation", "no_renegotiation"]);
  });
});
