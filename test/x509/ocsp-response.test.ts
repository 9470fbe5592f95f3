import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { DerError } from "../../src/der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../../src/der/tags.ts";
import {
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { decodeOcspResponse } from "../../src/x509/ocsp-response.ts";
import { commonName, extension, ExtensionId } from "./certificate-builder.ts";
import {
  enumerated,
  extensions,
  generalizedTime,
  issuer,
  leaf,
  MID_JULY,
  NONCE,
  response,
  revoked,
  withCertificates,
} from "./ocsp-builder.ts";
import { checkCounting, unusable } from "./ocsp-checks.ts";

const checkAt = (der: Uint8Array) =>
  checkCounting(der, { certificate: leaf }, issuer, { nowSeconds: MID_JULY });

/** A CertID with its fields changed. */
function certId(...fields: readonly Uint8Array[]): { readonly certId: Uint8Array } {
  return { certId: derSequence(...fields) };
}
const sha1Id = derSequence(derObjectIdentifier("1.3.14.3.2.26"));
const digest = derOctetString(new Uint8Array(20));

describe("what is not an OCSPResponse is refused:", () => {
  const time = generalizedTime("20260701000000Z");
  test.each<readonly [string, Uint8Array, string]>([
    ["nothing", new Uint8Array(), "expected SEQUENCE, found the end"],
    [
      "a status that is not used",
      response({}, { responseStatus: enumerated(4) }),
      "responseStatus has a value",
    ],
    [
      "a status that is not known",
      response({}, { responseStatus: enumerated(7) }),
      "responseStatus has a value",
    ],
    ["a negative status", response({}, { responseStatus: enumerated(0xff) }), "responseStatus has a value"],
    [
      "a status of two bytes",
      response({}, { responseStatus: enumerated(1, 0) }),
      "responseStatus has a value",
    ],
    ["a status that is not minimal", response({}, { responseStatus: enumerated(0, 0) }), "not minimal"],
    ["a status without contents", response({}, { responseStatus: enumerated() }), "no contents"],
    [
      "a status as INTEGER",
      response({}, { responseStatus: derInteger(0) }),
      "expected ENUMERATED, found INTEGER",
    ],
    ["success without an answer", response({}, { responseBytes: new Uint8Array() }), "found the end"],
    ["failure with an answer", response({}, { responseStatus: enumerated(3) }), "bytes are left over"],
    ["another type", response({}, { responseType: derObjectIdentifier("1.2.3") }), "responseType 1.2.3"],
    ["bytes behind the answer", response({}, { responseEnd: derNull() }), "2 bytes are left over"],
    ["version 2", response({}, { version: derExplicit(0, derInteger(1)) }), "there is no version 2"],
    ["version 0", response({}, { version: derExplicit(0, derInteger(-1)) }), "INTEGER is negative"],
    ["two versions", response({}, { version: derExplicit(0, derInteger(0), derInteger(0)) }), "left over"],
    ["an empty version", response({}, { version: derExplicit(0) }), "found the end"],
    ["a responder without a name", response({}, { responderId: derExplicit(1) }), "expected SEQUENCE"],
    [
      "a responder with two",
      response({}, { responderId: derExplicit(1, commonName("a"), commonName("b")) }),
      "left over",
    ],
    [
      "a responder by something else",
      response({}, { responderId: derExplicit(3, commonName("a")) }),
      "expected [2], found [3]",
    ],
    [
      "a key hash of 19 bytes",
      response({}, { responderId: derExplicit(2, derOctetString(new Uint8Array(19))) }),
      "no SHA-1 digest",
    ],
    [
      "an IMPLICIT key hash",
      response({}, { responderId: derElement(contextPrimitive(2), new Uint8Array(20)) }),
      "expected [2]",
    ],
    [
      "producedAt as UTCTime",
      response({}, { producedAt: derElement(DerTag.UTCTime, ascii("260701000000Z")) }),
      "expected GeneralizedTime",
    ],
    [
      "producedAt with a fraction",
      response({}, { producedAt: generalizedTime("20260701000000.5Z") }),
      "not YYYYMMDDHHMMSSZ",
    ],
    [
      "producedAt in another zone",
      response({}, { producedAt: generalizedTime("20260701000000+0100") }),
      "not YYYYMMDDHHMMSSZ",
    ],
    ["producedAt on no day", response({}, { producedAt: generalizedTime("20260229000000Z") }), "day 29"],
    [
      "a critical extension",
      response({}, { responseExtensions: extensions(extension("1.2.3", derNull(), true)) }),
      "1.2.3 is critical",
    ],
    ["no extensions", response({}, { responseExtensions: extensions() }), "found the end"],
    [
      "a nonce twice",
      response(
        {},
        { responseExtensions: extensions(extension(NONCE, derNull()), extension(NONCE, derNull())) },
      ),
      "occurs twice",
    ],
    [
      "a signature of bits",
      response({}, { signature: derElement(DerTag.BIT_STRING, Uint8Array.of(1, 0)) }),
      "whole bytes",
    ],
    [
      "a signature as OCTET STRING",
      response({}, { signature: derOctetString(new Uint8Array(64)) }),
      "expected BIT STRING",
    ],
    [
      "an algorithm without an identifier",
      response({}, { signatureAlgorithm: derSequence() }),
      "OBJECT IDENTIFIER",
    ],
    [
      "certificates that are none",
      response({}, { certs: withCertificates(derNull()) }),
      "expected SEQUENCE, found NULL",
    ],
    [
      "something behind the certificates",
      response({}, { certs: derExplicit(0, derSequence(), derNull()) }),
      "left over",
    ],
    [
      "17 certificates",
      response({}, { certs: withCertificates(...Array.from({ length: 17 }, () => derSequence())) }),
      "more than 16 certificates",
    ],
    ["certs in another place", response({}, { certs: derExplicit(1, derSequence()) }), "left over"],
    ["a status of a certificate as NULL", response({ certStatus: derNull() }), "expected [1], found NULL"],
    [
      "good with contents",
      response({ certStatus: derElement(contextPrimitive(0), Uint8Array.of(0)) }),
      "NULL has contents",
    ],
    [
      "unknown with contents",
      response({ certStatus: derElement(contextPrimitive(2), Uint8Array.of(0)) }),
      "NULL has contents",
    ],
    ["good as EXPLICIT", response({ certStatus: derExplicit(0, derNull()) }), "expected [1], found [0]"],
    ["revoked without a time", response({ certStatus: derElement(contextConstructed(1)) }), "found the end"],
    [
      "revoked at no time",
      response({ certStatus: derElement(contextConstructed(1), generalizedTime("2026")) }),
      "not YYYYMMDDHHMMSSZ",
    ],
    [
      "a reason that is not used",
      response({ certStatus: revoked(derExplicit(0, enumerated(7))) }),
      "revocationReason has a value",
    ],
    [
      "a reason that is not known",
      response({ certStatus: revoked(derExplicit(0, enumerated(11))) }),
      "revocationReason has a value",
    ],
    [
      "a reason as INTEGER",
      response({ certStatus: revoked(derExplicit(0, derInteger(1))) }),
      "expected ENUMERATED",
    ],
    [
      "more behind the reason",
      response({ certStatus: revoked(derExplicit(0, enumerated(1)), derNull()) }),
      "left over",
    ],
    ["no thisUpdate", response({ thisUpdate: new Uint8Array() }), "expected GeneralizedTime, found [0]"],
    [
      "thisUpdate as UTCTime",
      response({ thisUpdate: derElement(DerTag.UTCTime, ascii("260701000000Z")) }),
      "found UTCTime",
    ],
    [
      "nextUpdate as UTCTime",
      response({ nextUpdate: derExplicit(0, derElement(DerTag.UTCTime, ascii("260801000000Z"))) }),
      "found UTCTime",
    ],
    ["nextUpdate without its tag", response({ nextUpdate: time }), "left over"],
    ["two of nextUpdate", response({ nextUpdate: derExplicit(0, time, time) }), "left over"],
    [
      "a critical extension of an answer",
      response({ singleExtensions: extensions(extension("1.2.3", derNull(), true)) }),
      "1.2.3 is critical",
    ],
    [
      "a critical nonce of an answer",
      response({ singleExtensions: extensions(extension(NONCE, derNull(), true)) }),
      "is critical",
    ],
    [
      "a critical extension that certificates have",
      response({ singleExtensions: extensions(extension(ExtensionId.subjectKeyIdentifier, digest, true)) }),
      "2.5.29.14 is critical",
    ],
    [
      "a CertID without a hash",
      response(certId(derSequence(), digest, digest, derInteger(1))),
      "OBJECT IDENTIFIER",
    ],
    [
      "a hash with parameters",
      response(
        certId(
          derSequence(derObjectIdentifier("1.3.14.3.2.26"), derInteger(1)),
          digest,
          digest,
          derInteger(1),
        ),
      ),
      "expected NULL",
    ],
    [
      "a serial number that is not minimal",
      response(certId(sha1Id, digest, digest, derElement(DerTag.INTEGER, Uint8Array.of(0, 1)))),
      "not minimal",
    ],
    ["no serial number", response(certId(sha1Id, digest, digest)), "expected INTEGER, found the end"],
    ["a CertID with more", response(certId(sha1Id, digest, digest, derInteger(1), derNull())), "left over"],
  ])("%s", (_what, der, says) => {
    expect(() => decodeOcspResponse(der)).toThrow(DerError);
    expect(() => decodeOcspResponse(der)).toThrow(says);
    expect(checkAt(der)).toEqual({ verdict: unusable("it is malformed"), signatureChecks: 0 });
  });
});

test.each([
  [1, "malformedRequest"],
  [2, "internalError"],
  [3, "tryLater"],
  [5, "sigRequired"],
  [6, "unauthorized"],
])("a responder that fails with %i says %s, which is of no use", (number, name) => {
  const der = derSequence(enumerated(number));
  expect(decodeOcspResponse(der)).toEqual({ responseStatus: name });
  expect(checkAt(der)).toEqual({
    verdict: unusable(`responseStatus is ${name}`),
    signatureChecks: 0,
  });
});
