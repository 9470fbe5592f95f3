import { TlsAlert } from "../alert.ts";
import { equalBytes, wipe } from "../bytes.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { KeyExchangeGroup, Tls13CipherSuite } from "../crypto/provider.ts";
import { CertificateStatusType, ProtocolVersion } from "../messages/codepoints.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../messages/handshake13.ts";
import { EarlySecret, type HandshakeSecret } from "../schedule/tls13.ts";
import { negotiateAlpn } from "./alpn.ts";
import {
  type AuthenticationRules,
  receiveProof,
  type RequestedStatus,
  sendAuthentication,
} from "./authentication.ts";
import {
  certificateMessages,
  compressionOffer,
  compressionsIn,
  uncompressed,
} from "./certificate-compression.ts";
import { endPointOf } from "./channel-bindings.ts";
import { chooseSetup, type CompleteSetup } from "./choose-setup.ts";
import { checkClientHello, checkSecondClientHello, type OfferedClientHello } from "./client-hello-rules.ts";
import type { Authenticated, Established13 } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import { alpnBytes, chooseCipherSuite, chooseCredential, chooseGroup, noCredential } from "./negotiate.ts";
import { checkPeerRecordSizeLimit } from "./record-size-limit.ts";

/**
 * The server's side of RFC 8446 §2, figure 1 (and figure 2, when no key share is of use).
 *
 * ```
 * ClientHello            -------->
 *                                         HelloRetryRequest*
 * ClientHello*           -------->
 *                                                ServerHello
 *                                      {EncryptedExtensions}
 *                                      {CertificateRequest*}
 *                                              {Certificate}
 *                                        {CertificateVerify}
 *                        <--------                {Finished}
 * {Certificate*}
 * {CertificateVerify*}
 * {Finished}             -------->
 * ```
 */
export function* serverHandshake13(
  config: ServerConfig,
  io: HandshakeIo,
  first: Received<"client_hello">,
): Flow<Established13> {
  const { hello, setup, suite, group, share, helloRetried } = yield* exchangeHellos(config, io, first);
  const { extensions } = hello.body;
  const choice = chooseCredential(setup.credentials, extensions.signatureAlgorithms, {
    serverName: hello.serverName,
    certificateSchemes: extensions.signatureAlgorithmsCert ?? extensions.signatureAlgorithms,
    authorities: extensions.certificateAuthorities ?? [],
  });
  if (choice === undefined) throw noCredential(setup.credentials, extensions.signatureAlgorithms);
  const alpn = negotiateAlpn(config, setup.alpn, hello);

  // Every protected record is subject to the limit, that of EncryptedExtensions too (RFC 8449 §4).
  const { recordSizeLimit } = extensions;
  if (recordSizeLimit !== undefined) io.limitWrites(checkPeerRecordSizeLimit(recordSizeLimit));
  const ownLimit = recordSizeLimit === undefined ? undefined : config.recordSizeLimit;
  if (ownLimit !== undefined) io.limitReads(ownLimit);

  const { handshake } = yield* exchangeKeys(io, hello, suite, group, share, helloRetried);
  const clientRandom = hello.body.random;
  io.logSecret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.clientTraffic.bytes);
  io.logSecret("SERVER_HANDSHAKE_TRAFFIC_SECRET", clientRandom, handshake.serverTraffic.bytes);
  io.protectWrites(suite, handshake.serverTraffic);
  io.protectReads(suite, handshake.clientTraffic, "handshake");

  io.send("encrypted_extensions", {
    extensions: {
      ...(hello.serverName !== null && { serverName: true as const }),
      ...(alpn !== null && { applicationLayerProtocolNegotiation: [alpnBytes(alpn)] }),
      ...(ownLimit !== undefined && { recordSizeLimit: ownLimit }),
    },
  });
  if (setup.clientAuth.mode !== "none") sendCertificateRequest(config, setup.clientAuth, io);
  const requested: RequestedStatus = {
    ocspResponse: extensions.statusRequest?.statusType === CertificateStatusType.ocsp,
    signedCertificateTimestamps: extensions.signedCertificateTimestamp === true,
  };
  const [compression] = compressionsIn(config.settings, extensions.compressCertificate);
  yield* sendAuthentication(io, "server", choice, new Uint8Array(), requested, compression);
  io.send("finished", { verifyData: handshake.serverTraffic.finished(io.transcript.digest()) });
  const main = handshake.main(io.transcript.digest());
  io.keep(main, main.clientTraffic, main.serverTraffic, main.exporter);
  io.logSecret("CLIENT_TRAFFIC_SECRET_0", clientRandom, main.clientTraffic.bytes);
  io.logSecret("SERVER_TRAFFIC_SECRET_0", clientRandom, main.serverTraffic.bytes);
  io.logSecret("EXPORTER_SECRET", clientRandom, main.exporter.bytes);
  io.protectWrites(suite, main.serverTraffic);

  const client = yield* receiveClientAuthentication(config, setup.clientAuth, io);
  const clientVerifyData = handshake.clientTraffic.finished(io.transcript.digest());
  const clientFinished = yield* io.receive("finished");
  if (!equalBytes(clientFinished.body.verifyData, clientVerifyData)) {
    throw new TlsAlert("decrypt_error", "the client's Finished does not match the transcript");
  }
  io.protectReads(suite, main.clientTraffic, "application");
  const resumption = main.resumption(io.transcript.digest());
  io.keep(resumption);

  handshake.clientTraffic.wipe();
  handshake.serverTraffic.wipe();
  const [ownCertificate] = choice.credential.certificateChain;
  return {
    version: "TLSv1.3",
    info: {
      role: "server",
      version: "TLSv1.3",
      cipherSuite: suite.name,
      group: group.name,
      alpn,
      serverName: hello.serverName,
      peerSignatureScheme: client.verifier?.name ?? null,
      resumed: false,
      helloRetried,
      extendedMainSecret: true,
      peer: client.peer,
    },
    bindings: { tlsUnique: null, serverEndPoint: () => endPointOf(ownCertificate) },
    suite,
    readSecret: main.clientTraffic,
    writeSecret: main.serverTraffic,
    exporter: main.exporter,
    resumption,
  };
}

interface Hellos {
  /** The ClientHello that ServerHello answers. */
  readonly hello: OfferedClientHello;
  readonly setup: CompleteSetup;
  readonly suite: Tls13CipherSuite;
  readonly group: KeyExchangeGroup;
  /** The client's share for the group. */
  readonly share: Uint8Array;
  readonly helloRetried: boolean;
}

/** Everything that the first ClientHello decides, and a second one when the first has no share that is of use. RFC 8446 §4.1. */
function* exchangeHellos(
  config: ServerConfig,
  io: HandshakeIo,
  first: Received<"client_hello">,
): Flow<Hellos> {
  const { settings } = config;
  io.allowChangeCipherSpec();
  const hello = checkClientHello(first.body);
  if (first.body.extensions.earlyData !== undefined) {
    io.skipEarlyData(settings.limits.skippedEarlyDataBytes);
  }
  const setup = yield* chooseSetup(config, hello, first.raw);
  const suite = chooseCipherSuite(settings.tls13Suites, hello.body.cipherSuites);
  const { supportedGroups, keyShare } = hello.body.extensions;
  const { group, share } = chooseGroup(settings.groups, supportedGroups, keyShare);
  io.transcript.start(suite.hash);
  if (share !== undefined) {
    return { hello, setup, suite, group, share: share.keyExchange, helloRetried: false };
  }

  io.transcript.replaceByMessageHash();
  const cookie = config.helloRetryCookie ? io.random(32) : undefined;
  sendHelloRetryRequest(io, hello.body, suite, group, cookie);
  const second = yield* io.receive("client_hello");
  io.expectFlightEnd();
  io.skipEarlyData(undefined);
  const retried = checkSecondClientHello(first.body, second.body, group.id, cookie);
  return { ...retried, setup, suite, group, helloRetried: true };
}

/** RFC 8446 §4.1.4 */
function sendHelloRetryRequest(
  io: HandshakeIo,
  hello: ClientHello,
  suite: Tls13CipherSuite,
  group: KeyExchangeGroup,
  cookie: Uint8Array | undefined,
): void {
  io.send("hello_retry_request", {
    legacyVersion: ProtocolVersion["TLSv1.2"],
    random: HELLO_RETRY_REQUEST_RANDOM.slice(),
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.id,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: ProtocolVersion["TLSv1.3"],
      keyShare: group.id,
      ...(cookie !== undefined && { cookie }),
    },
  });
  if (hello.legacySessionId.length > 0) io.sendChangeCipherSpec();
}

/** ServerHello, and the secrets that it makes. RFC 8446 §4.1.3, §4.2.8. */
function* exchangeKeys(
  io: HandshakeIo,
  { body }: OfferedClientHello,
  suite: Tls13CipherSuite,
  group: KeyExchangeGroup,
  share: Uint8Array,
  helloRetried: boolean,
): Flow<{ readonly handshake: HandshakeSecret }> {
  const random = io.random(32);
  const { keyExchange, sharedSecret } = yield* settle(group.respond(share, io.random), (late) =>
    wipe(late.sharedSecret),
  );
  io.keep({ wipe: () => wipe(sharedSecret) });
  io.send("server_hello", {
    legacyVersion: ProtocolVersion["TLSv1.2"],
    random,
    legacySessionIdEcho: body.legacySessionId,
    cipherSuite: suite.id,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: ProtocolVersion["TLSv1.3"],
      keyShare: { group: group.id, keyExchange },
    },
  });
  // Behind HelloRetryRequest it has gone out already (RFC 8446 §D.4).
  if (body.legacySessionId.length > 0 && !helloRetried) io.sendChangeCipherSpec();
  const handshake = new EarlySecret(suite.hash).handshake(sharedSecret, io.transcript.digest());
  io.keep(handshake, handshake.clientTraffic, handshake.serverTraffic);
  wipe(sharedSecret);
  return { handshake };
}

type RequestingClientAuth = Exclude<ClientAuth, { readonly mode: "none" }>;

/** RFC 8446 §4.3.2 */
function sendCertificateRequest(
  config: ServerConfig,
  { authorities = [] }: RequestingClientAuth,
  io: HandshakeIo,
): void {
  io.send("certificate_request", {
    certificateRequestContext: new Uint8Array(),
    extensions: {
      signatureAlgorithms: config.settings.signatureVerifiers.map(({ id }) => id),
      ...(authorities.length > 0 && { certificateAuthorities: authorities }),
      ...compressionOffer(config.settings),
    },
  });
}

/** The client's Certificate and CertificateVerify, if it was asked and has one. RFC 8446 §4.4.2.4. */
function* receiveClientAuthentication(
  config: ServerConfig,
  clientAuth: ClientAuth,
  io: HandshakeIo,
): Flow<Authenticated> {
  if (clientAuth.mode === "none") return { peer: { kind: "none" }, verifier: null };
  const { certificateCompression: compressions, limits, signatureVerifiers: verifiers } = config.settings;
  const message = yield* io.receive(...certificateMessages(compressions));
  const body = yield* uncompressed(message, compressions, limits);
  if (body.certificateRequestContext.length > 0) {
    throw new TlsAlert("illegal_parameter", "the client's Certificate has another context than the request");
  }
  if (body.certificateList.length === 0) {
    if (clientAuth.mode === "require")
      throw new TlsAlert("certificate_required", "the client sent no certificate");
    return { peer: { kind: "none" }, verifier: null };
  }
  const trust = "trust" in clientAuth ? clientAuth.trust : null;
  const rules: AuthenticationRules = {
    signer: "client",
    verifiers,
    limits,
    solicited: [],
    serverName: null,
    verify: trust === null ? null : (peer) => trust.verify(peer),
  };
  return yield* receiveProof(io, body, rules);
}
