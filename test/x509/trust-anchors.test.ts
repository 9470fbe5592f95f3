import { rootCertificates } from "node:tls";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { ConfigError } from "../../src/errors.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { commonName } from "./certificate-builder.ts";
import { issueRoot, type Issued } from "./issuing.ts";

function pemOf({ der }: Issued, label = "CERTIFICATE"): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}

function refusalOf(given: ConstructorParameters<typeof TrustAnchors>[0]): ConfigError {
  try {
    void new TrustAnchors(given);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("there was no refusal");
}

const [a, b] = [issueRoot({ subject: "a" }), issueRoot({ subject: "b" })];

describe("TrustAnchors", () => {
  test("takes PEM with any number of blocks, DER, and several of either", () => {
    expect(new TrustAnchors(pemOf(a)).size).toBe(1);
    expect(new TrustAnchors(`two roots\n${pemOf(a)}\nand\n${pemOf(b)}`).size).toBe(2);
    expect(new TrustAnchors(a.der).size).toBe(1);
    expect(new TrustAnchors([a.der, pemOf(b)]).size).toBe(2);
  });

  test("finds anchors by their names, several of one name too", () => {
    const again = issueRoot({ subject: "a" });
    const anchors = new TrustAnchors([a.der, b.der, again.der]);
    expect(anchors.named(commonName("a")).map(({ der }) => hex(der))).toEqual([hex(a.der), hex(again.der)]);
    expect(anchors.named(commonName("c"))).toEqual([]);
    expect(anchors.subjects.map(hex)).toEqual([hex(a.name), hex(b.name)]);
  });

  test("keeps copies", () => {
    const der = a.der.slice();
    const anchors = new TrustAnchors(der);
    der.fill(0);
    expect(anchors.named(a.name).map(({ der: own }) => hex(own))).toEqual([hex(a.der)]);
    anchors.subjects[0]?.fill(0);
    expect(anchors.subjects.map(hex)).toEqual([hex(a.name)]);
  });

  test("takes all roots of Node, whose names are all found", () => {
    const anchors = new TrustAnchors(rootCertificates);
    expect(anchors.size).toBe(rootCertificates.length);
    for (const subject of anchors.subjects) expect(anchors.named(subject).length).toBeGreaterThan(0);
  });

  test.each([
    ["nothing", []],
    ["text without a block", "no certificates here"],
    ["a block of another kind", pemOf(a, "TRUSTED CERTIFICATE")],
  ])("refuses %s", (_name, given) => {
    expect(refusalOf(given).message).toBe(
      "anchors: [] is not allowed; allowed: at least one CERTIFICATE, in PEM or DER",
    );
  });

  test("refuses what cannot be read, and says which one", () => {
    expect(refusalOf([a.der, b.der.subarray(0, 100)]).message).toMatch(
      /^anchors: "object 2 of 100 bytes" is not allowed; allowed: PEM or DER; SEQUENCE of \d+ bytes, of which \d+ are there/,
    );
    expect(refusalOf("-----BEGIN CERTIFICATE-----\n").message).toMatch(
      /^anchors: "text of 28 characters" is not allowed/,
    );
  });

  test("shows nothing of a private key that was given in place of a certificate", () => {
    const secret = Buffer.alloc(48, "secret").toString("base64");
    const pem = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;
    for (const given of [pem, [pem], pem.replaceAll("PRIVATE KEY", "CERTIFICATE"), pem.slice(0, -5)])
      expect(refusalOf(given).message).not.toContain(secret.slice(0, 8));
  });
});
