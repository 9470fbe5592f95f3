import { equalBytes, latin1 } from "../bytes.ts";
import type { Certificate } from "./certificate.ts";
import { parseIpAddress, showIpAddress } from "./ip-address.ts";

/** Whom a certificate should be for. RFC 9525 §6.1. */
export type ReferenceName =
  | {
      readonly kind: "dns";
      /** ASCII in lower case, without a trailing dot. */
      readonly name: string;
    }
  | {
      readonly kind: "ip";
      /** 4 or 16. */
      readonly octets: Uint8Array;
    }
  | {
      /** The mailbox of a client. */
      readonly kind: "email";
      /** `local@host` in ASCII. */
      readonly address: string;
    };

/** @param serverName a DNS name as `normalizeServerName` gives it, or an IP address. */
export function readReferenceName(serverName: string): ReferenceName {
  const octets = parseIpAddress(serverName);
  return octets === null ? { kind: "dns", name: serverName } : { kind: "ip", octets };
}

/** The name as text, for messages. */
export function showReferenceName(reference: ReferenceName): string {
  if (reference.kind === "ip") return showIpAddress(reference.octets);
  return JSON.stringify(reference.kind === "dns" ? reference.name : reference.address);
}

/**
 * Whether a certificate is for `reference`. Only subjectAltName counts, never the common name, and only names of the reference's kind: a
 * dNSName that looks like an IP address is for nobody. RFC 9525 §6.2 to §6.5.
 */
export function matchesName({ extensions }: Certificate, reference: ReferenceName): boolean {
  for (const presented of extensions.subjectAltName ?? []) {
    if (reference.kind === "dns" && presented.kind === "dns") {
      if (matchesDnsName(presentedDnsName(presented.name), reference.name)) return true;
    } else if (reference.kind === "ip" && presented.kind === "ip") {
      if (equalBytes(presented.octets, reference.octets)) return true;
    } else if (reference.kind === "email" && presented.kind === "email") {
      if (matchesMailbox(latin1(presented.address), reference.address)) return true;
    }
  }
  return false;
}

/** A presented DNS name in lower case. Its bytes are ASCII. */
export function presentedDnsName(bytes: Uint8Array): string {
  return latin1(bytes).toLowerCase();
}

/**
 * Whether a DNS name of a certificate is a host name, or one behind `*.` that has two labels at least. Labels are letters, digits and
 * inner hyphens; underscores are let pass here, as hosts with them exist in private networks. The last label is not a number, so no
 * IPv4 address is one (RFC 9525 §6.2).
 */
export function isPresentedDnsName(name: string): boolean {
  return name.startsWith("*.") ? isHostName(name.slice(2)) && name.indexOf(".", 2) >= 0 : isHostName(name);
}

/** As {@link isPresentedDnsName}, without wildcards. */
export function isHostName(name: string): boolean {
  if (name.length > 253) return false;
  const labels = name.split(".");
  return labels.every(isLabel) && !/^[0-9]+$/.test(labels.at(-1) ?? "");
}

/** An e-mail address in its two parts. */
export interface Mailbox {
  /** What stands before the `@`, as it is written. */
  readonly local: string;
  /** In lower case. */
  readonly host: string;
}

/**
 * The parts of an e-mail address; null unless it is `local@host` with one `@`: RFC 5280 §4.2.1.6 has more of them in a quoted local part,
 * mail does not.
 */
export function readMailbox(address: string): Mailbox | null {
  const at = address.indexOf("@");
  const local = address.slice(0, at);
  const host = address.slice(at + 1).toLowerCase();
  return /^[!-~]{1,64}$/.test(local) && at > 0 && isHostName(host) ? { local, host } : null;
}

/**
 * `*` stands for exactly one label, and only as the whole left-most one of at least three: a wildcard for a top-level domain is none.
 *
 * @param presented in lower case. @param reference in lower case.
 */
function matchesDnsName(presented: string, reference: string): boolean {
  if (!isPresentedDnsName(presented)) return false;
  if (!presented.startsWith("*.")) return presented === reference;
  const dot = reference.indexOf(".");
  return dot > 0 && reference.slice(dot + 1) === presented.slice(2);
}

/** The host has no case, the part before it has. RFC 5280 §7.5. */
function matchesMailbox(presented: string, reference: string): boolean {
  const mailbox = readMailbox(presented);
  const wanted = readMailbox(reference);
  return mailbox !== null && mailbox.local === wanted?.local && mailbox.host === wanted.host;
}

function isLabel(label: string): boolean {
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label);
}
