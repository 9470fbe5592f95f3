import type { Credential } from "../config/credential.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { SigningKey } from "../crypto/provider.ts";
import { x509 } from "./peculiar.ts";

/** A certificate that was made together with its key: a {@link Credential}, and what files would hold of it. */
export class MintedCredential implements Credential {
  /** DER certificates, the leaf first. */
  readonly certificateChain: readonly Uint8Array[];
  /** Signs in this process, with the pure TypeScript provider. */
  readonly key: SigningKey;
  /** The first of {@link certificateChain}. */
  readonly certificate: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo of {@link certificate}: 32 bytes, for `pinned()`. */
  readonly spkiSha256: Uint8Array;
  /** Private, so that whoever prints a credential does not print its key. */
  readonly #pkcs8: Uint8Array;

  /** @param pkcs8 the key in DER, which becomes the credential's. */
  constructor(
    certificate: Uint8Array,
    rest: readonly Uint8Array[],
    subjectPublicKeyInfo: Uint8Array,
    key: SigningKey,
    pkcs8: Uint8Array,
  ) {
    this.certificate = certificate;
    this.certificateChain = [certificate, ...rest];
    this.spkiSha256 = sha256.digest(subjectPublicKeyInfo);
    this.key = key;
    this.#pkcs8 = pkcs8;
    Object.freeze(this);
  }

  /** {@link certificateChain} in PEM. */
  get certificatePem(): string {
    return pemOf("CERTIFICATE", ...this.certificateChain);
  }

  /** The private key in PEM, not encrypted. PKCS #8. */
  get keyPem(): string {
    return pemOf("PRIVATE KEY", this.#pkcs8);
  }
}

/** PEM text with one block for each of `ders`, which ends with a line feed. RFC 7468. */
export function pemOf(label: string, ...ders: readonly Uint8Array[]): string {
  return ders.map((der) => `${x509.PemConverter.encode(der.slice(), label)}\n`).join("");
}
