/**
 * The key schedule of TLS 1.2, in which everything comes from the main secret by way of the {@link prf}. The RFCs say
 * "master secret", and so do the labels, whose bytes are part of the protocol.
 *
 * ```text
 * premaster secret + session hash (RFC 7627), or both randoms (RFC 5246 §8.1)
 *        |
 *        v
 *   main secret
 *        |
 *        +-----> "key expansion", both randoms           = key_block
 *        |
 *        +-----> "client finished", "server finished",
 *        |       hash of the messages before             = verify_data
 *        |
 *        +-----> label, both randoms, context            = keying material (RFC 5705)
 * ```
 */

import { concatBytes, wipe } from "../bytes.ts";
import type { Hash, Tls12CipherSuite } from "../crypto/provider.ts";
import { encode, opaque } from "../wire/codec.ts";
import type { Exporter } from "./exporter.ts";
import { prf } from "./prf.ts";
import { Secret } from "./secret.ts";

/** What protects the records of one direction. The holder owns and wipes all of it. RFC 5246 §6.3. */
export interface Tls12Keys {
  /** The key of the HMAC of a CBC suite; empty for an AEAD. */
  readonly macKey: Uint8Array;
  readonly key: Uint8Array;
  /** The fixed part of an AEAD's nonce, 4 or 12 bytes; empty for a CBC suite, whose records bring their IV along. */
  readonly iv: Uint8Array;
}

/**
 * The main secret of a TLS 1.2 session, which outlives its connection when the session is resumed.
 *
 * Every method throws a TypeError when it has been wiped.
 */
export class Tls12MainSecret {
  readonly #hash: Hash;
  readonly #secret: Secret;

  /**
   * @param hash of the cipher suite.
   * @param bytes 48 bytes, owned from here on.
   * @throws {RangeError} for another number of bytes.
   */
  constructor(hash: Hash, bytes: Uint8Array) {
    if (bytes.length !== MAIN_SECRET_LENGTH) {
      throw new RangeError(`a main secret has ${MAIN_SECRET_LENGTH} bytes, not ${bytes.length}`);
    }
    this.#hash = hash;
    this.#secret = new Secret("main secret", bytes);
  }

  /**
   * The main secret of a handshake with `extended_master_secret`. RFC 7627 §4.
   *
   * @param premasterSecret borrowed.
   * @param sessionHash of the messages up to and including ClientKeyExchange.
   */
  static extended(hash: Hash, premasterSecret: Uint8Array, sessionHash: Uint8Array): Tls12MainSecret {
    const bytes = prf(hash, premasterSecret, "extended master secret", sessionHash, MAIN_SECRET_LENGTH);
    return new Tls12MainSecret(hash, bytes);
  }

  /**
   * The main secret of a handshake without `extended_master_secret`. A peer can make two connections have the same one,
   * so that nothing may be bound to it. RFC 5246 §8.1, RFC 7627 §1.
   *
   * @param premasterSecret borrowed.
   */
  static classic(
    hash: Hash,
    premasterSecret: Uint8Array,
    clientRandom: Uint8Array,
    serverRandom: Uint8Array,
  ): Tls12MainSecret {
    const randoms = concatBytes(clientRandom, serverRandom);
    return new Tls12MainSecret(
      hash,
      prf(hash, premasterSecret, "master secret", randoms, MAIN_SECRET_LENGTH),
    );
  }

  /** The secret itself, borrowed, for the key log and for sessions. */
  get bytes(): Uint8Array {
    return this.#secret.bytes;
  }

  /**
   * The keys of a connection, which the caller owns. RFC 5246 §6.3.
   *
   * The `key_block` is cut into the MAC keys of client and server, then their keys, then their IVs.
   */
  trafficKeys(
    suite: Tls12CipherSuite,
    clientRandom: Uint8Array,
    serverRandom: Uint8Array,
  ): { readonly client: Tls12Keys; readonly server: Tls12Keys } {
    const { macKeyLength, keyLength, ivLength } = keyLengths(suite);
    // In the main secret and in exporters, the client's random comes first.
    const randoms = concatBytes(serverRandom, clientRandom);
    const length = 2 * (macKeyLength + keyLength + ivLength);
    const keyBlock = prf(this.#hash, this.bytes, "key expansion", randoms, length);
    let at = 0;
    const take = (bytes: number): Uint8Array => keyBlock.slice(at, (at += bytes));
    const [clientMacKey, serverMacKey] = [take(macKeyLength), take(macKeyLength)];
    const [clientKey, serverKey] = [take(keyLength), take(keyLength)];
    const [clientIv, serverIv] = [take(ivLength), take(ivLength)];
    wipe(keyBlock);
    return {
      client: { macKey: clientMacKey, key: clientKey, iv: clientIv },
      server: { macKey: serverMacKey, key: serverKey, iv: serverIv },
    };
  }

  /**
   * `verify_data` of the Finished that `signer` sends: 12 bytes, which the caller owns. RFC 5246 §7.4.9.
   *
   * @param transcriptHash of all handshake messages before that Finished.
   */
  finished(signer: "client" | "server", transcriptHash: Uint8Array): Uint8Array {
    return prf(this.#hash, this.bytes, `${signer} finished`, transcriptHash, VERIFY_DATA_LENGTH);
  }

  /** The exporter of a connection, with a copy of the secret: wiping one leaves the other. RFC 5705 §4. */
  exporter(clientRandom: Uint8Array, serverRandom: Uint8Array): Tls12Exporter {
    return new Tls12Exporter(this.#hash, this.bytes.slice(), concatBytes(clientRandom, serverRandom));
  }

  /** Forgets the secret, not what was derived from it. */
  wipe(): void {
    this.#secret.wipe();
  }
}

/** Exports keying material of a TLS 1.2 connection; made by {@link Tls12MainSecret.exporter}. RFC 5705. */
export class Tls12Exporter implements Exporter {
  readonly #hash: Hash;
  readonly #secret: Secret;
  readonly #randoms: Uint8Array;

  /**
   * @param mainSecret owned from here on.
   * @param randoms of the client and of the server, owned from here on.
   */
  constructor(hash: Hash, mainSecret: Uint8Array, randoms: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("exporter's main secret", mainSecret);
    this.#randoms = randoms;
  }

  /**
   * `length` bytes for `label` and `context`, which the caller owns. No context (null) differs from an empty one.
   * RFC 5705 §4.
   *
   * @throws {RangeError} for a label that is not 1 to 249 ASCII characters or that TLS itself uses, a context above 65,535
   * bytes, or a length that is no whole number.
   * @throws {TypeError} when the secret has been wiped.
   */
  export(label: string, context: Uint8Array | null, length: number): Uint8Array {
    checkLabel(label);
    const seed = context === null ? this.#randoms : concatBytes(this.#randoms, encode(Context, context));
    return prf(this.#hash, this.#secret.bytes, label, seed, length);
  }

  /** Forgets the secret: what is asked of it afterwards is a TypeError. */
  wipe(): void {
    this.#secret.wipe();
  }
}

const MAIN_SECRET_LENGTH = 48;

/** RFC 5246 §7.4.9: what suites have that do not say otherwise. */
const VERIFY_DATA_LENGTH = 12;

/** `context_value_length` and `context_value`. RFC 5705 §4. */
const Context = opaque(0, 2 ** 16 - 1);

function keyLengths({ protection }: Tls12CipherSuite): {
  readonly macKeyLength: number;
  readonly keyLength: number;
  readonly ivLength: number;
} {
  return protection.kind === "aead"
    ? { macKeyLength: 0, keyLength: protection.aead.keyLength, ivLength: protection.fixedIvLength }
    : { macKeyLength: protection.mac.outputLength, keyLength: protection.cipher.keyLength, ivLength: 0 };
}

/** What TLS itself asks of the PRF, which an exporter must not give out. RFC 5705 §6, RFC 7627 §4. */
const RESERVED_LABELS: readonly string[] = [
  "client finished",
  "server finished",
  "master secret",
  "extended master secret",
  "key expansion",
];

function checkLabel(label: string): void {
  // TLS 1.2 has no upper bound; with that of TLS 1.3 (RFC 8446 §7.1), a label is good in both versions or in neither.
  if (label.length < 1 || label.length > 249) {
    throw new RangeError(`an exporter label has 1..249 characters, not ${label.length}`);
  }
  if (RESERVED_LABELS.includes(label)) {
    throw new RangeError(`the label ${JSON.stringify(label)} is reserved for TLS itself`);
  }
}
