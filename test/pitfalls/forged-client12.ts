import { equalBytes } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import { ProtocolVersion, type ServerConfig, TlsEngine } from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { ServerECDHParams } from "../../src/messages/handshake12.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { decode } from "../../src/wire/codec.ts";
import { answered, type Change, type Forgery, present } from "../support/forger.ts";
import {
  certificateBody12,
  type ChangeCipherSpecForgery,
  type ForgedSession,
  Forger12,
  type Forger12Options,
  signWith,
} from "../support/forger12.ts";

/** What a {@link ForgedClient12} does in a handshake, in this order; not all of it in each. */
export type ClientStep12 =
  "clientHello" | "certificate" | "clientKeyExchange" | "certificateVerify" | "changeCipherSpec" | "finished";

/** What a {@link ForgedClient12} is made with. */
export interface ForgedClient12Options extends Forger12Options {
  /** Whether it asks for tickets. Default: true. */
  readonly takesTickets?: boolean;
}

/** A client for a server engine. */
export class ForgedClient12 extends Forger12 {
  override readonly role = "client";
  /** The ClientHello that was sent, as it should have been without {@link Forgery.raw}. */
  hello: ClientHello;
  serverHello: HandshakeBody<"tls12_server_hello"> | undefined;
  serverKeyExchange: HandshakeBody<"server_key_exchange"> | undefined;
  /** The NewSessionTicket of the engine. */
  ticket: HandshakeBody<"tls12_new_session_ticket"> | undefined;
  #isAskedForCertificate = false;
  #next: ClientStep12 | "nothing" = "clientHello";

  constructor(config: ServerConfig, options: ForgedClient12Options = {}) {
    super(TlsEngine.server(config), options);
    this.hello = this.#offer(options.takesTickets ?? true);
    this.pump();
  }

  /** Does what comes before `step`, as an honest client would. */
  upTo(step: ClientStep12): this {
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
      sessionId: present(this.serverHello).sessionId,
      ticket: this.ticket?.ticket ?? new Uint8Array(),
    };
  }

  /** Sends {@link hello}. */
  clientHello(change: Change<"client_hello"> = {}): void {
    const { body, ...bytes }: Forgery<"client_hello"> =
      typeof change === "function" ? { body: change } : change;
    this.hello = body?.(this.hello) ?? this.hello;
    this.clientRandom = this.hello.random;
    // Until the engine has answered with all of its flight.
    this.#next = "nothing";
    this.sendHandshake(this.record("client_hello", this.hello, bytes), { version: ProtocolVersion.TLSv1 });
  }

  certificate(change: Change<"tls12_certificate"> = {}): void {
    this.#next = "clientKeyExchange";
    this.sendHandshake(this.record("tls12_certificate", certificateBody12(this.credential), change));
  }

  clientKeyExchange(change: Change<"client_key_exchange"> = {}): void {
    const proves = this.#isAskedForCertificate && this.credential !== undefined;
    this.#next = proves ? "certificateVerify" : "changeCipherSpec";
    const { publicKey } = decode(ServerECDHParams, present(this.serverKeyExchange).params, "params");
    const { keyExchange, sharedSecret } = answered(this.group.respond(publicKey, this.random));
    const message = this.record("client_key_exchange", { publicKey: keyExchange }, change);
    this.exchange(sharedSecret);
    this.sendHandshake(message);
  }

  /** @param content changes what the signature is of. */
  certificateVerify(
    change: Change<"certificate_verify"> = {},
    {
      content = (messages) => messages,
      scheme,
    }: { readonly content?: (messages: Uint8Array) => Uint8Array; readonly scheme?: number } = {},
  ): void {
    this.#next = "changeCipherSpec";
    const body = signWith(this, content(this.transcript.messages()), scheme);
    this.sendHandshake(this.record("certificate_verify", body, change));
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
    if (name === "tls12_server_hello") this.#receiveServerHello(decodeHandshake(name, raw));
    if (name === "server_key_exchange") this.serverKeyExchange = decodeHandshake(name, raw);
    if (name === "tls12_certificate_request") this.#isAskedForCertificate = true;
    if (name === "server_hello_done")
      this.#next = this.#isAskedForCertificate ? "certificate" : "clientKeyExchange";
    if (name === "tls12_new_session_ticket") this.ticket = decodeHandshake(name, raw);
    if (name === "finished" && this.isResumed) this.#next = "changeCipherSpec";
  }

  #receiveServerHello(hello: HandshakeBody<"tls12_server_hello">): void {
    const { random, sessionId, extensions } = hello;
    this.serverHello = hello;
    this.serverRandom = random;
    this.isExtended = extensions.extendedMainSecret === true;
    this.isEncryptThenMac = extensions.encryptThenMac === true;
    const isEcho = sessionId.length > 0 && equalBytes(sessionId, this.hello.legacySessionId);
    if (isEcho && this.session !== undefined) this.resume();
  }

  #offer(takesTickets: boolean): ClientHello {
    const { suite, group, session } = this;
    const ticket = session?.ticket ?? new Uint8Array();
    const newId = ticket.length > 0 ? this.random(32) : new Uint8Array();
    // The second one is for the certificate of the engine.
    const groups = new Set([group.id, secp256r1.id]);
    return {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: this.random(32),
      legacySessionId: ticket.length > 0 ? newId : (session?.sessionId ?? newId),
      cipherSuites: [suite.id],
      legacyCompressionMethods: Uint8Array.of(0),
      extensions: {
        supportedGroups: [...groups],
        signatureAlgorithms: nobleProvider().signatureVerifiers.map(({ id }) => id),
        renegotiationInfo: new Uint8Array(),
        ecPointFormats: Uint8Array.of(0),
        ...(this.knowsExtendedMainSecret && { extendedMainSecret: true as const }),
        ...(this.knowsEncryptThenMac && { encryptThenMac: true as const }),
        ...(takesTickets && { sessionTicket: ticket }),
      },
    };
  }
}
