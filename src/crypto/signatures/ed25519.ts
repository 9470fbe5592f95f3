import { ed25519 as nobleEd25519 } from "@noble/curves/ed25519.js";

import { TlsAlert } from "../../alert.ts";
import type { SignatureVerifier } from "../provider.ts";
import { parsePublicKey } from "../public-key.ts";

/** Ed25519 (RFC 8032 §5.1). RFC 8446 §4.2.3. */
export const ed25519: SignatureVerifier = {
  id: 0x0807,
  name: "ed25519",
  keyType: "ed25519",
  tls12KeyTypes: ["ed25519"],
  inHandshake: true,
  verify: (subjectPublicKeyInfo, message, signature) => {
    const key = parsePublicKey(subjectPublicKeyInfo);
    if (key.keyType !== "ed25519") {
      throw new TlsAlert("unsupported_certificate", `ed25519 cannot use a key of type ${key.keyType}`);
    }
    if (signature.length !== 64) return false;
    // ZIP 215 would accept encodings that RFC 8032 refuses.
    return nobleEd25519.verify(signature, message, key.bytes, { zip215: false });
  },
};
