import { latin1 } from "../bytes.ts";
import { ConfigError } from "../errors.ts";
import { type Certificate, decodeCertificate } from "../x509/certificate.ts";
import { parseIpAddress, showIpAddress } from "../x509/ip-address.ts";
import { decodeAll } from "../x509/pem-or-der.ts";
import type { Authority } from "./authority.ts";
import { commonNameIn } from "./common-name.ts";
import { makeKey, type NewKeyType } from "./key-pair.ts";
import { type LeafOptions, signLeaf } from "./leaf.ts";
import { MintedCredential } from "./minted-credential.ts";
import { type CertificateUsage, commonNameAmong, isDnsName } from "./names.ts";

/** What {@link issue} makes. */
export interface IssueOptions extends LeafOptions {
  /**
   * Whom the certificate is for: DNS names in ASCII, perhaps behind `*.`, and IP addresses; for clients also mailboxes such as
   * `alice@example.org`. At most 1000.
   */
  readonly names: readonly string[];
  readonly usage: CertificateUsage;
  /**
   * Default: the first of {@link names} that has at most 64 characters. For a server it must be one of them; a client may have any name
   * here, and then needs no others.
   */
  readonly commonName?: string;
  /** Default: `"ecdsa-p256"`. */
  readonly keyType?: NewKeyType;
}

/**
 * Makes a key and a certificate for it, signed by `authority`, for a `ServerConfig` or as a `clientCredential`.
 *
 * @throws {ConfigError} naming the option; also for an authority that may not sign such a certificate, or not at that time.
 */
export async function issue(authority: Authority, options: IssueOptions): Promise<MintedCredential> {
  const { subjectPublicKeyInfo, pkcs8, signingKey } = await makeKey(options.keyType ?? "ecdsa-p256");
  const [certificate, ...rest] = await signLeaf(authority, subjectPublicKeyInfo, options);
  return new MintedCredential(certificate, rest, subjectPublicKeyInfo, signingKey, pkcs8);
}

/** What {@link mintLike} may be told. */
export interface MintOptions extends Omit<LeafOptions, "mustStaple"> {
  /** Default: `"ecdsa-p256"`. */
  readonly keyType?: NewKeyType;
}

/**
 * Makes a server's credential for the names of another server's certificate, for a proxy that looks into connections, towards clients
 * that trust `authority`. Each call makes a key and signs: keep what it gives, under the fingerprint of `certificate`.
 *
 * The names are those of subjectAltName that are DNS names or IP addresses, or the common name where there is no subjectAltName; the common
 * name is kept when it is one of them. Names that no certificate should have, such as `a_b.example.org`, are left out, since strict clients
 * would refuse the rest with them. Nothing else is taken over. Whether `certificate` may be trusted is not looked at: that must be known
 * before.
 *
 * @param certificate DER; not kept.
 * @throws {ConfigError} when it cannot be read, or has no such name, and as {@link issue} does.
 */
export async function mintLike(
  authority: Authority,
  certificate: Uint8Array,
  options: MintOptions = {},
): Promise<MintedCredential> {
  const [original] = decodeAll("certificate", certificate, "CERTIFICATE", decodeCertificate);
  const names = original === undefined ? [] : namesIn(original);
  if (original === undefined || names.length === 0)
    throw new ConfigError("certificate", certificate, "a certificate for DNS names or IP addresses");
  const subject = commonNameAmong(names, commonNameIn(original.subject));
  return issue(authority, { ...options, ...subject, names, usage: "server" });
}

function namesIn({ subject, extensions }: Certificate): readonly string[] {
  if (extensions.subjectAltName === undefined) {
    const commonName = commonNameIn(subject) ?? "";
    return isDnsName(commonName) || parseIpAddress(commonName) !== null ? [commonName.toLowerCase()] : [];
  }
  return extensions.subjectAltName.flatMap((name) => {
    if (name.kind === "ip") return [showIpAddress(name.octets)];
    if (name.kind !== "dns") return [];
    const text = latin1(name.name).toLowerCase();
    return isDnsName(text) ? [text] : [];
  });
}
