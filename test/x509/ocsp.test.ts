import { describe, expect, test } from "vitest";

import {
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import type { OcspVerdict } from "../../src/x509/ocsp.ts";
import { ALGORITHM, buildValidity, commonName, extension, ExtensionId } from "./certificate-builder.ts";
import {
  buildCertId,
  buildLeaf,
  buildResponse,
  buildSigner,
  buildSingle,
  extensions,
  generalizedTime,
  GOOD,
  issuer,
  keyHash,
  leaf,
  MID_JULY,
  NONCE,
  response,
  revoked,
  UNKNOWN,
  withCertificates,
} from "./ocsp-builder.ts";
import { checkCounting, unusable } from "./ocsp-checks.ts";

const OCSP_SIGNING = extension(
  ExtensionId.extKeyUsage,
  derSequence(derObjectIdentifier("1.3.6.1.5.5.7.3.9")),
);
const neighbour = buildLeaf(issuer, { serialNumber: derInteger(77) });
/** Has the number of the leaf. */
const namesake = buildLeaf(issuer, { issuer: commonName("another issuer") });
const sha1Id = derSequence(derObjectIdentifier("1.3.14.3.2.26"));
const digest = derOctetString(new Uint8Array(20));

const good: OcspVerdict = {
  status: "good",
  thisUpdateSeconds: Date.UTC(2026, 6, 1) / 1000,
  nextUpdateSeconds: Date.UTC(2026, 7, 1) / 1000,
};
const isRevoked: OcspVerdict = {
  status: "revoked",
  atSeconds: Date.UTC(2026, 0, 1) / 1000,
  reason: undefined,
};

const checkAt = (der: Uint8Array) =>
  checkCounting(der, { certificate: leaf }, issuer, { nowSeconds: MID_JULY });
const verdictOn = (der: Uint8Array) => checkAt(der).verdict;

describe("it is good", () => {
  test.each<readonly [string, Uint8Array]>([
    ["as it is", response()],
    [
      "with the version, although it is the default",
      response({}, { version: derExplicit(0, derInteger(0)) }),
    ],
    [
      "when the key is named",
      response({}, { responderId: derExplicit(2, derOctetString(keyHash(issuer.certificate))) }),
    ],
    [
      "with a nonce",
      response({}, { responseExtensions: extensions(extension(NONCE, derOctetString(new Uint8Array(16)))) }),
    ],
    [
      "with a critical nonce",
      response(
        {},
        { responseExtensions: extensions(extension(NONCE, derOctetString(new Uint8Array(16)), true)) },
      ),
    ],
    [
      "with extensions that are not critical",
      response({ singleExtensions: extensions(extension("1.2.3", derNull())) }),
    ],
    ["when the hash has no parameters", response({ certId: buildCertId(leaf, issuer, sha1Id) })],
    [
      "beside an answer about another certificate",
      response(
        {},
        { responses: [buildSingle(neighbour, issuer, { certStatus: revoked() }), buildSingle(leaf, issuer)] },
      ),
    ],
    [
      "beside an outdated answer",
      response(
        {},
        {
          responses: [
            buildSingle(leaf, issuer, {
              certStatus: revoked(),
              nextUpdate: derExplicit(0, generalizedTime("20260702000000Z")),
            }),
            buildSingle(leaf, issuer),
          ],
        },
      ),
    ],
    [
      "with certificates that are not needed, or none",
      response({}, { certs: withCertificates(derSequence(), leaf.der) }),
    ],
    ["with an empty list of certificates", response({}, { certs: withCertificates() })],
  ])("%s", (_what, der) => {
    expect(checkAt(der)).toEqual({ verdict: good, signatureChecks: 1 });
  });
});

describe("of several answers about the certificate, the worst counts:", () => {
  const single = (certStatus: Uint8Array) => buildSingle(leaf, issuer, { certStatus });
  test.each<readonly [string, readonly Uint8Array[], OcspVerdict]>([
    ["good, revoked", [GOOD, revoked()], isRevoked],
    ["revoked, good", [revoked(), GOOD], isRevoked],
    ["unknown, revoked", [UNKNOWN, revoked()], isRevoked],
    ["good, unknown", [GOOD, UNKNOWN], unusable("does not know")],
    ["unknown, good", [UNKNOWN, GOOD], unusable("does not know")],
    ["good, good", [GOOD, GOOD], good],
  ])("%s", (_what, statuses, expected) => {
    expect(verdictOn(response({}, { responses: statuses.map(single) }))).toEqual(expected);
  });
});

describe("it is unusable, at no cost,", () => {
  const next = (text: string) => ({ nextUpdate: derExplicit(0, generalizedTime(text)) });
  test.each<readonly [string, Uint8Array, string]>([
    ["without an answer", response({}, { responses: [] }), "it is not about the certificate"],
    [
      "about another certificate",
      response({}, { responses: [buildSingle(neighbour, issuer)] }),
      "it is not about",
    ],
    [
      "about a certificate of another name",
      response({ certId: buildCertId(namesake, issuer) }),
      "it is not about",
    ],
    [
      "about a certificate of another key",
      response({ certId: buildCertId(leaf, buildSigner("issuer")) }),
      "it is not about",
    ],
    [
      "with SHA-1 under the name of SHA-256",
      response({
        certId: buildCertId(leaf, issuer, derSequence(derObjectIdentifier("2.16.840.1.101.3.4.2.1"))),
      }),
      "it is not about",
    ],
    [
      "with a hash that is not known",
      response({ certId: buildCertId(leaf, issuer, derSequence(derObjectIdentifier("1.2.3"))) }),
      "it is not about",
    ],
    [
      "when nextUpdate is before thisUpdate",
      response({ thisUpdate: generalizedTime("20260715000100Z"), ...next("20260714235900Z") }),
      "is before thisUpdate",
    ],
    ["when it is over", response(next("20260714000000Z")), "nextUpdate 2026-07-14T00:00:00Z is over"],
    [
      "when all answers are over, revoked or not",
      response({ certStatus: revoked(), ...next("20260714000000Z") }),
      "is over",
    ],
    [
      "before its time",
      response({ thisUpdate: generalizedTime("20260716000000Z") }),
      "thisUpdate 2026-07-16T00:00:00Z is in the future",
    ],
    [
      "when its signer is not there",
      response({}, { responderId: derExplicit(1, commonName("someone")) }),
      "its signer is neither",
    ],
    [
      "when its key is not there",
      response({}, { responderId: derExplicit(2, digest) }),
      "its signer is neither",
    ],
    [
      "when the algorithm is not that of the key",
      response({}, { signatureAlgorithm: ALGORITHM }),
      "algorithm that is not accepted",
    ],
  ])("%s", (_what, der, says) => {
    expect(checkAt(der)).toEqual({ verdict: unusable(says), signatureChecks: 0 });
  });
});

test("years that no clock shows make no trouble", () => {
  for (const year of ["0000", "9999"]) {
    const time = generalizedTime(`${year}1231235959Z`);
    expect(verdictOn(response({ thisUpdate: time, nextUpdate: new Uint8Array() }))).toEqual(unusable(year));
  }
  expect(
    verdictOn(response({ nextUpdate: derExplicit(0, generalizedTime("99991231235959Z")) })),
  ).toMatchObject({
    status: "good",
  });
});

describe("a responder", () => {
  const appointed = (name: string, ...more: readonly Uint8Array[]) =>
    buildSigner(name, issuer, { extensions: derExplicit(3, derSequence(OCSP_SIGNING, ...more)) });
  const responder = appointed("responder");
  const expired = buildSigner("responder", issuer, {
    extensions: derExplicit(3, derSequence(OCSP_SIGNING)),
    validity: buildValidity("250101000000Z", "260101000000Z"),
  });
  const answer = [buildSingle(leaf, issuer)];

  test("is found among certificates that do not fit, and two signatures are checked", () => {
    const certs = withCertificates(
      derSequence(),
      derSequence(derNull()),
      leaf.der,
      issuer.certificate.der,
      buildSigner("responder").certificate.der,
      expired.certificate.der,
      responder.certificate.der,
    );
    const der = buildResponse(responder, { responses: answer, certs });
    expect(checkAt(der)).toEqual({ verdict: good, signatureChecks: 2 });
  });

  test("that has several keys under one name is refused when the first that fits did not sign", () => {
    const others = Array.from({ length: 5 }, () => appointed("responder").certificate.der);
    const certs = withCertificates(...others, responder.certificate.der);
    const der = buildResponse(responder, { responses: answer, certs });
    expect(checkAt(der)).toEqual({ verdict: unusable("did not sign it"), signatureChecks: 2 });
    const byKey = derExplicit(2, derOctetString(keyHash(responder.certificate)));
    const named = buildResponse(responder, { responses: answer, certs, responderId: byKey });
    expect(checkAt(named)).toEqual({ verdict: good, signatureChecks: 2 });
  });

  test("says in vain that it is the issuer", () => {
    const certs = withCertificates(responder.certificate.der);
    for (const responderId of [
      derExplicit(1, issuer.certificate.subject),
      derExplicit(2, derOctetString(keyHash(issuer.certificate))),
    ]) {
      const der = buildResponse(responder, { responses: answer, certs, responderId });
      expect(checkAt(der)).toEqual({ verdict: unusable("did not sign it"), signatureChecks: 1 });
    }
  });

  test("that was appointed by a responder is not appointed", () => {
    const second = buildSigner("second", responder, {
      extensions: derExplicit(3, derSequence(OCSP_SIGNING)),
    });
    const certs = withCertificates(second.certificate.der, responder.certificate.der);
    expect(checkAt(buildResponse(second, { responses: answer, certs }))).toEqual({
      verdict: unusable("CN=second: it is of another issuer"),
      signatureChecks: 0,
    });
  });

  test("whose certificate is outside of its time is named in the reason", () => {
    const certs = withCertificates(expired.certificate.der);
    expect(verdictOn(buildResponse(expired, { responses: answer, certs }))).toEqual(
      unusable("the certificate of its signer, CN=responder: notAfter 2026-01-01T00:00:00Z"),
    );
  });
});

test("what 64 KiB hold that takes longest is judged in time", () => {
  const single = buildSingle(leaf, issuer, { certStatus: revoked(), nextUpdate: new Uint8Array() });
  const answers = Array.from({ length: Math.floor(64_000 / single.length) }, () => single);
  const names = Array.from({ length: 30 }, (_, i) => extension(`1.2.${i}`, new Uint8Array(100)));
  const certificate = buildLeaf(issuer, { extensions: derExplicit(3, derSequence(...names)) }).der;
  const certificates = Array.from({ length: 16 }, () => certificate);
  for (const der of [
    response({}, { responses: answers }),
    response({}, { responderId: derExplicit(2, digest), certs: withCertificates(...certificates) }),
  ]) {
    const start = performance.now();
    expect(verdictOn(der)).toMatchObject({ status: "unusable" });
    expect(performance.now() - start).toBeLessThan(1000);
  }
});
