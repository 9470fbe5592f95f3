import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { type ClientHello, MemorySessionStore, TlsEngine } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { End, Pair } from "../support/pair.ts";
import { expectRefusal } from "./refusal.ts";
import { testResumedSession } from "./resumed-session.ts";
import {
  expectResumed,
  helloOf,
  infosOf,
  KINDS,
  messagesOf,
  namesOf,
  OpenStore,
  Policy,
} from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");
const clientCredential = await toyCredential("client");

const [BY_TICKET] = KINDS;

testResumedSession(BY_TICKET);

describe("a server", () => {
  test("that does not know the ticket makes a new session, which replaces it", async () => {
    const client = clientOf();
    const server = serverOf();
    // Another config has another key.
    const restarted = server.with({});
    await open(client, server);
    await open(clientOf(), restarted);
    const pair = await open(client, restarted);
    expectResumed(pair, false);
    expect(helloOf(pair.client).extensions.sessionTicket?.length).toBeGreaterThan(100);
    expect(namesOf(pair.server)).toContain("new_session_ticket");
    expectResumed(await open(client, restarted), true);
  });

  test("takes no ticket that was changed, and does not say so", async () => {
    for (const at of [0, 20, 60, -1]) {
      const store = new OpenStore();
      const client = clientOf({
        sessionStore: store,
        shapeClientHello: (hello) => {
          const sessionTicket = hello.extensions.sessionTicket?.slice() ?? new Uint8Array();
          const index = at < 0 ? sessionTicket.length + at : at;
          if (sessionTicket.length > 0) sessionTicket[index] = (sessionTicket[index] ?? 0) ^ 1;
          return { ...hello, extensions: { ...hello.extensions, sessionTicket } };
        },
      });
      const server = serverOf();
      await open(client, server);
      expectResumed(await open(client, server), false);
    }
  });

  test("gives no ticket for a session that is too large for one, and the handshake is as good as any", async () => {
    const [leaf = new Uint8Array()] = clientCredential.certificateChain;
    const trust = new Policy();
    const server = serverOf({ clientAuth: { mode: "require", trust } });
    for (const [filler, isLarge] of [
      [15_000, false],
      [17_000, true],
    ] as const) {
      const store = new OpenStore();
      const certificateChain = [leaf, new Uint8Array(filler)];
      const client = clientOf({
        sessionStore: store,
        clientCredential: { ...clientCredential, certificateChain },
      });
      const pair = await open(client, server);
      const ticket = messagesOf(pair.server).at(-1);
      const { ticket: bytes, ticketLifetimeHint } = decodeHandshake(
        "tls12_new_session_ticket",
        ticket ?? new Uint8Array(),
      );
      expect([bytes.length > filler, ticketLifetimeHint]).toEqual(isLarge ? [false, 0] : [true, 7200]);
      expect(bytes.length === 0).toBe(isLarge);
      expect(store.sessions.size).toBe(isLarge ? 0 : 1);
      expect(pair.server.engine.info?.peer).toMatchObject({ kind: "verified", chain: certificateChain });
      pair.client.engine.write(ascii("on"));
      await pair.run();
      expect(latin1(pair.server.received)).toBe("on");
      expectResumed(await open(client, server), !isLarge);
    }
  });
});

describe("the extended main secret", () => {
  /** As of a client that does not know RFC 7627. */
  const withoutIt = ({
    extensions: { extendedMainSecret: _, ...kept },
    ...hello
  }: ClientHello): ClientHello => ({
    ...hello,
    extensions: kept,
  });

  test("is what a session was made with: one without it is resumed without it", async () => {
    const [client, server] = [clientOf({ shapeClientHello: withoutIt }), serverOf()];
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expectResumed(pair, resumed);
      expect(infosOf(pair).map((info) => info?.extendedMainSecret)).toEqual([false, false]);
    }
  });

  test("offered for a session without it leads to a full handshake with it", async () => {
    const sessionStore = new OpenStore();
    const server = serverOf();
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore }), server);
    const pair = await open(clientOf({ sessionStore }), server);
    expect(helloOf(pair.client).extensions.sessionTicket?.length).toBeGreaterThan(0);
    expectResumed(pair, false);
    expect(infosOf(pair).map((info) => info?.extendedMainSecret)).toEqual([true, true]);
  });

  test.each(KINDS)("missing for a session with it is handshake_failure, %s", async (_kind, options) => {
    const sessionStore = new OpenStore();
    const server = serverOf(options);
    await open(clientOf({ sessionStore }), server);
    const pair = await new Pair(clientOf({ sessionStore, shapeClientHello: withoutIt }), server).run();
    expectRefusal(pair.server, "handshake_failure", /resumes a session with an extended main secret/);
  });

  test("is required: a client does not offer a session without it", async () => {
    const sessionStore = new OpenStore();
    const server = serverOf();
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore }), server);
    const strict = clientOf({ sessionStore, requireExtendedMainSecret: true });
    const pair = await open(strict, server);
    expect(helloOf(pair.client).extensions.sessionTicket).toHaveLength(0);
    expectResumed(pair, false);
    expectResumed(await open(strict, server), true);
  });

  test("is required: a server makes a full handshake in place of a session without it", async () => {
    const sessionStore = new MemorySessionStore();
    const clientStore = new OpenStore();
    const server = serverOf({ sessionTickets: false, sessionStore });
    await open(clientOf({ shapeClientHello: withoutIt, sessionStore: clientStore }), server);
    const strict = server.with({ requireExtendedMainSecret: true });
    expectResumed(await open(clientOf({ sessionStore: clientStore }), strict), false);
  });

  test("is required: who does not offer it is refused, by either side", async () => {
    const pair = await new Pair(
      clientOf({ shapeClientHello: withoutIt }),
      serverOf({ requireExtendedMainSecret: true }),
    ).run();
    expectRefusal(
      pair.server,
      "handshake_failure",
      "the client offers no extended main secret, and it is required",
    );
    const other = await new Pair(
      clientOf({ shapeClientHello: withoutIt, requireExtendedMainSecret: true }),
      serverOf(),
    ).run();
    expectRefusal(
      other.client,
      "handshake_failure",
      "server has no extended main secret, and it is required",
    );
  });
});

test("a client that offers a session takes a full handshake from a server that does not resume it", async () => {
  const client = clientOf();
  await open(client, serverOf());
  const stranger = new End(TlsEngine.server(serverOf({ sessionTickets: false, sessionStore: null })));
  const own = new End(TlsEngine.client(client));
  for (let i = 0; i < 4; i++) {
    expect(own.drain()).toBeUndefined();
    stranger.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(stranger.drain()).toBeUndefined();
    own.engine.receive(stranger.engine.takeOutput() ?? new Uint8Array());
  }
  expect(own.engine.info).toMatchObject({ resumed: false });
});
