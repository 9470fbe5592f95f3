import { checkAlertName, TlsAlert } from "../alert.ts";
import type { ClientConfig } from "../config/client.ts";
import { certificateTypeOf } from "../config/certificate-types.ts";
import { checkCredentials, type Credential, listOf } from "../config/credential.ts";
import type { Limits } from "../config/limits.ts";
import type { PresentedPeer, Rejected, Unverified, Verified } from "../config/trust.ts";
import type { Awaitable } from "../awaitable.ts";
import type { CertificateCompression } from "../crypto/certificate-compression.ts";
import type { SignatureVerifier } from "../crypto/provider.ts";
import { CertificateStatusType } from "../messages/codepoints.ts";
import type { Certificate, CertificateEntry } from "../messages/handshake13.ts";
import { certificateVerifyContent } from "../schedule/certificate-verify.ts";
import type { CertificateTypeName, Leaf } from "../x509/raw-public-key.ts";
import { readAs } from "./certificate-types.ts";
import { sendCertificate } from "./certificate-compression.ts";
import type { CertificateWish } from "./credential-choice.ts";
import type { Authenticated, PeerIdentity } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { checkSolicited, type CredentialChoice, offeredVerifier } from "./negotiate.ts";

/** Which status extensions a peer has asked for. */
export interface RequestedStatus {
  readonly ocspResponse: boolean;
  readonly signedCertificateTimestamps: boolean;
}

/** Sends Certificate, compressed by `compression` if there is one, and CertificateVerify. RFC 8446 §4.4.2, §4.4.3, RFC 8879 §4. */
export function* sendAuthentication(
  io: HandshakeIo,
  signer: "client" | "server",
  { credential, scheme }: CredentialChoice,
  context: Uint8Array,
  requested: RequestedStatus,
  compression: CertificateCompression | undefined,
): Flow<void> {
  const certificate: Certificate = {
    certificateRequestContext: context,
    certificateList: credential.certificateChain.map((certData, index) => ({
      certData,
      extensions: {
        ...(index === 0 &&
          requested.ocspResponse &&
          credential.ocspResponse !== undefined && {
            statusRequest: { statusType: CertificateStatusType.ocsp, response: credential.ocspResponse },
          }),
        ...(index === 0 &&
          requested.signedCertificateTimestamps &&
          credential.signedCertificateTimestamps !== undefined && {
            signedCertificateTimestamp: credential.signedCertificateTimestamps,
          }),
      },
    })),
  };
  yield* sendCertificate(io, certificate, credential.certificateChain, compression);
  const content = certificateVerifyContent(signer, io.transcript.digest());
  const signature = yield* settle(credential.key.sign(scheme, content, io.random));
  io.send("certificate_verify", { algorithm: scheme, signature });
}

/** What a client may answer a request for its certificate with, by its config or its hook. */
export function* clientCredentials(
  { clientCredential: option }: ClientConfig,
  signatureSchemes: readonly number[],
  { authorities, certificateSchemes }: CertificateWish,
  certificateType: CertificateTypeName,
): Flow<readonly Credential[]> {
  const ofType = (credentials: readonly Credential[]): readonly Credential[] =>
    credentials.filter((credential) => certificateTypeOf(credential) === certificateType);
  if (typeof option !== "function") return ofType(option);
  const answer = yield* settle(
    option({
      authorities: authorities.map((name) => name.slice()),
      certificateType,
      signatureSchemes: [...signatureSchemes],
      certificateSignatureSchemes: [...certificateSchemes],
    }),
  );
  return answer === null ? [] : ofType(checkCredentials("clientCredential", listOf(answer), answer));
}

/** What a peer's authentication is held against. */
export interface AuthenticationRules {
  /** The peer's role. */
  readonly signer: "client" | "server";
  /** What it shows, as was agreed. */
  readonly certificateType: CertificateTypeName;
  /** Of the schemes that its CertificateVerify may have. */
  readonly verifiers: readonly SignatureVerifier[];
  /** Of the schemes that its certificates may be signed with. */
  readonly chainVerifiers: readonly SignatureVerifier[];
  readonly limits: Limits;
  /** Types of the extensions that its certificates may carry, because they were asked for. */
  readonly solicited: readonly number[];
  readonly serverName: string | null;
  /** Null accepts anybody, as unverified. */
  readonly verify: ((peer: PresentedPeer) => Awaitable<Verified | Rejected | Unverified>) | null;
}

/**
 * Receives CertificateVerify for a certificate list that is not empty, and asks the trust policy. The policy is asked
 * only after the peer has proven that it holds the key.
 *
 * @throws {TlsAlert} decrypt_error for a signature that does not verify, and what the policy says.
 */
export function* receiveProof(
  io: HandshakeIo,
  certificate: Certificate,
  rules: AuthenticationRules,
): Flow<Authenticated & { readonly presented: PresentedCertificates }> {
  const [first] = certificate.certificateList;
  if (first === undefined) throw new TypeError("an empty certificate list proves nothing");
  const chain = checkCertificateList(certificate.certificateList, rules);
  const leaf = readAs(rules.certificateType, first.certData);
  const content = certificateVerifyContent(rules.signer, io.transcript.digest());
  const { body } = yield* io.receive("certificate_verify");
  const allowed = rules.verifiers.filter(({ inHandshake }) => inHandshake);
  const verifier = offeredVerifier(allowed, body.algorithm);
  checkKeyFor(verifier, leaf, rules.signer);
  const isGenuine = yield* settle(verifier.verify(leaf.subjectPublicKeyInfo, content, body.signature));
  if (!isGenuine) {
    throw new TlsAlert(
      "decrypt_error",
      `the ${rules.signer}'s CertificateVerify (${verifier.name}) does not verify`,
    );
  }
  const { statusRequest, signedCertificateTimestamp = [] } = first.extensions;
  const isCertificate = leaf.certificate !== null;
  const isOcsp = isCertificate && statusRequest?.statusType === CertificateStatusType.ocsp;
  const presented: PresentedCertificates = {
    chain,
    leaf,
    ocspResponse: isOcsp ? statusRequest.response : null,
    signedCertificateTimestamps: isCertificate ? signedCertificateTimestamp : [],
  };
  return { peer: yield* askPolicy(io, presented, rules), verifier, presented };
}

/** What a peer has presented and proven to hold the key of. */
export type PresentedCertificates = Pick<
  PresentedPeer,
  "chain" | "leaf" | "ocspResponse" | "signedCertificateTimestamps"
>;

/** Who is asked whether a peer is trusted, and as whom. */
export type PolicyRules = Pick<AuthenticationRules, "signer" | "serverName" | "verify" | "chainVerifiers">;

/** Asks the trust policy. @throws {TlsAlert} what it says when it rejects the peer. */
export function* askPolicy(
  io: HandshakeIo,
  presented: PresentedCertificates,
  { signer, serverName, verify, chainVerifiers }: PolicyRules,
): Flow<PeerIdentity> {
  const { chain, leaf } = presented;
  const { certificateType } = leaf;
  if (verify === null)
    return { kind: "unverified", certificateType, chain, reason: "any certificate is accepted" };
  const verdict = yield* settle(
    verify({ ...presented, role: signer, serverName, signatureVerifiers: chainVerifiers, nowMs: io.now() }),
  );
  switch (verdict.trust) {
    case "verified":
      return { kind: "verified", certificateType, chain, path: verdict.path ?? null };
    case "unverified":
      // Types keep this from a client's policy; a program without types must not slip through.
      if (signer === "server")
        throw new TypeError("a client's trust policy must not leave a server unverified");
      return { kind: "unverified", certificateType, chain, reason: verdict.reason };
    case "rejected":
      if (verdict.alert !== undefined) checkAlertName(verdict.alert);
      throw new TlsAlert(
        verdict.alert ?? "certificate_unknown",
        `the ${signer}'s certificate was rejected: ${verdict.reason}`,
        verdict.cause === undefined ? {} : { cause: verdict.cause },
      );
    default:
      throw new TypeError(
        `a trust policy answered ${String((verdict satisfies never as { trust: unknown }).trust)}`,
      );
  }
}

/** Bounds, and extensions that were not asked for. Gives copies that may be kept. */
function checkCertificateList(
  list: readonly CertificateEntry[],
  { limits, signer, solicited, certificateType }: AuthenticationRules,
): readonly Uint8Array[] {
  const chain = boundedChain(
    list.map(({ certData }) => certData),
    signer,
    limits,
  );
  if (certificateType === "raw-public-key" && list.length > 1)
    throw new TlsAlert("illegal_parameter", `the ${signer} sent ${list.length} raw public keys`);
  for (const { extensions } of list)
    checkSolicited("Certificate", extensions.order ?? [], extensions.unknown, solicited);
  return chain;
}

/** Copies of a peer's certificates, which may be kept. @throws {TlsAlert} bad_certificate when there are too many or too long ones. */
export function boundedChain(
  certificates: readonly Uint8Array[],
  signer: string,
  limits: Limits,
): readonly Uint8Array[] {
  if (certificates.length > limits.certificates) {
    throw new TlsAlert(
      "bad_certificate",
      `the ${signer} sent ${certificates.length} certificates, allowed ${limits.certificates}`,
    );
  }
  const tooLong = certificates.find(({ length }) => length > limits.certificateBytes);
  if (tooLong !== undefined) {
    throw new TlsAlert(
      "bad_certificate",
      `the ${signer} sent a certificate of ${tooLong.length} bytes, allowed ${limits.certificateBytes}`,
    );
  }
  return certificates.map((certificate) => certificate.slice());
}

function checkKeyFor(verifier: SignatureVerifier, leaf: Leaf, signer: string): void {
  if (verifier.keyType !== leaf.keyType) {
    throw new TlsAlert(
      "illegal_parameter",
      `the ${signer} signed with ${verifier.name}, and its key is ${leaf.keyType}`,
    );
  }
  checkKeyUsage(leaf, signer);
}

/** @throws {TlsAlert} illegal_parameter for a key that is not for signatures. RFC 5246 §7.4.2, RFC 8446 §4.4.2.2. */
export function checkKeyUsage(leaf: Leaf, signer: string): void {
  if (leaf.certificate !== null && !leaf.permitsDigitalSignature) {
    throw new TlsAlert(
      "illegal_parameter",
      `the keyUsage of the ${signer}'s certificate does not permit digital signatures`,
    );
  }
}
