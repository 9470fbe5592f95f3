import { latin1 } from "../../src/bytes.ts";
import type { Protocol, Transport } from "../../src/protocol/transport.ts";

/** Received bytes that are worth writing down. */
const WRITTEN_DOWN = 1000;

/** A protocol that writes down what it is told. */
export class Recorder implements Protocol {
  /** Calls in order; data that came in a row are joined, so that it does not matter how they were cut. */
  readonly calls: string[] = [];
  transport: Transport | undefined;
  lostWith: Error | null | undefined;
  /** What `eofReceived` answers. */
  keepsOpen = false;
  onData: (bytes: Uint8Array) => void = () => undefined;
  readonly lost: Promise<Error | null>;
  #resolveLost: (error: Error | null) => void = () => undefined;
  #received: Uint8Array[] = [];

  constructor() {
    this.lost = new Promise((resolve) => (this.#resolveLost = resolve));
  }

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.calls.push("made");
  }

  dataReceived(bytes: Uint8Array): void {
    this.#received.push(bytes.slice());
    this.onData(bytes);
    if (bytes.length > WRITTEN_DOWN) return;
    const last = this.calls.length - 1;
    if (this.calls[last]?.startsWith("data ") === true) this.calls[last] += latin1(bytes);
    else this.calls.push(`data ${latin1(bytes)}`);
  }

  eofReceived(): boolean {
    this.calls.push("eof");
    return this.keepsOpen;
  }

  connectionLost(error: Error | null): void {
    this.calls.push(error === null ? "lost" : `lost: ${error.message}`);
    this.lostWith = error;
    this.#resolveLost(error);
  }

  pauseWriting(): void {
    this.calls.push("pause");
  }

  resumeWriting(): void {
    this.calls.push("resume");
  }
}
