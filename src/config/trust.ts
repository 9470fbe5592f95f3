import type { AlertName } from "../alert.ts";
import { equalBytes, hex } from "../bytes.ts";
import type { Awaitable } from "../awaitable.ts";
import type { SignatureVerifier } from "../crypto/provider.ts";
import { ConfigError } from "../errors.ts";
import type { Leaf } from "../x509/raw-public-key.ts";

/** What a peer presented, after it has proven that it holds the key of the first certificate, or the raw public key (RFC 7250). Bytes are the caller's to keep. */
export interface PresentedPeer {
  /** The peer's role. */
  readonly role: "client" | "server";
  /** DER certificates as they came, the leaf first, at least one; of a raw public key its DER SubjectPublicKeyInfo alone. */
  readonly chain: readonly Uint8Array[];
  /** Its `certificate` is null when the peer has shown a raw public key. */
  readonly leaf: Leaf;
  /** The name that the client wants to talk to; null for a client's certificate, or when the name is not to be checked. */
  readonly serverName: string | null;
  /** A stapled OCSPResponse in DER for the leaf, not verified. */
  readonly ocspResponse: Uint8Array | null;
  /** Signed certificate timestamps for the leaf (RFC 6962), not verified. */
  readonly signedCertificateTimestamps: readonly Uint8Array[];
  /** Schemes that certificates may be signed with, as the configuration has them. */
  readonly signatureVerifiers: readonly SignatureVerifier[];
  /** Milliseconds since 1970, by the configured clock. */
  readonly nowMs: number;
}

/** The peer is who it should be. */
export interface Verified {
  readonly trust: "verified";
  /** DER certificates from the leaf to the anchor, of a policy that looks for a path. */
  readonly path?: readonly Uint8Array[];
}

/** The handshake ends with `alert`, `certificate_unknown` if it is left out. */
export interface Rejected {
  readonly trust: "rejected";
  /** The fact, for the error's message, such as `"expired: notAfter 2026-01-01"`. */
  readonly reason: string;
  readonly alert?: AlertName;
  /** What is behind it, such as a `CertificateError`; it becomes the cause of the `TlsAlert`. */
  readonly cause?: Error;
}

/** The peer may go on, and is reported as `unverified`: what it may do is for the application to say. Only a server's policy may say so. */
export interface Unverified {
  readonly trust: "unverified";
  readonly reason: string;
}

/**
 * Decides whether a server is trusted. It runs after CertificateVerify and before our Finished, so a refusal reaches the
 * peer as an alert. A promise parks the handshake. An exception refuses with internal_error, a `TlsAlert` with its own alert.
 */
export interface ServerTrust {
  verify(peer: PresentedPeer): Awaitable<Verified | Rejected>;
}

/** Decides whether a client's certificate is trusted, as {@link ServerTrust} does for servers. */
export interface ClientTrust {
  verify(peer: PresentedPeer): Awaitable<Verified | Rejected | Unverified>;
}

/**
 * Trusts exactly the peers whose certificate holds one of the given keys, whatever name it bears and whenever it expires. It is what raw
 * public keys are for (RFC 7250), which have neither names nor dates.
 * The key is proven, not just shown; a certificate that such a key has signed is not trusted.
 *
 * @param spkiSha256 SHA-256 digests of DER SubjectPublicKeyInfo, 32 bytes each; copied.
 * @throws {ConfigError} for an empty list or a digest of another length.
 */
export function pinned(spkiSha256: readonly Uint8Array[]): ServerTrust & ClientTrust {
  if (spkiSha256.length === 0) throw new ConfigError("spkiSha256", spkiSha256, "at least one SHA-256 digest");
  for (const digest of spkiSha256) {
    if (digest.length !== 32) throw new ConfigError("spkiSha256", digest, "digests of 32 bytes");
  }
  const pins = spkiSha256.map((digest) => digest.slice());
  return {
    verify({ leaf }) {
      if (pins.some((pin) => equalBytes(pin, leaf.spkiSha256))) return { trust: "verified" };
      return {
        trust: "rejected",
        reason: `the key of the ${leaf.certificate === null ? "peer" : "certificate"} (SHA-256 ${hex(leaf.spkiSha256)}) is not pinned`,
        alert: "certificate_unknown",
      };
    },
  };
}

/**
 * Trusts no certificate at all: for peers that are to prove a pre-shared key, whose handshakes do not come to this, and for nobody else.
 * RFC 8446 §2.2.
 */
export function noCertificates(): ServerTrust & ClientTrust {
  return {
    verify: ({ role }) => ({
      trust: "rejected",
      reason: `a ${role} has to prove a pre-shared key here`,
      alert: "certificate_unknown",
    }),
  };
}
