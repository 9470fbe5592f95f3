import { TlsAlert } from "../alert.ts";
import { equalBytes, hex16, wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { OwnKeyShare, Tls13CipherSuite } from "../crypto/provider.ts";
import { ExtensionType } from "../messages/codepoints.ts";
import type { CertificateRequest, HelloRetryRequest, ServerHello } from "../messages/handshake13.ts";
import { EarlySecret, type HandshakeSecret } from "../schedule/tls13.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { type AuthenticationRules, receiveProof } from "./authentication.ts";
import { answerCertificateRequest } from "./client-authentication.ts";
import { checkCertificateTypes } from "./certificate-types.ts";
import { certificateMessages, compressionsIn, uncompressed } from "./certificate-compression.ts";
import { type ClientOffer, type RetryRequest, sendSecondClientHello, wipeShares } from "./client-hello.ts";
import { isEarlyDataTaken } from "./early-data.ts";
import type { Authenticated, Established13, Origin } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import { endPointOf } from "./channel-bindings.ts";
import { chainVerifiers, checkSolicited } from "./negotiate.ts";
import { checkPeerRecordSizeLimit } from "./record-size-limit.ts";
import type { OfferedPsk } from "./resume13.ts";
import { nowSeconds } from "./session-access.ts";
import { checkCertificateRequest, checkEncryptedExtensions, checkServerHello } from "./server-hello-rules.ts";

/**
 * The client's side of RFC 8446 §2, figure 1 (and figure 2, when the server asks for a second ClientHello; and figure 3, when it takes a
 * PSK that was offered: then it proves who it is by its Finished, and the messages marked - are left out, those marked + possible).
 *
 * ```
 * ClientHello
 * (Application Data*+)   -------->
 *                                         HelloRetryRequest*
 * ClientHello*           -------->
 *                                                ServerHello
 *                                      {EncryptedExtensions}
 *                                     {CertificateRequest*-}
 *                                             {Certificate-}
 *                                       {CertificateVerify-}
 *                        <--------                {Finished}
 * (EndOfEarlyData+)
 * {Certificate*-}
 * {CertificateVerify*-}
 * {Finished}             -------->
 * ```
 */
export function* clientHandshake13(
  config: ClientConfig,
  io: HandshakeIo,
  first: ClientOffer,
  answer: Received<"server_hello" | "hello_retry_request">,
): Flow<Established13> {
  const { offer, serverHello, suite, helloRetried } = yield* exchangeHellos(config, io, first, answer);
  const psk = chosenPsk(offer, serverHello, suite);
  const { handshake, group } = yield* exchangeKeys(config, io, offer, serverHello, suite, psk);
  const clientRandom = offer.hello.random;
  io.logSecret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.clientTraffic.bytes);
  io.logSecret("SERVER_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.serverTraffic.bytes);
  io.protectReads(suite, handshake.serverTraffic, "handshake");
  // ChangeCipherSpec goes before the first protected record (RFC 8446 §D.4), which may be an alert; with early data it has gone out already.
  if (offer.hello.legacySessionId.length > 0 && first.early === undefined && !helloRetried)
    io.sendChangeCipherSpec();
  // Early data can only be taken with the first PSK; its keys stay until EndOfEarlyData (RFC 8446 §4.5).
  const early = psk !== undefined && psk === offer.psks[0] ? offer.early : undefined;
  if (early === undefined) io.protectWrites(suite, handshake.clientTraffic);

  const encryptedExtensions = yield* io.receive("encrypted_extensions");
  const alpn = checkEncryptedExtensions(encryptedExtensions.body, offer.hello);
  const types = checkCertificateTypes(offer.hello, encryptedExtensions.body.extensions, psk === undefined);
  const earlyDataAccepted = isEarlyDataTaken(encryptedExtensions.body, offer, psk, suite, alpn);
  if (early !== undefined && !earlyDataAccepted) io.protectWrites(suite, handshake.clientTraffic);
  const { recordSizeLimit } = encryptedExtensions.body.extensions;
  if (recordSizeLimit !== undefined) io.limitWrites(checkPeerRecordSizeLimit(recordSizeLimit));
  if (recordSizeLimit !== undefined && config.recordSizeLimit !== undefined)
    io.limitReads(config.recordSizeLimit);

  const { certificateRequest, server, origin } =
    psk === undefined
      ? yield* receiveServerAuthentication(config, io, offer, types.server)
      : authenticationBy(psk);

  const serverVerifyData = handshake.serverTraffic.finished(io.transcript.digest());
  const serverFinished = yield* io.receive("finished");
  if (!equalBytes(serverFinished.body.verifyData, serverVerifyData)) {
    throw new TlsAlert("decrypt_error", "the server's Finished does not match the transcript");
  }
  const main = handshake.main(io.transcript.digest());
  io.keep(main, main.clientTraffic, main.serverTraffic, main.exporter);
  io.logSecret("CLIENT_TRAFFIC_SECRET_0", clientRandom, main.clientTraffic.bytes);
  io.logSecret("SERVER_TRAFFIC_SECRET_0", clientRandom, main.serverTraffic.bytes);
  io.logSecret("EXPORTER_SECRET", clientRandom, main.exporter.bytes);
  io.protectReads(suite, main.serverTraffic, "application");

  if (earlyDataAccepted) {
    io.send("end_of_early_data", {});
    io.protectWrites(suite, handshake.clientTraffic);
  }
  if (certificateRequest !== undefined)
    yield* answerCertificateRequest(config, io, certificateRequest, types.client);
  io.send("finished", { verifyData: handshake.clientTraffic.finished(io.transcript.digest()) });
  io.protectWrites(suite, main.clientTraffic);
  const resumption = main.resumption(io.transcript.digest());
  io.keepOnly(main.clientTraffic, main.serverTraffic, main.exporter, resumption);
  return {
    version: "TLSv1.3",
    info: {
      role: "client",
      version: "TLSv1.3",
      cipherSuite: suite.name,
      group,
      alpn,
      serverName: config.sni,
      peerSignatureScheme: server.verifier?.name ?? null,
      resumed: psk !== undefined && psk.resumes !== null,
      helloRetried,
      extendedMainSecret: true,
      earlyDataAccepted,
      peer: server.peer,
    },
    bindings: { tlsUnique: null, serverEndPoint: () => endPointOf(server.peer) },
    suite,
    readSecret: main.serverTraffic,
    writeSecret: main.clientTraffic,
    exporter: main.exporter,
    resumption,
    clientCertificateType: types.client,
    postHandshakeAuth: offer.hello.extensions.postHandshakeAuth === true,
    sessionSlot: psk?.resumes?.slot ?? 0,
    origin,
  };
}

interface Hellos {
  readonly offer: ClientOffer;
  readonly serverHello: ServerHello;
  readonly suite: Tls13CipherSuite;
  readonly helloRetried: boolean;
}

/** At most one HelloRetryRequest with the second ClientHello that it asks for, and ServerHello. RFC 8446 §4.1. */
function* exchangeHellos(
  config: ClientConfig,
  io: HandshakeIo,
  first: ClientOffer,
  answer: Received<"server_hello" | "hello_retry_request">,
): Flow<Hellos> {
  const suite = checkServerHello(config.settings.tls13Suites, first.hello, answer.body);
  io.startVersion("TLSv1.3");
  io.transcript.start(suite.hash);
  if (answer.name === "server_hello") {
    io.transcript.add(answer.raw);
    return { offer: first, serverHello: answer.body, suite, helloRetried: false };
  }

  io.transcript.replaceByMessageHash();
  io.transcript.add(answer.raw);
  io.expectFlightEnd();
  const request = yield* checkHelloRetryRequest(config, io, first, answer.body);
  if (first.early !== undefined) io.unprotectWrites();
  else if (first.hello.legacySessionId.length > 0) io.sendChangeCipherSpec();
  const offer = sendSecondClientHello(config, io, first, request, suite);
  const second = yield* io.receive("server_hello", "tls12_server_hello");
  if (second.name === "tls12_server_hello") {
    throw new TlsAlert(
      "illegal_parameter",
      "server chose TLS 1.3 in HelloRetryRequest and an older version in ServerHello",
    );
  }
  const secondSuite = checkServerHello(config.settings.tls13Suites, offer.hello, second.body);
  if (secondSuite !== suite) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose ${suite.name} in HelloRetryRequest and ${secondSuite.name} in ServerHello`,
    );
  }
  return { offer, serverHello: second.body, suite, helloRetried: true };
}

/** A longer one might not fit into a ClientHello. */
const MAX_COOKIE_LENGTH = 2 ** 15;

/** What the server asks for must be possible, and must change something. RFC 8446 §4.1.4, §4.2.8. */
function* checkHelloRetryRequest(
  config: ClientConfig,
  io: HandshakeIo,
  { hello, shares }: ClientOffer,
  { extensions }: HelloRetryRequest,
): Flow<RetryRequest> {
  const { cookie, keyShare: groupId } = extensions;
  const solicited = [...(hello.extensions.order ?? []), ExtensionType.cookie];
  checkSolicited("HelloRetryRequest", extensions.order ?? [], extensions.unknown, solicited);
  if (cookie !== undefined && cookie.length > MAX_COOKIE_LENGTH) {
    throw new TlsAlert("illegal_parameter", `HelloRetryRequest holds a cookie of ${cookie.length} bytes`);
  }
  if (groupId === undefined) {
    if (cookie === undefined) throw new TlsAlert("illegal_parameter", "HelloRetryRequest asks for nothing");
    return { share: undefined, cookie };
  }
  const group = config.settings.groups.find(({ id }) => id === groupId);
  if (group === undefined || hello.extensions.supportedGroups?.includes(groupId) !== true) {
    throw new TlsAlert(
      "illegal_parameter",
      `HelloRetryRequest asks for group ${hex16(groupId)}, which was not offered`,
    );
  }
  if (shares.some((share) => share.group === groupId)) {
    throw new TlsAlert(
      "illegal_parameter",
      `HelloRetryRequest asks for ${group.name}, whose share it was sent`,
    );
  }
  const share = yield* settle(group.generate(io.random), (late) => late.wipe());
  io.keep(share);
  return { share, cookie };
}

/**
 * The PSK that the server has taken, if it has. RFC 8446 §4.2.11.
 * @throws {TlsAlert} unsupported_extension for an answer to what was not offered at all; illegal_parameter for a PSK that was not, or that the
 * suite is not for.
 */
function chosenPsk(
  { psks, hello }: ClientOffer,
  { extensions }: ServerHello,
  suite: Tls13CipherSuite,
): OfferedPsk | undefined {
  checkSolicited("ServerHello", extensions.order ?? [], extensions.unknown, hello.extensions.order ?? []);
  const { preSharedKey: index } = extensions;
  if (index === undefined) return undefined;
  const psk = psks[index];
  if (psk === undefined)
    throw new TlsAlert("illegal_parameter", `server chose PSK ${index}, and ${psks.length} were offered`);
  if (psk.hash.name !== suite.hash.name) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose ${suite.name} with PSK ${index}, which is one of ${psk.hash.name}`,
    );
  }
  return psk;
}

/** What there is in place of certificates. */
function authenticationBy({ identity, resumes }: OfferedPsk): ServerAuthentication {
  const peer = resumes === null ? ({ kind: "psk", identity: identity.slice() } as const) : resumes.peer;
  return {
    certificateRequest: undefined,
    server: { peer, verifier: null },
    origin: resumes === null ? null : resumes.state,
  };
}

interface Keys {
  readonly handshake: HandshakeSecret;
  /** Name of the group; null without a key exchange. */
  readonly group: string | null;
}

/** The key exchange that ServerHello ends. RFC 8446 §4.2.8. */
function* exchangeKeys(
  config: ClientConfig,
  io: HandshakeIo,
  offer: ClientOffer,
  { extensions }: ServerHello,
  suite: Tls13CipherSuite,
  psk: OfferedPsk | undefined,
): Flow<Keys> {
  const { keyShare } = extensions;
  const early = psk?.early ?? new EarlySecret(suite.hash);
  if (keyShare === undefined) {
    if (psk === undefined || !config.settings.pskModes.includes("psk_ke"))
      throw new TlsAlert("missing_extension", "ServerHello holds no key_share");
    wipeShares(offer.shares);
    return { handshake: kept(io, early.handshake(undefined, io.transcript.digest())), group: null };
  }
  const own = ownShare(offer.shares, keyShare.group);
  const group = config.settings.groups.find(({ id }) => id === keyShare.group);
  if (own === undefined || group === undefined) {
    throw new TlsAlert(
      "illegal_parameter",
      `server chose group ${hex16(keyShare.group)}, for which it has no share`,
    );
  }
  const sharedSecret = yield* settle(own.sharedSecret(keyShare.keyExchange), wipe);
  const handshake = kept(io, early.handshake(sharedSecret, io.transcript.digest()));
  wipe(sharedSecret);
  wipeShares(offer.shares);
  return { handshake, group: group.name };
}

function kept(io: HandshakeIo, handshake: HandshakeSecret): HandshakeSecret {
  io.keep(handshake, handshake.clientTraffic, handshake.serverTraffic);
  return handshake;
}

function ownShare(shares: readonly OwnKeyShare[], group: number): OwnKeyShare | undefined {
  return shares.find((share) => share.group === group);
}

interface ServerAuthentication {
  readonly certificateRequest: CertificateRequest | undefined;
  readonly server: Authenticated;
  /** For the sessions that this connection will give. */
  readonly origin: Origin | null;
}

/** CertificateRequest, if the server asks for one, then its Certificate and CertificateVerify. RFC 8446 §4.3.2, §4.4. */
function* receiveServerAuthentication(
  config: ClientConfig,
  io: HandshakeIo,
  { hello }: ClientOffer,
  certificateType: CertificateTypeName,
): Flow<ServerAuthentication> {
  const { trust, serverName, settings } = config;
  const compressions = compressionsIn(settings, hello.extensions.compressCertificate);
  let message = yield* io.receive("certificate_request", ...certificateMessages(compressions));
  let certificateRequest: CertificateRequest | undefined;
  if (message.name === "certificate_request") {
    certificateRequest = checkCertificateRequest(message.body);
    message = yield* io.receive(...certificateMessages(compressions));
  }
  const certificate = yield* uncompressed(message, compressions, settings.limits);
  if (certificate.certificateRequestContext.length > 0) {
    throw new TlsAlert("illegal_parameter", "the server's Certificate has a request context");
  }
  if (certificate.certificateList.length === 0) {
    throw new TlsAlert("decode_error", "the server's Certificate holds no certificate");
  }
  const rules: AuthenticationRules = {
    signer: "server",
    certificateType,
    verifiers: settings.signatureVerifiers.filter(
      ({ id }) => hello.extensions.signatureAlgorithms?.includes(id) === true,
    ),
    chainVerifiers: chainVerifiers(settings.signatureVerifiers, hello),
    limits: settings.limits,
    solicited: hello.extensions.order ?? [],
    serverName,
    verify: trust === null ? null : (peer) => trust.verify(peer),
  };
  const { presented, ...server } = yield* receiveProof(io, certificate, rules);
  const { chain: peerChain, ocspResponse, signedCertificateTimestamps } = presented;
  const origin = {
    createdAtSeconds: nowSeconds(io),
    peerCertificateType: certificateType,
    peerChain,
    ocspResponse,
    signedCertificateTimestamps,
  };
  return { certificateRequest, server, origin };
}
