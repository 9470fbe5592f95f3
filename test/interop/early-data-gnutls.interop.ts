import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  MemoryReplayStore,
  type ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  priority,
  startGnutlsClient,
  startGnutlsServer,
} from "./peers/gnutls.ts";
import { clientFor, patterned, row, serverWith, suites } from "./rows.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const QUESTION = "early question\n";
const asClient = { peer: "gnutls-serv", we: "client" } as const;
const asServer = { peer: "gnutls-cli", we: "server" } as const;
const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});

/** A gnutls-serv that takes early data, and what connects to it with the same config each time. */
async function meetServer(
  scope: Scope,
  theirs: readonly string[],
  ours: Partial<ClientOptions> = {},
  env: Record<string, string> = {},
) {
  const { port, peer } = await startGnutlsServer(scope, shim, certificate, theirs, env);
  const config = clientFor(certificate, { keyShares: ["x25519"], ...ours });
  const connectWith = async (earlyData?: string): Promise<Driver> => {
    const start = earlyData === undefined ? {} : { earlyData: Buffer.from(earlyData, "latin1") };
    const client = await connect(scope, port, config, start);
    await client.untilComplete();
    await echoAndClose(client);
    return client;
  };
  await connectWith();
  return { peer, again: connectWith };
}

for (const suite of suites) {
  row(
    { ...asClient, suite, feature: "early data is taken, and the key logs agree" },
    noServer,
    async (scope) => {
      const file = join(authority.folder, `gnutls-serv ${suite}.log`);
      const lines: string[] = [];
      const { again } = await meetServer(
        scope,
        ["--earlydata", `--priority=${priority([], suite)}`],
        { onKeyLog: (line) => lines.push(line) },
        { SSLKEYLOGFILE: file },
      );
      const client = await again(QUESTION);
      expect(client.info).toMatchObject({ resumed: true, earlyDataAccepted: true, cipherSuite: suite });
      expect(client.rejected).toBe("");
      expectSameEarlySecrets(lines, file);
    },
  );
}

row(
  { ...asClient, feature: "early data as much as the ticket allows, and not a byte more" },
  noServer,
  async (scope) => {
    const { again } = await meetServer(scope, ["--earlydata", "--maxearlydata=30000"]);
    const full = patterned(30_000).toString("latin1");
    expect((await again(full)).info).toMatchObject({ resumed: true, earlyDataAccepted: true });
    const rejecting = await again(`${full}x`);
    expect(rejecting.info).toMatchObject({ resumed: true, earlyDataAccepted: false });
    expect(rejecting.rejected).toBe(`${full}x`);
  },
);

row(
  { ...asClient, feature: "early data is not sent with a ticket that is none for it" },
  noServer,
  async (scope) => {
    const { again } = await meetServer(scope, []);
    const client = await again(QUESTION);
    expect(client.info).toMatchObject({ resumed: true, earlyDataAccepted: false });
    expect(client.rejected).toBe(QUESTION);
  },
);

/** Both logs have the early traffic secret; of those that both write, all are the same. */
function expectSameEarlySecrets(ours: readonly string[], file: string): void {
  const theirs = keyLogLines(file);
  expect(ours.filter((line) => line.startsWith("CLIENT_EARLY_TRAFFIC_SECRET "))).toHaveLength(1);
  expect(theirs).toEqual(expect.arrayContaining(ours.filter((line) => line.startsWith("CLIENT_"))));
}

/** Takes early data. */
function takingServer(options: Partial<ServerOptions> = {}): ServerConfig {
  return serverWith(certificate, {
    earlyData: { maxBytes: 40_000, replayStore: new MemoryReplayStore() },
    ...options,
  });
}

let files = 0;

/** A gnutls-cli that connects twice, to `first` and then to `second`, the second time with early data. */
async function meetClient(
  scope: Scope,
  [first, second]: readonly [ServerConfig, ServerConfig],
  {
    earlyData = QUESTION,
    args = [],
    env = {},
  }: {
    readonly earlyData?: string;
    readonly args?: readonly string[];
    readonly env?: Record<string, string>;
  } = {},
) {
  const name = join(authority.folder, `early ${files++}.txt`);
  writeFileSync(name, earlyData, "latin1");
  let accepted = 0;
  const listener = await listen(scope, () => (accepted++ === 0 ? first : second));
  const own = args.some((arg) => arg.startsWith("--priority")) ? [] : [`--priority=${priority([])}`];
  const peer = startGnutlsClient(
    scope,
    authority,
    listener.port,
    ["--resume", `--earlydata=${name}`, ...own, ...args],
    env,
  );
  const before = await listener.accept();
  expect(await before.untilComplete()).toMatchObject({ resumed: false });
  await before.untilClosed();
  await before.close();
  const server = await listener.accept();
  await server.untilComplete();
  return { server, peer };
}

for (const suite of suites) {
  row(
    { ...asServer, suite, feature: "early data is taken, and the key logs agree" },
    noClient,
    async (scope) => {
      const file = join(authority.folder, `gnutls-cli ${suite}.log`);
      const lines: string[] = [];
      const config = takingServer({ onKeyLog: (line) => lines.push(line) });
      const { server, peer } = await meetClient(scope, [config, config], {
        args: [`--priority=${priority([], suite)}`],
        env: { SSLKEYLOGFILE: file },
      });
      expect(server.info).toMatchObject({ resumed: true, earlyDataAccepted: true, cipherSuite: suite });
      expect(server.early).toBe(QUESTION);
      await exchangeAndClose(server, peer);
      expectSameEarlySecrets(lines, file);
    },
  );
}

row({ ...asServer, feature: "early data as much as the ticket allows" }, noClient, async (scope) => {
  const config = takingServer();
  const earlyData = patterned(40_000).toString("latin1");
  const { server, peer } = await meetClient(scope, [config, config], { earlyData });
  expect(server.early).toBe(earlyData);
  await exchangeAndClose(server, peer);
});

// Not by HelloRetryRequest: GnuTLS 3.7 protects the second ClientHello by early keys then, and as a server expects that.
const rejections: readonly (readonly [string, Partial<ServerOptions>])[] = [
  ["a server that takes none any more", { earlyData: undefined as never }],
  ["a replay store", { earlyData: { maxBytes: 40_000, replayStore: { take: () => false } } }],
];
for (const [how, changes] of rejections) {
  row(
    { ...asServer, feature: `40,000 bytes of early data are rejected by ${how}` },
    noClient,
    async (scope) => {
      const first = takingServer();
      const { ticketKeys } = first;
      if (ticketKeys === null) throw new Error("the server has no ticket keys");
      const earlyData = patterned(40_000).toString("latin1");
      const second = first.with({ sessionTickets: ticketKeys, ...changes });
      const { server, peer } = await meetClient(scope, [first, second], { earlyData });
      expect(server.info).toMatchObject({ resumed: true, earlyDataAccepted: false });
      expect(server.early).toBe("");
      await exchangeAndClose(server, peer);
    },
  );
}
