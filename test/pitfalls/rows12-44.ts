import { expect } from "vitest";

import { back, credential, known, offered, WAYS } from "./client-sessions12.ts";
import { cut } from "./edits.ts";
import { ForgedServer12 } from "./forged-server12.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import { clientConfig } from "./pitfall13.ts";
import { SESSION_ID } from "./setups12.ts";

const HOUR = 3600;

const DAY = 24 * HOUR;

/** Rows 43 and 44: how long a session is offered, by the hint of its ticket. */
const ages: readonly Pitfall[] = [
  { way: WAYS[0], hint: 7200, lifetime: 7200 },
  { way: WAYS[0], hint: 60, lifetime: 60 },
  { way: WAYS[0], hint: 0, lifetime: 2 * HOUR },
  { way: WAYS[0], hint: 8 * DAY, lifetime: 7 * DAY },
  { way: WAYS[0], hint: 2 ** 32 - 1, lifetime: 7 * DAY },
  { way: WAYS[1], hint: undefined, lifetime: DAY },
].map(({ way, hint, lifetime }): Pitfall => ({
  row: 44,
  engine: "client",
  name: `a session by ${way.way}${hint === undefined ? "" : ` with a hint of ${hint} s`} is offered for ${lifetime} s`,
  run() {
    let seconds = 1_800_000_000;
    const config = clientConfig({ now: () => seconds * 1000 });
    const server = new ForgedServer12(config, { credential, ...way.forger });
    if (hint !== undefined)
      server.upTo("newSessionTicket").newSessionTicket((body) => ({ ...body, ticketLifetimeHint: hint }));
    expectOpen(server.complete());
    for (const [age, expected] of [
      [0, way.way],
      [lifetime - 1, way.way],
      [lifetime, "nothing"],
      // Clocks may differ by a minute.
      [-60, way.way],
      [-61, "nothing"],
    ] as const) {
      const start = seconds;
      seconds += age;
      expect({ age, offered: offered(config) }).toEqual({ age, offered: expected });
      seconds = start;
    }
  },
}));

/** Row 44: the tickets themselves. */
const tickets: readonly Pitfall[] = [
  {
    row: 44,
    engine: "client",
    name: "an empty ticket is none",
    run() {
      const config = clientConfig();
      const server = new ForgedServer12(config, { credential, issuesTicket: true });
      server
        .upTo("newSessionTicket")
        .newSessionTicket(() => ({ ticketLifetimeHint: 0, ticket: new Uint8Array() }));
      expectOpen(server.complete());
      expect(offered(config)).toBe("nothing");
    },
  },
  {
    row: 44,
    engine: "client",
    name: "an empty ticket leaves the id",
    run() {
      const config = clientConfig();
      const server = new ForgedServer12(config, { credential, issuesTicket: true, sessionId: SESSION_ID });
      server
        .upTo("newSessionTicket")
        .newSessionTicket(() => ({ ticketLifetimeHint: 0, ticket: new Uint8Array() }));
      expectOpen(server.complete());
      expect(offered(config)).toBe("id");
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket beside an id is what is offered",
    run() {
      const config = clientConfig();
      expectOpen(
        new ForgedServer12(config, { credential, issuesTicket: true, sessionId: SESSION_ID }).complete(),
      );
      expect(offered(config)).toBe("ticket");
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket that a resumed handshake brings takes the place of the old one, and an empty one does not",
    run() {
      const { config, session } = known(WAYS[0]);
      for (const [ticket, next] of [
        [Uint8Array.of(9, 9), Uint8Array.of(9, 9)],
        [new Uint8Array(), Uint8Array.of(9, 9)],
      ] as const) {
        const server = back({ config, session }, { issuesTicket: true });
        server.upTo("newSessionTicket").newSessionTicket((body) => ({ ...body, ticket }));
        expect(expectOpen(server.complete()).resumed).toBe(true);
        expect(back({ config, session }).clientHello.extensions.sessionTicket).toEqual(next);
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket is not offered that leaves no room in a ClientHello",
    run() {
      for (const [length, expected] of [
        [24_576, "ticket"],
        [24_577, "nothing"],
        [65_500, "nothing"],
      ] as const) {
        const config = clientConfig();
        const server = new ForgedServer12(config, { credential, issuesTicket: true });
        server.fragment = (message) => cut(message, 2 ** 14);
        server.upTo("newSessionTicket").newSessionTicket((body) => ({
          ...body,
          ticket: new Uint8Array(length).fill(7),
        }));
        expectOpen(server.complete());
        expect({ length, offered: offered(config) }).toEqual({ length, offered: expected });
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "an id beside a ticket is another one each time",
    run() {
      const all = known(WAYS[0]);
      const [first, second] = [back(all), back(all)].map(({ clientHello }) => clientHello.legacySessionId);
      expect(first).toHaveLength(32);
      expect(second).toHaveLength(32);
      expect(first).not.toEqual(second);
    },
  },
];

export const tls12Rows44: readonly Pitfall[] = [...ages, ...tickets];
