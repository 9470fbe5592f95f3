import { expect } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { NotTlsError } from "../../src/index.ts";
import { ContentType, HandshakeType } from "../../src/messages/codepoints.ts";
import { type Forger, plainRecord, rawMessage, type RecordShape } from "../support/forger.ts";
import { flipped, recordHeader, setting } from "./edits.ts";
import { atTheStart, endsWith, withKeysAlone } from "./peer-alerts.ts";
import { eventsOf, expectInert, type Pitfall } from "./pitfall.ts";
import {
  bothAccept,
  bothRefuse,
  clientAccepts,
  clientRefuses,
  forgedClient,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";

const noType = { alert: "unexpected_message", says: "inner plaintext without a content type" } as const;

/** Row 16: what may be inside of a protected record, and what is said about it outside. */
const insides: readonly Pitfall[] = (["in the handshake", "after the handshake"] as const).flatMap(
  (where) => [
    ...bothRefuse(16, "a plaintext of zeros", noType, (peer) => peer.sendInner(new Uint8Array(40)), where),
    ...bothRefuse(16, "a plaintext of one zero", noType, (peer) => peer.sendInner(new Uint8Array(1)), where),
    ...bothRefuse(16, "an empty plaintext", noType, (peer) => peer.sendInner(new Uint8Array()), where),
    ...[ContentType.alert, ContentType.handshake].flatMap((outerType) =>
      bothRefuse(
        16,
        `a protected record of outer type ${outerType}`,
        { alert: "unexpected_message", says: `protected record of outer content type ${outerType}` },
        (peer) =>
          peer.sendRecord(outerType, rawMessage(HandshakeType.key_update, Uint8Array.of(0)), { outerType }),
        where,
      ),
    ),
    ...[1, 19, 24, 255].flatMap((type) =>
      bothRefuse(
        16,
        `a protected record of inner type ${type}`,
        { alert: "unexpected_message", says: `protected record of content type ${type}` },
        (peer) => peer.sendRecord(type, ascii("what is it")),
        where,
      ),
    ),
    ...[0, 19, 24, 255].flatMap((outerType) =>
      bothRefuse(
        16,
        `a record of type ${outerType}`,
        { alert: "unexpected_message", says: `record of content type ${outerType}` },
        (peer) => peer.sendRecord(outerType, ascii("what is it"), { outerType }),
        where,
      ),
    ),
  ],
);

const badRecord = { alert: "bad_record_mac", says: "record does not authenticate" } as const;

const inner = concatBytes(ascii("data"), Uint8Array.of(ContentType.application_data));

/** Row 17: what does not authenticate, and what does not even try to. */
const authentication: readonly Pitfall[] = [
  ...[
    { what: "its first byte", at: 5 },
    { what: "its last byte", at: -1 },
    { what: "the first byte of its tag", at: -16 },
    { what: "the minor version in its header", at: 2 },
  ].flatMap(({ what, at }) =>
    bothRefuse(17, `a record with one bit changed in ${what}`, badRecord, (peer) =>
      peer.sendInner(inner, { mangle: (record) => flipped(record, at) }),
    ),
  ),
  ...bothRefuse(17, "a record that comes twice", badRecord, (peer) => {
    let twice = new Uint8Array();
    peer.sendInner(inner, { mangle: (record) => (twice = record.slice()) });
    peer.deliver(twice);
  }),
  ...bothRefuse(17, "a record of which one before it is missing", badRecord, (peer) => {
    peer.sendInner(inner, { mangle: () => new Uint8Array() });
    peer.sendData(ascii("data"));
  }),
  ...bothRefuse(17, "a record that is cut to 15 bytes", badRecord, (peer) =>
    peer.sendInner(inner, { mangle: (record) => plainRecord(23, record.subarray(5, 20)) }),
  ),
  ...bothRefuse(17, "a record without content", badRecord, (peer) => peer.deliver(recordHeader(23, 0))),
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) => [
    ...bothRefuse(
      17,
      "unprotected application data",
      badRecord,
      (peer) => peer.sendData(ascii("not protected at all"), { plaintext: true }),
      where,
    ),
    ...bothRefuse(
      17,
      "an unprotected KeyUpdate",
      badRecord,
      (peer) =>
        peer.sendHandshake(rawMessage(HandshakeType.key_update, Uint8Array.of(0)), { plaintext: true }),
      where,
    ),
  ]),
  clientRefuses(17, "an unprotected EncryptedExtensions", badRecord, (server) => {
    server.upTo("encryptedExtensions");
    server.sendHandshake(rawMessage(HandshakeType.encrypted_extensions, Uint8Array.of(0, 0)), {
      plaintext: true,
    });
  }),
  serverRefuses(17, "an unprotected Finished", badRecord, (client) => {
    client.upTo("finished");
    client.sendHandshake(rawMessage(HandshakeType.finished, new Uint8Array(32)), { plaintext: true });
  }),
  clientRefuses(17, "unprotected application data right behind ServerHello", badRecord, (server) => {
    server.upTo("encryptedExtensions");
    server.sendData(ascii("not protected at all"), { plaintext: true });
  }),
  serverRefuses(
    17,
    "protected application data before the client's Finished",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (client) => {
      client.upTo("finished");
      client.sendData(ascii("early"));
    },
  ),
];

/** Row 18: an unprotected alert is understood from a peer that may have no keys yet, and from no other. */
const plaintextAlerts: readonly Pitfall[] = [
  {
    row: 18,
    engine: "server",
    name: "an unprotected alert between early data and the second ClientHello is understood",
    run() {
      const client = forgedClient();
      client.clientHello(setting({ keyShare: [], earlyData: true }));
      client.deliver(plainRecord(ContentType.application_data, client.random(100)));
      client.sendAlert(2, "handshake_failure");
      expect(eventsOf(client, "closed").map(({ how }) => how)).toMatchObject([
        { kind: "alert", alert: "handshake_failure" },
      ]);
      expectInert(client);
    },
  },
  ...endsWith(
    18,
    "an unprotected alert behind the hellos is understood",
    "handshake_failure",
    withKeysAlone,
    (peer) => peer.sendAlert(2, "handshake_failure", { plaintext: true }),
  ),
  ...endsWith(
    18,
    "an unprotected alert behind the hellos and a ChangeCipherSpec is understood",
    "illegal_parameter",
    withKeysAlone,
    (peer) => {
      peer.sendChangeCipherSpec();
      peer.sendAlert(2, "illegal_parameter", { plaintext: true });
    },
  ),
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) =>
    bothRefuse(
      18,
      "an unprotected alert behind protected records",
      badRecord,
      (peer) => {
        // One message that is protected, so that the peer has shown its keys.
        if (where === "in the handshake") peer.sendHandshake(Uint8Array.of(HandshakeType.certificate));
        peer.sendAlert(2, "handshake_failure", { plaintext: true });
      },
      where,
    ),
  ),
  clientRefuses(18, "an unprotected alert of three bytes behind the hellos", badRecord, (server) => {
    server.upTo("encryptedExtensions");
    server.sendRecord(ContentType.alert, Uint8Array.of(2, 40, 0), { plaintext: true });
  }),
  clientRefuses(
    18,
    "application data before ServerHello",
    { alert: "unexpected_message", says: "application_data without protection" },
    (server) => server.sendData(ascii("data")),
  ),
  serverRefuses(
    18,
    "application data before ClientHello",
    { alert: "unexpected_message", says: "application_data without protection" },
    (client) => client.sendData(ascii("data")),
  ),
  serverRefuses(
    18,
    "application data before the second ClientHello",
    { alert: "unexpected_message", says: "application_data without protection" },
    (client) => {
      client.clientHelloWithoutShare();
      client.sendData(ascii("data"));
    },
  ),
];

function otherMajor(version: number) {
  const shown = `0x${version.toString(16).padStart(4, "0")}`;
  return { alert: "protocol_version", says: `record of version ${shown}` } as const;
}

/** Sends a hello in a record of another version. */
function hello(peer: Forger, send: () => void, shape: RecordShape): void {
  const kept: Uint8Array[] = [];
  const usual = peer.fragment;
  peer.fragment = (message) => {
    kept.push(message);
    return [];
  };
  send();
  peer.fragment = usual;
  peer.sendHandshake(concatBytes(...kept), { plaintext: true, ...shape });
}

/** Row 19: `legacy_record_version` means nothing but TLS or not. */
const recordVersions: readonly Pitfall[] = [
  ...[0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x03ff].flatMap((version) => [
    serverAccepts(19, `a ClientHello in a record of version 0x${version.toString(16)} is taken`, (client) =>
      hello(client, () => client.clientHello(), { version }),
    ),
    clientAccepts(19, `a ServerHello in a record of version 0x${version.toString(16)} is taken`, (server) =>
      hello(server, () => server.serverHello(), { version }),
    ),
    ...bothAccept(19, `a protected record of version 0x${version.toString(16)} is taken`, (peer) =>
      peer.sendData(ascii("data"), { version }),
    ),
  ]),
  ...[0x0003, 0x0200, 0x0403, 0x7f17, 0xfeff].flatMap((version) => [
    serverRefuses(
      19,
      `a ClientHello in a record of version 0x${version.toString(16)}`,
      otherMajor(version),
      (client) => hello(client, () => client.clientHello(), { version }),
    ),
    clientRefuses(
      19,
      `a ServerHello in a record of version 0x${version.toString(16)}`,
      otherMajor(version),
      (server) => {
        server.sendHandshake(rawMessage(HandshakeType.server_hello), { version });
      },
    ),
    ...bothRefuse(
      19,
      `a protected record of version 0x${version.toString(16)}`,
      otherMajor(version),
      (peer) => peer.sendData(ascii("data"), { version }),
    ),
  ]),
];

/** Row 20: what is no TLS at all is an error of its own, and nothing is sent to whoever said it. */
const notTls: readonly Pitfall[] = [
  "GET / HTTP/1.1\r\n",
  "CONNECT server.example:443 HTTP/1.1\r\n",
  "EHLO client.example\r\n",
  "220 ready\r\n",
  "\u0080\u002e\u0001\u0003\u0001",
  "\u0000",
  "\u00ff",
].flatMap((text) =>
  (["client", "server"] as const).map((engine) => ({
    row: 20,
    engine,
    name: `${JSON.stringify(text.slice(0, 8))} is no TLS, and gets no alert`,
    run() {
      const peer = atTheStart[engine]();
      peer.deliver(Uint8Array.from(text, (character) => character.charCodeAt(0)));
      const [how, ...others] = eventsOf(peer, "closed").map((event) => event.how);
      expect(others).toEqual([]);
      expect(how).toEqual({ kind: "error", error: expect.any(NotTlsError), alertSent: null });
      expect(how).toMatchObject({ error: { kind: "not-tls" } });
      expect(peer.alerts).toEqual([]);
      expectInert(peer);
    },
  })),
);

export const rows16To20: readonly Pitfall[] = [
  ...insides,
  ...authentication,
  ...plaintextAlerts,
  ...recordVersions,
  ...notTls,
];
