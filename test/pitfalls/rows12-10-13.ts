import { expect } from "vitest";

import { AlertDescription, type AlertName } from "../../src/alert.ts";
import { ascii } from "../../src/bytes.ts";
import { ContentType, HandshakeType } from "../../src/messages/codepoints.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import { times } from "./edits.ts";
import type { ClientStep12 } from "./forged-client12.ts";
import type { ServerStep12 } from "./forged-server12.ts";
import { eventsOf, expectOpen, type Pitfall } from "./pitfall.ts";
import {
  bothAccept,
  bothRefuse,
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { forgedServer as forgedServer13 } from "./pitfall13.ts";
import {
  everything,
  only12,
  resumingClient,
  resumingServer,
  strayChangeCipherSpec,
  ticketing,
} from "./setups12.ts";

/** Steps in front of which a server's ChangeCipherSpec is early. */
const beforeServersChange: readonly ServerStep12[] = [
  "certificate",
  "certificateStatus",
  "serverKeyExchange",
  "certificateRequest",
  "serverHelloDone",
  "newSessionTicket",
];

/** Steps in front of which a client's ChangeCipherSpec is early. */
const beforeClientsChange: readonly ClientStep12[] = [
  "certificate",
  "clientKeyExchange",
  "certificateVerify",
];

const beforeHello = {
  alert: "unexpected_message",
  says: "sent change_cipher_spec before its hello",
} as const;

/** Row 10: a ChangeCipherSpec may stand in one place. CVE-2014-0224 was made of another one. */
const places: readonly Pitfall[] = [
  ...beforeServersChange.map((step) =>
    clientRefuses(
      10,
      `a ChangeCipherSpec in front of ${step}`,
      strayChangeCipherSpec,
      (server) => server.upTo(step).sendChangeCipherSpec(),
      everything,
    ),
  ),
  ...beforeClientsChange.map((step) =>
    serverRefuses(
      10,
      `a ChangeCipherSpec in front of ${step}`,
      strayChangeCipherSpec,
      (client) => client.upTo(step).sendChangeCipherSpec(),
      mutual,
    ),
  ),
  serverRefuses(10, "a ChangeCipherSpec in front of ClientKeyExchange", strayChangeCipherSpec, (client) =>
    client.upTo("clientKeyExchange").sendChangeCipherSpec(),
  ),
  serverRefuses(10, "a ChangeCipherSpec in front of ClientHello", strayChangeCipherSpec, (client) =>
    client.sendChangeCipherSpec(),
  ),
  // A server of TLS 1.3 may send one, so that it is refused only when the version is known.
  clientRefuses(10, "a ChangeCipherSpec in front of ServerHello", beforeHello, (server) => {
    server.sendChangeCipherSpec();
    server.serverHello();
  }),
  clientRefuses(
    10,
    "a ChangeCipherSpec in front of ServerHello, when TLS 1.3 was not offered,",
    strayChangeCipherSpec,
    (server) => server.sendChangeCipherSpec(),
    only12,
  ),
  {
    row: 10,
    engine: "client",
    name: "a ChangeCipherSpec in front of a ServerHello of TLS 1.3 is dropped",
    run() {
      const server = forgedServer13();
      server.sendChangeCipherSpec();
      expect(server.complete().engine.info?.version).toBe("TLSv1.3");
    },
  },
  clientRefuses(10, "a second ChangeCipherSpec in front of Finished", strayChangeCipherSpec, (server) =>
    server.upTo("finished").sendChangeCipherSpec(),
  ),
  serverRefuses(10, "a second ChangeCipherSpec in front of Finished", strayChangeCipherSpec, (client) =>
    client.upTo("finished").sendChangeCipherSpec(),
  ),
  ...bothRefuse(10, "a ChangeCipherSpec", strayChangeCipherSpec, (peer) => peer.sendChangeCipherSpec()),
  ...bothRefuse(10, "a protected ChangeCipherSpec", strayChangeCipherSpec, (peer) =>
    peer.sendRecord(ContentType.change_cipher_spec, Uint8Array.of(1)),
  ),
  clientRefuses(10, "a protected ChangeCipherSpec in front of Finished", strayChangeCipherSpec, (server) =>
    server.upTo("finished").sendRecord(ContentType.change_cipher_spec, Uint8Array.of(1)),
  ),
  serverRefuses(10, "a protected ChangeCipherSpec in front of Finished", strayChangeCipherSpec, (client) =>
    client.upTo("finished").sendRecord(ContentType.change_cipher_spec, Uint8Array.of(1)),
  ),
  {
    row: 10,
    engine: "client",
    name: "a ChangeCipherSpec in front of the NewSessionTicket of a resumed session gets unexpected_message",
    run() {
      const server = resumingServer(ticketing);
      server.upTo("newSessionTicket").sendChangeCipherSpec();
      expect(server.alerts).toMatchObject([{ level: 2, alert: "unexpected_message" }]);
    },
  },
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 10,
    engine,
    name: "a second ChangeCipherSpec in front of the Finished of a resumed session gets unexpected_message",
    run() {
      const peer =
        engine === "client" ? resumingServer().upTo("finished") : resumingClient().upTo("finished");
      expect(peer.isResumed).toBe(true);
      peer.sendChangeCipherSpec();
      expect(peer.alerts).toMatchObject([{ level: 2, alert: "unexpected_message" }]);
    },
  })),
];

/** Row 10: a ChangeCipherSpec is the byte 1. */
const bodies: readonly Pitfall[] = [
  { what: "without a byte", content: [] },
  { what: "of two bytes", content: [1, 1] },
  { what: "of value 0", content: [0] },
  { what: "of value 2", content: [2] },
  { what: "of value 255", content: [255] },
].flatMap(({ what, content }) => {
  const verdict = {
    alert: "illegal_parameter",
    says: `change_cipher_spec of ${content.length} bytes, allowed the one byte 1`,
  } as const;
  return [
    clientRefuses(10, `a ChangeCipherSpec ${what}`, verdict, (server) =>
      server.upTo("changeCipherSpec").changeCipherSpec({ content }),
    ),
    clientRefuses(
      10,
      `a ChangeCipherSpec ${what} behind NewSessionTicket`,
      verdict,
      (server) => server.upTo("changeCipherSpec").changeCipherSpec({ content }),
      ticketing,
    ),
    serverRefuses(10, `a ChangeCipherSpec ${what}`, verdict, (client) =>
      client.upTo("changeCipherSpec").changeCipherSpec({ content }),
    ),
    serverRefuses(
      10,
      `a ChangeCipherSpec ${what} behind CertificateVerify`,
      verdict,
      (client) => client.upTo("changeCipherSpec").changeCipherSpec({ content }),
      mutual,
    ),
  ];
});

/** Row 11, as far as TLS 1.2 has it: what TLS 1.3 drops, it does not. */
const notDropped: readonly Pitfall[] = bothRefuse(
  11,
  "a ChangeCipherSpec, as TLS 1.3 has it for middleboxes,",
  strayChangeCipherSpec,
  (peer) => peer.sendChangeCipherSpec(),
  "in the handshake",
);

const manyEmpty = { alert: "unexpected_message", says: "more than 32 empty records in a row" } as const;

const manyWarnings = { alert: "unexpected_message", says: "more than 4 warning alerts" } as const;

const sendEmpty = (peer: Forger): void => peer.sendData(new Uint8Array());

const warn = (peer: Forger): void => peer.sendAlert(1, "unrecognized_name");

/** Places where a warning is taken, with the peer that is there. */
const warningPlaces = ["in the handshake", "after the handshake"] as const;

/** Row 12: what has no effect is counted, and only data sets the count back. */
const floods: readonly Pitfall[] = [
  ...bothAccept(12, "32 empty records are passed over", (peer) => times(32, () => sendEmpty(peer))),
  ...bothAccept(12, "32 empty records, data, and 32 more are passed over", (peer) => {
    times(32, () => sendEmpty(peer));
    peer.sendData(ascii("data"));
    times(32, () => sendEmpty(peer));
  }),
  ...bothRefuse(12, "the 33rd empty record", manyEmpty, (peer) => times(33, () => sendEmpty(peer))),
  ...bothRefuse(12, "the 33rd empty record, with warnings in between,", manyEmpty, (peer) => {
    times(4, () => {
      times(8, () => sendEmpty(peer));
      warn(peer);
    });
    sendEmpty(peer);
  }),
  clientRefuses(12, "the 33rd empty record, with a HelloRequest in between,", manyEmpty, (server) => {
    server.complete();
    times(20, () => sendEmpty(server));
    server.sendHandshake(rawMessage(HandshakeType.hello_request));
    server.alerts.length = 0;
    times(13, () => sendEmpty(server));
  }),
  ...bothRefuse(12, "the fifth warning, with empty records in between,", manyWarnings, (peer) =>
    times(5, () => {
      sendEmpty(peer);
      warn(peer);
    }),
  ),
  ...bothRefuse(12, "the fifth warning, with data in between,", manyWarnings, (peer) =>
    times(5, () => {
      peer.sendData(ascii("data"));
      warn(peer);
    }),
  ),
  ...warningPlaces.flatMap((where) =>
    bothRefuse(12, "the fifth warning", manyWarnings, (peer) => times(5, () => warn(peer)), where),
  ),
  clientRefuses(12, "the fifth warning before ServerHello", manyWarnings, (server) =>
    times(5, () => warn(server)),
  ),
  serverRefuses(12, "the fifth warning before ClientHello", manyWarnings, (client) =>
    times(5, () => warn(client)),
  ),
  clientRefuses(12, "the fifth warning of one connection", manyWarnings, (server) => {
    warn(server);
    server.serverHello();
    warn(server);
    server.upTo("changeCipherSpec");
    warn(server);
    server.upTo("finished");
    warn(server);
    server.complete();
    warn(server);
  }),
  ...warningPlaces.flatMap((where) =>
    bothRefuse(
      12,
      "an empty handshake record",
      { alert: "unexpected_message", says: "empty handshake fragment" },
      (peer) => peer.sendRecord(ContentType.handshake, new Uint8Array()),
      where,
    ),
  ),
  ...bothRefuse(
    12,
    "an empty record of application data",
    { alert: "unexpected_message", says: "application_data without protection" },
    sendEmpty,
    "in the handshake",
  ),
  clientRefuses(
    12,
    "an empty record of application data behind the server's ChangeCipherSpec",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (server) => sendEmpty(server.upTo("finished")),
  ),
  serverRefuses(
    12,
    "an empty record of application data behind the client's ChangeCipherSpec",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (client) => sendEmpty(client.upTo("finished")),
  ),
];

const warnings = Object.keys(AlertDescription).filter(
  (name) => name !== "close_notify",
) as readonly AlertName[];

function reported(peer: Forger, ...alerts: readonly string[]): void {
  expect(eventsOf(peer, "warning-alert").map(({ alert }) => alert)).toEqual(alerts);
}

/** Row 13: TLS 1.2 has warnings, which are reported and end nothing. */
const warningAlerts: readonly Pitfall[] = [
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 13,
    engine,
    name: "every warning that there is is reported, and ends nothing",
    run() {
      const setup = { config: { limits: { warningAlerts: warnings.length } } };
      const peer = engine === "client" ? forgedServer12(setup) : forgedClient12(setup);
      peer.complete();
      for (const name of warnings) peer.sendAlert(1, name);
      reported(peer, ...warnings);
      expectOpen(peer);
    },
  })),
  ...bothAccept(13, "a warning that is not registered is reported", (peer) => {
    peer.sendAlert(1, 255);
    reported(peer, "alert_255");
  }),
  clientAccepts(13, "a warning at each place of the handshake is reported", (server) => {
    for (const step of ["serverHello", "certificate", "changeCipherSpec", "finished"] as const) {
      warn(server.upTo(step));
    }
    reported(server, ...Array.from({ length: 4 }, () => "unrecognized_name"));
  }),
  serverAccepts(
    13,
    "a warning at each place of the handshake is reported",
    (client) => {
      client.sendAlert(1, "no_renegotiation");
      for (const step of ["certificate", "certificateVerify", "finished"] as const) warn(client.upTo(step));
      reported(client, "no_renegotiation", ...Array.from({ length: 3 }, () => "unrecognized_name"));
    },
    mutual,
  ),
  {
    row: 13,
    engine: "client",
    name: "a warning before a ServerHello of TLS 1.3 is reported, and one behind it gets decode_error",
    run() {
      const server = forgedServer13();
      warn(server);
      server.upTo("certificate");
      reported(server, "unrecognized_name");
      warn(server);
      expect(server.alerts).toMatchObject([{ level: 2, alert: "decode_error" }]);
    },
  },
];

export const tls12Rows10To13: readonly Pitfall[] = [
  ...places,
  ...bodies,
  ...notDropped,
  ...floods,
  ...warningAlerts,
];
