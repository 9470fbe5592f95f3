import { describe, expect, test } from "vitest";

import { ascii, hex, latin1 } from "../../src/bytes.ts";
import { type ClientHello, MemorySessionStore, type TlsVersion } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { byteByByte, Pair } from "../support/pair.ts";
import {
  Clock,
  expectResumed,
  FULL_FLIGHT,
  helloOf,
  infosOf,
  type KINDS,
  messagesOf,
  namesOf,
  OpenStore,
} from "./sessions.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

/** Registers the tests of what holds for a session whichever way the server gives it. */
export function testResumedSession([kind, options]: (typeof KINDS)[number]): void {
  describe(`a session that is resumed ${kind}`, () => {
    const isTicket = options.sessionTickets;

    test("goes on as what it was, without certificates and keys", async () => {
      const [client, server] = [clientOf(), serverOf(options)];
      const first = await open(client, server);
      const second = await open(client, server);
      expectResumed(first, false);
      expectResumed(second, true);
      expect(namesOf(first.client)).toEqual(["client_hello", "client_key_exchange"]);
      expect(namesOf(first.server)).toEqual([...FULL_FLIGHT, ...(isTicket ? ["new_session_ticket"] : [])]);
      expect(namesOf(second.client)).toEqual(["client_hello"]);
      expect(namesOf(second.server)).toEqual(["server_hello"]);
      for (const role of ["client", "server"] as const) {
        const [before, after] = [first[role].engine.info, second[role].engine.info];
        expect(before).toMatchObject({ group: "x25519", extendedMainSecret: true });
        expect(after).toEqual({ ...before, resumed: true, group: null, peerSignatureScheme: null });
      }
      second.client.engine.write(ascii("question"));
      second.server.engine.write(ascii("answer"));
      await second.run();
      expect(latin1(second.server.received)).toBe("question");
      expect(latin1(second.client.received)).toBe("answer");
    });

    test("is asked for and granted as RFC 5077 §3.4 and RFC 5246 §7.4.1.2 say", async () => {
      const [client, server] = [clientOf(), serverOf(options)];
      const first = await open(client, server);
      const [asks, offers] = [helloOf(first.client), helloOf((await open(client, server)).client)];
      expect([asks.legacySessionId, asks.extensions.sessionTicket]).toEqual([
        new Uint8Array(),
        new Uint8Array(),
      ]);
      const [serverHello] = messagesOf(first.server);
      const given = decodeHandshake("tls12_server_hello", serverHello ?? new Uint8Array());
      expect([given.sessionId.length, given.extensions.sessionTicket]).toEqual(
        isTicket ? [0, true] : [32, undefined],
      );
      expect(offers.legacySessionId).toHaveLength(32);
      if (isTicket) expect(offers.extensions.sessionTicket?.length).toBeGreaterThan(100);
      else
        expect([hex(offers.legacySessionId), offers.extensions.sessionTicket?.length]).toEqual([
          hex(given.sessionId),
          0,
        ]);
    });

    test("gives each connection keys of its own", async () => {
      const [client, server] = [clientOf(), serverOf(options)];
      const exported = [];
      for (let i = 0; i < 3; i++) {
        const pair = await open(client, server);
        const [own, peer] = [pair.client, pair.server].map(({ engine }) =>
          hex(engine.exportKeyingMaterial("EXPERIMENTAL", null, 32)),
        );
        expect(own).toBe(peer);
        exported.push(own);
      }
      expect(new Set(exported).size).toBe(3);
    });

    test("can be resumed again and again, and by two at a time", async () => {
      const [client, server] = [clientOf(), serverOf(options)];
      await open(client, server);
      const pairs = [new Pair(client, server), new Pair(client, server)];
      for (const pair of pairs) expectResumed(await pair.run(), true);
      for (let i = 0; i < 3; i++) expectResumed(await open(client, server), true);
    });

    test("works when the bytes come one by one", async () => {
      const [client, server] = [clientOf(), serverOf(options)];
      await new Pair(client, server, byteByByte).run();
      expectResumed(await new Pair(client, server, byteByByte).run(), true);
    });

    test("agrees on ALPN anew, and on record_size_limit", async () => {
      const [client, server] = [
        clientOf({ alpn: ["a", "b"], recordSizeLimit: 100 }),
        serverOf({ ...options, alpn: ["a", "b"] }),
      ];
      const sessionStore = client.settings.sessionStore;
      expect((await open(client, server)).client.engine.info?.alpn).toBe("a");
      const pair = await open(client.with({ alpn: ["b"], sessionStore }), server);
      expectResumed(pair, true);
      expect(infosOf(pair).map((info) => info?.alpn)).toEqual(["b", "b"]);
      pair.server.engine.write(new Uint8Array(250));
      await pair.run();
      const lengths = pair.client.events.flatMap((event) =>
        event.type === "data" ? [event.data.length] : [],
      );
      expect(lengths).toEqual([100, 100, 50]);
    });

    test("is passed over by a server that speaks TLS 1.3 by now", async () => {
      const sessionStore = new OpenStore();
      const versions: readonly TlsVersion[] = ["TLSv1.3", "TLSv1.2"];
      const client = clientOf({ versions, sessionStore });
      await open(client, serverOf(options));
      expect(sessionStore.sessions.size).toBe(1);
      const pair = await open(client, serverOf({ ...options, versions }));
      expect(pair.client.engine.info).toMatchObject({ version: "TLSv1.3", resumed: false });
      expectResumed(pair, false);
    });

    test("comes back to a server of TLS 1.2 when the client speaks both", async () => {
      const [client, server] = [clientOf({ versions: ["TLSv1.3", "TLSv1.2"] }), serverOf(options)];
      await open(client, server);
      const pair = await open(client, server);
      expectResumed(pair, true);
      expect(helloOf(pair.client).extensions.keyShare?.length).toBeGreaterThan(0);
    });

    test("has an end of its own, by the clock of either side", async () => {
      const lifetime = isTicket ? 2 * 3600 : 24 * 3600;
      for (const late of ["client", "server"] as const) {
        const clocks = { client: new Clock(), server: new Clock() };
        const client = clientOf({ now: clocks.client.now });
        const server = serverOf({ ...options, now: clocks.server.now });
        await open(client, server);
        clocks[late].move(lifetime - 1);
        expectResumed(await open(client, server), true);
        clocks[late].move(1);
        const pair = await open(client, server);
        expectResumed(pair, false);
        expect(helloOf(pair.client).legacySessionId.length > 0, late).toBe(late === "server");
        // The new session is as good as the first one was.
        clocks[late].move(lifetime - 1);
        expectResumed(await open(client, server), true);
      }
    });

    test("is not used when a clock has gone back by more than a minute behind its beginning", async () => {
      for (const late of ["client", "server"] as const) {
        const clocks = { client: new Clock(), server: new Clock() };
        const client = clientOf({ now: clocks.client.now });
        const server = serverOf({ ...options, now: clocks.server.now });
        await open(client, server);
        clocks[late].move(-60);
        expectResumed(await open(client, server), true);
        clocks[late].move(-1);
        expectResumed(await open(client, server), false);
      }
    });

    test("needs its suite, on both sides", async () => {
      const [GCM, CHACHA] = [
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
      ];
      const sessionStore = new MemorySessionStore();
      const server = serverOf({ ...options, cipherSuites: [GCM, CHACHA] });
      const client = clientOf({ sessionStore, cipherSuites: [GCM, CHACHA] });
      await open(client, server);
      const other = await open(client.with({ cipherSuites: [CHACHA] }), server);
      expectResumed(other, false);
      // The suite of the session goes before the preference of either side.
      const turned = await open(client.with({ cipherSuites: [GCM, CHACHA] }), server);
      expectResumed(turned, true);
      expect(infosOf(turned).map((info) => info?.cipherSuite)).toEqual([CHACHA, CHACHA]);
      // The client offers the session's suite no more than any other, if a shape says so.
      const shapeClientHello = (hello: ClientHello): ClientHello => ({
        ...hello,
        cipherSuites: hello.cipherSuites.toSorted((a, b) => a - b).slice(0, 1),
      });
      expectResumed(await open(client.with({ shapeClientHello }), server), false);
    });

    test("is not kept by a client without a store", async () => {
      const [client, server] = [clientOf({ sessionStore: null }), serverOf(options)];
      await open(client, server);
      const pair = await open(client, server);
      expectResumed(pair, false);
      expect(helloOf(pair.client).extensions.sessionTicket).toBeUndefined();
    });

    test("lasts as long as the handshake that made it says: without it there is none", async () => {
      const sessionStore = new OpenStore();
      const pair = new Pair(clientOf({ sessionStore }), serverOf(options));
      pair.client.engine.abort();
      await pair.run();
      expect(sessionStore.sessions.size).toBe(0);
    });
  });
}
