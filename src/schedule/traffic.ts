import { wipe } from "../bytes.ts";
import type { Aead, Hash } from "../crypto/provider.ts";
import { deriveSecret, hkdfExpandLabel } from "./hkdf.ts";
import { Secret } from "./secret.ts";

/** What protects the records of one direction in one epoch. The holder owns and wipes both. RFC 8446 §7.3. */
export interface TrafficKeys {
  readonly key: Uint8Array;
  /** The static IV that each record's sequence number is mixed into. */
  readonly iv: Uint8Array;
}

/** A traffic secret of one direction in one epoch. RFC 8446 §7.1, §7.2, §7.3. */
export class TrafficSecret {
  readonly #hash: Hash;
  readonly #secret: Secret;

  /** @param bytes `hash.outputLength` bytes, owned from here on. */
  constructor(hash: Hash, bytes: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("traffic secret", bytes);
  }

  /** The secret itself, borrowed, for the key log. @throws {TypeError} when it has been wiped. */
  get bytes(): Uint8Array {
    return this.#secret.bytes;
  }

  /** The keys for `aead`; the caller owns them. RFC 8446 §7.3. @throws {TypeError} when the secret has been wiped. */
  trafficKeys(aead: Aead): TrafficKeys {
    const expand = (label: string, length: number): Uint8Array =>
      hkdfExpandLabel(this.#hash, this.bytes, label, EMPTY, length);
    return { key: expand("key", aead.keyLength), iv: expand("iv", aead.ivLength) };
  }

  /**
   * `verify_data` of the Finished that this side sends in this epoch. RFC 8446 §4.4.4.
   *
   * @param transcriptHash of all messages before that Finished.
   * @throws {TypeError} when the secret has been wiped.
   */
  finished(transcriptHash: Uint8Array): Uint8Array {
    return verifyData(this.#hash, this.bytes, transcriptHash);
  }

  /**
   * The secret after a KeyUpdate; this one stays as it is until the caller wipes it. RFC 8446 §7.2.
   * @throws {TypeError} when the secret has been wiped.
   */
  next(): TrafficSecret {
    return new TrafficSecret(this.#hash, deriveSecret(this.#hash, this.bytes, "traffic upd", EMPTY));
  }

  /** Forgets the secret: what is asked of it afterwards is a TypeError. */
  wipe(): void {
    this.#secret.wipe();
  }
}

/** HMAC under the `finished_key` of `baseKey`: of a Finished (RFC 8446 §4.4.4) or of a PSK binder (§4.2.11.2). */
export function verifyData(hash: Hash, baseKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const finishedKey = hkdfExpandLabel(hash, baseKey, "finished", EMPTY, hash.outputLength);
  const data = hash.hmac(finishedKey, transcriptHash);
  wipe(finishedKey);
  return data;
}

const EMPTY: Uint8Array = new Uint8Array();
