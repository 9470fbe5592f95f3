import { ascii, concatBytes, wipe } from "../bytes.ts";
import type { Hash } from "../crypto/provider.ts";
import { encode, opaque, struct, uint16 } from "../wire/codec.ts";

/**
 * HKDF-Extract: a pseudorandom key of `hash.outputLength` bytes, which the caller owns. RFC 5869 §2.2.
 *
 * An empty `salt` equals one of `hash.outputLength` zeros.
 */
export function hkdfExtract(hash: Hash, salt: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array {
  return hash.hmac(salt, inputKeyingMaterial);
}

/**
 * HKDF-Expand: `length` bytes of output keying material, which the caller owns. RFC 5869 §2.3.
 *
 * @throws {RangeError} when `length` is no integer from 0 to 255 * `hash.outputLength`.
 */
export function hkdfExpand(
  hash: Hash,
  pseudorandomKey: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const longest = 255 * hash.outputLength;
  if (!Number.isInteger(length) || length < 0 || length > longest) {
    throw new RangeError(`${length} bytes asked of HKDF with ${hash.name}, allowed 0..${longest}`);
  }
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array();
  for (let at = 0, counter = 1; at < length; at += hash.outputLength, counter++) {
    const input = concatBytes(block, info, Uint8Array.of(counter));
    wipe(block);
    block = hash.hmac(pseudorandomKey, input);
    wipe(input);
    output.set(block.subarray(0, length - at), at);
  }
  wipe(block);
  return output;
}

/** RFC 8446 §7.1 */
const HkdfLabel = struct({ length: uint16, label: opaque(7, 255), context: opaque(0, 255) });

/**
 * HKDF-Expand-Label: `length` bytes for `label`, which is given without its prefix `"tls13 "`. The caller owns them.
 * RFC 8446 §7.1.
 *
 * @throws {RangeError} for a label that is not 1 to 249 ASCII characters, a context above 255 bytes, or a length that
 * {@link hkdfExpand} refuses.
 */
export function hkdfExpandLabel(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  return hkdfExpand(
    hash,
    secret,
    encode(HkdfLabel, { length, label: ascii(`tls13 ${label}`), context }),
    length,
  );
}

/**
 * Derive-Secret, with the Transcript-Hash of the messages in place of the messages. The caller owns the result.
 * RFC 8446 §7.1.
 */
export function deriveSecret(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  transcriptHash: Uint8Array,
): Uint8Array {
  return hkdfExpandLabel(hash, secret, label, transcriptHash, hash.outputLength);
}
