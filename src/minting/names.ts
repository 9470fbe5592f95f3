import type { JsonGeneralName, Name } from "@peculiar/x509";
import { ConfigError } from "../errors.ts";
import { parseIpAddress, showIpAddress } from "../x509/ip-address.ts";
import { AttributeType } from "../x509/name-attributes.ts";
import { isPresentedDnsName, readMailbox } from "../x509/reference-name.ts";
import { x509 } from "./peculiar.ts";

/** What a certificate is used for: by servers, or by clients. */
export type CertificateUsage = "server" | "client";

/** Whom a certificate is for. */
export interface SubjectNames {
  /** Undefined for an empty subject. */
  readonly commonName: string | undefined;
  /** Each once, in the order given. */
  readonly alternative: readonly JsonGeneralName[];
}

/**
 * Checks the names that a certificate is to have.
 *
 * @param names DNS names, perhaps wildcards, and IP addresses; for clients mailboxes too.
 * @param commonName Default: the first of `names` that is short enough; none when they are all too long.
 * @throws {ConfigError} for a name that is none, for more than 1000, for none at all, and for the `commonName` of a server that is not among
 *   its names.
 */
export function checkNames(
  usage: CertificateUsage,
  names: readonly string[],
  commonName: string | undefined,
): SubjectNames {
  const alternative = uniqueNames(names.map((name) => parseName(usage, name)));
  if (alternative.length > NAME_LIMIT)
    throw new ConfigError("names", `${alternative.length} names`, `at most ${NAME_LIMIT}`);
  if (commonName === undefined) {
    if (alternative.length === 0) throw new ConfigError("names", names, "at least one name");
    return { commonName: firstShortEnough(alternative), alternative };
  }
  checkCommonName(commonName);
  if (usage === "server" && !alternative.some(({ value }) => value === commonName)) {
    throw new ConfigError("commonName", commonName, "one of the names, as they stand in the certificate");
  }
  return { commonName, alternative };
}

/** @throws {ConfigError} for a text that cannot be a commonName: RFC 5280 §A.1 bounds it, and control characters are in no one's name. */
export function checkCommonName(commonName: string): void {
  if (commonName === "" || !isShortEnough(commonName) || /[\p{Cc}\p{Cs}]/u.test(commonName)) {
    throw new ConfigError(
      "commonName",
      commonName,
      `1..${COMMON_NAME_LIMIT} characters without control characters`,
    );
  }
}

/** `commonName` as a DER Name, or the empty one. It is a UTF8String, as RFC 5280 §4.1.2.4 has it for new names. */
export function nameOf(commonName: string | undefined): Name {
  if (commonName === undefined) return new x509.Name([]);
  return new x509.Name([{ [AttributeType.commonName]: [{ utf8String: commonName }] }]);
}

/** `wanted` in the spelling of `names`, for the certificate of a server; nothing when it is not among them, or too long. */
export function commonNameAmong(
  names: readonly string[],
  wanted: string | undefined,
): { readonly commonName?: string } {
  const commonName = wanted?.toLowerCase();
  if (commonName === undefined || !isShortEnough(commonName) || !names.includes(commonName)) return {};
  return { commonName };
}

/** Whether a certificate may have `name` as a dNSName: a host name, perhaps behind `*.`, without underscores (RFC 5280 §4.2.1.6). */
export function isDnsName(name: string): boolean {
  return isPresentedDnsName(name) && !name.includes("_");
}

/** The longest list that our own decoder reads. */
const NAME_LIMIT = 1000;

/** `ub-common-name` of RFC 5280 §A.1, in characters. */
const COMMON_NAME_LIMIT = 64;

function parseName(usage: CertificateUsage, name: string): JsonGeneralName {
  const octets = parseIpAddress(name);
  if (octets !== null) return { type: "ip", value: showIpAddress(octets) };
  if (isDnsName(name)) return { type: "dns", value: name.toLowerCase() };
  if (usage === "client" && readMailbox(name) !== null) return { type: "email", value: name };
  const mailboxes = usage === "client" ? ", or mailboxes" : "";
  throw new ConfigError("names", name, `DNS names in ASCII (A-labels), IP addresses${mailboxes}`);
}

function uniqueNames(names: readonly JsonGeneralName[]): readonly JsonGeneralName[] {
  return Array.from(new Map(names.map((name) => [`${name.type}:${name.value}`, name])).values());
}

function firstShortEnough(names: readonly JsonGeneralName[]): string | undefined {
  return names.find(({ value }) => isShortEnough(value))?.value;
}

function isShortEnough(text: string): boolean {
  return Array.from(text).length <= COMMON_NAME_LIMIT;
}
