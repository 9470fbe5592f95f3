import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { Established } from "../handshake/established.ts";
import type { Flow } from "../handshake/flow.ts";
import type { HandshakeIo } from "../handshake/io.ts";
import { CertificateAnswers, CertificateRequests } from "../handshake/post-authentication.ts";
import {
  clientPostHandshake,
  type PostHandshakeEvents,
  serverPostHandshake,
  TrafficKeys,
  type WriteKeys,
} from "../handshake/post.ts";
import { clientPostHandshake12, lastingKeys, serverPostHandshake12 } from "../handshake/post12.ts";
import type { EnginePort } from "./port.ts";

/** What goes on behind a handshake. */
export interface OpenConnection {
  /** What the peer may still say. */
  readonly flow: Flow<never>;
  readonly writeKeys: WriteKeys;
  /** Keys that can be renewed; undefined in TLS 1.2. */
  readonly trafficKeys: TrafficKeys | undefined;
  /** Of a server whose client can be asked for a certificate. */
  readonly requests: CertificateRequests | undefined;
}

/** @param io of the handshake. */
export function openConnection(
  established: Established,
  config: ClientConfig | ServerConfig,
  io: HandshakeIo,
  port: EnginePort,
  events: PostHandshakeEvents,
): OpenConnection {
  if (established.version === "TLSv1.2") {
    const flow = config.role === "client" ? clientPostHandshake12(events) : serverPostHandshake12(events);
    return { flow, writeKeys: lastingKeys, trafficKeys: undefined, requests: undefined };
  }
  const keys = new TrafficKeys(established, port, events);
  if (config.role === "client") {
    const answers = new CertificateAnswers(config, io, established);
    const flow = clientPostHandshake(established, keys, events, port.now, answers);
    return { flow, writeKeys: keys, trafficKeys: keys, requests: undefined };
  }
  const requests = new CertificateRequests(config, io, established);
  return {
    flow: serverPostHandshake(keys, events, requests),
    writeKeys: keys,
    trafficKeys: keys,
    requests: established.postHandshakeAuth ? requests : undefined,
  };
}
