import { serverEndPoint } from "../x509/channel-binding.ts";

/** The channel binding tls-server-end-point of a handshake in which the server showed `certificate`, if it showed one. RFC 5929 §4. */
export function endPointOf(certificate: Uint8Array | undefined): Uint8Array | null {
  return certificate === undefined ? null : serverEndPoint(certificate);
}
