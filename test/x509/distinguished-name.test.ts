import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { DerError, readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import { derElement, derNull, derObjectIdentifier, derSequence, derSet } from "../../src/der/writer.ts";
import { readName, showName } from "../../src/x509/distinguished-name.ts";
import { buildAttribute, buildName, commonName } from "./certificate-builder.ts";

const UTF8 = DerTag.UTF8String;

describe("showName", () => {
  test.each([
    { what: "an empty name", name: derSequence(), shown: "" },
    { what: "one attribute", name: commonName("example.com"), shown: "CN=example.com" },
    {
      what: "the most specific first",
      name: buildName(
        ["2.5.4.6", DerTag.PrintableString, "US"],
        ["2.5.4.10", UTF8, "Example"],
        ["2.5.4.3", UTF8, "example.com"],
      ),
      shown: "CN=example.com,O=Example,C=US",
    },
    {
      what: "several attributes in one set",
      name: derSequence(
        derSet(buildAttribute("2.5.4.3", UTF8, "a"), buildAttribute("0.9.2342.19200300.100.1.1", UTF8, "b")),
        derSet(buildAttribute("2.5.4.11", UTF8, "c")),
      ),
      shown: "OU=c,CN=a+UID=b",
    },
    {
      what: "an attribute without a short name",
      name: buildName(["2.5.4.97", UTF8, "VATXX-1"]),
      shown: "2.5.4.97=VATXX-1",
    },
    {
      what: "special characters",
      name: buildName(["2.5.4.10", UTF8, '#a,b+c"d\\e<f>g;h=i#']),
      shown: 'O=\\#a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i#',
    },
    { what: "outer spaces", name: commonName(" a b "), shown: "CN=\\ a b\\ " },
    { what: "a space alone", name: commonName(" "), shown: "CN=\\ " },
    {
      what: "what is not printable ASCII",
      name: commonName("a\nb\0\x7f\xc3\xa9"),
      shown: "CN=a\\0Ab\\00\\7F\\C3\\A9",
    },
    {
      what: "a right-to-left override",
      name: commonName("\xe2\x80\xaemoc.elpmaxe"),
      shown: "CN=\\E2\\80\\AEmoc.elpmaxe",
    },
    {
      what: "strings of two bytes per character",
      name: buildName(["2.5.4.3", DerTag.BMPString, "\0a\0b"]),
      shown: "CN=#1e0400610062",
    },
    {
      what: "a value that is no string",
      name: derSequence(derSet(derSequence(derObjectIdentifier("1.2.3"), derNull()))),
      shown: "1.2.3=#0500",
    },
    {
      what: "all short names",
      name: buildName(
        ["2.5.4.5", UTF8, "1"],
        ["2.5.4.7", UTF8, "2"],
        ["2.5.4.8", UTF8, "3"],
        ["2.5.4.9", UTF8, "4"],
        ["0.9.2342.19200300.100.1.25", DerTag.IA5String, "5"],
        ["1.2.840.113549.1.9.1", DerTag.IA5String, "6"],
      ),
      shown: "emailAddress=6,DC=5,STREET=4,ST=3,L=2,serialNumber=1",
    },
  ])("shows $what", ({ name, shown }) => {
    expect(showName(name)).toBe(shown);
  });

  test("is cut, wherever the length comes from", () => {
    const long = "x".repeat(60_000);
    const attributes = Array.from({ length: 5000 }, (_, i) => buildAttribute("2.5.4.3", UTF8, String(i)));
    for (const name of [
      commonName(long),
      buildName(["2.5.4.3", DerTag.BMPString, long]),
      derSequence(derSet(...attributes)),
      derSequence(...attributes.map((attribute) => derSet(attribute))),
      buildName([`1.2.${"9".repeat(1000)}`, UTF8, "x"]),
    ]) {
      const shown = showName(name);
      expect(shown).toHaveLength(243);
      expect(shown).toMatch(/\.\.\.$/);
    }
  });

  test("says so when it is none", () => {
    for (const bytes of [
      new Uint8Array(),
      derNull(),
      Uint8Array.of(...commonName("a"), 0),
      derSequence(derNull()),
      derSequence(derSet(derNull())),
      derSequence(derSet(derSequence(derObjectIdentifier("2.5.4.3")))),
    ]) {
      expect(showName(bytes)).toBe("(malformed name)");
    }
  });

  test("gives printable ASCII of bounded length for any bytes, and never throws", () => {
    const anyName = fc
      .array(
        fc.array(fc.tuple(fc.constantFrom("2.5.4.3", "1.2.3"), fc.nat(30), fc.string({ unit: "binary" }))),
      )
      .map((sets) =>
        derSequence(
          ...sets.map((attributes) =>
            derSet(
              ...attributes.map(([oid, tag, text]) =>
                derSequence(derObjectIdentifier(oid), derElement(tag, new TextEncoder().encode(text))),
              ),
            ),
          ),
        ),
      );
    fc.assert(
      fc.property(fc.oneof(anyName, fc.uint8Array({ maxLength: 80 })), (bytes) => {
        const shown = showName(bytes);
        expect(shown).toMatch(/^[\x20-\x7e]*$/);
        expect(shown.length).toBeLessThan(250);
      }),
      { numRuns: 500 },
    );
  });
});

describe("readName", () => {
  const read = (name: Uint8Array): Uint8Array => readDer(name, readName);

  test("gives the whole name, as a view", () => {
    const name = buildName(["2.5.4.6", DerTag.PrintableString, "US"], ["2.5.4.3", UTF8, "a"]);
    const read1 = read(name);
    expect(read1).toEqual(name);
    expect(read1.buffer).toBe(name.buffer);
    expect(read(derSequence())).toEqual(derSequence());
  });

  test.each([
    ["ASCII", "abc", true],
    ["two bytes", "\xc2\x80\xdf\xbf", true],
    ["three bytes", "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true],
    ["four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true],
    ["a continuation alone", "a\x80", false],
    ["an overlong form of two bytes", "\xc1\xbf", false],
    ["an overlong form of three bytes", "\xe0\x9f\xbf", false],
    ["an overlong form of four bytes", "\xf0\x8f\xbf\xbf", false],
    ["a surrogate", "\xed\xa0\x80", false],
    ["what is above U+10FFFF", "\xf4\x90\x80\x80", false],
    ["a lead that there is not", "\xf5\x80\x80\x80", false],
    ["a character that is cut off", "\xf0\x90\x80", false],
    ["a lead in the place of a continuation", "\xe2\x82\xc2", false],
  ])("tells UTF-8 from what is none: %s", (_, text, isUtf8) => {
    if (isUtf8) expect(read(commonName(text))).toEqual(commonName(text));
    else expect(() => read(commonName(text))).toThrow("UTF8String is not UTF-8 (at offset 11)");
  });

  test("agrees with TextDecoder on what is UTF-8", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const bytes = fc
      .uint8Array({ maxLength: 5 })
      .map((array) => array.map((byte, i) => (i === 0 ? byte | 0xc0 : byte)));
    const outcomes = { valid: 0, invalid: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          fc.string({ unit: "binary", maxLength: 5 }).map((text) => new TextEncoder().encode(text)),
        ),
        (value) => {
          const name = derSequence(
            derSet(derSequence(derObjectIdentifier("2.5.4.3"), derElement(UTF8, value))),
          );
          let isValid = true;
          try {
            decoder.decode(value);
          } catch {
            isValid = false;
          }
          outcomes[isValid ? "valid" : "invalid"]++;
          if (isValid) expect(read(name)).toEqual(name);
          else expect(() => read(name)).toThrow(DerError);
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(outcomes.valid, outcomes.invalid)).toBeGreaterThan(100);
  });

  test.each([DerTag.PrintableString, DerTag.IA5String, DerTag.NumericString, DerTag.VisibleString])(
    "refuses bytes above 0x7f in a string of 7-bit characters, tag %i",
    (tag) => {
      expect(() => read(buildName(["2.5.4.3", tag, "\x80"]))).toThrow("7-bit");
      expect(read(buildName(["2.5.4.3", tag, "\x7f"]))).toHaveLength(14);
    },
  );
});
