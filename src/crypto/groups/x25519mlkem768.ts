import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

import { TlsAlert } from "../../alert.ts";
import { concatBytes, wipe } from "../../bytes.ts";
import type { KeyExchangeGroup, OwnKeyShare } from "../provider.ts";
import { drawBytes } from "../random.ts";
import { X25519_LENGTH, x25519PublicKey, x25519SharedSecret } from "./x25519.ts";

/**
 * The hybrid of ML-KEM-768 (FIPS 203) and X25519: secret as long as either of them holds. draft-ietf-tls-ecdhe-mlkem §3-4.
 *
 *     client share = encapsulation key (1184) ‖ x25519 public key (32)
 *     server share = ciphertext (1088)        ‖ x25519 public key (32)
 *     shared secret = ML-KEM secret (32)      ‖ x25519 secret (32)
 */
export const X25519MLKEM768: KeyExchangeGroup = {
  id: 0x11ec,
  name: "X25519MLKEM768",
  inTls12: false,
  generate: (random) => new HybridKeyShare(drawBytes(random, SEED_LENGTH + X25519_LENGTH)),
  respond: (keyExchange, random) => {
    const [encapsulationKey, peerX25519] = splitShare(keyExchange, ENCAPSULATION_KEY_LENGTH);
    const secrets = drawBytes(random, MESSAGE_LENGTH + X25519_LENGTH);
    const privateKey = secrets.subarray(MESSAGE_LENGTH);
    // X25519 first, as its check is the cheaper one to fail.
    const x25519Secret = x25519SharedSecret(privateKey, peerX25519);
    const { ciphertext, sharedSecret } = encapsulate(encapsulationKey, secrets.subarray(0, MESSAGE_LENGTH));
    const answer = {
      keyExchange: concatBytes(ciphertext, x25519PublicKey(privateKey)),
      sharedSecret: concatBytes(sharedSecret, x25519Secret),
    };
    wipe(secrets, sharedSecret, x25519Secret);
    return answer;
  },
};

/** `d ‖ z` of FIPS 203 §7.1. */
const SEED_LENGTH = 64;
const ENCAPSULATION_KEY_LENGTH = 1184;
const CIPHERTEXT_LENGTH = 1088;
/** `m` of FIPS 203 §7.2. */
const MESSAGE_LENGTH = 32;

class HybridKeyShare implements OwnKeyShare {
  readonly group = 0x11ec;
  readonly keyExchange: Uint8Array;
  #decapsulationKey: Uint8Array | undefined;
  readonly #x25519PrivateKey: Uint8Array;

  /** @param secrets 64 bytes of ML-KEM seed and 32 of X25519 private key; they become the share's. */
  constructor(secrets: Uint8Array) {
    const seed = secrets.subarray(0, SEED_LENGTH);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    wipe(seed);
    this.#decapsulationKey = secretKey;
    this.#x25519PrivateKey = secrets.subarray(SEED_LENGTH);
    this.keyExchange = concatBytes(publicKey, x25519PublicKey(this.#x25519PrivateKey));
  }

  sharedSecret(keyExchange: Uint8Array): Uint8Array {
    if (this.#decapsulationKey === undefined) throw new TypeError("the X25519MLKEM768 private key was wiped");
    const [ciphertext, peerX25519] = splitShare(keyExchange, CIPHERTEXT_LENGTH);
    const x25519Secret = x25519SharedSecret(this.#x25519PrivateKey, peerX25519);
    // A ciphertext that was not made for this key gives a secret of its own (FIPS 203 §6.3), and the handshake fails later.
    const mlkemSecret = ml_kem768.decapsulate(ciphertext, this.#decapsulationKey);
    const sharedSecret = concatBytes(mlkemSecret, x25519Secret);
    wipe(mlkemSecret, x25519Secret);
    return sharedSecret;
  }

  wipe(): void {
    if (this.#decapsulationKey !== undefined) wipe(this.#decapsulationKey);
    wipe(this.#x25519PrivateKey);
    this.#decapsulationKey = undefined;
  }
}

function splitShare(keyExchange: Uint8Array, mlkemLength: number): readonly [Uint8Array, Uint8Array] {
  if (keyExchange.length !== mlkemLength + X25519_LENGTH) {
    throw new TlsAlert(
      "illegal_parameter",
      `X25519MLKEM768 key_exchange has ${keyExchange.length} bytes, not ${mlkemLength + X25519_LENGTH}`,
    );
  }
  return [keyExchange.subarray(0, mlkemLength), keyExchange.subarray(mlkemLength)];
}

function encapsulate(
  encapsulationKey: Uint8Array,
  message: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array } {
  try {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(encapsulationKey, message);
    return { ciphertext: cipherText, sharedSecret };
  } catch (cause) {
    // The lengths are right, so the modulus check of FIPS 203 §7.2 failed.
    throw new TlsAlert("illegal_parameter", "ML-KEM-768 encapsulation key has a coefficient above 3328", {
      cause,
    });
  }
}
