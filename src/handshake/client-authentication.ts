import { TlsAlert } from "../alert.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import { ExtensionType } from "../messages/codepoints.ts";
import type { Certificate, CertificateRequest } from "../messages/handshake13.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import {
  type AuthenticationRules,
  clientCredentials,
  receiveProof,
  type RequestedStatus,
  sendAuthentication,
} from "./authentication.ts";
import { compressionOffer, compressionsIn } from "./certificate-compression.ts";
import type { Authenticated } from "./established.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { chooseCredential } from "./negotiate.ts";

/** Certificate and CertificateVerify, or an empty Certificate when there is none to give. RFC 8446 §4.4.2. */
export function* answerCertificateRequest(
  config: ClientConfig,
  io: HandshakeIo,
  request: CertificateRequest,
  certificateType: CertificateTypeName,
): Flow<void> {
  const { certificateRequestContext, extensions } = request;
  const { certificateAuthorities: authorities = [], signatureAlgorithms = [], ...asked } = extensions;
  const { signatureAlgorithmsCert: certificateSchemes = signatureAlgorithms } = extensions;
  const wish = { serverName: null, certificateSchemes, authorities };
  const credentials = yield* clientCredentials(config, signatureAlgorithms, wish, certificateType);
  const choice = chooseCredential(credentials, signatureAlgorithms, wish);
  // A credential that the server cannot verify is as good as none: RFC 8446 §4.4.2 asks for an empty list.
  if (choice === undefined) {
    io.send("certificate", { certificateRequestContext, certificateList: [] });
    return;
  }
  const requested: RequestedStatus = {
    ocspResponse: asked.statusRequest === true,
    signedCertificateTimestamps: asked.signedCertificateTimestamp === true,
  };
  const [compression] = compressionsIn(config.settings, asked.compressCertificate);
  yield* sendAuthentication(io, "client", choice, certificateRequestContext, requested, compression);
}

/** What a server says about the certificates that it takes. RFC 8446 §4.3.2. */
export function certificateRequestExtensions(
  { settings }: ServerConfig,
  clientAuth: Exclude<ClientAuth, { readonly mode: "none" }>,
): CertificateRequest["extensions"] {
  const { authorities = [], requestOcspResponse, requestSignedCertificateTimestamps } = clientAuth;
  return {
    ...(requestOcspResponse === true && { statusRequest: true as const }),
    ...(requestSignedCertificateTimestamps === true && { signedCertificateTimestamp: true as const }),
    signatureAlgorithms: settings.signatureVerifiers.map(({ id }) => id),
    ...(authorities.length > 0 && { certificateAuthorities: authorities }),
    ...compressionOffer(settings),
  };
}

/**
 * A client's Certificate, with the CertificateVerify that follows it unless it is empty. RFC 8446 §4.4.2.4.
 * @throws {TlsAlert} certificate_required; decrypt_error for a signature that does not verify, and what the policy says.
 */
export function* checkClientCertificate(
  config: ServerConfig,
  clientAuth: Exclude<ClientAuth, { readonly mode: "none" }>,
  io: HandshakeIo,
  body: Certificate,
  certificateType: CertificateTypeName,
): Flow<Authenticated> {
  if (body.certificateList.length === 0) {
    if (clientAuth.mode === "require")
      throw new TlsAlert("certificate_required", "the client sent no certificate");
    return { peer: { kind: "none" }, verifier: null };
  }
  const trust = "trust" in clientAuth ? clientAuth.trust : null;
  const rules: AuthenticationRules = {
    signer: "client",
    certificateType,
    verifiers: config.settings.signatureVerifiers,
    chainVerifiers: config.settings.signatureVerifiers,
    limits: config.settings.limits,
    solicited: [
      ...(clientAuth.requestOcspResponse === true ? [ExtensionType.status_request] : []),
      ...(clientAuth.requestSignedCertificateTimestamps === true
        ? [ExtensionType.signed_certificate_timestamp]
        : []),
    ],
    serverName: null,
    verify: trust === null ? null : (peer) => trust.verify(peer),
  };
  return yield* receiveProof(io, body, rules);
}
