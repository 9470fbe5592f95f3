import { TlsAlert } from "../alert.ts";
import { latin1 } from "../bytes.ts";
import { nobleSignatureVerifiers } from "../crypto/noble.ts";
import { parsePublicKey } from "../crypto/public-key.ts";
import { bitLength } from "../der/integers.ts";
import { type DerReader, readDer } from "../der/reader.ts";
import { contextConstructed, DerTag } from "../der/tags.ts";
import { ConfigError } from "../errors.ts";
import { signatureSchemeOf } from "../x509/algorithms.ts";
import { type CertificateExtensions, readExtensions } from "../x509/certificate-extensions.ts";
import { readName } from "../x509/distinguished-name.ts";
import type { GeneralName } from "../x509/general-name.ts";
import { showIpAddress } from "../x509/ip-address.ts";
import { decodeAll } from "../x509/pem-or-der.ts";
import { commonNameIn } from "./common-name.ts";

/** What somebody who holds a key asks for. */
export interface RequestedSubject {
  /** DER; the key is one that certificates may have. */
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly commonName: string | undefined;
  /** Those of subjectAltName, as text; what they are is not checked. */
  readonly names: readonly string[];
}

/**
 * Reads a certification request and checks that the key in it has signed it.
 *
 * @param request PEM text with one CERTIFICATE REQUEST block, or DER.
 * @throws {ConfigError} for anything else, and for a key or an algorithm that is not supported.
 */
export async function readRequest(request: string | Uint8Array): Promise<RequestedSubject> {
  const [signed, ...others] = decodeAll("request", request, "CERTIFICATE REQUEST", decodeRequest);
  if (signed === undefined || others.length > 0)
    throw new ConfigError("request", `${1 + others.length} requests`, "one CERTIFICATE REQUEST");
  await checkSignature(signed);
  return {
    subjectPublicKeyInfo: signed.subjectPublicKeyInfo,
    commonName: commonNameIn(signed.subject),
    names: signed.names.map(showGeneralName),
  };
}

/** A decoded CertificationRequest. All bytes are views of it. */
interface SignedRequest {
  /** The whole DER CertificationRequestInfo, which {@link signature} signs. */
  readonly info: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
  readonly subject: Uint8Array;
  readonly subjectPublicKeyInfo: Uint8Array;
  readonly names: readonly GeneralName[];
}

/**
 *     CertificationRequest ::= SEQUENCE {      -- RFC 2986 §4.2
 *       certificationRequestInfo CertificationRequestInfo,
 *       signatureAlgorithm       AlgorithmIdentifier,
 *       signature                BIT STRING }
 */
function decodeRequest(der: Uint8Array): SignedRequest {
  return readDer(der, (outer) =>
    outer.sequence((request) => {
      const fields = request.sequence(readRequestInfo);
      const info = request.lastElement();
      const signatureAlgorithm = request.element(DerTag.SEQUENCE);
      return { info, signatureAlgorithm, signature: request.bitStringBytes(), ...fields };
    }),
  );
}

/**
 *     CertificationRequestInfo ::= SEQUENCE {  -- RFC 2986 §4.1
 *       version       INTEGER { v1(0) },
 *       subject       Name,
 *       subjectPKInfo SubjectPublicKeyInfo,
 *       attributes    [0] IMPLICIT SET OF Attribute }
 */
function readRequestInfo(info: DerReader) {
  info.smallInteger(0);
  const subject = readName(info);
  const subjectPublicKeyInfo = info.element(DerTag.SEQUENCE);
  const extensions = info.nested(contextConstructed(0), readAttributes);
  return { subject, subjectPublicKeyInfo, names: extensions?.subjectAltName ?? [] };
}

/**
 * What the attribute extensionRequest (RFC 2985 §5.4.2) holds, if it is there; others are passed over.
 *
 *     Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET SIZE (1..MAX) OF ANY }
 */
function readAttributes(attributes: DerReader): CertificateExtensions | undefined {
  let extensions: CertificateExtensions | undefined;
  while (!attributes.isAtEnd) {
    attributes.sequence((attribute) => {
      if (attribute.objectIdentifier() !== EXTENSION_REQUEST) return attribute.skip(DerTag.SET);
      if (extensions !== undefined) throw attribute.error("extensionRequest occurs twice");
      extensions = attribute.set(readExtensions);
    });
  }
  return extensions;
}

const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";

/** Proof that whoever asks holds the key. RFC 2986 §3. */
async function checkSignature(request: SignedRequest): Promise<void> {
  const { subjectPublicKeyInfo, signatureAlgorithm, info, signature } = request;
  try {
    const key = parsePublicKey(subjectPublicKeyInfo);
    if ("modulus" in key && bitLength(key.modulus) % 8 !== 0)
      throw new ConfigError(
        "request",
        `RSA modulus of ${bitLength(key.modulus)} bits`,
        "whole bytes (BR §6.1.5)",
      );
    const scheme = signatureSchemeOf(signatureAlgorithm, key.keyType);
    const verifier = nobleSignatureVerifiers.find(({ id }) => id === scheme);
    if (verifier === undefined)
      throw new ConfigError("request", "a signature", `algorithms for certificates with ${key.keyType} keys`);
    if (!(await verifier.verify(subjectPublicKeyInfo, info, signature)))
      throw new ConfigError("request", "a signature that does not verify", "one of the key in the request");
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    const refusal = new ConfigError("request", error.message, "keys that certificates may have");
    refusal.cause = error;
    throw refusal;
  }
}

function showGeneralName(name: GeneralName): string {
  if (name.kind === "dns") return latin1(name.name);
  if (name.kind === "ip") return showIpAddress(name.octets);
  if (name.kind === "email") return latin1(name.address);
  throw new ConfigError("request", `a name of kind ${name.kind}`, "DNS names, IP addresses, mailboxes");
}
