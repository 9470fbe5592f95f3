import { TlsAlert } from "../alert.ts";
import type { TlsVersion } from "../config/settings.ts";
import type { Random, Tls12CipherSuite, Tls13CipherSuite } from "../crypto/provider.ts";
import {
  decodeHandshake,
  describeHandshake,
  encodeHandshake,
  type HandshakeBody,
  type HandshakeName,
  isHandshake,
} from "../messages/handshake.ts";
import type { Exporter } from "../schedule/exporter.ts";
import type { Tls12Keys } from "../schedule/tls12.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import { Transcript } from "../schedule/transcript.ts";
import type { Flow } from "./flow.ts";

/** A message that a flow has received: its name, its fields, and the exact bytes that went into the transcript. */
export type Received<K extends HandshakeName> = {
  readonly [N in K]: { readonly name: N; readonly body: HandshakeBody<N>; readonly raw: Uint8Array };
}[K];

/** Labels of the NSS key log format. */
export type KeyLogLabel =
  /** The main secret of TLS 1.2. */
  | "CLIENT_RANDOM"
  | "CLIENT_EARLY_TRAFFIC_SECRET"
  | "EARLY_EXPORTER_SECRET"
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0"
  | "EXPORTER_SECRET";

/** What the engine lends to a handshake. */
export interface RecordPort {
  readonly random: Random;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Queues a whole message under the current write keys. */
  sendHandshake(raw: Uint8Array): void;
  /** Queues an unprotected ChangeCipherSpec: that of TLS 1.2, or the one for middleboxes. RFC 5246 §7.1, RFC 8446 §D.4. */
  sendChangeCipherSpec(): void;
  /**
   * The version is agreed on. Before, what either one allows is allowed; after, nothing of the other.
   * @throws {TlsAlert} unexpected_message when something has come before that this version does not have.
   */
  startVersion(version: TlsVersion): void;
  /** Whether no bytes of a further handshake message have arrived. */
  readonly isAligned: boolean;
  protectReads(suite: Tls13CipherSuite, secret: TrafficSecret, stage: ReadStage): void;
  protectWrites(suite: Tls13CipherSuite, secret: TrafficSecret): void;
  protectReads12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void;
  protectWrites12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void;
  /** Writes plaintext again: a second ClientHello behind early data. */
  unprotectWrites(): void;
  /** What a client has to say before the handshake, borrowed; undefined for nothing. */
  readonly earlyData: Uint8Array | undefined;
  /** Queues early data under the current write keys. RFC 8446 §4.2.10. */
  sendEarlyData(data: Uint8Array): void;
  /** Takes up to `bytes` of application data during the handshake; undefined ends it. RFC 8446 §4.2.10. */
  acceptEarlyData(bytes: number | undefined): void;
  /** Lends the secret behind early exporters to the host, until it is wiped. RFC 8446 §7.5. */
  lendEarlyExporter(exporter: Exporter): void;
  /** From now on, and until the peer's Finished, its ChangeCipherSpec for middleboxes is dropped. */
  allowChangeCipherSpec(): void;
  /** Passes over up to `bytes` of early data, until a record opens; undefined ends it. RFC 8446 §4.2.10. */
  skipEarlyData(bytes: number | undefined): void;
  /** The largest inner plaintext, type byte included, that we take, because we have said so. RFC 8449 §4. */
  limitReads(recordSizeLimit: number): void;
  /** The largest inner plaintext, type byte included, that the peer takes. RFC 8449 §4. */
  limitWrites(recordSizeLimit: number): void;
  logSecret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void;
  /** Runs what the handshake does not wait for. What it throws, at once or later, is kept for `takeHookErrors()`. */
  runAside(action: () => unknown): void;
  /** Keeps an error that does not disturb the handshake, for `takeHookErrors()`. */
  keepError(error: unknown): void;
}

/** Something secret that can be forgotten. Once more does nothing. */
export interface Wipeable {
  wipe(): void;
}

/** Which keys protect what we read: those of early data, those of the handshake, or those that follow the peer's Finished. */
export type ReadStage = "early" | "handshake" | "application";

/**
 * Everything that a handshake may do to the world, besides waiting for the host. What is sent and received enters the
 * transcript by itself, so that no flow can forget it.
 */
export class HandshakeIo {
  readonly transcript: Transcript;
  readonly #port: RecordPort;
  readonly #sendHandshake: (raw: Uint8Array) => void;
  readonly #secrets: Wipeable[] = [];
  readonly #onFailure: (() => unknown)[] = [];
  #earlyExporter: Wipeable | undefined;
  #isWiped = false;

  /** @param sendHandshake takes what is sent. */
  constructor(
    port: RecordPort,
    transcript: Transcript = new Transcript(),
    sendHandshake: (raw: Uint8Array) => void = (raw) => port.sendHandshake(raw),
  ) {
    this.#port = port;
    this.transcript = transcript;
    this.#sendHandshake = sendHandshake;
  }

  /** For an authentication behind the handshake: its transcript goes on from here, and `sendHandshake` takes what it sends. */
  fork(sendHandshake: (raw: Uint8Array) => void): HandshakeIo {
    return new HandshakeIo(this.#port, this.transcript.fork(), sendHandshake);
  }

  get random(): Random {
    return this.#port.random;
  }

  get now(): () => number {
    return this.#port.now;
  }

  /** Waits for the next message, which must be one of `names`. @throws {TlsAlert} unexpected_message for another one. */
  *receive<K extends HandshakeName>(...names: readonly K[]): Flow<Received<K>> {
    // The runner resumes a wait on a message with a whole one.
    const raw = (yield { on: "message", expected: names }) as Uint8Array;
    const message = decodeExpected(names, raw);
    this.transcript.add(raw);
    return message;
  }

  /**
   * Waits for the peer's ChangeCipherSpec. RFC 5246 §7.1.
   * @throws {TlsAlert} unexpected_message for a message in its place.
   */
  *receiveChangeCipherSpec(): Flow<void> {
    const raw = (yield { on: "change_cipher_spec" }) as Uint8Array | undefined;
    if (raw !== undefined) throw unexpected(raw, "change_cipher_spec");
  }

  /** Sends a message under the current write keys. */
  send<K extends HandshakeName>(name: K, body: HandshakeBody<K>): void {
    this.sendRaw(encodeHandshake(name, body));
  }

  /** Sends a message that does not enter the transcript: one that follows the handshake. RFC 8446 §4.4.1. */
  sendUnrecorded<K extends HandshakeName>(name: K, body: HandshakeBody<K>): void {
    this.sendLate(encodeHandshake(name, body));
  }

  /** As {@link sendUnrecorded}, of a message that is encoded already. */
  sendLate(raw: Uint8Array): void {
    this.#port.sendHandshake(raw);
  }

  /** Sends a message that is encoded already. */
  sendRaw(raw: Uint8Array): void {
    this.transcript.add(raw);
    this.#sendHandshake(raw);
  }

  /** Remembers secrets, so that {@link wipe} reaches them wherever the handshake ends. */
  keep(...secrets: readonly Wipeable[]): void {
    this.#secrets.push(...secrets);
    if (this.#isWiped) this.wipe();
  }

  /** The handshake is over, and of its secrets the connection needs `lasting` alone: all others are wiped. */
  keepOnly(...lasting: readonly Wipeable[]): void {
    const kept = this.#earlyExporter === undefined ? lasting : [...lasting, this.#earlyExporter];
    const over = this.#secrets.splice(0).filter((secret) => !kept.includes(secret));
    for (const secret of over) secret.wipe();
    this.keep(...kept);
  }

  /** Wipes every secret that the handshake has made; those that it has wiped itself stay so. */
  wipe(): void {
    this.#isWiped = true;
    for (const secret of this.#secrets) secret.wipe();
  }

  sendChangeCipherSpec(): void {
    this.#port.sendChangeCipherSpec();
  }

  get earlyData(): Uint8Array | undefined {
    return this.#port.earlyData;
  }

  sendEarlyData(data: Uint8Array): void {
    this.#port.sendEarlyData(data);
  }

  acceptEarlyData(bytes: number | undefined): void {
    this.#port.acceptEarlyData(bytes);
  }

  lendEarlyExporter(exporter: Exporter & Wipeable): void {
    this.#earlyExporter = exporter;
    this.keep(exporter);
    this.#port.lendEarlyExporter(exporter);
  }

  unprotectWrites(): void {
    this.#port.unprotectWrites();
  }

  startVersion(version: TlsVersion): void {
    this.#port.startVersion(version);
  }

  allowChangeCipherSpec(): void {
    this.#port.allowChangeCipherSpec();
  }

  skipEarlyData(bytes: number | undefined): void {
    this.#port.skipEarlyData(bytes);
  }

  limitReads(recordSizeLimit: number): void {
    this.#port.limitReads(recordSizeLimit);
  }

  limitWrites(recordSizeLimit: number): void {
    this.#port.limitWrites(recordSizeLimit);
  }

  /** The peer's flight is over: bytes of a further message are `unexpected_message`. */
  expectFlightEnd(): void {
    if (!this.#port.isAligned) {
      throw new TlsAlert(
        "unexpected_message",
        "the peer sent more handshake bytes where its flight should have ended",
      );
    }
  }

  /** Reads under `secret` from the next record on. Handshake messages must not span a change of keys (RFC 8446 §5.1). */
  protectReads(suite: Tls13CipherSuite, secret: TrafficSecret, stage: ReadStage): void {
    this.#checkAligned();
    this.#port.protectReads(suite, secret, stage);
  }

  protectWrites(suite: Tls13CipherSuite, secret: TrafficSecret): void {
    this.#port.protectWrites(suite, secret);
  }

  /** Reads under `keys` from the next record on, which follows the peer's ChangeCipherSpec. They are copied. RFC 5246 §7.1. */
  protectReads12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void {
    this.#checkAligned();
    this.#port.protectReads12(suite, keys, encryptThenMac);
  }

  /** Writes under `keys` from the next record on, which follows our ChangeCipherSpec. They are copied. RFC 5246 §7.1. */
  protectWrites12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void {
    this.#port.protectWrites12(suite, keys, encryptThenMac);
  }

  logSecret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    this.#port.logSecret(label, clientRandom, secret);
  }

  runAside(action: () => unknown): void {
    this.#port.runAside(action);
  }

  keepError(error: unknown): void {
    this.#port.keepError(error);
  }

  /** Keeps `action` for {@link fail}, which runs it aside. */
  onFailure(action: () => unknown): void {
    this.#onFailure.push(action);
  }

  /** The handshake has failed by a fatal alert of either side: it was not just aborted or cut off. */
  fail(): void {
    for (const action of this.#onFailure.splice(0)) this.runAside(action);
  }

  #checkAligned(): void {
    if (this.#port.isAligned) return;
    throw new TlsAlert(
      "unexpected_message",
      "the peer sent handshake bytes in the record before its change of keys",
    );
  }
}

/** Waits for a message that does not enter the transcript by itself: an answer that decides on the hash, or one after the handshake. */
export function* receiveUnrecorded<K extends HandshakeName>(...names: readonly K[]): Flow<Received<K>> {
  const raw = (yield { on: "message", expected: names }) as Uint8Array;
  return decodeExpected(names, raw);
}

/** As {@link receiveUnrecorded}, of the names that are allowed when the message is there. */
export function* receiveWhatIsDue<K extends HandshakeName>(names: () => readonly K[]): Flow<Received<K>> {
  const raw = (yield { on: "message", expected: names() }) as Uint8Array;
  return decodeExpected(names(), raw);
}

function decodeExpected<K extends HandshakeName>(names: readonly K[], raw: Uint8Array): Received<K> {
  const name = names.find((expected) => isHandshake(expected, raw));
  if (name === undefined) throw unexpected(raw, [...new Set(names.map(withoutPrefix))].join(" or "));
  // Name and body belong together by construction; the compiler cannot distribute the pair over K.
  return { name, body: decodeHandshake(name, raw), raw } as Received<K>;
}

function unexpected(raw: Uint8Array, due: string): TlsAlert {
  return new TlsAlert("unexpected_message", `got ${describeHandshake(raw)} where ${due} is due`);
}

/** As the RFCs name the message, which for some has another body in each version. */
function withoutPrefix(name: HandshakeName): string {
  return name.replace(/^tls12_/, "");
}
