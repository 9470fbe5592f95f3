import { createHash, X509Certificate } from "node:crypto";

import { describe, expect, test } from "vitest";

import { ascii, concatBytes, hex } from "../../src/bytes.ts";
import type { KeyType } from "../../src/crypto/provider.ts";
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
import { decodeCertificate, readLeaf, TlsAlert } from "../../src/index.ts";
import {
  extension,
  keyUsage,
  KeyUsageBit,
  leafCertificate,
  spkiOf,
  testKey,
} from "../pitfalls/leaf-certificate.ts";
import { testCertificate, type TestKeyType } from "../support/certificates.ts";
import { seededRandom } from "../support/forger.ts";

const KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa", "rsa-pss"] as const;
const P256 = spkiOf(testKey("ecdsa-p256"));
const P256_POINT = derBitString(P256.subarray(-65));
const EC_PUBLIC_KEY = derObjectIdentifier("1.2.840.10045.2.1");

/** The alert that reading `der` gives, and what it says. */
function refusalOf(der: Uint8Array): { readonly alert: string; readonly message: string } {
  try {
    readLeaf(der);
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    return { alert: error.alert, message: error.message };
  }
  return { alert: "none", message: "" };
}

/** A SubjectPublicKeyInfo whose key is 57 bytes of nothing. */
function keyInfo(...algorithm: readonly Uint8Array[]): Uint8Array {
  return derSequence(derSequence(...algorithm), derBitString(new Uint8Array(57).fill(7)));
}

describe("kinds of keys", () => {
  test.each(KEY_TYPES)("reads a certificate with a key of kind %s", (keyType) => {
    const subjectPublicKeyInfo = spkiOf(testKey(keyType));
    const der = leafCertificate(subjectPublicKeyInfo);
    expect(readLeaf(der)).toEqual({
      certificateType: "x509",
      certificate: decodeCertificate(der),
      der,
      subjectPublicKeyInfo,
      spkiSha256: new Uint8Array(createHash("sha256").update(subjectPublicKeyInfo).digest()),
      keyType,
      permitsDigitalSignature: true,
    });
  });

  test.each<[TestKeyType, KeyType]>([
    ["ecdsa-p256", "ecdsa-p256"],
    ["ecdsa-p384", "ecdsa-p384"],
    ["ecdsa-p521", "ecdsa-p521"],
    ["ed25519", "ed25519"],
    ["rsa-2048", "rsa"],
  ])(
    "reads a certificate that another implementation has made, with a key of kind %s",
    async (made, keyType) => {
      const { der, spkiSha256 } = await testCertificate({ keyType: made });
      const leaf = readLeaf(der);
      const spki = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
      expect(leaf.keyType).toBe(keyType);
      expect(hex(leaf.subjectPublicKeyInfo)).toBe(hex(spki));
      expect(leaf.spkiSha256).toEqual(spkiSha256);
    },
  );

  test("reads a key that is restricted to RSASSA-PSS with SHA-256", () => {
    const sha256 = derSequence(derObjectIdentifier("2.16.840.1.101.3.4.2.1"));
    const parameters = derSequence(
      derExplicit(0, sha256),
      derExplicit(1, derSequence(derObjectIdentifier("1.2.840.113549.1.1.8"), sha256)),
      derExplicit(2, derInteger(32)),
    );
    const der = leafCertificate(keyInfo(derObjectIdentifier("1.2.840.113549.1.1.10"), parameters));
    expect(readLeaf(der).keyType).toBe("rsa-pss");
  });

  test.each([
    { what: "Ed448", oid: "1.3.101.113", parameters: [] },
    { what: "X25519", oid: "1.3.101.110", parameters: [] },
    { what: "DSA", oid: "1.2.840.10040.4.1", parameters: [derSequence(derInteger(1))] },
    { what: "Diffie-Hellman", oid: "1.2.840.10046.2.1", parameters: [] },
    { what: "secp256k1", oid: "1.2.840.10045.2.1", parameters: [derObjectIdentifier("1.3.132.0.10")] },
    { what: "a curve by its equation", oid: "1.2.840.10045.2.1", parameters: [derSequence(derInteger(1))] },
    { what: "an implicit curve", oid: "1.2.840.10045.2.1", parameters: [derNull()] },
    { what: "a curve by nothing", oid: "1.2.840.10045.2.1", parameters: [] },
  ])("refuses a key of $what: unsupported_certificate", ({ oid, parameters }) => {
    expect(refusalOf(leafCertificate(keyInfo(derObjectIdentifier(oid), ...parameters)))).toEqual({
      alert: "unsupported_certificate",
      message: `unsupported_certificate: key algorithm ${oid} is not supported`,
    });
  });

  test("borrows from the bytes that it reads", () => {
    const der = leafCertificate(P256);
    const leaf = readLeaf(der);
    expect(leaf.der).toBe(der);
    expect(leaf.subjectPublicKeyInfo.buffer).toBe(der.buffer);
  });
});

describe("the rest of the certificate", () => {
  test.each([
    { what: "version 1, which has no version field", der: leafCertificate(P256, { version: 1 }) },
    { what: "a serial number of 0", der: leafCertificate(P256, { serialNumber: 0n }) },
    { what: "a serial number below 0", der: leafCertificate(P256, { serialNumber: -129n }) },
    { what: "a serial number of 40 bytes", der: leafCertificate(P256, { serialNumber: 1n << 319n }) },
    {
      what: "extensions that it does not know",
      der: withExtensions(extension("1.2.3.4", new Uint8Array(5), true)),
    },
    { what: "an extension without contents", der: withExtensions(extension("1.2.3.4", new Uint8Array())) },
    {
      what: "sixty extensions",
      der: withExtensions(
        ...Array.from({ length: 60 }, (_, i) => extension(`1.2.3.${i}`, Uint8Array.of(5, 0))),
      ),
    },
    { what: "unique identifiers", der: withUniqueIdentifiers() },
  ])("takes $what", ({ der }) => {
    expect(readLeaf(der)).toMatchObject({ keyType: "ecdsa-p256", permitsDigitalSignature: true });
  });

  test.each([
    { what: "nothing", der: new Uint8Array() },
    { what: "an empty SEQUENCE", der: derSequence() },
    {
      what: "a SEQUENCE of an empty one",
      der: derSequence(derSequence(), derSequence(), derBitString(new Uint8Array())),
    },
    { what: "an OCTET STRING", der: derOctetString(leafCertificate(P256)) },
    { what: "a byte behind the certificate", der: concatBytes(leafCertificate(P256), Uint8Array.of(0)) },
    { what: "two certificates", der: concatBytes(leafCertificate(P256), leafCertificate(P256)) },
    { what: "PEM", der: Uint8Array.from("-----BEGIN CERTIFICATE-----\nMIIB", (c) => c.charCodeAt(0)) },
    { what: "an indefinite length", der: concatBytes(Uint8Array.of(0x30, 0x80), new Uint8Array(2)) },
    { what: "a length of 4 GiB", der: Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x30) },
    { what: "a length in five bytes", der: Uint8Array.of(0x30, 0x85, 0, 0, 0, 0, 1, 0) },
    { what: "a length that is not minimal", der: Uint8Array.of(0x30, 0x81, 2, 0x30, 0) },
    { what: "a key without an algorithm", der: leafCertificate(derSequence(derSequence(), P256_POINT)) },
    { what: "a key without its bits", der: leafCertificate(derSequence(derSequence(EC_PUBLIC_KEY))) },
    {
      what: "a key with a byte behind it",
      der: leafCertificate(derSequence(P256.subarray(2, 23), P256_POINT, derNull())),
    },
    {
      what: "a curve whose name is cut off",
      der: leafCertificate(keyInfo(EC_PUBLIC_KEY, derElement(0x06, Uint8Array.of(0x2a, 0x86)))),
    },
    {
      what: "a curve without a name",
      der: leafCertificate(keyInfo(EC_PUBLIC_KEY, derElement(0x06))),
    },
    {
      what: "an algorithm with two parameters",
      der: leafCertificate(keyInfo(derObjectIdentifier("1.3.101.112"), derNull(), derNull())),
    },
    { what: "an extension that is no SEQUENCE", der: withExtensions(derNull()) },
    {
      what: "an extension without a value",
      der: withExtensions(derSequence(derObjectIdentifier("1.2.3.4"))),
    },
    {
      what: "an extension whose flag is neither true nor false",
      der: withExtensions(
        derSequence(
          derObjectIdentifier("1.2.3.4"),
          derElement(0x01, Uint8Array.of(1)),
          derOctetString(new Uint8Array()),
        ),
      ),
    },
    {
      what: "an extension with something behind its value",
      der: withExtensions(
        derSequence(
          derObjectIdentifier("1.2.3.4"),
          derBoolean(true),
          derOctetString(new Uint8Array()),
          derNull(),
        ),
      ),
    },
    {
      what: "keyUsage that is no BIT STRING",
      der: withExtensions(extension("2.5.29.15", derOctetString(Uint8Array.of(0x80)))),
    },
    {
      what: "keyUsage with a byte behind it",
      der: withExtensions(
        extension("2.5.29.15", concatBytes(derBitString(Uint8Array.of(0x80), 7), Uint8Array.of(0))),
      ),
    },
    {
      what: "keyUsage with 8 padding bits",
      der: withExtensions(extension("2.5.29.15", Uint8Array.of(3, 2, 8, 0x80))),
    },
    {
      what: "keyUsage with padding that is not zero",
      der: withExtensions(extension("2.5.29.15", Uint8Array.of(3, 2, 7, 0x81))),
    },
    { what: "keyUsage without contents", der: withExtensions(extension("2.5.29.15", new Uint8Array())) },
  ])("refuses $what: decode_error", ({ der }) => {
    const { alert, message } = refusalOf(der);
    expect(alert).toBe("decode_error");
    expect(message).toMatch(/^decode_error: certificate is malformed: .+ \(at offset \d+\)$/);
  });
});

describe("keyUsage", () => {
  const { digitalSignature, keyEncipherment, keyCertSign, decipherOnly } = KeyUsageBit;

  test.each([
    { what: "digitalSignature", bits: [digitalSignature], permitted: true },
    {
      what: "digitalSignature and keyEncipherment",
      bits: [digitalSignature, keyEncipherment],
      permitted: true,
    },
    {
      what: "digitalSignature and decipherOnly, in two bytes,",
      bits: [digitalSignature, decipherOnly],
      permitted: true,
    },
    { what: "nonRepudiation", bits: [1], permitted: false },
    { what: "keyEncipherment", bits: [keyEncipherment], permitted: false },
    { what: "keyCertSign", bits: [keyCertSign], permitted: false },
    { what: "decipherOnly, in the second byte,", bits: [decipherOnly], permitted: false },
  ])("with $what permits digital signatures: $permitted", ({ bits, permitted }) => {
    const [before, behind] = [extension("1.2.3.4", derNull()), extension("1.2.3.5", derNull())];
    expect(readLeaf(withExtensions(keyUsage(...bits))).permitsDigitalSignature).toBe(permitted);
    expect(readLeaf(withExtensions(before, keyUsage(...bits), behind)).permitsDigitalSignature).toBe(
      permitted,
    );
  });

  test("that is not critical counts as well", () => {
    const value = derBitString(Uint8Array.of(0x20), 5);
    expect(readLeaf(withExtensions(extension("2.5.29.15", value))).permitsDigitalSignature).toBe(false);
  });

  test("of another object identifier does not count", () => {
    const value = derBitString(Uint8Array.of(0x20), 5);
    expect(readLeaf(withExtensions(extension("2.5.29.99", value))).permitsDigitalSignature).toBe(true);
  });

  test.each([
    ["no bit", keyUsage(), /no bit is set/],
    [
      "an encoded default",
      extension("2.5.29.15", derBitString(Uint8Array.of(0x20), 5), false),
      /the default/,
    ],
  ])("with %s is refused", (_, usage, says) => {
    const { alert, message } = refusalOf(withExtensions(usage));
    expect(alert).toBe("decode_error");
    expect(message).toMatch(says);
  });

  test("that is there twice is refused", () => {
    const { alert, message } = refusalOf(withExtensions(keyUsage(0), keyUsage(2)));
    expect(alert).toBe("decode_error");
    expect(message).toMatch(/occurs twice/);
  });
});

describe("what is cut off or changed", () => {
  const extensions = [extension("2.5.29.19", derSequence(derBoolean(true)), true), keyUsage(0, 2)];
  const certificates = KEY_TYPES.map((keyType) => ({
    keyType,
    der: leafCertificate(spkiOf(testKey(keyType)), { extensions }),
  }));

  test.each(certificates)(
    "a certificate with a key of kind $keyType is refused at every length: decode_error",
    ({ der }) => {
      for (let length = 0; length < der.length; length++) {
        expect({ length, alert: refusalOf(der.subarray(0, length)).alert }).toEqual({
          length,
          alert: "decode_error",
        });
      }
      expect(refusalOf(der).alert).toBe("none");
    },
  );

  test.each(certificates)(
    "a certificate with a key of kind $keyType is refused when an element of it is cut: decode_error",
    ({ der }) => {
      // The length bytes of each SEQUENCE around are set right, so that only the insides are short.
      const tbs = der.subarray(4);
      for (let length = 0; length < tbs.length; length++) {
        const { alert } = refusalOf(derSequence(tbs.subarray(0, length)));
        expect({ length, alert }).toEqual({ length, alert: "decode_error" });
      }
    },
  );

  const seed = 0x1eaf;
  test(`changed bytes give a leaf or an alert, with seed ${seed}`, () => {
    const random = seededRandom(seed);
    const number = (below: number): number => {
      const [a = 0, b = 0] = random(2);
      return ((a << 8) | b) % below;
    };
    const outcomes = new Map<string, number>();
    for (let round = 0; round < 6000; round++) {
      const { der } = certificates[number(certificates.length)] ?? { der: new Uint8Array(1) };
      let mutated: Uint8Array = der.slice();
      for (let times = 1 + number(3); times > 0; times--) {
        const at = number(mutated.length);
        if (number(3) > 0) mutated.set(random(1), at);
        else if (number(2) === 0) mutated = concatBytes(mutated.subarray(0, at), mutated.subarray(at + 1));
        else mutated = concatBytes(mutated.subarray(0, at), random(1), mutated.subarray(at));
      }
      const { alert } = refusalOf(mutated);
      outcomes.set(alert, 1 + (outcomes.get(alert) ?? 0));
    }
    expect([...outcomes.keys()].sort()).toEqual(["decode_error", "none", "unsupported_certificate"]);
  });
});

function withExtensions(...extensions: readonly Uint8Array[]): Uint8Array {
  return leafCertificate(P256, { extensions });
}

/** A certificate of version 2 with issuerUniqueID and subjectUniqueID. RFC 5280 §4.1.2.8. */
function withUniqueIdentifiers(): Uint8Array {
  const algorithm = derSequence(derObjectIdentifier("1.2.840.10045.4.3.2"));
  const empty = derSequence();
  const time = (text: string): Uint8Array => derElement(0x17, ascii(text));
  const tbs = derSequence(
    derExplicit(0, derInteger(1)),
    derInteger(1),
    algorithm,
    empty,
    derSequence(time("250101000000Z"), time("350101000000Z")),
    empty,
    P256,
    derElement(0x81, Uint8Array.of(0, 1)),
    derElement(0x82, Uint8Array.of(0, 2)),
  );
  return derSequence(tbs, algorithm, derBitString(new Uint8Array(64)));
}
