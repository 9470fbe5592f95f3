import { TlsAlert } from "../alert.ts";
import { equalBytes, wipe } from "../bytes.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import { CertificateStatusType, ProtocolVersion } from "../messages/codepoints.ts";
import { EarlySecret, type HandshakeSecret } from "../schedule/tls13.ts";
import { negotiateAlpn } from "./alpn.ts";
import { type RequestedStatus, sendAuthentication } from "./authentication.ts";
import {
  agreeOnClientType,
  type ClientTypeAgreement,
  credentialsByType,
  serverTypeAnswer,
} from "./certificate-types.ts";
import { certificateMessages, compressionsIn, uncompressed } from "./certificate-compression.ts";
import { certificateRequestExtensions, checkClientCertificate } from "./client-authentication.ts";
import { endPointOf } from "./channel-bindings.ts";
import type { CompleteSetup } from "./choose-setup.ts";
import type { OfferedClientHello } from "./client-hello-rules.ts";
import { admitEarlyData } from "./early-data.ts";
import type { Authenticated, Established13 } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import { alpnBytes, chooseCredential, type CredentialChoice, noCredential } from "./negotiate.ts";
import { checkPeerRecordSizeLimit } from "./record-size-limit.ts";
import type { ChosenPsk } from "./resume13.ts";
import { choosePskMode, exchangeHellos, type KeyExchange } from "./server-hellos13.ts";
import { nowSeconds, peerFields } from "./session-access.ts";
import { sendTickets } from "./tickets13.ts";

/**
 * The server's side of RFC 8446 §2, figure 1 (and figure 2, when no key share is of use; and figure 3, when it takes a PSK: then the messages
 * marked - are left out, those marked + possible).
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
 *                        <--------      [NewSessionTicket*]
 * ```
 */
export function* serverHandshake13(
  config: ServerConfig,
  io: HandshakeIo,
  first: Received<"client_hello">,
): Flow<Established13> {
  const { hello, setup, suite, exchange, psk, helloRetried } = yield* exchangeHellos(config, io, first);
  const { extensions } = hello.body;
  const choice = psk === undefined ? credentialFor(setup, hello) : undefined;
  const clientType = agreeOnClientType(setup.clientAuth, extensions, {
    now: psk === undefined,
    later: extensions.postHandshakeAuth === true,
  });
  const alpn = negotiateAlpn(config, setup.alpn, hello);

  // Every protected record is subject to the limit, that of EncryptedExtensions too (RFC 8449 §4).
  const { recordSizeLimit } = extensions;
  if (recordSizeLimit !== undefined) io.limitWrites(checkPeerRecordSizeLimit(recordSizeLimit));
  const ownLimit = recordSizeLimit === undefined ? undefined : config.recordSizeLimit;

  const early = helloRetried ? undefined : yield* admitEarlyData(config, io, hello, suite, psk, alpn);
  if (early === undefined && ownLimit !== undefined) io.limitReads(ownLimit);
  const { handshake } = yield* exchangeKeys(io, hello, suite, exchange, psk, helloRetried);
  const clientRandom = hello.body.random;
  io.logSecret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.clientTraffic.bytes);
  io.logSecret("SERVER_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.serverTraffic.bytes);
  io.protectWrites(suite, handshake.serverTraffic);
  if (early === undefined) {
    io.protectReads(suite, handshake.clientTraffic, "handshake");
  } else {
    io.skipEarlyData(undefined);
    io.protectReads(suite, early.traffic, "early");
    io.acceptEarlyData(early.maxBytes);
  }

  io.send("encrypted_extensions", {
    extensions: {
      ...(hello.serverName !== null && { serverName: true as const }),
      ...(alpn !== null && { applicationLayerProtocolNegotiation: [alpnBytes(alpn)] }),
      ...clientType.answer,
      ...(choice !== undefined && serverTypeAnswer(extensions, choice.credential)),
      ...(ownLimit !== undefined && { recordSizeLimit: ownLimit }),
      ...(early !== undefined && { earlyData: true as const }),
    },
  });
  if (choice !== undefined) {
    const { clientAuth } = clientType;
    if (clientAuth.mode !== "none") sendCertificateRequest(config, clientAuth, io);
    const requested: RequestedStatus = {
      ocspResponse: extensions.statusRequest?.statusType === CertificateStatusType.ocsp,
      signedCertificateTimestamps: extensions.signedCertificateTimestamp === true,
    };
    const [compression] = compressionsIn(config.settings, extensions.compressCertificate);
    yield* sendAuthentication(io, "server", choice, new Uint8Array(), requested, compression);
  }
  io.send("finished", { verifyData: handshake.serverTraffic.finished(io.transcript.digest()) });
  const main = handshake.main(io.transcript.digest());
  io.keep(main, main.clientTraffic, main.serverTraffic, main.exporter);
  io.logSecret("CLIENT_TRAFFIC_SECRET_0", clientRandom, main.clientTraffic.bytes);
  io.logSecret("SERVER_TRAFFIC_SECRET_0", clientRandom, main.serverTraffic.bytes);
  io.logSecret("EXPORTER_SECRET", clientRandom, main.exporter.bytes);
  io.protectWrites(suite, main.serverTraffic);

  if (early !== undefined) {
    yield* io.receive("end_of_early_data");
    io.acceptEarlyData(undefined);
    // The client learns of the limit behind its early data.
    if (ownLimit !== undefined) io.limitReads(ownLimit);
    io.protectReads(suite, handshake.clientTraffic, "handshake");
  }
  const client =
    psk === undefined ? yield* receiveClientAuthentication(config, clientType, io) : authenticationBy(psk);
  const clientVerifyData = handshake.clientTraffic.finished(io.transcript.digest());
  const clientFinished = yield* io.receive("finished");
  if (!equalBytes(clientFinished.body.verifyData, clientVerifyData)) {
    throw new TlsAlert("decrypt_error", "the client's Finished does not match the transcript");
  }
  io.protectReads(suite, main.clientTraffic, "application");
  const resumption = main.resumption(io.transcript.digest());
  io.keepOnly(main.clientTraffic, main.serverTraffic, main.exporter, resumption);
  const endPoint = endPointBinding(choice, psk);
  if (psk?.resumes !== null && mayResume(config, hello)) {
    sendTickets(
      config,
      io,
      psk === undefined ? config.ticketCount : Math.min(config.ticketCount, 1),
      suite,
      resumption,
      {
        serverName: hello.serverName,
        alpn: alpn === null ? new Uint8Array() : alpnBytes(alpn),
        ...peerFields(client.peer),
        createdAtSeconds: psk?.resumes.state.createdAtSeconds ?? nowSeconds(io),
        endPointBinding: endPoint ?? new Uint8Array(),
      },
    );
  }
  return {
    version: "TLSv1.3",
    info: {
      role: "server",
      version: "TLSv1.3",
      cipherSuite: suite.name,
      group: exchange?.group.name ?? null,
      alpn,
      serverName: hello.serverName,
      peerSignatureScheme: client.verifier?.name ?? null,
      resumed: psk !== undefined && psk.resumes !== null,
      helloRetried,
      extendedMainSecret: true,
      earlyDataAccepted: early !== undefined,
      peer: client.peer,
    },
    bindings: { tlsUnique: null, serverEndPoint: () => endPoint?.slice() ?? null },
    suite,
    readSecret: main.clientTraffic,
    writeSecret: main.serverTraffic,
    exporter: main.exporter,
    resumption,
    clientCertificateType: clientType.type,
    postHandshakeAuth: extensions.postHandshakeAuth === true,
    sessionSlot: 0,
    origin: null,
  };
}

/** @throws {TlsAlert} handshake_failure when there is none that the client can take. */
function credentialFor(
  { credentials }: CompleteSetup,
  { body, serverName }: OfferedClientHello,
): CredentialChoice {
  const { signatureAlgorithms, signatureAlgorithmsCert, certificateAuthorities } = body.extensions;
  for (const ofOneType of credentialsByType(credentials, body.extensions)) {
    const choice = chooseCredential(ofOneType, signatureAlgorithms, {
      serverName,
      certificateSchemes: signatureAlgorithmsCert ?? signatureAlgorithms,
      authorities: certificateAuthorities ?? [],
    });
    if (choice !== undefined) return choice;
  }
  throw noCredential(credentials, signatureAlgorithms);
}

/** What there is in place of the client's certificates. */
function authenticationBy({ identity, resumes }: ChosenPsk): Authenticated {
  const peer = resumes === null ? ({ kind: "psk", identity: identity.slice() } as const) : resumes.peer;
  return { peer, verifier: null };
}

/** `tls-server-end-point`: of the certificate, or of the one in the handshake that is resumed. */
function endPointBinding(
  choice: CredentialChoice | undefined,
  psk: ChosenPsk | undefined,
): Uint8Array | null {
  if (choice !== undefined) return endPointOf(choice.credential);
  const kept = psk?.resumes?.state.endPointBinding;
  return kept === undefined || kept.length === 0 ? null : kept;
}

/** A ticket is of use only to a client that lets its PSK be used in a way that we have. RFC 8446 §4.2.9. */
function mayResume({ settings }: ServerConfig, hello: OfferedClientHello): boolean {
  return choosePskMode(settings.pskModes, hello) !== undefined;
}

/** ServerHello, and the secrets that it makes. RFC 8446 §4.1.3, §4.2.8. */
function* exchangeKeys(
  io: HandshakeIo,
  { body }: OfferedClientHello,
  suite: Tls13CipherSuite,
  exchange: KeyExchange | undefined,
  psk: ChosenPsk | undefined,
  helloRetried: boolean,
): Flow<{ readonly handshake: HandshakeSecret }> {
  const random = io.random(32);
  const own =
    exchange === undefined
      ? undefined
      : yield* settle(exchange.group.respond(exchange.share, io.random), (late) => wipe(late.sharedSecret));
  if (own !== undefined) io.keep({ wipe: () => wipe(own.sharedSecret) });
  io.send("server_hello", {
    legacyVersion: ProtocolVersion["TLSv1.2"],
    random,
    legacySessionIdEcho: body.legacySessionId,
    cipherSuite: suite.id,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: ProtocolVersion["TLSv1.3"],
      ...(exchange !== undefined &&
        own !== undefined && { keyShare: { group: exchange.group.id, keyExchange: own.keyExchange } }),
      ...(psk !== undefined && { preSharedKey: psk.index }),
    },
  });
  // Behind HelloRetryRequest it has gone out already (RFC 8446 §D.4).
  if (body.legacySessionId.length > 0 && !helloRetried) io.sendChangeCipherSpec();
  const early = psk?.early ?? new EarlySecret(suite.hash);
  const handshake = early.handshake(own?.sharedSecret, io.transcript.digest());
  io.keep(handshake, handshake.clientTraffic, handshake.serverTraffic);
  if (own !== undefined) wipe(own.sharedSecret);
  return { handshake };
}

type RequestingClientAuth = Exclude<ClientAuth, { readonly mode: "none" }>;

/** RFC 8446 §4.3.2 */
function sendCertificateRequest(
  config: ServerConfig,
  clientAuth: RequestingClientAuth,
  io: HandshakeIo,
): void {
  io.send("certificate_request", {
    certificateRequestContext: new Uint8Array(),
    extensions: certificateRequestExtensions(config, clientAuth),
  });
}

/** The client's Certificate and CertificateVerify, if it was asked and has one. RFC 8446 §4.4.2.4. */
function* receiveClientAuthentication(
  config: ServerConfig,
  { clientAuth, type }: ClientTypeAgreement,
  io: HandshakeIo,
): Flow<Authenticated> {
  if (clientAuth.mode === "none") return { peer: { kind: "none" }, verifier: null };
  const { certificateCompression: compressions, limits } = config.settings;
  const message = yield* io.receive(...certificateMessages(compressions));
  const body = yield* uncompressed(message, compressions, limits);
  if (body.certificateRequestContext.length > 0) {
    throw new TlsAlert("illegal_parameter", "the client's Certificate has another context than the request");
  }
  return yield* checkClientCertificate(config, clientAuth, io, body, type);
}
