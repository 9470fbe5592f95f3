import { expect } from "vitest";

import { AlertDescription, type AlertName } from "../../src/alert.ts";
import { ascii } from "../../src/bytes.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import type { Forger } from "../support/forger.ts";
import { recordHeader, setting, times } from "./edits.ts";
import { afterHandshake, atTheStart, endsWith, inHandshake } from "./peer-alerts.ts";
import { eventsOf, type Pitfall } from "./pitfall.ts";
import {
  bothAccept,
  bothRefuse,
  clientAccepts,
  clientRefuses,
  type ClientSetup,
  mutual,
  serverAccepts,
  serverRefuses,
  type ServerSetup,
} from "./pitfall13.ts";
import { only13, strayChangeCipherSpec } from "./setups.ts";

const manyChangeCipherSpecs = {
  alert: "unexpected_message",
  says: "more than 32 change_cipher_spec records",
} as const;

/** Row 11: in TLS 1.3 a ChangeCipherSpec means nothing, and is bounded in place, form and number. */
const changeCipherSpecs: readonly Pitfall[] = [
  clientAccepts(11, "a ChangeCipherSpec at each place of the handshake is dropped", (server) => {
    for (const step of ["serverHello", "encryptedExtensions", "certificate", "finished"] as const) {
      server.upTo(step).sendChangeCipherSpec();
    }
  }),
  serverAccepts(
    11,
    "a ChangeCipherSpec at each place of the handshake is dropped",
    (client) => {
      for (const step of ["certificate", "certificateVerify", "finished"] as const) {
        client.upTo(step).sendChangeCipherSpec();
      }
    },
    mutual,
  ),
  clientAccepts(11, "a server that sends no ChangeCipherSpec is fine", () => undefined),
  serverAccepts(11, "a client that sends no ChangeCipherSpec is fine", () => undefined),
  serverAccepts(11, "a ChangeCipherSpec before the second ClientHello is dropped", (client) => {
    client.clientHelloWithoutShare();
    client.sendChangeCipherSpec();
    client.secondClientHello();
  }),
  clientAccepts(11, "32 ChangeCipherSpecs are dropped", (server) =>
    times(32, () => server.sendChangeCipherSpec()),
  ),
  serverAccepts(11, "32 ChangeCipherSpecs are dropped", (client) => {
    client.upTo("finished");
    times(32, () => client.sendChangeCipherSpec());
  }),
  clientRefuses(11, "the 33rd ChangeCipherSpec", manyChangeCipherSpecs, (server) => {
    times(16, () => server.sendChangeCipherSpec());
    server.upTo("finished");
    times(17, () => server.sendChangeCipherSpec());
  }),
  serverRefuses(11, "the 33rd ChangeCipherSpec", manyChangeCipherSpecs, (client) => {
    client.upTo("finished");
    times(33, () => client.sendChangeCipherSpec());
  }),
  serverRefuses(11, "a ChangeCipherSpec before ClientHello", strayChangeCipherSpec, (client) =>
    client.sendChangeCipherSpec(),
  ),
  ...bothRefuse(11, "a ChangeCipherSpec", strayChangeCipherSpec, (peer) => peer.sendChangeCipherSpec()),
  ...[
    { what: "without a byte", content: [] },
    { what: "of two bytes", content: [1, 1] },
    { what: "of value 0", content: [0] },
    { what: "of value 2", content: [2] },
  ].flatMap(({ what, content }) =>
    bothRefuse(
      11,
      `a ChangeCipherSpec ${what}`,
      { alert: "unexpected_message", says: "allowed the one byte 1" },
      (peer) => peer.sendChangeCipherSpec(Uint8Array.from(content)),
      "in the handshake",
    ),
  ),
  ...bothRefuse(
    11,
    "a protected ChangeCipherSpec",
    { alert: "unexpected_message", says: "protected record of content type 20" },
    (peer) => peer.sendRecord(ContentType.change_cipher_spec, Uint8Array.of(1)),
    "in the handshake",
  ),
];

const manyEmpty = { alert: "unexpected_message", says: "more than 32 empty records in a row" } as const;

const manyWarnings = { alert: "unexpected_message", says: "more than 4 warning alerts" } as const;

const sendEmpty = (peer: Forger): void => peer.sendData(new Uint8Array());

const cancel = (peer: Forger): void => peer.sendAlert(1, "user_canceled");

/** Row 12: what has no effect is counted, and only data sets the count back. */
const floods: readonly Pitfall[] = [
  ...bothAccept(12, "32 empty records are passed over", (peer) => times(32, () => sendEmpty(peer))),
  ...bothAccept(12, "32 empty records, data, and 32 more are passed over", (peer) => {
    times(32, () => sendEmpty(peer));
    peer.sendData(ascii("data"));
    times(32, () => sendEmpty(peer));
  }),
  ...bothRefuse(12, "the 33rd empty record", manyEmpty, (peer) => times(33, () => sendEmpty(peer))),
  ...bothRefuse(12, "the 33rd record that is all padding", manyEmpty, (peer) =>
    times(33, () => peer.sendData(new Uint8Array(), { padding: 100 })),
  ),
  ...bothRefuse(12, "the 33rd empty record, with warnings in between,", manyEmpty, (peer) => {
    times(4, () => {
      times(8, () => sendEmpty(peer));
      cancel(peer);
    });
    sendEmpty(peer);
  }),
  ...bothRefuse(12, "the 33rd empty record, with KeyUpdates in between,", manyEmpty, (peer) => {
    times(4, () => {
      times(8, () => sendEmpty(peer));
      peer.keyUpdate();
    });
    sendEmpty(peer);
  }),
  ...bothRefuse(12, "the fifth warning, with empty records in between,", manyWarnings, (peer) =>
    times(5, () => {
      sendEmpty(peer);
      cancel(peer);
    }),
  ),
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) =>
    bothRefuse(
      12,
      "an empty handshake record",
      { alert: "unexpected_message", says: "empty handshake fragment" },
      (peer) => peer.sendRecord(ContentType.handshake, new Uint8Array(), { padding: 7 }),
      where,
    ),
  ),
  clientRefuses(
    12,
    "an empty handshake record before ServerHello",
    { alert: "unexpected_message", says: "empty handshake fragment" },
    (server) => server.sendRecord(ContentType.handshake, new Uint8Array()),
  ),
  serverRefuses(
    12,
    "an empty handshake record before ClientHello",
    { alert: "unexpected_message", says: "empty handshake fragment" },
    (client) => client.sendRecord(ContentType.handshake, new Uint8Array()),
  ),
  ...bothRefuse(
    12,
    "an empty record of application data",
    { alert: "unexpected_message", says: "application data during the handshake" },
    sendEmpty,
    "in the handshake",
  ),
];

const warnings = Object.keys(AlertDescription).filter(
  (name) => name !== "close_notify" && name !== "user_canceled",
) as readonly AlertName[];

/** Row 13: TLS 1.3 has no warnings but user_canceled. */
const warningAlerts: readonly Pitfall[] = [
  ...warnings.flatMap((name) =>
    bothRefuse(
      13,
      `the warning ${name}`,
      { alert: "decode_error", says: `sent ${name} as a warning` },
      (peer) => peer.sendAlert(1, name),
    ),
  ),
  ...bothRefuse(
    13,
    "the warning unrecognized_name",
    { alert: "decode_error", says: "sent unrecognized_name as a warning" },
    (peer) => peer.sendAlert(1, "unrecognized_name"),
    "in the handshake",
  ),
  ...bothRefuse(
    13,
    "a warning that is not registered",
    { alert: "decode_error", says: "sent alert_255 as a warning" },
    (peer) => peer.sendAlert(1, 255),
  ),
  clientRefuses(
    13,
    "the warning unrecognized_name before ServerHello",
    { alert: "decode_error", says: "sent unrecognized_name as a warning" },
    (server) => server.sendAlert(1, "unrecognized_name"),
    only13,
  ),
  serverRefuses(
    13,
    "the warning no_renegotiation before ClientHello",
    { alert: "decode_error", says: "sent no_renegotiation as a warning" },
    (client) => client.sendAlert(1, "no_renegotiation"),
    only13,
  ),
  ...bothAccept(13, "four times user_canceled is reported, and no more", (peer) => {
    times(4, () => cancel(peer));
    expect(eventsOf(peer, "warning-alert")).toEqual(
      Array.from({ length: 4 }, () => ({ type: "warning-alert", alert: "user_canceled" })),
    );
  }),
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) =>
    bothRefuse(13, "the fifth user_canceled", manyWarnings, (peer) => times(5, () => cancel(peer)), where),
  ),
];

/** Row 14: an alert is two bytes with a known level. */
const alerts: readonly Pitfall[] = [
  ...[1, 3, 4].flatMap((length) =>
    (["in the handshake", "after the handshake"] as const).flatMap((where) =>
      bothRefuse(
        14,
        `an alert of ${length} bytes`,
        { alert: "decode_error", says: `alert fragment of ${length} bytes` },
        (peer) => peer.sendRecord(ContentType.alert, Uint8Array.of(2, 40, 2, 40).subarray(0, length)),
        where,
      ),
    ),
  ),
  ...bothRefuse(14, "an empty alert", { alert: "unexpected_message", says: "empty alert fragment" }, (peer) =>
    peer.sendRecord(ContentType.alert, new Uint8Array()),
  ),
  serverRefuses(
    14,
    "an alert of one byte before ClientHello",
    { alert: "decode_error", says: "alert fragment of 1 bytes" },
    (client) => client.sendRecord(ContentType.alert, Uint8Array.of(2)),
  ),
  ...[0, 3, 255].flatMap((level) =>
    (["handshake_failure", "close_notify", "user_canceled"] as const).flatMap((alert) =>
      bothRefuse(
        14,
        `${alert} with level ${level}`,
        { alert: "illegal_parameter", says: `alert ${alert} with level ${level}` },
        (peer) => peer.sendAlert(level, alert),
      ),
    ),
  ),
  ...endsWith(14, "a fatal alert is not answered", "handshake_failure", inHandshake, (peer) =>
    peer.sendAlert(2, "handshake_failure"),
  ),
  ...endsWith(
    14,
    "a fatal alert after the handshake is not answered",
    "internal_error",
    afterHandshake,
    (peer) => peer.sendAlert(2, "internal_error"),
  ),
  ...endsWith(
    14,
    "a fatal alert that is not registered is not answered",
    "alert_200",
    afterHandshake,
    (peer) => peer.sendAlert(2, 200),
  ),
  ...endsWith(14, "an alert at the start is not answered", "protocol_version", atTheStart, (peer) =>
    peer.sendAlert(2, "protocol_version"),
  ),
  ...endsWith(14, "close_notify in the handshake is no clean end", "close_notify", inHandshake, (peer) =>
    peer.sendAlert(1, "close_notify"),
  ),
  ...(["client", "server"] as const).map((engine) => ({
    row: 14,
    engine,
    name: "close_notify with level fatal is close_notify",
    run() {
      const peer = afterHandshake[engine]();
      peer.sendAlert(2, "close_notify");
      expect(eventsOf(peer, "closed")).toEqual([{ type: "closed", how: { kind: "clean" } }]);
    },
  })),
];

function overflow(says: string) {
  return { alert: "record_overflow", says } as const;
}

const limitedReads = {
  client: {
    config: { recordSizeLimit: 64 },
  } satisfies ClientSetup,
  server: { config: { recordSizeLimit: 64 } } satisfies ServerSetup,
};

/** Row 15: the sizes of records. */
const sizes: readonly Pitfall[] = [
  clientRefuses(
    15,
    "the header of an unprotected record of 2^14 + 1 bytes",
    overflow("fragment of 16385 bytes, allowed 16384"),
    (server) => server.deliver(recordHeader(22, 16385)),
  ),
  serverRefuses(
    15,
    "the header of an unprotected record of 2^14 + 1 bytes",
    overflow("fragment of 16385 bytes, allowed 16384"),
    (client) => client.deliver(recordHeader(22, 16385)),
  ),
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) =>
    bothRefuse(
      15,
      "the header of a protected record of 2^14 + 257 bytes",
      overflow("fragment of 16641 bytes, allowed 16640"),
      (peer) => peer.deliver(recordHeader(23, 16641)),
      where,
    ),
  ),
  ...bothRefuse(
    15,
    "2^14 + 1 bytes of content",
    overflow("inner plaintext of 16386 bytes, allowed 16385"),
    (peer) => peer.sendData(new Uint8Array(16385)),
  ),
  ...bothRefuse(
    15,
    "content and padding of 2^14 + 1 bytes",
    overflow("inner plaintext of 16386 bytes, allowed 16385"),
    (peer) => peer.sendData(ascii("data"), { padding: 16381 }),
  ),
  ...bothRefuse(
    15,
    "as much padding as fits into a record, and more than may be,",
    overflow("inner plaintext of 16624 bytes, allowed 16385"),
    (peer) => peer.sendData(new Uint8Array(), { padding: 16623 }),
  ),
  ...bothAccept(15, "2^14 bytes of content, and of content with padding, are taken", (peer) => {
    peer.sendData(new Uint8Array(16384));
    peer.sendData(ascii("data"), { padding: 16380 });
    expect(eventsOf(peer, "data").map(({ data }) => data.length)).toEqual([16384, 4]);
  }),
  clientRefuses(
    15,
    "a byte more than the record_size_limit that was agreed on",
    overflow("inner plaintext of 65 bytes, allowed 64"),
    (server) => {
      server.upTo("encryptedExtensions").encryptedExtensions(setting({ recordSizeLimit: 100 }));
      server.fragment = (message) => [message.subarray(0, 63), message.subarray(63, 127)];
      server.certificate();
    },
    limitedReads.client,
  ),
  serverRefuses(
    15,
    "a byte more than the record_size_limit that was agreed on",
    overflow("inner plaintext of 65 bytes, allowed 64"),
    (client) => {
      client.clientHello(setting({ recordSizeLimit: 100 }));
      client.complete();
      client.sendData(new Uint8Array(63));
      client.sendData(new Uint8Array(64));
    },
    limitedReads.server,
  ),
  ...(["client", "server"] as const).map((engine): Pitfall => {
    const verdict = { alert: "illegal_parameter", says: "record_size_limit is 63, at least 64" } as const;
    return engine === "client"
      ? clientRefuses(
          15,
          "a record_size_limit below 64",
          verdict,
          (server) =>
            server.upTo("encryptedExtensions").encryptedExtensions(setting({ recordSizeLimit: 63 })),
          limitedReads.client,
        )
      : serverRefuses(15, "a record_size_limit below 64", verdict, (client) =>
          client.clientHello(setting({ recordSizeLimit: 63 })),
        );
  }),
];

export const rows11To15: readonly Pitfall[] = [
  ...changeCipherSpecs,
  ...floods,
  ...warningAlerts,
  ...alerts,
  ...sizes,
];
