import { type AlertName, PeerAlert, TlsAlert } from "../alert.ts";
import type { ClientConfig } from "../config/client.ts";
import type { Limits } from "../config/limits.ts";
import { checkClientAuth, type ClientAuth, type ServerConfig } from "../config/server.ts";
import { NotTlsError, TruncationError } from "../errors.ts";
import { clientHandshake } from "../handshake/client.ts";
import type { ChannelBindings, ConnectionInfo, Established } from "../handshake/established.ts";
import { FlowRunner } from "../handshake/flow.ts";
import { HandshakeIo } from "../handshake/io.ts";
import { keepSession } from "../handshake/tickets13.ts";
import type { PostHandshakeEvents } from "../handshake/post.ts";
import { serverHandshake } from "../handshake/server.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import { AlertLevel } from "../messages/record.ts";
import { HandshakeJoiner } from "../record/joiner.ts";
import { type ReadRecord, RecordLayer } from "../record/layer.ts";
import type { Exporter } from "../schedule/exporter.ts";
import { type CloseReason, NEED_DATA, type TlsEvent } from "./events.ts";
import { Hooks } from "./hooks.ts";
import { type OpenConnection, openConnection } from "./open-connection.ts";
import { EnginePort } from "./port.ts";
import { readAlert } from "./received-alert.ts";
import { WriteHalf } from "./write-half.ts";

/** TLS on one connection, from its first byte to its last: records in, events out. `TlsEngine` puts plaintext around it. */
export class TlsConnection {
  readonly #records: RecordLayer;
  readonly #joiner: HandshakeJoiner;
  readonly #hooks: Hooks;
  readonly #port: EnginePort;
  readonly #io: HandshakeIo;
  readonly #limits: Limits;
  readonly #isAborting: () => boolean;
  readonly #notTlsKind: NotTlsError["kind"];
  readonly #postEvents: PostHandshakeEvents;
  readonly #events: TlsEvent[] = [];
  readonly #writer: WriteHalf;
  readonly #config: ClientConfig | ServerConfig;
  #runner: FlowRunner<Established>;
  #pending: Extract<TlsEvent, { readonly type: "pending" }> | undefined;
  #established: Established | undefined;
  #open: OpenConnection | undefined;
  #hasReadRecord = false;
  #isEof = false;
  #isReadOver = false;
  #isUnwrapping = false;
  #warningAlerts = 0;
  #messagesWithoutData = 0;

  /**
   * Starts the handshake: a client's first flight is output already.
   *
   * @param isAborting whether a hook has asked for the end, which will come as a call of {@link abort}.
   * @param earlyData what a client has to say before the handshake; owned.
   */
  constructor(
    config: ClientConfig | ServerConfig,
    notTlsKind: NotTlsError["kind"],
    isAborting: () => boolean,
    earlyData?: Uint8Array,
  ) {
    this.#isAborting = isAborting;
    const { settings } = config;
    this.#config = config;
    this.#limits = settings.limits;
    this.#notTlsKind = notTlsKind;
    this.#hooks = new Hooks(config);
    this.#records = new RecordLayer({ observer: this.#hooks, limits: settings.limits });
    this.#records.padding = settings.recordPadding;
    this.#writer = new WriteHalf(this.#records, this.#hooks, settings.limits.queuedWriteBytes);
    if (config.role === "client") this.#records.plaintextVersion = ProtocolVersion.TLSv1;
    this.#joiner = new HandshakeJoiner(settings.limits.handshakeMessageBytes);
    this.#port = new EnginePort(this.#records, this.#joiner, this.#hooks, config, isAborting, earlyData);
    this.#postEvents = {
      session: (session, index) => {
        this.#events.push({ type: "session", session });
        const established = this.#established;
        if (config.role === "client" && established?.version === "TLSv1.3")
          keepSession(config, this.#io, established, session, index);
      },
      keyUpdate: (direction, isAnswer) => {
        if (isAnswer) this.#messagesWithoutData--;
        // What is written behind the peer's close_notify renews keys too, and `closed` was the last event.
        if (!this.#isReadOver) this.#events.push({ type: "key-update", direction });
      },
      authenticated: ({ peer, verifier }) => {
        const established = this.#established;
        if (established === undefined) return;
        const info = { ...established.info, peer, peerSignatureScheme: verifier?.name ?? null };
        this.#established = { ...established, info };
        this.#events.push({ type: "client-authenticated", peer });
      },
      mayWrite: () => this.#writer.state === "open",
      sendWarning: (alert) => this.#writer.sendAlert(AlertLevel.warning, alert),
    };
    this.#io = new HandshakeIo(this.#port);
    this.#runner = new FlowRunner(
      config.role === "client" ? clientHandshake(config, this.#io) : serverHandshake(config, this.#io),
    );
    this.#guard(() => this.#runner.start());
  }

  get info(): ConnectionInfo | null {
    return this.#established?.info ?? null;
  }

  /** The secret behind exporters, once the handshake has ended. */
  get exporter(): Exporter | undefined {
    return this.#established?.exporter;
  }

  /** The secret behind early exporters, once early data was sent or is taken. */
  get earlyExporter(): Exporter | undefined {
    return this.#port.earlyExporter;
  }

  /** What an authentication can be bound to, once the handshake has ended. */
  get bindings(): ChannelBindings | undefined {
    return this.#established?.bindings;
  }

  get isReadOver(): boolean {
    return this.#isReadOver;
  }

  get writeState(): "handshake" | "open" | "closed" {
    return this.#writer.state;
  }

  get pendingOutput(): number {
    return this.#writer.pendingOutput;
  }

  /** Bytes received and not processed yet. */
  get pendingInput(): number {
    return this.#records.bufferedLength;
  }

  receive(bytes: Uint8Array): void {
    if (this.#isReadOver || this.#isEof) return;
    const limit = this.#limits.parkedInputBytes;
    if (this.#runner.isParked && this.#records.bufferedLength + bytes.length > limit) {
      this.#fail(
        new TlsAlert(
          "internal_error",
          `more than ${limit} bytes arrived while the handshake waits for a hook`,
        ),
      );
      return;
    }
    this.#records.receive(bytes);
  }

  receiveEof(): void {
    this.#isEof = true;
  }

  nextEvent(): TlsEvent | typeof NEED_DATA {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#isReadOver || this.#isAborting()) return NEED_DATA;
      try {
        const step = this.#step();
        if (step !== undefined) return step;
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  /** @returns false when the bytes were dropped, because the connection is over. */
  write(bytes: Uint8Array): boolean {
    switch (this.#writer.state) {
      case "closed":
        if (this.#isReadOver) return false;
        throw new TypeError("write() after closeWrite() or unwrap()");
      case "handshake":
        this.#writer.queue(bytes);
        return true;
      case "open":
        this.#guard(() => this.#writer.send(bytes));
        // A failure has closed it.
        return this.writeState === "open";
    }
  }

  /** Sends close_notify behind everything that was written. Reading goes on. */
  closeWrite(): void {
    this.#writer.close();
    if (this.#isReadOver && this.writeState === "closed") this.forget();
  }

  /** Ends TLS; when the peer has agreed, {@link takeUnread} has what it sent behind. */
  unwrap(): void {
    if (this.#established === undefined || this.#isReadOver)
      throw new TypeError("unwrap() needs a connection that is open");
    this.#isUnwrapping = true;
    this.closeWrite();
  }

  abort(alert: AlertName | undefined): void {
    if (this.#isReadOver && this.#writer.state === "closed") return;
    const alertSent = alert !== undefined && this.#writer.sendAlert(AlertLevel.fatal, alert) ? alert : null;
    this.#close({ kind: "aborted", alertSent });
  }

  updateKeys(requestPeer: boolean): void {
    if (this.#established === undefined || this.#writer.state !== "open")
      throw new TypeError("updateKeys() needs a connection that is open");
    const keys = this.#open?.trafficKeys;
    if (keys === undefined)
      throw new TypeError(`updateKeys() needs TLS 1.3, and this is ${this.#established.version}`);
    this.#guard(() => keys.update(requestPeer));
  }

  requestClientCertificate(given: ClientAuth | undefined): void {
    if (this.#established === undefined || this.#writer.state !== "open" || this.#isReadOver)
      throw new TypeError("requestClientCertificate() needs a connection that is open");
    const requests = this.#open?.requests;
    if (requests === undefined)
      throw new TypeError("requestClientCertificate() needs a client of TLS 1.3 that has offered it");
    const own = this.#config.role === "server" ? this.#config.clientAuth : undefined;
    const clientAuth = requests.check(checkClientAuth(given ?? own));
    this.#guard(() => {
      this.#open?.trafficKeys?.payUpdate();
      requests.send(clientAuth);
    });
  }

  takeOutput(max?: number): Uint8Array | null {
    return this.#writer.takeOutput(max);
  }

  /** Bytes behind the peer's close_notify. */
  takeUnread(): Uint8Array {
    return this.#records.takeUnread();
  }

  takeHookErrors(): readonly unknown[] {
    return this.#hooks.takeErrors();
  }

  /** One move forward. Undefined when it gave no event of its own. */
  #step(): TlsEvent | typeof NEED_DATA | undefined {
    if (this.#runner.isParked) return this.#resume();
    const message = this.#joiner.next();
    if (message !== undefined) {
      this.#receiveMessage(message);
      return undefined;
    }
    this.#checkFirstBytes();
    const record = this.#port.readRecord(this.#runner.awaitsChangeCipherSpec);
    if (record !== undefined) return this.#receiveRecord(record);
    if (!this.#isEof) return NEED_DATA;
    const during = this.#established === undefined ? "during the handshake" : "without close_notify";
    this.#close({ kind: "truncated", error: new TruncationError(`the transport ended ${during}`) });
    return undefined;
  }

  /** Goes on after the hook that the flow waits for, if it has answered. */
  #resume(): TlsEvent | undefined {
    const { state } = this.#runner;
    if (state.is === "parked" && !state.isSettled)
      return (this.#pending ??= { type: "pending", done: state.settled });
    this.#pending = undefined;
    this.#runner.resume();
    this.#finishHandshake();
    return undefined;
  }

  #checkFirstBytes(): void {
    if (this.#hasReadRecord) return;
    const first = this.#records.firstBytes(8);
    const [type] = first;
    if (type === undefined) return;
    if (type < ContentType.change_cipher_spec || type > ContentType.application_data + 1) {
      throw new NotTlsError(this.#notTlsKind, first);
    }
  }

  #receiveMessage(raw: Uint8Array): void {
    this.#hooks.handshake("read", raw);
    if (this.#established === undefined && this.#port.passesOver(raw)) return;
    if (this.#established !== undefined && this.#open?.requests?.hasAskedFor(raw) !== true)
      this.#countMessage();
    this.#runner.deliver(raw);
    this.#finishHandshake();
  }

  #countMessage(): void {
    const limit = this.#limits.postHandshakeMessages;
    if (++this.#messagesWithoutData > limit) {
      throw new TlsAlert(
        "unexpected_message",
        `more than ${limit} handshake messages without application data`,
      );
    }
  }

  #receiveRecord({ type, fragment }: ReadRecord): TlsEvent | undefined {
    this.#hasReadRecord = true;
    switch (type) {
      case ContentType.handshake:
        this.#joiner.push(fragment);
        return undefined;
      case ContentType.alert:
        this.#receiveAlert(fragment);
        return undefined;
      case ContentType.change_cipher_spec:
        this.#runner.deliver(undefined);
        this.#finishHandshake();
        return undefined;
      default:
        return this.#receiveData(fragment);
    }
  }

  #receiveData(data: Uint8Array): TlsEvent | undefined {
    const isEarly = this.#established === undefined;
    if (isEarly && !this.#port.takesEarlyData(data.length))
      throw new TlsAlert("unexpected_message", "application data during the handshake");
    if (!this.#joiner.isAligned)
      throw new TlsAlert("unexpected_message", "application data inside of a handshake message");
    if (this.#open?.requests?.isReceiving === true)
      throw new TlsAlert("unexpected_message", "application data between the messages of an authentication");
    if (data.length === 0) return undefined;
    if (isEarly) return { type: "early-data", data };
    this.#messagesWithoutData = 0;
    return { type: "data", data };
  }

  #receiveAlert(bytes: Uint8Array): void {
    this.#hooks.alert("read", bytes);
    const received = readAlert(bytes, this.#port.maySpeak("TLSv1.2"));
    if (received.means !== "failure" && !this.#joiner.isAligned) {
      throw new TlsAlert("unexpected_message", "an alert that is no error inside of a handshake message");
    }
    if (received.means !== "failure" && this.#open?.requests?.isReceiving === true) {
      throw new TlsAlert(
        "unexpected_message",
        "an alert that is no error between the messages of an authentication",
      );
    }
    switch (received.means) {
      case "close":
        this.#receiveCloseNotify();
        return;
      case "failure":
        if (this.#established === undefined) this.#io.fail();
        this.#close({ kind: "alert", alert: received.alert, error: new PeerAlert(received.alert) });
        return;
      case "warning":
        if (++this.#warningAlerts > this.#limits.warningAlerts) {
          throw new TlsAlert("unexpected_message", `more than ${this.#limits.warningAlerts} warning alerts`);
        }
        this.#events.push({ type: "warning-alert", alert: received.alert });
    }
  }

  #receiveCloseNotify(): void {
    if (this.#established === undefined) {
      this.#close({ kind: "alert", alert: "close_notify", error: new PeerAlert("close_notify") });
      return;
    }
    this.#isReadOver = true;
    if (this.#isUnwrapping) {
      this.#events.push({ type: "unwrapped" });
      return;
    }
    this.#events.push({ type: "closed", how: { kind: "clean" } });
    if (this.#writer.state === "closed") this.forget();
  }

  #finishHandshake(): void {
    const { state } = this.#runner;
    if (this.#established !== undefined || state.is !== "done") return;
    const established = state.value;
    this.#established = established;
    const open = openConnection(established, this.#config, this.#io, this.#port, this.#postEvents);
    this.#open = open;
    this.#runner = new FlowRunner(open.flow);
    this.#runner.start();
    this.#events.push({ type: "handshake-complete", info: established.info });
    const { earlyData } = this.#port;
    if (earlyData !== undefined && earlyData.length > 0 && !established.info.earlyDataAccepted)
      this.#events.push({ type: "early-data-rejected", data: earlyData });
    this.#writer.open(open.writeKeys);
  }

  /** Runs what only our own faults can make throw; those end the connection too. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The one place where an error becomes an alert. */
  #fail(cause: unknown): void {
    // The flow was given up on behalf of a hook, and abort() is about to be called.
    if (this.#isAborting()) return;
    if (cause instanceof NotTlsError) {
      this.#close({ kind: "error", error: cause, alertSent: null });
      return;
    }
    const error =
      cause instanceof TlsAlert
        ? cause
        : new TlsAlert("internal_error", "the handshake failed here", { cause });
    if (this.#established === undefined) this.#io.fail();
    const alertSent = this.#writer.sendAlert(AlertLevel.fatal, error.alert) ? error.alert : null;
    this.#close({ kind: "error", error, alertSent });
  }

  #close(how: CloseReason): void {
    const isReported = this.#isReadOver && !this.#isUnwrapping;
    this.#isReadOver = true;
    this.#writer.end();
    if (!isReported) this.#events.push({ type: "closed", how });
    this.forget();
  }

  /** Both directions are over: what is secret is wiped, what is to be sent is kept. */
  forget(): void {
    this.#writer.forget();
    this.#runner.abandon();
    this.#records.wipe();
    this.#joiner.wipe();
    this.#io.wipe();
    this.#pending = undefined;
  }
}
