import { describe, expect, test } from "vitest";

import { DerTag } from "../../src/der/tags.ts";
import { derSequence } from "../../src/der/writer.ts";
import { BudgetExhausted, defaultPathLimits, PathBudget } from "../../src/x509/budget.ts";
import type { NameConstraints } from "../../src/x509/general-name.ts";
import { isWellFormedSubtree, NameConstraintChecks } from "../../src/x509/name-constraints.ts";
import { buildAttribute, buildName, commonName, generalName } from "./certificate-builder.ts";
import {
  directoryName,
  dnsName,
  emailName,
  ipName,
  issue,
  issueRoot,
  nameConstraints,
  otherName,
  subjectAltName,
} from "./issuing.ts";
import { derSet } from "../../src/der/writer.ts";

const key = issueRoot().key;

interface Lists {
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
}

function constraintsOf(lists: Lists): NameConstraints {
  const root = issueRoot({ key, extensions: { nameConstraints: nameConstraints(lists) } });
  const constraints = root.certificate.extensions.nameConstraints;
  if (constraints === undefined) throw new Error("there are no constraints");
  return constraints;
}

/** The violation of `lists` by a certificate with these GeneralNames, and this subject. */
function violationOf(lists: Lists, names: readonly Uint8Array[], subject = derSequence()): string | null {
  const extensions = names.length === 0 ? {} : { subjectAltName: subjectAltName(...names) };
  const { certificate } = issue({ key, subject, extensions });
  const checks = new NameConstraintChecks(new PathBudget(defaultPathLimits));
  return checks.findViolation(constraintsOf(lists), certificate);
}

const isExcluded = (base: Uint8Array, name: Uint8Array): boolean =>
  violationOf({ excluded: [base] }, [name]) !== null;
const isPermitted = (base: Uint8Array, name: Uint8Array): boolean =>
  violationOf({ permitted: [base] }, [name]) === null;

describe("rule 5: DNS names", () => {
  test.each([
    ["the name itself", "example.com", "example.com"],
    ["another case", "EXAMPLE.com", "example.COM"],
    ["a name below", "example.com", "a.example.com"],
    ["a name far below", "example.com", "a.b.c.example.com"],
    ["any name below the root", "", "example.com"],
    ["a wildcard below", "example.com", "*.example.com"],
    ["a wildcard far below", "example.com", "*.a.example.com"],
  ])("covers %s: permitted, and excluded", (_name, base, name) => {
    expect(isPermitted(dnsName(base), dnsName(name))).toBe(true);
    expect(isExcluded(dnsName(base), dnsName(name))).toBe(true);
  });

  test.each([
    ["a name above", "a.example.com", "example.com"],
    ["a name beside", "a.example.com", "b.example.com"],
    ["a name that ends the same", "example.com", "badexample.com"],
    ["a wildcard beside", "example.com", "*.example.org"],
    ["a wildcard far above", "a.b.example.com", "*.example.com"],
  ])("does not cover %s: neither permitted nor excluded", (_name, base, name) => {
    expect(isPermitted(dnsName(base), dnsName(name))).toBe(false);
    expect(isExcluded(dnsName(base), dnsName(name))).toBe(false);
  });

  test("a wildcard right above may stand for the base: not permitted, and excluded", () => {
    expect(isPermitted(dnsName("a.example.com"), dnsName("*.example.com"))).toBe(false);
    expect(isExcluded(dnsName("a.example.com"), dnsName("*.example.com"))).toBe(true);
  });

  test("a leading dot permits names below, and excludes the name itself too", () => {
    expect(isPermitted(dnsName(".example.com"), dnsName("a.example.com"))).toBe(true);
    expect(isPermitted(dnsName(".example.com"), dnsName("*.example.com"))).toBe(true);
    expect(isPermitted(dnsName(".example.com"), dnsName("example.com"))).toBe(false);
    expect(isExcluded(dnsName(".example.com"), dnsName("a.example.com"))).toBe(true);
    expect(isExcluded(dnsName(".example.com"), dnsName("example.com"))).toBe(true);
    expect(isExcluded(dnsName(".example.com"), dnsName("example.org"))).toBe(false);
  });

  test.each(["*.example.com", "example.com.", ".", "..", "-", "127.0.0.1", "exa mple.com"])(
    "a base %j that is no name permits nothing, and excludes all",
    (base) => {
      expect(isPermitted(dnsName(base), dnsName("a.example.com"))).toBe(false);
      expect(isExcluded(dnsName(base), dnsName("a.example.com"))).toBe(true);
    },
  );

  test.each([".example.com", "example.com.", "*", "a*.example.com", "", "https://example.com"])(
    "a name %j that is none is not permitted, and excluded",
    (name) => {
      expect(isPermitted(dnsName("example.com"), dnsName(name))).toBe(false);
      expect(isPermitted(dnsName(""), dnsName(name))).toBe(false);
      expect(isExcluded(dnsName("example.org"), dnsName(name))).toBe(true);
    },
  );
});

describe("rule 5: lists", () => {
  const example = dnsName("example.com");

  test("excluded wins over permitted", () => {
    const lists = { permitted: [example], excluded: [dnsName("a.example.com")] };
    expect(violationOf(lists, [dnsName("b.example.com")])).toBeNull();
    expect(violationOf(lists, [dnsName("a.example.com")])).toBe('DNS name "a.example.com" is excluded');
  });

  test("one subtree of several is enough to permit", () => {
    expect(violationOf({ permitted: [dnsName("example.org"), example] }, [example])).toBeNull();
  });

  test("all names count", () => {
    expect(violationOf({ permitted: [example] }, [example, dnsName("example.org")])).toBe(
      'DNS name "example.org" is not permitted',
    );
  });

  test("a kind that no subtree is of is free", () => {
    const lists = {
      permitted: [ipName(192, 0, 2, 0, 255, 255, 255, 0)],
      excluded: [emailName("example.com")],
    };
    expect(violationOf(lists, [example])).toBeNull();
  });

  test("a certificate without names violates nothing", () => {
    expect(violationOf({ permitted: [example], excluded: [example] }, [])).toBeNull();
  });

  test("a common name is no DNS name, as nothing is matched with it", () => {
    expect(violationOf({ permitted: [dnsName("example.org")] }, [], commonName("example.com"))).toBeNull();
  });
});

describe("rule 5: IP addresses", () => {
  const net = ipName(192, 0, 2, 0, 255, 255, 255, 128);

  test("covers addresses that agree under the mask", () => {
    expect(isPermitted(net, ipName(192, 0, 2, 127))).toBe(true);
    expect(isPermitted(net, ipName(192, 0, 2, 128))).toBe(false);
    expect(isExcluded(net, ipName(192, 0, 2, 1))).toBe(true);
    expect(isExcluded(net, ipName(192, 0, 3, 1))).toBe(false);
  });

  test("bits of the base behind the mask do not count", () => {
    expect(isPermitted(ipName(192, 0, 2, 99, 255, 255, 255, 0), ipName(192, 0, 2, 1))).toBe(true);
  });

  test("IPv4 is never within IPv6, mapped or all of it", () => {
    const everything = ipName(...Array<number>(32).fill(0));
    const mapped = ipName(...Array<number>(10).fill(0), 0xff, 0xff, ...Array<number>(20).fill(0));
    for (const base of [everything, mapped]) {
      expect(isPermitted(base, ipName(192, 0, 2, 1))).toBe(false);
      expect(isExcluded(base, ipName(192, 0, 2, 1))).toBe(false);
    }
    expect(isExcluded(everything, ipName(...Array<number>(16).fill(7)))).toBe(true);
    expect(isExcluded(ipName(0, 0, 0, 0, 0, 0, 0, 0), ipName(...Array<number>(16).fill(0)))).toBe(false);
  });
});

describe("rule 5: e-mail addresses", () => {
  test.each([
    ["user@example.com", "user@example.com", true],
    ["user@example.com", "user@EXAMPLE.com", true],
    ["user@example.com", "User@example.com", false],
    ["example.com", "user@example.com", true],
    ["example.com", "user@a.example.com", false],
    [".example.com", "user@a.example.com", true],
    [".example.com", "user@example.com", false],
    ["*@example.com", "*@example.com", true],
    ["*@example.com", "user@example.com", false],
  ])("%s covers %s: %s", (base, name, isCovered) => {
    expect(isPermitted(emailName(base), emailName(name))).toBe(isCovered);
    expect(isExcluded(emailName(base), emailName(name))).toBe(isCovered);
  });

  test.each([
    ["a@b@example.com", "user@example.com"],
    ["@example.com", "user@example.com"],
    ["example.com", "invalid@address@example.com"],
    ["example.com", "example.com"],
    ["example.com", "@example.com"],
  ])("%s and %s, one of which is malformed, are not permitted and excluded", (base, name) => {
    expect(isPermitted(emailName(base), emailName(name))).toBe(false);
    expect(isExcluded(emailName(base), emailName(name))).toBe(true);
  });

  test("an address in the subject counts where subjectAltName has none", () => {
    const subject = (address: string): Uint8Array =>
      buildName(["1.2.840.113549.1.9.1", DerTag.IA5String, address], ["2.5.4.3", DerTag.UTF8String, "a"]);
    const lists = { permitted: [emailName("example.com")] };
    expect(violationOf(lists, [], subject("a@example.com"))).toBeNull();
    expect(violationOf(lists, [], subject("a@example.org"))).toBe(
      'e-mail address "a@example.org" is not permitted',
    );
    expect(violationOf(lists, [dnsName("example.org")], subject("a@example.org"))).not.toBeNull();
    expect(violationOf(lists, [emailName("a@example.com")], subject("a@example.org"))).toBeNull();
  });
});

describe("rule 5: directory names", () => {
  const organization = ["2.5.4.10", DerTag.UTF8String, "Example"] as const;
  const unit = ["2.5.4.11", DerTag.UTF8String, "Unit"] as const;
  const base = directoryName(buildName(organization));

  test("covers names that start with the same relative names, in subject and subjectAltName", () => {
    const below = buildName(organization, unit);
    expect(violationOf({ permitted: [base] }, [directoryName(below)])).toBeNull();
    expect(violationOf({ permitted: [base] }, [], below)).toBeNull();
    expect(violationOf({ permitted: [base] }, [directoryName(below)], buildName(unit))).toBe(
      "directory name OU=Unit is not permitted",
    );
    expect(violationOf({ permitted: [base] }, [directoryName(buildName(unit))], below)).not.toBeNull();
    expect(violationOf({ excluded: [base] }, [], below)).toBe("directory name OU=Unit,O=Example is excluded");
    expect(violationOf({ excluded: [base] }, [], buildName(unit, organization))).toBeNull();
  });

  test("a name that is shorter than the base is not covered", () => {
    const longer = directoryName(buildName(organization, unit));
    expect(violationOf({ permitted: [longer] }, [], buildName(organization))).not.toBeNull();
    expect(violationOf({ excluded: [longer] }, [], buildName(organization))).toBeNull();
  });

  test("an empty subject is no name", () => {
    expect(violationOf({ permitted: [base] }, [dnsName("example.com")])).toBeNull();
  });

  test.each([
    ["in another case", DerTag.UTF8String, "EXAMPLE"],
    ["with spaces around", DerTag.UTF8String, "  Example "],
    ["as PrintableString", DerTag.PrintableString, "Example"],
    ["as BMPString", DerTag.BMPString, "\0E\0x\0a\0m\0p\0l\0e"],
    ["as UniversalString", DerTag.UniversalString, Array.from("Example", (c) => `\0\0\0${c}`).join("")],
    ["in full-width letters", DerTag.UTF8String, "\xef\xbc\xa5xample"],
  ])("a name %s is the same to exclude, and another to permit", (_name, tag, text) => {
    const subject = buildName(["2.5.4.10", tag, text]);
    expect(violationOf({ excluded: [base] }, [], subject)).not.toBeNull();
    expect(violationOf({ permitted: [base] }, [], subject)).not.toBeNull();
  });

  test("the order inside of a relative name does not get around an exclusion", () => {
    const [a, b] = [buildAttribute(...organization), buildAttribute(...unit)];
    const excluded = [directoryName(derSequence(derSet(a, b)))];
    expect(violationOf({ excluded }, [], derSequence(derSet(b, a)))).not.toBeNull();
  });
});

describe("rule 5: kinds that are not understood", () => {
  const other = otherName("1.3.6.1.4.1.311.20.2.3", "user@example.com");

  test.each([
    ["otherName", other],
    ["registeredID", generalName(8, Uint8Array.of(0x2a, 3))],
    ["uniformResourceIdentifier", generalName(6, "https://example.com/")],
  ])("a constraint on %s forbids all names of that kind", (_name, name) => {
    expect(isPermitted(name, name)).toBe(false);
    expect(isExcluded(name, name)).toBe(true);
  });

  test("a constraint on otherName is none on others", () => {
    expect(isPermitted(other, dnsName("example.com"))).toBe(true);
    expect(isExcluded(other, generalName(8, Uint8Array.of(0x2a, 3)))).toBe(false);
  });
});

describe("isWellFormedSubtree", () => {
  test.each([
    ["DNS example.com", dnsName("example.com"), true],
    ["DNS, empty", dnsName(""), true],
    ["DNS .example.com", dnsName(".example.com"), false],
    ["DNS *.example.com", dnsName("*.example.com"), false],
    ["e-mail example.com", emailName("example.com"), true],
    ["e-mail .example.com", emailName(".example.com"), true],
    ["e-mail a@example.com", emailName("a@example.com"), true],
    ["e-mail a@b@example.com", emailName("a@b@example.com"), false],
    ["IP", ipName(192, 0, 2, 0, 255, 255, 255, 0), true],
  ])("%s: %s", (_name, base, isWellFormed) => {
    const [subtree] = constraintsOf({ permitted: [base] }).permitted;
    expect(subtree === undefined ? undefined : isWellFormedSubtree(subtree)).toBe(isWellFormed);
  });
});

describe("the budget", () => {
  const names = Array.from({ length: 250 }, (_, i) => dnsName(`n${i}.example.com`));

  test("is charged with each name and subtree, once for each pair of certificates", () => {
    const budget = new PathBudget(defaultPathLimits);
    const checks = new NameConstraintChecks(budget);
    const constraints = constraintsOf({ permitted: names.slice(0, 100), excluded: names.slice(0, 50) });
    const { certificate } = issue({
      key,
      subject: commonName("a"),
      extensions: { subjectAltName: subjectAltName(...names) },
    });
    checks.findViolation(constraints, certificate);
    expect(budget.spent.nameComparisons).toBe(251 * 150);
    checks.findViolation(constraints, certificate);
    expect(budget.spent.nameComparisons).toBe(251 * 150);
  });

  test("ends", () => {
    expect(() => violationOf({ permitted: names }, names)).toThrow(BudgetExhausted);
  });
});
