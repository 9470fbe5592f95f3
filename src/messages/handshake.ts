import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import { type Codec, decode, type Infer } from "../wire/codec.ts";
import { Writer } from "../wire/writer.ts";
import { codepointName, HandshakeType } from "./codepoints.ts";
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

/** The messages of TLS 1.3 by name. RFC 8446 §4. `hello_retry_request` shares its type with `server_hello` and differs in its random. */
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
} as const;

/** Name of a handshake message, such as `"client_hello"`. */
export type HandshakeName = keyof typeof handshakeMessages;

/** The struct of a handshake message. */
export type HandshakeBody<K extends HandshakeName> = Infer<(typeof handshakeMessages)[K]["body"]>;

/** Bytes of `HandshakeType msg_type; uint24 length`. RFC 8446 §4. */
export const HANDSHAKE_HEADER_LENGTH = 4;

/** `raw` is a whole message with its header; its name, or undefined when TLS 1.3 has no such message. */
export function handshakeName(raw: Uint8Array): HandshakeName | undefined {
  const type = raw[0];
  if (type === HandshakeType.server_hello)
    return isHelloRetryRequest(raw) ? "hello_retry_request" : "server_hello";
  for (const [name, spec] of entries) if (spec.type === type) return name;
  return undefined;
}

/** The name of a message for error messages: also one that TLS 1.3 does not have. */
export function describeHandshake(raw: Uint8Array): string {
  return handshakeName(raw) ?? codepointName(HandshakeType, raw[0] ?? 0);
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

function isHelloRetryRequest(raw: Uint8Array): boolean {
  return equalBytes(raw.subarray(RANDOM_OFFSET, RANDOM_OFFSET + 32), HELLO_RETRY_REQUEST_RANDOM);
}
