import { describe, expect, test } from "vitest";

import { isIpAddress, normalizeServerName } from "../../src/config/server-name.ts";
import { expectConfigError } from "./config-error.ts";

const label63 = "a".repeat(63);
const name253 = `${`${label63}.`.repeat(3)}${"b".repeat(61)}`;

describe("normalizeServerName", () => {
  test.each([
    ["server.example", "server.example"],
    ["localhost", "localhost"],
    ["Server.EXAMPLE", "server.example"],
    ["server.example.", "server.example"],
    ["a", "a"],
    ["1.example", "1.example"],
    ["1and1.example", "1and1.example"],
    ["3com", "3com"],
    ["a-b--c.example", "a-b--c.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["_dmarc.example", "_dmarc.example"],
    ["a_b.example", "a_b.example"],
    ["a_.example", "a_.example"],
    ["example.x1", "example.x1"],
    [`${label63}.example`, `${label63}.example`],
    [name253, name253],
    [`${name253}.`, name253],
  ])("takes the DNS name %j as %j", (name, normalized) => {
    expect(normalizeServerName(name)).toBe(normalized);
  });

  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::1", "::1"],
    ["::", "::"],
    ["2001:DB8::A", "2001:db8::a"],
    ["2001:db8:0:0:0:0:0:1", "2001:db8:0:0:0:0:0:1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7::"],
    ["::2:3:4:5:6:7:8", "::2:3:4:5:6:7:8"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:192.0.2.1"],
  ])("takes the IP address %j as %j", (name, normalized) => {
    expect(normalizeServerName(name)).toBe(normalized);
  });

  test.each([
    ["", "empty"],
    [".", "a dot"],
    ["..", "dots"],
    [".example", "an empty first label"],
    ["a..example", "an empty label"],
    ["server.example..", "two dots at the end"],
    ["-a.example", "a hyphen in front"],
    ["a-.example", "a hyphen at the end"],
    ["*.example", "a wildcard"],
    ["server.example:443", "a port"],
    ["https://server.example", "a URL"],
    ["user@server.example", "a user"],
    ["server example", "a blank"],
    [" server.example", "a blank in front"],
    ["server.example\n", "a line feed"],
    ["server.example\0", "a NUL"],
    ["b\u00fccher.example", "a U-label"],
    ["boo\u212a.example", "a Kelvin sign, which is k in lower case"],
    ["server\u3002example", "an ideographic full stop"],
    [`${label63}a.example`, "a label of 64 characters"],
    [`${name253}b`, "254 characters"],
    ["1", "a number"],
    ["192.0.2", "three numbers"],
    ["192.0.2.256", "a number above 255"],
    ["192.0.2.01", "a leading zero"],
    ["192.0.2.1.", "an IPv4 address with a dot behind it"],
    ["1.2.3.4.5", "five numbers"],
    ["server.example.1", "a last label that is a number"],
    ["[::1]", "brackets"],
    ["fe80::1%eth0", "a zone"],
    ["::1::", "two gaps"],
    ["1:2:3:4:5:6:7", "seven groups"],
    ["1:2:3:4:5:6:7:8:9", "nine groups"],
    ["1:2:3:4:5:6:7:8::", "a gap of nothing"],
    ["12345::", "a group of five digits"],
    [":1:2:3:4:5:6:7", "a colon in front"],
    ["1:2:3:4:5:6:7:", "a colon at the end"],
    ["1.2.3.4::", "an IPv4 part in front"],
    ["::1.2.3.4:5", "an IPv4 part in the middle"],
    ["::1.2.3", "three numbers at the end"],
    ["::1.2.3.256", "an IPv4 part that is none"],
  ])("refuses %j, for %s", (name) => {
    expectConfigError(() => normalizeServerName(name), {
      option: "serverName",
      value: JSON.stringify(name),
      allowed: "a DNS name in ASCII (A-labels), or an IP address",
    });
  });

  test("names the option that it was asked about", () => {
    expectConfigError(() => normalizeServerName("-", "sni"), {
      option: "sni",
      value: '"-"',
      allowed: "a DNS name in ASCII",
    });
  });
});

describe("isIpAddress", () => {
  test.each([
    ["192.0.2.1", true],
    ["::1", true],
    ["::FFFF:192.0.2.1", true],
    ["server.example", false],
    ["192.0.2.1.example", false],
    ["1.2.3.4::", false],
    ["", false],
    [":", false],
    [":::", false],
  ])("says of %j: %s", (name, expected) => {
    expect(isIpAddress(name)).toBe(expected);
  });
});
