import { TlsAlert } from "../alert.ts";
import { equalBytes, hex16, latin1 } from "../bytes.ts";
import { ExtensionType, ProtocolVersion } from "../messages/codepoints.ts";
import type { KeyShareEntry } from "../messages/extensions.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { hostName, isSameForRetry, listed } from "./negotiate.ts";

/** A ClientHello of any version, with what is read out of it in any. */
export interface ReceivedClientHello {
  readonly body: ClientHello;
  /** The SNI host name in lower case, or null. */
  readonly serverName: string | null;
  /** ALPN names as Latin-1 text. */
  readonly alpn: readonly string[];
}

/** A ClientHello of TLS 1.3. Lists that it may leave out beside a PSK are empty then. RFC 8446 §9.2. */
export interface OfferedClientHello extends ReceivedClientHello {
  readonly body: ClientHello & {
    readonly extensions: {
      readonly supportedVersions: readonly number[];
      readonly supportedGroups: readonly number[];
      readonly signatureAlgorithms: readonly number[];
      readonly keyShare: readonly KeyShareEntry[];
    };
  };
}

/**
 * What a server must check of any ClientHello of TLS 1.3, before it chooses anything. RFC 8446 §4.1.2, §4.2, §9.2.
 * @throws {TlsAlert} protocol_version, illegal_parameter, missing_extension or decode_error.
 */
export function checkClientHello(hello: ClientHello): OfferedClientHello {
  const { extensions } = hello;
  const { supportedVersions, supportedGroups, signatureAlgorithms, keyShare } = extensions;
  // The one value of legacy_version that means something (RFC 8446 §D.5).
  if (hello.legacyVersion === ProtocolVersion.SSLv3) {
    throw new TlsAlert("protocol_version", "ClientHello has legacy_version 0x0300, that of SSL 3.0");
  }
  if (supportedVersions?.includes(ProtocolVersion["TLSv1.3"]) !== true) {
    const offered = listed(supportedVersions ?? [hello.legacyVersion], hex16);
    throw new TlsAlert("protocol_version", `the client offers version ${offered}, and TLS 1.3 is required`);
  }
  if (!equalBytes(hello.legacyCompressionMethods, Uint8Array.of(0))) {
    throw new TlsAlert(
      "illegal_parameter",
      `the client offers compression methods ${listed([...hello.legacyCompressionMethods], String)}`,
    );
  }
  checkPreSharedKey(extensions);
  // One of them is of no use without the other (RFC 8446 §9.2).
  if (supportedGroups === undefined && keyShare !== undefined) throw missing("supported_groups");
  if (keyShare === undefined && supportedGroups !== undefined) throw missing("key_share");
  checkKeyShares(keyShare ?? [], supportedGroups ?? []);
  const offered: OfferedClientHello = {
    body: {
      ...hello,
      extensions: {
        ...extensions,
        supportedVersions,
        supportedGroups: supportedGroups ?? [],
        signatureAlgorithms: signatureAlgorithms ?? [],
        keyShare: keyShare ?? [],
      },
    },
    serverName: hostName(extensions.serverName),
    alpn: (extensions.applicationLayerProtocolNegotiation ?? []).map(latin1),
  };
  if (extensions.preSharedKey === undefined) checkForCertificates(offered);
  return offered;
}

/** What a ClientHello needs when no PSK of it is taken. @throws {TlsAlert} missing_extension. RFC 8446 §9.2. */
export function checkForCertificates(hello: OfferedClientHello): void {
  checkForKeyExchange(hello);
  if (hello.body.extensions.signatureAlgorithms.length === 0) throw missing("signature_algorithms");
}

/** What a ClientHello needs for a key exchange, beside a PSK too. @throws {TlsAlert} missing_extension. RFC 8446 §9.2. */
export function checkForKeyExchange({ body: { extensions } }: OfferedClientHello): void {
  if (extensions.supportedGroups.length === 0) throw missing("supported_groups");
}

/**
 * What a second ClientHello must be: the first one, with exactly the key share and the cookie that it was asked for.
 * RFC 8446 §4.1.2, §4.2.2, §4.2.8.
 * @throws {TlsAlert} illegal_parameter or missing_extension.
 */
export function checkSecondClientHello(
  first: ClientHello,
  second: ClientHello,
  group: number,
  cookie: Uint8Array | undefined,
): { readonly hello: OfferedClientHello; readonly share: Uint8Array } {
  const hello = checkClientHello(second);
  const { extensions } = hello.body;
  if (cookie !== undefined) {
    if (extensions.cookie === undefined) throw missing("cookie");
    if (!equalBytes(extensions.cookie, cookie)) {
      throw new TlsAlert("illegal_parameter", "the second ClientHello brings back another cookie");
    }
  } else if (extensions.cookie !== undefined) {
    throw new TlsAlert("illegal_parameter", "the second ClientHello brings a cookie that it was not given");
  }
  if (extensions.earlyData !== undefined) {
    throw new TlsAlert("illegal_parameter", "the second ClientHello offers early data");
  }
  const [share, ...others] = extensions.keyShare;
  if (share?.group !== group || others.length > 0) {
    const groups = listed(extensions.keyShare, (entry) => hex16(entry.group));
    throw new TlsAlert(
      "illegal_parameter",
      `the second ClientHello has shares for ${groups || "no group"}, asked was ${hex16(group)}`,
    );
  }
  if (!isSameForRetry(first, second)) {
    throw new TlsAlert(
      "illegal_parameter",
      "the second ClientHello differs from the first in more than it may",
    );
  }
  return { hello, share: share.keyExchange };
}

/** RFC 8446 §4.2.11 */
function checkPreSharedKey({ order = [], preSharedKey }: ClientHello["extensions"]): void {
  if (preSharedKey === undefined) return;
  if (order.at(-1) !== ExtensionType.pre_shared_key)
    throw new TlsAlert("illegal_parameter", "pre_shared_key is not the last extension");
  if (!order.includes(ExtensionType.psk_key_exchange_modes)) throw missing("psk_key_exchange_modes");
  const { identities, binders } = preSharedKey;
  if (identities.length !== binders.length) {
    throw new TlsAlert(
      "illegal_parameter",
      `pre_shared_key holds ${identities.length} identities and ${binders.length} binders`,
    );
  }
}

/** RFC 8446 §4.2.8 */
function checkKeyShares(shares: readonly KeyShareEntry[], supported: readonly number[]): void {
  const groups = shares.map(({ group }) => group);
  if (new Set(groups).size !== groups.length) {
    throw new TlsAlert("illegal_parameter", `two key shares for one group: ${listed(groups, hex16)}`);
  }
  const supportedSet = new Set(supported);
  const unsupported = groups.find((group) => !supportedSet.has(group));
  if (unsupported !== undefined) {
    throw new TlsAlert(
      "illegal_parameter",
      `a key share for ${hex16(unsupported)}, which supported_groups does not list`,
    );
  }
}

/** RFC 8446 §9.2 */
function missing(extension: string): TlsAlert {
  return new TlsAlert("missing_extension", `ClientHello holds no ${extension}`);
}
