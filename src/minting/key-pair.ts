import { signingKeyFromPkcs8 } from "../crypto/private-key.ts";
import type { SigningKey } from "../crypto/provider.ts";
import { ConfigError } from "../errors.ts";

/**
 * The kinds of keys that can be made. Every client takes `ecdsa-p256` and the RSA ones; `ed25519` is not among the keys that browsers take
 * (BR §6.1.5), and some browsers cannot make it, nor `ecdsa-p521`.
 */
export type NewKeyType =
  "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | "rsa-2048" | "rsa-3072" | "rsa-4096";

/** A new key, in the forms that are needed of it. */
export interface NewKey {
  readonly pair: CryptoKeyPair;
  /** How the pair signs, as WebCrypto has it. */
  readonly algorithm: KeyAlgorithmParameters;
  /** DER. */
  readonly subjectPublicKeyInfo: Uint8Array;
  /** DER. */
  readonly pkcs8: Uint8Array;
  readonly signingKey: SigningKey;
}

/** What WebCrypto takes to make a key, and to sign with it. */
export interface KeyAlgorithmParameters {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash?: string;
  readonly modulusLength?: number;
  readonly publicExponent?: Uint8Array<ArrayBuffer>;
}

/**
 * A new key from the runtime's WebCrypto.
 *
 * @throws {ConfigError} for a kind that is none.
 * @throws {Error} when there is no WebCrypto, as in a page that did not come over HTTPS; what it throws itself is passed on.
 */
export async function makeKey(keyType: NewKeyType): Promise<NewKey> {
  const algorithm = Object.hasOwn(kinds, keyType) ? kinds[keyType] : undefined;
  if (algorithm === undefined) throw new ConfigError("keyType", keyType, Object.keys(kinds).join(", "));
  const { subtle } = webCrypto();
  const pair = await subtle.generateKey(algorithm, true, ["sign", "verify"]);
  // Every algorithm above has a key pair; the type speaks of symmetric keys too.
  if (!("privateKey" in pair)) throw new Error(`WebCrypto made no key pair for ${algorithm.name}`);
  const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", pair.privateKey));
  const subjectPublicKeyInfo = new Uint8Array(await subtle.exportKey("spki", pair.publicKey));
  return { pair, algorithm, subjectPublicKeyInfo, pkcs8, signingKey: signingKeyFromPkcs8(pkcs8) };
}

/** The runtime's WebCrypto. @throws {Error} when it has none. */
export function webCrypto(): Crypto {
  const { crypto } = globalThis as { readonly crypto?: { readonly subtle?: unknown } };
  if (crypto?.subtle === undefined) throw new Error("this runtime has no globalThis.crypto.subtle");
  return globalThis.crypto;
}

const RSA: KeyAlgorithmParameters = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: Uint8Array.of(1, 0, 1),
};

const kinds: Readonly<Record<NewKeyType, KeyAlgorithmParameters>> = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "ecdsa-p384": { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  "ecdsa-p521": { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" },
  ed25519: { name: "Ed25519" },
  "rsa-2048": { ...RSA, modulusLength: 2048 },
  "rsa-3072": { ...RSA, modulusLength: 3072 },
  "rsa-4096": { ...RSA, modulusLength: 4096 },
};
