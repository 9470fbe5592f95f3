import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { DerError, readDer } from "../../src/der/reader.ts";
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
} from "../../src/der/writer.ts";
import { type CertificateExtensions, readExtensions } from "../../src/x509/certificate-extensions.ts";
import { extension, ExtensionId, generalName } from "./certificate-builder.ts";

function read(...extensions: readonly Uint8Array[]): CertificateExtensions {
  return readDer(derSequence(...extensions), readExtensions);
}

const bits = (...set: readonly number[]): Uint8Array => {
  const last = Math.max(...set);
  const bytes = new Uint8Array((last >> 3) + 1);
  for (const bit of set) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return derBitString(bytes, 7 - (last & 7));
};
const basicConstraints = (...fields: readonly Uint8Array[]) =>
  read(extension(ExtensionId.basicConstraints, derSequence(...fields))).basicConstraints;
const keyUsage = (value: Uint8Array) => read(extension(ExtensionId.keyUsage, value)).keyUsage;

describe("the list", () => {
  test("has all extensions in their order, with their values as views", () => {
    const list = derSequence(
      extension("1.2.840.113549.1", ascii("any bytes")),
      extension(ExtensionId.keyUsage, bits(0), true),
      extension("2.5.29.31", new Uint8Array(), true),
    );
    const { all } = readDer(list, readExtensions);
    expect(all.map(({ oid, critical, value }) => ({ oid, critical, value }))).toEqual([
      { oid: "1.2.840.113549.1", critical: false, value: ascii("any bytes") },
      { oid: "2.5.29.15", critical: true, value: bits(0) },
      { oid: "2.5.29.31", critical: true, value: new Uint8Array() },
    ]);
    for (const { value } of all) expect(value.buffer).toBe(list.buffer);
  });

  test("names the critical extensions that are not decoded", () => {
    const { unknownCritical } = read(
      extension(ExtensionId.certificatePolicies, derNull(), true),
      extension("1.2.3", derNull()),
      extension(ExtensionId.keyUsage, bits(0), true),
      extension("1.3.6.1.4.1.11129.2.4.3", derNull(), true),
    );
    expect(unknownCritical).toEqual(["2.5.29.32", "1.3.6.1.4.1.11129.2.4.3"]);
  });

  test("does not take for known what only resembles it", () => {
    const oids = ["2.5.29.15.0", "2.5.28.15", "2.4.29.15", "2.5.29", "1.3.6.1.5.5.7.1.25", "2.5.29.143"];
    const read1 = read(...oids.map((oid) => extension(oid, ascii("junk"), true)));
    expect(Object.keys(read1).sort()).toEqual(["all", "unknownCritical"]);
    expect(read1.unknownCritical).toEqual(oids);
  });

  test("decodes what is critical and what is not alike", () => {
    const values = [
      [ExtensionId.subjectKeyIdentifier, derOctetString(Uint8Array.of(1))],
      [ExtensionId.keyUsage, bits(5)],
      [ExtensionId.subjectAltName, derSequence(generalName(2, "a"))],
      [ExtensionId.basicConstraints, derSequence(derBoolean(true))],
      [ExtensionId.nameConstraints, derSequence(derExplicit(0, derSequence(generalName(2, "a"))))],
      [ExtensionId.authorityKeyIdentifier, derSequence(derElement(0x80, Uint8Array.of(1)))],
      [ExtensionId.extKeyUsage, derSequence(derObjectIdentifier("1.3.6.1.5.5.7.3.1"))],
      [ExtensionId.tlsFeature, derSequence(derInteger(5))],
    ] as const;
    const [plain, critical] = [false, true].map((flag) => {
      const { all, ...decoded } = read(...values.map(([oid, value]) => extension(oid, value, flag)));
      expect(all).toHaveLength(values.length);
      return decoded;
    });
    expect(critical).toEqual(plain);
    expect(plain).toEqual({
      subjectKeyIdentifier: Uint8Array.of(1),
      keyUsage: 0x20,
      subjectAltName: [{ kind: "dns", name: ascii("a") }],
      basicConstraints: { isCa: true, pathLength: undefined },
      nameConstraints: { permitted: [{ kind: "dns", name: ascii("a") }], excluded: [] },
      authorityKeyIdentifier: { keyIdentifier: Uint8Array.of(1), hasIssuerAndSerial: false },
      extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"],
      tlsFeatures: [5],
      unknownCritical: [],
    });
  });

  test("refuses two of a kind, wherever they stand", () => {
    for (let length = 2; length <= 8; length++) {
      const oids = Array.from({ length }, (_, i) => `1.2.${i}`);
      for (let first = 0; first < length; first++) {
        for (let second = first + 1; second < length; second++) {
          const doubled = oids.map((oid, i) => (i === second ? (oids[first] ?? "") : oid));
          expect(() => read(...doubled.map((oid) => extension(oid, derNull())))).toThrow(
            `extension 1.2.${first} occurs twice`,
          );
        }
      }
      expect(read(...oids.map((oid) => extension(oid, derNull()))).all).toHaveLength(length);
    }
  });

  test("names the extension in which a fault is", () => {
    let thrown: unknown;
    try {
      read(extension(ExtensionId.extKeyUsage, derSequence(derNull())));
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DerError);
    expect(thrown).toMatchObject({
      message: "extKeyUsage: expected OBJECT IDENTIFIER, found NULL (at offset 13)",
      cause: expect.any(DerError),
    });
  });
});

describe("basicConstraints", () => {
  test("say whether it is an authority's, and how long a path may be", () => {
    expect(basicConstraints()).toEqual({ isCa: false, pathLength: undefined });
    expect(basicConstraints(derBoolean(false))).toEqual({ isCa: false, pathLength: undefined });
    expect(basicConstraints(derBoolean(true))).toEqual({ isCa: true, pathLength: undefined });
    expect(basicConstraints(derBoolean(true), derInteger(0))).toEqual({ isCa: true, pathLength: 0 });
    expect(basicConstraints(derBoolean(true), derInteger(255))).toEqual({ isCa: true, pathLength: 255 });
    expect(basicConstraints(derInteger(3))).toEqual({ isCa: false, pathLength: 3 });
  });
});

describe("keyUsage", () => {
  test("has a bit for each bit of the RFC", () => {
    for (let bit = 0; bit <= 8; bit++) expect(keyUsage(bits(bit))).toBe(1 << bit);
    expect(keyUsage(bits(5, 6))).toBe(0x60);
    expect(keyUsage(bits(0, 1, 2, 3, 4, 5, 6, 7, 8))).toBe(0x1ff);
  });

  test("may have trailing zeros", () => {
    expect(keyUsage(derBitString(Uint8Array.of(0x06)))).toBe(0x60);
    expect(keyUsage(derBitString(Uint8Array.of(0x06, 0x00)))).toBe(0x60);
    expect(keyUsage(derBitString(Uint8Array.of(0x06), 1))).toBe(0x60);
  });
});

describe("extKeyUsage", () => {
  test("lists purposes in their order", () => {
    const purposes = ["1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.4.1.311.10.3.4", "1.3.6.1.5.5.7.3.1"];
    const value = derSequence(...purposes.map(derObjectIdentifier));
    expect(read(extension(ExtensionId.extKeyUsage, value)).extendedKeyUsage).toEqual(purposes);
  });
});

describe("authorityKeyIdentifier", () => {
  const issuer = derExplicit(1, derExplicit(4, derSequence()));
  const serial = derElement(0x82, Uint8Array.of(0xff));
  const identifier = derElement(0x80, Uint8Array.of(1, 2));
  const of = (...fields: readonly Uint8Array[]) =>
    read(extension(ExtensionId.authorityKeyIdentifier, derSequence(...fields))).authorityKeyIdentifier;

  test("has an identifier, an issuer with a serial number, both, or nothing", () => {
    const keyIdentifier = Uint8Array.of(1, 2);
    expect(of(identifier)).toEqual({ keyIdentifier, hasIssuerAndSerial: false });
    expect(of(issuer, serial)).toEqual({ hasIssuerAndSerial: true });
    expect(of(identifier, issuer, serial)).toEqual({ keyIdentifier, hasIssuerAndSerial: true });
    expect(of()).toEqual({ hasIssuerAndSerial: false });
  });

  test("has a well-formed issuer", () => {
    expect(() => of(derExplicit(1), serial)).toThrow(
      "authorityKeyIdentifier: expected an element, found the end",
    );
    expect(() => of(derExplicit(1, generalName(9, "x")), serial)).toThrow("GeneralName has no [9] primitive");
    expect(() => of(identifier, serial, issuer)).toThrow("an issuer and a serial number belong together");
  });
});

describe("tlsFeature", () => {
  const of = (...features: readonly Uint8Array[]) =>
    read(extension(ExtensionId.tlsFeature, derSequence(...features))).tlsFeatures;

  test("lists extension types of TLS", () => {
    expect(of(derInteger(5), derInteger(17))).toEqual([5, 17]);
    expect(of(derInteger(65535))).toEqual([65535]);
    expect(of()).toEqual([]);
  });

  test("has no others", () => {
    expect(() => of(derInteger(-1))).toThrow("tlsFeature: INTEGER is negative");
    expect(() => of(derElement(DerTag.ENUMERATED, Uint8Array.of(5)))).toThrow("found ENUMERATED");
  });
});
