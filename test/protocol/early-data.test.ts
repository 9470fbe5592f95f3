import { describe, expect, test } from "vitest";
import { ascii, latin1 } from "../../src/bytes.ts";
import {
  type ClientConfig,
  ConfigError,
  MemoryReplayStore,
  type ReplayStore,
  PeerAlert,
  type ServerConfig,
  TimeoutError,
  TlsEngine,
  type TlsProtocolOptions,
  upgrade,
} from "../../src/index.ts";
import { TlsProtocol } from "../../src/protocol/tls-protocol.ts";
import { byteByByte } from "../support/pair.ts";
import {
  FakeClock,
  Link,
  type PairOptions,
  Recorder,
  testClientConfig,
  testServerConfig,
  tlsPair,
} from "./memory.ts";

const QUESTION = "GET / HTTP/1.1";

interface Sides {
  readonly clientConfig: ClientConfig;
  readonly serverConfig: ServerConfig;
}

/** A client that has a ticket for early data of the server. */
async function acquainted(): Promise<Sides> {
  const earlyData = { maxBytes: 40_000, replayStore: new MemoryReplayStore() };
  const clientConfig = await testClientConfig({ versions: ["TLSv1.3"] });
  const serverConfig = await testServerConfig({ earlyData, ticketCount: 1 });
  const { link, client, server, open } = await tlsPair({
    clientConfig,
    serverConfig,
    server: { onEarlyData: () => undefined },
  });
  open();
  link.run();
  expect((await client.tls.handshake).resumed).toBe(false);
  client.tls.appTransport.close();
  link.run();
  expect(server.app.lostWith).toBeNull();
  return { clientConfig, serverConfig };
}

/** The same server with another replay store. */
function withStore({ clientConfig, serverConfig }: Sides, take: ReplayStore["take"]): Sides {
  const { ticketKeys } = serverConfig;
  if (ticketKeys === null) throw new Error("the server has no ticket keys");
  const earlyData = { maxBytes: 40_000, replayStore: { take } };
  return { clientConfig, serverConfig: serverConfig.with({ sessionTickets: ticketKeys, earlyData }) };
}

/** The same server, which takes no early data this time. */
function rejecting(sides: Sides): Sides {
  return withStore(sides, () => false);
}

/** A pair that starts with early data, and what becomes of that. Applications write it down among their calls. */
async function earlyPair(sides: Sides, earlyData: Uint8Array = ascii(QUESTION), options: PairOptions = {}) {
  const early: Uint8Array[] = [];
  const back: Uint8Array[] = [];
  const pair = await tlsPair({
    ...sides,
    ...options,
    client: {
      earlyData,
      onEarlyDataRejected: (data) => {
        back.push(data);
        pair.client.app.calls.push(`rejected ${data.length}`);
      },
      ...options.client,
    },
    server: {
      onEarlyData: (data) => {
        early.push(data);
        pair.server.app.calls.push(`early ${data.length}`);
      },
      ...options.server,
    },
  });
  return { ...pair, early, back };
}

const textOf = (chunks: readonly Uint8Array[]): string => latin1(Buffer.concat(chunks));

describe("a TlsProtocol with early data", () => {
  test.each([
    ["whole flights", {}],
    ["single bytes", { split: byteByByte }],
  ])("hands it over before connectionMade, from %s", async (_how, options) => {
    const earlyData = new Uint8Array(40_000).map((_, i) => i);
    const { link, client, server, open, early, back } = await earlyPair(
      await acquainted(),
      earlyData,
      options,
    );
    open();
    link.run();
    expect(server.app.calls).toEqual(["early 16384", "early 16384", "early 7232", "connectionMade"]);
    // The receiver owns the bytes.
    expect(Buffer.compare(Buffer.concat(early), earlyData)).toBe(0);
    expect([client.app.calls, back]).toEqual([["connectionMade"], []]);
    for (const { tls } of [client, server])
      expect(await tls.handshake).toMatchObject({ resumed: true, earlyDataAccepted: true });
    client.tls.appTransport.write(ascii("more"));
    server.tls.appTransport.write(ascii("answer"));
    link.run();
    expect([client.app.text, server.app.text]).toEqual(["answer", "more"]);
  });

  test("gives it back behind connectionMade and before data, to be written again", async () => {
    const { link, client, server, open, early, back } = await earlyPair(
      rejecting(await acquainted()),
      undefined,
      {
        client: {
          earlyData: ascii(QUESTION),
          onEarlyDataRejected: (data) => {
            client.app.calls.push(`rejected ${data.length}`);
            client.tls.appTransport.write(data);
          },
        },
      },
    );
    server.app.during.connectionMade = (transport) => transport.write(ascii("220 hello"));
    open();
    link.run();
    expect(client.app.calls).toEqual(["connectionMade", "rejected 14", "dataReceived 9"]);
    expect(server.app.calls).toEqual(["connectionMade", "dataReceived 14"]);
    expect([server.app.text, early, back]).toEqual([QUESTION, [], []]);
    expect(await server.tls.handshake).toMatchObject({ resumed: true, earlyDataAccepted: false });
  });

  test("gives it back when there was no session to send it with", async () => {
    const sides = await acquainted();
    const clientConfig = sides.clientConfig.with({ sessionStore: null });
    const { link, client, open, back } = await earlyPair({ ...sides, clientConfig });
    open();
    link.run();
    expect([client.app.calls, textOf(back)]).toEqual([["connectionMade", "rejected 14"], QUESTION]);
    expect(await client.tls.handshake).toMatchObject({ resumed: false, earlyDataAccepted: false });
  });

  test("gives it back to an application that has paused reading when it reads on", async () => {
    const { link, client, open, back } = await earlyPair(rejecting(await acquainted()));
    client.app.during.connectionMade = (transport) => transport.pauseReading();
    open();
    link.run();
    expect([client.app.calls, back]).toEqual([["connectionMade"], []]);
    client.tls.appTransport.resumeReading();
    link.run();
    expect([client.app.calls, textOf(back)]).toEqual([["connectionMade", "rejected 14"], QUESTION]);
  });

  test("gives it back to an application that closes at once", async () => {
    const { link, client, server, open, back } = await earlyPair(rejecting(await acquainted()));
    client.app.during.connectionMade = (transport) => transport.close();
    open();
    link.run();
    expect(textOf(back)).toBe(QUESTION);
    expect(client.app.calls).toEqual(["connectionMade", "rejected 14", "connectionLost"]);
    expect([client.app.lostWith, server.app.lostWith]).toEqual([null, null]);
  });

  test("lets onEarlyData export what the client has bound it to", async () => {
    const exported: Uint8Array[] = [];
    const sides = await acquainted();
    const pair: Awaited<ReturnType<typeof earlyPair>> = await earlyPair(sides, undefined, {
      server: {
        onEarlyData: () =>
          exported.push(pair.server.tls.exportEarlyKeyingMaterial("EXPORTER-test", null, 32)),
      },
    });
    const own = pair.client.tls.exportEarlyKeyingMaterial("EXPORTER-test", null, 32);
    expect(() => pair.server.tls.exportEarlyKeyingMaterial("EXPORTER-test", null, 32)).toThrow(TypeError);
    pair.open();
    pair.link.run();
    expect(exported).toEqual([own]);
  });

  test("has handed it over when the handshake fails behind it, and no connectionMade follows", async () => {
    const { link, client, server, open, early } = await earlyPair(await acquainted());
    open();
    link.clock.settle();
    link.server.receive(link.client.take());
    link.client.abort();
    link.run();
    expect(textOf(early)).toBe(QUESTION);
    expect(server.app.calls).toEqual(["early 14"]);
    await expect(server.tls.handshake).rejects.toThrow("the transport ended during the handshake");
    expect(client.app.calls).toEqual([]);
  });

  test("waits for a replay store no longer than for the handshake", async () => {
    const never = new Promise<boolean>(() => undefined);
    const sides = withStore(await acquainted(), () => never);
    const { link, clock, server, client, open, early } = await earlyPair(sides);
    open();
    link.run();
    clock.advance(59_999);
    expect(server.tls.state).toBe("DO_HANDSHAKE");
    clock.advance(1);
    await expect(server.tls.handshake).rejects.toBeInstanceOf(TimeoutError);
    await expect(client.tls.handshake).rejects.toBeInstanceOf(TimeoutError);
    expect(early).toEqual([]);
  });

  test("starts behind unread bytes, as wrap() takes them", async () => {
    const sides = await acquainted();
    const { link, client, server, open, early } = await earlyPair(sides, undefined, {
      client: { unread: new Uint8Array() },
      server: { unread: new Uint8Array() },
    });
    open();
    link.run();
    expect(textOf(early)).toBe(QUESTION);
    for (const { tls } of [client, server]) expect((await tls.handshake).earlyDataAccepted).toBe(true);
  });

  test("ends the connection when a callback throws: what it was to take may be lost", async () => {
    const thrown = new Error("no room");
    const throwing = (): never => {
      throw thrown;
    };
    const sides = await acquainted();
    const first = await earlyPair(sides, undefined, { server: { onEarlyData: throwing } });
    first.open();
    first.link.run();
    await expect(first.server.tls.handshake).rejects.toBe(thrown);
    // The server's flight was there before; the client is through with the handshake when it hears.
    expect(first.client.app.lostWith).toMatchObject({ name: "PeerAlert", alert: "internal_error" });

    const second = await earlyPair(rejecting(await acquainted()), undefined, {
      client: { earlyData: ascii(QUESTION), onEarlyDataRejected: throwing },
    });
    second.open();
    second.link.run();
    expect(second.client.app.lostWith).toBe(thrown);
    expect(second.server.app.lostWith).toBeInstanceOf(PeerAlert);
  });
});

describe("early data on a connection that was in plaintext", () => {
  test("goes with startTls()", async () => {
    const { clientConfig, serverConfig } = await acquainted();
    const link = new Link();
    const early: Uint8Array[] = [];
    const back: Uint8Array[] = [];
    const { clock } = link;
    const [clientApp, serverApp] = [new Recorder(), new Recorder()];
    const client = TlsEngine.wrap(clientApp, undefined, {
      clock,
      onEarlyDataRejected: (data) => back.push(data),
    });
    const server = TlsEngine.wrap(serverApp, undefined, { clock, onEarlyData: (data) => early.push(data) });
    link.client.open(client);
    link.server.open(server);
    link.run();
    const started = [
      server.startTls(serverConfig, "none"),
      client.startTls(clientConfig, "none", { earlyData: ascii(QUESTION) }),
    ];
    link.run();
    for (const info of await Promise.all(started)) expect(info.earlyDataAccepted).toBe(true);
    expect([textOf(early), back]).toEqual([QUESTION, []]);
    expect([clientApp.calls, serverApp.calls]).toEqual([["connectionMade"], ["connectionMade"]]);
  });

  test("goes with upgrade(), and behind unread bytes", async () => {
    const { clientConfig, serverConfig } = await acquainted();
    const link = new Link();
    const early: Uint8Array[] = [];
    const { clock } = link;
    const [clientApp, serverApp] = [new Recorder(), new Recorder()];
    link.client.open(clientApp);
    link.server.open(serverApp);
    const onEarlyDataRejected = (): never => {
      throw new Error("it is taken");
    };
    const client = upgrade(link.client, clientApp, clientConfig, "none", {
      clock,
      earlyData: ascii(QUESTION),
      onEarlyDataRejected,
    });
    // A parser of the server has read the first flight together with the command.
    const unread = link.client.take();
    const server = upgrade(link.server, serverApp, serverConfig, unread, {
      clock,
      onEarlyData: (data) => early.push(data),
    });
    link.run();
    for (const { info } of await Promise.all([client, server])) expect(info.earlyDataAccepted).toBe(true);
    expect(textOf(early)).toBe(QUESTION);
    expect([clientApp.lostWith, serverApp.lostWith]).toEqual([undefined, undefined]);
  });
});

describe("early data that nobody would take is found at the start: ConfigError for", () => {
  const onEarlyDataRejected = (): void => undefined;
  const early = { earlyData: ascii("secret plan") };
  const wrong: readonly (readonly [string, keyof Sides, TlsProtocolOptions, string])[] = [
    ["a server without onEarlyData", "serverConfig", {}, "onEarlyData"],
    ["a client without onEarlyDataRejected", "clientConfig", early, "onEarlyDataRejected"],
    [
      "a server with some of its own",
      "serverConfig",
      { ...early, onEarlyDataRejected, onEarlyData: onEarlyDataRejected },
      "earlyData",
    ],
    ["an onEarlyData that is none", "serverConfig", { onEarlyData: "yes" as never }, "onEarlyData"],
    [
      "an onEarlyDataRejected that is none",
      "clientConfig",
      { ...early, onEarlyDataRejected: true as never },
      "onEarlyDataRejected",
    ],
  ];

  test.each(wrong)("%s", async (_what, side, options, option) => {
    const config = (await acquainted())[side];
    const refused = expect.objectContaining({ name: "ConfigError", option });
    expect(() => TlsEngine.wrap(new Recorder(), config, options)).toThrow(refused);
    expect(() => TlsEngine.wrap(new Recorder(), config, { ...options, unread: new Uint8Array() })).toThrow(
      refused,
    );
    expect(() => new TlsProtocol(new Recorder(), new TlsEngine(), config, options)).toThrow(refused);
    const link = new Link();
    await expect(upgrade(link.client, new Recorder(), config, "none", options)).rejects.toEqual(refused);
    expect(link.client.calls).toEqual([]);
    let message = "";
    try {
      TlsEngine.wrap(new Recorder(), config, options);
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(/ConfigError: onEarly|ConfigError: early/);
    expect(message).not.toMatch(/secret|115/);
  });

  test("some that would go with no config", async () => {
    const { clientConfig } = await acquainted();
    const options = { ...early, onEarlyDataRejected };
    expect(() => TlsEngine.wrap(new Recorder(), undefined, options)).toThrow(ConfigError);
    expect(() => new TlsProtocol(new Recorder(), TlsEngine.client(clientConfig), null, options)).toThrow(
      ConfigError,
    );
  });

  test("startTls(), and nothing has changed then", async () => {
    const { clientConfig, serverConfig } = await acquainted();
    const link = new Link();
    const tls = TlsEngine.wrap(new Recorder(), undefined, { clock: link.clock });
    link.client.open(tls);
    expect(() => tls.startTls(clientConfig, "none", early)).toThrow(ConfigError);
    expect(() => tls.startTls(serverConfig, "none")).toThrow(ConfigError);
    expect([tls.state, link.client.outgoing]).toEqual(["UNWRAPPED", []]);
    const handshake = tls.startTls(clientConfig, "none");
    expect(link.client.outgoing.length).toBeGreaterThan(0);
    link.client.abort();
    link.run();
    await expect(handshake).rejects.toThrow("the transport was lost during the handshake");
  });

  test("bytes that are none: TypeError", async () => {
    const { clientConfig } = await acquainted();
    const options = { earlyData: "text" as never, onEarlyDataRejected };
    expect(() => TlsEngine.wrap(new Recorder(), clientConfig, options)).toThrow(TypeError);
  });
});

describe("early data of an engine that a TlsProtocol was given ends the connection rather than be lost", () => {
  test("by a server", async () => {
    const { clientConfig, serverConfig } = await acquainted();
    const clock = new FakeClock();
    const link = new Link(clock);
    const server = new TlsProtocol(new Recorder(), TlsEngine.server(serverConfig), null, { clock });
    const app = new Recorder();
    const client = TlsEngine.wrap(app, clientConfig, {
      clock,
      earlyData: ascii(QUESTION),
      onEarlyDataRejected: () => undefined,
    });
    link.server.open(server);
    link.client.open(client);
    link.run();
    await expect(server.handshake).rejects.toMatchObject({ name: "ConfigError", option: "onEarlyData" });
    expect(app.lostWith).toMatchObject({ name: "PeerAlert", alert: "internal_error" });
  });

  test("by a client", async () => {
    const { clientConfig, serverConfig } = rejecting(await acquainted());
    const clock = new FakeClock();
    const link = new Link(clock);
    const server = TlsEngine.wrap(new Recorder(), serverConfig, { clock, onEarlyData: () => undefined });
    const app = new Recorder();
    const engine = TlsEngine.client(clientConfig, { earlyData: ascii(QUESTION) });
    link.server.open(server);
    link.client.open(new TlsProtocol(app, engine, null, { clock }));
    link.run();
    expect(app.lostWith).toMatchObject({ name: "ConfigError", option: "onEarlyDataRejected" });
  });
});
