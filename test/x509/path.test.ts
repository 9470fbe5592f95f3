import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import type { PathQuestion } from "../../src/x509/path.ts";
import { readReferenceName } from "../../src/x509/reference-name.ts";
import {
  ANY_USAGE,
  authority,
  type ChainChanges,
  CLIENT_AUTH,
  counting,
  extensions,
  leaf,
  questionOf,
  root,
  SERVER_AUTH,
} from "./chain.ts";
import {
  basicConstraints,
  dnsName,
  extendedKeyUsage,
  type Extensions,
  issueAuthority,
  issueLeaf,
  type IssueOptions,
  issueRoot,
  keyUsage,
  nameConstraints,
  pathOf,
  questionAbout,
  refusalOf,
  subjectAltName,
  testKey,
  type Usage,
} from "./issuing.ts";

describe("a path", () => {
  test("is the leaf, the authorities and the anchor", () => {
    expect(pathOf(questionAbout(leaf, [root], [authority]))).toEqual(
      [leaf, authority, root].map(({ certificate }) => certificate),
    );
  });

  test("may be a leaf and an anchor alone", () => {
    const direct = issueLeaf(root);
    expect(pathOf(questionAbout(direct, [root]))).toHaveLength(2);
  });

  test("is found whatever else is presented, in any order", () => {
    const second = issueAuthority(authority, { subject: "second" });
    const third = issueAuthority(second, { subject: "third" });
    const end = issueLeaf(third);
    const noise = [issueAuthority(issueRoot({ subject: "nobody" }), { subject: "third" }), root, leaf, end];
    const question = questionAbout(end, [root], [...noise, second, authority, third, third]);
    expect(pathOf(question)).toEqual(
      [end, third, second, authority, root].map(({ certificate }) => certificate),
    );
  });

  test("may have keys of all kinds", () => {
    const top = issueRoot({ key: testKey("P-384") });
    const rsa = issueAuthority(top, { subject: "RSA", key: testKey("RSA-2048") });
    const large = issueAuthority(rsa, { subject: "P-521", key: testKey("P-521") });
    const edwards = issueAuthority(large, { subject: "Ed25519", key: testKey("Ed25519") });
    expect(pathOf(questionAbout(issueLeaf(edwards), [top], [rsa, large, edwards]))).toHaveLength(5);
  });

  test("may be for a client, and for no name", () => {
    const client = { extensions: { extKeyUsage: extendedKeyUsage(CLIENT_AUTH), subjectAltName: null } };
    const question = questionOf({ leaf: client }, { purpose: "client", reference: null });
    expect(pathOf(question)).toHaveLength(3);
  });

  test("is found where the first candidates lead nowhere: expired, signed by another key, without an anchor", () => {
    const expired = issueAuthority(root, { key: authority.key, notAfter: "260201000000Z" });
    const foreign = issueAuthority(issueRoot({ subject: "foreign" }), { key: authority.key });
    const other = issueAuthority(root);
    const question = questionAbout(leaf, [root], [other, foreign, expired, authority]);
    expect(pathOf(question)[1]).toBe(authority.certificate);
  });

  test("goes around name constraints where there is a way", () => {
    const constrained = issueRoot({
      subject: "constrained",
      extensions: { nameConstraints: nameConstraints({ excluded: [dnsName("example.com")] }) },
    });
    const barred = issueAuthority(constrained, { key: authority.key });
    const question = questionAbout(leaf, [constrained, root], [barred, authority]);
    expect(pathOf(question)).toEqual([leaf, authority, root].map(({ certificate }) => certificate));
  });

  test("candidates whose key identifier is the wanted one come first", () => {
    const others = Array.from({ length: 10 }, () => issueAuthority(root));
    const { verifiers, keys } = counting();
    pathOf(questionAbout(leaf, [root], [...others, authority], { verifiers }));
    expect(keys).toEqual([authority, root].map(({ key }) => hex(key.subjectPublicKeyInfo)));
  });
});

describe("rule 5: name constraints along a path", () => {
  const names = (name: string) => ({ subjectAltName: subjectAltName(dnsName(name)) });
  const onlyExample = { nameConstraints: nameConstraints({ permitted: [dnsName("example.com")] }) };

  test("hold for authorities too, but not for certificates that an authority issues for itself", () => {
    const constrained = issueRoot({ extensions: onlyExample });
    const stray = issueAuthority(constrained, { extensions: names("example.org") });
    const rolled = issueAuthority(constrained, { subject: "root", extensions: names("example.org") });
    expect(refusalOf(questionAbout(issueLeaf(stray), [constrained], [stray])).message).toBe(
      'name-constraints: CN=authority, DNS name "example.org" is not permitted by CN=root',
    );
    expect(pathOf(questionAbout(issueLeaf(rolled), [constrained], [rolled]))).toHaveLength(3);
  });

  test("hold for a leaf even if its name is its issuer's", () => {
    const constrained = issueRoot({ extensions: onlyExample });
    const leafOf = (name: string): PathQuestion =>
      questionAbout(issueLeaf(constrained, { subject: "root", extensions: names(name) }), [constrained], [], {
        reference: readReferenceName(name),
      });
    expect(pathOf(leafOf("example.com"))).toHaveLength(2);
    expect(refusalOf(leafOf("example.org")).fault).toBe("name-constraints");
  });

  test("of several authorities all hold: one below cannot widen what one above permits", () => {
    const wide = {
      nameConstraints: nameConstraints({ permitted: [dnsName("example.com"), dnsName("example.org")] }),
    };
    const end = { subject: "a server", extensions: names("example.org") };
    const asked = { reference: readReferenceName("example.org") };
    const both = (upper: Extensions, lower: Extensions): PathQuestion =>
      questionOf({ root: { extensions: upper }, authority: { extensions: lower }, leaf: end }, asked);
    expect(pathOf(both(wide, wide))).toHaveLength(3);
    for (const question of [both(onlyExample, wide), both(wide, onlyExample)])
      expect(refusalOf(question).fault).toBe("name-constraints");
  });
});

describe("rule 6: path lengths", () => {
  const limited = (pathLength: number): IssueOptions =>
    extensions({ basicConstraints: basicConstraints(true, pathLength) });

  test.each([
    [0, 0, true],
    [1, 0, true],
    [0, 1, false],
    [1, 1, true],
    [1, 2, false],
    [255, 3, true],
  ])(
    "pathLenConstraint %i of an authority with %i authorities below it: %s",
    (pathLength, below, isAllowed) => {
      const top = issueAuthority(root, { subject: "limited", ...limited(pathLength) });
      const chain = [top];
      for (let i = 0; i < below; i++)
        chain.unshift(issueAuthority(chain[0] ?? top, { subject: `below ${i}` }));
      const question = questionAbout(issueLeaf(chain[0] ?? top), [root], chain);
      if (isAllowed) expect(pathOf(question)).toHaveLength(below + 3);
      else
        expect(refusalOf(question).message).toBe(
          `path-too-long: CN=limited, ${below} authorities are below it, and it allows ${pathLength}`,
        );
    },
  );

  test("that of an anchor counts too", () => {
    expect(refusalOf(questionOf({ root: limited(0) })).fault).toBe("path-too-long");
    expect(pathOf(questionOf({ root: limited(1) }))).toHaveLength(3);
  });

  test("certificates that an authority issues for itself do not count", () => {
    const first = issueAuthority(root, limited(0));
    const rolled = issueAuthority(first, limited(0));
    expect(pathOf(questionAbout(issueLeaf(rolled), [root], [first, rolled]))).toHaveLength(4);
  });

  test("a deeper authority may not widen what a higher one allows", () => {
    const first = issueAuthority(root, { subject: "first", ...limited(0) });
    const second = issueAuthority(first, { subject: "second", ...limited(5) });
    const refusal = refusalOf(questionAbout(issueLeaf(second), [root], [first, second]));
    expect([refusal.fault, refusal.subject]).toEqual(["path-too-long", "CN=first"]);
  });

  test("the limit of the configuration counts authorities between leaf and anchor", () => {
    const depth = (limit: number): Partial<PathQuestion> => ({
      limits: { ...defaultPathLimits, depth: limit },
    });
    expect(pathOf(questionAbout(issueLeaf(root), [root], [], depth(0)))).toHaveLength(2);
    expect(pathOf(questionOf({}, depth(1)))).toHaveLength(3);
    expect(refusalOf(questionOf({}, depth(0))).message).toBe(
      "path-too-long: CN=authority, there are more than 0 authorities below an anchor",
    );
    const rolled = issueAuthority(authority);
    const rolledTwice = issueAuthority(rolled);
    expect(pathOf(questionAbout(issueLeaf(rolled), [root], [authority, rolled], depth(1)))).toHaveLength(4);
    const question = questionAbout(
      issueLeaf(rolledTwice),
      [root],
      [authority, rolled, rolledTwice],
      depth(1),
    );
    expect(refusalOf(question).fault).toBe("path-too-long");
  });
});

describe("rule 7: usage", () => {
  const leafUsage = (...usages: readonly Usage[]): IssueOptions =>
    extensions({ keyUsage: keyUsage(...usages) });

  test.each<readonly [name: string, changes: ChainChanges, message: string]>([
    [
      "a leaf that may not sign",
      { leaf: leafUsage("keyEncipherment") },
      "wrong-usage: CN=example.com, keyUsage does not permit digital signatures",
    ],
    [
      "a leaf that may sign certificates",
      { leaf: leafUsage("digitalSignature", "keyCertSign") },
      "nonconforming: CN=example.com, keyUsage permits to sign certificates, and basicConstraints does not say that it is an authority (RFC 5280 §4.2.1.3)",
    ],
    [
      "an authority as leaf",
      { leaf: extensions({ basicConstraints: basicConstraints(true) }) },
      "nonconforming: CN=example.com, an authority's certificate is used by a peer (BR §7.1.2.7.8)",
    ],
    [
      "a leaf for clients",
      { leaf: extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH) }) },
      "wrong-usage: CN=example.com, extendedKeyUsage does not allow a server",
    ],
    [
      "a leaf for any purpose",
      { leaf: extensions({ extKeyUsage: extendedKeyUsage(ANY_USAGE) }) },
      "wrong-usage: CN=example.com, extendedKeyUsage does not allow a server",
    ],
    [
      "an issuer that is no authority",
      { authority: extensions({ basicConstraints: basicConstraints(false) }) },
      "not-an-authority: CN=authority, basicConstraints does not say that it is an authority",
    ],
    [
      "an issuer without basicConstraints",
      { authority: extensions({ basicConstraints: null }) },
      "not-an-authority: CN=authority, basicConstraints does not say that it is an authority",
    ],
    [
      "an issuer that may not sign certificates",
      { authority: leafUsage("digitalSignature", "cRLSign") },
      "not-an-authority: CN=authority, keyUsage does not permit to sign certificates",
    ],
    [
      "an anchor that may not sign certificates",
      { root: leafUsage("cRLSign") },
      "not-an-authority: CN=root, keyUsage does not permit to sign certificates",
    ],
    [
      "an anchor that is no authority",
      { root: extensions({ basicConstraints: null }) },
      "not-an-authority: CN=root, basicConstraints does not say that it is an authority",
    ],
    [
      "an authority for clients only",
      { authority: extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH) }) },
      "wrong-usage: CN=authority, extendedKeyUsage does not allow to issue for a server",
    ],
    [
      "an anchor for clients only",
      { root: extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH) }) },
      "wrong-usage: CN=root, extendedKeyUsage does not allow to issue for a server",
    ],
  ])("%s is refused", (_name, changes, message) => {
    expect(refusalOf(questionOf(changes)).message).toBe(message);
  });

  test("extendedKeyUsage of authorities is nested: each that has one must allow the purpose", () => {
    const forServers = extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH, SERVER_AUTH) });
    const forAnything = extensions({ extKeyUsage: extendedKeyUsage(ANY_USAGE) });
    for (const changes of [forServers, forAnything])
      expect(pathOf(questionOf({ authority: changes }))).toHaveLength(3);
    const first = issueAuthority(root, {
      subject: "first",
      ...extensions({ extKeyUsage: extendedKeyUsage(CLIENT_AUTH) }),
    });
    const second = issueAuthority(first, { subject: "second", ...forAnything });
    expect(refusalOf(questionAbout(issueLeaf(second), [root], [first, second])).subject).toBe("CN=first");
  });

  test("a certificate without keyUsage and extendedKeyUsage is for anything, where the profile allows that", () => {
    const without = extensions({ keyUsage: null, extKeyUsage: null });
    expect(pathOf(questionOf({ leaf: without }, { conformance: "rfc5280" }))).toHaveLength(3);
    expect(refusalOf(questionOf({ leaf: without })).fault).toBe("nonconforming");
  });

  test("an anchor of version 1 is an authority, an intermediate of version 1 is none", () => {
    const versionOne = { fields: { version: new Uint8Array(), extensions: new Uint8Array() } };
    expect(pathOf(questionOf({ root: versionOne }, { conformance: "none" }))).toHaveLength(3);
    expect(refusalOf(questionOf({ authority: versionOne }, { conformance: "none" })).fault).toBe(
      "not-an-authority",
    );
  });
});
