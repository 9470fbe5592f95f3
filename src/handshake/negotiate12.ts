import { TlsAlert } from "../alert.ts";
import type { Credential } from "../config/credential.ts";
import type { Settings } from "../config/settings.ts";
import type { KeyExchangeGroup, KeyType, Tls12CipherSuite } from "../crypto/provider.ts";
import { ClientCertificateType, codepointName, NamedGroup, SignatureScheme } from "../messages/codepoints.ts";
import type { OfferedClientHello12 } from "./client-hello-rules12.ts";
import { credentialsByType } from "./certificate-types.ts";
import { tiersOf } from "./credential-choice.ts";
import { type CredentialChoice, listed, noCredential } from "./negotiate.ts";

/** What a server has chosen for a full handshake of TLS 1.2. */
export interface Choice12 extends CredentialChoice {
  readonly suite: Tls12CipherSuite;
  readonly group: KeyExchangeGroup;
}

/**
 * Our first suite that the client offers and that one of the credentials can authenticate, with our first group that the client has. A
 * credential that fits the client better goes before a better suite. RFC 5246 §7.4.1.3, RFC 8422 §5.1.
 *
 * @throws {TlsAlert} handshake_failure, saying which of them is missing and what the client offers.
 */
export function choose12(
  { tls12Suites, groups }: Settings,
  credentials: readonly Credential[],
  { body: { cipherSuites, extensions }, serverName }: OfferedClientHello12,
): Choice12 {
  const { supportedGroups, signatureAlgorithms } = extensions;
  const common = tls12Suites.filter(({ id }) => cipherSuites.includes(id));
  const group = groups.find(({ id, inTls12 }) => inTls12 && supportedGroups.includes(id));
  if (group === undefined) {
    const supported = listed(supportedGroups, (id) => codepointName(NamedGroup, id));
    throw new TlsAlert("handshake_failure", `no group in common: the client supports ${supported}`);
  }
  const { signatureAlgorithmsCert: certificateSchemes = signatureAlgorithms, certificateAuthorities = [] } =
    extensions;
  const wish = { serverName, certificateSchemes, authorities: certificateAuthorities };
  const tiers = credentialsByType(credentials, extensions).flatMap((ofOneType) => tiersOf(ofOneType, wish));
  for (const tier of tiers) {
    for (const suite of common) {
      const usable = tier.filter(
        ({ key }) =>
          authenticationOf(key.keyType) === suite.authentication && hasCurve(key.keyType, supportedGroups),
      );
      const choice = chooseCredential12(usable, signatureAlgorithms);
      if (choice !== undefined) return { ...choice, suite, group };
    }
  }
  const offCurve = credentials.find(({ key }) => !hasCurve(key.keyType, supportedGroups));
  if (offCurve !== undefined) {
    throw new TlsAlert(
      "handshake_failure",
      `no certificate for ${common.map(({ name }) => name).join(", ")}: the client does not support the curve of our ${offCurve.key.keyType} key`,
    );
  }
  throw noCredential(credentials, signatureAlgorithms, common);
}

/** The first credential whose key can sign in a way that the peer accepts, or undefined. RFC 5246 §7.4.1.4.1. */
export function chooseCredential12(
  credentials: readonly Credential[],
  acceptedSchemes: readonly number[],
): CredentialChoice | undefined {
  for (const credential of credentials) {
    const { tls12Schemes, schemes } = credential.key;
    const scheme = (tls12Schemes ?? schemes).find(
      (id) => acceptedSchemes.includes(id) && !WITH_SHA1.includes(id),
    );
    if (scheme !== undefined) return { credential, scheme };
  }
  return undefined;
}

/** Nothing is signed with SHA-1, whatever a key says. RFC 9155 §4, §5. */
const WITH_SHA1: readonly number[] = [SignatureScheme.rsa_pkcs1_sha1, SignatureScheme.ecdsa_sha1];

/** The kind of suite that a key authenticates. RFC 8422 §2, §5.10. */
export function authenticationOf(keyType: KeyType): Tls12CipherSuite["authentication"] {
  return keyType === "rsa" || keyType === "rsa-pss" ? "rsa" : "ecdsa";
}

/** The kind of certificate that a key is in. RFC 8422 §5.5. */
export function clientCertificateTypeOf(keyType: KeyType): number {
  const { rsa_sign, ecdsa_sign } = ClientCertificateType;
  return authenticationOf(keyType) === "rsa" ? rsa_sign : ecdsa_sign;
}

const CURVES: Partial<Record<KeyType, number>> = {
  "ecdsa-p256": NamedGroup.secp256r1,
  "ecdsa-p384": NamedGroup.secp384r1,
  "ecdsa-p521": NamedGroup.secp521r1,
};

/** Whether a client that supports `groups` can take an ECDSA key on its curve: the list is for certificates too. RFC 8422 §5.1. */
export function hasCurve(keyType: KeyType, groups: readonly number[]): boolean {
  const curve = CURVES[keyType];
  return curve === undefined || groups.includes(curve);
}
