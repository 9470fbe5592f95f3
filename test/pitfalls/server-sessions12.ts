import { expect } from "vitest";

import { MemorySessionStore, ServerConfig, type ServerOptions } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { seededRandom } from "../support/forger.ts";
import type { ForgedSession } from "../support/forger12.ts";
import { ForgedClient12, type ForgedClient12Options } from "./forged-client12.ts";
import { expectOpen } from "./pitfall.ts";
import { serverConfig } from "./pitfall13.ts";

/** How a client names the session: by what the server gave it. */
export const WAYS = [
  { way: "ticket", takesTickets: true },
  { way: "id", takesTickets: false },
] as const;

export type Way = (typeof WAYS)[number];

/** A client that offers a session of `first` to a server of `second`. */
export interface Return {
  readonly first?: Partial<ServerOptions>;
  /** Default: the very same server. Another one shares its store, and not its tickets. */
  readonly second?: Partial<ServerOptions>;
  readonly forger?: ForgedClient12Options;
  /** What the client that comes back is like. Default: as before. */
  readonly returning?: ForgedClient12Options;
  /** Of the first ClientHello. */
  readonly before?: (hello: ClientHello) => ClientHello;
  /** What becomes of the session on its way. */
  readonly session?: (session: ForgedSession) => ForgedSession;
}

export function comesBack({ takesTickets }: Way, back: Return): ForgedClient12 {
  const sessionStore = new MemorySessionStore();
  const options = { sessionStore, ...back.first };
  const config = serverConfig(options);
  const first = new ForgedClient12(config, { takesTickets, ...back.forger });
  first.clientHello(back.before);
  expectOpen(first.complete());
  const { newSession } = first;
  expect(newSession.ticket.length > 0).toBe(takesTickets);
  expect(newSession.sessionId).toHaveLength(takesTickets ? 0 : 32);
  // Another server makes other ids.
  const random = seededRandom(2);
  const next = back.second === undefined ? config : serverConfig({ ...options, random, ...back.second });
  return new ForgedClient12(next, {
    takesTickets,
    ...back.forger,
    ...back.returning,
    session: back.session?.(newSession) ?? newSession,
  });
}

/** A server, and a session of it. */
export function withSession(way: Way): { readonly config: ServerConfig; readonly session: ForgedSession } {
  const config = serverConfig();
  const first = new ForgedClient12(config, { takesTickets: way.takesTickets }).complete();
  expectOpen(first);
  return { config, session: first.newSession };
}
