import { ConfigError } from "../errors.ts";
import { bigIntFromBytes } from "../der/integers.ts";
import { parsePem } from "../der/pem.ts";
import { DerError, readDer, type DerReader } from "../der/reader.ts";
import { contextConstructed, contextPrimitive } from "../der/tags.ts";
import { derNull, derObjectIdentifier, derSequence } from "../der/writer.ts";
import {
  readAlgorithmIdentifier,
  requireNoParameters,
  requireNullParameters,
  type AlgorithmIdentifier,
} from "./algorithm-identifier.ts";
import { isUncompressedPoint, namedCurves, type NamedCurve } from "./curves.ts";
import { Oid } from "./object-identifiers.ts";
import type { SigningKey } from "./provider.ts";
import { rsaLimitFault } from "./public-key.ts";
import {
  readRsaPssParameters,
  UnsupportedRsaPssParameters,
  type RsaPssParameters,
} from "./rsa-pss-parameters.ts";
import { EcdsaSigningKey } from "./signatures/ecdsa-signing-key.ts";
import { Ed25519SigningKey } from "./signatures/ed25519-signing-key.ts";
import { rsaInconsistency, type RsaPrivateNumbers } from "./signatures/rsa-private.ts";
import { RsaSigningKey } from "./signatures/rsa-signing-key.ts";

/**
 * The private key in a PEM text: `PRIVATE KEY` (PKCS #8), `RSA PRIVATE KEY` (PKCS #1) or `EC PRIVATE KEY` (SEC 1). Other blocks, such
 * as certificates and `EC PARAMETERS`, are ignored.
 *
 * @throws {ConfigError} for no key or several, an encrypted one, an algorithm or size that is not supported, and one that is
 *   malformed or contradicts itself. Nothing of the key is in the message.
 */
export function signingKeyFromPem(pem: string): SigningKey {
  const blocks = refusing(() => parsePem(pem)).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = blocks;
  if (block === undefined || blocks.length > 1) {
    throw refusal(`PEM with ${blocks.length} private keys`);
  }
  if (block.label === "ENCRYPTED PRIVATE KEY" || /\bENCRYPTED\b/.test(block.headers.get("Proc-Type") ?? "")) {
    throw refusal("encrypted private key");
  }
  switch (block.label) {
    case "PRIVATE KEY":
      return signingKeyFromPkcs8(block.bytes);
    case "RSA PRIVATE KEY":
      return refusing(() =>
        rsaKey("rsa", derSequence(derObjectIdentifier(Oid.rsaEncryption), derNull()), undefined, block.bytes),
      );
    case "EC PRIVATE KEY":
      return refusing(() => ecdsaKey(undefined, block.bytes));
    default:
      throw refusal(`PEM block ${block.label}`);
  }
}

/**
 * The private key in DER PKCS #8 (RFC 5208 §5, RFC 5958 §2).
 *
 * @param der is copied as far as it is kept.
 * @throws {ConfigError} as {@link signingKeyFromPem} does.
 */
export function signingKeyFromPkcs8(der: Uint8Array): SigningKey {
  return refusing(() => readDer(der, (outer) => outer.sequence(readPkcs8)));
}

function readPkcs8(info: DerReader): SigningKey {
  info.smallInteger(1);
  const algorithm = readAlgorithmIdentifier(info);
  const key = info.octetString();
  info.optional(contextConstructed(0)); // attributes, which mean nothing here
  if (info.nextTag === contextPrimitive(1)) info.bitStringBytes(contextPrimitive(1)); // the public key again
  const { oid, parameters } = algorithm;
  switch (oid) {
    case Oid.rsaEncryption:
      requireNullParameters(algorithm);
      return rsaKey("rsa", algorithm.bytes, undefined, key);
    case Oid.rsassaPss: {
      const restriction = parameters === undefined ? undefined : readDer(parameters, readRsaPssParameters);
      return rsaKey("rsa-pss", algorithm.bytes, restriction, key);
    }
    case Oid.ecPublicKey:
      return ecdsaKey(curveOf(algorithm), key);
    case Oid.ed25519: {
      requireNoParameters(algorithm);
      const seed = readDer(key, (inner) => inner.octetString());
      if (seed.length !== 32) throw new DerError(`Ed25519 private key has ${seed.length} bytes, not 32`);
      return new Ed25519SigningKey(seed.slice());
    }
    default:
      throw refusal(`private key of algorithm ${oid}`);
  }
}

/** `RSAPrivateKey` of RFC 8017 §A.1.2, with two primes. */
function rsaKey(
  keyType: "rsa" | "rsa-pss",
  algorithm: Uint8Array,
  parameters: RsaPssParameters | undefined,
  der: Uint8Array,
): SigningKey {
  const numbers = readDer(der, (outer) => outer.sequence(readRsaNumbers));
  const inconsistency = rsaInconsistency(numbers);
  if (inconsistency !== undefined) throw refusal(`RSA private key in which ${inconsistency}`);
  return new RsaSigningKey(keyType, numbers, algorithm, parameters);
}

function readRsaNumbers(reader: DerReader): RsaPrivateNumbers {
  if (reader.smallInteger(1) !== 0) throw refusal("RSA private key with more than two primes");
  const modulus = reader.unsignedInteger();
  const publicExponent = reader.unsignedInteger();
  const fault = rsaLimitFault(modulus, publicExponent);
  if (fault !== undefined) throw refusal(fault);
  const next = () => {
    const bytes = reader.unsignedInteger();
    if (bytes.length > modulus.length) throw new DerError("a number is longer than the modulus");
    return bigIntFromBytes(bytes);
  };
  return {
    modulus: bigIntFromBytes(modulus),
    publicExponent: bigIntFromBytes(publicExponent),
    privateExponent: next(),
    prime1: next(),
    prime2: next(),
    exponent1: next(),
    exponent2: next(),
    coefficient: next(),
  };
}

/**
 * `ECPrivateKey` of RFC 5915 §3.
 * @param outerCurve the curve that PKCS #8 names around it.
 */
function ecdsaKey(outerCurve: NamedCurve | undefined, der: Uint8Array): SigningKey {
  return readDer(der, (outer) =>
    outer.sequence((reader) => {
      if (reader.smallInteger(1) !== 1) throw new DerError("ECPrivateKey does not have version 1");
      const scalar = reader.octetString();
      const innerOid = reader.optionalExplicit(0, (parameters) => parameters.objectIdentifier());
      const point = reader.optionalExplicit(1, (publicKey) => publicKey.bitStringBytes());
      const curve = innerOid === undefined ? outerCurve : namedCurve(innerOid);
      if (curve === undefined) throw refusal("EC private key without a named curve");
      if (outerCurve !== undefined && curve !== outerCurve) throw refusal("EC private key with two curves");
      if (point !== undefined && !isUncompressedPoint(curve, point)) {
        throw refusal(`EC private key whose public key is not an uncompressed point on ${curve.name}`);
      }
      return new EcdsaSigningKey(curve, checkedScalar(curve, scalar), point);
    }),
  );
}

/** The scalar with its full length: some programs leave out leading zeros, against RFC 5915 §3. */
function checkedScalar({ name, length, order }: NamedCurve, scalar: Uint8Array): Uint8Array {
  const value = bigIntFromBytes(scalar);
  if (scalar.length > length || value < 1n || value >= order) {
    throw refusal(`EC private key outside the range of ${name}`);
  }
  const padded = new Uint8Array(length);
  padded.set(scalar, length - scalar.length);
  return padded;
}

function curveOf({ parameters }: AlgorithmIdentifier): NamedCurve {
  if (parameters === undefined) throw refusal("EC private key without a named curve");
  return namedCurve(readDer(parameters, (reader) => reader.objectIdentifier()));
}

function namedCurve(oid: string): NamedCurve {
  const curve = namedCurves.find((candidate) => candidate.oid === oid);
  if (curve === undefined) throw refusal(`EC private key on curve ${oid}`);
  return curve;
}

const ALLOWED =
  "one private key that is not encrypted: RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519; as PKCS #8, PKCS #1 or SEC 1";

function refusal(what: string): ConfigError {
  return new ConfigError("key", what, ALLOWED);
}

/** Turns what the parsers throw into a ConfigError. Their messages name tags and lengths, never contents. */
function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof DerError) throw refusal(`malformed private key: ${error.message}`);
    if (error instanceof UnsupportedRsaPssParameters) throw refusal(`private key for which ${error.message}`);
    throw error;
  }
}
