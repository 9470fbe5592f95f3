import { TlsAlert } from "../alert.ts";
import { equalBytes, hex16, latin1 } from "../bytes.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import { ProtocolVersion } from "../messages/codepoints.ts";
import type {
  CertificateRequest,
  ClientHello,
  EncryptedExtensions,
  HelloRetryRequest,
  ServerHello,
} from "../messages/handshake13.ts";
import { checkSolicited } from "./negotiate.ts";

/**
 * What ServerHello and HelloRetryRequest have in common: an answer to the ClientHello that was sent. RFC 8446 §4.1.3.
 *
 * @param suites those that the client is configured for.
 * @returns the suite that the server chose.
 * @throws {TlsAlert} illegal_parameter, or protocol_version when the server speaks an older version.
 */
export function checkServerHello(
  suites: readonly Tls13CipherSuite[],
  hello: ClientHello,
  answer: ServerHello | HelloRetryRequest,
): Tls13CipherSuite {
  checkVersion(answer);
  if (!equalBytes(answer.legacySessionIdEcho, hello.legacySessionId)) {
    throw new TlsAlert("illegal_parameter", "server echoes another legacy_session_id than it was sent");
  }
  if (answer.legacyCompressionMethod !== 0) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose compression method ${answer.legacyCompressionMethod}`,
    );
  }
  const suite = suites.find(({ id }) => id === answer.cipherSuite);
  if (suite === undefined || !hello.cipherSuites.includes(suite.id)) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose cipher suite ${hex16(answer.cipherSuite)}, which was not offered`,
    );
  }
  return suite;
}

/** "DOWNGRD" and the version that a server capable of TLS 1.3 was brought down to. RFC 8446 §4.1.3. */
const DOWNGRADE = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44);

function checkVersion({ legacyVersion, random, extensions }: ServerHello | HelloRetryRequest): void {
  const { supportedVersions } = extensions;
  if (legacyVersion === ProtocolVersion.SSLv3) {
    throw new TlsAlert("protocol_version", "server sent legacy_version 0x0300, that of SSL 3.0");
  }
  if (supportedVersions === undefined) {
    if (equalBytes(random.subarray(24, 31), DOWNGRADE)) {
      throw new TlsAlert(
        "illegal_parameter",
        "server was brought down from TLS 1.3: its random holds the downgrade mark",
      );
    }
    throw new TlsAlert(
      "protocol_version",
      `server chose version ${hex16(legacyVersion)}, and TLS 1.3 was offered`,
    );
  }
  // Beside supported_versions, legacy_version is to be ignored (RFC 8446 §4.2.1).
  if (supportedVersions !== ProtocolVersion["TLSv1.3"]) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose version ${hex16(supportedVersions)}, which was not offered`,
    );
  }
}

/** Gives the ALPN protocol that the server chose. RFC 8446 §4.3.1, RFC 7301 §3.1. */
export function checkEncryptedExtensions(
  { extensions }: EncryptedExtensions,
  hello: ClientHello,
): string | null {
  checkSolicited(
    "EncryptedExtensions",
    extensions.order ?? [],
    extensions.unknown,
    hello.extensions.order ?? [],
  );
  const chosen = extensions.applicationLayerProtocolNegotiation;
  if (chosen === undefined) return null;
  const [protocol] = chosen;
  if (protocol === undefined || chosen.length !== 1) {
    throw new TlsAlert("decode_error", `server chose ${chosen.length} ALPN protocols`);
  }
  const offered = hello.extensions.applicationLayerProtocolNegotiation ?? [];
  if (!offered.some((name) => equalBytes(name, protocol))) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose the ALPN protocol ${JSON.stringify(latin1(protocol))}, which was not offered`,
    );
  }
  return latin1(protocol);
}

/** The request itself, which must say what it accepts. RFC 8446 §4.3.2. */
export function checkCertificateRequest(request: CertificateRequest): CertificateRequest {
  if (request.certificateRequestContext.length > 0) {
    throw new TlsAlert("decode_error", "CertificateRequest in the handshake has a context");
  }
  if (request.extensions.signatureAlgorithms === undefined) {
    throw new TlsAlert("missing_extension", "CertificateRequest holds no signature_algorithms");
  }
  return request;
}
