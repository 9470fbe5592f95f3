import { expect } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import {
  ClientConfig,
  type ClientHello,
  type ClientOptions,
  type ConnectionInfo,
  ContentType,
  type PresentedPeer,
  type Rejected,
  type SessionStore,
  type Verified,
} from "../../src/index.ts";
import { decodeHandshake, describeHandshake } from "../../src/messages/handshake.ts";
import { toyProvider } from "../handshake/toy-provider.ts";
import type { End, Pair } from "../support/pair.ts";
import { recordsOf } from "./man-in-the-middle.ts";

/** For `describe.each`: both ways in which a server can give a session, with what it is made with. */
export const KINDS = [
  ["by ticket", { sessionTickets: true }],
  ["by id", { sessionTickets: false }],
] as const;

/** A clock that a test moves. */
export class Clock {
  #ms = 1_700_000_000_000;
  readonly now = (): number => this.#ms;

  /** Moves on by `seconds`, or back. */
  move(seconds: number): void {
    this.#ms += seconds * 1000;
  }
}

/** A store that can be looked into. */
export class OpenStore implements SessionStore {
  readonly sessions = new Map<string, Uint8Array>();
  /** What was called, in order. */
  readonly calls: string[] = [];

  get(key: string): Uint8Array | null {
    this.calls.push("get");
    return this.sessions.get(key)?.slice() ?? null;
  }

  put(key: string, session: Uint8Array): void {
    this.calls.push("put");
    this.sessions.set(key, session.slice());
  }

  take(key: string): Uint8Array | null {
    this.calls.push("take");
    const session = this.sessions.get(key) ?? null;
    this.sessions.delete(key);
    return session;
  }

  /** Replaces each session by `change` of it. */
  change(change: (session: Uint8Array) => Uint8Array): void {
    for (const [key, session] of this.sessions) this.sessions.set(key, change(session.slice()));
  }
}

/** A trust policy that answers as it is told, and remembers what it was asked. */
export class Policy {
  readonly asked: PresentedPeer[] = [];
  /** Verdicts in the order in which they are given; then everybody is verified. */
  readonly verdicts: (Verified | Rejected)[] = [];

  verify(peer: PresentedPeer): Verified | Rejected {
    this.asked.push(peer);
    return this.verdicts.shift() ?? { trust: "verified" };
  }
}

/** A client of TLS 1.2 that asks `trust`. */
export function trustingClient(trust: Policy, options: Partial<ClientOptions> = {}): ClientConfig {
  const base: ClientOptions = {
    provider: toyProvider(),
    versions: ["TLSv1.2"],
    serverName: "localhost",
    trust,
  };
  // The options of a test keep to the two unions.
  return new ClientConfig({ ...base, ...options } as ClientOptions);
}

/** Handshake messages that an end has sent without protection, header included. */
export function messagesOf({ sent }: End): readonly Uint8Array[] {
  const records = recordsOf(concatBytes(...sent));
  const change = records.findIndex(([type]) => type === ContentType.change_cipher_spec);
  return records
    .slice(0, change < 0 ? records.length : change)
    .filter(([type]) => type === ContentType.handshake)
    .map((record) => record.subarray(5));
}

/** Their names. */
export function namesOf(end: End): readonly string[] {
  return messagesOf(end).map(describeHandshake);
}

/** The ClientHello that an end has sent. */
export function helloOf(end: End): ClientHello {
  const [raw] = messagesOf(end);
  if (raw === undefined) throw new Error("no ClientHello");
  return decodeHandshake("client_hello", raw);
}

/** What both sides know of their connection. */
export function infosOf({ client, server }: Pair): readonly (ConnectionInfo | null)[] {
  return [client.engine.info, server.engine.info];
}

/** Both sides say that the connection was resumed, or that it was not. */
export function expectResumed(pair: Pair, resumed: boolean): void {
  expect(infosOf(pair).map((info) => info?.resumed)).toEqual([resumed, resumed]);
}

/** What a server says in clear in a full handshake, apart from a ticket. */
export const FULL_FLIGHT = [
  "server_hello",
  "certificate",
  "server_key_exchange",
  "server_hello_done",
] as const;
