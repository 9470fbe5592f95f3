import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import type { Limits } from "../config/limits.ts";
import type { Settings } from "../config/settings.ts";
import type { CertificateCompression } from "../crypto/certificate-compression.ts";
import { CertificateCompressionAlgorithm, codepointName } from "../messages/codepoints.ts";
import { encodeHandshake, HANDSHAKE_HEADER_LENGTH } from "../messages/handshake.ts";
import { Certificate, type CompressedCertificate } from "../messages/handshake13.ts";
import { decode } from "../wire/codec.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";

/** The extension of ClientHello and CertificateRequest that says how the peer may compress; none when it may not. RFC 8879 §3. */
export function compressionOffer({ certificateCompression }: Settings): {
  readonly compressCertificate?: readonly number[];
} {
  if (certificateCompression.length === 0) return {};
  return { compressCertificate: certificateCompression.map(({ id }) => id) };
}

/** Ours that are in an offer: our own as it was sent, or the peer's; most preferred by us first. */
export function compressionsIn(
  { certificateCompression }: Settings,
  offer: readonly number[] = [],
): readonly CertificateCompression[] {
  return certificateCompression.filter(({ id }) => offer.includes(id));
}

/** The messages that a Certificate may come as. */
export type CertificateMessage = "certificate" | "compressed_certificate";

/** The {@link CertificateMessage}s of a peer that was offered `compressions`. */
export function certificateMessages(
  compressions: readonly CertificateCompression[],
): readonly CertificateMessage[] {
  return compressions.length === 0 ? ["certificate"] : ["certificate", "compressed_certificate"];
}

/**
 * The peer's Certificate, which has come in one of {@link certificateMessages}. RFC 8879 §4.
 *
 * @throws {TlsAlert} illegal_parameter for an algorithm that was not offered; bad_certificate for what declares more than is allowed,
 *   which is said before anything is decompressed, or cannot be decompressed to what it declares; decode_error.
 */
export function* uncompressed(
  message: Received<CertificateMessage>,
  compressions: readonly CertificateCompression[],
  { handshakeMessageBytes }: Limits,
): Flow<Certificate> {
  if (message.name === "certificate") return message.body;
  const { algorithm, uncompressedLength } = message.body;
  const compression = compressions.find(({ id }) => id === algorithm);
  if (compression === undefined) {
    const name = codepointName(CertificateCompressionAlgorithm, algorithm);
    throw new TlsAlert("illegal_parameter", `the peer compressed with ${name}, which it was not offered`);
  }
  if (uncompressedLength > handshakeMessageBytes) {
    throw new TlsAlert(
      "bad_certificate",
      `CompressedCertificate declares ${uncompressedLength} bytes, allowed ${handshakeMessageBytes}`,
    );
  }
  return decode(Certificate, yield* decompressed(compression, message.body), "certificate");
}

function* decompressed(
  compression: CertificateCompression,
  { uncompressedLength, compressedCertificateMessage: bytes }: CompressedCertificate,
): Flow<Uint8Array> {
  const { name } = compression;
  let result: Uint8Array;
  try {
    result = new Uint8Array(yield* settle(compression.decompress(bytes, uncompressedLength)));
  } catch (cause) {
    throw new TlsAlert(
      "bad_certificate",
      `CompressedCertificate of ${bytes.length} bytes is not ${uncompressedLength} bytes under ${name}`,
      { cause },
    );
  }
  if (result.length === uncompressedLength) return result;
  throw new TlsAlert(
    "bad_certificate",
    `CompressedCertificate declares ${uncompressedLength} bytes, and ${name} gives ${result.length}`,
  );
}

/**
 * Sends a Certificate, compressed if that makes it shorter. RFC 8879 §4.
 *
 * @param chain the very array of the credential: what was compressed is kept as long as that lives.
 * @param compression one that the peer reads, or undefined.
 */
export function* sendCertificate(
  io: HandshakeIo,
  certificate: Certificate,
  chain: readonly Uint8Array[],
  compression: CertificateCompression | undefined,
): Flow<void> {
  const raw = encodeHandshake("certificate", certificate);
  if (compression === undefined) {
    io.sendRaw(raw);
    return;
  }
  // A context makes it a message that is sent once.
  const kept = certificate.certificateRequestContext.length === 0 ? keptFor(chain, compression) : [];
  let found = kept.find((candidate) => equalBytes(candidate.raw, raw));
  if (found === undefined) {
    found = { raw, compressed: yield* compressedForm(compression, raw) };
    kept.unshift(found);
    if (kept.length > KEPT_FORMS) kept.pop();
  }
  io.sendRaw(found.compressed ?? raw);
}

function* compressedForm(compression: CertificateCompression, raw: Uint8Array): Flow<Uint8Array | undefined> {
  const bytes = raw.slice(HANDSHAKE_HEADER_LENGTH);
  const uncompressedLength = bytes.length;
  const compressed = encodeHandshake("compressed_certificate", {
    algorithm: compression.id,
    uncompressedLength,
    compressedCertificateMessage: yield* settle(compression.compress(bytes)),
  });
  return compressed.length < raw.length ? compressed : undefined;
}

/** A Certificate message, and the CompressedCertificate that stands for it; undefined when that is no shorter. */
interface KeptForm {
  readonly raw: Uint8Array;
  readonly compressed: Uint8Array | undefined;
}

/** A peer asks for an OCSP response and for timestamps, for one of them, or for none. */
const KEPT_FORMS = 4;

/**
 * Compressing is done once for a chain and what is stapled to it, not for each connection. Staples may be exchanged while the chain stays:
 * a form is found by all of its bytes.
 */
const keptForms = new WeakMap<readonly Uint8Array[], WeakMap<CertificateCompression, KeptForm[]>>();

function keptFor(chain: readonly Uint8Array[], compression: CertificateCompression): KeptForm[] {
  const ofChain = keptForms.get(chain) ?? new WeakMap<CertificateCompression, KeptForm[]>();
  const kept = ofChain.get(compression) ?? [];
  keptForms.set(chain, ofChain.set(compression, kept));
  return kept;
}
