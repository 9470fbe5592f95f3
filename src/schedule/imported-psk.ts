import { wipe } from "../bytes.ts";
import { sha256, sha384, sha512 } from "../crypto/hashes.ts";
import type { Hash } from "../crypto/provider.ts";
import { ConfigError } from "../errors.ts";
import { ProtocolVersion, TlsKdfIdentifier } from "../messages/codepoints.ts";
import { ImportedIdentity } from "../messages/imported-identity.ts";
import { encode } from "../wire/codec.ts";
import { hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";

/** What a pre-shared key is imported for: a protocol, and a KDF that the suites of a connection may have. */
export interface ImportTarget {
  /** TLS 1.3. The versions before it use keys as they are. RFC 9258 §5.1. */
  readonly protocol: 0x0304;
  /** 0x0001 for suites with SHA-256, 0x0002 for suites with SHA-384. RFC 9258 §10. */
  readonly kdf: 0x0001 | 0x0002;
}

/** A pre-shared key that was agreed on outside of TLS, and what it is to be imported for. */
export interface ImportedPskOptions {
  /** The name of the key; 1 byte and more. Together with {@link context} it is sent in the clear. */
  readonly externalIdentity: Uint8Array;
  /**
   * The key, which is borrowed: 16 bytes and more, of as much entropy. A password is no key: whoever sees a ClientHello can try passwords out
   * on its binder at leisure. RFC 9257 §4.2, §6.
   */
  readonly key: Uint8Array;
  /** The one hash that the key is used with. Default: SHA-256. */
  readonly hash?: "SHA-256" | "SHA-384" | "SHA-512";
  /**
   * What the key was derived for, and who plays which role with it, so that nobody can be made to talk to itself; both sides must give the
   * same. RFC 9258 §5.1, §A. Default: empty.
   */
  readonly context?: Uint8Array;
  /** One for each KDF that the suites of the configuration have, most preferred first. */
  readonly targets: readonly ImportTarget[];
}

/** A key for one target. */
export interface ImportedPsk {
  /** Its binders are not those of a key that is used as it is. RFC 9258 §5.2. */
  readonly kind: "imported";
  /** The ImportedIdentity, as it is sent. */
  readonly identity: Uint8Array;
  /** The secret, as long as a digest of {@link hash}. */
  readonly key: Uint8Array;
  /** Works with suites that have this hash: that of the target's KDF. */
  readonly hash: "SHA-256" | "SHA-384";
}

/**
 * Derives a key of its own for each target from a key that was agreed on outside of TLS, in the order of `targets`. All bytes are the caller's.
 *
 * ```text
 * epskx = HKDF-Extract(0, epsk)
 * ipskx = HKDF-Expand-Label(epskx, "derived psk", Hash(ImportedIdentity), L)
 * ```
 *
 * The hash is that of the external key, and only the length L is that of the target. A key that is imported must not be used in any other
 * way. RFC 9258 §4, §5.1.
 *
 * @throws {ConfigError} for an identity, a context, a key or targets out of bounds. The key is never shown.
 */
export function importedPsks(options: ImportedPskOptions): readonly ImportedPsk[] {
  const { externalIdentity, key, context = new Uint8Array(), targets } = options;
  checkIdentity(externalIdentity, context);
  checkKey(key);
  checkTargets(targets);
  const hash = hashNamed(options.hash ?? "SHA-256");
  const extracted = hkdfExtract(hash, new Uint8Array(hash.outputLength), key);
  const imported = targets.map(({ protocol, kdf }) => {
    const target = kdf === TlsKdfIdentifier.HKDF_SHA256 ? SHA256_TARGET : SHA384_TARGET;
    const identity = encode(ImportedIdentity, {
      externalIdentity,
      context,
      targetProtocol: protocol,
      targetKdf: kdf,
    });
    const digest = hash.digest(identity);
    const derived = hkdfExpandLabel(hash, extracted, "derived psk", digest, target.length);
    return { kind: "imported" as const, identity, key: derived, hash: target.name };
  });
  wipe(extracted);
  return imported;
}

const SHA256_TARGET = { name: "SHA-256", length: 32 } as const;
const SHA384_TARGET = { name: "SHA-384", length: 48 } as const;

/** RFC 9257 §6: 128 bits. */
const MIN_KEY_LENGTH = 16;
/** Of an ImportedIdentity: two length fields, the protocol and the KDF. */
const FRAME_LENGTH = 8;
/** Of an identity in pre_shared_key. RFC 8446 §4.2.11. */
const MAX_IDENTITY_LENGTH = 2 ** 16 - 1;

function checkIdentity(externalIdentity: Uint8Array, context: Uint8Array): void {
  if (!isBytes(externalIdentity) || externalIdentity.length < 1 || externalIdentity.length >= 2 ** 16)
    throw new ConfigError("externalIdentity", externalIdentity, "1..65535 bytes");
  if (!isBytes(context) || context.length >= 2 ** 16)
    throw new ConfigError("context", context, "0..65535 bytes");
  const room = MAX_IDENTITY_LENGTH - FRAME_LENGTH;
  if (externalIdentity.length + context.length > room) {
    throw new ConfigError(
      "externalIdentity",
      externalIdentity,
      `${room} bytes together with the context, which has ${context.length}`,
    );
  }
}

function checkKey(key: Uint8Array): void {
  if (isBytes(key) && key.length >= MIN_KEY_LENGTH) return;
  // Text may be the secret itself, and is not shown.
  const shown = isBytes(key) ? key : typeof key;
  throw new ConfigError(
    "key",
    shown,
    `${MIN_KEY_LENGTH} bytes and more, from at least 128 bits of entropy: whoever sees a ClientHello can try weaker keys out (RFC 9257 §4.2)`,
  );
}

function checkTargets(targets: readonly ImportTarget[]): void {
  const kdfs: readonly number[] = Object.values(TlsKdfIdentifier);
  const refused = targets.find(
    ({ protocol, kdf }) => protocol !== ProtocolVersion["TLSv1.3"] || !kdfs.includes(kdf),
  );
  const isTwice = new Set(targets.map(({ kdf }) => kdf)).size !== targets.length;
  if (targets.length > 0 && refused === undefined && !isTwice) return;
  throw new ConfigError(
    "targets",
    targets.map(({ protocol, kdf }) => `${protocol}/${kdf}`),
    "at least one, each once, of protocol 0x0304 with KDF 0x0001 or 0x0002",
  );
}

function hashNamed(name: NonNullable<ImportedPskOptions["hash"]>): Hash {
  const hash = [sha256, sha384, sha512].find((candidate) => candidate.name === name);
  if (hash === undefined) throw new ConfigError("hash", name, "SHA-256, SHA-384, SHA-512");
  return hash;
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}
