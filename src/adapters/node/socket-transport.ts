import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { runtimeClock } from "../../protocol/clock.ts";
import type { Clock, Protocol, Transport } from "../../protocol/transport.ts";

/** Time limits of {@link nodeTransport}. */
export interface NodeTransportOptions {
  /**
   * How long {@link Transport.close} waits for the peer to end its direction, and for each bit of progress with what is still to be
   * sent. Default: 30 000.
   */
  readonly closeTimeoutMs?: number;
  readonly clock?: Clock;
}

/**
 * Puts `protocol` on a socket, or on any other Duplex of bytes, which is the transport's from now on: it may be connecting still, and
 * bytes that wait in it (or were put back with `unshift()`) come first. `connectionMade` is called before this returns.
 *
 * What `protocol` throws ends the connection: `connectionLost` gets it.
 *
 * @throws {TypeError} when the stream carries strings or objects, or when somebody listens to its data already: the
 * two would share bytes that are meant for one.
 */
export function nodeTransport(
  stream: Duplex,
  protocol: Protocol,
  options: NodeTransportOptions = {},
): Transport {
  checkStream(stream);
  return new SocketTransport(stream, protocol, options);
}

class SocketTransport implements Transport {
  readonly info = null;
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #closeTimeoutMs: number;
  readonly #listeners: readonly (readonly [string, (argument: never) => void])[] = [
    ["data", (chunk: Uint8Array) => this.#receive(chunk)],
    ["end", () => this.#receiveEof()],
    ["drain", () => this.#resumeWriting()],
    ["finish", () => this.#destroyWhenBothEnded()],
    ["close", () => this.#finishClosing(new Error("the stream was destroyed"))],
  ];
  readonly #onError = (error: Error): void => this.#finishClosing(error);
  #protocol: Protocol;
  #isClosing = false;
  #isWriteEnded = false;
  #isReadEnded = false;
  #isWritingPaused = false;
  #isLost = false;
  /** What `connectionLost` gets, once that is settled. */
  #outcome: { readonly error: Error | null } | undefined;
  #closeTimer: unknown;
  #isReadingPaused = false;

  constructor(
    stream: Duplex,
    protocol: Protocol,
    { closeTimeoutMs = 30_000, clock = runtimeClock() }: NodeTransportOptions,
  ) {
    this.#stream = stream;
    this.#protocol = protocol;
    this.#clock = clock;
    this.#closeTimeoutMs = closeTimeoutMs;
    if (stream instanceof Socket) stream.setNoDelay(true);
    stream.allowHalfOpen = true;
    stream.on("error", this.#onError);
    for (const [event, listener] of this.#listeners) stream.on(event, listener as () => void);
    this.#guard(() => protocol.connectionMade(this));
    if (stream.destroyed) this.#destroy(new Error("the stream is destroyed already"));
    else if (stream.readableEnded) this.#clock.defer(() => this.#receiveEof());
    else if (!this.#isReadingPaused) stream.resume();
  }

  get isClosing(): boolean {
    return this.#isClosing || this.#isLost;
  }

  write(bytes: Uint8Array): void {
    if (this.#isWriteEnded || this.isClosing || bytes.length === 0) return;
    // The stream keeps what it is given, and the caller may use its buffer again.
    const isBelowHighWater = this.#stream.write(Uint8Array.prototype.slice.call(bytes));
    if (isBelowHighWater || this.#isWritingPaused) return;
    this.#isWritingPaused = true;
    this.#guard(() => this.#protocol.pauseWriting?.());
  }

  close(): void {
    if (this.isClosing) return;
    this.#isClosing = true;
    this.#endWriting();
    // The peer's end is behind whatever it has sent.
    this.#stream.resume();
    this.#armCloseTimer();
    this.#destroyWhenBothEnded();
  }

  closeWrite(): void {
    if (this.isClosing || this.#isWriteEnded) return;
    this.#endWriting();
    this.#destroyWhenBothEnded();
  }

  abort(error?: Error): void {
    this.#destroy(error ?? null);
  }

  pauseReading(): void {
    this.#isReadingPaused = true;
    if (!this.isClosing) this.#stream.pause();
  }

  resumeReading(): void {
    this.#isReadingPaused = false;
    if (!this.#stream.destroyed) this.#stream.resume();
  }

  setProtocol(protocol: Protocol): void {
    this.#protocol = protocol;
    // It will be told to resume, and the two are paired.
    if (this.#isWritingPaused) this.#guard(() => protocol.pauseWriting?.());
  }

  #endWriting(): void {
    this.#isWriteEnded = true;
    this.#stream.end();
  }

  #receive(chunk: Uint8Array): void {
    if (!this.isClosing) this.#guard(() => this.#protocol.dataReceived(chunk));
  }

  #receiveEof(): void {
    if (this.#isReadEnded || this.#isLost) return;
    this.#isReadEnded = true;
    if (!this.isClosing) {
      this.#guard(() => {
        if (this.#protocol.eofReceived?.() !== true) this.close();
      });
    }
    this.#destroyWhenBothEnded();
  }

  #resumeWriting(): void {
    if (!this.#isWritingPaused) return;
    this.#isWritingPaused = false;
    this.#guard(() => this.#protocol.resumeWriting?.());
  }

  #destroyWhenBothEnded(): void {
    if (this.#isReadEnded && this.#stream.writableFinished) this.#destroy(null);
  }

  #destroy(error: Error | null): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = { error };
    this.#isClosing = true;
    this.#stream.destroy();
    // Not every stream emits `close`, and whoever aborts is not called back before abort() has returned.
    this.#clock.defer(() => this.#lose());
  }

  #finishClosing(error: Error): void {
    // A peer that resets the connection when all has been said has still heard everything.
    const isOrderly = this.#stream.writableFinished && (this.#isReadEnded || this.#isClosing);
    this.#destroy(isOrderly ? null : error);
    this.#lose();
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#clock.clearTimeout(this.#closeTimer);
    for (const [event, listener] of this.#listeners) this.#stream.off(event, listener as () => void);
    // Until the stream has closed, an error must not become an uncaught exception.
    if (this.#stream.closed) this.#stream.off("error", this.#onError);
    else this.#stream.once("close", () => this.#stream.off("error", this.#onError));
    this.#protocol.connectionLost(this.#outcome?.error ?? null);
  }

  #armCloseTimer(): void {
    const { writableLength } = this.#stream;
    this.#closeTimer = this.#clock.setTimeout(() => {
      if (this.#stream.writableLength < writableLength) {
        this.#armCloseTimer();
        return;
      }
      const isSent = this.#stream.writableFinished;
      this.abort(
        isSent
          ? undefined
          : new Error(`${writableLength} bytes were not sent within ${this.#closeTimeoutMs} ms`),
      );
    }, this.#closeTimeoutMs);
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (cause) {
      this.abort(cause instanceof Error ? cause : new Error("the protocol threw no Error", { cause }));
    }
  }
}

function checkStream(stream: Duplex): void {
  if (stream.readableObjectMode || stream.writableObjectMode)
    throw new TypeError("the stream carries objects, not bytes");
  if (stream.readableEncoding !== null) throw new TypeError("the stream carries strings, not bytes");
  if (stream.listenerCount("data") > 0 || stream.listenerCount("readable") > 0) {
    throw new TypeError("somebody else listens to the data of this stream");
  }
}
