import { TlsAlert } from "../alert.ts";
import { ascii, concatBytes, equalBytes } from "../bytes.ts";
import type { TlsVersion } from "../config/settings.ts";
import { CipherSuite, codepointName, ProtocolVersion } from "../messages/codepoints.ts";
import type { Tls12ServerHello } from "../messages/handshake12.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { listed } from "./negotiate.ts";

/**
 * The version to speak with a client. RFC 8446 §4.2.1, RFC 7507 §3.
 *
 * @param own highest first.
 * @throws {TlsAlert} protocol_version when there is none in common; inappropriate_fallback when the client says that it has come down
 * from a version that we have.
 */
export function chooseVersion(own: readonly TlsVersion[], hello: ClientHello): TlsVersion {
  // The one value of legacy_version that means something beside supported_versions (RFC 8446 §D.5).
  if (hello.legacyVersion === ProtocolVersion.SSLv3) {
    throw new TlsAlert("protocol_version", "ClientHello has legacy_version SSLv3");
  }
  const offered = offeredVersions(hello);
  const version = own.find((candidate) => offered.includes(ProtocolVersion[candidate]));
  const [highest] = own;
  if (version !== highest && hello.cipherSuites.includes(CipherSuite.TLS_FALLBACK_SCSV)) {
    throw new TlsAlert(
      "inappropriate_fallback",
      `the client fell back to version ${shown(offered)}, and ${highest} is spoken here`,
    );
  }
  if (version === undefined) {
    throw new TlsAlert(
      "protocol_version",
      `the client offers version ${shown(offered)}, and ${own.join(" or ")} is required`,
    );
  }
  return version;
}

/** Versions that a ClientHello offers; without supported_versions all up to `legacy_version`, of which only the highest counts here. */
export function offeredVersions({ legacyVersion, extensions }: ClientHello): readonly number[] {
  // TLS 1.3 is offered in the extension alone (RFC 8446 §4.2.1).
  return extensions.supportedVersions ?? [Math.min(legacyVersion, ProtocolVersion["TLSv1.2"])];
}

/** "DOWNGRD" in front of a byte that tells what a server capable of more was brought down to. RFC 8446 §4.1.3. */
const DOWNGRADE = ascii("DOWNGRD");
const DOWNGRADED_TO_TLS12 = 1;
const SENTINEL_OFFSET = 24;

/** The server's random with the mark of a server that speaks TLS 1.3 as well. RFC 8446 §4.1.3. */
export function markDowngrade(random: Uint8Array): Uint8Array {
  return concatBytes(random.subarray(0, SENTINEL_OFFSET), DOWNGRADE, Uint8Array.of(DOWNGRADED_TO_TLS12));
}

/**
 * Whether a server may answer with TLS 1.2 or below, as a ServerHello without supported_versions does. RFC 8446 §4.1.3, §4.2.1.
 *
 * @param own highest first.
 * @throws {TlsAlert} illegal_parameter when the server has marked that it was brought down from TLS 1.3, which we have offered;
 * protocol_version for any version but TLS 1.2, and for TLS 1.2 unless it was offered.
 */
export function checkServerVersion(own: readonly TlsVersion[], hello: Tls12ServerHello): void {
  const { serverVersion, random } = hello;
  if (serverVersion === ProtocolVersion.SSLv3)
    throw new TlsAlert("protocol_version", "server sent legacy_version SSLv3");
  const mark = random.subarray(SENTINEL_OFFSET, SENTINEL_OFFSET + DOWNGRADE.length);
  if (own.includes("TLSv1.3") && equalBytes(mark, DOWNGRADE)) {
    throw new TlsAlert(
      "illegal_parameter",
      "server was brought down from TLS 1.3: its random holds the downgrade mark",
    );
  }
  if (serverVersion !== ProtocolVersion["TLSv1.2"] || !own.includes("TLSv1.2")) {
    const name = codepointName(ProtocolVersion, serverVersion);
    throw new TlsAlert(
      "protocol_version",
      `server chose version ${name}, and ${own.join(" or ")} was offered`,
    );
  }
}

function shown(versions: readonly number[]): string {
  return listed(versions, (version) => codepointName(ProtocolVersion, version));
}
