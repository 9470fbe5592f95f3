import { ecdsa, type ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";

import { hex16 } from "../../bytes.ts";
import { derBitString, derObjectIdentifier, derSequence } from "../../der/writer.ts";
import type { NamedCurve } from "../curves.ts";
import { Oid } from "../object-identifiers.ts";
import type { SigningKey } from "../provider.ts";

/**
 * An ECDSA private key in memory. Nonces are derived from key and message (RFC 6979), so a bad source of randomness cannot give
 * the key away.
 *
 * TLS 1.3 binds curve and hash together (RFC 8446 §4.2.3); in TLS 1.2 the key signs with every hash.
 */
export class EcdsaSigningKey implements SigningKey {
  readonly keyType: NamedCurve["keyType"];
  readonly schemes: readonly number[];
  readonly tls12Schemes: readonly number[];
  readonly #curve: NamedCurve;
  readonly #noble: ECDSA;
  readonly #privateKey: Uint8Array;
  #subjectPublicKeyInfo: Uint8Array | undefined;

  /**
   * @param privateKey a scalar in 1..order-1 of {@link NamedCurve.length} bytes, which becomes the key's.
   * @param point the public key as an uncompressed point, if it is known already.
   */
  constructor(curve: NamedCurve, privateKey: Uint8Array, point: Uint8Array | undefined) {
    this.keyType = curve.keyType;
    this.#curve = curve;
    const { noble, schemes } = kinds[curve.keyType];
    this.#noble = noble;
    this.#privateKey = privateKey;
    this.schemes = [schemes[0]];
    this.tls12Schemes = schemes;
    if (point !== undefined) this.#subjectPublicKeyInfo = encodePublicKey(curve, point);
  }

  /** Computed when first asked for, unless the public key came with the private one: it costs a multiplication on the curve. */
  get subjectPublicKeyInfo(): Uint8Array {
    this.#subjectPublicKeyInfo ??= encodePublicKey(
      this.#curve,
      this.#noble.getPublicKey(this.#privateKey, false),
    );
    return this.#subjectPublicKeyInfo;
  }

  sign(scheme: number, message: Uint8Array): Uint8Array {
    const signature = hashes.find((candidate) => candidate.scheme === scheme);
    if (signature === undefined) {
      throw new RangeError(`this ${this.keyType} key does not sign scheme ${hex16(scheme)}`);
    }
    // RFC 6979 §3.2 derives the nonce with the hash of the message, and @noble/curves with the one that it is made with.
    const noble = ecdsa(this.#noble.Point, signature.hash);
    return noble.sign(message, this.#privateKey, { prehash: true, lowS: false, format: "der" });
  }
}

interface EcdsaKind {
  readonly noble: ECDSA;
  /** The scheme of the curve, then hashes that are at least as strong, then weaker ones. */
  readonly schemes: readonly [own: number, ...others: number[]];
}

const kinds: Readonly<Record<NamedCurve["keyType"], EcdsaKind>> = {
  "ecdsa-p256": { noble: p256, schemes: [0x0403, 0x0503, 0x0603] },
  "ecdsa-p384": { noble: p384, schemes: [0x0503, 0x0603, 0x0403] },
  "ecdsa-p521": { noble: p521, schemes: [0x0603, 0x0503, 0x0403] },
};

const hashes = [
  { scheme: 0x0403, hash: sha256 },
  { scheme: 0x0503, hash: sha384 },
  { scheme: 0x0603, hash: sha512 },
];

function encodePublicKey({ oid }: NamedCurve, point: Uint8Array): Uint8Array {
  const algorithm = derSequence(derObjectIdentifier(Oid.ecPublicKey), derObjectIdentifier(oid));
  return derSequence(algorithm, derBitString(point));
}
