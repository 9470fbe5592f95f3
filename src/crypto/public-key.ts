import { TlsAlert } from "../alert.ts";
import { bigIntFromBytes } from "../der/integers.ts";
import { DerError, readDer, type DerReader } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";
import {
  readAlgorithmIdentifier,
  requireNoParameters,
  requireNullParameters,
  type AlgorithmIdentifier,
} from "./algorithm-identifier.ts";
import { isUncompressedPoint, namedCurves, type NamedCurve } from "./curves.ts";
import { Oid } from "./object-identifiers.ts";
import {
  readRsaPssParameters,
  UnsupportedRsaPssParameters,
  type RsaPssParameters,
} from "./rsa-pss-parameters.ts";

/** What a SubjectPublicKeyInfo holds. */
export type PublicKey = RsaPublicKey | EcdsaPublicKey | Ed25519PublicKey;

/** An RSA key, within the limits of {@link rsaLimitFault}. */
export interface RsaPublicKey {
  /** `"rsa"` for rsaEncryption, `"rsa-pss"` for id-RSASSA-PSS, which is for PSS signatures only. */
  readonly keyType: "rsa" | "rsa-pss";
  readonly modulus: bigint;
  readonly exponent: bigint;
  /** What an `"rsa-pss"` key is restricted to; undefined when it is not. */
  readonly parameters: RsaPssParameters | undefined;
}

/** A key on a NIST curve. */
export interface EcdsaPublicKey {
  readonly keyType: NamedCurve["keyType"];
  /** `0x04 ‖ x ‖ y`, a point on the curve. */
  readonly point: Uint8Array;
}

/** An Ed25519 key. */
export interface Ed25519PublicKey {
  readonly keyType: "ed25519";
  /** The 32 bytes of RFC 8032 §5.1.5. */
  readonly bytes: Uint8Array;
}

/**
 * The key in a DER SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 3279 §2.3.1, RFC 4055 §1.2, RFC 5480 §2, RFC 8410 §4).
 * Slices share memory with the input.
 *
 * @throws {TlsAlert} bad_certificate when it is malformed or a point is off its curve; unsupported_certificate for an algorithm, a
 *   curve, a point compression, PSS parameters, or an RSA size or exponent that are not supported.
 */
export function parsePublicKey(subjectPublicKeyInfo: Uint8Array): PublicKey {
  try {
    return readDer(subjectPublicKeyInfo, (outer) => outer.sequence(readPublicKey));
  } catch (error) {
    if (error instanceof DerError) {
      throw new TlsAlert("bad_certificate", `public key is malformed: ${error.message}`, { cause: error });
    }
    if (error instanceof UnsupportedRsaPssParameters) {
      throw new TlsAlert("unsupported_certificate", error.message, { cause: error });
    }
    throw error;
  }
}

/** Smallest and largest RSA modulus in bits: the first for security, the second for the time that a stranger's key may cost. */
const RSA_MODULUS_BITS = { minimum: 2048, maximum: 8192 } as const;

/**
 * Checks an RSA key before any arithmetic on it: a modulus of 2048..8192 bits, and an odd exponent in 3..2^32-1.
 *
 * @param modulus big-endian bytes without leading zeros, as `exponent`.
 * @returns what is wrong, with its value; undefined when nothing is.
 */
export function rsaLimitFault(modulus: Uint8Array, exponent: Uint8Array): string | undefined {
  const { minimum, maximum } = RSA_MODULUS_BITS;
  const bits = modulus.length === 0 ? 0 : 8 * modulus.length - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < minimum || bits > maximum) return `RSA modulus of ${bits} bits is not in ${minimum}..${maximum}`;
  if (exponent.length > 4) return `RSA exponent of ${exponent.length} bytes is not below 2^32`;
  const e = Number(bigIntFromBytes(exponent));
  if (e < 3) return `RSA exponent ${e} is below 3`;
  if (e % 2 === 0) return `RSA exponent ${e} is even`;
  return undefined;
}

function readPublicKey(info: DerReader): PublicKey {
  const algorithm = readAlgorithmIdentifier(info);
  const key = info.bitStringBytes();
  switch (algorithm.oid) {
    case Oid.rsaEncryption:
      requireNullParameters(algorithm);
      return readRsaKey("rsa", undefined, key);
    case Oid.rsassaPss: {
      const { parameters } = algorithm;
      const restriction = parameters === undefined ? undefined : readDer(parameters, readRsaPssParameters);
      return readRsaKey("rsa-pss", restriction, key);
    }
    case Oid.ecPublicKey: {
      const curve = namedCurveOf(algorithm);
      requireUncompressed(curve, key);
      return { keyType: curve.keyType, point: key };
    }
    case Oid.ed25519:
      requireNoParameters(algorithm);
      if (key.length !== 32) throw new DerError(`Ed25519 public key has ${key.length} bytes, not 32`);
      return { keyType: "ed25519", bytes: key };
    default:
      throw unsupported(`public key algorithm ${algorithm.oid} is not supported`);
  }
}

/** `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` of RFC 8017 §A.1.1. */
function readRsaKey(
  keyType: RsaPublicKey["keyType"],
  parameters: RsaPssParameters | undefined,
  key: Uint8Array,
): RsaPublicKey {
  const [modulusBytes, exponentBytes] = readDer(key, (outer) =>
    outer.sequence((inner) => [inner.unsignedInteger(), inner.unsignedInteger()] as const),
  );
  const fault = rsaLimitFault(modulusBytes, exponentBytes);
  if (fault !== undefined) throw unsupported(fault);
  const modulus = bigIntFromBytes(modulusBytes);
  if (modulus % 2n === 0n) throw new DerError("RSA modulus is even");
  return { keyType, modulus, exponent: bigIntFromBytes(exponentBytes), parameters };
}

/** Named curves only: RFC 5480 §2.1.1 forbids the other two forms of EC parameters. */
function namedCurveOf({ parameters }: AlgorithmIdentifier): NamedCurve {
  if (parameters === undefined) throw new DerError("id-ecPublicKey has no parameters");
  if (parameters[0] !== DerTag.OBJECT_IDENTIFIER)
    throw unsupported("elliptic curve is not given by its name");
  const oid = readDer(parameters, (reader) => reader.objectIdentifier());
  const curve = namedCurves.find((candidate) => candidate.oid === oid);
  if (curve === undefined) throw unsupported(`elliptic curve ${oid} is not supported`);
  return curve;
}

function requireUncompressed(curve: NamedCurve, point: Uint8Array): void {
  if (point.length === 1 + curve.length && (point[0] === 0x02 || point[0] === 0x03)) {
    throw unsupported(`public key is a compressed point of ${curve.name}`);
  }
  if (!isUncompressedPoint(curve, point)) {
    throw new DerError(`public key is not an uncompressed point on ${curve.name}`);
  }
}

function unsupported(fact: string): TlsAlert {
  return new TlsAlert("unsupported_certificate", fact);
}
