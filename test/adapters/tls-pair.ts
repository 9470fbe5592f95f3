import type { DuplexOptions } from "node:stream";
import type { Connection, ConnectionOptions } from "../../src/adapters/connection.ts";
import { connectionFromSocket } from "../../src/adapters/node/connect.ts";
import type { NodeTransportOptions } from "../../src/adapters/node/socket-transport.ts";
import { ClientConfig, credential, pinned, ServerConfig, type SettingsOptions } from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { type DuplexEnd, duplexPair } from "./duplex-pair.ts";

export interface Configs {
  readonly client: ClientConfig;
  readonly server: ServerConfig;
}

/** A client and a server that trust each other as far as they must. X25519 alone, since these tests are not about key exchange. */
export function tlsConfigs(): Promise<Configs> {
  return configsWith({ groups: ["x25519"] });
}

/** The same in TLS 1.2, where the groups are those of certificates too (RFC 8422 §5.1). */
export function tls12Configs(): Promise<Configs> {
  return configsWith({ versions: ["TLSv1.2"], groups: ["x25519", "secp256r1"] });
}

async function configsWith(settings: SettingsOptions): Promise<Configs> {
  const { certificatePem, keyPem, spkiSha256 } = await testCertificate();
  return {
    client: new ClientConfig({ serverName: "localhost", trust: pinned([spkiSha256]), ...settings }),
    server: new ServerConfig({
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
      ...settings,
    }),
  };
}

/** A server and a client in plaintext, and the streams under them. */
export interface PlainPair {
  readonly server: Connection;
  readonly client: Connection;
  readonly serverStream: DuplexEnd;
  readonly clientStream: DuplexEnd;
}

export function plainPair(
  options: ConnectionOptions & NodeTransportOptions = {},
  streamOptions: DuplexOptions = {},
): PlainPair {
  const [serverStream, clientStream] = duplexPair(streamOptions);
  return {
    server: connectionFromSocket(serverStream, options),
    client: connectionFromSocket(clientStream, options),
    serverStream,
    clientStream,
  };
}

/** The same, after the handshake. */
export async function securePair(
  configs: Configs,
  options: ConnectionOptions & NodeTransportOptions = {},
  streamOptions: DuplexOptions = {},
): Promise<PlainPair> {
  const pair = plainPair(options, streamOptions);
  await Promise.all([pair.server.startTls(configs.server), pair.client.startTls(configs.client)]);
  return pair;
}
