import type { TlsEngine } from "../engine/engine.ts";
import type { CloseReason, TlsEvent } from "../engine/events.ts";
import { ConfigError, TimeoutError, TruncationError } from "../errors.ts";
import type { ConnectionInfo, PeerIdentity } from "../handshake/established.ts";
import { AppTransport } from "./app-transport.ts";
import type { Application } from "./application.ts";
import { Timer } from "./clock.ts";
import { joinData } from "./joined-data.ts";
import { LowerTransport } from "./lower-transport.ts";
import type { ProtocolSettings } from "./options.ts";
import { Pledge } from "./pledge.ts";
import { Pump } from "./pump.ts";
import { DriverControls } from "./tls-controls.ts";
import { Watermarks } from "./watermarks.ts";

/**
 * What stands between the application and the transport:
 *
 * - `UNWRAPPED`: nothing. Before `connectionMade`, in plaintext, and after the end.
 * - `DO_HANDSHAKE`: TLS is being set up. What the application writes waits.
 * - `WRAPPED`: TLS.
 * - `FLUSHING`: one side has closed, and the transport has not taken all our bytes yet. What arrives is still delivered.
 * - `SHUTDOWN`: all is sent, close_notify last. What arrives is dropped until the peer answers.
 */
export type WrapState = "UNWRAPPED" | "DO_HANDSHAKE" | "WRAPPED" | "FLUSHING" | "SHUTDOWN";

/**
 * Runs a {@link TlsEngine} between the transport below and the application above. Whatever happens ends in {@link pump}: read what there
 * is, send what there is, see how far the end has come. It never runs inside of itself, so that an application may call anything from
 * any callback, and gets no callback from inside of its own calls but `pauseWriting` and `resumeWriting`.
 */
export class TlsDriver {
  readonly engine: TlsEngine;
  readonly settings: ProtocolSettings;
  readonly app: Application;
  readonly appTransport = new AppTransport(this);
  readonly controls = new DriverControls(this);
  readonly lower = new LowerTransport();
  state: WrapState = "UNWRAPPED";
  handshake = new Pledge<ConnectionInfo>();
  /** Set while `unwrap()` waits for the peer. */
  unwrapping: Pledge<void> | undefined;
  /** Set while a request for the client's certificate has no answer. */
  authenticating: Pledge<PeerIdentity> | undefined;
  /** Whether the connection is lost, or given up. */
  isOver = false;
  /** Whether the peer has ended its direction. */
  isReadOver = false;
  /** Whether the application has ended its direction. */
  isWriteOver = false;
  isAppPaused = false;
  /** Bytes that the engine keeps until the handshake has ended. */
  queuedLength = 0;
  readonly #readLevel: Watermarks;
  readonly #handshakeTimer: Timer;
  readonly #shutdownTimer: Timer;
  #isTls = false;
  /** What the handshake waits for. */
  #parkedOn: Promise<void> | undefined;
  /** What came behind data, and is due when the application has had them. */
  #nextEvent: TlsEvent | undefined;
  #loss: { readonly error: Error | null } | undefined;
  readonly #pump: Pump;

  constructor(engine: TlsEngine, settings: ProtocolSettings, app: Application) {
    this.engine = engine;
    this.settings = settings;
    this.app = app;
    this.#readLevel = new Watermarks(settings.readMarks.high, settings.readMarks.low);
    this.#handshakeTimer = new Timer(settings.clock);
    this.#shutdownTimer = new Timer(settings.clock);
    this.#pump = new Pump(settings.clock, () => this.#goRound());
  }

  /** Whether the connection is open, and TLS is off. */
  get isPlaintext(): boolean {
    return this.state === "UNWRAPPED" && this.lower.isAttached && !this.isOver;
  }

  /** Whether {@link startShutdown} has been called. */
  get isShuttingDown(): boolean {
    return this.state === "FLUSHING" || this.state === "SHUTDOWN";
  }

  /** Reads and sends what there is, and goes on towards the end. */
  pump(): void {
    this.#pump.run();
  }

  /** Pumps soon. */
  planPump(): void {
    this.#pump.plan();
  }

  /** Does what the application asks for, and sends what comes of it, without a callback for what arrives meanwhile. */
  request(action: () => void): void {
    this.#pump.hold(() => {
      action();
      this.#send();
    });
  }

  /** {@link request}, and what follows from it; behind what was received before, if that is not delivered yet. */
  requestAndGoOn(action: () => void): void {
    this.request(action);
    this.#pump.runUnlessPlanned();
  }

  startHandshake(): void {
    this.#isTls = true;
    this.state = "DO_HANDSHAKE";
    const limitMs = this.settings.handshakeTimeoutMs;
    this.#handshakeTimer.start(limitMs, () => this.abort(new TimeoutError("handshake", limitMs)));
  }

  startShutdownTimer(): void {
    const limitMs = this.settings.shutdownTimeoutMs;
    this.#shutdownTimer.start(limitMs, () => this.abort(new TimeoutError("shutdown", limitMs)));
  }

  /** Ends our direction for good, and with the peer's end the connection. */
  startShutdown(): void {
    this.engine.closeWrite();
    this.state = "FLUSHING";
    this.isWriteOver = true;
    this.startShutdownTimer();
  }

  /** Drops the connection. */
  abort(error?: Error): void {
    if (this.isOver) return;
    this.#end(error ?? null);
    this.lower.abort(error);
  }

  /** The transport is gone; what it has delivered before is still read. */
  lose(error: Error | null): void {
    if (this.isOver) return;
    this.lower.isWritingPaused = true;
    this.#loss = { error };
    this.pump();
  }

  reportHookError(error: unknown): void {
    const { onHookError, clock } = this.settings;
    try {
      onHookError?.(error);
    } catch (thrown) {
      // There is nobody left to tell but the runtime, and it must not be told in the middle of a connection's work.
      clock.defer(() => {
        throw thrown;
      });
    }
  }

  /** What the pump does once. */
  #goRound(): void {
    try {
      if (this.isPlaintext) this.app.made(this.appTransport);
      this.#readEvents();
    } catch (error) {
      this.#failForApp(error);
    }
    if (this.#loss !== undefined && !this.isOver) this.#end(this.#loss.error ?? this.#faultOfSilentLoss());
    this.#send();
    this.#advance();
    this.#controlReading();
  }

  #readEvents(): void {
    while (this.#isReading) {
      const event = this.#nextEvent ?? this.engine.nextEvent();
      this.#nextEvent = undefined;
      // A hook that the engine has called may have ended the connection.
      if (typeof event === "symbol" || this.isOver) return;
      if (event.type === "pending") {
        this.#park(event.done);
        return;
      }
      this.#receive(event);
    }
  }

  /** While the application is paused, what it would get stays in the engine, unread. */
  get #isReading(): boolean {
    if (this.isOver || !this.lower.isAttached) return false;
    return !this.isAppPaused || this.state === "DO_HANDSHAKE" || this.state === "SHUTDOWN";
  }

  #receive(event: Exclude<TlsEvent, { readonly type: "pending" }>): void {
    switch (event.type) {
      case "data":
        this.#receiveData(event.data);
        return;
      case "handshake-complete":
        this.#finishHandshake(event.info);
        return;
      case "session":
        this.#callHook(() => this.settings.onSession?.(event.session));
        return;
      case "client-authenticated":
        this.#callHook(() => this.settings.onClientAuthenticated?.(event.peer));
        this.authenticating?.resolve(event.peer);
        this.authenticating = undefined;
        return;
      case "key-update":
      case "warning-alert":
        return;
      case "early-data":
        this.#handOver("onEarlyData", event.data.slice());
        return;
      case "early-data-rejected":
        this.#handOver("onEarlyDataRejected", event.data);
        return;
      case "unwrapped":
        this.#returnToPlaintext();
        return;
      case "closed":
        this.#receiveClosed(event.how);
        return;
      default:
        event satisfies never;
    }
  }

  /** An engine that was given, not made here, may have early data that nobody takes: the connection ends rather than lose it. */
  #handOver(callback: "onEarlyData" | "onEarlyDataRejected", data: Uint8Array): void {
    const take = this.settings[callback];
    if (take === undefined) throw new ConfigError(callback, take, "a function, as there is early data");
    take(data);
  }

  #callHook(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.reportHookError(error);
    }
  }

  /** The client has not answered, and will not. */
  #giveUpAuthenticating(reason: Error): void {
    this.authenticating?.reject(reason);
    this.authenticating = undefined;
  }

  #receiveData(first: Uint8Array): void {
    // What a peer had sent before it saw our close_notify is no fault of its own, and nobody wants it any more.
    if (this.state === "SHUTDOWN") return;
    const { bytes, next } = joinData(this.engine, first, this.settings.maxRead);
    this.#nextEvent = next;
    if (!this.isOver) this.app.received(bytes);
  }

  #finishHandshake(info: ConnectionInfo): void {
    this.#handshakeTimer.cancel();
    this.state = "WRAPPED";
    this.queuedLength = 0;
    this.handshake.resolve(info);
    this.app.made(this.appTransport);
  }

  #returnToPlaintext(): void {
    this.#isTls = false;
    this.handshake = new Pledge();
    this.#giveUpAuthenticating(new Error("TLS was taken off before the client has answered"));
    if (this.state === "WRAPPED") {
      this.state = "UNWRAPPED";
      this.isWriteOver = false;
      this.#shutdownTimer.cancel();
    }
    this.unwrapping?.resolve();
    this.unwrapping = undefined;
  }

  #receiveClosed(how: CloseReason): void {
    switch (how.kind) {
      case "alert":
      case "error":
        this.#fail(how.error);
        return;
      case "aborted":
        this.#fail(new Error("the engine was aborted"));
        return;
      case "truncated":
        if (this.state === "DO_HANDSHAKE" || (this.settings.eof === "strict" && !this.isShuttingDown)) {
          this.#fail(how.error);
          return;
        }
        break;
      case "clean":
    }
    this.isReadOver = true;
    this.#giveUpAuthenticating(new Error("the client has ended before it has answered"));
    // Once we have closed, a peer that goes without an answer takes nothing away from anyone.
    if (this.state === "SHUTDOWN" || (this.state === "FLUSHING" && how.kind === "truncated")) return;
    const wantsToWrite = this.app.ended() && this.settings.halfClose && how.kind === "clean";
    if (this.isOver || this.isShuttingDown || (wantsToWrite && !this.isWriteOver)) return;
    this.startShutdown();
  }

  #park(done: Promise<void>): void {
    if (this.#parkedOn === done) return;
    this.#parkedOn = done;
    void done.then(() => {
      this.#parkedOn = undefined;
      this.pump();
    });
  }

  #send(): void {
    if (this.isOver) return;
    this.lower.send(this.engine);
    this.#reportEngineHookErrors();
    this.app.waits(this.engine.pendingOutput + this.queuedLength);
  }

  /** Goes from one state of the end to the next, as far as what is sent and received allows. */
  #advance(): void {
    if (this.isOver || this.engine.pendingOutput > 0) return;
    if (this.state === "FLUSHING") {
      this.state = "SHUTDOWN";
      this.#pump.run();
    }
    if (this.state === "SHUTDOWN" && (this.isReadOver || !this.#isTls)) {
      this.#shutdownTimer.cancel();
      this.lower.close();
    } else if (this.isPlaintext && this.isWriteOver) {
      this.lower.closeWrite();
    }
  }

  #controlReading(): void {
    if (this.isOver || !this.lower.isAttached) return;
    this.#readLevel.update(this.engine.pendingInput);
    this.lower.pauseReading(this.#parkedOn !== undefined || (!this.#isReading && this.#readLevel.isFull));
  }

  /** A callback of the application has thrown: to the peer that is our fault, to the application the reason of the loss. */
  #failForApp(thrown: unknown): void {
    if (this.isOver) {
      this.reportHookError(thrown);
      return;
    }
    this.engine.abort("internal_error");
    this.#fail(
      thrown instanceof Error ? thrown : new Error("the application has thrown no Error", { cause: thrown }),
    );
  }

  /** Ends the connection because of `fault`. What is to be sent, an alert at its end, goes out before the transport closes. */
  #fail(fault: Error): void {
    this.lower.sendAll(this.engine);
    if (this.isOver) return;
    this.#end(fault);
    this.lower.close();
  }

  #end(fault: Error | null): void {
    this.isOver = true;
    this.state = "UNWRAPPED";
    this.#handshakeTimer.cancel();
    this.#shutdownTimer.cancel();
    this.engine.abort();
    this.#reportEngineHookErrors();
    const rejection = fault ?? new Error("the connection was closed");
    this.handshake.reject(rejection);
    this.unwrapping?.reject(rejection);
    this.#giveUpAuthenticating(rejection);
    this.app.lost(fault);
  }

  /** The transport is gone, and says no reason. That is orderly only if the peer, or we, had said the end. */
  #faultOfSilentLoss(): Error | null {
    if (this.state === "DO_HANDSHAKE")
      return new TruncationError("the transport was lost during the handshake");
    if (this.state !== "WRAPPED" || this.isReadOver || this.settings.eof === "tolerant") return null;
    if (this.#nextEvent?.type === "closed" && this.#nextEvent.how.kind === "clean") return null;
    return new TruncationError("the transport was lost without close_notify");
  }

  #reportEngineHookErrors(): void {
    for (const error of this.engine.takeHookErrors()) this.reportHookError(error);
  }
}
