import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";

import { TlsAlert } from "../../alert.ts";
import { sha256, sha384, sha512 } from "../hashes.ts";
import type { Hash, KeyType, SignatureVerifier } from "../provider.ts";
import { parsePublicKey } from "../public-key.ts";

/** ECDSA on P-256. RFC 8446 §4.2.3. */
export const ecdsa_secp256r1_sha256: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0403,
  "ecdsa_secp256r1_sha256",
  "ecdsa-p256",
  sha256,
  p256,
);

/** ECDSA on P-384. RFC 8446 §4.2.3. */
export const ecdsa_secp384r1_sha384: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0503,
  "ecdsa_secp384r1_sha384",
  "ecdsa-p384",
  sha384,
  p384,
);

/** ECDSA on P-521. RFC 8446 §4.2.3. */
export const ecdsa_secp521r1_sha512: SignatureVerifier = /* @__PURE__ */ ecdsa(
  0x0603,
  "ecdsa_secp521r1_sha512",
  "ecdsa-p521",
  sha512,
  p521,
);

function ecdsa(id: number, name: string, keyType: KeyType, hash: Hash, curve: ECDSA): SignatureVerifier {
  return {
    id,
    name,
    keyType,
    inHandshake: true,
    verify: (subjectPublicKeyInfo, message, signature) => {
      const key = parsePublicKey(subjectPublicKeyInfo);
      if (key.keyType !== keyType || !("point" in key)) {
        throw new TlsAlert("unsupported_certificate", `${name} cannot use a key of type ${key.keyType}`);
      }
      // TLS does not ask for a low s; `format: "der"` takes DER alone, not BER.
      const options = { prehash: false, lowS: false, format: "der" } as const;
      return curve.verify(signature, hash.digest(message), key.point, options);
    },
  };
}
