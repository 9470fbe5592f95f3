// The cases of x509-limbo as chains and questions, if the folder with shared vectors is there.
import { existsSync, readFileSync } from "node:fs";

import { parsePem } from "../dist/der/pem.js";
import { DerError } from "../dist/der/reader.js";
import { defaultPathLimits } from "../dist/x509/budget.js";
import { CertificateError } from "../dist/x509/certificate-error.js";
import { decodeCertificate } from "../dist/x509/certificate.js";
import { findPath } from "../dist/x509/path.js";
import { readReferenceName } from "../dist/x509/reference-name.js";
import { RevocationLists } from "../dist/x509/revocation-lists.js";
import { TrustAnchors } from "../dist/x509/trust-anchors.js";

const FOLDER = new URL("../../shared/vectors/x509-limbo/", import.meta.url);
const FILES = ["limbo-208-regenerated.json", "limbo-upstream-2023-12-02.json"];

/** Why there are no cases; undefined when there are. */
export const missing = existsSync(FOLDER) ? undefined : "../shared/vectors/x509-limbo is not there";

/** All cases, `{ id, leaf, others, ... }`, as {@link ask} takes them. Certificates are DER. */
export const cases = missing === undefined ? FILES.flatMap(read) : [];

/**
 * Looks for a path, as `test/x509/limbo.ts` does; the anchors are decoded already, as those of a configuration are.
 *
 * @returns `accepted`, or what is wrong.
 */
export function ask(
  { leaf, others, anchors, revocationLists, references, ...question },
  conformance,
  verifiers,
) {
  try {
    for (const reference of references) {
      findPath({
        ...question,
        leaf: decodeCertificate(leaf),
        others: others.flatMap(decodeOther),
        anchors,
        reference,
        verifiers,
        conformance,
        ...(revocationLists !== undefined && { revocationLists }),
      });
    }
    return "accepted";
  } catch (error) {
    if (error instanceof CertificateError || error instanceof DerError) return error.message;
    throw error;
  }
}

function read(file) {
  const { testcases } = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8"));
  return testcases.flatMap((testcase) => {
    try {
      return [prepare(testcase)];
    } catch (error) {
      // Some cases are about anchors or lists that cannot be read at all.
      if (error?.name === "ConfigError") return [];
      throw error;
    }
  });
}

function prepare(testcase) {
  const {
    expected_peer_name: name,
    expected_peer_names: names,
    crls = [],
    max_chain_depth: depth,
  } = testcase;
  const references = (name === null ? (names ?? []) : [name]).map(({ kind, value }) =>
    kind === "RFC822" ? { kind: "email", address: value } : readReferenceName(value),
  );
  return {
    id: testcase.id,
    leaf: derOf(testcase.peer_certificate),
    others: testcase.untrusted_intermediates.map(derOf),
    anchors: new TrustAnchors(testcase.trusted_certs),
    nowSeconds: Date.parse(testcase.validation_time ?? "2026-06-01T00:00:00Z") / 1000,
    purpose: testcase.validation_kind === "SERVER" ? "server" : "client",
    references: references.length === 0 ? [null] : references,
    limits: { ...defaultPathLimits, depth: depth ?? defaultPathLimits.depth },
    revocationLists: crls.length === 0 ? undefined : new RevocationLists(crls),
  };
}

function decodeOther(der) {
  try {
    return [decodeCertificate(der)];
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}

function derOf(pem) {
  return parsePem(pem)[0].bytes;
}
