import { rootCertificates } from "node:tls";

import { describe, expect, test } from "vitest";

import { TlsAlert } from "../../src/alert.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import { parsePem } from "../../src/der/pem.ts";
import { derSequence } from "../../src/der/writer.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { findPath, type PathQuestion } from "../../src/x509/path.ts";
import { readReferenceName } from "../../src/x509/reference-name.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";
import { authority, type ChainChanges, CLIENT_AUTH, extensions, leaf, questionOf, root } from "./chain.ts";
import {
  dnsName,
  extendedKeyUsage,
  issueAuthority,
  issueRoot,
  nameConstraints,
  pathOf,
  questionAbout,
  refusalOf,
  subjectAltName,
  testKey,
} from "./issuing.ts";
import { limboQuestions, missingLimbo } from "./limbo.ts";

describe("an error", () => {
  test.each<
    readonly [name: string, changes: ChainChanges, reference: string, message: string, alert: string]
  >([
    [
      "expired",
      { leaf: { notAfter: "260201000000Z" } },
      "example.com",
      "expired: CN=example.com, notAfter 2026-02-01T00:00:00Z",
      "certificate_expired",
    ],
    [
      "for another host",
      {},
      "example.org",
      'wrong-name: CN=example.com, it is not for "example.org"',
      "bad_certificate",
    ],
    [
      "for another address",
      {},
      "192.0.2.1",
      "wrong-name: CN=example.com, it is not for 192.0.2.1",
      "bad_certificate",
    ],
    [
      "for another purpose",
      { leaf: extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH) }) },
      "example.com",
      "wrong-usage: CN=example.com, extendedKeyUsage does not allow a server",
      "unsupported_certificate",
    ],
    [
      "against a name constraint",
      {
        authority: extensions({ nameConstraints: nameConstraints({ permitted: [dnsName("example.org")] }) }),
      },
      "example.com",
      'name-constraints: CN=example.com, DNS name "example.com" is not permitted by CN=authority',
      "bad_certificate",
    ],
    [
      "below an authority that is against a name constraint",
      {
        root: extensions({ nameConstraints: nameConstraints({ excluded: [dnsName("example.org")] }) }),
        authority: extensions({ subjectAltName: subjectAltName(dnsName("a.example.org")) }),
      },
      "example.com",
      'name-constraints: CN=authority, DNS name "a.example.org" is excluded by CN=root',
      "bad_certificate",
    ],
  ])(
    "of a certificate that is %s names it, the fact and the alert",
    (_name, changes, reference, message, alert) => {
      const refusal = refusalOf(questionOf(changes, { reference: readReferenceName(reference) }));
      expect(refusal.message).toBe(message);
      expect(refusal.message).toContain(`${refusal.fault}: ${refusal.subject}, `);
      expect(refusal.alert).toBe(alert);
    },
  );

  test("of a leaf without a known issuer says whom it should have: unknown_ca", () => {
    const refusal = refusalOf(questionAbout(leaf, [issueRoot({ subject: "another" })]));
    expect(refusal.message).toBe("unknown-issuer: CN=example.com, its issuer CN=authority is not known");
    expect(refusal.alert).toBe("unknown_ca");
  });

  test("shows a name of subjectAltName where the subject is empty", () => {
    const critical = { ...subjectAltName(dnsName("example.com")), critical: true };
    const changes = { subject: derSequence(), notAfter: "260201000000Z" };
    const named = {
      ...changes,
      extensions: { subjectAltName: { value: derSequence(dnsName("example.com")), ...critical } },
    };
    expect(refusalOf(questionOf({ leaf: named })).subject).toBe('"example.com"');
    const nameless = { ...changes, extensions: { subjectAltName: null } };
    expect(refusalOf(questionOf({ leaf: nameless })).subject).toBe("(no name)");
  });

  test("has what the peer presented", () => {
    const chain = [leaf.der, authority.der];
    expect(refusalOf(questionAbout(leaf, [issueRoot()], [authority], { chain })).chain).toBe(chain);
    expect(refusalOf(questionAbout(leaf, [issueRoot()], [authority])).chain).toEqual([]);
  });

  test("of several ways that end tells the one that says most", () => {
    const impostors = Array.from({ length: 3 }, () => issueAuthority(root));
    const expired = issueAuthority(root, { key: authority.key, notAfter: "260201000000Z" });
    const unknown = issueAuthority(issueRoot({ subject: "nobody" }), { key: authority.key });
    expect(refusalOf(questionAbout(leaf, [root], impostors)).fault).toBe("bad-signature");
    expect(refusalOf(questionAbout(leaf, [root], [...impostors, unknown])).message).toBe(
      "unknown-issuer: CN=authority, its issuer CN=nobody is not known",
    );
    expect(refusalOf(questionAbout(leaf, [root], [...impostors, unknown, expired])).fault).toBe("expired");
  });
});

describe("verifiers that answer later", () => {
  const later = (change: (answer: boolean) => boolean = (answer) => answer): readonly SignatureVerifier[] =>
    nobleSignatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: async (key, message, signature) => {
        await Promise.resolve();
        return change(await verifier.verify(key, message, signature));
      },
    }));

  test("give the same path", async () => {
    const others = [issueAuthority(root), authority];
    const answer = findPath(questionAbout(leaf, [root], others, { verifiers: later() }));
    expect("then" in answer).toBe(true);
    expect(await answer).toEqual(pathOf(questionAbout(leaf, [root], others)));
  });

  test.each<readonly [name: string, question: () => PathQuestion]>([
    ["a bad signature", () => questionOf({ leaf: { signer: testKey() } })],
    ["an unknown issuer", () => questionAbout(leaf, [issueRoot({ subject: "another" })], [authority, root])],
    ["an expired root", () => questionOf({ root: { notAfter: "260201000000Z" } })],
    ["costs", () => questionOf({}, { limits: { ...defaultPathLimits, signatureCost: 1 } })],
  ])("refuse the same, as a rejection: %s", async (_name, question) => {
    const expected = refusalOf(question());
    await expect(Promise.resolve(findPath({ ...question(), verifiers: later() }))).rejects.toEqual(expected);
  });

  test("refuse what is wrong before the first signature at once", () => {
    expect(refusalOf(questionOf({ leaf: { notAfter: "260201000000Z" } }, { verifiers: later() })).fault).toBe(
      "expired",
    );
  });

  test("say that a key is not for them with a TlsAlert, thrown or as a rejection", async () => {
    const alert = new TlsAlert("unsupported_certificate", "not with such a key");
    const throwing = (verify: SignatureVerifier["verify"]): readonly SignatureVerifier[] =>
      nobleSignatureVerifiers.map((verifier) => ({ ...verifier, verify }));
    const thrown = throwing(() => {
      throw alert;
    });
    const message =
      "unsupported-key: CN=example.com, the key of CN=authority: unsupported_certificate: not with such a key";
    expect(refusalOf(questionOf({}, { verifiers: thrown })).message).toBe(message);
    const rejected = throwing(() => Promise.reject(alert));
    await expect(Promise.resolve(findPath(questionOf({}, { verifiers: rejected })))).rejects.toThrow(message);
  });

  test("fail with whatever else goes wrong in them", async () => {
    const failure = new Error("the module does not answer");
    const failing = (verify: SignatureVerifier["verify"]): readonly SignatureVerifier[] =>
      nobleSignatureVerifiers.map((verifier) => ({ ...verifier, verify }));
    const thrown = failing(() => {
      throw failure;
    });
    expect(() => findPath(questionOf({}, { verifiers: thrown }))).toThrow(failure);
    const rejected = failing(() => Promise.reject(failure));
    await expect(Promise.resolve(findPath(questionOf({}, { verifiers: rejected })))).rejects.toBe(failure);
  });

  test("must answer true, and nothing like it", async () => {
    const verifiers = later(() => 1 as unknown as boolean);
    await expect(Promise.resolve(findPath(questionOf({}, { verifiers })))).rejects.toMatchObject({
      fault: "bad-signature",
    });
  });
});

describe.skipIf(missingLimbo !== undefined)(`a chain of the public web ${missingLimbo ?? ""}`, () => {
  const recorded = limboQuestions("limbo-208-regenerated.json").find(
    ({ id }) => id === "online::cloudflare.com",
  );
  const decode = (pem: string) => decodeCertificate(parsePem(pem)[0]?.bytes ?? new Uint8Array());

  function publicQuestion(changes: Partial<PathQuestion> = {}): PathQuestion {
    if (recorded === undefined) throw new Error("the case is not there");
    return {
      ...questionAbout(leaf, [root]),
      leaf: decode(recorded.peer_certificate),
      others: recorded.untrusted_intermediates.map(decode),
      anchors: new TrustAnchors(recorded.trusted_certs),
      nowSeconds: Date.parse(recorded.validation_time ?? "") / 1000,
      reference: readReferenceName("cloudflare.com"),
      ...changes,
    };
  }

  test("is accepted, by the recorded roots and by those of Node", () => {
    expect(pathOf(publicQuestion()).length).toBeGreaterThan(2);
    expect(pathOf(publicQuestion({ anchors: new TrustAnchors(rootCertificates) })).length).toBeGreaterThan(2);
  });

  test.each<readonly [name: string, changes: Partial<PathQuestion>, message: RegExp]>([
    ["later", { nowSeconds: Date.UTC(2031, 0, 1) / 1000 }, /^expired: CN=cloudflare\.com, notAfter 2026-/],
    [
      "for another host",
      { reference: readReferenceName("cloudflare.net") },
      /^wrong-name: CN=cloudflare\.com, it is not for "cloudflare\.net"$/,
    ],
    [
      "as a client's",
      { purpose: "client", reference: null },
      /^wrong-usage: CN=cloudflare\.com, extendedKeyUsage does not allow a client$/,
    ],
    [
      "without its intermediates",
      { others: [] },
      /^unknown-issuer: CN=cloudflare\.com, its issuer CN=.* is not known$/,
    ],
    ["with other anchors", { anchors: new TrustAnchors(root.der) }, /^unknown-issuer: /],
  ])("is refused %s", (_name, changes, message) => {
    expect(refusalOf(publicQuestion(changes)).message).toMatch(message);
  });
});
