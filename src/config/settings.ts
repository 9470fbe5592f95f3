import type {
  CryptoProvider,
  KeyExchangeGroup,
  Random,
  SignatureVerifier,
  Tls13CipherSuite,
} from "../crypto/provider.ts";
import { nobleProvider } from "../crypto/noble.ts";
import { ConfigError } from "../errors.ts";
import type { KeyLog, MessageCallback } from "./hooks.ts";
import { type Limits, limitsWith } from "./limits.ts";

/** What both roles configure. */
export interface SettingsOptions {
  /** Default: the pure TypeScript provider. */
  readonly provider?: CryptoProvider;
  /** IANA names, most preferred first. Default: all of the provider. */
  readonly cipherSuites?: readonly string[];
  /** IANA names, most preferred first. Default: all of the provider. */
  readonly groups?: readonly string[];
  /** IANA names of the schemes accepted from the peer, most preferred first. Default: all of the provider. */
  readonly signatureSchemes?: readonly string[];
  /** ALPN protocol names (RFC 7301), most preferred first; 1..255 characters of Latin-1. Default: none, and no negotiation. */
  readonly alpn?: readonly string[];
  /** Watches records and messages; see {@link MessageCallback}. */
  readonly onMessage?: MessageCallback;
  /** Takes the secrets of the connection, for debugging; see {@link KeyLog}. */
  readonly onKeyLog?: KeyLog;
  /** Default: the provider's. With the same `random` and `now`, the same input gives the same output. */
  readonly random?: Random;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
  /** Bytes of padding for a record with `contentLength` bytes; clipped to what fits. Default: none. RFC 8446 §5.4. */
  readonly recordPadding?: (contentLength: number) => number;
  readonly limits?: Partial<Limits>;
}

/** Validated {@link SettingsOptions}. */
export interface Settings {
  readonly provider: CryptoProvider;
  readonly cipherSuites: readonly Tls13CipherSuite[];
  readonly groups: readonly KeyExchangeGroup[];
  readonly signatureVerifiers: readonly SignatureVerifier[];
  readonly alpn: readonly string[];
  readonly onMessage: MessageCallback | undefined;
  readonly onKeyLog: KeyLog | undefined;
  readonly random: Random;
  readonly now: () => number;
  readonly recordPadding: ((contentLength: number) => number) | undefined;
  readonly limits: Limits;
}

/** @throws {ConfigError} naming the option, its value and what is allowed. */
export function settingsFrom(options: SettingsOptions): Settings {
  const provider = options.provider ?? nobleProvider();
  return {
    provider,
    cipherSuites: choose("cipherSuites", options.cipherSuites, provider.cipherSuites),
    groups: choose("groups", options.groups, provider.groups),
    signatureVerifiers: choose("signatureSchemes", options.signatureSchemes, provider.signatureVerifiers),
    alpn: checkAlpn(options.alpn ?? []),
    onMessage: checkFunction("onMessage", options.onMessage),
    onKeyLog: checkFunction("onKeyLog", options.onKeyLog),
    random: checkFunction("random", options.random) ?? provider.random,
    now: checkFunction("now", options.now) ?? Date.now,
    recordPadding: checkFunction("recordPadding", options.recordPadding),
    limits: limitsWith(options.limits),
  };
}

/** The entries of `available` that `names` lists, in its order. */
export function choose<T extends { readonly name: string }>(
  option: string,
  names: readonly string[] | undefined,
  available: readonly T[],
): readonly T[] {
  if (names === undefined) return available;
  const allowed = available.map(({ name }) => name).join(", ");
  if (names.length === 0) throw new ConfigError(option, names, `at least one of ${allowed}`);
  if (new Set(names).size !== names.length) throw new ConfigError(option, names, `each of ${allowed} once`);
  return names.map((name) => {
    const found = available.find((entry) => entry.name === name);
    if (found === undefined) throw new ConfigError(option, name, allowed);
    return found;
  });
}

function checkAlpn(protocols: readonly string[]): readonly string[] {
  for (const protocol of protocols) {
    if (protocol.length < 1 || protocol.length > 255 || !isLatin1(protocol)) {
      throw new ConfigError("alpn", protocol, "names of 1..255 Latin-1 characters");
    }
  }
  if (new Set(protocols).size !== protocols.length)
    throw new ConfigError("alpn", protocols, "each name once");
  return [...protocols];
}

function isLatin1(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

/** The options with arrays of their own, so that what a caller does to its arrays later changes nothing. */
export function ownOptions<T extends object>(options: T): T {
  const own = Object.entries(options).map(([name, value]: [string, unknown]) => [
    name,
    Array.isArray(value) ? [...value] : value,
  ]);
  // The same keys with the same values, but for the identity of arrays.
  return Object.fromEntries(own) as T;
}

/** @throws {ConfigError} for anything but a function, or nothing. */
export function checkFunction<T>(option: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== "function") throw new ConfigError(option, value, "a function");
  return value;
}
