import { ascii, concatBytes, equalBytes, wipe } from "../bytes.ts";
import type { Aead, Hash, Random } from "../crypto/provider.ts";
import { drawBytes } from "../crypto/random.ts";
import { hkdfExpand } from "../schedule/hkdf.ts";

/**
 * Seals the state of sessions into tickets, and opens them: after a server has sent a ticket, it need not remember the
 * session. RFC 5077 §4 leaves the form to the server; here it is
 *
 * ```text
 * key_name[16] | salt[32] | ciphertext and tag
 * ```
 *
 * Each ticket has a key of its own, expanded from the ticket key and the salt, and seals once with it. So the nonce can
 * be zero, and no number of tickets wears out the ticket key as random nonces of 12 bytes would. Name and salt are
 * additional data.
 */
export class TicketKeys {
  readonly #aead: Aead;
  readonly #hash: Hash;
  readonly #random: Random;
  #current: TicketKey | undefined;

  /**
   * @param hash for HKDF-Expand.
   * @param random where the ticket key comes from. Nothing is drawn before the first {@link seal}.
   */
  constructor(aead: Aead, hash: Hash, random: Random) {
    this.#aead = aead;
    this.#hash = hash;
    this.#random = random;
  }

  /**
   * A ticket for `state`, longer than it by 64 bytes. The caller owns it, and keeps `state`.
   *
   * @param random where the salt comes from.
   * @throws {RangeError} when a random returns another number of bytes than it was asked for.
   */
  seal(state: Uint8Array, random: Random): Uint8Array {
    const { name, secret } = this.#key();
    const header = concatBytes(name, drawBytes(random, SALT_LENGTH));
    const ticket = new Uint8Array(HEADER_LENGTH + state.length + this.#aead.tagLength);
    ticket.set(header);
    const key = this.#expand(secret, header);
    const sealer = this.#aead.sealer(key);
    wipe(key);
    sealer.seal(NONCE, header, state, ticket.subarray(HEADER_LENGTH));
    sealer.wipe();
    return ticket;
  }

  /** The state in `ticket`, which the caller owns; null when the ticket is not ours or has been changed. Does not throw. */
  open(ticket: Uint8Array): Uint8Array | null {
    const length = ticket.length - HEADER_LENGTH - this.#aead.tagLength;
    if (this.#current === undefined || length < 0) return null;
    const { name, secret } = this.#current;
    if (!equalBytes(ticket.subarray(0, NAME_LENGTH), name)) return null;
    const header = ticket.subarray(0, HEADER_LENGTH);
    const key = this.#expand(secret, header);
    const opener = this.#aead.opener(key);
    wipe(key);
    const state = new Uint8Array(length);
    const isGenuine = opener.open(NONCE, header, ticket.subarray(HEADER_LENGTH), state);
    opener.wipe();
    return isGenuine ? state : null;
  }

  #key(): TicketKey {
    this.#current ??= {
      name: drawBytes(this.#random, NAME_LENGTH),
      secret: drawBytes(this.#random, SECRET_LENGTH),
    };
    return this.#current;
  }

  #expand(secret: Uint8Array, header: Uint8Array): Uint8Array {
    return hkdfExpand(this.#hash, secret, concatBytes(LABEL, header), this.#aead.keyLength);
  }
}

interface TicketKey {
  /** Tells our tickets from others, and is no secret. */
  readonly name: Uint8Array;
  /** Uniform, as HKDF-Expand wants it. */
  readonly secret: Uint8Array;
}

const NAME_LENGTH = 16;
const SALT_LENGTH = 32;
const SECRET_LENGTH = 32;
const HEADER_LENGTH = NAME_LENGTH + SALT_LENGTH;
const LABEL: Uint8Array = ascii("tls-engine ticket");
const NONCE: Uint8Array = new Uint8Array(12);
