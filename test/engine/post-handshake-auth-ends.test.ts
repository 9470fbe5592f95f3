import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import {
  type ClientAuth,
  type ClientConfig,
  type ClientOptions,
  type ClientTrust,
  type Credential,
  MemorySessionStore,
  type ServerConfig,
  type ServerOptions,
  TlsEngine,
} from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { SeenMessages } from "../support/compression.ts";
import { End, Pair } from "../support/pair.ts";
import { Deferred, move, types } from "./parked-pair.ts";
import { WatchedProvider } from "./watched-provider.ts";

// Ends of all kinds in every phase of an authentication behind the handshake, and what else comes together with one.

const own = await toyCredential("client");
const anybody: ClientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true };

/** A connection that is open, with what its two engines have made of secrets. */
interface Meeting {
  readonly client: End;
  readonly server: End;
  readonly watches: readonly WatchedProvider[];
}

async function meet(client: Partial<ClientOptions>, server: Partial<ServerOptions> = {}): Promise<Meeting> {
  const configs = {
    client: toyClient({ postHandshakeAuth: true, clientCredential: own, ...client }),
    server: toyServer({ sessionTickets: false, ...server }),
  };
  const watches: WatchedProvider[] = [];
  const watched = <C extends ClientConfig | ServerConfig>(config: C): C => {
    const watch = new WatchedProvider(config.settings.provider);
    watches.push(watch);
    // `with` gives what it is called on.
    return config.with({ provider: watch.provider }) as C;
  };
  const pair = await new Pair(watched(configs.client), watched(configs.server)).run();
  return { client: pair.client, server: pair.server, watches };
}

/** Where an authentication can stand: each leads there, and gives the hook that is awaited, if one is. */
const PHASES: Readonly<Record<string, () => Promise<Meeting>>> = {
  async "the request is on its way"() {
    const meeting = await meet({});
    meeting.server.engine.requestClientCertificate(anybody);
    return meeting;
  },
  async "the client's hook is awaited"() {
    const meeting = await meet({ clientCredential: () => new Deferred<Credential>().promise });
    ask(meeting);
    expect(meeting.client.drain()).toBeInstanceOf(Promise);
    return meeting;
  },
  async "the client's signature is awaited"() {
    const key = { ...own.key, sign: () => new Deferred<Uint8Array>().promise };
    const meeting = await meet({ clientCredential: { ...own, key } });
    ask(meeting);
    expect(meeting.client.drain()).toBeInstanceOf(Promise);
    return meeting;
  },
  async "the answer is on its way"() {
    const meeting = await meet({});
    ask(meeting);
    expect(meeting.client.drain()).toBeUndefined();
    return meeting;
  },
  async "a part of the answer is there"() {
    const meeting = await meet({});
    ask(meeting);
    void meeting.client.drain();
    meeting.server.engine.receive(meeting.client.engine.takeOutput(100) ?? new Uint8Array());
    expect(meeting.server.drain()).toBeUndefined();
    return meeting;
  },
  async "the server's policy is awaited"() {
    const meeting = await meet({});
    const trust = { verify: () => new Deferred<never>().promise };
    ask(meeting, { mode: "require", trust });
    void meeting.client.drain();
    move(meeting.client, meeting.server);
    expect(meeting.server.drain()).toBeInstanceOf(Promise);
    return meeting;
  },
};

function ask({ client, server }: Meeting, clientAuth: ClientAuth = anybody): void {
  server.engine.requestClientCertificate(clientAuth);
  move(server, client);
}

describe.each(Object.entries(PHASES))("while %s,", (_phase, reach) => {
  test.each(["client", "server"] as const)(
    "abort() of the %s ends both, and wipes every secret",
    async (role) => {
      const meeting = await reach();
      const { client, server, watches } = meeting;
      const [ender, other] = role === "client" ? [client, server] : [server, client];
      ender.engine.abort("user_canceled");
      void ender.drain();
      expect(ender.closed).toEqual({ kind: "aborted", alertSent: "user_canceled" });
      move(ender, other);
      void other.drain();
      // One that waits for a hook reads no alert; it is told of the end by whoever drives it.
      if (other.closed === undefined) other.engine.abort();
      void other.drain();
      for (const end of [client, server]) expect(end.closed).toBeDefined();
      for (const watch of watches) expect(watch.alive).toEqual([]);
    },
  );

  test("the end of the transport is a truncation for who reads", async () => {
    const { client, server, watches } = await reach();
    for (const end of [client, server]) {
      end.engine.receiveEof();
      if (end.drain() === undefined) expect(end.closed?.kind).toBe("truncated");
      else end.engine.abort();
    }
    for (const watch of watches) expect(watch.alive).toEqual([]);
  });

  test.each(["closeWrite", "unwrap"] as const)("%s() of the server lets the answer come", async (method) => {
    const meeting = await reach();
    const { client, server } = meeting;
    server.engine[method]();
    expect(() => server.engine.requestClientCertificate(anybody)).toThrow(TypeError);
    move(server, client);
    const isAwaited = client.drain() !== undefined || server.drain() !== undefined;
    move(client, server);
    if (server.drain() === undefined && !isAwaited) {
      expect(server.engine.info?.peer.kind).toBe("unverified");
      client.engine.closeWrite();
      move(client, server);
      void server.drain();
      expect(types(server).at(-1)).toBe(method === "unwrap" ? "unwrapped" : "closed");
    }
    expect(server.closed?.kind ?? "clean").toBe("clean");
  });
});

/** A client whose hook waits for `answer`, asked. */
async function waiting(
  answer: Deferred<Credential | null>,
): Promise<Meeting & { readonly settled: Promise<void> }> {
  const meeting = await meet({ clientCredential: () => answer.promise });
  ask(meeting);
  const settled = meeting.client.drain();
  if (settled === undefined) throw new Error("the hook is not awaited");
  return { ...meeting, settled };
}

test.each(["closeWrite", "unwrap"] as const)(
  "%s() of a client whose hook is awaited keeps the answer back",
  async (method) => {
    const answer = new Deferred<Credential | null>();
    const { client, server, settled } = await waiting(answer);
    client.engine.write(ascii("last words"));
    client.engine[method]();
    answer.resolve(own);
    await settled;
    void client.drain();
    move(client, server);
    void server.drain();
    expect(latin1(server.received)).toBe("last words");
    expect(server.closed).toEqual({ kind: "clean" });
    expect(server.engine.info?.peer).toEqual({ kind: "none" });
    server.engine.closeWrite();
    move(server, client);
    void client.drain();
    expect(types(client).at(-1)).toBe(method === "unwrap" ? "unwrapped" : "closed");
  },
);

test("what a hook answers after the end has no effect", async () => {
  const answer = new Deferred<Credential | null>();
  const { client, settled, watches } = await waiting(answer);
  client.engine.abort();
  void client.drain();
  client.engine.takeOutput();
  answer.resolve(own);
  await settled;
  expect(client.drain()).toBeUndefined();
  expect(client.engine.takeOutput()).toBeNull();
  expect(watches[0]?.alive).toEqual([]);
});

test.each([
  ["throws", () => Promise.reject(new Error("no key"))],
  [
    "throws at once",
    () => {
      throw new Error("no key");
    },
  ],
  ["gives what is no credential", () => ({}) as Credential],
] as const)("a hook that %s ends the connection with internal_error", async (_what, clientCredential) => {
  const meeting = await meet({ clientCredential });
  const { client, server } = meeting;
  ask(meeting);
  await client.drain();
  void client.drain();
  expect(client.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
  move(client, server);
  void server.drain();
  expect(server.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
});

test("a hook that aborts the connection leaves no half of an answer behind", async () => {
  let engine: TlsEngine | undefined;
  const meeting = await meet({
    clientCredential: () => {
      engine?.abort("access_denied");
      return own;
    },
  });
  const { client, server } = meeting;
  engine = client.engine;
  ask(meeting);
  void client.drain();
  expect(client.closed).toEqual({ kind: "aborted", alertSent: "access_denied" });
  move(client, server);
  void server.drain();
  expect(server.closed).toMatchObject({ kind: "alert", alert: "access_denied" });
});

test("a resumed connection can be asked, and the policy is asked about who answers now", async () => {
  const asked: number[] = [];
  const trust: ClientTrust = {
    verify: ({ chain }) => {
      asked.push(chain.length);
      return { trust: "verified" };
    },
  };
  const seen = new SeenMessages();
  const client = toyClient({
    postHandshakeAuth: true,
    clientCredential: own,
    sessionStore: new MemorySessionStore(),
    onMessage: seen.onMessage,
  });
  const server = toyServer({ ticketCount: 1 });
  for (const resumed of [false, true, true]) {
    const pair = await new Pair(client, server).run();
    expect(pair.server.engine.info).toMatchObject({ resumed, peer: { kind: "none" } });
    pair.server.engine.requestClientCertificate({ mode: "require", trust });
    await pair.run();
    expect(pair.server.engine.info?.peer.kind).toBe("verified");
    expect(types(pair.client)).toContain("session");
  }
  expect(asked).toEqual([1, 1, 1]);
  expect(seen.names.filter((name) => name === "write certificate")).toHaveLength(3);
});

test("exporters and channel bindings are those of the handshake, before and after", async () => {
  const meeting = await meet({});
  const { client, server } = meeting;
  const before = client.engine.channelBinding("tls-exporter");
  ask(meeting);
  void client.drain();
  move(client, server);
  void server.drain();
  expect(types(server)).toContain("client-authenticated");
  expect(client.engine.channelBinding("tls-exporter")).toEqual(before);
  expect(server.engine.channelBinding("tls-exporter")).toEqual(before);
});

test("an engine holds no more keys behind an authentication than before", async () => {
  const meeting = await meet({});
  const before = meeting.watches.map((watch) => watch.aliveCiphers);
  ask(meeting);
  void meeting.client.drain();
  move(meeting.client, meeting.server);
  void meeting.server.drain();
  expect(meeting.watches.map((watch) => watch.aliveCiphers)).toEqual(before);
  const alive = meeting.watches.flatMap((watch) => watch.alive);
  meeting.server.engine.requestClientCertificate(anybody);
  expect(meeting.watches.flatMap((watch) => watch.alive)).toHaveLength(alive.length);
});
