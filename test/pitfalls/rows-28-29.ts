import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { RawExtension } from "../../src/wire/codec.ts";
import { withBody } from "../support/forger.ts";
import { flipped, raw, replacing } from "./edits.ts";
import { clientHelloExtensions, inFirstEntry, talkative, UNKNOWN } from "./extensions.ts";
import { type Pitfall } from "./pitfall.ts";
import { clientAccepts, clientRefuses, mutual, serverAccepts, serverRefuses } from "./pitfall13.ts";
import { asking, malformed, only13, otherGroup } from "./setups.ts";

/** The known extensions of a ClientHello whose bodies have an end; `psk_key_exchange_modes` goes with row 41. */
const bounded = clientHelloExtensions.filter(
  ({ type }) =>
    type !== ExtensionType.padding &&
    type !== ExtensionType.renegotiation_info &&
    type !== ExtensionType.ec_point_formats &&
    type !== ExtensionType.session_ticket &&
    type !== UNKNOWN &&
    type !== 0x0a0a,
);

/** A ClientHello with nothing in it but what is replaced: bodies are read in the order in which they stand. */
function only(extension: RawExtension): (hello: ClientHello) => ClientHello {
  return (hello) => ({ ...hello, extensions: { unknown: [extension] } });
}

const emptyOnes: readonly { readonly what: string; readonly extension: RawExtension }[] = [
  { what: "server_name without a name", extension: raw(0, [0, 0]) },
  { what: "server_name with an empty name", extension: raw(0, [0, 3, 0, 0, 0]) },
  { what: "server_name without its list", extension: raw(0) },
  { what: "supported_groups without a group", extension: raw(10, [0, 0]) },
  { what: "signature_algorithms without a scheme", extension: raw(13, [0, 0]) },
  { what: "signature_algorithms with half a scheme", extension: raw(13, [0, 1, 4]) },
  { what: "ALPN without a protocol", extension: raw(16, [0, 0]) },
  { what: "ALPN with an empty protocol", extension: raw(16, [0, 1, 0]) },
  { what: "ALPN with an empty protocol behind another", extension: raw(16, [0, 3, 1, 0x61, 0]) },
  { what: "compress_certificate without an algorithm", extension: raw(27, [0]) },
  { what: "record_size_limit without a limit", extension: raw(28) },
  { what: "cookie without a byte", extension: raw(44, [0, 0]) },
  { what: "psk_key_exchange_modes without a mode", extension: raw(45, [0]) },
  { what: "certificate_authorities without an authority", extension: raw(47, [0, 0]) },
  { what: "certificate_authorities with an empty authority", extension: raw(47, [0, 2, 0, 0]) },
  { what: "signature_algorithms_cert without a scheme", extension: raw(50, [0, 0]) },
  { what: "key_share without its list", extension: raw(51) },
  { what: "key_share with an empty share", extension: raw(51, [0, 4, 0, 29, 0, 0]) },
  { what: "status_request without a type", extension: raw(5) },
];

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
  ...emptyOnes.map(({ what, extension }) =>
    serverRefuses(28, `${what} in ClientHello`, malformed, (client) => client.clientHello(only(extension))),
  ),
  serverRefuses(28, "an extension in ClientHello that is longer than the block", malformed, (client) =>
    // The high byte of the length of key_share, which is last and holds one share of 32 bytes.
    client.clientHello({ raw: (message) => flipped(message, -32 - 8, 0xff) }),
  ),
  ...(
    [
      ["supportedVersions", ExtensionType.supported_versions, [3, 4, 0]],
      ["supportedVersions", ExtensionType.supported_versions, [3]],
      ["keyShare", ExtensionType.key_share, [0, 29, 0, 1, 1, 0]],
      ["keyShare", ExtensionType.key_share, [0, 29, 0, 0]],
      ["keyShare", ExtensionType.key_share, [0, 29]],
    ] as const
  ).map(([name, type, bytes]) =>
    clientRefuses(28, `extension ${type} of ServerHello with ${bytes.join(" ")}`, malformed, (server) =>
      server.serverHello(replacing(name, type, Uint8Array.from(bytes))),
    ),
  ),
  ...(
    [
      ["supportedVersions", ExtensionType.supported_versions, [3, 4, 0]],
      ["keyShare", ExtensionType.key_share, [0, 23, 0]],
      ["keyShare", ExtensionType.key_share, [23]],
      ["cookie", ExtensionType.cookie, [0, 0]],
      ["cookie", ExtensionType.cookie, [0, 1, 1, 1]],
      ["cookie", ExtensionType.cookie, []],
    ] as const
  ).map(([name, type, bytes]) =>
    clientRefuses(
      28,
      `extension ${type} of HelloRetryRequest with ${bytes.join(" ") || "nothing"}`,
      malformed,
      (server) => server.helloRetryRequest(replacing(name, type, Uint8Array.from(bytes))),
      otherGroup,
    ),
  ),
  ...(
    [
      ["serverName", ExtensionType.server_name, [0]],
      ["supportedGroups", ExtensionType.supported_groups, [0, 0]],
      ["supportedGroups", ExtensionType.supported_groups, [0, 2, 0, 29, 0]],
      ["applicationLayerProtocolNegotiation", 16, [0, 0]],
      ["applicationLayerProtocolNegotiation", 16, [0, 1, 0]],
      ["applicationLayerProtocolNegotiation", 16, [0, 2, 1, 0x61, 0]],
      ["recordSizeLimit", ExtensionType.record_size_limit, [1, 0, 0]],
      ["recordSizeLimit", ExtensionType.record_size_limit, [1]],
      ["earlyData", ExtensionType.early_data, [0]],
    ] as const
  ).map(([name, type, bytes]) =>
    clientRefuses(
      28,
      `extension ${type} of EncryptedExtensions with ${bytes.join(" ")}`,
      malformed,
      (server) =>
        server.upTo("encryptedExtensions").encryptedExtensions(replacing(name, type, Uint8Array.from(bytes))),
      talkative,
    ),
  ),
  clientRefuses(
    28,
    "an EncryptedExtensions without its length",
    { alert: "decode_error", says: "2 bytes are declared where 0 are left" },
    (server) =>
      server.upTo("encryptedExtensions").encryptedExtensions({
        raw: (message) => withBody(message, () => new Uint8Array()),
      }),
  ),
  ...(
    [
      ["signatureAlgorithms", ExtensionType.signature_algorithms, [0, 0]],
      ["signatureAlgorithms", ExtensionType.signature_algorithms, [0, 2, 4, 3, 0]],
      ["certificateAuthorities", ExtensionType.certificate_authorities, [0, 0]],
      ["certificateAuthorities", ExtensionType.certificate_authorities, [0, 2, 0, 0]],
      ["certificateAuthorities", ExtensionType.certificate_authorities, [0, 3, 0, 1, 0x30, 0]],
      ["signatureAlgorithmsCert", ExtensionType.signature_algorithms_cert, [0, 0]],
      ["statusRequest", ExtensionType.status_request, [1, 0, 0, 0, 0, 0]],
      ["signedCertificateTimestamp", ExtensionType.signed_certificate_timestamp, [0]],
      ["compressCertificate", ExtensionType.compress_certificate, [0]],
      ["oidFilters", ExtensionType.oid_filters, [0, 1, 1]],
    ] as const
  ).map(([name, type, bytes]) =>
    clientRefuses(
      28,
      `extension ${type} of CertificateRequest with ${bytes.join(" ")}`,
      malformed,
      (server) =>
        server.upTo("certificateRequest").certificateRequest(replacing(name, type, Uint8Array.from(bytes))),
      asking,
    ),
  ),
  ...(
    [
      ["statusRequest", ExtensionType.status_request, [1, 0, 0, 0]],
      ["statusRequest", ExtensionType.status_request, [1, 0, 0, 1, 0x30, 0]],
      ["signedCertificateTimestamp", ExtensionType.signed_certificate_timestamp, [0, 0]],
      ["signedCertificateTimestamp", ExtensionType.signed_certificate_timestamp, [0, 2, 0, 0]],
      ["signedCertificateTimestamp", ExtensionType.signed_certificate_timestamp, [0, 3, 0, 1, 7, 0]],
    ] as const
  ).flatMap(([name, type, bytes]) => [
    clientRefuses(
      28,
      `extension ${type} of a server's Certificate with ${bytes.join(" ")}`,
      malformed,
      (server) =>
        server.upTo("certificate").certificate(inFirstEntry(replacing(name, type, Uint8Array.from(bytes)))),
    ),
    serverRefuses(
      28,
      `extension ${type} of a client's Certificate with ${bytes.join(" ")}`,
      malformed,
      (client) =>
        client.upTo("certificate").certificate(inFirstEntry(replacing(name, type, Uint8Array.from(bytes)))),
      mutual,
    ),
  ]),
  ...[[0, 0, 1], [0, 0, 1, 0, 0], []].map((bytes) =>
    clientRefuses(
      28,
      `early_data of NewSessionTicket with ${bytes.join(" ") || "nothing"}`,
      malformed,
      (server) =>
        server
          .complete()
          .newSessionTicket(replacing("earlyData", ExtensionType.early_data, Uint8Array.from(bytes))),
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

const oldClient = {
  alert: "protocol_version",
  says: "offers version TLSv1.2, and TLSv1.3 is required",
} as const;

const oldServer = {
  alert: "protocol_version",
  says: "server chose version TLSv1.2, and TLSv1.3 was offered",
} as const;

/** Row 29: hellos of TLS 1.2 without extensions are well formed, and no TLS 1.3. */
const withoutExtensions: readonly Pitfall[] = [
  serverRefuses(
    29,
    "a ClientHello without an extensions block is read, and",
    oldClient,
    (client) => client.clientHello({ raw: withoutBlock(clientBlockAt) }),
    only13,
  ),
  serverRefuses(
    29,
    "a ClientHello with an empty extensions block is read, and",
    oldClient,
    (client) => client.clientHello((hello) => ({ ...hello, extensions: {} })),
    only13,
  ),
  clientRefuses(
    29,
    "a ServerHello without an extensions block is read, and",
    oldServer,
    (server) => server.serverHello({ raw: withoutBlock(serverBlockAt) }),
    only13,
  ),
  clientRefuses(
    29,
    "a ServerHello with an empty extensions block is read, and",
    oldServer,
    (server) => server.serverHello((hello) => ({ ...hello, extensions: {} })),
    only13,
  ),
  clientRefuses(
    29,
    "a HelloRetryRequest without an extensions block",
    { alert: "decode_error", says: "2 bytes are declared where 0 are left" },
    (server) => server.helloRetryRequest({ raw: withoutBlock(serverBlockAt) }),
    otherGroup,
  ),
  clientRefuses(
    29,
    "a CertificateRequest with an empty extensions block",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 2..65535" },
    (server) =>
      server.upTo("certificateRequest").certificateRequest({
        raw: (message) => withBody(message, () => Uint8Array.of(0, 0, 0)),
      }),
    asking,
  ),
  clientAccepts(29, "empty extensions blocks in the rest of the flight are taken", () => undefined),
  serverAccepts(29, "a client's Certificate with empty extensions blocks is taken", () => undefined, mutual),
];

export const rows28To29: readonly Pitfall[] = [...insides, ...withoutExtensions];
