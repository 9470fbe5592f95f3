import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { TLS_CHACHA20_POLY1305_SHA256 } from "../../src/crypto/suites.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { plainRecord, rawMessage, withBody } from "../support/forger.ts";
import {
  badRecord,
  early,
  END_OF_EARLY_DATA,
  received,
  refuses,
  sendsRejected,
  serverAccepts,
  serverRefuses,
  takes,
} from "./early-pitfalls.ts";
import { times, without } from "./edits.ts";
import type { EarlyClient, EarlyClientSetup } from "./forged-early-client.ts";
import { MAX_EARLY_BYTES } from "./early-session.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import { malformed } from "./setups.ts";

const tooMuch = {
  alert: "unexpected_message",
  says: "the client sent more early data than its ticket allows",
} as const;

/** Early data is not taken, and the session is. */
function notFor(what: string, setup: EarlyClientSetup): Pitfall {
  return serverAccepts(
    46,
    `early data for ${what} is not taken, and the session is`,
    (client) => {
      client.upTo("early data");
      sendsRejected(client, 10);
      expect(expectOpen(client.complete())).toMatchObject({ resumed: true, earlyDataAccepted: false });
      expect(received(client)).toBe("");
    },
    setup,
  );
}

/** Row 46: what a server takes of a client, and what not. */
export const rowsOfTakenEarlyData: readonly Pitfall[] = [
  takes(
    46,
    "as much early data is taken as the ticket allows",
    (client) => client.sendData(early(MAX_EARLY_BYTES)),
    "a".repeat(MAX_EARLY_BYTES),
  ),
  takes(
    46,
    "early data in as many records as it has bytes is taken, and padding does not count",
    (client) => {
      client.padding = 1000;
      times(MAX_EARLY_BYTES, () => client.sendData(early(1)));
    },
    "a".repeat(MAX_EARLY_BYTES),
  ),
  takes(
    46,
    "as much as its ticket allows is the limit, although the server would take more by now",
    (client) => client.sendData(early(10)),
    "a".repeat(10),
    { session: { maxEarlyDataBytes: 10 } },
  ),
  takes(46, "no early data at all is as good, with EndOfEarlyData behind it", () => undefined, ""),
  takes(
    46,
    "ChangeCipherSpec between early data is dropped",
    (client) => {
      client.sendChangeCipherSpec();
      client.sendData(ascii("one "));
      client.sendChangeCipherSpec();
      client.sendData(ascii("two"));
      client.endOfEarlyData();
      client.sendChangeCipherSpec();
    },
    "one two",
  ),
  refuses(46, "a byte more of early data than the ticket allows", tooMuch, (client) =>
    client.sendData(early(MAX_EARLY_BYTES + 1)),
  ),
  refuses(
    46,
    "a byte more of early data than the ticket allows, in a record of its own,",
    tooMuch,
    (client) => {
      client.sendData(early(MAX_EARLY_BYTES));
      client.sendData(early(1));
    },
    "a".repeat(MAX_EARLY_BYTES),
  ),
  refuses(
    46,
    "a byte more of early data than a ticket allows that allows less than the server",
    tooMuch,
    (client) => client.sendData(early(11)),
    "",
    { session: { maxEarlyDataBytes: 10 } },
  ),
  refuses(
    46,
    "33 empty records of early data",
    { alert: "unexpected_message", says: "more than 32 empty records in a row" },
    (client) => times(33, () => client.sendData(new Uint8Array())),
  ),
  refuses(
    46,
    "a Finished without EndOfEarlyData, under the keys of the handshake,",
    badRecord,
    (client) => {
      client.sendData(ascii("data"));
      client.endEarlyKeys();
      client.finished();
    },
    "data",
  ),
  refuses(
    46,
    "a Finished in place of EndOfEarlyData, under early keys,",
    { alert: "unexpected_message", says: "got finished where end_of_early_data is due" },
    (client) => client.finished(),
  ),
  ...[
    {
      name: "a ClientHello",
      says: "client_hello",
      bytes: (client: EarlyClient) => encodeHandshake("client_hello", client.hello),
    },
    {
      name: "a KeyUpdate",
      says: "key_update",
      bytes: () => rawMessage(HandshakeType.key_update, Uint8Array.of(0)),
    },
    {
      name: "a Certificate",
      says: "certificate",
      bytes: () => rawMessage(HandshakeType.certificate, Uint8Array.of(0, 0, 0, 0)),
    },
    { name: "a HelloRequest", says: "hello_request", bytes: () => rawMessage(HandshakeType.hello_request) },
    { name: "a message of type 99", says: "0x0063", bytes: () => rawMessage(99) },
  ].map(({ name, says, bytes }) =>
    refuses(
      46,
      `${name} among early data`,
      { alert: "unexpected_message", says: new RegExp(`got .*${says}.* where end_of_early_data is due`) },
      (client) => {
        client.sendData(ascii("data"));
        client.sendHandshake(bytes(client));
      },
      "data",
    ),
  ),
  ...[1, 100].map((length) =>
    refuses(46, `an EndOfEarlyData with ${length} bytes in it`, malformed, (client) =>
      client.endOfEarlyData({ raw: (message) => withBody(message, () => new Uint8Array(length)) }),
    ),
  ),
  refuses(46, "an EndOfEarlyData that is not protected", badRecord, (client) =>
    client.sendHandshake(END_OF_EARLY_DATA, { plaintext: true }),
  ),
  refuses(46, "early data under early keys behind EndOfEarlyData", badRecord, (client) => {
    client.endOfEarlyData();
    client.protectEarly();
    client.sendData(ascii("late"));
  }),
  refuses(
    46,
    "a second EndOfEarlyData",
    { alert: "unexpected_message", says: "got end_of_early_data where finished is due" },
    (client) => {
      client.endOfEarlyData();
      client.sendHandshake(END_OF_EARLY_DATA);
    },
  ),
  refuses(
    46,
    "application data under the keys of the handshake",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (client) => {
      client.endOfEarlyData();
      client.sendData(ascii("late"));
    },
  ),
  refuses(46, "application data that is not protected, in place of early data,", badRecord, (client) =>
    client.deliver(plainRecord(ContentType.application_data, ascii("not protected at all"))),
  ),
  notFor("no ticket for early data", { session: { maxEarlyDataBytes: null } }),
  notFor("the first PSK, which is not the one that is taken,", { isSecond: true }),
  notFor("another suite", { forger: { suite: TLS_CHACHA20_POLY1305_SHA256 } }),
  notFor("another ALPN protocol", { session: { alpn: ascii("b") } }),
  notFor("more than the server takes by now", { session: { maxEarlyDataBytes: MAX_EARLY_BYTES + 1 } }),
  serverRefuses(46, "early_data with something in it in a ClientHello", malformed, (client) =>
    client.clientHello((hello) => {
      const bare = without<ClientHello>("earlyData")(hello);
      return {
        ...bare,
        extensions: {
          ...bare.extensions,
          unknown: [{ type: ExtensionType.early_data, body: Uint8Array.of(0) }],
        },
      };
    }),
  ),
];
