import { describe, expect, test } from "vitest";

import { TlsAlert } from "../../src/alert.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import {
  ecdsa_secp256r1_sha256,
  ecdsa_secp384r1_sha384,
  ecdsa_secp521r1_sha512,
} from "../../src/crypto/signatures/ecdsa.ts";
import { ed25519 } from "../../src/crypto/signatures/ed25519.ts";
import {
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
  rsa_pss_pss_sha256,
  rsa_pss_pss_sha384,
  rsa_pss_pss_sha512,
  rsa_pss_rsae_sha256,
  rsa_pss_rsae_sha384,
  rsa_pss_rsae_sha512,
} from "../../src/crypto/signatures/rsa.ts";
import { fromHex } from "../support/hex.ts";
import { caseName, wycheproofGroups, wycheproofTest } from "./wycheproof.ts";

interface VerifyGroup {
  readonly publicKeyDer: string;
}

interface VerifyCase {
  readonly msg: string;
  readonly sig: string;
}

const files: readonly {
  readonly verifier: SignatureVerifier;
  readonly file: string;
  readonly cases: number;
}[] = [
  { verifier: ecdsa_secp256r1_sha256, file: "ecdsa_secp256r1_sha256", cases: 484 },
  { verifier: ecdsa_secp384r1_sha384, file: "ecdsa_secp384r1_sha384", cases: 504 },
  { verifier: ecdsa_secp521r1_sha512, file: "ecdsa_secp521r1_sha512", cases: 542 },
  { verifier: ecdsa_secp521r1_sha512, file: "ecdsa_secp256r1_sha512", cases: 554 },
  { verifier: ecdsa_secp256r1_sha256, file: "ecdsa_secp384r1_sha256", cases: 472 },
  { verifier: ecdsa_secp521r1_sha512, file: "ecdsa_secp384r1_sha512", cases: 542 },
  { verifier: ed25519, file: "ed25519", cases: 151 },
  { verifier: rsa_pkcs1_sha256, file: "rsa_signature_2048_sha256", cases: 259 },
  { verifier: rsa_pkcs1_sha384, file: "rsa_signature_2048_sha384", cases: 258 },
  { verifier: rsa_pkcs1_sha512, file: "rsa_signature_2048_sha512", cases: 259 },
  { verifier: rsa_pkcs1_sha256, file: "rsa_signature_3072_sha256", cases: 259 },
  { verifier: rsa_pkcs1_sha384, file: "rsa_signature_3072_sha384", cases: 259 },
  { verifier: rsa_pkcs1_sha512, file: "rsa_signature_3072_sha512", cases: 260 },
  { verifier: rsa_pkcs1_sha256, file: "rsa_signature_4096_sha256", cases: 258 },
  { verifier: rsa_pkcs1_sha384, file: "rsa_signature_4096_sha384", cases: 259 },
  { verifier: rsa_pkcs1_sha512, file: "rsa_signature_4096_sha512", cases: 259 },
  { verifier: rsa_pkcs1_sha256, file: "rsa_signature_8192_sha256", cases: 258 },
  { verifier: rsa_pkcs1_sha384, file: "rsa_signature_8192_sha384", cases: 259 },
  { verifier: rsa_pkcs1_sha512, file: "rsa_signature_8192_sha512", cases: 259 },
];

describe.each(files)("$verifier.name", ({ verifier, file, cases }) => {
  wycheproofTest(`agrees with all ${cases} cases of ${file}; what is merely acceptable is refused`, () => {
    const count = { valid: 0, refused: 0 };
    for (const { publicKeyDer, tests } of wycheproofGroups<VerifyGroup, VerifyCase>(file)) {
      const key = fromHex(publicKeyDer);
      for (const vector of tests) {
        const verified = verifier.verify(key, fromHex(vector.msg), fromHex(vector.sig));
        expect(verified, caseName(vector)).toBe(vector.result === "valid");
        count[vector.result === "valid" ? "valid" : "refused"]++;
      }
    }
    expect(count.valid + count.refused).toBe(cases);
    expect(count.valid).toBeGreaterThanOrEqual(7);
  });
});

interface PssGroup extends VerifyGroup {
  readonly sha: string;
  readonly mgfSha: string;
  readonly sLen: number;
}

const digestLength = new Map([
  ["SHA-256", 32],
  ["SHA-384", 48],
  ["SHA-512", 64],
]);

const pssFiles = [
  { file: "rsa_pss_2048_sha1_mgf1_20", inScope: 0, outOfScope: 88 },
  { file: "rsa_pss_2048_sha1_mgf1_20_params", inScope: 0, outOfScope: 88 },
  { file: "rsa_pss_2048_sha256_mgf1_0", inScope: 0, outOfScope: 103 },
  { file: "rsa_pss_2048_sha256_mgf1_0_params", inScope: 0, outOfScope: 103 },
  { file: "rsa_pss_2048_sha256_mgf1_32", inScope: 108, outOfScope: 0 },
  { file: "rsa_pss_2048_sha256_mgf1_32_params", inScope: 108, outOfScope: 0 },
  { file: "rsa_pss_2048_sha384_mgf1_48", inScope: 141, outOfScope: 0 },
  { file: "rsa_pss_3072_sha256_mgf1_32", inScope: 108, outOfScope: 0 },
  { file: "rsa_pss_3072_sha256_mgf1_32_params", inScope: 108, outOfScope: 0 },
  { file: "rsa_pss_4096_sha256_mgf1_32", inScope: 108, outOfScope: 0 },
  { file: "rsa_pss_4096_sha384_mgf1_48", inScope: 141, outOfScope: 0 },
  { file: "rsa_pss_4096_sha512_mgf1_32", inScope: 0, outOfScope: 177 },
  { file: "rsa_pss_4096_sha512_mgf1_32_params", inScope: 0, outOfScope: 177 },
  { file: "rsa_pss_4096_sha512_mgf1_64", inScope: 179, outOfScope: 0 },
  { file: "rsa_pss_4096_sha512_mgf1_64_params", inScope: 179, outOfScope: 0 },
  { file: "rsa_pss_misc", inScope: 3, outOfScope: 147 },
  { file: "rsa_pss_misc_params", inScope: 3, outOfScope: 147 },
];

describe.each(pssFiles)("RSASSA-PSS as TLS has it", ({ file, inScope, outOfScope }) => {
  const schemes = file.endsWith("_params")
    ? [rsa_pss_pss_sha256, rsa_pss_pss_sha384, rsa_pss_pss_sha512]
    : [rsa_pss_rsae_sha256, rsa_pss_rsae_sha384, rsa_pss_rsae_sha512];
  wycheproofTest(
    `agrees with ${inScope} cases of ${file}, and refuses the ${outOfScope} with other parameters under every scheme`,
    () => {
      const count = { inScope: 0, outOfScope: 0 };
      for (const { publicKeyDer, sha, mgfSha, sLen, tests } of wycheproofGroups<PssGroup, VerifyCase>(file)) {
        const key = fromHex(publicKeyDer);
        const isInScope = sha === mgfSha && sLen === digestLength.get(sha);
        count[isInScope ? "inScope" : "outOfScope"] += tests.length;
        const scheme = schemes.find(({ name }) => name.endsWith(sha.replace("-", "").toLowerCase()));
        for (const vector of tests) {
          // One case each is invalid for Wycheproof, as its salt is as long as TLS wants it.
          const hasTlsSalt = vector.comment === `s_len changed to ${digestLength.get(sha)}`;
          for (const verifier of schemes) {
            const expected = verifier === scheme && (isInScope ? vector.result === "valid" : hasTlsSalt);
            expect(verdict(verifier, key, vector), `${verifier.name}: ${caseName(vector)}`).toBe(expected);
          }
        }
      }
      expect(count).toEqual({ inScope, outOfScope });
    },
  );
});

/** A key whose parameters exclude the scheme refuses its signatures, too. */
function verdict(verifier: SignatureVerifier, key: Uint8Array, { msg, sig }: VerifyCase): boolean {
  try {
    return verifier.verify(key, fromHex(msg), fromHex(sig)) as boolean;
  } catch (error) {
    if (error instanceof TlsAlert && error.alert === "unsupported_certificate") return false;
    throw error;
  }
}

test("only the rsa_pkcs1 schemes are barred from a CertificateVerify of TLS 1.3", () => {
  for (const { verifier } of files) {
    expect(verifier.inHandshake).toBe(!verifier.name.startsWith("rsa_pkcs1_"));
  }
});

test("the ECDSA schemes are for every curve in TLS 1.2, and for one in TLS 1.3; all others are for one kind of key", () => {
  const curves = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"];
  const ecdsa = [ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ecdsa_secp521r1_sha512];
  expect(ecdsa.map(({ keyType }) => keyType)).toEqual(curves);
  for (const { tls12KeyTypes } of ecdsa) expect(tls12KeyTypes).toEqual(curves);
  const pss = [rsa_pss_rsae_sha256, rsa_pss_rsae_sha384, rsa_pss_rsae_sha512];
  for (const { keyType, tls12KeyTypes } of [...pss, rsa_pkcs1_sha256, rsa_pkcs1_sha384, rsa_pkcs1_sha512]) {
    expect([keyType, ...tls12KeyTypes]).toEqual(["rsa", "rsa"]);
  }
  for (const { keyType, tls12KeyTypes } of [rsa_pss_pss_sha256, rsa_pss_pss_sha384, rsa_pss_pss_sha512]) {
    expect([keyType, ...tls12KeyTypes]).toEqual(["rsa-pss", "rsa-pss"]);
  }
  expect([ed25519.keyType, ...ed25519.tls12KeyTypes]).toEqual(["ed25519", "ed25519"]);
});
