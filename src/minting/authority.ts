import { equalBytes, hex } from "../bytes.ts";
import type { Credential } from "../config/credential.ts";
import { ConfigError } from "../errors.ts";
import { type Certificate, decodeCertificate } from "../x509/certificate.ts";
import { KeyUsageBit } from "../x509/key-usage.ts";
import { findAuthorityFault, showSubject } from "../x509/path-rules.ts";
import { decodeAll } from "../x509/pem-or-der.ts";
import { makeKey, type NewKeyType } from "./key-pair.ts";
import { MintedCredential } from "./minted-credential.ts";
import { type CertificateUsage, checkCommonName, nameOf } from "./names.ts";
import { x509 } from "./peculiar.ts";
import { keyIdentifierOf, signCertificate } from "./signed-certificate.ts";
import { validityFrom } from "./validity.ts";

/**
 * Whoever signs certificates: a credential whose first certificate is an authority's. {@link createAuthority} makes one; `credential()` makes
 * one of the files of another, whose key may live anywhere. Those behind the first certificate lead to the root, which may be among them.
 */
export type Authority = Credential;

/** What {@link createAuthority} makes. */
export interface AuthorityOptions {
  /** The name of the authority: 1..64 characters. People meet it in lists of trusted authorities, so it should say whose it is. */
  readonly commonName: string;
  /** Default: `"ecdsa-p256"`. */
  readonly keyType?: NewKeyType;
  /** Days from now; need not be whole. Default: 365. */
  readonly validityDays?: number;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/**
 * Makes a certificate authority for development, tests and proxies of one's own: a root that signs leaves, and no further authorities.
 * Whoever holds its key can be any server towards those who trust it.
 *
 * @throws {ConfigError} naming the option.
 */
export async function createAuthority(options: AuthorityOptions): Promise<MintedCredential> {
  const { commonName, keyType = "ecdsa-p256", validityDays = 365, now = Date.now } = options;
  checkCommonName(commonName);
  const validity = validityFrom(now(), validityDays);
  const { subjectPublicKeyInfo, pkcs8, signingKey } = await makeKey(keyType);
  const name = nameOf(commonName);
  const keyIdentifier = keyIdentifierOf(subjectPublicKeyInfo);
  const certificate = await signCertificate(
    {
      subject: name,
      issuer: name,
      subjectPublicKeyInfo,
      validity,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(KeyUsageBit.keyCertSign | KeyUsageBit.cRLSign, true),
        new x509.AuthorityKeyIdentifierExtension(keyIdentifier, false),
        new x509.SubjectKeyIdentifierExtension(keyIdentifier, false),
      ],
    },
    signingKey,
  );
  return new MintedCredential(certificate, [], subjectPublicKeyInfo, signingKey, pkcs8);
}

/** What issuing takes of an authority. */
export interface Issuer {
  readonly certificate: Certificate;
  /** Hexadecimal. */
  readonly keyIdentifier: string;
  /** The certificates that peers do not have: the authority's own and those behind it, without roots. */
  readonly chain: readonly Uint8Array[];
  /** Those that peers that trust the authority do have. */
  readonly roots: readonly Uint8Array[];
}

/** @throws {ConfigError} when `authority` cannot sign certificates for `usage` at that time. */
export function readIssuer(authority: Authority, usage: CertificateUsage, nowMs: number): Issuer {
  const certificates = decodeAll("authority", authority.certificateChain, "CERTIFICATE", decodeCertificate);
  const [certificate] = certificates;
  // decodeAll refuses an empty list.
  if (certificate === undefined) throw new ConfigError("authority", certificates, "a certificate");
  const fault = findAuthorityFault(certificate, "intermediate", {
    nowSeconds: Math.floor(nowMs / 1000),
    purpose: usage,
    reference: null,
    conformance: "none",
  });
  if (fault !== undefined) {
    const allowed = `an authority that may sign certificates of a ${usage} now; ${fault.detail}`;
    throw new ConfigError("authority", showSubject(certificate), allowed);
  }
  const { subjectKeyIdentifier } = certificate.extensions;
  return {
    certificate,
    keyIdentifier:
      subjectKeyIdentifier === undefined
        ? keyIdentifierOf(certificate.subjectPublicKeyInfo)
        : hex(subjectKeyIdentifier),
    chain: certificates.filter((one) => !isRoot(one)).map(({ der }) => der),
    roots: certificates.filter(isRoot).map(({ der }) => der),
  };
}

function isRoot({ subject, issuer }: Certificate): boolean {
  return equalBytes(subject, issuer);
}
