import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import {
  type ClientConfig,
  ContentType,
  type ServerConfig,
  type ServerOptions,
  type SessionStore,
  TlsEngine,
} from "../../src/index.ts";
import { pointsOf, type Scenario, SCENARIOS, sceneAt, toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { answering, late, signing } from "../pairs/hooks.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { End, Pair } from "../support/pair.ts";
import { ENDS } from "./ends.ts";
import { configsOf, VERSIONS } from "./versions.ts";
import { WatchedProvider, watchedStore } from "./watched-provider.ts";

/** `config` with a provider that watches. */
function watched<C extends ClientConfig | ServerConfig>(config: C): { watch: WatchedProvider; config: C } {
  const watch = new WatchedProvider(config.settings.provider);
  // `with` gives what it is called on.
  return { watch, config: config.with({ provider: watch.provider }) as C };
}

/** `scenario` with its subject watched. */
function watchedScenario(scenario: Scenario): { watch: WatchedProvider; scenario: Scenario } {
  if (scenario.role === "client") {
    const { watch, config } = watched(scenario.client);
    return { watch, scenario: { ...scenario, client: config } };
  }
  const { watch, config } = watched(scenario.server);
  return { watch, scenario: { ...scenario, server: config } };
}

describe.each(SCENARIOS.map((scenario) => [scenario.title, scenario] as const))("%s", (_title, original) => {
  test.each(Object.entries(ENDS))("has wiped every secret after %s, whenever it comes", (_what, end) => {
    for (const point of pointsOf(original)) {
      const { watch, scenario } = watchedScenario(original);
      const scene = sceneAt(scenario, point);
      end(scene);
      scene.exchange();
      expect(scene.engine.state).toBe("closed");
      expect(watch.alive, `in ${point.state.name} behind ${point.played.join()}`).toEqual([]);
    }
  });

  test("holds one sealer and one opener while it is open, and none after a clean end", () => {
    const { watch, scenario } = watchedScenario(original);
    const last = pointsOf(original).at(-1);
    if (last === undefined) throw new Error("no points");
    const scene = sceneAt(scenario, last);
    expect(watch.seen).toBeGreaterThan(15);
    expect(watch.aliveCiphers).toEqual(["opener", "sealer"]);
    expect(watch.alive).not.toContain("key share");
    expect(watch.alive).not.toContain("shared secret");
    expect(watch.alive).not.toContain("AEAD key");
    scene.engine.updateKeys();
    scene.peer.updateKeys(1);
    scene.exchange();
    scene.engine.write(ascii("data"));
    scene.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32);
    scene.exchange();
    expect(watch.aliveCiphers).toEqual(["opener", "sealer"]);
    scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
    expect(watch.aliveCiphers).toContain("sealer");
    scene.engine.closeWrite();
    expect(watch.alive).toEqual([]);
  });
});

test.each(VERSIONS)("unwrap() wipes every secret when TLS has ended, in %s", async (version) => {
  const configs = configsOf(version);
  const client = watched(configs.client());
  // The key of tickets is the config's.
  const server = watched(configs.server({ sessionTickets: false }));
  const pair = await new Pair(client.config, server.config).run();
  pair.client.engine.unwrap();
  pair.server.engine.unwrap();
  await pair.run();
  expect(pair.client.engine.state).toBe("plaintext");
  expect(client.watch.alive).toEqual([]);
  expect(server.watch.alive).toEqual([]);
});

const asksForCertificate = {
  clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true },
} as const satisfies Partial<ServerOptions>;
const clientCredential = await toyCredential("client");

const CASES = [
  { version: "TLSv1.3", resumed: false, parks: { client: 5, server: 4 } },
  // The store, the key, the secret; the setup, the store twice, the secret.
  { version: "TLSv1.3", resumed: true, parks: { client: 3, server: 4 } },
  // The store, the server's proof, the credential, the keys, its signature; the setup, the keys, its signature, the secret, the client's proof.
  { version: "TLSv1.2", resumed: false, parks: { client: 5, server: 5 } },
  // The store; the setup and the store.
  { version: "TLSv1.2", resumed: true, parks: { client: 1, server: 2 } },
] as const;

test.each(CASES)(
  `abort() wipes every secret while a hook is awaited, whichever, in $version (resumed: $resumed): TLS_ENGINE_SEED=${RUN_SEED}`,
  async ({ version, resumed, parks: expected }) => {
    const serverCredential = await toyCredential("server");
    for (const role of ["client", "server"] as const) {
      let parks = 0;
      for (let stopAt = 0; stopAt <= parks; stopAt++) {
        const answer = late(new Seeded(`${RUN_SEED} ${role} ${stopAt}`));
        const watch = new WatchedProvider(answering(toyProvider(), answer));
        const lateStore = (): SessionStore => {
          const store = watchedStore(watch);
          return {
            get: (key) => answer(store.get(key)),
            put: (key, session) => answer(store.put(key, session)),
            take: (key) => answer(store.take(key)),
          };
        };
        const common = { versions: [version], provider: watch.provider };
        const credential = signing(clientCredential, answer);
        const client = toyClient({
          ...common,
          keyShares: ["x25519"],
          clientCredential: () => answer(credential),
          sessionStore: version === "TLSv1.2" || resumed ? lateStore() : null,
        });
        const chosen = { credentials: [signing(serverCredential, answer)] };
        const server = toyServer({
          ...common,
          ...asksForCertificate,
          sessionTickets: version === "TLSv1.3" ? "stored" : false,
          ticketCount: resumed ? 1 : 0,
          sessionStore: lateStore(),
          chooseSetup: () => answer(chosen),
        });
        if (resumed) {
          const first = await new Pair(client, server).run();
          first.client.engine.abort();
          first.server.engine.abort();
          await turn();
          expect(watch.alive).toEqual([]);
        }
        const ends = {
          client: new End(TlsEngine.client(client)),
          server: new End(TlsEngine.server(server)),
        };
        parks = await runUntilParked(ends, role, stopAt);
        if (stopAt === parks) expect(ends[role].engine.info?.resumed).toBe(resumed);
        ends[role].engine.abort();
        ends[role === "client" ? "server" : "client"].engine.abort();
        await turn();
        expect(watch.alive, `${role}, stopped at ${stopAt}`).toEqual([]);
      }
      expect(parks).toBe(expected[role]);
    }
  },
);

/** Longer than a late answer takes. */
async function turn(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Runs until `role` is parked for the `stopAt`-th time, or for good. Gives how often it was parked. */
async function runUntilParked(
  { client, server }: Readonly<Record<"client" | "server", End>>,
  role: "client" | "server",
  stopAt: number,
): Promise<number> {
  const subject = role === "client" ? client : server;
  let parks = 0;
  for (let isIdle = false; !isIdle;) {
    isIdle = true;
    for (const [end, other] of [
      [client, server],
      [server, client],
    ] as const) {
      for (let waits = end.drain(); waits !== undefined; waits = end.drain()) {
        if (end === subject && parks++ === stopAt) return parks;
        await waits;
      }
      const output = end.engine.takeOutput();
      if (output === null) continue;
      other.engine.receive(output);
      isIdle = false;
    }
  }
  return parks;
}
