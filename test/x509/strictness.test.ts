import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { DerError } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
  derSet,
} from "../../src/der/writer.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import {
  ALGORITHM,
  buildAttribute,
  buildCertificate,
  commonName,
  extension,
  ExtensionId,
  generalName,
  latin1Bytes,
  withExtensions,
} from "./certificate-builder.ts";
import {
  type Refused,
  FINE,
  keyUsage,
  altNames,
  basicConstraints,
  constraints,
  permitted,
  keyIdentifiers,
  subject,
  named,
  dates,
} from "./strictness-changes.ts";
import { extensionLists, otherExtensions, subjectAltNames } from "./strictness-extensions.ts";
import { consumption, lengthsAndTags, primitives, versionsAndAlgorithms } from "./strictness-form.ts";

const NULL = derNull();
const V1 = new Uint8Array();
const V2 = derExplicit(0, derInteger(1));

interface Legal {
  readonly what: string;
  readonly der: Uint8Array;
  /** Why it is decoded all the same. */
  readonly reason: string;
}

const names: readonly Refused[] = [
  { what: "an empty set of attributes", der: subject(derSet()), because: "expected SEQUENCE, found the end" },
  {
    what: "a UTF8String with an overlong form",
    der: named(DerTag.UTF8String, "\xc0\x80"),
    because: "UTF8String is not UTF-8",
  },
  {
    what: "a UTF8String with a surrogate",
    der: named(DerTag.UTF8String, "\xed\xa0\x80"),
    because: "UTF8String is not UTF-8",
  },
  {
    what: "a UTF8String that is cut off",
    der: named(DerTag.UTF8String, "\xe2\x82"),
    because: "UTF8String is not UTF-8",
  },
  {
    what: "a UTF8String in Latin-1",
    der: named(DerTag.UTF8String, "Z\xfcrich"),
    because: "UTF8String is not UTF-8",
  },
  {
    what: "a PrintableString in Latin-1",
    der: named(DerTag.PrintableString, "Z\xfcrich"),
    because: "a string of 7-bit characters has a byte above 0x7f",
  },
  {
    what: "a BMPString of three bytes",
    der: named(DerTag.BMPString, "\0a\0"),
    because: "BMPString has an odd length",
  },
  {
    what: "a string in pieces",
    der: named(0x20 | DerTag.UTF8String, "\x0c\x01a"),
    because: "an attribute is in pieces, which DER does not have",
  },
  {
    what: "a UniversalString of six bytes",
    der: named(DerTag.UniversalString, "\0\0\0a\0\0"),
    because: "UniversalString is not of whole characters",
  },
];

const times: readonly Refused[] = [
  {
    what: "a date with an offset",
    der: dates("260101000000Z", "360101000000+0100"),
    because: "GeneralizedTime is not",
  },
  {
    what: "a UTCTime with an offset",
    der: buildCertificate({
      validity: derSequence(
        derElement(DerTag.UTCTime, ascii("2601010000+0100")),
        derElement(DerTag.UTCTime, ascii("360101000000Z")),
      ),
    }),
    because: "UTCTime is not YYMMDDHHMMSSZ",
  },
  {
    what: "a UTCTime without seconds",
    der: buildCertificate({
      validity: derSequence(
        derElement(DerTag.UTCTime, ascii("2601010000Z")),
        derElement(DerTag.UTCTime, ascii("360101000000Z")),
      ),
    }),
    because: "UTCTime is not YYMMDDHHMMSSZ",
  },
  {
    what: "a GeneralizedTime with a fraction",
    der: dates("260101000000Z", "20560101000000.5Z"),
    because: "GeneralizedTime is not YYYYMMDDHHMMSSZ",
  },
  {
    what: "a GeneralizedTime of local time",
    der: dates("260101000000Z", "20560101000000"),
    because: "GeneralizedTime is not YYYYMMDDHHMMSSZ",
  },
  { what: "month 13", der: dates("261301000000Z", "360101000000Z"), because: "month 13 is not in 1..12" },
  {
    what: "the 29th of February 2026",
    der: dates("260229000000Z", "360101000000Z"),
    because: "day 29 is not in 1..28",
  },
  { what: "24 o'clock", der: dates("260101240000Z", "360101000000Z"), because: "24:0:0 is no time of day" },
  {
    what: "a leap second",
    der: dates("161231235960Z", "360101000000Z"),
    because: "23:59:60 is no time of day",
  },
  {
    what: "a date as a PrintableString",
    der: buildCertificate({
      validity: derSequence(
        derElement(DerTag.PrintableString, ascii("260101000000Z")),
        derElement(DerTag.UTCTime, ascii("360101000000Z")),
      ),
    }),
    because: "expected GeneralizedTime, found PrintableString",
  },
  { what: "one date only", der: dates("260101000000Z"), because: "expected GeneralizedTime, found the end" },
];

describe("refuses", () => {
  test.each([
    ...consumption,
    ...lengthsAndTags,
    ...primitives,
    ...versionsAndAlgorithms,
    ...extensionLists,
    ...subjectAltNames,
    ...otherExtensions,
    ...names,
    ...times,
  ])("$what", ({ der, because }) => {
    let thrown: unknown;
    try {
      decodeCertificate(der);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DerError);
    const { message } = thrown as DerError;
    expect(message.slice(0, because.length)).toBe(because);
    expect(message).toMatch(/ \(at offset \d+\)$/);
  });
});

const IT_IS_FORM = "a rule for who may be trusted, not one of form";

const legal: readonly Legal[] = [
  { what: "nothing that is unusual", der: FINE, reason: "all the others differ from it in one place" },
  {
    what: "serial number 0",
    der: buildCertificate({ serialNumber: derInteger(0) }),
    reason: "a root has it",
  },
  {
    what: "a negative serial number",
    der: buildCertificate({ serialNumber: derInteger(-129) }),
    reason: IT_IS_FORM,
  },
  {
    what: "a serial number of 21 bytes",
    der: buildCertificate({ serialNumber: derInteger(1n << 160n) }),
    reason: IT_IS_FORM,
  },
  { what: "version 1", der: buildCertificate({ version: V1 }), reason: "old roots have it" },
  {
    what: "version 2 with both unique identifiers",
    der: buildCertificate({
      version: V2,
      uniqueIds: concatBytes(derElement(0x81, Uint8Array.of(0, 1)), derElement(0x82, Uint8Array.of(4, 0xf0))),
    }),
    reason: "RFC 5280 §4.1.2.8 has them",
  },
  {
    what: "an empty subject and issuer",
    der: buildCertificate({ subject: derSequence(), issuer: derSequence() }),
    reason: IT_IS_FORM,
  },
  {
    what: "notAfter before notBefore",
    der: dates("360101000000Z", "260101000000Z"),
    reason: "it is never valid, whatever the clock says",
  },
  {
    what: "a GeneralizedTime before 2050",
    der: dates("20260101000000Z", "360101000000Z"),
    reason: "a root has it; it is marked",
  },
  {
    what: "an unknown critical extension",
    der: withExtensions(extension("1.2.3", NULL, true)),
    reason: "it is listed, and whoever validates refuses it",
  },
  {
    what: "an unknown extension whose value is not DER",
    der: withExtensions(extension("1.2.3", Uint8Array.of(0xff, 0xff))),
    reason: "an OCTET STRING holds any bytes",
  },
  {
    what: "64 extensions",
    der: withExtensions(...Array.from({ length: 64 }, (_, i) => extension(`1.2.3.${i}`, NULL))),
    reason: "the limit",
  },
  {
    what: "cA that is FALSE, which is the default",
    der: basicConstraints(derBoolean(false)),
    reason: "many certificates have it; BoringSSL, webpki and Go take it as well",
  },
  {
    what: "a pathLenConstraint without cA",
    der: basicConstraints(derInteger(0)),
    reason: "it means nothing; OpenSSL stopped refusing it because self-signed leaves have it",
  },
  {
    what: "a pathLenConstraint of 255",
    der: basicConstraints(derBoolean(true), derInteger(255)),
    reason: "the limit",
  },
  {
    what: "keyUsage with trailing zero bits",
    der: keyUsage(derBitString(Uint8Array.of(0x06))),
    reason: "X.690 §11.2.2 strikes them, and two roots have them",
  },
  { what: "an empty authorityKeyIdentifier", der: keyIdentifiers(), reason: "all its fields are optional" },
  {
    what: "an x400Address, an ediPartyName, an otherName and a registeredID",
    der: altNames(
      derElement(0xa3, NULL),
      derElement(0xa5, derElement(0xa1, derElement(DerTag.UTF8String, ascii("party")))),
      derElement(0xa0, derObjectIdentifier("1.2.3"), derExplicit(0, NULL)),
      generalName(8, Uint8Array.of(0x2a, 3)),
    ),
    reason: "RFC 5280 §4.2.1.6 has them; constraints on them fail closed",
  },
  {
    what: "dNSNames that are no host names",
    der: altNames(
      generalName(2, ""),
      generalName(2, " "),
      generalName(2, "*.*.x"),
      generalName(2, "a_b"),
      generalName(2, "."),
    ),
    reason: "they are IA5Strings; they match nothing",
  },
  {
    what: "1000 names",
    der: altNames(...Array<Uint8Array>(1000).fill(generalName(2, "a"))),
    reason: "the limit",
  },
  {
    what: "an address range with bits behind the mask",
    der: constraints(permitted(generalName(7, Uint8Array.of(10, 1, 2, 3, 255, 0, 0, 0)))),
    reason: "they are not compared",
  },
  {
    what: "a PrintableString with characters of others",
    der: named(DerTag.PrintableString, "*.example.com & Sons@"),
    reason: "CAs have issued such names, which are compared as bytes",
  },
  {
    what: "attributes of a set that are not sorted",
    der: subject(
      derSet(
        buildAttribute("2.5.4.3", DerTag.UTF8String, "b"),
        buildAttribute("2.5.4.3", DerTag.UTF8String, "a"),
      ),
    ),
    reason: "names are compared as bytes, so another order is another name",
  },
  {
    what: "a TeletexString with any bytes",
    der: named(DerTag.TeletexString, "Z\xfcrich"),
    reason: "nobody agrees on its characters",
  },
  {
    what: "an attribute that is a date",
    der: buildCertificate({
      subject: derSequence(
        derSet(
          derSequence(
            derObjectIdentifier("1.3.6.1.5.5.7.9.1"),
            derElement(DerTag.GeneralizedTime, ascii("19700101120000Z")),
          ),
        ),
      ),
    }),
    reason: "RFC 3739 §3.3.1 has dateOfBirth",
  },
  {
    what: "a key and a signature of no bytes",
    der: buildCertificate({
      subjectPublicKeyInfo: derSequence(ALGORITHM, derBitString(new Uint8Array())),
      signature: derBitString(new Uint8Array()),
    }),
    reason: "verifying fails",
  },
  {
    what: "a subject in Cyrillic",
    der: buildCertificate({
      subject: commonName(String.fromCharCode(...new TextEncoder().encode("Пример 😀"))),
    }),
    reason: "it is UTF-8",
  },
];

describe("decodes", () => {
  test.each(legal)("$what, because: $reason", ({ der }) => {
    expect(decodeCertificate(der).der).toBe(der);
  });
});

test("offsets in messages count from the beginning of the certificate, also inside of an extension's value", () => {
  const name = generalName(2, "a\0");
  const der = altNames(generalName(2, "fine"), name);
  const at = der.length - concatBytes(name, derBitString(new Uint8Array(64)), ALGORITHM).length;
  expect(() => decodeCertificate(der)).toThrow(`subjectAltName: dNSName has the byte 0x00 (at offset ${at})`);
});

test("a fault is found in an extension that is not critical as well", () => {
  for (const critical of [true, false]) {
    const der = withExtensions(extension(ExtensionId.keyUsage, latin1Bytes("junk"), critical));
    expect(() => decodeCertificate(der)).toThrow(/^keyUsage: /);
  }
});
