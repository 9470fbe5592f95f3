import { concatBytes } from "../bytes.ts";
import type { Hash, RunningHash } from "../crypto/provider.ts";
import { HandshakeType } from "../messages/codepoints.ts";

/**
 * The handshake messages so far, and their hash. RFC 8446 §4.4.1.
 *
 * The hash is that of the cipher suite, which only the ServerHello (or HelloRetryRequest) tells. Messages are kept up to
 * the first {@link digest}, which hashes and forgets them; before it, {@link digestWith} looks ahead. What
 * {@link retain} is called for is kept longer.
 */
export class Transcript {
  #hash: Hash | undefined;
  #kept: Uint8Array[] = [];
  #running: RunningHash | undefined;
  #retains = false;

  /** Adds a whole message with its header, as it was on the wire. The bytes are copied. */
  add(message: Uint8Array): void {
    if (this.#running === undefined || this.#retains) this.#kept.push(message.slice());
    this.#running?.update(message);
  }

  /**
   * Says the suite's hash. Once more with the same hash does nothing.
   * @throws {TypeError} when another hash was given before.
   */
  start(hash: Hash): void {
    if (this.#hash !== undefined && this.#hash.name !== hash.name) {
      throw new TypeError(`the transcript has been started with ${this.#hash.name}, not ${hash.name}`);
    }
    this.#hash = hash;
  }

  /**
   * A transcript that goes on from here by itself: that of an authentication behind the handshake. RFC 8446 §4.4.1.
   * @throws {TypeError} before the first {@link digest}.
   */
  fork(): Transcript {
    if (this.#running === undefined) throw new TypeError("the transcript has not been hashed yet");
    const fork = new Transcript();
    fork.#hash = this.#hash;
    fork.#running = this.#running.clone();
    return fork;
  }

  /** The hash that {@link start} was given, or undefined before it. */
  get hash(): Hash | undefined {
    return this.#hash;
  }

  /**
   * Replaces everything so far, which is the first ClientHello, by a synthetic `message_hash` message. To be called
   * before the HelloRetryRequest is added. RFC 8446 §4.4.1.
   *
   * @throws {TypeError} before {@link start}, and after the first {@link digest}: a HelloRetryRequest cannot come then.
   */
  replaceByMessageHash(): void {
    const hash = this.#started();
    const clientHelloHash = this.digestWith(hash);
    const header = Uint8Array.of(HandshakeType.message_hash, 0, 0, hash.outputLength);
    this.#kept = [concatBytes(header, clientHelloHash)];
  }

  /** Transcript-Hash of the messages so far; the caller owns it. @throws {TypeError} before {@link start}. */
  digest(): Uint8Array {
    if (this.#running === undefined) {
      this.#running = this.#started().start();
      for (const message of this.#kept) this.#running.update(message);
      if (!this.#retains) this.#kept = [];
    }
    return this.#running.digest();
  }

  /**
   * Keeps all messages, also after they have been hashed, until {@link release}: the CertificateVerify of TLS 1.2 signs
   * the messages themselves, under a hash that need not be the suite's. RFC 5246 §7.4.8.
   *
   * @throws {TypeError} after the first {@link digest}, which has forgotten them.
   */
  retain(): void {
    if (this.#running !== undefined && !this.#retains) {
      throw new TypeError("the messages of the transcript have been forgotten");
    }
    this.#retains = true;
  }

  /** All messages so far, one after another; the caller owns them. @throws {TypeError} unless {@link retain} keeps them. */
  messages(): Uint8Array {
    if (!this.#retains) throw new TypeError("the messages of the transcript are not retained");
    return concatBytes(...this.#kept);
  }

  /** Ends what {@link retain} has begun; without it, does nothing. */
  release(): void {
    this.#retains = false;
    if (this.#running !== undefined) this.#kept = [];
  }

  /**
   * Transcript-Hash under `hash` of the messages so far and `next`, which is not added.
   *
   * For what comes before the ServerHello and is hashed as a PSK asks for: binders, with the truncated ClientHello as
   * `next` (RFC 8446 §4.2.11.2), and early secrets (§7.1).
   *
   * @throws {TypeError} after the first {@link digest}, and for another hash than the one given to {@link start}.
   */
  digestWith(hash: Hash, next: Uint8Array = new Uint8Array()): Uint8Array {
    if (this.#running !== undefined) throw new TypeError("the messages of the transcript have been hashed");
    if (this.#hash !== undefined) this.start(hash);
    const ahead = hash.start();
    for (const message of this.#kept) ahead.update(message);
    ahead.update(next);
    return ahead.digest();
  }

  #started(): Hash {
    if (this.#hash === undefined) throw new TypeError("the transcript has not been started");
    return this.#hash;
  }
}
