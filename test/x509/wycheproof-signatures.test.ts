import { describe, expect, test } from "vitest";

import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { KeyType, SignatureVerifier } from "../../src/crypto/provider.ts";
import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { signatureSchemeOf } from "../../src/x509/algorithms.ts";
import { keyTypeOf } from "../../src/x509/key-type.ts";
import { type Case, caseName, type Group, wycheproofGroups, wycheproofTest } from "../crypto/wycheproof.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { nativeVerifiers } from "./native-verifiers.ts";
import { findSignatureFault, type SignedBytes } from "./signed-object.ts";

interface KeyAndAlgorithm {
  readonly publicKeyDer: string;
  readonly publicKey: { readonly curve?: string };
  /** The hash; Ed25519 and Ed448 have none of their own. */
  readonly sha?: string;
  /** RSASSA-PSS alone, as the next: the hash of MGF1. */
  readonly mgfSha?: string;
  /** Bytes of salt. */
  readonly sLen?: number;
}

interface Signature {
  readonly msg: string;
  readonly sig: string;
}

type SignatureGroup = Group<KeyAndAlgorithm, Signature>;

/** What must come out of a file. A file that loses a case does not match any more. */
interface Expectation {
  readonly file: string;
  /** Cases by the scheme that is found for their key; `none` where the table has no such algorithm for any key. */
  readonly schemes: Readonly<Record<string, number>>;
  /** Cases by what a path says of the signature. */
  readonly outcomes: Readonly<Record<string, number>>;
}

/** A file whose cases all have one scheme. */
function known(file: string, scheme: string, genuine: number, others: number): Expectation {
  return {
    file,
    schemes: { [scheme]: genuine + others },
    outcomes: { genuine, "bad-signature": others },
  };
}

/** A file with an algorithm that no certificate is accepted with. @param fault what is wrong first: the algorithm, or already the key. */
function refused(
  file: string,
  cases: number,
  fault: "weak-algorithm" | "unsupported-key" = "weak-algorithm",
): Expectation {
  return { file, schemes: { none: cases }, outcomes: { [fault]: cases } };
}

/**
 * In each of the twelve files of RSASSA-PKCS1-v1_5, one case is "acceptable": its DigestInfo has no NULL behind the hash. RFC 8017 §9.2
 * has one encoding of EMSA-PKCS1-v1_5 to compare with, and that has the NULL: these are refused.
 */
const ACCEPTABLE = "Missing NULL in the ASN encoding";

const expectations: readonly Expectation[] = [
  known("ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256", 174, 310),
  known("ecdsa_secp256r1_sha512", "ecdsa_secp521r1_sha512", 243, 311),
  known("ecdsa_secp384r1_sha256", "ecdsa_secp256r1_sha256", 162, 310),
  known("ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384", 194, 310),
  known("ecdsa_secp384r1_sha512", "ecdsa_secp521r1_sha512", 231, 311),
  known("ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512", 232, 310),
  known("ed25519", "ed25519", 88, 63),
  refused("ed448", 87, "unsupported-key"),
  known("rsa_signature_2048_sha256", "rsa_pkcs1_sha256", 9, 250),
  known("rsa_signature_2048_sha384", "rsa_pkcs1_sha384", 7, 251),
  known("rsa_signature_2048_sha512", "rsa_pkcs1_sha512", 8, 251),
  known("rsa_signature_3072_sha256", "rsa_pkcs1_sha256", 8, 251),
  known("rsa_signature_3072_sha384", "rsa_pkcs1_sha384", 7, 252),
  known("rsa_signature_3072_sha512", "rsa_pkcs1_sha512", 8, 252),
  known("rsa_signature_4096_sha256", "rsa_pkcs1_sha256", 7, 251),
  known("rsa_signature_4096_sha384", "rsa_pkcs1_sha384", 7, 252),
  known("rsa_signature_4096_sha512", "rsa_pkcs1_sha512", 7, 252),
  known("rsa_signature_8192_sha256", "rsa_pkcs1_sha256", 7, 251),
  known("rsa_signature_8192_sha384", "rsa_pkcs1_sha384", 7, 252),
  known("rsa_signature_8192_sha512", "rsa_pkcs1_sha512", 7, 252),
  refused("rsa_pss_2048_sha1_mgf1_20", 88),
  // A key whose parameters are the defaults is one for SHA-1.
  refused("rsa_pss_2048_sha1_mgf1_20_params", 88, "unsupported-key"),
  refused("rsa_pss_2048_sha256_mgf1_0", 103),
  refused("rsa_pss_2048_sha256_mgf1_0_params", 103),
  known("rsa_pss_2048_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45),
  known("rsa_pss_2048_sha256_mgf1_32_params", "rsa_pss_pss_sha256", 63, 45),
  known("rsa_pss_2048_sha384_mgf1_48", "rsa_pss_rsae_sha384", 95, 46),
  known("rsa_pss_3072_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45),
  known("rsa_pss_3072_sha256_mgf1_32_params", "rsa_pss_pss_sha256", 63, 45),
  known("rsa_pss_4096_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45),
  known("rsa_pss_4096_sha384_mgf1_48", "rsa_pss_rsae_sha384", 95, 46),
  refused("rsa_pss_4096_sha512_mgf1_32", 177),
  refused("rsa_pss_4096_sha512_mgf1_32_params", 177),
  known("rsa_pss_4096_sha512_mgf1_64", "rsa_pss_rsae_sha512", 132, 47),
  known("rsa_pss_4096_sha512_mgf1_64_params", "rsa_pss_pss_sha512", 132, 47),
  // Each of five hashes with each of five in MGF1 and six lengths of salt, all valid; three of these 150 are what TLS has.
  {
    file: "rsa_pss_misc",
    schemes: { rsa_pss_rsae_sha256: 1, rsa_pss_rsae_sha384: 1, rsa_pss_rsae_sha512: 1, none: 147 },
    outcomes: { genuine: 3, "weak-algorithm": 147 },
  },
  // Twelve more keys have parameters that are supported, with a salt that is shorter than the hash: at least so long it must be.
  {
    file: "rsa_pss_misc_params",
    schemes: { rsa_pss_pss_sha256: 1, rsa_pss_pss_sha384: 1, rsa_pss_pss_sha512: 1, none: 147 },
    outcomes: { genuine: 3, "weak-algorithm": 12, "unsupported-key": 135 },
  },
];

describe("Wycheproof's signatures, as those of certificates", () => {
  for (const { file, schemes, outcomes } of expectations) {
    const shown = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
    wycheproofTest(`${file}: ${shown.join(", ")}`, () => {
      const cases = casesOf(file);
      expect(tallyOf(cases.map(({ scheme }) => scheme))).toEqual(schemes);
      const found = cases.map(({ signed, scheme, vector }) => {
        const outcome = outcomeOf(signed, nativeVerifiers);
        const mustBeGenuine = vector.result === "valid" && scheme !== "none";
        if ((outcome === "genuine") !== mustBeGenuine) throw new Error(`${caseName(vector)}: ${outcome}`);
        return outcome;
      });
      const acceptable = cases.filter(({ vector }) => vector.result === "acceptable");
      expect(acceptable.map(({ vector }) => vector.comment)).toEqual(
        file.startsWith("rsa_signature_") ? [ACCEPTABLE] : [],
      );
      expect(tallyOf(found)).toEqual(outcomes);
    });
  }

  wycheproofTest(
    "eight of every file, four valid ones at least, come out the same with the pure provider",
    () => {
      const seed = Date.now() % 0x7fffffff;
      console.info(`Wycheproof signatures sample, seed ${seed}`);
      const random = generator(seed);
      for (const { file } of expectations) {
        const all = casesOf(file);
        const valid = all.filter(({ vector }) => vector.result === "valid");
        for (const cases of [valid, all]) {
          const first = Math.floor(random() * cases.length);
          const drawn = Array.from({ length: 4 }, (_, i) => cases[(first + 7 * i) % cases.length]);
          for (const { signed, vector } of drawn.flatMap((one) => one ?? [])) {
            const native = outcomeOf(signed, nativeVerifiers);
            expect(outcomeOf(signed, nobleSignatureVerifiers), `${file}, ${caseName(vector)}`).toBe(native);
          }
        }
      }
    },
  );

  wycheproofTest("a key that its parameters restrict verifies with that algorithm alone", () => {
    const files = expectations.filter(
      ({ file, outcomes }) => file.endsWith("_params") && outcomes["genuine"],
    );
    const usable = files.flatMap(({ file }) => casesOf(file)).filter(({ scheme }) => scheme !== "none");
    const restricted = new Map(
      usable.filter(({ vector }) => vector.result === "valid").map((one) => [one.group, one]),
    );
    expect(restricted.size).toBe(6);
    for (const { group, signed } of restricted.values()) {
      const outcomes = ["SHA-256", "SHA-384", "SHA-512"].map((sha) => {
        const pss = { ...group, sha, mgfSha: sha, sLen: Number(sha.slice(4)) / 8 };
        const pkcs1 = { ...group, type: "RsassaPkcs1Verify", sha };
        return [pss, pkcs1].map((other) =>
          outcomeOf({ ...signed, algorithm: algorithmOf(other) }, nobleSignatureVerifiers),
        );
      });
      const expected = ["SHA-256", "SHA-384", "SHA-512"].map((sha) => [
        sha === group.sha ? "genuine" : "unsupported-key",
        "weak-algorithm",
      ]);
      expect(outcomes, group.sha).toEqual(expected);
    }
  });

  const vectors = sharedVectors("wycheproof");
  test.skipIf(vectors.missing !== undefined)(
    `all files for signatures that are checked are above, with 8658 cases ${vectors.missing ?? ""}`,
    () => {
      const files = vectors
        .names()
        .filter((name) => /^(ecdsa|ed25519|ed448|rsa_pss|rsa_signature)_/.test(name));
      expect(expectations.map(({ file }) => `${file}_test.json`).toSorted()).toEqual(files.toSorted());
      const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
      expect(total(expectations.flatMap(({ outcomes }) => Object.values(outcomes)))).toBe(8658);
      expect(total(expectations.map(({ outcomes }) => outcomes["genuine"] ?? 0))).toBe(2188);
    },
  );
});

interface CertificateCase {
  readonly group: SignatureGroup;
  readonly vector: Case;
  readonly signed: SignedBytes;
  /** See {@link schemeName}. */
  readonly scheme: string;
}

const read = new Map<string, readonly CertificateCase[]>();

/** The cases of a file, which is read once. */
function casesOf(file: string): readonly CertificateCase[] {
  const known = read.get(file);
  if (known !== undefined) return known;
  const cases = wycheproofGroups<KeyAndAlgorithm, Signature>(file).flatMap((group) => {
    const algorithm = algorithmOf(group);
    const subjectPublicKeyInfo = fromHex(group.publicKeyDer);
    const scheme = schemeName(algorithm, subjectPublicKeyInfo);
    return group.tests.map((vector) => {
      const signed = {
        message: fromHex(vector.msg),
        algorithm,
        signature: derBitString(fromHex(vector.sig)),
        subjectPublicKeyInfo,
      };
      return { group, vector, signed, scheme };
    });
  });
  read.set(file, cases);
  return cases;
}

const KEY_TYPES: readonly KeyType[] = ["rsa", "rsa-pss", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"];

/** The scheme for a group's own key; `none` where there is no scheme for any type of key. */
function schemeName(algorithm: Uint8Array, subjectPublicKeyInfo: Uint8Array): string {
  const keyType = keyTypeOf(subjectPublicKeyInfo);
  const scheme = keyType && signatureSchemeOf(algorithm, keyType);
  if (scheme !== undefined) return codepointName(SignatureScheme, scheme);
  for (const other of KEY_TYPES) expect(signatureSchemeOf(algorithm, other)).toBeUndefined();
  return "none";
}

function outcomeOf(signed: SignedBytes, verifiers: readonly SignatureVerifier[]): string {
  return findSignatureFault(signed, verifiers)?.fault ?? "genuine";
}

const HASHES: Readonly<Record<string, string>> = {
  "SHA-1": "1.3.14.3.2.26",
  "SHA-224": "2.16.840.1.101.3.4.2.4",
  "SHA-256": "2.16.840.1.101.3.4.2.1",
  "SHA-384": "2.16.840.1.101.3.4.2.2",
  "SHA-512": "2.16.840.1.101.3.4.2.3",
};

/** The AlgorithmIdentifier of a certificate with such a signature. RFC 4055 §3.1, §5, RFC 5758 §3.2, RFC 8410 §3. */
function algorithmOf({ type, sha = "", mgfSha = "", sLen = -1, publicKey }: SignatureGroup): Uint8Array {
  const hash = (name: string): Uint8Array => {
    const oid = HASHES[name];
    if (oid === undefined) throw new Error(`no object identifier of ${name} is known`);
    return derSequence(derObjectIdentifier(oid), derNull());
  };
  switch (type) {
    case "EcdsaVerify":
      return derSequence(derObjectIdentifier(`1.2.840.10045.4.3.${numberOf(sha, 256, 2)}`));
    case "EddsaVerify":
      return derSequence(
        derObjectIdentifier(publicKey.curve === "edwards448" ? "1.3.101.113" : "1.3.101.112"),
      );
    case "RsassaPkcs1Verify":
      return derSequence(derObjectIdentifier(`1.2.840.113549.1.1.${numberOf(sha, 256, 11)}`), derNull());
    default: {
      // DER leaves the defaults out.
      const fields = [
        ...(sha === "SHA-1" ? [] : [derExplicit(0, hash(sha))]),
        ...(mgfSha === "SHA-1"
          ? []
          : [derExplicit(1, derSequence(derObjectIdentifier("1.2.840.113549.1.1.8"), hash(mgfSha)))]),
        ...(sLen === 20 ? [] : [derExplicit(2, derInteger(sLen))]),
      ];
      return derSequence(derObjectIdentifier("1.2.840.113549.1.1.10"), derSequence(...fields));
    }
  }
}

/** The last arc for a hash of SHA-2, where `first` is that for SHA-256 and those for SHA-384 and SHA-512 follow. */
function numberOf(sha: string, bits: number, first: number): number {
  const step = (Number(sha.replace("SHA-", "")) - bits) / 128;
  if (![0, 1, 2].includes(step)) throw new Error(`no object identifier for ${sha} is known`);
  return first + step;
}

function tallyOf(names: readonly string[]): Readonly<Record<string, number>> {
  const tally: Record<string, number> = {};
  for (const name of names) tally[name] = 1 + (tally[name] ?? 0);
  return tally;
}

/** A linear congruential generator (Numerical Recipes), good enough to draw samples with. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
