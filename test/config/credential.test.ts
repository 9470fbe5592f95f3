import { describe, expect, test } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import {
  certificatesFromPem,
  ConfigError,
  credential,
  type CredentialOptions,
  type SigningKey,
  signingKeyFromPem,
  TlsAlert,
} from "../../src/index.ts";
import { leafCertificate, spkiOf, testKey } from "../pitfalls/leaf-certificate.ts";
import { testCertificate } from "../support/certificates.ts";
import { expectConfigError } from "./config-error.ts";

const p256 = testKey("ecdsa-p256");
const ed25519 = testKey("ed25519");
const leaf = leafCertificate(spkiOf(p256));
const other = leafCertificate(spkiOf(ed25519));
/** A key that lives elsewhere, and does not show its public half. */
const remote: SigningKey = {
  keyType: "ecdsa-p256",
  schemes: [0x0403],
  subjectPublicKeyInfo: undefined,
  sign: () => Promise.resolve(new Uint8Array()),
};

describe("credential", () => {
  test("takes PEM of certificate and key", async () => {
    const { certificatePem, keyPem, der } = await testCertificate();
    const own = credential({ certificateChain: certificatePem, key: keyPem });
    expect(own.certificateChain).toEqual([der]);
    expect(own.key.keyType).toBe("ecdsa-p256");
  });

  test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa", "rsa-pss"] as const)(
    "takes a certificate and a key of kind %s",
    (keyType) => {
      const key = testKey(keyType);
      expect(credential({ certificateChain: [leafCertificate(spkiOf(key))], key }).key).toBe(key);
    },
  );

  test("takes a chain whose certificates behind the leaf are of any kind", () => {
    const own = credential({ certificateChain: [leaf, other, Uint8Array.of(1)], key: p256 });
    expect(own.certificateChain).toEqual([leaf, other, Uint8Array.of(1)]);
  });

  test("takes a key that does not show its public half", () => {
    expect(credential({ certificateChain: [leaf], key: remote }).key).toBe(remote);
  });

  test("copies bytes, and cannot be changed", () => {
    const der = leaf.slice();
    const ocspResponse = Uint8Array.of(0x30, 0);
    const timestamp = Uint8Array.of(7);
    const own = credential({
      certificateChain: [der],
      key: p256,
      ocspResponse,
      signedCertificateTimestamps: [timestamp],
    });
    for (const bytes of [der, ocspResponse, timestamp]) bytes.fill(0xff);
    expect(own).toMatchObject({
      certificateChain: [leaf],
      ocspResponse: Uint8Array.of(0x30, 0),
      signedCertificateTimestamps: [Uint8Array.of(7)],
    });
    expect(Object.isFrozen(own)).toBe(true);
  });

  test.each<{ what: string; options: CredentialOptions; option: string; value: string; allowed: string }>([
    {
      what: "no certificate",
      options: { certificateChain: [], key: p256 },
      option: "certificateChain",
      value: '""',
      allowed: "at least one certificate",
    },
    {
      what: "PEM without a certificate",
      options: { certificateChain: "nothing to see", key: p256 },
      option: "certificateChain",
      value: '""',
      allowed: "at least one certificate",
    },
    {
      what: "a leaf that is no certificate",
      options: { certificateChain: [Uint8Array.of(0x30, 0)], key: p256 },
      option: "certificateChain",
      value: "Uint8Array(2)",
      allowed: "DER certificates",
    },
    {
      what: "the key of another certificate of the same kind",
      options: { certificateChain: [leafCertificate(otherP256())], key: p256 },
      option: "key",
      value: '"ecdsa-p256"',
      allowed: "the private key of the first certificate, which is ecdsa-p256",
    },
    {
      what: "a key of another kind",
      options: { certificateChain: [leaf], key: ed25519 },
      option: "key",
      value: '"ed25519"',
      allowed: "the private key of the first certificate, which is ecdsa-p256",
    },
    {
      what: "the key of the second certificate",
      options: { certificateChain: [other, leaf], key: p256 },
      option: "key",
      value: '"ecdsa-p256"',
      allowed: "the private key of the first certificate, which is ed25519",
    },
    {
      what: "a key of another kind that does not show its public half",
      options: { certificateChain: [other], key: remote },
      option: "key",
      value: '"ecdsa-p256"',
      allowed: "the private key of the first certificate, which is ed25519",
    },
    {
      what: "a key of rsaEncryption for a certificate of RSASSA-PSS",
      options: { certificateChain: [leafCertificate(spkiOf(testKey("rsa-pss")))], key: testKey("rsa") },
      option: "key",
      value: '"rsa"',
      allowed: "the private key of the first certificate, which is rsa-pss",
    },
    {
      what: "an empty OCSP response",
      options: { certificateChain: [leaf], key: p256, ocspResponse: new Uint8Array() },
      option: "ocspResponse",
      value: "Uint8Array(0)",
      allowed: "1 byte and more",
    },
    {
      what: "an empty list of timestamps",
      options: { certificateChain: [leaf], key: p256, signedCertificateTimestamps: [] },
      option: "signedCertificateTimestamps",
      value: "[]",
      allowed: "at least one",
    },
    {
      what: "an empty timestamp",
      options: { certificateChain: [leaf], key: p256, signedCertificateTimestamps: [new Uint8Array()] },
      option: "signedCertificateTimestamps",
      value: "[Uint8Array(0)]",
      allowed: "each of 1 byte and more",
    },
    {
      what: "timestamps that do not fit",
      options: { certificateChain: [leaf], key: p256, signedCertificateTimestamps: [new Uint8Array(65_534)] },
      option: "signedCertificateTimestamps",
      value: "[Uint8Array(65534)]",
      allowed: "of 65535 bytes together",
    },
  ])("refuses $what", ({ options, ...refusal }) => {
    expectConfigError(() => credential(options), refusal);
  });

  test("says why a leaf cannot be read", () => {
    try {
      credential({ certificateChain: [leaf.subarray(0, -1)], key: p256 });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.cause).toBeInstanceOf(TlsAlert);
      return;
    }
    throw new Error("nothing was thrown");
  });

  test("shows nothing of a key that cannot be read", async () => {
    const { certificatePem, keyPem } = await testCertificate();
    const secret = keyPem.split("\n")[1] ?? "";
    const broken = keyPem.replace(secret, secret.slice(4));
    try {
      credential({ certificateChain: certificatePem, key: broken });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      expect(error.option).toBe("key");
      expect(error.message).not.toContain(secret.slice(8, 20));
      return;
    }
    throw new Error("nothing was thrown");
  });
});

describe("certificatesFromPem", () => {
  test("gives the certificates of a text in order, and passes over the rest", async () => {
    const first = await testCertificate();
    const second = await testCertificate({ keyType: "ed25519" });
    const text = `subject: first\n${first.certificatePem}${first.keyPem}\n${second.certificatePem}`;
    expect(certificatesFromPem(text)).toEqual([first.der, second.der]);
    expect(certificatesFromPem("")).toEqual([]);
  });

  test.each([
    ["a block without an end", "-----BEGIN CERTIFICATE-----\nMAA=\n"],
    ["another end", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END X509 CRL-----\n"],
    ["what is no base64", "-----BEGIN CERTIFICATE-----\nM!A=\n-----END CERTIFICATE-----\n"],
    ["base64 without padding", "-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n"],
  ])("refuses %s", (_what, text) => {
    let thrown: unknown;
    try {
      certificatesFromPem(text);
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof ConfigError)) throw new Error(`no ConfigError, but ${String(thrown)}`);
    expect(thrown.option).toBe("certificateChain");
    expect(thrown.message).toMatch(/text that is not PEM: .+; allowed: PEM text with CERTIFICATE blocks$/);
  });
});

/** The public half of another key on P-256. */
function otherP256(): Uint8Array {
  const pem =
    "-----BEGIN EC PRIVATE KEY-----\n" +
    Buffer.from(
      concatBytes(
        Uint8Array.of(0x30, 0x31, 2, 1, 1, 4, 32),
        new Uint8Array(32).fill(1),
        Uint8Array.of(0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7),
      ),
    ).toString("base64") +
    "\n-----END EC PRIVATE KEY-----\n";
  return spkiOf(signingKeyFromPem(pem));
}
