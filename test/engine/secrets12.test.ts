import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { type ClientHello, ContentType, type ServerOptions } from "../../src/index.ts";
import type { toyClient } from "../handshake/scenarios.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { ENDS } from "./ends.ts";
import { configsOf } from "./versions.ts";
import { WatchedProvider, watchedStore } from "./watched-provider.ts";

/** A handshake of TLS 1.2 in which one side is watched. */
interface Scenario12 {
  readonly title: string;
  readonly role: "client" | "server";
  readonly client?: ToyClientOptions;
  readonly server?: Partial<ServerOptions>;
  readonly resumed?: true;
  /** States of ciphers while the connection is open. */
  readonly ciphers?: readonly string[];
}

type ToyClientOptions = NonNullable<Parameters<typeof toyClient>[0]>;

const clientCredential = await toyCredential("client");
const asksForCertificate = {
  clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true },
} as const satisfies Partial<ServerOptions>;
const CBC = { cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"] };
const byId = { sessionTickets: false };
const ofCbc = ["decryptor", "encryptor"];

const SCENARIOS12: readonly Scenario12[] = (["client", "server"] as const).flatMap((role) => [
  { title: `${role} of a session with a ticket`, role },
  { title: `${role} of a session with an id`, role, server: byId },
  {
    title: `${role} of a connection with a client certificate`,
    role,
    client: { clientCredential },
    server: asksForCertificate,
  },
  {
    title: `${role} with CBC records, encrypted first`,
    role,
    client: CBC,
    server: { ...CBC, ...byId },
    ciphers: ofCbc,
  },
  {
    title: `${role} with CBC records, authenticated first`,
    role,
    client: { ...CBC, shapeClientHello: withoutEncryptThenMac },
    server: CBC,
    ciphers: ofCbc,
  },
  { title: `${role} that resumes by ticket`, role, resumed: true },
  { title: `${role} that resumes by id`, role, server: byId, resumed: true },
]);

function withoutEncryptThenMac({
  extensions: { encryptThenMac: _, ...kept },
  ...hello
}: ClientHello): ClientHello {
  return { ...hello, extensions: kept };
}

/** The scenario at its start. What belongs to the config is not watched. */
function start12({ role, client = {}, server = {}, resumed }: Scenario12): {
  readonly scene: Scene;
  readonly watch: WatchedProvider;
} {
  const configs = configsOf("TLSv1.2");
  const watch = new WatchedProvider(toyProvider());
  const subject = { provider: watch.provider, sessionStore: watchedStore(watch) };
  const clientConfig = configs.client({ ...client, ...(role === "client" && subject) });
  const serverConfig = configs.server({ ...server, ...(role === "server" && subject) });
  const start = (): Scene =>
    role === "client" ? new Scene(clientConfig, serverConfig) : new Scene(serverConfig, clientConfig);
  if (resumed) {
    const first = start();
    first.playAll();
    expect(first.engine.info?.resumed).toBe(false);
    first.engine.abort();
    const isSealing = role === "server" && server.sessionTickets !== false;
    expect(watch.keepForGood()).toEqual(isSealing ? TICKET_SECRETS : []);
  }
  return { scene: start(), watch };
}

/** What tickets are sealed with, and what the next key follows from. */
const TICKET_SECRETS = ["HMAC key", "HMAC key"];

/** They are made for the first ticket, and belong to the config. */
const ticketSecretsOf = ({ role, server, resumed }: Scenario12): readonly string[] =>
  role === "server" && server?.sessionTickets !== false && resumed !== true ? TICKET_SECRETS : [];

describe.each(SCENARIOS12.map((scenario) => [scenario.title, scenario] as const))(
  "TLS 1.2: %s",
  (_title, scenario) => {
    const { length } = start12(scenario).scene.playAll();
    const { ciphers = ["opener", "sealer"] } = scenario;

    test.each(Object.entries(ENDS))("has wiped every secret after %s, whenever it comes", (_what, end) => {
      for (let played = 0; played <= length; played++) {
        const { scene, watch } = start12(scenario);
        scene.playTimes(played);
        const isOver = scene.engine.info !== null;
        end(scene);
        scene.exchange();
        expect(scene.engine.state).toBe("closed");
        const lasting = isOver ? ticketSecretsOf(scenario) : [];
        expect(watch.alive, `behind ${played} messages`).toEqual(lasting);
      }
    });

    test("holds one state for each direction while it is open, and none after a clean end", () => {
      const { scene, watch } = start12(scenario);
      scene.playAll();
      expect(scene.engine.info).toMatchObject({ version: "TLSv1.2", resumed: scenario.resumed === true });
      expect(watch.seen).toBeGreaterThan(3);
      expect(watch.aliveCiphers).toEqual(ciphers);
      // Of all other secrets only MAC keys are in use.
      const others = watch.alive.filter((what) => !ciphers.includes(what) && what !== "MAC key");
      expect(others).toEqual(ticketSecretsOf(scenario));
      scene.engine.write(ascii("data"));
      scene.injectRecord(ContentType.application_data, ascii("data"));
      scene.engine.exportKeyingMaterial("EXPERIMENTAL", null, 32);
      expect(watch.alive.filter((what) => what === "HMAC key")).toHaveLength(
        1 + ticketSecretsOf(scenario).length,
      );
      scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
      expect(watch.aliveCiphers).toEqual(ciphers);
      scene.engine.closeWrite();
      expect(watch.alive).toEqual(ticketSecretsOf(scenario));
    });
  },
);

test("the state that a ticket is made from is wiped, and so is what a ticket is opened to", async () => {
  const { client, server } = configsOf("TLSv1.2");
  const states: Uint8Array[] = [];
  const lines: string[] = [];
  const config = server({ onKeyLog: (line) => lines.push(line) });
  const { ticketKeys } = config;
  if (ticketKeys === null) throw new Error("no tickets");
  const [seal, openTicket] = [ticketKeys.seal.bind(ticketKeys), ticketKeys.open.bind(ticketKeys)];
  const seen: string[] = [];
  const remember = (state: Uint8Array): void => {
    states.push(state);
    seen.push(hex(state));
  };
  ticketKeys.seal = (state, random, nowMs) => {
    remember(state);
    return seal(state, random, nowMs);
  };
  ticketKeys.open = (ticket, nowMs) => {
    const state = openTicket(ticket, nowMs);
    if (state !== null) remember(state);
    return state;
  };
  const clientConfig = client();
  for (const resumed of [false, true]) {
    const pair = await new Pair(clientConfig, config).run();
    expect(pair.server.engine.info?.resumed).toBe(resumed);
  }
  const mainSecret = lines[0]?.split(" ")[2] ?? "none";
  expect(seen.map((state) => state.includes(mainSecret))).toEqual([true, true]);
  for (const state of states) expect(state).toEqual(new Uint8Array(state.length));
});
