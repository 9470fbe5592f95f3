import { rootCertificates } from "node:tls";

import { describe, expect, test } from "vitest";

import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { KeyType } from "../../src/crypto/provider.ts";
import { parsePem } from "../../src/der/pem.ts";
import { DerError, readDer } from "../../src/der/reader.ts";
import {
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { signatureSchemeOf } from "../../src/x509/algorithms.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { keyTypeOf } from "../../src/x509/key-type.ts";
import { betterTls, limbo, limboCases, limboCertificates, readBetterTls } from "./corpora.ts";

const KEY_TYPES = [
  "rsa",
  "rsa-pss",
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "ed25519",
] as const satisfies readonly KeyType[];

const NULL = derNull();
const SHA1 = "1.3.14.3.2.26";
const SHA256 = "2.16.840.1.101.3.4.2.1";
const SHA384 = "2.16.840.1.101.3.4.2.2";
const SHA512 = "2.16.840.1.101.3.4.2.3";

function algorithm(oid: string, ...parameters: readonly Uint8Array[]): Uint8Array {
  return derSequence(derObjectIdentifier(oid), ...parameters);
}

/** RSASSA-PSS with these fields of its parameters. */
function pss(...fields: readonly Uint8Array[]): Uint8Array {
  return algorithm("1.2.840.113549.1.1.10", derSequence(...fields));
}

/** Hash, mask generation with its hash, and length of the salt. */
function pssFields(hash: Uint8Array, maskHash: Uint8Array, saltLength: number): readonly Uint8Array[] {
  return [
    derExplicit(0, hash),
    derExplicit(1, algorithm("1.2.840.113549.1.1.8", maskHash)),
    derExplicit(2, derInteger(saltLength)),
  ];
}

/** The scheme's name for each kind of key that has one. */
function schemesOf(identifier: Uint8Array): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const keyType of KEY_TYPES) {
    const scheme = signatureSchemeOf(identifier, keyType);
    if (scheme !== undefined) found[keyType] = codepointName(SignatureScheme, scheme);
  }
  return found;
}

function ecdsaOf(scheme: string): Readonly<Record<string, string>> {
  return { "ecdsa-p256": scheme, "ecdsa-p384": scheme, "ecdsa-p521": scheme };
}

const accepted = [
  {
    what: "sha256WithRSAEncryption",
    identifier: algorithm("1.2.840.113549.1.1.11", NULL),
    schemes: { rsa: "rsa_pkcs1_sha256" },
  },
  {
    what: "sha384WithRSAEncryption",
    identifier: algorithm("1.2.840.113549.1.1.12", NULL),
    schemes: { rsa: "rsa_pkcs1_sha384" },
  },
  {
    what: "sha512WithRSAEncryption",
    identifier: algorithm("1.2.840.113549.1.1.13", NULL),
    schemes: { rsa: "rsa_pkcs1_sha512" },
  },
  {
    what: "ecdsa-with-SHA256",
    identifier: algorithm("1.2.840.10045.4.3.2"),
    schemes: ecdsaOf("ecdsa_secp256r1_sha256"),
  },
  {
    what: "ecdsa-with-SHA384",
    identifier: algorithm("1.2.840.10045.4.3.3"),
    schemes: ecdsaOf("ecdsa_secp384r1_sha384"),
  },
  {
    what: "ecdsa-with-SHA512",
    identifier: algorithm("1.2.840.10045.4.3.4"),
    schemes: ecdsaOf("ecdsa_secp521r1_sha512"),
  },
  { what: "Ed25519", identifier: algorithm("1.3.101.112"), schemes: { ed25519: "ed25519" } },
  ...[
    { bits: 256, oid: SHA256 },
    { bits: 384, oid: SHA384 },
    { bits: 512, oid: SHA512 },
  ].flatMap(({ bits, oid }) =>
    // RFC 4055 §2.1: a hash may come with NULL or without parameters.
    [[], [NULL]].flatMap((parameters) =>
      [[], [NULL]].map((maskParameters) => ({
        what: `RSASSA-PSS with SHA-${bits}, with ${parameters.length} and ${maskParameters.length} NULL`,
        identifier: pss(
          ...pssFields(algorithm(oid, ...parameters), algorithm(oid, ...maskParameters), bits / 8),
        ),
        schemes: { rsa: `rsa_pss_rsae_sha${bits}`, "rsa-pss": `rsa_pss_pss_sha${bits}` },
      })),
    ),
  ),
  {
    what: "RSASSA-PSS with its trailer, which is the default",
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA256), 32), derExplicit(3, derInteger(1))),
    schemes: { rsa: "rsa_pss_rsae_sha256", "rsa-pss": "rsa_pss_pss_sha256" },
  },
];

const refused = [
  { what: "md5WithRSAEncryption", identifier: algorithm("1.2.840.113549.1.1.4", NULL) },
  { what: "sha1WithRSAEncryption", identifier: algorithm("1.2.840.113549.1.1.5", NULL) },
  { what: "sha224WithRSAEncryption", identifier: algorithm("1.2.840.113549.1.1.14", NULL) },
  { what: "rsaEncryption", identifier: algorithm("1.2.840.113549.1.1.1", NULL) },
  { what: "ecdsa-with-SHA1", identifier: algorithm("1.2.840.10045.4.1") },
  { what: "ecdsa-with-SHA224", identifier: algorithm("1.2.840.10045.4.3.1") },
  { what: "dsa-with-sha256", identifier: algorithm("2.16.840.1.101.3.4.3.2") },
  { what: "Ed448", identifier: algorithm("1.3.101.113") },
  { what: "ML-DSA-65", identifier: algorithm("2.16.840.1.101.3.4.3.18") },
  { what: "sha256WithRSAEncryption without NULL", identifier: algorithm("1.2.840.113549.1.1.11") },
  {
    what: "sha256WithRSAEncryption with something else",
    identifier: algorithm("1.2.840.113549.1.1.11", derSequence()),
  },
  {
    what: "sha256WithRSAEncryption with NULL that has contents",
    identifier: algorithm("1.2.840.113549.1.1.11", derElement(5, Uint8Array.of(0))),
  },
  { what: "ecdsa-with-SHA256 with NULL", identifier: algorithm("1.2.840.10045.4.3.2", NULL) },
  {
    what: "ecdsa-with-SHA256 with a curve",
    identifier: algorithm("1.2.840.10045.4.3.2", derObjectIdentifier("1.2.840.10045.3.1.7")),
  },
  { what: "Ed25519 with NULL", identifier: algorithm("1.3.101.112", NULL) },
  { what: "RSASSA-PSS without parameters", identifier: algorithm("1.2.840.113549.1.1.10") },
  { what: "RSASSA-PSS with NULL", identifier: algorithm("1.2.840.113549.1.1.10", NULL) },
  { what: "RSASSA-PSS with the defaults, which are of SHA-1", identifier: pss() },
  { what: "RSASSA-PSS with SHA-1", identifier: pss(...pssFields(algorithm(SHA1), algorithm(SHA1), 20)) },
  {
    what: "RSASSA-PSS with SHA-256 and MGF1 with SHA-1 by default",
    identifier: pss(derExplicit(0, algorithm(SHA256)), derExplicit(2, derInteger(32))),
  },
  {
    what: "RSASSA-PSS with SHA-256 and MGF1 with SHA-384",
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA384), 32)),
  },
  {
    what: "RSASSA-PSS with SHA-384 and MGF1 with SHA-256",
    identifier: pss(...pssFields(algorithm(SHA384), algorithm(SHA256), 48)),
  },
  ...[0, 20, 31, 33, 48, 64].map((salt) => ({
    what: `RSASSA-PSS with SHA-256 and a salt of ${salt} bytes`,
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA256), salt)),
  })),
  {
    what: "RSASSA-PSS with the default salt of 20 bytes",
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA256), 20).slice(0, 2)),
  },
  {
    what: "RSASSA-PSS with trailer 2",
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA256), 32), derExplicit(3, derInteger(2))),
  },
  {
    what: "RSASSA-PSS with another mask generation function",
    identifier: pss(
      derExplicit(0, algorithm(SHA256)),
      derExplicit(1, algorithm("1.2.3", algorithm(SHA256))),
      derExplicit(2, derInteger(32)),
    ),
  },
  {
    what: "RSASSA-PSS with fields in the wrong order",
    identifier: pss(...pssFields(algorithm(SHA256), algorithm(SHA256), 32).toReversed()),
  },
  { what: "nothing", identifier: new Uint8Array() },
  { what: "an empty SEQUENCE", identifier: derSequence() },
  { what: "two identifiers", identifier: derSequence(algorithm("1.3.101.112"), algorithm("1.3.101.112")) },
];

describe("signatureSchemeOf", () => {
  test.each(accepted)("knows $what", ({ identifier, schemes }) => {
    expect(schemesOf(identifier)).toEqual(schemes);
  });

  test.each(refused)("does not know $what", ({ identifier }) => {
    expect(schemesOf(identifier)).toEqual({});
  });

  test("gives each verifier's scheme for each key that it is for, and no others", () => {
    const pairs = (rows: readonly (readonly [string, string])[]): readonly string[] =>
      [...new Set(rows.map(([scheme, keyType]) => `${scheme} ${keyType}`))].sort();
    const given = accepted.flatMap(({ schemes }) =>
      Object.entries(schemes).map(([keyType, scheme]) => [scheme, keyType] as const),
    );
    const verified = nobleSignatureVerifiers.flatMap(({ name, tls12KeyTypes }) =>
      tls12KeyTypes.map((keyType) => [name, keyType] as const),
    );
    expect(pairs(given)).toEqual(pairs(verified));
  });
});

/** Whether `signature` of `message` verifies with the scheme of `identifier`; undefined when there is no scheme for the key. */
function verify(
  identifier: Uint8Array,
  subjectPublicKeyInfo: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean | undefined {
  const keyType = keyTypeOf(subjectPublicKeyInfo);
  const scheme = keyType && signatureSchemeOf(identifier, keyType);
  const answer = nobleSignatureVerifiers
    .find(({ id }) => id === scheme)
    ?.verify(subjectPublicKeyInfo, message, signature);
  if (typeof answer === "object") throw new TypeError("these verifiers answer at once");
  return answer;
}

describe("certificates", () => {
  test("of Node's roots verify with their own key, or are of SHA-1", () => {
    const tally: Record<string, number> = {};
    for (const pem of rootCertificates) {
      const root = decodeCertificate(parsePem(pem)[0]?.bytes ?? new Uint8Array());
      const { signatureAlgorithm, subjectPublicKeyInfo, tbs, signature } = root;
      const outcome = verify(signatureAlgorithm, subjectPublicKeyInfo, tbs, signature);
      const oid = readDer(signatureAlgorithm, (outer) =>
        outer.sequence((fields) => {
          const found = fields.objectIdentifier();
          while (!fields.isAtEnd) fields.skip();
          return found;
        }),
      );
      if (outcome === undefined) expect(oid).toBe("1.2.840.113549.1.1.5");
      const key = String(outcome ?? "SHA-1");
      tally[key] = 1 + (tally[key] ?? 0);
    }
    expect(Object.keys(tally).sort()).toEqual(["SHA-1", "true"]);
    expect(tally["true"]).toBeGreaterThan(100);
  });

  test.skipIf(limbo.missing !== undefined)(
    `of x509-limbo have known algorithms but two with DSA (${limbo.missing ?? "x509-limbo"})`,
    () => {
      const certificates = limboCertificates(limboCases("limbo-208-regenerated.json"));
      const tally = tallyOfSchemes(certificates.map(({ der }) => der));
      expect(tally).toEqual({
        ecdsa_secp256r1_sha256: 856,
        ecdsa_secp384r1_sha384: 7,
        rsa_pkcs1_sha256: 29,
        rsa_pkcs1_sha384: 6,
        none: 2,
      });
    },
  );

  test.skipIf(betterTls.missing !== undefined)(
    `of BetterTLS have known algorithms but 14 with SHA-1 (${betterTls.missing ?? "bettertls"})`,
    () => {
      const tally = tallyOfSchemes(readBetterTls().certificates);
      expect(tally).toEqual({ ecdsa_secp256r1_sha256: 28839, none: 14 });
    },
  );
});

/** How many of the certificates that are decoded have which scheme, with whichever key. */
function tallyOfSchemes(certificates: readonly Uint8Array[]): Readonly<Record<string, number>> {
  const tally: Record<string, number> = {};
  for (const der of certificates) {
    try {
      const names = new Set(Object.values(schemesOf(decodeCertificate(der).signatureAlgorithm)));
      const shown = names.size === 0 ? "none" : [...names].join(" or ");
      tally[shown] = 1 + (tally[shown] ?? 0);
    } catch (error) {
      if (!(error instanceof DerError)) throw error;
    }
  }
  return tally;
}
