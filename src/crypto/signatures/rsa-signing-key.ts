import { hex16 } from "../../bytes.ts";
import { derBitString, derInteger, derSequence } from "../../der/writer.ts";
import { sha256, sha384, sha512 } from "../hashes.ts";
import type { Hash, Random, SigningKey } from "../provider.ts";
import type { RsaPssParameters } from "../rsa-pss-parameters.ts";
import { signRsaPkcs1, signRsaPss, type RsaPrivateNumbers } from "./rsa-private.ts";

/**
 * An RSA private key in memory. Signing is blinded, and each signature is checked before it leaves.
 *
 * A key for rsaEncryption also signs the `rsa_pkcs1_*` schemes, for handshakes of TLS 1.2 and for making certificates. They are
 * among {@link RsaSigningKey.tls12Schemes} only, as TLS 1.3 forbids them in a CertificateVerify (RFC 8446 §4.2.3); RSASSA-PSS
 * comes before them there, as TLS 1.2 takes it too.
 */
export class RsaSigningKey implements SigningKey {
  readonly keyType: "rsa" | "rsa-pss";
  readonly schemes: readonly number[];
  readonly tls12Schemes: readonly number[];
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly #numbers: RsaPrivateNumbers;

  /**
   * @param algorithm the whole AlgorithmIdentifier of the key, which its SubjectPublicKeyInfo repeats.
   * @param parameters what an `"rsa-pss"` key is restricted to.
   */
  constructor(
    keyType: "rsa" | "rsa-pss",
    numbers: RsaPrivateNumbers,
    algorithm: Uint8Array,
    parameters: RsaPssParameters | undefined,
  ) {
    this.keyType = keyType;
    this.#numbers = numbers;
    const allowed = signatures.filter(
      ({ hash }) => parameters === undefined || parameters.hash === hash.name,
    );
    const schemesOf = (encoding: RsaSignature["encoding"]) =>
      allowed.filter((signature) => signature.encoding === encoding).map(({ scheme }) => scheme);
    this.schemes = schemesOf(keyType === "rsa" ? "pss-rsae" : "pss-pss");
    this.tls12Schemes = keyType === "rsa" ? [...this.schemes, ...schemesOf("pkcs1")] : this.schemes;
    const key = derSequence(derInteger(numbers.modulus), derInteger(numbers.publicExponent));
    this.subjectPublicKeyInfo = derSequence(algorithm, derBitString(key));
  }

  sign(scheme: number, message: Uint8Array, random: Random): Uint8Array {
    const signature = signatures.find((candidate) => candidate.scheme === scheme);
    if (signature === undefined || !this.tls12Schemes.includes(scheme)) {
      throw new RangeError(`this ${this.keyType} key does not sign scheme ${hex16(scheme)}`);
    }
    const sign = signature.encoding === "pkcs1" ? signRsaPkcs1 : signRsaPss;
    return sign(this.#numbers, signature.hash, message, random);
  }
}

interface RsaSignature {
  readonly scheme: number;
  readonly encoding: "pss-rsae" | "pss-pss" | "pkcs1";
  readonly hash: Hash;
}

/** RFC 8446 §4.2.3. */
const signatures: readonly RsaSignature[] = [
  { scheme: 0x0804, encoding: "pss-rsae", hash: sha256 },
  { scheme: 0x0805, encoding: "pss-rsae", hash: sha384 },
  { scheme: 0x0806, encoding: "pss-rsae", hash: sha512 },
  { scheme: 0x0809, encoding: "pss-pss", hash: sha256 },
  { scheme: 0x080a, encoding: "pss-pss", hash: sha384 },
  { scheme: 0x080b, encoding: "pss-pss", hash: sha512 },
  { scheme: 0x0401, encoding: "pkcs1", hash: sha256 },
  { scheme: 0x0501, encoding: "pkcs1", hash: sha384 },
  { scheme: 0x0601, encoding: "pkcs1", hash: sha512 },
];
