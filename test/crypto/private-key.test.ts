import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, test } from "vitest";

import { ConfigError } from "../../src/errors.ts";
import { concatBytes } from "../../src/bytes.ts";
import { namedCurves } from "../../src/crypto/curves.ts";
import { signingKeyFromPem, signingKeyFromPkcs8 } from "../../src/crypto/private-key.ts";
import { bytesFromBigInt } from "../../src/der/integers.ts";
import { readDer } from "../../src/der/reader.ts";
import { contextPrimitive } from "../../src/der/tags.ts";
import {
  derBitString,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";

const RSA = derSequence(derObjectIdentifier("1.2.840.113549.1.1.1"), derNull());
const P256 = derObjectIdentifier("1.2.840.10045.3.1.7");
const EC_P256 = derSequence(derObjectIdentifier("1.2.840.10045.2.1"), P256);
const ED25519 = derSequence(derObjectIdentifier("1.3.101.112"));

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

function expectRefusal(run: () => unknown, message: string | RegExp): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConfigError);
  expect((thrown as ConfigError).message).toMatch(message);
  expect((thrown as ConfigError).option).toBe("key");
}

function armour(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}

function pkcs8(
  algorithm: Uint8Array,
  key: Uint8Array,
  version = 0,
  ...more: readonly Uint8Array[]
): Uint8Array {
  return derSequence(derInteger(version), algorithm, derOctetString(key), ...more);
}

/** The nine numbers of a PKCS #1 private key, version first. */
function pkcs1Numbers(key: KeyObject): bigint[] {
  const der = Uint8Array.from(key.export({ format: "der", type: "pkcs1" }));
  return readDer(der, (outer) => outer.sequence((inner) => Array.from({ length: 9 }, () => inner.integer())));
}

function pkcs1(numbers: readonly bigint[]): Uint8Array {
  return derSequence(...numbers.map((number) => derInteger(number)));
}

function sec1(scalar: Uint8Array, ...more: readonly Uint8Array[]): Uint8Array {
  return derSequence(derInteger(1), derOctetString(scalar), ...more);
}

describe("signingKeyFromPem", () => {
  test("finds the one key among certificates, parameters and text", () => {
    const text = `a key\n${armour("CERTIFICATE", Uint8Array.of(1))}${armour("EC PARAMETERS", P256)}${String(p256.export({ format: "pem", type: "sec1" }))}`;
    expect(signingKeyFromPem(text).keyType).toBe("ecdsa-p256");
  });

  test("refuses no key, several, and kinds that it does not know", () => {
    const text = p256.export({ format: "pem", type: "pkcs8" }) as string;
    expectRefusal(() => signingKeyFromPem(""), "PEM with 0 private keys");
    expectRefusal(
      () => signingKeyFromPem(armour("CERTIFICATE", Uint8Array.of(1))),
      "PEM with 0 private keys",
    );
    expectRefusal(() => signingKeyFromPem(text + text), "PEM with 2 private keys");
    expectRefusal(() => signingKeyFromPem(armour("DSA PRIVATE KEY", Uint8Array.of(1))), "DSA PRIVATE KEY");
    expectRefusal(
      () => signingKeyFromPem(armour("OPENSSH PRIVATE KEY", Uint8Array.of(1))),
      "OPENSSH PRIVATE KEY",
    );
    expectRefusal(
      () => signingKeyFromPem(text.replace("-----END", "----END")),
      "malformed private key: PEM block",
    );
  });

  test("says of an encrypted key that it is encrypted, in both forms", () => {
    const options = { format: "pem", cipher: "aes-128-cbc", passphrase: "x" } as const;
    for (const type of ["pkcs8", "pkcs1"] as const) {
      const text = rsa.export({ ...options, type }) as string;
      expectRefusal(() => signingKeyFromPem(text), "encrypted private key");
    }
    expectRefusal(
      () => signingKeyFromPem(p256.export({ ...options, type: "sec1" }) as string),
      "encrypted private key",
    );
  });
});

describe("PKCS #8", () => {
  const seed = new Uint8Array(32).fill(3);

  test("takes version 2 with attributes and the public key", () => {
    const attributes = derElement(0xa0, derSequence());
    const publicKey = derElement(contextPrimitive(1), Uint8Array.of(0), new Uint8Array(32));
    const key = signingKeyFromPkcs8(pkcs8(ED25519, derOctetString(seed), 1, attributes, publicKey));
    expect(key.subjectPublicKeyInfo).toEqual(
      signingKeyFromPkcs8(pkcs8(ED25519, derOctetString(seed))).subjectPublicKeyInfo,
    );
  });

  test("refuses what is malformed", () => {
    const good = pkcs8(ED25519, derOctetString(seed));
    const refusals: readonly (readonly [Uint8Array, string])[] = [
      [new Uint8Array(0), "found the end"],
      [concatBytes(good, Uint8Array.of(0)), "left over"],
      [good.subarray(0, -1), "are there"],
      [pkcs8(ED25519, derOctetString(seed), 2), "above 1"],
      [pkcs8(ED25519, seed), "expected OCTET STRING"],
      [pkcs8(ED25519, derOctetString(seed.subarray(1))), "31 bytes, not 32"],
      [
        pkcs8(derSequence(derObjectIdentifier("1.3.101.112"), derNull()), derOctetString(seed)),
        "has parameters",
      ],
      [
        pkcs8(derSequence(derObjectIdentifier("1.2.840.113549.1.1.1")), pkcs1(pkcs1Numbers(rsa))),
        "are not NULL",
      ],
    ];
    for (const [der, message] of refusals) {
      expectRefusal(() => signingKeyFromPkcs8(der), /malformed private key/);
      expectRefusal(() => signingKeyFromPkcs8(der), message);
    }
  });

  test("refuses other algorithms by their object identifier", () => {
    for (const [type, oid] of [
      ["x25519", "1.3.101.110"],
      ["ed448", "1.3.101.113"],
    ] as const) {
      const { privateKey } = generateKeyPairSync(type as "x25519");
      const der = Uint8Array.from(privateKey.export({ format: "der", type: "pkcs8" }));
      expectRefusal(() => signingKeyFromPkcs8(der), `private key of algorithm ${oid}`);
    }
  });

  test("refuses an RSASSA-PSS key whose parameters no scheme allows", () => {
    const parameters = { hashAlgorithm: "sha1", mgf1HashAlgorithm: "sha1" };
    const { privateKey } = generateKeyPairSync("rsa-pss", { modulusLength: 2048, ...parameters });
    const der = Uint8Array.from(privateKey.export({ format: "der", type: "pkcs8" }));
    expectRefusal(() => signingKeyFromPkcs8(der), "hash 1.3.14.3.2.26 are not supported");
  });
});

describe("RSA private keys", () => {
  const numbers = pkcs1Numbers(rsa);
  const load = (changed: readonly bigint[]) => signingKeyFromPem(armour("RSA PRIVATE KEY", pkcs1(changed)));

  test("are taken when their numbers belong together", () => {
    expect(load(numbers).keyType).toBe("rsa");
  });

  test.each([
    [1, "modulus", "the primes do not give the modulus"],
    [2, "public exponent", "the exponents do not belong together"],
    [3, "private exponent", "the exponents do not belong together"],
    [4, "first prime", "the primes do not give the modulus"],
    [5, "second prime", "the primes do not give the modulus"],
    [6, "first CRT exponent", "the CRT exponents do not belong"],
    [7, "second CRT exponent", "the CRT exponents do not belong"],
    [8, "CRT coefficient", "the CRT coefficient does not belong"],
  ])("are refused when number %i, the %s, is changed", (index, _, message) => {
    expectRefusal(() => load(numbers.with(index, (numbers[index] ?? 0n) ^ 4n)), message);
  });

  test("are refused when the primes are swapped and the rest is not", () => {
    const swapped = numbers.with(4, numbers[5] ?? 0n).with(5, numbers[4] ?? 0n);
    expectRefusal(() => load(swapped), "do not belong");
  });

  test("are refused with trivial primes", () => {
    const [, modulus = 0n] = numbers;
    expectRefusal(() => load(numbers.with(4, modulus).with(5, 1n)), "the primes do not give the modulus");
    expectRefusal(() => load(numbers.with(4, 0n).with(5, 0n)), "the primes do not give the modulus");
  });

  test("are refused with more than two primes, and with a number missing, negative or too long", () => {
    expectRefusal(() => load(numbers.with(0, 1n)), "more than two primes");
    expectRefusal(() => load(numbers.slice(0, 8)), "found the end");
    expectRefusal(() => load([...numbers, 1n]), "left over");
    expectRefusal(() => load(numbers.with(3, -5n)), "negative");
    expectRefusal(() => load(numbers.with(3, 1n << 3000n)), "longer than the modulus");
  });

  test("are refused outside the limits, with the value", () => {
    const small = pkcs1Numbers(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);
    expectRefusal(() => load(small), "RSA modulus of 1024 bits is not in 2048..8192");
    expectRefusal(() => load(numbers.with(1, (1n << 8200n) + 1n)), "RSA modulus of 8201 bits");
    expectRefusal(() => load(numbers.with(2, 1n)), "RSA exponent 1 is below 3");
    expectRefusal(() => load(numbers.with(2, 65536n)), "RSA exponent 65536 is even");
    expectRefusal(() => load(numbers.with(2, 2n ** 32n + 1n)), "RSA exponent of 5 bytes");
  });

  test("are refused without a word of their numbers", () => {
    for (let index = 1; index < 9; index++) {
      try {
        load(numbers.with(index, (numbers[index] ?? 0n) ^ 4n));
        expect.unreachable();
      } catch (error) {
        for (const number of numbers.slice(1)) {
          if (number < 2n ** 64n) continue;
          expect((error as Error).message).not.toContain(number.toString(16).slice(0, 16));
          expect((error as Error).message).not.toContain(number.toString().slice(0, 16));
        }
      }
    }
    expect(pkcs8(RSA, pkcs1(numbers)).length).toBeGreaterThan(1000);
  });
});

describe("EC private keys", () => {
  const curve = derExplicit(0, P256);
  const load = (der: Uint8Array) => signingKeyFromPem(armour("EC PRIVATE KEY", der));

  test.each(namedCurves)(
    "of $name are refused when the scalar is 0, the order, or longer",
    ({ name, oid, order, length }) => {
      const parameters = derExplicit(0, derObjectIdentifier(oid));
      const message = `EC private key outside the range of ${name}`;
      expectRefusal(() => load(sec1(new Uint8Array(length), parameters)), message);
      expectRefusal(() => load(sec1(new Uint8Array(0), parameters)), message);
      expectRefusal(() => load(sec1(bytesFromBigInt(order, length), parameters)), message);
      expectRefusal(() => load(sec1(new Uint8Array(length + 1).with(length, 1), parameters)), message);
      expect(load(sec1(bytesFromBigInt(order - 1n, length), parameters)).schemes).toHaveLength(1);
    },
  );

  test("are refused without a curve, with two, or with another", () => {
    const scalar = new Uint8Array(32).fill(1);
    expectRefusal(() => load(sec1(scalar)), "without a named curve");
    const p384 = derExplicit(0, derObjectIdentifier("1.3.132.0.34"));
    expectRefusal(() => signingKeyFromPkcs8(pkcs8(EC_P256, sec1(scalar, p384))), "with two curves");
    expect(signingKeyFromPkcs8(pkcs8(EC_P256, sec1(scalar, curve))).keyType).toBe("ecdsa-p256");
    const koblitz = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
    expectRefusal(
      () => signingKeyFromPem(koblitz.export({ format: "pem", type: "sec1" }) as string),
      "curve 1.3.132.0.10",
    );
    expectRefusal(
      () => signingKeyFromPkcs8(pkcs8(derSequence(derObjectIdentifier("1.2.840.10045.2.1")), sec1(scalar))),
      "without a named curve",
    );
  });

  test("are refused with a public key that is not on the curve, and with another version", () => {
    const scalar = new Uint8Array(32).fill(1);
    const publicKey = derExplicit(1, derBitString(new Uint8Array(65).with(0, 4)));
    expectRefusal(() => load(sec1(scalar, curve, publicKey)), "not an uncompressed point on P-256");
    expectRefusal(
      () => load(derSequence(derInteger(0), derOctetString(scalar), curve)),
      "does not have version 1",
    );
  });
});
