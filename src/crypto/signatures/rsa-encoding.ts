import { concatBytes } from "../../bytes.ts";
import { derNull, derObjectIdentifier, derOctetString, derSequence } from "../../der/writer.ts";
import { Oid } from "../object-identifiers.ts";
import type { Hash } from "../provider.ts";

/**
 * EMSA-PSS-ENCODE of RFC 8017 §9.1.1, with MGF1 on the same hash.
 *
 * @param modulusBits bits of the modulus; the encoding has one bit less, so it is a byte shorter than the modulus when that has 8k + 1.
 */
export function encodePss(hash: Hash, digest: Uint8Array, salt: Uint8Array, modulusBits: number): Uint8Array {
  const encodedBits = modulusBits - 1;
  const length = Math.ceil(encodedBits / 8);
  const blockLength = length - digest.length - 1;
  if (blockLength < salt.length + 1)
    throw new RangeError(`RSA modulus of ${modulusBits} bits is too short for ${hash.name}`);
  const seed = hash.digest(concatBytes(new Uint8Array(8), digest, salt));
  const block = mgf1(hash, seed, blockLength);
  const separator = blockLength - salt.length - 1;
  block[separator] = (block[separator] ?? 0) ^ 0x01;
  for (const [i, byte] of salt.entries()) block[separator + 1 + i] = (block[separator + 1 + i] ?? 0) ^ byte;
  block[0] = (block[0] ?? 0) & (0xff >> (8 * length - encodedBits));
  return concatBytes(block, seed, Uint8Array.of(0xbc));
}

/** EMSA-PKCS1-v1_5-ENCODE of RFC 8017 §9.2, in `length` bytes. */
export function encodePkcs1(hash: Hash, digest: Uint8Array, length: number): Uint8Array {
  const oid = digestOid[hash.name];
  const info = derSequence(derSequence(derObjectIdentifier(oid), derNull()), derOctetString(digest));
  const paddingLength = length - info.length - 3;
  if (paddingLength < 8) throw new RangeError(`RSA modulus of ${length} bytes is too short for ${hash.name}`);
  return concatBytes(Uint8Array.of(0, 1), new Uint8Array(paddingLength).fill(0xff), Uint8Array.of(0), info);
}

const digestOid = {
  "SHA-1": Oid.sha1,
  "SHA-256": Oid.sha256,
  "SHA-384": Oid.sha384,
  "SHA-512": Oid.sha512,
} as const;

/** MGF1 of RFC 8017 §B.2.1. */
function mgf1(hash: Hash, seed: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let counter = 0; counter * hash.outputLength < length; counter++) {
    blocks.push(hash.digest(concatBytes(seed, Uint8Array.of(0, 0, counter >> 8, counter))));
  }
  return concatBytes(...blocks).subarray(0, length);
}
