import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { type ClientConfig, externalPsk } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { withSession } from "./client-sessions13.ts";
import { cut } from "./edits.ts";
import { ForgedServer } from "./forged-server.ts";
import { testCredential } from "./leaf-certificate.ts";
import { eventsOf, expectOpen, type Pitfall } from "./pitfall.ts";
import { clientConfig } from "./pitfall13.ts";

const credential = testCredential();

/** What a client offers in a connection that goes no further. */
function offered(config: ClientConfig): ClientHello["extensions"]["preSharedKey"] {
  return new ForgedServer(config, { credential }).clientHello.extensions.preSharedKey;
}

const DAY = 24 * 3600;

/** Row 44: what a client makes of tickets. */
const tickets: readonly Pitfall[] = [
  ...[
    { said: 1, lifetime: 1 },
    { said: 7200, lifetime: 7200 },
    { said: 7 * DAY, lifetime: 7 * DAY },
    { said: 7 * DAY + 1, lifetime: 7 * DAY },
    { said: 2 ** 32 - 1, lifetime: 7 * DAY },
  ].map(({ said, lifetime }): Pitfall => ({
    row: 44,
    engine: "client",
    name: `a ticket with a lifetime of ${said} s is offered for ${lifetime} s`,
    run() {
      for (const [age, isOffered] of [
        [0, true],
        [lifetime - 1, true],
        [lifetime, false],
        [lifetime + DAY, false],
      ] as const) {
        let seconds = 1_800_000_000;
        const { config } = withSession({
          config: { now: () => seconds * 1000 },
          ticket: (body) => ({ ...body, ticketLifetime: said }),
        });
        seconds += age;
        expect({ age, isOffered: offered(config) !== undefined }).toEqual({ age, isOffered });
      }
    },
  })),
  {
    row: 44,
    engine: "client",
    name: "a ticket with a lifetime of 0 is not offered, and takes the place of none",
    run() {
      const config = clientConfig();
      const server = new ForgedServer(config, { credential }).complete();
      const give = (ticketLifetime: number, name: string): void =>
        server.newSessionTicket((body) => ({ ...body, ticketLifetime, ticket: ascii(name) }));
      give(0, "discarded");
      give(60, "first");
      give(0, "discarded too");
      give(60, "second");
      expect(eventsOf(server, "session")).toHaveLength(2);
      expect(offered(config)?.identities.map(({ identity }) => identity)).toEqual([ascii("first")]);
      expect(offered(config)?.identities.map(({ identity }) => identity)).toEqual([ascii("second")]);
      expect(offered(config)).toBeUndefined();
    },
  },
  ...(
    [
      [0, 0, 0],
      [0, 1234, 1234],
      [5, 0, 5],
      [2 ** 32 - 1, 0, 2 ** 32 - 1],
      [2 ** 32 - 1, 1, 0],
      [2 ** 31, 2 ** 29, 2 ** 31 + 2 ** 29],
      [4_000_000_000, 600_000_000, 4_600_000_000 - 2 ** 32],
    ] as const
  ).map(([ticketAgeAdd, ageMs, shown]): Pitfall => ({
    row: 44,
    engine: "client",
    name: `the age ${ageMs} ms of a ticket with ticket_age_add ${ticketAgeAdd} is shown as ${shown}`,
    run() {
      let now = 1_800_000_000_000;
      const { config } = withSession({
        config: { now: () => now },
        ticket: (body) => ({ ...body, ticketAgeAdd, ticketLifetime: 7 * DAY }),
      });
      now += ageMs;
      expect(offered(config)?.identities.map(({ obfuscatedTicketAge }) => obfuscatedTicketAge)).toEqual([
        shown,
      ]);
    },
  })),
  {
    row: 44,
    engine: "client",
    name: "a clock that has gone back shows a ticket as new",
    run() {
      let now = 1_800_000_000_000;
      const { config } = withSession({ config: { now: () => now } });
      now -= 30_000;
      expect(offered(config)?.identities.map(({ obfuscatedTicketAge }) => obfuscatedTicketAge)).toEqual([1]);
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket is offered once, whatever comes of it",
    run() {
      for (const end of ["resumed", "full", "refused", "gone"] as const) {
        const { config, key } = withSession();
        const psk = end === "resumed" || end === "refused" ? { psk: { key } } : {};
        const server = new ForgedServer(config, { credential, ...psk });
        expect(server.clientHello.extensions.preSharedKey?.identities).toHaveLength(1);
        if (end === "resumed" || end === "full") expectOpen(server.complete());
        if (end === "refused") server.sendAlert(2, "decrypt_error");
        expect({ end, offered: offered(config) }).toEqual({ end, offered: undefined });
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket of a resumed connection has a PSK of its own, and is offered in the next one",
    run() {
      let key: Uint8Array | undefined;
      const own = clientConfig();
      for (let i = 0; i < 3; i++) {
        const server = new ForgedServer(own, { credential, ...(key !== undefined && { psk: { key } }) });
        expect(expectOpen(server.complete()).resumed).toBe(i > 0);
        server.newSessionTicket((body) => ({
          ...body,
          ticketNonce: Uint8Array.of(i, i),
          ticket: Uint8Array.of(i),
        }));
        key = server.pskOf(Uint8Array.of(i, i));
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket with the longest nonce, and one with none, are good",
    run() {
      for (const ticketNonce of [new Uint8Array(), new Uint8Array(255).fill(7)]) {
        const config = clientConfig();
        const first = new ForgedServer(config, { credential }).complete();
        first.newSessionTicket((body) => ({ ...body, ticketNonce }));
        const server = new ForgedServer(config, { credential, psk: { key: first.pskOf(ticketNonce) } });
        expect(expectOpen(server.complete()).resumed).toBe(true);
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket is not offered that leaves no room in a ClientHello",
    run() {
      for (const [length, isOffered] of [
        [24_576, true],
        [24_577, false],
        [65_500, false],
      ] as const) {
        const config = clientConfig();
        const server = new ForgedServer(config, { credential }).complete();
        server.fragment = (message) => cut(message, 2 ** 14);
        server.newSessionTicket((body) => ({ ...body, ticket: new Uint8Array(length).fill(7) }));
        expect(eventsOf(server, "session")).toHaveLength(1);
        expect({ length, isOffered: offered(config) !== undefined }).toEqual({ length, isOffered });
      }
    },
  },
  {
    row: 44,
    engine: "client",
    name: "a ticket behind a connection with a PSK from elsewhere is reported, and not kept",
    run() {
      const key = new Uint8Array(32).fill(3);
      const config = clientConfig({ externalPsks: [externalPsk({ identity: ascii("device"), key })] });
      const server = new ForgedServer(config, { psk: { key } }).complete();
      expectOpen(server);
      server.newSessionTicket();
      expect(eventsOf(server, "session")).toHaveLength(1);
      expect(offered(config)?.identities.map(({ identity }) => identity)).toEqual([ascii("device")]);
    },
  },
];

export const rowsPskClientTickets: readonly Pitfall[] = [...tickets];
