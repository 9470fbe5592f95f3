import { concatBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { OwnKeyShare } from "../../src/crypto/provider.ts";
import { type ClientConfig, ProtocolVersion, TlsEngine } from "../../src/index.ts";
import { ClientCertificateType, ECCurveType } from "../../src/messages/codepoints.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { ServerECDHParams } from "../../src/messages/handshake12.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { encode } from "../../src/wire/codec.ts";
import { answered, type Change, present } from "../support/forger.ts";
import {
  certificateBody12,
  type ChangeCipherSpecForgery,
  type ForgedSession,
  Forger12,
  type Forger12Options,
  signWith,
} from "../support/forger12.ts";

/** What a {@link ForgedServer12} does in a handshake, in this order; not all of it in each. */
export type ServerStep12 =
  | "serverHello"
  | "certificate"
  | "certificateStatus"
  | "serverKeyExchange"
  | "certificateRequest"
  | "serverHelloDone"
  | "newSessionTicket"
  | "changeCipherSpec"
  | "finished";

/** What a {@link ForgedServer12} is made with. */
export interface ForgedServer12Options extends Forger12Options {
  readonly asksForCertificate?: boolean;
  /** Announces and sends a CertificateStatus. */
  readonly staples?: boolean;
  /** Announces and sends a NewSessionTicket. */
  readonly issuesTicket?: boolean;
  /** Of a new session. Default: none. */
  readonly sessionId?: Uint8Array;
}

/** What is signed in a ServerKeyExchange, and how. */
export interface SignedParams {
  readonly params?: (params: Uint8Array) => Uint8Array;
  /** What the signature is of. */
  readonly content?: (content: Uint8Array) => Uint8Array;
  readonly scheme?: number;
}

/** The OCSP response of a {@link ForgedServer12}, which nobody checks. */
export const STAPLE = Uint8Array.of(0x30, 1, 7);

/** The ticket of a {@link ForgedServer12}. */
export const TICKET = Uint8Array.of(1, 2, 3);

/** A server for a client engine. */
export class ForgedServer12 extends Forger12 {
  override readonly role = "server";
  /** The last ClientHello of the engine. */
  clientHello!: ClientHello;
  readonly #options: ForgedServer12Options;
  #share: OwnKeyShare | undefined;
  #sessionId: Uint8Array = new Uint8Array();
  #next: ServerStep12 | "nothing" = "serverHello";

  constructor(config: ClientConfig, options: ForgedServer12Options = {}) {
    super(TlsEngine.client(config), options);
    this.#options = options;
    this.pump();
  }

  /** Does what comes before `step`, as an honest server would. */
  upTo(step: ServerStep12): this {
    while (this.#next !== step && this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** Does all that is left of the handshake. */
  complete(): this {
    while (this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** The session of the handshake so far. */
  get newSession(): ForgedSession {
    return {
      suite: this.suite,
      mainSecret: present(this.main).bytes.slice(),
      extendedMainSecret: this.isExtended,
      sessionId: this.#sessionId,
      ticket: this.#options.issuesTicket === true ? TICKET : new Uint8Array(),
    };
  }

  serverHello(change: Change<"tls12_server_hello"> = {}): void {
    const { clientHello, session } = this;
    const { extensions } = clientHello;
    const { protection } = this.suite;
    const { issuesTicket = false, staples = false, sessionId = new Uint8Array() } = this.#options;
    this.serverRandom = this.random(32);
    this.isExtended = this.knowsExtendedMainSecret && extensions.extendedMainSecret === true;
    this.isEncryptThenMac =
      this.knowsEncryptThenMac && extensions.encryptThenMac === true && protection.kind === "cbc";
    this.#sessionId = session === undefined ? sessionId : clientHello.legacySessionId;
    const message = this.record(
      "tls12_server_hello",
      {
        serverVersion: ProtocolVersion["TLSv1.2"],
        random: this.serverRandom,
        sessionId: this.#sessionId,
        cipherSuite: this.suite.id,
        compressionMethod: 0,
        extensions: {
          renegotiationInfo: new Uint8Array(),
          ecPointFormats: Uint8Array.of(0),
          ...(this.isExtended && { extendedMainSecret: true as const }),
          ...(this.isEncryptThenMac && { encryptThenMac: true as const }),
          ...(issuesTicket && { sessionTicket: true as const }),
          ...(staples && session === undefined && { statusRequest: true as const }),
        },
      },
      change,
    );
    if (session === undefined) this.#next = "certificate";
    else {
      this.resume();
      this.#next = issuesTicket ? "newSessionTicket" : "changeCipherSpec";
    }
    this.sendHandshake(message);
  }

  certificate(change: Change<"tls12_certificate"> = {}): void {
    this.#next = this.#options.staples === true ? "certificateStatus" : "serverKeyExchange";
    this.sendHandshake(this.record("tls12_certificate", certificateBody12(this.credential), change));
  }

  certificateStatus(change: Change<"certificate_status"> = {}): void {
    this.#next = "serverKeyExchange";
    this.sendHandshake(this.record("certificate_status", { statusType: 1, response: STAPLE }, change));
  }

  serverKeyExchange(
    change: Change<"server_key_exchange"> = {},
    { params = (own) => own, content = (own) => own, scheme }: SignedParams = {},
  ): void {
    this.#next = this.#options.asksForCertificate === true ? "certificateRequest" : "serverHelloDone";
    this.#share ??= answered(this.group.generate(this.random));
    const own = params(
      encode(ServerECDHParams, {
        curveType: ECCurveType.named_curve,
        namedCurve: this.group.id,
        publicKey: this.#share.keyExchange,
      }),
    );
    const signed = content(concatBytes(this.clientRandom, this.serverRandom, own));
    const body = { params: own, ...signWith(this, signed, scheme) };
    this.sendHandshake(this.record("server_key_exchange", body, change));
  }

  certificateRequest(change: Change<"tls12_certificate_request"> = {}): void {
    this.#next = "serverHelloDone";
    const body: HandshakeBody<"tls12_certificate_request"> = {
      certificateTypes: Uint8Array.of(ClientCertificateType.rsa_sign, ClientCertificateType.ecdsa_sign),
      supportedSignatureAlgorithms: nobleProvider().signatureVerifiers.map(({ id }) => id),
      certificateAuthorities: [],
    };
    this.sendHandshake(this.record("tls12_certificate_request", body, change));
  }

  serverHelloDone(change: Change<"server_hello_done"> = {}): void {
    this.#next = this.#options.issuesTicket === true ? "newSessionTicket" : "changeCipherSpec";
    this.sendHandshake(this.record("server_hello_done", {}, change));
  }

  newSessionTicket(change: Change<"tls12_new_session_ticket"> = {}): void {
    this.#next = "changeCipherSpec";
    const body = { ticketLifetimeHint: 7200, ticket: TICKET };
    this.sendHandshake(this.record("tls12_new_session_ticket", body, change));
  }

  override changeCipherSpec(forgery: ChangeCipherSpecForgery = {}): void {
    this.#next = "finished";
    super.changeCipherSpec(forgery);
  }

  finished(change: Change<"finished"> = {}): void {
    this.#next = "nothing";
    this.sentFinished = this.verifyData();
    this.sendHandshake(this.record("finished", { verifyData: this.sentFinished }, change));
  }

  protected override receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "client_hello") {
      this.clientHello = decodeHandshake(name, raw);
      this.clientRandom = this.clientHello.random;
    }
    if (name === "client_key_exchange") {
      this.exchange(answered(present(this.#share).sharedSecret(decodeHandshake(name, raw).publicKey)));
    }
  }
}
