import { concatBytes, equalBytes } from "../../src/bytes.ts";
import type { Hash, Tls12CipherSuite } from "../../src/crypto/provider.ts";
import { TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 } from "../../src/crypto/suites12.ts";
import type { Credential, TlsEngine } from "../../src/index.ts";
import {
  type HandshakeBody,
  type HandshakeName,
  handshakeName,
  isHandshake,
} from "../../src/messages/handshake.ts";
import { readProtection12 } from "../../src/record/protection12.ts";
import { type Tls12Keys, Tls12MainSecret } from "../../src/schedule/tls12.ts";
import { answered, Forger, type ForgerOptions, plainRecord, present, type RecordShape } from "./forger.ts";

/** A session that a {@link Forger12} resumes, or lets the engine resume. */
export interface ForgedSession {
  readonly suite: Tls12CipherSuite;
  /** 48 bytes. */
  readonly mainSecret: Uint8Array;
  readonly extendedMainSecret: boolean;
  readonly sessionId: Uint8Array;
  /** Empty for none. */
  readonly ticket: Uint8Array;
}

/** What a {@link Forger12} is made with. */
export interface Forger12Options extends ForgerOptions {
  readonly suite?: Tls12CipherSuite;
  /** Whether it knows RFC 7627. Default: true. */
  readonly extendedMainSecret?: boolean;
  /** Whether it knows RFC 7366. Default: true. */
  readonly encryptThenMac?: boolean;
  readonly session?: ForgedSession;
}

/** What is forged in a ChangeCipherSpec, and in the keys that it puts into use. */
export interface ChangeCipherSpecForgery {
  readonly content?: readonly number[];
  readonly keys?: (keys: Tls12Keys) => Tls12Keys;
}

/** A forger that speaks TLS 1.2. Its secrets come from the schedule of src, its records from {@link RecordSealer12}. */
export abstract class Forger12 extends Forger {
  abstract readonly role: "client" | "server";
  readonly suite: Tls12CipherSuite;
  readonly session: ForgedSession | undefined;
  clientRandom: Uint8Array = new Uint8Array();
  serverRandom: Uint8Array = new Uint8Array();
  /** What both hellos have agreed on. */
  isExtended = false;
  isEncryptThenMac = false;
  isResumed = false;
  main: Tls12MainSecret | undefined;
  keys: { readonly client: Tls12Keys; readonly server: Tls12Keys } | undefined;
  /** `verify_data` of the Finished that was sent, as it should have been. */
  sentFinished: Uint8Array | undefined;
  protected readonly knowsExtendedMainSecret: boolean;
  protected readonly knowsEncryptThenMac: boolean;
  #sealer: RecordSealer12 | undefined;

  protected constructor(engine: TlsEngine, options: Forger12Options) {
    super(engine, options);
    this.session = options.session;
    this.suite = options.suite ?? options.session?.suite ?? TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    this.knowsExtendedMainSecret = options.extendedMainSecret ?? true;
    this.knowsEncryptThenMac = options.encryptThenMac ?? true;
    this.reader.changeCipherSpecPolicy = "deliver";
    this.transcript.start(this.suite.hash);
    this.transcript.retain();
  }

  /** Sends ChangeCipherSpec, and protects from then on. */
  changeCipherSpec({ content = [1], keys = (own) => own }: ChangeCipherSpecForgery = {}): void {
    this.sendChangeCipherSpec(Uint8Array.from(content));
    this.protectBy(keys(present(this.keys)[this.role]));
  }

  /** Protects what is sent from here on. */
  protectBy(keys: Tls12Keys): void {
    this.#sealer = new RecordSealer12(this.suite, keys, this.isEncryptThenMac, this.random);
  }

  /** `verify_data` as this side should send it now. */
  verifyData(signer: "client" | "server" = this.role): Uint8Array {
    return present(this.main).finished(signer, this.transcript.digest());
  }

  protected override seal(type: number, content: Uint8Array, shape: RecordShape): Uint8Array | undefined {
    return this.#sealer?.seal(type, content, shape);
  }

  protected override nameOf(raw: Uint8Array): HandshakeName | undefined {
    return TLS12_NAMES.find((name) => isHandshake(name, raw)) ?? handshakeName(raw);
  }

  protected override receiveMessage(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (name === "finished") {
      const peer = this.role === "client" ? "server" : "client";
      this.isPeerFinishedGood = equalBytes(raw.subarray(4), this.verifyData(peer));
    }
    this.transcript.add(raw);
    this.receiveHandshake(name, raw);
  }

  protected override receiveChangeCipherSpec(): void {
    const { suite, isEncryptThenMac: encryptThenMac } = this;
    const keys = present(this.keys)[this.role === "client" ? "server" : "client"];
    this.reader.protectReads(readProtection12(suite, keys, { encryptThenMac }));
  }

  /** Takes a message of the handshake, which is in the transcript already. */
  protected abstract receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void;

  /** Makes secrets of a key exchange whose ClientKeyExchange is in the transcript. */
  protected exchange(premasterSecret: Uint8Array): void {
    const { hash } = this.suite;
    this.#use(
      this.isExtended
        ? Tls12MainSecret.extended(hash, premasterSecret, this.transcript.digest())
        : Tls12MainSecret.classic(hash, premasterSecret, this.clientRandom, this.serverRandom),
    );
  }

  /** Makes secrets of {@link session}. */
  protected resume(): void {
    this.isResumed = true;
    this.#use(new Tls12MainSecret(this.suite.hash, present(this.session).mainSecret.slice()));
  }

  #use(main: Tls12MainSecret): void {
    this.main = main;
    this.keys = main.trafficKeys(this.suite, this.clientRandom, this.serverRandom);
  }
}

const TLS12_NAMES = [
  "tls12_server_hello",
  "tls12_certificate",
  "tls12_certificate_request",
  "tls12_new_session_ticket",
] as const;

/**
 * Seals records of TLS 1.2 under one key, whatever is in them: WriteProtection12 allows only good ones. RFC 5246 §6.2.3,
 * RFC 5288 §3, RFC 7905 §2, RFC 7366 §3.
 */
class RecordSealer12 {
  readonly #suite: Tls12CipherSuite;
  readonly #keys: Tls12Keys;
  readonly #encryptThenMac: boolean;
  readonly #random: (length: number) => Uint8Array;
  #sequence = 0n;

  constructor(
    suite: Tls12CipherSuite,
    keys: Tls12Keys,
    encryptThenMac: boolean,
    random: (length: number) => Uint8Array,
  ) {
    this.#suite = suite;
    this.#keys = keys;
    this.#encryptThenMac = encryptThenMac;
    this.#random = random;
  }

  seal(type: number, content: Uint8Array, shape: RecordShape): Uint8Array {
    const { version = 0x0303 } = shape;
    const header = new Uint8Array(8 + 1 + 2);
    const view = new DataView(header.buffer);
    view.setBigUint64(0, this.#sequence);
    view.setUint8(8, type);
    view.setUint16(9, version);
    const { protection } = this.#suite;
    const fragment =
      protection.kind === "aead"
        ? this.#sealAead(protection, header, content)
        : this.#sealCbc(protection, header, content, shape);
    this.#sequence++;
    return plainRecord(type, fragment, version);
  }

  #sealAead(
    { aead, fixedIvLength }: Extract<Tls12CipherSuite["protection"], { kind: "aead" }>,
    header: Uint8Array,
    content: Uint8Array,
  ): Uint8Array {
    const number = header.subarray(0, 8);
    const { iv, key } = this.#keys;
    const isExplicit = fixedIvLength === 4;
    const nonce = isExplicit
      ? concatBytes(iv, number)
      : iv.map((byte, index) => byte ^ (index < 4 ? 0 : (number[index - 4] ?? 0)));
    const sealed = new Uint8Array(content.length + aead.tagLength);
    aead.sealer(key).seal(nonce, withLength(header, content), content, sealed);
    return isExplicit ? concatBytes(number, sealed) : sealed;
  }

  #sealCbc(
    { cipher, mac }: Extract<Tls12CipherSuite["protection"], { kind: "cbc" }>,
    header: Uint8Array,
    content: Uint8Array,
    { padding, mangleBlocks }: RecordShape,
  ): Uint8Array {
    const hmac = (bytes: Uint8Array): Uint8Array => this.#hmac(mac, header, bytes);
    const unpadded = this.#encryptThenMac ? content : concatBytes(content, hmac(content));
    const last = padding ?? 15 - (unpadded.length % 16);
    const plaintext = concatBytes(unpadded, new Uint8Array(last + 1).fill(last));
    mangleBlocks?.(plaintext);
    const iv = this.#random(16);
    const ciphertext = new Uint8Array(plaintext.length);
    cipher.encryptor(this.#keys.key).encrypt(iv, plaintext, ciphertext);
    const fragment = concatBytes(iv, ciphertext);
    return this.#encryptThenMac ? concatBytes(fragment, hmac(fragment)) : fragment;
  }

  #hmac(hash: Hash, header: Uint8Array, bytes: Uint8Array): Uint8Array {
    return hash.hmac(this.#keys.macKey, concatBytes(withLength(header, bytes), bytes));
  }
}

function withLength(header: Uint8Array, { length }: Uint8Array): Uint8Array {
  return concatBytes(header, Uint8Array.of(length >>> 8, length & 0xff));
}

/** A Certificate with the chain of `credential`, or with none. */
export function certificateBody12(credential: Credential | undefined): HandshakeBody<"tls12_certificate"> {
  return { certificateList: credential?.certificateChain ?? [] };
}

/** A signature with the key of `forger`, by the first scheme that it has unless one is named. */
export function signWith(
  { credential, random }: Forger12,
  content: Uint8Array,
  scheme?: number,
): { readonly algorithm: number; readonly signature: Uint8Array } {
  const { key } = present(credential);
  const algorithm = scheme ?? present((key.tls12Schemes ?? key.schemes)[0]);
  return { algorithm, signature: answered(key.sign(algorithm, content, random)) };
}
