import { createHash } from "node:crypto";

import {
  ClientConfig,
  type ClientOptions,
  pinned,
  ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { seededRandom } from "../support/forger.ts";
import { ForgedClient, type ForgedClientOptions } from "./forged-client.ts";
import { ForgedServer, type ForgedServerOptions } from "./forged-server.ts";
import { spkiOf, testCredential, testKey } from "./leaf-certificate.ts";
import { pitfallMakers, type PitfallMakers } from "./pitfall.ts";

/** What a client engine and its forged server differ in from the usual. */
export interface ClientSetup {
  readonly config?: Partial<ClientOptions>;
  readonly forger?: ForgedServerOptions;
}

/** What a server engine and its forged client differ in from the usual. */
export interface ServerSetup {
  readonly config?: Partial<ServerOptions>;
  readonly forger?: ForgedClientOptions;
}

const SEED = 0x5eed;

/** The name that clients want, and whose key they trust. */
export const SERVER_NAME = "server.example";

/** A client that trusts {@link testKey} of a kind, unless `options` say otherwise. */
export function clientConfig(
  options: Partial<ClientOptions> = {},
  key = testKey("ecdsa-p256"),
): ClientConfig {
  return new ClientConfig({
    serverName: SERVER_NAME,
    trust: pinned([createHash("sha256").update(spkiOf(key)).digest()]),
    groups: ["x25519", "secp256r1"],
    keyShares: ["x25519"],
    random: seededRandom(SEED),
    now: () => 1_800_000_000_000,
    ...options,
    // The options are complete; a spread of unions cannot show it.
  } as ClientOptions);
}

/** A server with a key, unless `options` say otherwise. */
export function serverConfig(options: Partial<ServerOptions> = {}): ServerConfig {
  return new ServerConfig({
    credentials: [testCredential()],
    groups: ["x25519", "secp256r1"],
    random: seededRandom(SEED),
    now: () => 1_800_000_000_000,
    ...options,
  });
}

/** A forged server and a client engine that has sent its ClientHello. */
export function forgedServer({ config, forger = {} }: ClientSetup = {}): ForgedServer {
  return new ForgedServer(clientConfig(config, forger.credential?.key), {
    credential: testCredential(),
    ...forger,
  });
}

/** A forged client and a server engine that waits for a ClientHello. */
export function forgedClient({ config, forger = {} }: ServerSetup = {}): ForgedClient {
  return new ForgedClient(serverConfig(config), forger);
}

/** A server that asks for a certificate, and a client that has one. */
export const mutual = {
  config: { clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } },
  forger: { credential: testCredential() },
} as const satisfies ServerSetup;

const makers: PitfallMakers<ForgedServer, ForgedClient, ClientSetup, ServerSetup> = pitfallMakers({
  version: "TLSv1.3",
  forgedServer,
  forgedClient,
  serverMidway: () => forgedServer().upTo("certificate"),
  clientMidway: () => forgedClient(mutual).upTo("certificate"),
});

export const { clientRefuses, serverRefuses, clientAccepts, serverAccepts, bothRefuse, bothAccept } = makers;
