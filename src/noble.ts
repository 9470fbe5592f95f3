/**
 * The parts of the pure TypeScript provider, for programs that want few of them: a `CryptoProvider` is an object of the suites,
 * groups and verifiers that it lists, and a bundler drops the rest.
 */
export { aes128Gcm, aes256Gcm, chacha20Poly1305 } from "./crypto/aeads.ts";
export { aes128Cbc, aes256Cbc } from "./crypto/cbc.ts";
export { secp256r1, secp384r1, secp521r1 } from "./crypto/groups/nist.ts";
export { x25519 } from "./crypto/groups/x25519.ts";
export { X25519MLKEM768 } from "./crypto/groups/x25519mlkem768.ts";
export { sha1, sha256, sha384, sha512 } from "./crypto/hashes.ts";
export {
  nobleCipherSuites,
  nobleGroups,
  nobleProvider,
  type NobleProviderOptions,
  nobleSignatureVerifiers,
} from "./crypto/noble.ts";
export { systemRandom } from "./crypto/random.ts";
export {
  ecdsa_secp256r1_sha256,
  ecdsa_secp384r1_sha384,
  ecdsa_secp521r1_sha512,
} from "./crypto/signatures/ecdsa.ts";
export { ed25519 } from "./crypto/signatures/ed25519.ts";
export {
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
  rsa_pss_pss_sha256,
  rsa_pss_pss_sha384,
  rsa_pss_pss_sha512,
  rsa_pss_rsae_sha256,
  rsa_pss_rsae_sha384,
  rsa_pss_rsae_sha512,
} from "./crypto/signatures/rsa.ts";
export {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "./crypto/suites.ts";
export {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
} from "./crypto/suites12.ts";
