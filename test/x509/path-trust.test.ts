import { generateKeyPairSync, sign } from "node:crypto";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import { derNull, derObjectIdentifier, derSequence } from "../../src/der/writer.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import type { PathQuestion } from "../../src/x509/path.ts";
import { authority, chainOf, counting, extensions, leaf, questionOf, root, SERVER_AUTH } from "./chain.ts";
import {
  dnsName,
  extendedKeyUsage,
  issue,
  issueAuthority,
  issueLeaf,
  issueRoot,
  NOW_SECONDS,
  pathOf,
  questionAbout,
  refusalOf,
  subjectAltName,
  testKey,
} from "./issuing.ts";

describe("rule 8: algorithms and keys", () => {
  test.each([
    ["SHA-1", "1.2.840.113549.1.1.5"],
    ["MD5", "1.2.840.113549.1.1.4"],
  ])("RSA with %s is refused", (_name, oid) => {
    const key = testKey("RSA-2048");
    const weak = { ...key, algorithm: derSequence(derObjectIdentifier(oid), derNull()) };
    const chain = chainOf({ root: { key } });
    const signed = issueLeaf(chain.root, { signer: weak });
    expect(refusalOf(questionAbout(signed, [chain.root])).message).toBe(
      "weak-algorithm: CN=example.com, its signature is of an algorithm that is not accepted",
    );
  });

  test("a scheme that the question leaves out is refused", () => {
    const verifiers = nobleSignatureVerifiers.filter(({ name }) => name !== "ecdsa_secp256r1_sha256");
    expect(refusalOf(questionOf({}, { verifiers })).fault).toBe("weak-algorithm");
    expect(refusalOf(questionOf({}, { verifiers: [] })).fault).toBe("weak-algorithm");
  });

  test("X.509 ties no hash to a curve", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const key = {
      ...testKey("P-256"),
      subjectPublicKeyInfo: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
      sign: (message: Uint8Array) => new Uint8Array(sign("sha256", message, privateKey)),
    };
    expect(pathOf(questionOf({ root: { key } }))).toHaveLength(3);
  });

  test.each(["leaf", "authority", "root"])("a key of 1024 bits in the %s is refused", (where) => {
    const key = testKey("RSA-1024");
    const refusal = refusalOf(questionOf({ [where]: { key } }));
    expect(refusal.fault).toBe("unsupported-key");
    expect(refusal.message).toContain("RSA modulus of 1024 bits is not in 2048..8192");
  });

  test("a signature of another key is refused", () => {
    const refusal = refusalOf(questionOf({ leaf: { signer: testKey() } }));
    expect(refusal.message).toBe("bad-signature: CN=example.com, the key of CN=authority did not sign it");
  });

  test("a signature of something else is refused", () => {
    const { der } = leaf;
    const changed = decodeCertificate(der.with(der.length - 1, (der.at(-1) ?? 0) ^ 1));
    expect(refusalOf({ ...questionAbout(leaf, [root], [authority]), leaf: changed }).fault).toBe(
      "bad-signature",
    );
  });
});

describe("rule 10: dates", () => {
  const [start, end] = [Date.UTC(2026, 2, 1) / 1000, Date.UTC(2026, 8, 1) / 1000];
  const dates = { notBefore: "260301000000Z", notAfter: "260901000000Z" };
  const wheres = ["leaf", "authority", "root"] as const;

  test.each(wheres)("both ends of the time of the %s belong to it, to the second", (where) => {
    const at = (nowSeconds: number): PathQuestion => questionOf({ [where]: dates }, { nowSeconds });
    for (const now of [start, start + 0.999, end, end + 0.999]) expect(pathOf(at(now))).toHaveLength(3);
    for (const [now, fault, text] of [
      [start - 1, "not-yet-valid", "notBefore 2026-03-01T00:00:00Z"],
      [start - 0.001, "not-yet-valid", "notBefore 2026-03-01T00:00:00Z"],
      [end + 1, "expired", "notAfter 2026-09-01T00:00:00Z"],
    ] as const) {
      const refusal = refusalOf(at(now));
      expect(refusal.fault).toBe(fault);
      expect(refusal.message).toContain(text);
    }
  });

  test("a clock that gives nothing refuses everything", () => {
    expect(refusalOf(questionOf({}, { nowSeconds: NaN })).fault).toBe("not-yet-valid");
  });

  test("dates in the wrong order are never", () => {
    const never = { notBefore: "260901000000Z", notAfter: "260301000000Z" };
    for (const nowSeconds of [start, NOW_SECONDS, end])
      expect(() => pathOf(questionOf({ leaf: never }, { nowSeconds }))).toThrow();
  });
});

describe("rule 12: what is trusted", () => {
  test("a self-signed certificate that is no anchor ends no path", () => {
    const question = questionAbout(leaf, [issueRoot({ subject: "another" })], [authority, root]);
    expect(refusalOf(question).message).toBe("unknown-issuer: CN=root, it is self-signed, and no anchor");
  });

  test("a self-signed leaf is nothing, an anchor or not", () => {
    const self = issueLeaf(root, { key: root.key, subject: "root" });
    const alone = issue({
      key: testKey(),
      extensions: {
        subjectAltName: subjectAltName(dnsName("example.com")),
        extKeyUsage: extendedKeyUsage(SERVER_AUTH),
      },
    });
    expect(refusalOf(questionAbout(alone, [root])).message).toBe(
      "unknown-issuer: CN=example.com, it is self-signed, and no anchor",
    );
    expect(refusalOf(questionAbout(alone, [alone])).fault).toBe("unknown-issuer");
    expect(refusalOf(questionAbout(self, [root], [], { conformance: "none" })).fault).toBe("unknown-issuer");
  });

  test("authorities that sign for each other lead nowhere", () => {
    const [a, b] = [issueRoot({ subject: "a" }), issueRoot({ subject: "b" })];
    const circle = [
      issueAuthority(b, { subject: "a", key: a.key }),
      issueAuthority(a, { subject: "b", key: b.key }),
    ];
    expect(refusalOf(questionAbout(issueLeaf(a), [root], circle)).message).toBe(
      "unknown-issuer: CN=b, its issuer CN=a leads back to it",
    );
  });

  test("the name of an anchor is not enough", () => {
    const impostor = issueRoot();
    const chain = chainOf({ root: { key: impostor.key } });
    for (const others of [[chain.authority], [chain.authority, chain.root]])
      expect(refusalOf(questionAbout(chain.leaf, [root], others)).message).toBe(
        "bad-signature: CN=authority, the key of CN=root did not sign it",
      );
  });

  test("the key of an anchor is not enough", () => {
    const renamed = issueRoot({ key: root.key, subject: "renamed" });
    expect(refusalOf(questionAbout(leaf, [renamed], [authority])).message).toBe(
      "unknown-issuer: CN=authority, its issuer CN=root is not known",
    );
  });

  test("the signature of an anchor is not looked at", () => {
    const signer = { ...root.key, sign: () => new Uint8Array(3) };
    expect(pathOf(questionOf({ root: { signer } }))).toHaveLength(3);
  });

  test("a copy of an anchor that the peer sends does not stand in for it", () => {
    const strict = issueRoot({ key: root.key, notAfter: "260201000000Z" });
    const { verifiers, keys } = counting();
    const question = questionAbout(leaf, [strict], [authority, root], { verifiers });
    expect(refusalOf(question).message).toBe("expired: CN=root, notAfter 2026-02-01T00:00:00Z");
    expect(keys).toEqual([hex(authority.key.subjectPublicKeyInfo)]);
  });

  test("an authority may be an anchor, and ends the path", () => {
    expect(pathOf(questionAbout(leaf, [authority], [authority, root]))).toEqual([
      leaf.certificate,
      authority.certificate,
    ]);
  });

  test("an anchor that is cross-signed and has expired leads on where its other issuer is one", () => {
    const expired = issueRoot({ key: root.key, notAfter: "260201000000Z" });
    const second = issueRoot({ subject: "second root" });
    const cross = issueAuthority(second, { key: root.key, subject: "root" });
    expect(pathOf(questionAbout(leaf, [expired, second], [authority, cross]))).toHaveLength(4);
  });

  test("unknown critical extensions are refused everywhere", () => {
    const unknown = extensions({ "1.2.3.4": { value: derNull(), critical: true } });
    for (const where of ["leaf", "authority", "root"]) {
      const refusal = refusalOf(questionOf({ [where]: unknown }));
      expect(refusal.fault).toBe("unknown-critical-extension");
      expect(refusal.message).toContain("the critical extension 1.2.3.4 is not known");
    }
    expect(pathOf(questionOf({ leaf: extensions({ "1.2.3.4": { value: derNull() } }) }))).toHaveLength(3);
  });
});
