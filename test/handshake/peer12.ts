import { alertName, type ReceivedAlertName, TlsAlert } from "../../src/alert.ts";
import { concatBytes } from "../../src/bytes.ts";
import { clientHandshake } from "../../src/handshake/client.ts";
import type { Established } from "../../src/handshake/established.ts";
import { FlowRunner } from "../../src/handshake/flow.ts";
import { HandshakeIo, type RecordPort } from "../../src/handshake/io.ts";
import { serverHandshake } from "../../src/handshake/server.ts";
import { type ClientConfig, ContentType, NEED_DATA, TlsEngine, type TlsEvent } from "../../src/index.ts";
import type { ServerConfig } from "../../src/index.ts";
import { handshakeMessages, type HandshakeName, handshakeName } from "../../src/messages/handshake.ts";
import { CHANGE_CIPHER_SPEC } from "../../src/messages/record.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import { RecordLayer } from "../../src/record/layer.ts";
import type { WriteProtection } from "../../src/record/protection.ts";
import { readProtection12, writeProtection12 } from "../../src/record/protection12.ts";
import type { Sent } from "./machine.ts";

/** Something that a flow of TLS 1.2 sends, when the test likes. */
export interface Step12 {
  readonly name: Sent;
  /** The message; of a ChangeCipherSpec nothing. */
  readonly raw: Uint8Array | undefined;
  /** What protects that which follows a ChangeCipherSpec. */
  protection?: WriteProtection;
}

/** Makes the io of a flow; another one than ours sends other messages than our flows do. */
export type IoClass = new (port: RecordPort) => HandshakeIo;

/**
 * One side of a connection of TLS 1.2 that runs our own flow, and leaves it to the test what is sent, as `ScriptedPeer` does. Here a
 * ChangeCipherSpec is a step like any other: what comes before it is not protected, and what comes behind it is.
 *
 * Hooks of its config must answer at once.
 */
export class Peer12 {
  /** Alerts that were received, by name. */
  readonly alerts: ReceivedAlertName[] = [];
  readonly steps: Step12[] = [];
  /** Why it talks no more. */
  failure: TlsAlert | undefined;
  readonly #data: Uint8Array[] = [];
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #runner: FlowRunner<Established>;
  #protection: WriteProtection | undefined;
  #output: Uint8Array[] = [];

  constructor(config: ClientConfig | ServerConfig, Io: IoClass = HandshakeIo) {
    const { limits, random, now } = config.settings;
    this.#records = new RecordLayer({ limits });
    this.#joiner = new HandshakeJoiner(limits.handshakeMessageBytes);
    const io = new Io(this.#port(random, now));
    this.#runner = new FlowRunner(
      config.role === "client" ? clientHandshake(config, io) : serverHandshake(config, io),
    );
    this.#runner.start();
  }

  /** Names of what the flow waits for; none when it waits for nothing. */
  get expected(): readonly string[] {
    if (this.#runner.awaitsChangeCipherSpec) return ["change_cipher_spec"];
    const { state } = this.#runner;
    if (state.is === "parked") throw new Error("a hook of a scripted peer has to answer at once");
    return state.is === "waiting" ? state.expected : [];
  }

  /** The outcome of its handshake, when it has ended. */
  get established(): Established | undefined {
    const { state } = this.#runner;
    return state.is === "done" ? state.value : undefined;
  }

  /** Application data that was received. */
  get data(): Uint8Array {
    return concatBytes(...this.#data);
  }

  /** What the flow wants to send next. */
  peek(): Step12 | undefined {
    return this.steps[0];
  }

  /** Sends it; gives its name. */
  play(): string {
    const { name, raw, protection } = this.#shift();
    if (raw === undefined) {
      this.sendPlaintextRecord(ContentType.change_cipher_spec, Uint8Array.of(CHANGE_CIPHER_SPEC));
      this.#protection = protection;
    } else {
      this.sendRecord(ContentType.handshake, raw);
    }
    return name;
  }

  /** Leaves it out; gives its name. Without ChangeCipherSpec there is no protection either. */
  skip(): string {
    return this.#shift().name;
  }

  /** Sends a record of any type and content, protected if writes are. */
  sendRecord(type: number, content: Uint8Array): void {
    const protection = this.#protection;
    if (protection === undefined) {
      this.sendPlaintextRecord(type, content);
      return;
    }
    const record = new Uint8Array(content.length + protection.overhead);
    this.#output.push(record.subarray(0, protection.seal(type, content, 0, record)));
  }

  /** Sends a record without protection, whatever the state. */
  sendPlaintextRecord(type: number, content: Uint8Array): void {
    const { length } = content;
    this.#output.push(concatBytes(Uint8Array.of(type, 3, 3, length >> 8, length & 0xff), content));
  }

  /** What was sent since the last call. */
  takeOutput(): Uint8Array {
    const output = concatBytes(...this.#output);
    this.#output = [];
    return output;
  }

  /** Reads `bytes` to the end, and lets the flow answer, unless it has failed. */
  receive(bytes: Uint8Array): void {
    if (this.failure !== undefined) return;
    this.#records.receive(bytes);
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof TlsAlert)) throw error;
      this.failure = error;
      this.steps.length = 0;
    }
  }

  /** @returns false when there is nothing more to read. */
  #step(): boolean {
    const message = this.#joiner.next();
    if (message !== undefined) {
      this.#runner.deliver(message);
      return true;
    }
    this.#records.changeCipherSpecPolicy = this.#runner.awaitsChangeCipherSpec ? "deliver" : "refuse";
    const record = this.#records.read();
    if (record === undefined) return false;
    const { type, fragment } = record;
    if (type === ContentType.handshake) this.#joiner.push(fragment);
    else if (type === ContentType.change_cipher_spec) this.#runner.deliver(undefined);
    else if (type === ContentType.alert) this.alerts.push(alertName(fragment[1] ?? 0));
    else this.#data.push(fragment.slice());
    return true;
  }

  #shift(): Step12 {
    const step = this.steps.shift();
    if (step === undefined) throw new Error("the flow wants to send nothing");
    return step;
  }

  #port(random: RecordPort["random"], now: RecordPort["now"]): RecordPort {
    const records = this.#records;
    const joiner = this.#joiner;
    const notHere = (): never => {
      throw new Error("this peer speaks TLS 1.2");
    };
    return {
      random,
      now,
      get isAligned() {
        return joiner.isAligned;
      },
      sendHandshake: (raw) => void this.steps.push({ name: nameOf(raw), raw: raw.slice() }),
      sendChangeCipherSpec: () => void this.steps.push({ name: "change_cipher_spec", raw: undefined }),
      protectReads12: (suite, keys, encryptThenMac) =>
        records.protectReads(readProtection12(suite, keys, { encryptThenMac })),
      protectWrites12: (suite, keys, encryptThenMac) => {
        const step = this.steps.at(-1);
        if (step?.name !== "change_cipher_spec") throw new Error("keys without ChangeCipherSpec");
        step.protection = writeProtection12(suite, keys, { encryptThenMac, random });
      },
      startVersion: (version) => version === "TLSv1.2" || notHere(),
      protectReads: notHere,
      protectWrites: notHere,
      earlyData: undefined,
      unprotectWrites: notHere,
      sendEarlyData: notHere,
      acceptEarlyData: notHere,
      lendEarlyExporter: notHere,
      allowChangeCipherSpec: () => undefined,
      skipEarlyData: () => undefined,
      limitReads: () => undefined,
      limitWrites: () => undefined,
      logSecret: () => undefined,
      runAside: (action) => void action(),
      keepError(error) {
        throw error;
      },
    };
  }
}

/** An engine, and a {@link Peer12} at the other end. */
export class Scene12 {
  readonly engine: TlsEngine;
  readonly peer: Peer12;
  /** What the engine has reported, `pending` left out. */
  readonly events: TlsEvent[] = [];

  /** The engine is what `subject` is for. */
  constructor(subject: ClientConfig | ServerConfig, peer: Peer12) {
    this.engine = subject.role === "client" ? TlsEngine.client(subject) : TlsEngine.server(subject);
    this.peer = peer;
    this.exchange();
  }

  /** The `closed` events. */
  get closed(): readonly Extract<TlsEvent, { type: "closed" }>["how"][] {
    return this.events.flatMap((event) => (event.type === "closed" ? [event.how] : []));
  }

  /** Takes everything that the engine has to say, and carries what both have sent. */
  exchange(): void {
    for (;;) {
      const fromPeer = this.peer.takeOutput();
      if (fromPeer.length > 0) this.engine.receive(fromPeer);
      this.#drain();
      const fromEngine = this.engine.takeOutput();
      if (fromEngine !== null) this.peer.receive(fromEngine);
      if (fromPeer.length === 0 && fromEngine === null) return;
    }
  }

  /** Sends a message of the test's own where the peer stands. */
  inject(raw: Uint8Array): void {
    this.injectRecord(ContentType.handshake, raw);
  }

  /** Sends a record as {@link inject} does. */
  injectRecord(type: number, content: Uint8Array): void {
    this.peer.sendRecord(type, content);
    this.exchange();
  }

  /** What the peer wants to send next is sent and answered; gives its name. */
  play(): string {
    const name = this.peer.play();
    this.exchange();
    return name;
  }

  playTimes(count: number): void {
    for (let i = 0; i < count; i++) this.play();
  }

  /** Plays everything that the peer wants to send. */
  playAll(): readonly string[] {
    const names: string[] = [];
    while (this.peer.peek() !== undefined) names.push(this.play());
    return names;
  }

  #drain(): void {
    for (;;) {
      const event = this.engine.nextEvent();
      if (event === NEED_DATA) return;
      if (event.type === "pending") throw new Error("the engine of a scene has hooks that answer at once");
      this.events.push(event.type === "data" ? { type: "data", data: event.data.slice() } : event);
    }
  }
}

/** The name of a message in TLS 1.2. */
function nameOf(raw: Uint8Array): HandshakeName {
  const name = handshakeName(raw);
  if (name === undefined) throw new Error(`a flow sends a message of type ${raw[0]}`);
  const of12 = `tls12_${name}`;
  // The table has it.
  return of12 in handshakeMessages ? (of12 as HandshakeName) : name;
}
