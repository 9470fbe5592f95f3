import { type ClientOptions, MemorySessionStore, type ServerOptions } from "../../src/index.ts";
import { copyOf, newTicketKeys } from "./resumption13.ts";
import { suites } from "./rows.ts";

const [aes128, aes256, chacha] = suites;
const EIGHT_DAYS_MS = 8 * 24 * 3600 * 1000;

/** What a server of ours is for the first connection of a client that means to resume, and for the second. */
export interface ServerPair {
  readonly feature: string;
  readonly resumed: boolean;
  readonly helloRetried?: true;
  /** Made anew for each row. */
  readonly make: () => Pair;
}

type Pair = readonly [Partial<ServerOptions>, Partial<ServerOptions>];
const twice = (ours: Partial<ServerOptions>): Pair => [ours, ours];

/** What a peer's client meets in `npm run interop`. */
export const serverPairs: readonly ServerPair[] = [
  { feature: "sealed tickets", resumed: true, make: () => twice({ sessionTickets: newTicketKeys() }) },
  {
    feature: "stored tickets",
    resumed: true,
    make: () => {
      const stored = { sessionTickets: "stored", sessionStore: new MemorySessionStore() } as const;
      return [stored, stored];
    },
  },
  {
    feature: "at another server with the same ticket keys",
    resumed: true,
    make: () => {
      const keys = newTicketKeys();
      return [{ sessionTickets: keys }, { sessionTickets: copyOf(keys) }];
    },
  },
  {
    feature: "ticket keys that have been rotated",
    resumed: true,
    make: () => later(60_000, { sessionTickets: newTicketKeys(60, 60) }),
  },
  {
    feature: "refused: the key of the ticket is rotated out",
    resumed: false,
    make: () => later(120_000, { sessionTickets: newTicketKeys(60, 60) }),
  },
  {
    feature: "refused: the lifetime of the ticket is over",
    resumed: false,
    make: () => later(100_000, { sessionTickets: newTicketKeys(), ticketLifetimeSeconds: 100 }),
  },
  { feature: "refused: a ticket of another server", resumed: false, make: () => [{}, {}] },
  {
    feature: "HelloRetryRequest",
    resumed: true,
    helloRetried: true,
    make: () => twice({ sessionTickets: newTicketKeys(), groups: ["secp384r1"], helloRetryCookie: true }),
  },
  {
    feature: "another suite with the same hash",
    resumed: true,
    make: () => suitesInTurn(aes128, chacha, aes128),
  },
  {
    feature: "refused: another hash",
    resumed: false,
    make: () => suitesInTurn(aes128, aes256),
  },
];

function later(ms: number, ours: Partial<ServerOptions>): Pair {
  const start = Date.now();
  return [
    { ...ours, now: () => start },
    { ...ours, now: () => start + ms },
  ];
}

function suitesInTurn(first: string, ...second: readonly string[]): Pair {
  const sessionTickets = newTicketKeys();
  return [
    { sessionTickets, cipherSuites: [first] },
    { sessionTickets, cipherSuites: second },
  ];
}

/** What our client is for its first connection to a server that gives tickets, and for its second. */
export interface ClientPair {
  readonly feature: string;
  readonly resumed: boolean;
  readonly helloRetried?: true;
  readonly first: Partial<ClientOptions>;
  readonly second: Partial<ClientOptions>;
}

/** A group first that no peer has, or that it is kept from. */
const guessesWrong = { keyShares: ["X25519MLKEM768"] };

/** What a peer's server meets in `npm run interop`. */
export const clientPairs: readonly ClientPair[] = [
  { feature: "by ticket", resumed: true, first: {}, second: {} },
  {
    feature: "another suite with the same hash before",
    resumed: true,
    first: { cipherSuites: [aes128] },
    second: { cipherSuites: [chacha, aes128] },
  },
  {
    feature: "not offered: another hash",
    resumed: false,
    first: { cipherSuites: [aes128] },
    second: { cipherSuites: [aes256] },
  },
  {
    feature: "not offered: its lifetime is over",
    resumed: false,
    first: {},
    second: { now: () => Date.now() + EIGHT_DAYS_MS },
  },
  {
    feature: "HelloRetryRequest",
    resumed: true,
    helloRetried: true,
    first: guessesWrong,
    second: guessesWrong,
  },
];
