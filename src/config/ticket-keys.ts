import { TlsAlert } from "../alert.ts";
import { ascii, concatBytes, equalBytes, latin1, wipe } from "../bytes.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { Aead, CryptoProvider, Hash, Random, TlsCipherSuite } from "../crypto/provider.ts";
import { drawBytes } from "../crypto/random.ts";
import { ConfigError } from "../errors.ts";
import { hkdfExpand } from "../schedule/hkdf.ts";
import { encode, enumeration, type Infer, opaque, struct, uint32, vector } from "../wire/codec.ts";
import { Reader } from "../wire/reader.ts";
import { checkFunction } from "./settings.ts";
import {
  epochAt,
  MAX_STEPS,
  NAME_LENGTH,
  type Rotation,
  SECRET_LENGTH,
  type TicketKey,
  TicketRatchet,
} from "./ticket-ratchet.ts";

/** What {@link TicketKeys} are made with. */
export interface TicketKeysOptions {
  /** Tickets are sealed with the strongest AEAD that it has, whatever suites a configuration names. */
  readonly provider: CryptoProvider;
  /** How long a key seals tickets; 60..604,800 s. Default: 43,200 s, which are 12 hours. */
  readonly rotationSeconds?: number;
  /**
   * How long a ticket can be opened after the rotation period in which it was sealed has ended; 0..604,800 s. Whoever takes the keys of a
   * server can read the connections of tickets as old as that. Default: 604,800 s, the longest that a ticket may live (RFC 8446 §4.6.1).
   */
  readonly lifetimeSeconds?: number;
  /** Where the first key comes from. Default: the provider's. */
  readonly random?: Random;
}

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
 *
 * The ticket key is a new one in each rotation period. It follows from the one before and from the clock alone: machines that {@link import}
 * what one of them has exported go on in step, and each opens the tickets of the others, also when their clocks are up to
 * one period apart. From the keys of a period nobody can compute those before it; keys whose tickets have come to their end are wiped.
 *
 * The ratchet waits for a clock that goes back, and loses nothing by it: it seals with the key of the time that the clock shows. When that is gone,
 * since the clock had run too far ahead, it seals with its latest one, whose tickets only this machine can open. While the clock shows a
 * time that is more than 20,000 periods ahead, before 1970, or no number, nothing is sealed or opened, and nothing changes; keys that were
 * not used for so long have come to their end.
 *
 * All methods take the time as milliseconds since 1970.
 */
export class TicketKeys {
  readonly #rotation: Rotation;
  readonly #random: Random;
  #suite: SealingSuite;
  #ratchet: TicketRatchet | undefined;
  #isWiped = false;

  /**
   * Keys of their own. The first is drawn when it is needed, by {@link seal} or {@link export}.
   *
   * @throws {ConfigError} for a provider without an AEAD, and for an option out of its range.
   */
  constructor({ provider, rotationSeconds, lifetimeSeconds, random }: TicketKeysOptions) {
    const suite = sealingSuite(provider);
    if (suite === undefined)
      throw new ConfigError("provider", provider.name, "a provider with a suite that has an AEAD");
    this.#suite = suite;
    this.#rotation = {
      rotationSeconds: checkSeconds(
        "rotationSeconds",
        rotationSeconds ?? DEFAULT_ROTATION,
        SHORTEST_ROTATION,
      ),
      lifetimeSeconds: checkSeconds("lifetimeSeconds", lifetimeSeconds ?? WEEK, 0),
    };
    this.#random = checkFunction("random", random) ?? provider.random;
  }

  /**
   * The keys that another machine, or this one before, has exported. They seal with the same algorithms, rotate at the same times
   * and live as long; nothing is drawn from a random.
   *
   * @param exported what {@link export} gave; copied, and still the caller's to wipe.
   * @param options may leave out what the export says, and not contradict it.
   * @throws {ConfigError} for bytes that are damaged, or no export; for a provider that lacks the algorithms; and for other options than those of
   * the exporter.
   */
  static import(exported: Uint8Array, options: TicketKeysOptions): TicketKeys {
    const { header, root, secrets } = readExport(exported);
    const { rotationSeconds, lifetimeSeconds, epoch, names } = header;
    checkSame("rotationSeconds", options.rotationSeconds, rotationSeconds);
    checkSame("lifetimeSeconds", options.lifetimeSeconds, lifetimeSeconds);
    const keys = new TicketKeys({ ...options, rotationSeconds, lifetimeSeconds });
    keys.#suite = suiteNamed(options.provider, latin1(header.aead), latin1(header.hash));
    const past = names.map((name, i) => ({
      epoch: epoch - names.length + i,
      name: new Uint8Array(name),
      secret: new Uint8Array(secrets.subarray(i * SECRET_LENGTH, (i + 1) * SECRET_LENGTH)),
    }));
    keys.#ratchet = new TicketRatchet(keys.#suite.hash, keys.#rotation, epoch, new Uint8Array(root), past);
    return keys;
  }

  /**
   * What {@link import} takes: a secret, with which all tickets from now on can be opened, and those of before that can still be used. The caller
   * owns it.
   *
   * @throws {TypeError} when the keys have been wiped.
   * @throws {RangeError} when the time is none that the keys can follow, or a random returns another number of bytes than it was asked for.
   */
  export(nowMs: number): Uint8Array {
    if (this.#isWiped) throw new TypeError("the ticket keys have been wiped");
    const { aead, hash } = this.#suite;
    const ratchet = this.#ratchetAt(nowMs);
    if (ratchet?.advance(nowMs) === undefined)
      throw new RangeError(`${nowMs} ms is no time from 1970 to ${MAX_STEPS} rotations from the last one`);
    const { epoch, root, past } = ratchet;
    const header = encode(ExportHeader, {
      format: FORMAT,
      aead: ascii(aead.name),
      hash: ascii(hash.name),
      ...this.#rotation,
      epoch,
      names: past.map(({ name }) => name),
    });
    // Not through encode(), whose memory is not wiped.
    const exported = concatBytes(
      header,
      root,
      ...past.map(({ secret }) => secret),
      new Uint8Array(CHECKSUM_LENGTH),
    );
    const end = exported.length - CHECKSUM_LENGTH;
    exported.set(sha256.digest(exported.subarray(0, end)), end);
    return exported;
  }

  /**
   * A ticket for `state`, longer than it by 64 bytes; empty when the keys have been wiped, or cannot follow the clock: then no ticket is
   * to be given. The caller owns it, and keeps `state`.
   *
   * @param random where the salt comes from.
   * @throws {RangeError} when a random returns another number of bytes than it was asked for.
   */
  seal(state: Uint8Array, random: Random, nowMs: number): Uint8Array {
    const ticketKey = this.#ratchetAt(nowMs)?.advance(nowMs);
    if (ticketKey === undefined) return new Uint8Array();
    const { aead } = this.#suite;
    const header = concatBytes(ticketKey.name, drawBytes(random, SALT_LENGTH));
    const ticket = new Uint8Array(HEADER_LENGTH + state.length + aead.tagLength);
    ticket.set(header);
    const key = this.#expand(ticketKey, header);
    const sealer = aead.sealer(key);
    wipe(key);
    sealer.seal(NONCE, header, state, ticket.subarray(HEADER_LENGTH));
    sealer.wipe();
    return ticket;
  }

  /**
   * The state in `ticket`, which the caller owns; null when the ticket is not ours, has been changed, or is too old. Does not throw.
   */
  open(ticket: Uint8Array, nowMs: number): Uint8Array | null {
    const { aead } = this.#suite;
    const length = ticket.length - HEADER_LENGTH - aead.tagLength;
    if (this.#ratchet?.advance(nowMs) === undefined || length < 0) return null;
    const ticketKey = this.#ratchet.find(ticket.subarray(0, NAME_LENGTH));
    if (ticketKey === undefined) return null;
    const header = ticket.subarray(0, HEADER_LENGTH);
    const key = this.#expand(ticketKey, header);
    const opener = aead.opener(key);
    wipe(key);
    const state = new Uint8Array(length);
    const isGenuine = opener.open(NONCE, header, ticket.subarray(HEADER_LENGTH), state);
    opener.wipe();
    return isGenuine ? state : null;
  }

  /** Forgets all keys: nothing is sealed or opened afterwards, and servers that have these keys go on without tickets. Once more does nothing. */
  wipe(): void {
    this.#isWiped = true;
    this.#ratchet?.wipe();
    this.#ratchet = undefined;
  }

  /** Starts the ratchet at the first time that asks for it. */
  #ratchetAt(nowMs: number): TicketRatchet | undefined {
    if (this.#ratchet !== undefined || this.#isWiped) return this.#ratchet;
    const epoch = epochAt(nowMs, this.#rotation);
    if (epoch === undefined) return undefined;
    const root = drawBytes(this.#random, SECRET_LENGTH);
    return (this.#ratchet = new TicketRatchet(this.#suite.hash, this.#rotation, epoch, root, []));
  }

  #expand({ secret }: TicketKey, header: Uint8Array): Uint8Array {
    const { aead, hash } = this.#suite;
    return hkdfExpand(hash, secret, concatBytes(LABEL, header), aead.keyLength);
  }
}

/** What tickets are sealed with: an AEAD, and the hash of HKDF-Expand. */
export interface SealingSuite {
  readonly aead: Aead;
  readonly hash: Hash;
}

/** The strongest that a provider has, of any suite with an AEAD; undefined when it has none. */
export function sealingSuite({ cipherSuites }: CryptoProvider): SealingSuite | undefined {
  const found = cipherSuites.flatMap((suite) => {
    const aead = aeadOf(suite);
    return aead === undefined ? [] : [{ aead, hash: suite.hash }];
  });
  return found.find(({ aead }) => aead.keyLength === 32) ?? found[0];
}

function suiteNamed(
  { name, cipherSuites }: CryptoProvider,
  aeadName: string,
  hashName: string,
): SealingSuite {
  const aead = cipherSuites.map(aeadOf).find((candidate) => candidate?.name === aeadName);
  const hash = cipherSuites.map((suite) => suite.hash).find((candidate) => candidate.name === hashName);
  if (aead === undefined || hash === undefined)
    throw new ConfigError("provider", name, `a provider with ${aeadName} and ${hashName}, as the exporter's`);
  return { aead, hash };
}

function aeadOf(suite: TlsCipherSuite): Aead | undefined {
  if (suite.version === "TLSv1.3") return suite.aead;
  return suite.protection.kind === "aead" ? suite.protection.aead : undefined;
}

function checkSeconds(option: string, seconds: number, least: number): number {
  if (!Number.isInteger(seconds) || seconds < least || seconds > WEEK)
    throw new ConfigError(option, seconds, `whole seconds in ${least}..${WEEK}`);
  return seconds;
}

function checkSame(option: string, given: number | undefined, exported: number): void {
  if (given !== undefined && given !== exported)
    throw new ConfigError(option, given, `${exported}, as the exporter's, or nothing`);
}

/** The parts of an export, as views. @throws {ConfigError} when it is damaged. */
function readExport(exported: Uint8Array): {
  readonly header: Infer<typeof ExportHeader>;
  readonly root: Uint8Array;
  readonly secrets: Uint8Array;
} {
  // Text or an array may be the secret in another form, and is not shown.
  if (!(exported instanceof Uint8Array))
    throw new ConfigError("exported", typeof exported, "the bytes that export() gave, as a Uint8Array");
  const refused = (allowed: string): ConfigError => new ConfigError("exported", exported, allowed);
  const end = exported.length - CHECKSUM_LENGTH;
  if (end < 0 || !equalBytes(sha256.digest(exported.subarray(0, end)), exported.subarray(end)))
    throw refused("the bytes that export() gave, all of them and unchanged");
  try {
    const reader = new Reader(exported, 0, end);
    const header = ExportHeader.read(reader);
    const root = reader.take(SECRET_LENGTH);
    const secrets = reader.take(header.names.length * SECRET_LENGTH);
    reader.expectEnd("exported ticket keys");
    if (header.epoch < header.names.length) throw refused("keys of periods from 1970 on");
    return { header, root, secrets };
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    throw refused(`ticket keys in format ${FORMAT}: ${error.message}`);
  }
}

/** To be raised with any change of the fields below, or of how the keys follow from each other. */
const FORMAT = 1;

/** Behind it come the root, a secret for each of `names`, and SHA-256 of everything before, which tells damage and protects nothing. */
const ExportHeader = struct({
  format: enumeration(1, "format of ticket keys", FORMAT),
  aead: opaque(1, 255),
  hash: opaque(1, 255),
  rotationSeconds: uint32,
  lifetimeSeconds: uint32,
  epoch: uint32,
  /** Of the keys of the periods right before `epoch`. */
  names: vector(opaque(NAME_LENGTH), 0, 2 ** 24 - 1),
});

const CHECKSUM_LENGTH = 32;
const WEEK = 7 * 24 * 3600;
const DEFAULT_ROTATION = 12 * 3600;
const SHORTEST_ROTATION = 60;

const SALT_LENGTH = 32;
const HEADER_LENGTH = NAME_LENGTH + SALT_LENGTH;
const LABEL: Uint8Array = ascii("tls-engine ticket");
const NONCE: Uint8Array = new Uint8Array(12);
