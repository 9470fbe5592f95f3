import { HandshakeType } from "../../src/messages/codepoints.ts";
import { rawMessage } from "../support/forger.ts";
import type { Pitfall } from "./pitfall.ts";
import { clientRefuses, mutual, serverRefuses } from "./pitfall12.ts";
import { asking12, stapling, ticketing, strayChangeCipherSpec } from "./setups12.ts";

function gotInsteadOf(got: string, due: string) {
  return { alert: "unexpected_message", says: `got ${got} where ${due} is due` } as const;
}

/** Row 9: real messages of a server, of which one is left out, or one is too many. */
const skippedByServer: readonly Pitfall[] = [
  clientRefuses(
    9,
    "a server that leaves out its Certificate",
    gotInsteadOf("server_key_exchange", "certificate"),
    (server) => server.upTo("certificate").serverKeyExchange(),
  ),
  clientRefuses(
    9,
    "a server that leaves out its ServerKeyExchange",
    gotInsteadOf("server_hello_done", "server_key_exchange"),
    (server) => server.upTo("serverKeyExchange").serverHelloDone(),
  ),
  clientRefuses(
    9,
    "a server that asks for a certificate and leaves out its ServerKeyExchange",
    gotInsteadOf("certificate_request", "server_key_exchange"),
    (server) => server.upTo("serverKeyExchange").certificateRequest(),
    asking12,
  ),
  clientRefuses(
    9,
    "a server that does not authenticate itself at all",
    gotInsteadOf("server_hello_done", "certificate"),
    (server) => server.upTo("certificate").serverHelloDone(),
  ),
  clientRefuses(9, "a server that leaves out ServerHelloDone", strayChangeCipherSpec, (server) =>
    server.upTo("serverHelloDone").sendChangeCipherSpec(),
  ),
  clientRefuses(
    9,
    "a server that leaves out the NewSessionTicket that it has announced",
    strayChangeCipherSpec,
    (server) => server.upTo("newSessionTicket").changeCipherSpec(),
    ticketing,
  ),
  clientRefuses(
    9,
    "a NewSessionTicket that was not announced",
    gotInsteadOf("new_session_ticket", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").newSessionTicket(),
  ),
  clientRefuses(
    9,
    "a second NewSessionTicket",
    gotInsteadOf("new_session_ticket", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").newSessionTicket(),
    ticketing,
  ),
  clientRefuses(
    9,
    "a NewSessionTicket behind ChangeCipherSpec",
    gotInsteadOf("new_session_ticket", "finished"),
    (server) => server.upTo("finished").newSessionTicket(),
    ticketing,
  ),
  clientRefuses(
    9,
    "a NewSessionTicket after the handshake",
    gotInsteadOf("new_session_ticket", "hello_request"),
    (server) => server.complete().newSessionTicket(),
    ticketing,
  ),
  clientRefuses(
    9,
    "a CertificateStatus that was not announced",
    gotInsteadOf("certificate_status", "server_key_exchange"),
    (server) => server.upTo("serverKeyExchange").certificateStatus(),
  ),
  clientRefuses(
    9,
    "a second CertificateStatus",
    gotInsteadOf("certificate_status", "server_key_exchange"),
    (server) => server.upTo("serverKeyExchange").certificateStatus(),
    stapling,
  ),
  clientRefuses(9, "a second Certificate", gotInsteadOf("certificate", "server_key_exchange"), (server) =>
    server.upTo("serverKeyExchange").certificate(),
  ),
  clientRefuses(
    9,
    "a second ServerKeyExchange",
    gotInsteadOf("server_key_exchange", "certificate_request or server_hello_done"),
    (server) => server.upTo("serverHelloDone").serverKeyExchange(),
  ),
  clientRefuses(
    9,
    "a second CertificateRequest",
    gotInsteadOf("certificate_request", "server_hello_done"),
    (server) => server.upTo("serverHelloDone").certificateRequest(),
    asking12,
  ),
  clientRefuses(
    9,
    "a CertificateRequest behind ServerHelloDone",
    gotInsteadOf("certificate_request", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").certificateRequest(),
  ),
  clientRefuses(
    9,
    "a CertificateVerify of a server",
    gotInsteadOf("certificate_verify", "certificate_request or server_hello_done"),
    (server) => server.upTo("serverHelloDone").sendHandshake(rawMessage(HandshakeType.certificate_verify)),
  ),
  clientRefuses(
    9,
    "a server's Finished without ChangeCipherSpec",
    gotInsteadOf("finished", "change_cipher_spec"),
    (server) => server.upTo("changeCipherSpec").finished(),
  ),
];

const requesting = {
  ...mutual,
  config: { clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true } },
} as const;

/** Row 9: real messages of a client, of which one is left out, or one is too many. */
const skippedByClient: readonly Pitfall[] = [
  serverRefuses(
    9,
    "a client that leaves out its Certificate",
    gotInsteadOf("client_key_exchange", "certificate"),
    (client) => client.upTo("certificate").clientKeyExchange(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client that leaves out its Certificate where it may have none",
    gotInsteadOf("client_key_exchange", "certificate"),
    (client) => client.upTo("certificate").clientKeyExchange(),
    requesting,
  ),
  serverRefuses(9, "a client that leaves out ClientKeyExchange", strayChangeCipherSpec, (client) =>
    client.upTo("clientKeyExchange").sendChangeCipherSpec(),
  ),
  serverRefuses(
    9,
    "a client with a certificate that leaves out ClientKeyExchange",
    gotInsteadOf("certificate_verify", "client_key_exchange"),
    (client) => client.upTo("clientKeyExchange").certificateVerify(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client that leaves out its CertificateVerify",
    strayChangeCipherSpec,
    (client) => client.upTo("certificateVerify").changeCipherSpec(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client's Certificate that was not asked for",
    gotInsteadOf("certificate", "client_key_exchange"),
    (client) => client.upTo("clientKeyExchange").certificate(),
    { forger: mutual.forger },
  ),
  serverRefuses(
    9,
    "a CertificateVerify without a Certificate",
    gotInsteadOf("certificate_verify", "change_cipher_spec"),
    (client) => client.upTo("changeCipherSpec").certificateVerify(),
    { forger: mutual.forger },
  ),
  serverRefuses(
    9,
    "a CertificateVerify behind an empty Certificate",
    gotInsteadOf("certificate_verify", "change_cipher_spec"),
    (client) => {
      client.upTo("certificate").certificate(() => ({ certificateList: [] }));
      client.clientKeyExchange();
      client.certificateVerify();
    },
    requesting,
  ),
  serverRefuses(
    9,
    "a second ClientKeyExchange",
    gotInsteadOf("client_key_exchange", "change_cipher_spec"),
    (client) => client.upTo("changeCipherSpec").clientKeyExchange(),
  ),
  serverRefuses(
    9,
    "a second CertificateVerify",
    gotInsteadOf("certificate_verify", "change_cipher_spec"),
    (client) => client.upTo("changeCipherSpec").certificateVerify(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client's Finished without ChangeCipherSpec",
    gotInsteadOf("finished", "change_cipher_spec"),
    (client) => client.upTo("changeCipherSpec").finished(),
  ),
  serverRefuses(
    9,
    "a client's Finished without ClientKeyExchange",
    gotInsteadOf("finished", "client_key_exchange"),
    (client) =>
      client.upTo("clientKeyExchange").sendHandshake(rawMessage(HandshakeType.finished, new Uint8Array(12))),
  ),
];

export const tls12Rows9: readonly Pitfall[] = [...skippedByServer, ...skippedByClient];
