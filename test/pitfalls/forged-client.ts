import { equalBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { OwnKeyShare } from "../../src/crypto/provider.ts";
import { ProtocolVersion, type ServerConfig, TlsEngine } from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { EarlySecret } from "../../src/schedule/tls13.ts";
import { answered, type Change, type Forgery, present } from "../support/forger.ts";
import { certificateBody, Forger13, type Forger13Options, signTranscript } from "../support/forger13.ts";

/** What a {@link ForgedClient} does in a handshake, in this order. */
export type ClientStep = "clientHello" | "certificate" | "certificateVerify" | "finished";

/** A client for a server engine. */
export class ForgedClient extends Forger13 {
  /** The last ClientHello that was sent, as it should have been without {@link Forgery.raw}. */
  hello: ClientHello;
  readonly shares: readonly OwnKeyShare[];
  /** The HelloRetryRequest of the engine. */
  retryRequest: HandshakeBody<"hello_retry_request"> | undefined;
  #isAskedForCertificate = false;
  #next: ClientStep | "nothing" = "clientHello";

  constructor(config: ServerConfig, options: Forger13Options = {}) {
    super(TlsEngine.server(config), options);
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

  /** Sends {@link hello}; the second one too. */
  clientHello(change: Change<"client_hello"> = {}): void {
    const { body, ...bytes }: Forgery<"client_hello"> =
      typeof change === "function" ? { body: change } : change;
    this.hello = body?.(this.hello) ?? this.hello;
    // Until the engine has answered with all of its flight.
    this.#next = "nothing";
    this.sendHandshake(this.record("client_hello", this.hello, bytes), { version: ProtocolVersion.TLSv1 });
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
    this.sendHandshake(this.record("finished", { verifyData }, change));
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
    if (name === "finished") {
      const verifyData = present(this.handshake).serverTraffic.finished(this.transcript.digest());
      this.isPeerFinishedGood = equalBytes(decodeHandshake(name, raw).verifyData, verifyData);
    }
    this.transcript.add(raw);
    if (name === "server_hello") this.#deriveHandshakeSecrets(decodeHandshake(name, raw));
    if (name === "finished") this.#deriveMainSecrets();
  }

  #deriveHandshakeSecrets({ extensions }: HandshakeBody<"server_hello">): void {
    const { hash } = this.suite;
    const { group, keyExchange } = present(extensions.keyShare);
    const own = present(this.shares.find((share) => share.group === group));
    this.transcript.start(hash);
    const sharedSecret = answered(own.sharedSecret(keyExchange));
    this.handshake = new EarlySecret(hash).handshake(sharedSecret, this.transcript.digest());
    this.openBy(this.handshake.serverTraffic);
    this.protectBy(this.handshake.clientTraffic);
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
      },
    };
  }
}
