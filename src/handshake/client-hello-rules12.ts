import { TlsAlert } from "../alert.ts";
import { latin1 } from "../bytes.ts";
import type { Settings } from "../config/settings.ts";
import { cipherSuiteName } from "../messages/cipher-suite-names.ts";
import { CipherSuite, ECPointFormat } from "../messages/codepoints.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import type { ReceivedClientHello } from "./client-hello-rules.ts";
import { hostName, listed } from "./negotiate.ts";

/** A ClientHello with everything that TLS 1.2 needs, and with a suite that we have. */
export interface OfferedClientHello12 extends ReceivedClientHello {
  readonly body: ClientHello & {
    readonly extensions: {
      readonly supportedGroups: readonly number[];
      readonly signatureAlgorithms: readonly number[];
    };
  };
  readonly extendedMainSecret: boolean;
  /** Whether the client knows RFC 5746, by the extension or by the signalling suite. */
  readonly secureRenegotiation: boolean;
}

/**
 * What a server must check of a ClientHello of TLS 1.2 before it chooses anything. RFC 5246 §7.4.1.2, RFC 8422 §5.1, RFC 5746 §3.6,
 * RFC 9155 §2.
 *
 * @throws {TlsAlert} illegal_parameter, handshake_failure or decode_error.
 */
export function checkClientHello12(settings: Settings, hello: ClientHello): OfferedClientHello12 {
  const { extensions, legacyCompressionMethods, cipherSuites } = hello;
  const { ecPointFormats, renegotiationInfo, supportedGroups, signatureAlgorithms } = extensions;
  if (!legacyCompressionMethods.includes(0)) {
    throw new TlsAlert(
      "illegal_parameter",
      `the client offers compression methods ${listed([...legacyCompressionMethods], String)}, not null`,
    );
  }
  if (ecPointFormats?.includes(ECPointFormat.uncompressed) === false)
    throw new TlsAlert("illegal_parameter", "the client's ec_point_formats lacks uncompressed");
  if (renegotiationInfo !== undefined && renegotiationInfo.length > 0) {
    throw new TlsAlert(
      "handshake_failure",
      "the client's renegotiation_info is not empty in a first handshake",
    );
  }
  const extendedMainSecret = extensions.extendedMainSecret === true;
  if (settings.requireExtendedMainSecret && !extendedMainSecret)
    throw new TlsAlert("handshake_failure", "the client offers no extended main secret, and it is required");
  // Before the extensions: a client that has no suite with ECDHE does not send supported_groups.
  if (!settings.tls12Suites.some(({ id }) => cipherSuites.includes(id))) {
    throw new TlsAlert(
      "handshake_failure",
      `no cipher suite in common: the client offers ${listed(cipherSuites, cipherSuiteName)}`,
    );
  }
  // Without the extension, RFC 5246 would have SHA-1, with which nothing is signed here.
  if (signatureAlgorithms === undefined)
    throw new TlsAlert("handshake_failure", "ClientHello holds no signature_algorithms");
  // RFC 8422 §5.1.1 would let us guess a group.
  if (supportedGroups === undefined)
    throw new TlsAlert("handshake_failure", "ClientHello holds no supported_groups");
  return {
    body: { ...hello, extensions: { ...extensions, supportedGroups, signatureAlgorithms } },
    serverName: hostName(extensions.serverName),
    alpn: (extensions.applicationLayerProtocolNegotiation ?? []).map(latin1),
    extendedMainSecret,
    secureRenegotiation:
      renegotiationInfo !== undefined || cipherSuites.includes(CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV),
  };
}
