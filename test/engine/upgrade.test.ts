import { describe, expect, test } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { NEED_DATA, NotTlsError, TlsEngine, type TlsEvent } from "../../src/index.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { configsOf, VERSIONS } from "./versions.ts";

/** Everything that an engine has to say, data as text. */
function eventsOf(engine: TlsEngine): readonly (Exclude<TlsEvent, { type: "data" }> | string)[] {
  const events: (Exclude<TlsEvent, { type: "data" }> | string)[] = [];
  for (let event = engine.nextEvent(); event !== NEED_DATA; event = engine.nextEvent()) {
    events.push(event.type === "data" ? latin1(event.data) : event);
  }
  return events;
}

/** Carries bytes until neither side says anything; gives the events of both. */
function exchange(
  first: TlsEngine,
  second: TlsEngine,
): Record<"first" | "second", ReturnType<typeof eventsOf>> {
  const seen = { first: [...eventsOf(first)], second: [...eventsOf(second)] };
  for (;;) {
    const forth = first.takeOutput();
    if (forth !== null) second.receive(forth);
    seen.second.push(...eventsOf(second));
    const back = second.takeOutput();
    if (back !== null) first.receive(back);
    seen.first.push(...eventsOf(first));
    if (forth === null && back === null) return seen;
  }
}

const types = (events: ReturnType<typeof eventsOf>): readonly string[] =>
  events.map((event) => (typeof event === "string" ? event : event.type));

describe("in plaintext", () => {
  test("bytes pass through both ways, and nothing is said about TLS", () => {
    const engine = new TlsEngine();
    expect(engine).toMatchObject({ state: "plaintext", writeState: "open", info: null });
    expect(engine.write(ascii("out"))).toBe(true);
    engine.write(ascii("put"));
    expect(engine.pendingOutput).toBe(6);
    const output = engine.takeOutput();
    expect(output === null ? null : latin1(output)).toBe("output");
    engine.receive(ascii("in"));
    engine.receive(ascii("put"));
    expect(engine.pendingInput).toBe(5);
    expect(eventsOf(engine)).toEqual(["in", "put"]);
    expect(engine.pendingInput).toBe(0);
  });

  test("the caller may overwrite what it has given", () => {
    const engine = new TlsEngine();
    const bytes = ascii("mine");
    engine.receive(bytes);
    engine.write(bytes);
    bytes.fill(0x2a);
    expect(eventsOf(engine)).toEqual(["mine"]);
    expect(latin1(engine.takeOutput() ?? ascii(""))).toBe("mine");
  });

  test("the end of the transport is a clean end of reading, and writing goes on", () => {
    const engine = new TlsEngine();
    engine.receive(ascii("bye"));
    engine.receiveEof();
    engine.receive(ascii("late"));
    expect(eventsOf(engine)).toEqual(["bye", { type: "closed", how: { kind: "clean" } }]);
    expect(engine.nextEvent()).toBe(NEED_DATA);
    expect(engine.state).toBe("plaintext");
    expect(engine.write(ascii("still"))).toBe(true);
    engine.closeWrite();
    expect(engine.write(ascii("lost"))).toBe(false);
    expect(engine.state).toBe("closed");
  });

  test("closeWrite() ends writing, and reading goes on", () => {
    const engine = new TlsEngine();
    engine.closeWrite();
    expect(engine.writeState).toBe("closed");
    expect(() => engine.write(ascii("more"))).toThrow(TypeError);
    engine.receive(ascii("answer"));
    expect(eventsOf(engine)).toEqual(["answer"]);
  });

  test("abort() ends both directions: one event, and every call is inert", () => {
    const engine = new TlsEngine();
    engine.write(ascii("said"));
    engine.receive(ascii("never read"));
    engine.abort("internal_error");
    expect(eventsOf(engine)).toEqual([{ type: "closed", how: { kind: "aborted", alertSent: null } }]);
    engine.abort();
    engine.receive(ascii("late"));
    engine.receiveEof();
    expect(engine.write(ascii("lost"))).toBe(false);
    expect(engine.nextEvent()).toBe(NEED_DATA);
    expect(latin1(engine.takeOutput() ?? ascii(""))).toBe("said");
    expect(engine.takeOutput()).toBeNull();
    expect(engine.state).toBe("closed");
    expect(() => engine.upgrade(configsOf(...VERSIONS).client(), "none")).toThrow(TypeError);
  });
});

describe.each(VERSIONS)("to %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);

  /** Two engines that have said STARTTLS to each other in plaintext, and upgraded. */
  function upgraded(): { readonly client: TlsEngine; readonly server: TlsEngine } {
    const client = new TlsEngine();
    const server = new TlsEngine();
    client.write(ascii("STARTTLS\r\n"));
    expect(types(exchange(client, server).second)).toEqual(["STARTTLS\r\n"]);
    server.write(ascii("220 go ahead\r\n"));
    server.upgrade(toyServer(), "none");
    const greeting = server.takeOutput();
    if (greeting === null) throw new Error("no output");
    client.receive(greeting);
    expect(eventsOf(client)).toEqual(["220 go ahead\r\n"]);
    client.upgrade(toyClient(), "none");
    return { client, server };
  }

  describe("upgrade()", () => {
    test("goes from plaintext to TLS, and data is what comes through TLS alone", () => {
      const { client, server } = upgraded();
      expect(client.state).toBe("handshaking");
      const { first, second } = exchange(client, server);
      expect(types(first)).toEqual(["handshake-complete"]);
      expect(types(second)).toEqual(["handshake-complete"]);
      client.write(ascii("EHLO again"));
      expect(types(exchange(client, server).second)).toEqual(["EHLO again"]);
    });

    test("plaintext that was written before goes out before the ClientHello", () => {
      const client = new TlsEngine();
      client.write(ascii("STARTTLS"));
      client.write(ascii("\r\n"));
      client.upgrade(toyClient(), "none");
      const pieces: Uint8Array[] = [];
      for (let piece = client.takeOutput(3); piece !== null; piece = client.takeOutput(3)) pieces.push(piece);
      const output = concatBytes(...pieces);
      expect(latin1(output.subarray(0, 10))).toBe("STARTTLS\r\n");
      expect([...output.subarray(10, 13)]).toEqual([22, 3, 1]);
      const other = new TlsEngine();
      other.write(ascii("STARTTLS\r\n"));
      other.upgrade(toyClient(), "none");
      expect(other.pendingOutput).toBe(output.length);
      expect(latin1(other.takeOutput()?.subarray(0, 10) ?? ascii(""))).toBe("STARTTLS\r\n");
      expect(other.takeOutput()).toBeNull();
    });

    test.each(["in the parser", "in the engine", "half and half"])(
      `a ClientHello right behind the command, %s, goes to TLS: TLS_ENGINE_SEED=${RUN_SEED}`,
      (where) => {
        const client = TlsEngine.client(toyClient());
        const flight = client.takeOutput();
        if (flight === null) throw new Error("no output");
        const server = new TlsEngine();
        server.receive(ascii("STARTTLS\r\n"));
        expect(eventsOf(server)).toEqual(["STARTTLS\r\n"]);
        const at =
          { "in the parser": flight.length, "in the engine": 0 }[where] ??
          1 + new Seeded(RUN_SEED).integer(flight.length - 1);
        const unread = flight.slice(0, at);
        if (at < flight.length) server.receive(flight.subarray(at));
        server.upgrade(toyServer(), at === 0 ? "none" : unread);
        unread.fill(0);
        expect(eventsOf(server)).toEqual([]);
        expect(types(exchange(client, server).second)).toEqual(["handshake-complete"]);
      },
    );

    test("commands injected behind STARTTLS are never data: the connection ends without an alert", () => {
      for (const inEngine of [true, false]) {
        const server = new TlsEngine();
        const injected = ascii("MAIL FROM:<mallory>\r\n");
        if (inEngine) server.receive(injected);
        server.write(ascii("220 go ahead\r\n"));
        server.upgrade(toyServer(), inEngine ? "none" : injected);
        const [event, ...others] = eventsOf(server);
        if (typeof event !== "object" || event.type !== "closed" || event.how.kind !== "error")
          throw new Error("data");
        expect(event.how.error).toBeInstanceOf(NotTlsError);
        expect(event.how).toMatchObject({ alertSent: null, error: { kind: "plaintext-after-upgrade" } });
        expect(event.how.error.message).toContain("MAIL FRO");
        expect(others).toEqual([]);
        expect(latin1(server.takeOutput() ?? ascii(""))).toBe("220 go ahead\r\n");
        expect(server.state).toBe("closed");
      }
    });

    test("injected commands in front of a real ClientHello end the connection too", () => {
      const flight = TlsEngine.client(toyClient()).takeOutput();
      if (flight === null) throw new Error("no output");
      const server = new TlsEngine();
      server.upgrade(toyServer(), concatBytes(ascii("QUIT\r\n"), flight));
      expect(eventsOf(server)).toMatchObject([
        { type: "closed", how: { kind: "error", error: { kind: "plaintext-after-upgrade" } } },
      ]);
    });

    test.each([
      ["HTTP", ascii("HTTP/1.1 400 Bad Request\r\n"), "not-tls"],
      ["a zero", Uint8Array.of(0), "not-tls"],
      ["SSL 2", Uint8Array.of(0x80, 0x2e, 1, 3, 1), "not-tls"],
    ] as const)(
      "first bytes of a TLS connection that are no TLS (%s) are NotTlsError",
      (_what, bytes, kind) => {
        for (const engine of [TlsEngine.client(toyClient()), TlsEngine.server(toyServer())]) {
          engine.takeOutput();
          engine.receive(bytes);
          expect(eventsOf(engine)).toMatchObject([
            { type: "closed", how: { kind: "error", alertSent: null, error: { kind } } },
          ]);
          expect(engine.takeOutput()).toBeNull();
        }
      },
    );

    test("bytes that are no record behind the first record are unexpected_message", () => {
      const engine = TlsEngine.server(toyServer());
      const flight = TlsEngine.client(toyClient()).takeOutput();
      if (flight === null) throw new Error("no output");
      engine.receive(concatBytes(flight, ascii("QUIT\r\n")));
      expect(eventsOf(engine)).toMatchObject([
        { type: "closed", how: { kind: "error", alertSent: "unexpected_message" } },
      ]);
    });

    test("an end of the transport that came before is truncation now", () => {
      const engine = new TlsEngine();
      engine.receiveEof();
      engine.upgrade(toyClient(), "none");
      expect(eventsOf(engine)).toMatchObject([{ type: "closed", how: { kind: "truncated" } }]);
    });

    test("is refused after the end of either direction, and changes nothing", () => {
      const ended = new TlsEngine();
      ended.receiveEof();
      eventsOf(ended);
      expect(() => ended.upgrade(toyClient(), "none")).toThrow(TypeError);
      const closing = new TlsEngine();
      closing.closeWrite();
      expect(() => closing.upgrade(toyClient(), "none")).toThrow(TypeError);
      closing.receive(ascii("still plaintext"));
      expect(eventsOf(closing)).toEqual(["still plaintext"]);
    });
  });

  describe("unwrap()", () => {
    test("leads both sides back to plaintext, and into TLS again", () => {
      const { client, server } = upgraded();
      exchange(client, server);
      client.write(ascii("CCC"));
      client.unwrap();
      expect(client.writeState).toBe("closed");
      expect(() => client.write(ascii("too early"))).toThrow(TypeError);
      server.unwrap();
      const { first, second } = exchange(client, server);
      expect(first).toEqual([{ type: "unwrapped" }]);
      expect(second).toEqual(["CCC", { type: "unwrapped" }]);
      for (const engine of [client, server]) {
        expect(engine).toMatchObject({ state: "plaintext", writeState: "open", info: null });
      }
      client.write(ascii("plain"));
      expect(latin1(client.takeOutput() ?? ascii(""))).toBe("plain");
      server.receive(ascii("plain"));
      expect(eventsOf(server)).toEqual(["plain"]);
      client.upgrade(toyClient(), "none");
      server.upgrade(toyServer(), "none");
      expect(types(exchange(client, server).first)).toEqual(["handshake-complete"]);
    });

    test("data that was on its way still comes, and bytes behind close_notify are plaintext", () => {
      const { client, server } = upgraded();
      exchange(client, server);
      server.write(ascii("on its way"));
      server.unwrap();
      client.unwrap();
      client.takeOutput();
      const flight = server.takeOutput();
      if (flight === null) throw new Error("no output");
      client.receive(concatBytes(flight, ascii("226 bye\r\n")));
      expect(eventsOf(client)).toEqual(["on its way", { type: "unwrapped" }, "226 bye\r\n"]);
    });

    test("after closeWrite() waits for the peer's close_notify alone", () => {
      const { client, server } = upgraded();
      exchange(client, server);
      client.closeWrite();
      client.unwrap();
      expect(types(exchange(client, server).second)).toEqual(["closed"]);
      server.closeWrite();
      expect(types(exchange(client, server).first)).toEqual(["unwrapped"]);
      expect(client.state).toBe("plaintext");
      expect(server.state).toBe("closed");
    });

    test("after the peer's close_notify is a TypeError", () => {
      const { client, server } = upgraded();
      exchange(client, server);
      server.closeWrite();
      exchange(client, server);
      expect(() => client.unwrap()).toThrow(TypeError);
      expect(client.state).toBe("open");
    });

    test("ends as TLS does when the peer does not agree", () => {
      for (const [end, kind] of [
        [(engine: TlsEngine) => engine.receiveEof(), "truncated"],
        [(engine: TlsEngine) => engine.abort(), "aborted"],
        [(engine: TlsEngine) => engine.receive(ascii("no record")), "error"],
      ] as const) {
        const { client, server } = upgraded();
        exchange(client, server);
        client.unwrap();
        end(client);
        expect(eventsOf(client)).toMatchObject([{ type: "closed", how: { kind } }]);
        expect(client.state).toBe("closed");
        expect(client.nextEvent()).toBe(NEED_DATA);
      }
    });

    test("an end of the transport during TLS is the end of the plaintext behind it", () => {
      const { client, server } = upgraded();
      exchange(client, server);
      client.unwrap();
      server.unwrap();
      const flight = server.takeOutput();
      if (flight === null) throw new Error("no output");
      client.receive(concatBytes(flight, ascii("rest")));
      client.receiveEof();
      expect(eventsOf(client)).toEqual([
        { type: "unwrapped" },
        "rest",
        { type: "closed", how: { kind: "clean" } },
      ]);
    });
  });
});
