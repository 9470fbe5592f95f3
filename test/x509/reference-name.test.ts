import { describe, expect, test } from "vitest";

import { matchesName, readReferenceName, showReferenceName } from "../../src/x509/reference-name.ts";
import {
  directoryName,
  dnsName,
  emailName,
  ipName,
  issue,
  issueLeaf,
  issueRoot,
  otherName,
  subjectAltName,
} from "./issuing.ts";
import { commonName, generalName } from "./certificate-builder.ts";

const root = issueRoot();

/** Whether a certificate with these GeneralNames is for the name. */
function isFor(name: string, ...names: readonly Uint8Array[]): boolean {
  const { certificate } = issueLeaf(root, { extensions: { subjectAltName: subjectAltName(...names) } });
  return matchesName(certificate, readReferenceName(name));
}

describe("rule 4: names", () => {
  test.each([
    ["example.com", "example.com"],
    ["example.com", "EXAMPLE.com"],
    ["xn--bcher-kva.example", "XN--BCHER-KVA.example"],
    ["my_service", "my_service"],
    ["localhost", "localhost"],
    ["a.example.com", "*.example.com"],
    ["a.example.com", "*.EXAMPLE.com"],
    ["xn--bcher-kva.example.com", "*.example.com"],
    ["1.example.com", "1.example.com"],
    [`${"a".repeat(63)}.example`, `${"a".repeat(63)}.example`],
  ])("%s is matched by the dNSName %s", (reference, presented) => {
    expect(isFor(reference, dnsName(presented))).toBe(true);
  });

  test.each([
    ["another name", "example.com", "example.org"],
    ["a name above", "a.example.com", "example.com"],
    ["a name below", "example.com", "a.example.com"],
    ["a name that ends the same", "badexample.com", "example.com"],
    ["an absolute name", "example.com", "example.com."],
    ["a leading dot", "a.example.com", ".example.com"],
    ["an empty name", "example.com", ""],
    ["white space", "example.com", "example.com "],
    ["a list", "example.com", "example.com,example.org"],
    ["a URL", "example.com", "https://example.com"],
    ["a label with a leading hyphen", "-a.example.com", "-a.example.com"],
    ["a label of 64 letters", `${"a".repeat(64)}.example`, `${"a".repeat(64)}.example`],
    ["a name of 254 letters", `${"a.".repeat(126)}aa`, `${"a.".repeat(126)}aa`],
    ["two labels for a wildcard", "a.b.example.com", "*.example.com"],
    ["no label for a wildcard", "example.com", "*.example.com"],
    ["an empty label for a wildcard", ".example.com", "*.example.com"],
    ["a wildcard that is part of a label", "baz.example.com", "ba*.example.com"],
    ["a wildcard in an A-label", "xn--bliss-1b3c148a.example.com", "xn--*-1b3c148a.example.com"],
    ["a wildcard that is not the first label", "foo.bar.example.com", "foo.*.example.com"],
    ["two wildcards", "a.b.example.com", "*.*.example.com"],
    ["a wildcard for a top-level domain", "example.com", "*.com"],
    ["a wildcard alone", "localhost", "*"],
    ["a wildcard with a dot", "localhost", "*."],
  ])("%s is no match", (_name, reference, presented) => {
    expect(isFor(reference, dnsName(presented))).toBe(false);
  });

  test("one name of several is enough, whatever the others are", () => {
    const names = ["", "*", "foo bar", "example.com"].map(dnsName);
    expect(isFor("example.com", otherName("1.2.3", "x"), ...names)).toBe(true);
  });

  test("the common name does not count", () => {
    const { certificate } = issue({ subject: commonName("example.com") });
    expect(matchesName(certificate, readReferenceName("example.com"))).toBe(false);
    expect(isFor("example.com", dnsName("example.org"))).toBe(false);
  });

  test("names of other kinds do not count", () => {
    const text = "example.com";
    expect(isFor(text, emailName(text), generalName(6, text), otherName("1.2.3", text))).toBe(false);
    expect(isFor(text, directoryName(commonName(text)))).toBe(false);
  });

  test("an IP address is matched by the octets of an iPAddress alone", () => {
    expect(isFor("192.0.2.1", ipName(192, 0, 2, 1))).toBe(true);
    expect(isFor("192.0.2.1", ipName(192, 0, 2, 2))).toBe(false);
    expect(isFor("2001:db8::1", ipName(0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1))).toBe(true);
    expect(isFor("192.0.2.1", dnsName("192.0.2.1"))).toBe(false);
    expect(isFor("192.0.2.1", dnsName("*.0.2.1"))).toBe(false);
    expect(isFor("192.0.2.1", generalName(6, "192.0.2.1"))).toBe(false);
  });

  test("an IPv4 address and the same one mapped into IPv6 are two", () => {
    const mapped = ipName(...Array<number>(10).fill(0), 0xff, 0xff, 192, 0, 2, 1);
    expect(isFor("192.0.2.1", mapped)).toBe(false);
    expect(isFor("::ffff:192.0.2.1", ipName(192, 0, 2, 1))).toBe(false);
    expect(isFor("::ffff:192.0.2.1", mapped)).toBe(true);
  });

  test("what only looks like an IPv4 address is no name of a certificate either", () => {
    for (const text of ["127.1", "1.2.3.256", "192.168.001.001"])
      expect(isFor(text, dnsName(text)), text).toBe(false);
  });

  test("an e-mail address is matched by an rfc822Name: the host without case, the rest as it is written", () => {
    const isForMailbox = (address: string, presented: string): boolean => {
      const extensions = { subjectAltName: subjectAltName(emailName(presented), dnsName("example.com")) };
      return matchesName(issueLeaf(root, { extensions }).certificate, { kind: "email", address });
    };
    expect(isForMailbox("user@example.com", "user@EXAMPLE.com")).toBe(true);
    expect(isForMailbox("user@example.com", "User@example.com")).toBe(false);
    expect(isForMailbox("user@example.com", "user@a.example.com")).toBe(false);
    expect(isForMailbox("user@example.com", "example.com")).toBe(false);
    expect(isForMailbox("example.com", "example.com")).toBe(false);
    expect(isForMailbox("a@b@example.com", "a@b@example.com")).toBe(false);
    expect(isForMailbox("@example.com", "@example.com")).toBe(false);
  });
});

test("reference names are shown as text", () => {
  expect(showReferenceName(readReferenceName("example.com"))).toBe('"example.com"');
  expect(showReferenceName(readReferenceName("2001:DB8:0::1"))).toBe("2001:db8::1");
  expect(showReferenceName({ kind: "email", address: "a@example.com" })).toBe('"a@example.com"');
});
