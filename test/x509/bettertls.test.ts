import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { equalBytes } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import { DerError } from "../../src/der/reader.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { CertificateError } from "../../src/x509/certificate-error.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { findPath } from "../../src/x509/path.ts";
import { readReferenceName } from "../../src/x509/reference-name.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { nativeVerifiers } from "./native-verifiers.ts";

interface BetterTls {
  /** In base64, as the others. */
  readonly trustRoot: string;
  readonly certs: readonly string[];
  readonly suites: Readonly<Record<string, { readonly testCases: readonly Case[] }>>;
}

interface Case {
  readonly id: number;
  /** Indices into `certs`, the leaf first, the root among them. */
  readonly certificates: readonly number[];
  readonly hostname: string;
  readonly requiredFeatures: readonly string[];
  readonly expected: "ACCEPT" | "REJECT";
}

const folder = sharedVectors("bettertls");

describe.skipIf(folder.missing !== undefined)(`BetterTLS ${folder.missing ?? ""}`, () => {
  const { trustRoot, certs, suites }: BetterTls =
    folder.missing === undefined
      ? JSON.parse(gunzipSync(readFileSync(join(folder.path, "bettertls.json.gz"))).toString())
      : { trustRoot: "", certs: [], suites: {} };
  const cases = Object.entries(suites).flatMap(([suite, { testCases }]) =>
    testCases.map((testCase) => ({ suite, testCase })),
  );

  /** The cases, of those given, that end otherwise than expected. */
  function surprises(
    given: typeof cases,
    verifiers: readonly SignatureVerifier[],
  ): readonly (readonly [string, number])[] {
    const root = bytesOf(trustRoot);
    const anchors = new TrustAnchors(root);
    return given.flatMap(({ suite, testCase }) => {
      const ders = testCase.certificates.map((index) => bytesOf(certs[index] ?? ""));
      const presented = ders.filter((der) => !equalBytes(der, root));
      const isAccepted = accepts(presented, testCase, anchors, verifiers);
      return isAccepted === (testCase.expected === "ACCEPT") ? [] : [[suite, testCase.id] as const];
    });
  }

  test("all 9572 cases end as expected", () => {
    expect(cases.length).toBe(9572);
    expect(surprises(cases, nativeVerifiers)).toEqual([]);
  });

  test("300 of them end so with the pure provider too", () => {
    const seed = Date.now() % 0x7fffffff;
    console.info(`BetterTLS sample, seed ${seed}`);
    const random = generator(seed);
    const sample = Array.from({ length: 300 }, () => cases[Math.floor(random() * cases.length)]);
    expect(
      surprises(
        sample.flatMap((one) => one ?? []),
        nobleSignatureVerifiers,
      ),
    ).toEqual([]);
  });
});

/** The certificates are valid for a year from when they were made; the cases say whether they are to be expired. */
function accepts(
  [leafDer = new Uint8Array(), ...others]: readonly Uint8Array[],
  { expected, requiredFeatures, hostname }: Case,
  anchors: TrustAnchors,
  verifiers: readonly SignatureVerifier[],
): boolean {
  const isExpired = expected === "REJECT" && requiredFeatures.includes("INVALID_REASON_EXPIRED");
  try {
    const leaf = decodeCertificate(leafDer);
    void findPath({
      leaf,
      others: others.map(decodeCertificate),
      anchors,
      nowSeconds: 1 + (isExpired ? leaf.notAfterSeconds : leaf.notBeforeSeconds),
      purpose: "server",
      reference: readReferenceName(hostname),
      verifiers,
      limits: defaultPathLimits,
      // Common names of the suite are whatever they are, so the Baseline Requirements would refuse more than is asked for.
      conformance: "rfc5280",
    });
    return true;
  } catch (error) {
    if (error instanceof CertificateError || error instanceof DerError) return false;
    throw error;
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

/** A linear congruential generator (Numerical Recipes), good enough to draw samples with. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
