import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";

import { TlsAlert } from "../../alert.ts";
import { sha256, sha384, sha512 } from "../hashes.ts";
import type { Hash, SignatureVerifier } from "../provider.ts";
import { parsePublicKey, type EcdsaPublicKey } from "../public-key.ts";

/** ECDSA with SHA-256; TLS 1.3 has it on P-256 only. RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1. */
export const ecdsa_secp256r1_sha256: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0403,
  "ecdsa_secp256r1_sha256",
  "ecdsa-p256",
  sha256,
);

/** ECDSA with SHA-384; TLS 1.3 has it on P-384 only. RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1. */
export const ecdsa_secp384r1_sha384: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0503,
  "ecdsa_secp384r1_sha384",
  "ecdsa-p384",
  sha384,
);

/** ECDSA with SHA-512; TLS 1.3 has it on P-521 only. RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1. */
export const ecdsa_secp521r1_sha512: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0603,
  "ecdsa_secp521r1_sha512",
  "ecdsa-p521",
  sha512,
);

type EcdsaKeyType = EcdsaPublicKey["keyType"];

const curveByKeyType: Readonly<Record<EcdsaKeyType, ECDSA>> = {
  "ecdsa-p256": p256,
  "ecdsa-p384": p384,
  "ecdsa-p521": p521,
};

/** @param keyType the curve of TLS 1.3. The handshake insists on it, as a verifier does not know the version. */
function ecdsa(id: number, name: string, keyType: EcdsaKeyType, hash: Hash): SignatureVerifier {
  return {
    id,
    name,
    keyType,
    tls12KeyTypes: ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"],
    inHandshake: true,
    verify: (subjectPublicKeyInfo, message, signature) => {
      const key = parsePublicKey(subjectPublicKeyInfo);
      if (!("point" in key)) {
        throw new TlsAlert("unsupported_certificate", `${name} cannot use a key of type ${key.keyType}`);
      }
      // A digest longer than the curve's order is cut to it (FIPS 186-5 §6.4.2), also without `prehash`.
      // TLS does not ask for a low s; `format: "der"` takes DER alone, not BER.
      const options = { prehash: false, lowS: false, format: "der" } as const;
      return curveByKeyType[key.keyType].verify(signature, hash.digest(message), key.point, options);
    },
  };
}
