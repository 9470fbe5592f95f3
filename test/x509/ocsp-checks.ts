import { expect } from "vitest";

import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import type { Certificate } from "../../src/x509/certificate.ts";
import { decodeOcspResponse, type SingleResponse } from "../../src/x509/ocsp-response.ts";
import { checkOcspResponse, type OcspQuestion, type OcspVerdict } from "../../src/x509/ocsp.ts";

/** Whoever has a certificate. */
interface Certified {
  readonly certificate: Certificate;
}

type CheckOptions = Partial<Omit<OcspQuestion, "response" | "certificate" | "issuer">>;

/** A verdict at once, as the verifiers are synchronous. By default now. */
export function check(
  response: Uint8Array,
  { certificate }: Certified,
  issuer: Certified,
  options: CheckOptions = {},
): OcspVerdict {
  const verdict = checkOcspResponse({
    response,
    certificate,
    issuer: issuer.certificate,
    nowSeconds: Date.now() / 1000,
    verifiers: nobleSignatureVerifiers,
    ...options,
  });
  if ("then" in verdict) throw new Error("the verdict is a promise");
  return verdict;
}

/** As {@link check}, with how many signatures were checked. */
export function checkCounting(...[response, holder, issuer, options = {}]: Parameters<typeof check>) {
  let signatureChecks = 0;
  const verifiers = nobleSignatureVerifiers.map((verifier) => ({
    ...verifier,
    verify: (...asked: Parameters<SignatureVerifier["verify"]>) => {
      signatureChecks++;
      return verifier.verify(...asked);
    },
  }));
  const verdict = check(response, holder, issuer, { verifiers, ...options });
  return { verdict, signatureChecks };
}

/** Matches a verdict whose reason has `reason` in it. */
export function unusable(reason: string): OcspVerdict {
  return { status: "unusable", reason: expect.stringContaining(reason) as string };
}

/** The verdict on a good certificate. */
export function goodBy(response: Uint8Array): OcspVerdict {
  const { thisUpdateSeconds, nextUpdateSeconds } = singleOf(response);
  return { status: "good", thisUpdateSeconds, nextUpdateSeconds };
}

/** The only answer in a response. */
export function singleOf(response: Uint8Array): SingleResponse {
  const decoded = decodeOcspResponse(response);
  const [single, ...others] = decoded.responseStatus === "successful" ? decoded.basic.responses : [];
  if (single === undefined || others.length > 0) throw new Error("there is not one answer");
  return single;
}
