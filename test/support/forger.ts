import { AlertDescription, alertName, type ReceivedAlertName } from "../../src/alert.ts";
import { concatBytes } from "../../src/bytes.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import type { Awaitable } from "../../src/awaitable.ts";
import type { KeyExchangeGroup } from "../../src/crypto/provider.ts";
import { ContentType, type Credential, NEED_DATA, TlsEngine, type TlsEvent } from "../../src/index.ts";
import { encodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import { RecordLayer } from "../../src/record/layer.ts";
import { Transcript } from "../../src/schedule/transcript.ts";

/** What is forged in a message, in this order. What a forger says otherwise is what an honest peer would say. */
export interface Forgery<K extends HandshakeName> {
  /** Its fields; the codec still keeps their bounds. */
  readonly body?: (body: HandshakeBody<K>) => HandshakeBody<K>;
  /** Its bytes, header included. They enter the forger's transcript. */
  readonly raw?: (raw: Uint8Array) => Uint8Array;
  /** Bytes behind it in its last record, which do not enter the transcript. */
  readonly tail?: Uint8Array;
}

/** A {@link Forgery}, or only its `body`. */
export type Change<K extends HandshakeName> = Forgery<K> | NonNullable<Forgery<K>["body"]>;

/** How a record is put on the wire; what is absent is as the RFCs have it. */
export interface RecordShape {
  readonly version?: number;
  /** Without protection, although there are keys. */
  readonly plaintext?: boolean;
  /** Changes the bytes of the record when it is sealed; none hold it back. */
  readonly mangle?: (record: Uint8Array) => Uint8Array;
  /** The type in the header of a protected record of TLS 1.3. */
  readonly outerType?: number;
  /** Bytes of padding in TLS 1.3; in TLS 1.2 the value of each byte of CBC padding. */
  readonly padding?: number;
  /** Changes what is encrypted under CBC: content, MAC unless it is of the ciphertext, padding. */
  readonly mangleBlocks?: (plaintext: Uint8Array) => void;
}

/** An alert that the engine has sent. */
export interface SentAlert {
  readonly level: number;
  readonly alert: ReceivedAlertName;
  readonly isProtected: boolean;
}

/** What a {@link Forger} is made with. */
export interface ForgerOptions {
  readonly group?: KeyExchangeGroup;
  /** A client without one answers a CertificateRequest with an empty list; a server needs one. */
  readonly credential?: Credential;
  /** Seed of everything random that the forger says. */
  readonly seed?: number;
}

const UNLIMITED = { emptyRecords: 2 ** 20, changeCipherSpecs: 2 ** 20 };

/**
 * A scripted peer of a real engine: it does the handshake with real keys, and forges what it is told to. Every method
 * delivers at once and takes what the engine answers; nothing here refuses anything.
 */
export abstract class Forger {
  readonly engine: TlsEngine;
  /** Everything that the engine has reported; the bytes of `data` and `early-data` are copies. */
  readonly events: TlsEvent[] = [];
  /** Everything that the engine has sent besides alerts and ChangeCipherSpec. */
  readonly messages: { readonly name: HandshakeName | undefined; readonly raw: Uint8Array }[] = [];
  readonly alerts: SentAlert[] = [];
  readonly data: Uint8Array[] = [];
  readonly group: KeyExchangeGroup;
  readonly credential: Credential | undefined;
  readonly transcript = new Transcript();
  readonly random: (length: number) => Uint8Array;
  /** Cuts the bytes of a handshake record into fragments, one for each record. */
  fragment: (content: Uint8Array) => readonly Uint8Array[] = (content) => [content];
  /** Whether the engine's Finished was what the transcript asks for; undefined before it. */
  isPeerFinishedGood: boolean | undefined;
  protected reader = new RecordLayer({ limits: UNLIMITED });
  readonly #joiner = new HandshakeJoiner(2 ** 24 - 1);
  #held: Uint8Array[] | undefined;

  protected constructor(engine: TlsEngine, options: ForgerOptions) {
    this.engine = engine;
    this.group = options.group ?? x25519;
    this.credential = options.credential;
    this.random = seededRandom(options.seed ?? 1);
  }

  /** Gives `bytes` to the engine as they are. */
  deliver(bytes: Uint8Array): void {
    if (this.#held !== undefined) {
      this.#held.push(bytes);
      return;
    }
    this.engine.receive(bytes);
    this.pump();
  }

  /** Runs `steps`, whose bytes are then cut by `split` and delivered piece by piece, each one taken by itself. */
  together(steps: () => void, split: (bytes: Uint8Array) => Iterable<Uint8Array> = (bytes) => [bytes]): void {
    this.#held = [];
    steps();
    const bytes = concatBytes(...this.#held);
    this.#held = undefined;
    for (const piece of split(bytes)) this.deliver(piece);
  }

  /** Sends one record of `content`, protected if there are keys. */
  sendRecord(type: number, content: Uint8Array, shape: RecordShape = {}): void {
    const sealed = shape.plaintext === true ? undefined : this.seal(type, content, shape);
    const record = sealed ?? plainRecord(type, content, shape.version);
    this.deliver(shape.mangle?.(record) ?? record);
  }

  /** Sends `bytes` as records of type handshake. */
  sendHandshake(bytes: Uint8Array, shape: RecordShape = {}): void {
    for (const fragment of this.fragment(bytes)) this.sendRecord(ContentType.handshake, fragment, shape);
  }

  sendAlert(level: number, description: keyof typeof AlertDescription | number, shape?: RecordShape): void {
    const number = typeof description === "number" ? description : AlertDescription[description];
    this.sendRecord(ContentType.alert, Uint8Array.of(level, number), shape);
  }

  sendData(bytes: Uint8Array, shape?: RecordShape): void {
    this.sendRecord(ContentType.application_data, bytes, shape);
  }

  sendChangeCipherSpec(content: Uint8Array = Uint8Array.of(1)): void {
    this.sendRecord(ContentType.change_cipher_spec, content, { plaintext: true });
  }

  /** Takes what the engine reports and sends. */
  pump(): void {
    for (;;) {
      const event = this.engine.nextEvent();
      if (event === NEED_DATA) break;
      if (event.type === "pending")
        throw new TypeError("a forger talks to engines whose hooks answer at once");
      const isView = event.type === "data" || event.type === "early-data";
      this.events.push(isView ? { type: event.type, data: event.data.slice() } : event);
    }
    const output = this.engine.takeOutput();
    if (output === null) return;
    this.reader.receive(output);
    for (let record = this.reader.read(); record !== undefined; record = this.reader.read()) {
      const { type, fragment, isProtected } = record;
      if (type === ContentType.application_data) this.data.push(fragment.slice());
      if (type === ContentType.alert) {
        const [level = 0, description = 0] = fragment;
        this.alerts.push({ level, alert: alertName(description), isProtected });
      }
      if (type === ContentType.handshake) this.#readHandshake(fragment);
      if (type === ContentType.change_cipher_spec) this.receiveChangeCipherSpec();
    }
  }

  /** What the engine sends from here on is not protected. */
  protected openPlaintext(): void {
    const { changeCipherSpecPolicy } = this.reader;
    this.reader = new RecordLayer({ limits: UNLIMITED });
    this.reader.changeCipherSpecPolicy = changeCipherSpecPolicy;
  }

  /** A message as it would be sent; it is in the transcript, and nowhere else. */
  protected record<K extends HandshakeName>(name: K, body: HandshakeBody<K>, change: Change<K>): Uint8Array {
    const { raw, tail } = forge(name, body, change);
    this.transcript.add(raw);
    return concatBytes(raw, tail);
  }

  /** A protected record; undefined while there are no keys. */
  protected abstract seal(type: number, content: Uint8Array, shape: RecordShape): Uint8Array | undefined;

  /** The name of a message in the version that is spoken. */
  protected abstract nameOf(raw: Uint8Array): HandshakeName | undefined;

  /** Takes a message. */
  protected abstract receiveMessage(name: HandshakeName | undefined, raw: Uint8Array): void;

  /** Takes a ChangeCipherSpec that means something. */
  protected abstract receiveChangeCipherSpec(): void;

  #readHandshake(fragment: Uint8Array): void {
    this.#joiner.push(fragment);
    for (let raw = this.#joiner.next(); raw !== undefined; raw = this.#joiner.next()) {
      const name = this.nameOf(raw);
      this.messages.push({ name, raw });
      this.receiveMessage(name, raw);
    }
  }
}

/** A handshake message of any type with any body. */
export function rawMessage(type: number, body: Uint8Array = new Uint8Array()): Uint8Array {
  const { length } = body;
  return concatBytes(Uint8Array.of(type, length >>> 16, (length >>> 8) & 0xff, length & 0xff), body);
}

/** `raw` with its body replaced and its header set right. */
export function withBody(raw: Uint8Array, change: (body: Uint8Array) => Uint8Array): Uint8Array {
  return rawMessage(raw[0] ?? 0, change(raw.subarray(4)));
}

/** A record without protection. */
export function plainRecord(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
  const { length } = fragment;
  return concatBytes(
    Uint8Array.of(type, version >>> 8, version & 0xff, length >>> 8, length & 0xff),
    fragment,
  );
}

/** Bytes that look random and depend on `seed` alone: mulberry32. */
export function seededRandom(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0;
  const byte = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 8) & 0xff;
  };
  return (length) => Uint8Array.from({ length }, byte);
}

/** The bytes of a message with what is forged in it. */
export function forge<K extends HandshakeName>(
  name: K,
  body: HandshakeBody<K>,
  change: Change<K>,
): { readonly raw: Uint8Array; readonly tail: Uint8Array } {
  const forgery: Forgery<K> = typeof change === "function" ? { body: change } : change;
  const raw = encodeHandshake(name, forgery.body?.(body) ?? body);
  return { raw: forgery.raw?.(raw) ?? raw, tail: forgery.tail ?? new Uint8Array() };
}

/** What must be there by now. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("the forger is not that far");
  return value;
}

/** What a provider gives that answers at once. */
export function answered<T>(value: Awaitable<T>): T {
  if (typeof value === "object" && value !== null && "then" in value)
    throw new TypeError("a forger needs a provider that answers at once");
  return value as T;
}
