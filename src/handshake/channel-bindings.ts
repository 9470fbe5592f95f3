import type { Credential } from "../config/credential.ts";
import { serverEndPoint } from "../x509/channel-binding.ts";
import type { PeerIdentity } from "./established.ts";

/**
 * The channel binding tls-server-end-point of a handshake in which the server is `server`: to its client a peer, to itself a credential. Null
 * when it has shown no certificate, as with a raw public key. RFC 5929 §4.
 */
export function endPointOf(server: PeerIdentity | Credential): Uint8Array | null {
  const chain = chainOf(server);
  return chain[0] === undefined ? null : serverEndPoint(chain[0]);
}

function chainOf(server: PeerIdentity | Credential): readonly Uint8Array[] {
  if ("certificateType" in server && server.certificateType === "raw-public-key") return [];
  if ("certificateChain" in server) return server.certificateChain;
  return "chain" in server ? server.chain : [];
}
