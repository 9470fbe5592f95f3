import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import type { Hash } from "../crypto/provider.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { EarlySecret } from "../schedule/tls13.ts";

/** Where a PSK comes from, which its binder tells: a ticket, or an agreement outside of TLS. RFC 8446 §4.2.11.2. */
export type PskKind = Parameters<EarlySecret["binder"]>[0];

/** A PSK that a client offers, or that a server knows to be good. */
export interface Psk {
  readonly kind: PskKind;
  readonly identity: Uint8Array;
  readonly hash: Hash;
  /** The early secret of the PSK; whoever makes it keeps it, to be wiped. */
  readonly early: EarlySecret;
}

/** Bytes of the `binders` at the end of a ClientHello, its length field included. RFC 8446 §4.2.11.2. */
export function bindersLength(binders: readonly Uint8Array[]): number {
  return binders.reduce((sum, { length }) => sum + 1 + length, 2);
}

/** Room for the binders, which can be computed only when the rest of the ClientHello is there. */
export function emptyBinders(psks: readonly Psk[]): readonly Uint8Array[] {
  return psks.map(({ hash }) => new Uint8Array(hash.outputLength));
}

/**
 * Puts the binders into an encoded ClientHello, over the room that {@link emptyBinders} has made.
 *
 * @param digestOf the Transcript-Hash under the hash of a PSK with the truncated ClientHello at its end.
 */
export function fillBinders(
  raw: Uint8Array,
  psks: readonly Psk[],
  digestOf: (hash: Hash, truncated: Uint8Array) => Uint8Array,
): void {
  const start = raw.length - bindersLength(emptyBinders(psks));
  const truncated = raw.slice(0, start);
  let offset = start + 2;
  for (const { early, kind, hash } of psks) {
    const binder = early.binder(kind, digestOf(hash, truncated));
    raw.set(binder, offset + 1);
    offset += 1 + binder.length;
  }
}

/**
 * Checks the binder of the PSK that a server is about to use: it proves that the client holds the key, for this ClientHello.
 *
 * @param raw the whole ClientHello, whose last extension is pre_shared_key.
 * @throws {TlsAlert} decrypt_error when it is wrong, in length too. RFC 8446 §4.2.11.2.
 */
export function checkBinder(
  raw: Uint8Array,
  { extensions }: ClientHello,
  index: number,
  { early, kind, hash }: Psk,
  digestOf: (hash: Hash, truncated: Uint8Array) => Uint8Array,
): void {
  const binders = extensions.preSharedKey?.binders ?? [];
  const truncated = raw.subarray(0, raw.length - bindersLength(binders));
  const expected = early.binder(kind, digestOf(hash, truncated));
  const binder = binders[index];
  if (binder === undefined || !equalBytes(binder, expected))
    throw new TlsAlert("decrypt_error", `the binder of PSK ${index} does not match the ClientHello`);
}
