import { ConfigError } from "../errors.ts";

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
  return isIpv4(name) || isIpv6(name);
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255)
  );
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(":")) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const tail = text.slice(text.lastIndexOf(":") + 1);
  const endsInIpv4 = isIpv4(tail);
  const hexGroups = endsInIpv4 ? groups.slice(0, -1) : groups;
  const count = hexGroups.length + (endsInIpv4 ? 2 : 0);
  return (
    hexGroups.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) &&
    (halves.length === 2 ? count < 8 : count === 8)
  );
}
