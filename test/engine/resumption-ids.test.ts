import { describe, expect, test } from "vitest";

import type { ClientHello } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { testResumedSession } from "./resumed-session.ts";
import { expectResumed, FULL_FLIGHT, KINDS, messagesOf, namesOf } from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

const [, BY_ID] = KINDS;

testResumedSession(BY_ID);

describe("a server", () => {
  test("without a store gives no id, and without tickets too no session at all", async () => {
    for (const [sessionTickets, resumed] of [
      [true, true],
      [false, false],
    ] as const) {
      const client = clientOf();
      const server = serverOf({ sessionStore: null, sessionTickets });
      const first = await open(client, server);
      const [hello] = messagesOf(first.server);
      expect(decodeHandshake("tls12_server_hello", hello ?? new Uint8Array()).sessionId).toHaveLength(0);
      expectResumed(await open(client, server), resumed);
    }
  });

  test("gives an id to a client that takes no tickets", async () => {
    const shapeClientHello = ({
      extensions: { sessionTicket: _, ...kept },
      ...hello
    }: ClientHello): ClientHello => ({
      ...hello,
      extensions: kept,
    });
    const [client, server] = [clientOf({ shapeClientHello }), serverOf()];
    const first = await open(client, server);
    expect(namesOf(first.server)).toEqual(FULL_FLIGHT);
    expectResumed(await open(client, server), true);
  });

  test("that does not know the id makes a new session, which replaces it", async () => {
    const client = clientOf();
    const server = serverOf({ sessionTickets: false });
    await open(client, server);
    const restarted = server.with({});
    expectResumed(await open(client, restarted), false);
    expectResumed(await open(client, restarted), true);
  });
});
