import type { Random, Tls13CipherSuite } from "../crypto/provider.ts";
import type { KeyLogLabel, ReadStage, RecordPort } from "../handshake/io.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import { CHANGE_CIPHER_SPEC } from "../messages/record.ts";
import type { HandshakeJoiner } from "../record/joiner.ts";
import type { RecordLayer } from "../record/layer.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { Hooks } from "./hooks.ts";

/** What flows may do to the record layer, with the hooks told of it. */
export class EnginePort implements RecordPort {
  readonly random: Random;
  readonly now: () => number;
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #hooks: Hooks;

  constructor(
    records: RecordLayer,
    joiner: HandshakeJoiner,
    hooks: Hooks,
    random: Random,
    now: () => number,
  ) {
    this.#records = records;
    this.#joiner = joiner;
    this.#hooks = hooks;
    this.random = random;
    this.now = now;
  }

  get isAligned(): boolean {
    return this.#joiner.isAligned;
  }

  sendHandshake(raw: Uint8Array): void {
    this.#records.write(ContentType.handshake, raw);
    this.#hooks.handshake("write", raw);
    // Only the first ClientHello goes out under the version that the oldest middleboxes know (RFC 8446 §5.1).
    this.#records.plaintextVersion = ProtocolVersion["TLSv1.2"];
  }

  sendChangeCipherSpec(): void {
    const content = Uint8Array.of(CHANGE_CIPHER_SPEC);
    this.#records.write(ContentType.change_cipher_spec, content);
    this.#hooks.changeCipherSpec(content);
  }

  protectReads(suite: Tls13CipherSuite, secret: TrafficSecret, stage: ReadStage): void {
    const isHandshake = stage === "handshake";
    this.#records.protectReads(suite, secret.trafficKeys(suite.aead), { plaintextAlertAllowed: isHandshake });
    if (!isHandshake) this.#records.changeCipherSpecPolicy = "refuse";
  }

  protectWrites(suite: Tls13CipherSuite, secret: TrafficSecret): void {
    this.#records.protectWrites(suite, secret.trafficKeys(suite.aead));
  }

  allowChangeCipherSpec(): void {
    this.#records.changeCipherSpecPolicy = "drop";
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
}
