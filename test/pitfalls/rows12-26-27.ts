import { expect } from "vitest";

import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { RawExtension } from "../../src/wire/codec.ts";
import { present } from "../support/forger.ts";
import { adding, raw, setting, without } from "./edits.ts";
import { clientHelloExtensions, timestamps, UNKNOWN } from "./extensions.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  type ClientSetup12,
  forgedClient12,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { illegal } from "./setups.ts";
import { asksForAll, cbc, only12, stapling, talkativeOptions, ticketing } from "./setups12.ts";

type ServerHello = HandshakeBody<"tls12_server_hello">;

/** Extensions of a ServerHello of TLS 1.2 as they may be on the wire, with their names in its block. */
const answers: readonly {
  readonly name: keyof ServerHello["extensions"];
  readonly extension: RawExtension;
}[] = [
  { name: "serverName", extension: raw(ExtensionType.server_name) },
  { name: "extendedMainSecret", extension: raw(ExtensionType.extended_main_secret) },
  { name: "renegotiationInfo", extension: raw(ExtensionType.renegotiation_info, [0]) },
  { name: "statusRequest", extension: raw(ExtensionType.status_request) },
  { name: "ecPointFormats", extension: raw(ExtensionType.ec_point_formats, [1, 0]) },
  { name: "sessionTicket", extension: raw(ExtensionType.session_ticket) },
  { name: "encryptThenMac", extension: raw(ExtensionType.encrypt_then_mac) },
  {
    name: "applicationLayerProtocolNegotiation",
    extension: raw(ExtensionType.application_layer_protocol_negotiation, [0, 2, 1, 0x61]),
  },
  {
    name: "signedCertificateTimestamp",
    extension: raw(ExtensionType.signed_certificate_timestamp, timestamps),
  },
  { name: "recordSizeLimit", extension: raw(ExtensionType.record_size_limit, [1, 0]) },
];

/** `extension` in the place of what is there of its kind. */
function put({ name, extension }: (typeof answers)[number]): (body: ServerHello) => ServerHello {
  return (body) => adding<ServerHello>(extension)(without<ServerHello>(name)(body));
}

function twice(type: number) {
  return { alert: "decode_error", says: `extension ${type} appears twice` } as const;
}

/** Row 26: no extension may appear twice in a block. */
const duplicates: readonly Pitfall[] = [
  ...clientHelloExtensions.map((extension) =>
    serverRefuses(
      26,
      `a ClientHello with two extensions ${extension.type}`,
      twice(extension.type),
      (client) =>
        client.clientHello((hello) =>
          adding<ClientHello>(extension, extension)({ ...hello, extensions: {} }),
        ),
    ),
  ),
  ...[...answers.map(({ extension }) => extension), raw(ExtensionType.supported_groups, [0, 2, 0, 29])].map(
    (extension) =>
      clientRefuses(
        26,
        `a ServerHello with two extensions ${extension.type}`,
        twice(extension.type),
        (server) =>
          server.serverHello((body) =>
            adding<ServerHello>(extension, extension)({ ...body, extensions: {} }),
          ),
        asksForAll,
      ),
  ),
  clientRefuses(26, "a ServerHello with two unknown extensions", twice(UNKNOWN), (server) =>
    server.serverHello(adding(raw(UNKNOWN), raw(UNKNOWN))),
  ),
];

function misplaced(extension: string) {
  return {
    alert: "unsupported_extension",
    says: `ServerHello holds ${extension}, which does not belong there`,
  } as const;
}

function unsolicited(extension: string) {
  return {
    alert: "unsupported_extension",
    says: `ServerHello holds ${extension}, which was not asked for`,
  } as const;
}

const silent: ClientSetup12 = {
  config: {
    requestOcspResponse: false,
    requestSignedCertificateTimestamps: false,
    sessionStore: null,
    serverName: null,
    dangerouslySkipHostname: true,
  },
};

/** Leaves extensions out of the ClientHello that a client engine sends. */
function shaped(...names: readonly (keyof ClientHello["extensions"])[]): ClientSetup12 {
  return {
    config: {
      shapeClientHello: (hello) => names.reduce((shape, name) => without<ClientHello>(name)(shape), hello),
    },
  };
}

/** Row 27: an answer holds what was asked for, where it belongs; what asks may hold anything. */
const strays: readonly Pitfall[] = [
  ...[
    { name: "0x7357", extension: raw(UNKNOWN) },
    { name: "max_fragment_length", extension: raw(ExtensionType.max_fragment_length, [1]) },
    { name: "heartbeat", extension: raw(ExtensionType.heartbeat, [1]) },
    { name: "use_srtp", extension: raw(ExtensionType.use_srtp, [0, 2, 0, 1, 0]) },
    { name: "signature_algorithms", extension: raw(ExtensionType.signature_algorithms, [0, 2, 4, 3]) },
    { name: "padding", extension: raw(ExtensionType.padding) },
    { name: "key_share", extension: raw(ExtensionType.key_share, [0, 29, 0, 1, 1]) },
    { name: "pre_shared_key", extension: raw(ExtensionType.pre_shared_key, [0, 0]) },
    { name: "early_data", extension: raw(ExtensionType.early_data) },
    { name: "cookie", extension: raw(ExtensionType.cookie, [0, 1, 1]) },
    { name: "psk_key_exchange_modes", extension: raw(ExtensionType.psk_key_exchange_modes, [1, 1]) },
    { name: "0x0a0a", extension: raw(0x0a0a) },
  ].flatMap(({ name, extension }) => [
    clientRefuses(
      27,
      `${name} in ServerHello`,
      misplaced(name),
      (server) => server.serverHello(adding(extension)),
      { config: talkativeOptions },
    ),
    clientRefuses(
      27,
      `${name} in ServerHello, to a client of TLS 1.2 alone,`,
      misplaced(name),
      (server) => server.serverHello(adding(extension)),
      only12,
    ),
  ]),
  ...(
    [
      ["serverName", "server_name", silent],
      ["statusRequest", "status_request", silent],
      ["signedCertificateTimestamp", "signed_certificate_timestamp", silent],
      ["sessionTicket", "session_ticket", silent],
      ["applicationLayerProtocolNegotiation", "application_layer_protocol_negotiation", {}],
      ["recordSizeLimit", "record_size_limit", {}],
      ["encryptThenMac", "encrypt_then_mac", {}],
      ["extendedMainSecret", "extended_main_secret", shaped("extendedMainSecret")],
      ["renegotiationInfo", "renegotiation_info", shaped("renegotiationInfo")],
      ["ecPointFormats", "ec_point_formats", shaped("ecPointFormats")],
    ] as const
  ).map(([name, shown, setup]) =>
    clientRefuses(
      27,
      `${shown} in ServerHello, which was not asked for,`,
      unsolicited(shown),
      (server) =>
        server.serverHello((body) => {
          // The only one that is there, so that no other one is met first.
          const [answer] = answers.filter((one) => one.name === name);
          return adding<ServerHello>(present(answer).extension)({ ...body, extensions: {} });
        }),
      setup,
    ),
  ),
  ...[[], [0, 2, 0, 29], [0]].map((bytes) =>
    clientAccepts(
      27,
      `supported_groups of ${bytes.join(" ") || "nothing"} in ServerHello, which some servers send, is passed over`,
      (server) => server.serverHello(adding(raw(ExtensionType.supported_groups, bytes))),
    ),
  ),
  clientAccepts(
    27,
    "everything in ServerHello that was asked for is taken",
    (server) =>
      server.serverHello((body) =>
        answers
          .filter(({ name }) => !["statusRequest", "sessionTicket", "encryptThenMac"].includes(name))
          .reduce((answer, one) => put(one)(answer), body),
      ),
    {
      config: { ...asksForAll.config },
      forger: { ...asksForAll.forger, ...stapling.forger, ...ticketing.forger },
    },
  ),
  clientRefuses(
    27,
    "encrypt_then_mac with an AEAD",
    illegal("server sends encrypt_then_mac with TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (server) => server.serverHello(setting({ encryptThenMac: true })),
    { config: { cipherSuites: [...cbc.config.cipherSuites, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] } },
  ),
  clientRefuses(
    27,
    "a ServerHello without extended_main_secret, where it is required,",
    { alert: "handshake_failure", says: "server has no extended main secret, and it is required" },
    (server) => server.serverHello(),
    { config: { requireExtendedMainSecret: true }, forger: { extendedMainSecret: false } },
  ),
  serverRefuses(
    27,
    "a ClientHello without extended_main_secret, where it is required,",
    { alert: "handshake_failure", says: "the client offers no extended main secret, and it is required" },
    (client) => client.clientHello(),
    { config: { requireExtendedMainSecret: true }, forger: { extendedMainSecret: false } },
  ),
  ...[true, false].flatMap((extendedMainSecret) => [
    clientAccepts(
      27,
      `a server ${extendedMainSecret ? "with" : "without"} extended main secret is taken`,
      (server) => expect(server.complete().engine.info).toMatchObject({ extendedMainSecret }),
      { forger: { extendedMainSecret } },
    ),
    serverAccepts(
      27,
      `a client ${extendedMainSecret ? "with" : "without"} extended main secret is taken`,
      (client) => expect(client.complete().engine.info).toMatchObject({ extendedMainSecret }),
      { forger: { extendedMainSecret } },
    ),
  ]),
  serverAccepts(27, "unknown and misplaced extensions in ClientHello are passed over", (client) =>
    client.clientHello(adding(raw(UNKNOWN, [1]), raw(0x0a0a), raw(ExtensionType.oid_filters, [0, 0]))),
  ),
  serverAccepts(27, "extensions of TLS 1.3 in a ClientHello of TLS 1.2 are passed over", (client) =>
    client.clientHello(
      setting({
        keyShare: [{ group: 29, keyExchange: new Uint8Array(7) }],
        pskKeyExchangeModes: Uint8Array.of(9),
        earlyData: true,
        cookie: Uint8Array.of(1),
        postHandshakeAuth: true,
      }),
    ),
  ),
  {
    row: 27,
    engine: "server",
    name: "a ServerHello answers nothing that was not asked for",
    run() {
      const names = [
        "renegotiationInfo",
        "ecPointFormats",
        "extendedMainSecret",
        "encryptThenMac",
        "sessionTicket",
      ] as const;
      for (const name of names) {
        const client = forgedClient12();
        client.clientHello((hello) => without<ClientHello>(name)(hello));
        const { extensions } = present(client.serverHello);
        expect({ name, value: extensions[name] }).toEqual({ name, value: undefined });
        expectOpen(client.complete());
      }
    },
  },
  {
    row: 27,
    engine: "server",
    name: "a ServerHello has encrypt_then_mac with CBC alone",
    run() {
      const aead = forgedClient12();
      aead.clientHello();
      expect(present(aead.serverHello).extensions.encryptThenMac).toBeUndefined();
      const blocks = forgedClient12(cbc);
      blocks.clientHello();
      expect(present(blocks.serverHello).extensions.encryptThenMac).toBe(true);
    },
  },
];

export const tls12Rows26To27: readonly Pitfall[] = [...duplicates, ...strays];
