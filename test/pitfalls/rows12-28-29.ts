import { expect } from "vitest";

import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { RawExtension } from "../../src/wire/codec.ts";
import { present, withBody } from "../support/forger.ts";
import { flipped, raw, replacing, setting, without } from "./edits.ts";
import { clientHelloExtensions } from "./extensions.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  type ClientSetup12,
  forgedClient12,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { malformed } from "./setups.ts";
import { asksForAll, resumingServer } from "./setups12.ts";

/** The known extensions of a ClientHello whose bodies have an end, those that TLS 1.2 reads. */
const bounded: readonly RawExtension[] = [
  ...clientHelloExtensions.filter(({ type }) =>
    (
      [
        ExtensionType.server_name,
        ExtensionType.renegotiation_info,
        ExtensionType.ec_point_formats,
      ] as readonly number[]
    ).includes(type),
  ),
  raw(ExtensionType.extended_main_secret),
  raw(ExtensionType.encrypt_then_mac),
];

/** A ClientHello with nothing in it but what is replaced: bodies are read in the order in which they stand. */
function only(extension: RawExtension): (hello: ClientHello) => ClientHello {
  return (hello) => ({ ...hello, extensions: { unknown: [extension] } });
}

/** Bodies of a ServerHello's extensions that do not fill their format, or overflow it. */
const badAnswers = [
  ["serverName", ExtensionType.server_name, [0]],
  ["serverName", ExtensionType.server_name, [0, 4, 0, 0, 1, 0x61]],
  ["extendedMainSecret", ExtensionType.extended_main_secret, [0]],
  ["renegotiationInfo", ExtensionType.renegotiation_info, []],
  ["renegotiationInfo", ExtensionType.renegotiation_info, [0, 0]],
  ["renegotiationInfo", ExtensionType.renegotiation_info, [1]],
  ["statusRequest", ExtensionType.status_request, [1]],
  ["statusRequest", ExtensionType.status_request, [1, 0, 0, 1, 0x30]],
  ["ecPointFormats", ExtensionType.ec_point_formats, []],
  ["ecPointFormats", ExtensionType.ec_point_formats, [0]],
  ["ecPointFormats", ExtensionType.ec_point_formats, [2, 0]],
  ["ecPointFormats", ExtensionType.ec_point_formats, [1, 0, 0]],
  ["sessionTicket", ExtensionType.session_ticket, [0]],
  ["encryptThenMac", ExtensionType.encrypt_then_mac, [0]],
  ["applicationLayerProtocolNegotiation", 16, []],
  ["applicationLayerProtocolNegotiation", 16, [0, 0]],
  ["applicationLayerProtocolNegotiation", 16, [0, 1, 0]],
  ["applicationLayerProtocolNegotiation", 16, [0, 2, 1, 0x61, 0]],
  ["signedCertificateTimestamp", 18, []],
  ["signedCertificateTimestamp", 18, [0, 0]],
  ["signedCertificateTimestamp", 18, [0, 2, 0, 0]],
  ["signedCertificateTimestamp", 18, [0, 3, 0, 1, 7, 0]],
  ["recordSizeLimit", ExtensionType.record_size_limit, [1]],
  ["recordSizeLimit", ExtensionType.record_size_limit, [1, 0, 0]],
] as const;

/** Row 28: the insides of extensions. */
const insides: readonly Pitfall[] = [
  ...bounded.map(({ type, body }) =>
    serverRefuses(28, `extension ${type} of ClientHello with a byte behind it`, malformed, (client) =>
      client.clientHello(only(raw(type, body, [0]))),
    ),
  ),
  ...bounded
    .filter(({ body }) => body.length > 0)
    .map(({ type, body }) =>
      serverRefuses(28, `extension ${type} of ClientHello without its last byte`, malformed, (client) =>
        client.clientHello(only(raw(type, body.subarray(0, -1)))),
      ),
    ),
  ...[
    { what: "renegotiation_info without its length", extension: raw(ExtensionType.renegotiation_info) },
    { what: "ec_point_formats without a format", extension: raw(ExtensionType.ec_point_formats, [0]) },
    { what: "ec_point_formats without its list", extension: raw(ExtensionType.ec_point_formats) },
  ].map(({ what, extension }) =>
    serverRefuses(28, `${what} in ClientHello`, malformed, (client) => client.clientHello(only(extension))),
  ),
  ...badAnswers.map(([name, type, bytes]) =>
    clientRefuses(
      28,
      `extension ${type} of ServerHello with ${bytes.join(" ") || "nothing"}`,
      malformed,
      (server) => server.serverHello(replacing(name, type, Uint8Array.from(bytes))),
      asksForAll,
    ),
  ),
  clientRefuses(28, "an extension in ServerHello that is longer than the block", malformed, (server) =>
    // The high byte of the length of ec_point_formats, which is last and of two bytes.
    server.serverHello({
      body: setting({ order: [0xff01, 23, 11] }),
      raw: (message) => flipped(message, -4, 0xff),
    }),
  ),
  ...[1, 0xffff].map((length) =>
    clientRefuses(28, `a ServerHello whose block declares ${length} bytes`, malformed, (server) =>
      server.serverHello({
        raw: (message) =>
          withBody(message, (body) => {
            const at = serverBlockAt(body);
            const copy = body.slice();
            copy.set([length >>> 8, length & 0xff], at);
            return copy;
          }),
      }),
    ),
  ),
];

/** Drops the extensions block with its length: the last field of each hello. */
function withoutBlock(start: (body: Uint8Array) => number): (message: Uint8Array) => Uint8Array {
  return (message) => withBody(message, (body) => body.subarray(0, start(body)));
}

/** Behind version, random, session id, the one suite and the one compression method. */
const clientBlockAt = (body: Uint8Array): number => 34 + 1 + (body[34] ?? 0) + 4 + 2;

const serverBlockAt = (body: Uint8Array): number => 34 + 1 + (body[34] ?? 0) + 2 + 1;

const noSchemes = { alert: "handshake_failure", says: "ClientHello holds no signature_algorithms" } as const;

const noGroups = { alert: "handshake_failure", says: "ClientHello holds no supported_groups" } as const;

const insecure = { alert: "handshake_failure", says: "server does not know renegotiation_info" } as const;

/** A client that talks to servers of before RFC 5746, and so to those without extensions. */
const lenient: ClientSetup12 = {
  config: { dangerouslyAllowServerWithoutRenegotiationInfo: true },
  forger: { extendedMainSecret: false },
};

/** Row 29: hellos without extensions are well formed; whether they are enough is another matter. */
const withoutExtensions: readonly Pitfall[] = [
  serverRefuses(29, "a ClientHello without an extensions block", noSchemes, (client) =>
    client.clientHello({ raw: withoutBlock(clientBlockAt) }),
  ),
  serverRefuses(29, "a ClientHello with an empty extensions block", noSchemes, (client) =>
    client.clientHello((hello) => ({ ...hello, extensions: {} })),
  ),
  serverRefuses(29, "a ClientHello without signature_algorithms", noSchemes, (client) =>
    client.clientHello((hello) => without<ClientHello>("signatureAlgorithms")(hello)),
  ),
  serverRefuses(29, "a ClientHello without supported_groups", noGroups, (client) =>
    client.clientHello((hello) => without<ClientHello>("supportedGroups")(hello)),
  ),
  serverAccepts(29, "a ClientHello with nothing but these two is taken", (client) =>
    client.clientHello((hello) => {
      const { signatureAlgorithms, supportedGroups } = hello.extensions;
      return {
        ...hello,
        extensions: {
          ...(signatureAlgorithms !== undefined && { signatureAlgorithms }),
          ...(supportedGroups !== undefined && { supportedGroups }),
        },
      };
    }),
  ),
  clientRefuses(29, "a ServerHello without an extensions block", insecure, (server) =>
    server.serverHello({ raw: withoutBlock(serverBlockAt) }),
  ),
  clientRefuses(29, "a ServerHello with an empty extensions block", insecure, (server) =>
    server.serverHello((body) => ({ ...body, extensions: {} })),
  ),
  clientAccepts(
    29,
    "a ServerHello without an extensions block is taken by a client that wants to",
    (server) => server.serverHello({ raw: withoutBlock(serverBlockAt) }),
    lenient,
  ),
  clientAccepts(
    29,
    "a ServerHello with an empty extensions block is taken by a client that wants to",
    (server) => server.serverHello((body) => ({ ...body, extensions: {} })),
    lenient,
  ),
  {
    row: 29,
    engine: "client",
    name: "a ServerHello that resumes a session without an extensions block is taken by a client that wants to",
    run() {
      const server = resumingServer(lenient);
      server.serverHello({ raw: withoutBlock(serverBlockAt) });
      expect(expectOpen(server.complete()).resumed).toBe(true);
    },
  },
  {
    row: 29,
    engine: "server",
    name: "a server answers a ClientHello without optional extensions with an empty block",
    run() {
      const client = forgedClient12();
      client.clientHello((hello) => {
        const names = [
          "renegotiationInfo",
          "ecPointFormats",
          "extendedMainSecret",
          "encryptThenMac",
          "sessionTicket",
        ] as const;
        return names.reduce((shape, name) => without<ClientHello>(name)(shape), hello);
      });
      expect(present(client.serverHello).extensions).toEqual({ order: [] });
      expect(expectOpen(client.complete()).extendedMainSecret).toBe(false);
    },
  },
];

export const tls12Rows28To29: readonly Pitfall[] = [...insides, ...withoutExtensions];
