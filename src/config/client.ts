import type { Awaitable } from "../awaitable.ts";
import type { KeyExchangeGroup } from "../crypto/provider.ts";
import { ConfigError } from "../errors.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { certificateTypesOf, checkCertificateTypes } from "./certificate-types.ts";
import { checkCredentials, type Credential, listOf } from "./credential.ts";
import { checkExternalPsk, type ExternalPsk } from "./external-psk.ts";
import { checkOwnRecordSizeLimit } from "./limits.ts";
import { isIpAddress, normalizeServerName } from "./server-name.ts";
import {
  checkFunction,
  choose,
  ownOptions,
  type Settings,
  settingsFrom,
  type SettingsOptions,
} from "./settings.ts";
import type { ServerTrust } from "./trust.ts";

/** Who the server should be. It cannot be forgotten: leaving it out takes an option with a loud name. */
export type ServerIdentity =
  | {
      /** A DNS name in ASCII, or an IP address. It is checked by {@link ServerTrust}; a DNS name is sent as SNI too. */
      readonly serverName: string;
    }
  | {
      readonly serverName: null;
      /** Talks to whoever holds a trusted certificate for any name at all. */
      readonly dangerouslySkipHostname: true;
      /** A DNS name to send as SNI nevertheless. */
      readonly sni?: string;
    };

/** How the server is verified. */
export type ServerVerification =
  | { readonly trust: ServerTrust }
  | {
      /** Talks to anybody, an attacker included. The peer is reported as `unverified`. */
      readonly dangerouslyAcceptAnyCertificate: true;
    };

/** What a server says about the client certificates that it would take. RFC 8446 §4.3.2, RFC 5246 §7.4.4. Bytes are the caller's to keep. */
export interface ClientCertificateRequest {
  /** Distinguished names in DER of the authorities that the server accepts; none when it does not say. */
  readonly authorities: readonly Uint8Array[];
  /** What the answer must be: the server has chosen it from {@link ClientConfig.clientCertificateTypes}. RFC 7250. */
  readonly certificateType: CertificateTypeName;
  /** Signature schemes that the client may sign with. */
  readonly signatureSchemes: readonly number[];
  /** Signature schemes that the certificates may be signed with. */
  readonly certificateSignatureSchemes: readonly number[];
}

/** Chooses what to answer a server's request for a certificate with; null for no certificate. */
export type ClientCredentialHook = (
  request: ClientCertificateRequest,
) => Awaitable<Credential | readonly Credential[] | null>;

/** What a {@link ClientConfig} is made of. Who the server is and how it is verified must be said; the rest has defaults. */
export type ClientOptions = SettingsOptions &
  ServerIdentity &
  ServerVerification & {
    /**
     * Answers a server that asks for a certificate. Of several, most preferred first, it is one whose key the server accepts; among those one
     * that an authority which it names has issued, and then one whose chain it can verify. Default: none, which the server may refuse.
     */
    readonly clientCredential?: Credential | readonly Credential[] | ClientCredentialHook;
    /** Types of what the hook of `clientCredential` gives, most preferred first; those of credentials are known. Default: x509. RFC 7250 §4.1. */
    readonly clientCertificateTypes?: readonly CertificateTypeName[];
    /**
     * What the server may show, most preferred first: `raw-public-key` is a key without a certificate, which `pinned()` can judge and
     * `webPki()` refuses. Default: x509. RFC 7250 §4.1.
     */
    readonly serverCertificateTypes?: readonly CertificateTypeName[];
    /** Offers values that no server must know, to find those that do not pass over what is unknown. Default: false. RFC 8701. */
    readonly grease?: boolean;
    /** Lets the server ask for a certificate behind the handshake, of TLS 1.3. Default: false. RFC 8446 §4.2.6. */
    readonly postHandshakeAuth?: boolean;
    /** Pre-shared keys to offer, most preferred first. A server that takes one shows no certificate. Default: none. */
    readonly externalPsks?: readonly ExternalPsk[];
    /** Groups to send key shares for at once, a subset of `groups`. Default: the first two of `groups`. */
    readonly keyShares?: readonly string[];
    /** Sends a session id and ChangeCipherSpec records, so that middleboxes see what they know. Default: true. RFC 8446 §D.4. */
    readonly middleboxCompatibility?: boolean;
    /** The largest inner plaintext that we take, 64..16385 bytes with the type byte. Default: not sent. RFC 8449. */
    readonly recordSizeLimit?: number;
    /** Asks for a stapled OCSP response. Default: true. */
    readonly requestOcspResponse?: boolean;
    /** Asks for signed certificate timestamps. Default: true. */
    readonly requestSignedCertificateTimestamps?: boolean;
    /**
     * Talks TLS 1.2 to a server that does not know renegotiation_info (RFC 5746): an attacker on the path may have put a
     * handshake and data of its own in front of ours, for the server to take as one connection. Default: such a server is refused.
     */
    readonly dangerouslyAllowServerWithoutRenegotiationInfo?: boolean;
    /**
     * Rewrites the ClientHello before it is sent, for tests, fuzzing and fingerprints: the order of extensions, unknown ones,
     * GREASE. What the server answers is held against what was sent. The bytes of the result are what counts; the handshake
     * fails when they promise what this engine does not do.
     */
    readonly shapeClientHello?: (hello: ClientHello) => ClientHello;
  };

/** A validated, immutable client configuration; one value serves any number of connections. */
export class ClientConfig {
  readonly role = "client";
  readonly settings: Settings;
  /** The name to verify, or null when that is skipped. */
  readonly serverName: string | null;
  /** The name to send, or null. */
  readonly sni: string | null;
  /** Null when any certificate is accepted. */
  readonly trust: ServerTrust | null;
  /** Those to choose from, or the hook that says; empty when there are none. */
  readonly clientCredential: readonly Credential[] | ClientCredentialHook;
  readonly clientCertificateTypes: readonly CertificateTypeName[];
  readonly serverCertificateTypes: readonly CertificateTypeName[];
  readonly grease: boolean;
  readonly postHandshakeAuth: boolean;
  readonly externalPsks: readonly ExternalPsk[];
  readonly keyShares: readonly KeyExchangeGroup[];
  readonly middleboxCompatibility: boolean;
  readonly recordSizeLimit: number | undefined;
  readonly requestOcspResponse: boolean;
  readonly requestSignedCertificateTimestamps: boolean;
  readonly dangerouslyAllowServerWithoutRenegotiationInfo: boolean;
  readonly shapeClientHello: ClientOptions["shapeClientHello"];
  readonly #options: ClientOptions;

  /** @throws {ConfigError} naming the option, its value and what is allowed. */
  constructor(options: ClientOptions) {
    this.settings = settingsFrom(options);
    this.serverName = checkIdentity(options);
    this.sni = sniOf(options, this.serverName);
    this.trust = checkVerification(options);
    this.clientCredential = checkClientCredential(options.clientCredential ?? []);
    this.clientCertificateTypes = clientCertificateTypes(
      this.clientCredential,
      options.clientCertificateTypes,
    );
    this.serverCertificateTypes = checkCertificateTypes(
      "serverCertificateTypes",
      options.serverCertificateTypes,
    );
    this.grease = options.grease ?? false;
    this.postHandshakeAuth = options.postHandshakeAuth ?? false;
    this.externalPsks = (options.externalPsks ?? []).map((psk) => checkExternalPsk("externalPsks", psk));
    const { groups } = this.settings;
    const shared =
      options.keyShares === undefined ? groups.slice(0, 2) : choose("keyShares", options.keyShares, groups);
    // Shares stand in the order of supported_groups (RFC 8446 §4.2.8).
    this.keyShares = groups.filter((group) => shared.includes(group));
    this.middleboxCompatibility = options.middleboxCompatibility ?? true;
    this.recordSizeLimit = checkOwnRecordSizeLimit(options.recordSizeLimit);
    this.requestOcspResponse = options.requestOcspResponse ?? true;
    this.requestSignedCertificateTimestamps = options.requestSignedCertificateTimestamps ?? true;
    const allowed = options.dangerouslyAllowServerWithoutRenegotiationInfo ?? false;
    if (typeof allowed !== "boolean")
      throw new ConfigError("dangerouslyAllowServerWithoutRenegotiationInfo", allowed, "true, false");
    this.dangerouslyAllowServerWithoutRenegotiationInfo = allowed;
    this.shapeClientHello = checkFunction("shapeClientHello", options.shapeClientHello);
    this.#options = ownOptions(options);
    Object.freeze(this);
  }

  /**
   * A copy with some options replaced. What a config makes for itself when nothing is given, such as a session store, the copy makes anew.
   * @throws {ConfigError} as the constructor does.
   */
  with(changes: Partial<ClientOptions>): ClientConfig {
    // The options were complete before; the constructor checks at run time what the spread of two unions cannot show.
    return new ClientConfig({ ...this.#options, ...changes } as ClientOptions);
  }
}

function checkIdentity(options: ClientOptions): string | null {
  if (typeof options.serverName === "string") {
    if ("dangerouslySkipHostname" in options && options.dangerouslySkipHostname !== undefined) {
      throw new ConfigError("dangerouslySkipHostname", true, "only with serverName: null");
    }
    return normalizeServerName(options.serverName);
  }
  // Callers without types reach this with both left out.
  if (options.serverName !== null || options.dangerouslySkipHostname !== true) {
    throw new ConfigError(
      "serverName",
      options.serverName,
      "a DNS name or an IP address; or null together with dangerouslySkipHostname: true",
    );
  }
  return null;
}

function checkClientCredential(
  given: Credential | readonly Credential[] | ClientCredentialHook,
): readonly Credential[] | ClientCredentialHook {
  if (typeof given === "function") return given;
  return [...checkCredentials("clientCredential", listOf(given), given)];
}

function clientCertificateTypes(
  credential: readonly Credential[] | ClientCredentialHook,
  given: readonly CertificateTypeName[] | undefined,
): readonly CertificateTypeName[] {
  if (typeof credential === "function") return checkCertificateTypes("clientCertificateTypes", given);
  if (given === undefined) return certificateTypesOf(credential);
  throw new ConfigError("clientCertificateTypes", given, "only with a clientCredential that is a function");
}

function sniOf(options: ClientOptions, serverName: string | null): string | null {
  if (serverName !== null) return isIpAddress(serverName) ? null : serverName;
  if (!("sni" in options) || options.sni === undefined) return null;
  if (isIpAddress(options.sni)) throw new ConfigError("sni", options.sni, "a DNS name");
  return normalizeServerName(options.sni, "sni");
}

function checkVerification(options: ClientOptions): ServerTrust | null {
  if ("dangerouslyAcceptAnyCertificate" in options && options.dangerouslyAcceptAnyCertificate === true) {
    if ("trust" in options)
      throw new ConfigError("trust", "a policy", "not together with dangerouslyAcceptAnyCertificate");
    return null;
  }
  if (!("trust" in options) || typeof options.trust?.verify !== "function") {
    throw new ConfigError(
      "trust",
      "trust" in options ? options.trust : undefined,
      "a policy with a verify() method",
    );
  }
  return options.trust;
}
