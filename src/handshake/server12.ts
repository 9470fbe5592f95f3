import { concatBytes, wipe } from "../bytes.ts";
import { certificateTypeOf } from "../config/certificate-types.ts";
import type { ServerConfig } from "../config/server.ts";
import type { OwnKeyShare, Tls12CipherSuite } from "../crypto/provider.ts";
import {
  CertificateStatusType,
  ClientCertificateType,
  ECCurveType,
  ECPointFormat,
  ProtocolVersion,
} from "../messages/codepoints.ts";
import { ServerECDHParams, type Tls12ServerHello } from "../messages/handshake12.ts";
import { Tls12MainSecret } from "../schedule/tls12.ts";
import { encode } from "../wire/codec.ts";
import { negotiateAlpn } from "./alpn.ts";
import { receiveClientCertificate, receiveClientProof, sendCertificates } from "./authentication12.ts";
import { endPointOf } from "./channel-bindings.ts";
import { agreeOnClientType, type ClientTypeAgreement, serverTypeAnswer } from "./certificate-types.ts";
import { chooseSetup, type CompleteSetup } from "./choose-setup.ts";
import { checkClientHello12, type OfferedClientHello12 } from "./client-hello-rules12.ts";
import type { Authenticated, Established12, PeerIdentity } from "./established.ts";
import { Finish12 } from "./finish12.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import { alpnBytes } from "./negotiate.ts";
import { type Choice12, choose12 } from "./negotiate12.ts";
import { checkPeerRecordSizeLimit } from "./record-size-limit.ts";
import {
  type AcceptedSession,
  findOfferedSession,
  keepServerSession,
  type NewServerSession,
  sealTicket,
} from "./resume12.ts";
import { peerFields } from "./session-access.ts";
import { markDowngrade } from "./version.ts";

/** The server's side of TLS 1.2, from the ClientHello on: {@link fullHandshake}, or {@link abbreviatedHandshake} when a session is resumed. */
export function* serverHandshake12(
  config: ServerConfig,
  io: HandshakeIo,
  { body, raw }: Received<"client_hello">,
): Flow<Established12> {
  const hello = checkClientHello12(config.settings, body);
  const setup = yield* chooseSetup(config, hello, raw);
  const session = yield* findOfferedSession(config, io, setup, hello);
  const exchange: Exchange = {
    hello,
    alpn: negotiateAlpn(config, setup.alpn, hello),
    recordSizeLimit: agreeRecordSizeLimit(config, io, hello),
    random: serverRandom(config, io),
  };
  return session === undefined
    ? yield* fullHandshake(config, io, exchange, setup)
    : yield* abbreviatedHandshake(io, exchange, session);
}

/** The ClientHello, and what is settled about the answer whether a session is resumed or not. */
interface Exchange {
  readonly hello: OfferedClientHello12;
  readonly alpn: string | null;
  /** What we announce; undefined when the client did not. */
  readonly recordSizeLimit: number | undefined;
  /** Of the server. */
  readonly random: Uint8Array;
}

/** The plaintext of a record of TLS 1.2 at its longest. RFC 5246 §6.2.1. */
const MAX_RECORD_SIZE_LIMIT_12 = 2 ** 14;

/** RFC 8449 §4 */
function agreeRecordSizeLimit(
  { recordSizeLimit: own }: ServerConfig,
  io: HandshakeIo,
  { body }: OfferedClientHello12,
): number | undefined {
  const { recordSizeLimit } = body.extensions;
  if (recordSizeLimit === undefined) return undefined;
  io.limitWrites(checkPeerRecordSizeLimit(recordSizeLimit));
  if (own === undefined) return undefined;
  const limit = Math.min(own, MAX_RECORD_SIZE_LIMIT_12);
  io.limitReads(limit);
  return limit;
}

/** A server that speaks TLS 1.3 too marks its random, so that a client which does as well sees that somebody is in between. */
function serverRandom({ settings }: ServerConfig, io: HandshakeIo): Uint8Array {
  const random = io.random(32);
  return settings.versions.includes("TLSv1.3") ? markDowngrade(random) : random;
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
function* fullHandshake(
  config: ServerConfig,
  io: HandshakeIo,
  exchange: Exchange,
  setup: CompleteSetup,
): Flow<Established12> {
  const { hello, random } = exchange;
  const { extensions } = hello.body;
  const choice = choose12(config.settings, setup.credentials, hello);
  const { suite, credential } = choice;
  const clientType = agreeOnClientType(setup.clientAuth, extensions, { now: true, later: false });
  const issues = howToIssue(config, hello);
  const sessionId = issues === "id" ? io.random(32) : new Uint8Array();
  const staple =
    extensions.statusRequest?.statusType === CertificateStatusType.ocsp ? credential.ocspResponse : undefined;
  const encryptThenMac = sendServerHello(io, exchange, suite, sessionId, {
    ...(hello.serverName !== null && { serverName: true as const }),
    ...(staple !== undefined && { statusRequest: true as const }),
    ...(extensions.ecPointFormats !== undefined && {
      ecPointFormats: Uint8Array.of(ECPointFormat.uncompressed),
    }),
    ...(extensions.signedCertificateTimestamp === true &&
      credential.signedCertificateTimestamps !== undefined && {
        signedCertificateTimestamp: credential.signedCertificateTimestamps,
      }),
    ...(issues === "ticket" && { sessionTicket: true as const }),
    ...clientType.answer,
    ...serverTypeAnswer(extensions, credential),
  });
  sendCertificates(io, certificateTypeOf(credential), credential.certificateChain);
  if (staple !== undefined)
    io.send("certificate_status", { statusType: CertificateStatusType.ocsp, response: staple });
  const share = yield* sendServerKeyExchange(io, exchange, choice);
  const { clientAuth } = clientType;
  if (clientAuth.mode !== "none") sendCertificateRequest(config, io, clientAuth.authorities);
  io.send("server_hello_done", {});

  const { client, main } = yield* receiveClientFlight(config, io, exchange, clientType, suite, share);
  const randoms = { client: hello.body.random, server: random };
  const finish = new Finish12(io, "server", suite, encryptThenMac, main, randoms);
  const tlsUnique = yield* finish.receive();

  if (issues !== "none") {
    const session: NewServerSession = {
      cipherSuite: suite.id,
      mainSecret: main.bytes,
      extendedMainSecret: hello.extendedMainSecret,
      serverName: hello.serverName,
      ...peerFields(client.peer),
      ocspResponse: null,
      signedCertificateTimestamps: [],
      endPointBinding: endPointOf(credential) ?? new Uint8Array(),
    };
    if (issues === "ticket") io.send("tls12_new_session_ticket", sealTicket(config, io, session));
    else keepServerSession(config, io, sessionId, session);
  }
  finish.send();
  return established(io, exchange, main, {
    suite,
    group: choice.group.name,
    peerSignatureScheme: client.verifier?.name ?? null,
    resumed: false,
    peer: client.peer,
    bindings: { tlsUnique, serverEndPoint: () => endPointOf(credential) },
  });
}

/**
 * RFC 5246 §7.3, figure 2. The client's ticket stays good, so that it gets no other one.
 *
 * ```
 * ClientHello            -------->
 *                                                ServerHello
 *                                         [ChangeCipherSpec]
 *                        <--------                  Finished
 * [ChangeCipherSpec]
 * Finished               -------->
 * ```
 */
function* abbreviatedHandshake(
  io: HandshakeIo,
  exchange: Exchange,
  { state, suite, peer }: AcceptedSession,
): Flow<Established12> {
  const { hello, random } = exchange;
  // The echo of its session id tells the client that the session is resumed (RFC 5077 §3.4).
  const encryptThenMac = sendServerHello(io, exchange, suite, hello.body.legacySessionId, {});
  const main = new Tls12MainSecret(suite.hash, state.mainSecret.slice());
  io.keep(main);
  const randoms = { client: hello.body.random, server: random };
  const finish = new Finish12(io, "server", suite, encryptThenMac, main, randoms);
  const ownVerifyData = finish.send();
  yield* finish.receive();
  const { endPointBinding } = state;
  return established(io, exchange, main, {
    suite,
    group: null,
    peerSignatureScheme: null,
    resumed: true,
    peer,
    bindings: {
      // Without an extended main secret, another connection may have the same one (RFC 7627 §5.4).
      tlsUnique: state.extendedMainSecret ? ownVerifyData : null,
      serverEndPoint: () => (endPointBinding.length > 0 ? endPointBinding.slice() : null),
    },
  });
}

/** How the client can resume the session later: it has a say, and the config. RFC 5077 §3.2. */
function howToIssue(
  { ticketKeys, settings }: ServerConfig,
  { body }: OfferedClientHello12,
): "ticket" | "id" | "none" {
  if (body.extensions.sessionTicket !== undefined && ticketKeys !== null) return "ticket";
  return settings.sessionStore === null ? "none" : "id";
}

/** @returns whether CBC records are encrypted first. RFC 5246 §7.4.1.3, RFC 5746 §3.6, RFC 7627 §5.2, RFC 7366 §3. */
function sendServerHello(
  io: HandshakeIo,
  { hello, alpn, recordSizeLimit, random }: Exchange,
  suite: Tls12CipherSuite,
  sessionId: Uint8Array,
  extensions: Tls12ServerHello["extensions"],
): boolean {
  const encryptThenMac = hello.body.extensions.encryptThenMac === true && suite.protection.kind === "cbc";
  io.transcript.start(suite.hash);
  io.send("tls12_server_hello", {
    serverVersion: ProtocolVersion["TLSv1.2"],
    random,
    sessionId,
    cipherSuite: suite.id,
    compressionMethod: 0,
    extensions: {
      ...extensions,
      ...(hello.extendedMainSecret && { extendedMainSecret: true as const }),
      ...(hello.secureRenegotiation && { renegotiationInfo: new Uint8Array() }),
      ...(encryptThenMac && { encryptThenMac: true as const }),
      ...(alpn !== null && { applicationLayerProtocolNegotiation: [alpnBytes(alpn)] }),
      ...(recordSizeLimit !== undefined && { recordSizeLimit }),
    },
  });
  return encryptThenMac;
}

/** The server's half of the key exchange, signed together with both randoms. RFC 8422 §5.4. */
function* sendServerKeyExchange(
  io: HandshakeIo,
  { hello, random }: Exchange,
  { group, credential, scheme }: Choice12,
): Flow<OwnKeyShare> {
  const share = yield* settle(group.generate(io.random), (late) => late.wipe());
  io.keep(share);
  const params = encode(ServerECDHParams, {
    curveType: ECCurveType.named_curve,
    namedCurve: group.id,
    publicKey: share.keyExchange,
  });
  const content = concatBytes(hello.body.random, random, params);
  const signature = yield* settle(credential.key.sign(scheme, content, io.random));
  io.send("server_key_exchange", { params, algorithm: scheme, signature });
  return share;
}

/** RFC 5246 §7.4.4 */
function sendCertificateRequest(
  { settings }: ServerConfig,
  io: HandshakeIo,
  certificateAuthorities: readonly Uint8Array[] = [],
): void {
  io.transcript.retain();
  io.send("tls12_certificate_request", {
    certificateTypes: Uint8Array.of(ClientCertificateType.ecdsa_sign, ClientCertificateType.rsa_sign),
    supportedSignatureAlgorithms: settings.signatureVerifiers.map(({ id }) => id),
    certificateAuthorities,
  });
}

interface ClientFlight {
  readonly client: Authenticated;
  readonly main: Tls12MainSecret;
}

/** The client's Certificate if it was asked, ClientKeyExchange, and CertificateVerify for a certificate. RFC 5246 §7.4.6 to §7.4.8. */
function* receiveClientFlight(
  config: ServerConfig,
  io: HandshakeIo,
  { hello, random }: Exchange,
  clientType: ClientTypeAgreement,
  { hash }: Tls12CipherSuite,
  share: OwnKeyShare,
): Flow<ClientFlight> {
  const certificates =
    clientType.clientAuth.mode === "none" ? null : yield* receiveClientCertificate(config, io, clientType);
  const { body } = yield* io.receive("client_key_exchange");
  const sharedSecret = yield* settle(share.sharedSecret(body.publicKey), wipe);
  io.keep({ wipe: () => wipe(sharedSecret) });
  share.wipe();
  const main = hello.extendedMainSecret
    ? Tls12MainSecret.extended(hash, sharedSecret, io.transcript.digest())
    : Tls12MainSecret.classic(hash, sharedSecret, hello.body.random, random);
  io.keep(main);
  wipe(sharedSecret);
  const client: Authenticated =
    certificates === null
      ? { peer: { kind: "none" }, verifier: null }
      : yield* receiveClientProof(config, io, clientType.clientAuth, certificates);
  io.transcript.release();
  return { client, main };
}

interface Outcome {
  readonly suite: Tls12CipherSuite;
  readonly group: string | null;
  readonly peerSignatureScheme: string | null;
  readonly resumed: boolean;
  readonly peer: PeerIdentity;
  readonly bindings: Established12["bindings"];
}

function established(
  io: HandshakeIo,
  { hello, alpn, random }: Exchange,
  main: Tls12MainSecret,
  { suite, group, peerSignatureScheme, resumed, peer, bindings }: Outcome,
): Established12 {
  const exporter = main.exporter(hello.body.random, random);
  io.keep(exporter);
  main.wipe();
  return {
    version: "TLSv1.2",
    info: {
      role: "server",
      version: "TLSv1.2",
      cipherSuite: suite.name,
      group,
      alpn,
      serverName: hello.serverName,
      peerSignatureScheme,
      resumed,
      helloRetried: false,
      extendedMainSecret: hello.extendedMainSecret,
      earlyDataAccepted: false,
      peer,
    },
    exporter,
    bindings,
  };
}
