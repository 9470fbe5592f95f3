import { expect } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { ContentType, HandshakeType } from "../../src/messages/codepoints.ts";
import { plainRecord, rawMessage } from "../support/forger.ts";
import {
  badRecord,
  clientAccepts,
  early,
  END_OF_EARLY_DATA,
  received,
  refuses,
  rejecting,
  sendsRejected,
  serverAccepts,
  serverRefuses,
  takes,
} from "./early-pitfalls.ts";
import { cut, setting } from "./edits.ts";
import { eventsOf, expectOpen, type Pitfall } from "./pitfall.ts";
import { illegal, strayChangeCipherSpec } from "./setups.ts";

const trailing = {
  alert: "unexpected_message",
  says: "the peer sent handshake bytes in the record before its change of keys",
} as const;

/** Rows 3 to 5: what stands before and behind EndOfEarlyData, at which the keys change. */
const alignment: readonly Pitfall[] = [
  refuses(
    3,
    "early data inside of a handshake message",
    { alert: "unexpected_message", says: "application data inside of a handshake message" },
    (client) => {
      client.sendHandshake(END_OF_EARLY_DATA.subarray(0, 2));
      client.sendData(ascii("in between"));
    },
  ),
  refuses(3, "ChangeCipherSpec inside of EndOfEarlyData", strayChangeCipherSpec, (client) => {
    client.sendHandshake(END_OF_EARLY_DATA.subarray(0, 2));
    client.sendChangeCipherSpec();
  }),
  refuses(4, "the first byte of Finished in the record of EndOfEarlyData", trailing, (client) =>
    client.endOfEarlyData({ tail: Uint8Array.of(HandshakeType.finished) }),
  ),
  refuses(4, "all of Finished in the record of EndOfEarlyData", trailing, (client) =>
    client.endOfEarlyData({ tail: rawMessage(HandshakeType.finished, new Uint8Array(32)) }),
  ),
  refuses(4, "a second EndOfEarlyData in the record of the first", trailing, (client) =>
    client.endOfEarlyData({ tail: END_OF_EARLY_DATA }),
  ),
  ...[1, 4].map((length) =>
    serverRefuses(
      4,
      `${length} bytes of EndOfEarlyData in the record of ClientHello`,
      { alert: "unexpected_message", says: "more handshake bytes where its flight should have ended" },
      (client) => client.clientHello({ tail: END_OF_EARLY_DATA.subarray(0, length) }),
    ),
  ),
  takes(
    1,
    "an EndOfEarlyData in four records is joined, behind early data",
    (client) => {
      client.sendData(ascii("data"));
      client.fragment = (message) => cut(message, 1);
    },
    "data",
  ),
];

/** Row 44: the age that a client shows may be off by a minute. It decides on early data, not on resumption. */
const age: readonly Pitfall[] = [
  ...[0, 1, 59_999, 60_000, -5000].map((skewMs) =>
    takes(44, `early data is taken of a client whose clock is off by ${skewMs} ms`, () => undefined, "", {
      shownAgeMs: 5000 + skewMs,
    }),
  ),
  ...[60_001, 61_000, 3_600_000, 2 ** 31].map((skewMs) =>
    serverAccepts(
      44,
      `early data is not taken of a client whose clock is off by ${skewMs} ms, and its session is`,
      (client) => {
        client.upTo("early data");
        expect(client.isTaken).toBe(false);
        expect(expectOpen(client.complete())).toMatchObject({ resumed: true, earlyDataAccepted: false });
      },
      { shownAgeMs: 5000 + skewMs },
    ),
  ),
  ...[60_000, 60_001].map((skewMs) =>
    serverAccepts(
      44,
      `early data is ${skewMs === 60_000 ? "" : "not "}taken of a client that shows ${skewMs} ms too little`,
      (client) => {
        client.upTo("early data");
        expect(client.isTaken).toBe(skewMs === 60_000);
      },
      { session: { ticketAtMs: 1_800_000_000_000 - 100_000 }, shownAgeMs: 100_000 - skewMs },
    ),
  ),
];

/** Bytes of early data whose record has `length` bytes behind its header. */
const inRecord = (length: number): number => length - 17;

/** Row 45: early data that is not taken although the ticket is known, and a client that learns so. */
const skipped: readonly Pitfall[] = [
  serverAccepts(
    45,
    "early data that is rejected is passed over by trial, up to the limit",
    (client) => {
      client.upTo("early data");
      sendsRejected(client, inRecord(10_000), inRecord(6384));
      expect(expectOpen(client.complete())).toMatchObject({ resumed: true, earlyDataAccepted: false });
      expect(received(client)).toBe("");
    },
    rejecting,
  ),
  serverRefuses(
    45,
    "a byte more of rejected early data than the limit",
    { alert: "unexpected_message", says: "more early data than is passed over" },
    (client) => {
      client.upTo("early data");
      sendsRejected(client, inRecord(10_000), inRecord(6385));
    },
    rejecting,
  ),
  ...[20_000, 20_001].map((allowed) =>
    serverAccepts(
      45,
      `rejected early data is passed over up to twice what a ticket allows, here ${allowed}`,
      (client) => {
        client.upTo("early data");
        sendsRejected(client, inRecord(16_000), inRecord(16_000), inRecord(2 * allowed - 32_000));
        expectOpen(client.complete());
      },
      { ...rejecting, session: { maxEarlyDataBytes: allowed } },
    ),
  ),
  serverRefuses(
    45,
    "a byte more of rejected early data than twice what its ticket allows",
    { alert: "unexpected_message", says: "more early data than is passed over" },
    (client) => {
      client.upTo("early data");
      sendsRejected(client, inRecord(16_000), inRecord(16_000), inRecord(8001));
    },
    { ...rejecting, session: { maxEarlyDataBytes: 20_000 } },
  ),
  serverRefuses(
    45,
    "rejected early data behind a record that opens",
    badRecord,
    (client) => {
      client.upTo("early data");
      client.complete();
      client.protectEarly();
      client.sendData(early(10));
    },
    rejecting,
  ),
  serverRefuses(
    45,
    "an EndOfEarlyData that the server has not asked for",
    { alert: "unexpected_message", says: "got end_of_early_data where finished is due" },
    (client) => client.upTo("early data").endOfEarlyData(),
    rejecting,
  ),
  serverAccepts(
    45,
    "early data is passed over by content type in front of a second ClientHello",
    (client) => {
      client.clientHelloWithoutShare();
      for (const length of [100, 10]) client.sendData(early(length));
      client.sendChangeCipherSpec();
      client.deliver(plainRecord(ContentType.application_data, client.random(200)));
      client.secondClientHello();
      expect(client.isTaken).toBe(false);
      expect(expectOpen(client.complete())).toMatchObject({
        resumed: true,
        earlyDataAccepted: false,
        helloRetried: true,
      });
      expect(received(client)).toBe("");
    },
  ),
  serverRefuses(
    45,
    "early_data in the second ClientHello of a client whose ticket is known",
    illegal("the second ClientHello offers early data"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(setting({ earlyData: true }));
    },
  ),
  serverRefuses(
    45,
    "early data behind the second ClientHello of a client whose ticket is known",
    badRecord,
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello();
      client.protectEarly();
      client.sendData(early(10));
    },
  ),
  clientAccepts(
    45,
    "early data that the server does not take comes back behind the handshake, without EndOfEarlyData",
    (server) => {
      server.complete();
      expect(latin1(concatBytes(...server.data))).toBe("a".repeat(10));
      expect(server.hasEnded).toBe(false);
      expect(server.events.map(({ type }) => type)).toEqual(["handshake-complete", "early-data-rejected"]);
      expect(eventsOf(server, "early-data-rejected").map(({ data }) => latin1(data))).toEqual([
        "a".repeat(10),
      ]);
      expect(expectOpen(server)).toMatchObject({ resumed: true, earlyDataAccepted: false });
    },
    { takes: false },
  ),
  clientAccepts(
    45,
    "a second ClientHello is in plaintext, and has no early_data, behind early data",
    (server) => {
      server.helloRetryRequest();
      const { earlyData, preSharedKey } = server.clientHello.extensions;
      expect([earlyData, preSharedKey?.identities.length]).toEqual([undefined, 1]);
      server.complete();
      expect(eventsOf(server, "early-data-rejected")).toHaveLength(1);
      expect(expectOpen(server)).toMatchObject({
        resumed: true,
        earlyDataAccepted: false,
        helloRetried: true,
      });
    },
    { takes: false, forger: { group: secp256r1 } },
  ),
];

/** Early data at its edges, and early data that is not taken. */
export const rowsOfRejectedEarlyData: readonly Pitfall[] = [...alignment, ...age, ...skipped];
