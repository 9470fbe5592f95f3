import { equalBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { OwnKeyShare } from "../../src/crypto/provider.ts";
import { bindersLength } from "../../src/handshake/psk.ts";
import { ProtocolVersion, type ServerConfig, TlsEngine } from "../../src/index.ts";
import { PskKeyExchangeMode } from "../../src/messages/codepoints.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { answered, type Change, type Forgery, present } from "../support/forger.ts";
import {
  certificateBody,
  type ForgedPsk,
  Forger13,
  type Forger13Options,
  signTranscript,
} from "../support/forger13.ts";

/** What a {@link ForgedClient} does in a handshake, in this order. */
export type ClientStep = "clientHello" | "certificate" | "certificateVerify" | "finished";

/** What a {@link ForgedClient} is made with. */
export interface ForgedClientOptions extends Forger13Options {
  /** Offered in this order. */
  readonly psks?: readonly ForgedPsk[];
  /** Default: `psk_dhe_ke` beside PSKs, or no extension. */
  readonly pskModes?: readonly number[];
}

/** A ticket, with its PSK. */
export interface ForgedTicket extends ForgedPsk {
  readonly body: HandshakeBody<"new_session_ticket">;
}

/** A client for a server engine. */
export class ForgedClient extends Forger13 {
  /** The last ClientHello that was sent, as it should have been without {@link Forgery.raw}. */
  hello: ClientHello;
  readonly shares: readonly OwnKeyShare[];
  /** The HelloRetryRequest of the engine. */
  retryRequest: HandshakeBody<"hello_retry_request"> | undefined;
  /** Whether binders are what they should be, or as the ClientHello has them. */
  fillsBinders = true;
  /** The PSK that the engine has taken. */
  selected: ForgedPsk | undefined;
  /** The tickets of the engine. */
  readonly tickets: ForgedTicket[] = [];
  readonly #psks: readonly ForgedPsk[];
  readonly #pskModes: readonly number[] | undefined;
  #isAskedForCertificate = false;
  #next: ClientStep | "nothing" = "clientHello";

  constructor(config: ServerConfig, { psks = [], pskModes, ...options }: ForgedClientOptions = {}) {
    super(TlsEngine.server(config), options);
    this.#psks = psks;
    this.#pskModes = pskModes ?? (psks.length > 0 ? [PskKeyExchangeMode.psk_dhe_ke] : undefined);
    this.shares = [answered(this.group.generate(this.random))];
    this.hello = this.#offer();
    this.pump();
  }

  /** Does what comes before `step`, as an honest client would. */
  upTo(step: ClientStep): this {
    while (this.#next !== step && this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** Does all that is left of the handshake. */
  complete(): this {
    while (this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** An offer of PSKs, with room for their binders. */
  offered(psks: readonly ForgedPsk[]): NonNullable<ClientHello["extensions"]["preSharedKey"]> {
    return {
      identities: psks.map(({ identity, shownAge = 0 }) => ({ identity, obfuscatedTicketAge: shownAge })),
      binders: psks.map(() => new Uint8Array(this.suite.hash.outputLength)),
    };
  }

  /** Sends {@link hello}; the second one too. */
  clientHello(change: Change<"client_hello"> = {}): void {
    const { body, ...bytes }: Forgery<"client_hello"> =
      typeof change === "function" ? { body: change } : change;
    this.hello = body?.(this.hello) ?? this.hello;
    // Until the engine has answered with all of its flight.
    this.#next = "nothing";
    const filled: Forgery<"client_hello"> = {
      ...bytes,
      raw: (raw) => {
        const good = this.fillsBinders ? this.#withBinders(raw) : raw;
        return bytes.raw?.(good) ?? good;
      },
    };
    this.sendHandshake(this.record("client_hello", this.hello, filled), { version: ProtocolVersion.TLSv1 });
  }

  /** Sends no key share, which makes the engine ask for one. */
  clientHelloWithoutShare(): void {
    this.clientHello((hello) => ({ ...hello, extensions: { ...hello.extensions, keyShare: [] } }));
  }

  /** Answers {@link retryRequest}: the share that {@link clientHelloWithoutShare} has left out, and the cookie. */
  secondClientHello(change: Change<"client_hello"> = {}): void {
    const { cookie } = present(this.retryRequest).extensions;
    const keyShare = this.shares.map(({ group, keyExchange }) => ({ group, keyExchange }));
    this.hello = {
      ...this.hello,
      extensions: { ...this.hello.extensions, keyShare, ...(cookie !== undefined && { cookie }) },
    };
    this.clientHello(change);
  }

  certificate(change: Change<"certificate"> = {}): void {
    this.#next = this.credential === undefined ? "finished" : "certificateVerify";
    this.sendHandshake(this.record("certificate", certificateBody(this.credential), change));
  }

  certificateVerify(change: Change<"certificate_verify"> = {}): void {
    this.#next = "finished";
    const body = signTranscript(this, "client");
    this.sendHandshake(this.record("certificate_verify", body, change));
  }

  finished(change: Change<"finished"> = {}): void {
    this.#next = "nothing";
    const verifyData = present(this.handshake).clientTraffic.finished(this.transcript.digest());
    const message = this.record("finished", { verifyData }, change);
    this.resumption = present(this.main).resumption(this.transcript.digest());
    // The engine answers it with tickets.
    this.sendHandshake(message);
    this.ownTraffic = present(this.main).clientTraffic;
    this.protectBy(this.ownTraffic);
  }

  protected receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "hello_retry_request") {
      this.retryRequest = decodeHandshake(name, raw);
      this.transcript.start(this.suite.hash);
      this.transcript.replaceByMessageHash();
    }
    if (name === "certificate_request") this.#isAskedForCertificate = true;
    if (name === "new_session_ticket") this.#keepTicket(decodeHandshake(name, raw));
    if (name === "finished") {
      const verifyData = present(this.handshake).serverTraffic.finished(this.transcript.digest());
      this.isPeerFinishedGood = equalBytes(decodeHandshake(name, raw).verifyData, verifyData);
    }
    this.transcript.add(raw);
    if (name === "server_hello") this.#deriveHandshakeSecrets(decodeHandshake(name, raw));
    if (name === "finished") this.#deriveMainSecrets();
  }

  #deriveHandshakeSecrets({ extensions }: HandshakeBody<"server_hello">): void {
    const { keyShare, preSharedKey } = extensions;
    if (preSharedKey !== undefined) {
      const { identity } = present(this.hello.extensions.preSharedKey?.identities[preSharedKey]);
      this.selected = present(this.#pskOf(identity));
    }
    this.transcript.start(this.suite.hash);
    const own = this.shares.find((share) => share.group === keyShare?.group);
    const sharedSecret =
      keyShare === undefined ? undefined : answered(present(own).sharedSecret(keyShare.keyExchange));
    this.handshake = this.earlySecret(this.selected?.key).handshake(sharedSecret, this.transcript.digest());
    this.openBy(this.handshake.serverTraffic);
    this.protectBy(this.handshake.clientTraffic);
  }

  #keepTicket(body: HandshakeBody<"new_session_ticket">): void {
    const key = present(this.resumption).preSharedKey(body.ticketNonce);
    this.tickets.push({ kind: "resumption", identity: body.ticket.slice(), key, body });
  }

  #pskOf(identity: Uint8Array): ForgedPsk | undefined {
    return this.#psks.find((psk) => equalBytes(psk.identity, identity));
  }

  /** `raw` with the binders of the PSKs that are known here, where there is room for them. */
  #withBinders(raw: Uint8Array): Uint8Array {
    const { identities = [], binders = [] } = this.hello.extensions.preSharedKey ?? {};
    const { hash } = this.suite;
    const filled = raw.slice();
    const start = raw.length - bindersLength(binders);
    const digest = this.transcript.digestWith(hash, raw.slice(0, start));
    let offset = start + 2;
    for (const [i, { length }] of binders.entries()) {
      const psk = this.#pskOf(identities[i]?.identity ?? new Uint8Array());
      if (psk !== undefined && length === hash.outputLength)
        filled.set(this.earlySecret(psk.key).binder(psk.kind, digest), offset + 1);
      offset += 1 + length;
    }
    return filled;
  }

  #deriveMainSecrets(): void {
    this.main = present(this.handshake).main(this.transcript.digest());
    this.peerTraffic = this.main.serverTraffic;
    this.openBy(this.peerTraffic);
    this.#next = this.#isAskedForCertificate ? "certificate" : "finished";
  }

  #offer(): ClientHello {
    return {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: this.random(32),
      legacySessionId: this.random(32),
      cipherSuites: [this.suite.id],
      legacyCompressionMethods: Uint8Array.of(0),
      extensions: {
        supportedGroups: [this.group.id],
        signatureAlgorithms: nobleProvider().signatureVerifiers.map(({ id }) => id),
        supportedVersions: [ProtocolVersion["TLSv1.3"]],
        keyShare: this.shares.map(({ group, keyExchange }) => ({ group, keyExchange })),
        ...(this.#pskModes !== undefined && { pskKeyExchangeModes: Uint8Array.from(this.#pskModes) }),
        ...(this.#psks.length > 0 && { preSharedKey: this.offered(this.#psks) }),
      },
    };
  }
}
