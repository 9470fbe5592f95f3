import { equalBytes, latin1 } from "../bytes.ts";
import type { Certificate } from "./certificate.ts";
import {
  ExtensionId,
  hasForeignCommonName,
  hasMalformedAccess,
  isAuthority,
  isCritical,
  isEmptyName,
  isNotCritical,
  isSelfIssued,
  maySignCertificates,
  rsaModulusBits,
} from "./conformance-facts.ts";
import { KeyPurpose } from "./key-usage.ts";
import { isWellFormedSubtree } from "./name-constraints.ts";
import { isPresentedDnsName, readMailbox } from "./reference-name.ts";

/**
 * Which rules of form certificates are held to, besides those that trust rests on, which always hold: `"web-pki"` are those of RFC 5280
 * and of the TLS Baseline Requirements (BR) of the CA/Browser Forum, `"rfc5280"` the first alone.
 */
export type Conformance = "web-pki" | "rfc5280" | "none";

/** What a certificate is in a path: the leaf of a server or a client, an authority's, or the anchor at the end. */
export type PathRole = "server" | "client" | "intermediate" | "anchor";

/** A rule of form. */
export interface ConformanceRule {
  /** What is wrong with a certificate that breaks the rule. */
  readonly fact: string;
  /** Where the rule stands. */
  readonly section: string;
  readonly profiles: readonly Conformance[];
  readonly roles: readonly PathRole[];
  readonly isBroken: (certificate: Certificate) => boolean;
  /** Anchors that {@link isOldRoot} tells are not held to the rule: some that programs trust break it. */
  readonly sparesOldRoots?: true;
}

/** What `certificate` breaks of the rules of `conformance`, and where the rule stands; null when it breaks none. */
export function nonconformity(
  certificate: Certificate,
  role: PathRole,
  conformance: Conformance,
): string | null {
  for (const { fact, section, profiles, roles, isBroken, sparesOldRoots } of conformanceRules) {
    if (!profiles.includes(conformance) || !roles.includes(role)) continue;
    if (sparesOldRoots === true && role === "anchor" && isOldRoot(certificate)) continue;
    if (isBroken(certificate)) return `${fact} (${section})`;
  }
  return null;
}

/**
 * Whether an anchor is from the time between version 3 of X.509, in 1996, and the certificate profiles of version 2 of the BR, which bind
 * root certificates since 2023-09-15.
 */
function isOldRoot({ notBeforeSeconds }: Certificate): boolean {
  return notBeforeSeconds >= Date.UTC(1996, 0, 1) / 1000 && notBeforeSeconds < Date.UTC(2023, 8, 15) / 1000;
}

const ALL = ["web-pki", "rfc5280"] as const;
const WEB_PKI = ["web-pki"] as const;

const LEAVES = ["server", "client"] as const;
const AUTHORITIES = ["intermediate", "anchor"] as const;
const BELOW_ANCHORS = ["server", "client", "intermediate"] as const;
const EVERYONE = ["server", "client", "intermediate", "anchor"] as const;

/** All rules; of several that a certificate breaks, the first is reported. */
export const conformanceRules: readonly ConformanceRule[] = [
  {
    fact: "it is not of version 3",
    section: "RFC 5280 §4.1.2.1",
    profiles: ALL,
    roles: BELOW_ANCHORS,
    isBroken: ({ version }) => version !== 3,
  },
  {
    fact: "it is an anchor that is not of version 3",
    section: "BR §7.1.1",
    profiles: WEB_PKI,
    roles: ["anchor"],
    isBroken: ({ version }) => version !== 3,
  },
  {
    fact: "the serial number is not positive, or longer than 20 bytes",
    section: "RFC 5280 §4.1.2.2",
    profiles: ALL,
    // Six roots have the number 0.
    roles: BELOW_ANCHORS,
    isBroken: ({ serialNumber: [first = 0, ...rest] }) =>
      rest.length >= 20 || first >= 0x80 || (first === 0 && rest.length === 0),
  },
  {
    fact: "the issuer has no name",
    section: "RFC 5280 §4.1.2.4",
    profiles: ALL,
    roles: EVERYONE,
    isBroken: ({ issuer }) => isEmptyName(issuer),
  },
  {
    fact: "an authority has no name",
    section: "RFC 5280 §4.1.2.6",
    profiles: ALL,
    roles: AUTHORITIES,
    isBroken: ({ subject }) => isEmptyName(subject),
  },
  {
    fact: "a date before 2050 is a GeneralizedTime",
    section: "RFC 5280 §4.1.2.5",
    profiles: ALL,
    // One root has such dates.
    roles: BELOW_ANCHORS,
    isBroken: ({ hasEarlyGeneralizedTime }) => hasEarlyGeneralizedTime,
  },
  {
    fact: "authorityKeyIdentifier is critical",
    section: "RFC 5280 §4.2.1.1",
    profiles: ALL,
    roles: EVERYONE,
    isBroken: (certificate) => isCritical(certificate, ExtensionId.authorityKeyIdentifier),
  },
  {
    fact: "authorityKeyIdentifier does not name the issuer's key",
    section: "RFC 5280 §4.2.1.1",
    profiles: ALL,
    // Who issued for an anchor does not matter.
    roles: BELOW_ANCHORS,
    isBroken: (certificate) =>
      certificate.extensions.authorityKeyIdentifier?.keyIdentifier === undefined &&
      !isSelfIssued(certificate),
  },
  {
    fact: "authorityKeyIdentifier of a root has no key identifier",
    section: "BR §7.1.2.1.3",
    profiles: WEB_PKI,
    roles: ["anchor"],
    isBroken: ({ extensions: { authorityKeyIdentifier } }) =>
      authorityKeyIdentifier !== undefined && authorityKeyIdentifier.keyIdentifier === undefined,
  },
  {
    fact: "authorityKeyIdentifier of a root is not its subjectKeyIdentifier",
    section: "BR §7.1.2.1.3",
    profiles: WEB_PKI,
    roles: ["anchor"],
    isBroken: (certificate) => {
      const { authorityKeyIdentifier, subjectKeyIdentifier } = certificate.extensions;
      const named = authorityKeyIdentifier?.keyIdentifier;
      if (named === undefined || !isSelfIssued(certificate)) return false;
      return subjectKeyIdentifier === undefined || !equalBytes(named, subjectKeyIdentifier);
    },
  },
  {
    fact: "authorityKeyIdentifier of a root has an issuer and a serial number",
    section: "BR §7.1.2.1.3",
    profiles: WEB_PKI,
    roles: ["anchor"],
    isBroken: ({ extensions }) => extensions.authorityKeyIdentifier?.hasIssuerAndSerial === true,
    sparesOldRoots: true,
  },
  {
    fact: "subjectKeyIdentifier is critical",
    section: "RFC 5280 §4.2.1.2",
    profiles: ALL,
    roles: EVERYONE,
    isBroken: (certificate) => isCritical(certificate, ExtensionId.subjectKeyIdentifier),
  },
  {
    fact: "an authority has no subjectKeyIdentifier",
    section: "RFC 5280 §4.2.1.2",
    profiles: ALL,
    roles: AUTHORITIES,
    isBroken: ({ extensions }) => extensions.subjectKeyIdentifier === undefined,
    sparesOldRoots: true,
  },
  {
    fact: "an authority has no keyUsage",
    section: "RFC 5280 §4.2.1.3",
    profiles: ALL,
    // One root has none, and neither have many of private networks.
    roles: ["intermediate"],
    isBroken: ({ extensions }) => extensions.keyUsage === undefined,
  },
  {
    fact: "keyUsage permits to sign certificates, and basicConstraints does not say that it is an authority",
    section: "RFC 5280 §4.2.1.3",
    profiles: ALL,
    roles: LEAVES,
    isBroken: (certificate) => maySignCertificates(certificate) && !isAuthority(certificate),
  },
  {
    fact: "basicConstraints of an authority is not critical",
    section: "RFC 5280 §4.2.1.9",
    profiles: ALL,
    roles: AUTHORITIES,
    isBroken: (certificate) => !isCritical(certificate, ExtensionId.basicConstraints),
    sparesOldRoots: true,
  },
  {
    fact: "basicConstraints limits the paths below something that is no authority",
    section: "RFC 5280 §4.2.1.9",
    profiles: ALL,
    roles: BELOW_ANCHORS,
    isBroken: (certificate) =>
      certificate.extensions.basicConstraints?.pathLength !== undefined &&
      !(isAuthority(certificate) && maySignCertificates(certificate)),
  },
  {
    fact: "an authority's certificate is used by a peer",
    section: "BR §7.1.2.7.8",
    profiles: WEB_PKI,
    roles: LEAVES,
    isBroken: isAuthority,
  },
  {
    fact: "nameConstraints are for authorities",
    section: "RFC 5280 §4.2.1.10",
    profiles: ALL,
    roles: LEAVES,
    isBroken: (certificate) =>
      certificate.extensions.nameConstraints !== undefined && !isAuthority(certificate),
  },
  {
    fact: "nameConstraints is not critical",
    section: "RFC 5280 §4.2.1.10",
    // BR §7.1.2.5.2 makes an exception.
    profiles: ["rfc5280"],
    roles: AUTHORITIES,
    isBroken: (certificate) => isNotCritical(certificate, ExtensionId.nameConstraints),
  },
  {
    fact: "nameConstraints has a base that is no name",
    section: "RFC 5280 §4.2.1.10",
    profiles: ALL,
    roles: AUTHORITIES,
    isBroken: ({ extensions: { nameConstraints } }) =>
      nameConstraints !== undefined &&
      ![...nameConstraints.permitted, ...nameConstraints.excluded].every(isWellFormedSubtree),
  },
  {
    fact: "policyConstraints or inhibitAnyPolicy is not critical",
    section: "RFC 5280 §4.2.1.11, §4.2.1.14",
    profiles: ALL,
    roles: AUTHORITIES,
    isBroken: (certificate) =>
      isNotCritical(certificate, ExtensionId.policyConstraints) ||
      isNotCritical(certificate, ExtensionId.inhibitAnyPolicy),
  },
  {
    fact: "the subject is empty, and subjectAltName is missing or not critical",
    section: "RFC 5280 §4.1.2.6",
    profiles: ALL,
    roles: LEAVES,
    isBroken: (certificate) =>
      isEmptyName(certificate.subject) && !isCritical(certificate, ExtensionId.subjectAltName),
  },
  {
    fact: "subjectAltName has a dNSName or rfc822Name that is none",
    section: "RFC 5280 §4.2.1.6",
    profiles: ALL,
    roles: LEAVES,
    isBroken: ({ extensions }) =>
      (extensions.subjectAltName ?? []).some((name) => {
        if (name.kind === "email") return readMailbox(latin1(name.address)) === null;
        if (name.kind !== "dns") return false;
        const text = latin1(name.name);
        return !isPresentedDnsName(text) || text.includes("_");
      }),
  },
  {
    fact: "there is no subjectAltName",
    section: "BR §7.1.2.7.12",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: ({ extensions }) => extensions.subjectAltName === undefined,
  },
  {
    fact: "subjectAltName is critical, and the subject is not empty",
    section: "BR §7.1.2.7.12",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: (certificate) =>
      isCritical(certificate, ExtensionId.subjectAltName) && !isEmptyName(certificate.subject),
  },
  {
    fact: "a commonName that looks like a host is none of the names of subjectAltName",
    section: "BR §7.1.4.3",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: hasForeignCommonName,
  },
  {
    fact: "there is no extendedKeyUsage",
    section: "BR §7.1.2.7.6",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: ({ extensions }) => extensions.extendedKeyUsage === undefined,
  },
  {
    fact: "extendedKeyUsage is critical",
    section: "BR §7.1.2.7.6",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: (certificate) => isCritical(certificate, ExtensionId.extKeyUsage),
  },
  {
    fact: "extendedKeyUsage is for any purpose",
    section: "BR §7.1.2.7.10",
    profiles: WEB_PKI,
    roles: ["server"],
    isBroken: ({ extensions }) =>
      extensions.extendedKeyUsage?.includes(KeyPurpose.anyExtendedKeyUsage) === true,
  },
  {
    fact: "a root has an extendedKeyUsage",
    section: "BR §7.1.2.1.2",
    profiles: WEB_PKI,
    roles: ["anchor"],
    isBroken: ({ extensions }) => extensions.extendedKeyUsage !== undefined,
  },
  {
    fact: "authorityInfoAccess is malformed",
    section: "RFC 5280 §4.2.2.1",
    profiles: ALL,
    roles: BELOW_ANCHORS,
    isBroken: hasMalformedAccess,
  },
  {
    fact: "the RSA modulus is not of whole bytes",
    section: "BR §6.1.5",
    profiles: WEB_PKI,
    roles: EVERYONE,
    isBroken: ({ subjectPublicKeyInfo }) => rsaModulusBits(subjectPublicKeyInfo) % 8 !== 0,
  },
];
