import { describe, expect, test } from "vitest";

import { parsePem } from "../../src/der/pem.ts";
import { DerError } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { ascii, hex } from "../../src/bytes.ts";
import { ConfigError } from "../../src/errors.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { decodeCertificateList } from "../../src/x509/crl.ts";
import type { PathQuestion } from "../../src/x509/path.ts";
import { RevocationLists } from "../../src/x509/revocation-lists.ts";
import { ALGORITHM, extension } from "./certificate-builder.ts";
import {
  authorityKeyIdentifier,
  type Issued,
  issueAuthority,
  issueLeaf,
  issueRoot,
  keyUsage,
  NOW_SECONDS,
  pathOf,
  questionAbout,
  refusalOf,
  testKey,
} from "./issuing.ts";
import { limboQuestions, missingLimbo } from "./limbo.ts";

const CRL_NUMBER = extension("2.5.29.20", derInteger(7));

/** What a list is to be like; what is left out makes a good one. */
interface ListOptions {
  readonly issuer: Issued;
  readonly signer?: Issued["key"];
  /** INTEGERs. */
  readonly revoked?: readonly Uint8Array[];
  readonly entryExtensions?: readonly Uint8Array[];
  readonly thisUpdate?: Uint8Array;
  readonly nextUpdate?: Uint8Array;
  readonly version?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
  readonly outerAlgorithm?: Uint8Array;
}

const utcTime = (text: string): Uint8Array => derElement(DerTag.UTCTime, ascii(text));

function listOf(options: ListOptions): Uint8Array {
  const { issuer, revoked = [], entryExtensions = [], extensions = [CRL_NUMBER] } = options;
  const signer = options.signer ?? issuer.key;
  const entries = revoked.map((serial) =>
    derSequence(
      serial,
      utcTime("260101000000Z"),
      ...(entryExtensions.length === 0 ? [] : [derSequence(...entryExtensions)]),
    ),
  );
  const tbs = derSequence(
    options.version ?? derInteger(1),
    signer.algorithm,
    issuer.name,
    options.thisUpdate ?? utcTime("260501000000Z"),
    options.nextUpdate ?? utcTime("260701000000Z"),
    ...(entries.length === 0 ? [] : [derSequence(...entries)]),
    ...(extensions.length === 0 ? [] : [derExplicit(0, derSequence(...extensions))]),
  );
  return derSequence(tbs, options.outerAlgorithm ?? signer.algorithm, derBitString(signer.sign(tbs)));
}

const root = issueRoot();
const authority = issueAuthority(root);
const leaf = issueLeaf(authority);
const serialOf = ({ certificate }: Issued): Uint8Array =>
  derElement(DerTag.INTEGER, certificate.serialNumber);

function questionWith(lists: readonly Uint8Array[], changes: Partial<PathQuestion> = {}): PathQuestion {
  const revocationLists = new RevocationLists(lists);
  return questionAbout(leaf, [root], [authority], { revocationLists, ...changes });
}

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof DerError) return error.message.replace(/ \(at offset \d+\)$/, "");
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("decodeCertificateList", () => {
  test("reads the fields", () => {
    const revoked = [derInteger(5), derInteger(-1), derInteger(2n ** 100n)];
    const named = extension("2.5.29.35", authorityKeyIdentifier(authority)?.value ?? derNull());
    const der = listOf({ issuer: authority, revoked, extensions: [named, CRL_NUMBER] });
    const list = decodeCertificateList(der);
    expect(hex(list.issuer)).toBe(hex(authority.name));
    expect(list.thisUpdateSeconds).toBe(Date.UTC(2026, 4, 1) / 1000);
    expect(list.nextUpdateSeconds).toBe(Date.UTC(2026, 6, 1) / 1000);
    expect(hex(list.authorityKeyIdentifier ?? der)).toBe(hex(authority.key.keyIdentifier));
    expect(list.isRevoked(Uint8Array.of(5))).toBe(true);
    expect(list.isRevoked(Uint8Array.of(0xff))).toBe(true);
    expect(list.isRevoked(Uint8Array.of(0x10, ...new Uint8Array(12)))).toBe(true);
    expect(list.isRevoked(Uint8Array.of(1))).toBe(false);
    expect(list.isRevoked(Uint8Array.of(0, 5))).toBe(false);
    expect(list.tbs.buffer).toBe(der.buffer);
  });

  test("reads a list that revokes nothing", () => {
    expect(decodeCertificateList(listOf({ issuer: root })).isRevoked(Uint8Array.of(1))).toBe(false);
  });

  test("reads entries with reasons, and those on hold", () => {
    const reason = extension("2.5.29.21", derElement(DerTag.ENUMERATED, Uint8Array.of(6)));
    const der = listOf({ issuer: root, revoked: [derInteger(5)], entryExtensions: [reason] });
    expect(decodeCertificateList(der).isRevoked(Uint8Array.of(5))).toBe(true);
  });

  const critical = (oid: string): Uint8Array => extension(oid, derNull(), true);

  test.each<readonly [name: string, changes: Partial<ListOptions>, message: string]>([
    ["version 1", { version: new Uint8Array() }, "it is not of version 2"],
    ["version 3", { version: derInteger(2) }, "it is not of version 2"],
    ["no nextUpdate", { nextUpdate: new Uint8Array() }, "there is no nextUpdate"],
    [
      "a date before 2050 as GeneralizedTime",
      { nextUpdate: derElement(DerTag.GeneralizedTime, ascii("20260701000000Z")) },
      "a date before 2050 is a GeneralizedTime",
    ],
    ["no cRLNumber", { extensions: [] }, "there is no cRLNumber"],
    [
      "a critical cRLNumber",
      { extensions: [extension("2.5.29.20", derInteger(7), true)] },
      "extension 2.5.29.20 is critical, and is not known or must not be",
    ],
    ["a negative cRLNumber", { extensions: [extension("2.5.29.20", derInteger(-7))] }, "INTEGER is negative"],
    [
      "a delta list",
      { extensions: [CRL_NUMBER, extension("2.5.29.27", derInteger(6), true)] },
      "it has deltaCRLIndicator, and only complete lists are taken",
    ],
    [
      "a delta list that does not say that this is critical",
      { extensions: [CRL_NUMBER, extension("2.5.29.27", derInteger(6), false)] },
      "it has deltaCRLIndicator, and only complete lists are taken",
    ],
    [
      "an indirect or partial list",
      { extensions: [CRL_NUMBER, critical("2.5.29.28")] },
      "it has issuingDistributionPoint, and only complete lists are taken",
    ],
    [
      "a cRLNumber of 21 bytes",
      { extensions: [extension("2.5.29.20", derElement(DerTag.INTEGER, new Uint8Array(21).fill(1)))] },
      "its cRLNumber has 21 bytes",
    ],
    [
      "a critical extension of certificates",
      {
        extensions: [
          CRL_NUMBER,
          extension("2.5.29.35", authorityKeyIdentifier(root)?.value ?? derNull(), true),
        ],
      },
      "extension 2.5.29.35 is critical, and is not known or must not be",
    ],
    [
      "an extension that occurs twice",
      { extensions: [CRL_NUMBER, CRL_NUMBER] },
      "extension 2.5.29.20 occurs twice",
    ],
    [
      "an entry of another issuer",
      { revoked: [derInteger(5)], entryExtensions: [critical("2.5.29.29")] },
      "an entry has certificateIssuer, and only lists of one issuer are taken",
    ],
    [
      "algorithms that differ",
      { outerAlgorithm: derSequence(derObjectIdentifier("1.2.840.10045.4.3.3")) },
      "signatureAlgorithm is not that of tbsCertList",
    ],
  ])("refuses %s", (_name, changes, message) => {
    const der = listOf({ issuer: root, ...changes });
    expect(messageOf(() => decodeCertificateList(der))).toContain(message);
  });

  test("refuses anything that is cut or has something behind it", () => {
    const der = listOf({ issuer: root, revoked: [derInteger(5)] });
    for (let length = 0; length < der.length; length++)
      expect(() => decodeCertificateList(der.subarray(0, length)), `${length}`).toThrow(DerError);
    expect(() => decodeCertificateList(Uint8Array.of(...der, 0))).toThrow(DerError);
  });

  test("refuses an empty list of entries", () => {
    const tbs = derSequence(
      derInteger(1),
      ALGORITHM,
      root.name,
      utcTime("260501000000Z"),
      utcTime("260701000000Z"),
      derSequence(),
      derExplicit(0, derSequence(CRL_NUMBER)),
    );
    expect(() => decodeCertificateList(derSequence(tbs, ALGORITHM, derBitString(new Uint8Array(1))))).toThrow(
      DerError,
    );
  });
});

describe("RevocationLists", () => {
  test("takes PEM, and refuses what is no list as a ConfigError", () => {
    const pem = (der: Uint8Array): string =>
      `-----BEGIN X509 CRL-----\n${Buffer.from(der).toString("base64")}\n-----END X509 CRL-----\n`;
    const lists = new RevocationLists([
      pem(listOf({ issuer: root })) + pem(listOf({ issuer: authority })),
      listOf({ issuer: root }),
    ]);
    expect(lists.of(root.name)).toHaveLength(2);
    expect(lists.of(authority.name)).toHaveLength(1);
    expect(lists.of(leaf.name)).toHaveLength(0);
    expect(() => new RevocationLists([])).toThrow(ConfigError);
    expect(() => new RevocationLists(listOf({ issuer: root, extensions: [] }))).toThrow(
      /^revocationLists: "object 1 of \d+ bytes" is not allowed; allowed: PEM or DER; there is no cRLNumber/,
    );
  });
});

describe("a path with revocation lists", () => {
  test("is found where nothing of it is revoked, and where there is no list of its authorities", () => {
    const good = [listOf({ issuer: root }), listOf({ issuer: authority, revoked: [derInteger(1n << 60n)] })];
    expect(pathOf(questionWith(good))).toHaveLength(3);
    const nobody = issueRoot({ subject: "nobody" });
    expect(
      pathOf(questionWith([listOf({ issuer: nobody, revoked: [serialOf(leaf), serialOf(authority)] })])),
    ).toHaveLength(3);
  });

  test("does not go through revoked certificates: certificate_revoked", () => {
    const refusal = refusalOf(
      questionWith([listOf({ issuer: authority, revoked: [derInteger(1), serialOf(leaf)] })]),
    );
    expect(refusal.message).toBe(
      "revoked: CN=example.com, by the list of CN=authority of 2026-05-01T00:00:00Z",
    );
    expect(refusal.alert).toBe("certificate_revoked");
    const higher = refusalOf(questionWith([listOf({ issuer: root, revoked: [serialOf(authority)] })]));
    expect(higher.message).toBe("revoked: CN=authority, by the list of CN=root of 2026-05-01T00:00:00Z");
  });

  test("serial numbers are those of the issuer of the list", () => {
    expect(pathOf(questionWith([listOf({ issuer: root, revoked: [serialOf(leaf)] })]))).toHaveLength(3);
  });

  test("goes around a revoked certificate where there is a way", () => {
    const again = issueAuthority(root, { key: authority.key });
    const lists = [listOf({ issuer: root, revoked: [serialOf(authority)] })];
    const question = { ...questionWith(lists), others: [authority.certificate, again.certificate] };
    expect(pathOf(question)[1]).toBe(again.certificate);
  });

  test.each<readonly [name: string, changes: Partial<ListOptions>, message: string]>([
    ["another key has signed", { signer: testKey() }, "the key of CN=authority did not sign it"],
    [
      "a weak algorithm has signed",
      { signer: { ...authority.key, algorithm: derSequence(derObjectIdentifier("1.2.840.10045.4.1")) } },
      "its signature is of an algorithm that is not accepted",
    ],
    [
      "is too old",
      { nextUpdate: utcTime("260531235959Z") },
      "it is for 2026-05-01T00:00:00Z to 2026-05-31T23:59:59Z",
    ],
    [
      "is too new",
      { thisUpdate: utcTime("260601000001Z") },
      "it is for 2026-06-01T00:00:01Z to 2026-07-01T00:00:00Z",
    ],
  ])("is refused where a list %s: certificate_unknown", (_name, changes, message) => {
    const refusal = refusalOf(questionWith([listOf({ issuer: authority, ...changes })]));
    expect(refusal.message).toBe(
      `bad-revocation-list: CN=example.com, revocation list of CN=authority: ${message}`,
    );
    expect(refusal.alert).toBe("certificate_unknown");
  });

  test("a list is good at both ends of its time", () => {
    const list = (thisUpdate: string, nextUpdate: string): Uint8Array =>
      listOf({ issuer: authority, thisUpdate: utcTime(thisUpdate), nextUpdate: utcTime(nextUpdate) });
    expect(
      pathOf(questionWith([list("260601000000Z", "260701000000Z")], { nowSeconds: NOW_SECONDS })),
    ).toHaveLength(3);
    expect(
      pathOf(questionWith([list("260501000000Z", "260601000000Z")], { nowSeconds: NOW_SECONDS + 0.5 })),
    ).toHaveLength(3);
  });

  test("an old list revokes all the same", () => {
    const old = listOf({
      issuer: authority,
      revoked: [serialOf(leaf)],
      nextUpdate: utcTime("260502000000Z"),
    });
    expect(refusalOf(questionWith([old])).fault).toBe("revoked");
  });

  test("is refused where the keyUsage of the issuer does not permit to sign a list", () => {
    const silent = issueAuthority(root, { extensions: { keyUsage: keyUsage("keyCertSign") } });
    const end = issueLeaf(silent);
    const revocationLists = new RevocationLists(listOf({ issuer: silent }));
    expect(refusalOf(questionAbout(end, [root], [silent], { revocationLists })).message).toBe(
      "bad-revocation-list: CN=example.com, revocation list of CN=authority: keyUsage of the issuer does not permit to sign it",
    );
  });

  test("lists of a key that the issuer had before are left out, if they say so and it is true", () => {
    const old = issueAuthority(root);
    const says = (issuer: Issued): readonly Uint8Array[] => [
      CRL_NUMBER,
      extension("2.5.29.35", authorityKeyIdentifier(issuer)?.value ?? derNull()),
    ];
    const revoked = [serialOf(leaf)];
    expect(pathOf(questionWith([listOf({ issuer: old, revoked, extensions: says(old) })]))).toHaveLength(3);
    expect(refusalOf(questionWith([listOf({ issuer: old, revoked })])).fault).toBe("bad-revocation-list");
    const misnamed = listOf({ issuer: authority, revoked, extensions: says(old) });
    expect(refusalOf(questionWith([misnamed])).fault).toBe("revoked");
  });

  test("lists are not looked at before the path is complete", () => {
    const lists = [listOf({ issuer: authority, revoked: [serialOf(leaf)] })];
    const question = questionAbout(leaf, [issueRoot({ subject: "another" })], [authority]);
    expect(refusalOf({ ...question, revocationLists: new RevocationLists(lists) }).fault).toBe(
      "unknown-issuer",
    );
  });

  test("their signatures count for the budget", () => {
    const lists = [listOf({ issuer: root }), listOf({ issuer: authority })];
    const limits = (signatureCost: number): Partial<PathQuestion> => ({
      limits: { ...defaultPathLimits, signatureCost },
    });
    expect(pathOf(questionWith(lists, limits(4)))).toHaveLength(3);
    expect(refusalOf(questionWith(lists, limits(3))).fault).toBe("too-costly");
  });
});

test.skipIf(missingLimbo !== undefined)(
  `all lists of x509-limbo are told good or bad by their cRLNumber ${missingLimbo ?? ""}`,
  () => {
    const outcomes = limboQuestions("limbo-208-regenerated.json").flatMap(({ id, crls = [] }) =>
      crls.flatMap(parsePem).map(({ bytes }) => {
        try {
          decodeCertificateList(bytes);
          return [id, "good"];
        } catch (error) {
          if (!(error instanceof DerError)) throw error;
          return [id, "bad"];
        }
      }),
    );
    expect(outcomes.filter(([, outcome]) => outcome === "bad")).toEqual([
      ["crl::crlnumber-missing", "bad"],
      ["crl::crlnumber-critical", "bad"],
    ]);
    expect(outcomes.length).toBe(9);
  },
);
