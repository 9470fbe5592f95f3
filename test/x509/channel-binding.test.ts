import "../support/reflect-metadata.ts";
import { createHash } from "node:crypto";

import * as x509 from "@peculiar/x509";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import {
  derBitString,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { serverEndPoint } from "../../src/x509/channel-binding.ts";
import { testCertificate } from "../support/certificates.ts";

/** How a test certificate is signed, but for the hash. */
interface SigningAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly publicExponent?: Uint8Array<ArrayBuffer>;
  readonly modulusLength?: number;
  readonly saltLength?: number;
}

/** What node:crypto says, or null. */
function digest(hash: string | null, certificate: Uint8Array): string | null {
  return hash === null ? null : createHash(hash).update(certificate).digest("hex");
}

function endPoint(certificate: Uint8Array): string | null {
  const binding = serverEndPoint(certificate);
  return binding && hex(binding);
}

describe("certificates that another implementation has made", () => {
  const rsa = { publicExponent: Uint8Array.of(1, 0, 1), modulusLength: 2048 };
  const hashes = ["SHA-256", "SHA-384", "SHA-512"] as const;

  /** A self-signed certificate of a fresh key, signed with `hash`. */
  async function selfSigned(algorithm: SigningAlgorithm, hash: string): Promise<Uint8Array> {
    x509.cryptoProvider.set(globalThis.crypto);
    const parameters = { ...algorithm, hash };
    const keys = await globalThis.crypto.subtle.generateKey(parameters, true, ["sign", "verify"]);
    if (!("privateKey" in keys)) throw new Error(`${algorithm.name} gave no key pair`);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: "CN=binding",
      signingAlgorithm: parameters,
      keys,
    });
    return new Uint8Array(certificate.rawData);
  }

  test.each(hashes.flatMap((hash) => [256, 384, 521].map((bits) => [hash, bits] as const)))(
    "ECDSA with %s and a key on P-%d: the hash of the signature, not of the curve",
    async (hash, bits) => {
      const certificate = await selfSigned({ name: "ECDSA", namedCurve: `P-${bits}` }, hash);
      expect(endPoint(certificate)).toBe(digest(hash.replace("-", ""), certificate));
    },
  );

  test.each(hashes)("RSA with PKCS #1 v1.5 and with PSS, and %s", async (hash) => {
    const pkcs1 = await selfSigned({ name: "RSASSA-PKCS1-v1_5", ...rsa }, hash);
    const pss = await selfSigned({ name: "RSA-PSS", saltLength: 32, ...rsa }, hash);
    for (const certificate of [pkcs1, pss])
      expect(endPoint(certificate)).toBe(digest(hash.replace("-", ""), certificate));
  });

  test("SHA-1 becomes SHA-256", async () => {
    const pkcs1 = await selfSigned({ name: "RSASSA-PKCS1-v1_5", ...rsa }, "SHA-1");
    const pss = await selfSigned({ name: "RSA-PSS", saltLength: 20, ...rsa }, "SHA-1");
    for (const certificate of [pkcs1, pss]) expect(endPoint(certificate)).toBe(digest("sha256", certificate));
  });

  test("Ed25519 has none", async () => {
    const { der } = await testCertificate({ keyType: "ed25519" });
    expect(serverEndPoint(der)).toBeNull();
  });
});

/** An AlgorithmIdentifier. */
function algorithm(oid: string, ...parameters: readonly Uint8Array[]): Uint8Array {
  return derSequence(derObjectIdentifier(oid), ...parameters);
}

/** As much of a certificate as is looked at. */
function certificateWith(...signatureAlgorithm: readonly Uint8Array[]): Uint8Array {
  return derSequence(derSequence(derInteger(1)), ...signatureAlgorithm, derBitString(new Uint8Array(8)));
}

describe("signature algorithms", () => {
  test.each([
    ["md5WithRSAEncryption", "1.2.840.113549.1.1.4", "sha256"],
    ["sha1WithRSAEncryption", "1.2.840.113549.1.1.5", "sha256"],
    ["sha256WithRSAEncryption", "1.2.840.113549.1.1.11", "sha256"],
    ["sha384WithRSAEncryption", "1.2.840.113549.1.1.12", "sha384"],
    ["sha512WithRSAEncryption", "1.2.840.113549.1.1.13", "sha512"],
    ["ecdsa-with-SHA1", "1.2.840.10045.4.1", "sha256"],
    ["ecdsa-with-SHA256", "1.2.840.10045.4.3.2", "sha256"],
    ["ecdsa-with-SHA384", "1.2.840.10045.4.3.3", "sha384"],
    ["ecdsa-with-SHA512", "1.2.840.10045.4.3.4", "sha512"],
    ["Ed448", "1.3.101.113", null],
    ["sha224WithRSAEncryption, whose hash is not here", "1.2.840.113549.1.1.14", null],
    ["RSASSA-PSS without parameters", "1.2.840.113549.1.1.10", null],
  ])("%s", (_, oid, hash) => {
    const certificate = certificateWith(algorithm(oid));
    expect(endPoint(certificate)).toBe(digest(hash, certificate));
  });

  const sha = { 1: "1.3.14.3.2.26", 256: "2.16.840.1.101.3.4.2.1", 384: "2.16.840.1.101.3.4.2.2" } as const;
  const hash = (oid: string): Uint8Array => derExplicit(0, algorithm(oid, derNull()));
  const mask = (oid: string): Uint8Array =>
    derExplicit(1, algorithm("1.2.840.113549.1.1.8", algorithm(oid, derNull())));

  test.each<[string, readonly Uint8Array[], string | null]>([
    ["the defaults, which are SHA-1", [], "sha256"],
    ["SHA-384 for both", [hash(sha[384]), mask(sha[384])], "sha384"],
    ["a long salt", [hash(sha[384]), mask(sha[384]), derExplicit(2, derInteger(190))], "sha384"],
    ["SHA-256, and SHA-1 in MGF1 by default", [hash(sha[256])], null],
    ["SHA-256, and SHA-384 in MGF1", [hash(sha[256]), mask(sha[384])], null],
    ["MGF1 without parameters", [hash(sha[256]), derExplicit(1, algorithm("1.2.840.113549.1.1.8"))], null],
    ["a hash that is unknown", [hash("1.2.3"), mask("1.2.3")], null],
    ["a hash that is malformed", [derExplicit(0, derNull())], null],
  ])("RSASSA-PSS with %s", (_, parameters, expected) => {
    const certificate = certificateWith(algorithm("1.2.840.113549.1.1.10", derSequence(...parameters)));
    expect(endPoint(certificate)).toBe(digest(expected, certificate));
  });
});

test("a malformed certificate has none", async () => {
  const { der } = await testCertificate();
  expect(serverEndPoint(der)).toHaveLength(32);
  for (const malformed of [
    new Uint8Array(),
    der.subarray(0, -1),
    Uint8Array.of(...der, 0),
    certificateWith(),
    certificateWith(derNull()),
    certificateWith(derElement(0x30, Uint8Array.of(6, 0))),
  ])
    expect(serverEndPoint(malformed)).toBeNull();
});
