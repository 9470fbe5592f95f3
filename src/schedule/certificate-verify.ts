import { ascii, concatBytes } from "../bytes.ts";

/**
 * What the signature of a CertificateVerify covers; the caller owns it. RFC 8446 §4.4.3.
 *
 * @param transcriptHash up to and including the signer's Certificate.
 */
export function certificateVerifyContent(
  signer: "client" | "server",
  transcriptHash: Uint8Array,
): Uint8Array {
  return concatBytes(PADDING, CONTEXT[signer], SEPARATOR, transcriptHash);
}

/** Keeps these signatures apart from those of earlier versions, which start with a random that the peer chose. */
const PADDING: Uint8Array = new Uint8Array(64).fill(0x20);
const SEPARATOR: Uint8Array = Uint8Array.of(0);
const CONTEXT = {
  client: ascii("TLS 1.3, client CertificateVerify"),
  server: ascii("TLS 1.3, server CertificateVerify"),
} as const;
