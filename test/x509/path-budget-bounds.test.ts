import { describe, expect, test } from "vitest";

import { derElement, derExplicit, derOctetString, derSequence } from "../../src/der/writer.ts";
import {
  ClientConfig,
  type Limits,
  nobleProvider,
  type PathLimits,
  ServerConfig,
  type TlsVersion,
  webPki,
} from "../../src/index.ts";
import {
  atOnce,
  authority,
  credentialOf,
  newKey,
  NOW_MS,
  presented,
  root,
  server,
  stranger,
} from "../config/peers.ts";
import { Pair } from "../support/pair.ts";
import { buildCertificate, extension, ExtensionId } from "./certificate-builder.ts";
import {
  agreeable,
  type CountingVerifiers,
  type HostileChain,
  namesakes,
  PRESENTED,
  truthful,
} from "./hostile-chains.ts";
import {
  dnsName,
  type Extensions,
  issueAuthority,
  type Issued,
  issueLeaf,
  issueRoot,
  nameConstraints,
  subjectAltName,
} from "./issuing.ts";

/** What webPki() with `limits` says of a chain, and how many signatures were checked for it. */
function verdictOn(
  { leaf, others }: HostileChain,
  limits: Partial<PathLimits>,
  host: CountingVerifiers,
): { readonly says: string; readonly checks: number } {
  const peer = presented([leaf, ...others], { signatureVerifiers: host.verifiers });
  const verdict = atOnce(webPki(root.der, { limits }).verify(peer));
  return { says: verdict.trust === "rejected" ? verdict.reason : verdict.trust, checks: host.count };
}

const tooCostly = (what: string): string => `too-costly: CN=example.com, ${what}`;
const verified = (checks: number): object => ({ says: "verified", checks });

/**
 * A leaf below sixteen authorities of one name, who all claim to have its issuer's key. Only the last one has, and only that one is below
 * the root.
 */
function amongNamesakes(): HostileChain {
  const good = issueAuthority(root, { subject: "hydra" });
  const nobody = issueRoot({ subject: "nobody" });
  const subjectKeyIdentifier = { value: derOctetString(good.key.keyIdentifier) };
  const heads = Array.from({ length: PRESENTED - 1 }, () =>
    issueAuthority(nobody, { subject: "hydra", extensions: { subjectKeyIdentifier } }),
  );
  return { leaf: issueLeaf(good), others: [...heads, good] };
}

/** A leaf below an authority that is presented with a certificate with `extensions` alone, which nobody has signed. */
function belowUnsigned(extensions: readonly Uint8Array[]): HostileChain {
  const { leaf, others } = tower(1);
  const unsigned = others.map((other) => ({
    ...other,
    der: buildCertificate({
      issuer: root.name,
      subject: other.name,
      subjectPublicKeyInfo: other.key.subjectPublicKeyInfo,
      extensions: derExplicit(3, derSequence(...extensions)),
    }),
  }));
  return { leaf, others: unsigned };
}

/** A leaf below `depth` authorities, the uppermost of them below the root. */
function tower(
  depth: number,
  extensions: Extensions = {},
  leafNames: readonly Uint8Array[] = [],
): HostileChain {
  const others: Issued[] = [];
  let top = root;
  for (let level = depth; level > 0; level--) {
    top = issueAuthority(top, { subject: `authority ${level}`, key: newKey(), extensions });
    others.push(top);
  }
  const subjectAltNames = subjectAltName(dnsName("example.com"), ...leafNames);
  return { leaf: issueLeaf(top, { extensions: { subjectAltName: subjectAltNames } }), others };
}

describe("limits.signatureCost ends a search, and a larger one lets it go on", () => {
  test.each([
    ["P-256", [32, 64, 96], [32, 64, 96]],
    ["P-384", [32, 64, 96], [8, 16, 24]],
    ["P-521", [32, 64, 96], [6, 12, 19]],
    ["RSA", [8, 16, 24], [32, 64, 96]],
  ] as const)("among namesakes with keys of %s: at costs of %j after %j checks", (kind, costs, checks) => {
    const chain = namesakes(kind);
    for (const [index, signatureCost] of costs.entries()) {
      expect(verdictOn(chain, { signatureCost }, agreeable())).toEqual({
        says: tooCostly(`its signature checks cost more than ${signatureCost}`),
        checks: checks[index],
      });
    }
  });

  test("to the path, which is found with the seventeenth", () => {
    const chain = amongNamesakes();
    expect(verdictOn(chain, { signatureCost: 16 }, truthful())).toEqual({
      says: tooCostly("its signature checks cost more than 16"),
      checks: 16,
    });
    expect(verdictOn(chain, { signatureCost: 17 }, truthful())).toEqual(verified(17));
  });
});

describe("limits.candidates ends a search, and a larger one lets it go on", () => {
  test("among namesakes with keys of RSA: checks are never more than candidates", () => {
    const chain = namesakes("RSA");
    const checks = [0, 1, 10, 100, 1000].map((candidates) => {
      const verdict = verdictOn(chain, { candidates }, agreeable());
      expect(verdict.says).toBe(tooCostly(`more than ${candidates} issuers were considered`));
      expect(verdict.checks).toBeLessThanOrEqual(candidates);
      return verdict.checks;
    });
    expect(checks.slice(0, 2)).toEqual([0, 1]);
    expect(checks).toEqual(Array.from(new Set(checks)).toSorted((a, b) => a - b));
  });

  test("to the path, whose anchor is the seventeenth", () => {
    const chain = amongNamesakes();
    expect(verdictOn(chain, { candidates: 16 }, truthful())).toEqual({
      says: tooCostly("more than 16 issuers were considered"),
      checks: 16,
    });
    expect(verdictOn(chain, { candidates: 17 }, truthful())).toEqual(verified(17));
  });
});

describe("limits.nameComparisons ends a search, and a larger one lets it go on", () => {
  const names = Array.from({ length: 9 }, (_, i) => dnsName(`${i}.example.com`));
  const excluded = Array.from({ length: 10 }, (_, i) => dnsName(`${i}.example.org`));
  const chain = tower(4, { nameConstraints: nameConstraints({ excluded }) }, names);

  // The leaf has eleven names, the subject among them, and each authority one: of ten constraints, 110, and 10 for each authority below.
  test.each([
    [109, 0],
    [110, 1],
    [229, 1],
    [230, 2],
    [359, 2],
    [360, 3],
    [499, 3],
  ])(
    "of names below four constrained authorities: with %i after %i of five checks",
    (nameComparisons, checks) => {
      expect(verdictOn(chain, { nameComparisons }, truthful())).toEqual({
        says: tooCostly(`more than ${nameComparisons} names were held against constraints`),
        checks,
      });
    },
  );

  test("to the path, which takes five hundred", () => {
    expect(verdictOn(chain, { nameComparisons: 500 }, truthful())).toEqual(verified(5));
  });
});

describe("limits.depth ends a search, and a larger one lets it go on", () => {
  const chain = tower(10);

  test.each([0, 1, 8, 9])("up ten authorities: with %i after as many checks", (depth) => {
    const { says, checks } = verdictOn(chain, { depth }, truthful());
    expect(says).toMatch(
      new RegExp(
        `^path-too-long: CN=authority \\d+, there are more than ${depth} authorities below an anchor$`,
      ),
    );
    expect(checks).toBe(depth);
  });

  test("to the path, which has ten", () => {
    expect(verdictOn(chain, { depth: 10 }, truthful())).toEqual(verified(11));
  });

  test("up an authority that has changed its key often: as many certificates that it issued for itself", () => {
    const others = [authority];
    for (let change = 0; change < 5; change++)
      others.unshift(issueAuthority(others[0] ?? authority, { key: newKey() }));
    const rolled: HostileChain = { leaf: issueLeaf(others[0] ?? authority), others };
    expect(verdictOn(rolled, { depth: 4 }, truthful()).says).toBe(
      "path-too-long: CN=authority, there are more than 4 authorities below an anchor",
    );
    expect(verdictOn(rolled, { depth: 5 }, truthful())).toEqual(verified(7));
  });
});

describe("an authority is none whose certificate has too many", () => {
  const checksBelow = (extensions: Extensions): object => verdictOn(tower(1, extensions), {}, truthful());
  const expectUnread = (...extensions: readonly Uint8Array[]): void => {
    expect(verdictOn(belowUnsigned(extensions), {}, truthful())).toEqual({
      says: "unknown-issuer: CN=example.com, its issuer CN=authority 1 is not known",
      checks: 0,
    });
  };

  test("names: 1000 are read, and one more is not", () => {
    const names = Array<Uint8Array>(1000).fill(dnsName("example.com"));
    const { subjectAltName: id } = ExtensionId;
    expect(checksBelow({ subjectAltName: subjectAltName(...names) })).toEqual(verified(2));
    expectUnread(extension(id, derSequence(...names, dnsName("example.com"))));
  });

  test.each(["permitted", "excluded"])("%s subtrees: 1000 are read, and one more is not", (list) => {
    const name = dnsName(list === "permitted" ? "example.com" : "example.org");
    const subtrees = (count: number): readonly Uint8Array[] => Array<Uint8Array>(count).fill(name);
    expect(checksBelow({ nameConstraints: nameConstraints({ [list]: subtrees(1000) }) })).toEqual(
      verified(2),
    );
    const tooMany = derElement(
      list === "permitted" ? 0xa0 : 0xa1,
      ...subtrees(1001).map((one) => derSequence(one)),
    );
    expectUnread(extension(ExtensionId.nameConstraints, derSequence(tooMany)));
  });

  test("extensions: 64 are read, and one more is not", () => {
    const ids = Array.from({ length: 65 }, (_, i) => `1.2.3.${i}` as const);
    const value = new Uint8Array();
    // basicConstraints, keyUsage, and the identifiers of both keys are there already.
    const sixty = Object.fromEntries(ids.slice(0, 60).map((id) => [id, { value }]));
    expect(checksBelow(sixty)).toEqual(verified(2));
    expectUnread(...ids.map((id) => extension(id, value)));
  });
});

describe.each(["TLSv1.3", "TLSv1.2"] as const)(
  "limits of an engine end a handshake in %s before any signature is checked:",
  (version) => {
    test("sixteen certificates are taken, and more when the limit is", async () => {
      const chain = [server, authority, ...Array<Issued>(15).fill(stranger)];
      expect(await meet(version, chain.slice(0, 16), {})).toMatchObject({ is: "open" });
      expect(await meet(version, chain, {})).toEqual({ is: "bad_certificate", checks: 0 });
      expect(await meet(version, chain, { certificates: 17 })).toMatchObject({ is: "open" });
    });

    test("64 KiB of certificates are taken, and more when the limit is", async () => {
      const chain = [server, authority, ...Array<Issued>(5).fill(ofBytes(12_000))];
      expect(await meet(version, chain, {})).toMatchObject({ is: "open" });
      const longer = [...chain, ofBytes(12_000)];
      expect(await meet(version, longer, {})).toEqual({ is: "illegal_parameter", checks: 0 });
      expect(await meet(version, longer, { handshakeMessageBytes: 80_000 })).toMatchObject({ is: "open" });
    });

    test("a certificate of 64 KiB is taken, and a longer one when the limit is", async () => {
      const handshakeMessageBytes = 100_000;
      const chain = (bytes: number): readonly Issued[] => [server, authority, ofBytes(bytes)];
      expect(await meet(version, chain(65_536), { handshakeMessageBytes })).toMatchObject({ is: "open" });
      const longer = chain(65_537);
      expect(await meet(version, longer, { handshakeMessageBytes })).toEqual({
        is: "bad_certificate",
        checks: 0,
      });
      const limits = { handshakeMessageBytes, certificateBytes: 65_537 };
      expect(await meet(version, longer, limits)).toMatchObject({ is: "open" });
    });
  },
);

/** A certificate of so many bytes. */
function ofBytes(bytes: number): Issued {
  const key = newKey();
  const make = (length: number): Issued =>
    issueRoot({ key, extensions: { "1.2.3.4": { value: new Uint8Array(length) } } });
  // The lengths of what is around take as many bytes whatever stands in them, above some hundreds.
  return make(bytes - make(10_000).der.length + 10_000);
}

/** What becomes of a client that is shown `chain`, and how many signatures it has checked. */
async function meet(
  version: TlsVersion,
  chain: readonly Issued[],
  limits: Partial<Limits>,
): Promise<{ readonly is: string; readonly checks: number }> {
  const host = truthful();
  const provider = nobleProvider();
  const common = { versions: [version], now: () => NOW_MS };
  const client = new ClientConfig({
    ...common,
    provider: { ...provider, signatureVerifiers: host.verifiers },
    serverName: "example.com",
    trust: webPki(root.der),
    limits,
  });
  const [leaf = server, ...others] = chain;
  const own = new ServerConfig({ ...common, provider, credentials: [credentialOf(leaf, others)] });
  const { client: end } = await new Pair(client, own).run();
  if (end.closed === undefined) return { is: "open", checks: host.count };
  if (end.closed.kind !== "error") throw new Error(end.closed.kind, { cause: end.closed });
  return { is: String(end.closed.alertSent), checks: host.count };
}
