import { sha256 as nobleSha256, sha384 as nobleSha384, sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { mgf1, PKCS1_SHA256, PKCS1_SHA384, PKCS1_SHA512, PSS } from "micro-rsa-dsa-dh/rsa.js";

import { TlsAlert } from "../../alert.ts";
import type { SignatureVerifier } from "../provider.ts";
import { parsePublicKey, type RsaPublicKey } from "../public-key.ts";
import type { RsaPssHash } from "../rsa-pss-parameters.ts";

/** RSASSA-PSS under an rsaEncryption key. RFC 8446 §4.2.3. */
export const rsa_pss_rsae_sha256: SignatureVerifier = /* @__PURE__ */ pss(
  0x0804,
  "rsa_pss_rsae_sha256",
  "rsa",
  "SHA-256",
);

/** RSASSA-PSS under an rsaEncryption key. RFC 8446 §4.2.3. */
export const rsa_pss_rsae_sha384: SignatureVerifier = /* @__PURE__ */ pss(
  0x0805,
  "rsa_pss_rsae_sha384",
  "rsa",
  "SHA-384",
);

/** RSASSA-PSS under an rsaEncryption key. RFC 8446 §4.2.3. */
export const rsa_pss_rsae_sha512: SignatureVerifier = /* @__PURE__ */ pss(
  0x0806,
  "rsa_pss_rsae_sha512",
  "rsa",
  "SHA-512",
);

/** RSASSA-PSS under an id-RSASSA-PSS key. RFC 8446 §4.2.3. */
export const rsa_pss_pss_sha256: SignatureVerifier = /* @__PURE__ */ pss(
  0x0809,
  "rsa_pss_pss_sha256",
  "rsa-pss",
  "SHA-256",
);

/** RSASSA-PSS under an id-RSASSA-PSS key. RFC 8446 §4.2.3. */
export const rsa_pss_pss_sha384: SignatureVerifier = /* @__PURE__ */ pss(
  0x080a,
  "rsa_pss_pss_sha384",
  "rsa-pss",
  "SHA-384",
);

/** RSASSA-PSS under an id-RSASSA-PSS key. RFC 8446 §4.2.3. */
export const rsa_pss_pss_sha512: SignatureVerifier = /* @__PURE__ */ pss(
  0x080b,
  "rsa_pss_pss_sha512",
  "rsa-pss",
  "SHA-512",
);

/** RSASSA-PKCS1-v1_5: in certificates, and in handshakes of TLS 1.2 only. RFC 8446 §4.2.3. */
export const rsa_pkcs1_sha256: SignatureVerifier = /* @__PURE__ */ pkcs1(
  0x0401,
  "rsa_pkcs1_sha256",
  PKCS1_SHA256,
);

/** RSASSA-PKCS1-v1_5: in certificates, and in handshakes of TLS 1.2 only. RFC 8446 §4.2.3. */
export const rsa_pkcs1_sha384: SignatureVerifier = /* @__PURE__ */ pkcs1(
  0x0501,
  "rsa_pkcs1_sha384",
  PKCS1_SHA384,
);

/** RSASSA-PKCS1-v1_5: in certificates, and in handshakes of TLS 1.2 only. RFC 8446 §4.2.3. */
export const rsa_pkcs1_sha512: SignatureVerifier = /* @__PURE__ */ pkcs1(
  0x0601,
  "rsa_pkcs1_sha512",
  PKCS1_SHA512,
);

/** A verifier of micro-rsa-dsa-dh, which hashes the message itself. */
interface MicroRsa {
  verify(
    publicKey: { readonly n: bigint; readonly e: bigint },
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
}

/** The salt is as long as the digest, and MGF1 has the same hash: RFC 8446 §4.2.3. */
function pss(
  id: number,
  name: string,
  keyType: RsaPublicKey["keyType"],
  hash: RsaPssHash,
): SignatureVerifier {
  const noble = { "SHA-256": nobleSha256, "SHA-384": nobleSha384, "SHA-512": nobleSha512 }[hash];
  const micro = PSS(noble, mgf1(noble), noble.outputLen);
  return {
    id,
    name,
    keyType,
    tls12KeyTypes: [keyType],
    inHandshake: true,
    verify: (subjectPublicKeyInfo, message, signature) => {
      const key = rsaKey(name, keyType, subjectPublicKeyInfo);
      const restriction = key.parameters?.hash;
      if (restriction !== undefined && restriction !== hash) {
        throw new TlsAlert(
          "unsupported_certificate",
          `${name} cannot use a key that is restricted to ${restriction}`,
        );
      }
      return verifyWith(micro, key, message, signature);
    },
  };
}

function pkcs1(id: number, name: string, micro: MicroRsa): SignatureVerifier {
  return {
    id,
    name,
    keyType: "rsa",
    tls12KeyTypes: ["rsa"],
    inHandshake: false,
    verify: (subjectPublicKeyInfo, message, signature) =>
      verifyWith(micro, rsaKey(name, "rsa", subjectPublicKeyInfo), message, signature),
  };
}

function rsaKey(
  scheme: string,
  keyType: RsaPublicKey["keyType"],
  subjectPublicKeyInfo: Uint8Array,
): RsaPublicKey {
  const key = parsePublicKey(subjectPublicKeyInfo);
  if (key.keyType !== keyType) {
    throw new TlsAlert("unsupported_certificate", `${scheme} cannot use a key of type ${key.keyType}`);
  }
  // The comparison does not narrow a union whose members have several key types each.
  return key as RsaPublicKey;
}

function verifyWith(
  micro: MicroRsa,
  { modulus, exponent }: RsaPublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return micro.verify({ n: modulus, e: exponent }, message, signature);
  } catch {
    // The key is within limits, so it is the signature: with a modulus of 8k + 1 bits, micro-rsa-dsa-dh throws
    // for one whose encoded message is too long by a bit.
    return false;
  }
}
