import type { DerReader } from "../der/reader.ts";
import { Oid } from "./object-identifiers.ts";

/** A hash function that RSASSA-PSS may be used with here. */
export type RsaPssHash = "SHA-256" | "SHA-384" | "SHA-512";

/** What `RSASSA-PSS-params` say, in a key or in a signature's algorithm. RFC 4055 §3.1. */
export interface RsaPssParameters {
  /** The hash function, of the message and of MGF1 alike. */
  readonly hash: RsaPssHash;
  /** Bytes of salt: in a signature exactly that many, in a key at least. */
  readonly saltLength: number;
}

/** RSASSA-PSS-params are well formed, and name something that is not supported. */
export class UnsupportedRsaPssParameters extends Error {
  override readonly name = "UnsupportedRsaPssParameters";
}

/**
 * Reads `RSASSA-PSS-params`.
 *
 *     RSASSA-PSS-params ::= SEQUENCE {
 *       hashAlgorithm     [0] HashAlgorithm DEFAULT sha1Identifier,
 *       maskGenAlgorithm  [1] MaskGenAlgorithm DEFAULT mgf1SHA1Identifier,
 *       saltLength        [2] INTEGER DEFAULT 20,
 *       trailerField      [3] INTEGER DEFAULT 1 }
 *
 * @throws {DerError} when they are malformed.
 * @throws {UnsupportedRsaPssParameters} for SHA-1 (the default) or another hash, a mask generation function other than MGF1 with the same hash, a salt longer
 *   than the hash, or a trailer other than 1.
 */
export function readRsaPssParameters(reader: DerReader): RsaPssParameters {
  const { hashOid, mask, saltLength, trailer } = reader.sequence((parameters) => ({
    hashOid: parameters.optionalExplicit(0, readHashAlgorithm) ?? Oid.sha1,
    mask: parameters.optionalExplicit(1, readMaskGenAlgorithm) ?? { oid: Oid.mgf1, hashOid: Oid.sha1 },
    saltLength: parameters.optionalExplicit(2, (salt) => salt.smallInteger(0xffff)) ?? 20,
    trailer: parameters.optionalExplicit(3, (field) => field.smallInteger(0xffff)) ?? 1,
  }));
  const hash = hashByOid.get(hashOid);
  if (hash === undefined) throw unsupported(`hash ${hashOid}`);
  if (mask.oid !== Oid.mgf1) throw unsupported(`mask generation function ${mask.oid}`);
  if (mask.hashOid !== hashOid) throw unsupported(`hash ${hashOid} with MGF1 hash ${mask.hashOid}`);
  if (saltLength > hash.outputLength) throw unsupported(`a salt of ${saltLength} bytes with ${hash.name}`);
  if (trailer !== 1) throw unsupported(`trailer ${trailer}`);
  return { hash: hash.name, saltLength };
}

const hashByOid: ReadonlyMap<string, { readonly name: RsaPssHash; readonly outputLength: number }> =
  /* @__PURE__ */ new Map([
    [Oid.sha256, { name: "SHA-256", outputLength: 32 }],
    [Oid.sha384, { name: "SHA-384", outputLength: 48 }],
    [Oid.sha512, { name: "SHA-512", outputLength: 64 }],
  ]);

/** The object identifier of a hash, whose parameters are NULL or absent (RFC 4055 §2.1 wants both accepted). */
function readHashAlgorithm(explicit: DerReader): string {
  return explicit.sequence((algorithm) => {
    const oid = algorithm.objectIdentifier();
    if (!algorithm.isAtEnd) algorithm.null();
    return oid;
  });
}

/** The object identifiers of the mask generation function and, in MGF1, of its hash. */
function readMaskGenAlgorithm(explicit: DerReader): {
  readonly oid: string;
  readonly hashOid: string | undefined;
} {
  return explicit.sequence((algorithm) => {
    const oid = algorithm.objectIdentifier();
    if (oid === Oid.mgf1) return { oid, hashOid: readHashAlgorithm(algorithm) };
    if (!algorithm.isAtEnd) algorithm.element();
    return { oid, hashOid: undefined };
  });
}

function unsupported(what: string): UnsupportedRsaPssParameters {
  return new UnsupportedRsaPssParameters(`RSASSA-PSS parameters with ${what} are not supported`);
}
