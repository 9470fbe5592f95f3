import type { Awaitable } from "../awaitable.ts";

/**
 * A way to compress certificates. RFC 8879.
 *
 * It is named in `certificateCompression` of a configuration, and called for handshakes of TLS 1.3 alone. An answer may come late; the
 * handshake waits.
 */
export interface CertificateCompression {
  /** From the IANA registry of certificate compression algorithms: 1 zlib, 2 brotli, 3 zstd. RFC 8879 §7.3. */
  readonly id: number;
  /** The registered name, for messages. */
  readonly name: string;
  /**
   * Compresses a Certificate of ours. `bytes` are a copy, and the result is copied; it is kept and sent to other peers too, as long as the
   * credential lives. A certificate that does not become shorter is sent as it is. What this throws ends the handshake with internal_error.
   */
  compress(bytes: Uint8Array): Awaitable<Uint8Array>;
  /**
   * Gives back a Certificate of the peer, which the result is copied from. The peer may be an attacker who has not proven anything yet.
   *
   * @param bytes to be one whole stream, and nothing behind it.
   * @param length what the stream must come to, in bytes, and already within `limits.handshakeMessageBytes`. Whoever inflates more than
   *   one byte beyond that is open to decompression bombs.
   * @throws whatever it likes for anything else: the handshake ends with bad_certificate, and that as the cause.
   */
  decompress(bytes: Uint8Array, length: number): Awaitable<Uint8Array>;
}
