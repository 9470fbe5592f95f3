import { expect } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { type CloseReason, PeerAlert, TlsAlert, TruncationError } from "../../src/index.ts";
import { ContentType, HandshakeType } from "../../src/messages/codepoints.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import { eventsOf, expectInert, expectOpen, type Pitfall } from "./pitfall.ts";
import { clientRefuses, forgedClient12, forgedServer12, serverRefuses } from "./pitfall12.ts";
import { withBoth } from "./setups12.ts";

const KEY_UPDATE = rawMessage(HandshakeType.key_update, Uint8Array.of(0));

/** Row 47, as far as TLS 1.2 has it: its keys stay. */
const keyUpdate: readonly Pitfall[] = [
  clientRefuses(
    47,
    "a KeyUpdate of a server",
    { alert: "unexpected_message", says: "got key_update where hello_request is due" },
    (server) => server.complete().sendHandshake(KEY_UPDATE),
  ),
  serverRefuses(
    47,
    "a KeyUpdate of a client",
    { alert: "unexpected_message", says: "got key_update where client_hello is due" },
    (client) => client.complete().sendHandshake(KEY_UPDATE),
  ),
  ...withBoth(47, "the engine cannot update its keys, and goes on", (peer) => {
    expect(() => peer.engine.updateKeys()).toThrow("updateKeys() needs TLS 1.3, and this is TLSv1.2");
    expectOpen(peer);
  }),
];

function closedAs({ events }: Forger): readonly CloseReason[] {
  return events.flatMap((event) => (event.type === "closed" ? [event.how] : []));
}

const closeNotify = { level: 1, alert: "close_notify", isProtected: true } as const;

/** Row 48: ends. */
const ends: readonly Pitfall[] = [
  ...withBoth(
    48,
    "close_notify is a clean end of reading, and writing goes on until it is closed",
    (peer) => {
      peer.sendAlert(1, "close_notify");
      expect(closedAs(peer)).toEqual([{ kind: "clean" }]);
      expect(peer.engine.write(ascii("still here"))).toBe(true);
      peer.engine.closeWrite();
      peer.pump();
      expect(peer.data.map(latin1)).toEqual(["still here"]);
      expect(peer.alerts).toEqual([closeNotify]);
      expectInert(peer);
    },
  ),
  ...withBoth(48, "an end without close_notify is a truncation", (peer) => {
    peer.sendData(ascii("data"));
    peer.engine.receiveEof();
    peer.pump();
    expect(closedAs(peer)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
    expect(eventsOf(peer, "data")).toHaveLength(1);
    expectInert(peer);
  }),
  ...withBoth(48, "an end inside of a record that holds close_notify is a truncation", (peer) => {
    let record = new Uint8Array();
    peer.sendRecord(ContentType.alert, Uint8Array.of(1, 0), {
      mangle(whole) {
        record = whole.slice();
        return new Uint8Array();
      },
    });
    peer.deliver(record.subarray(0, -1));
    peer.engine.receiveEof();
    peer.pump();
    expect(closedAs(peer)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
  }),
  ...withBoth(48, "what comes behind close_notify is not reported", (peer) => {
    peer.together(() => {
      peer.sendData(ascii("before"));
      peer.sendAlert(1, "close_notify");
      peer.sendData(ascii("behind"));
      peer.sendAlert(2, "internal_error");
    });
    expect(eventsOf(peer, "data").map(({ data }) => latin1(data))).toEqual(["before"]);
    expect(closedAs(peer)).toEqual([{ kind: "clean" }]);
    expect(peer.alerts).toEqual([]);
  }),
  ...withBoth(48, "data that comes behind the engine's own close_notify is reported", (peer) => {
    peer.engine.closeWrite();
    peer.pump();
    peer.sendData(ascii("late"));
    peer.sendData(ascii("later"));
    peer.sendAlert(1, "close_notify");
    expect(eventsOf(peer, "data").map(({ data }) => latin1(data))).toEqual(["late", "later"]);
    expect(closedAs(peer)).toEqual([{ kind: "clean" }]);
    expect(peer.alerts).toEqual([closeNotify]);
    expectInert(peer);
  }),
  ...withBoth(48, "an alert behind the engine's own close_notify is reported", (peer) => {
    peer.engine.closeWrite();
    peer.pump();
    peer.sendAlert(2, "access_denied");
    expect(closedAs(peer)).toEqual([{ kind: "alert", alert: "access_denied", error: expect.any(PeerAlert) }]);
    expect(peer.alerts).toEqual([closeNotify]);
    expectInert(peer);
  }),
  ...withBoth(
    48,
    "a fault behind the engine's own close_notify is reported, and no alert follows",
    (peer) => {
      peer.engine.closeWrite();
      peer.pump();
      peer.sendRecord(24, ascii("fault"));
      expect(closedAs(peer)).toEqual([{ kind: "error", alertSent: null, error: expect.any(TlsAlert) }]);
      expect(peer.alerts).toEqual([closeNotify]);
      expectInert(peer);
    },
  ),
  {
    row: 48,
    engine: "client",
    name: "a request for renegotiation behind the engine's own close_notify is not answered",
    run() {
      const server = forgedServer12().complete();
      server.engine.closeWrite();
      server.pump();
      server.sendHandshake(rawMessage(HandshakeType.hello_request));
      server.sendData(ascii("late"));
      expect(eventsOf(server, "data").map(({ data }) => latin1(data))).toEqual(["late"]);
      expect(server.alerts).toEqual([closeNotify]);
    },
  },
  ...(["serverKeyExchange", "changeCipherSpec", "finished"] as const).map((step): Pitfall => ({
    row: 48,
    engine: "client",
    name: `an end in front of ${step} is a truncation`,
    run() {
      const server = forgedServer12().upTo(step);
      server.engine.receiveEof();
      server.pump();
      expect(closedAs(server)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
      expectInert(server);
    },
  })),
  ...(["clientKeyExchange", "changeCipherSpec", "finished"] as const).map((step): Pitfall => ({
    row: 48,
    engine: "server",
    name: `an end in front of ${step} is a truncation`,
    run() {
      const client = forgedClient12().upTo(step);
      client.engine.receiveEof();
      client.pump();
      expect(closedAs(client)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
      expectInert(client);
    },
  })),
];

export const tls12Rows47To48: readonly Pitfall[] = [...keyUpdate, ...ends];
