import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  generatePrimeSync,
  sign as nodeSign,
  verify as nodeVerify,
  type KeyObject,
} from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { sha256, sha384, sha512 } from "../../src/crypto/hashes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { signingKeyFromPem, signingKeyFromPkcs8 } from "../../src/crypto/private-key.ts";
import type { Random, SigningKey } from "../../src/crypto/provider.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { encodePss } from "../../src/crypto/signatures/rsa-encoding.ts";
import {
  applyRsaPrivateKey,
  rsaInconsistency,
  signRsaPss,
  type RsaPrivateNumbers,
} from "../../src/crypto/signatures/rsa-private.ts";
import { bigIntFromBytes } from "../../src/der/integers.ts";
import { readDer } from "../../src/der/reader.ts";
import {
  derBitString,
  derExplicit,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { fromHex } from "../support/hex.ts";
import { vectorCases } from "../support/vectors.ts";

const pssRestriction = { hashAlgorithm: "sha384", mgf1HashAlgorithm: "sha384" };

const pairs = {
  "RSA 2048": generateKeyPairSync("rsa", { modulusLength: 2048 }),
  "RSA 2048, e = 3": generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 }),
  "RSA 2049": rsaPair(2049),
  "RSA 2055": rsaPair(2055),
  "RSA 3072": generateKeyPairSync("rsa", { modulusLength: 3072 }),
  "RSA-PSS 2048": generateKeyPairSync("rsa-pss", { modulusLength: 2048 }),
  "RSA-PSS 2048, SHA-384": generateKeyPairSync("rsa-pss", { modulusLength: 2048, ...pssRestriction }),
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
  "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }),
  Ed25519: generateKeyPairSync("ed25519"),
};

const PKCS1_SCHEMES = [0x0401, 0x0501, 0x0601];

const keys: readonly {
  readonly name: keyof typeof pairs;
  readonly keyType: string;
  readonly schemes: readonly number[];
  /** What TLS 1.2 takes besides {@link schemes}, which come first. */
  readonly onlyTls12: readonly number[];
}[] = [
  { name: "RSA 2048", keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806], onlyTls12: PKCS1_SCHEMES },
  { name: "RSA 2048, e = 3", keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806], onlyTls12: PKCS1_SCHEMES },
  { name: "RSA 2049", keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806], onlyTls12: PKCS1_SCHEMES },
  { name: "RSA 2055", keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806], onlyTls12: PKCS1_SCHEMES },
  { name: "RSA 3072", keyType: "rsa", schemes: [0x0804, 0x0805, 0x0806], onlyTls12: PKCS1_SCHEMES },
  { name: "RSA-PSS 2048", keyType: "rsa-pss", schemes: [0x0809, 0x080a, 0x080b], onlyTls12: [] },
  { name: "RSA-PSS 2048, SHA-384", keyType: "rsa-pss", schemes: [0x080a], onlyTls12: [] },
  { name: "P-256", keyType: "ecdsa-p256", schemes: [0x0403], onlyTls12: [0x0503, 0x0603] },
  { name: "P-384", keyType: "ecdsa-p384", schemes: [0x0503], onlyTls12: [0x0603, 0x0403] },
  { name: "P-521", keyType: "ecdsa-p521", schemes: [0x0603], onlyTls12: [0x0503, 0x0403] },
  { name: "Ed25519", keyType: "ed25519", schemes: [0x0807], onlyTls12: [] },
];

function pem(key: KeyObject, type: "pkcs8" | "pkcs1" | "sec1" = "pkcs8"): string {
  return key.export({ format: "pem", type }) as string;
}

/** What node:crypto calls the scheme. */
function nodeScheme(scheme: number): { readonly hash: string | null; readonly options: object } {
  const index = scheme >= 0x0809 ? scheme - 0x0809 : scheme - 0x0804;
  const hashes = ["sha256", "sha384", "sha512"] as const;
  if (scheme === 0x0807) return { hash: null, options: {} };
  if (scheme >= 0x0804) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return { hash: hashes[index] ?? "", options: { padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } };
  }
  return { hash: hashes[(scheme >> 8) - 4] ?? "", options: {} };
}

function verifier(scheme: number) {
  return nobleSignatureVerifiers.find(({ id }) => id === scheme) ?? expect.unreachable();
}

/** Signing is synchronous here; a promise would be a defect. */
function sign(
  key: SigningKey,
  scheme: number,
  message: Uint8Array,
  random: Random = systemRandom,
): Uint8Array {
  return key.sign(scheme, message, random) as Uint8Array;
}

describe.each(keys)("$name", ({ name, keyType, schemes, onlyTls12 }) => {
  const { privateKey, publicKey } = pairs[name];
  const spki = Uint8Array.from(publicKey.export({ format: "der", type: "spki" }));
  const key = signingKeyFromPem(pem(privateKey));
  const all = [...schemes, ...onlyTls12];

  test("offers the schemes of each version for its type, and the SubjectPublicKeyInfo that node:crypto gives", () => {
    expect(key.keyType).toBe(keyType);
    expect(key.schemes).toEqual(schemes);
    expect(key.tls12Schemes ?? key.schemes).toEqual(all);
    expect(hex(key.subjectPublicKeyInfo ?? new Uint8Array(0))).toBe(hex(spki));
  });

  test("signs what node:crypto and our verifier accept, and refuse for another message", () => {
    for (const scheme of all) {
      const { hash, options } = nodeScheme(scheme);
      for (const length of [0, 1, 130, 5000]) {
        const message = new Uint8Array(length).map((_, i) => i);
        const signature = sign(key, scheme, message);
        expect(nodeVerify(hash, message, { key: publicKey, ...options }, signature), `${scheme}`).toBe(true);
        expect(verifier(scheme).verify(spki, message, signature)).toBe(true);
        expect(verifier(scheme).verify(spki, Uint8Array.of(1, ...message), signature)).toBe(false);
      }
    }
  });

  test("verifies what node:crypto signs, and no changed or cut signature", () => {
    for (const scheme of all) {
      const { hash, options } = nodeScheme(scheme);
      const message = ascii(`scheme ${scheme}`);
      const signature = Uint8Array.from(nodeSign(hash, message, { key: privateKey, ...options }));
      const own = verifier(scheme);
      expect(own.verify(spki, message, signature)).toBe(true);
      for (const at of [0, signature.length >> 1, signature.length - 1]) {
        expect(own.verify(spki, message, signature.with(at, (signature[at] ?? 0) ^ 1))).toBe(false);
      }
      expect(own.verify(spki, message, signature.subarray(1))).toBe(false);
      expect(own.verify(spki, message, signature.subarray(0, -1))).toBe(false);
      expect(own.verify(spki, message, new Uint8Array(0))).toBe(false);
      expect(own.verify(spki, message, Uint8Array.of(...signature, 0))).toBe(false);
    }
  });

  test("signs only what verifiers take for its type in TLS 1.2, and each scheme that TLS 1.3 binds to it alone", () => {
    for (const scheme of all) expect(verifier(scheme).tls12KeyTypes).toContain(keyType);
    for (const scheme of schemes) expect(verifier(scheme).keyType).toBe(keyType);
  });

  test("throws a RangeError for a scheme that is not its own", () => {
    for (const scheme of [...nobleSignatureVerifiers.map(({ id }) => id), 0x0201, 0]) {
      if (!all.includes(scheme)) {
        expect(() => sign(key, scheme, new Uint8Array(1)), `${scheme}`).toThrow(RangeError);
      }
    }
  });

  test("shows nothing of the private key when it is printed", () => {
    const shown = ["keyType", "schemes", "tls12Schemes", "subjectPublicKeyInfo"];
    expect(Object.keys(key).filter((field) => !shown.includes(field))).toEqual([]);
    expect(inspect(key, { depth: 5 })).not.toMatch(/modulus|prime|exponent|privateKey/i);
  });
});

describe("forms of a private key", () => {
  const forms = [
    { name: "RSA 2048", type: "pkcs1", label: "RSA PRIVATE KEY" },
    { name: "P-256", type: "sec1", label: "EC PRIVATE KEY" },
    { name: "P-384", type: "sec1", label: "EC PRIVATE KEY" },
    { name: "P-521", type: "sec1", label: "EC PRIVATE KEY" },
  ] as const;

  test.each(forms)("$label of $name gives the same key as PKCS #8", ({ name, type, label }) => {
    const text = pem(pairs[name].privateKey, type);
    expect(text).toContain(`-----BEGIN ${label}-----`);
    const [key, pkcs8] = [signingKeyFromPem(text), signingKeyFromPem(pem(pairs[name].privateKey))];
    expect(key.keyType).toBe(pkcs8.keyType);
    expect(key.subjectPublicKeyInfo).toEqual(pkcs8.subjectPublicKeyInfo);
    const scheme = key.schemes[0] ?? 0;
    const random: Random = (length) => new Uint8Array(length).fill(0x42);
    expect(hex(sign(key, scheme, ascii("form"), random))).toBe(
      hex(sign(pkcs8, scheme, ascii("form"), random)),
    );
  });

  test("DER PKCS #8 is taken as it is", () => {
    const der = pairs.Ed25519.privateKey.export({ format: "der", type: "pkcs8" });
    expect(signingKeyFromPkcs8(Uint8Array.from(der)).keyType).toBe("ed25519");
  });

  test("a key does not change with the bytes that it was read from", () => {
    for (const name of ["P-256", "Ed25519", "RSA 2048"] as const) {
      const der = Uint8Array.from(pairs[name].privateKey.export({ format: "der", type: "pkcs8" }));
      const key = signingKeyFromPkcs8(der);
      const spki = pairs[name].publicKey.export({ format: "der", type: "spki" });
      der.fill(0);
      const scheme = key.schemes[0] ?? 0;
      const signature = sign(key, scheme, ascii("copied"));
      expect(verifier(scheme).verify(spki, ascii("copied"), signature)).toBe(true);
      expect(hex(key.subjectPublicKeyInfo ?? new Uint8Array(0))).toBe(hex(spki));
    }
  });

  test("an EC key without its public key computes it, and leading zeros of the scalar may be missing", () => {
    for (const [name, oid, length] of [
      ["P-256", "1.2.840.10045.3.1.7", 32],
      ["P-384", "1.3.132.0.34", 48],
      ["P-521", "1.3.132.0.35", 66],
    ] as const) {
      const curve = derExplicit(0, derObjectIdentifier(oid));
      const scalars = [new Uint8Array(length).fill(7).with(0, 0), Uint8Array.of(5)];
      for (const scalar of scalars) {
        const sec1 = derSequence(derInteger(1), derOctetString(scalar), curve);
        const key = signingKeyFromPem(armour("EC PRIVATE KEY", sec1));
        const signature = sign(key, key.schemes[0] ?? 0, ascii("m"));
        const node = createPublicKey({
          key: Buffer.from(key.subjectPublicKeyInfo ?? []),
          format: "der",
          type: "spki",
        });
        expect(nodeVerify(nodeScheme(key.schemes[0] ?? 0).hash, ascii("m"), node, signature), name).toBe(
          true,
        );
      }
    }
  });
});

describe("known signatures", () => {
  const rfc6979 = vectorCases(
    "primitives/rfc6979-ecdsa.json",
    { curve: "text", hash: "text", privateKey: "bytes", publicKey: "bytes", message: "bytes" },
    { r: "bytes", s: "bytes" },
  );
  const oids = { "P-256": "1.2.840.10045.3.1.7", "P-384": "1.3.132.0.34", "P-521": "1.3.132.0.35" };
  const ecdsaSchemes = { "SHA-256": 0x0403, "SHA-384": 0x0503, "SHA-512": 0x0603 };

  test("there are two of RFC 6979 for each of nine pairs of curve and hash", () => {
    expect(rfc6979).toHaveLength(18);
    expect(new Set(rfc6979.map(({ input }) => `${input.curve} ${input.hash}`)).size).toBe(9);
  });

  test.each(rfc6979)("ECDSA makes and verifies that of RFC 6979 §$name", ({ input, expected }) => {
    const curve = derObjectIdentifier(oids[input.curve as keyof typeof oids]);
    const sec1 = derSequence(derInteger(1), derOctetString(input.privateKey), derExplicit(0, curve));
    const key = signingKeyFromPem(armour("EC PRIVATE KEY", sec1));
    const scheme = ecdsaSchemes[input.hash as keyof typeof ecdsaSchemes];
    const [r, s] = [expected.r, expected.s].map(bigIntFromBytes) as [bigint, bigint];
    const signature = derSequence(derInteger(r), derInteger(s));
    expect(hex(sign(key, scheme, input.message))).toBe(hex(signature));
    const spki = derSequence(
      derSequence(derObjectIdentifier("1.2.840.10045.2.1"), curve),
      derBitString(input.publicKey),
    );
    for (const id of Object.values(ecdsaSchemes)) {
      expect(verifier(id).verify(spki, input.message, signature)).toBe(id === scheme);
    }
  });

  test("Ed25519 signs test 1 of RFC 8032 §7.1", () => {
    const seed = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const pkcs8 = derSequence(
      derInteger(0),
      derSequence(derObjectIdentifier("1.3.101.112")),
      derOctetString(derOctetString(seed)),
    );
    expect(hex(sign(signingKeyFromPkcs8(pkcs8), 0x0807, new Uint8Array(0)))).toBe(
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
  });
});

describe("RSA signing", () => {
  const numbers = rsaNumbers(pairs["RSA 2048"].privateKey);
  const encoded = encodePss(sha256, sha256.digest(ascii("m")), new Uint8Array(32), 2048);

  test("draws the salt, then the blinding, and the blinding does not show in the signature", () => {
    const draws: number[] = [];
    const withBlinding =
      (fill: number): Random =>
      (length) => {
        draws.push(length);
        return new Uint8Array(length).fill(length === 32 ? 0x11 : fill);
      };
    const one = signRsaPss(numbers, sha256, ascii("m"), withBlinding(0x22));
    const two = signRsaPss(numbers, sha256, ascii("m"), withBlinding(0x33));
    expect(hex(one)).toBe(hex(two));
    expect(draws).toEqual([32, 256, 32, 256]);
    const salted = signRsaPss(numbers, sha256, ascii("m"), (length) => new Uint8Array(length).fill(0x44));
    expect(hex(salted)).not.toBe(hex(one));
  });

  test("works with blinding bytes of all zeros and of all ones", () => {
    const plain = applyRsaPrivateKey(numbers, encoded, systemRandom);
    for (const fill of [0x00, 0xff]) {
      expect(hex(applyRsaPrivateKey(numbers, encoded, (length) => new Uint8Array(length).fill(fill)))).toBe(
        hex(plain),
      );
    }
  });

  test.each(["prime1", "prime2", "exponent1", "exponent2", "coefficient"] as const)(
    "throws rather than give out a signature made with a damaged %s",
    (field) => {
      for (const bit of [1n, 64n, 900n]) {
        const damaged = { ...numbers, [field]: numbers[field] ^ (1n << bit) };
        expect(() => applyRsaPrivateKey(damaged, encoded, systemRandom)).toThrow(
          /does not verify under its own key/,
        );
        expect(rsaInconsistency(damaged)).toBeTypeOf("string");
      }
    },
  );

  test("takes primes in either order", () => {
    const { prime1: p, prime2: q } = numbers;
    const swapped = {
      ...numbers,
      prime1: q,
      prime2: p,
      exponent1: numbers.exponent2,
      exponent2: numbers.exponent1,
      coefficient: power(p, q - 2n, q),
    };
    expect(rsaInconsistency(swapped)).toBeUndefined();
    expect(hex(applyRsaPrivateKey(swapped, encoded, systemRandom))).toBe(
      hex(applyRsaPrivateKey(numbers, encoded, systemRandom)),
    );
  });

  test("PSS fits every modulus length around a byte's end, with every hash", () => {
    for (let bits = 2041; bits <= 2064; bits++) {
      for (const hash of [sha256, sha384, sha512]) {
        const salt = new Uint8Array(hash.outputLength).fill(9);
        const message = encodePss(hash, hash.digest(ascii("m")), salt, bits);
        expect(message).toHaveLength(Math.ceil((bits - 1) / 8));
        expect(message.at(-1)).toBe(0xbc);
        const unusedBits = 8 * message.length - (bits - 1);
        expect((message[0] ?? 0) >> (8 - unusedBits), `${bits} bits`).toBe(0);
      }
    }
  });

  test("a key that is restricted to one hash refuses the schemes of the others: unsupported_certificate", () => {
    const { privateKey, publicKey } = pairs["RSA-PSS 2048, SHA-384"];
    const spki = publicKey.export({ format: "der", type: "spki" });
    const signature = signRsaPss(rsaNumbersOfPss(privateKey), sha256, ascii("m"), systemRandom);
    for (const scheme of [0x0809, 0x080b]) {
      expect(() => verifier(scheme).verify(spki, ascii("m"), signature)).toThrow(
        /^unsupported_certificate: rsa_pss_pss_sha\d+ cannot use a key that is restricted to SHA-384$/,
      );
    }
    expect(verifier(0x080a).verify(spki, ascii("m"), signature)).toBe(false);
  });

  test("signatures of 2049 bits that are any number below the modulus are refused without an error", () => {
    const spki = pairs["RSA 2049"].publicKey.export({ format: "der", type: "spki" });
    for (let i = 0; i < 40; i++) {
      const signature = systemRandom(257).with(0, 0);
      expect(verifier(0x0804).verify(spki, ascii("m"), signature)).toBe(false);
      expect(verifier(0x0401).verify(spki, ascii("m"), signature)).toBe(false);
    }
    expect(verifier(0x0804).verify(spki, ascii("m"), new Uint8Array(257).fill(0xff))).toBe(false);
  });
});

/** The numbers inside an id-RSASSA-PSS key, which node:crypto does not write as JWK. */
function rsaNumbersOfPss(key: KeyObject): RsaPrivateNumbers {
  const pkcs8 = Uint8Array.from(key.export({ format: "der", type: "pkcs8" }));
  const pkcs1 = readDer(pkcs8, (outer) =>
    outer.sequence((info) => {
      info.integer();
      info.element();
      return info.octetString();
    }),
  );
  return rsaNumbers(createPrivateKey({ key: Buffer.from(pkcs1), format: "der", type: "pkcs1" }));
}

/** Asked for an odd length, node:crypto may give one bit less; so its primes are taken, and the key is put together here. */
function rsaPair(bits: number): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  const p = generatePrimeSync(Math.ceil(bits / 2), { bigint: true });
  const q = generatePrimeSync(Math.floor(bits / 2), { bigint: true });
  const e = 65537n;
  const phi = (p - 1n) * (q - 1n);
  // The k below e for which 1 + k phi is a multiple of e; there is one, as e is prime and does not divide phi.
  let k = 1n;
  while ((1n + k * phi) % e !== 0n) if (++k > e) return rsaPair(bits);
  const d = (1n + k * phi) / e;
  const numbers = [0n, p * q, e, d, p, q, d % (p - 1n), d % (q - 1n), power(q, p - 2n, p)];
  const key = Buffer.from(derSequence(...numbers.map((number) => derInteger(number))));
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs1" });
  expect(privateKey.asymmetricKeyDetails?.modulusLength).toBe(bits);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

/** The numbers of an RSA key that node:crypto made. */
function rsaNumbers(key: KeyObject): RsaPrivateNumbers {
  const jwk = key.export({ format: "jwk" });
  const number = (text: string | undefined) =>
    BigInt(`0x${Buffer.from(text ?? "", "base64url").toString("hex")}`);
  return {
    modulus: number(jwk.n),
    publicExponent: number(jwk.e),
    privateExponent: number(jwk.d),
    prime1: number(jwk.p),
    prime2: number(jwk.q),
    exponent1: number(jwk.dp),
    exponent2: number(jwk.dq),
    coefficient: number(jwk.qi),
  };
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === "1") result = (result * base) % modulus;
  }
  return result;
}

function armour(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`;
}
