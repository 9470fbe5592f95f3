import {
  type AlgorithmIdentifier,
  readAlgorithmIdentifier,
  requireNoParameters,
  requireNullParameters,
} from "../crypto/algorithm-identifier.ts";
import { Oid } from "../crypto/object-identifiers.ts";
import type { KeyType } from "../crypto/provider.ts";
import {
  readRsaPssParameters,
  type RsaPssHash,
  UnsupportedRsaPssParameters,
} from "../crypto/rsa-pss-parameters.ts";
import { DerError, readDer } from "../der/reader.ts";
import { SignatureScheme } from "../messages/codepoints.ts";

/**
 * The SignatureScheme whose verifier checks a certificate's signature; undefined when there is none, as for SHA-1, for parameters
 * that are not exactly those of the algorithm, and for a key of another kind.
 *
 * X.509 binds no curve to a hash: `ecdsa_secp256r1_sha256` here is ECDSA with SHA-256 on any of the curves, as in TLS 1.2. RSASSA-PSS must have
 * what TLS asks for: one hash function, and a salt of its length (RFC 8446 §4.2.3).
 *
 * @param algorithmIdentifier DER, as `Certificate.signatureAlgorithm` has it.
 * @param issuerKeyType the key that the signature is to be checked with.
 */
export function signatureSchemeOf(
  algorithmIdentifier: Uint8Array,
  issuerKeyType: KeyType,
): number | undefined {
  try {
    const algorithm = readDer(algorithmIdentifier, readAlgorithmIdentifier);
    if (algorithm.oid === Oid.rsassaPss) return rsaPssScheme(algorithm, issuerKeyType);
    const known = ALGORITHMS.get(algorithm.oid);
    if (known === undefined || !known.keyTypes.includes(issuerKeyType)) return undefined;
    known.checkParameters(algorithm);
    return known.scheme;
  } catch (error) {
    if (error instanceof DerError || error instanceof UnsupportedRsaPssParameters) return undefined;
    throw error;
  }
}

interface SignatureAlgorithm {
  readonly scheme: number;
  readonly keyTypes: readonly KeyType[];
  /** @throws {DerError} for parameters that the algorithm does not have. */
  readonly checkParameters: (algorithm: AlgorithmIdentifier) => void;
}

/** RFC 4055 §5: the parameters must be NULL. */
function rsaPkcs1(scheme: number): SignatureAlgorithm {
  return { scheme, keyTypes: ["rsa"], checkParameters: requireNullParameters };
}

/** RFC 5758 §3.2: there must be no parameters. */
function ecdsa(scheme: number): SignatureAlgorithm {
  const keyTypes = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"] as const;
  return { scheme, keyTypes, checkParameters: requireNoParameters };
}

/** All that are accepted but RSASSA-PSS, whose parameters say more. */
const ALGORITHMS: ReadonlyMap<string, SignatureAlgorithm> = /* @__PURE__ */ new Map([
  ["1.2.840.113549.1.1.11", rsaPkcs1(SignatureScheme.rsa_pkcs1_sha256)],
  ["1.2.840.113549.1.1.12", rsaPkcs1(SignatureScheme.rsa_pkcs1_sha384)],
  ["1.2.840.113549.1.1.13", rsaPkcs1(SignatureScheme.rsa_pkcs1_sha512)],
  ["1.2.840.10045.4.3.2", ecdsa(SignatureScheme.ecdsa_secp256r1_sha256)],
  ["1.2.840.10045.4.3.3", ecdsa(SignatureScheme.ecdsa_secp384r1_sha384)],
  ["1.2.840.10045.4.3.4", ecdsa(SignatureScheme.ecdsa_secp521r1_sha512)],
  [
    Oid.ed25519,
    { scheme: SignatureScheme.ed25519, keyTypes: ["ed25519"], checkParameters: requireNoParameters },
  ],
]);

function rsaPssScheme({ parameters }: AlgorithmIdentifier, issuerKeyType: KeyType): number | undefined {
  if (parameters === undefined || (issuerKeyType !== "rsa" && issuerKeyType !== "rsa-pss")) return undefined;
  const { hash, saltLength } = readDer(parameters, readRsaPssParameters);
  const known = RSA_PSS[hash];
  return saltLength === known.saltLength ? known[issuerKeyType] : undefined;
}

/** The scheme by the algorithm of the key. */
const RSA_PSS: Readonly<
  Record<RsaPssHash, { readonly saltLength: number; readonly rsa: number; readonly "rsa-pss": number }>
> = {
  "SHA-256": {
    saltLength: 32,
    rsa: SignatureScheme.rsa_pss_rsae_sha256,
    "rsa-pss": SignatureScheme.rsa_pss_pss_sha256,
  },
  "SHA-384": {
    saltLength: 48,
    rsa: SignatureScheme.rsa_pss_rsae_sha384,
    "rsa-pss": SignatureScheme.rsa_pss_pss_sha384,
  },
  "SHA-512": {
    saltLength: 64,
    rsa: SignatureScheme.rsa_pss_rsae_sha512,
    "rsa-pss": SignatureScheme.rsa_pss_pss_sha512,
  },
};
