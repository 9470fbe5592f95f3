import type { ServerConfig } from "../config/server.ts";
import type { Established } from "./established.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { serverHandshake12 } from "./server12.ts";
import { serverHandshake13 } from "./server13.ts";
import { chooseVersion } from "./version.ts";

/** A server's handshake, in the highest version that the ClientHello has in common with the config. RFC 8446 §4.2.1. */
export function* serverHandshake(config: ServerConfig, io: HandshakeIo): Flow<Established> {
  const first = yield* io.receive("client_hello");
  io.expectFlightEnd();
  const version = chooseVersion(config.settings.versions, first.body);
  io.startVersion(version);
  return version === "TLSv1.3"
    ? yield* serverHandshake13(config, io, first)
    : yield* serverHandshake12(config, io, first);
}
