import { TlsAlert } from "../alert.ts";
import { ascii, equalBytes, hex16, latin1 } from "../bytes.ts";
import type { Credential } from "../config/credential.ts";
import type {
  KeyExchangeGroup,
  SignatureVerifier,
  Tls12CipherSuite,
  Tls13CipherSuite,
} from "../crypto/provider.ts";
import { codepointName, ExtensionType, NameType, SignatureScheme } from "../messages/codepoints.ts";
import type { KeyShareEntry, ServerName } from "../messages/extensions.ts";
import { cipherSuiteName } from "../messages/cipher-suite-names.ts";
import { ClientHello } from "../messages/handshake13.ts";
import { encode } from "../wire/codec.ts";
import { type CertificateWish, tiersOf } from "./credential-choice.ts";

/**
 * Our first suite that the client offers. RFC 8446 §4.1.1.
 * @throws {TlsAlert} handshake_failure when there is none.
 */
export function chooseCipherSuite(
  own: readonly Tls13CipherSuite[],
  offered: readonly number[],
): Tls13CipherSuite {
  const suite = own.find(({ id }) => offered.includes(id));
  if (suite === undefined) {
    throw new TlsAlert(
      "handshake_failure",
      `no cipher suite in common: the client offers ${listed(offered, cipherSuiteName)}`,
    );
  }
  return suite;
}

/** A group, and the client's share for it; without one the client must be asked again. */
export interface GroupChoice {
  readonly group: KeyExchangeGroup;
  readonly share: KeyShareEntry | undefined;
}

/**
 * Our first group that the client has sent a share for; failing that our first group that it supports at all, which
 * costs a HelloRetryRequest. RFC 8446 §4.2.8.
 * @throws {TlsAlert} handshake_failure when there is none.
 */
export function chooseGroup(
  own: readonly KeyExchangeGroup[],
  supported: readonly number[],
  shares: readonly KeyShareEntry[],
): GroupChoice {
  const common = own.filter(({ id }) => supported.includes(id));
  for (const group of common) {
    const share = shares.find((entry) => entry.group === group.id);
    if (share !== undefined) return { group, share };
  }
  const [group] = common;
  if (group === undefined) {
    throw new TlsAlert(
      "handshake_failure",
      `no group in common: the client supports ${listed(supported, hex16)}`,
    );
  }
  return { group, share: undefined };
}

/** A credential, and the scheme that it is to sign with. */
export interface CredentialChoice {
  readonly credential: Credential;
  readonly scheme: number;
}

/** The best credential whose key can sign in a way that the peer accepts, or undefined. RFC 8446 §4.4.2.2. */
export function chooseCredential(
  credentials: readonly Credential[],
  acceptedSchemes: readonly number[],
  wish: CertificateWish,
): CredentialChoice | undefined {
  for (const credential of tiersOf(credentials, wish).flat()) {
    const scheme = credential.key.schemes.find(
      (id) => acceptedSchemes.includes(id) && !NOT_IN_HANDSHAKE.includes(id),
    );
    if (scheme !== undefined) return { credential, scheme };
  }
  return undefined;
}

/** Schemes that a CertificateVerify must not have, whatever a key says: PKCS #1 v1.5 is for certificates, SHA-1 for nothing. RFC 8446 §4.2.3. */
const NOT_IN_HANDSHAKE: readonly number[] = [
  SignatureScheme.rsa_pkcs1_sha1,
  SignatureScheme.ecdsa_sha1,
  SignatureScheme.rsa_pkcs1_sha256,
  SignatureScheme.rsa_pkcs1_sha384,
  SignatureScheme.rsa_pkcs1_sha512,
];

/**
 * What went wrong when no credential was found.
 *
 * @param suites in TLS 1.2 those in common, each of which asks for a kind of key.
 */
export function noCredential(
  credentials: readonly Credential[],
  acceptedSchemes: readonly number[],
  suites: readonly Tls12CipherSuite[] = [],
): TlsAlert {
  const accepted = listed(acceptedSchemes, (id) => codepointName(SignatureScheme, id));
  const own = credentials.map(({ key }) => key.keyType).join(", ");
  const within = suites.length === 0 ? "" : ` with ${suites.map(({ name }) => name).join(", ")}`;
  return new TlsAlert(
    "handshake_failure",
    `no signature scheme in common${within}: the peer accepts ${accepted}; our keys: ${own}`,
  );
}

/** Our first ALPN protocol that the client offers, or undefined. RFC 7301 §3.2. */
export function chooseAlpn(own: readonly string[], offered: readonly string[]): string | undefined {
  const names = new Set(offered);
  return own.find((protocol) => names.has(protocol));
}

/** Values of the peer for an error message: the first of them, and how many there are, since there may be thousands. */
export function listed<T>(values: readonly T[], show: (value: T) => string): string {
  const shown = values.slice(0, 16).map(show).join(", ");
  return values.length > 16 ? `${shown}, … (${values.length} in all)` : shown;
}

/**
 * The host name of an SNI extension in lower case, or null. Names of other types are passed over.
 * @throws {TlsAlert} illegal_parameter for two host names, decode_error for one that no host can have. RFC 6066 §3.
 */
export function hostName(names: readonly ServerName[] | undefined): string | null {
  const hosts = (names ?? []).filter(({ nameType }) => nameType === NameType.host_name);
  const [host] = hosts;
  if (host === undefined) return null;
  if (hosts.length > 1)
    throw new TlsAlert("illegal_parameter", `server_name holds ${hosts.length} host names`);
  if (host.name.length > 255 || host.name.some((byte) => byte === 0 || byte > 0x7f)) {
    throw new TlsAlert(
      "decode_error",
      `server_name holds a host name of ${host.name.length} bytes that is not ASCII without NUL`,
    );
  }
  return latin1(host.name).toLowerCase();
}

/**
 * A response may hold only extensions that were asked for and that belong into its message. RFC 8446 §4.2.
 *
 * @param received types in the response.
 * @param misplaced those that its message does not define.
 * @param solicited types that were in the request.
 * @throws {TlsAlert} unsupported_extension
 */
export function checkSolicited(
  message: string,
  received: readonly number[],
  misplaced: readonly { readonly type: number }[] | undefined,
  solicited: readonly number[],
): void {
  const [wrong] = misplaced ?? [];
  if (wrong !== undefined) {
    throw new TlsAlert(
      "unsupported_extension",
      `${message} holds ${extensionName(wrong.type)}, which does not belong there`,
    );
  }
  const unsolicited = received.find((type) => !solicited.includes(type));
  if (unsolicited !== undefined) {
    throw new TlsAlert(
      "unsupported_extension",
      `${message} holds ${extensionName(unsolicited)}, which was not asked for`,
    );
  }
}

/** The registered name of an extension, or its number in hexadecimal. */
export function extensionName(type: number): string {
  return codepointName(ExtensionType, type);
}

/** The verifier with this id. @throws {TlsAlert} illegal_parameter when it is not among those that the peer was offered for this. */
export function offeredVerifier(verifiers: readonly SignatureVerifier[], id: number): SignatureVerifier {
  const verifier = verifiers.find((known) => known.id === id);
  if (verifier === undefined) {
    const name = codepointName(SignatureScheme, id);
    throw new TlsAlert(
      "illegal_parameter",
      `the peer signed with ${name}, which it was not offered for this`,
    );
  }
  return verifier;
}

/** Of the schemes that a ClientHello lets certificates be signed with. RFC 8446 §4.2.3, RFC 5246 §7.4.2. */
export function chainVerifiers(
  verifiers: readonly SignatureVerifier[],
  { extensions: { signatureAlgorithms = [], signatureAlgorithmsCert = signatureAlgorithms } }: ClientHello,
): readonly SignatureVerifier[] {
  return verifiers.filter(({ id }) => signatureAlgorithmsCert.includes(id));
}

/** Whether a second ClientHello differs from the first only where RFC 8446 §4.1.2 allows it. */
export function isSameForRetry(first: ClientHello, second: ClientHello): boolean {
  return equalBytes(encode(ClientHello, withoutRetried(first)), encode(ClientHello, withoutRetried(second)));
}

function withoutRetried(hello: ClientHello): ClientHello {
  const { keyShare, cookie, earlyData, preSharedKey, padding, order, ...kept } = hello.extensions;
  return { ...hello, extensions: kept };
}

/** ALPN names as they go on the wire. */
export function alpnBytes(protocol: string): Uint8Array {
  return Uint8Array.from(protocol, (character) => character.charCodeAt(0));
}

/** An SNI extension with one host name. */
export function serverNameList(host: string): readonly ServerName[] {
  return [{ nameType: NameType.host_name, name: ascii(host) }];
}
