import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { Tls12CipherSuite } from "../crypto/provider.ts";
import { cipherSuiteName } from "../messages/cipher-suite-names.ts";
import { CipherSuite, ECPointFormat, ExtensionType } from "../messages/codepoints.ts";
import type { Tls12ServerHello } from "../messages/handshake12.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { checkChosenAlpn } from "./alpn.ts";
import { type CertificateTypes, checkCertificateTypes } from "./certificate-types.ts";
import type { ClientOffer } from "./client-hello.ts";
import { checkSolicited } from "./negotiate.ts";
import type { OfferedSession } from "./resume12.ts";

/** What a ServerHello of TLS 1.2 has settled. */
export interface ServerAnswer {
  readonly suite: Tls12CipherSuite;
  readonly alpn: string | null;
  /** The session that is resumed, if one is. */
  readonly resumed: OfferedSession | undefined;
  readonly extendedMainSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly certificateTypes: CertificateTypes;
}

/**
 * Holds a ServerHello of TLS 1.2 against what was offered. RFC 5246 §7.4.1.3, RFC 5746 §3.4, RFC 7627 §5.2, §5.3, RFC 7366 §3, RFC 8422 §5.2.
 *
 * @throws {TlsAlert} illegal_parameter, unsupported_extension, handshake_failure or decode_error.
 */
export function checkServerHello12(
  config: ClientConfig,
  { hello, session }: ClientOffer,
  answer: Tls12ServerHello,
): ServerAnswer {
  const suite = checkSuite(config, hello, answer);
  const resumed = resumedSession(hello, session, answer);
  if (resumed !== undefined && resumed.suite !== suite) {
    throw new TlsAlert(
      "illegal_parameter",
      `server resumes a session of ${resumed.suite.name} with ${suite.name}`,
    );
  }
  const { extensions } = answer;
  checkSolicited("ServerHello", extensions.order ?? [], extensions.unknown, solicitedBy(hello));
  checkRenegotiationInfo(config, extensions.renegotiationInfo);
  const { ecPointFormats, encryptThenMac = false } = extensions;
  if (ecPointFormats?.includes(ECPointFormat.uncompressed) === false)
    throw new TlsAlert("illegal_parameter", "server's ec_point_formats lacks uncompressed");
  if (encryptThenMac && suite.protection.kind !== "cbc")
    throw new TlsAlert("illegal_parameter", `server sends encrypt_then_mac with ${suite.name}`);
  return {
    suite,
    alpn: checkChosenAlpn(extensions.applicationLayerProtocolNegotiation, hello),
    resumed,
    extendedMainSecret: checkExtendedMainSecret(config, resumed, extensions.extendedMainSecret ?? false),
    encryptThenMac,
    certificateTypes: checkCertificateTypes(hello, extensions, resumed === undefined),
  };
}

function checkSuite(config: ClientConfig, hello: ClientHello, answer: Tls12ServerHello): Tls12CipherSuite {
  const { cipherSuite, compressionMethod } = answer;
  if (compressionMethod !== 0)
    throw new TlsAlert("illegal_parameter", `server chose compression method ${compressionMethod}`);
  const suite = config.settings.tls12Suites.find(({ id }) => id === cipherSuite);
  if (suite === undefined || !hello.cipherSuites.includes(suite.id)) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose cipher suite ${cipherSuiteName(cipherSuite)}, which was not offered for TLS 1.2`,
    );
  }
  return suite;
}

/** An id that is echoed says that the session is resumed; the one that we send for middleboxes stands for none. RFC 8446 §D.4. */
function resumedSession(
  hello: ClientHello,
  session: OfferedSession | undefined,
  { sessionId }: Tls12ServerHello,
): OfferedSession | undefined {
  if (sessionId.length === 0 || !equalBytes(sessionId, hello.legacySessionId)) return undefined;
  if (session === undefined)
    throw new TlsAlert("illegal_parameter", "server resumes a session that was not offered");
  return session;
}

/**
 * `supported_groups` is passed over: it has no meaning there, and servers send it. `renegotiation_info` may also be asked for by a
 * signalling suite (RFC 5746 §3.3), as a `shapeClientHello` may do.
 */
function solicitedBy({ cipherSuites, extensions }: ClientHello): readonly number[] {
  const solicited = [...(extensions.order ?? []), ExtensionType.supported_groups];
  const signals = cipherSuites.includes(CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
  return signals ? [...solicited, ExtensionType.renegotiation_info] : solicited;
}

/** In a first handshake the extension is empty. RFC 5746 §3.4. */
function checkRenegotiationInfo(config: ClientConfig, renegotiationInfo: Uint8Array | undefined): void {
  if (renegotiationInfo !== undefined && renegotiationInfo.length > 0)
    throw new TlsAlert("handshake_failure", "server's renegotiation_info is not empty in a first handshake");
  if (renegotiationInfo === undefined && !config.dangerouslyAllowServerWithoutRenegotiationInfo) {
    throw new TlsAlert(
      "handshake_failure",
      "server does not know renegotiation_info (RFC 5746), and an attacker's handshake may stand before ours",
    );
  }
}

/** A session keeps what it was made with. RFC 7627 §5.3. */
function checkExtendedMainSecret(
  { settings }: ClientConfig,
  resumed: OfferedSession | undefined,
  isExtended: boolean,
): boolean {
  if (resumed !== undefined && resumed.state.extendedMainSecret !== isExtended) {
    throw new TlsAlert(
      "handshake_failure",
      `server resumes a session ${isExtended ? "without" : "with"} an extended main secret ${isExtended ? "with" : "without"} it`,
    );
  }
  if (settings.requireExtendedMainSecret && !isExtended)
    throw new TlsAlert("handshake_failure", "server has no extended main secret, and it is required");
  return isExtended;
}
