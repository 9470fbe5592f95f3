import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import type { RawExtension } from "../../src/wire/codec.ts";
import { raw } from "./edits.ts";
import { type ClientSetup } from "./pitfall13.ts";

/** A client that asks for what EncryptedExtensions can answer. */
export const talkative: ClientSetup = { config: { alpn: ["a", "b"], recordSizeLimit: 1000 } };

/** An extension that nobody has registered. */
export const UNKNOWN = 0x7357;

type Certificate = HandshakeBody<"certificate">;

/** Changes the extensions of the first certificate. */
export function inFirstEntry(
  change: (entry: Certificate["certificateList"][number]) => Certificate["certificateList"][number],
): (body: Certificate) => Certificate {
  return (body) => ({
    ...body,
    certificateList: body.certificateList.map((entry, index) => (index === 0 ? change(entry) : entry)),
  });
}

/** Extensions of a ClientHello as they may be on the wire, one of each type. */
export const clientHelloExtensions: readonly RawExtension[] = [
  raw(ExtensionType.server_name, [0, 4, 0, 0, 1, 0x61]),
  raw(ExtensionType.status_request, [1, 0, 0, 0, 0]),
  raw(ExtensionType.supported_groups, [0, 2, 0, 29]),
  raw(ExtensionType.signature_algorithms, [0, 2, 4, 3]),
  raw(ExtensionType.application_layer_protocol_negotiation, [0, 2, 1, 0x61]),
  raw(ExtensionType.signed_certificate_timestamp),
  raw(ExtensionType.client_certificate_type, [1, 2]),
  raw(ExtensionType.server_certificate_type, [1, 0]),
  raw(ExtensionType.padding, [0, 0]),
  raw(ExtensionType.compress_certificate, [2, 0, 1]),
  raw(ExtensionType.record_size_limit, [1, 0]),
  raw(ExtensionType.early_data),
  raw(ExtensionType.supported_versions, [2, 3, 4]),
  raw(ExtensionType.cookie, [0, 1, 1]),
  raw(ExtensionType.psk_key_exchange_modes, [1, 1]),
  raw(ExtensionType.certificate_authorities, [0, 3, 0, 1, 0x30]),
  raw(ExtensionType.post_handshake_auth),
  raw(ExtensionType.signature_algorithms_cert, [0, 2, 4, 3]),
  raw(ExtensionType.key_share, [0, 0]),
  raw(ExtensionType.renegotiation_info, [0]),
  raw(ExtensionType.ec_point_formats, [1, 0]),
  raw(ExtensionType.session_ticket),
  raw(UNKNOWN, [1, 2, 3]),
  raw(0x0a0a),
];

/** A SignedCertificateTimestampList of one. */
export const timestamps = Uint8Array.of(0, 3, 0, 1, 7);

/** A CertificateStatus with a response of one byte. */
export const ocsp = Uint8Array.of(1, 0, 0, 1, 0x30);
