import type { AlertName } from "../alert.ts";
import type { Awaitable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";
import type { RawExtension } from "../wire/codec.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { checkCertificateTypes } from "./certificate-types.ts";
import { checkCredentials, type Credential } from "./credential.ts";
import type { ExternalPsk } from "./external-psk.ts";
import { checkOwnRecordSizeLimit } from "./limits.ts";
import { checkEarlyData, type EarlyDataOptions } from "./replay-store.ts";
import { checkFunction, ownOptions, type Settings, settingsFrom, type SettingsOptions } from "./settings.ts";
import { sealingSuite, TicketKeys } from "./ticket-keys.ts";
import type { ClientTrust } from "./trust.ts";

/** Whether clients are asked for a certificate. */
export type ClientAuth =
  | {
      readonly mode: "none";
      /** What can be asked for behind the handshake. Default: x509. */
      readonly certificateTypes?: readonly CertificateTypeName[];
    }
  | ({
      /** `request`: a client without a certificate may go on; `require`: it is refused with certificate_required. */
      readonly mode: "request" | "require";
      /** Distinguished names in DER of acceptable authorities, as a hint for the client. */
      readonly authorities?: readonly Uint8Array[];
      /** Asks for a stapled OCSP response, of TLS 1.3. Default: false. RFC 8446 §4.4.2.1. */
      readonly requestOcspResponse?: boolean;
      /** Asks for signed certificate timestamps, of TLS 1.3. Default: false. RFC 6962. */
      readonly requestSignedCertificateTimestamps?: boolean;
      /** What clients may show; the client's preference decides. A client that has no such type is not asked, or refused. Default: x509. RFC 7250 §4.2. */
      readonly certificateTypes?: readonly CertificateTypeName[];
    } & ClientVerification);

/** How a client's certificate is verified. */
export type ClientVerification =
  | { readonly trust: ClientTrust }
  | {
      /** Any certificate will do; the peer is reported as `unverified`, with the chain it has proven to hold the key of. */
      readonly dangerouslyAcceptAnyCertificate: true;
    };

/** What a client said first, for the choice of a setup. Bytes are the caller's to keep. */
export interface ClientHelloInfo {
  /** The SNI host name in lower case, or null. */
  readonly serverName: string | null;
  /** ALPN protocol names as Latin-1 text, in the client's order. */
  readonly alpn: readonly string[];
  readonly versions: readonly number[];
  readonly cipherSuites: readonly number[];
  readonly groups: readonly number[];
  readonly signatureSchemes: readonly number[];
  /** Schemes that certificates may be signed with: those of signature_algorithms_cert, or else the ones above. */
  readonly certificateSignatureSchemes: readonly number[];
  /** CertificateType values that the client takes from a server, in its order. RFC 7250. */
  readonly serverCertificateTypes: readonly number[];
  /** Distinguished names in DER of the authorities that the client trusts; none when it does not say. */
  readonly authorities: readonly Uint8Array[];
  /** Types of all extensions in wire order. */
  readonly extensionTypes: readonly number[];
  /** Extensions that this engine does not know. */
  readonly unknownExtensions: readonly RawExtension[];
  /** The whole message, header included. */
  readonly raw: Uint8Array;
}

/** What a server is for one client. */
export interface ServerSetup {
  /**
   * Most preferred first. It is one of a type that the client takes, in the client's order (RFC 7250), and whose key the client accepts; among those one for the name that the client asks for, which an authority that
   * it names has issued, and whose chain it can verify, in this order of weight. A client without a name, or with one that nobody has, gets
   * the first that is left; in TLS 1.2, the first that our most preferred suite is for. RFC 6066 §3, RFC 8446 §4.4.2.2.
   */
  readonly credentials: readonly Credential[];
  readonly alpn?: readonly string[];
  readonly clientAuth?: ClientAuth;
}

/** Refuses the client with an alert, such as `unrecognized_name`. */
export interface RejectClient {
  readonly reject: AlertName;
}

/** What a {@link ServerConfig} is made of. */
export interface ServerOptions extends SettingsOptions {
  /** To choose from, as {@link ServerSetup} says. May be left out when `chooseSetup` gives some. */
  readonly credentials?: readonly Credential[];
  /** Default: `{ mode: "none" }`. */
  readonly clientAuth?: ClientAuth;
  /** Chooses credentials, ALPN and client authentication by what the client said. What it leaves out comes from this config. */
  readonly chooseSetup?: (hello: ClientHelloInfo) => Awaitable<Partial<ServerSetup> | RejectClient>;
  /** What happens when client and server have no ALPN protocol in common. Default: `"refuse"`, with no_application_protocol (RFC 7301 §3.2). */
  readonly alpnMismatch?: "refuse" | "ignore";
  /** Puts a cookie into HelloRetryRequest, which the client must bring back (RFC 8446 §4.2.2). Default: false. */
  readonly helloRetryCookie?: boolean;
  /** The largest inner plaintext that we take, 64..16385 bytes with the type byte. Default: not sent. RFC 8449. */
  readonly recordSizeLimit?: number;
  /**
   * Gives clients tickets, with which they resume their sessions (RFC 8446 §4.6.1, RFC 5077): `true` seals the session into the ticket with
   * keys that this config makes and keeps to itself, {@link TicketKeys} with keys that it shares with other configs and machines; `"stored"` keeps it in `sessionStore`, from where it can be taken once. Clients of TLS 1.2
   * that take no tickets get session ids, if there is a `sessionStore`. Default: true.
   */
  readonly sessionTickets?: boolean | "stored" | TicketKeys;
  /** Tickets for each full handshake of TLS 1.3; a resumed one gives one. 0..8. Default: 2. */
  readonly ticketCount?: number;
  /** How long a ticket can be used, in seconds, 1..604800. Default: 7200. */
  readonly ticketLifetimeSeconds?: number;
  /** Takes early data of clients that resume a session, as events `early-data`. Default: none is taken. */
  readonly earlyData?: EarlyDataOptions;
  /** Looks a pre-shared key up by what a client calls it; null if there is none. Such clients are shown no certificate, and show none. */
  readonly findPsk?: (identity: Uint8Array) => Awaitable<ExternalPsk | null>;
}

/** A validated, immutable server configuration; one value serves any number of connections. */
export class ServerConfig {
  readonly role = "server";
  readonly settings: Settings;
  readonly credentials: readonly Credential[];
  readonly clientAuth: ClientAuth;
  readonly chooseSetup: ServerOptions["chooseSetup"];
  readonly alpnMismatch: "refuse" | "ignore";
  readonly helloRetryCookie: boolean;
  readonly recordSizeLimit: number | undefined;
  /** Null when no tickets are sealed. */
  readonly ticketKeys: TicketKeys | null;
  readonly storesTickets: boolean;
  readonly ticketCount: number;
  readonly ticketLifetimeSeconds: number;
  readonly findPsk: ServerOptions["findPsk"];
  readonly earlyData: EarlyDataOptions | undefined;
  readonly #options: ServerOptions;

  /** @throws {ConfigError} naming the option, its value and what is allowed. */
  constructor(options: ServerOptions) {
    this.settings = settingsFrom(options);
    this.credentials = [...checkCredentials("credentials", options.credentials ?? [])];
    if (this.credentials.length === 0 && options.chooseSetup === undefined && options.findPsk === undefined) {
      throw new ConfigError(
        "credentials",
        this.credentials,
        "at least one credential, or a chooseSetup that gives one, or findPsk",
      );
    }
    this.clientAuth = checkClientAuth(options.clientAuth);
    this.chooseSetup = checkFunction("chooseSetup", options.chooseSetup);
    this.alpnMismatch = options.alpnMismatch ?? "refuse";
    if (this.alpnMismatch !== "refuse" && this.alpnMismatch !== "ignore") {
      throw new ConfigError("alpnMismatch", this.alpnMismatch, "refuse, ignore");
    }
    this.helloRetryCookie = options.helloRetryCookie ?? false;
    this.recordSizeLimit = checkOwnRecordSizeLimit(options.recordSizeLimit);
    const { sessionTickets = true } = options;
    this.ticketKeys = ticketKeysFor(sessionTickets, this.settings);
    this.storesTickets = sessionTickets === "stored" && this.settings.sessionStore !== null;
    this.ticketCount = checkWhole("ticketCount", options.ticketCount ?? 2, 0, 8);
    this.ticketLifetimeSeconds = checkWhole(
      "ticketLifetimeSeconds",
      options.ticketLifetimeSeconds ?? 2 * 3600,
      1,
      7 * 24 * 3600,
    );
    this.earlyData = checkEarlyData(options.earlyData);
    this.findPsk = checkFunction("findPsk", options.findPsk);
    this.#options = ownOptions(options);
    Object.freeze(this);
  }

  /**
   * A copy with some options replaced. What a config makes for itself when nothing is given, such as a session store, the copy makes anew.
   * @throws {ConfigError} as the constructor does.
   */
  with(changes: Partial<ServerOptions>): ServerConfig {
    return new ServerConfig({ ...this.#options, ...changes });
  }
}

/** Tickets are there by default, as far as the provider has an AEAD to seal them with. */
function ticketKeysFor(
  sessionTickets: boolean | "stored" | TicketKeys,
  { provider, random }: Settings,
): TicketKeys | null {
  if (sessionTickets instanceof TicketKeys) return sessionTickets;
  if (sessionTickets === "stored") return null;
  if (typeof sessionTickets !== "boolean")
    throw new ConfigError("sessionTickets", sessionTickets, "true, false, stored, or TicketKeys");
  return sessionTickets && sealingSuite(provider) !== undefined ? new TicketKeys({ provider, random }) : null;
}

function checkWhole(option: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new ConfigError(option, value, `whole numbers in ${least}..${most}`);
  return value;
}

/** @throws {ConfigError} for a mode without a policy, or with two; and for authorities that do not fit. */
export function checkClientAuth(clientAuth: ClientAuth = { mode: "none" }): ClientAuth {
  const { mode, certificateTypes } = clientAuth;
  checkCertificateTypes("clientAuth.certificateTypes", certificateTypes);
  if (mode === "none") return clientAuth;
  if (mode !== "request" && mode !== "require")
    throw new ConfigError("clientAuth.mode", mode, "none, request, require");
  const acceptsAny = "dangerouslyAcceptAnyCertificate" in clientAuth;
  const hasPolicy = "trust" in clientAuth && typeof clientAuth.trust?.verify === "function";
  if (acceptsAny === hasPolicy || (acceptsAny && clientAuth.dangerouslyAcceptAnyCertificate !== true)) {
    throw new ConfigError(
      "clientAuth",
      mode,
      "either a trust policy with a verify() method, or dangerouslyAcceptAnyCertificate: true",
    );
  }
  checkAuthorities(clientAuth.authorities ?? []);
  return clientAuth;
}

/** `DistinguishedName authorities<3..2^16-1>`, or no extension. RFC 8446 §4.2.4. */
function checkAuthorities(authorities: readonly Uint8Array[]): void {
  const total = authorities.reduce((sum, { length }) => sum + 2 + length, 0);
  if (total >= 2 ** 16 || authorities.some(({ length }) => length === 0)) {
    throw new ConfigError(
      "clientAuth.authorities",
      authorities,
      `names of 1 byte and more, of ${2 ** 16 - 1} bytes together with 2 for each`,
    );
  }
}
