import { createHash, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { type AuthorityOptions, createAuthority } from "../../src/minting.ts";
import { parsePublicKey } from "../../src/crypto/public-key.ts";
import { bitLength } from "../../src/der/integers.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { expectKeyOf, extensionIn, holds, missingOpenssl, openssl, quickKeyTypes } from "./acceptance.ts";

const NOW_MS = Date.UTC(2026, 5, 1, 12, 0, 0, 789);

const opensslName = missingOpenssl === undefined ? "" : ` (skipped: ${missingOpenssl})`;

describe.each(quickKeyTypes)("an authority with %s", (keyType) => {
  test("is a root that conforms, with its key", async () => {
    const authority = await createAuthority({ commonName: "Test Root", keyType, validityDays: 30 });
    const root = decodeCertificate(authority.certificate);
    expect(root.version).toBe(3);
    expect(root.subject).toEqual(root.issuer);
    expect(root.extensions).toMatchObject({
      basicConstraints: { isCa: true, pathLength: 0 },
      keyUsage: (1 << 5) | (1 << 6),
      authorityKeyIdentifier: {
        keyIdentifier: root.extensions.subjectKeyIdentifier,
        hasIssuerAndSerial: false,
      },
      unknownCritical: [],
    });
    expect(root.extensions.all).toHaveLength(4);
    expect(extensionIn(authority.certificate, "2.5.29.19")).toEqual({
      critical: true,
      value: "30060101ff020100",
    });
    expect(extensionIn(authority.certificate, "2.5.29.15")).toEqual({ critical: true, value: "03020106" });
    const theirs = new X509Certificate(authority.certificatePem);
    expect(theirs.ca).toBe(true);
    expect(theirs.subject).toBe("CN=Test Root");
    expect(theirs.verify(theirs.publicKey)).toBe(true);
    expectKeyOf(authority.keyPem, authority.certificate);
    expect(authority.key.keyType).toBe(keyType.replace(/-2048$/, ""));
  });

  test.skipIf(missingOpenssl !== undefined)(`is one for openssl${opensslName}`, async () => {
    const { certificatePem } = await createAuthority({ commonName: "Test Root", keyType });
    const args = ["-x509_strict", "-check_ss_sig", "-CAfile", "root", "root"];
    expect(openssl({ root: certificatePem }, "verify", ...args)).toEqual({ status: 0, output: "root: OK\n" });
  });
});

test("keys of RSA have the length that is asked for", { timeout: 120_000 }, async () => {
  for (const bits of [3072, 4096] as const) {
    const { certificate } = await createAuthority({ commonName: "root", keyType: `rsa-${bits}` });
    const key = parsePublicKey(decodeCertificate(certificate).subjectPublicKeyInfo);
    expect("modulus" in key && bitLength(key.modulus)).toBe(bits);
  }
});

test("keys are identified by the first 160 bits of their SHA-256 digest", async () => {
  const { certificate } = await createAuthority({ commonName: "root" });
  const { subjectPublicKeyInfo, extensions } = decodeCertificate(certificate);
  // An uncompressed point on P-256 ends it.
  const point = subjectPublicKeyInfo.subarray(-65);
  expect(point[0]).toBe(4);
  const digest = createHash("sha256").update(point).digest();
  expect(extensions.subjectKeyIdentifier).toEqual(new Uint8Array(digest.subarray(0, 20)));
});

test("serial numbers are positive, of 16 bytes, and never the same", async () => {
  const serials = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const { serialNumber } = decodeCertificate((await createAuthority({ commonName: "root" })).certificate);
    expect(serialNumber).toHaveLength(16);
    expect(serialNumber[0]).toBeGreaterThan(0);
    expect(serialNumber[0]).toBeLessThan(0x80);
    serials.add(Buffer.from(serialNumber).toString("hex"));
  }
  expect(serials.size).toBe(20);
});

test.for([1, 23, 24, 100, 7900])(
  "%d years from now are whole seconds, in the type of time that the year asks for",
  async (years) => {
    const days = 365 * years;
    const { certificate } = await createAuthority({
      commonName: "root",
      validityDays: days,
      now: () => NOW_MS,
    });
    const decoded = decodeCertificate(certificate);
    const nowSeconds = Math.floor(NOW_MS / 1000);
    expect(decoded.notBeforeSeconds).toBe(nowSeconds - 3600);
    expect(decoded.notAfterSeconds).toBe(nowSeconds + 86_400 * days);
    expect(decoded.hasEarlyGeneralizedTime).toBe(false);
  },
);

test.for([
  "Ünïversal Röots & Söns, Inc.",
  'with "quotes", \\backslashes\\ and #hash',
  "#0c0141",
  "x".repeat(64),
  "\u{1f512}".repeat(64),
])("the name %j stands in the certificate as it is", async (commonName) => {
  const { certificate } = await createAuthority({ commonName });
  expect(holds(decodeCertificate(certificate).subject, Buffer.from(commonName))).toBe(true);
});

test.for<[option: string, options: Partial<AuthorityOptions>]>([
  ["commonName", { commonName: "" }],
  ["commonName", { commonName: "x".repeat(65) }],
  ["commonName", { commonName: "a\nb" }],
  ["commonName", { commonName: "\ud800" }],
  // @ts-expect-error: no kind of key
  ["keyType", { keyType: "dsa-1024" }],
  // @ts-expect-error: no kind of key, though every object has something of that name
  ["keyType", { keyType: "constructor" }],
  ["validityDays", { validityDays: 0 }],
  ["validityDays", { validityDays: -1 }],
  ["validityDays", { validityDays: NaN }],
  ["validityDays", { validityDays: Infinity }],
  ["validityDays", { validityDays: 365 * 8000 }],
  ["validityDays", { now: () => NaN }],
])("%s: %o is refused", async ([option, options]) => {
  const refusal = await createAuthority({ commonName: "root", ...options }).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConfigError);
  expect(refusal).toMatchObject({ option });
});

test("printing an authority does not show its key, and a copy does not have it", async () => {
  const authority = await createAuthority({ commonName: "root" });
  const text = inspect(authority, { depth: Infinity, showHidden: true, maxArrayLength: Infinity });
  const [, line = ""] = authority.keyPem.split("\n");
  expect(text).not.toContain(line);
  // The first line of PKCS #8 ends within the key itself.
  const digits = Array.from(Buffer.from(line, "base64").subarray(-8));
  expect(text.replace(/\s/g, "")).not.toContain(digits.join(","));
  expect(Object.keys(authority)).toEqual(["certificateChain", "key", "certificate", "spkiSha256"]);
});
