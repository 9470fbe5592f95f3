import { ClientConfig, type ClientOptions, ServerConfig, type ServerOptions } from "../../src/index.ts";
import { Scene, ScriptedPeer } from "../support/scripted-peer.ts";
import { type Facts, machineOf } from "./machine.ts";
import { type Point, pointsOfWalk, type Walk } from "./points.ts";
import { toyCredential, toyProvider } from "./toy-provider.ts";

/** A handshake of TLS 1.3, seen from one side. */
export interface Scenario {
  readonly title: string;
  readonly role: "client" | "server";
  readonly client: ClientConfig;
  readonly server: ServerConfig;
  /** What is true at the start. */
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
  // Without tickets, which would follow every handshake; their own tests ask for them.
  return new ServerConfig({ provider, credentials: [serverCredential], ticketCount: 0, ...options });
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
const tls13 = { versions: ["TLSv1.3"] } as const;
/** As they are by default; the first message settles on TLS 1.3. */
const bothVersions = true;

/** Ways through both machines: together they take every transition that this engine has. */
export const SCENARIOS: readonly Scenario[] = [
  { title: "client", role: "client", client: plainClient, server: plainServer, facts: { bothVersions } },
  {
    title: "client that is asked for a certificate",
    role: "client",
    client: answeringClient,
    server: askingServer,
    facts: { bothVersions },
  },
  {
    title: "client that is asked for a second ClientHello",
    role: "client",
    client: missingClient,
    server: retryingServer,
    facts: { bothVersions },
  },
  {
    title: "client that is asked for a second ClientHello with a cookie, and for a certificate",
    role: "client",
    client: missingAnsweringClient,
    server: retryingAskingServer,
    facts: { bothVersions },
  },
  {
    title: "client that may be asked for a certificate behind the handshake",
    role: "client",
    client: toyClient({ postHandshakeAuth: true, clientCredential }),
    server: plainServer,
    facts: { bothVersions, postHandshakeAuth: true },
  },
  { title: "server", role: "server", client: plainClient, server: plainServer, facts: { bothVersions } },
  {
    title: "server that gets a certificate",
    role: "server",
    client: answeringClient,
    server: askingServer,
    facts: { bothVersions, clientAuth: true },
  },
  {
    title: "server that gets an empty Certificate",
    role: "server",
    client: plainClient,
    server: askingServer,
    facts: { bothVersions, clientAuth: true, certificateEmpty: true },
  },
  {
    title: "server that asks for a second ClientHello",
    role: "server",
    client: missingClient,
    server: retryingServer,
    facts: { bothVersions, retryNeeded: true },
  },
  {
    title: "server that asks for a second ClientHello with a cookie, and for a certificate",
    role: "server",
    client: missingAnsweringClient,
    server: retryingAskingServer,
    facts: { bothVersions, retryNeeded: true, clientAuth: true },
  },
  {
    title: "client of TLS 1.3 alone that is asked for a second ClientHello",
    role: "client",
    client: toyClient({ ...tls13, keyShares: ["x25519"] }),
    server: retryingServer,
    facts: {},
  },
  {
    title: "server of TLS 1.3 alone that gets a certificate",
    role: "server",
    client: answeringClient,
    server: toyServer({ ...tls13, clientAuth }),
    facts: { clientAuth: true },
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

/** The scenario, to be walked. */
export function walkOf(scenario: Scenario): Walk {
  return {
    machine: machineOf(scenario.role, "TLSv1.3"),
    facts: scenario.facts,
    start: () => sceneOf(scenario),
    twoSides: () => twoScripted(scenario),
  };
}

/** All points of a scenario, from the start to the end of the machine. */
export function pointsOf(scenario: Scenario): readonly Point[] {
  return pointsOfWalk(walkOf(scenario));
}

/** A scene that was played up to `point`. */
export function sceneAt(scenario: Scenario, { played }: Point): Scene {
  const scene = sceneOf(scenario);
  scene.playTimes(played.length);
  return scene;
}
