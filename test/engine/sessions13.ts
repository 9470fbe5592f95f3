import {
  type ClientConfig,
  ContentType,
  type MessageCallback,
  type ServerConfig,
  type Session,
} from "../../src/index.ts";
import { describeHandshake } from "../../src/messages/handshake.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import type { End } from "../support/pair.ts";
import { helloOf, OpenStore } from "./sessions.ts";

/** For `describe.each`: where a server puts its sessions. */
export const PLACES = [
  ["sealed into its ticket", { sessionTickets: true }],
  ["in the server's store", { sessionTickets: "stored" }],
] as const;

const versions = ["TLSv1.3"] as const;

/** A client of TLS 1.3 that trusts anybody. */
export function client13(options: NonNullable<Parameters<typeof toyClient>[0]> = {}): ClientConfig {
  return toyClient({ versions, ...options });
}

/** A server of TLS 1.3 that gives two tickets, as is the default. */
export function server13(options: NonNullable<Parameters<typeof toyServer>[0]> = {}): ServerConfig {
  return toyServer({ versions, ticketCount: 2, ...options });
}

/** Names of the handshake messages that the callback of a side is told of, with their direction. */
export class Heard {
  names: string[] = [];
  readonly onMessage: MessageCallback = ({ direction, contentType, data }) => {
    if (contentType === ContentType.handshake) this.names.push(`${direction} ${describeHandshake(data)}`);
  };
}

/** What a side of TLS 1.3 hears in a full handshake, behind the hellos. */
export const FULL = ["encrypted_extensions", "certificate", "certificate_verify", "finished"] as const;
/** The same when a PSK is used. */
export const SHORT = ["encrypted_extensions", "finished"] as const;

/** The identities that a client has offered in its first ClientHello, in order. */
export function identitiesOf(end: End): readonly Uint8Array[] {
  return (helloOf(end).extensions.preSharedKey?.identities ?? []).map(({ identity }) => identity);
}

/** The sessions that were reported to a client. */
export function sessionsOf({ events }: End): readonly Session[] {
  return events.flatMap((event) => (event.type === "session" ? [event.session] : []));
}

/** Another store with the same sessions. */
export function copyOf({ sessions }: OpenStore): OpenStore {
  const store = new OpenStore();
  for (const [key, session] of sessions) store.sessions.set(key, session.slice());
  return store;
}
