import type { SignatureVerifier, Tls13CipherSuite } from "../crypto/provider.ts";
import type { ExporterSecret, ResumptionSecret } from "../schedule/tls13.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";

/** Who the other side is, as far as we know. */
export type PeerIdentity =
  /** It presented no certificate. */
  | { readonly kind: "none" }
  /** It holds the key of the first certificate, and nobody vouches for it. */
  | { readonly kind: "unverified"; readonly chain: readonly Uint8Array[]; readonly reason: string }
  /** It holds the key of the first certificate, and the trust policy has accepted it. */
  | { readonly kind: "verified"; readonly chain: readonly Uint8Array[] }
  /** It holds a pre-shared key. */
  | { readonly kind: "psk"; readonly identity: Uint8Array };

/** What a handshake has agreed on, as it is shown to applications. */
export interface ConnectionInfo {
  readonly role: "client" | "server";
  readonly version: "TLSv1.3";
  /** IANA name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipherSuite: string;
  /** IANA name of the key exchange, such as `x25519`. */
  readonly group: string;
  /** The ALPN protocol as Latin-1 text, or null when none was agreed on. */
  readonly alpn: string | null;
  /** The SNI host name that the client sent, or null. */
  readonly serverName: string | null;
  /** IANA name of the scheme that the peer has signed with, or null when it did not. */
  readonly peerSignatureScheme: string | null;
  readonly resumed: false;
  /** Whether the server asked for a second ClientHello. */
  readonly helloRetried: boolean;
  readonly peer: PeerIdentity;
}

/** The outcome of a handshake. Secrets are the holder's to wipe. */
export interface Established {
  readonly info: ConnectionInfo;
  readonly suite: Tls13CipherSuite;
  readonly readSecret: TrafficSecret;
  readonly writeSecret: TrafficSecret;
  readonly exporter: ExporterSecret;
  readonly resumption: ResumptionSecret;
}

/** A peer and the scheme with which it proved its key. */
export interface Authenticated {
  readonly peer: PeerIdentity;
  readonly verifier: SignatureVerifier | null;
}
