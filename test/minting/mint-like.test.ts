import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { DerTag } from "../../src/der/tags.ts";
import { ConfigError } from "../../src/errors.ts";
import { createAuthority, issue, type MintedCredential, mintLike } from "../../src/minting.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { buildName, commonName, generalName } from "../x509/certificate-builder.ts";
import { dnsName, issueLeaf, issueRoot, subjectAltName } from "../x509/issuing.ts";
import {
  expectAccepted,
  expectKeyOf,
  extensionIn,
  missingOpenssl,
  namesOf,
  opensslVerify,
} from "./acceptance.ts";

let authority: MintedCredential;
beforeAll(async () => {
  authority = await createAuthority({ commonName: "Looking Glass" });
});

/** Somebody else's certificate. */
function original(subject: Uint8Array, ...names: readonly Uint8Array[]): Uint8Array {
  const extensions = { subjectAltName: names.length === 0 ? null : subjectAltName(...names) };
  return issueLeaf(issueRoot(), { subject, extensions }).der;
}

const LONG = `${"a".repeat(63)}.example.org`;

test.for<
  [
    what: string,
    certificate: () => Uint8Array,
    commonName: string | undefined,
    alternative: readonly string[],
  ]
>([
  [
    "all names, the common name among them",
    () =>
      original(commonName("b.example"), dnsName("a.example"), dnsName("b.example"), dnsName("*.c.example")),
    "b.example",
    ["dns:a.example", "dns:b.example", "dns:*.c.example"],
  ],
  [
    "IP addresses of both kinds",
    () =>
      original(
        commonName("192.0.2.1"),
        generalName(7, Uint8Array.of(192, 0, 2, 1)),
        generalName(7, new Uint8Array(16).fill(0xff, 0, 2)),
      ),
    "192.0.2.1",
    ["ip:192.0.2.1", `ip:255.255${".0".repeat(14)}`],
  ],
  [
    "no common name that is not among the names",
    () => original(commonName("Example, Inc."), dnsName("a.example")),
    "a.example",
    ["dns:a.example"],
  ],
  [
    "names in lower case, each once",
    () => original(commonName("A.example"), dnsName("a.EXAMPLE"), dnsName("A.example")),
    "a.example",
    ["dns:a.example"],
  ],
  [
    "the most specific of several common names, of the rest of the subject nothing",
    () =>
      original(
        buildName(
          ["2.5.4.3", DerTag.UTF8String, "a.example"],
          ["2.5.4.10", DerTag.UTF8String, "Example, Inc."],
          ["2.5.4.3", DerTag.PrintableString, "b.example"],
        ),
        dnsName("a.example"),
        dnsName("b.example"),
      ),
    "b.example",
    ["dns:a.example", "dns:b.example"],
  ],
  [
    "an empty subject for names that are too long",
    () => original(commonName("somebody"), dnsName(LONG)),
    undefined,
    [`dns:${LONG}`],
  ],
  [
    "no names that strict clients would refuse all others with",
    () =>
      original(
        commonName("a_b.example"),
        dnsName("a_b.example"),
        dnsName("*"),
        dnsName("*.example"),
        dnsName("127.0.0.1"),
        dnsName("a.example."),
        dnsName("a.example"),
      ),
    "a.example",
    ["dns:a.example"],
  ],
  [
    "no names that servers do not have",
    () =>
      original(
        commonName("alice@a.example"),
        generalName(1, "alice@a.example"),
        generalName(6, "https://a.example/"),
        generalName(8, Uint8Array.of(0x2a, 3)),
        dnsName("a.example"),
      ),
    "a.example",
    ["dns:a.example"],
  ],
  [
    "the common name where it is all",
    () => original(commonName("Old.example")),
    "old.example",
    ["dns:old.example"],
  ],
  ["an address where it is all", () => original(commonName("192.0.2.1")), "192.0.2.1", ["ip:192.0.2.1"]],
])("takes over %s", async ([, certificate, expectedName, alternative]) => {
  const minted = await mintLike(authority, certificate());
  expect(namesOf(decodeCertificate(minted.certificate))).toEqual(alternative);
  expect(new X509Certificate(minted.certificate).subject).toBe(expectedName && `CN=${expectedName}`);
  await expectAccepted(minted, authority.certificate, {});
  expectKeyOf(minted.keyPem, minted.certificate);
});

test("takes over no promise to staple, no key, and no date", async () => {
  const other = await createAuthority({ commonName: "Other Root", validityDays: 3000 });
  const theirs = await issue(other, {
    names: ["a.example"],
    usage: "server",
    validityDays: 1000,
    mustStaple: true,
  });
  const minted = await mintLike(authority, theirs.certificate, { validityDays: 1, keyType: "ecdsa-p384" });
  const [a, b] = [decodeCertificate(theirs.certificate), decodeCertificate(minted.certificate)];
  expect(extensionIn(theirs.certificate, "1.3.6.1.5.5.7.1.24")).toBeDefined();
  expect(extensionIn(minted.certificate, "1.3.6.1.5.5.7.1.24")).toBeUndefined();
  expect(b.subjectPublicKeyInfo).not.toEqual(a.subjectPublicKeyInfo);
  expect(minted.key.keyType).toBe("ecdsa-p384");
  expect(b.notAfterSeconds).toBeLessThan(a.notAfterSeconds);
  expect(b.serialNumber).not.toEqual(a.serialNumber);
});

test("is accepted by openssl for each of the names", async (context) => {
  const certificate = original(commonName("a.example"), dnsName("a.example"), dnsName("*.b.example"));
  const minted = await mintLike(authority, certificate, { includeRoot: true });
  expect(minted.certificateChain).toEqual([minted.certificate, authority.certificate]);
  if (missingOpenssl !== undefined) context.skip(`${missingOpenssl}; the rest has passed`);
  const verify = (host: string) =>
    opensslVerify(minted.certificatePem, authority.certificatePem, "sslserver", "-verify_hostname", host)
      .status;
  expect(["a.example", "www.b.example", "b.example", "c.example"].map(verify)).toEqual([0, 0, 2, 2]);
});

describe("is refused", () => {
  test.for<[what: string, certificate: () => Uint8Array, allowed: string]>([
    ["a certificate for nobody", () => original(buildName()), "DNS names or IP addresses"],
    ["one for a person", () => original(commonName("Alice Liddell")), "DNS names or IP addresses"],
    [
      "one for a mailbox whose common name is a host",
      () => original(commonName("a.example"), generalName(1, "alice@a.example")),
      "DNS names or IP addresses",
    ],
    ["no certificate", () => Uint8Array.of(0x30, 0x00), "PEM or DER"],
    [
      "one with a byte behind it",
      () => Buffer.concat([authority.certificate, Uint8Array.of(0)]),
      "PEM or DER",
    ],
  ])("%s", async ([, certificate, allowed]) => {
    const refusal = await mintLike(authority, certificate()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toMatchObject({ option: "certificate", message: expect.stringContaining(allowed) });
  });
});
