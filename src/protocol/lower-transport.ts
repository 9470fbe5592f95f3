import type { TlsEngine } from "../engine/engine.ts";
import type { Transport } from "./transport.ts";

/** The transport below TLS: what TLS has asked of it, so that it is asked once. */
export class LowerTransport {
  #transport: Transport | undefined;
  #isReadingPaused = false;
  #isClosed = false;
  #isWriteClosed = false;
  /** Whether it takes no more bytes for now. */
  isWritingPaused = false;

  /** @param isReadingPaused whether its reading is paused already. */
  attach(transport: Transport, isReadingPaused: boolean): void {
    this.#transport = transport;
    this.#isReadingPaused = isReadingPaused;
  }

  get isAttached(): boolean {
    return this.#transport !== undefined;
  }

  get isClosing(): boolean {
    return this.#isClosed || this.#transport?.isClosing === true;
  }

  /** Hands it the output of `engine`, as far as it takes it. */
  send(engine: TlsEngine): void {
    while (!this.isWritingPaused && this.#sendOutput(engine));
  }

  /** Hands it all output, paused or not: the last thing it gets. */
  sendAll(engine: TlsEngine): void {
    while (this.#sendOutput(engine));
  }

  pauseReading(isPaused: boolean): void {
    if (this.#transport === undefined || isPaused === this.#isReadingPaused) return;
    this.#isReadingPaused = isPaused;
    if (isPaused) this.#transport.pauseReading();
    else this.#transport.resumeReading();
  }

  closeWrite(): void {
    if (this.#isWriteClosed) return;
    this.#isWriteClosed = true;
    this.#transport?.closeWrite();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Paused, it would not see the peer's end.
    this.pauseReading(false);
    this.#transport?.close();
  }

  abort(error?: Error): void {
    this.#isClosed = true;
    this.#transport?.abort(error);
  }

  #sendOutput(engine: TlsEngine): boolean {
    const output = this.#transport === undefined ? null : engine.takeOutput();
    if (output === null) return false;
    this.#transport?.write(output);
    return true;
  }
}
