import { readAlgorithmIdentifier } from "../crypto/algorithm-identifier.ts";
import { namedCurves } from "../crypto/curves.ts";
import { Oid } from "../crypto/object-identifiers.ts";
import type { KeyType } from "../crypto/provider.ts";
import { readDer } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";

/** The algorithm of a public key. */
export interface KeyAlgorithm {
  /** Its object identifier in dotted decimal. */
  readonly oid: string;
  /** Undefined when keys of that algorithm, or on that curve, are not supported. */
  readonly keyType: KeyType | undefined;
}

/**
 * The algorithm of the key in a DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); the key itself is not looked at.
 * @throws {DerError} when it is malformed.
 */
export function keyAlgorithmOf(subjectPublicKeyInfo: Uint8Array): KeyAlgorithm {
  const { oid, parameters } = readDer(subjectPublicKeyInfo, (outer) =>
    outer.sequence((info) => {
      const algorithm = readAlgorithmIdentifier(info);
      info.bitString();
      return algorithm;
    }),
  );
  return { oid, keyType: oid === Oid.ecPublicKey ? keyTypeOnCurve(parameters) : KEY_TYPES.get(oid) };
}

/** The type of the key in a DER SubjectPublicKeyInfo, as {@link keyAlgorithmOf} tells it. @throws {DerError} when it is malformed. */
export function keyTypeOf(subjectPublicKeyInfo: Uint8Array): KeyType | undefined {
  return keyAlgorithmOf(subjectPublicKeyInfo).keyType;
}

const KEY_TYPES: ReadonlyMap<string, KeyType> = /* @__PURE__ */ new Map([
  [Oid.rsaEncryption, "rsa"],
  [Oid.rsassaPss, "rsa-pss"],
  [Oid.ed25519, "ed25519"],
]);

function keyTypeOnCurve(parameters: Uint8Array | undefined): KeyType | undefined {
  // Anything but an OID is explicit parameters, which nobody should have to check.
  if (parameters?.[0] !== DerTag.OBJECT_IDENTIFIER) return undefined;
  const curve = readDer(parameters, (reader) => reader.objectIdentifier());
  return namedCurves.find(({ oid }) => oid === curve)?.keyType;
}
