import { wipe } from "../../bytes.ts";
import { bigIntFromBytes, bitLength, bytesFromBigInt } from "../../der/integers.ts";
import type { Hash, Random } from "../provider.ts";
import { drawBytes } from "../random.ts";
import { encodePkcs1, encodePss } from "./rsa-encoding.ts";

/** The numbers of a two-prime RSA private key. RFC 8017 §3.2. */
export interface RsaPrivateNumbers {
  readonly modulus: bigint;
  readonly publicExponent: bigint;
  readonly privateExponent: bigint;
  readonly prime1: bigint;
  readonly prime2: bigint;
  /** `privateExponent` mod `prime1 - 1`. */
  readonly exponent1: bigint;
  /** `privateExponent` mod `prime2 - 1`. */
  readonly exponent2: bigint;
  /** Inverse of `prime2` mod `prime1`. */
  readonly coefficient: bigint;
}

/**
 * What contradicts in the numbers of a key, in words without values; undefined when they belong together. That the primes are prime
 * is not tested: every signature is checked before it leaves.
 */
export function rsaInconsistency(key: RsaPrivateNumbers): string | undefined {
  const { modulus, publicExponent, privateExponent, prime1: p, prime2: q } = key;
  if (p <= 1n || q <= 1n || p === q || p * q !== modulus) return "the primes do not give the modulus";
  const product = publicExponent * privateExponent;
  if (product % (p - 1n) !== 1n || product % (q - 1n) !== 1n) return "the exponents do not belong together";
  if (key.exponent1 !== privateExponent % (p - 1n) || key.exponent2 !== privateExponent % (q - 1n)) {
    return "the CRT exponents do not belong to the private exponent";
  }
  if (key.coefficient >= p || (key.coefficient * q) % p !== 1n)
    return "the CRT coefficient does not belong to the primes";
  return undefined;
}

/** RSASSA-PSS of RFC 8017 §8.1.1, with a salt as long as the digest, drawn from `random` before the blinding is. */
export function signRsaPss(
  key: RsaPrivateNumbers,
  hash: Hash,
  message: Uint8Array,
  random: Random,
): Uint8Array {
  const salt = drawBytes(random, hash.outputLength);
  const encoded = encodePss(hash, hash.digest(message), salt, bitLength(key.modulus));
  return applyRsaPrivateKey(key, encoded, random);
}

/** RSASSA-PKCS1-v1_5 of RFC 8017 §8.2.1. TLS 1.2 has it in handshakes too, TLS 1.3 in certificates only. */
export function signRsaPkcs1(
  key: RsaPrivateNumbers,
  hash: Hash,
  message: Uint8Array,
  random: Random,
): Uint8Array {
  const length = Math.ceil(bitLength(key.modulus) / 8);
  return applyRsaPrivateKey(key, encodePkcs1(hash, hash.digest(message), length), random);
}

/**
 * RSASP1 of RFC 8017 §5.2.1 by the Chinese remainder theorem, in as many bytes as the modulus has.
 *
 * BigInt arithmetic takes time that depends on its operands, so they are blinded: the base is multiplied by the e-th power of a
 * random number, and the result divided by it. And the result is checked with the public key, since a wrong one of the two halves
 * (a bit that flipped, a damaged key) would give the primes away to whoever sees the signature.
 *
 * @throws {Error} when that check fails; nothing is returned then.
 */
export function applyRsaPrivateKey(key: RsaPrivateNumbers, encoded: Uint8Array, random: Random): Uint8Array {
  const { modulus, publicExponent, prime1, prime2 } = key;
  const length = Math.ceil(bitLength(modulus) / 8);
  const representative = bigIntFromBytes(encoded);
  const blindingBytes = drawBytes(random, length);
  const blinding = (bigIntFromBytes(blindingBytes) % (modulus - 3n)) + 2n;
  wipe(blindingBytes);
  const blinded = (representative * publicPower(blinding, publicExponent, modulus)) % modulus;
  const half1 = privatePower(blinded, key.exponent1, prime1);
  const half2 = privatePower(blinded, key.exponent2, prime2);
  const quotient = modulo((half1 - half2) * key.coefficient, prime1);
  const signature = ((half2 + quotient * prime2) * inverse(blinding, modulus)) % modulus;
  if (publicPower(signature, publicExponent, modulus) !== representative) {
    throw new Error("RSA signature does not verify under its own key: the key or the computation is damaged");
  }
  return bytesFromBigInt(signature, length);
}

const WINDOW_BITS = 5;

/**
 * `base ** exponent % prime` for a secret exponent: five squarings and one multiplication per five bits, whatever the bits are.
 * Which table entry is read still depends on them.
 */
function privatePower(base: bigint, exponent: bigint, prime: bigint): bigint {
  const reduced = base % prime;
  // 1 as a number of full size: multiplying by 1n itself would be faster, and tell zero digits apart.
  const table = [prime + 1n, reduced];
  for (let i = 2; i < 1 << WINDOW_BITS; i++) table.push(((table[i - 1] ?? 0n) * reduced) % prime);
  const digits = exponent.toString(1 << WINDOW_BITS);
  let result = prime + 1n;
  for (let i = 0; i < digits.length; i++) {
    for (let bit = 0; bit < WINDOW_BITS; bit++) result = (result * result) % prime;
    result = (result * (table[digitValue(digits.charCodeAt(i))] ?? 0n)) % prime;
  }
  return result;
}

/** The value of a base-32 digit as BigInt.prototype.toString writes them: 0-9, then a-v. */
function digitValue(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

/** `base ** exponent % modulus` for a public exponent of at most 32 bits. */
function publicPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = Number(exponent); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse by Euclid's algorithm. @throws {Error} when there is none. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [modulo(value, modulus), modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  if (a !== 1n) throw new Error("the RSA blinding is not invertible");
  return modulo(x, modulus);
}

function modulo(value: bigint, modulus: bigint): bigint {
  const remainder = value % modulus;
  return remainder < 0n ? remainder + modulus : remainder;
}
