import { constants, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { credential } from "../../src/config/credential.ts";
import { signingKeyFromPem } from "../../src/crypto/private-key.ts";
import type { SigningKey } from "../../src/crypto/provider.ts";
import { DerTag } from "../../src/der/tags.ts";
import { ConfigError } from "../../src/errors.ts";
import { type Authority, issue } from "../../src/minting.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { buildName } from "../x509/certificate-builder.ts";
import {
  extendedKeyUsage,
  type Issued,
  issueAuthority,
  issueLeaf,
  issueRoot,
  keyUsage,
  NOW_SECONDS,
  testKey,
} from "../x509/issuing.ts";
import { expectAccepted, objections } from "./acceptance.ts";

const NOW_MS = 1000 * NOW_SECONDS;

const options = { names: ["localhost"], usage: "server", now: () => NOW_MS } as const;

describe("an authority that was made elsewhere", () => {
  test("has the chain up to the root, which is left out unless it is asked for", async () => {
    const foreignRoot = issueRoot({ subject: "foreign root" });
    const intermediate = issueAuthority(foreignRoot);
    const authority = authorityOf(intermediate, undefined, foreignRoot);
    const issued = await issue(authority, options);
    expect(issued.certificateChain).toEqual([issued.certificate, intermediate.der]);
    const at = { nowSeconds: NOW_SECONDS };
    expect(await objections(issued.certificateChain, foreignRoot.der, at)).toEqual([]);
    expect(await objections([issued.certificate], foreignRoot.der, at)).toHaveLength(2);
    const whole = await issue(authority, { ...options, includeRoot: true });
    expect(whole.certificateChain).toEqual([whole.certificate, intermediate.der, foreignRoot.der]);
  });

  test.for<[kind: string, tag: number, text: string]>([
    ["UTF8String", DerTag.UTF8String, "Z\u00c3\u00abrtificates"],
    ["PrintableString", DerTag.PrintableString, "under_score@"],
    ["TeletexString", DerTag.TeletexString, "Z\u00ebrtificates"],
    ["BMPString", DerTag.BMPString, "\u0000Z\u0001\u0042"],
  ])("keeps its name, which is a %s, byte for byte", async ([, tag, text]) => {
    const subject = buildName(["2.5.4.6", DerTag.PrintableString, "XX"], ["2.5.4.3", tag, text]);
    const foreign = issueRoot({ subject });
    const issued = await issue(authorityOf(foreign), options);
    expect(decodeCertificate(issued.certificate).issuer).toEqual(foreign.name);
    await expectAccepted(issued, foreign.der, { nowSeconds: NOW_SECONDS });
  });

  test("may have a key identifier of any kind, or none", async () => {
    const named = issueRoot();
    const { certificate } = await issue(authorityOf(named), options);
    expect(decodeCertificate(certificate).extensions.authorityKeyIdentifier).toMatchObject({
      keyIdentifier: named.key.keyIdentifier,
    });
    const nameless = issueRoot({ extensions: { subjectKeyIdentifier: null } });
    const issued = await issue(authorityOf(nameless), options);
    const { authorityKeyIdentifier } = decodeCertificate(issued.certificate).extensions;
    expect(authorityKeyIdentifier?.keyIdentifier).toHaveLength(20);
  });

  test("may have a key of id-RSASSA-PSS", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
    const key = signingKeyFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const subjectPublicKeyInfo = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
    const foreign = issueRoot({ key: { ...testKey(), subjectPublicKeyInfo } });
    const issued = await issue(authorityOf(foreign, key), options);
    await expectAccepted(issued, foreign.der, { nowSeconds: NOW_SECONDS });
  });

  test.for<[scheme: number, hash: string, padding: number]>([
    [0x0401, "sha256", constants.RSA_PKCS1_PADDING],
    [0x0601, "sha512", constants.RSA_PKCS1_PADDING],
    [0x0804, "sha256", constants.RSA_PKCS1_PSS_PADDING],
    [0x0805, "sha384", constants.RSA_PKCS1_PSS_PADDING],
  ])("may have an RSA key elsewhere, which signs scheme %i alone", async ([scheme, hash, padding]) => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const subjectPublicKeyInfo = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
    const foreign = issueRoot({ key: { ...testKey(), subjectPublicKeyInfo } });
    const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
    const asked: number[] = [];
    const key: SigningKey = {
      keyType: "rsa",
      schemes: padding === constants.RSA_PKCS1_PADDING ? [] : [scheme],
      tls12Schemes: [scheme],
      subjectPublicKeyInfo,
      sign: (id, message) => {
        asked.push(id);
        return Promise.resolve(new Uint8Array(sign(hash, message, { key: privateKey, padding, saltLength })));
      },
    };
    const issued = await issue(authorityOf(foreign, key), options);
    expect(asked).toEqual([scheme]);
    await expectAccepted(issued, foreign.der, { nowSeconds: NOW_SECONDS });
  });

  test.for<[why: string, authority: () => Authority, allowed: string]>([
    [
      "is no authority",
      () => authorityOf(issueLeaf(issueRoot())),
      "basicConstraints does not say that it is an authority",
    ],
    [
      "may not sign certificates",
      () => authorityOf(issueRoot({ extensions: { keyUsage: keyUsage("cRLSign") } })),
      "keyUsage does not permit to sign certificates",
    ],
    [
      "issues for clients alone",
      () => authorityOf(issueRoot({ extensions: { extKeyUsage: extendedKeyUsage("1.3.6.1.5.5.7.3.2") } })),
      "extendedKeyUsage does not allow to issue for a server",
    ],
    [
      "is expired",
      () => authorityOf(issueRoot({ notAfter: "260501000000Z" })),
      "notAfter 2026-05-01T00:00:00Z",
    ],
    [
      "is not yet valid",
      () => authorityOf(issueRoot({ notBefore: "260701000000Z" })),
      "notBefore 2026-07-01",
    ],
    [
      "has a key that signs nothing",
      () => {
        const foreign = issueRoot();
        return authorityOf(foreign, { ...keyElsewhere(foreign), schemes: [0x0708] });
      },
      "a key that signs one of the schemes",
    ],
    ["has no certificate", () => ({ ...authorityOf(issueRoot()), certificateChain: [] }), "at least one"],
    [
      "has a certificate that is none",
      () => ({ ...authorityOf(issueRoot()), certificateChain: [Uint8Array.of(0x30, 0)] }),
      "PEM or DER",
    ],
  ])("is refused when it %s", async ([, authority, allowed]) => {
    const refusal = await issue(authority(), options).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toMatchObject({ option: "authority", message: expect.stringContaining(allowed) });
  });
});

/** A credential of a test certificate, whose key is elsewhere; it signs as an ECDSA key on P-256 does, unless another is given. */
function authorityOf(
  issued: Issued,
  key: SigningKey = keyElsewhere(issued),
  ...behind: readonly Issued[]
): Authority {
  return credential({ certificateChain: [issued.der, ...behind.map(({ der }) => der)], key });
}

function keyElsewhere({ key }: Issued): SigningKey {
  return {
    keyType: "ecdsa-p256",
    schemes: [0x0403],
    subjectPublicKeyInfo: key.subjectPublicKeyInfo,
    sign: (_scheme, message) => Promise.resolve(key.sign(message)),
  };
}
