import { isIPv6 } from "node:net";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { parseIpAddress, showIpAddress } from "../../src/x509/ip-address.ts";
import { fromHex } from "../support/hex.ts";

const hexOf = (text: string): string | undefined => {
  const octets = parseIpAddress(text);
  return octets === null ? undefined : hex(octets);
};

describe("parseIpAddress", () => {
  test.each([
    ["192.0.2.1", "c0000201"],
    ["0.0.0.0", "00000000"],
    ["255.255.255.255", "ffffffff"],
    ["::", "00".repeat(16)],
    ["::1", `${"00".repeat(15)}01`],
    ["1::", `0001${"00".repeat(14)}`],
    ["2001:DB8::8a2e:370:7334", "20010db80000000000008a2e03707334"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["1:2:3:4:5:6:192.0.2.1", "000100020003000400050006c0000201"],
  ])("reads %s", (text, octets) => {
    expect(hexOf(text)).toBe(octets);
  });

  test.each([
    ["an empty text", ""],
    ["a host name", "example.com"],
    ["a number", "3232235777"],
    ["two parts, which inet_aton takes", "127.1"],
    ["five parts", "1.2.3.4.5"],
    ["a part above 255", "1.2.3.256"],
    ["leading zeros, which some programs take for octal", "192.168.001.001"],
    ["hexadecimal parts", "0x7f.0.0.1"],
    ["an empty part", "1..2.3"],
    ["a space", " 1.2.3.4"],
    ["digits that are not ASCII", "１.2.3.4"],
    ["a colon", ":"],
    ["three colons", ":::"],
    ["two gaps", "1::2::3"],
    ["a gap for nothing", "1:2:3:4::5:6:7:8"],
    ["seven groups", "1:2:3:4:5:6:7"],
    ["nine groups", "1:2:3:4:5:6:7:8:9"],
    ["a group of five digits", "::12345"],
    ["a group of another alphabet", "::g"],
    ["a leading single colon", ":1:2:3:4:5:6:7"],
    ["a trailing single colon", "1:2:3:4:5:6:7:"],
    ["IPv4 in front", "192.0.2.1::"],
    ["IPv4 in the middle", "::192.0.2.1:1"],
    ["IPv4 with a wrong part at the end", "::ffff:192.0.2.256"],
    ["a zone", "fe80::1%eth0"],
    ["brackets", "[::1]"],
    ["a prefix length", "::1/128"],
  ])("refuses %s", (_name, text) => {
    expect(parseIpAddress(text)).toBeNull();
  });
});

describe("showIpAddress", () => {
  test.each([
    ["c0000201", "192.0.2.1"],
    ["00".repeat(16), "::"],
    [`${"00".repeat(15)}01`, "::1"],
    ["20010db8000000000000000000000001", "2001:db8::1"],
    // RFC 5952 §4.2.2: one group of zeros is not shortened.
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    // §4.2.3: the longest run, and of two the first.
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["00010000000000000000000000000000", "1::"],
    // §4.3: lower case.
    ["abcdef0123456789abcdef0123456789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"],
  ])("shows %s as %s, which is read as the same", (octets, text) => {
    expect(showIpAddress(fromHex(octets))).toBe(text);
    expect(hexOf(text)).toBe(octets);
  });

  test("shows what Node takes for an address too, for all patterns of zero groups", () => {
    for (let pattern = 0; pattern < 256; pattern++) {
      const octets = Uint8Array.from({ length: 16 }, (_, i) => ((pattern >> (i >> 1)) & 1) * 0x1f);
      const text = showIpAddress(octets);
      expect(isIPv6(text), text).toBe(true);
      expect(hexOf(text)).toBe(hex(octets));
    }
  });
});
