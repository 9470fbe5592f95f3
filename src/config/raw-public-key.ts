import { signingKeyFromPem } from "../crypto/private-key.ts";
import type { KeyType, SigningKey } from "../crypto/provider.ts";
import { DerError } from "../der/reader.ts";
import { ConfigError } from "../errors.ts";
import { keyTypeOf } from "../x509/key-type.ts";
import type { Credential } from "./credential.ts";

/** What {@link rawPublicKey} takes. */
export interface RawPublicKeyOptions {
  /** PEM text with the private key (PKCS#8, SEC1 or PKCS#1), or a key that signs elsewhere and knows its `subjectPublicKeyInfo`. */
  readonly key: string | SigningKey;
}

/**
 * A credential that is a key and no certificate (RFC 7250), for peers that know the key: those with {@link pinned}, or with a policy
 * that looks the key up. It has no name, no issuer and no dates. It is shown only to peers that take raw public keys; servers
 * that are to talk to others too have a certificate besides.
 *
 * @throws {ConfigError} for a key that cannot be read, or that does not know its public half.
 */
export function rawPublicKey({ key: given }: RawPublicKeyOptions): Credential {
  const key = typeof given === "string" ? signingKeyFromPem(given) : given;
  const { keyType, subjectPublicKeyInfo } = key;
  if (!(subjectPublicKeyInfo instanceof Uint8Array))
    throw new ConfigError("key", keyType, "a key that has its subjectPublicKeyInfo");
  if (readKeyType(subjectPublicKeyInfo) !== keyType)
    throw new ConfigError("key", keyType, "a key whose subjectPublicKeyInfo is DER, and of its keyType");
  return Object.freeze({
    certificateType: "raw-public-key",
    certificateChain: [subjectPublicKeyInfo.slice()],
    key,
  });
}

function readKeyType(subjectPublicKeyInfo: Uint8Array): KeyType | undefined {
  try {
    return keyTypeOf(subjectPublicKeyInfo);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}
