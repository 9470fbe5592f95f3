import { rootCertificates } from "node:tls";

import { describe, expect, test } from "vitest";

import { parsePem } from "../../src/der/pem.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derElement,
  derExplicit,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import {
  type Conformance,
  type ConformanceRule,
  conformanceRules,
  nonconformity,
  type PathRole,
} from "../../src/x509/conformance.ts";
import { showName } from "../../src/x509/distinguished-name.ts";
import { buildName, commonName, generalName } from "./certificate-builder.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  directoryName,
  dnsName,
  emailName,
  type Extensions,
  extendedKeyUsage,
  type ExtensionValue,
  ipName,
  issueAuthority,
  issueLeaf,
  type IssueOptions,
  issueRoot,
  keyUsage,
  nameConstraints,
  subjectAltName,
  testKey,
} from "./issuing.ts";

const ROLES: readonly PathRole[] = ["server", "client", "intermediate", "anchor"];
const PROFILES: readonly Conformance[] = ["web-pki", "rfc5280", "none"];

const key = testKey();
const root = issueRoot();

function sample(role: PathRole, changes: Omit<IssueOptions, "issuer"> = {}): Certificate {
  const options = { key, ...changes };
  if (role === "anchor") return issueRoot(options).certificate;
  if (role === "intermediate") return issueAuthority(root, options).certificate;
  const clientAuth = { extKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.2") };
  const extensions = { ...(role === "client" ? clientAuth : {}), ...options.extensions };
  return issueLeaf(root, { ...options, extensions }).certificate;
}

const critical = (extension: ExtensionValue): ExtensionValue =>
  extension === null ? null : { ...extension, critical: true };
const notCritical = (extension: ExtensionValue): ExtensionValue =>
  extension === null ? null : { ...extension, critical: false };

const ownKeyIdentifier = { value: derOctetString(key.keyIdentifier) };
const namesOwnKey = { value: derSequence(derElement(0x80, key.keyIdentifier)) };
/** With `keyIdentifier`, `authorityCertIssuer` and `authorityCertSerialNumber`. */
const namesOwnKeyFully = {
  value: derSequence(
    derElement(0x80, key.keyIdentifier),
    derElement(0xa1, directoryName(commonName("root"))),
    derElement(0x82, Uint8Array.of(7)),
  ),
};

const extensions = (changes: Extensions): IssueOptions => ({ extensions: changes });
const versionTwo: IssueOptions = {
  fields: { version: derExplicit(0, derInteger(1)), extensions: new Uint8Array() },
};
const serialNumber = (element: Uint8Array): IssueOptions => ({ fields: { serialNumber: element } });
const rsa2052 = testKey("RSA-2052");

/** For each rule what breaks it and no other that comes before; perhaps several things, perhaps different ones for roles. */
const BREACHES: Readonly<Record<string, (role: PathRole) => readonly IssueOptions[]>> = {
  "it is not of version 3": () => [versionTwo],
  "it is an anchor that is not of version 3": () => [
    versionTwo,
    { fields: { version: new Uint8Array(), extensions: new Uint8Array() } },
  ],
  "the serial number is not positive, or longer than 20 bytes": () => [
    serialNumber(derInteger(0)),
    serialNumber(derInteger(-1)),
    serialNumber(derElement(DerTag.INTEGER, new Uint8Array(21).fill(1))),
  ],
  "the issuer has no name": () => [{ fields: { issuer: derSequence() } }],
  "an authority has no name": () => [{ fields: { subject: derSequence() } }],
  "a date before 2050 is a GeneralizedTime": () => [
    { notBefore: "20260101000000Z" },
    { notAfter: "20491231235959Z" },
  ],
  "authorityKeyIdentifier is critical": (role) => [
    extensions({
      authorityKeyIdentifier: critical(role === "anchor" ? namesOwnKey : authorityKeyIdentifier(root)),
    }),
  ],
  "authorityKeyIdentifier does not name the issuer's key": () => [
    extensions({ authorityKeyIdentifier: null }),
    extensions({ authorityKeyIdentifier: { value: derSequence() } }),
  ],
  "authorityKeyIdentifier of a root has no key identifier": () => [
    extensions({ authorityKeyIdentifier: { value: derSequence() } }),
  ],
  "authorityKeyIdentifier of a root is not its subjectKeyIdentifier": () => [
    extensions({ authorityKeyIdentifier: authorityKeyIdentifier(root) }),
    extensions({ authorityKeyIdentifier: namesOwnKey, subjectKeyIdentifier: null }),
  ],
  "authorityKeyIdentifier of a root has an issuer and a serial number": () => [
    extensions({ authorityKeyIdentifier: namesOwnKeyFully }),
  ],
  "subjectKeyIdentifier is critical": () => [
    extensions({ subjectKeyIdentifier: critical(ownKeyIdentifier) }),
  ],
  "an authority has no subjectKeyIdentifier": () => [extensions({ subjectKeyIdentifier: null })],
  "an authority has no keyUsage": () => [extensions({ keyUsage: null })],
  "keyUsage permits to sign certificates, and basicConstraints does not say that it is an authority": () => [
    extensions({ keyUsage: keyUsage("digitalSignature", "keyCertSign") }),
    extensions({
      keyUsage: keyUsage("digitalSignature", "keyCertSign"),
      basicConstraints: basicConstraints(false),
    }),
  ],
  "basicConstraints of an authority is not critical": () => [
    extensions({ basicConstraints: notCritical(basicConstraints(true)) }),
  ],
  "basicConstraints limits the paths below something that is no authority": (role) => [
    role === "intermediate"
      ? extensions({ basicConstraints: basicConstraints(true, 0), keyUsage: keyUsage("cRLSign") })
      : extensions({ basicConstraints: basicConstraints(false, 0) }),
  ],
  "an authority's certificate is used by a peer": () => [
    extensions({ basicConstraints: basicConstraints(true) }),
  ],
  "nameConstraints are for authorities": () => [
    extensions({ nameConstraints: nameConstraints({ permitted: [dnsName("example.com")] }) }),
    extensions({ nameConstraints: notCritical(nameConstraints({ excluded: [dnsName("example.org")] })) }),
  ],
  "nameConstraints is not critical": () => [
    extensions({ nameConstraints: notCritical(nameConstraints({ permitted: [dnsName("example.com")] })) }),
  ],
  "nameConstraints has a base that is no name": () => [
    extensions({ nameConstraints: nameConstraints({ permitted: [dnsName(".example.com")] }) }),
    extensions({ nameConstraints: nameConstraints({ permitted: [dnsName("a"), dnsName("*.example.com")] }) }),
    extensions({ nameConstraints: nameConstraints({ excluded: [emailName("a@b@example.com")] }) }),
  ],
  "policyConstraints or inhibitAnyPolicy is not critical": () => [
    extensions({ "2.5.29.36": { value: derSequence(derElement(0x80, Uint8Array.of(0))) } }),
    extensions({ "2.5.29.54": { value: derInteger(0) } }),
  ],
  "the subject is empty, and subjectAltName is missing or not critical": () => [
    { subject: derSequence() },
    { subject: derSequence(), extensions: { subjectAltName: null } },
  ],
  "subjectAltName has a dNSName or rfc822Name that is none": () =>
    [dnsName("foo_bar.example.com"), dnsName("example.com."), dnsName(""), dnsName("*"), emailName("a")].map(
      (name) => extensions({ subjectAltName: subjectAltName(dnsName("example.com"), name) }),
    ),
  "there is no subjectAltName": () => [{ subject: "a server", extensions: { subjectAltName: null } }],
  "subjectAltName is critical, and the subject is not empty": () => [
    extensions({ subjectAltName: critical(subjectAltName(dnsName("example.com"))) }),
  ],
  "a commonName that looks like a host is none of the names of subjectAltName": () => [
    { subject: "Example.com" },
    { subject: "a.example.com" },
    { subject: "test-\xe6\xb8\xac.com" },
    {
      subject: buildName(
        ["2.5.4.3", DerTag.UTF8String, "example.com"],
        ["2.5.4.3", DerTag.UTF8String, "a.b"],
      ),
    },
    { subject: buildName(["2.5.4.3", DerTag.BMPString, "\0e\0.\0f"]) },
    ...["192.168.001.001", "0xC0A80101", "3232235777", "::ffff:c0a8:101"].map((subject) => ({
      subject,
      extensions: { subjectAltName: subjectAltName(ipName(192, 168, 1, 1)) },
    })),
    {
      subject: "2001:DB8::1",
      extensions: {
        subjectAltName: subjectAltName(ipName(0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1)),
      },
    },
  ],
  "there is no extendedKeyUsage": () => [extensions({ extKeyUsage: null })],
  "extendedKeyUsage is critical": () => [
    extensions({ extKeyUsage: critical(extendedKeyUsage("1.3.6.1.5.5.7.3.1")) }),
  ],
  "extendedKeyUsage is for any purpose": () => [
    extensions({ extKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.1", "2.5.29.37.0") }),
  ],
  "a root has an extendedKeyUsage": () => [
    extensions({ extKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.1") }),
  ],
  "authorityInfoAccess is malformed": () => {
    const ocsp = derObjectIdentifier("1.3.6.1.5.5.7.48.1");
    return [
      derSequence(),
      Uint8Array.of(0x6d, 0x61, 0x6c),
      derSequence(derSequence(ocsp)),
      derSequence(derSequence(ocsp, derOctetString(Uint8Array.of(1)))),
      derSequence(derSequence(ocsp, generalName(6, "http://a"), generalName(6, "http://b"))),
    ].map((value) => extensions({ "1.3.6.1.5.5.7.1.1": { value } }));
  },
  "the RSA modulus is not of whole bytes": () => [
    { key: rsa2052, extensions: { subjectKeyIdentifier: { value: derOctetString(rsa2052.keyIdentifier) } } },
  ],
};

const cases = conformanceRules.flatMap((rule) => ROLES.map((role) => ({ ...rule, rule, role })));

describe("the rules", () => {
  test("all have a breach here, and a text of their own", () => {
    expect(Object.keys(BREACHES)).toEqual(conformanceRules.map(({ fact }) => fact));
  });

  test.each(cases)("$fact: for $role", ({ rule, role }) => {
    for (const changes of BREACHES[rule.fact]?.(role) ?? []) {
      const certificate = sample(role, changes);
      for (const profile of PROFILES) {
        const found = nonconformity(certificate, role, profile);
        const text = `${rule.fact} (${rule.section})`;
        const applies = rule.profiles.includes(profile) && rule.roles.includes(role);
        if (applies) expect(found, profile).toBe(text);
        else expect(found, profile).not.toBe(text);
      }
    }
  });

  test("the first profile has all of them, and the last none", () => {
    expect(
      conformanceRules.filter(({ profiles }) => !profiles.includes("web-pki")).map(({ fact }) => fact),
    ).toEqual(["nameConstraints is not critical"]);
    expect(conformanceRules.filter(({ profiles }) => profiles.includes("none"))).toEqual([]);
  });
});

describe("what conforms", () => {
  test.each(ROLES)("a plain certificate of %s", (role) => {
    for (const profile of PROFILES) expect(nonconformity(sample(role), role, profile)).toBeNull();
  });

  test.each<readonly [name: string, role: PathRole, changes: IssueOptions]>([
    [
      "a serial number of 20 bytes",
      "server",
      serialNumber(derElement(DerTag.INTEGER, new Uint8Array(20).fill(1))),
    ],
    ["serial number 0 of an anchor", "anchor", serialNumber(derInteger(0))],
    ["dates from 2050 on", "server", { notAfter: "20500101000000Z" }],
    ["a GeneralizedTime of an anchor", "anchor", { notBefore: "20260101000000Z" }],
    ["an anchor that names its own key", "anchor", extensions({ authorityKeyIdentifier: namesOwnKey })],
    ["an anchor without keyUsage", "anchor", extensions({ keyUsage: null })],
    [
      "an intermediate with a path length",
      "intermediate",
      extensions({ basicConstraints: basicConstraints(true, 0) }),
    ],
    [
      "an empty subject with a critical subjectAltName",
      "server",
      {
        subject: derSequence(),
        extensions: { subjectAltName: critical(subjectAltName(dnsName("example.com"))) },
      },
    ],
    [
      "a wildcard",
      "server",
      { subject: "*.example.com", extensions: { subjectAltName: subjectAltName(dnsName("*.example.com")) } },
    ],
    [
      "a common name that is an IPv4 address of it",
      "server",
      { subject: "192.0.2.1", extensions: { subjectAltName: subjectAltName(ipName(192, 0, 2, 1)) } },
    ],
    [
      "a common name that is an IPv6 address of it",
      "server",
      {
        subject: "2001:db8::1",
        extensions: {
          subjectAltName: subjectAltName(ipName(0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1)),
        },
      },
    ],
    ["a common name that is no host", "server", { subject: "the mail server" }],
    ["no common name", "server", { subject: buildName(["2.5.4.10", DerTag.UTF8String, "Example.com"]) }],
    ["a client's common name", "client", { subject: "j.doe" }],
    ["a client without subjectAltName", "client", extensions({ subjectAltName: null })],
    [
      "name constraints",
      "intermediate",
      extensions({ nameConstraints: nameConstraints({ permitted: [dnsName("example.com")] }) }),
    ],
    [
      "authorityInfoAccess",
      "server",
      extensions({
        "1.3.6.1.5.5.7.1.1": {
          value: derSequence(
            derSequence(derObjectIdentifier("1.3.6.1.5.5.7.48.1"), generalName(6, "http://a")),
          ),
        },
      }),
    ],
  ])("%s", (_name, role, changes) => {
    for (const profile of PROFILES) expect(nonconformity(sample(role, changes), role, profile)).toBeNull();
  });
});

describe("rules that spare old roots", () => {
  const sparing = conformanceRules.filter(({ sparesOldRoots }) => sparesOldRoots);
  const breach: IssueOptions = { extensions: { subjectKeyIdentifier: null } };

  test.each([
    ["19951231235959Z", false],
    ["19960101000000Z", true],
    ["20230914235959Z", true],
    ["20230915000000Z", false],
  ])("a root that is valid from %s on is one: %s", (notBefore, isOld) => {
    const certificate = sample("anchor", { ...breach, notBefore: notBefore.slice(2) });
    expect(nonconformity(certificate, "anchor", "web-pki") === null).toBe(isOld);
    expect(nonconformity(certificate, "intermediate", "web-pki")).not.toBeNull();
  });

  // Of the 144 of Node 20.20: three have an issuer and a serial number in authorityKeyIdentifier, one has no subjectKeyIdentifier, and
  // one a basicConstraints that is not critical.
  test("no root of Node breaks a rule, unless it is an old one and the rule spares it", () => {
    const isSparing = (rule: ConformanceRule): boolean => sparing.includes(rule);
    expect(sparing.length).toBe(3);
    for (const pem of rootCertificates) {
      const [block] = parsePem(pem);
      if (block === undefined) throw new Error("there is no PEM block");
      const certificate = decodeCertificate(block.bytes);
      const name = showName(certificate.subject);
      for (const profile of PROFILES) expect(nonconformity(certificate, "anchor", profile), name).toBeNull();
      const broken = conformanceRules.filter(
        ({ roles, isBroken }) => roles.includes("anchor") && isBroken(certificate),
      );
      expect(broken.every(isSparing), name).toBe(true);
    }
  });
});
