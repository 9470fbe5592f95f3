import { expect } from "vitest";

import {
  codepointName,
  ContentType,
  ExtensionType,
  HandshakeType,
  type TlsMessage,
} from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import { givesTickets, longestContent } from "./configs12.ts";
import type { Connection12 } from "./conversation12.ts";
import type { Row12 } from "./matrix12.ts";
import type { Side12 } from "./watched12.ts";

type Role = "client" | "server";
/** Who sends a message, and its name. */
type Sent = readonly [Role, keyof typeof HandshakeType];

/** Whether both sides have seen the messages that `row` makes necessary, and nothing else. */
export function expectMessages(row: Row12, { client, server }: Connection12, resumed: boolean): void {
  const flights = resumed ? abbreviatedFlights : fullFlights(row);
  expect(handshakeOf("client", client)).toEqual(flights);
  expect(handshakeOf("server", server)).toEqual(flights);
  for (const { messages } of [client, server]) {
    // Only those that are written are reported.
    expect(messages.filter(({ contentType }) => contentType === ContentType.change_cipher_spec)).toHaveLength(
      1,
    );
    const alerts = messages.filter(({ contentType }) => contentType === ContentType.alert);
    expect(alerts.map(({ direction }) => direction).toSorted()).toEqual(["read", "write"]);
    for (const { data } of alerts) expect([...data]).toEqual([1, 0]);
  }
  expectHellos(row, client, resumed);
}

/** RFC 5246 §7.3, figure 1, with RFC 5077 §3.1 and RFC 6066 §8. */
function fullFlights(row: Row12): readonly Sent[] {
  const asks = row.clientAuth !== "none";
  const answers = row.clientCertificate !== null;
  const flights: readonly (Sent | false)[] = [
    ["client", "client_hello"],
    ["server", "server_hello"],
    ["server", "certificate"],
    row.staples.startsWith("OCSP") && ["server", "certificate_status"],
    ["server", "server_key_exchange"],
    asks && ["server", "certificate_request"],
    ["server", "server_hello_done"],
    asks && ["client", "certificate"],
    ["client", "client_key_exchange"],
    answers && ["client", "certificate_verify"],
    ["client", "finished"],
    getsTicket(row) && ["server", "new_session_ticket"],
    ["server", "finished"],
  ];
  return flights.filter((sent) => sent !== false);
}

/** RFC 5246 §7.3, figure 2. */
const abbreviatedFlights: readonly Sent[] = [
  ["client", "client_hello"],
  ["server", "server_hello"],
  ["server", "finished"],
  ["client", "finished"],
];

/** A client without a store asks for no ticket. */
function getsTicket(row: Row12): boolean {
  return givesTickets(row) && row.store !== "none" && row.resumption !== "by id, as the client takes none";
}

function handshakeOf(role: Role, { messages }: Side12): readonly (readonly [Role, string])[] {
  const peer = role === "client" ? "server" : "client";
  return messages
    .filter(({ contentType }) => contentType === ContentType.handshake)
    .map(({ direction, messageType }) => [
      direction === "write" ? role : peer,
      codepointName(HandshakeType, messageType),
    ]);
}

/** What the hellos have beside the choice that `info` reports. */
function expectHellos(row: Row12, client: Side12, resumed: boolean): void {
  const clientHello = decodeHandshake("client_hello", messageOf(client, HandshakeType.client_hello));
  const serverHello = decodeHandshake("tls12_server_hello", messageOf(client, HandshakeType.server_hello));
  const forMiddleboxes = row.versions === "client also 1.3" && row.middleboxCompatibility;
  expect(clientHello.legacySessionId).toHaveLength(resumed || forMiddleboxes ? 32 : 0);
  const hasTicket = resumed && row.resumption === "by ticket";
  expect((clientHello.extensions.sessionTicket?.length ?? 0) > 0).toBe(hasTicket);
  if (resumed) expect(serverHello.sessionId).toEqual(clientHello.legacySessionId);
  else expect(serverHello.sessionId).toHaveLength(row.store === "none" || getsTicket(row) ? 0 : 32);
  expect(extensionNames(serverHello)).toEqual(answeredExtensions(row, resumed).toSorted());
  const isMarked = Buffer.from(serverHello.random.subarray(24)).equals(Buffer.from("DOWNGRD\u0001"));
  expect(isMarked).toBe(row.versions === "server also 1.3");
}

function messageOf({ messages }: Side12, type: number): Uint8Array {
  const found = messages.filter(
    ({ contentType, messageType }) => contentType === ContentType.handshake && messageType === type,
  );
  const [message] = found;
  if (message === undefined || found.length > 1)
    throw new Error(`${found.length} messages ${codepointName(HandshakeType, type)}`);
  return message.data;
}

function extensionNames({ extensions }: HandshakeBody<"tls12_server_hello">): readonly string[] {
  return (extensions.order ?? []).map((type) => codepointName(ExtensionType, type)).toSorted();
}

function answeredExtensions(row: Row12, resumed: boolean): readonly (keyof typeof ExtensionType)[] {
  const full: readonly (keyof typeof ExtensionType | false)[] = [
    "server_name",
    "ec_point_formats",
    row.staples.startsWith("OCSP") && "status_request",
    row.staples.endsWith("SCT") && "signed_certificate_timestamp",
    getsTicket(row) && "session_ticket",
  ];
  const always: readonly (keyof typeof ExtensionType | false)[] = [
    "renegotiation_info",
    row.extendedMainSecret && "extended_main_secret",
    row.encryptThenMac === true && "encrypt_then_mac",
    row.alpn === "agreed" && "application_layer_protocol_negotiation",
    row.recordSizeLimit === "both" && "record_size_limit",
  ];
  return [...(resumed ? [] : full), ...always].filter((name) => name !== false);
}

/** Whether the longest records of application data are just as long as they may be, after both have said more than fits into one. */
export function expectRecordSizes(row: Row12, { client, server }: Connection12): void {
  expect(longestDataRecord(client)).toBe(fragmentLength(row, longestContent("client", row)));
  expect(longestDataRecord(server)).toBe(fragmentLength(row, longestContent("server", row)));
}

function longestDataRecord({ messages }: Side12): number {
  const lengths = messages.filter(isWrittenData).map(({ data }) => ((data[3] ?? 0) << 8) | (data[4] ?? 0));
  return Math.max(...lengths);
}

function isWrittenData({ direction, contentType, data }: TlsMessage): boolean {
  return direction === "write" && contentType === HEADER && data[0] === ContentType.application_data;
}

/** Of the message callback: the header of a record. */
const HEADER = 256;

/** Bytes of the protected fragment of a record with `length` bytes of content. RFC 5288 §3, RFC 7905 §2, RFC 5246 §6.2.3.2, RFC 7366 §3. */
function fragmentLength({ suite, encryptThenMac }: Row12, length: number): number {
  if (suite.includes("_CHACHA20_")) return length + 16;
  if (suite.includes("_GCM_")) return 8 + length + 16;
  const macLength = suite.endsWith("_SHA384") ? 48 : suite.endsWith("_SHA256") ? 32 : 20;
  return encryptThenMac === true ? 16 + padded(length) + macLength : 16 + padded(length + macLength);
}

/** With the padding length, to whole blocks. */
function padded(length: number): number {
  return (Math.floor(length / 16) + 1) * 16;
}
