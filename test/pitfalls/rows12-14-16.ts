import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import { plainRecord } from "../support/forger.ts";
import { recordHeader, setting } from "./edits.ts";
import { endsWith } from "./peer-alerts.ts";
import { eventsOf, type Pitfall } from "./pitfall.ts";
import { bothAccept, bothRefuse, clientAccepts, clientRefuses, serverRefuses } from "./pitfall12.ts";
import { afterHandshake12, amid12, atTheStart12, behindChange12 } from "./setups12.ts";

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
  ...(["in the handshake", "after the handshake"] as const).flatMap((where) =>
    bothRefuse(
      14,
      "an empty alert",
      { alert: "unexpected_message", says: "empty alert fragment" },
      (peer) => peer.sendRecord(ContentType.alert, new Uint8Array()),
      where,
    ),
  ),
  ...[0, 3, 255].flatMap((level) =>
    (["handshake_failure", "close_notify", "no_renegotiation"] as const).flatMap((alert) =>
      bothRefuse(
        14,
        `${alert} with level ${level}`,
        { alert: "illegal_parameter", says: `alert ${alert} with level ${level}` },
        (peer) => peer.sendAlert(level, alert),
      ),
    ),
  ),
  ...(
    [
      ["in the handshake", amid12],
      ["behind ChangeCipherSpec", behindChange12],
      ["after the handshake", afterHandshake12],
      ["at the start", atTheStart12],
    ] as const
  ).flatMap(([where, reach]) => [
    ...endsWith(14, `a fatal alert ${where} is not answered`, "handshake_failure", reach, (peer) =>
      peer.sendAlert(2, "handshake_failure"),
    ),
    ...endsWith(
      14,
      `a fatal alert ${where} that is not registered is not answered`,
      "alert_200",
      reach,
      (peer) => peer.sendAlert(2, 200),
    ),
  ]),
  ...endsWith(14, "close_notify in the handshake is no clean end", "close_notify", amid12, (peer) =>
    peer.sendAlert(1, "close_notify"),
  ),
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 14,
    engine,
    name: "close_notify with level fatal is close_notify",
    run() {
      const peer = afterHandshake12[engine]();
      peer.sendAlert(2, "close_notify");
      expect(eventsOf(peer, "closed")).toEqual([{ type: "closed", how: { kind: "clean" } }]);
    },
  })),
];

function overflow(says: string) {
  return { alert: "record_overflow", says } as const;
}

const limitedReads = { config: { recordSizeLimit: 64 } };

/** Row 15: the sizes of records. */
const sizes: readonly Pitfall[] = [
  ...bothRefuse(
    15,
    "the header of an unprotected record of 2^14 + 1 bytes",
    overflow("fragment of 16385 bytes, allowed 16384"),
    (peer) => peer.deliver(recordHeader(22, 16385)),
    "in the handshake",
  ),
  ...bothRefuse(
    15,
    "the header of a protected record of 2^14 + 2049 bytes",
    overflow("fragment of 18433 bytes, allowed 18432"),
    (peer) => peer.deliver(recordHeader(23, 18433)),
  ),
  ...bothRefuse(
    15,
    "a protected record of 2^14 + 2048 bytes, which may be, and does not authenticate,",
    { alert: "bad_record_mac", says: "record does not authenticate" },
    (peer) => peer.deliver(plainRecord(23, new Uint8Array(18432))),
  ),
  ...bothRefuse(
    15,
    "2^14 + 1 bytes of content",
    overflow("plaintext of 16385 bytes, allowed 16384"),
    (peer) => peer.sendData(new Uint8Array(16385)),
  ),
  ...bothRefuse(
    15,
    "as much content as fits into a record, and more than may be,",
    overflow("plaintext of 18408 bytes, allowed 16384"),
    (peer) => peer.sendData(new Uint8Array(18432 - 24)),
  ),
  ...bothAccept(15, "2^14 bytes of content are taken", (peer) => {
    peer.sendData(new Uint8Array(16384));
    expect(eventsOf(peer, "data").map(({ data }) => data.length)).toEqual([16384]);
  }),
  clientRefuses(
    15,
    "a byte more than the record_size_limit that was agreed on",
    overflow("plaintext of 65 bytes, allowed 64"),
    (server) => {
      server.serverHello(setting({ recordSizeLimit: 100 }));
      server.complete();
      server.sendData(new Uint8Array(64));
      server.sendData(new Uint8Array(65));
    },
    limitedReads,
  ),
  serverRefuses(
    15,
    "a byte more than the record_size_limit that was agreed on",
    overflow("plaintext of 65 bytes, allowed 64"),
    (client) => {
      client.clientHello(setting({ recordSizeLimit: 100 }));
      client.complete();
      client.sendData(new Uint8Array(64));
      client.sendData(new Uint8Array(65));
    },
    limitedReads,
  ),
  clientAccepts(
    15,
    "a record_size_limit does not count for records without protection",
    (server) => server.serverHello(setting({ recordSizeLimit: 100 })),
    limitedReads,
  ),
  clientAccepts(
    15,
    "records are as small as the server's record_size_limit asks for",
    (server) => {
      server.serverHello(setting({ recordSizeLimit: 64 }));
      server.complete().engine.write(new Uint8Array(200));
      server.pump();
      expect(server.data.map(({ length }) => length)).toEqual([64, 64, 64, 8]);
    },
    limitedReads,
  ),
  clientRefuses(
    15,
    "a record_size_limit below 64",
    { alert: "illegal_parameter", says: "record_size_limit is 63, at least 64" },
    (server) => server.serverHello(setting({ recordSizeLimit: 63 })),
    limitedReads,
  ),
  serverRefuses(
    15,
    "a record_size_limit below 64",
    { alert: "illegal_parameter", says: "record_size_limit is 63, at least 64" },
    (client) => client.clientHello(setting({ recordSizeLimit: 63 })),
  ),
];

/** Row 16, as far as TLS 1.2 has it: the type stands outside. */
const types: readonly Pitfall[] = (["in the handshake", "after the handshake"] as const).flatMap((where) =>
  [0, 19, 24, 255].flatMap((type) =>
    bothRefuse(
      16,
      `a record of type ${type}`,
      { alert: "unexpected_message", says: `record of content type ${type}` },
      (peer) => peer.sendRecord(type, ascii("what is it")),
      where,
    ),
  ),
);

export const tls12Rows14To16: readonly Pitfall[] = [...alerts, ...sizes, ...types];
