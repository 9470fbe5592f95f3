import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

import { describe, expect, test } from "vitest";

import { ascii, concatBytes, hex } from "../../src/bytes.ts";
import { parsePem } from "../../src/der/pem.ts";
import { DerError, type DerReader, readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import { showName } from "../../src/x509/distinguished-name.ts";
import { printedStep, rfc8448Trace, vectorCases } from "../support/vectors.ts";
import {
  ALGORITHM,
  buildCertificate,
  buildValidity,
  commonName,
  extension,
  ExtensionId,
  generalName,
  withExtensions,
} from "./certificate-builder.ts";
import {
  betterTls,
  goCertificates,
  goTls,
  limbo,
  limboCases,
  limboCertificates,
  type NamedCertificate,
  readBetterTls,
  webpki,
  webpkiCertificates,
} from "./corpora.ts";

/** The message with which `der` is refused, without the offset; undefined when it is decoded. */
function refusalOf(der: Uint8Array): string | undefined {
  try {
    decodeCertificate(der);
    return undefined;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return error.message.replace(/ \(at offset \d+\)$/, "");
  }
}

/** Those of `certificates` that are refused, and with which message. */
function refusalsOf(certificates: readonly NamedCertificate[]): ReadonlyMap<string, string> {
  const refusals = new Map<string, string>();
  for (const { name, der } of certificates) {
    const message = refusalOf(der);
    if (message !== undefined) refusals.set(name, message);
  }
  return refusals;
}

describe("fields", () => {
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.11"), derNull());
  const subjectPublicKeyInfo = derSequence(ALGORITHM, derBitString(new Uint8Array(65).fill(9)));
  const signature = new Uint8Array(256).fill(3);
  const der = buildCertificate({
    serialNumber: derInteger(-2),
    innerAlgorithm: algorithm,
    issuer: commonName("an issuer"),
    validity: buildValidity("700101000001Z", "20500101000000Z"),
    subject: derSequence(),
    subjectPublicKeyInfo,
    extensions: derExplicit(
      3,
      derSequence(extension(ExtensionId.subjectAltName, derSequence(generalName(2, "a")))),
    ),
    signature: derBitString(signature),
  });

  test("are those of the certificate", () => {
    const { extensions, tbs, ...fields } = decodeCertificate(der);
    expect(fields).toEqual({
      der,
      version: 3,
      serialNumber: Uint8Array.of(0xfe),
      signatureAlgorithm: algorithm,
      signature,
      issuer: commonName("an issuer"),
      subject: derSequence(),
      notBeforeSeconds: 1,
      notAfterSeconds: Date.UTC(2050, 0, 1) / 1000,
      hasEarlyGeneralizedTime: false,
      subjectPublicKeyInfo,
    });
    expect(extensions).toMatchObject({
      subjectAltName: [{ kind: "dns", name: ascii("a") }],
      unknownCritical: [],
    });
    expect(
      concatBytes(Uint8Array.of(0x30, 0x82), der.subarray(2, 4), tbs, algorithm, derBitString(signature)),
    ).toEqual(der);
  });

  test("are views of the certificate, wherever it lies in its buffer", () => {
    const larger = concatBytes(new Uint8Array(100), der, new Uint8Array(7));
    const certificate = decodeCertificate(larger.subarray(100, 100 + der.length));
    const { tbs, serialNumber, signatureAlgorithm, issuer, subject, extensions } = certificate;
    const views = [
      tbs,
      serialNumber,
      signatureAlgorithm,
      certificate.signature,
      issuer,
      subject,
      certificate.subjectPublicKeyInfo,
    ];
    for (const view of [...views, ...extensions.all.map(({ value }) => value)]) {
      expect(view.buffer).toBe(larger.buffer);
    }
    expect(certificate).toEqual(decodeCertificate(der));
  });

  test.each([
    { version: 1, element: new Uint8Array() },
    { version: 2, element: derExplicit(0, derInteger(1)) },
    { version: 3, element: derExplicit(0, derInteger(2)) },
  ])("say version $version", ({ version, element }) => {
    const certificate = decodeCertificate(buildCertificate({ version: element }));
    expect(certificate.version).toBe(version);
    expect(certificate.extensions).toEqual({ all: [], unknownCritical: [] });
  });

  test.each([
    [["260101000000Z", "491231235959Z"], false],
    [["260101000000Z", "20500101000000Z"], false],
    [["20260101000000Z", "20500101000000Z"], true],
    [["260101000000Z", "20491231235959Z"], true],
  ])("tell whether a date before 2050 is a GeneralizedTime: %j", (dates, expected) => {
    const certificate = decodeCertificate(buildCertificate({ validity: buildValidity(...dates) }));
    expect(certificate.hasEarlyGeneralizedTime).toBe(expected);
  });

  test("may be in a Buffer", () => {
    const certificate = decodeCertificate(Buffer.from(der));
    expect(hex(certificate.subjectPublicKeyInfo)).toBe(hex(subjectPublicKeyInfo));
  });
});

describe("beside node:crypto", () => {
  const roots = rootCertificates.map((pem) => ({ pem, der: parsePem(pem)[0]?.bytes ?? new Uint8Array() }));

  test("every root certificate of Node has the same fields", () => {
    expect(roots.length).toBeGreaterThan(100);
    for (const { pem, der } of roots) expectSameFields(decodeCertificate(der), new X509Certificate(pem));
  });

  test("roots with dates that only anchors may have are the known ones", () => {
    const early = roots
      .map(({ der }) => decodeCertificate(der))
      .filter(({ hasEarlyGeneralizedTime }) => hasEarlyGeneralizedTime);
    for (const { subject } of early) expect(showName(subject)).toContain("Certum Trusted Network CA 2");
  });

  test.skipIf(limbo.missing !== undefined)(
    `certificates of known sites have the same fields (${limbo.missing ?? "x509-limbo"})`,
    () => {
      const cases = limboCases("limbo-208-regenerated.json").filter(({ id }) => id.startsWith("online::"));
      const certificates = limboCertificates(cases).filter(({ name }) => !name.endsWith("anchor"));
      expect(certificates.length).toBeGreaterThan(20);
      for (const { der } of certificates) {
        const certificate = decodeCertificate(der);
        const node = new X509Certificate(der);
        expectSameFields(certificate, node);
        expect(shownAltNames(certificate)).toBe(node.subjectAltName);
        expect(certificate.extensions.extendedKeyUsage ?? []).toEqual(node.keyUsage ?? []);
      }
    },
  );
});

describe("collections", () => {
  const refused = vectorCases("x509/refused-certificates.json", { set: "text" }, { message: "text" });
  const refusedOf = (set: string, among: readonly NamedCertificate[]): ReadonlyMap<string, string> => {
    const names = new Set(among.map(({ name }) => name));
    const rows = refused.filter(({ name, input }) => input.set === set && names.has(name));
    return new Map(rows.map(({ name, expected }) => [name, expected.message]));
  };

  test("the server's certificate of RFC 8448 is decoded", () => {
    const { message } = printedStep(rfc8448Trace(3), "server", "construct", "Certificate");
    // type, length, certificate_request_context, length of the list, length of the certificate; and no extensions behind it
    const certificate = decodeCertificate(message.subarray(11, -2));
    expect(showName(certificate.subject)).toBe("CN=rsa");
  });

  test.skipIf(limbo.missing !== undefined).each([
    ["limbo-208-regenerated.json", 918, 18],
    ["limbo-upstream-2023-12-02.json", 325, 12],
  ])(
    `all of x509-limbo are decoded but those that are listed: %s (${limbo.missing ?? "x509-limbo"})`,
    (file, total, listed) => {
      const cases = limboCases(file);
      const certificates = limboCertificates(cases);
      const found = refusalsOf(certificates);
      expect(found).toEqual(refusedOf("x509-limbo", certificates));
      expect([certificates.length, found.size]).toEqual([total, listed]);
      const accepted = cases.filter((one) => one.expected_result === "SUCCESS");
      for (const { name, der } of limboCertificates(accepted)) expect(refusalOf(der), name).toBeUndefined();
    },
  );

  test.skipIf(betterTls.missing !== undefined)(
    `all of BetterTLS are decoded but leaves that must be rejected (${betterTls.missing ?? "bettertls"})`,
    () => {
      const { certificates, cases } = readBetterTls();
      const messages = certificates.map(refusalOf);
      for (const { certificates: chain, expected } of cases) {
        const [leaf, ...others] = chain.map((index) => messages[index]);
        expect(others.every((message) => message === undefined)).toBe(true);
        if (expected === "ACCEPT") expect(leaf).toBeUndefined();
      }
      const tally: Record<string, number> = {};
      for (const message of messages) {
        const kind = message?.replace(/\[\d+\]/, "[n]").replace(/\d+ octets/, "n octets") ?? "decoded";
        tally[kind] = 1 + (tally[kind] ?? 0);
      }
      expect(tally).toEqual({
        decoded: 28853,
        "subjectAltName: GeneralName has no [n] primitive": 506,
        "subjectAltName: iPAddress has n octets, not 4 or 16": 44,
        "subjectAltName: dNSName has the byte 0x00": 2,
        "subjectAltName: rfc822Name has the byte 0x00": 2,
        "subjectAltName: uniformResourceIdentifier has the byte 0x00": 2,
      });
    },
  );

  test.skipIf(webpki.missing !== undefined)(
    `all of webpki's tests are decoded but those that are listed (${webpki.missing ?? "rustls-webpki"})`,
    () => {
      const certificates = webpkiCertificates();
      expect(certificates).toHaveLength(70);
      expect(refusalsOf(certificates)).toEqual(refusedOf("rustls-webpki", certificates));
    },
  );

  test.skipIf(goTls.missing !== undefined)(
    `all of Go's tests are decoded but one (${goTls.missing ?? "go-crypto-tls"})`,
    () => {
      const certificates = goCertificates();
      expect(certificates.length).toBeGreaterThan(60);
      expect(refusalsOf(certificates)).toEqual(refusedOf("go-crypto-tls", certificates));
    },
  );
});

test("a certificate of 64 KiB is decoded", () => {
  const name = generalName(2, "a".repeat(60));
  const der = withExtensions(
    extension(ExtensionId.subjectAltName, derSequence(...Array<Uint8Array>(1000).fill(name))),
  );
  expect(der.length).toBeGreaterThan(62_000);
  expect(decodeCertificate(der).extensions.subjectAltName).toHaveLength(1000);
});

function expectSameFields(certificate: Certificate, node: X509Certificate): void {
  const { serialNumber, extensions } = certificate;
  const spki = node.publicKey.export({ type: "spki", format: "der" });
  expect({
    subject: shownByOpenSsl(certificate.subject),
    issuer: shownByOpenSsl(certificate.issuer),
    serialNumber: BigInt(`0x${hex(serialNumber)}`),
    notBefore: certificate.notBeforeSeconds * 1000,
    notAfter: certificate.notAfterSeconds * 1000,
    isCa: extensions.basicConstraints?.isCa ?? false,
    spki: hex(certificate.subjectPublicKeyInfo),
  }).toEqual({
    subject: node.subject,
    issuer: node.issuer,
    serialNumber: BigInt(`0x${node.serialNumber}`),
    notBefore: Date.parse(node.validFrom),
    notAfter: Date.parse(node.validTo),
    isCa: node.ca,
    spki: hex(spki),
  });
}

const OPENSSL_NAMES = new Map([
  ["2.5.4.3", "CN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.15", "businessCategory"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.97", "organizationIdentifier"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
  ["1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"],
  ["1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"],
]);

/** A Name as node:crypto shows it: a line for each attribute, in the order of the encoding. */
function shownByOpenSsl(name: Uint8Array): string {
  const lines: string[] = [];
  const readAttribute = (attribute: DerReader): string => {
    const oid = attribute.objectIdentifier();
    const encoding =
      attribute.nextTag === DerTag.BMPString
        ? "utf-16be"
        : attribute.nextTag === DerTag.TeletexString
          ? "latin1"
          : "utf-8";
    attribute.skip();
    const text = new TextDecoder(encoding).decode(attribute.lastContents());
    return `${OPENSSL_NAMES.get(oid) ?? oid}=${text.replace(/[,+"\\<>;]|^[# ]| $/g, "\\$&")}`;
  };
  readDer(name, (reader) =>
    reader.sequence((names) => {
      while (!names.isAtEnd) {
        names.set((attributes) => {
          const shown: string[] = [];
          while (!attributes.isAtEnd) shown.push(attributes.sequence(readAttribute));
          lines.push(shown.join(" + "));
        });
      }
    }),
  );
  return lines.join("\n");
}

/** subjectAltName as node:crypto shows names and addresses. */
function shownAltNames({ extensions }: Certificate): string | undefined {
  return extensions.subjectAltName
    ?.map((name) => {
      if (name.kind === "dns") return `DNS:${Buffer.from(name.name).toString("latin1")}`;
      if (name.kind === "ip" && name.octets.length === 4) return `IP Address:${name.octets.join(".")}`;
      return name.kind;
    })
    .join(", ");
}
