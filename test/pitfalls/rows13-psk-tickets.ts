import { expect } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import { MemorySessionStore } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { cut, flipped, setting } from "./edits.ts";
import type { ForgedClient, ForgedClientOptions } from "./forged-client.ts";
import { ForgedClient12 } from "./forged-client12.ts";
import { expectOpen, expectRefusal, type Pitfall } from "./pitfall.ts";
import { serverConfig } from "./pitfall13.ts";
import {
  accepts,
  badBinder,
  comesBack,
  expectMeans,
  EXTERNAL,
  type Known,
  offering,
  type Return,
  stored,
  withTicket,
} from "./server-sessions13.ts";

/** A client that comes back to another server than the one that it has a session with. */
function elsewhere(other: Partial<Parameters<typeof serverConfig>[0]>, back: Return = {}): Return {
  return {
    ...back,
    known: () => {
      const { config, psk } = withTicket({
        ...back,
        config: { sessionStore: new MemorySessionStore(), ...back.config },
      });
      const { ticketKeys, settings } = config;
      return {
        config: serverConfig({
          ...back.config,
          sessionStore: settings.sessionStore,
          ...(ticketKeys !== null && { sessionTickets: ticketKeys }),
          ...other,
        }),
        psk,
      };
    },
  };
}

const named = (name: string) => setting<ClientHello>({ serverName: [{ nameType: 0, name: ascii(name) }] });

/** Row 43: what a session keeps, and what is no session. */
const resumption: readonly Pitfall[] = [
  ...(
    [
      ["a ticket", {}],
      ["a session in a store", stored],
    ] as const
  ).flatMap(([what, back]: readonly [string, Return]) => [
    accepts(
      43,
      `${what} of another server name`,
      "certificates",
      (client) => client.clientHello(named("b.example")),
      {
        ...back,
        known: () => namedSession("a.example", back),
      },
    ),
    accepts(
      43,
      `${what} of no server name, with one now,`,
      "certificates",
      (client) => client.clientHello(named("a.example")),
      back,
    ),
    accepts(
      43,
      `${what} of the same server name in other letters`,
      "a PSK",
      (client) => client.clientHello(named("A.Example")),
      {
        ...back,
        known: () => namedSession("a.example", back),
      },
    ),
    accepts(43, `${what} of another suite with the same hash`, "a PSK", undefined, {
      ...back,
      known: () => withTicket({ ...back, forger: { suite: TLS_CHACHA20_POLY1305_SHA256 } }),
      forger: { suite: TLS_AES_128_GCM_SHA256 },
    }),
    accepts(43, `${what} of a suite with another hash`, "certificates", undefined, {
      ...back,
      known: () => withTicket({ ...back, forger: { suite: TLS_AES_256_GCM_SHA384 } }),
      forger: { suite: TLS_AES_128_GCM_SHA256 },
    }),
    accepts(43, `${what} of a suite that the server has no more`, "certificates", undefined, {
      ...elsewhere(
        { cipherSuites: ["TLS_AES_128_GCM_SHA256"] },
        {
          ...back,
          forger: { suite: TLS_CHACHA20_POLY1305_SHA256 },
        },
      ),
      forger: { suite: TLS_AES_128_GCM_SHA256 },
    }),
    accepts(43, `${what} with another group`, "a PSK", undefined, {
      ...back,
      known: () => withTicket({ ...back, forger: {} }),
      forger: { group: secp256r1 },
    }),
    accepts(43, `${what} of a server that is another one by now`, "certificates", undefined, {
      ...back,
      known: () => ({ ...withTicket(back), config: serverConfig(back.config) }),
    }),
  ]),
  {
    row: 43,
    engine: "server",
    name: "a ticket with any of its bytes changed, cut or longer leads to a full handshake",
    run() {
      const known = withTicket();
      const { identity } = known.psk;
      for (const changed of [
        ...Array.from(identity, (_, at) => flipped(identity, at, 1 << (at & 7))),
        ...[1, 15, 16, 47, 48, 63, 64, 65, identity.length - 1].map((length) => identity.slice(0, length)),
        concatBytes(identity, Uint8Array.of(0)),
        concatBytes(identity, identity),
        new Uint8Array(65_000),
      ])
        expectDeclined(known, changed);
      expect(identity.length).toBeGreaterThan(100);
    },
  },
  {
    row: 43,
    engine: "server",
    name: "the name of a session with any of its bytes changed, or another length, leads to a full handshake",
    run() {
      const known = withTicket(stored);
      const { identity } = known.psk;
      expect(identity).toHaveLength(32);
      for (const changed of [
        ...Array.from(identity, (_, at) => flipped(identity, at, 1 << (at & 7))),
        ...[1, 31].map((length) => identity.slice(0, length)),
        concatBytes(identity, Uint8Array.of(0)),
        ascii("tls13 server"),
      ])
        expectDeclined(known, changed);
      expectMeans(comesBack(known), "a PSK");
    },
  },
  {
    row: 43,
    engine: "server",
    name: "a ticket of TLS 1.2 is no PSK, nor is an id",
    run() {
      const config = serverConfig();
      const byTicket = new ForgedClient12(config).complete().newSession;
      const byId = new ForgedClient12(config, { takesTickets: false }).complete().newSession;
      for (const identity of [byTicket.ticket, byId.sessionId]) {
        expect(identity.length).toBeGreaterThan(0);
        const psk = { kind: "resumption", identity, key: byTicket.mainSecret.subarray(0, 32) } as const;
        expectMeans(comesBack({ config, psk }), "certificates");
      }
    },
  },
  {
    row: 43,
    engine: "server",
    name: "a ticket of TLS 1.3 is none of TLS 1.2, nor is its name an id",
    run() {
      for (const back of [{}, stored]) {
        const { config, psk } = withTicket(back);
        const session = new ForgedClient12(config).complete().newSession;
        const ids = { ...session, ticket: new Uint8Array(), sessionId: psk.identity.slice(0, 32) };
        for (const forged of [{ ...session, ticket: psk.identity }, ids]) {
          const client = new ForgedClient12(config, { session: forged, takesTickets: forged !== ids });
          expect(expectOpen(client.complete()).resumed).toBe(false);
        }
      }
    },
  },
];

function namedSession(name: string, back: Return): Known {
  const config = serverConfig(back.config);
  const first = comesBack({ config, psk: EXTERNAL }, { psks: [], pskModes: [1] });
  first.clientHello(named(name));
  expectOpen(first.complete());
  const [psk] = first.tickets;
  if (psk === undefined) throw new Error("the server has given no ticket");
  return { config, psk };
}

/** A ServerHello that does not take `identity`. */
function expectDeclined({ config, psk }: Known, identity: Uint8Array): void {
  const client = comesBack({ config, psk: { ...psk, identity } });
  client.fragment = (message) => cut(message, 2 ** 14);
  client.clientHello();
  expect(client.alerts).toEqual([]);
  expect(client.messages[0]?.name).toBe("server_hello");
  expect(client.selected).toBeUndefined();
}

const LIFETIME = 7200;

/** Row 44: tickets. */
const tickets: readonly Pitfall[] = [
  ...[
    { what: "without psk_key_exchange_modes", pskModes: undefined, count: 0 },
    { what: "with psk_ke alone", pskModes: [0], count: 0 },
    { what: "with unknown modes alone", pskModes: [0x2a, 0xff], count: 0 },
    { what: "with psk_dhe_ke", pskModes: [1], count: 2 },
    { what: "with psk_dhe_ke among others", pskModes: [0x2a, 0, 1], count: 2 },
  ].map(({ what, pskModes, count }): Pitfall => ({
    row: 44,
    engine: "server",
    name: `a client ${what} gets ${count} tickets`,
    run() {
      const options: ForgedClientOptions = pskModes === undefined ? {} : { pskModes };
      const client = comesBack({ config: serverConfig(), psk: EXTERNAL }, { psks: [], ...options });
      expectMeans(client, "certificates");
      expect(client.tickets).toHaveLength(count);
    },
  })),
  {
    row: 44,
    engine: "server",
    name: "tickets say how long they live, and have another nonce, age and name each",
    run() {
      for (const { config } of [{}, stored]) {
        const client = comesBack(
          { config: serverConfig({ ...config, ticketLifetimeSeconds: 60, ticketCount: 3 }), psk: EXTERNAL },
          { psks: [], pskModes: [1] },
        );
        expectMeans(client, "certificates");
        const bodies = client.tickets.map(({ body }) => body);
        expect(bodies.map(({ ticketLifetime }) => ticketLifetime)).toEqual([60, 60, 60]);
        expect(bodies.map(({ extensions }) => extensions)).toEqual([
          { order: [] },
          { order: [] },
          { order: [] },
        ]);
        for (const value of ["ticketNonce", "ticketAgeAdd", "ticket"] as const)
          expect(new Set(bodies.map((body) => String(body[value]))).size, value).toBe(3);
      }
    },
  },
  ...(
    [
      [0, "a PSK"],
      [LIFETIME - 1, "a PSK"],
      [LIFETIME, "certificates"],
      [8 * 24 * 3600, "certificates"],
      [-60, "a PSK"],
      [-61, "certificates"],
    ] as const
  ).flatMap(([age, means]) =>
    [{}, stored].map((back: Return, i): Pitfall => {
      let seconds = 1_800_000_000;
      return accepts(
        44,
        `a ${i === 0 ? "ticket" : "session in a store"} of ${age} s`,
        means,
        () => {
          seconds += age;
        },
        { ...back, config: { ...back.config, now: () => seconds * 1000 } },
      );
    }),
  ),
  ...[0, 1, 60_000, 61_000, 2 ** 31, 2 ** 32 - 1].map((shownAge) =>
    accepts(
      44,
      `a ticket whose obfuscated age is ${shownAge}, which counts for early data alone,`,
      "a PSK",
      (client) =>
        client.clientHello(
          offering(({ identities, binders }) => ({
            identities: identities.map(({ identity }) => ({ identity, obfuscatedTicketAge: shownAge })),
            binders,
          })),
        ),
    ),
  ),
  {
    row: 44,
    engine: "server",
    name: "the name of a session is used once, also when the handshake does not end, and not by who has only seen it",
    run() {
      for (const end of ["completed", "given up", "refused"] as const) {
        const known = withTicket(stored);
        const first: ForgedClient = comesBack(known);
        if (end === "completed") expectMeans(first, "a PSK");
        else if (end === "given up") first.clientHello();
        else {
          first.clientHello({ raw: (raw) => flipped(raw) });
          expectRefusal(first, badBinder());
        }
        expectMeans(comesBack(known), end === "refused" ? "a PSK" : "certificates");
      }
    },
  },
];

export const rowsPskTickets: readonly Pitfall[] = [...resumption, ...tickets];
