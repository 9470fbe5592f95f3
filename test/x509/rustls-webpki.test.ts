import { describe, expect, test } from "vitest";

import { hex, latin1 } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { DerError } from "../../src/der/reader.ts";
import { ConfigError } from "../../src/errors.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import { type Conformance, nonconformity } from "../../src/x509/conformance.ts";
import { decodeCertificateList } from "../../src/x509/crl.ts";
import { KeyUsageBit } from "../../src/x509/key-usage.ts";
import type { PathQuestion } from "../../src/x509/path.ts";
import { isPresentedDnsName, readReferenceName } from "../../src/x509/reference-name.ts";
import { RevocationLists } from "../../src/x509/revocation-lists.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { webpki } from "./corpora.ts";
import { pathOf, refusalOf } from "./issuing.ts";
import { certificateCases } from "./rustls-webpki-certificates.ts";
import { chainCases, listCases, withoutDistributionPoint } from "./rustls-webpki-lists.ts";
import { type PathCase, pathCases, TEST_SECONDS } from "./rustls-webpki-paths.ts";
import { algorithmCases, keyCases, signatureFile, signedDataCases } from "./rustls-webpki-signed-data.ts";
import { notInputs, readWebpki, readWebpkiPem, webpkiFiles } from "./rustls-webpki.ts";

const skip = webpki.missing !== undefined;

describe.skipIf(skip)(`the paths of rustls-webpki's tests ${webpki.missing ?? ""}`, () => {
  for (const pathCase of pathCases) {
    for (const conformance of ["none", "rfc5280", "web-pki"] as const) {
      const expected = pathCase.answers[conformance];
      test(`${pathCase.what}, ${conformance}: ${expected}`, () => {
        for (const name of pathCase.names ?? [null])
          expect(answerOf(questionOf(pathCase, conformance, name)), name ?? "").toBe(expected);
      });
    }
  }

  test("a server is not taken for a name that it does not have", () => {
    const named = pathCases.filter(({ names }) => names !== undefined);
    expect(named).toHaveLength(1);
    for (const pathCase of named) {
      for (const name of ["example.com", "a.b.cloudflare-dns.com", "1.1.1.2", "::ffff:1.1.1.1"])
        expect(answerOf(questionOf(pathCase, "none", name)), name).toBe("wrong-name");
    }
  });

  test("what is answered otherwise than by webpki has a reason, and nothing is accepted that webpki refuses", () => {
    for (const { what, webpki: verdict, answers, reason } of pathCases) {
      const outcomes = Object.values(answers);
      if (verdict === "refuses") expect(outcomes, what).not.toContain("path");
      const isSame = outcomes.every((outcome) => outcome === "path") === (verdict === "accepts");
      if (!isSame) expect(reason?.length, what).toBeGreaterThan(8);
    }
  });

  test("without rules of form, 9 of the 11 questions that webpki accepts are accepted", () => {
    const accepted = pathCases.filter(({ webpki: verdict }) => verdict === "accepts");
    expect(accepted).toHaveLength(11);
    const refused = accepted.filter(({ answers }) => answers.none !== "path");
    expect(refused.map(({ what, answers }) => [what, answers.none])).toEqual([
      ["RSA signatures without NULL in their algorithm", "weak-algorithm"],
      ["260 names below 260 constraints", "too-costly"],
    ]);
  });
});

describe.skipIf(skip)(`the certificates of rustls-webpki's tests ${webpki.missing ?? ""}`, () => {
  test.each(certificateCases)("$file: $fault", ({ file, fault, isAnchor, ...expected }) => {
    const der = readWebpki(`tests/${file}`);
    if (fault !== null) {
      expect(messageOf(() => decodeCertificate(der))).toContain(fault);
      return;
    }
    const certificate = decodeCertificate(der);
    if (expected.dnsNames !== undefined) expect(dnsNamesOf(certificate)).toEqual(expected.dnsNames);
    if (expected.uris !== undefined) expect(urisOf(certificate)).toEqual(expected.uris);
    if (expected.serialNumber !== undefined)
      expect(hex(certificate.serialNumber)).toBe(expected.serialNumber);
    if (isAnchor !== true) return;
    expect(new TrustAnchors(der).named(certificate.subject)).toHaveLength(1);
    expect(nonconformity(certificate, "anchor", "web-pki")).toBeNull();
  });

  test("what is answered otherwise than by webpki has a reason", () => {
    for (const { file, webpki: verdict, fault, reason } of certificateCases)
      expect(reason === undefined, file).toBe((verdict === "accepts") === (fault === null));
  });

  test("version 1 does not conform below an anchor, nor does a dNSName that is none", () => {
    const faultOf = (file: string): string | null =>
      nonconformity(decodeCertificate(readWebpki(`tests/${file}`)), "server", "rfc5280");
    expect(faultOf("cert_v1.der")).toMatch(/^it is not of version 3/);
    expect(faultOf("misc/invalid_subject_alternative_name.der")).toMatch(/^subjectAltName has a dNSName/);
  });
});

describe.skipIf(skip)(`the revocation lists of rustls-webpki's tests ${webpki.missing ?? ""}`, () => {
  test.each(listCases)("$file: $fault", ({ file, fault, bareFault, revoked }) => {
    const der = readWebpki(`tests/${file}`);
    if (fault !== null) expect(messageOf(() => decodeCertificateList(der))).toContain(fault);
    if (fault !== null && bareFault === undefined) return;
    const bare = fault === null ? der : withoutDistributionPoint(der);
    if (typeof bareFault === "string") {
      expect(messageOf(() => decodeCertificateList(bare))).toContain(bareFault);
      return;
    }
    const list = decodeCertificateList(bare);
    const serial = Uint8Array.from(Buffer.from(revoked ?? "03ae51db51155a3c", "hex"));
    expect(list.isRevoked(serial)).toBe(revoked !== undefined);
    expect(list.isRevoked(Uint8Array.of(0, ...serial))).toBe(false);
    expect(list.isRevoked(Uint8Array.of(1))).toBe(false);
  });

  test("what is answered otherwise than by webpki has a reason", () => {
    for (const { file, webpki: verdict, fault, bareFault, reason } of listCases) {
      const faults = bareFault === undefined ? [fault] : [fault, bareFault];
      const isSame = faults.every((one) => (one === null) === (verdict === "accepts"));
      expect(reason === undefined, file).toBe(isSame);
    }
  });

  test("nothing is decoded that webpki refuses", () => {
    const refused = listCases.filter(({ webpki: verdict }) => verdict === "refuses");
    expect(refused).toHaveLength(20);
    for (const { file, fault } of refused) expect(fault, file).not.toBeNull();
  });

  test("a list has its time, its issuer and its key", () => {
    const list = decodeCertificateList(withoutDistributionPoint(readWebpki("tests/crls/crl.valid.der")));
    expect(list.nextUpdateSeconds).toBe(1_666_210_326);
    expect(list.thisUpdateSeconds).toBe(Date.UTC(2022, 9, 10, 20, 12, 7) / 1000);
    expect(hex(list.authorityKeyIdentifier ?? new Uint8Array())).toBe(
      "01dabb7acb25208e5e79d6f996422f02412907be",
    );
    const lists = new RevocationLists(list.der);
    const stranger = decodeCertificate(readWebpki("tests/client_auth_revocation/no_ku_chain.ee.der"));
    expect(lists.of(stranger.issuer)).toHaveLength(0);
  });

  test("a list is for the certificates of its issuer", () => {
    const folder = "tests/client_auth_revocation";
    const lists = new RevocationLists(readWebpki(`${folder}/ee_revoked_crl_ku_ee_depth.crl.der`));
    const certificate = decodeCertificate(readWebpki(`${folder}/ku_chain.ee.der`));
    expect(lists.of(certificate.issuer).map((list) => list.isRevoked(certificate.serialNumber))).toEqual([
      true,
    ]);
    const other = decodeCertificate(readWebpki(`${folder}/no_crl_ku_chain.ee.der`));
    expect(lists.of(other.issuer)).toHaveLength(0);
    const authority = decodeCertificate(readWebpki(`${folder}/no_crl_ku_chain.int.a.ca.der`));
    expect((authority.extensions.keyUsage ?? 0) & KeyUsageBit.cRLSign).toBe(0);
  });

  test.each(chainCases)("$chain is a path without a list, and its list is refused", ({ chain, list }) => {
    const folder = "client_auth_revocation";
    const file = (role: string): string => `${folder}/${chain}.${role}.der`;
    const question = questionOf(
      {
        what: chain,
        leaf: file("ee"),
        others: [file("int.a.ca"), file("int.b.ca")],
        anchor: file("root.ca"),
        atSeconds: TEST_SECONDS,
        purpose: "client",
        webpki: null,
        answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
      },
      "none",
      null,
    );
    expect(pathOf(question)).toHaveLength(4);
    const der = readWebpki(`tests/${folder}/${list}`);
    expect(() => new RevocationLists(der)).toThrow(ConfigError);
    // As nobody has signed the rest, it makes the path unusable, and does not go unnoticed.
    const revocationLists = new RevocationLists(withoutDistributionPoint(der));
    expect(refusalOf({ ...question, revocationLists }).fault).toBe("bad-revocation-list");
  });
});

test.skipIf(skip)(
  `of 180 files of rustls-webpki, 166 are used, and 14 are no input ${webpki.missing ?? ""}`,
  () => {
    const used = [
      ...signedDataCases.map(({ file }) => `chromium-verify_signed_data/${file}`),
      ...algorithmCases.map(({ file }) => `tests/signatures/${file}`),
      ...keyCases.flatMap(({ name, hashes }) => [
        `tests/signatures/${name}.ee.der`,
        `tests/signatures/${name}.spki.der`,
        ...hashes.flatMap((hash) => [signatureFile(name, hash, "good"), signatureFile(name, hash, "bad")]),
      ]),
      "tests/signatures/message.bin",
      "tests/ed25519/ee-pubkey.der",
      ...pathCases.flatMap(({ leaf, others = [], anchor }) =>
        [leaf, ...others, anchor].map((file) => `tests/${file}`),
      ),
      ...[...certificateCases, ...listCases].map(({ file }) => `tests/${file}`),
      ...chainCases.flatMap(({ chain }) =>
        ["ee", "int.a.ca", "int.b.ca", "root.ca"].map(
          (role) => `tests/client_auth_revocation/${chain}.${role}.der`,
        ),
      ),
      ...["ku_chain.ee", "no_ku_chain.ee"].map((name) => `tests/client_auth_revocation/${name}.der`),
    ];
    const inputs = new Set(used);
    expect(inputs.size).toBe(166);
    expect(notInputs.size).toBe(14);
    expect([...inputs].filter((file) => notInputs.has(file))).toEqual([]);
    expect([...inputs, ...notInputs.keys()].sort()).toEqual(webpkiFiles());
  },
);

function questionOf(pathCase: PathCase, conformance: Conformance, name: string | null): PathQuestion {
  const { leaf, others = [], anchor, atSeconds, purpose, nameComparisons } = pathCase;
  return {
    leaf: certificateOf(leaf),
    others: others.map(certificateOf),
    anchors: new TrustAnchors(certificateOf(anchor).der),
    nowSeconds: atSeconds,
    purpose,
    reference: name === null ? null : readReferenceName(name),
    verifiers: nobleSignatureVerifiers,
    limits: { ...defaultPathLimits, ...(nameComparisons === undefined ? {} : { nameComparisons }) },
    conformance,
  };
}

function certificateOf(file: string): Certificate {
  const path = `tests/${file}`;
  const der = file.endsWith(".pem") ? readWebpkiPem(path).get("CERTIFICATE") : readWebpki(path);
  return decodeCertificate(der ?? new Uint8Array());
}

function answerOf(question: PathQuestion): string {
  try {
    return pathOf(question).length > 0 ? "path" : "nothing";
  } catch {
    return refusalOf(question).fault;
  }
}

function dnsNamesOf({ extensions }: Certificate): readonly string[] {
  return (extensions.subjectAltName ?? [])
    .flatMap((name) => (name.kind === "dns" ? [latin1(name.name)] : []))
    .filter(isPresentedDnsName);
}

function urisOf({ extensions }: Certificate): readonly string[] {
  return (extensions.subjectAltName ?? []).flatMap((name) => (name.kind === "uri" ? [latin1(name.uri)] : []));
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DerError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}
