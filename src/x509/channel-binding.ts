import { type AlgorithmIdentifier, readAlgorithmIdentifier } from "../crypto/algorithm-identifier.ts";
import { sha256, sha384, sha512 } from "../crypto/hashes.ts";
import { Oid } from "../crypto/object-identifiers.ts";
import type { Hash } from "../crypto/provider.ts";
import { DerError, readDer } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";

/**
 * The channel binding `tls-server-end-point`: the hash of the server's `certificate` with the hash function of its
 * signature, or with SHA-256 in place of MD5 and SHA-1. RFC 5929 §4.1.
 *
 * @param certificate DER, as it stands in the server's Certificate message.
 * @returns bytes that the caller owns; null where there is no single hash function (Ed25519), where it is one that is not
 * supported, and where the certificate is malformed.
 */
export function serverEndPoint(certificate: Uint8Array): Uint8Array | null {
  try {
    return hashOf(readSignatureAlgorithm(certificate))?.digest(certificate) ?? null;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return null;
  }
}

/** The outer `signatureAlgorithm`. RFC 5280 §4.1.1.2. */
function readSignatureAlgorithm(certificate: Uint8Array): AlgorithmIdentifier {
  return readDer(certificate, (outer) =>
    outer.sequence((fields) => {
      fields.element(DerTag.SEQUENCE); // tbsCertificate
      const algorithm = readAlgorithmIdentifier(fields);
      fields.bitString();
      return algorithm;
    }),
  );
}

function hashOf({ oid, parameters }: AlgorithmIdentifier): Hash | undefined {
  if (oid !== Oid.rsassaPss) return hashBySignature.get(oid);
  const hashOid = parameters && rsaPssHash(parameters);
  return hashOid === undefined ? undefined : hashByOid.get(hashOid);
}

/**
 * The object identifier of the hash function of RSASSA-PSS-params, unless MGF1 has another one. RFC 4055 §3.1.
 *
 * `readRsaPssParameters` refuses SHA-1 and what else must not be verified, while nothing is verified here.
 */
function rsaPssHash(parameters: Uint8Array): string | undefined {
  return readDer(parameters, (outer) =>
    outer.sequence((fields) => {
      const hash = fields.optionalExplicit(0, readAlgorithmIdentifier)?.oid ?? Oid.sha1;
      const mask = fields.optionalExplicit(1, readAlgorithmIdentifier);
      const maskHash =
        mask === undefined
          ? Oid.sha1
          : mask.parameters && readDer(mask.parameters, readAlgorithmIdentifier).oid;
      while (!fields.isAtEnd) fields.element();
      return hash === maskHash ? hash : undefined;
    }),
  );
}

const MD5 = "1.2.840.113549.2.5";

const hashByOid: ReadonlyMap<string, Hash> = /* @__PURE__ */ new Map([
  [MD5, sha256],
  [Oid.sha1, sha256],
  [Oid.sha256, sha256],
  [Oid.sha384, sha384],
  [Oid.sha512, sha512],
]);

/** RFC 4055 §5, RFC 5758 §3.2, RFC 3279 §2.2. */
const hashBySignature: ReadonlyMap<string, Hash> = /* @__PURE__ */ new Map([
  ["1.2.840.113549.1.1.4", sha256], // md5WithRSAEncryption
  ["1.2.840.113549.1.1.5", sha256], // sha1WithRSAEncryption
  ["1.2.840.113549.1.1.11", sha256], // sha256WithRSAEncryption
  ["1.2.840.113549.1.1.12", sha384], // sha384WithRSAEncryption
  ["1.2.840.113549.1.1.13", sha512], // sha512WithRSAEncryption
  ["1.2.840.10045.4.1", sha256], // ecdsa-with-SHA1
  ["1.2.840.10045.4.3.2", sha256], // ecdsa-with-SHA256
  ["1.2.840.10045.4.3.3", sha384], // ecdsa-with-SHA384
  ["1.2.840.10045.4.3.4", sha512], // ecdsa-with-SHA512
]);
