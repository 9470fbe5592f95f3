import { expect } from "vitest";

import { ascii, concatBytes, equalBytes, hex16 } from "../../src/bytes.ts";
import type { ClientOptions } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { present, withBody } from "../support/forger.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { forgedClient as forgedClient13, serverRefuses as server13Refuses } from "./pitfall13.ts";
import { illegal } from "./setups.ts";
import { only12, resumingClient, SESSION_ID, ticketing } from "./setups12.ts";

/** A random with the mark of a server that was brought down. */
function marked(mark: number): (random: Uint8Array) => Uint8Array {
  return (random) => concatBytes(random.subarray(0, 24), ascii("DOWNGRD"), Uint8Array.of(mark));
}

const MARK_OF_12 = concatBytes(ascii("DOWNGRD"), Uint8Array.of(1));

function serverRandomEnd(setup: Parameters<typeof forgedClient12>[0]): Uint8Array {
  const client = forgedClient12(setup).complete();
  expectOpen(client);
  return client.serverRandom.subarray(24);
}

/** Row 23: a server that knows TLS 1.3 and does not use it marks its random. */
const downgrades: readonly Pitfall[] = [
  ...[0, 1].flatMap((mark) => [
    clientRefuses(
      23,
      `a ServerHello of TLS 1.2 with the downgrade mark ${mark}`,
      illegal("server was brought down from TLS 1.3"),
      (server) => server.serverHello((body) => ({ ...body, random: marked(mark)(body.random) })),
    ),
    ...[0x0301, 0x0302].map((serverVersion) =>
      clientRefuses(
        23,
        `a ServerHello of version ${hex16(serverVersion)} with the downgrade mark ${mark}`,
        illegal("server was brought down from TLS 1.3"),
        (server) =>
          server.serverHello((body) => ({ ...body, serverVersion, random: marked(mark)(body.random) })),
      ),
    ),
  ]),
  clientAccepts(
    23,
    "the downgrade mark is taken by a client that has not offered TLS 1.3",
    (server) =>
      server.serverHello((body) => {
        server.serverRandom = marked(1)(body.random);
        return { ...body, random: server.serverRandom };
      }),
    only12,
  ),
  clientAccepts(23, "half of the downgrade mark is taken for a random", (server) =>
    server.serverHello((body) => {
      server.serverRandom = concatBytes(body.random.subarray(0, 24), ascii("DOWNGR"), Uint8Array.of(7, 1));
      return { ...body, random: server.serverRandom };
    }),
  ),
  {
    row: 23,
    engine: "server",
    name: "a server of both versions marks its random",
    run() {
      expect(serverRandomEnd({})).toEqual(MARK_OF_12);
    },
  },
  {
    row: 23,
    engine: "server",
    name: "a server of both versions marks its random when it resumes a session",
    run() {
      const client = resumingClient().complete();
      expect(expectOpen(client).resumed).toBe(true);
      expect(client.serverRandom.subarray(24)).toEqual(MARK_OF_12);
    },
  },
  {
    row: 23,
    engine: "server",
    name: "a server of TLS 1.2 alone does not mark its random",
    run() {
      expect(equalBytes(serverRandomEnd(only12).subarray(0, 7), MARK_OF_12.subarray(0, 7))).toBe(false);
    },
  },
  {
    row: 23,
    engine: "server",
    name: "a server of both versions does not mark its random in TLS 1.3",
    run() {
      const client = forgedClient13().complete();
      expectOpen(client);
      const raw = present(client.messages.find(({ name }) => name === "server_hello")).raw;
      const { random } = decodeHandshake("server_hello", raw);
      expect(equalBytes(random.subarray(24, 31), MARK_OF_12.subarray(0, 7))).toBe(false);
    },
  },
];

const longVector = { alert: "decode_error", says: "vector of 33 bytes, allowed 0..32" } as const;

/** The offset of the session id in the body of a hello: behind version and random. */
const SESSION_ID_AT = 2 + 32;

function withLongSessionId(message: Uint8Array): Uint8Array {
  return withBody(message, (body) => {
    const behind = SESSION_ID_AT + 1 + (body[SESSION_ID_AT] ?? 0);
    const longId = concatBytes(Uint8Array.of(33), new Uint8Array(33));
    return concatBytes(body.subarray(0, SESSION_ID_AT), longId, body.subarray(behind));
  });
}

const notOffered = illegal("server resumes a session that was not offered");

const withoutSessions: Partial<ClientOptions> = { sessionStore: null };

/** Row 24: a session id that is echoed says that a session is resumed. */
const sessionIds: readonly Pitfall[] = [
  clientRefuses(24, "the echo of the id for middleboxes", notOffered, (server) =>
    server.serverHello((body) => ({ ...body, sessionId: server.clientHello.legacySessionId })),
  ),
  clientRefuses(
    24,
    "the echo of the id for middleboxes, to a client without sessions,",
    notOffered,
    (server) => server.serverHello((body) => ({ ...body, sessionId: server.clientHello.legacySessionId })),
    { config: withoutSessions },
  ),
  clientAccepts(24, "no session id is taken where none was sent", () => undefined, only12),
  ...[1, 16, 31, 32].map((length) =>
    clientAccepts(24, `a new session id of ${length} bytes is taken`, () => undefined, {
      forger: { sessionId: SESSION_ID.subarray(0, length) },
    }),
  ),
  clientAccepts(24, "a new session id is taken where none was sent", () => undefined, {
    ...only12,
    forger: { sessionId: SESSION_ID },
  }),
  clientAccepts(24, "a session id beside a ticket is taken", () => undefined, {
    forger: { ...ticketing.forger, sessionId: SESSION_ID },
  }),
  clientRefuses(24, "a session id of 33 bytes in ServerHello", longVector, (server) =>
    server.serverHello({ raw: withLongSessionId }),
  ),
  serverRefuses(24, "a session id of 33 bytes in ClientHello", longVector, (client) =>
    client.clientHello({ raw: withLongSessionId }),
  ),
  ...[0, 1, 16, 31, 32].flatMap((length) =>
    [true, false].map((takesTickets) =>
      serverAccepts(
        24,
        `a session id of ${length} bytes that is not known is not echoed, ${takesTickets ? "with" : "without"} tickets`,
        (client) => {
          client.clientHello((hello) => ({ ...hello, legacySessionId: client.random(length) }));
          const { sessionId } = present(client.serverHello);
          expect(sessionId).toHaveLength(takesTickets ? 0 : 32);
          expect(equalBytes(sessionId, client.hello.legacySessionId)).toBe(length === 0 && takesTickets);
        },
        { forger: { takesTickets } },
      ),
    ),
  ),
  serverAccepts(
    24,
    "a server without sessions gives no id",
    (client) => {
      client.clientHello();
      expect(present(client.serverHello).sessionId).toHaveLength(0);
      expect(present(client.serverHello).extensions.sessionTicket).toBeUndefined();
    },
    { config: { sessionStore: null, sessionTickets: false } },
  ),
];

/** Row 25: TLS 1.2 may offer compression, and it is never chosen. */
const compression: readonly Pitfall[] = [
  ...[
    [0, 1],
    [1, 0],
    [1, 64, 0],
    [0, 0],
    [0x7a, 0],
  ].map((methods) =>
    serverAccepts(
      25,
      `the compression methods ${methods.join(", ")} are taken, and none of them used`,
      (client) => {
        client.clientHello((hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.from(methods) }));
        expect(present(client.serverHello).compressionMethod).toBe(0);
      },
    ),
  ),
  ...[[1], [1, 64], [255]].map((methods) =>
    serverRefuses(
      25,
      `the compression methods ${methods.join(", ")}`,
      illegal(`the client offers compression methods ${methods.join(", ")}, not null`),
      (client) =>
        client.clientHello((hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.from(methods) })),
    ),
  ),
  serverRefuses(
    25,
    "a ClientHello without a compression method",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..255" },
    (client) =>
      client.clientHello({
        raw: (message) =>
          withBody(message, (body) => {
            const at = SESSION_ID_AT + 1 + 2 + 2;
            return concatBytes(body.subarray(0, at), Uint8Array.of(0), body.subarray(at + 2));
          }),
      }),
  ),
  ...[1, 64, 255].flatMap((compressionMethod) => [
    clientRefuses(
      25,
      `a ServerHello that chooses compression method ${compressionMethod}`,
      illegal(`server chose compression method ${compressionMethod}`),
      (server) => server.serverHello((body) => ({ ...body, compressionMethod })),
    ),
  ]),
  {
    row: 25,
    engine: "client",
    name: "a client offers no compression",
    run() {
      expect(forgedServer12().clientHello.legacyCompressionMethods).toEqual(Uint8Array.of(0));
      expect(forgedServer12(only12).clientHello.legacyCompressionMethods).toEqual(Uint8Array.of(0));
    },
  },
  server13Refuses(
    25,
    "compression methods besides null, from a client of TLS 1.3,",
    illegal("offers compression methods 0, 1"),
    (client) => client.clientHello((hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.of(0, 1) })),
  ),
];

export const tls12Rows23To25: readonly Pitfall[] = [...downgrades, ...sessionIds, ...compression];
