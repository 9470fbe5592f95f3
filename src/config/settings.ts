import type {
  CryptoProvider,
  KeyExchangeGroup,
  Random,
  SignatureVerifier,
  Tls12CipherSuite,
  Tls13CipherSuite,
  TlsCipherSuite,
} from "../crypto/provider.ts";
import type { CertificateCompression } from "../crypto/certificate-compression.ts";
import { nobleProvider } from "../crypto/noble.ts";
import { ConfigError } from "../errors.ts";
import type { KeyLog, MessageCallback } from "./hooks.ts";
import { checkPskModes, type PskMode } from "./external-psk.ts";
import { type Limits, limitsWith } from "./limits.ts";
import { MemorySessionStore, type SessionStore } from "./session-store.ts";

/** A version of the protocol that is spoken here. */
export type TlsVersion = "TLSv1.3" | "TLSv1.2";

/** What both roles configure. */
export interface SettingsOptions {
  /** Default: the pure TypeScript provider. */
  readonly provider?: CryptoProvider;
  /**
   * Versions to speak; the highest that the peer has too is used. Default: both, or the one that {@link cipherSuites} and
   * {@link groups} leave.
   */
  readonly versions?: readonly TlsVersion[];
  /**
   * IANA names of suites of both versions, most preferred first. Default: all of the provider but the CBC suites of TLS 1.2, which are used
   * only when they are named here.
   */
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
  /** Refuses TLS 1.2 without the extended main secret (RFC 7627), which binds the keys to the whole handshake. Default: false. */
  readonly requireExtendedMainSecret?: boolean;
  /**
   * Where sessions are kept for resumption; null keeps none. Default: a {@link MemorySessionStore} of this config's own.
   * A session is used only for the server name that it was made for, and after the trust policy has been asked about its certificates again.
   */
  readonly sessionStore?: SessionStore | null;
  /** How pre-shared keys are used, those of tickets too. Default: with a key exchange only. */
  readonly pskModes?: readonly PskMode[];
  /**
   * Ways to compress certificates in TLS 1.3 (RFC 8879), most preferred first. The peer may use any of them; ours are compressed by the
   * first that the peer reads. Default: none. See `zlibCompression()` and, on Node, `nodeCompressions()`.
   */
  readonly certificateCompression?: readonly CertificateCompression[];
  readonly limits?: Partial<Limits>;
}

/** Validated {@link SettingsOptions}. */
export interface Settings {
  readonly provider: CryptoProvider;
  /** Highest first. */
  readonly versions: readonly TlsVersion[];
  /** Of both versions, as far as they are spoken. */
  readonly cipherSuites: readonly TlsCipherSuite[];
  readonly tls13Suites: readonly Tls13CipherSuite[];
  readonly tls12Suites: readonly Tls12CipherSuite[];
  readonly groups: readonly KeyExchangeGroup[];
  readonly signatureVerifiers: readonly SignatureVerifier[];
  readonly alpn: readonly string[];
  readonly onMessage: MessageCallback | undefined;
  readonly onKeyLog: KeyLog | undefined;
  readonly random: Random;
  readonly now: () => number;
  readonly recordPadding: ((contentLength: number) => number) | undefined;
  readonly requireExtendedMainSecret: boolean;
  readonly sessionStore: SessionStore | null;
  readonly pskModes: readonly PskMode[];
  readonly certificateCompression: readonly CertificateCompression[];
  readonly limits: Limits;
}

/** @throws {ConfigError} naming the option, its value and what is allowed. */
export function settingsFrom(options: SettingsOptions): Settings {
  const provider = options.provider ?? nobleProvider();
  const named = chooseSuites(options.cipherSuites, provider.cipherSuites);
  const groups = choose("groups", options.groups, provider.groups);
  const versions = chooseVersions(options.versions, named, groups);
  const cipherSuites = named.filter(({ version }) => versions.includes(version));
  return {
    provider,
    versions,
    cipherSuites,
    tls13Suites: cipherSuites.filter((suite) => suite.version === "TLSv1.3"),
    tls12Suites: cipherSuites.filter((suite) => suite.version === "TLSv1.2"),
    groups,
    signatureVerifiers: choose("signatureSchemes", options.signatureSchemes, provider.signatureVerifiers),
    alpn: checkAlpn(options.alpn ?? []),
    onMessage: checkFunction("onMessage", options.onMessage),
    onKeyLog: checkFunction("onKeyLog", options.onKeyLog),
    random: checkFunction("random", options.random) ?? provider.random,
    now: checkFunction("now", options.now) ?? Date.now,
    recordPadding: checkFunction("recordPadding", options.recordPadding),
    requireExtendedMainSecret: options.requireExtendedMainSecret ?? false,
    sessionStore: checkSessionStore(options.sessionStore),
    pskModes: checkPskModes(options.pskModes),
    certificateCompression: checkCompressions(options.certificateCompression ?? []),
    limits: limitsWith(options.limits),
  };
}

/** CBC suites are there for peers that have nothing better, and have to be asked for. */
function chooseSuites(
  names: readonly string[] | undefined,
  available: readonly TlsCipherSuite[],
): readonly TlsCipherSuite[] {
  if (names !== undefined) return choose("cipherSuites", names, available);
  return available.filter((suite) => suite.version === "TLSv1.3" || suite.protection.kind !== "cbc");
}

/** Highest first: the order in which they are preferred is not for a configuration to say. */
const VERSIONS: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];

function chooseVersions(
  wanted: readonly TlsVersion[] | undefined,
  suites: readonly TlsCipherSuite[],
  groups: readonly KeyExchangeGroup[],
): readonly TlsVersion[] {
  const possible = VERSIONS.filter(
    (version) =>
      suites.some((suite) => suite.version === version) &&
      (version === "TLSv1.3" || groups.some(({ inTls12 }) => inTls12)),
  );
  if (wanted === undefined) {
    if (possible.length > 0) return possible;
    throw new ConfigError(
      "cipherSuites",
      suites.map(({ name }) => name),
      "a suite of TLSv1.3, or one of TLSv1.2 together with an elliptic curve in groups",
    );
  }
  if (!Array.isArray(wanted)) throw new ConfigError("versions", wanted, `an array of ${VERSIONS.join(", ")}`);
  const impossible = wanted.find((version) => !possible.includes(version));
  if (wanted.length === 0 || impossible !== undefined) {
    throw new ConfigError(
      "versions",
      impossible ?? wanted,
      `at least one of ${VERSIONS.join(", ")}, with a cipher suite and a group for each; here are such for ${possible.join(", ") || "none"}`,
    );
  }
  return VERSIONS.filter((version) => wanted.includes(version));
}

function checkSessionStore(store: SessionStore | null | undefined): SessionStore | null {
  if (store === undefined) return new MemorySessionStore();
  if (store === null) return null;
  const methods = ["get", "put", "take"] as const;
  if (methods.some((method) => typeof store[method] !== "function"))
    throw new ConfigError("sessionStore", store, "null, or a store with the methods get, put and take");
  return store;
}

/** The most that an offer has room for. RFC 8879 §3. */
const MAX_COMPRESSIONS = 127;

function checkCompressions(given: readonly CertificateCompression[]): readonly CertificateCompression[] {
  const isUsable =
    Array.isArray(given) &&
    given.length <= MAX_COMPRESSIONS &&
    given.every(isCompression) &&
    new Set(given.map(({ id }) => id)).size === given.length;
  if (isUsable) return [...given];
  throw new ConfigError(
    "certificateCompression",
    given,
    `an array of at most ${MAX_COMPRESSIONS} objects with a name, compress() and decompress(), and each with another id in 1..65535`,
  );
}

/** Callers without types may give anything. */
function isCompression(entry: Partial<CertificateCompression> | null | undefined): boolean {
  const { id = 0, name } = entry ?? {};
  const isNamed = typeof name === "string" && Number.isInteger(id) && id >= 1 && id < 2 ** 16;
  return isNamed && typeof entry?.compress === "function" && typeof entry.decompress === "function";
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
