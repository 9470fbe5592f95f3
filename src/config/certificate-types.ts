import { ConfigError } from "../errors.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import type { Credential } from "./credential.ts";

/** What there is without a word about it. */
export const DEFAULT_CERTIFICATE_TYPES: readonly CertificateTypeName[] = Object.freeze(["x509"] as const);

const NAMES: readonly CertificateTypeName[] = ["x509", "raw-public-key"];

/** @throws {ConfigError} for anything but a list with at least one type, each once. */
export function checkCertificateTypes(
  option: string,
  given: readonly CertificateTypeName[] | undefined,
): readonly CertificateTypeName[] {
  if (given === undefined) return DEFAULT_CERTIFICATE_TYPES;
  const isUsable =
    Array.isArray(given) &&
    given.length > 0 &&
    given.every((name) => NAMES.includes(name)) &&
    new Set(given).size === given.length;
  if (!isUsable) throw new ConfigError(option, given, `at least one of ${NAMES.join(", ")}, each once`);
  return [...given];
}

/** The type of what a credential shows. */
export function certificateTypeOf({ certificateType = "x509" }: Credential): CertificateTypeName {
  return certificateType;
}

/** The types of `credentials`, in their order. */
export function certificateTypesOf(credentials: readonly Credential[]): readonly CertificateTypeName[] {
  if (credentials.length === 0) return DEFAULT_CERTIFICATE_TYPES;
  return [...new Set(credentials.map(certificateTypeOf))];
}
