import { ascii } from "../../src/bytes.ts";
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
import {
  buildAttribute,
  extension,
  ExtensionId,
  generalName,
  withExtensions,
} from "./certificate-builder.ts";
import {
  type Refused,
  keyUsage,
  altNames,
  basicConstraints,
  constraints,
  permitted,
  keyIdentifiers,
} from "./strictness-changes.ts";

const NULL = derNull();

/** The list of extensions itself. */
export const extensionLists: readonly Refused[] = [
  {
    what: "an empty list of extensions",
    der: withExtensions(),
    because: "expected SEQUENCE, found the end",
  },
  {
    what: "keyUsage twice",
    der: withExtensions(
      extension(ExtensionId.keyUsage, derBitString(Uint8Array.of(0x80), 7)),
      extension(ExtensionId.keyUsage, derBitString(Uint8Array.of(0x80), 7)),
    ),
    because: "extension 2.5.29.15 occurs twice",
  },
  {
    what: "an unknown extension twice, once critical",
    der: withExtensions(
      extension("1.2.3", NULL),
      extension("1.2.4", NULL),
      extension("1.2.3", derInteger(1), true),
    ),
    because: "extension 1.2.3 occurs twice",
  },
  {
    what: "65 extensions",
    der: withExtensions(...Array.from({ length: 65 }, (_, i) => extension(`1.2.3.${i}`, NULL))),
    because: "there are more than 64 extensions",
  },
];

/** subjectAltName. */
export const subjectAltNames: readonly Refused[] = [
  { what: "no name at all", der: altNames(), because: "subjectAltName: expected an element, found the end" },
  {
    what: "a dNSName with NUL",
    der: altNames(generalName(2, "example.com\0.evil.example")),
    because: "subjectAltName: dNSName has the byte 0x00",
  },
  {
    what: "a dNSName that is not ASCII",
    der: altNames(generalName(2, "ex\xe4mple.com")),
    because: "subjectAltName: dNSName has the byte 0xe4",
  },
  {
    what: "an rfc822Name with NUL",
    der: altNames(generalName(1, "a@example.com\0")),
    because: "subjectAltName: rfc822Name has the byte 0x00",
  },
  {
    what: "a uniformResourceIdentifier that is not ASCII",
    der: altNames(generalName(6, "https://\xff/")),
    because: "subjectAltName: uniformResourceIdentifier has the byte 0xff",
  },
  ...[0, 3, 5, 8, 15, 17, 32].map((count) => ({
    what: `an iPAddress of ${count} octets`,
    der: altNames(generalName(7, new Uint8Array(count))),
    because: `subjectAltName: iPAddress has ${count} octets, not 4 or 16`,
  })),
  {
    what: "a choice that GeneralName has not",
    der: altNames(generalName(9, "x")),
    because: "subjectAltName: GeneralName has no [9] primitive",
  },
  {
    what: "a dNSName that is marked as constructed",
    der: altNames(derElement(0xa2, derElement(DerTag.IA5String, ascii("example.com")))),
    because: "subjectAltName: GeneralName has no [2]",
  },
  {
    what: "an otherName that is not marked as constructed",
    der: altNames(generalName(0, "x")),
    because: "subjectAltName: GeneralName has no [0] primitive",
  },
  {
    what: "an otherName without a value",
    der: altNames(derElement(0xa0, derObjectIdentifier("1.2.3"))),
    because: "subjectAltName: expected [0], found the end",
  },
  {
    what: "a directoryName whose tag is IMPLICIT",
    der: altNames(derElement(0xa4, derSet(buildAttribute("2.5.4.3", DerTag.UTF8String, "x")))),
    because: "subjectAltName: expected SEQUENCE, found SET",
  },
  {
    what: "1001 names",
    der: altNames(...Array<Uint8Array>(1001).fill(generalName(2, "a"))),
    because: "subjectAltName: there are more than 1000 names",
  },
  {
    what: "names that are not in a SEQUENCE",
    der: withExtensions(extension(ExtensionId.subjectAltName, generalName(2, "example.com"))),
    because: "subjectAltName: expected SEQUENCE, found [2] primitive",
  },
];

/** The other extensions that are decoded. */
export const otherExtensions: readonly Refused[] = [
  {
    what: "keyUsage without any bit",
    der: keyUsage(derBitString(new Uint8Array())),
    because: "keyUsage: no bit is set",
  },
  {
    what: "keyUsage of zeros",
    der: keyUsage(derBitString(Uint8Array.of(0, 0))),
    because: "keyUsage: no bit is set",
  },
  {
    what: "keyUsage with padding that is not zero",
    der: keyUsage(derElement(DerTag.BIT_STRING, Uint8Array.of(7, 0x81))),
    because: "keyUsage: BIT STRING has padding bits that are not zero",
  },
  {
    what: "keyUsage of three bytes",
    der: keyUsage(derBitString(Uint8Array.of(0x80, 0, 1))),
    because: "keyUsage: 3 bytes, where there are 9 bits",
  },
  {
    what: "a negative pathLenConstraint",
    der: basicConstraints(derBoolean(true), derInteger(-1)),
    because: "basicConstraints: INTEGER is negative",
  },
  {
    what: "a pathLenConstraint of 256",
    der: basicConstraints(derBoolean(true), derInteger(256)),
    because: "basicConstraints: INTEGER is above 255",
  },
  {
    what: "a pathLenConstraint of 2^64",
    der: basicConstraints(derBoolean(true), derInteger(1n << 64n)),
    because: "basicConstraints: INTEGER is above 255",
  },
  {
    what: "a basicConstraints that is no SEQUENCE",
    der: withExtensions(extension(ExtensionId.basicConstraints, derBoolean(true))),
    because: "basicConstraints: expected SEQUENCE, found BOOLEAN",
  },
  {
    what: "extKeyUsage without a purpose",
    der: withExtensions(extension(ExtensionId.extKeyUsage, derSequence())),
    because: "extKeyUsage: expected OBJECT IDENTIFIER, found the end",
  },
  {
    what: "extKeyUsage with a purpose in words",
    der: withExtensions(
      extension(ExtensionId.extKeyUsage, derSequence(derElement(DerTag.UTF8String, ascii("server")))),
    ),
    because: "extKeyUsage: expected OBJECT IDENTIFIER, found UTF8String",
  },
  {
    what: "nameConstraints without a list",
    der: constraints(),
    because: "nameConstraints: there is no subtree",
  },
  {
    what: "nameConstraints with an empty list",
    der: constraints(derExplicit(0)),
    because: "nameConstraints: expected SEQUENCE, found the end",
  },
  {
    what: "nameConstraints whose lists are in the wrong order",
    der: constraints(derExplicit(1, derSequence(generalName(2, "a"))), permitted(generalName(2, "a"))),
    because: "nameConstraints: 7 bytes are left over",
  },
  {
    what: "a subtree with minimum 0, which is the default",
    der: constraints(permitted(generalName(2, "a"), derElement(0x80, Uint8Array.of(0)))),
    because: "nameConstraints: a subtree has a minimum or maximum",
  },
  {
    what: "a subtree with a maximum",
    der: constraints(permitted(generalName(2, "a"), derElement(0x81, Uint8Array.of(3)))),
    because: "nameConstraints: a subtree has a minimum or maximum",
  },
  {
    what: "a subtree with an address without a mask",
    der: constraints(permitted(generalName(7, Uint8Array.of(10, 0, 0, 0)))),
    because: "nameConstraints: iPAddress of a subtree has 4 octets, not 8 or 32",
  },
  {
    what: "a subtree with the mask 255.0.255.0",
    der: constraints(permitted(generalName(7, Uint8Array.of(10, 0, 0, 0, 255, 0, 255, 0)))),
    because: "nameConstraints: iPAddress of a subtree has a mask with ones behind a zero",
  },
  {
    what: "a subtree with NUL in its dNSName",
    der: constraints(permitted(generalName(2, "a\0"))),
    because: "nameConstraints: dNSName has the byte 0x00",
  },
  {
    what: "authorityKeyIdentifier with an issuer and no serial number",
    der: keyIdentifiers(derExplicit(1, generalName(2, "a"))),
    because: "authorityKeyIdentifier: an issuer and a serial number belong together",
  },
  {
    what: "authorityKeyIdentifier with a serial number and no issuer",
    der: keyIdentifiers(derElement(0x82, Uint8Array.of(1))),
    because: "authorityKeyIdentifier: an issuer and a serial number belong together",
  },
  {
    what: "authorityKeyIdentifier with a serial number that is not minimal",
    der: keyIdentifiers(derExplicit(1, generalName(2, "a")), derElement(0x82, Uint8Array.of(0, 1))),
    because: "authorityKeyIdentifier: INTEGER is not minimal",
  },
  {
    what: "subjectKeyIdentifier that is not wrapped twice",
    der: withExtensions(extension(ExtensionId.subjectKeyIdentifier, new Uint8Array(20).fill(0x55))),
    because: "subjectKeyIdentifier: expected OCTET STRING, found tag 0x55",
  },
  {
    what: "tlsFeature 65536",
    der: withExtensions(extension(ExtensionId.tlsFeature, derSequence(derInteger(65536)))),
    because: "tlsFeature: INTEGER is above 65535",
  },
];
