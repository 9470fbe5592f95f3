import { TlsAlert } from "../alert.ts";
import { latin1 } from "../bytes.ts";
import type { KeyType } from "../crypto/provider.ts";
import { parsePublicKey } from "../crypto/public-key.ts";
import type { CertificateFault } from "./certificate-error.ts";
import type { Certificate } from "./certificate.ts";
import { type Conformance, nonconformity, type PathRole } from "./conformance.ts";
import { showName } from "./distinguished-name.ts";
import { KeyPurpose, KeyUsageBit, purposeOfRole } from "./key-usage.ts";
import { matchesName, type ReferenceName, showReferenceName } from "./reference-name.ts";

/** What is wrong with a certificate. */
export interface Finding {
  readonly fault: CertificateFault;
  /** The fact, with its values. */
  readonly detail: string;
}

/** What the rules for single certificates depend on. */
export interface RuleContext {
  /** Since 1970. */
  readonly nowSeconds: number;
  /** The role of whoever shows the leaf. */
  readonly purpose: "server" | "client";
  /** Whom the leaf must be for; null when that does not matter. */
  readonly reference: ReferenceName | null;
  readonly conformance: Conformance;
}

/** What is wrong with a leaf by itself. RFC 5280 §6.1.3, RFC 8446 §4.4.2.2. */
export function findLeafFault(leaf: Certificate, context: RuleContext): Finding | undefined {
  const { purpose, reference, conformance } = context;
  const { keyUsage, extendedKeyUsage } = leaf.extensions;
  const common = findCommonFault(leaf, context);
  if (common !== undefined) return common;
  if (keyUsage !== undefined && (keyUsage & KeyUsageBit.digitalSignature) === 0)
    return { fault: "wrong-usage", detail: "keyUsage does not permit digital signatures" };
  // anyExtendedKeyUsage does not count here: what is good for anything was meant for nothing in particular.
  if (extendedKeyUsage !== undefined && !extendedKeyUsage.includes(purposeOfRole[purpose]))
    return { fault: "wrong-usage", detail: `extendedKeyUsage does not allow a ${purpose}` };
  if (reference !== null && !matchesName(leaf, reference))
    return { fault: "wrong-name", detail: `it is not for ${showReferenceName(reference)}` };
  return findNonconformity(leaf, purpose, conformance);
}

/** What keeps a certificate from being that of an authority, whatever the path below it is. RFC 5280 §6.1.4 (k) to (o). */
export function findAuthorityFault(
  authority: Certificate,
  role: "intermediate" | "anchor",
  context: RuleContext,
): Finding | undefined {
  const { basicConstraints, keyUsage, extendedKeyUsage } = authority.extensions;
  const common = findCommonFault(authority, context);
  if (common !== undefined) return common;
  // Version 1 has no extensions to say it with: that it is an anchor says it.
  if (basicConstraints?.isCa !== true && !(role === "anchor" && authority.version === 1))
    return { fault: "not-an-authority", detail: "basicConstraints does not say that it is an authority" };
  if (keyUsage !== undefined && (keyUsage & KeyUsageBit.keyCertSign) === 0)
    return { fault: "not-an-authority", detail: "keyUsage does not permit to sign certificates" };
  const purposes = [purposeOfRole[context.purpose], KeyPurpose.anyExtendedKeyUsage];
  if (extendedKeyUsage !== undefined && !purposes.some((purpose) => extendedKeyUsage.includes(purpose)))
    return {
      fault: "wrong-usage",
      detail: `extendedKeyUsage does not allow to issue for a ${context.purpose}`,
    };
  return findNonconformity(authority, role, context.conformance);
}

/** The type of the key in a certificate, or what is wrong with the key. */
export function readKeyType({ subjectPublicKeyInfo }: Certificate): KeyType | Finding {
  try {
    return parsePublicKey(subjectPublicKeyInfo).keyType;
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    return { fault: "unsupported-key", detail: error.fact };
  }
}

/** Whose certificate it is, for messages: the subject, or the first DNS name where that is empty. */
export function showSubject({ subject, extensions }: Certificate): string {
  const text = showName(subject);
  if (text !== "") return text;
  const name = extensions.subjectAltName?.find(({ kind }) => kind === "dns");
  return name?.kind === "dns" ? JSON.stringify(latin1(name.name.subarray(0, 253))) : "(no name)";
}

/** A time as RFC 3339 has it. @param seconds since 1970. */
export function showTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** What must hold of every certificate in a path. */
function findCommonFault(certificate: Certificate, { nowSeconds }: RuleContext): Finding | undefined {
  const { notBeforeSeconds, notAfterSeconds, extensions } = certificate;
  // Written so that a clock that gives NaN refuses everything. Both ends belong to the time of validity (RFC 5280 §4.1.2.5).
  if (!(nowSeconds >= notBeforeSeconds))
    return { fault: "not-yet-valid", detail: `notBefore ${showTime(notBeforeSeconds)}` };
  if (!(nowSeconds <= notAfterSeconds))
    return { fault: "expired", detail: `notAfter ${showTime(notAfterSeconds)}` };
  const [unknown] = extensions.unknownCritical;
  if (unknown !== undefined)
    return { fault: "unknown-critical-extension", detail: `the critical extension ${unknown} is not known` };
  const keyType = readKeyType(certificate);
  return typeof keyType === "string" ? undefined : keyType;
}

function findNonconformity(
  certificate: Certificate,
  role: PathRole,
  conformance: Conformance,
): Finding | undefined {
  const detail = nonconformity(certificate, role, conformance);
  return detail === null ? undefined : { fault: "nonconforming", detail };
}
