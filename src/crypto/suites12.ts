import { aes128Gcm, aes256Gcm, chacha20Poly1305 } from "./aeads.ts";
import { aes128Cbc, aes256Cbc } from "./cbc.ts";
import { sha1, sha256, sha384 } from "./hashes.ts";
import type { Hash, Tls12AeadProtection, Tls12CbcProtection, Tls12CipherSuite } from "./provider.ts";

const chacha20Poly1305Records: Tls12AeadProtection = {
  kind: "aead",
  aead: chacha20Poly1305,
  fixedIvLength: 12,
};
const aes128GcmRecords: Tls12AeadProtection = { kind: "aead", aead: aes128Gcm, fixedIvLength: 4 };
const aes256GcmRecords: Tls12AeadProtection = { kind: "aead", aead: aes256Gcm, fixedIvLength: 4 };
const aes128CbcSha1Records: Tls12CbcProtection = { kind: "cbc", cipher: aes128Cbc, mac: sha1 };
const aes256CbcSha1Records: Tls12CbcProtection = { kind: "cbc", cipher: aes256Cbc, mac: sha1 };
const aes128CbcSha256Records: Tls12CbcProtection = { kind: "cbc", cipher: aes128Cbc, mac: sha256 };
const aes256CbcSha384Records: Tls12CbcProtection = { kind: "cbc", cipher: aes256Cbc, mac: sha384 };

/** RFC 7905 §2. */
export const TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xcca9,
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "ecdsa",
  sha256,
  chacha20Poly1305Records,
);

/** RFC 7905 §2. */
export const TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xcca8,
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
  "rsa",
  sha256,
  chacha20Poly1305Records,
);

/** RFC 5289 §3.2. */
export const TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc02b,
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "ecdsa",
  sha256,
  aes128GcmRecords,
);

/** RFC 5289 §3.2. */
export const TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc02f,
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "rsa",
  sha256,
  aes128GcmRecords,
);

/** RFC 5289 §3.2. */
export const TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc02c,
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "ecdsa",
  sha384,
  aes256GcmRecords,
);

/** RFC 5289 §3.2. */
export const TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc030,
  "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "rsa",
  sha384,
  aes256GcmRecords,
);

/** RFC 8422 §6. The name says SHA-1 of the MAC only: the PRF is of SHA-256 (RFC 5246 §5). */
export const TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc009,
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "ecdsa",
  sha256,
  aes128CbcSha1Records,
);

/** RFC 8422 §6. The name says SHA-1 of the MAC only: the PRF is of SHA-256 (RFC 5246 §5). */
export const TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc013,
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "rsa",
  sha256,
  aes128CbcSha1Records,
);

/** RFC 8422 §6. The name says SHA-1 of the MAC only: the PRF is of SHA-256 (RFC 5246 §5). */
export const TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc00a,
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "ecdsa",
  sha256,
  aes256CbcSha1Records,
);

/** RFC 8422 §6. The name says SHA-1 of the MAC only: the PRF is of SHA-256 (RFC 5246 §5). */
export const TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc014,
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "rsa",
  sha256,
  aes256CbcSha1Records,
);

/** RFC 5289 §3.1. */
export const TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc023,
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  "ecdsa",
  sha256,
  aes128CbcSha256Records,
);

/** RFC 5289 §3.1. */
export const TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc027,
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
  "rsa",
  sha256,
  aes128CbcSha256Records,
);

/** RFC 5289 §3.1. */
export const TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc024,
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
  "ecdsa",
  sha384,
  aes256CbcSha384Records,
);

/** RFC 5289 §3.1. */
export const TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384: Tls12CipherSuite = /* @__PURE__ */ ecdhe(
  0xc028,
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
  "rsa",
  sha384,
  aes256CbcSha384Records,
);

function ecdhe(
  id: number,
  name: string,
  authentication: Tls12CipherSuite["authentication"],
  hash: Hash,
  protection: Tls12CipherSuite["protection"],
): Tls12CipherSuite {
  return { version: "TLSv1.2", id, name, hash, authentication, protection };
}
