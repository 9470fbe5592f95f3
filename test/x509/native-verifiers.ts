import { constants, createPublicKey, verify } from "node:crypto";

import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";

/** The verifiers of the pure provider with Node's arithmetic in place of theirs, for tests with thousands of signatures. */
export const nativeVerifiers: readonly SignatureVerifier[] = nobleSignatureVerifiers.map((verifier) => ({
  ...verifier,
  verify: (subjectPublicKeyInfo, message, signature) => {
    const key = createPublicKey({ key: Buffer.from(subjectPublicKeyInfo), format: "der", type: "spki" });
    const hash = /sha(?:256|384|512)$/.exec(verifier.name)?.[0] ?? null;
    if (!verifier.name.startsWith("rsa_pss")) return verify(hash, message, key, signature);
    const padding = {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
    return verify(hash, message, { key, ...padding }, signature);
  },
}));
