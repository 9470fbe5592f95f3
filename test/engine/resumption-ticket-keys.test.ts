import { expect, test } from "vitest";

import { ConfigError, TicketKeys, type TicketKeysOptions } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { toyProvider } from "../handshake/toy-provider.ts";
import type { Pair } from "../support/pair.ts";
import { Clock, messagesOf, namesOf } from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");
const provider = toyProvider();

/** Much shorter than the two hours that a session itself lives. */
const KEYS = { provider, rotationSeconds: 60, lifetimeSeconds: 120 } as const satisfies TicketKeysOptions;

const resumed = ({ client, server }: Pair): readonly (boolean | undefined)[] => [
  client.engine.info?.resumed,
  server.engine.info?.resumed,
];
const YES = [true, true];
const NO = [false, false];

/** Two servers on machines of their own: the keys of one, exported after its first ticket, and clocks that differ. */
async function twoServers(aheadSeconds = 0) {
  const clocks = { a: new Clock(), b: new Clock() };
  // The clocks begin where a period does.
  expect(clocks.a.now() % (KEYS.rotationSeconds * 1000)).toBe(20_000);
  for (const clock of Object.values(clocks)) clock.move(40);
  const keys = new TicketKeys(KEYS);
  const a = serverOf({ now: clocks.a.now, sessionTickets: keys, sessionStore: null });
  await open(clientOf(), a);
  const imported = TicketKeys.import(keys.export(clocks.a.now()), { provider });
  const b = serverOf({ now: clocks.b.now, sessionTickets: imported, sessionStore: null });
  clocks.b.move(aheadSeconds);
  const move = (seconds: number): void => Object.values(clocks).forEach((clock) => clock.move(seconds));
  return { a, b, keys, imported, clocks, move };
}

test("a session of one server is resumed by another with its keys, in the same period and after rotations", async () => {
  for (const later of [0, 59, 60, 61, 120, 179]) {
    const { a, b, move } = await twoServers();
    const client = clientOf();
    expect(resumed(await open(client, a))).toEqual(NO);
    move(later);
    expect(resumed(await open(client, b)), `after ${later} s`).toEqual(YES);
    expect(resumed(await open(client, a)), `after ${later} s`).toEqual(YES);
  }
});

test("it is made anew when the period of its ticket has been over for the lifetime of the keys", async () => {
  for (const later of [180, 181, 3600]) {
    const { a, b, move } = await twoServers();
    const client = clientOf();
    await open(client, a);
    move(later);
    const pair = await open(client, b);
    expect(resumed(pair), `after ${later} s`).toEqual(NO);
    // The client has offered it, and got a new ticket, which is as good with the other server.
    expect(namesOf(pair.server)).toContain("new_session_ticket");
    expect(resumed(await open(client, a))).toEqual(YES);
  }
});

test("a session is resumed by a server whose clock is up to a period ahead of the one that made it", async () => {
  for (const ahead of [-60, -30, 30, 60]) {
    const { a, b, move } = await twoServers(ahead);
    const [late, early] = ahead < 0 ? [b, a] : [a, b];
    for (let period = 0; period < 3; period++) {
      const client = clientOf();
      expect(resumed(await open(client, late))).toEqual(NO);
      expect(resumed(await open(client, early)), `${ahead} s`).toEqual(YES);
      move(60);
    }
  }
});

test("without the keys there is a full handshake, and no error", async () => {
  const { a, clocks } = await twoServers();
  const client = clientOf();
  await open(client, a);
  const stranger = serverOf({ now: clocks.a.now, sessionTickets: new TicketKeys(KEYS), sessionStore: null });
  expect(resumed(await open(client, stranger))).toEqual(NO);
  expect(resumed(await open(client, stranger))).toEqual(YES);
});

test("damaged keys are refused before there is a server", async () => {
  const { keys, clocks } = await twoServers();
  const exported = keys.export(clocks.a.now());
  exported[60] = (exported[60] ?? 0) ^ 1;
  expect(() => TicketKeys.import(exported, { provider })).toThrow(ConfigError);
});

/** The lifetime hint and the length of the ticket that a server gives. */
function ticketOf(pair: Pair): readonly [number, number] | null {
  const index = namesOf(pair.server).indexOf("new_session_ticket");
  const raw = messagesOf(pair.server)[index];
  if (raw === undefined) return null;
  const { ticketLifetimeHint, ticket } = decodeHandshake("tls12_new_session_ticket", raw);
  return [ticketLifetimeHint, ticket.length];
}

test.each([
  ["keys that were wiped", (keys: TicketKeys) => keys.wipe()],
  ["a clock that has gone too far", (_keys: TicketKeys, clock: Clock) => clock.move(20_001 * 60)],
])("a server with %s goes on without tickets", async (_what, act) => {
  const { a, keys, clocks } = await twoServers();
  const client = clientOf();
  expect(ticketOf(await open(client, a))).toEqual([7200, expect.any(Number)]);
  act(keys, clocks.a);
  for (let i = 0; i < 2; i++) {
    const pair = await open(client, a);
    expect(resumed(pair)).toEqual(NO);
    expect(ticketOf(pair)).toEqual([0, 0]);
  }
});
