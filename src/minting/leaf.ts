import type { Extension } from "@peculiar/x509";
import { KeyUsageBit, purposeOfRole } from "../x509/key-usage.ts";
import { type Authority, readIssuer } from "./authority.ts";
import { type CertificateUsage, checkNames, nameOf } from "./names.ts";
import { x509 } from "./peculiar.ts";
import { keyIdentifierOf, signCertificate } from "./signed-certificate.ts";
import { validityFrom } from "./validity.ts";

/** What can be said about every certificate that is issued. */
export interface LeafOptions {
  /** Days from now; need not be whole. It is never valid for longer than the authority. Default: 90. */
  readonly validityDays?: number;
  /** Whether clients are to insist on a stapled OCSP response (RFC 7633), which has to come from elsewhere. Default: false. */
  readonly mustStaple?: boolean;
  /**
   * Whether the chain ends with the root, if the authority is or has one. Those who trust it have it already; it is of use to those who pin
   * it, and to people who look. Authorities that are no roots are always in the chain. Default: false.
   */
  readonly includeRoot?: boolean;
  /** Milliseconds since 1970. Default: `Date.now`. */
  readonly now?: () => number;
}

/** What a leaf is to say beside its key. */
interface LeafSubject extends LeafOptions {
  readonly names: readonly string[];
  readonly commonName?: string;
  readonly usage: CertificateUsage;
}

/**
 * Signs a certificate for a key: with the extensions that RFC 5280 and the Baseline Requirements (BR §7.1.2.7) ask for, as far as they are
 * about form.
 *
 * @returns the certificate, and those behind it in its chain; DER.
 * @throws {ConfigError} naming the option.
 */
export async function signLeaf(
  authority: Authority,
  subjectPublicKeyInfo: Uint8Array,
  options: LeafSubject,
): Promise<readonly [certificate: Uint8Array, ...rest: Uint8Array[]]> {
  const { usage, validityDays = 90, mustStaple = false, includeRoot = false, now = Date.now } = options;
  const nowMs = now();
  const { commonName, alternative } = checkNames(usage, options.names, options.commonName);
  const issuer = readIssuer(authority, usage, nowMs);
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(KeyUsageBit.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([purposeOfRole[usage]], false),
    new x509.AuthorityKeyIdentifierExtension(issuer.keyIdentifier, false),
    new x509.SubjectKeyIdentifierExtension(keyIdentifierOf(subjectPublicKeyInfo), false),
  ];
  // Critical where it is all that says who it is. RFC 5280 §4.1.2.6.
  if (alternative.length > 0)
    extensions.push(new x509.SubjectAlternativeNameExtension([...alternative], commonName === undefined));
  if (mustStaple) extensions.push(new x509.Extension(TLS_FEATURE, false, STATUS_REQUEST.slice()));
  const certificate = await signCertificate(
    {
      subject: nameOf(commonName),
      issuer: new x509.Name(issuer.certificate.subject.slice()),
      subjectPublicKeyInfo,
      validity: validityFrom(nowMs, validityDays, issuer.certificate),
      extensions,
    },
    authority.key,
  );
  return [certificate, ...issuer.chain, ...(includeRoot ? issuer.roots : [])];
}

/** `id-pe-tlsfeature` of RFC 7633 §6. */
const TLS_FEATURE = "1.3.6.1.5.5.7.1.24";

/** `SEQUENCE { INTEGER 5 }`: status_request. */
const STATUS_REQUEST = Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05);
