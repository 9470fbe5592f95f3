import { ForgedClient12, type ForgedClient12Options } from "./forged-client12.ts";
import { ForgedServer12, type ForgedServer12Options } from "./forged-server12.ts";
import { testCredential } from "./leaf-certificate.ts";
import { pitfallMakers, type PitfallMakers } from "./pitfall.ts";
import { clientConfig, type ClientSetup, mutual, serverConfig, type ServerSetup } from "./pitfall13.ts";

/** What a client engine and its forged server of TLS 1.2 differ in from the usual. */
export interface ClientSetup12 extends Pick<ClientSetup, "config"> {
  readonly forger?: ForgedServer12Options;
}

/** What a server engine and its forged client of TLS 1.2 differ in from the usual. */
export interface ServerSetup12 extends Pick<ServerSetup, "config"> {
  readonly forger?: ForgedClient12Options;
}

/** A forged server of TLS 1.2, and a client engine of both versions that has sent its ClientHello. */
export function forgedServer12({ config, forger = {} }: ClientSetup12 = {}): ForgedServer12 {
  return new ForgedServer12(clientConfig(config, forger.credential?.key), {
    credential: testCredential(),
    ...forger,
  });
}

/** A forged client of TLS 1.2, and a server engine of both versions that waits for a ClientHello. */
export function forgedClient12({ config, forger = {} }: ServerSetup12 = {}): ForgedClient12 {
  return new ForgedClient12(serverConfig(config), forger);
}

export { mutual };

const makers: PitfallMakers<ForgedServer12, ForgedClient12, ClientSetup12, ServerSetup12> = pitfallMakers({
  version: "TLSv1.2",
  forgedServer: forgedServer12,
  forgedClient: forgedClient12,
  serverMidway: () => forgedServer12().upTo("serverKeyExchange"),
  clientMidway: () => forgedClient12(mutual).upTo("certificateVerify"),
});

export const { clientRefuses, serverRefuses, clientAccepts, serverAccepts, bothRefuse, bothAccept } = makers;
