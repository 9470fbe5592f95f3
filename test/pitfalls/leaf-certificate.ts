import { generateKeyPairSync } from "node:crypto";

import { namedCurves } from "../../src/crypto/curves.ts";
import { signingKeyFromPem, signingKeyFromPkcs8 } from "../../src/crypto/private-key.ts";
import type { KeyType, SigningKey } from "../../src/crypto/provider.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
} from "../../src/der/writer.ts";
import { type Credential, credential } from "../../src/index.ts";

/** What a forged certificate says; it is signed by nobody. */
export interface LeafOptions {
  /** Encoded Extension elements; no extensions when absent. */
  readonly extensions?: readonly Uint8Array[];
  /** Version 1 has no version field, and no extensions. */
  readonly version?: 1 | 3;
  readonly serialNumber?: bigint;
}

/** A certificate for a SubjectPublicKeyInfo, as far as RFC 5280 §4.1 has it; its signature is zeros. */
export function leafCertificate(subjectPublicKeyInfo: Uint8Array, options: LeafOptions = {}): Uint8Array {
  const { extensions, version = 3, serialNumber = 0x7a7a7an } = options;
  const algorithm = derSequence(derObjectIdentifier("1.2.840.10045.4.3.2"));
  const name = derSequence(
    derSet(derSequence(derObjectIdentifier("2.5.4.3"), derElement(0x0c, text("forged")))),
  );
  const tbs = derSequence(
    ...(version === 3 ? [derExplicit(0, derInteger(2))] : []),
    derInteger(serialNumber),
    algorithm,
    name,
    derSequence(derElement(0x17, text("260101000000Z")), derElement(0x17, text("360101000000Z"))),
    name,
    subjectPublicKeyInfo,
    ...(extensions === undefined ? [] : [derExplicit(3, derSequence(...extensions))]),
  );
  return derSequence(tbs, algorithm, derBitString(new Uint8Array(64)));
}

/** An Extension. RFC 5280 §4.1. */
export function extension(oid: string, value: Uint8Array, critical?: boolean): Uint8Array {
  const flag = critical === undefined ? [] : [derBoolean(critical)];
  return derSequence(derObjectIdentifier(oid), ...flag, derOctetString(value));
}

/** The bits of KeyUsage, by their place. RFC 5280 §4.2.1.3. */
export const KeyUsageBit = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyCertSign: 5,
  decipherOnly: 8,
} as const;

/** A keyUsage extension with the given bits, encoded as DER wants a named bit list. X.690 §11.2.2. */
export function keyUsage(...bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const bytes = new Uint8Array(Math.ceil((last + 1) / 8));
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return extension("2.5.29.15", derBitString(bytes, last < 0 ? 0 : 7 - (last & 7)), true);
}

/** The key for tests of a kind: always the same one, except for RSA, where it is made once per process. */
export function testKey(keyType: KeyType): SigningKey {
  const known = keys.get(keyType) ?? makeKey(keyType);
  keys.set(keyType, known);
  return known;
}

/** A credential of one forged certificate for {@link testKey}. */
export function testCredential(keyType: KeyType = "ecdsa-p256", options: LeafOptions = {}): Credential {
  const key = testKey(keyType);
  return credential({ certificateChain: [leafCertificate(spkiOf(key), options)], key });
}

export function spkiOf({ keyType, subjectPublicKeyInfo }: SigningKey): Uint8Array {
  if (subjectPublicKeyInfo === undefined)
    throw new TypeError(`the ${keyType} key does not show its public half`);
  return subjectPublicKeyInfo;
}

const keys = new Map<KeyType, SigningKey>();

function makeKey(keyType: KeyType): SigningKey {
  switch (keyType) {
    case "rsa":
      return rsaKey("rsa");
    case "rsa-pss":
      return rsaKey("rsa-pss");
    case "ed25519":
      return signingKeyFromPkcs8(
        derSequence(
          derInteger(0),
          derSequence(derObjectIdentifier("1.3.101.112")),
          derOctetString(derOctetString(new Uint8Array(32).fill(7))),
        ),
      );
    case "ecdsa-p256":
    case "ecdsa-p384":
    case "ecdsa-p521": {
      const curve = namedCurves.find((known) => known.keyType === keyType);
      if (curve === undefined) throw new TypeError(`no curve for ${keyType}`);
      const scalar = new Uint8Array(curve.length).fill(7);
      scalar[0] = 0;
      return signingKeyFromPkcs8(
        derSequence(
          derInteger(0),
          derSequence(derObjectIdentifier("1.2.840.10045.2.1"), derObjectIdentifier(curve.oid)),
          derOctetString(derSequence(derInteger(1), derOctetString(scalar))),
        ),
      );
    }
  }
}

function rsaKey(type: "rsa" | "rsa-pss"): SigningKey {
  // The overloads are per type, although both take a modulus length.
  const { privateKey } = generateKeyPairSync(type as "rsa", { modulusLength: 2048 });
  return signingKeyFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
}

function text(ascii: string): Uint8Array {
  return Uint8Array.from(ascii, (character) => character.charCodeAt(0));
}
