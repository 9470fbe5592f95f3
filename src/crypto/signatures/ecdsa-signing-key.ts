import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";

import { hex16 } from "../../bytes.ts";
import { derBitString, derObjectIdentifier, derSequence } from "../../der/writer.ts";
import type { NamedCurve } from "../curves.ts";
import { sha256, sha384, sha512 } from "../hashes.ts";
import { Oid } from "../object-identifiers.ts";
import type { Hash, SigningKey } from "../provider.ts";

/**
 * An ECDSA private key in memory. Nonces are derived from key and message (RFC 6979), so a bad source of randomness cannot give
 * the key away.
 */
export class EcdsaSigningKey implements SigningKey {
  readonly keyType: NamedCurve["keyType"];
  readonly schemes: readonly number[];
  readonly #curve: NamedCurve;
  readonly #signature: EcdsaSignature;
  readonly #privateKey: Uint8Array;
  #subjectPublicKeyInfo: Uint8Array | undefined;

  /**
   * @param privateKey a scalar in 1..order-1 of {@link NamedCurve.length} bytes, which becomes the key's.
   * @param point the public key as an uncompressed point, if it is known already.
   */
  constructor(curve: NamedCurve, privateKey: Uint8Array, point: Uint8Array | undefined) {
    this.keyType = curve.keyType;
    this.#curve = curve;
    this.#signature = signatureByKeyType[curve.keyType];
    this.#privateKey = privateKey;
    this.schemes = [this.#signature.scheme];
    if (point !== undefined) this.#subjectPublicKeyInfo = encodePublicKey(curve, point);
  }

  /** Computed when first asked for, unless the public key came with the private one: it costs a multiplication on the curve. */
  get subjectPublicKeyInfo(): Uint8Array {
    this.#subjectPublicKeyInfo ??= encodePublicKey(
      this.#curve,
      this.#signature.noble.getPublicKey(this.#privateKey, false),
    );
    return this.#subjectPublicKeyInfo;
  }

  sign(scheme: number, message: Uint8Array): Uint8Array {
    const { scheme: own, hash, noble } = this.#signature;
    if (scheme !== own)
      throw new RangeError(`this ${this.keyType} key does not sign scheme ${hex16(scheme)}`);
    const options = { prehash: false, lowS: false, format: "der" } as const;
    return noble.sign(hash.digest(message), this.#privateKey, options);
  }
}

interface EcdsaSignature {
  readonly scheme: number;
  readonly hash: Hash;
  readonly noble: ECDSA;
}

/** TLS 1.3 binds curve and hash together. RFC 8446 §4.2.3. */
const signatureByKeyType: Readonly<Record<NamedCurve["keyType"], EcdsaSignature>> = {
  "ecdsa-p256": { scheme: 0x0403, hash: sha256, noble: p256 },
  "ecdsa-p384": { scheme: 0x0503, hash: sha384, noble: p384 },
  "ecdsa-p521": { scheme: 0x0603, hash: sha512, noble: p521 },
};

function encodePublicKey({ oid }: NamedCurve, point: Uint8Array): Uint8Array {
  const algorithm = derSequence(derObjectIdentifier(Oid.ecPublicKey), derObjectIdentifier(oid));
  return derSequence(algorithm, derBitString(point));
}
