import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import {
  derSequence,
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
} from "../../src/der/writer.ts";
import { DerTag } from "../../src/der/tags.ts";
import type { Awaitable } from "../../src/awaitable.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { CertificateError } from "../../src/x509/certificate-error.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import { findPath, type PathQuestion } from "../../src/x509/path.ts";
import { readReferenceName } from "../../src/x509/reference-name.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { ascii } from "../../src/bytes.ts";
import {
  buildCertificate,
  buildValidity,
  type CertificateFields,
  commonName,
  extension,
  ExtensionId,
  generalName,
} from "./certificate-builder.ts";

/** When the certificates of {@link issue} are all valid, in seconds since 1970. */
export const NOW_SECONDS = Date.UTC(2026, 5, 1) / 1000;

/** The algorithms of {@link testKey}. */
export type TestKeyKind = "P-256" | "P-384" | "P-521" | "Ed25519" | "RSA-2048" | "RSA-1024" | "RSA-2052";

/** A private key with what certificates say of it. */
export interface TestKey {
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly keyIdentifier: Uint8Array;
  /** The AlgorithmIdentifier of its signatures. */
  readonly algorithm: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
}

/** The hash and the object identifier of a key's signatures. */
function signatureOf(kind: TestKeyKind): readonly [hash: string | null, oid: string] {
  if (kind === "P-256") return ["sha256", "1.2.840.10045.4.3.2"];
  if (kind === "P-384") return ["sha384", "1.2.840.10045.4.3.3"];
  if (kind === "P-521") return ["sha512", "1.2.840.10045.4.3.4"];
  return kind === "Ed25519" ? [null, "1.3.101.112"] : ["sha256", "1.2.840.113549.1.1.11"];
}

/** A new key. */
export function testKey(kind: TestKeyKind = "P-256"): TestKey {
  const { publicKey, privateKey } = keyPair(kind);
  const [hash, oid] = signatureOf(kind);
  const subjectPublicKeyInfo = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  return {
    subjectPublicKeyInfo,
    keyIdentifier: new Uint8Array(createHash("sha1").update(subjectPublicKeyInfo).digest()),
    algorithm: derSequence(derObjectIdentifier(oid), ...(kind.startsWith("RSA") ? [derNull()] : [])),
    sign: (message) => new Uint8Array(sign(hash, message, privateKey)),
  };
}

function keyPair(kind: TestKeyKind): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  if (kind === "Ed25519") return generateKeyPairSync("ed25519");
  if (kind.startsWith("RSA")) return generateKeyPairSync("rsa", { modulusLength: Number(kind.slice(4)) });
  return generateKeyPairSync("ec", { namedCurve: kind });
}

/** The extensions of a certificate by name, as DER values, with those that are to be critical marked. */
export type Extensions = Readonly<
  Partial<Record<keyof typeof ExtensionId | `${number}.${string}`, ExtensionValue>>
>;
/** Null: not there. */
export type ExtensionValue = { readonly value: Uint8Array; readonly critical?: boolean } | null;

/** What a certificate is to be like; what is left out conforms to all profiles. */
export interface IssueOptions {
  /** Default: the certificate itself. */
  readonly issuer?: Issued;
  /** A common name, or a DER Name. */
  readonly subject?: string | Uint8Array;
  readonly key?: TestKey;
  /** What really signs, in place of the issuer's key. */
  readonly signer?: TestKey;
  /** As UTCTime or GeneralizedTime has it. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly extensions?: Extensions;
  /** Elements of the certificate as {@link buildCertificate} takes them. */
  readonly fields?: Partial<CertificateFields>;
}

/** A certificate with its key. */
export interface Issued {
  readonly certificate: Certificate;
  readonly der: Uint8Array;
  readonly name: Uint8Array;
  readonly key: TestKey;
}

let serial = 1;

/** A certificate that is signed. */
export function issue(options: IssueOptions): Issued {
  const { issuer, key = testKey(), subject = "example.com", extensions = {}, fields = {} } = options;
  const name = typeof subject === "string" ? commonName(subject) : subject;
  const signer = options.signer ?? issuer?.key ?? key;
  const list = Object.entries(extensions).flatMap(([id, item]) =>
    item === null || item === undefined
      ? []
      : [extension(ExtensionId[id as keyof typeof ExtensionId] ?? id, item.value, item.critical)],
  );
  const content: Partial<CertificateFields> = {
    serialNumber: derInteger(serial++),
    innerAlgorithm: signer.algorithm,
    issuer: issuer?.name ?? name,
    validity: buildValidity(options.notBefore ?? "260101000000Z", options.notAfter ?? "270101000000Z"),
    subject: name,
    subjectPublicKeyInfo: key.subjectPublicKeyInfo,
    ...(list.length === 0 ? {} : { extensions: derExplicit(3, derSequence(...list)) }),
    ...fields,
  };
  const { tbs } = decodeCertificate(buildCertificate(content));
  const der = buildCertificate({ ...content, signature: derBitString(signer.sign(tbs)) });
  return { certificate: decodeCertificate(der), der, name, key };
}

/** A root that conforms to all profiles, except where `options` changes that. */
export function issueRoot(options: IssueOptions = {}): Issued {
  const { key = testKey(), extensions } = options;
  const own: Extensions = {
    basicConstraints: basicConstraints(true),
    keyUsage: keyUsage("keyCertSign", "cRLSign"),
    subjectKeyIdentifier: { value: derOctetString(key.keyIdentifier) },
  };
  return issue({ subject: "root", ...options, key, extensions: { ...own, ...extensions } });
}

/** As {@link issueRoot}, an authority below `issuer`. */
export function issueAuthority(issuer: Issued, options: Omit<IssueOptions, "issuer"> = {}): Issued {
  const { extensions } = options;
  const own = { authorityKeyIdentifier: authorityKeyIdentifier(issuer) };
  return issueRoot({ subject: "authority", ...options, issuer, extensions: { ...own, ...extensions } });
}

/** As {@link issueRoot}, a server's certificate for `example.com` below `issuer`. */
export function issueLeaf(issuer: Issued, options: Omit<IssueOptions, "issuer"> = {}): Issued {
  const { extensions } = options;
  const own: Extensions = {
    authorityKeyIdentifier: authorityKeyIdentifier(issuer),
    keyUsage: keyUsage("digitalSignature"),
    extKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.1"),
    subjectAltName: subjectAltName(dnsName("example.com")),
  };
  return issue({ ...options, issuer, extensions: { ...own, ...extensions } });
}

/** A question about `leaf`, which is for `example.com`, with noble's verifiers and the default limits. */
export function questionAbout(
  leaf: Issued,
  anchors: readonly Issued[],
  others: readonly Issued[] = [],
  changes: Partial<PathQuestion> = {},
): PathQuestion {
  return {
    leaf: leaf.certificate,
    others: others.map(({ certificate }) => certificate),
    anchors: new TrustAnchors(anchors.map(({ der }) => der)),
    nowSeconds: NOW_SECONDS,
    purpose: "server",
    reference: readReferenceName("example.com"),
    verifiers: nobleSignatureVerifiers,
    limits: defaultPathLimits,
    conformance: "web-pki",
    ...changes,
  };
}

/** The path that is found at once. */
export function pathOf(question: PathQuestion): readonly Certificate[] {
  return requireValue(findPath(question));
}

/** The error with which there is no path. Anything else is thrown on. */
export function refusalOf(question: PathQuestion): CertificateError {
  try {
    requireValue(findPath(question));
  } catch (error) {
    if (error instanceof CertificateError) return error;
    throw error;
  }
  throw new Error("there is a path");
}

function requireValue<T>(value: Awaitable<T>): T {
  if (typeof value === "object" && value !== null && "then" in value) throw new Error("it is a promise");
  return value;
}

/** BasicConstraints, critical. */
export function basicConstraints(isCa: boolean, pathLength?: number): ExtensionValue {
  const limit = pathLength === undefined ? [] : [derInteger(pathLength)];
  return { value: derSequence(...(isCa ? [derBoolean(true)] : []), ...limit), critical: true };
}

const USAGES = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;

/** Some of the bits of keyUsage. */
export type Usage = keyof typeof USAGES;

/** KeyUsage, critical. */
export function keyUsage(...usages: readonly Usage[]): ExtensionValue {
  const bits = usages.reduce((sum, usage) => sum | (0x80 >> USAGES[usage]), 0);
  const unused = Math.log2(bits & -bits);
  return { value: derBitString(Uint8Array.of(bits), unused), critical: true };
}

/** ExtKeyUsage of purposes in dotted decimal. */
export function extendedKeyUsage(...purposes: readonly string[]): ExtensionValue {
  return { value: derSequence(...purposes.map(derObjectIdentifier)) };
}

/** AuthorityKeyIdentifier that names the key of `issuer`. */
export function authorityKeyIdentifier({ key }: Issued): ExtensionValue {
  return { value: derSequence(derElement(0x80, key.keyIdentifier)) };
}

/** SubjectAltName of GeneralNames. */
export function subjectAltName(...names: readonly Uint8Array[]): ExtensionValue {
  return { value: derSequence(...names) };
}

/** GeneralName `dNSName`. */
export function dnsName(name: string): Uint8Array {
  return generalName(2, name);
}

/** GeneralName `rfc822Name`. */
export function emailName(address: string): Uint8Array {
  return generalName(1, address);
}

/** GeneralName `iPAddress`: octets, and in a subtree those of a mask too. */
export function ipName(...octets: readonly number[]): Uint8Array {
  return generalName(7, Uint8Array.from(octets));
}

/** GeneralName `directoryName`. */
export function directoryName(name: Uint8Array): Uint8Array {
  return derElement(0xa4, name);
}

/** GeneralName `otherName` with a UTF8String. */
export function otherName(oid: string, text: string): Uint8Array {
  return derElement(
    0xa0,
    derObjectIdentifier(oid),
    derExplicit(0, derElement(DerTag.UTF8String, ascii(text))),
  );
}

/** NameConstraints of GeneralNames, critical. */
export function nameConstraints(lists: {
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
}): ExtensionValue {
  const subtrees = (tag: number, names: readonly Uint8Array[] = []): readonly Uint8Array[] =>
    names.length === 0 ? [] : [derElement(tag, ...names.map((name) => derSequence(name)))];
  return {
    value: derSequence(...subtrees(0xa0, lists.permitted), ...subtrees(0xa1, lists.excluded)),
    critical: true,
  };
}
