import {
  type Codec,
  enumeration,
  type Infer,
  opaque,
  rest,
  struct,
  uint16,
  uint32,
  uint8,
  vector,
} from "../wire/codec.ts";
import { Reader } from "../wire/reader.ts";
import { ECCurveType } from "./codepoints.ts";
import { Tls12ServerHelloExtensions } from "./extensions.ts";
import { CertificateVerify } from "./handshake13.ts";

/** RFC 5246 §7.4.1.1. It enters no transcript. */
export const HelloRequest = struct({});
export interface HelloRequest extends Infer<typeof HelloRequest> {}

/**
 * RFC 5246 §7.4.1.3
 *
 * ```tls
 * struct {
 *     ProtocolVersion server_version;
 *     Random random;
 *     SessionID session_id;                  // opaque<0..32>
 *     CipherSuite cipher_suite;
 *     CompressionMethod compression_method;
 *     Extension extensions<0..2^16-1>;       // may be missing
 * } ServerHello;
 * ```
 *
 * The bytes are those of a ServerHello of TLS 1.3; the extensions that may stand in it are others.
 */
export const Tls12ServerHello = struct({
  serverVersion: uint16,
  random: opaque(32),
  sessionId: opaque(0, 32),
  cipherSuite: uint16,
  compressionMethod: uint8,
  extensions: Tls12ServerHelloExtensions,
});
export interface Tls12ServerHello extends Infer<typeof Tls12ServerHello> {}

/** RFC 5246 §7.4.2: certificates in DER, that of the sender first. */
export const Tls12Certificate = struct({
  certificateList: vector(opaque(1, 2 ** 24 - 1), 0, 2 ** 24 - 1),
});
export interface Tls12Certificate extends Infer<typeof Tls12Certificate> {}

/** RFC 7250 §3: the Certificate of a raw public key, a DER SubjectPublicKeyInfo; empty when a client has none to show. */
export const Tls12RawPublicKey = struct({ subjectPublicKeyInfo: opaque(0, 2 ** 24 - 1) });
export interface Tls12RawPublicKey extends Infer<typeof Tls12RawPublicKey> {}

/**
 * RFC 8422 §5.4, without the curve types that it deprecates: another one than `named_curve` is `illegal_parameter`.
 *
 * ```tls
 * struct {
 *     ECCurveType curve_type;                // named_curve
 *     NamedCurve namedcurve;
 *     ECPoint public;                        // opaque<1..2^8-1>
 * } ServerECDHParams;
 * ```
 */
export const ServerECDHParams = struct({
  curveType: enumeration(1, "curve_type", ECCurveType.named_curve),
  namedCurve: uint16,
  publicKey: opaque(1, 2 ** 8 - 1),
});
export interface ServerECDHParams extends Infer<typeof ServerECDHParams> {}

/** The part of {@link ServerKeyExchange} behind its parameters: the fields of {@link CertificateVerify}. RFC 5246 §4.7. */
const DigitallySigned = CertificateVerify;

/** RFC 8422 §5.4: signed parameters. */
export interface ServerKeyExchange {
  /**
   * {@link ServerECDHParams} in their bytes, which `signature` covers behind both randoms. What is read is known to be
   * well-formed, and kept as it came.
   */
  readonly params: Uint8Array;
  /** A SignatureScheme; RFC 5246 §4.7 calls it SignatureAndHashAlgorithm. */
  readonly algorithm: number;
  readonly signature: Uint8Array;
}

/**
 * RFC 8422 §5.4
 *
 * ```tls
 * struct {
 *     ServerECDHParams params;
 *     SignatureAndHashAlgorithm algorithm;
 *     opaque signature<0..2^16-1>;
 * } ServerKeyExchange;
 * ```
 */
export const ServerKeyExchange: Codec<ServerKeyExchange> = {
  read(reader) {
    const body = rest.read(reader);
    const bodyReader = new Reader(body);
    ServerECDHParams.read(bodyReader);
    const params = body.subarray(0, body.length - bodyReader.remaining);
    const signed = DigitallySigned.read(bodyReader);
    bodyReader.expectEnd("server_key_exchange");
    return { params, ...signed };
  },
  write(writer, value) {
    writer.append(value.params);
    DigitallySigned.write(writer, value);
  },
};

/**
 * RFC 5246 §7.4.4. `certificateTypes` holds a byte per ClientCertificateType, `supportedSignatureAlgorithms` values of
 * SignatureScheme, and `certificateAuthorities` names in DER.
 */
export const Tls12CertificateRequest = struct({
  certificateTypes: opaque(1, 2 ** 8 - 1),
  supportedSignatureAlgorithms: vector(uint16, 2, 2 ** 16 - 2),
  certificateAuthorities: vector(opaque(1, 2 ** 16 - 1), 0, 2 ** 16 - 1),
});
export interface Tls12CertificateRequest extends Infer<typeof Tls12CertificateRequest> {}

/** RFC 5246 §7.4.5 */
export const ServerHelloDone = struct({});
export interface ServerHelloDone extends Infer<typeof ServerHelloDone> {}

/** RFC 8422 §5.7: `ClientECDiffieHellmanPublic` with an explicit `ecdh_Yc`. */
export const ClientKeyExchange = struct({ publicKey: opaque(1, 2 ** 8 - 1) });
export interface ClientKeyExchange extends Infer<typeof ClientKeyExchange> {}

/** RFC 5077 §3.3. `ticketLifetimeHint` is seconds, with 0 for no hint; an empty ticket is none (§3.3). */
export const Tls12NewSessionTicket = struct({
  ticketLifetimeHint: uint32,
  ticket: opaque(0, 2 ** 16 - 1),
});
export interface Tls12NewSessionTicket extends Infer<typeof Tls12NewSessionTicket> {}
