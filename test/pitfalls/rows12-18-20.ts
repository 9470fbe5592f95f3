import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { NotTlsError } from "../../src/index.ts";
import { ContentType, HandshakeType } from "../../src/messages/codepoints.ts";
import { plainRecord, rawMessage } from "../support/forger.ts";
import type { Forger12 } from "../support/forger12.ts";
import { endsWith } from "./peer-alerts.ts";
import { eventsOf, expectInert, type Pitfall } from "./pitfall.ts";
import {
  bothAccept,
  bothRefuse,
  clientAccepts,
  clientRefuses,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { atTheStart12, badRecord, behindChange12 } from "./setups12.ts";

const noProtection = { alert: "unexpected_message", says: "application_data without protection" } as const;

/** Row 18: alerts around ChangeCipherSpec, and application data where there are no keys. */
const around: readonly Pitfall[] = [
  ...endsWith(
    18,
    "a protected alert right behind ChangeCipherSpec is understood",
    "record_overflow",
    behindChange12,
    (peer) => peer.sendAlert(2, "record_overflow"),
  ),
  clientRefuses(18, "an unprotected alert behind the server's ChangeCipherSpec", badRecord, (server) =>
    server.upTo("finished").sendAlert(2, "handshake_failure", { plaintext: true }),
  ),
  serverRefuses(18, "an unprotected alert behind the client's ChangeCipherSpec", badRecord, (client) =>
    client.upTo("finished").sendAlert(2, "handshake_failure", { plaintext: true }),
  ),
  ...bothRefuse(18, "an unprotected alert", badRecord, (peer) =>
    peer.sendAlert(2, "handshake_failure", { plaintext: true }),
  ),
  ...bothRefuse(
    18,
    "application data",
    noProtection,
    (peer) => peer.sendData(ascii("data")),
    "in the handshake",
  ),
  clientRefuses(18, "application data before ServerHello", noProtection, (server) =>
    server.sendData(ascii("data")),
  ),
  serverRefuses(18, "application data before ClientHello", noProtection, (client) =>
    client.sendData(ascii("data")),
  ),
  clientRefuses(18, "application data in front of the server's ChangeCipherSpec", noProtection, (server) =>
    server.upTo("changeCipherSpec").sendData(ascii("data")),
  ),
  serverRefuses(18, "application data in front of the client's ChangeCipherSpec", noProtection, (client) =>
    client.upTo("changeCipherSpec").sendData(ascii("data")),
  ),
];

const VERSIONS = [0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03ff];

const OTHER_MAJORS = [0x0003, 0x0200, 0x0403, 0x7f17, 0xfeff];

function hex(version: number): string {
  return `0x${version.toString(16).padStart(4, "0")}`;
}

/** Sends messages in records of a version, and leaves nothing to be sent. */
function inRecordsOf(peer: Forger12, version: number): Forger12["fragment"] {
  return (message) => {
    peer.deliver(plainRecord(ContentType.handshake, message, version));
    return [];
  };
}

/** Row 19: the version of a record means nothing but TLS or not; a protected record authenticates it. */
const recordVersions: readonly Pitfall[] = [
  ...VERSIONS.flatMap((version) => [
    clientAccepts(19, `a flight of a server in records of version ${hex(version)} is taken`, (server) => {
      server.fragment = inRecordsOf(server, version);
      server.upTo("changeCipherSpec").fragment = (message) => [message];
    }),
    serverAccepts(19, `a flight of a client in records of version ${hex(version)} is taken`, (client) => {
      client.fragment = inRecordsOf(client, version);
      client.upTo("changeCipherSpec").fragment = (message) => [message];
    }),
    ...bothAccept(19, `a protected record of version ${hex(version)} is taken`, (peer) =>
      peer.sendData(ascii("data"), { version }),
    ),
  ]),
  ...OTHER_MAJORS.flatMap((version) =>
    (["in the handshake", "after the handshake"] as const).flatMap((where) =>
      bothRefuse(
        19,
        `a record of version ${hex(version)}`,
        { alert: "protocol_version", says: `record of version ${hex(version)}` },
        (peer) => peer.sendHandshake(rawMessage(HandshakeType.hello_request), { version }),
        where,
      ),
    ),
  ),
];

/** Row 20: what is no TLS at all is an error of its own, and nothing is sent to whoever said it. */
const notTls: readonly Pitfall[] = [
  "GET / HTTP/1.1\r\n",
  "CONNECT server.example:443 HTTP/1.1\r\n",
  "220 ready\r\n",
  "\u0080\u002e\u0001\u0003\u0001",
].flatMap((text) =>
  (["client", "server"] as const).map((engine): Pitfall => ({
    row: 20,
    engine,
    name: `${JSON.stringify(text.slice(0, 8))} is no TLS, and gets no alert`,
    run() {
      const peer = atTheStart12[engine]();
      peer.deliver(Uint8Array.from(text, (character) => character.charCodeAt(0)));
      expect(eventsOf(peer, "closed").map(({ how }) => how)).toEqual([
        { kind: "error", error: expect.any(NotTlsError), alertSent: null },
      ]);
      expect(peer.alerts).toEqual([]);
      expectInert(peer);
    },
  })),
);

export const tls12Rows18To20: readonly Pitfall[] = [...around, ...recordVersions, ...notTls];
