import { TlsAlert } from "../alert.ts";
import { wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { KeyExchangeGroup } from "../crypto/provider.ts";
import { codepointName, NamedGroup } from "../messages/codepoints.ts";
import type {
  Tls12CertificateRequest,
  Tls12NewSessionTicket,
  Tls12ServerHello,
} from "../messages/handshake12.ts";
import { ServerECDHParams } from "../messages/handshake12.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { Tls12MainSecret } from "../schedule/tls12.ts";
import { decode } from "../wire/codec.ts";
import { askPolicy } from "./authentication.ts";
import { receiveServerProof, sendCertificateVerify12, sendClientCertificate } from "./authentication12.ts";
import { endPointOf } from "./channel-bindings.ts";
import type { ClientOffer } from "./client-hello.ts";
import { wipeShares } from "./client-hello.ts";
import type { Established12, PeerIdentity } from "./established.ts";
import { Finish12 } from "./finish12.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import { chainVerifiers } from "./negotiate.ts";
import { checkPeerRecordSizeLimit } from "./record-size-limit.ts";
import { keepClientSession, type OfferedSession } from "./resume12.ts";
import { checkServerHello12, type ServerAnswer } from "./server-hello-rules12.ts";

/** The client's side of TLS 1.2, from the ServerHello on: {@link fullHandshake}, or {@link abbreviatedHandshake} when a session is resumed. */
export function* clientHandshake12(
  config: ClientConfig,
  io: HandshakeIo,
  offer: ClientOffer,
  { body, raw }: Received<"tls12_server_hello">,
): Flow<Established12> {
  const answer = checkServerHello12(config, offer, body);
  wipeShares(offer.shares);
  io.transcript.start(answer.suite.hash);
  io.transcript.add(raw);
  const { recordSizeLimit } = body.extensions;
  if (recordSizeLimit !== undefined) io.limitWrites(checkPeerRecordSizeLimit(recordSizeLimit));
  if (recordSizeLimit !== undefined && config.recordSizeLimit !== undefined)
    io.limitReads(config.recordSizeLimit);
  const exchange: Exchange = { hello: offer.hello, serverHello: body, answer };
  return answer.resumed === undefined
    ? yield* fullHandshake(config, io, exchange)
    : yield* abbreviatedHandshake(config, io, exchange, answer.resumed);
}

/** Both hellos, and what they come to. */
interface Exchange {
  readonly hello: ClientHello;
  readonly serverHello: Tls12ServerHello;
  readonly answer: ServerAnswer;
}

/**
 * RFC 5246 §7.3, figure 1, with RFC 6066 §8 and RFC 5077 §3.1, figure 1.
 *
 * ```
 * ClientHello            -------->
 *                                                ServerHello
 *                                                Certificate
 *                                         CertificateStatus*
 *                                          ServerKeyExchange
 *                                        CertificateRequest*
 *                        <--------           ServerHelloDone
 * Certificate*
 * ClientKeyExchange
 * CertificateVerify*
 * [ChangeCipherSpec]
 * Finished               -------->
 *                                          NewSessionTicket*
 *                                         [ChangeCipherSpec]
 *                        <--------                  Finished
 * ```
 */
function* fullHandshake(config: ClientConfig, io: HandshakeIo, exchange: Exchange): Flow<Established12> {
  const { hello, serverHello, answer } = exchange;
  const { suite, extendedMainSecret } = answer;
  const { presented, verifier, params } = yield* receiveServerProof(config, io, hello, serverHello, answer);
  const request = yield* receiveServerHelloDone(io);
  const { trust, serverName } = config;
  const verify = trust === null ? null : trust.verify.bind(trust);
  const peer = yield* askPolicy(io, presented, {
    signer: "server",
    serverName,
    verify,
    chainVerifiers: chainVerifiers(config.settings.signatureVerifiers, hello),
  });

  const proof =
    request === undefined
      ? undefined
      : yield* sendClientCertificate(config, io, request, answer.certificateTypes.client);
  const { group, main } = yield* exchangeKeys(config, io, exchange, params);
  if (proof !== undefined) yield* sendCertificateVerify12(io, proof);
  io.transcript.release();
  const randoms = { client: hello.random, server: serverHello.random };
  const finish = new Finish12(io, "client", suite, answer.encryptThenMac, main, randoms);
  const tlsUnique = finish.send();
  const ticket = yield* receiveTicket(io, serverHello);
  yield* finish.receive();

  keepClientSession(config, io, {
    cipherSuite: suite.id,
    mainSecret: main.bytes,
    extendedMainSecret,
    peerCertificateType: answer.certificateTypes.server,
    peerChain: presented.chain,
    ocspResponse: presented.ocspResponse,
    signedCertificateTimestamps: presented.signedCertificateTimestamps,
    sessionId: serverHello.sessionId,
    ticket: ticket?.ticket ?? new Uint8Array(),
    lifetimeHintSeconds: ticket?.ticketLifetimeHint ?? 0,
    createdAtSeconds: undefined,
  });
  return established(config, io, exchange, main, {
    group: group.name,
    peerSignatureScheme: verifier.name,
    peer,
    tlsUnique,
  });
}

/**
 * RFC 5246 §7.3, figure 2, with RFC 5077 §3.1, figure 2.
 *
 * ```
 * ClientHello            -------->
 *                                                ServerHello
 *                                          NewSessionTicket*
 *                                         [ChangeCipherSpec]
 *                        <--------                  Finished
 * [ChangeCipherSpec]
 * Finished               -------->
 * ```
 */
function* abbreviatedHandshake(
  config: ClientConfig,
  io: HandshakeIo,
  exchange: Exchange,
  { state, peer }: OfferedSession,
): Flow<Established12> {
  const { hello, serverHello, answer } = exchange;
  const { suite, extendedMainSecret } = answer;
  const main = new Tls12MainSecret(suite.hash, state.mainSecret.slice());
  io.keep(main);
  const randoms = { client: hello.random, server: serverHello.random };
  const finish = new Finish12(io, "client", suite, answer.encryptThenMac, main, randoms);
  const ticket = yield* receiveTicket(io, serverHello);
  const serverVerifyData = yield* finish.receive();
  finish.send();

  if (ticket !== undefined && ticket.ticket.length > 0) {
    const { ticketLifetimeHint: lifetimeHintSeconds } = ticket;
    keepClientSession(config, io, { ...state, ticket: ticket.ticket, lifetimeHintSeconds });
  }
  return established(config, io, exchange, main, {
    group: null,
    peerSignatureScheme: null,
    peer,
    // Without an extended main secret, another connection may have the same one (RFC 7627 §5.4).
    tlsUnique: extendedMainSecret ? serverVerifyData : null,
  });
}

/** What is left of the server's first flight: CertificateRequest, if it asks for one, and ServerHelloDone. RFC 5246 §7.4.4, §7.4.5. */
function* receiveServerHelloDone(io: HandshakeIo): Flow<Tls12CertificateRequest | undefined> {
  const message = yield* io.receive("tls12_certificate_request", "server_hello_done");
  let request: Tls12CertificateRequest | undefined;
  if (message.name === "tls12_certificate_request") {
    request = message.body;
    io.transcript.retain();
    yield* io.receive("server_hello_done");
  }
  io.expectFlightEnd();
  return request;
}

interface ExchangedKeys {
  readonly group: KeyExchangeGroup;
  readonly main: Tls12MainSecret;
}

/** ClientKeyExchange, and the main secret that it makes. RFC 8422 §5.7, §5.10, RFC 7627 §4. */
function* exchangeKeys(
  { settings }: ClientConfig,
  io: HandshakeIo,
  { hello, serverHello, answer: { suite, extendedMainSecret } }: Exchange,
  params: Uint8Array,
): Flow<ExchangedKeys> {
  const { namedCurve, publicKey } = decode(ServerECDHParams, params, "server_key_exchange");
  const group = settings.groups.find(({ id, inTls12 }) => id === namedCurve && inTls12);
  if (group === undefined || hello.extensions.supportedGroups?.includes(namedCurve) !== true) {
    const name = codepointName(NamedGroup, namedCurve);
    throw new TlsAlert("illegal_parameter", `server chose group ${name}, which was not offered for TLS 1.2`);
  }
  const { keyExchange, sharedSecret } = yield* settle(group.respond(publicKey, io.random), (late) =>
    wipe(late.sharedSecret),
  );
  io.keep({ wipe: () => wipe(sharedSecret) });
  io.send("client_key_exchange", { publicKey: keyExchange });
  const main = extendedMainSecret
    ? Tls12MainSecret.extended(suite.hash, sharedSecret, io.transcript.digest())
    : Tls12MainSecret.classic(suite.hash, sharedSecret, hello.random, serverHello.random);
  io.keep(main);
  wipe(sharedSecret);
  return { group, main };
}

/** A server that has announced a ticket sends one, which may be empty. RFC 5077 §3.3. */
function* receiveTicket(
  io: HandshakeIo,
  { extensions }: Tls12ServerHello,
): Flow<Tls12NewSessionTicket | undefined> {
  if (extensions.sessionTicket === undefined) return undefined;
  const { body } = yield* io.receive("tls12_new_session_ticket");
  return body;
}

interface Outcome {
  readonly group: string | null;
  readonly peerSignatureScheme: string | null;
  readonly peer: PeerIdentity;
  readonly tlsUnique: Uint8Array | null;
}

function established(
  config: ClientConfig,
  io: HandshakeIo,
  { hello, serverHello, answer }: Exchange,
  main: Tls12MainSecret,
  { group, peerSignatureScheme, peer, tlsUnique }: Outcome,
): Established12 {
  const { suite, alpn, extendedMainSecret, resumed } = answer;
  const exporter = main.exporter(hello.random, serverHello.random);
  io.keep(exporter);
  main.wipe();
  return {
    version: "TLSv1.2",
    info: {
      role: "client",
      version: "TLSv1.2",
      cipherSuite: suite.name,
      group,
      alpn,
      serverName: config.sni,
      peerSignatureScheme,
      resumed: resumed !== undefined,
      helloRetried: false,
      extendedMainSecret,
      earlyDataAccepted: false,
      peer,
    },
    exporter,
    bindings: { tlsUnique, serverEndPoint: () => endPointOf(peer) },
  };
}
