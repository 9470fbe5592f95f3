import { describe, expect, test } from "vitest";

import { type Credential, nobleProvider, ServerConfig, type SigningKey } from "../../src/index.ts";
import { tiersOf } from "../../src/handshake/credential-choice.ts";
import { chooseCredential } from "../../src/handshake/negotiate.ts";
import { choose12 } from "../../src/handshake/negotiate12.ts";
import { SignatureScheme } from "../../src/messages/codepoints.ts";
import {
  dnsName,
  ipName,
  issueAuthority,
  type Issued,
  issueLeaf,
  issueRoot,
  subjectAltName,
  testKey,
} from "../x509/issuing.ts";
import { toyCredential } from "./toy-provider.ts";

const { ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256, ed25519 } = SignatureScheme;

/** A key that has the schemes of its kind and signs nothing. */
function idleKey(kind: "P-256" | "RSA-2048"): SigningKey {
  const sign = (): Uint8Array => new Uint8Array(64);
  const subjectPublicKeyInfo = undefined;
  return kind === "RSA-2048"
    ? { keyType: "rsa", schemes: [rsa_pss_rsae_sha256], subjectPublicKeyInfo, sign }
    : { keyType: "ecdsa-p256", schemes: [ecdsa_secp256r1_sha256], subjectPublicKeyInfo, sign };
}

function credentialFor(
  name: string,
  issuers: readonly Issued[],
  kind: "P-256" | "RSA-2048" = "P-256",
  others: readonly Issued[] = issuers,
): Credential {
  const [issuer] = issuers;
  if (issuer === undefined) throw new TypeError("nobody issues it");
  const extensions = { subjectAltName: subjectAltName(dnsName(name)) };
  const leaf = issueLeaf(issuer, { subject: name, key: testKey(kind), extensions });
  return { certificateChain: [leaf, ...others].map(({ der }) => der), key: idleKey(kind) };
}

const ecdsaRoot = issueRoot({ subject: "ecdsa root" });
const rsaRoot = issueRoot({ subject: "rsa root", key: testKey("RSA-2048") });
const byEcdsa = issueAuthority(ecdsaRoot, { subject: "ecdsa authority" });
const byRsa = issueAuthority(rsaRoot, { subject: "rsa authority", key: testKey("RSA-2048") });

const all = [ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256, ed25519];
const nothing = { serverName: null, certificateSchemes: all, authorities: [] };

describe("tiersOf", () => {
  const a = credentialFor("a.test", [byEcdsa]);
  const b = credentialFor("*.b.test", [byRsa]);
  const c = credentialFor("c.test", [byEcdsa]);

  test("has one tier in the given order when the peer wishes for nothing", () => {
    expect(tiersOf([a, b, c], nothing)).toEqual([[a, b, c]]);
  });

  test("puts the credentials for the name first, by wildcard too, and leaves none out", () => {
    expect(tiersOf([a, b, c], { ...nothing, serverName: "c.test" })).toEqual([[c], [a, b]]);
    expect(tiersOf([a, b, c], { ...nothing, serverName: "x.b.test" })).toEqual([[b], [a, c]]);
    expect(tiersOf([a, b, c], { ...nothing, serverName: "d.test" })).toEqual([[a, b, c]]);
  });

  test("takes a name that is an address for the address", () => {
    const extensions = { subjectAltName: subjectAltName(ipName(192, 0, 2, 1)) };
    const leaf = issueLeaf(byEcdsa, { extensions });
    const addressed = { certificateChain: [leaf.der], key: idleKey("P-256") };
    expect(tiersOf([a, addressed], { ...nothing, serverName: "192.0.2.1" })).toEqual([[addressed], [a]]);
  });

  test("puts chains first whose signatures the peer can check, whoever the anchor is signed by", () => {
    const wish = { ...nothing, certificateSchemes: [rsa_pkcs1_sha256] };
    expect(tiersOf([a, b, c], wish)).toEqual([[b], [a, c]]);
    const withRoot = credentialFor("a.test", [byEcdsa], "P-256", [byEcdsa, ecdsaRoot]);
    expect(tiersOf([b, withRoot], { ...nothing, certificateSchemes: [ecdsa_secp256r1_sha256] })).toEqual([
      [withRoot],
      [b],
    ]);
    // The one of the intermediate counts as well.
    const mixed = issueAuthority(rsaRoot, { subject: "mixed" });
    const crossed = credentialFor("a.test", [mixed]);
    expect(tiersOf([crossed, a], { ...nothing, certificateSchemes: [ecdsa_secp256r1_sha256] })).toEqual([
      [a],
      [crossed],
    ]);
  });

  test("puts chains first that one of the peer's authorities has issued, at any place", () => {
    expect(tiersOf([a, b, c], { ...nothing, authorities: [byRsa.name] })).toEqual([[b], [a, c]]);
    expect(tiersOf([a, b, c], { ...nothing, authorities: [rsaRoot.name] })).toEqual([[b], [a, c]]);
    expect(tiersOf([a, b, c], { ...nothing, authorities: [byRsa.name, ecdsaRoot.name] })).toEqual([
      [a, b, c],
    ]);
  });

  test("weighs the name more than authorities, and these more than signatures", () => {
    const wish = { certificateSchemes: [rsa_pkcs1_sha256], authorities: [byEcdsa.name] };
    expect(tiersOf([b, c, a], { ...wish, serverName: "a.test" })).toEqual([[a], [c], [b]]);
  });

  test("passes a chain over that cannot be read, and keeps it as a last choice", () => {
    const opaque = { certificateChain: [Uint8Array.of(1, 2, 3)], key: idleKey("P-256") };
    expect(tiersOf([opaque, a], { ...nothing, serverName: "a.test" })).toEqual([[a], [opaque]]);
  });

  test("looks at a chain again that a credential has got since", () => {
    const changing: { certificateChain: readonly Uint8Array[]; key: SigningKey } = { ...a };
    expect(tiersOf([c, changing], { ...nothing, serverName: "a.test" })).toEqual([[changing], [c]]);
    changing.certificateChain = c.certificateChain;
    expect(tiersOf([c, changing], { ...nothing, serverName: "a.test" })).toEqual([[c, changing]]);
  });
});

describe("a server", () => {
  const ecdsa = credentialFor("a.test", [byEcdsa]);
  const rsa = credentialFor("b.test", [byEcdsa], "RSA-2048");
  const both = credentialFor("b.test", [byEcdsa], "P-256");

  test("of TLS 1.3 takes the best credential that can sign", () => {
    const wish = { ...nothing, serverName: "b.test" };
    expect(chooseCredential([ecdsa, rsa, both], all, wish)?.credential).toBe(rsa);
    expect(chooseCredential([ecdsa, rsa, both], [ecdsa_secp256r1_sha256], wish)?.credential).toBe(both);
    // A name is no reason to fail: who has only the wrong one shows it (RFC 6066 §3).
    expect(chooseCredential([ecdsa, rsa], [ecdsa_secp256r1_sha256], wish)?.credential).toBe(ecdsa);
  });

  test("of TLS 1.2 takes the better credential before the better suite", async () => {
    const provider = nobleProvider();
    const { settings } = new ServerConfig({ provider, credentials: [await toyCredential("any")] });
    const hello = (serverName: string | null) => ({
      serverName,
      body: {
        legacyVersion: 0x0303,
        random: new Uint8Array(32),
        legacySessionId: new Uint8Array(),
        cipherSuites: settings.tls12Suites.map(({ id }) => id),
        legacyCompressionMethods: Uint8Array.of(0),
        extensions: { supportedGroups: settings.groups.map(({ id }) => id), signatureAlgorithms: all },
      },
      alpn: [],
      extendedMainSecret: true,
      secureRenegotiation: true,
    });
    const chosen = (serverName: string | null) => choose12(settings, [ecdsa, rsa], hello(serverName));
    expect(chosen(null).suite.authentication).toBe("ecdsa");
    expect(chosen("a.test")).toMatchObject({ credential: ecdsa, suite: { authentication: "ecdsa" } });
    expect(chosen("b.test")).toMatchObject({ credential: rsa, suite: { authentication: "rsa" } });
  });
});
