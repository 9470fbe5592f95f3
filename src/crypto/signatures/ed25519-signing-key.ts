import { ed25519 } from "@noble/curves/ed25519.js";

import { hex16 } from "../../bytes.ts";
import { derBitString, derObjectIdentifier, derSequence } from "../../der/writer.ts";
import { Oid } from "../object-identifiers.ts";
import type { SigningKey } from "../provider.ts";

/** An Ed25519 private key in memory. RFC 8032 §5.1.6. */
export class Ed25519SigningKey implements SigningKey {
  readonly keyType = "ed25519";
  readonly schemes: readonly number[] = [0x0807];
  readonly #privateKey: Uint8Array;
  #subjectPublicKeyInfo: Uint8Array | undefined;

  /** @param privateKey the 32 bytes of RFC 8032 §5.1.5, which become the key's. */
  constructor(privateKey: Uint8Array) {
    this.#privateKey = privateKey;
  }

  /** Computed when first asked for. */
  get subjectPublicKeyInfo(): Uint8Array {
    this.#subjectPublicKeyInfo ??= derSequence(
      derSequence(derObjectIdentifier(Oid.ed25519)),
      derBitString(ed25519.getPublicKey(this.#privateKey)),
    );
    return this.#subjectPublicKeyInfo;
  }

  sign(scheme: number, message: Uint8Array): Uint8Array {
    if (scheme !== 0x0807) throw new RangeError(`this ed25519 key does not sign scheme ${hex16(scheme)}`);
    return ed25519.sign(message, this.#privateKey);
  }
}
