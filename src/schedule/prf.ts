import { ascii, concatBytes, wipe } from "../bytes.ts";
import type { Hash } from "../crypto/provider.ts";

/**
 * The PRF of TLS 1.2: `length` bytes of `P_hash(secret, label + seed)`, which the caller owns. RFC 5246 §5.
 *
 * ```text
 * P_hash(secret, seed) = HMAC_hash(secret, A(1) + seed) +
 *                        HMAC_hash(secret, A(2) + seed) + ...
 * A(0) = seed
 * A(i) = HMAC_hash(secret, A(i-1))
 * ```
 *
 * @throws {RangeError} for a label that is not ASCII, or a length that is no whole number.
 */
export function prf(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new RangeError(`${length} bytes asked of the PRF, allowed are whole numbers`);
  }
  const output = new Uint8Array(length);
  const labelled = concatBytes(ascii(label), seed);
  let chained: Uint8Array = labelled.slice();
  for (let at = 0; at < length; at += hash.outputLength) {
    const next = hash.hmac(secret, chained);
    wipe(chained);
    chained = next;
    const input = concatBytes(chained, labelled);
    const block = hash.hmac(secret, input);
    output.set(block.subarray(0, length - at), at);
    wipe(input, block);
  }
  wipe(chained);
  return output;
}
