import { TlsAlert } from "../alert.ts";
import { HANDSHAKE_HEADER_LENGTH } from "../messages/handshake.ts";
import { ByteQueue } from "./queue.ts";

/** Joins the fragments of handshake records to messages. RFC 8446 §5.1. */
export class HandshakeJoiner {
  readonly #fragments = new ByteQueue();
  readonly #maxMessageLength: number;

  /** @param maxMessageLength the most bytes that a message may declare, its header not counted. */
  constructor(maxMessageLength: number) {
    this.#maxMessageLength = maxMessageLength;
  }

  /** Whether no byte is buffered, as keys may only change between messages that end with their record. RFC 8446 §5.1. */
  get isAligned(): boolean {
    return this.#fragments.length === 0;
  }

  /** Adds the fragment of the next handshake record, which is copied. */
  push(fragment: Uint8Array): void {
    this.#fragments.append(fragment);
  }

  /**
   * The next message with its header, which the caller owns; undefined when it is not here whole.
   *
   * @throws {TlsAlert} illegal_parameter for a message that declares more than is allowed, as soon as its header is here.
   */
  next(): Uint8Array | undefined {
    const { length } = this.#fragments;
    if (length < HANDSHAKE_HEADER_LENGTH) {
      if (length === 0) this.#fragments.rest();
      return undefined;
    }
    const messageLength = this.#messageLength();
    const declared = messageLength - HANDSHAKE_HEADER_LENGTH;
    if (declared > this.#maxMessageLength)
      throw new TlsAlert(
        "illegal_parameter",
        `handshake message of type ${this.#fragments.at(0)} and ${declared} bytes, allowed ${this.#maxMessageLength}`,
      );
    if (length < messageLength) return undefined;
    const message = this.#fragments.view(0, messageLength).slice();
    this.#fragments.consume(messageLength);
    return message;
  }

  /** Drops everything, and overwrites it with zeros. */
  wipe(): void {
    this.#fragments.wipe();
  }

  #messageLength(): number {
    const fragments = this.#fragments;
    return HANDSHAKE_HEADER_LENGTH + ((fragments.at(1) << 16) | (fragments.at(2) << 8) | fragments.at(3));
  }
}
