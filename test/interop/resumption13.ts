import { expect } from "vitest";
import {
  type ClientHello,
  type ConnectionInfo,
  HandshakeType,
  nobleProvider,
  type ServerConfig,
  TicketKeys,
  type TlsMessage,
} from "../../src/index.ts";
import type { Driver, Listener } from "./driver.ts";

/** A connection that has resumed a session, as our side tells of it; and a new one. */
export const resumedInfo = { version: "TLSv1.3", resumed: true, peerSignatureScheme: null } as const;
export const fullInfo = { version: "TLSv1.3", resumed: false } as const;

/** Milliseconds since 1970 that a row moves on at will. Its `now` goes into a config. */
export class MovableClock {
  #aheadMs = 0;

  readonly now = (): number => Date.now() + this.#aheadMs;

  moveOn(seconds: number): void {
    this.#aheadMs += seconds * 1000;
  }
}

/** Ticket keys that are no configuration's own; rotation and lifetime in seconds. */
export function newTicketKeys(rotationSeconds = 3600, lifetimeSeconds = 7200): TicketKeys {
  return new TicketKeys({ provider: nobleProvider(), rotationSeconds, lifetimeSeconds });
}

/** The same keys on another machine. */
export function copyOf(keys: TicketKeys, nowMs = Date.now()): TicketKeys {
  return TicketKeys.import(keys.export(nowMs), { provider: nobleProvider() });
}

const certificateTypes: readonly number[] = [
  HandshakeType.certificate,
  HandshakeType.certificate_request,
  HandshakeType.certificate_verify,
];

/** Notes the handshake messages of connections, one after the other. Its `onMessage` goes into a config. */
export class SeenMessages {
  #types: number[] = [];

  readonly onMessage = ({ contentType, messageType }: TlsMessage): void => {
    if (contentType === 22) this.#types.push(messageType);
  };

  /**
   * Checks that the handshake since the last call has shown certificates, or none, as `info` says.
   *
   * @param count how many messages a full handshake has about certificates: 2, with those of the client 5, and 4 when it has none to show.
   */
  expectAsTold({ resumed, peer }: ConnectionInfo, count: 2 | 4 | 5 = 2): void {
    const seen = this.#types.filter((type) => certificateTypes.includes(type));
    this.#types = [];
    if (resumed || peer.kind === "psk") expect(seen).toEqual([]);
    else expect(seen).toHaveLength(count);
  }
}

/** Notes the identities of pre-shared keys that our client offers, by connection. Its `shapeClientHello` goes into a config. */
export class OfferedIdentities {
  readonly all: string[][] = [];

  readonly shapeClientHello = (hello: ClientHello): ClientHello => {
    const identities = hello.extensions.preSharedKey?.identities ?? [];
    this.all.push(identities.map(({ identity }) => Buffer.from(identity).toString("hex")));
    return hello;
  };
}

/** Accepts the next connection of a listener that has no config, for a server of its own. */
export async function acceptAs(listener: Listener, config: ServerConfig): Promise<Driver> {
  const server = await listener.accept();
  server.upgrade(config);
  return server;
}
