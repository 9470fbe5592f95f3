/**
 * The octets of an IP address: 4 for IPv4 in dotted decimals without leading zeros, 16 for IPv6 (RFC 4291 §2.2); null for any other text.
 */
export function parseIpAddress(text: string): Uint8Array | null {
  const octets = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  return octets === null ? null : Uint8Array.from(octets);
}

/** The one text that an IP address should have: dotted decimals for 4 octets, and for 16 what RFC 5952 §4 says. */
export function showIpAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join(".");
  const groups: number[] = [];
  for (let i = 0; i + 1 < octets.length; i += 2) groups.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0));
  const { start, length } = longestZeros(groups);
  const show = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  // §4.2.2: a single group of zeros is not shortened.
  if (length < 2) return show(groups);
  return `${show(groups.slice(0, start))}::${show(groups.slice(start + length))}`;
}

function parseIpv4(text: string): readonly number[] | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const octets = parts.map((part) => (/^(0|[1-9][0-9]{0,2})$/.test(part) ? Number(part) : 256));
  return octets.every((octet) => octet <= 255) ? octets : null;
}

function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split("::");
  const [left = "", right] = halves;
  if (halves.length > 2) return null;
  const front = parseGroups(left, right === undefined);
  const back = right === undefined ? [] : parseGroups(right, true);
  if (front === null || back === null) return null;
  const missing = 16 - front.length - back.length;
  // "::" stands for one group of zeros at least.
  if (right === undefined ? missing !== 0 : missing < 2) return null;
  return [...front, ...Array<number>(missing).fill(0), ...back];
}

/** @param isLast whether an IPv4 address may stand at the end. */
function parseGroups(text: string, isLast: boolean): readonly number[] | null {
  if (text === "") return [];
  const octets: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const ipv4 = isLast && index === groups.length - 1 ? parseIpv4(group) : null;
    if (ipv4 !== null) {
      octets.push(...ipv4);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
      const value = Number.parseInt(group, 16);
      octets.push(value >>> 8, value & 0xff);
    }
  }
  return octets;
}

/** The first of the longest runs of zeros. RFC 5952 §4.2.3. */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > longest.length) longest = { start, length: end - start };
  }
  return longest;
}
