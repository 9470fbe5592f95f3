import { concatBytes, equalBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import { type ClientConfig, ProtocolVersion, TlsEngine } from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { type ClientHello, HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { answered, type Change, forge, present } from "../support/forger.ts";
import { certificateBody, Forger13, type Forger13Options, signTranscript } from "../support/forger13.ts";

/** What a {@link ForgedServer} does in a handshake, in this order. */
export type ServerStep =
  | "serverHello"
  | "encryptedExtensions"
  | "certificateRequest"
  | "certificate"
  | "certificateVerify"
  | "finished";

/** What a {@link ForgedServer} is made with. */
export interface ForgedServerOptions extends Forger13Options {
  readonly asksForCertificate?: boolean;
  /** The PSK that it takes, in place of certificates. */
  readonly psk?: {
    readonly key: Uint8Array;
    /** Default: 0. */
    readonly index?: number;
    /** Without a key exchange. */
    readonly withoutShare?: true;
  };
}

/** A server for a client engine. */
export class ForgedServer extends Forger13 {
  /** The last ClientHello of the engine. */
  clientHello!: ClientHello;
  readonly #asksForCertificate: boolean;
  readonly #psk: ForgedServerOptions["psk"];
  #next: ServerStep | "nothing" = "serverHello";

  constructor(
    config: ClientConfig,
    { asksForCertificate = false, psk, ...options }: ForgedServerOptions = {},
  ) {
    super(TlsEngine.client(config), options);
    this.#asksForCertificate = asksForCertificate;
    this.#psk = psk;
    this.pump();
  }

  /** Does what comes before `step`, as an honest server would. */
  upTo(step: ServerStep): this {
    while (this.#next !== step && this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** Does all that is left of the handshake. */
  complete(): this {
    while (this.#next !== "nothing") this[this.#next]();
    return this;
  }

  helloRetryRequest(change: Change<"hello_retry_request"> = {}): void {
    this.transcript.start(this.suite.hash);
    this.transcript.replaceByMessageHash();
    this.sendHandshake(this.record("hello_retry_request", this.helloRetryRequestBody(), change));
  }

  /** Asks for a share of {@link group}. */
  helloRetryRequestBody(): HandshakeBody<"hello_retry_request"> {
    return {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: HELLO_RETRY_REQUEST_RANDOM.slice(),
      legacySessionIdEcho: this.clientHello.legacySessionId,
      cipherSuite: this.suite.id,
      legacyCompressionMethod: 0,
      extensions: { supportedVersions: ProtocolVersion["TLSv1.3"], keyShare: this.group.id },
    };
  }

  serverHello(change: Change<"server_hello"> = {}): void {
    const { suite, group, clientHello, transcript } = this;
    const psk = this.#psk;
    const theirs = clientHello.extensions.keyShare?.find((entry) => entry.group === group.id)?.keyExchange;
    // Without a share of the client there is no secret; it will not come to that.
    const own =
      theirs === undefined
        ? { keyExchange: answered(group.generate(this.random)).keyExchange, sharedSecret: this.random(32) }
        : answered(group.respond(theirs, this.random));
    transcript.start(suite.hash);
    const message = this.record(
      "server_hello",
      {
        legacyVersion: ProtocolVersion["TLSv1.2"],
        random: this.random(32),
        legacySessionIdEcho: clientHello.legacySessionId,
        cipherSuite: suite.id,
        legacyCompressionMethod: 0,
        extensions: {
          supportedVersions: ProtocolVersion["TLSv1.3"],
          ...(psk?.withoutShare !== true && { keyShare: { group: group.id, keyExchange: own.keyExchange } }),
          ...(psk !== undefined && { preSharedKey: psk.index ?? 0 }),
        },
      },
      change,
    );
    const sharedSecret = psk?.withoutShare === true ? undefined : own.sharedSecret;
    this.handshake = this.earlySecret(psk?.key).handshake(sharedSecret, transcript.digest());
    this.openBy(this.handshake.clientTraffic);
    this.#next = "encryptedExtensions";
    this.sendHandshake(message);
    this.protectBy(this.handshake.serverTraffic);
  }

  encryptedExtensions(change: Change<"encrypted_extensions"> = {}): void {
    const withCertificates = this.#asksForCertificate ? "certificateRequest" : "certificate";
    this.#next = this.#psk === undefined ? withCertificates : "finished";
    this.sendHandshake(this.record("encrypted_extensions", { extensions: {} }, change));
  }

  certificateRequest(change: Change<"certificate_request"> = {}): void {
    const signatureAlgorithms = nobleProvider().signatureVerifiers.map(({ id }) => id);
    this.#next = "certificate";
    this.sendHandshake(
      this.record(
        "certificate_request",
        { certificateRequestContext: new Uint8Array(), extensions: { signatureAlgorithms } },
        change,
      ),
    );
  }

  certificate(change: Change<"certificate"> = {}): void {
    this.#next = "certificateVerify";
    this.sendHandshake(this.record("certificate", certificateBody(this.credential), change));
  }

  certificateVerify(change: Change<"certificate_verify"> = {}): void {
    this.#next = "finished";
    const body = signTranscript(this, "server");
    this.sendHandshake(this.record("certificate_verify", body, change));
  }

  finished(change: Change<"finished"> = {}): void {
    const { serverTraffic } = present(this.handshake);
    this.#next = "nothing";
    const verifyData = serverTraffic.finished(this.transcript.digest());
    const message = this.record("finished", { verifyData }, change);
    this.main = present(this.handshake).main(this.transcript.digest());
    this.sendHandshake(message);
    this.ownTraffic = this.main.serverTraffic;
    this.protectBy(this.ownTraffic);
  }

  /** The PSK of a ticket. */
  pskOf(ticketNonce: Uint8Array = Uint8Array.of(0)): Uint8Array {
    return present(this.resumption).preSharedKey(ticketNonce);
  }

  newSessionTicket(change: Change<"new_session_ticket"> = {}): void {
    const body = {
      ticketLifetime: 7200,
      ticketAgeAdd: 1,
      ticketNonce: Uint8Array.of(0),
      ticket: Uint8Array.of(1, 2, 3),
      extensions: {},
    };
    const { raw, tail } = forge("new_session_ticket", body, change);
    this.sendHandshake(concatBytes(raw, tail));
  }

  protected receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "client_hello") this.clientHello = decodeHandshake(name, raw);
    if (name === "finished") {
      const verifyData = present(this.handshake).clientTraffic.finished(this.transcript.digest());
      this.isPeerFinishedGood = equalBytes(decodeHandshake(name, raw).verifyData, verifyData);
      this.peerTraffic = present(this.main).clientTraffic;
      this.openBy(this.peerTraffic);
    }
    this.transcript.add(raw);
    if (name === "finished") this.resumption = present(this.main).resumption(this.transcript.digest());
  }
}
