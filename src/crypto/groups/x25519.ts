import { x25519 as nobleX25519 } from "@noble/curves/ed25519.js";

import { TlsAlert } from "../../alert.ts";
import { wipe } from "../../bytes.ts";
import type { KeyExchangeGroup, OwnKeyShare } from "../provider.ts";
import { drawBytes } from "../random.ts";

/** X25519. RFC 7748 §6.1, RFC 8446 §4.2.8.2. */
export const x25519: KeyExchangeGroup = {
  id: 0x001d,
  name: "x25519",
  inTls12: true,
  generate: (random) => new X25519KeyShare(drawBytes(random, X25519_LENGTH)),
  respond: (keyExchange, random) => {
    checkX25519Length(keyExchange);
    const privateKey = drawBytes(random, X25519_LENGTH);
    const sharedSecret = x25519SharedSecret(privateKey, keyExchange);
    const own = x25519PublicKey(privateKey);
    wipe(privateKey);
    return { keyExchange: own, sharedSecret };
  },
};

/** Bytes of a private key, a public key and a shared secret. */
export const X25519_LENGTH = 32;

/**
 * The public key of `privateKey`.
 *
 * By the ladder, as `getPublicKey` of @noble/curves builds a table of the base point first, which takes ten times as long as
 * one ladder and pays only after dozens of keys.
 */
export function x25519PublicKey(privateKey: Uint8Array): Uint8Array {
  return nobleX25519.scalarMult(privateKey, nobleX25519.GuBytes);
}

/**
 * The secret shared with the owner of `publicKey`, of 32 bytes.
 * @throws {TlsAlert} illegal_parameter when it would be all zeros (RFC 8446 §7.4.2).
 */
export function x25519SharedSecret(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return nobleX25519.scalarMult(privateKey, publicKey);
  } catch (cause) {
    // Both lengths are checked and the private key is clamped: only a point of low order is left.
    throw new TlsAlert("illegal_parameter", "x25519 public key has a low order", { cause });
  }
}

/** @throws {TlsAlert} illegal_parameter unless `publicKey` has the length of one. */
function checkX25519Length(publicKey: Uint8Array): void {
  if (publicKey.length !== X25519_LENGTH) {
    throw new TlsAlert("illegal_parameter", `x25519 key_exchange has ${publicKey.length} bytes, not 32`);
  }
}

class X25519KeyShare implements OwnKeyShare {
  readonly group = 0x001d;
  readonly keyExchange: Uint8Array;
  #privateKey: Uint8Array | undefined;

  constructor(privateKey: Uint8Array) {
    this.keyExchange = x25519PublicKey(privateKey);
    this.#privateKey = privateKey;
  }

  sharedSecret(keyExchange: Uint8Array): Uint8Array {
    if (this.#privateKey === undefined) throw new TypeError("the x25519 private key was wiped");
    checkX25519Length(keyExchange);
    return x25519SharedSecret(this.#privateKey, keyExchange);
  }

  wipe(): void {
    if (this.#privateKey !== undefined) wipe(this.#privateKey);
    this.#privateKey = undefined;
  }
}
