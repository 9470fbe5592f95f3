import { ClientConfig, type ClientOptions, ServerConfig, type ServerOptions } from "../../src/index.ts";
import { Scene, ScriptedPeer } from "../support/scripted-peer.ts";
import { type Facts, machineOf, type State } from "./machine.ts";
import { toyCredential, toyProvider } from "./toy-provider.ts";

/** A handshake, seen from one side. */
export interface Scenario {
  readonly title: string;
  readonly role: "client" | "server";
  readonly client: ClientConfig;
  readonly server: ServerConfig;
  /** What is true at the start. */
  readonly facts: Facts;
}

/** A point of a scenario at which the subject waits. */
export interface Point {
  /** Messages that the peer has sent. */
  readonly played: readonly string[];
  readonly state: State;
  readonly facts: Facts;
}

const provider = toyProvider();
const clientCredential = await toyCredential("client");

export const TOY_CLIENT_OPTIONS = {
  provider,
  serverName: "localhost",
  dangerouslyAcceptAnyCertificate: true,
} as const satisfies ClientOptions;

/** A client that trusts anybody. */
export function toyClient(options: Partial<Omit<ClientOptions, "serverName" | "trust">> = {}): ClientConfig {
  return new ClientConfig({ ...TOY_CLIENT_OPTIONS, ...options });
}

/** A server with a toy credential. */
export function toyServer(options: Partial<ServerOptions> = {}): ServerConfig {
  return new ServerConfig({ provider, credentials: [serverCredential], ...options });
}

const serverCredential = await toyCredential("server");
const plainClient = toyClient();
const answeringClient = toyClient({ clientCredential });
/** Its first key share misses {@link retryingServer}'s group. */
const missingClient = toyClient({ keyShares: ["x25519"] });
const missingAnsweringClient = toyClient({ keyShares: ["x25519"], clientCredential });
const plainServer = toyServer();
const clientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
const askingServer = toyServer({ clientAuth });
const retryingServer = toyServer({ groups: ["secp256r1"] });
const retryingAskingServer = toyServer({ groups: ["secp256r1"], helloRetryCookie: true, clientAuth });

/** Ways through both machines: together they take every transition that this engine has. */
export const SCENARIOS: readonly Scenario[] = [
  { title: "client", role: "client", client: plainClient, server: plainServer, facts: {} },
  {
    title: "client that is asked for a certificate",
    role: "client",
    client: answeringClient,
    server: askingServer,
    facts: {},
  },
  {
    title: "client that is asked for a second ClientHello",
    role: "client",
    client: missingClient,
    server: retryingServer,
    facts: {},
  },
  {
    title: "client that is asked for a second ClientHello with a cookie, and for a certificate",
    role: "client",
    client: missingAnsweringClient,
    server: retryingAskingServer,
    facts: {},
  },
  { title: "server", role: "server", client: plainClient, server: plainServer, facts: {} },
  {
    title: "server that gets a certificate",
    role: "server",
    client: answeringClient,
    server: askingServer,
    facts: { clientAuth: true },
  },
  {
    title: "server that gets an empty Certificate",
    role: "server",
    client: plainClient,
    server: askingServer,
    facts: { clientAuth: true, certificateEmpty: true },
  },
  {
    title: "server that asks for a second ClientHello",
    role: "server",
    client: missingClient,
    server: retryingServer,
    facts: { retryNeeded: true },
  },
  {
    title: "server that asks for a second ClientHello with a cookie, and for a certificate",
    role: "server",
    client: missingAnsweringClient,
    server: retryingAskingServer,
    facts: { retryNeeded: true, clientAuth: true },
  },
];

/** An engine of the scenario's role, and a scripted peer. Nothing was played yet. */
export function sceneOf({ role, client, server }: Scenario): Scene {
  return role === "client" ? new Scene(client, server) : new Scene(server, client);
}

/** The subject as a scripted side too, so that what its flow waits for can be seen; and its peer. */
export function twoScripted({ role, client, server }: Scenario): {
  readonly subject: ScriptedPeer;
  readonly peer: ScriptedPeer;
} {
  const clientSide = new ScriptedPeer(client);
  const serverSide = new ScriptedPeer(server);
  return role === "client"
    ? { subject: clientSide, peer: serverSide }
    : { subject: serverSide, peer: clientSide };
}

/** All points of a scenario, from the start to the end of the machine. */
export function pointsOf(scenario: Scenario): readonly Point[] {
  const machine = machineOf(scenario.role);
  const scene = sceneOf(scenario);
  let { state, facts }: { state: State; facts: Facts } = { state: machine.start, facts: scenario.facts };
  const points: Point[] = [{ played: [], state, facts }];
  while (scene.peer.peek() !== undefined) {
    const message = scene.play();
    ({ state, facts } = machine.follow(state, facts, message));
    points.push({ played: [...(points.at(-1)?.played ?? []), message], state, facts });
  }
  if (state !== machine.end) throw new Error(`${scenario.title} ends in ${state.name}`);
  return points;
}

/** A scene that was played up to `point`. */
export function sceneAt(scenario: Scenario, point: Point): Scene {
  const scene = sceneOf(scenario);
  scene.playTimes(point.played.length);
  return scene;
}
