import { ascii } from "../../src/bytes.ts";
import {
  ClientConfig,
  type ClientOptions,
  credential,
  pinned,
  ServerConfig,
  type ServerOptions,
  type TlsMessage,
  type TlsVersion,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { ConnectionObserver, eventRow, keyLogSecrets, type Side } from "../support/observer.ts";
import { Pair, whole, type Split } from "../support/pair.ts";

const own = await testCertificate({ commonName: "server" });

/** For one side to come down to TLS 1.2. */
export const only12: { readonly versions: readonly TlsVersion[] } = { versions: ["TLSv1.2"] };

/** Data both ways, and close_notify both ways. */
export async function talkAndClose(pair: Pair): Promise<void> {
  pair.client.engine.write(ascii("hello"));
  await pair.run();
  pair.server.engine.write(ascii("world"));
  await pair.run();
  pair.client.engine.closeWrite();
  await pair.run();
  pair.server.engine.closeWrite();
  await pair.run();
}

/** What one connection of {@link WatchedPeers} does. */
export interface Course {
  /** Goes on after the handshake. */
  readonly afterwards?: (pair: Pair) => Promise<unknown>;
  /** What a side refuses: it reads nothing behind it. */
  readonly refused?: readonly [Side, number];
}

/** A connection that is over, as its two engines and an observer between them have seen it. */
export interface WatchedConnection {
  readonly pair: Pair;
  readonly observer: ConnectionObserver;
  /** What the message callbacks were told. */
  readonly reported: Readonly<Record<Side, readonly TlsMessage[]>>;
  /** What was sent, in order. */
  readonly wire: readonly { readonly sender: Side; readonly bytes: Uint8Array }[];
  /** The lines of both sides. */
  readonly keyLog: readonly string[];
}

/** A client and a server whose connections an observer reads along, with the key log of both. Sessions outlive a connection. */
export class WatchedPeers {
  readonly #client: ClientConfig;
  readonly #server: ServerConfig;
  #reported: Record<Side, TlsMessage[]> = { client: [], server: [] };
  #keyLog: string[] = [];

  constructor(client: Partial<ClientOptions> = {}, server: Partial<ServerOptions> = {}) {
    this.#client = new ClientConfig({
      serverName: "localhost",
      trust: pinned([own.spkiSha256]),
      onMessage: (message) => this.#reported.client.push(message),
      onKeyLog: (line) => this.#keyLog.push(line),
      ...client,
    } as ClientOptions); // Half of a union is a partial of none of its members.
    this.#server = new ServerConfig({
      credentials: [credential({ certificateChain: own.certificatePem, key: own.keyPem })],
      onMessage: (message) => this.#reported.server.push(message),
      onKeyLog: (line) => this.#keyLog.push(line),
      ...server,
    });
  }

  /** A connection from beginning to end; `split` is how its bytes are cut on their way. */
  async connect({ afterwards, refused }: Course = {}, split: Split = whole): Promise<WatchedConnection> {
    const reported = (this.#reported = { client: [], server: [] });
    const keyLog: string[] = (this.#keyLog = []);
    const wire: { readonly sender: Side; readonly bytes: Uint8Array }[] = [];
    // A pair counts an output as sent before it asks for it to be split.
    const recordingSplit: Split = (bytes) => {
      wire.push({ sender: pair.client.sent.at(-1) === bytes ? "client" : "server", bytes });
      return split(bytes);
    };
    const pair = new Pair(this.#client, this.#server, recordingSplit);
    await pair.run();
    await afterwards?.(pair);
    const [serverVersion = "TLSv1.3"] = this.#server.settings.versions;
    const observer = new ConnectionObserver(keyLogSecrets(keyLog), { serverVersion });
    const [refuser, type] = refused ?? [];
    for (const { sender, bytes } of wire) {
      observer.carry(sender, bytes, refuser !== sender && type !== undefined ? { refused: type } : {});
    }
    return { pair, observer, reported, wire, keyLog };
  }
}

/** What a callback was told, as rows of the columns of recordings. */
export const rows = (side: Side, messages: readonly TlsMessage[]) =>
  messages.map((message) => eventRow({ side, ...message }));

/** Direction, content type and message type of a callback. */
export const brief = ({ direction, contentType, messageType }: TlsMessage): string =>
  `${direction} ${contentType}/${messageType}`;
