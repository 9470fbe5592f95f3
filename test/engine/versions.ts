import type { ClientConfig, ServerConfig, TlsVersion } from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { Pair } from "../support/pair.ts";

/** For `describe.each`: what holds in both versions. */
export const VERSIONS = ["TLSv1.3", "TLSv1.2"] as const satisfies readonly TlsVersion[];

/** Every way to speak TLS 1.2, TLS 1.3, or both. */
export const VERSION_LISTS: readonly (readonly TlsVersion[])[] = [
  ["TLSv1.3"],
  ["TLSv1.2"],
  ["TLSv1.3", "TLSv1.2"],
];

type ClientOptions = NonNullable<Parameters<typeof toyClient>[0]>;
type ServerOptions = NonNullable<Parameters<typeof toyServer>[0]>;

/** Configs of `versions`, which trust anybody and cost nothing. */
export function configsOf(...versions: readonly TlsVersion[]): {
  readonly client: (options?: ClientOptions) => ClientConfig;
  readonly server: (options?: ServerOptions) => ServerConfig;
} {
  return {
    client: (options = {}) => toyClient({ versions, ...options }),
    server: (options = {}) => toyServer({ versions, ...options }),
  };
}

/** A connection that is open on both sides. */
export async function open(client: ClientConfig, server: ServerConfig): Promise<Pair> {
  const pair = await new Pair(client, server).run();
  for (const { closed } of [pair.client, pair.server]) {
    if (closed !== undefined) throw new Error(closed.kind, { cause: closed });
  }
  if (pair.client.engine.info === null || pair.server.engine.info === null)
    throw new Error("the handshake has not ended");
  return pair;
}
