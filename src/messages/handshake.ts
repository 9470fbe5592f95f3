import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import { type Codec, decode, extensions, type Infer, opaque, struct } from "../wire/codec.ts";
import { Writer } from "../wire/writer.ts";
import { codepointName, ExtensionType, HandshakeType } from "./codepoints.ts";
import { CertificateStatus } from "./extensions.ts";
import {
  ClientKeyExchange,
  HelloRequest,
  ServerHelloDone,
  ServerKeyExchange,
  Tls12Certificate,
  Tls12CertificateRequest,
  Tls12NewSessionTicket,
  Tls12RawPublicKey,
  Tls12ServerHello,
} from "./handshake12.ts";
import {
  Certificate,
  CertificateRequest,
  CertificateVerify,
  ClientHello,
  CompressedCertificate,
  EncryptedExtensions,
  EndOfEarlyData,
  Finished,
  HELLO_RETRY_REQUEST_RANDOM,
  HelloRetryRequest,
  KeyUpdate,
  NewSessionTicket,
  ServerHello,
} from "./handshake13.ts";

interface MessageSpec<T> {
  readonly type: number;
  readonly body: Codec<T>;
}

const message = <T>(type: number, body: Codec<T>): MessageSpec<T> => ({ type, body });

/**
 * The messages of TLS 1.3 and 1.2 by name. RFC 8446 §4, RFC 5246 §7.4. Those of TLS 1.2 that share their type with a
 * message of TLS 1.3 and have another body are prefixed. `hello_retry_request` shares its type with `server_hello` and
 * differs in its random; `tls12_raw_public_key` is what `tls12_certificate` is when that type of certificates was agreed on.
 */
export const handshakeMessages = {
  client_hello: message(HandshakeType.client_hello, ClientHello),
  server_hello: message(HandshakeType.server_hello, ServerHello),
  hello_retry_request: message(HandshakeType.server_hello, HelloRetryRequest),
  new_session_ticket: message(HandshakeType.new_session_ticket, NewSessionTicket),
  end_of_early_data: message(HandshakeType.end_of_early_data, EndOfEarlyData),
  encrypted_extensions: message(HandshakeType.encrypted_extensions, EncryptedExtensions),
  certificate: message(HandshakeType.certificate, Certificate),
  certificate_request: message(HandshakeType.certificate_request, CertificateRequest),
  certificate_verify: message(HandshakeType.certificate_verify, CertificateVerify),
  finished: message(HandshakeType.finished, Finished),
  key_update: message(HandshakeType.key_update, KeyUpdate),
  compressed_certificate: message(HandshakeType.compressed_certificate, CompressedCertificate),
  hello_request: message(HandshakeType.hello_request, HelloRequest),
  tls12_server_hello: message(HandshakeType.server_hello, Tls12ServerHello),
  tls12_new_session_ticket: message(HandshakeType.new_session_ticket, Tls12NewSessionTicket),
  tls12_certificate: message(HandshakeType.certificate, Tls12Certificate),
  tls12_raw_public_key: message(HandshakeType.certificate, Tls12RawPublicKey),
  server_key_exchange: message(HandshakeType.server_key_exchange, ServerKeyExchange),
  tls12_certificate_request: message(HandshakeType.certificate_request, Tls12CertificateRequest),
  server_hello_done: message(HandshakeType.server_hello_done, ServerHelloDone),
  client_key_exchange: message(HandshakeType.client_key_exchange, ClientKeyExchange),
  certificate_status: message(HandshakeType.certificate_status, CertificateStatus),
} as const;

/** Name of a handshake message, such as `"client_hello"`. */
export type HandshakeName = keyof typeof handshakeMessages;

/** The struct of a handshake message. */
export type HandshakeBody<K extends HandshakeName> = Infer<(typeof handshakeMessages)[K]["body"]>;

/** Bytes of `HandshakeType msg_type; uint24 length`. RFC 8446 §4. */
export const HANDSHAKE_HEADER_LENGTH = 4;

/**
 * `raw` is a whole message with its header; its name, or undefined when neither version has such a message.
 *
 * A ServerHello tells its version by `supported_versions`; one that cannot be read is a `server_hello`. Of other types
 * that both versions have, the bytes do not tell the version, and the name is that of TLS 1.3: ask {@link isHandshake}.
 */
export function handshakeName(raw: Uint8Array): HandshakeName | undefined {
  const type = raw[0];
  if (type === HandshakeType.server_hello) return serverHelloName(raw);
  // The messages of TLS 1.3 stand first.
  for (const [name, spec] of entries) if (spec.type === type) return name;
  return undefined;
}

/** Whether `raw`, a whole message with its header, can be a `name`: it has its type, and a ServerHello also its variant. */
export function isHandshake(name: HandshakeName, raw: Uint8Array): boolean {
  const { type } = handshakeMessages[name];
  if (raw[0] !== type) return false;
  return type !== HandshakeType.server_hello || serverHelloName(raw) === name;
}

/** The name of a message as both versions call it, for error messages: also of one that neither has. */
export function describeHandshake(raw: Uint8Array): string {
  return handshakeName(raw)?.replace(/^tls12_/, "") ?? codepointName(HandshakeType, raw[0] ?? 0);
}

/**
 * Reads the body of a whole message; its byte fields are views of `raw`.
 * @throws {TlsAlert} decode_error, and what the message's own fields ask for.
 */
export function decodeHandshake<K extends HandshakeName>(name: K, raw: Uint8Array): HandshakeBody<K> {
  // The table pairs each name with its own codec; indexing it by a type parameter loses the pairing.
  const body = handshakeMessages[name].body as Codec<HandshakeBody<K>>;
  if (raw.length < HANDSHAKE_HEADER_LENGTH) throw new TlsAlert("decode_error", `${name} without a header`);
  return decode(body, raw.subarray(HANDSHAKE_HEADER_LENGTH), name);
}

/** The bytes of a whole message, header included; the caller owns them. @throws {RangeError} for a body out of bounds. */
export function encodeHandshake<K extends HandshakeName>(name: K, body: HandshakeBody<K>): Uint8Array {
  const spec = handshakeMessages[name];
  const codec = spec.body as Codec<HandshakeBody<K>>;
  const writer = new Writer();
  writer.uint(1, spec.type);
  const at = writer.reserve(3);
  codec.write(writer, body);
  writer.patch(at, 3, writer.length - HANDSHAKE_HEADER_LENGTH);
  return writer.finish();
}

// Object.entries widens the names to string; the table has no others.
const entries = Object.entries(handshakeMessages) as readonly (readonly [
  HandshakeName,
  { readonly type: number },
])[];

/** Offset of `random` in a message: behind its header and `legacy_version`. */
const RANDOM_OFFSET = HANDSHAKE_HEADER_LENGTH + 2;

/** A ServerHello of either version, whose extensions are told apart by their types alone. */
const ServerHelloOutline = struct({
  versionAndRandom: opaque(34),
  sessionId: opaque(0, 32),
  cipherSuiteAndCompressionMethod: opaque(3),
  extensions: extensions({}, 0, 2 ** 16 - 1, { optional: true }),
});

function serverHelloName(raw: Uint8Array): "server_hello" | "hello_retry_request" | "tls12_server_hello" {
  if (equalBytes(raw.subarray(RANDOM_OFFSET, RANDOM_OFFSET + 32), HELLO_RETRY_REQUEST_RANDOM))
    return "hello_retry_request";
  try {
    const outline = decode(ServerHelloOutline, raw.subarray(HANDSHAKE_HEADER_LENGTH), "server_hello");
    const types = outline.extensions.order ?? [];
    return types.includes(ExtensionType.supported_versions) ? "server_hello" : "tls12_server_hello";
  } catch (error) {
    // Reading it as a server_hello throws the same, where the alert belongs.
    if (error instanceof TlsAlert) return "server_hello";
    throw error;
  }
}
