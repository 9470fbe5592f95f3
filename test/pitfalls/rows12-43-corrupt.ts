import { expect } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import { MemorySessionStore, ServerConfig, type SessionStore } from "../../src/index.ts";
import type { ForgedSession } from "../support/forger12.ts";
import { cut, flipped } from "./edits.ts";
import { ForgedClient12 } from "./forged-client12.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import { serverConfig } from "./pitfall13.ts";
import { WAYS, withSession } from "./server-sessions12.ts";

/** A ServerHello that does not resume the session. */
function expectDeclined(config: ServerConfig, session: ForgedSession, what: string): void {
  const client = new ForgedClient12(config, { session });
  client.fragment = (message) => cut(message, 2 ** 14);
  client.clientHello();
  expect({
    what,
    alerts: client.alerts,
    resumed: client.isResumed,
    hello: client.serverHello !== undefined,
  }).toEqual({
    what,
    alerts: [],
    resumed: false,
    hello: true,
  });
}

/** A store that fails in some way; the error of a hook is the host's. */
function broken(get: SessionStore["get"]): SessionStore {
  const store = new MemorySessionStore();
  return { get, put: store.put.bind(store), take: store.take.bind(store) };
}

/** Tickets and ids that are no session. */
const corrupt: readonly Pitfall[] = [
  {
    row: 43,
    engine: "server",
    name: "a ticket with any of its bytes changed is not resumed",
    run() {
      const { config, session } = withSession(WAYS[0]);
      for (let at = 0; at < session.ticket.length; at++) {
        expectDeclined(
          config,
          { ...session, ticket: flipped(session.ticket, at, 1 << (at & 7)) },
          `byte ${at}`,
        );
      }
      expect(session.ticket.length).toBeGreaterThan(100);
    },
  },
  {
    row: 43,
    engine: "server",
    name: "a ticket that is cut, or has bytes more, is not resumed",
    run() {
      const { config, session } = withSession(WAYS[0]);
      const { ticket } = session;
      for (const length of [1, 15, 16, 47, 48, 63, 64, 65, ticket.length - 1])
        expectDeclined(config, { ...session, ticket: ticket.subarray(0, length) }, `${length} bytes`);
      expectDeclined(config, { ...session, ticket: concatBytes(ticket, Uint8Array.of(0)) }, "one byte more");
      expectDeclined(config, { ...session, ticket: concatBytes(ticket, ticket) }, "twice");
      expectDeclined(config, { ...session, ticket: new Uint8Array(65_000) }, "65,000 zeros");
    },
  },
  {
    row: 43,
    engine: "server",
    name: "a handshake with a corrupt ticket is full, and gives a new one",
    run() {
      const { config, session } = withSession(WAYS[0]);
      const client = new ForgedClient12(config, { session: { ...session, ticket: flipped(session.ticket) } });
      expect(expectOpen(client.complete()).resumed).toBe(false);
      const again = new ForgedClient12(config, { session: client.newSession }).complete();
      expect(expectOpen(again).resumed).toBe(true);
    },
  },
  {
    row: 43,
    engine: "server",
    name: "a ticket of another server is not resumed",
    run() {
      const { session } = withSession(WAYS[0]);
      expectDeclined(serverConfig(), session, "never sealed a ticket");
      const other = serverConfig({ random: (length) => new Uint8Array(length).fill(7) });
      expectOpen(new ForgedClient12(other).complete());
      expectDeclined(other, session, "has sealed tickets");
    },
  },
  {
    row: 43,
    engine: "server",
    name: "an id beside a ticket that is corrupt is not looked up",
    run() {
      const config = serverConfig();
      const byId = new ForgedClient12(config, { takesTickets: false }).complete().newSession;
      const byTicket = new ForgedClient12(config).complete().newSession;
      const client = new ForgedClient12(config, {
        session: { ...byTicket, ticket: flipped(byTicket.ticket) },
      });
      client.clientHello((hello) => ({ ...hello, legacySessionId: byId.sessionId }));
      expect(client.isResumed).toBe(false);
      expect(client.alerts).toEqual([]);
    },
  },
  {
    row: 43,
    engine: "server",
    name: "an id with any of its bytes changed, or some missing, is not resumed",
    run() {
      const { config, session } = withSession(WAYS[1]);
      for (let at = 0; at < 32; at += 5)
        expectDeclined(config, { ...session, sessionId: flipped(session.sessionId, at) }, `byte ${at}`);
      for (const length of [1, 16, 31])
        expectDeclined(
          config,
          { ...session, sessionId: session.sessionId.subarray(0, length) },
          `${length} bytes`,
        );
    },
  },
  ...[
    { what: "gives nothing", get: () => null, error: undefined },
    {
      what: "gives no bytes",
      get: () => new Uint8Array(),
      error: "the session store had 0 bytes that are no session; they are dropped",
    },
    {
      what: "gives bytes that are no session",
      get: () => new Uint8Array(200).fill(7),
      error: "the session store had 200 bytes that are no session; they are dropped",
    },
    {
      what: "throws",
      error: "the store is out of order",
      get: () => {
        throw new Error("the store is out of order");
      },
    },
  ].map(({ what, get, error }): Pitfall => ({
    row: 43,
    engine: "server",
    name: `an id is not resumed from a store that ${what}`,
    run() {
      const config = serverConfig({ sessionStore: broken(get) });
      const first = new ForgedClient12(config, { takesTickets: false }).complete();
      const client = new ForgedClient12(config, { session: first.newSession }).complete();
      expect(client.engine.takeHookErrors()).toEqual(error === undefined ? [] : [new Error(error)]);
      expect(expectOpen(client).resumed).toBe(false);
    },
  })),
];

export const tls12Rows43Corrupt: readonly Pitfall[] = [...corrupt];
