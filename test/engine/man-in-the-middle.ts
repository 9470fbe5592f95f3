import { concatBytes } from "../../src/bytes.ts";
import { type ClientConfig, ContentType, type ServerConfig, TlsEngine } from "../../src/index.ts";
import {
  decodeHandshake,
  encodeHandshake,
  type HandshakeBody,
  type HandshakeName,
  isHandshake,
} from "../../src/messages/handshake.ts";
import { End } from "../support/pair.ts";

/** What becomes of a handshake message on its way; undefined leaves it as it is. */
export type Edit = (raw: Uint8Array) => Uint8Array | undefined;

/** Changes the messages of one name. */
export function editing<K extends HandshakeName>(
  name: K,
  change: (body: HandshakeBody<K>) => HandshakeBody<K>,
): Edit {
  return (raw) =>
    isHandshake(name, raw) ? encodeHandshake(name, change(decodeHandshake(name, raw))) : undefined;
}

/** A client and a server, and somebody between them who changes what is not protected. */
export class ManInTheMiddle {
  readonly client: End;
  readonly server: End;
  readonly #edit: Edit;
  readonly #protected = new Set<End>();

  constructor(client: ClientConfig, server: ServerConfig, edit: Edit) {
    this.client = new End(TlsEngine.client(client));
    this.server = new End(TlsEngine.server(server));
    this.#edit = edit;
  }

  /** Carries bytes both ways until neither side has anything to say. */
  async run(): Promise<this> {
    for (let isIdle = false; !isIdle;) {
      isIdle = true;
      for (const [from, to] of [
        [this.client, this.server],
        [this.server, this.client],
      ] as const) {
        for (let waits = from.drain(); waits !== undefined; waits = from.drain()) await waits;
        const output = from.engine.takeOutput();
        if (output === null) continue;
        isIdle = false;
        to.engine.receive(concatBytes(...recordsOf(output).map((record) => this.#forward(from, record))));
      }
    }
    return this;
  }

  /** Engines write each message into a record of its own. */
  #forward(from: End, record: Uint8Array): Uint8Array {
    const [type] = record;
    if (type === ContentType.change_cipher_spec) this.#protected.add(from);
    if (type !== ContentType.handshake || this.#protected.has(from)) return record;
    const edited = this.#edit(record.subarray(5));
    if (edited === undefined) return record;
    return concatBytes(
      record.subarray(0, 3),
      Uint8Array.of(edited.length >> 8, edited.length & 0xff),
      edited,
    );
  }
}

/** The records in `bytes`, which are whole, with their headers. */
export function recordsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 5 + (((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0));
    records.push(bytes.subarray(at, at + length));
    at += length;
  }
  return records;
}
