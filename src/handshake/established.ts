import type { TlsVersion } from "../config/settings.ts";
import type { SignatureVerifier, Tls13CipherSuite } from "../crypto/provider.ts";
import type { Exporter } from "../schedule/exporter.ts";
import type { ResumptionSecret } from "../schedule/tls13.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import type { SessionOrigin } from "./session-fields.ts";

/** Who the other side is, as far as we know. */
export type PeerIdentity =
  /** It presented no certificate. */
  | { readonly kind: "none" }
  /** It holds the key of the first certificate, or the raw public key, and nobody vouches for it. */
  | {
      readonly kind: "unverified";
      readonly certificateType: CertificateTypeName;
      /** As it was presented, DER, the leaf first; of a raw public key its SubjectPublicKeyInfo alone. */
      readonly chain: readonly Uint8Array[];
      readonly reason: string;
    }
  /** It holds the key of the first certificate, or the raw public key, and the trust policy has accepted it. */
  | {
      readonly kind: "verified";
      readonly certificateType: CertificateTypeName;
      /** As it was presented, DER, the leaf first; of a raw public key its SubjectPublicKeyInfo alone. */
      readonly chain: readonly Uint8Array[];
      /** From the leaf to the anchor, if the policy has looked for a path; null otherwise. */
      readonly path: readonly Uint8Array[] | null;
    }
  /** It holds a pre-shared key. */
  | { readonly kind: "psk"; readonly identity: Uint8Array };

/** What a handshake has agreed on, as it is shown to applications. */
export interface ConnectionInfo {
  readonly role: "client" | "server";
  readonly version: TlsVersion;
  /** IANA name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipherSuite: string;
  /** IANA name of the key exchange, such as `x25519`; null without one: in a resumed session of TLS 1.2, and with the PSK mode psk_ke. */
  readonly group: string | null;
  /** The ALPN protocol as Latin-1 text, or null when none was agreed on. */
  readonly alpn: string | null;
  /** The SNI host name that the client sent, or null. */
  readonly serverName: string | null;
  /** IANA name of the scheme that the peer has signed with, or null when it did not. */
  readonly peerSignatureScheme: string | null;
  /** Whether an earlier session was resumed: `peer` is who it was then, and the trust policy was asked about it again. */
  readonly resumed: boolean;
  /** Whether the server asked for a second ClientHello. */
  readonly helloRetried: boolean;
  /** Whether the keys are bound to the whole handshake, as they always are in TLS 1.3. RFC 7627. */
  readonly extendedMainSecret: boolean;
  /** Whether early data was sent and taken. */
  readonly earlyDataAccepted: boolean;
  readonly peer: PeerIdentity;
}

/** The outcome of a handshake. Secrets are the holder's to wipe. */
export type Established = Established13 | Established12;

/** What {@link Established} has in either version. */
interface EstablishedAny {
  readonly info: ConnectionInfo;
  readonly exporter: Exporter;
  readonly bindings: ChannelBindings;
}

/** What a session keeps of the connection that it comes from. */
export type Origin = Pick<
  SessionOrigin,
  "createdAtSeconds" | "peerCertificateType" | "peerChain" | "ocspResponse" | "signedCertificateTimestamps"
>;

/** The outcome of a handshake of TLS 1.3. */
export interface Established13 extends EstablishedAny {
  readonly version: "TLSv1.3";
  readonly suite: Tls13CipherSuite;
  readonly readSecret: TrafficSecret;
  readonly writeSecret: TrafficSecret;
  readonly resumption: ResumptionSecret;
  /** What the client shows when it is asked for a certificate. RFC 7250. */
  readonly clientCertificateType: CertificateTypeName;
  /** Whether the client has said that it can be asked for a certificate later. RFC 8446 §4.2.6. */
  readonly postHandshakeAuth: boolean;
  /** Of the store, where the first session of this connection is kept: that which the one that is resumed has left free. */
  readonly sessionSlot: number;
  /** For the sessions of a client; null when it keeps none, as its server has shown a PSK from elsewhere. */
  readonly origin: Origin | null;
}

/** The outcome of a handshake of TLS 1.2, whose keys stay for good. */
export interface Established12 extends EstablishedAny {
  readonly version: "TLSv1.2";
}

/** Registered names of channel bindings. RFC 9266, RFC 5929. */
export type ChannelBindingType = "tls-exporter" | "tls-server-end-point" | "tls-unique";

/** What an authentication inside of the connection can be bound to. */
export interface ChannelBindings {
  /** The first Finished of the handshake; null where it proves nothing. RFC 5929 §3, RFC 7627 §5.4. */
  readonly tlsUnique: Uint8Array | null;
  /** The hash of the server's certificate, or null when it has none that is defined. RFC 5929 §4. */
  readonly serverEndPoint: () => Uint8Array | null;
}

/** A peer and the scheme with which it proved its key. */
export interface Authenticated {
  readonly peer: PeerIdentity;
  readonly verifier: SignatureVerifier | null;
}
