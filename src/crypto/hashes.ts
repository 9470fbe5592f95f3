import { hmac } from "@noble/hashes/hmac.js";
import { sha1 as nobleSha1 } from "@noble/hashes/legacy.js";
import { sha256 as nobleSha256, sha384 as nobleSha384, sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import type { CHash, Hash as NobleRunningHash } from "@noble/hashes/utils.js";

import type { Hash, RunningHash } from "./provider.ts";

/** SHA-1 (FIPS 180-4), for HMAC and identifiers only: nothing here signs with it. */
export const sha1: Hash = /* @__PURE__ */ hashOf("SHA-1", 64, nobleSha1);

/** SHA-256 (FIPS 180-4). */
export const sha256: Hash = /* @__PURE__ */ hashOf("SHA-256", 64, nobleSha256);

/** SHA-384 (FIPS 180-4). */
export const sha384: Hash = /* @__PURE__ */ hashOf("SHA-384", 128, nobleSha384);

/** SHA-512 (FIPS 180-4). */
export const sha512: Hash = /* @__PURE__ */ hashOf("SHA-512", 128, nobleSha512);

// The functions of @noble/hashes differ in the type of their state, which is never looked at here.
type AnyNobleHash = NobleRunningHash<AnyNobleHash>;

function hashOf(name: Hash["name"], blockLength: Hash["blockLength"], noble: CHash<AnyNobleHash>): Hash {
  return {
    name,
    outputLength: noble.outputLen,
    blockLength,
    digest: (data) => noble(data),
    start: () => new NobleHash(noble.create()),
    hmac: (key, data) => hmac(noble, key, data),
  };
}

class NobleHash implements RunningHash {
  readonly #state: AnyNobleHash;

  constructor(state: AnyNobleHash) {
    this.#state = state;
  }

  update(data: Uint8Array): void {
    this.#state.update(data);
  }

  digest(): Uint8Array {
    // Digesting ends a hash of @noble/hashes, and a transcript goes on.
    return this.#state.clone().digest();
  }

  clone(): RunningHash {
    return new NobleHash(this.#state.clone());
  }
}
