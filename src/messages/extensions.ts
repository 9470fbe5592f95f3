import {
  type Codec,
  empty,
  type ExtensionSpec,
  extensions,
  type Infer,
  opaque,
  rest,
  struct,
  uint16,
  uint32,
  uint8,
  vector,
} from "../wire/codec.ts";
import { CertificateStatusType, ExtensionType } from "./codepoints.ts";

/** RFC 6066 §3. Names of types other than `host_name` are kept as they come. */
export const ServerName = struct({ nameType: uint8, name: opaque(1, 2 ** 16 - 1) });
export interface ServerName extends Infer<typeof ServerName> {}

/** RFC 8446 §4.2.8 */
export const KeyShareEntry = struct({ group: uint16, keyExchange: opaque(1, 2 ** 16 - 1) });
export interface KeyShareEntry extends Infer<typeof KeyShareEntry> {}

/** RFC 8446 §4.2.11 */
export const PskIdentity = struct({ identity: opaque(1, 2 ** 16 - 1), obfuscatedTicketAge: uint32 });
export interface PskIdentity extends Infer<typeof PskIdentity> {}

/** RFC 8446 §4.2.11 */
export const OfferedPsks = struct({
  identities: vector(PskIdentity, 7, 2 ** 16 - 1),
  binders: vector(opaque(32, 255), 33, 2 ** 16 - 1),
});
export interface OfferedPsks extends Infer<typeof OfferedPsks> {}

/** RFC 8446 §4.2.5 */
export const OidFilter = struct({
  certificateExtensionOid: opaque(1, 2 ** 8 - 1),
  certificateExtensionValues: opaque(0, 2 ** 16 - 1),
});
export interface OidFilter extends Infer<typeof OidFilter> {}

/** RFC 6066 §8. A request of another `status_type` than `ocsp` has another format and is kept whole. */
export type CertificateStatusRequest =
  | {
      readonly statusType: 1;
      readonly responderIdList: readonly Uint8Array[];
      readonly requestExtensions: Uint8Array;
    }
  | { readonly statusType: number; readonly request: Uint8Array };

const OcspStatusRequest = struct({
  responderIdList: vector(opaque(1, 2 ** 16 - 1), 0, 2 ** 16 - 1),
  requestExtensions: opaque(0, 2 ** 16 - 1),
});

/** RFC 6066 §8: what a ClientHello asks for. */
export const CertificateStatusRequest: Codec<CertificateStatusRequest> = {
  read(reader) {
    const statusType = reader.uint(1);
    if (statusType !== CertificateStatusType.ocsp) return { statusType, request: rest.read(reader) };
    return { statusType: CertificateStatusType.ocsp, ...OcspStatusRequest.read(reader) };
  },
  write(writer, value) {
    writer.uint(1, value.statusType);
    if ("request" in value) rest.write(writer, value.request);
    else OcspStatusRequest.write(writer, value);
  },
};

/** RFC 8446 §4.4.2.1, RFC 6066 §8: an OCSPResponse in DER. */
export const CertificateStatus = struct({ statusType: uint8, response: opaque(1, 2 ** 24 - 1) });
export interface CertificateStatus extends Infer<typeof CertificateStatus> {}

const known = <T>(type: number, body: Codec<T>): ExtensionSpec<T> => ({ type, body });

const supportedGroups = known(ExtensionType.supported_groups, vector(uint16, 2, 2 ** 16 - 1));
const signatureAlgorithms = known(ExtensionType.signature_algorithms, vector(uint16, 2, 2 ** 16 - 2));
const signatureAlgorithmsCert = known(
  ExtensionType.signature_algorithms_cert,
  vector(uint16, 2, 2 ** 16 - 2),
);
const certificateAuthorities = known(
  ExtensionType.certificate_authorities,
  vector(opaque(1, 2 ** 16 - 1), 3, 2 ** 16 - 1),
);
const applicationLayerProtocolNegotiation = known(
  ExtensionType.application_layer_protocol_negotiation,
  vector(opaque(1, 2 ** 8 - 1), 2, 2 ** 16 - 1),
);
const recordSizeLimit = known(ExtensionType.record_size_limit, uint16);
const compressCertificate = known(ExtensionType.compress_certificate, vector(uint16, 2, 2 ** 8 - 2));
const renegotiationInfo = known(ExtensionType.renegotiation_info, opaque(0, 2 ** 8 - 1));
const ecPointFormats = known(ExtensionType.ec_point_formats, opaque(1, 2 ** 8 - 1));
const encryptThenMac = known(ExtensionType.encrypt_then_mac, empty);
const extendedMainSecret = known(ExtensionType.extended_main_secret, empty);
const timestampList = known(
  ExtensionType.signed_certificate_timestamp,
  vector(opaque(1, 2 ** 16 - 1), 1, 2 ** 16 - 1),
);
// The list of a ClientHello, a byte for each type, and the one that is chosen from it (RFC 7250 §3).
const clientCertificateTypes = known(ExtensionType.client_certificate_type, opaque(1, 2 ** 8 - 1));
const clientCertificateType = known(ExtensionType.client_certificate_type, uint8);
const serverCertificateTypes = known(ExtensionType.server_certificate_type, opaque(1, 2 ** 8 - 1));
const serverCertificateType = known(ExtensionType.server_certificate_type, uint8);
const cookie = known(ExtensionType.cookie, opaque(1, 2 ** 16 - 1));

/**
 * Which extension may stand in which message: the table of RFC 8446 §4.2, with one block per message; those that only
 * TLS 1.2 uses are in the blocks of both hellos.
 * The order is the order in which we send them; `pre_shared_key` must stay last (§4.2.11).
 */
export const ClientHelloExtensions = extensions(
  {
    serverName: known(ExtensionType.server_name, vector(ServerName, 1, 2 ** 16 - 1)),
    extendedMainSecret,
    renegotiationInfo,
    statusRequest: known(ExtensionType.status_request, CertificateStatusRequest),
    supportedGroups,
    ecPointFormats,
    // The ticket itself, or nothing to ask for one (RFC 5077 §3.2).
    sessionTicket: known(ExtensionType.session_ticket, rest),
    encryptThenMac,
    signatureAlgorithms,
    applicationLayerProtocolNegotiation,
    signedCertificateTimestamp: known(ExtensionType.signed_certificate_timestamp, empty),
    clientCertificateTypes,
    serverCertificateTypes,
    padding: known(ExtensionType.padding, rest),
    compressCertificate,
    recordSizeLimit,
    earlyData: known(ExtensionType.early_data, empty),
    supportedVersions: known(ExtensionType.supported_versions, vector(uint16, 2, 254)),
    cookie,
    pskKeyExchangeModes: known(ExtensionType.psk_key_exchange_modes, opaque(1, 255)),
    certificateAuthorities,
    postHandshakeAuth: known(ExtensionType.post_handshake_auth, empty),
    signatureAlgorithmsCert,
    keyShare: known(ExtensionType.key_share, vector(KeyShareEntry, 0, 2 ** 16 - 1)),
    preSharedKey: known(ExtensionType.pre_shared_key, OfferedPsks),
  },
  0,
  2 ** 16 - 1,
  { optional: true },
);

/** The block of a ServerHello of TLS 1.3. RFC 8446 §4.1.3. */
export const ServerHelloExtensions = extensions(
  {
    supportedVersions: known(ExtensionType.supported_versions, uint16),
    keyShare: known(ExtensionType.key_share, KeyShareEntry),
    preSharedKey: known(ExtensionType.pre_shared_key, uint16),
  },
  0,
  2 ** 16 - 1,
  { optional: true },
);

/** The block of a ServerHello of TLS 1.2. RFC 5246 §7.4.1.4. */
export const Tls12ServerHelloExtensions = extensions(
  {
    serverName: known(ExtensionType.server_name, empty),
    extendedMainSecret,
    renegotiationInfo,
    // Announces a CertificateStatus message (RFC 6066 §8).
    statusRequest: known(ExtensionType.status_request, empty),
    // RFC 8422 has it in no ServerHello; some servers send it all the same, so clients pass over whatever it holds.
    supportedGroups: known(ExtensionType.supported_groups, rest),
    ecPointFormats,
    // Announces a NewSessionTicket message (RFC 5077 §3.2).
    sessionTicket: known(ExtensionType.session_ticket, empty),
    encryptThenMac,
    applicationLayerProtocolNegotiation,
    signedCertificateTimestamp: timestampList,
    clientCertificateType,
    serverCertificateType,
    recordSizeLimit,
  },
  0,
  2 ** 16 - 1,
  { optional: true },
);

/** The block of HelloRetryRequest. RFC 8446 §4.1.4. */
export const HelloRetryRequestExtensions = extensions(
  {
    supportedVersions: known(ExtensionType.supported_versions, uint16),
    keyShare: known(ExtensionType.key_share, uint16),
    cookie,
  },
  0,
  2 ** 16 - 1,
  { duplicate: "illegal_parameter" },
);

/** The block of EncryptedExtensions. RFC 8446 §4.3.1. */
export const EncryptedExtensionsExtensions = extensions(
  {
    serverName: known(ExtensionType.server_name, empty),
    supportedGroups,
    applicationLayerProtocolNegotiation,
    clientCertificateType,
    serverCertificateType,
    recordSizeLimit,
    earlyData: known(ExtensionType.early_data, empty),
  },
  0,
  2 ** 16 - 1,
);

/** The block of CertificateRequest. RFC 8446 §4.3.2. */
export const CertificateRequestExtensions = extensions(
  {
    // Empty here, unlike in ClientHello (RFC 8446 §4.4.2.1).
    statusRequest: known(ExtensionType.status_request, empty),
    signatureAlgorithms,
    signedCertificateTimestamp: known(ExtensionType.signed_certificate_timestamp, empty),
    compressCertificate,
    certificateAuthorities,
    oidFilters: known(ExtensionType.oid_filters, vector(OidFilter, 0, 2 ** 16 - 1)),
    signatureAlgorithmsCert,
  },
  2,
  2 ** 16 - 1,
);

/** The block of each certificate. RFC 8446 §4.4.2.1. */
export const CertificateEntryExtensions = extensions(
  {
    statusRequest: known(ExtensionType.status_request, CertificateStatus),
    signedCertificateTimestamp: timestampList,
  },
  0,
  2 ** 16 - 1,
);

/** The block of NewSessionTicket. RFC 8446 §4.6.1. */
export const NewSessionTicketExtensions = extensions(
  { earlyData: known(ExtensionType.early_data, uint32) },
  0,
  2 ** 16 - 2,
  { duplicate: "illegal_parameter" },
);
