import { afterEach, describe, expect, test, vi } from "vitest";

import { defaultPathLimits, PathBudget } from "../../src/x509/budget.ts";
import { hasForeignCommonName } from "../../src/x509/conformance-facts.ts";
import { foldRelativeName, relativeNamesOf } from "../../src/x509/name-attributes.ts";
import { NameConstraintChecks } from "../../src/x509/name-constraints.ts";
import { DerTag } from "../../src/der/tags.ts";
import { buildName, commonName as commonNameOfBytes } from "./certificate-builder.ts";
import {
  directoryName,
  dnsName,
  ipName,
  issueLeaf,
  issueRoot,
  nameConstraints,
  subjectAltName,
} from "./issuing.ts";

/** Marks of descending combining classes, which have to be sorted. */
const MARKS = "\u0345\u0301\u0316\u0321\u0334".repeat(400);

/** In UTF-8. */
const commonName = (text: string): Uint8Array =>
  commonNameOfBytes(Buffer.from(text, "utf8").toString("latin1"));

afterEach(() => vi.restoreAllMocks());

/** What `String.prototype.normalize` is called for meanwhile. */
function normalized(action: () => void): readonly string[] {
  const texts: string[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the text that it was called on
  const { normalize } = String.prototype;
  vi.spyOn(String.prototype, "normalize").mockImplementation(function (this: string, form?: string) {
    texts.push(this);
    return normalize.call(this, form);
  });
  action();
  vi.restoreAllMocks();
  return texts;
}

const fold = (name: Uint8Array): string => relativeNamesOf(name).map(foldRelativeName).join();

describe("names that are made to be slow", () => {
  test("are normalised in runs of no more than thirty marks, as sorting them takes the square of their number", () => {
    const [text = ""] = normalized(() => fold(commonName(`a${MARKS}`)));
    const runs = text.split("\u034f").map((run) => Array.from(run).length);
    expect(Math.max(...runs)).toBeLessThanOrEqual(31);
    expect(runs.reduce((sum, length) => sum + length)).toBe(MARKS.length + 1);
  });

  test("are the same text in two spellings still, and another text is not", () => {
    expect(fold(commonName("Caf\u00e9 \uff21"))).toBe(fold(commonName("cafe\u0301  a")));
    expect(fold(commonName(`a${MARKS}`))).toBe(fold(commonName(`A${MARKS}`)));
    expect(fold(commonName(`a${MARKS}`))).not.toBe(fold(commonName(`a${MARKS}\u0301`)));
  });

  test("of a constraint are normalised once, for however many certificates it is held against", () => {
    const constrained = issueRoot({
      extensions: {
        nameConstraints: nameConstraints({ excluded: [directoryName(commonName(`a${MARKS}`))] }),
      },
    });
    const { nameConstraints: constraints } = constrained.certificate.extensions;
    if (constraints === undefined) throw new Error("no constraints");
    const leaves = Array.from({ length: 10 }, (_, i) => issueLeaf(constrained, { subject: `leaf ${i}` }));
    const checks = new NameConstraintChecks(new PathBudget(defaultPathLimits));
    const texts = normalized(() => {
      for (const { certificate } of leaves) expect(checks.findViolation(constraints, certificate)).toBeNull();
    });
    expect(texts.filter((text) => text.length > 1000)).toHaveLength(1);
  });
});

test("common names are looked up among alternative ones, each of which is put into words once", () => {
  const addresses = Array.from({ length: 200 }, (_, i) => ipName(192, 0, 2, i));
  const names = Array.from({ length: 300 }, () => ["2.5.4.3", DerTag.UTF8String, "192.0.2.199"] as const);
  const leaf = issueLeaf(issueRoot(), {
    subject: buildName(...names),
    extensions: { subjectAltName: subjectAltName(dnsName("example.com"), ...addresses) },
  });
  // It shows an IPv4 address.
  const join = vi.spyOn(Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array, "join");
  expect(hasForeignCommonName(leaf.certificate)).toBe(false);
  const { length } = join.mock.calls;
  join.mockRestore();
  expect(length).toBe(addresses.length);
});
