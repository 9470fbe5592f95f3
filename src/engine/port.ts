import { TlsAlert } from "../alert.ts";
import { wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { TlsVersion } from "../config/settings.ts";
import type { Random, Tls12CipherSuite, Tls13CipherSuite } from "../crypto/provider.ts";
import type { KeyLogLabel, ReadStage, RecordPort } from "../handshake/io.ts";
import { ContentType, HandshakeType, ProtocolVersion } from "../messages/codepoints.ts";
import { HANDSHAKE_HEADER_LENGTH } from "../messages/handshake.ts";
import { CHANGE_CIPHER_SPEC } from "../messages/record.ts";
import type { HandshakeJoiner } from "../record/joiner.ts";
import type { ReadRecord, RecordLayer } from "../record/layer.ts";
import { ReadProtection13, WriteProtection13 } from "../record/protection.ts";
import { readProtection12, writeProtection12 } from "../record/protection12.ts";
import type { Exporter } from "../schedule/exporter.ts";
import type { Tls12Keys } from "../schedule/tls12.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { Hooks } from "./hooks.ts";

/** What flows may do to the record layer, with the hooks told of it. */
export class EnginePort implements RecordPort {
  readonly random: Random;
  readonly now: () => number;
  readonly earlyData: Uint8Array | undefined;
  /** Once early data was sent, or is taken. */
  earlyExporter: Exporter | undefined;
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #hooks: Hooks;
  readonly #isAborting: () => boolean;
  readonly #role: "client" | "server";
  readonly #versions: readonly TlsVersion[];
  readonly #maxHelloRequests: number;
  #version: TlsVersion | undefined;
  #dropsChangeCipherSpec = false;
  #helloRequests = 0;
  #earlyDataLeft: number | undefined;

  constructor(
    records: RecordLayer,
    joiner: HandshakeJoiner,
    hooks: Hooks,
    { role, settings }: ClientConfig | ServerConfig,
    isAborting: () => boolean,
    earlyData: Uint8Array | undefined,
  ) {
    this.#isAborting = isAborting;
    this.earlyData = earlyData;
    this.#records = records;
    this.#joiner = joiner;
    this.#hooks = hooks;
    this.#role = role;
    this.#versions = settings.versions;
    this.#maxHelloRequests = settings.limits.postHandshakeMessages;
    this.random = settings.random;
    // A clock may count fractions, as that of `performance` does.
    this.now = () => Math.floor(settings.now());
  }

  get isAligned(): boolean {
    return this.#joiner.isAligned;
  }

  /** Whether the rules of `version` hold: it has been agreed on, or may be yet. */
  maySpeak(version: TlsVersion): boolean {
    return this.#version === undefined ? this.#versions.includes(version) : this.#version === version;
  }

  startVersion(version: TlsVersion): void {
    this.#checkAlive();
    this.#version = version;
    this.#hooks.startVersion(version);
    if (version === "TLSv1.3") {
      if (this.#helloRequests > 0)
        throw new TlsAlert("unexpected_message", "the server sent HelloRequest and then chose TLS 1.3");
      return;
    }
    this.#dropsChangeCipherSpec = false;
    if (this.#records.droppedChangeCipherSpecs > 0)
      throw new TlsAlert("unexpected_message", "the peer sent change_cipher_spec before its hello");
  }

  /**
   * Whether `raw` is a HelloRequest that a client passes over, because it is in a handshake already. RFC 5246 §7.4.1.1.
   * @throws {TlsAlert} unexpected_message when there are too many.
   */
  passesOver(raw: Uint8Array): boolean {
    const isHelloRequest = raw[0] === HandshakeType.hello_request && raw.length === HANDSHAKE_HEADER_LENGTH;
    if (!isHelloRequest || this.#role !== "client" || !this.maySpeak("TLSv1.2")) return false;
    if (++this.#helloRequests > this.#maxHelloRequests) {
      throw new TlsAlert(
        "unexpected_message",
        `more than ${this.#maxHelloRequests} HelloRequest messages during the handshake`,
      );
    }
    return true;
  }

  /**
   * The next record. One of another type must not stand between the records of a handshake message (RFC 8446 §5.1): that
   * holds for a ChangeCipherSpec too, although it is dropped where it may stand.
   *
   * @param awaitsChangeCipherSpec whether the handshake waits for that of TLS 1.2.
   */
  readRecord(awaitsChangeCipherSpec: boolean): ReadRecord | undefined {
    const allowed = awaitsChangeCipherSpec ? "deliver" : this.#dropsChangeCipherSpec ? "drop" : "refuse";
    this.#records.changeCipherSpecPolicy = this.isAligned ? allowed : "refuse";
    return this.#records.read();
  }

  sendHandshake(raw: Uint8Array): void {
    this.#checkAlive();
    this.#records.write(ContentType.handshake, raw);
    this.#hooks.handshake("write", raw);
    // Only the first ClientHello goes out under the version that the oldest middleboxes know (RFC 8446 §5.1).
    this.#records.plaintextVersion = ProtocolVersion["TLSv1.2"];
  }

  sendChangeCipherSpec(): void {
    this.#checkAlive();
    const content = Uint8Array.of(CHANGE_CIPHER_SPEC);
    this.#records.write(ContentType.change_cipher_spec, content);
    this.#hooks.changeCipherSpec(content);
  }

  protectReads(suite: Tls13CipherSuite, secret: TrafficSecret, stage: ReadStage): void {
    this.#checkAlive();
    const isHandshake = stage !== "application";
    const keys = secret.trafficKeys(suite.aead);
    this.#records.protectReads(new ReadProtection13(suite, keys), { plaintextAlertAllowed: isHandshake });
    wipe(keys.key, keys.iv);
    if (!isHandshake) this.#dropsChangeCipherSpec = false;
  }

  protectWrites(suite: Tls13CipherSuite, secret: TrafficSecret): void {
    this.#checkAlive();
    const keys = secret.trafficKeys(suite.aead);
    this.#records.protectWrites(new WriteProtection13(suite, keys));
    wipe(keys.key, keys.iv);
  }

  unprotectWrites(): void {
    this.#checkAlive();
    this.#records.unprotectWrites();
  }

  sendEarlyData(data: Uint8Array): void {
    this.#checkAlive();
    this.#records.write(ContentType.application_data, data);
  }

  lendEarlyExporter(exporter: Exporter): void {
    this.earlyExporter = exporter;
  }

  acceptEarlyData(bytes: number | undefined): void {
    this.#earlyDataLeft = bytes;
  }

  /**
   * Counts early data that has come. @returns false when none is due.
   * @throws {TlsAlert} unexpected_message when there is more of it than was allowed. RFC 8446 §4.2.10.
   */
  takesEarlyData(length: number): boolean {
    if (this.#earlyDataLeft === undefined) return false;
    this.#earlyDataLeft -= length;
    if (this.#earlyDataLeft < 0)
      throw new TlsAlert("unexpected_message", "the client sent more early data than its ticket allows");
    return true;
  }

  protectReads12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void {
    this.#checkAlive();
    this.#records.protectReads(readProtection12(suite, keys, { encryptThenMac }));
  }

  protectWrites12(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean): void {
    this.#checkAlive();
    const { random } = this;
    this.#records.protectWrites(writeProtection12(suite, keys, { encryptThenMac, random }));
  }

  allowChangeCipherSpec(): void {
    this.#dropsChangeCipherSpec = true;
  }

  skipEarlyData(bytes: number | undefined): void {
    this.#records.earlyDataBudget = bytes;
  }

  limitReads(recordSizeLimit: number): void {
    this.#records.readLimit = recordSizeLimit;
  }

  limitWrites(recordSizeLimit: number): void {
    this.#records.writeLimit = recordSizeLimit;
  }

  logSecret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    this.#hooks.secret(label, clientRandom, secret);
  }

  runAside(action: () => unknown): void {
    this.#hooks.runAside(action);
  }

  keepError(error: unknown): void {
    this.#hooks.keepError(error);
  }

  /** Stops a flow in which a hook has called abort(): nothing may follow the alert. */
  #checkAlive(): void {
    if (this.#isAborting()) throw new Error("the connection was aborted by a hook");
  }
}
