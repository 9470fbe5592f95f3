import type { AlertName } from "../../src/alert.ts";
import { ascii } from "../../src/bytes.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import { adding, raw, setting } from "./edits.ts";
import { clientHelloExtensions, inFirstEntry, ocsp, talkative, timestamps, UNKNOWN } from "./extensions.ts";
import { type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  type ClientSetup,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";
import { asking, otherGroup } from "./setups.ts";

type EncryptedExtensions = HandshakeBody<"encrypted_extensions">;

function twice(alert: AlertName, type: number) {
  return { alert, says: `extension ${type} appears twice` };
}

/** Row 26: no extension may appear twice in a block. */
const duplicates: readonly Pitfall[] = [
  ...clientHelloExtensions.flatMap((extension) => [
    serverRefuses(
      26,
      `a ClientHello with two extensions ${extension.type}`,
      twice("decode_error", extension.type),
      (client) => client.clientHello(adding(extension, extension)),
    ),
  ]),
  serverRefuses(
    26,
    "a ClientHello with two supported_groups extensions",
    twice("decode_error", 10),
    (client) => client.clientHello(adding(raw(ExtensionType.supported_groups, [0, 2, 0, 29]))),
  ),
  serverRefuses(
    26,
    "a second ClientHello with two key_share extensions",
    twice("decode_error", 51),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(adding(raw(ExtensionType.key_share, [0, 0])));
    },
  ),
  ...[raw(ExtensionType.supported_versions, [3, 4]), raw(ExtensionType.key_share, [0, 29, 0, 1, 1])].map(
    (extension) =>
      clientRefuses(
        26,
        `a ServerHello with two extensions ${extension.type}`,
        twice("decode_error", extension.type),
        (server) => server.serverHello(adding(extension)),
      ),
  ),
  clientRefuses(26, "a ServerHello with two unknown extensions", twice("decode_error", UNKNOWN), (server) =>
    server.serverHello(adding(raw(UNKNOWN), raw(UNKNOWN))),
  ),
  ...[raw(ExtensionType.supported_versions, [3, 4]), raw(ExtensionType.key_share, [0, 23])].map((extension) =>
    clientRefuses(
      26,
      `a HelloRetryRequest with two extensions ${extension.type}`,
      twice("illegal_parameter", extension.type),
      (server) => server.helloRetryRequest(adding(extension)),
      otherGroup,
    ),
  ),
  ...[raw(ExtensionType.cookie, [0, 1, 1]), raw(UNKNOWN)].map((extension) =>
    clientRefuses(
      26,
      `a HelloRetryRequest with two extensions ${extension.type}`,
      twice("illegal_parameter", extension.type),
      (server) => server.helloRetryRequest(adding(extension, extension)),
      otherGroup,
    ),
  ),
  ...[
    raw(ExtensionType.server_name),
    raw(ExtensionType.supported_groups, [0, 2, 0, 29]),
    raw(ExtensionType.application_layer_protocol_negotiation, [0, 2, 1, 0x61]),
    raw(ExtensionType.record_size_limit, [1, 0]),
    raw(UNKNOWN),
  ].map((extension) =>
    clientRefuses(
      26,
      `an EncryptedExtensions with two extensions ${extension.type}`,
      twice("decode_error", extension.type),
      (server) => server.upTo("encryptedExtensions").encryptedExtensions(adding(extension, extension)),
      talkative,
    ),
  ),
  ...[raw(ExtensionType.signature_algorithms, [0, 2, 4, 3])].map((extension) =>
    clientRefuses(
      26,
      `a CertificateRequest with two extensions ${extension.type}`,
      twice("decode_error", extension.type),
      (server) => server.upTo("certificateRequest").certificateRequest(adding(extension)),
      asking,
    ),
  ),
  clientRefuses(
    26,
    "a CertificateRequest with two unknown extensions",
    twice("decode_error", UNKNOWN),
    (server) => server.upTo("certificateRequest").certificateRequest(adding(raw(UNKNOWN), raw(UNKNOWN))),
    asking,
  ),
  ...[
    raw(ExtensionType.status_request, ocsp),
    raw(ExtensionType.signed_certificate_timestamp, timestamps),
    raw(UNKNOWN),
  ].flatMap((extension) => [
    clientRefuses(
      26,
      `a server's Certificate with two extensions ${extension.type}`,
      twice("decode_error", extension.type),
      (server) => server.upTo("certificate").certificate(inFirstEntry(adding(extension, extension))),
    ),
    serverRefuses(
      26,
      `a client's Certificate with two extensions ${extension.type}`,
      twice("decode_error", extension.type),
      (client) => client.upTo("certificate").certificate(inFirstEntry(adding(extension, extension))),
      mutual,
    ),
  ]),
  ...[raw(ExtensionType.early_data, [0, 0, 1, 0]), raw(UNKNOWN)].map((extension) =>
    clientRefuses(
      26,
      `a NewSessionTicket with two extensions ${extension.type}`,
      twice("illegal_parameter", extension.type),
      (server) => server.complete().newSessionTicket(adding(extension, extension)),
    ),
  ),
];

function misplaced(message: string, extension: string) {
  return {
    alert: "unsupported_extension",
    says: `${message} holds ${extension}, which does not belong there`,
  } as const;
}

function unsolicited(message: string, extension: string) {
  return {
    alert: "unsupported_extension",
    says: `${message} holds ${extension}, which was not asked for`,
  } as const;
}

const UNKNOWN_NAME = "0x7357";

const silent: ClientSetup = {
  config: { requestOcspResponse: false, requestSignedCertificateTimestamps: false },
};

const nameless: ClientSetup = {
  config: { serverName: null, dangerouslySkipHostname: true },
};

/** Row 27: an answer holds what was asked for, where it belongs; what asks may hold anything. */
const strays: readonly Pitfall[] = [
  ...[
    { name: UNKNOWN_NAME, extension: raw(UNKNOWN) },
    { name: "renegotiation_info", extension: raw(ExtensionType.renegotiation_info, [0]) },
    { name: "extended_main_secret", extension: raw(ExtensionType.extended_main_secret) },
    { name: "session_ticket", extension: raw(ExtensionType.session_ticket) },
    { name: "server_name", extension: raw(ExtensionType.server_name) },
    { name: "application_layer_protocol_negotiation", extension: raw(16, [0, 2, 1, 0x61]) },
    { name: "ec_point_formats", extension: raw(ExtensionType.ec_point_formats, [1, 0]) },
    { name: "supported_groups", extension: raw(ExtensionType.supported_groups, [0, 2, 0, 29]) },
    { name: "signature_algorithms", extension: raw(ExtensionType.signature_algorithms, [0, 2, 4, 3]) },
    { name: "early_data", extension: raw(ExtensionType.early_data) },
  ].flatMap(({ name, extension }) => [
    clientRefuses(
      27,
      `${name} in ServerHello`,
      misplaced("ServerHello", name),
      (server) => server.serverHello(adding(extension)),
      talkative,
    ),
    clientRefuses(
      27,
      `${name} in HelloRetryRequest`,
      misplaced("HelloRetryRequest", name),
      (server) => server.helloRetryRequest(adding(extension)),
      { ...talkative, ...otherGroup },
    ),
  ]),
  clientRefuses(27, "cookie in ServerHello", misplaced("ServerHello", "cookie"), (server) =>
    server.serverHello(adding(raw(ExtensionType.cookie, [0, 1, 1]))),
  ),
  ...[
    { name: UNKNOWN_NAME, extension: raw(UNKNOWN) },
    { name: "key_share", extension: raw(ExtensionType.key_share, [0, 29, 0, 1, 1]) },
    { name: "supported_versions", extension: raw(ExtensionType.supported_versions, [3, 4]) },
    { name: "status_request", extension: raw(ExtensionType.status_request, ocsp) },
    { name: "signed_certificate_timestamp", extension: raw(18, timestamps) },
    { name: "signature_algorithms", extension: raw(ExtensionType.signature_algorithms, [0, 2, 4, 3]) },
    { name: "psk_key_exchange_modes", extension: raw(ExtensionType.psk_key_exchange_modes, [1, 1]) },
    { name: "renegotiation_info", extension: raw(ExtensionType.renegotiation_info, [0]) },
    { name: "extended_main_secret", extension: raw(ExtensionType.extended_main_secret) },
    { name: "session_ticket", extension: raw(ExtensionType.session_ticket) },
    { name: "cookie", extension: raw(ExtensionType.cookie, [0, 1, 1]) },
    { name: "pre_shared_key", extension: raw(ExtensionType.pre_shared_key, [0, 0]) },
  ].map(({ name, extension }) =>
    clientRefuses(27, `${name} in EncryptedExtensions`, misplaced("EncryptedExtensions", name), (server) =>
      server.upTo("encryptedExtensions").encryptedExtensions(adding(extension)),
    ),
  ),
  ...(
    [
      ["application_layer_protocol_negotiation", { applicationLayerProtocolNegotiation: [ascii("a")] }],
      ["record_size_limit", { recordSizeLimit: 1000 }],
      ["early_data", { earlyData: true }],
    ] as const
  ).map(([name, extensions]) =>
    clientRefuses(
      27,
      `${name} in EncryptedExtensions, which was not asked for,`,
      unsolicited("EncryptedExtensions", name),
      (server) =>
        server.upTo("encryptedExtensions").encryptedExtensions(setting<EncryptedExtensions>(extensions)),
    ),
  ),
  clientRefuses(
    27,
    "server_name in EncryptedExtensions, for a name that was not sent,",
    unsolicited("EncryptedExtensions", "server_name"),
    (server) => server.upTo("encryptedExtensions").encryptedExtensions(setting({ serverName: true })),
    nameless,
  ),
  clientAccepts(
    27,
    "everything in EncryptedExtensions that was asked for is taken",
    (server) =>
      server.upTo("encryptedExtensions").encryptedExtensions(
        setting({
          serverName: true,
          supportedGroups: [23, 0x7a7a],
          applicationLayerProtocolNegotiation: [ascii("b")],
          recordSizeLimit: 1000,
        }),
      ),
    talkative,
  ),
  ...[
    { name: UNKNOWN_NAME, extension: raw(UNKNOWN) },
    { name: "server_name", extension: raw(ExtensionType.server_name) },
    { name: "supported_groups", extension: raw(ExtensionType.supported_groups, [0, 2, 0, 29]) },
    { name: "signature_algorithms", extension: raw(ExtensionType.signature_algorithms, [0, 2, 4, 3]) },
  ].flatMap(({ name, extension }) => [
    clientRefuses(27, `${name} in a server's Certificate`, misplaced("Certificate", name), (server) => {
      server.upTo("certificate").certificate(inFirstEntry(adding(extension)));
      server.certificateVerify();
    }),
    serverRefuses(
      27,
      `${name} in a client's Certificate`,
      misplaced("Certificate", name),
      (client) => {
        client.upTo("certificate").certificate(inFirstEntry(adding(extension)));
        client.certificateVerify();
      },
      mutual,
    ),
  ]),
  ...[
    { name: "status_request", extension: raw(ExtensionType.status_request, ocsp) },
    { name: "signed_certificate_timestamp", extension: raw(18, timestamps) },
  ].flatMap(({ name, extension }) => [
    clientAccepts(27, `${name} in a server's Certificate that was asked for is taken`, (server) =>
      server.upTo("certificate").certificate(inFirstEntry(adding(extension))),
    ),
    clientRefuses(
      27,
      `${name} in a server's Certificate, which was not asked for,`,
      unsolicited("Certificate", name),
      (server) => server.upTo("certificate").certificate(inFirstEntry(adding(extension))),
      silent,
    ),
    serverRefuses(
      27,
      `${name} in a client's Certificate, which was not asked for,`,
      unsolicited("Certificate", name),
      (client) => client.upTo("certificate").certificate(inFirstEntry(adding(extension))),
      mutual,
    ),
  ]),
  clientAccepts(
    27,
    "unknown and misplaced extensions in CertificateRequest are passed over",
    (server) =>
      server
        .upTo("certificateRequest")
        .certificateRequest(adding(raw(UNKNOWN, [1]), raw(ExtensionType.key_share), raw(0x0a0a))),
    asking,
  ),
  clientAccepts(27, "unknown and misplaced extensions in NewSessionTicket are passed over", (server) =>
    server.complete().newSessionTicket(adding(raw(UNKNOWN, [1]), raw(ExtensionType.key_share), raw(0x0a0a))),
  ),
  serverAccepts(27, "unknown and misplaced extensions in ClientHello are passed over", (client) =>
    client.clientHello(adding(raw(UNKNOWN, [1]), raw(0x0a0a), raw(ExtensionType.oid_filters, [0, 0]))),
  ),
];

export const rows26To27: readonly Pitfall[] = [...duplicates, ...strays];
