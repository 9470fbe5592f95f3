import { TlsAlert } from "../alert.ts";
import { equalBytes, latin1 } from "../bytes.ts";
import type { ServerConfig } from "../config/server.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import type { ReceivedClientHello } from "./client-hello-rules.ts";
import { chooseAlpn, listed } from "./negotiate.ts";

/**
 * A server's choice: the protocol that both want, or null.
 * @throws {TlsAlert} no_application_protocol when there is none. RFC 7301 §3.2.
 */
export function negotiateAlpn(
  { alpnMismatch }: ServerConfig,
  own: readonly string[],
  { body, alpn }: ReceivedClientHello,
): string | null {
  if (body.extensions.applicationLayerProtocolNegotiation === undefined || own.length === 0) return null;
  const chosen = chooseAlpn(own, alpn);
  if (chosen !== undefined) return chosen;
  if (alpnMismatch === "ignore") return null;
  throw new TlsAlert(
    "no_application_protocol",
    `no ALPN protocol in common: the client offers ${listed(alpn, (name) => JSON.stringify(name))}`,
  );
}

/**
 * The ALPN protocol that the server chose, or null. RFC 7301 §3.1.
 *
 * @param chosen the extension of the server's answer, if it is there.
 * @throws {TlsAlert} decode_error for more or less than one protocol, illegal_parameter for one that was not offered.
 */
export function checkChosenAlpn(
  chosen: readonly Uint8Array[] | undefined,
  hello: ClientHello,
): string | null {
  if (chosen === undefined) return null;
  const [protocol] = chosen;
  if (protocol === undefined || chosen.length !== 1) {
    throw new TlsAlert("decode_error", `server chose ${chosen.length} ALPN protocols`);
  }
  const offered = hello.extensions.applicationLayerProtocolNegotiation ?? [];
  if (!offered.some((name) => equalBytes(name, protocol))) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose the ALPN protocol ${JSON.stringify(latin1(protocol))}, which was not offered`,
    );
  }
  return latin1(protocol);
}
