import { AlertDescription, type AlertName } from "../alert.ts";
import { concatBytes } from "../bytes.ts";
import type { WriteKeys } from "../handshake/post.ts";
import { ContentType } from "../messages/codepoints.ts";
import { AlertLevel } from "../messages/record.ts";
import type { RecordLayer } from "../record/layer.ts";
import type { Hooks } from "./hooks.ts";
import { WriteQueue } from "./write-queue.ts";

/** Before a write of this many bytes, the key must have {@link RECORDS_PER_SLICE} records left. */
const WRITE_SLICE = 2 ** 14;
/** Records that a slice may take at the smallest record_size_limit, with room to spare. */
const RECORDS_PER_SLICE = 512;

/** What we write on a connection: queued during the handshake, sealed afterwards, ended by close_notify or an alert. */
export class WriteHalf {
  readonly #records: RecordLayer;
  readonly #hooks: Hooks;
  readonly #queue: WriteQueue;
  #state: "handshake" | "open" | "closed" = "handshake";
  #closesWhenOpen = false;
  #keys: WriteKeys | undefined;
  /** Output that is left when the record layer is gone. */
  #lastOutput: Uint8Array | null = null;

  /** @param queueLimit bytes that may be written before the handshake has ended. */
  constructor(records: RecordLayer, hooks: Hooks, queueLimit: number) {
    this.#records = records;
    this.#hooks = hooks;
    this.#queue = new WriteQueue(queueLimit);
  }

  get state(): "handshake" | "open" | "closed" {
    return this.#state;
  }

  get pendingOutput(): number {
    return (this.#lastOutput?.length ?? 0) + this.#records.pendingOutput;
  }

  /** Keeps `bytes` until {@link open}. @throws {TypeError} after {@link close}; {RangeError} when the queue is full. */
  queue(bytes: Uint8Array): void {
    if (this.#closesWhenOpen) throw new TypeError("write() after closeWrite()");
    this.#queue.push(bytes);
  }

  /** The handshake has ended: sends what is queued, and close_notify if that was asked for. */
  open(keys: WriteKeys): void {
    this.#keys = keys;
    this.#state = "open";
    this.send(this.#queue.take());
    if (this.#closesWhenOpen) this.close();
  }

  /** Seals `bytes`; renews the keys before, when the peer has asked for it or their limit is near. */
  send(bytes: Uint8Array): void {
    const keys = this.#keys;
    if (keys === undefined || bytes.length === 0) return;
    keys.payUpdate();
    for (let start = 0; start < bytes.length; start += WRITE_SLICE) {
      if (this.#records.recordsLeftToWrite < RECORDS_PER_SLICE) keys.renew();
      this.#records.write(ContentType.application_data, bytes.subarray(start, start + WRITE_SLICE));
    }
  }

  /** Sends close_notify, during the handshake at its end. */
  close(): void {
    if (this.#state === "handshake") {
      this.#closesWhenOpen = true;
    } else if (this.#state === "open") {
      this.sendAlert(AlertLevel.warning, "close_notify");
      this.#state = "closed";
    }
  }

  /** @returns whether the alert is in the output. */
  sendAlert(level: number, name: AlertName): boolean {
    if (this.#state === "closed") return false;
    const alert = Uint8Array.of(level, AlertDescription[name]);
    try {
      this.#records.write(ContentType.alert, alert);
    } catch {
      // The key is used up: nothing can be said any more, and the connection is closed all the same.
      return false;
    }
    this.#hooks.alert("write", alert);
    return true;
  }

  /** Nothing more is written, and nothing is said about it. */
  end(): void {
    this.#state = "closed";
  }

  /** Drops everything but the output, which outlives the record layer. */
  forget(): void {
    const output = this.#records.takeOutput();
    if (output !== null) this.#lastOutput = concatBytes(this.#lastOutput ?? new Uint8Array(), output);
    this.#keys?.wipe();
    this.#queue.clear();
  }

  takeOutput(max?: number): Uint8Array | null {
    if (this.#lastOutput === null) return this.#records.takeOutput(max);
    const output = this.#lastOutput;
    const taken = output.subarray(0, max ?? output.length);
    this.#lastOutput = taken.length === output.length ? null : output.subarray(taken.length);
    return taken;
  }
}
