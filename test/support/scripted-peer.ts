import { alertName, type ReceivedAlertName } from "../../src/alert.ts";
import { concatBytes } from "../../src/bytes.ts";
import { clientHandshake } from "../../src/handshake/client.ts";
import type { Established, Established13 } from "../../src/handshake/established.ts";
import { FlowRunner } from "../../src/handshake/flow.ts";
import { HandshakeIo, type RecordPort } from "../../src/handshake/io.ts";
import { serverHandshake } from "../../src/handshake/server.ts";
import {
  type ClientConfig,
  ContentType,
  HandshakeType,
  NEED_DATA,
  type ServerConfig,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";
import { describeHandshake, encodeHandshake } from "../../src/messages/handshake.ts";
import { CHANGE_CIPHER_SPEC } from "../../src/messages/record.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import { RecordLayer } from "../../src/record/layer.ts";
import { ReadProtection13, type WriteProtection, WriteProtection13 } from "../../src/record/protection.ts";
import { readProtection12, writeProtection12 } from "../../src/record/protection12.ts";
import type { TrafficSecret } from "../../src/schedule/traffic.ts";

/** Something that a flow wants done, and that a test does when it likes. */
export type Step =
  | { readonly do: "send"; readonly name: string; readonly raw: Uint8Array }
  | { readonly do: "change_cipher_spec" }
  | { readonly do: "limit writes"; readonly recordSizeLimit: number }
  | { readonly do: "protect writes"; readonly protection: WriteProtection };

/**
 * One side of a connection that runs our own flow, and leaves it to the test which of its messages are sent, and what is
 * sent besides: at any point, protected as it should be there. It reads at once, whatever it was told to hold back.
 *
 * Hooks of its config must answer at once.
 */
export class ScriptedPeer {
  /** What the flow has decided to do and was not done yet. */
  readonly steps: Step[] = [];
  /** Alerts that were received, by name. */
  readonly alerts: ReceivedAlertName[] = [];
  /** Handshake messages that came after the handshake. */
  readonly laterMessages: Uint8Array[] = [];
  readonly #data: Uint8Array[] = [];
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #runner: FlowRunner<Established>;
  #protection: WriteProtection | undefined;
  #recordSizeLimit = 2 ** 14 + 1;
  #dropsChangeCipherSpec = false;
  #output: Uint8Array[] = [];
  #readSecret: TrafficSecret | undefined;
  #writeSecret: TrafficSecret | undefined;

  constructor(config: ClientConfig | ServerConfig) {
    const { limits, random, now } = config.settings;
    this.#records = new RecordLayer({ limits });
    this.#joiner = new HandshakeJoiner(limits.handshakeMessageBytes);
    const io = new HandshakeIo(this.#port(random, now));
    this.#runner = new FlowRunner(
      config.role === "client" ? clientHandshake(config, io) : serverHandshake(config, io),
    );
    this.#runner.start();
  }

  /** Names of the messages that the flow waits for, ChangeCipherSpec among them; none when it waits for nothing. */
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

  /** The next message that the flow wants to send. What stands before it is done. */
  peek(): Extract<Step, { readonly do: "send" }> | undefined {
    for (;;) {
      const [step] = this.steps;
      if (step === undefined || step.do === "send") return step;
      this.#do(step);
      this.steps.shift();
    }
  }

  /** Sends the next message; gives its name. */
  play(): string {
    const step = this.peek();
    if (step === undefined) throw new Error("the flow of the scripted peer wants to send nothing");
    this.steps.shift();
    this.send(step.raw);
    this.peek();
    return step.name;
  }

  /** Leaves out the next message; gives its name. */
  skip(): string {
    const step = this.peek();
    if (step === undefined) throw new Error("the flow of the scripted peer wants to send nothing");
    this.steps.shift();
    this.peek();
    return step.name;
  }

  /** Sends a whole handshake message, in records of its own, under the keys of the last step that was done. */
  send(raw: Uint8Array): void {
    const limit = this.#protection?.contentLimit(this.#recordSizeLimit) ?? 2 ** 14;
    for (let start = 0; start < raw.length; start += limit) {
      this.sendRecord(ContentType.handshake, raw.subarray(start, start + limit));
    }
  }

  /** Sends a record of any type and content, protected if writes are. `paddingLength` zeros go behind a protected one of TLS 1.3. */
  sendRecord(type: number, content: Uint8Array, paddingLength = 0): void {
    if (this.#protection === undefined) {
      this.sendPlaintextRecord(type, content);
      return;
    }
    const record = new Uint8Array(content.length + paddingLength + this.#protection.overhead);
    const length = this.#protection.seal(type, content, paddingLength, record);
    this.#output.push(record.subarray(0, length));
  }

  /** Sends a record without protection, whatever the state. */
  sendPlaintextRecord(type: number, content: Uint8Array): void {
    const { length } = content;
    this.sendBytes(concatBytes(Uint8Array.of(type, 3, 3, length >> 8, length & 0xff), content));
  }

  /** Sends bytes that need not be a record. */
  sendBytes(bytes: Uint8Array): void {
    this.#output.push(bytes);
  }

  /** Sends a KeyUpdate, and goes on under the next keys. Only after a handshake of TLS 1.3. */
  updateKeys(requestUpdate: 0 | 1): void {
    const { suite } = this.#open();
    this.send(encodeHandshake("key_update", { requestUpdate }));
    this.#writeSecret = this.#open().write.next();
    this.#protection = new WriteProtection13(suite, this.#writeSecret.trafficKeys(suite.aead));
  }

  /** What was sent since the last call. */
  takeOutput(): Uint8Array {
    const output = concatBytes(...this.#output);
    this.#output = [];
    return output;
  }

  /** Reads `bytes` to the end, and lets the flow answer. What it throws, this throws. */
  receive(bytes: Uint8Array): void {
    this.#records.receive(bytes);
    for (;;) {
      const message = this.#joiner.next();
      if (message !== undefined) {
        this.#receiveMessage(message);
        continue;
      }
      this.#records.changeCipherSpecPolicy = this.#changeCipherSpecPolicy();
      const record = this.#records.read();
      if (record === undefined) return;
      const { type, fragment } = record;
      if (type === ContentType.handshake) this.#joiner.push(fragment);
      else if (type === ContentType.change_cipher_spec) this.#runner.deliver(undefined);
      else if (type === ContentType.alert) this.alerts.push(alertName(fragment[1] ?? 0));
      else this.#data.push(fragment.slice());
    }
  }

  #changeCipherSpecPolicy(): RecordLayer["changeCipherSpecPolicy"] {
    if (this.#runner.awaitsChangeCipherSpec) return "deliver";
    return this.#dropsChangeCipherSpec ? "drop" : "refuse";
  }

  #receiveMessage(message: Uint8Array): void {
    if (this.#runner.state.is !== "done") {
      this.#runner.deliver(message);
      return;
    }
    this.laterMessages.push(message);
    if (message[0] !== HandshakeType.key_update) return;
    const { suite, read } = this.#open();
    this.#readSecret = read.next();
    this.#records.protectReads(new ReadProtection13(suite, this.#readSecret.trafficKeys(suite.aead)));
  }

  #open(): {
    readonly suite: Established13["suite"];
    readonly read: TrafficSecret;
    readonly write: TrafficSecret;
  } {
    const { established } = this;
    if (established === undefined) throw new Error("the handshake of the scripted peer has not ended");
    if (established.version === "TLSv1.2") throw new Error("TLS 1.2 has no traffic secrets");
    return {
      suite: established.suite,
      read: this.#readSecret ?? established.readSecret,
      write: this.#writeSecret ?? established.writeSecret,
    };
  }

  #do(step: Exclude<Step, { readonly do: "send" }>): void {
    switch (step.do) {
      case "change_cipher_spec":
        this.sendPlaintextRecord(ContentType.change_cipher_spec, Uint8Array.of(CHANGE_CIPHER_SPEC));
        return;
      case "limit writes":
        this.#recordSizeLimit = step.recordSizeLimit;
        return;
      case "protect writes":
        this.#protection = step.protection;
    }
  }

  #protectWrites(protection: WriteProtection): void {
    this.steps.push({ do: "protect writes", protection });
  }

  #port(random: RecordPort["random"], now: RecordPort["now"]): RecordPort {
    const records = this.#records;
    const joiner = this.#joiner;
    const notScripted = (): never => {
      throw new Error("this peer has no early data");
    };
    return {
      random,
      now,
      get isAligned() {
        return joiner.isAligned;
      },
      sendHandshake: (raw) => {
        this.steps.push({ do: "send", name: describeHandshake(raw), raw: raw.slice() });
      },
      sendChangeCipherSpec: () => this.steps.push({ do: "change_cipher_spec" }),
      protectReads: (suite, secret, stage) =>
        records.protectReads(new ReadProtection13(suite, secret.trafficKeys(suite.aead)), {
          plaintextAlertAllowed: stage === "handshake",
        }),
      // The secret may be wiped when its turn has come.
      protectWrites: (suite, secret) =>
        this.#protectWrites(new WriteProtection13(suite, secret.trafficKeys(suite.aead))),
      earlyData: undefined,
      unprotectWrites: notScripted,
      sendEarlyData: notScripted,
      acceptEarlyData: notScripted,
      lendEarlyExporter: notScripted,
      protectReads12: (suite, keys, encryptThenMac) =>
        records.protectReads(readProtection12(suite, keys, { encryptThenMac })),
      protectWrites12: (suite, keys, encryptThenMac) =>
        this.#protectWrites(writeProtection12(suite, keys, { encryptThenMac, random })),
      startVersion: (version) => {
        if (version === "TLSv1.2") this.#dropsChangeCipherSpec = false;
      },
      allowChangeCipherSpec: () => {
        this.#dropsChangeCipherSpec = true;
      },
      skipEarlyData: () => undefined,
      limitReads: () => undefined,
      limitWrites: (recordSizeLimit) => this.steps.push({ do: "limit writes", recordSizeLimit }),
      logSecret: () => undefined,
      runAside: (action) => {
        action();
      },
      keepError(error) {
        throw error;
      },
    };
  }
}

/** An engine, and a scripted peer at the other end. */
export class Scene {
  readonly engine: TlsEngine;
  readonly peer: ScriptedPeer;
  /** What the engine has reported, `pending` left out. */
  readonly events: TlsEvent[] = [];

  /** The engine is what `subject` is for, and speaks TLS from its first byte. */
  constructor(subject: ClientConfig | ServerConfig, peer: ClientConfig | ServerConfig) {
    if (subject.role === peer.role) throw new Error(`two sides are ${peer.role}`);
    this.engine = subject.role === "client" ? TlsEngine.client(subject) : TlsEngine.server(subject);
    this.peer = new ScriptedPeer(peer);
    this.exchange();
  }

  /** The `closed` events. */
  get closed(): readonly Extract<TlsEvent, { type: "closed" }>["how"][] {
    return this.events.flatMap((event) => (event.type === "closed" ? [event.how] : []));
  }

  /** Takes everything that the engine has to say, and carries what both have sent. */
  exchange(): void {
    for (;;) {
      this.#drain();
      const fromPeer = this.peer.takeOutput();
      if (fromPeer.length > 0) this.engine.receive(fromPeer);
      this.#drain();
      const fromEngine = this.engine.takeOutput();
      if (fromEngine !== null) this.peer.receive(fromEngine);
      if (fromPeer.length === 0 && fromEngine === null) return;
    }
  }

  /** Sends a message of the test's own, under the keys that the peer's next message would have. */
  inject(raw: Uint8Array): void {
    this.peer.peek();
    this.peer.send(raw);
    this.exchange();
  }

  /** Sends a record as {@link inject} does. */
  injectRecord(type: number, content: Uint8Array): void {
    this.peer.peek();
    this.peer.sendRecord(type, content);
    this.exchange();
  }

  /** The peer's next message is sent and answered; gives its name. */
  play(): string {
    const name = this.peer.play();
    this.exchange();
    return name;
  }

  /** Plays as many messages. */
  playTimes(count: number): void {
    for (let i = 0; i < count; i++) this.play();
  }

  /** Plays everything that the peer wants to send. */
  playAll(): readonly string[] {
    const names: string[] = [];
    while (this.peer.peek() !== undefined) names.push(this.play());
    this.exchange();
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
