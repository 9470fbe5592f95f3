import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { parsePem } from "../../src/der/pem.ts";
import { DerError } from "../../src/der/reader.ts";
import { ConfigError } from "../../src/errors.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { CertificateError } from "../../src/x509/certificate-error.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import type { Conformance } from "../../src/x509/conformance.ts";
import { findPath } from "../../src/x509/path.ts";
import { readReferenceName, type ReferenceName } from "../../src/x509/reference-name.ts";
import { RevocationLists } from "../../src/x509/revocation-lists.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

/** A case of x509-limbo, as far as a path is asked for. */
export interface LimboQuestion {
  readonly id: string;
  readonly features: readonly string[] | null;
  readonly expected_result: "SUCCESS" | "FAILURE";
  readonly validation_kind: "SERVER" | "CLIENT";
  /** RFC 3339; null for any time. */
  readonly validation_time: string | null;
  readonly expected_peer_name: LimboName | null;
  readonly expected_peer_names: readonly LimboName[] | null;
  readonly max_chain_depth: number | null;
  /** In PEM, as the others. */
  readonly peer_certificate: string;
  readonly untrusted_intermediates: readonly string[];
  readonly trusted_certs: readonly string[];
  readonly crls?: readonly string[];
}

interface LimboName {
  readonly kind: "DNS" | "IP" | "RFC822";
  readonly value: string;
}

const limbo = sharedVectors("x509-limbo");

/** Undefined when the cases are there. */
export const missingLimbo = limbo.missing;

/** The cases of a file. */
export function limboQuestions(file: string): readonly LimboQuestion[] {
  if (limbo.missing !== undefined) return [];
  return limbo.json<{ readonly testcases: readonly LimboQuestion[] }>(file).testcases;
}

/** Cases of `rfc5280::` are about that document, which contradicts the Baseline Requirements here and there. */
export function conformanceOf({ id }: LimboQuestion): Conformance {
  return id.startsWith("rfc5280::") ? "rfc5280" : "web-pki";
}

/** When cases without a time are run. */
const ANY_TIME = "2026-06-01T00:00:00Z";

/** What comes out, and why it fails. */
export function answerLimbo(
  question: LimboQuestion,
  conformance: Conformance = conformanceOf(question),
): { readonly result: "SUCCESS" | "FAILURE"; readonly reason: string } {
  try {
    for (const reference of referencesOf(question)) ask(question, reference, conformance);
    return { result: "SUCCESS", reason: "" };
  } catch (error) {
    const isRefusal =
      error instanceof CertificateError || error instanceof ConfigError || error instanceof DerError;
    if (!isRefusal) throw error;
    return { result: "FAILURE", reason: error.message };
  }
}

/** All of a client's names must be in its certificate; it is asked for once for each. */
function referencesOf(question: LimboQuestion): readonly (ReferenceName | null)[] {
  const { expected_peer_name: name, expected_peer_names: names } = question;
  const all = name === null ? (names ?? []) : [name];
  if (all.length === 0) return [null];
  return all.map(({ kind, value }) =>
    kind === "RFC822" ? { kind: "email", address: value } : readReferenceName(value),
  );
}

function ask(
  question: LimboQuestion,
  reference: ReferenceName | null,
  conformance: Conformance,
): readonly Certificate[] {
  const path = findPath({
    leaf: decodeCertificate(bytesOf(question.peer_certificate)),
    others: question.untrusted_intermediates.flatMap(decodeOther),
    anchors: new TrustAnchors(question.trusted_certs),
    nowSeconds: Date.parse(question.validation_time ?? ANY_TIME) / 1000,
    purpose: question.validation_kind === "SERVER" ? "server" : "client",
    reference,
    verifiers: nobleSignatureVerifiers,
    limits: { ...defaultPathLimits, depth: question.max_chain_depth ?? defaultPathLimits.depth },
    conformance,
    ...((question.crls?.length ?? 0) > 0
      ? { revocationLists: new RevocationLists(question.crls ?? []) }
      : {}),
  });
  if ("then" in path) throw new Error("noble answers at once");
  return path;
}

/** What cannot be read among the certificates of a peer is no issuer. */
function decodeOther(pem: string): readonly Certificate[] {
  try {
    return [decodeCertificate(bytesOf(pem))];
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}

function bytesOf(pem: string): Uint8Array {
  const [block] = parsePem(pem);
  if (block === undefined) throw new Error("there is no PEM block");
  return block.bytes;
}
