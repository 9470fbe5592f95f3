import { X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { credential } from "../../src/config/credential.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { ConfigError } from "../../src/errors.ts";
import {
  createAuthority,
  createRequest,
  type GrantOptions,
  issueFromRequest,
  type MintedCredential,
  type RequestOptions,
} from "../../src/minting.ts";
import { Pkcs10CertificateRequest } from "@peculiar/x509";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { buildName, commonName, extension, generalName } from "../x509/certificate-builder.ts";
import { dnsName, testKey } from "../x509/issuing.ts";
import {
  expectAccepted,
  expectKeyOf,
  extensionIn,
  missingOpenssl,
  namesOf,
  objections,
  openssl,
  quickKeyTypes,
} from "./acceptance.ts";
import { attribute, buildRequest, extensionRequest, requestedNames } from "./request-builder.ts";

const opensslName = missingOpenssl === undefined ? "" : ` (skipped: ${missingOpenssl})`;

let authority: MintedCredential;
beforeAll(async () => {
  authority = await createAuthority({ commonName: "Test Root" });
});

const grant = (request: string | Uint8Array, options: Partial<GrantOptions> = {}) =>
  issueFromRequest(authority, request, { usage: "server", ...options });

/** Who a certificate is for. */
const subjectOf = (certificate: Uint8Array) => ({
  subject: new X509Certificate(certificate).subject,
  names: namesOf(decodeCertificate(certificate)),
});

describe.each(quickKeyTypes)("a request with %s", (keyType) => {
  test("is granted, for its key", async () => {
    const request = await createRequest({ names: ["localhost", "127.0.0.1"], keyType });
    const issued = await grant(request.pem);
    await expectAccepted(issued, authority.certificate, { reference: { kind: "dns", name: "localhost" } });
    expect(subjectOf(issued.certificate)).toEqual({
      subject: "CN=localhost",
      names: ["dns:localhost", "ip:127.0.0.1"],
    });
    expectKeyOf(request.keyPem, issued.certificate);
    const { certificateChain, certificatePem } = issued;
    expect(credential({ certificateChain, key: request.key }).certificateChain).toEqual(certificateChain);
    expect(credential({ certificateChain: certificatePem, key: request.keyPem }).certificateChain).toEqual(
      certificateChain,
    );
  });

  test("is one for @peculiar/x509", async () => {
    const { der } = await createRequest({ names: ["localhost"], keyType });
    expect(await new Pkcs10CertificateRequest(der.slice()).verify(globalThis.crypto)).toBe(true);
  });

  test.skipIf(missingOpenssl !== undefined)(`is one for openssl${opensslName}`, async () => {
    const { pem } = await createRequest({ names: ["localhost", "::1"], keyType });
    const { status, output } = openssl({ pem }, "req", "-verify", "-noout", "-text", "-in", "pem");
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(output).toContain("self-signature verify OK");
    expect(output).toContain("DNS:localhost, IP Address:0:0:0:0:0:0:0:1");
  });
});

test.for<[options: RequestOptions, usage: "server" | "client", subject: string | undefined, names: string[]]>(
  [
    [{ names: ["B.example", "a.example"] }, "server", "CN=b.example", ["dns:b.example", "dns:a.example"]],
    [
      { names: ["a.example", "b.example"], commonName: "b.example" },
      "server",
      "CN=b.example",
      ["dns:a.example", "dns:b.example"],
    ],
    [{ names: ["a.example"], commonName: "Example, Inc." }, "server", "CN=a.example", ["dns:a.example"]],
    [
      { names: ["a.example"], commonName: "Example, Inc." },
      "client",
      "CN=Example\\, Inc.",
      ["dns:a.example"],
    ],
    [{ names: [], commonName: "a.example" }, "server", "CN=a.example", ["dns:a.example"]],
    [{ names: [], commonName: "A.example" }, "server", "CN=a.example", ["dns:a.example"]],
    [{ names: [], commonName: "Zoë" }, "client", "CN=Zoë", []],
    [{ names: ["alice@a.example"] }, "client", "CN=alice@a.example", ["email:alice@a.example"]],
    [{ names: [`${"a".repeat(63)}.example`] }, "client", undefined, [`dns:${"a".repeat(63)}.example`]],
  ],
)("a request for %j, for a %s", async ([options, usage, subject, names]) => {
  const request = await createRequest(options);
  const issued = await grant(request.der, { usage });
  expect(subjectOf(issued.certificate)).toEqual({ subject, names });
  await expectAccepted(issued, authority.certificate, { usage });
});

test("the authority says which names it grants, how long, and what for", async () => {
  const { pem } = await createRequest({ names: ["bank.example"] });
  const issued = await grant(pem, {
    names: ["test.example"],
    validityDays: 1,
    mustStaple: true,
    includeRoot: true,
  });
  expect(subjectOf(issued.certificate)).toEqual({ subject: "CN=test.example", names: ["dns:test.example"] });
  const { notBeforeSeconds, notAfterSeconds, extensions } = decodeCertificate(issued.certificate);
  expect(notAfterSeconds - notBeforeSeconds).toBeLessThanOrEqual(86_400 + 3600);
  expect(extensions.tlsFeatures).toEqual([5]);
  expect(issued.certificateChain).toEqual([issued.certificate, authority.certificate]);
});

test("nothing but names is granted of what is asked for", async () => {
  const request = buildRequest({
    extensions: [
      extension("2.5.29.19", derSequence(Uint8Array.of(0x01, 0x01, 0xff)), true),
      extension("2.5.29.15", Uint8Array.of(0x03, 0x02, 0x02, 0x04), true),
      extension("2.5.29.37", derSequence(derObjectIdentifier("2.5.29.37.0"))),
      extension("2.5.29.14", derOctetString(Uint8Array.of(1, 2, 3))),
      extension("1.3.6.1.5.5.7.1.24", derSequence(derInteger(5))),
      extension("1.2.3.4", Uint8Array.of(0x05, 0x00), true),
      requestedNames(dnsName("a.example")),
    ],
  });
  const { certificate, certificateChain } = await grant(request);
  const { extensions } = decodeCertificate(certificate);
  expect(extensions).toMatchObject({
    basicConstraints: { isCa: false },
    keyUsage: 1,
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"],
  });
  expect(extensions.subjectKeyIdentifier).toHaveLength(20);
  expect(extensions.all).toHaveLength(6);
  expect(extensionIn(certificate, "1.2.3.4")).toBeUndefined();
  expect(await objections(certificateChain, authority.certificate, {})).toEqual([]);
});

test("attributes that say other things are passed over", async () => {
  const challenge = attribute("1.2.840.113549.1.9.7", derElement(DerTag.UTF8String, Buffer.from("secret")));
  const attributes = [challenge, extensionRequest(requestedNames(dnsName("b.example"))), challenge];
  const { certificate } = await grant(buildRequest({ attributes }));
  expect(namesOf(decodeCertificate(certificate))).toEqual(["dns:b.example"]);
});

test.skipIf(missingOpenssl !== undefined)(
  `requests that openssl makes are granted${opensslName}`,
  async () => {
    const make = (...args: readonly string[]) => {
      const { output } = openssl({}, "req", "-new", "-nodes", "-keyout", "key", ...args);
      return (
        /-----BEGIN CERTIFICATE REQUEST-----[^]+-----END CERTIFICATE REQUEST-----\n/.exec(output)?.[0] ??
        output
      );
    };
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    const names = ["-addext", "subjectAltName=DNS:*.b.example,IP:2001:db8::1"];
    for (const [pem, expected] of [
      [make("-newkey", "rsa:2048", "-subj", "/C=XX/O=Example/CN=a.example"), ["dns:a.example"]],
      [make(...curve, "-subj", "/", ...names), ["dns:*.b.example", `ip:32.1.13.184${".0".repeat(11)}.1`]],
      [
        make(
          "-newkey",
          "rsa:2048",
          "-subj",
          "/CN=a.example",
          "-sigopt",
          "rsa_padding_mode:pss",
          "-sigopt",
          "rsa_pss_saltlen:32",
        ),
        ["dns:a.example"],
      ],
    ] as const) {
      const issued = await grant(pem);
      expect(namesOf(decodeCertificate(issued.certificate))).toEqual(expected);
      await expectAccepted(issued, authority.certificate, {});
    }
  },
);

describe("is refused:", () => {
  const key = testKey();
  const names = requestedNames(dnsName("a.example"));
  const flipped = (at: number) => {
    const request = buildRequest({ key });
    return request.with(at < 0 ? request.length + at : at, (request.at(at) ?? 0) ^ 1);
  };
  const pem = (label: string) =>
    `-----BEGIN ${label}-----\n${Buffer.from(buildRequest()).toString("base64")}\n-----END ${label}-----\n`;

  test.for<[what: string, request: () => string | Uint8Array, allowed: string]>([
    ["another key's signature", () => buildRequest({ key, signer: testKey() }), "the key in the request"],
    ["a signature of another kind", () => buildRequest({ key, signer: testKey("Ed25519") }), "ecdsa-p256"],
    [
      "a changed name",
      () => flipped(Buffer.from(buildRequest({ key })).indexOf("a.example")),
      "the key in the request",
    ],
    ["a changed signature", () => flipped(-1), "the key in the request"],
    [
      "no signature",
      () => buildRequest({ signature: derBitString(new Uint8Array()) }),
      "the key in the request",
    ],
    [
      "a signature with MD5",
      () =>
        buildRequest({
          key: {
            ...testKey("RSA-2048"),
            algorithm: derSequence(derObjectIdentifier("1.2.840.113549.1.1.4"), Uint8Array.of(5, 0)),
          },
        }),
      "algorithms for certificates",
    ],
    [
      "an RSA key of 1024 bits",
      () => buildRequest({ key: testKey("RSA-1024") }),
      "keys that certificates may have",
    ],
    [
      "an RSA key that is not of whole bytes",
      () => buildRequest({ key: testKey("RSA-2052") }),
      "whole bytes",
    ],
    [
      "a key that is none",
      () => buildRequest({ key: { ...key, subjectPublicKeyInfo: derSequence() } }),
      "keys that certificates may have",
    ],
    ["version 1", () => buildRequest({ version: derInteger(1) }), "PEM or DER"],
    ["bytes behind it", () => Buffer.concat([buildRequest(), Uint8Array.of(0)]), "PEM or DER"],
    ["an element behind the signature", () => buildRequest({ requestEnd: derInteger(0) }), "PEM or DER"],
    ["an element behind the attributes", () => buildRequest({ infoEnd: derInteger(0) }), "PEM or DER"],
    ["no attributes at all", () => buildRequest({ wholeAttributes: new Uint8Array() }), "PEM or DER"],
    [
      "extensions twice",
      () => buildRequest({ attributes: [extensionRequest(names), extensionRequest(names)] }),
      "PEM or DER",
    ],
    [
      "extensions in two values",
      () =>
        buildRequest({
          attributes: [attribute("1.2.840.113549.1.9.14", derSequence(names), derSequence(names))],
        }),
      "PEM or DER",
    ],
    ["an extension twice", () => buildRequest({ extensions: [names, names] }), "PEM or DER"],
    ["no extension in extensionRequest", () => buildRequest({ extensions: [] }), "PEM or DER"],
    [
      "a name of another kind",
      () => buildRequest({ extensions: [requestedNames(generalName(6, "https://a.example/"))] }),
      "DNS names, IP addresses, mailboxes",
    ],
    ["nothing", () => "", "at least one CERTIFICATE REQUEST"],
    ["a certificate", () => pem("CERTIFICATE"), "at least one CERTIFICATE REQUEST"],
    ["two of them", () => pem("CERTIFICATE REQUEST").repeat(2), "one CERTIFICATE REQUEST"],
    ["not DER", () => Uint8Array.of(0x30, 0x80), "PEM or DER"],
  ])("%s", async ([, request, allowed]) => {
    const refusal = await grant(request()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toMatchObject({ option: "request", message: expect.stringContaining(allowed) });
  });

  test.for<[what: string, request: () => Uint8Array]>([
    [
      "a mailbox for a server",
      () => buildRequest({ extensions: [requestedNames(generalName(1, "a@a.example"))] }),
    ],
    ["a name that is no host", () => buildRequest({ extensions: [requestedNames(dnsName("a_b.example"))] })],
    [
      "a subject that is no host",
      () => buildRequest({ subject: commonName("Alice Liddell"), attributes: [] }),
    ],
    ["nobody", () => buildRequest({ subject: buildName(), attributes: [] })],
    [
      "a name in a string of old",
      () => buildRequest({ subject: buildName(["2.5.4.3", DerTag.BMPString, "\0a"]), attributes: [] }),
    ],
  ])("a server's certificate for %s", async ([, request]) => {
    const refusal = await grant(request()).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toMatchObject({ option: "names" });
  });

  test.for<[option: string, options: RequestOptions]>([
    ["names", { names: [] }],
    ["names", { names: ["a b"] }],
    ["commonName", { names: [], commonName: "a\nb" }],
    // @ts-expect-error: no kind of key
    ["keyType", { names: ["a.example"], keyType: "rsa" }],
  ])("%s: a request for %o", async ([option, options]) => {
    const refusal = await createRequest(options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toMatchObject({ option });
  });
});

test("printing a request does not show its key", async () => {
  const request = await createRequest({ names: ["a.example"] });
  const text = inspect(request, { depth: Infinity, showHidden: true, maxArrayLength: Infinity });
  const [, line = ""] = request.keyPem.split("\n");
  const digits = Array.from(Buffer.from(line, "base64").subarray(-8));
  expect(text.replace(/\s/g, "")).not.toContain(digits.join(","));
  expect(Object.keys(request)).toEqual(["der", "key"]);
});
