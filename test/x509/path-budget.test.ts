import { describe, expect, test } from "vitest";

import { BudgetExhausted, defaultPathLimits, PathBudget } from "../../src/x509/budget.ts";
import { DerTag } from "../../src/der/tags.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { buildName } from "./certificate-builder.ts";
import { agreeable, madeUpKey, namesakes, PRESENTED } from "./hostile-chains.ts";
import {
  directoryName,
  dnsName,
  issueAuthority,
  issueLeaf,
  issueRoot,
  nameConstraints,
  pathOf,
  questionAbout,
  refusalOf,
  subjectAltName,
} from "./issuing.ts";

const root = issueRoot();

describe("rule 11: a search ends", () => {
  test.each([
    ["P-256", 32],
    ["P-384", 8],
    ["P-521", 6],
  ] as const)(
    "with sixteen certificates of one name, all signed by all %s keys of them: after %i checks",
    (kind, checks) => {
      const { leaf, others } = namesakes(kind);
      const host = agreeable();
      expect(refusalOf(questionAbout(leaf, [root], others, { verifiers: host.verifiers })).message).toBe(
        "too-costly: CN=example.com, its signature checks cost more than 32",
      );
      expect(host.count).toBe(checks);
    },
  );

  test("with those of RSA keys, which cost little: by candidates, and no signature is checked twice", () => {
    const { leaf, others } = namesakes("RSA");
    const host = agreeable();
    expect(refusalOf(questionAbout(leaf, [root], others, { verifiers: host.verifiers })).message).toBe(
      "too-costly: CN=example.com, more than 2000 issuers were considered",
    );
    expect(host.count).toBeLessThanOrEqual(128);
  });

  test("with layers of authorities that are all signed by all of the layer above: by candidates", () => {
    const layers = Array.from({ length: defaultPathLimits.depth }, (_, layer) =>
      Array.from({ length: 3 }, (_, index) => ({ name: `${layer} ${index}`, key: madeUpKey() })),
    );
    const others = layers.flatMap((layer, depth) =>
      layer.flatMap(({ name, key }) =>
        (layers[depth + 1] ?? []).map((upper) =>
          issueAuthority(issueRoot({ subject: upper.name, key: upper.key }), { subject: name, key }),
        ),
      ),
    );
    const [bottom] = layers[0] ?? [];
    const leaf = issueLeaf(issueRoot({ subject: bottom?.name ?? "", key: bottom?.key ?? madeUpKey() }));
    const host = agreeable();
    const question = questionAbout(leaf, [root], others, { verifiers: host.verifiers });
    expect(refusalOf(question).message).toBe(
      "too-costly: CN=example.com, more than 2000 issuers were considered",
    );
    expect(host.count).toBeLessThanOrEqual(others.length + 1);
  });

  test("with sixteen certificates of one name and one key: after one check", () => {
    const key = madeUpKey();
    const top = issueRoot({ subject: "hydra", key });
    const others = Array.from({ length: PRESENTED }, () => issueAuthority(top, { subject: "hydra", key }));
    const host = agreeable();
    const question = questionAbout(issueLeaf(top), [root], others, { verifiers: host.verifiers });
    expect(refusalOf(question).fault).toBe("unknown-issuer");
    expect(host.count).toBe(1);
  });

  test("with sixteen names and one key that sign each other in a circle: by the depth", () => {
    const key = madeUpKey();
    const authorities = Array.from({ length: PRESENTED }, (_, i) => `authority ${i}`);
    const others = authorities.map((subject, i) =>
      issueAuthority(issueRoot({ subject: authorities[(i + 1) % PRESENTED] ?? "", key }), { subject, key }),
    );
    const host = agreeable();
    const leaf = issueLeaf(issueRoot({ subject: "authority 0", key }));
    const question = questionAbout(leaf, [root], others, { verifiers: host.verifiers });
    expect(refusalOf(question).fault).toBe("path-too-long");
    expect(host.count).toBe(defaultPathLimits.depth);
  });

  test("with a certificate that is presented sixteen times: after one check", () => {
    const impostor = issueAuthority(issueRoot({ subject: "nobody" }), { subject: "root" });
    const host = agreeable();
    const question = {
      ...questionAbout(issueLeaf(root), [issueRoot({ subject: "another" })], [], {
        verifiers: host.verifiers,
      }),
      others: Array.from({ length: PRESENTED }, () => decodeCertificate(impostor.der.slice())),
    };
    expect(refusalOf(question).message).toBe("unknown-issuer: CN=root, its issuer CN=nobody is not known");
    expect(host.count).toBe(1);
  });

  test("with many names below many constraints: by comparisons", () => {
    const names = Array.from({ length: 500 }, (_, i) => dnsName(`${i}.example.com`));
    const constrained = issueRoot({
      extensions: {
        nameConstraints: nameConstraints({ permitted: [dnsName("example.com")], excluded: names }),
      },
    });
    const host = agreeable();
    const leaf = issueLeaf(constrained, {
      extensions: { subjectAltName: subjectAltName(dnsName("example.com"), ...names) },
    });
    const question = questionAbout(leaf, [constrained], [], { verifiers: host.verifiers });
    expect(refusalOf(question).message).toBe(
      "too-costly: CN=example.com, more than 50000 names were held against constraints",
    );
    expect(host.count).toBe(0);
  });

  test("with names of hundreds of attributes below constraints of as many: by the depth", () => {
    const units = Array.from(
      { length: 200 },
      (_, i) => ["2.5.4.11", DerTag.UTF8String, `unit ${i}`] as const,
    );
    const longName = (text: string): Uint8Array => buildName(...units, ["2.5.4.3", DerTag.UTF8String, text]);
    const excluded = ["a", "b", "c"].map((text) => directoryName(longName(text)));
    let top = issueRoot({ subject: longName("nobody"), key: madeUpKey() });
    const others = Array.from({ length: PRESENTED }, (_, i) => {
      const extensions = { nameConstraints: nameConstraints({ excluded }) };
      return (top = issueAuthority(top, { subject: longName(`${i}`), key: madeUpKey(), extensions }));
    });
    const host = agreeable();
    const question = questionAbout(issueLeaf(top), [root], others, { verifiers: host.verifiers });
    expect(refusalOf(question).fault).toBe("path-too-long");
    expect(host.count).toBe(defaultPathLimits.depth);
  });

  test("and finds what is there within the limits, among fifteen that lead nowhere", () => {
    const good = issueAuthority(root, { subject: "hydra" });
    const heads = Array.from({ length: PRESENTED - 1 }, () =>
      issueAuthority(issueRoot({ subject: "nobody" }), { subject: "hydra" }),
    );
    const anonymous = { extensions: { authorityKeyIdentifier: null } };
    const leaf = issueLeaf(good, anonymous);
    expect(pathOf(questionAbout(leaf, [root], [...heads, good], { conformance: "none" }))).toHaveLength(3);
  });
});

describe("PathBudget", () => {
  test("counts signature checks by the key", () => {
    const cost = (keyType: Parameters<PathBudget["spendSignature"]>[0], length = 91): number => {
      const budget = new PathBudget(defaultPathLimits);
      budget.spendSignature(keyType, new Uint8Array(length));
      return budget.spent.signatureCost;
    };
    expect(cost("ecdsa-p256")).toBe(1);
    expect(cost("ecdsa-p384")).toBe(4);
    expect(cost("ecdsa-p521")).toBe(5);
    expect(cost("ed25519")).toBe(1);
    // SubjectPublicKeyInfos of 2048, 4096 and 8192 bits.
    for (const keyType of ["rsa", "rsa-pss"] as const) {
      expect(cost(keyType, 294)).toBe(0.25);
      expect(cost(keyType, 550)).toBe(0.25);
      expect(cost(keyType, 1062)).toBeGreaterThan(0.6);
    }
  });

  test("may be spent to the last, and no further", () => {
    const budget = new PathBudget({ depth: 1, signatureCost: 2, candidates: 2, nameComparisons: 10 });
    for (let i = 0; i < 2; i++) {
      budget.spendSignature("ecdsa-p256", new Uint8Array(91));
      budget.spendCandidate();
      budget.spendNameComparisons(5);
    }
    expect(() => budget.spendSignature("rsa", new Uint8Array(294))).toThrow(BudgetExhausted);
    expect(() => budget.spendCandidate()).toThrow(BudgetExhausted);
    expect(() => budget.spendNameComparisons(1)).toThrow(BudgetExhausted);
  });
});
