import { expect } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { type CloseReason, PeerAlert, TlsAlert, TruncationError } from "../../src/index.ts";
import { ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import type { Forger13 } from "../support/forger13.ts";
import { adding, raw, replacing, setting, times } from "./edits.ts";
import { eventsOf, expectInert, expectOpen, type Pitfall } from "./pitfall.ts";
import {
  bothAccept,
  bothRefuse,
  clientAccepts,
  clientRefuses,
  forgedClient,
  forgedServer,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";

const flood = {
  alert: "unexpected_message",
  says: "more than 32 handshake messages without application data",
} as const;

/** How often the engine has sent KeyUpdate. */
function keyUpdates({ messages }: Forger): number {
  return messages.filter(({ name }) => name === "key_update").length;
}

/** Row 47: KeyUpdate. */
const keyUpdate: readonly Pitfall[] = [
  ...[2, 3, 255].flatMap((mode) =>
    bothRefuse(
      47,
      `a KeyUpdate with request_update ${mode}`,
      { alert: "illegal_parameter", says: `request_update is ${mode}, allowed 0, 1` },
      (peer) => peer.keyUpdate({ raw: () => rawMessage(HandshakeType.key_update, Uint8Array.of(mode)) }),
    ),
  ),
  ...bothRefuse(
    47,
    "a KeyUpdate without request_update",
    { alert: "decode_error", says: "1 bytes are declared where 0 are left" },
    (peer) => peer.keyUpdate({ raw: () => rawMessage(HandshakeType.key_update) }),
  ),
  ...bothRefuse(47, "the 33rd KeyUpdate without data", flood, (peer) => times(33, () => peer.keyUpdate())),
  ...bothRefuse(47, "the 33rd KeyUpdate with empty records in between", flood, (peer) => {
    times(17, () => peer.keyUpdate());
    times(8, () => peer.sendData(new Uint8Array()));
    times(16, () => peer.keyUpdate({}, 1));
  }),
  clientRefuses(47, "the 33rd NewSessionTicket or KeyUpdate without data", flood, (server) => {
    server.complete();
    times(16, () => server.newSessionTicket());
    times(17, () => server.keyUpdate());
  }),
  ...bothAccept(47, "32 KeyUpdates, data, and 32 more are taken", (peer) => {
    times(32, () => peer.keyUpdate());
    peer.sendData(ascii("data"));
    times(32, () => peer.keyUpdate());
    expect(eventsOf(peer, "key-update")).toEqual(
      Array.from({ length: 64 }, () => ({ type: "key-update", direction: "read" })),
    );
    expect(keyUpdates(peer)).toBe(0);
  }),
  ...bothAccept(47, "three requests are answered by one KeyUpdate, before the next data", (peer) => {
    times(3, () => peer.keyUpdate({}, 1));
    expect(keyUpdates(peer)).toBe(0);
    peer.engine.write(ascii("first"));
    peer.engine.write(ascii("second"));
    peer.pump();
    expect(peer.messages.slice(-1).map((message) => message.raw)).toEqual([
      rawMessage(HandshakeType.key_update, Uint8Array.of(0)),
    ]);
    expect(keyUpdates(peer)).toBe(1);
    expect(peer.data.map(latin1)).toEqual(["first", "second"]);
  }),
  ...bothAccept(
    47,
    "a KeyUpdate that is asked for while data waits to be sent leaves that data alone",
    (peer) => {
      peer.engine.write(ascii("first"));
      peer.together(() => peer.keyUpdate({}, 1));
      peer.engine.write(ascii("second"));
      peer.pump();
      expect(keyUpdates(peer)).toBe(1);
      expect(peer.data.map(latin1)).toEqual(["first", "second"]);
    },
  ),
  ...bothAccept(47, "the engine's own KeyUpdates are followed by data under the next keys", (peer) => {
    peer.engine.updateKeys(true);
    peer.engine.updateKeys();
    peer.engine.write(ascii("data"));
    peer.pump();
    expect(peer.messages.slice(-2).map((message) => message.raw.at(-1))).toEqual([1, 0]);
    expect(peer.data.map(latin1)).toEqual(["data"]);
  }),
  ...bothRefuse(
    47,
    "data under the old keys behind a KeyUpdate",
    { alert: "bad_record_mac", says: "record does not authenticate" },
    (peer) => {
      peer.sendHandshake(rawMessage(HandshakeType.key_update, Uint8Array.of(0)));
      peer.sendData(ascii("data"));
    },
  ),
];

/** A test with an engine of each role, whose handshake is through. */
function withBoth(row: number, name: string, act: (peer: Forger13) => void): readonly Pitfall[] {
  return [
    { row, engine: "client", name, run: () => act(forgedServer().complete()) },
    { row, engine: "server", name, run: () => act(forgedClient().complete()) },
  ];
}

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
    peer.sendInner(Uint8Array.of(1, 0, 21), {
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
    peer.keyUpdate({}, 1);
    peer.sendData(ascii("later"));
    peer.sendAlert(1, "close_notify");
    expect(eventsOf(peer, "data").map(({ data }) => latin1(data))).toEqual(["late", "later"]);
    expect(closedAs(peer)).toEqual([{ kind: "clean" }]);
    expect(peer.alerts).toEqual([closeNotify]);
    expect(keyUpdates(peer)).toBe(0);
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
  ...withBoth(48, "an alert behind the peer's close_notify is not reported", (peer) => {
    peer.sendAlert(1, "close_notify");
    peer.sendAlert(2, "internal_error");
    peer.engine.receiveEof();
    peer.pump();
    expect(closedAs(peer)).toEqual([{ kind: "clean" }]);
  }),
  {
    row: 48,
    engine: "client",
    name: "an end in the handshake is a truncation",
    run() {
      const server = forgedServer().upTo("finished");
      server.engine.receiveEof();
      server.pump();
      expect(closedAs(server)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
      expectInert(server);
    },
  },
  {
    row: 48,
    engine: "server",
    name: "an end in the handshake is a truncation",
    run() {
      const client = forgedClient().upTo("finished");
      client.engine.receiveEof();
      client.pump();
      expect(closedAs(client)).toEqual([{ kind: "truncated", error: expect.any(TruncationError) }]);
      expectInert(client);
    },
  },
];

const withAlpn = { config: { alpn: ["h2", "http/1.1"] } };

function named(...names: readonly string[]) {
  return setting<ClientHello>({ applicationLayerProtocolNegotiation: names.map(ascii) });
}

function sni(...names: readonly { readonly nameType: number; readonly name: Uint8Array }[]) {
  return setting<ClientHello>({ serverName: names });
}

/** A ClientHello that the server takes, and what it makes of its names. */
function serverReads(
  name: string,
  change: (hello: ClientHello) => ClientHello,
  expected: { readonly serverName?: string | null; readonly alpn?: string | null },
  config: Parameters<typeof forgedClient>[0] = {},
): Pitfall {
  return {
    row: 49,
    engine: "server",
    name,
    run() {
      const client = forgedClient(config);
      client.clientHello(change);
      expect(expectOpen(client.complete())).toMatchObject(expected);
    },
  };
}

/** Row 49: ALPN and SNI. */
const names: readonly Pitfall[] = [
  serverRefuses(
    49,
    "ALPN without a protocol in common",
    {
      alert: "no_application_protocol",
      says: 'no ALPN protocol in common: the client offers "h3", "HTTP/1.1", "http/1.10"',
    },
    (client) => client.clientHello(named("h3", "HTTP/1.1", "http/1.10")),
    withAlpn,
  ),
  serverReads(
    "the server's first ALPN protocol that is offered is taken",
    named("http/1.1", "h2"),
    { alpn: "h2" },
    withAlpn,
  ),
  serverReads("ALPN is passed over by a server that wants none", named("h2"), { alpn: null }),
  serverReads("a client without ALPN is taken", (hello) => hello, { alpn: null }, withAlpn),
  serverReads(
    "ALPN without a protocol in common is passed over where that is wanted",
    named("h3"),
    { alpn: null },
    { config: { alpn: ["h2"], alpnMismatch: "ignore" } },
  ),
  ...["h3", "H2", "h2 ", "h", "http/1.1\0"].map((protocol) =>
    clientRefuses(
      49,
      `the ALPN protocol ${JSON.stringify(protocol)}, which was not offered,`,
      { alert: "illegal_parameter", says: "server chose the ALPN protocol" },
      (server) =>
        server
          .upTo("encryptedExtensions")
          .encryptedExtensions(setting({ applicationLayerProtocolNegotiation: [ascii(protocol)] })),
      withAlpn,
    ),
  ),
  clientRefuses(
    49,
    "two ALPN protocols in EncryptedExtensions",
    { alert: "decode_error", says: "server chose 2 ALPN protocols" },
    (server) =>
      server
        .upTo("encryptedExtensions")
        .encryptedExtensions(
          setting({ applicationLayerProtocolNegotiation: [ascii("h2"), ascii("http/1.1")] }),
        ),
    withAlpn,
  ),
  ...["h2", "http/1.1"].map((protocol) =>
    clientAccepts(
      49,
      `the ALPN protocol ${protocol} is taken from a server that chose it`,
      (server) => {
        server
          .upTo("encryptedExtensions")
          .encryptedExtensions(setting({ applicationLayerProtocolNegotiation: [ascii(protocol)] }));
        expect(server.complete().engine.info?.alpn).toBe(protocol);
      },
      withAlpn,
    ),
  ),
  clientAccepts(49, "an acknowledgement of server_name is taken", (server) =>
    server.upTo("encryptedExtensions").encryptedExtensions(setting({ serverName: true })),
  ),
  clientRefuses(
    49,
    "an acknowledgement of server_name with a name in it",
    { alert: "decode_error", says: "trailing bytes in extension serverName" },
    (server) =>
      server
        .upTo("encryptedExtensions")
        .encryptedExtensions(
          replacing("serverName", 0, concatBytes(Uint8Array.of(0, 4, 0, 0, 1), ascii("a"))),
        ),
  ),
  serverReads("a server_name is reported in lower case", sni({ nameType: 0, name: ascii("A.Example") }), {
    serverName: "a.example",
  }),
  serverReads("names of other types are passed over", sni({ nameType: 7, name: ascii("x") }), {
    serverName: null,
  }),
  serverReads(
    "a host name behind names of other types is found",
    sni({ nameType: 7, name: ascii("x") }, { nameType: 0, name: ascii("a.example") }),
    { serverName: "a.example" },
  ),
  serverRefuses(
    49,
    "two host names",
    { alert: "illegal_parameter", says: "server_name holds 2 host names" },
    (client) =>
      client.clientHello(
        sni({ nameType: 0, name: ascii("a.example") }, { nameType: 0, name: ascii("b.example") }),
      ),
  ),
  ...[
    { what: "a NUL in it", name: ascii("a.example\0.b.example") },
    { what: "a byte above 0x7f", name: Uint8Array.of(0x61, 0xc3, 0xa4) },
    { what: "256 bytes", name: new Uint8Array(256).fill(0x61) },
  ].map(({ what, name }) =>
    serverRefuses(
      49,
      `a host name with ${what}`,
      { alert: "decode_error", says: "that is not ASCII without NUL" },
      (client) => client.clientHello(sni({ nameType: 0, name })),
    ),
  ),
];

/** Row 50: point formats mean nothing in TLS 1.3, and are not answered. */
const pointFormats: readonly Pitfall[] = [
  clientRefuses(
    50,
    "ec_point_formats in EncryptedExtensions",
    {
      alert: "unsupported_extension",
      says: "EncryptedExtensions holds ec_point_formats, which does not belong there",
    },
    (server) =>
      server
        .upTo("encryptedExtensions")
        .encryptedExtensions(adding(raw(ExtensionType.ec_point_formats, [1, 0]))),
  ),
  ...[
    [1, 0],
    [3, 0, 1, 2],
    [1, 1],
  ].map((bytes) =>
    serverAccepts(50, `ec_point_formats of ${bytes.join(" ")} in ClientHello is passed over`, (client) =>
      client.clientHello(adding(raw(ExtensionType.ec_point_formats, bytes))),
    ),
  ),
];

/** Row 51: exporters. */
const exporters: readonly Pitfall[] = [
  ...withBoth(51, "both sides export the same, and an empty context is no context", (peer) => {
    expectOpen(peer);
    const none = new Uint8Array();
    const exporter = peer.main?.exporter;
    for (const [label, context, length] of [
      ["EXPERIMENTAL", none, 32],
      ["EXPERIMENTAL", ascii("context"), 32],
      ["EXPERIMENTAL other", none, 100],
    ] as const) {
      expect(peer.engine.exportKeyingMaterial(label, context, length)).toEqual(
        exporter?.export(label, context, length),
      );
    }
    expect(peer.engine.exportKeyingMaterial("EXPERIMENTAL", none, 32)).not.toEqual(
      peer.engine.exportKeyingMaterial("EXPERIMENTAL", ascii("context"), 32),
    );
    expect(peer.engine.channelBinding("tls-exporter")).toEqual(
      exporter?.export("EXPORTER-Channel-Binding", none, 32),
    );
  }),
  ...withBoth(51, "exporters survive KeyUpdates, and not the end of the connection", (peer) => {
    const before = peer.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32);
    peer.keyUpdate();
    peer.engine.updateKeys(true);
    peer.pump();
    expect(peer.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32)).toEqual(before);
    peer.sendAlert(2, "internal_error");
    expect(() => peer.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32)).toThrow(TypeError);
  }),
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 51,
    engine,
    name: "there is nothing to export before the handshake has ended",
    run() {
      const peer = engine === "client" ? forgedServer().upTo("finished") : forgedClient().upTo("finished");
      expect(() => peer.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32)).toThrow(TypeError);
      expect(() => peer.engine.channelBinding("tls-exporter")).toThrow(TypeError);
    },
  })),
];

export const rows47To51: readonly Pitfall[] = [
  ...keyUpdate,
  ...ends,
  ...names,
  ...pointFormats,
  ...exporters,
];
