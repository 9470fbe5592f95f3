import { bigIntFromBytes } from "../der/integers.ts";
import { Oid } from "./object-identifiers.ts";
import type { KeyType } from "./provider.ts";

/** The parts of a NIST curve that parsing and checking a key takes. FIPS 186-5, SP 800-186 §3.2.1. */
export interface NamedCurve {
  readonly keyType: Extract<KeyType, `ecdsa-${string}`>;
  /** Name for messages. */
  readonly name: "P-256" | "P-384" | "P-521";
  readonly oid: string;
  /** Bytes of a coordinate and of a private key. */
  readonly length: number;
  /** The field's prime. */
  readonly p: bigint;
  /** `b` of y² = x³ - 3x + b. */
  readonly b: bigint;
  /** The order of the base point. */
  readonly order: bigint;
}

/** The curves that ECDSA keys may be on. */
export const namedCurves: readonly NamedCurve[] = [
  {
    keyType: "ecdsa-p256",
    name: "P-256",
    oid: Oid.secp256r1,
    length: 32,
    p: 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  {
    keyType: "ecdsa-p384",
    name: "P-384",
    oid: Oid.secp384r1,
    length: 48,
    p: 0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffffn,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  {
    keyType: "ecdsa-p521",
    name: "P-521",
    oid: Oid.secp521r1,
    length: 66,
    p: 0x01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffn,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
];

/** Whether `point` is `0x04 ‖ x ‖ y` with coordinates below the prime that satisfy the curve's equation. */
export function isUncompressedPoint({ length, p, b }: NamedCurve, point: Uint8Array): boolean {
  if (point.length !== 1 + 2 * length || point[0] !== 0x04) return false;
  const x = bigIntFromBytes(point.subarray(1, 1 + length));
  const y = bigIntFromBytes(point.subarray(1 + length));
  return x < p && y < p && (y * y - (x * x * x - 3n * x + b)) % p === 0n;
}
