import { afterAll, describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import { DerError } from "../../src/der/reader.ts";
import { decodeOcspResponse } from "../../src/x509/ocsp-response.ts";
import { checkOcspResponse, hasMustStaple, type OcspQuestion } from "../../src/x509/ocsp.ts";
import { check, checkCounting, goodBy, singleOf, unusable } from "./ocsp-checks.ts";
import { type Key, KEYS, noOpenssl, OpensslAuthorities, OpensslAuthority } from "./ocsp-openssl.ts";

const DAY = 86_400;
const SKEW = 300;

describe.skipIf(noOpenssl !== undefined)(`responses of openssl (${noOpenssl ?? "it is here"})`, () => {
  const authorities = new OpensslAuthorities();
  afterAll(() => authorities.remove());

  describe.each(Object.keys(KEYS) as Key[])("signed with %s", (key) => {
    const cases = (["the issuer", "a responder"] as const).flatMap((by) =>
      (["name", "key"] as const).flatMap((id) =>
        (["sha1", "sha256"] as const).map((digest) => [by, id, digest] as const),
      ),
    );
    test.each(cases)("by %s, who is named by %s, about a %s CertID, are good", (by, id, digest) => {
      const authority = authorities.with(key);
      const { leaf } = authority;
      const signer = by === "the issuer" ? authority : authority.responder(key);
      const options = ["-ndays", "3", ...(id === "key" ? ["-resp_key_id"] : [])];
      const response = authority.respond([leaf], { signer, digest, options });
      expect(checkCounting(response, leaf, authority)).toEqual({
        verdict: goodBy(response),
        signatureChecks: by === "the issuer" ? 1 : 2,
      });
      const { thisUpdateSeconds, nextUpdateSeconds } = singleOf(response);
      expect(nextUpdateSeconds).toBe(thisUpdateSeconds + 3 * DAY);
    });

    test("say that a certificate is revoked, and since when", () => {
      const authority = authorities.with(key);
      const leaf = authority.issue("leaf", [], { entry: "R\t491231235959Z\t260102030405Z" });
      expect(check(authority.respond([leaf]), leaf, authority)).toEqual({
        status: "revoked",
        atSeconds: Date.UTC(2026, 0, 2, 3, 4, 5) / 1000,
        reason: undefined,
      });
    });

    test("say nothing about a certificate that the authority does not know", () => {
      const authority = authorities.with(key);
      const leaf = authority.issue("leaf", [], { entry: null });
      expect(check(authority.respond([leaf]), leaf, authority)).toEqual(
        unusable("the responder does not know the certificate"),
      );
    });

    test("are unusable with another signature", () => {
      const authority = authorities.with(key);
      const { leaf } = authority;
      const response = authority.respond([leaf], { options: ["-ndays", "3", "-badsig"] });
      expect(check(response, leaf, authority)).toEqual(unusable("did not sign it"));
    });
  });

  test.each([
    ["unspecified", "unspecified"],
    ["keyCompromise", "keyCompromise"],
    ["CACompromise", "cACompromise"],
    ["affiliationChanged", "affiliationChanged"],
    ["superseded", "superseded"],
    ["cessationOfOperation", "cessationOfOperation"],
    ["certificateHold", "certificateHold"],
    ["removeFromCRL", "removeFromCRL"],
  ])("the reason %s is read", (written, reason) => {
    const authority = authorities.with("P-256");
    const leaf = authority.issue("leaf", [], { entry: `R\t491231235959Z\t251231235959Z,${written}` });
    expect(check(authority.respond([leaf]), leaf, authority)).toEqual({
      status: "revoked",
      atSeconds: Date.UTC(2025, 11, 31, 23, 59, 59) / 1000,
      reason,
    });
  });

  test.each(["sha1", "sha256"] as const)("openssl reads the same in a response with %s", (digest) => {
    const authority = authorities.with("P-256");
    const leaf = authority.issue("leaf", [], { entry: "R\t491231235959Z\t251231235959Z,superseded" });
    const response = authority.respond([leaf], { digest, options: ["-nmin", "90", "-resp_key_id"] });
    const shown = authority.show(response);
    const field = (name: string) => new RegExp(`${name}: (.+)`).exec(shown)?.[1]?.trim();
    const seconds = (name: string) => Date.parse(field(name) ?? "") / 1000;
    const decoded = decodeOcspResponse(response);
    const basic = decoded.responseStatus === "successful" ? decoded.basic : undefined;
    const { certId, certStatus, thisUpdateSeconds, nextUpdateSeconds } = singleOf(response);
    expect(thisUpdateSeconds).toBe(seconds("This Update"));
    expect(nextUpdateSeconds).toBe(seconds("Next Update"));
    expect(basic?.producedAtSeconds).toBe(seconds("Produced At"));
    expect(certStatus).toMatchObject({ kind: "revoked", atSeconds: seconds("Revocation Time") });
    expect(field("Revocation Reason")).toContain("superseded");
    expect(hex(certId.issuerNameHash)).toBe(field("Issuer Name Hash")?.toLowerCase());
    expect(hex(certId.issuerKeyHash)).toBe(field("Issuer Key Hash")?.toLowerCase());
    expect(hex(certId.serialNumber)).toBe(field("Serial Number")?.toLowerCase());
    const id = basic?.responderId;
    expect(id?.kind === "byKey" && hex(id.keyHash)).toBe(field("Responder Id")?.toLowerCase());
  });

  test("RSASSA-PSS is accepted with a salt as long as the hash, and RSA with SHA-1 is not", () => {
    const authority = authorities.with("RSA 2048");
    const { leaf } = authority;
    const respond = (...options: readonly string[]) =>
      authority.respond([leaf], { options: ["-ndays", "1", ...options] });
    const pss = ["-rmd", "sha384", "-rsigopt", "rsa_padding_mode:pss", "-rsigopt"];
    const good = respond(...pss, "rsa_pss_saltlen:digest");
    expect(check(good, leaf, authority)).toEqual(goodBy(good));
    for (const other of [respond(...pss, "rsa_pss_saltlen:20"), respond("-rmd", "sha1")])
      expect(check(other, leaf, authority)).toEqual(unusable("algorithm that is not accepted"));
    const verifiers = nobleSignatureVerifiers.filter(({ name }) => name !== "rsa_pss_rsae_sha384");
    expect(check(good, leaf, authority, { verifiers })).toEqual(unusable("algorithm that is not accepted"));
  });

  test("both ends of its time belong to it, and the clocks may differ", () => {
    const authority = authorities.with("P-256");
    const { leaf } = authority;
    const response = authority.respond([leaf], { options: ["-nmin", "10"] });
    const { thisUpdateSeconds: start } = singleOf(response);
    const at = (nowSeconds: number, clockSkewSeconds?: number) =>
      check(response, leaf, authority, {
        nowSeconds,
        ...(clockSkewSeconds !== undefined && { clockSkewSeconds }),
      });
    for (const now of [start - SKEW, start, start + 600 + SKEW, start + 600 + SKEW + 0.9])
      expect(at(now), String(now - start)).toEqual(goodBy(response));
    expect(at(start - SKEW - 0.1)).toEqual(unusable("is in the future"));
    expect(at(start + 600 + SKEW + 1)).toEqual(unusable("is over"));
    for (const now of [start, start + 600]) expect(at(now, 0)).toEqual(goodBy(response));
    expect(at(start - 1, 0)).toEqual(unusable("is in the future"));
    expect(at(start + 601, 0)).toEqual(unusable("is over"));
    for (const now of [NaN, Infinity, -Infinity]) expect(at(now).status).toBe("unusable");
    expect(at(start, NaN).status).toBe("unusable");
  });

  test("without nextUpdate, its age is limited", () => {
    const authority = authorities.with("P-256");
    const { leaf } = authority;
    const response = authority.respond([leaf], { options: [] });
    const { thisUpdateSeconds: start, nextUpdateSeconds } = singleOf(response);
    expect(nextUpdateSeconds).toBeUndefined();
    const at = (nowSeconds: number, options: Partial<OcspQuestion> = {}) =>
      check(response, leaf, authority, { nowSeconds, ...options });
    expect(at(start + DAY + SKEW)).toEqual(goodBy(response));
    expect(at(start + DAY + SKEW + 1)).toEqual(unusable("more than 86400 s ago"));
    expect(at(start + 60, { maxAgeSeconds: 60, clockSkewSeconds: 0 })).toEqual(goodBy(response));
    expect(at(start + 61, { maxAgeSeconds: 60, clockSkewSeconds: 0 })).toEqual(
      unusable("more than 60 s ago"),
    );
    expect(at(start, { maxAgeSeconds: NaN }).status).toBe("unusable");
  });

  test("a revoked certificate is not revoked by a response of last month", () => {
    const authority = authorities.with("P-256");
    const leaf = authority.issue("leaf", [], { entry: "R\t491231235959Z\t251231235959Z,certificateHold" });
    const response = authority.respond([leaf]);
    const nowSeconds = Date.now() / 1000 + 30 * DAY;
    expect(check(response, leaf, authority, { nowSeconds })).toEqual(unusable("is over"));
  });

  test("it is about one certificate of one issuer", () => {
    const authority = authorities.with("P-256");
    const namesake = new OpensslAuthority(authorities.folder, "namesake", "P-256", "Authority with P-256");
    const stranger = authorities.with("Ed25519");
    const { leaf } = authority;
    const other = authority.issue("other");
    const isOther = unusable("it is not about the certificate");
    for (const digest of ["sha1", "sha256"] as const) {
      const response = authority.respond([leaf], { digest });
      expect(check(response, leaf, authority)).toEqual(goodBy(response));
      expect(check(response, other, authority)).toEqual(isOther);
      expect(check(response, leaf, namesake)).toEqual(isOther);
      expect(check(response, leaf, stranger)).toEqual(isOther);
      expect(check(response, stranger.issue("leaf"), authority)).toEqual(isOther);
      expect(check(authority.respond([leaf, other], { digest }), other, authority).status).toBe("good");
    }
  });

  test("of answers about several certificates, each has its own", () => {
    const authority = authorities.with("P-256");
    const [good, revoked, unknown] = [
      authority.issue("good"),
      authority.issue("revoked", [], { entry: "R\t491231235959Z\t251231235959Z" }),
      authority.issue("unknown", [], { entry: null }),
    ];
    const response = authority.respond([good, revoked, unknown]);
    const statuses = [good, revoked, unknown].map((leaf) => check(response, leaf, authority).status);
    expect(statuses).toEqual(["good", "revoked", "unusable"]);
  });

  test.each([
    ["the issuer without certificates", false, ["-resp_no_certs"]],
    ["the issuer with its own certificate", false, []],
    ["a responder", true, []],
  ])("a response of %s with any byte changed is unusable, or says the same", (_who, isDelegated, options) => {
    const authority = authorities.with("RSA 2048");
    const { leaf } = authority;
    const signer = isDelegated ? authority.responder("RSA 2048") : authority;
    const response = authority.respond([leaf], { signer, options: ["-ndays", "7", ...options] });
    const expected = goodBy(response);
    const own = decodeOcspResponse(response);
    const sent = own.responseStatus === "successful" ? (own.basic.certificates[0]?.length ?? 0) : 0;
    let same = 0;
    for (const [at, byte] of response.entries()) {
      for (const change of [1 << (at & 7), 0xff]) {
        const changed = response.slice();
        changed[at] = byte ^ change;
        const verdict = check(changed, leaf, authority);
        if (verdict.status === "unusable") continue;
        expect(verdict, `byte ${at} ^ ${change}`).toEqual(expected);
        same++;
      }
    }
    // The issuer's own certificate is not needed: whatever its insides are, nobody looks.
    expect(sent > 0).toBe(options.length === 0);
    const needless = isDelegated ? 0 : 2 * sent;
    expect(same).toBeLessThanOrEqual(needless);
    expect(same).toBeGreaterThanOrEqual(needless * 0.9);
  });

  test("a response that is cut anywhere, or has anything behind it, is malformed", () => {
    const authority = authorities.with("P-256");
    const { leaf } = authority;
    const signer = authority.responder("P-256");
    const response = authority.respond([leaf], { signer });
    for (let length = 0; length < response.length; length++) {
      const cut = response.subarray(0, length);
      expect(() => decodeOcspResponse(cut), String(length)).toThrow(DerError);
      expect(check(cut, leaf, authority), String(length)).toEqual(unusable("it is malformed"));
    }
    const longer = new Uint8Array(response.length + 1);
    longer.set(response);
    expect(check(longer, leaf, authority)).toEqual(unusable("it is malformed"));
  });

  test("verifiers that answer later give the same verdict later, and what they throw is passed on", async () => {
    const authority = authorities.with("P-256");
    const { leaf } = authority;
    const response = authority.respond([leaf], { signer: authority.responder("P-256") });
    const question = {
      response,
      certificate: leaf.certificate,
      issuer: authority.certificate,
      nowSeconds: Date.now() / 1000,
    };
    const later = (verify: SignatureVerifier["verify"]) =>
      nobleSignatureVerifiers.map((verifier) => ({ ...verifier, verify }));
    const asked: number[] = [];
    const verdict = checkOcspResponse({
      ...question,
      verifiers: nobleSignatureVerifiers.map((verifier) => ({
        ...verifier,
        verify: async (...args: Parameters<SignatureVerifier["verify"]>) => {
          asked.push(verifier.id);
          return await verifier.verify(...args);
        },
      })),
    });
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toEqual(goodBy(response));
    expect(asked).toEqual([0x0403, 0x0403]);
    expect(await checkOcspResponse({ ...question, verifiers: later(() => Promise.resolve(false)) })).toEqual(
      unusable("did not sign it"),
    );
    const fault = new Error("the HSM is gone");
    const failing = checkOcspResponse({ ...question, verifiers: later(() => Promise.reject(fault)) });
    await expect(Promise.resolve(failing)).rejects.toBe(fault);
    expect(() =>
      checkOcspResponse({
        ...question,
        verifiers: later(() => {
          throw fault;
        }),
      }),
    ).toThrow(fault);
  });

  test.each([
    ["status_request", true],
    ["5", true],
    ["17,5", true],
    ["status_request_v2", false],
  ])("tlsfeature=%s promises a response: %s", (features, expected) => {
    const { certificate } = authorities.with("P-256").issue("leaf", [`tlsfeature=${features}`]);
    expect(hasMustStaple(certificate)).toBe(expected);
  });

  test("a certificate without the extension promises no response", () => {
    expect(hasMustStaple(authorities.with("P-256").issue("leaf").certificate)).toBe(false);
  });
});
