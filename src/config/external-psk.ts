import { ConfigError } from "../errors.ts";

/** A pre-shared key that both sides have agreed on outside of TLS. RFC 8446 §2.2, RFC 9257. */
export interface ExternalPsk {
  /** `imported`: derived for TLS 1.3 by RFC 9258. The binders of the two differ. */
  readonly kind: "external" | "imported";
  /** What is shown in the clear; 1..65,535 bytes. */
  readonly identity: Uint8Array;
  /** The secret. RFC 9257 §4 wants 16 bytes of entropy at least: a password is no key, and can be tried out by whoever sees a handshake. */
  readonly key: Uint8Array;
  /** The suites that it works with are those with this hash. */
  readonly hash: "SHA-256" | "SHA-384";
}

/** How a PSK is combined with a key exchange: `psk_ke` is without any, and so without forward secrecy. RFC 8446 §4.2.9. */
export type PskMode = "psk_dhe_ke" | "psk_ke";

const MIN_KEY_LENGTH = 16;

/**
 * A checked PSK; bytes are copied.
 *
 * @param options `hash` is SHA-256 if it is left out, as RFC 8446 §4.2.11 has it.
 * @throws {ConfigError} for an identity or a key that is too short or too long.
 */
export function externalPsk(options: {
  readonly identity: Uint8Array;
  readonly key: Uint8Array;
  readonly hash?: ExternalPsk["hash"];
}): ExternalPsk {
  const { identity, key, hash = "SHA-256" } = options;
  return checkExternalPsk("externalPsk", {
    kind: "external",
    identity: new Uint8Array(identity),
    key: new Uint8Array(key),
    hash,
  });
}

/** @throws {ConfigError} naming `option`. The key is never shown. */
export function checkExternalPsk(option: string, psk: ExternalPsk): ExternalPsk {
  const { kind, identity, key, hash } = psk;
  if (kind !== "external" && kind !== "imported")
    throw new ConfigError(`${option}.kind`, kind, "external, imported");
  if (!(identity instanceof Uint8Array) || identity.length < 1 || identity.length >= 2 ** 16)
    throw new ConfigError(`${option}.identity`, identity, "1..65535 bytes");
  if (!(key instanceof Uint8Array) || key.length < MIN_KEY_LENGTH)
    throw new ConfigError(`${option}.key`, "a key", `${MIN_KEY_LENGTH} bytes and more (RFC 9257 §4)`);
  if (hash !== "SHA-256" && hash !== "SHA-384")
    throw new ConfigError(`${option}.hash`, hash, "SHA-256, SHA-384");
  return psk;
}

/** @throws {ConfigError} for modes that do not exist, or none. */
export function checkPskModes(modes: readonly PskMode[] = ["psk_dhe_ke"]): readonly PskMode[] {
  const known = modes.every((mode) => mode === "psk_dhe_ke" || mode === "psk_ke");
  if (modes.length === 0 || !known) throw new ConfigError("pskModes", modes, "psk_dhe_ke, psk_ke");
  return [...modes];
}
