import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { ConnectionInfo } from "../handshake/established.ts";
import { TlsProtocol, type TlsProtocolOptions } from "../protocol/tls-protocol.ts";
import type { Protocol, Transport } from "../protocol/transport.ts";
import { TlsEngine, type Unread } from "./engine.ts";

/** A connection on which TLS was put. */
export interface Upgraded {
  /** Takes the place of the transport that was upgraded, which its holder must not use any more. */
  readonly transport: Transport;
  readonly info: ConnectionInfo;
  /** What lies between the two transports: exporters, channel bindings, renewal of keys, and the way back to plaintext. */
  readonly protocol: TlsProtocol;
}

/**
 * Puts TLS on a connection that is in use, as asyncio's `loop.start_tls` does: `app` goes on as the protocol of the transport that
 * is returned. What was written to the old one goes out before the first record. `app` is not told `connectionMade` (unless
 * `options.callConnectionMade` says so), and hears `connectionLost` if the handshake fails. It must not answer through the old transport
 * what it receives after this call; an application to which the peer may speak first sets `callConnectionMade`, and has the new transport
 * before the first byte.
 *
 * What is wrong with the arguments is found before anything is done to the transport. On any failure after that, the transport is closed.
 *
 * @param unread bytes behind the command that asked for TLS, which a parser holds; they go to TLS, never to the application. If they,
 * or the first bytes that arrive, are no TLS record, the cause of the rejection is a `NotTlsError` of kind `plaintext-after-upgrade`:
 * somebody may have injected commands.
 * @returns rejects with the cause: a `TlsAlert`, `PeerAlert`, `NotTlsError`, `TruncationError`, `TimeoutError` or an error of the transport;
 * with `ConfigError` or `TypeError` for the arguments.
 */
export async function upgrade(
  transport: Transport,
  app: Protocol,
  config: ClientConfig | ServerConfig,
  unread: Unread,
  options: TlsProtocolOptions = {},
): Promise<Upgraded> {
  if (unread !== "none" && !(unread instanceof Uint8Array))
    throw new TypeError('unread must be a Uint8Array, or "none"');
  if (transport.isClosing) throw new TypeError("the transport is closing");
  const tls = new TlsProtocol(app, new TlsEngine(), config, {
    callConnectionMade: false,
    ...options,
    unread: unread === "none" ? new Uint8Array() : unread,
  });
  transport.pauseReading();
  transport.setProtocol(tls);
  tls.connectionMade(transport, true);
  return { transport: tls.appTransport, info: await tls.handshake, protocol: tls };
}
