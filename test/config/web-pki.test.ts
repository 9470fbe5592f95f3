import { describe, expect, test } from "vitest";

import { derNull } from "../../src/der/writer.ts";
import {
  CertificateError,
  certificatesFromPem,
  type PresentedPeer,
  readLeaf,
  TlsAlert,
  TrustAnchors,
  webPki,
} from "../../src/index.ts";
import {
  dnsName,
  issueAuthority,
  type Issued,
  issueLeaf,
  ipName,
  nameConstraints,
  subjectAltName,
} from "../x509/issuing.ts";
import { limboQuestions, missingLimbo } from "../x509/limbo.ts";
import { revoked } from "../x509/ocsp-builder.ts";
import { expectConfigError } from "./config-error.ts";
import {
  atOnce,
  authority,
  client,
  credentialOf,
  late,
  newKey,
  presented,
  root,
  server,
  stapler,
  stapleOf,
  stranger,
} from "./peers.ts";
import { refusalOf, verdictOf } from "./web-pki-verdicts.ts";

const path = [server, authority, root].map(({ der }) => der);
const verified = { trust: "verified", path };

test("a server with a path is verified, and the path goes from the leaf to the anchor", () => {
  expect(verdictOf(presented([server, authority]))).toEqual(verified);
});

test("anchors may be given as DER, PEM, a list of both, or TrustAnchors", () => {
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(root.der).toString("base64")}\n-----END CERTIFICATE-----\n`;
  for (const anchors of [root.der, pem, [stranger.der, pem], new TrustAnchors([root.der])])
    expect(atOnce(webPki(anchors).verify(presented([server, authority])))).toEqual(verified);
});

test("certificates may come in any order, with the anchor, and with what is none", () => {
  const peer = presented([server, root, stranger, authority]);
  const chain = [server.der, Uint8Array.of(1, 2, 3), ...peer.chain.slice(1)];
  expect(verdictOf({ ...peer, chain })).toEqual(verified);
});

test("a missing intermediate is found among those of the configuration", () => {
  expect(refusalOf(presented([server]))).toMatchObject({
    fault: "unknown-issuer",
    subject: "CN=example.com",
    message: "unknown-issuer: CN=example.com, its issuer CN=authority is not known",
  });
  expect(verdictOf(presented([server]), { intermediates: [stranger.der, authority.der] })).toEqual(verified);
});

test("an intermediate of the configuration is no anchor", () => {
  const peer = presented([server]);
  const verdict = atOnce(webPki(stranger.der, { intermediates: authority.der }).verify(peer));
  expect(verdict).toMatchObject({ trust: "rejected", alert: "unknown_ca" });
});

const constrained = issueAuthority(root, {
  key: newKey(),
  subject: "constrained",
  extensions: { nameConstraints: nameConstraints({ permitted: [dnsName("example.net")] }) },
});
const issuerless = issueLeaf(stranger, { key: newKey() });

test.each<{
  what: string;
  chain: readonly Issued[];
  changes?: Partial<PresentedPeer>;
  fault: string;
  alert: string;
}>([
  {
    what: "expired",
    chain: [issueLeaf(authority, { notAfter: "260714000000Z" }), authority],
    fault: "expired",
    alert: "certificate_expired",
  },
  {
    what: "not valid yet",
    chain: [issueLeaf(authority, { notBefore: "260716000000Z" }), authority],
    fault: "not-yet-valid",
    alert: "certificate_expired",
  },
  {
    what: "for another host",
    chain: [server, authority],
    changes: { serverName: "example.org" },
    fault: "wrong-name",
    alert: "bad_certificate",
  },
  {
    what: "for a name, where an address is asked for",
    chain: [server, authority],
    changes: { serverName: "192.0.2.1" },
    fault: "wrong-name",
    alert: "bad_certificate",
  },
  { what: "of a stranger", chain: [issuerless, stranger], fault: "unknown-issuer", alert: "unknown_ca" },
  {
    what: "signed by somebody else under the authority's name",
    chain: [issueLeaf(authority, { signer: newKey() }), authority],
    fault: "bad-signature",
    alert: "bad_certificate",
  },
  {
    what: "for clients",
    chain: [client, authority],
    fault: "wrong-usage",
    alert: "unsupported_certificate",
  },
  {
    what: "that of a server, shown by a client",
    chain: [server, authority],
    changes: { role: "client", serverName: null },
    fault: "wrong-usage",
    alert: "unsupported_certificate",
  },
  {
    what: "outside of what its authority may issue for",
    chain: [issueLeaf(constrained), constrained],
    fault: "name-constraints",
    alert: "bad_certificate",
  },
  {
    what: "issued by a server",
    chain: [issueLeaf(server), server, authority],
    fault: "not-an-authority",
    alert: "bad_certificate",
  },
  {
    what: "with a critical extension that nobody knows",
    chain: [
      issueLeaf(authority, { extensions: { "1.2.3": { value: derNull(), critical: true } } }),
      authority,
    ],
    fault: "unknown-critical-extension",
    alert: "unsupported_certificate",
  },
])("a certificate $what is refused as $fault", ({ chain, changes = {}, fault, alert }) => {
  expect(refusalOf(presented(chain, changes))).toMatchObject({ fault, alert });
});

test("a self-signed certificate is refused, and trusted as an anchor only if it is one", () => {
  const { certificate, der } = issueLeaf({ ...server, key: server.key }, { key: server.key });
  expect(certificate.subject).toEqual(certificate.issuer);
  const peer = presented([{ ...server, der }]);
  expect(refusalOf(peer)).toMatchObject({ fault: "unknown-issuer", alert: "unknown_ca" });
});

test("the path counts on the clock of the peer's connection, in milliseconds", () => {
  const { notAfterSeconds } = server.certificate;
  const at = (nowMs: number) => verdictOf(presented([server, authority], { nowMs })).trust;
  expect(at(notAfterSeconds * 1000 + 999)).toBe("verified");
  expect(at(notAfterSeconds * 1000 + 1000)).toBe("rejected");
});

test("without a name, any is good", () => {
  expect(verdictOf(presented([server, authority], { serverName: null }))).toEqual(verified);
});

test("an IP address is looked for among addresses", () => {
  const leaf = issueLeaf(authority, {
    subject: "192.0.2.1",
    extensions: { subjectAltName: subjectAltName(ipName(192, 0, 2, 1)) },
  });
  expect(verdictOf(presented([leaf, authority], { serverName: "192.0.2.1" })).trust).toBe("verified");
  expect(refusalOf(presented([leaf, authority], { serverName: "192.0.2.2" })).fault).toBe("wrong-name");
  const text = issueLeaf(authority, { extensions: { subjectAltName: subjectAltName(dnsName("192.0.2.1")) } });
  const options = { conformance: "none" } as const;
  expect(refusalOf(presented([text, authority], { serverName: "192.0.2.1" }), options).fault).toBe(
    "wrong-name",
  );
});

test("a client is verified without a name", () => {
  const peer = presented([client, authority], { role: "client", serverName: null });
  expect(verdictOf(peer)).toEqual({
    trust: "verified",
    path: [client, authority, root].map(({ der }) => der),
  });
});

test("schemes that are not configured do not count", () => {
  const signatureVerifiers = presented([server]).signatureVerifiers.filter(({ name }) => name !== "ed25519");
  expect(refusalOf(presented([server, authority], { signatureVerifiers }))).toMatchObject({
    fault: "weak-algorithm",
    alert: "bad_certificate",
  });
});

describe("a chain of a private authority", () => {
  describe("without authorityKeyIdentifier", () => {
    const leaf = issueLeaf(authority, { extensions: { authorityKeyIdentifier: null } });
    const peer = presented([leaf, authority]);

    test("is refused by the rules of the Web PKI, which are the default", () => {
      for (const options of [{}, { conformance: "web-pki" }] as const)
        expect(refusalOf(peer, options)).toMatchObject({ fault: "nonconforming", alert: "bad_certificate" });
    });

    test("is refused by those of RFC 5280 too (§4.2.1.1), and verified without rules of form", () => {
      expect(refusalOf(peer, { conformance: "rfc5280" }).fault).toBe("nonconforming");
      expect(verdictOf(peer, { conformance: "none" }).trust).toBe("verified");
    });
  });

  test("whose common name is no name of the server passes by the rules of RFC 5280, and not by those of the Web PKI", () => {
    const unnamed = issueLeaf(authority, { subject: "example.org" });
    const other = presented([unnamed, authority]);
    expect(refusalOf(other).fault).toBe("nonconforming");
    expect(verdictOf(other, { conformance: "rfc5280" }).trust).toBe("verified");
  });
});

describe("verifiers that answer late", () => {
  const signatureVerifiers = late(presented([server]).signatureVerifiers);
  const { ocspResponse = null } = credentialOf(server, [], stapleOf(server));

  test.each<{ what: string; chain: readonly Issued[]; changes?: Partial<PresentedPeer> }>([
    { what: "a good chain", chain: [server, authority] },
    { what: "a good chain with a good staple", chain: [server, authority], changes: { ocspResponse } },
    {
      what: "a revoked certificate",
      chain: [server, authority],
      changes: { ocspResponse: stapleOf(server, { certStatus: revoked() }) },
    },
    { what: "no staple where there must be one", chain: [stapler, authority] },
    { what: "an unknown issuer", chain: [issuerless, stranger] },
    { what: "a bad signature", chain: [issueLeaf(authority, { signer: newKey() }), authority] },
    { what: "another host", chain: [server, authority], changes: { serverName: "example.org" } },
  ])("say the same of $what", async ({ chain, changes = {} }) => {
    const peer = presented(chain, changes);
    expect(await webPki(root.der).verify({ ...peer, signatureVerifiers })).toEqual(verdictOf(peer));
  });

  test("are waited for", () => {
    const verdict = webPki(root.der).verify(presented([server, authority], { signatureVerifiers }));
    expect(verdict).toBeInstanceOf(Promise);
    return verdict;
  });

  test.each(["at once", "late"])("and fail %s make no verdict", async (when) => {
    const failure = new Error("no device");
    const failing = signatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: () => {
        if (when === "late") return Promise.reject(failure);
        throw failure;
      },
    }));
    const peer = presented([server, authority], { signatureVerifiers: failing });
    await expect(async () => webPki(root.der).verify(peer)).rejects.toBe(failure);
  });

  test("a TlsAlert of a verifier is a signature that does not verify", () => {
    const failing = signatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: () => {
        throw new TlsAlert("illegal_parameter", "no such point");
      },
    }));
    const peer = presented([server, authority], { signatureVerifiers: failing });
    expect(verdictOf(peer)).toMatchObject({ trust: "rejected", cause: expect.any(CertificateError) });
  });
});

test.each<{ option: string; options: object; value: string; allowed: string | RegExp }>([
  {
    option: "conformance",
    options: { conformance: "strict" },
    value: '"strict"',
    allowed: "web-pki, rfc5280, none",
  },
  {
    option: "stapling",
    options: { stapling: "maybe" },
    value: '"maybe"',
    allowed: "honour, require, ignore",
  },
  { option: "limits.deep", options: { limits: { deep: 1 } }, value: "1", allowed: "depth, signatureCost" },
  {
    option: "limits.depth",
    options: { limits: { depth: -1 } },
    value: "-1",
    allowed: "numbers in 0..16777215",
  },
  { option: "limits.depth", options: { limits: { depth: NaN } }, value: "NaN", allowed: "numbers in" },
  {
    option: "limits.signatureCost",
    options: { limits: { signatureCost: Infinity } },
    value: "Infinity",
    allowed: "numbers in",
  },
  { option: "limits.depth", options: { limits: { depth: "8" } }, value: '"8"', allowed: "numbers in" },
  {
    option: "intermediates",
    options: { intermediates: [] },
    value: "[]",
    allowed: "at least one CERTIFICATE",
  },
  {
    option: "intermediates",
    options: { intermediates: [Uint8Array.of(1)] },
    value: '"object 1 of 1 bytes"',
    allowed: "PEM or DER",
  },
  { option: "revocationLists", options: { revocationLists: "" }, value: "[]", allowed: "at least one" },
  { option: "anchor", options: { anchor: root.der }, value: "Uint8Array", allowed: "intermediates" },
])("$option $options is refused", ({ option, options, value, allowed }) => {
  const shown = value === "Uint8Array" ? `Uint8Array(${root.der.length})` : value;
  expectConfigError(() => webPki(root.der, options), { option, value: shown, allowed });
});

test("anchors that cannot be read are refused", () => {
  expectConfigError(() => webPki([]), {
    option: "anchors",
    value: "[]",
    allowed: "at least one CERTIFICATE",
  });
  expectConfigError(() => webPki(Uint8Array.of(1)), {
    option: "anchors",
    value: '"object 1 of 1 bytes"',
    allowed: "PEM or DER",
  });
});

test("limits bound the search", () => {
  const peer = presented([server, authority]);
  expect(refusalOf(peer, { limits: { depth: 0 } }).fault).toBe("path-too-long");
  expect(refusalOf(peer, { limits: { signatureCost: 1 } }).fault).toBe("too-costly");
  expect(verdictOf(peer, { limits: { depth: 1, signatureCost: 2 } })).toEqual(verified);
});

describe.skipIf(missingLimbo !== undefined)(
  `chains of public servers in x509-limbo ${missingLimbo ?? ""}`,
  () => {
    const online = limboQuestions("limbo-upstream-2023-12-02.json").filter(({ id }) =>
      id.startsWith("online::"),
    );

    test("are there", () => expect(online.length).toBe(14));

    test.each(online)("$id is verified at its time, and not a year later or for another name", (question) => {
      const { peer_certificate: leaf, untrusted_intermediates: others, trusted_certs: anchors } = question;
      const chain = [leaf, ...others].flatMap(certificatesFromPem);
      const [first] = chain;
      if (first === undefined) throw new Error("no certificate");
      const nowMs = Date.parse(question.validation_time ?? "");
      const serverName = question.expected_peer_name?.value ?? "";
      const peer: PresentedPeer = { ...presented([server]), chain, leaf: readLeaf(first), serverName, nowMs };
      const policy = webPki(anchors);
      expect(policy.verify(peer)).toMatchObject({ trust: "verified" });
      expect(policy.verify({ ...peer, nowMs: nowMs + 400 * 86_400_000 })).toMatchObject({
        alert: "certificate_expired",
      });
      expect(policy.verify({ ...peer, serverName: "other.example" })).toMatchObject({
        alert: "bad_certificate",
      });
      expect(webPki(root.der).verify(peer)).toMatchObject({ alert: "unknown_ca" });
    });
  },
);
