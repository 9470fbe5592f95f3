import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { credential } from "../../src/config/credential.ts";
import { ConfigError } from "../../src/errors.ts";
import { certificatesFromPem, ClientConfig, pinned, ServerConfig, webPki } from "../../src/index.ts";
import { createAuthority, issue, type IssueOptions, type MintedCredential } from "../../src/minting.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { parseIpAddress, showIpAddress } from "../../src/x509/ip-address.ts";
import { readReferenceName } from "../../src/x509/reference-name.ts";
import { Pair } from "../support/pair.ts";
import {
  expectAccepted,
  expectKeyOf,
  extensionIn,
  missingOpenssl,
  namesOf,
  objections,
  opensslVerify,
  quickKeyTypes,
} from "./acceptance.ts";

const opensslName = missingOpenssl === undefined ? "" : ` (skipped: ${missingOpenssl})`;

let root: MintedCredential;
beforeAll(async () => {
  root = await createAuthority({ commonName: "Test Root" });
});

/** A server's certificate below {@link root}, for `localhost`. */
const issueServer = (changes: Partial<IssueOptions> = {}) =>
  issue(root, { names: ["localhost"], usage: "server", ...changes });

describe.each(quickKeyTypes)("an authority with %s", (keyType) => {
  let authority: MintedCredential;
  beforeAll(async () => {
    authority = await createAuthority({ commonName: `${keyType} Root`, keyType });
  });

  test("issues for servers what we and Node accept", async () => {
    const issued = await issue(authority, { names: ["localhost"], usage: "server" });
    await expectAccepted(issued, authority.certificate, { reference: { kind: "dns", name: "localhost" } });
  });

  test.skipIf(missingOpenssl !== undefined)(
    `issues for servers what openssl accepts${opensslName}`,
    async () => {
      const { certificatePem } = await issue(authority, { names: ["localhost"], usage: "server" });
      const args = ["sslserver", "-verify_hostname", "localhost"] as const;
      expect(opensslVerify(certificatePem, authority.certificatePem, ...args).output).toBe("leaf: OK\n");
    },
  );

  test("issues leaves with such keys too", async () => {
    const issued = await issueServer({ keyType });
    await expectAccepted(issued, root.certificate, {});
    expectKeyOf(issued.keyPem, issued.certificate);
    expect(issued.key.keyType).toBe(keyType.replace(/-2048$/, ""));
  });
});

test("a server's certificate has the extensions that it should have, and no others", async () => {
  const issued = await issueServer({ names: ["localhost", "127.0.0.1"] });
  const leaf = decodeCertificate(issued.certificate);
  const issuer = decodeCertificate(root.certificate);
  expect(leaf.issuer).toEqual(issuer.subject);
  expect(leaf.extensions).toMatchObject({
    basicConstraints: { isCa: false },
    keyUsage: 1,
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"],
    authorityKeyIdentifier: {
      keyIdentifier: issuer.extensions.subjectKeyIdentifier,
      hasIssuerAndSerial: false,
    },
  });
  expect(leaf.extensions.subjectKeyIdentifier).toHaveLength(20);
  expect(leaf.extensions.subjectKeyIdentifier).not.toEqual(issuer.extensions.subjectKeyIdentifier);
  const flags = leaf.extensions.all.map(({ oid, critical }) => `${oid}${critical ? " critical" : ""}`);
  expect(new Set(flags)).toEqual(
    new Set(["2.5.29.19 critical", "2.5.29.15 critical", "2.5.29.37", "2.5.29.35", "2.5.29.14", "2.5.29.17"]),
  );
  expect(extensionIn(issued.certificate, "2.5.29.19")?.value).toBe("3000");
  expect(extensionIn(issued.certificate, "2.5.29.17")?.value).toBe(
    `30118209${Buffer.from("localhost").toString("hex")}87047f000001`,
  );
  expect(certificatesFromPem(issued.certificatePem)).toEqual(issued.certificateChain);
  expect(issued.certificateChain).toEqual([issued.certificate]);
});

test.for<[names: string[], commonName: string | undefined, alternative: string[], isCritical: boolean]>([
  [["LocalHost", "localhost"], "localhost", ["dns:localhost"], false],
  [["*.example.org", "example.org"], "*.example.org", ["dns:*.example.org", "dns:example.org"], false],
  [["192.0.2.7"], "192.0.2.7", ["ip:192.0.2.7"], false],
  [["2001:DB8:0:0::1"], "2001:db8::1", [`ip:32.1.13.184${".0".repeat(11)}.1`], false],
  [["xn--bcher-kva.example"], "xn--bcher-kva.example", ["dns:xn--bcher-kva.example"], false],
  [
    [`${"a".repeat(63)}.example.org`, "b.example.org"],
    "b.example.org",
    [`dns:${"a".repeat(63)}.example.org`, "dns:b.example.org"],
    false,
  ],
  [[`${"a".repeat(63)}.example.org`], undefined, [`dns:${"a".repeat(63)}.example.org`], true],
])("a server's certificate for %j", async ([names, commonName, alternative, isCritical], context) => {
  const issued = await issueServer({ names });
  const leaf = decodeCertificate(issued.certificate);
  expect(namesOf(leaf)).toEqual(alternative);
  expect(new X509Certificate(issued.certificate).subject).toBe(commonName && `CN=${commonName}`);
  expect(extensionIn(issued.certificate, "2.5.29.17")?.critical).toBe(isCritical);
  const [name = ""] = names;
  const reference = readReferenceName(name.toLowerCase().replace("*", "www"));
  await expectAccepted(issued, root.certificate, { reference });
  if (missingOpenssl !== undefined) context.skip(`${missingOpenssl}; the rest has passed`);
  const host =
    reference.kind === "ip" ? ["-verify_ip", name] : ["-verify_hostname", name.replace("*", "www")];
  expect(opensslVerify(issued.certificatePem, root.certificatePem, "sslserver", ...host).output).toBe(
    "leaf: OK\n",
  );
});

test("any IP address stands in the certificate as it is", async () => {
  const addresses = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    // With runs of zeros, which the text leaves out.
    fc
      .array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 })
      .map((a) => Uint8Array.from(a)),
  );
  const lists = fc.uniqueArray(addresses, { minLength: 1, maxLength: 50, selector: String });
  await fc.assert(
    fc.asyncProperty(lists, async (list) => {
      const { certificate } = await issueServer({ names: list.map(showIpAddress) });
      const { subjectAltName } = decodeCertificate(certificate).extensions;
      expect(subjectAltName).toEqual(list.map((octets) => ({ kind: "ip", octets })));
    }),
    { numRuns: 20 },
  );
});

test("the address that a certificate is for may be spelled in any way", async () => {
  const { certificate } = await issueServer({ names: ["::ffff:192.0.2.1"] });
  expect(namesOf(decodeCertificate(certificate))).toEqual([
    `ip:${Array.from(parseIpAddress("::ffff:192.0.2.1") ?? []).join(".")}`,
  ]);
});

describe("a client's certificate", () => {
  test.for<[options: Pick<IssueOptions, "names" | "commonName">, subject: string, alternative: string[]]>([
    [{ names: ["alice@example.org"] }, "CN=alice@example.org", ["email:alice@example.org"]],
    [{ names: ["worker-7.internal"] }, "CN=worker-7.internal", ["dns:worker-7.internal"]],
    [{ names: [], commonName: "Alice Liddell" }, "CN=Alice Liddell", []],
    [
      { names: ["alice@example.org"], commonName: "Zoë, Alice" },
      "CN=Zoë\\, Alice",
      ["email:alice@example.org"],
    ],
  ])(
    "for %j is accepted from clients, and from no server",
    async ([options, subject, alternative], context) => {
      const issued = await issue(root, { ...options, usage: "client" });
      expect(namesOf(decodeCertificate(issued.certificate))).toEqual(alternative);
      expect(new X509Certificate(issued.certificate).subject).toBe(subject);
      await expectAccepted(issued, root.certificate, { usage: "client" });
      for (const objection of await objections(issued.certificateChain, root.certificate, {
        usage: "server",
      }))
        expect(objection).toContain("extendedKeyUsage does not allow a server");
      if (missingOpenssl !== undefined) context.skip(`${missingOpenssl}; the rest has passed`);
      const accepted = opensslVerify(issued.certificatePem, root.certificatePem, "sslclient");
      expect(accepted.output).toBe("leaf: OK\n");
      expect(opensslVerify(issued.certificatePem, root.certificatePem, "sslserver").status).not.toBe(0);
    },
  );

  test("is not taken for a server's: that one is not accepted from clients", async () => {
    const { certificateChain } = await issueServer();
    const faults = await objections(certificateChain, root.certificate, { usage: "client" });
    expect(faults).toHaveLength(2);
    for (const fault of faults) expect(fault).toContain("extendedKeyUsage does not allow a client");
  });
});

test("an authority with an RSA key signs with PKCS #1 v1.5 and SHA-256, which every client verifies", async () => {
  const authority = await createAuthority({ commonName: "RSA Root", keyType: "rsa-2048" });
  const { certificate } = await issue(authority, { names: ["localhost"], usage: "server" });
  expect(Buffer.from(decodeCertificate(certificate).signatureAlgorithm).toString("hex")).toBe(
    "300d06092a864886f70d01010b0500",
  );
});

test("mustStaple promises status_request, and is left out by default", async () => {
  const promised = await issueServer({ mustStaple: true });
  expect(decodeCertificate(promised.certificate).extensions.tlsFeatures).toEqual([5]);
  expect(extensionIn(promised.certificate, "1.3.6.1.5.5.7.1.24")?.critical).toBe(false);
  await expectAccepted(promised, root.certificate, {});
  const plain = await issueServer();
  expect(decodeCertificate(plain.certificate).extensions.tlsFeatures).toBeUndefined();
});

describe("the time of validity", () => {
  test("is whole seconds, from an hour ago, and never goes beyond the authority's", async () => {
    const nowMs = Date.UTC(2026, 5, 1, 12, 0, 0, 789);
    const now = () => nowMs;
    const authority = await createAuthority({ commonName: "root", validityDays: 10, now });
    const { notBeforeSeconds, notAfterSeconds } = decodeCertificate(authority.certificate);
    const validityOf = async (validityDays: number, laterMs: number) => {
      const options = { names: ["localhost"], usage: "server", validityDays } as const;
      const issued = await issue(authority, { ...options, now: () => nowMs + laterMs });
      const leaf = decodeCertificate(issued.certificate);
      return [leaf.notBeforeSeconds - notBeforeSeconds, leaf.notAfterSeconds - notBeforeSeconds];
    };
    const hour = 3600;
    const day = 24 * hour;
    expect(await validityOf(1, 0)).toEqual([0, hour + day]);
    expect(await validityOf(0.5, day * 1000)).toEqual([day, hour + day + day / 2]);
    expect(await validityOf(100, day * 1000)).toEqual([day, notAfterSeconds - notBeforeSeconds]);
    // Within the hour before it was made.
    expect(await validityOf(1, -hour * 500)).toEqual([0, day + hour / 2]);
  });

  test("is 90 days if nothing else is said", async () => {
    const leaf = decodeCertificate((await issueServer()).certificate);
    expect(leaf.notAfterSeconds - leaf.notBeforeSeconds).toBe(90 * 86_400 + 3600);
  });
});

test("the chain ends with the root only if that is asked for", async () => {
  const issued = await issueServer({ includeRoot: true });
  expect(issued.certificateChain).toEqual([issued.certificate, root.certificate]);
  expect(certificatesFromPem(issued.certificatePem)).toEqual(issued.certificateChain);
});

test.for<[option: string, options: Partial<IssueOptions>]>([
  ["names", { names: [] }],
  ["names", { names: [""] }],
  ["names", { names: ["a b"] }],
  ["names", { names: ["a_b.example.org"] }],
  ["names", { names: ["example.org."] }],
  ["names", { names: ["bücher.example"] }],
  ["names", { names: ["*"] }],
  ["names", { names: ["*.org"] }],
  ["names", { names: ["www.*.example.org"] }],
  ["names", { names: ["1.2.3"] }],
  ["names", { names: ["1.2.3.256"] }],
  ["names", { names: ["01.2.3.4"] }],
  ["names", { names: ["1::2::3"] }],
  ["names", { names: ["10.0.0.0/8"] }],
  ["names", { names: ["alice@example.org"] }],
  ["names", { names: ["alice@"], usage: "client" }],
  ["names", { names: ["\u212aelvin.example"] }],
  ["commonName", { commonName: "elsewhere.example" }],
  ["commonName", { commonName: "" }],
  ["commonName", { commonName: "x".repeat(65), usage: "client" }],
  ["validityDays", { validityDays: 0 }],
  ["validityDays", { validityDays: NaN }],
  // @ts-expect-error: no kind of key
  ["keyType", { keyType: "rsa-1024" }],
])("%s: %o is refused", async ([option, options]) => {
  const refusal = await issueServer(options).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(ConfigError);
  expect(refusal).toMatchObject({ option });
});

test("1000 names are issued, and 1001 are refused", async () => {
  const names = Array.from({ length: 1000 }, (_, i) => `a${i}.example`);
  const { certificate } = await issueServer({ names });
  expect(namesOf(decodeCertificate(certificate))).toEqual(names.map((name) => `dns:${name}`));
  await expect(issueServer({ names: [...names, "one.more.example"] })).rejects.toThrow(
    'names: "1001 names" is not allowed; allowed: at most 1000',
  );
});

test("server and client connect with what one authority has issued, and with what files hold of it", async () => {
  const server = await issueServer({ includeRoot: true });
  const client = await issue(root, { names: ["alice@example.org"], usage: "client" });
  const pair = await new Pair(
    new ClientConfig({
      serverName: "localhost",
      trust: webPki(root.certificatePem),
      clientCredential: client,
    }),
    new ServerConfig({
      credentials: [credential({ certificateChain: server.certificatePem, key: server.keyPem })],
      clientAuth: { mode: "require", trust: pinned([client.spkiSha256]) },
    }),
  ).run();
  expect(pair.client.engine.info?.peer).toMatchObject({ kind: "verified", chain: server.certificateChain });
  expect(pair.server.engine.info?.peer).toMatchObject({ kind: "verified", chain: client.certificateChain });
});
