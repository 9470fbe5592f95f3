import { concatBytes } from "../../src/bytes.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
} from "../../src/der/writer.ts";
import {
  ALGORITHM,
  buildAttribute,
  buildCertificate,
  extension,
  ExtensionId,
  generalName,
  rawElement,
  withExtensions,
} from "./certificate-builder.ts";
import { type Refused, FINE, keyUsage, basicConstraints, subject, dates } from "./strictness-changes.ts";

const NULL = derNull();
const V1 = new Uint8Array();
const V2 = derExplicit(0, derInteger(1));
const COMMON_NAME = derObjectIdentifier("2.5.4.3");
const BITS_OF_A_KEY = derBitString(new Uint8Array(65));
const integer = (...contents: readonly number[]): Uint8Array =>
  derElement(DerTag.INTEGER, Uint8Array.from(contents));

/** Elements behind what should be the last, at every level. */
export const consumption: readonly Refused[] = [
  {
    what: "a byte behind the certificate",
    der: concatBytes(FINE, Uint8Array.of(0)),
    because: "1 bytes are left over",
  },
  { what: "two certificates", der: concatBytes(FINE, FINE), because: `${FINE.length} bytes are left over` },
  {
    what: "an element behind the signature",
    der: buildCertificate({ certificateEnd: NULL }),
    because: "2 bytes are left over",
  },
  {
    what: "an element behind the last field",
    der: buildCertificate({ tbsEnd: NULL }),
    because: "2 bytes are left over",
  },
  {
    what: "an element behind the extensions",
    der: buildCertificate({
      extensions: derExplicit(3, derSequence(extension("1.2.3", NULL))),
      tbsEnd: NULL,
    }),
    because: "2 bytes are left over",
  },
  {
    what: "an element beside the list of extensions, in [3]",
    der: buildCertificate({ extensions: derExplicit(3, derSequence(extension("1.2.3", NULL)), NULL) }),
    because: "2 bytes are left over",
  },
  {
    what: "an element beside the version, in [0]",
    der: buildCertificate({ version: derExplicit(0, derInteger(2), NULL) }),
    because: "2 bytes are left over",
  },
  {
    what: "an algorithm with two parameters",
    der: buildCertificate({ innerAlgorithm: derSequence(derObjectIdentifier("1.2.3"), NULL, NULL) }),
    because: "2 bytes are left over",
  },
  {
    what: "a third date",
    der: dates("260101000000Z", "360101000000Z", "360101000000Z"),
    because: "15 bytes are left over",
  },
  {
    what: "an element behind the public key",
    der: buildCertificate({ subjectPublicKeyInfo: derSequence(ALGORITHM, BITS_OF_A_KEY, NULL) }),
    because: "2 bytes are left over",
  },
  {
    what: "an attribute with two values",
    der: subject(derSet(derSequence(COMMON_NAME, derElement(DerTag.UTF8String), NULL))),
    because: "2 bytes are left over",
  },
  {
    what: "an element behind an extension's value",
    der: withExtensions(derSequence(derObjectIdentifier("1.2.3"), derOctetString(NULL), NULL)),
    because: "2 bytes are left over",
  },
  {
    what: "a byte behind keyUsage, in its value",
    der: keyUsage(concatBytes(derBitString(Uint8Array.of(0x80), 7), Uint8Array.of(0))),
    because: "keyUsage: 1 bytes are left over",
  },
  {
    what: "a third field of basicConstraints",
    der: basicConstraints(derBoolean(true), derInteger(0), NULL),
    because: "basicConstraints: 2 bytes are left over",
  },
  {
    what: "a byte behind the names of subjectAltName",
    der: withExtensions(
      extension(ExtensionId.subjectAltName, concatBytes(derSequence(generalName(2, "a")), Uint8Array.of(0))),
    ),
    because: "subjectAltName: 1 bytes are left over",
  },
];

/** Other ways to say the same in BER, and elements that are cut off. */
export const lengthsAndTags: readonly Refused[] = [
  {
    what: "a length that is longer than it must be",
    der: rawElement(0x30, [0x84, 0, 0, FINE.length >> 8, FINE.length & 0xff], FINE.subarray(3)),
    because: "the length is not minimal",
  },
  {
    what: "a long length where a short one does",
    der: buildCertificate({ serialNumber: rawElement(DerTag.INTEGER, [0x81, 1], Uint8Array.of(1)) }),
    because: "the length is not minimal",
  },
  {
    what: "a certificate of indefinite length",
    der: rawElement(0x30, [0x80], FINE.subarray(3), new Uint8Array(2)),
    because: "the length is indefinite",
  },
  {
    what: "a subject of indefinite length",
    der: buildCertificate({ subject: rawElement(0x30, [0x80], new Uint8Array(2)) }),
    because: "the length is indefinite",
  },
  {
    what: "end-of-contents as a parameter",
    der: buildCertificate({
      innerAlgorithm: derSequence(derObjectIdentifier("1.2.3"), new Uint8Array(2)),
    }),
    because: "end-of-contents belongs to an indefinite length",
  },
  {
    what: "a length in five bytes",
    der: rawElement(0x30, [0x85, 0, 0, 0, 0, FINE.length & 0xff], FINE.subarray(3)),
    because: "the length takes 5 bytes",
  },
  { what: "a certificate that is cut off", der: FINE.subarray(0, -1), because: "SEQUENCE of " },
  {
    what: "a tag number in the form for high ones",
    der: subject(derSet(derSequence(COMMON_NAME, rawElement(0x1f, [0x0c, 0])))),
    because: "a tag number above 30 is not supported",
  },
  {
    what: "a signature in pieces",
    der: buildCertificate({ signature: derElement(0x23, derBitString(new Uint8Array(64))) }),
    because: "expected BIT STRING, found tag 0x23",
  },
  {
    what: "an extension's value in pieces",
    der: withExtensions(derSequence(derObjectIdentifier("1.2.3"), derElement(0x24, derOctetString(NULL)))),
    because: "expected OCTET STRING, found tag 0x24",
  },
  {
    what: "a SEQUENCE that is not marked as constructed",
    der: buildCertificate({ subject: derElement(0x10) }),
    because: "expected SEQUENCE, found tag 0x10",
  },
  {
    what: "a relative name in a SEQUENCE, not a SET",
    der: subject(derSequence(buildAttribute("2.5.4.3", DerTag.UTF8String, "x"))),
    because: "expected SET, found SEQUENCE",
  },
];

/** Values that have another form in DER. */
export const primitives: readonly Refused[] = [
  {
    what: "a serial number with a zero in front",
    der: buildCertificate({ serialNumber: integer(0, 1) }),
    because: "INTEGER is not minimal",
  },
  {
    what: "a negative serial number with 0xff in front",
    der: buildCertificate({ serialNumber: integer(0xff, 0x80) }),
    because: "INTEGER is not minimal",
  },
  {
    what: "a serial number without contents",
    der: buildCertificate({ serialNumber: integer() }),
    because: "INTEGER has no contents",
  },
  {
    what: "a serial number that is ENUMERATED",
    der: buildCertificate({ serialNumber: derElement(DerTag.ENUMERATED, Uint8Array.of(1)) }),
    because: "expected INTEGER, found ENUMERATED",
  },
  {
    what: "critical that is 0x01",
    der: withExtensions(
      derSequence(
        derObjectIdentifier("1.2.3"),
        derElement(DerTag.BOOLEAN, Uint8Array.of(1)),
        derOctetString(NULL),
      ),
    ),
    because: "BOOLEAN is neither 0x00 nor 0xff",
  },
  {
    what: "critical that is FALSE, which is the default",
    der: withExtensions(derSequence(derObjectIdentifier("1.2.3"), derBoolean(false), derOctetString(NULL))),
    because: "critical is FALSE, the default, which DER does not encode",
  },
  {
    what: "cA that is 0x01",
    der: basicConstraints(derElement(DerTag.BOOLEAN, Uint8Array.of(1))),
    because: "basicConstraints: BOOLEAN is neither 0x00 nor 0xff",
  },
  {
    what: "cA of two bytes",
    der: basicConstraints(derElement(DerTag.BOOLEAN, Uint8Array.of(0xff, 0xff))),
    because: "basicConstraints: BOOLEAN is neither 0x00 nor 0xff",
  },
  {
    what: "a signature with 9 padding bits",
    der: buildCertificate({ signature: derElement(DerTag.BIT_STRING, Uint8Array.of(9, 0, 0)) }),
    because: "BIT STRING of 2 bytes has 9 padding bits",
  },
  {
    what: "a signature with padding that is not zero",
    der: buildCertificate({ signature: derElement(DerTag.BIT_STRING, Uint8Array.of(1, 1)) }),
    because: "BIT STRING has padding bits that are not zero",
  },
  {
    what: "a signature of 15 bits",
    der: buildCertificate({ signature: derBitString(Uint8Array.of(2, 2), 1) }),
    because: "BIT STRING does not hold whole bytes",
  },
  {
    what: "a signature without contents",
    der: buildCertificate({ signature: derElement(DerTag.BIT_STRING) }),
    because: "BIT STRING has no contents",
  },
  {
    what: "a public key of 15 bits",
    der: buildCertificate({
      subjectPublicKeyInfo: derSequence(ALGORITHM, derBitString(Uint8Array.of(2, 2), 1)),
    }),
    because: "BIT STRING does not hold whole bytes",
  },
  {
    what: "a unique identifier with padding that is not zero",
    der: buildCertificate({ uniqueIds: derElement(0x81, Uint8Array.of(1, 1)) }),
    because: "BIT STRING has padding bits that are not zero",
  },
  {
    what: "an object identifier with 0x80 in front of an arc",
    der: withExtensions(
      derSequence(
        derElement(DerTag.OBJECT_IDENTIFIER, Uint8Array.of(0x55, 0x1d, 0x80, 15)),
        derOctetString(NULL),
      ),
    ),
    because: "OBJECT IDENTIFIER is not minimal",
  },
  {
    what: "an object identifier that is cut off",
    der: buildCertificate({
      innerAlgorithm: derSequence(derElement(DerTag.OBJECT_IDENTIFIER, Uint8Array.of(0x2a, 0x86))),
    }),
    because: "OBJECT IDENTIFIER is cut off",
  },
  {
    what: "an object identifier without contents",
    der: subject(derSet(derSequence(derElement(DerTag.OBJECT_IDENTIFIER), derElement(DerTag.UTF8String)))),
    because: "OBJECT IDENTIFIER has no contents",
  },
];

/** Fields that contradict each other. */
export const versionsAndAlgorithms: readonly Refused[] = [
  {
    what: "version 5",
    der: buildCertificate({ version: derExplicit(0, derInteger(4)) }),
    because: "there is no version 5",
  },
  {
    what: "a negative version",
    der: buildCertificate({ version: derExplicit(0, derInteger(-1)) }),
    because: "INTEGER is negative",
  },
  {
    what: "version 1 that is encoded, though it is the default",
    der: buildCertificate({ version: derExplicit(0, derInteger(0)) }),
    because: "version 1 is the default, which DER does not encode",
  },
  {
    what: "extensions in version 1",
    der: buildCertificate({ version: V1, extensions: derExplicit(3, derSequence(extension("1.2.3", NULL))) }),
    because: "a certificate of version 1 has extensions",
  },
  {
    what: "extensions in version 2",
    der: buildCertificate({ version: V2, extensions: derExplicit(3, derSequence(extension("1.2.3", NULL))) }),
    because: "a certificate of version 2 has extensions",
  },
  {
    what: "a unique identifier in version 1",
    der: buildCertificate({ version: V1, uniqueIds: derElement(0x81, Uint8Array.of(0, 1)) }),
    because: "a certificate of version 1 has a unique identifier",
  },
  {
    what: "unique identifiers in the wrong order",
    der: buildCertificate({
      uniqueIds: concatBytes(derElement(0x82, Uint8Array.of(0, 1)), derElement(0x81, Uint8Array.of(0, 1))),
    }),
    because: "4 bytes are left over",
  },
  {
    what: "another algorithm outside than inside",
    der: buildCertificate({ outerAlgorithm: derSequence(derObjectIdentifier("1.2.840.10045.4.3.3")) }),
    because: "signatureAlgorithm is not that of tbsCertificate",
  },
  {
    what: "NULL parameters outside, and none inside",
    der: buildCertificate({ outerAlgorithm: derSequence(derObjectIdentifier("1.2.840.10045.4.3.2"), NULL) }),
    because: "signatureAlgorithm is not that of tbsCertificate",
  },
];
