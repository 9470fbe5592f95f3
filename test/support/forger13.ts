import { concatBytes } from "../../src/bytes.ts";
import type { Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import type { PskKind } from "../../src/handshake/psk.ts";
import type { Credential, TlsEngine } from "../../src/index.ts";
import { type HandshakeBody, type HandshakeName, handshakeName } from "../../src/messages/handshake.ts";
import { ReadProtection13 } from "../../src/record/protection.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import {
  EarlySecret,
  type HandshakeSecret,
  type MainSecret,
  type ResumptionSecret,
} from "../../src/schedule/tls13.ts";
import type { TrafficSecret } from "../../src/schedule/traffic.ts";
import {
  answered,
  type Change,
  forge,
  Forger,
  type ForgerOptions,
  plainRecord,
  present,
  type RecordShape,
} from "./forger.ts";

/** What a {@link Forger13} is made with. */
export interface Forger13Options extends ForgerOptions {
  readonly suite?: Tls13CipherSuite;
}

/** A pre-shared key as the peer of an engine has it. */
export interface ForgedPsk {
  readonly kind: PskKind;
  readonly identity: Uint8Array;
  readonly key: Uint8Array;
  /** What a client shows as `obfuscated_ticket_age`. Default: 0. */
  readonly shownAge?: number;
}

/** A forger that speaks TLS 1.3. */
export abstract class Forger13 extends Forger {
  readonly suite: Tls13CipherSuite;
  /** Bytes of padding of every protected record. */
  padding = 0;
  handshake: HandshakeSecret | undefined;
  main: MainSecret | undefined;
  /** What the PSKs of tickets come from; it is there when the client's Finished is. */
  protected resumption: ResumptionSecret | undefined;
  /** What the forger writes under, behind its Finished. */
  protected ownTraffic: TrafficSecret | undefined;
  /** What the engine writes under, behind its Finished. */
  protected peerTraffic: TrafficSecret | undefined;
  #sealer: RecordSealer | undefined;

  protected constructor(engine: TlsEngine, options: Forger13Options) {
    super(engine, options);
    this.suite = options.suite ?? TLS_AES_128_GCM_SHA256;
    this.reader.changeCipherSpecPolicy = "drop";
  }

  /** Sends a protected record whose TLSInnerPlaintext is `inner`. */
  sendInner(inner: Uint8Array, shape: RecordShape = {}): void {
    if (this.#sealer === undefined) throw new TypeError("there are no keys");
    const record = this.#sealer.seal(inner, shape);
    this.deliver(shape.mangle?.(record) ?? record);
  }

  /** Sends KeyUpdate, and protects by the next keys from then on. RFC 8446 §4.6.3. */
  keyUpdate(change: Change<"key_update"> = {}, requestUpdate: 0 | 1 = 0): void {
    const { raw, tail } = forge("key_update", { requestUpdate }, change);
    this.sendHandshake(concatBytes(raw, tail));
    this.ownTraffic = present(this.ownTraffic).next();
    this.protectBy(this.ownTraffic);
  }

  /** The stage that a PSK leads to, or none. */
  protected earlySecret(key: Uint8Array | undefined): EarlySecret {
    return new EarlySecret(this.suite.hash, key?.slice());
  }

  protected protectBy(secret: TrafficSecret): void {
    this.#sealer = new RecordSealer(this.suite, secret);
  }

  /** @param suite that of early data may be another one than the handshake's. */
  protected openBy(secret: TrafficSecret, suite: Tls13CipherSuite = this.suite): void {
    // The engine may fail before it has keys, and says so without them.
    this.reader.protectReads(new ReadProtection13(suite, secret.trafficKeys(suite.aead)), {
      plaintextAlertAllowed: true,
    });
  }

  protected override seal(type: number, content: Uint8Array, shape: RecordShape): Uint8Array | undefined {
    const padding = new Uint8Array(shape.padding ?? this.padding);
    return this.#sealer?.seal(concatBytes(content, Uint8Array.of(type), padding), shape);
  }

  protected override nameOf(raw: Uint8Array): HandshakeName | undefined {
    return handshakeName(raw);
  }

  protected override receiveMessage(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "key_update") {
      this.peerTraffic = present(this.peerTraffic).next();
      this.openBy(this.peerTraffic);
    } else {
      this.receiveHandshake(name, raw);
    }
  }

  protected override receiveChangeCipherSpec(): void {
    throw new TypeError("a ChangeCipherSpec of TLS 1.3 was not dropped");
  }

  /** Takes a message of the handshake; it enters the transcript afterwards. */
  protected abstract receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void;
}

/** Seals records under one key, with any header around any plaintext: WriteProtection13 allows only good ones. */
class RecordSealer {
  readonly #suite: Tls13CipherSuite;
  readonly #sealer: ReturnType<Tls13CipherSuite["aead"]["sealer"]>;
  readonly #iv: Uint8Array;
  #sequence = 0n;

  constructor(suite: Tls13CipherSuite, secret: TrafficSecret) {
    const { key, iv } = secret.trafficKeys(suite.aead);
    this.#suite = suite;
    this.#sealer = suite.aead.sealer(key);
    this.#iv = iv;
  }

  seal(inner: Uint8Array, { outerType = 23, version = 0x0303 }: RecordShape): Uint8Array {
    const record = plainRecord(outerType, new Uint8Array(inner.length + this.#suite.aead.tagLength), version);
    const nonce = this.#iv.slice();
    const view = new DataView(nonce.buffer, 4);
    view.setBigUint64(0, view.getBigUint64(0) ^ this.#sequence++);
    this.#sealer.seal(nonce, record.subarray(0, 5), inner, record.subarray(5));
    return record;
  }
}

/** A Certificate with the chain of `credential`, or with none. */
export function certificateBody(credential: Credential | undefined): HandshakeBody<"certificate"> {
  const chain = credential?.certificateChain ?? [];
  return {
    certificateRequestContext: new Uint8Array(),
    certificateList: chain.map((certData) => ({ certData, extensions: {} })),
  };
}

/** A CertificateVerify as it should be at this point. */
export function signTranscript(
  { credential, transcript, random }: Forger13,
  signer: "client" | "server",
): HandshakeBody<"certificate_verify"> {
  const { key } = present(credential);
  const algorithm = present(key.schemes[0]);
  const content = certificateVerifyContent(signer, transcript.digest());
  return { algorithm, signature: answered(key.sign(algorithm, content, random)) };
}
