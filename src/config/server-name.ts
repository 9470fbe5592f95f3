import { ConfigError } from "../errors.ts";
import { parseIpAddress } from "../x509/ip-address.ts";

/**
 * Checks a reference name and brings it into the form in which it is sent and compared: lower case, without a trailing dot.
 * IP addresses are names of their own kind and are returned as they are. RFC 6066 §3, RFC 9525 §6.
 *
 * @param option the option that the name was given in.
 * @throws {ConfigError} for an empty name, a label that is not letters, digits, hyphens and underscores, or one that is too long.
 */
export function normalizeServerName(name: string, option = "serverName"): string {
  if (isIpAddress(name)) return name.toLowerCase();
  const host = name.endsWith(".") ? name.slice(0, -1) : name;
  const labels = host.split(".");
  // In either case here, as toLowerCase() turns some letters that are not ASCII into some that are.
  const isHost =
    host.length <= 253 &&
    labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
  const [last = ""] = labels.slice(-1);
  if (!isHost || /^[0-9]+$/.test(last)) {
    throw new ConfigError(option, name, "a DNS name in ASCII (A-labels), or an IP address");
  }
  return host.toLowerCase();
}

/** Whether `name` is an IPv4 address in dotted decimals or an IPv6 address; those are not sent as SNI (RFC 6066 §3). */
export function isIpAddress(name: string): boolean {
  return parseIpAddress(name) !== null;
}
