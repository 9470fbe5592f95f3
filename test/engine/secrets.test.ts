import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { type ClientConfig, ContentType, type ServerConfig, TlsEngine } from "../../src/index.ts";
import { pointsOf, type Scenario, SCENARIOS, sceneAt, toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { answering, late, signing } from "../pairs/hooks.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { End, Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { WatchedProvider } from "./watched-provider.ts";

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

const ENDS: Readonly<Record<string, (scene: Scene) => void>> = {
  "a message that is refused": (scene) => scene.inject(Uint8Array.of(99, 0, 0, 0)),
  "abort()": ({ engine }) => engine.abort(),
  "an alert of the peer": (scene) => scene.injectRecord(ContentType.alert, Uint8Array.of(2, 40)),
  "the end of the transport": ({ engine }) => engine.receiveEof(),
};

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
    expect(watch.seen).toBeGreaterThan(20);
    expect(watch.aliveAeads).toEqual(["opener", "sealer"]);
    expect(watch.alive).not.toContain("key share");
    expect(watch.alive).not.toContain("shared secret");
    expect(watch.alive).not.toContain("AEAD key");
    scene.engine.updateKeys();
    scene.peer.updateKeys(1);
    scene.exchange();
    scene.engine.write(ascii("data"));
    scene.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(), 32);
    scene.exchange();
    expect(watch.aliveAeads).toEqual(["opener", "sealer"]);
    scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
    expect(watch.aliveAeads).toContain("sealer");
    scene.engine.closeWrite();
    expect(watch.alive).toEqual([]);
  });
});

test("unwrap() wipes every secret when TLS has ended", async () => {
  const client = watched(toyClient());
  const server = watched(toyServer());
  const pair = await new Pair(client.config, server.config).run();
  pair.client.engine.unwrap();
  pair.server.engine.unwrap();
  await pair.run();
  expect(pair.client.engine.state).toBe("plaintext");
  expect(client.watch.alive).toEqual([]);
  expect(server.watch.alive).toEqual([]);
});

test(`abort() wipes every secret while a hook is awaited, whichever: TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
  const clientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true } as const;
  const credentials = { client: await toyCredential("client"), server: await toyCredential("server") };
  for (const role of ["client", "server"] as const) {
    let parks = 0;
    for (let stopAt = 0; stopAt <= parks; stopAt++) {
      const answer = late(new Seeded(`${RUN_SEED} ${role} ${stopAt}`));
      const provider = answering(toyProvider(), answer);
      const clientCredential = signing(credentials.client, answer);
      const client = watched(
        toyClient({ provider, keyShares: ["x25519"], clientCredential: () => answer(clientCredential) }),
      );
      const chosen = { credentials: [signing(credentials.server, answer)] };
      const server = watched(toyServer({ provider, clientAuth, chooseSetup: () => answer(chosen) }));
      const ends = {
        client: new End(TlsEngine.client(client.config)),
        server: new End(TlsEngine.server(server.config)),
      };
      parks = await runUntilParked(ends, role, stopAt);
      ends[role].engine.abort();
      await new Promise((resolve) => setImmediate(resolve));
      expect((role === "client" ? client : server).watch.alive).toEqual([]);
    }
    expect(parks).toBe(role === "client" ? 5 : 4);
  }
});

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
