import { expect } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { present } from "../support/forger.ts";
import { adding, raw, replacing, setting, without } from "./edits.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  serverAccepts,
  serverRefuses,
  type ServerSetup12,
} from "./pitfall12.ts";
import { serverAccepts as server13Accepts } from "./pitfall13.ts";
import { illegal } from "./setups.ts";
import { only12, resumingClient, resumingServer, ticketing } from "./setups12.ts";

const withAlpn = { config: { alpn: ["h2", "http/1.1"] } };

function protocols(...names: readonly string[]) {
  return { applicationLayerProtocolNegotiation: names.map(ascii) };
}

function sni(...names: readonly { readonly nameType: number; readonly name: Uint8Array }[]) {
  return setting<ClientHello>({ serverName: names });
}

/** A ClientHello that the server takes, and what it makes of its names. */
function serverReads(
  name: string,
  change: (hello: ClientHello) => ClientHello,
  expected: { readonly serverName?: string | null; readonly alpn?: string | null },
  config: ServerSetup12 = {},
): Pitfall {
  return {
    row: 49,
    engine: "server",
    name,
    run() {
      const client = forgedClient12(config);
      client.clientHello(change);
      expect(expectOpen(client.complete())).toMatchObject(expected);
      const { applicationLayerProtocolNegotiation } = present(client.serverHello).extensions;
      if (expected.alpn !== undefined)
        expect(applicationLayerProtocolNegotiation?.map(latin1)).toEqual(
          expected.alpn === null ? undefined : [expected.alpn],
        );
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
    (client) => client.clientHello(setting(protocols("h3", "HTTP/1.1", "http/1.10"))),
    withAlpn,
  ),
  serverReads(
    "the server's first ALPN protocol that is offered is taken",
    setting(protocols("http/1.1", "h2")),
    { alpn: "h2" },
    withAlpn,
  ),
  serverReads("ALPN is passed over by a server that wants none", setting(protocols("h2")), { alpn: null }),
  serverReads("a client without ALPN is taken", (hello) => hello, { alpn: null }, withAlpn),
  serverReads(
    "ALPN without a protocol in common is passed over where that is wanted",
    setting(protocols("h3")),
    { alpn: null },
    { config: { alpn: ["h2"], alpnMismatch: "ignore" } },
  ),
  ...["h3", "H2", "h2 ", "h", "http/1.1\0"].map((protocol) =>
    clientRefuses(
      49,
      `the ALPN protocol ${JSON.stringify(protocol)}, which was not offered,`,
      illegal("server chose the ALPN protocol"),
      (server) => server.serverHello(setting(protocols(protocol))),
      withAlpn,
    ),
  ),
  clientRefuses(
    49,
    "two ALPN protocols in ServerHello",
    { alert: "decode_error", says: "server chose 2 ALPN protocols" },
    (server) => server.serverHello(setting(protocols("h2", "http/1.1"))),
    withAlpn,
  ),
  ...["h2", "http/1.1"].map((protocol) =>
    clientAccepts(
      49,
      `the ALPN protocol ${protocol} is taken from a server that chose it`,
      (server) => {
        server.serverHello(setting(protocols(protocol)));
        expect(server.complete().engine.info?.alpn).toBe(protocol);
      },
      withAlpn,
    ),
  ),
  clientAccepts(49, "an acknowledgement of server_name is taken", (server) =>
    server.serverHello(setting({ serverName: true })),
  ),
  clientRefuses(
    49,
    "an acknowledgement of server_name with a name in it",
    { alert: "decode_error", says: "trailing bytes in extension serverName" },
    (server) =>
      server.serverHello(replacing("serverName", 0, concatBytes(Uint8Array.of(0, 4, 0, 0, 1), ascii("a")))),
  ),
  serverReads("a server_name is reported in lower case", sni({ nameType: 0, name: ascii("A.Example") }), {
    serverName: "a.example",
  }),
  serverReads("names of other types are passed over", sni({ nameType: 7, name: ascii("x") }), {
    serverName: null,
  }),
  serverRefuses(49, "two host names", illegal("server_name holds 2 host names"), (client) =>
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

/** Row 49: names on a session that is resumed. RFC 6066 §3, RFC 7301 §3.1. */
const resumedNames: readonly Pitfall[] = [
  {
    row: 49,
    engine: "server",
    name: "server_name is not acknowledged when a session is resumed",
    run() {
      const named = sni({ nameType: 0, name: ascii("a.example") });
      const first = forgedClient12();
      first.clientHello(named);
      expect(present(first.serverHello).extensions.serverName).toBe(true);
      // The session is for the name that was sent, so that both connections must say it.
      const client = resumingClient({}, named);
      client.clientHello(named);
      expect(client.isResumed).toBe(true);
      expect(present(client.serverHello).extensions.serverName).toBeUndefined();
      expect(expectOpen(client.complete()).serverName).toBe("a.example");
    },
  },
  ...["h2", "http/1.1", null].map((second): Pitfall => ({
    row: 49,
    engine: "server",
    name: `a session of h2 is resumed with ${second ?? "no ALPN"}`,
    run() {
      const client = resumingClient(withAlpn, setting<ClientHello>(protocols("h2")));
      client.clientHello(second === null ? undefined : setting<ClientHello>(protocols(second)));
      expect(expectOpen(client.complete())).toMatchObject({ resumed: true, alpn: second });
    },
  })),
  {
    row: 49,
    engine: "server",
    name: "ALPN without a protocol in common gets no_application_protocol although the session could be resumed",
    run() {
      const client = resumingClient(withAlpn, setting<ClientHello>(protocols("h2")));
      client.clientHello(setting<ClientHello>(protocols("h3")));
      expect(client.alerts).toMatchObject([{ level: 2, alert: "no_application_protocol" }]);
    },
  },
  ...["h2", "http/1.1", null].map((second): Pitfall => ({
    row: 49,
    engine: "client",
    name: `a resumed session has ${second ?? "no ALPN"}, whatever it had before`,
    run() {
      const server = resumingServer(withAlpn);
      server.serverHello(second === null ? {} : setting(protocols(second)));
      expect(expectOpen(server.complete())).toMatchObject({ resumed: true, alpn: second });
    },
  })),
  ...[true, false].map((isAcknowledged): Pitfall => ({
    row: 49,
    engine: "client",
    name: `a resumed session ${isAcknowledged ? "with" : "without"} an acknowledgement of server_name is taken`,
    run() {
      const server = resumingServer(ticketing);
      server.serverHello(isAcknowledged ? setting({ serverName: true }) : {});
      expect(expectOpen(server.complete()).resumed).toBe(true);
    },
  })),
];

const noUncompressed = (who: string) => illegal(`${who} ec_point_formats lacks uncompressed`);

/** Row 50: points are uncompressed. */
const pointFormats: readonly Pitfall[] = [
  ...[[1], [2], [1, 2], [255]].flatMap((formats) => [
    serverRefuses(
      50,
      `ec_point_formats of ${formats.join(" ")} in ClientHello`,
      noUncompressed("the client's"),
      (client) => client.clientHello(setting({ ecPointFormats: Uint8Array.from(formats) })),
    ),
    clientRefuses(
      50,
      `ec_point_formats of ${formats.join(" ")} in ServerHello`,
      noUncompressed("server's"),
      (server) => server.serverHello(setting({ ecPointFormats: Uint8Array.from(formats) })),
    ),
  ]),
  ...[[0], [0, 1, 2], [2, 1, 0], [0x7a, 0], [0, 0]].flatMap((formats) => [
    serverAccepts(50, `ec_point_formats of ${formats.join(" ")} in ClientHello is taken`, (client) => {
      client.clientHello(setting({ ecPointFormats: Uint8Array.from(formats) }));
      expect(present(client.serverHello).extensions.ecPointFormats).toEqual(Uint8Array.of(0));
    }),
    clientAccepts(50, `ec_point_formats of ${formats.join(" ")} in ServerHello is taken`, (server) =>
      server.serverHello(setting({ ecPointFormats: Uint8Array.from(formats) })),
    ),
  ]),
  serverAccepts(50, "a ClientHello without ec_point_formats is taken", (client) => {
    client.clientHello((hello) => without<ClientHello>("ecPointFormats")(hello));
    expect(present(client.serverHello).extensions.ecPointFormats).toBeUndefined();
  }),
  clientAccepts(50, "a ServerHello without ec_point_formats is taken", (server) =>
    server.serverHello((body) => without<typeof body>("ecPointFormats")(body)),
  ),
  server13Accepts(50, "ec_point_formats without uncompressed means nothing in TLS 1.3", (client) =>
    client.clientHello(adding(raw(ExtensionType.ec_point_formats, [1, 1]))),
  ),
  {
    row: 50,
    engine: "client",
    name: "a client offers the uncompressed format, and no other",
    run() {
      for (const setup of [{}, only12])
        expect(forgedServer12(setup).clientHello.extensions.ecPointFormats).toEqual(Uint8Array.of(0));
    },
  },
];

export const tls12Rows49To50: readonly Pitfall[] = [...names, ...resumedNames, ...pointFormats];
