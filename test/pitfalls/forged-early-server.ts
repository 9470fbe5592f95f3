import { equalBytes } from "../../src/bytes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import type { Psk } from "../../src/handshake/psk.ts";
import { sessionKey } from "../../src/handshake/resume13.ts";
import { type ClientSession13, encodeSession13 } from "../../src/handshake/session13.ts";
import {
  type ClientHello,
  type ClientOptions,
  MemorySessionStore,
  ProtocolVersion,
  TlsEngine,
} from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { EarlySecret, type ExporterSecret } from "../../src/schedule/tls13.ts";
import { answered, type Change, present } from "../support/forger.ts";
import { Forger13, type Forger13Options } from "../support/forger13.ts";
import { pskOf, session } from "./early-session.ts";
import { testCredential } from "./leaf-certificate.ts";
import { clientConfig, SERVER_NAME } from "./pitfall13.ts";

/** How a client engine, its session, and the forged server that it comes back to differ from the usual. */
export interface EarlyServerSetup {
  readonly config?: Partial<ClientOptions>;
  readonly session?: Partial<ClientSession13>;
  readonly forger?: Forger13Options;
  /** The key of the PSK that the client offers behind that of the session. */
  readonly externalKey?: Uint8Array;
  /** What the client has to say at first. */
  readonly earlyData?: Uint8Array;
  /** Whether the server takes it. Default: true. */
  readonly takes?: boolean;
}

type ServerStep = "serverHello" | "encryptedExtensions" | "finished";

/** A server that resumes a session with early data. */
export class EarlyServer extends Forger13 {
  clientHello!: ClientHello;
  earlyExporter: ExporterSecret | undefined;
  /** Whether the client has said EndOfEarlyData. */
  hasEnded = false;
  readonly #psk: Psk;
  readonly #takes: boolean;
  /** Of the PSKs that the client offers. */
  readonly #keys: readonly (Uint8Array | undefined)[];
  #next: ServerStep | "nothing" = "serverHello";

  constructor({
    config = {},
    session: changes = {},
    forger = {},
    externalKey,
    earlyData = new Uint8Array(10).fill(0x61),
    takes = true,
  }: EarlyServerSetup = {}) {
    const sessionStore = new MemorySessionStore();
    const client = clientConfig({ sessionStore, ...config });
    const state: ClientSession13 = {
      ...session,
      peerCertificateType: "x509",
      role: "client",
      ticket: Uint8Array.of(1, 2, 3),
      serverName: SERVER_NAME,
      peerChain: testCredential().certificateChain,
      ...changes,
    };
    sessionStore.put(present(sessionKey(client, 0)), encodeSession13(state));
    super(TlsEngine.client(client, { earlyData }), forger);
    this.#takes = takes;
    this.#keys = [state.preSharedKey, externalKey];
    this.#psk = pskOf(TLS_AES_128_GCM_SHA256, state.ticket, state.preSharedKey);
    this.pump();
  }

  upTo(step: ServerStep): this {
    while (this.#next !== step && this.#next !== "nothing") this[this.#next]();
    return this;
  }

  complete(): this {
    while (this.#next !== "nothing") this[this.#next]();
    return this;
  }

  /** Asks for a share of {@link group}. */
  helloRetryRequest(change: Change<"hello_retry_request"> = {}): void {
    this.transcript.start(this.suite.hash);
    this.transcript.replaceByMessageHash();
    const body = {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: HELLO_RETRY_REQUEST_RANDOM.slice(),
      legacySessionIdEcho: this.clientHello.legacySessionId,
      cipherSuite: this.suite.id,
      legacyCompressionMethod: 0,
      extensions: { supportedVersions: ProtocolVersion["TLSv1.3"], keyShare: this.group.id },
    };
    const message = this.record("hello_retry_request", body, change);
    // The second ClientHello is not protected.
    this.openPlaintext();
    this.sendHandshake(message);
  }

  serverHello(change: Change<"server_hello"> = {}): void {
    const { suite, group, clientHello, transcript } = this;
    const theirs = clientHello.extensions.keyShare?.find((entry) => entry.group === group.id);
    const own = answered(group.respond(present(theirs).keyExchange, this.random));
    transcript.start(suite.hash);
    const body: HandshakeBody<"server_hello"> = {
      legacyVersion: ProtocolVersion["TLSv1.2"],
      random: this.random(32),
      legacySessionIdEcho: clientHello.legacySessionId,
      cipherSuite: suite.id,
      legacyCompressionMethod: 0,
      extensions: {
        supportedVersions: ProtocolVersion["TLSv1.3"],
        keyShare: { group: group.id, keyExchange: own.keyExchange },
        preSharedKey: 0,
      },
    };
    const message = this.record("server_hello", body, change);
    const { preSharedKey: index } = decodeHandshake("server_hello", message).extensions;
    const early = new EarlySecret(suite.hash, index === undefined ? undefined : this.#keys[index]?.slice());
    this.handshake = early.handshake(own.sharedSecret, transcript.digest());
    // Early data is under early keys, and what a client says before it knows whether it is taken.
    if (index !== 0 || clientHello.extensions.earlyData !== true) this.openBy(this.handshake.clientTraffic);
    this.#next = "encryptedExtensions";
    this.sendHandshake(message);
    this.protectBy(this.handshake.serverTraffic);
  }

  encryptedExtensions(change: Change<"encrypted_extensions"> = {}): void {
    this.#next = "finished";
    const extensions = this.#takes ? { earlyData: true as const } : {};
    const message = this.record("encrypted_extensions", { extensions }, change);
    if (!this.#takes) this.openBy(present(this.handshake).clientTraffic);
    this.sendHandshake(message);
  }

  finished(change: Change<"finished"> = {}): void {
    this.#next = "nothing";
    const verifyData = present(this.handshake).serverTraffic.finished(this.transcript.digest());
    const message = this.record("finished", { verifyData }, change);
    this.main = present(this.handshake).main(this.transcript.digest());
    this.sendHandshake(message);
    this.ownTraffic = this.main.serverTraffic;
    this.protectBy(this.ownTraffic);
  }

  protected receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "client_hello") this.#receiveClientHello(raw);
    if (name === "finished") {
      const verifyData = present(this.handshake).clientTraffic.finished(this.transcript.digest());
      this.isPeerFinishedGood = equalBytes(decodeHandshake(name, raw).verifyData, verifyData);
      this.peerTraffic = present(this.main).clientTraffic;
      this.openBy(this.peerTraffic);
    }
    this.transcript.add(raw);
    if (name === "end_of_early_data") {
      this.hasEnded = true;
      this.openBy(present(this.handshake).clientTraffic);
    }
  }

  #receiveClientHello(raw: Uint8Array): void {
    this.clientHello = decodeHandshake("client_hello", raw);
    if (this.clientHello.extensions.earlyData !== true) return;
    const { early, hash } = this.#psk;
    this.openBy(early.clientEarlyTraffic(hash.digest(raw)), TLS_AES_128_GCM_SHA256);
    this.earlyExporter = early.earlyExporter(hash.digest(raw));
  }
}
