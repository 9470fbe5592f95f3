import { TlsAlert } from "../alert.ts";
import { equalBytes, hex16 } from "../bytes.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import { ProtocolVersion } from "../messages/codepoints.ts";
import type {
  CertificateRequest,
  ClientHello,
  EncryptedExtensions,
  HelloRetryRequest,
  ServerHello,
} from "../messages/handshake13.ts";
import { checkChosenAlpn } from "./alpn.ts";
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

function checkVersion({ legacyVersion, extensions }: ServerHello | HelloRetryRequest): void {
  const { supportedVersions } = extensions;
  if (legacyVersion === ProtocolVersion.SSLv3)
    throw new TlsAlert("protocol_version", "server sent legacy_version SSLv3");
  // A ServerHello has it, or it would be one of TLS 1.2.
  if (supportedVersions === undefined) {
    throw new TlsAlert("protocol_version", "HelloRetryRequest holds no supported_versions");
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
  return checkChosenAlpn(extensions.applicationLayerProtocolNegotiation, hello);
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
