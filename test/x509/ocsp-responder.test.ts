import { afterAll, describe, expect, test } from "vitest";

import { check, checkCounting, goodBy, unusable } from "./ocsp-checks.ts";
import {
  type Holder,
  noOpenssl,
  OCSP_SIGNING,
  OpensslAuthorities,
  OpensslAuthority,
} from "./ocsp-openssl.ts";

describe.skipIf(noOpenssl !== undefined)(`responders of openssl (${noOpenssl ?? "it is here"})`, () => {
  const authorities = new OpensslAuthorities();
  afterAll(() => authorities.remove());

  describe("of a responder", () => {
    const sameName = () =>
      new OpensslAuthority(authorities.folder, "false authority", "P-256", "Authority with P-256");
    test.each<{
      readonly what: string;
      readonly signer: (authority: OpensslAuthority) => Holder;
      readonly says: string;
    }>([
      {
        what: "without a purpose",
        signer: (ca) => ca.issue("r"),
        says: "extendedKeyUsage does not allow to sign OCSP responses",
      },
      {
        what: "for other purposes",
        signer: (ca) => ca.issue("r", ["extendedKeyUsage=serverAuth,clientAuth"]),
        says: "extendedKeyUsage does not allow to sign OCSP responses",
      },
      {
        what: "for any purpose",
        signer: (ca) => ca.issue("r", ["extendedKeyUsage=anyExtendedKeyUsage"]),
        says: "extendedKeyUsage does not allow to sign OCSP responses",
      },
      {
        what: "whose key is for something else",
        signer: (ca) => ca.issue("r", [...OCSP_SIGNING, "keyUsage=keyAgreement"]),
        says: "keyUsage does not permit signatures",
      },
      {
        what: "that is an authority",
        signer: (ca) => ca.issue("r", [...OCSP_SIGNING, "basicConstraints=critical,CA:TRUE"]),
        says: "it is that of an authority",
      },
      {
        what: "with an unknown critical extension",
        signer: (ca) => ca.issue("r", [...OCSP_SIGNING, "1.2.3.4=critical,ASN1:NULL"]),
        says: "critical extension 1.2.3.4 is not known",
      },
      {
        what: "of another authority",
        signer: () => authorities.with("Ed25519").issue("r", OCSP_SIGNING),
        says: "it is of another issuer",
      },
      {
        what: "of another authority with the same name",
        signer: () => sameName().issue("r", OCSP_SIGNING),
        says: "the key of CN=Authority with P-256 did not sign it",
      },
      {
        what: "that is another authority with the same name",
        signer: sameName,
        says: "the key of CN=Authority with P-256 did not sign it",
      },
      {
        what: "that is another authority",
        signer: () => authorities.with("Ed25519"),
        says: "of another issuer",
      },
    ])("$what, a response is unusable: $says", ({ signer, says }) => {
      const authority = authorities.with("P-256");
      const { leaf } = authority;
      const response = authority.respond([leaf], { signer: signer(authority) });
      expect(checkCounting(response, leaf, authority)).toEqual({
        verdict: unusable(says),
        signatureChecks: says.endsWith("did not sign it") ? 1 : 0,
      });
    });

    test.each([
      ["with nocheck", [...OCSP_SIGNING, "noCheck=ignored"]],
      [
        "with both kinds of signatures",
        [...OCSP_SIGNING, "keyUsage=critical,digitalSignature,nonRepudiation"],
      ],
      ["with nonRepudiation alone", [...OCSP_SIGNING, "keyUsage=nonRepudiation"]],
      ["with more purposes", ["extendedKeyUsage=critical,clientAuth,OCSPSigning"]],
      ["that is expressly no authority", [...OCSP_SIGNING, "basicConstraints=critical,CA:FALSE"]],
    ])("%s, a response is good", (_what, extensions) => {
      const authority = authorities.with("P-256");
      const { leaf } = authority;
      const response = authority.respond([leaf], { signer: authority.issue("r", extensions) });
      expect(check(response, leaf, authority)).toEqual(goodBy(response));
    });

    test("with a key of another kind than the issuer's, a response is good", () => {
      const authority = authorities.with("RSA 2048");
      const { leaf } = authority;
      const response = authority.respond([leaf], {
        signer: authority.responder("Ed25519"),
      });
      expect(check(response, leaf, authority)).toEqual(goodBy(response));
    });

    test("whose certificate is not there, a response is unusable", () => {
      const authority = authorities.with("P-256");
      const { leaf } = authority;
      const signer = authority.responder("P-256");
      const response = authority.respond([leaf], { signer, options: ["-ndays", "1", "-resp_no_certs"] });
      expect(check(response, leaf, authority)).toEqual(unusable("neither the issuer nor anyone"));
    });

    test("whose certificate comes with the issuer's, a response is good", () => {
      const authority = authorities.with("P-256");
      const { leaf } = authority;
      const signer = authority.responder("P-256");
      const rother = ["-rother", authority.certificateFile];
      const response = authority.respond([leaf], { signer, options: ["-ndays", "1", ...rother] });
      expect(check(response, leaf, authority)).toEqual(goodBy(response));
    });

    test("whose certificate is not valid now, a response is unusable", () => {
      const authority = authorities.with("P-256");
      const { leaf } = authority;
      const signer = authority.issue("r", OCSP_SIGNING, { days: 1 });
      const response = authority.respond([leaf], { signer, options: ["-ndays", "30"] });
      const { notBeforeSeconds, notAfterSeconds } = signer.certificate;
      const at = (nowSeconds: number) => check(response, leaf, authority, { nowSeconds });
      for (const now of [notBeforeSeconds, notAfterSeconds, notAfterSeconds + 0.9])
        expect(at(now)).toEqual(goodBy(response));
      expect(at(notBeforeSeconds - 1)).toEqual(unusable("notBefore"));
      expect(at(notAfterSeconds + 1)).toEqual(unusable("notAfter"));
    });
  });

  test("a leaf vouches for itself only with the purpose", () => {
    const authority = authorities.with("P-256");
    const leaf = authority.issue("leaf", ["extendedKeyUsage=serverAuth"]);
    expect(check(authority.respond([leaf], { signer: leaf }), leaf, authority)).toEqual(
      unusable("extendedKeyUsage does not allow"),
    );
  });
});
