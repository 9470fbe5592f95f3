import { concatBytes, equalBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { OwnKeyShare } from "../../src/crypto/provider.ts";
import { fillBinders, type Psk } from "../../src/handshake/psk.ts";
import { encodeSession13, type ServerSession13 } from "../../src/handshake/session13.ts";
import {
  type ClientHello,
  MemoryReplayStore,
  ProtocolVersion,
  type ServerOptions,
  TicketKeys,
  TlsEngine,
} from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { EarlySecret, type ExporterSecret } from "../../src/schedule/tls13.ts";
import type { TrafficSecret } from "../../src/schedule/traffic.ts";
import { answered, type Change, type Forgery, present, seededRandom } from "../support/forger.ts";
import { Forger13, type Forger13Options } from "../support/forger13.ts";
import { MAX_EARLY_BYTES, NOW_MS, pskOf, session } from "./early-session.ts";
import { serverConfig } from "./pitfall13.ts";

/** How a server engine, its session, and the forged client that resumes it differ from the usual. */
export interface EarlyClientSetup {
  readonly config?: Partial<ServerOptions>;
  readonly session?: Partial<ServerSession13>;
  readonly forger?: Forger13Options;
  /** The age that the client shows, in milliseconds. Default: that of the ticket. */
  readonly shownAgeMs?: number;
  /** Offers a PSK in front of the session's that the engine does not know. */
  readonly isSecond?: boolean;
}

/** A client that resumes a session with early data. What it sends in between is under early keys, if the engine takes it. */
export class EarlyClient extends Forger13 {
  hello: ClientHello;
  retryRequest: HandshakeBody<"hello_retry_request"> | undefined;
  /** What the engine says to early data; undefined before EncryptedExtensions. */
  isTaken: boolean | undefined;
  earlyExporter: ExporterSecret | undefined;
  earlyTraffic: TrafficSecret | undefined;
  /** In the order in which they are offered; early data is for the first. */
  readonly #psks: readonly Psk[];
  readonly #share: OwnKeyShare;
  #isSaid = false;
  #isFinished = false;
  /** Whether what it sends is early data, as far as it has said no other. */
  #isEarly = true;

  constructor({
    config = {},
    session: changes = {},
    forger = {},
    shownAgeMs = 5000,
    isSecond = false,
  }: EarlyClientSetup = {}) {
    const keys = new TicketKeys({ provider: nobleProvider(), random: seededRandom(3) });
    const state: ServerSession13 = {
      ...session,
      peerCertificateType: "x509",
      role: "server",
      serverName: null,
      endPointBinding: new Uint8Array(),
      ...changes,
    };
    const ticket = keys.seal(encodeSession13(state), seededRandom(4), NOW_MS);
    const replayStore = new MemoryReplayStore({ now: () => 0 });
    const server = serverConfig({
      sessionTickets: keys,
      ticketCount: 0,
      earlyData: { maxBytes: MAX_EARLY_BYTES, replayStore },
      ...config,
    });
    super(TlsEngine.server(server), forger);
    const known = pskOf(this.suite, ticket, state.preSharedKey);
    const unknown = pskOf(this.suite, this.random(100), this.random(32));
    this.#psks = isSecond ? [unknown, known] : [known];
    this.#share = answered(this.group.generate(this.random));
    this.hello = {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: this.random(32),
      legacySessionId: this.random(32),
      cipherSuites: [this.suite.id],
      legacyCompressionMethods: Uint8Array.of(0),
      extensions: {
        supportedGroups: [this.group.id],
        signatureAlgorithms: nobleProvider().signatureVerifiers.map(({ id }) => id),
        supportedVersions: [ProtocolVersion["TLSv1.3"]],
        pskKeyExchangeModes: Uint8Array.of(1),
        keyShare: [{ group: this.group.id, keyExchange: this.#share.keyExchange }],
        earlyData: true,
        preSharedKey: {
          identities: this.#psks.map(({ identity }) => ({
            identity,
            obfuscatedTicketAge: (shownAgeMs + state.ageAdd) % 2 ** 32,
          })),
          binders: this.#psks.map(() => new Uint8Array(32)),
        },
      },
    };
    this.pump();
  }

  /** Up to the last message of the handshake. */
  upTo(step: "early data" | "finished"): this {
    if (!this.#isSaid) this.clientHello();
    if (step === "finished" && this.isTaken === true && this.#isEarly) this.endOfEarlyData();
    return this;
  }

  complete(): this {
    if (!this.#isFinished) this.upTo("finished").finished();
    return this;
  }

  /** Sends {@link hello} with its binder, unprotected. From then on what is sent is under early keys, unless the engine does not take that. */
  clientHello(change: Change<"client_hello"> = {}): void {
    const { body, raw, tail }: Forgery<"client_hello"> =
      typeof change === "function" ? { body: change } : change;
    this.#isSaid = true;
    this.hello = body?.(this.hello) ?? this.hello;
    const bytes = this.record("client_hello", this.hello, {
      raw: (message) => {
        const isOffered = this.hello.extensions.preSharedKey !== undefined;
        if (isOffered) fillBinders(message, this.#psks, (_, truncated) => this.#digestWith(truncated));
        return raw?.(message) ?? message;
      },
    });
    if (this.retryRequest === undefined) {
      const { early, hash } = present(this.#psks[0]);
      this.earlyTraffic = early.clientEarlyTraffic(hash.digest(bytes));
      this.earlyExporter = early.earlyExporter(hash.digest(bytes));
    }
    const shape = { version: ProtocolVersion.TLSv1, plaintext: true };
    this.sendHandshake(concatBytes(bytes, tail ?? new Uint8Array()), shape);
    // Also when the engine asks for a second ClientHello: the client has sent its early data by then.
    if (this.isTaken !== false) this.protectEarly();
  }

  /** Leaves out the key share, so that the engine asks for it. */
  clientHelloWithoutShare(): void {
    this.clientHello((hello) => ({ ...hello, extensions: { ...hello.extensions, keyShare: [] } }));
  }

  /** With the share, and without early data. RFC 8446 §4.1.2. */
  secondClientHello(change: Change<"client_hello"> = {}): void {
    const keyShare = [{ group: this.group.id, keyExchange: this.#share.keyExchange }];
    const { earlyData: _, ...kept } = this.hello.extensions;
    this.hello = { ...this.hello, extensions: { ...kept, keyShare } };
    this.clientHello(change);
    if (this.handshake !== undefined) this.endEarlyKeys();
  }

  endOfEarlyData(change: Change<"end_of_early_data"> = {}): void {
    this.sendHandshake(this.record("end_of_early_data", {}, change));
    this.endEarlyKeys();
  }

  /** Protects by the keys of the handshake from here on, with or without {@link endOfEarlyData}. */
  endEarlyKeys(): void {
    this.#isEarly = false;
    this.protectBy(present(this.handshake).clientTraffic);
  }

  /** Protects by early keys, whatever is due; from the first record on. */
  protectEarly(): void {
    this.protectBy(present(this.earlyTraffic));
  }

  finished(change: Change<"finished"> = {}): void {
    this.#isFinished = true;
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
    if (name === "finished") {
      const verifyData = present(this.handshake).serverTraffic.finished(this.transcript.digest());
      this.isPeerFinishedGood = equalBytes(decodeHandshake(name, raw).verifyData, verifyData);
    }
    this.transcript.add(raw);
    if (name === "server_hello") this.#deriveHandshakeSecrets(decodeHandshake(name, raw));
    if (name === "encrypted_extensions") {
      this.isTaken = decodeHandshake(name, raw).extensions.earlyData === true;
      if (!this.isTaken) this.endEarlyKeys();
    }
    if (name === "finished") {
      this.main = present(this.handshake).main(this.transcript.digest());
      this.peerTraffic = this.main.serverTraffic;
      this.openBy(this.peerTraffic);
    }
  }

  #deriveHandshakeSecrets({ extensions }: HandshakeBody<"server_hello">): void {
    const { hash } = this.suite;
    this.transcript.start(hash);
    const sharedSecret = answered(this.#share.sharedSecret(present(extensions.keyShare).keyExchange));
    const { preSharedKey: index } = extensions;
    const early = index === undefined ? new EarlySecret(hash) : present(this.#psks[index]).early;
    this.handshake = early.handshake(sharedSecret, this.transcript.digest());
    this.openBy(this.handshake.serverTraffic);
  }

  #digestWith(truncated: Uint8Array): Uint8Array {
    const { hash } = this.suite;
    return this.retryRequest === undefined
      ? hash.digest(truncated)
      : this.transcript.digestWith(hash, truncated);
  }
}
