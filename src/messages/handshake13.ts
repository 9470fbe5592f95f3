import {
  enumeration,
  type Infer,
  opaque,
  rest,
  struct,
  uint16,
  uint24,
  uint32,
  uint8,
  vector,
} from "../wire/codec.ts";
import { KeyUpdateRequest } from "./codepoints.ts";
import {
  CertificateEntryExtensions,
  CertificateRequestExtensions,
  ClientHelloExtensions,
  EncryptedExtensionsExtensions,
  HelloRetryRequestExtensions,
  NewSessionTicketExtensions,
  ServerHelloExtensions,
} from "./extensions.ts";

/**
 * RFC 8446 §4.1.2
 *
 * ```tls
 * struct {
 *     ProtocolVersion legacy_version = 0x0303;
 *     Random random;
 *     opaque legacy_session_id<0..32>;
 *     CipherSuite cipher_suites<2..2^16-2>;
 *     opaque legacy_compression_methods<1..2^8-1>;
 *     Extension extensions<8..2^16-1>;
 * } ClientHello;
 * ```
 *
 * The extensions of a TLS 1.2 ClientHello may be fewer than 8 bytes, or missing; so the lower bound is not checked here.
 */
export const ClientHello = struct({
  legacyVersion: uint16,
  random: opaque(32),
  legacySessionId: opaque(0, 32),
  cipherSuites: vector(uint16, 2, 2 ** 16 - 2),
  legacyCompressionMethods: opaque(1, 2 ** 8 - 1),
  extensions: ClientHelloExtensions,
});
export interface ClientHello extends Infer<typeof ClientHello> {}

/** RFC 8446 §4.1.3 */
export const ServerHello = struct({
  legacyVersion: uint16,
  random: opaque(32),
  legacySessionIdEcho: opaque(0, 32),
  cipherSuite: uint16,
  legacyCompressionMethod: uint8,
  extensions: ServerHelloExtensions,
});
export interface ServerHello extends Infer<typeof ServerHello> {}

/** RFC 8446 §4.1.4: a ServerHello with a random of its own ({@link HELLO_RETRY_REQUEST_RANDOM}) and other extensions. */
export const HelloRetryRequest = struct({
  legacyVersion: uint16,
  random: opaque(32),
  legacySessionIdEcho: opaque(0, 32),
  cipherSuite: uint16,
  legacyCompressionMethod: uint8,
  extensions: HelloRetryRequestExtensions,
});
export interface HelloRetryRequest extends Infer<typeof HelloRetryRequest> {}

/** SHA-256 of "HelloRetryRequest". RFC 8446 §4.1.3. */
// prettier-ignore
export const HELLO_RETRY_REQUEST_RANDOM: Readonly<Uint8Array> = Uint8Array.of(
  0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
  0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
);

/** RFC 8446 §4.3.1 */
export const EncryptedExtensions = struct({ extensions: EncryptedExtensionsExtensions });
export interface EncryptedExtensions extends Infer<typeof EncryptedExtensions> {}

/** RFC 8446 §4.3.2 */
export const CertificateRequest = struct({
  certificateRequestContext: opaque(0, 2 ** 8 - 1),
  extensions: CertificateRequestExtensions,
});
export interface CertificateRequest extends Infer<typeof CertificateRequest> {}

/** RFC 8446 §4.4.2 */
export const CertificateEntry = struct({
  certData: opaque(1, 2 ** 24 - 1),
  extensions: CertificateEntryExtensions,
});
export interface CertificateEntry extends Infer<typeof CertificateEntry> {}

/** RFC 8446 §4.4.2 */
export const Certificate = struct({
  certificateRequestContext: opaque(0, 2 ** 8 - 1),
  certificateList: vector(CertificateEntry, 0, 2 ** 24 - 1),
});
export interface Certificate extends Infer<typeof Certificate> {}

/** RFC 8879 §4 */
export const CompressedCertificate = struct({
  algorithm: uint16,
  uncompressedLength: uint24,
  compressedCertificateMessage: opaque(1, 2 ** 24 - 1),
});
export interface CompressedCertificate extends Infer<typeof CompressedCertificate> {}

/** RFC 8446 §4.4.3 */
export const CertificateVerify = struct({ algorithm: uint16, signature: opaque(0, 2 ** 16 - 1) });
export interface CertificateVerify extends Infer<typeof CertificateVerify> {}

/** RFC 8446 §4.4.4. `verify_data` fills the message; whether its length is right is for the comparison to say. */
export const Finished = struct({ verifyData: rest });
export interface Finished extends Infer<typeof Finished> {}

/** RFC 8446 §4.5 */
export const EndOfEarlyData = struct({});
export interface EndOfEarlyData extends Infer<typeof EndOfEarlyData> {}

/** RFC 8446 §4.6.1. `ticketLifetime` is seconds; `ticketAgeAdd` is milliseconds, modulo 2^32. */
export const NewSessionTicket = struct({
  ticketLifetime: uint32,
  ticketAgeAdd: uint32,
  ticketNonce: opaque(0, 2 ** 8 - 1),
  ticket: opaque(1, 2 ** 16 - 1),
  extensions: NewSessionTicketExtensions,
});
export interface NewSessionTicket extends Infer<typeof NewSessionTicket> {}

/** RFC 8446 §4.6.3 */
export const KeyUpdate = struct({
  requestUpdate: enumeration(
    1,
    "request_update",
    KeyUpdateRequest.update_not_requested,
    KeyUpdateRequest.update_requested,
  ),
});
export interface KeyUpdate extends Infer<typeof KeyUpdate> {}
