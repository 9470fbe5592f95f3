import { createHash } from "node:crypto";

import { expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleProvider, noCertificates, pinned, type PresentedPeer, readLeaf } from "../../src/index.ts";
import { leafCertificate, spkiOf, testKey } from "../pitfalls/leaf-certificate.ts";
import { expectConfigError } from "./config-error.ts";

const spki = spkiOf(testKey("ecdsa-p256"));
const pin = new Uint8Array(createHash("sha256").update(spki).digest());
const otherPin = pin.map((byte) => byte ^ 1);

function peerWith(der: Uint8Array): PresentedPeer {
  return {
    role: "server",
    chain: [der],
    leaf: readLeaf(der),
    serverName: "server.example",
    ocspResponse: null,
    signedCertificateTimestamps: [],
    signatureVerifiers: nobleProvider().signatureVerifiers,
    nowMs: 0,
  };
}

test("a pinned key is trusted in any certificate", () => {
  const policy = pinned([otherPin, pin]);
  expect(policy.verify(peerWith(leafCertificate(spki)))).toEqual({ trust: "verified" });
  expect(policy.verify(peerWith(leafCertificate(spki, { version: 1, serialNumber: 1n })))).toEqual({
    trust: "verified",
  });
});

test("another key is rejected with certificate_unknown, and its digest is named", () => {
  expect(pinned([otherPin]).verify(peerWith(leafCertificate(spki)))).toEqual({
    trust: "rejected",
    reason: `the key of the certificate (SHA-256 ${hex(pin)}) is not pinned`,
    alert: "certificate_unknown",
  });
});

test("a certificate behind the leaf does not count", () => {
  const leaf = leafCertificate(spkiOf(testKey("ed25519")));
  const verdict = pinned([pin]).verify({ ...peerWith(leaf), chain: [leaf, leafCertificate(spki)] });
  expect(verdict).toMatchObject({ trust: "rejected" });
});

test("pins are copied", () => {
  const own = pin.slice();
  const policy = pinned([own]);
  own.fill(0);
  expect(policy.verify(peerWith(leafCertificate(spki)))).toEqual({ trust: "verified" });
});

test.each([
  { what: "no pin", pins: [], value: "[]", allowed: "at least one SHA-256 digest" },
  { what: "an empty pin", pins: [new Uint8Array()], value: "Uint8Array(0)", allowed: "digests of 32 bytes" },
  {
    what: "a pin of SHA-1",
    pins: [pin, new Uint8Array(20)],
    value: "Uint8Array(20)",
    allowed: "digests of 32 bytes",
  },
  {
    what: "a pin in hexadecimal",
    pins: [new Uint8Array(64)],
    value: "Uint8Array(64)",
    allowed: "digests of 32 bytes",
  },
])("$what is refused", ({ pins, value, allowed }) => {
  expectConfigError(() => pinned(pins), { option: "spkiSha256", value, allowed });
});

test("noCertificates trusts neither a server nor a client", () => {
  for (const role of ["server", "client"] as const) {
    expect(noCertificates().verify({ ...peerWith(leafCertificate(spki)), role })).toEqual({
      trust: "rejected",
      reason: `a ${role} has to prove a pre-shared key here`,
      alert: "certificate_unknown",
    });
  }
});
