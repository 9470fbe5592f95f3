import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import {
  NotTlsError,
  PeerAlert,
  TimeoutError,
  TlsAlert,
  TlsEngine,
  TruncationError,
} from "../../src/index.ts";
import { byteByByte } from "../support/pair.ts";
import { connectedPair, Recorder, testClientConfig, testServerConfig, tlsPair } from "./memory.ts";

describe("a handshake", () => {
  test.each([
    ["whole flights", undefined],
    ["single bytes", byteByByte],
  ])(
    "over %s tells both applications connectionMade, once, and gives both the info",
    async (_name, split) => {
      const { client, server, link, open } = await tlsPair(split === undefined ? {} : { split });
      open();
      expect([client.tls.state, server.tls.state]).toEqual(["DO_HANDSHAKE", "DO_HANDSHAKE"]);
      expect([client.app.calls, server.app.calls]).toEqual([[], []]);
      link.run();
      expect(await client.tls.handshake).toMatchObject({ role: "client", serverName: "localhost" });
      expect(await server.tls.handshake).toMatchObject({ role: "server", serverName: "localhost" });
      for (const { app, tls } of [client, server]) {
        expect(app.calls).toEqual(["connectionMade"]);
        expect(app.transport).toBe(tls.appTransport);
        expect([tls.state, tls.appState]).toEqual(["WRAPPED", "STATE_CON_MADE"]);
        expect(tls.appTransport.info).toEqual(await tls.handshake);
      }
    },
  );

  test("stops its timer when it has ended", async () => {
    const { clock } = await connectedPair();
    expect(clock.timers).toBe(0);
    clock.advance(1_000_000);
  });

  test("sends what was written meanwhile behind it, in order", async () => {
    const { client, server, link, open } = await tlsPair();
    open();
    client.tls.appTransport.write(ascii("one "));
    client.tls.appTransport.write(ascii("two "));
    client.app.during.connectionMade = (transport) => transport.write(ascii("three"));
    link.run();
    expect(server.app.text).toBe("one two three");
  });

  test("drops what was written before connectionMade, and reports it", async () => {
    const errors: unknown[] = [];
    const { client, server, link, open } = await tlsPair({
      client: { onHookError: (error) => errors.push(error) },
    });
    client.tls.appTransport.write(ascii("too early"));
    open();
    link.run();
    expect(server.app.calls).toEqual(["connectionMade"]);
    expect(errors).toEqual([expect.any(TypeError)]);
  });

  test("takes data that arrive together with its last flight", async () => {
    const { client, server, link, open } = await tlsPair();
    client.app.during.connectionMade = (transport) => transport.write(ascii("early"));
    server.app.during.connectionMade = () => {
      expect(server.app.chunks).toEqual([]);
    };
    open();
    link.run();
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 5"]);
  });

  test("does not tell connectionMade where the application knows", async () => {
    const { client, link, open } = await tlsPair({ client: { callConnectionMade: false } });
    expect(client.tls.appState).toBe("STATE_CON_MADE");
    open();
    link.run();
    await client.tls.handshake;
    expect(client.app.calls).toEqual([]);
  });

  test("receives bytes that came before connectionMade, when it starts", async () => {
    const { client, server, link } = await tlsPair();
    link.client.open(client.tls);
    server.tls.dataReceived(link.client.take());
    expect([server.tls.state, link.server.calls]).toEqual(["UNWRAPPED", []]);
    link.server.open(server.tls);
    link.run();
    await server.tls.handshake;
  });
});

describe("a handshake that fails", () => {
  test.each([0, -1, NaN, Infinity, 2 ** 31])(
    "is never timed with a limit of %s ms: ConfigError",
    async (limit) => {
      const config = await testServerConfig();
      for (const option of ["handshakeTimeoutMs", "shutdownTimeoutMs"])
        expect(() => TlsEngine.wrap(new Recorder(), config, { [option]: limit })).toThrow(
          expect.objectContaining({ name: "ConfigError", option }),
        );
    },
  );

  test.each([
    [undefined, 60_000],
    [25, 25],
  ])("because it takes longer than its limit (%s) ends after %i ms: TimeoutError", async (limit, ms) => {
    const { clock, server, link } = await tlsPair({
      server: limit === undefined ? {} : { handshakeTimeoutMs: limit },
    });
    link.server.open(server.tls);
    clock.advance(ms - 1);
    expect([server.tls.state, clock.timers]).toEqual(["DO_HANDSHAKE", 1]);
    clock.advance(1);
    const error = await server.tls.handshake.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ during: "handshake", message: expect.stringContaining(`${ms} ms`) });
    expect(link.server.calls).toEqual(["abort"]);
    expect([server.app.calls, server.tls.state, clock.timers]).toEqual([[], "UNWRAPPED", 0]);
  });

  const causes: [string, (server: Awaited<ReturnType<typeof tlsPair>>["server"]) => void, unknown][] = [
    ["the transport ends", ({ lower }) => lower.receive("end"), TruncationError],
    ["the transport is lost", ({ lower }) => lower.lose(null), TruncationError],
    ["the transport breaks", ({ lower }) => lower.lose(new RangeError("reset")), RangeError],
    ["the application closes", ({ tls }) => tls.appTransport.close(), Error],
    ["the application aborts", ({ tls }) => tls.appTransport.abort(new EvalError()), EvalError],
    ["the peer speaks no TLS", ({ lower }) => lower.receive(ascii("GET / HTTP/1.1\r\n")), NotTlsError],
    [
      "the peer sends a fatal alert",
      ({ lower }) => lower.receive(Uint8Array.of(21, 3, 3, 0, 2, 2, 40)),
      PeerAlert,
    ],
    [
      "the peer sends close_notify",
      ({ lower }) => lower.receive(Uint8Array.of(21, 3, 3, 0, 2, 1, 0)),
      PeerAlert,
    ],
    [
      "the peer sends nonsense",
      ({ lower }) => lower.receive(Uint8Array.of(22, 3, 1, 0, 4, 9, 0, 0, 0)),
      TlsAlert,
    ],
  ];
  test.each(causes)("because %s rejects, and tells an application nothing", async (_name, cause, error) => {
    const { clock, server, link } = await tlsPair();
    link.server.open(server.tls);
    cause(server);
    link.run();
    await expect(server.tls.handshake).rejects.toThrow(error as never);
    expect(server.app.calls).toEqual([]);
    expect([server.tls.state, server.tls.appState, clock.timers]).toEqual(["UNWRAPPED", "STATE_INIT", 0]);
    expect(server.lower.isClosing).toBe(true);
    expect(server.tls.appTransport.isClosing).toBe(true);
  });

  test.each(causes)("because %s tells an application that was connected before", async (_name, cause) => {
    const { server, link } = await tlsPair({ server: { callConnectionMade: false } });
    link.server.open(server.tls);
    const rejection = server.tls.handshake.catch((thrown: unknown) => thrown);
    cause(server);
    link.run();
    expect(server.app.calls).toEqual(["connectionLost"]);
    // close() is no error to whoever has called it.
    expect([null, await rejection]).toContain(server.app.lostWith);
  });

  test("sends its alert before the transport closes, even if that is paused", async () => {
    const { client, server, link, open } = await tlsPair({
      clientConfig: await testClientConfig({ serverName: "localhost", trust: refusing }),
    });
    open();
    client.tls.pauseWriting();
    link.server.receive(link.client.take());
    link.client.receive(link.server.take());
    expect(link.client.calls.at(-1)).toBe("close");
    await expect(client.tls.handshake).rejects.toMatchObject({ alert: "unknown_ca" });
    link.run();
    await expect(server.tls.handshake).rejects.toMatchObject({ name: "PeerAlert", alert: "unknown_ca" });
  });

  test("is no unhandled rejection", async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", listener);
    const { server, link } = await tlsPair();
    link.server.open(server.tls);
    link.server.lose(new Error("broken"));
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", listener);
    expect(unhandled).toEqual([]);
  });

  test("before it has started, by a transport that is lost, rejects and tells nothing", async () => {
    const { clock, server, link } = await tlsPair();
    server.tls.connectionLost(new RangeError("broken"));
    clock.settle();
    await expect(server.tls.handshake).rejects.toThrow(RangeError);
    expect(server.app.calls).toEqual([]);
    link.server.open(server.tls);
    expect(link.server.calls).toEqual(["abort"]);
  });

  test("before it has started, by abort(), lets no transport start it", async () => {
    const { clock, server, link } = await tlsPair();
    server.tls.appTransport.abort();
    link.server.open(server.tls);
    clock.settle();
    expect(link.server.calls).toEqual(["abort"]);
    expect(server.app.calls).toEqual([]);
  });
});

const refusing = {
  verify: () => ({ trust: "rejected", reason: "nobody is trusted", alert: "unknown_ca" }) as const,
};

describe("while a hook is awaited", () => {
  async function parkedClient() {
    let answer: ((verdict: { readonly trust: "verified" }) => void) | undefined;
    const verdict = new Promise<{ readonly trust: "verified" }>((resolve) => {
      answer = resolve;
    });
    const pair = await tlsPair({
      clientConfig: await testClientConfig({ serverName: "localhost", trust: { verify: () => verdict } }),
    });
    pair.open();
    pair.link.run();
    const goOn = async (): Promise<void> => {
      answer?.({ trust: "verified" });
      await new Promise((resolve) => setImmediate(resolve));
      pair.link.run();
    };
    return { ...pair, goOn };
  }

  test("reading is paused below, and goes on with the answer", async () => {
    const { client, server, goOn } = await parkedClient();
    expect([client.tls.state, client.lower.isReadingPaused]).toEqual(["DO_HANDSHAKE", true]);
    await goOn();
    await Promise.all([client.tls.handshake, server.tls.handshake]);
    expect(client.lower.isReadingPaused).toBe(false);
    expect(client.lower.calls.filter((call) => call.endsWith("Reading"))).toEqual([
      "pauseReading",
      "resumeReading",
    ]);
  });

  test.each([
    ["aborts", (pair: Awaited<ReturnType<typeof parkedClient>>) => pair.client.tls.appTransport.abort()],
    ["is lost", (pair: Awaited<ReturnType<typeof parkedClient>>) => pair.client.lower.lose(null)],
    ["runs out of time", (pair: Awaited<ReturnType<typeof parkedClient>>) => pair.clock.advance(60_000)],
  ])("a connection that %s ignores the answer", async (_name, end) => {
    const pair = await parkedClient();
    end(pair);
    pair.link.run();
    const { calls } = pair.client.lower;
    const before = [...calls];
    await pair.goOn();
    expect(calls).toEqual(before);
    await expect(pair.client.tls.handshake).rejects.toThrow();
    expect(pair.client.app.calls).toEqual([]);
  });

  test("more bytes than the limit end the connection, and the transport can see the peer's end", async () => {
    const { client } = await parkedClient();
    client.lower.calls.length = 0;
    client.tls.dataReceived(new Uint8Array(65_537));
    await expect(client.tls.handshake).rejects.toMatchObject({ alert: "internal_error" });
    expect(client.lower.calls.map((call) => call.replace(/ \d+/, ""))).toEqual([
      "write",
      "resumeReading",
      "close",
    ]);
  });

  test("the end of the transport waits for the answer", async () => {
    const { client, link, goOn } = await parkedClient();
    client.lower.resumeReading();
    link.client.receive("end");
    link.clock.settle();
    expect([client.tls.state, client.lower.isClosing]).toEqual(["DO_HANDSHAKE", false]);
    await goOn();
    // The client has what it needs for its handshake, and learns behind it that there is no close_notify.
    await client.tls.handshake;
    expect(client.app.calls).toEqual(["connectionMade", "connectionLost"]);
    expect(client.app.lostWith).toBeInstanceOf(TruncationError);
  });
});
