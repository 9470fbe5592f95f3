import { equalBytes, hex } from "../bytes.ts";
import { andThen, type Awaitable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";
import { CertificateError } from "../x509/certificate-error.ts";
import { showLeaf } from "../x509/raw-public-key.ts";
import { checkFunction } from "./settings.ts";
import type { ClientTrust, PresentedPeer, Rejected, ServerTrust, Verified } from "./trust.ts";

/** Where the keys of peers are kept between connections. */
export interface TofuStore {
  /** SHA-256 of the SubjectPublicKeyInfo that `name` had at first, or null. */
  get(name: string): Awaitable<Uint8Array | null>;
  /** Keeps the key of a peer that nobody has seen before. */
  put(name: string, spkiSha256: Uint8Array): Awaitable<void>;
}

/** What {@link tofu} takes besides its store. */
export interface TofuOptions {
  /**
   * Under which name a peer's key is kept. Default: the name of the server, or the subject of the client's certificate.
   * A client with a raw public key has no name but its key, under whose hash it is kept: then everybody is trusted, and recognized.
   */
  readonly nameOf?: (peer: PresentedPeer) => string;
}

/**
 * Trust on first use: whoever comes first under a name is trusted, and from then on its key alone is. What is kept is the key that the peer
 * has proven to hold; no certificate that this key signs is trusted, nor anything else that it says of itself.
 *
 * The first contact is the weak one: an attacker who is there then is trusted ever after. Two first contacts at once, before `put` has settled,
 * are both trusted, each with its own key, and the later `put` counts from then on; a store that cares answers the second `put` with
 * an exception when it holds another key already.
 *
 * What the store throws refuses the peer with internal_error.
 *
 * @throws {ConfigError} for a store that lacks a method, or a `nameOf` that is no function.
 */
export function tofu(store: TofuStore, options: TofuOptions = {}): ServerTrust & ClientTrust {
  for (const method of ["get", "put"] as const) {
    if (typeof store[method] !== "function")
      throw new ConfigError(`store.${method}`, store[method], "a function");
  }
  const nameOf = checkFunction("nameOf", options.nameOf) ?? defaultName;
  return {
    verify(peer): Awaitable<Verified | Rejected> {
      const name = nameOf(peer);
      return andThen(store.get(name), (known) => judge(store, name, peer, known));
    },
  };
}

function judge(
  store: TofuStore,
  name: string,
  { leaf, chain }: PresentedPeer,
  known: Uint8Array | null,
): Awaitable<Verified | Rejected> {
  if (known === null) return andThen(store.put(name, leaf.spkiSha256.slice()), () => ({ trust: "verified" }));
  // A store without types may answer undefined, and a bug in it must not look like a first contact.
  if (!(known instanceof Uint8Array))
    throw new TypeError(`store.get answered ${typeof known}, not bytes or null`);
  if (equalBytes(known, leaf.spkiSha256)) return { trust: "verified" };
  const subject = showLeaf(leaf);
  const detail = `the key of ${JSON.stringify(name)} has changed (SHA-256 ${hex(leaf.spkiSha256)})`;
  const cause = new CertificateError("unknown-key", subject, detail, chain);
  return { trust: "rejected", reason: cause.message, alert: cause.alert, cause };
}

function defaultName({ serverName, leaf }: PresentedPeer): string {
  return serverName ?? showLeaf(leaf);
}
