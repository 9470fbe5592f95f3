import {
  type ClientConfig,
  type ClientStartOptions,
  NEED_DATA,
  type ServerConfig,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";

/** How bytes are cut on their way from one engine to the other. */
export type Split = (bytes: Uint8Array) => Iterable<Uint8Array>;

export const whole: Split = (bytes) => [bytes];

export function* byteByByte(bytes: Uint8Array): Iterable<Uint8Array> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
}

/** One end of a {@link Pair}: an engine and what it has reported and sent. */
export class End {
  readonly engine: TlsEngine;
  readonly events: TlsEvent[] = [];
  /** Everything that the engine has sent. */
  readonly sent: Uint8Array[] = [];

  constructor(engine: TlsEngine) {
    this.engine = engine;
  }

  /** The application data that was received, joined. */
  get received(): Uint8Array {
    return Buffer.concat(this.events.flatMap((event) => (event.type === "data" ? [event.data] : [])));
  }

  /** The early data that was received, joined. */
  get early(): Uint8Array {
    return Buffer.concat(this.events.flatMap((event) => (event.type === "early-data" ? [event.data] : [])));
  }

  /** The one `closed` event, if there was one. */
  get closed(): Extract<TlsEvent, { type: "closed" }>["how"] | undefined {
    const closed = this.events.filter((event) => event.type === "closed");
    if (closed.length > 1) throw new Error(`${closed.length} closed events`);
    return closed[0]?.how;
  }

  /** Takes what the engine has to say; answers the promise that it waits for, if any. */
  drain(): Promise<void> | undefined {
    for (;;) {
      const event = this.engine.nextEvent();
      if (event === NEED_DATA) return undefined;
      if (event.type === "pending") return event.done;
      const isView = event.type === "data" || event.type === "early-data";
      this.events.push(isView ? { type: event.type, data: event.data.slice() } : event);
    }
  }
}

/** Two engines back to back in memory. */
export class Pair {
  readonly client: End;
  readonly server: End;
  readonly #split: Split;

  constructor(
    client: ClientConfig,
    server: ServerConfig,
    split: Split = whole,
    start: ClientStartOptions = {},
  ) {
    this.client = new End(TlsEngine.client(client, start));
    this.server = new End(TlsEngine.server(server));
    this.#split = split;
  }

  /** Carries bytes both ways until neither side has anything to say. */
  async run(): Promise<this> {
    for (;;) {
      await this.#settle(this.client);
      await this.#settle(this.server);
      const moved = [
        await this.#carry(this.client, this.server),
        await this.#carry(this.server, this.client),
      ];
      if (!moved.includes(true)) return this;
    }
  }

  async #settle(end: End): Promise<void> {
    for (let done = end.drain(); done !== undefined; done = end.drain()) await done;
  }

  async #carry(from: End, to: End): Promise<boolean> {
    const output = from.engine.takeOutput();
    if (output === null) return false;
    from.sent.push(output);
    for (const chunk of this.#split(output)) {
      to.engine.receive(chunk);
      await this.#settle(to);
    }
    return true;
  }
}
