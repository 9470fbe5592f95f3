import { wipe } from "../bytes.ts";
import type { Settings } from "../config/settings.ts";
import type { Random, Tls13CipherSuite } from "../crypto/provider.ts";
import type { KeyLogLabel, ReadStage, RecordPort } from "../handshake/io.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import { CHANGE_CIPHER_SPEC } from "../messages/record.ts";
import type { HandshakeJoiner } from "../record/joiner.ts";
import type { ReadRecord, RecordLayer } from "../record/layer.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { Hooks } from "./hooks.ts";

/** What flows may do to the record layer, with the hooks told of it. */
export class EnginePort implements RecordPort {
  readonly random: Random;
  readonly now: () => number;
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #hooks: Hooks;
  readonly #isAborting: () => boolean;
  #dropsChangeCipherSpec = false;

  constructor(
    records: RecordLayer,
    joiner: HandshakeJoiner,
    hooks: Hooks,
    { random, now }: Settings,
    isAborting: () => boolean,
  ) {
    this.#isAborting = isAborting;
    this.#records = records;
    this.#joiner = joiner;
    this.#hooks = hooks;
    this.random = random;
    this.now = now;
  }

  get isAligned(): boolean {
    return this.#joiner.isAligned;
  }

  /**
   * The next record. One of another type must not stand between the records of a handshake message (RFC 8446 §5.1): that
   * holds for a ChangeCipherSpec too, although it is dropped where it may stand.
   */
  readRecord(): ReadRecord | undefined {
    const mayDrop = this.#dropsChangeCipherSpec && this.isAligned;
    this.#records.changeCipherSpecPolicy = mayDrop ? "drop" : "refuse";
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
    const isHandshake = stage === "handshake";
    const keys = secret.trafficKeys(suite.aead);
    this.#records.protectReads(suite, keys, { plaintextAlertAllowed: isHandshake });
    wipe(keys.key, keys.iv);
    if (!isHandshake) this.#dropsChangeCipherSpec = false;
  }

  protectWrites(suite: Tls13CipherSuite, secret: TrafficSecret): void {
    this.#checkAlive();
    const keys = secret.trafficKeys(suite.aead);
    this.#records.protectWrites(suite, keys);
    wipe(keys.key, keys.iv);
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

  /** Stops a flow in which a hook has called abort(): nothing may follow the alert. */
  #checkAlive(): void {
    if (this.#isAborting()) throw new Error("the connection was aborted by a hook");
  }
}
