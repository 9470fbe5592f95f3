import type { AlertName } from "../alert.ts";
import type { Awaitable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";
import type { RawExtension } from "../wire/codec.ts";
import { checkCredentials, type Credential } from "./credential.ts";
import { checkOwnRecordSizeLimit } from "./limits.ts";
import { checkFunction, ownOptions, type Settings, settingsFrom, type SettingsOptions } from "./settings.ts";
import { sealingSuite, TicketKeys } from "./ticket-keys.ts";
import type { ClientTrust } from "./trust.ts";

/** Whether clients are asked for a certificate. */
export type ClientAuth =
  | { readonly mode: "none" }
  | ({
      /** `request`: a client without a certificate may go on; `require`: it is refused with certificate_required. */
      readonly mode: "request" | "require";
      /** Distinguished names in DER of acceptable authorities, as a hint for the client. */
      readonly authorities?: readonly Uint8Array[];
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
   * Most preferred first. It is one whose key the client accepts; among those one for the name that the client asks for, whose chain the client
   * can verify, and which an authority that it names has issued, in this order of weight. A client without a name, or with one that
   * nobody has, gets the first. RFC 6066 §3, RFC 8446 §4.4.2.2.
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
   * Gives sessions of TLS 1.2 to clients as tickets (RFC 5077), sealed with keys that this config makes and keeps to itself, or with
   * {@link TicketKeys} that it shares with other configs and machines; clients that take no tickets get session ids, if there is a
   * `sessionStore`. Default: true.
   */
  readonly sessionTickets?: boolean | TicketKeys;
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
  /** Null when no tickets are given. */
  readonly ticketKeys: TicketKeys | null;
  readonly #options: ServerOptions;

  /** @throws {ConfigError} naming the option, its value and what is allowed. */
  constructor(options: ServerOptions) {
    this.settings = settingsFrom(options);
    this.credentials = [...checkCredentials("credentials", options.credentials ?? [])];
    if (this.credentials.length === 0 && options.chooseSetup === undefined) {
      throw new ConfigError(
        "credentials",
        this.credentials,
        "at least one credential, or a chooseSetup that gives one",
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
    this.ticketKeys = ticketKeysFor(options.sessionTickets ?? true, this.settings);
    this.#options = ownOptions(options);
    Object.freeze(this);
  }

  /** A copy with some options replaced. @throws {ConfigError} as the constructor does. */
  with(changes: Partial<ServerOptions>): ServerConfig {
    return new ServerConfig({ ...this.#options, ...changes });
  }
}

/** Tickets are there by default, as far as the provider has an AEAD to seal them with. */
function ticketKeysFor(
  sessionTickets: boolean | TicketKeys,
  { provider, random }: Settings,
): TicketKeys | null {
  if (sessionTickets instanceof TicketKeys) return sessionTickets;
  if (typeof sessionTickets !== "boolean")
    throw new ConfigError("sessionTickets", sessionTickets, "true, false, or TicketKeys");
  return sessionTickets && sealingSuite(provider) !== undefined ? new TicketKeys({ provider, random }) : null;
}

/** @throws {ConfigError} for a mode without a policy, or with two; and for authorities that do not fit. */
export function checkClientAuth(clientAuth: ClientAuth = { mode: "none" }): ClientAuth {
  const { mode } = clientAuth;
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
