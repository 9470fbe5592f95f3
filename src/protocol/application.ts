import type { ProtocolSettings } from "./options.ts";
import type { Clock, Protocol, Transport } from "./transport.ts";
import { Watermarks } from "./watermarks.ts";

/** What an application has been told: that it is connected, that the peer has ended, that the connection is lost. */
export type AppState = "STATE_INIT" | "STATE_CON_MADE" | "STATE_EOF" | "STATE_CON_LOST";

/**
 * The application above TLS, and what it was told. Whatever TLS does, it hears `connectionMade` at most once, then data, at most
 * one `eofReceived`, and `connectionLost` exactly once, if it heard `connectionMade` at all.
 */
export class Application {
  #protocol: Protocol;
  #state: AppState;
  readonly #clock: Clock;
  readonly #writeLevel: Watermarks;
  readonly #onHookError: (error: unknown) => void;

  constructor(protocol: Protocol, settings: ProtocolSettings, onHookError: (error: unknown) => void) {
    this.#protocol = protocol;
    this.#state = settings.callConnectionMade ? "STATE_INIT" : "STATE_CON_MADE";
    this.#writeLevel = new Watermarks(settings.writeMarks.high, settings.writeMarks.low);
    this.#clock = settings.clock;
    this.#onHookError = onHookError;
  }

  get state(): AppState {
    return this.#state;
  }

  /** Whether it has heard `connectionMade`, and no `connectionLost`. */
  get isConnected(): boolean {
    return this.#state === "STATE_CON_MADE" || this.#state === "STATE_EOF";
  }

  /** From now on `protocol` is told. If the one before was paused, the pause is the new one's, so that pauses stay in pairs. */
  replace(protocol: Protocol): void {
    this.#protocol = protocol;
    if (this.isConnected && this.#writeLevel.isFull) this.#callHook(() => protocol.pauseWriting?.());
  }

  made(transport: Transport): void {
    if (this.#state !== "STATE_INIT") return;
    this.#state = "STATE_CON_MADE";
    this.#protocol.connectionMade(transport);
  }

  received(bytes: Uint8Array): void {
    this.#protocol.dataReceived(bytes);
  }

  /** @returns whether it wants to go on writing. */
  ended(): boolean {
    if (this.#state !== "STATE_CON_MADE") return false;
    this.#state = "STATE_EOF";
    return this.#protocol.eofReceived?.() === true;
  }

  /** Tells it, once the current call has returned. */
  lost(error: Error | null): void {
    if (!this.isConnected) return;
    this.#state = "STATE_CON_LOST";
    const protocol = this.#protocol;
    this.#clock.defer(() => protocol.connectionLost(error));
  }

  /** Pauses or resumes it, now that `length` bytes of it wait to be sent. */
  waits(length: number): void {
    if (!this.isConnected || !this.#writeLevel.update(length)) return;
    const protocol = this.#protocol;
    this.#callHook(
      this.#writeLevel.isFull ? () => protocol.pauseWriting?.() : () => protocol.resumeWriting?.(),
    );
  }

  #callHook(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      this.#onHookError(error);
    }
  }
}
