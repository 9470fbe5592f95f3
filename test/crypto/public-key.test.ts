import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";

import { TlsAlert, type AlertName } from "../../src/alert.ts";
import { concatBytes, hex } from "../../src/bytes.ts";
import { namedCurves } from "../../src/crypto/curves.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { parsePublicKey } from "../../src/crypto/public-key.ts";
import { bytesFromBigInt } from "../../src/der/integers.ts";
import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { fromHex } from "../support/hex.ts";

const RSA = "1.2.840.113549.1.1.1";
const RSA_PSS = "1.2.840.113549.1.1.10";
const EC = "1.2.840.10045.2.1";
const P256 = "1.2.840.10045.3.1.7";
const SHA1 = "1.3.14.3.2.26";
const SHA256 = "2.16.840.1.101.3.4.2.1";
const SHA384 = "2.16.840.1.101.3.4.2.2";
const MGF1 = "1.2.840.113549.1.1.8";

function expectAlert(run: () => unknown, alert: AlertName, message: string | RegExp): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TlsAlert);
  expect((thrown as TlsAlert).message).toMatch(message);
  expect((thrown as TlsAlert).alert).toBe(alert);
}

/** An odd number of exactly `bits` bits. */
function modulusOf(bits: number): bigint {
  return (1n << BigInt(bits - 1)) + 0x1234567n;
}

function rsaSpki(
  modulus: bigint,
  exponent: bigint,
  algorithm = derSequence(derObjectIdentifier(RSA), derNull()),
) {
  return derSequence(algorithm, derBitString(derSequence(derInteger(modulus), derInteger(exponent))));
}

function ecSpki(point: Uint8Array, ...parameters: readonly Uint8Array[]): Uint8Array {
  return derSequence(derSequence(derObjectIdentifier(EC), ...parameters), derBitString(point));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === "1") result = (result * base) % modulus;
  }
  return result;
}

function nodeSpki(key: { export(options: { format: "der"; type: "spki" }): Buffer }): Uint8Array {
  return Uint8Array.from(key.export({ format: "der", type: "spki" }));
}

describe("RSA keys", () => {
  test("are read from what node:crypto writes", () => {
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
    const key = parsePublicKey(nodeSpki(publicKey));
    const modulus = Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url").toString("hex");
    expect(key).toEqual({
      keyType: "rsa",
      modulus: BigInt(`0x${modulus}`),
      exponent: 3n,
      parameters: undefined,
    });
  });

  const refusals: readonly (readonly [string, bigint, bigint, string])[] = [
    ["a modulus of 1024 bits", modulusOf(1024), 65537n, "RSA modulus of 1024 bits is not in 2048..8192"],
    ["a modulus of 2047 bits", modulusOf(2047), 65537n, "RSA modulus of 2047 bits is not in 2048..8192"],
    ["a modulus of 8193 bits", modulusOf(8193), 65537n, "RSA modulus of 8193 bits is not in 2048..8192"],
    [
      "a modulus of 16384 bits",
      modulusOf(16384),
      modulusOf(16383),
      "RSA modulus of 16384 bits is not in 2048..8192",
    ],
    ["a modulus of 0", 0n, 65537n, "RSA modulus of 0 bits is not in 2048..8192"],
    ["an exponent of 0", modulusOf(2048), 0n, "RSA exponent 0 is below 3"],
    ["an exponent of 1", modulusOf(2048), 1n, "RSA exponent 1 is below 3"],
    ["an even exponent", modulusOf(2048), 65536n, "RSA exponent 65536 is even"],
    ["an exponent of 2^32", modulusOf(2048), 2n ** 32n, "RSA exponent of 5 bytes is not below 2^32"],
    ["an exponent of 2^32 + 1", modulusOf(2048), 2n ** 32n + 1n, "RSA exponent of 5 bytes is not below 2^32"],
    [
      "an exponent as long as the modulus",
      modulusOf(2048),
      modulusOf(2047),
      "RSA exponent of 256 bytes is not below 2^32",
    ],
  ];

  test.each(refusals)("are refused with %s: unsupported_certificate", (_, modulus, exponent, message) => {
    expectAlert(() => parsePublicKey(rsaSpki(modulus, exponent)), "unsupported_certificate", message);
  });

  test("are refused by every RSA scheme before any arithmetic", () => {
    const huge = rsaSpki(modulusOf(16384), modulusOf(16383));
    const hugePss = rsaSpki(modulusOf(16384), modulusOf(16383), derSequence(derObjectIdentifier(RSA_PSS)));
    const signature = new Uint8Array(2048).fill(1);
    const start = performance.now();
    for (const verifier of nobleSignatureVerifiers.filter(({ name }) => name.startsWith("rsa_"))) {
      const key = verifier.keyType === "rsa" ? huge : hugePss;
      expectAlert(() => verifier.verify(key, signature, signature), "unsupported_certificate", "16384 bits");
    }
    // One exponentiation of that size takes more than a second.
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("are taken at the limits", () => {
    for (const [bits, exponent] of [
      [2048, 3n],
      [2049, 65537n],
      [8192, 2n ** 32n - 1n],
    ] as const) {
      expect(parsePublicKey(rsaSpki(modulusOf(bits), exponent))).toMatchObject({ keyType: "rsa", exponent });
    }
  });

  test("are refused when malformed: bad_certificate", () => {
    const good = rsaSpki(modulusOf(2048), 65537n);
    const algorithm = derSequence(derObjectIdentifier(RSA), derNull());
    const bad: readonly (readonly [Uint8Array, string])[] = [
      [concatBytes(good, Uint8Array.of(0)), "1 bytes are left over"],
      [good.subarray(0, -1), "are there"],
      [rsaSpki(modulusOf(2048) + 1n, 65537n), "RSA modulus is even"],
      [rsaSpki(-modulusOf(2048), 65537n), "INTEGER is negative"],
      [rsaSpki(modulusOf(2048), -3n), "INTEGER is negative"],
      [rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA))), "are not NULL"],
      [
        rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA), derInteger(0))),
        "are not NULL",
      ],
      [derSequence(algorithm, derBitString(derSequence(derInteger(modulusOf(2048))))), "found the end"],
      [derSequence(algorithm, derBitString(Uint8Array.of(0x30, 0x80), 7)), "whole bytes"],
      [derSequence(algorithm), "expected BIT STRING, found the end"],
      [new Uint8Array(0), "expected SEQUENCE, found the end"],
    ];
    for (const [spki, message] of bad) {
      expectAlert(() => parsePublicKey(spki), "bad_certificate", message);
    }
  });
});

describe("RSASSA-PSS keys", () => {
  const hash = (oid: string, ...parameters: readonly Uint8Array[]) =>
    derSequence(derObjectIdentifier(oid), ...parameters);
  const mgf = (oid: string) => derSequence(derObjectIdentifier(MGF1), hash(oid, derNull()));
  const withParameters = (...fields: readonly Uint8Array[]) =>
    rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA_PSS), derSequence(...fields)));

  test("are read without a restriction, and with one", () => {
    const free = rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA_PSS)));
    expect(parsePublicKey(free)).toMatchObject({ keyType: "rsa-pss", parameters: undefined });
    const fields = [derExplicit(0, hash(SHA256, derNull())), derExplicit(1, mgf(SHA256))];
    expect(parsePublicKey(withParameters(...fields))).toMatchObject({
      parameters: { hash: "SHA-256", saltLength: 20 },
    });
    expect(
      parsePublicKey(
        withParameters(
          derExplicit(0, hash(SHA256)),
          derExplicit(1, mgf(SHA256)),
          derExplicit(2, derInteger(32)),
        ),
      ),
    ).toMatchObject({ keyType: "rsa-pss", parameters: { hash: "SHA-256", saltLength: 32 } });
  });

  test("are read from what node:crypto writes", () => {
    const { publicKey } = generateKeyPairSync("rsa-pss", {
      modulusLength: 2048,
      hashAlgorithm: "sha384",
      mgf1HashAlgorithm: "sha384",
      // The types want a string here; Node wants a number.
      saltLength: 48 as unknown as string,
    });
    expect(parsePublicKey(nodeSpki(publicKey))).toMatchObject({
      keyType: "rsa-pss",
      parameters: { hash: "SHA-384", saltLength: 48 },
    });
  });

  test("are refused with SHA-1, two hashes, too long a salt, or another trailer: unsupported_certificate", () => {
    const sha256Fields = [derExplicit(0, hash(SHA256)), derExplicit(1, mgf(SHA256))];
    const bad: readonly (readonly [Uint8Array, string])[] = [
      [withParameters(), `hash ${SHA1}`],
      [withParameters(derExplicit(0, hash(SHA1))), `hash ${SHA1}`],
      [withParameters(derExplicit(0, hash(SHA256))), `hash ${SHA256} with MGF1 hash ${SHA1}`],
      [
        withParameters(derExplicit(0, hash(SHA256)), derExplicit(1, mgf(SHA384))),
        `hash ${SHA256} with MGF1 hash ${SHA384}`,
      ],
      [
        withParameters(derExplicit(0, hash(SHA256)), derExplicit(1, hash(SHA256, hash(SHA256)))),
        "mask generation function",
      ],
      [withParameters(...sha256Fields, derExplicit(2, derInteger(33))), "a salt of 33 bytes with SHA-256"],
      [withParameters(...sha256Fields, derExplicit(3, derInteger(2))), "trailer 2"],
    ];
    for (const [spki, message] of bad) {
      expectAlert(() => parsePublicKey(spki), "unsupported_certificate", message);
    }
  });

  test("are refused when malformed: bad_certificate", () => {
    const bad: readonly (readonly [Uint8Array, string])[] = [
      [withParameters(derExplicit(4, derInteger(1))), "left over"],
      [withParameters(derExplicit(2, derInteger(-1))), "negative"],
      [withParameters(derExplicit(2, derInteger(2n ** 40n))), "above 65535"],
      [withParameters(derExplicit(1, mgf(SHA256)), derExplicit(0, hash(SHA256))), "left over"],
      [
        rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA_PSS), derNull())),
        "expected SEQUENCE, found NULL",
      ],
    ];
    for (const [spki, message] of bad) expectAlert(() => parsePublicKey(spki), "bad_certificate", message);
  });
});

describe("EC keys", () => {
  const curves = [
    { node: "P-256", keyType: "ecdsa-p256", length: 32 },
    { node: "P-384", keyType: "ecdsa-p384", length: 48 },
    { node: "P-521", keyType: "ecdsa-p521", length: 66 },
  ];

  test.each(curves)("of $node are read from what node:crypto writes", ({ node, keyType, length }) => {
    const spki = nodeSpki(generateKeyPairSync("ec", { namedCurve: node }).publicKey);
    expect(parsePublicKey(spki)).toEqual({ keyType, point: spki.slice(-(1 + 2 * length)) });
  });

  test.each(curves)("of $node are refused off the curve: bad_certificate", ({ node }) => {
    const spki = nodeSpki(generateKeyPairSync("ec", { namedCurve: node }).publicKey);
    const off = spki.with(spki.length - 1, (spki.at(-1) ?? 0) ^ 1);
    expectAlert(() => parsePublicKey(off), "bad_certificate", `not an uncompressed point on ${node}`);
  });

  const spki = nodeSpki(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
  const point = spki.slice(-65);
  const name = derObjectIdentifier(P256);

  test("are refused as hybrid, infinite or cut-off points, or without parameters: bad_certificate", () => {
    const message = "not an uncompressed point on P-256";
    for (const bad of [
      point.with(0, 6 + ((point[64] ?? 0) & 1)),
      Uint8Array.of(0),
      new Uint8Array(0),
      point.subarray(0, 64),
      concatBytes(point, Uint8Array.of(0)),
      new Uint8Array(65).with(0, 4),
    ]) {
      expectAlert(() => parsePublicKey(ecSpki(bad, name)), "bad_certificate", message);
    }
    expectAlert(() => parsePublicKey(ecSpki(point)), "bad_certificate", "has no parameters");
    expectAlert(() => parsePublicKey(ecSpki(point, name, derNull())), "bad_certificate", "left over");
  });

  test("are refused with a coordinate that is not below the prime, though it would be on the curve: bad_certificate", () => {
    const { p, b } = namedCurves[0] ?? expect.unreachable();
    let x = 0n;
    let y: bigint;
    do {
      x += 1n;
      y = power(x * x * x - 3n * x + b, (p + 1n) / 4n, p);
    } while ((y * y - (x * x * x - 3n * x + b)) % p !== 0n);
    const encode = (bigX: bigint) =>
      ecSpki(concatBytes(Uint8Array.of(4), bytesFromBigInt(bigX, 32), bytesFromBigInt(y, 32)), name);
    expect(parsePublicKey(encode(x))).toMatchObject({ keyType: "ecdsa-p256" });
    expectAlert(() => parsePublicKey(encode(x + p)), "bad_certificate", "not an uncompressed point on P-256");
  });

  test("are refused when compressed, or on another or an unnamed curve: unsupported_certificate", () => {
    const compressed = concatBytes(Uint8Array.of(2 + ((point[64] ?? 0) & 1)), point.subarray(1, 33));
    expectAlert(() => parsePublicKey(ecSpki(compressed, name)), "unsupported_certificate", "compressed");
    const explicit = createPublicKey(
      generateKeyPairSync("ec", { namedCurve: "P-256", paramEncoding: "explicit" }).privateKey,
    );
    expectAlert(() => parsePublicKey(nodeSpki(explicit)), "unsupported_certificate", "not given by its name");
    expectAlert(
      () => parsePublicKey(ecSpki(point, derNull())),
      "unsupported_certificate",
      "not given by its name",
    );
    const koblitz = nodeSpki(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey);
    expectAlert(
      () => parsePublicKey(koblitz),
      "unsupported_certificate",
      "curve 1.3.132.0.10 is not supported",
    );
  });
});

describe("Ed25519 keys", () => {
  const spki = nodeSpki(generateKeyPairSync("ed25519").publicKey);

  test("are read from what node:crypto writes", () => {
    expect(parsePublicKey(spki)).toEqual({ keyType: "ed25519", bytes: spki.slice(-32) });
  });

  test("are refused with parameters or another length: bad_certificate", () => {
    const algorithm = (...parameters: readonly Uint8Array[]) =>
      derSequence(derObjectIdentifier("1.3.101.112"), ...parameters);
    const key = spki.slice(-32);
    expectAlert(
      () => parsePublicKey(derSequence(algorithm(derNull()), derBitString(key))),
      "bad_certificate",
      "has parameters",
    );
    expectAlert(
      () => parsePublicKey(derSequence(algorithm(), derBitString(key.subarray(1)))),
      "bad_certificate",
      "31 bytes",
    );
  });
});

test("keys of other algorithms are refused: unsupported_certificate", () => {
  for (const type of ["x25519", "ed448"] as const) {
    const { publicKey } = generateKeyPairSync(type as "x25519");
    expectAlert(
      () => parsePublicKey(nodeSpki(publicKey)),
      "unsupported_certificate",
      /algorithm 1\.3\.101\.\d+/,
    );
  }
});

test("every scheme refuses keys of every other kind: unsupported_certificate; ECDSA takes all three curves", () => {
  const keys = new Map([
    ["rsa", nodeSpki(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey)],
    ["rsa-pss", rsaSpki(modulusOf(2048), 65537n, derSequence(derObjectIdentifier(RSA_PSS)))],
    ["ecdsa-p256", nodeSpki(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)],
    ["ecdsa-p384", nodeSpki(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey)],
    ["ecdsa-p521", nodeSpki(generateKeyPairSync("ec", { namedCurve: "P-521" }).publicKey)],
    ["ed25519", nodeSpki(generateKeyPairSync("ed25519").publicKey)],
  ]);
  for (const verifier of nobleSignatureVerifiers) {
    for (const [keyType, key] of keys) {
      const verify = () => verifier.verify(key, new Uint8Array(5), new Uint8Array(64));
      const takes = verifier.tls12KeyTypes.map(String).includes(keyType);
      const isOfKind = keyType.startsWith("ecdsa-")
        ? verifier.name.startsWith("ecdsa_")
        : keyType === verifier.keyType;
      expect(takes, `${verifier.name}, ${keyType}`).toBe(isOfKind);
      if (takes) expect(verify(), verifier.name).toBe(false);
      else
        expectAlert(
          verify,
          "unsupported_certificate",
          `${verifier.name} cannot use a key of type ${keyType}`,
        );
    }
  }
});

test("an error about a malformed key does not repeat its bytes", () => {
  const secret = fromHex("30820122deadbeefdeadbeefdeadbeef");
  try {
    parsePublicKey(secret);
    expect.unreachable();
  } catch (error) {
    expect((error as Error).message).not.toContain(hex(secret.subarray(4, 8)));
  }
});
