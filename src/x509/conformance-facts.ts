import { TlsAlert } from "../alert.ts";
import { equalBytes, latin1 } from "../bytes.ts";
import { parsePublicKey } from "../crypto/public-key.ts";
import { bitLength } from "../der/integers.ts";
import { DerError, type DerReader, readDer } from "../der/reader.ts";
import type { Certificate } from "./certificate.ts";
import type { Extension } from "./certificate-extensions.ts";
import { showIpAddress } from "./ip-address.ts";
import { KeyUsageBit } from "./key-usage.ts";
import { AttributeType, relativeNamesOf } from "./name-attributes.ts";

/** Object identifiers of extensions. RFC 5280 §A.1, §A.2. */
export const ExtensionId = {
  subjectKeyIdentifier: "2.5.29.14",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  policyConstraints: "2.5.29.36",
  extKeyUsage: "2.5.29.37",
  inhibitAnyPolicy: "2.5.29.54",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
} as const;

/** Whether an extension is there and critical. */
export function isCritical(certificate: Certificate, id: string): boolean {
  return extensionOf(certificate, id)?.critical === true;
}

/** Whether an extension is there and not critical. */
export function isNotCritical(certificate: Certificate, id: string): boolean {
  return extensionOf(certificate, id)?.critical === false;
}

/** Whether a DER Name is `SEQUENCE {}`. */
export function isEmptyName(name: Uint8Array): boolean {
  return name.length === 2;
}

/** Whether subject and issuer are the same. RFC 5280 §6.1. */
export function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return equalBytes(subject, issuer);
}

/** Whether basicConstraints says so. */
export function isAuthority({ extensions }: Certificate): boolean {
  return extensions.basicConstraints?.isCa === true;
}

/** Whether keyUsage says so. */
export function maySignCertificates({ extensions: { keyUsage } }: Certificate): boolean {
  return keyUsage !== undefined && (keyUsage & KeyUsageBit.keyCertSign) !== 0;
}

/**
 * Whether a commonName looks like a host and is none of subjectAltName: no copy of a dNSName, and no iPAddress in its one spelling. Other
 * common names, `mail server 1`, break the letter of BR §7.1.4.3 and are let pass, since no program takes them for a host.
 */
export function hasForeignCommonName({ subject, extensions }: Certificate): boolean {
  const hosts = relativeNamesOf(subject)
    .flat()
    .flatMap(({ type, value }) => (type === AttributeType.commonName ? [latin1(value)] : []))
    .filter(looksLikeHost);
  if (hosts.length === 0) return false;
  const names = new Set(
    (extensions.subjectAltName ?? []).map((name) => {
      if (name.kind === "dns") return latin1(name.name);
      return name.kind === "ip" ? showIpAddress(name.octets) : undefined;
    }),
  );
  return hosts.some((host) => !names.has(host));
}

/** Whether there is an authorityInfoAccess that is not of the form that it must have. */
export function hasMalformedAccess(certificate: Certificate): boolean {
  const extension = extensionOf(certificate, ExtensionId.authorityInfoAccess);
  return extension !== undefined && !isDer(extension.value, readAccessDescriptions);
}

/** Bits of the modulus; 0 for other keys, and for those that are not supported, which is another fault. */
export function rsaModulusBits(subjectPublicKeyInfo: Uint8Array): number {
  try {
    const key = parsePublicKey(subjectPublicKeyInfo);
    return key.keyType === "rsa" || key.keyType === "rsa-pss" ? bitLength(key.modulus) : 0;
  } catch (error) {
    if (error instanceof TlsAlert) return 0;
    throw error;
  }
}

function extensionOf({ extensions }: Certificate, id: string): Extension | undefined {
  return extensions.all.find(({ oid }) => oid === id);
}

/** With dots or colons, or as a number, which some programs read as an IPv4 address. */
function looksLikeHost(text: string): boolean {
  return /[.:]/.test(text) || /^(0x[0-9a-f]+|[0-9]+)$/i.test(text);
}

/** `AuthorityInfoAccessSyntax ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }` */
function readAccessDescriptions(reader: DerReader): void {
  reader.sequence((list) => {
    do {
      list.sequence((description) => {
        description.objectIdentifierBytes();
        const tag = description.nextTag ?? 0;
        description.skip();
        if ((tag & 0xc0) !== 0x80) throw description.error("it is no GeneralName");
      });
    } while (!list.isAtEnd);
  });
}

function isDer(bytes: Uint8Array, read: (reader: DerReader) => void): boolean {
  try {
    readDer(bytes, read);
    return true;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}
