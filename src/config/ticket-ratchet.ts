import { ascii, concatBytes, hex, wipe } from "../bytes.ts";
import type { Hash } from "../crypto/provider.ts";
import { hkdfExpand } from "../schedule/hkdf.ts";

/** What the tickets of one rotation period are sealed with. */
export interface TicketKey {
  /** The period, counted from 1970. */
  readonly epoch: number;
  /** {@link NAME_LENGTH} bytes that tell our tickets from others, and are no secret. */
  readonly name: Uint8Array;
  /** {@link SECRET_LENGTH} uniform bytes, as HKDF-Expand wants them. */
  readonly secret: Uint8Array;
}

/** How long the keys of a {@link TicketRatchet} are good for. */
export interface Rotation {
  /** How long a key seals. */
  readonly rotationSeconds: number;
  /** How long it opens after that. */
  readonly lifetimeSeconds: number;
}

/** Bytes of {@link TicketKey.name}. */
export const NAME_LENGTH = 16;
/** Bytes of a root, and of {@link TicketKey.secret}. */
export const SECRET_LENGTH = 32;

/**
 * How many periods the ratchet moves on in one call: at the default rotation 27 years, at the shortest one two weeks. A clock that has gone
 * wrong shall neither hold up the program nor throw away the keys of today.
 */
export const MAX_STEPS = 20_000;

/** The rotation period of a time; undefined for a time before 1970, and for one that no clock shows. */
export function epochAt(nowMs: number, { rotationSeconds }: Rotation): number | undefined {
  const epoch = Math.floor(nowMs / 1000 / rotationSeconds);
  return epoch >= 0 && epoch < 2 ** 32 - 1 ? epoch : undefined;
}

/**
 * Keys that follow one from the other by time alone, and never back:
 *
 * ```text
 * root of period e -> HKDF-Expand(., "… name")   = name of period e
 *        |         -> HKDF-Expand(., "… ticket") = secret of period e
 *        v
 *   HKDF-Expand(., "… next") = root of period e + 1
 * ```
 *
 * It holds the root of the latest period that it was asked about, the keys of periods before as long as their tickets can be opened, and the
 * key of the period after, whose tickets come from machines with a clock that is ahead. Whatever else there was is wiped, and cannot be
 * computed again.
 */
export class TicketRatchet {
  readonly #hash: Hash;
  readonly #rotation: Rotation;
  #epoch: number;
  #root: Uint8Array;
  #current: TicketKey;
  #next: TicketKey;
  /** By name in hexadecimal, in the order of their periods, without gaps. */
  readonly #keys = new Map<string, TicketKey>();

  /**
   * @param root of the period `epoch`, owned from here on.
   * @param past keys of the periods right before, in their order; owned from here on.
   */
  constructor(hash: Hash, rotation: Rotation, epoch: number, root: Uint8Array, past: readonly TicketKey[]) {
    this.#hash = hash;
    this.#rotation = rotation;
    this.#epoch = epoch;
    this.#root = root;
    this.#current = this.#keyUnder(root, epoch);
    this.#next = this.#keyAfter();
    for (const key of [...past, this.#current, this.#next]) this.#hold(key);
  }

  /** The latest period that there was. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The root of that period, borrowed. */
  get root(): Uint8Array {
    return this.#root;
  }

  /** The keys of periods before, borrowed, in their order. */
  get past(): readonly TicketKey[] {
    return [...this.#keys.values()].filter(({ epoch }) => epoch < this.#epoch);
  }

  /**
   * Moves on to the period of `nowMs` and wipes what has come to its end. A clock that has gone back moves nothing.
   *
   * @returns the key to seal with, borrowed: that of the period of `nowMs`, or the latest one when that is gone. Undefined when there is no
   * such period, or when it is more than {@link MAX_STEPS} ahead; then nothing has changed.
   */
  advance(nowMs: number): TicketKey | undefined {
    const epoch = epochAt(nowMs, this.#rotation);
    if (epoch === undefined || epoch - this.#epoch > MAX_STEPS) return undefined;
    if (epoch > this.#epoch) this.#moveTo(epoch, nowMs);
    for (const [id, key] of this.#keys) {
      if (!this.#isOver(key.epoch, nowMs)) break;
      wipe(key.secret);
      this.#keys.delete(id);
    }
    return (epoch < this.#epoch ? this.#keyOf(epoch) : undefined) ?? this.#current;
  }

  /** The key with `name`, borrowed. */
  find(name: Uint8Array): TicketKey | undefined {
    return this.#keys.get(hex(name));
  }

  /** Forgets everything; the ratchet is dead afterwards. */
  wipe(): void {
    wipe(this.#root);
    for (const { secret } of this.#keys.values()) wipe(secret);
    this.#keys.clear();
  }

  #moveTo(epoch: number, nowMs: number): void {
    while (this.#epoch < epoch) {
      const root = this.#nextRoot();
      wipe(this.#root);
      this.#root = root;
      this.#epoch++;
      // Never so for the last one.
      if (this.#isOver(this.#epoch, nowMs)) continue;
      this.#current = this.#next.epoch === this.#epoch ? this.#next : this.#keyUnder(root, this.#epoch);
      this.#hold(this.#current);
    }
    this.#next = this.#keyAfter();
    this.#hold(this.#next);
  }

  #nextRoot(): Uint8Array {
    return this.#expand(this.#root, NEXT, SECRET_LENGTH);
  }

  #keyAfter(): TicketKey {
    const root = this.#nextRoot();
    const key = this.#keyUnder(root, this.#epoch + 1);
    wipe(root);
    return key;
  }

  #hold(key: TicketKey): void {
    this.#keys.set(hex(key.name), key);
  }

  #keyOf(epoch: number): TicketKey | undefined {
    for (const key of this.#keys.values()) if (key.epoch === epoch) return key;
    return undefined;
  }

  #keyUnder(root: Uint8Array, epoch: number): TicketKey {
    return {
      epoch,
      name: this.#expand(root, NAME, NAME_LENGTH),
      secret: this.#expand(root, TICKET, SECRET_LENGTH),
    };
  }

  #isOver(epoch: number, nowMs: number): boolean {
    const { rotationSeconds, lifetimeSeconds } = this.#rotation;
    return nowMs >= ((epoch + 1) * rotationSeconds + lifetimeSeconds) * 1000;
  }

  #expand(root: Uint8Array, label: Uint8Array, length: number): Uint8Array {
    return hkdfExpand(this.#hash, root, label, length);
  }
}

const PREFIX = ascii("tls-engine ticket keys ");
const NEXT: Uint8Array = concatBytes(PREFIX, ascii("next"));
const NAME: Uint8Array = concatBytes(PREFIX, ascii("name"));
const TICKET: Uint8Array = concatBytes(PREFIX, ascii("ticket"));
