import { once } from "node:events";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientConfig,
  type ClientOptions,
  MemoryReplayStore,
  type ServerConfig,
  type ServerOptions,
  TicketKeys,
} from "../../src/index.ts";
import { nobleProvider } from "../../src/noble.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  meetClient,
  opensslLacks,
  type OpensslServer,
  startClient,
  startServer,
} from "./peers/openssl.ts";
import { clientFor, patterned, row, serverWith, type Suite, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const missing = opensslLacks({});
const QUESTION = "early question\n";

function asClient(feature: string, run: (scope: Scope) => Promise<void>, suite?: Suite): void {
  row({ peer: "openssl s_server", we: "client", feature, ...(suite && { suite }) }, missing, run);
}

function asServer(feature: string, run: (scope: Scope) => Promise<void>, suite?: Suite): void {
  row({ peer: "openssl s_client", we: "server", feature, ...(suite && { suite }) }, missing, run);
}

/** An s_server for as many connections, which a client of ours has met: it has a ticket. */
async function acquaintedServer(
  scope: Scope,
  args: readonly string[] = ["-early_data"],
  options: Partial<ClientOptions> = {},
): Promise<OpensslServer & { readonly config: ClientConfig }> {
  const server = await startServer(scope, authority, certificate, ["-naccept", "3", ...args]);
  const config = clientFor(certificate, { keyShares: ["x25519"], ...options });
  const first = await connect(scope, server.port, config);
  await first.until("a ticket", () => first.eventsOf("session").length === 2);
  await exchangeWithServer(first, server.peer);
  return { ...server, config };
}

/** Our client says early data, and the s_server says whether it has taken it. */
async function sayEarly(
  scope: Scope,
  { port, peer }: OpensslServer,
  config: ClientConfig,
  { isTaken, earlyData = QUESTION }: { readonly isTaken: boolean; readonly earlyData?: string },
): Promise<Driver> {
  const client = await connect(scope, port, config, { earlyData: Buffer.from(earlyData, "latin1") });
  expect(await client.untilComplete()).toMatchObject({ earlyDataAccepted: isTaken });
  expect(client.rejected).toBe(isTaken ? "" : earlyData);
  await exchangeWithServer(client, peer);
  // It prints them record by record, with words of its own in between.
  if (isTaken) await peer.untilPrinted(/Early data received:/);
  const records = earlyData.match(/[^]{1,16384}/g) ?? [];
  const isThere = (): boolean => records.every((data) => peer.stdout.includes(data, 0, "latin1"));
  if (isTaken) await peer.until("early data", isThere);
  else expect(isThere()).toBe(false);
  return client;
}

for (const suite of suites) {
  asClient(
    "early data is taken, and the key logs agree",
    async (scope) => {
      const file = join(authority.folder, `early ${suite}.log`);
      const lines: string[] = [];
      const server = await acquaintedServer(
        scope,
        ["-early_data", "-ciphersuites", suite, "-keylogfile", file],
        { onKeyLog: (line) => lines.push(line) },
      );
      const { info } = await sayEarly(scope, server, server.config, { isTaken: true });
      expect(info).toMatchObject({ resumed: true, cipherSuite: suite, peer: { kind: "verified" } });
      const ours = lines.toSorted();
      expect(ours.filter((line) => /^(CLIENT_EARLY_TRAFFIC|EARLY_EXPORTER)_SECRET /.test(line))).toHaveLength(
        2,
      );
      expect(keyLogLines(file)).toEqual(ours);
    },
    suite,
  );
}

asClient("early data in several records, as much as the ticket allows", async (scope) => {
  const server = await acquaintedServer(scope, [
    "-early_data",
    "-max_early_data",
    "40000",
    "-recv_max_early_data",
    "40000",
  ]);
  const earlyData = patterned(40_000).toString("latin1");
  await sayEarly(scope, server, server.config, { isTaken: true, earlyData });
});

asClient("early data is not sent beyond what the ticket allows", async (scope) => {
  const server = await acquaintedServer(scope, ["-early_data", "-max_early_data", "100"]);
  const { info } = await sayEarly(scope, server, server.config, {
    isTaken: false,
    earlyData: "x".repeat(101),
  });
  expect(info.resumed).toBe(true);
});

asClient("early data is not sent with a ticket that is none for it", async (scope) => {
  const server = await acquaintedServer(scope, []);
  expect((await sayEarly(scope, server, server.config, { isTaken: false })).info.resumed).toBe(true);
});

asClient("early data is rejected by HelloRetryRequest", async (scope) => {
  // With anti-replay, a ticket is gone by the second ClientHello.
  const server = await acquaintedServer(scope, ["-early_data", "-no_anti_replay", "-groups", "P-256"]);
  const { info } = await sayEarly(scope, server, server.config, { isTaken: false });
  expect(info).toMatchObject({ resumed: true, helloRetried: true, group: "secp256r1" });
});

asClient("early data is rejected with another ALPN protocol", async (scope) => {
  const server = await acquaintedServer(scope, ["-early_data", "-alpn", "b,a"], { alpn: ["a"] });
  const { sessionStore } = server.config.settings;
  const config = server.config.with({ alpn: ["a", "b"], sessionStore });
  const { info } = await sayEarly(scope, server, config, { isTaken: false });
  expect(info).toMatchObject({ resumed: true, alpn: "b" });
});

for (const [isTaken, args] of [
  [false, []],
  [true, ["-no_anti_replay"]],
] as const) {
  asClient(
    `early data with a ticket for the second time is ${isTaken ? "taken" : "rejected"} (${args.join() || "anti-replay"})`,
    async (scope) => {
      const kept = new Map<string, Uint8Array>();
      // A client that does what it should not: it uses a ticket again.
      const sessionStore = {
        get: () => null,
        put: (key: string, session: Uint8Array) => void (kept.has(key) || kept.set(key, session.slice())),
        take: (key: string) => kept.get(key)?.slice() ?? null,
      };
      const server = await acquaintedServer(scope, ["-early_data", ...args], { sessionStore });
      await sayEarly(scope, server, server.config, { isTaken: true });
      const again = await sayEarly(scope, server, server.config, { isTaken, earlyData: "once more\n" });
      expect(again.info.resumed).toBe(isTaken);
    },
  );
}

/** Takes early data. */
function takingServer(options: Partial<ServerOptions> = {}): ServerConfig {
  return serverWith(certificate, {
    earlyData: { maxBytes: 16_384, replayStore: new MemoryReplayStore() },
    ...options,
  });
}

/** Where the session of an s_client is that has met a server of ours, and its early data. */
interface Acquainted {
  readonly args: readonly string[];
}

let files = 0;

async function acquaintedClient(
  scope: Scope,
  config: ServerConfig,
  args: readonly string[] = [],
  earlyData: string = QUESTION,
): Promise<Acquainted> {
  const name = join(authority.folder, `early ${files++}`);
  writeFileSync(`${name}.txt`, earlyData, "latin1");
  await exchangeWithClient(
    await meetClient(scope, authority, ["-sess_out", `${name}.session`, ...args], config),
  );
  return { args: ["-sess_in", `${name}.session`, "-early_data", `${name}.txt`, ...args] };
}

/** The s_client comes back with early data, and says what it has heard of it. */
async function hearEarly(
  scope: Scope,
  { args }: Acquainted,
  config: ServerConfig,
  { isTaken, earlyData = QUESTION }: { readonly isTaken: boolean; readonly earlyData?: string },
): Promise<Driver> {
  const meeting = await meetClient(scope, authority, args, config);
  const { server, peer } = meeting;
  expect(await server.untilComplete()).toMatchObject({ earlyDataAccepted: isTaken });
  expect(server.early).toBe(isTaken ? earlyData : "");
  await peer.untilPrinted(isTaken ? /Early data was accepted/ : /Early data was rejected/);
  await exchangeWithClient(meeting);
  return server;
}

for (const suite of suites) {
  asServer(
    "early data is taken, and the key logs agree",
    async (scope) => {
      const file = join(authority.folder, `early server ${suite}.log`);
      const lines: string[] = [];
      const config = takingServer({ onKeyLog: (line) => lines.push(line) });
      const client = await acquaintedClient(scope, config, ["-ciphersuites", suite, "-keylogfile", file]);
      const { info } = await hearEarly(scope, client, config, { isTaken: true });
      expect(info).toMatchObject({ resumed: true, cipherSuite: suite, serverName: "localhost" });
      const ours = lines.toSorted();
      expect(ours.filter((line) => /^(CLIENT_EARLY_TRAFFIC|EARLY_EXPORTER)_SECRET /.test(line))).toHaveLength(
        2,
      );
      expect(keyLogLines(file)).toEqual(ours);
    },
    suite,
  );
}

asServer("early data as much as the ticket allows", async (scope) => {
  const config = takingServer({ earlyData: { maxBytes: 40_000, replayStore: new MemoryReplayStore() } });
  const earlyData = patterned(40_000).toString("latin1");
  const client = await acquaintedClient(scope, config, [], earlyData);
  await hearEarly(scope, client, config, { isTaken: true, earlyData });
});

for (const [how, changes, isResumed] of [
  ["a server that takes none any more", { earlyData: undefined as never }, true],
  ["a replay store", { earlyData: { maxBytes: 40_000, replayStore: { take: () => false } } }, true],
  [
    "a replay store that fails late",
    { earlyData: { maxBytes: 40_000, replayStore: { take: () => Promise.reject(new Error("gone")) } } },
    true,
  ],
  ["HelloRetryRequest", { groups: ["secp521r1"] }, true],
  ["a server that has other ticket keys", { sessionTickets: true }, false],
] as const) {
  asServer(`40,000 bytes of early data are rejected by ${how}`, async (scope) => {
    const sessionTickets = new TicketKeys({ provider: nobleProvider() });
    const config = takingServer({
      sessionTickets,
      earlyData: { maxBytes: 40_000, replayStore: new MemoryReplayStore() },
    });
    const earlyData = patterned(40_000).toString("latin1");
    const client = await acquaintedClient(scope, config, [], earlyData);
    const { info } = await hearEarly(scope, client, config.with(changes), { isTaken: false });
    expect(info.resumed).toBe(isResumed);
  });
}

asServer(
  "early data with a session for the second time is taken: it is another ClientHello",
  async (scope) => {
    const config = takingServer();
    const client = await acquaintedClient(scope, config);
    for (let i = 0; i < 2; i++) await hearEarly(scope, client, config, { isTaken: true });
  },
);

asServer(
  "recorded early data that comes again is passed over, at two servers that share keys and store",
  async (scope) => {
    const sessionTickets = new TicketKeys({ provider: nobleProvider() });
    const config = takingServer({ sessionTickets });
    const { args } = await acquaintedClient(scope, config);
    const servers = [
      await listen(scope, config),
      await listen(scope, config.with({ sessionTickets })),
    ] as const;
    const recorder = await record(scope, servers[0].port);
    const peer = startClient(scope, authority, recorder.port, args);
    const server = await servers[0].accept();
    await server.untilComplete();
    expect(server.early).toBe(QUESTION);
    await peer.untilPrinted(/Early data was accepted/);
    await exchangeWithClient({ server, peer });
    for (const { port, accept } of [...servers, ...servers]) {
      const socket = net.connect({ host: "127.0.0.1", port });
      scope.onClose(() => socket.destroy());
      socket.write(recorder.firstFlight());
      const replayed = await accept();
      const [answer] = (await once(socket, "data")) as [Buffer];
      // It answers with a handshake that whoever has recorded it cannot finish.
      expect(answer[0]).toBe(22);
      expect([replayed.early, replayed.engine.state]).toEqual(["", "handshaking"]);
      socket.end();
      expect((await replayed.untilClosed()).kind).toBe("truncated");
      expect(replayed.early).toBe("");
    }
  },
);

/** Somebody on the way to `port` who keeps what a client says first. */
async function record(
  scope: Scope,
  port: number,
): Promise<{ readonly port: number; readonly firstFlight: () => Buffer }> {
  const flight: Buffer[] = [];
  let isAnswered = false;
  const listener = net.createServer((client) => {
    const server = net.connect({ host: "127.0.0.1", port });
    scope.onClose(() => [client.destroy(), server.destroy()]);
    client.on("data", (bytes: Buffer) => {
      if (!isAnswered) flight.push(bytes);
      server.write(bytes);
    });
    server.on("data", (bytes: Buffer) => {
      isAnswered = true;
      client.write(bytes);
    });
    client.on("end", () => server.end()).on("error", () => server.destroy());
    server.on("end", () => client.end()).on("error", () => client.destroy());
  });
  scope.onClose(() => listener.close());
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("the listener has no port");
  return { port: address.port, firstFlight: () => Buffer.concat(flight) };
}
