import { TlsAlert } from "../alert.ts";
import { concatBytes } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { Limits } from "../config/limits.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { SignatureVerifier, Tls12CipherSuite } from "../crypto/provider.ts";
import { CertificateStatusType } from "../messages/codepoints.ts";
import type { CertificateStatus } from "../messages/extensions.ts";
import type {
  ServerKeyExchange,
  Tls12CertificateRequest,
  Tls12ServerHello,
} from "../messages/handshake12.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import type { CertificateTypeName, Leaf } from "../x509/raw-public-key.ts";
import {
  askPolicy,
  boundedChain,
  checkKeyUsage,
  clientCredentials,
  type PresentedCertificates,
} from "./authentication.ts";
import { type ClientTypeAgreement, readAs } from "./certificate-types.ts";
import { tiersOf } from "./credential-choice.ts";
import type { Authenticated } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { type CredentialChoice, offeredVerifier } from "./negotiate.ts";
import type { ServerAnswer } from "./server-hello-rules12.ts";
import { authenticationOf, chooseCredential12, clientCertificateTypeOf, hasCurve } from "./negotiate12.ts";

/** A server's certificates and its signed key, which it has proven to hold. */
export interface ServerProof {
  readonly presented: PresentedCertificates;
  readonly verifier: SignatureVerifier;
  /** ServerECDHParams, as they came. */
  readonly params: Uint8Array;
}

/**
 * Certificate, CertificateStatus if it comes, and ServerKeyExchange, whose signature is checked. RFC 5246 §7.4.2, §7.4.3, RFC 6066 §8.
 *
 * @throws {TlsAlert} decrypt_error for a signature that does not verify.
 */
export function* receiveServerProof(
  config: ClientConfig,
  io: HandshakeIo,
  hello: ClientHello,
  serverHello: Tls12ServerHello,
  { suite, certificateTypes }: ServerAnswer,
): Flow<ServerProof> {
  const { settings } = config;
  const certificates = yield* receiveCertificates(io, certificateTypes.server, "server", settings.limits);
  if (certificates === null)
    throw new TlsAlert("decode_error", "the server's Certificate holds no certificate");
  const { chain, leaf } = certificates;
  checkServerKey(suite, leaf, hello);

  const mayStaple = serverHello.extensions.statusRequest === true;
  let message = mayStaple
    ? yield* io.receive("certificate_status", "server_key_exchange")
    : yield* io.receive("server_key_exchange");
  let ocspResponse: Uint8Array | null = null;
  if (message.name === "certificate_status") {
    ocspResponse = responseIn(message.body);
    message = yield* io.receive("server_key_exchange");
  }
  const { params, algorithm, signature }: ServerKeyExchange = message.body;
  const verifier = offeredVerifier(
    settings.signatureVerifiers.filter(
      ({ id }) => hello.extensions.signatureAlgorithms?.includes(id) === true,
    ),
    algorithm,
  );
  const content = concatBytes(hello.random, serverHello.random, params);
  yield* verifySignature(verifier, leaf, content, signature, "server's ServerKeyExchange");
  const signedCertificateTimestamps = serverHello.extensions.signedCertificateTimestamp ?? [];
  return { presented: { chain, leaf, ocspResponse, signedCertificateTimestamps }, verifier, params };
}

/** The key must be of the kind that the suite is for, and on a curve that was offered. RFC 8422 §5.1, §5.3. */
function checkServerKey(suite: Tls12CipherSuite, leaf: Leaf, hello: ClientHello): void {
  if (authenticationOf(leaf.keyType) !== suite.authentication) {
    throw new TlsAlert("illegal_parameter", `server chose ${suite.name}, and its key is ${leaf.keyType}`);
  }
  if (!hasCurve(leaf.keyType, hello.extensions.supportedGroups ?? [])) {
    throw new TlsAlert(
      "illegal_parameter",
      `the server's key is ${leaf.keyType}, whose curve was not offered`,
    );
  }
  checkKeyUsage(leaf, "server");
}

function responseIn({ statusType, response }: CertificateStatus): Uint8Array {
  if (statusType !== CertificateStatusType.ocsp)
    throw new TlsAlert("illegal_parameter", `the server's CertificateStatus is of type ${statusType}`);
  return response;
}

function* verifySignature(
  verifier: SignatureVerifier,
  leaf: Leaf,
  content: Uint8Array,
  signature: Uint8Array,
  what: string,
): Flow<void> {
  if (!verifier.tls12KeyTypes.includes(leaf.keyType)) {
    throw new TlsAlert(
      "illegal_parameter",
      `the ${what} has ${verifier.name}, and the key is ${leaf.keyType}`,
    );
  }
  const isGenuine = yield* settle(verifier.verify(leaf.subjectPublicKeyInfo, content, signature));
  if (!isGenuine) throw new TlsAlert("decrypt_error", `the ${what} (${verifier.name}) does not verify`);
}

/**
 * The client's Certificate: with the credential that the server's request fits, or empty. RFC 5246 §7.4.6, RFC 8422 §5.6.
 *
 * @returns what CertificateVerify is to be made with; undefined when there is nothing to prove.
 */
export function* sendClientCertificate(
  config: ClientConfig,
  io: HandshakeIo,
  request: Tls12CertificateRequest,
  certificateType: CertificateTypeName,
): Flow<CredentialChoice | undefined> {
  const { certificateTypes, supportedSignatureAlgorithms: schemes, certificateAuthorities } = request;
  const wish = { serverName: null, certificateSchemes: schemes, authorities: certificateAuthorities };
  const credentials = yield* clientCredentials(config, schemes, wish, certificateType);
  const usable = credentials.filter(({ key }) =>
    certificateTypes.includes(clientCertificateTypeOf(key.keyType)),
  );
  const choice = chooseCredential12(tiersOf(usable, wish).flat(), schemes);
  sendCertificates(io, certificateType, choice?.credential.certificateChain ?? []);
  return choice;
}

/** Certificate, which is of another form when it is a raw public key. RFC 5246 §7.4.2, RFC 7250 §3. */
export function sendCertificates(
  io: HandshakeIo,
  type: CertificateTypeName,
  chain: readonly Uint8Array[],
): void {
  if (type === "x509") io.send("tls12_certificate", { certificateList: chain });
  else io.send("tls12_raw_public_key", { subjectPublicKeyInfo: chain[0] ?? new Uint8Array() });
}

/** Certificate, in the form of its type; null when it is empty, as a client's may be. */
function* receiveCertificates(
  io: HandshakeIo,
  type: CertificateTypeName,
  signer: "client" | "server",
  limits: Limits,
): Flow<PeerCertificates | null> {
  let list: readonly Uint8Array[];
  if (type === "x509") {
    list = (yield* io.receive("tls12_certificate")).body.certificateList;
  } else {
    const { subjectPublicKeyInfo } = (yield* io.receive("tls12_raw_public_key")).body;
    list = subjectPublicKeyInfo.length === 0 ? [] : [subjectPublicKeyInfo];
  }
  const chain = boundedChain(list, signer, limits);
  const [first] = chain;
  return first === undefined ? null : { chain, leaf: readAs(type, first) };
}

/** CertificateVerify: a signature of all handshake messages so far, which the transcript has retained. RFC 5246 §7.4.8. */
export function* sendCertificateVerify12(
  io: HandshakeIo,
  { credential, scheme }: CredentialChoice,
): Flow<void> {
  const signature = yield* settle(credential.key.sign(scheme, io.transcript.messages(), io.random));
  io.send("certificate_verify", { algorithm: scheme, signature });
}

/** What a peer has presented, and not proven yet. */
export type PeerCertificates = Pick<PresentedCertificates, "chain" | "leaf">;

/**
 * The client's Certificate; null when it has none.
 * @throws {TlsAlert} handshake_failure when one is required. RFC 5246 §7.4.6.
 */
export function* receiveClientCertificate(
  { settings }: ServerConfig,
  io: HandshakeIo,
  { clientAuth: { mode }, type }: ClientTypeAgreement,
): Flow<PeerCertificates | null> {
  const certificates = yield* receiveCertificates(io, type, "client", settings.limits);
  if (certificates === null) {
    if (mode === "require") throw new TlsAlert("handshake_failure", "the client sent no certificate");
    return null;
  }
  checkKeyUsage(certificates.leaf, "client");
  return certificates;
}

/**
 * CertificateVerify, and then the trust policy. RFC 5246 §7.4.8.
 * @throws {TlsAlert} decrypt_error for a signature that does not verify, and what the policy says.
 */
export function* receiveClientProof(
  { settings }: ServerConfig,
  io: HandshakeIo,
  clientAuth: ClientAuth,
  { chain, leaf }: PeerCertificates,
): Flow<Authenticated> {
  const content = io.transcript.messages();
  const { body } = yield* io.receive("certificate_verify");
  const verifier = offeredVerifier(settings.signatureVerifiers, body.algorithm);
  yield* verifySignature(verifier, leaf, content, body.signature, "client's CertificateVerify");
  const trust = "trust" in clientAuth ? clientAuth.trust : null;
  const verify = trust === null ? null : trust.verify.bind(trust);
  const presented = { chain, leaf, ocspResponse: null, signedCertificateTimestamps: [] };
  const peer = yield* askPolicy(io, presented, {
    signer: "client",
    serverName: null,
    verify,
    chainVerifiers: settings.signatureVerifiers,
  });
  return { peer, verifier };
}
