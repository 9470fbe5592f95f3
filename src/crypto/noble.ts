import { secp256r1, secp384r1, secp521r1 } from "./groups/nist.ts";
import { x25519 } from "./groups/x25519.ts";
import { X25519MLKEM768 } from "./groups/x25519mlkem768.ts";
import type { CryptoProvider, KeyExchangeGroup, SignatureVerifier, TlsCipherSuite } from "./provider.ts";
import { systemRandom } from "./random.ts";
import {
  ecdsa_secp256r1_sha256,
  ecdsa_secp384r1_sha384,
  ecdsa_secp521r1_sha512,
} from "./signatures/ecdsa.ts";
import { ed25519 } from "./signatures/ed25519.ts";
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
} from "./signatures/rsa.ts";
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from "./suites.ts";
import {
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
} from "./suites12.ts";

/** Lists for {@link nobleProvider}; each stands for the default one when left out. Order is preference. */
export interface NobleProviderOptions {
  readonly cipherSuites?: readonly TlsCipherSuite[];
  readonly groups?: readonly KeyExchangeGroup[];
  readonly signatureVerifiers?: readonly SignatureVerifier[];
}

/**
 * Cryptography in TypeScript and JavaScript alone, on @noble/* and micro-rsa-dsa-dh, for any runtime. Everything is synchronous.
 *
 * Its defaults name everything there is, and so does a bundle with this function in it. A program that wants less writes
 * a {@link CryptoProvider} as an object of the suites, groups and verifiers that it imports, with {@link systemRandom}.
 */
export function nobleProvider(options: NobleProviderOptions = {}): CryptoProvider {
  return {
    name: "noble",
    cipherSuites: [...(options.cipherSuites ?? nobleCipherSuites)],
    groups: [...(options.groups ?? nobleGroups)],
    signatureVerifiers: [...(options.signatureVerifiers ?? nobleSignatureVerifiers)],
    random: systemRandom,
  };
}

/**
 * Those of TLS 1.3, then those of TLS 1.2.
 *
 * ChaCha20 before AES, unlike where AES is an instruction: in JavaScript AES runs on look-up tables, whose cache timing depends on the
 * key, and is slower; ChaCha20-Poly1305 is additions, rotations and multiplications only. ECDSA before RSA, whose signatures cost the
 * server more.
 *
 * CBC comes last, and is used only when a configuration names it. There SHA-1 comes before SHA-256 and SHA-384: its collisions do
 * not help to forge an HMAC, its tag is the shortest and the quickest, and peers that know no AEAD often know no other.
 */
export const nobleCipherSuites: readonly TlsCipherSuite[] = [
  TLS_CHACHA20_POLY1305_SHA256,
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
];

/** The hybrid first, as what is recorded today may be attacked by a quantum computer later; then by speed. */
export const nobleGroups: readonly KeyExchangeGroup[] = [
  X25519MLKEM768,
  x25519,
  secp256r1,
  secp384r1,
  secp521r1,
];

/** By speed of the whole handshake, among equals in strength; what TLS 1.3 has in certificates only comes last. */
export const nobleSignatureVerifiers: readonly SignatureVerifier[] = [
  ecdsa_secp256r1_sha256,
  ed25519,
  rsa_pss_rsae_sha256,
  rsa_pss_pss_sha256,
  ecdsa_secp384r1_sha384,
  rsa_pss_rsae_sha384,
  rsa_pss_pss_sha384,
  ecdsa_secp521r1_sha512,
  rsa_pss_rsae_sha512,
  rsa_pss_pss_sha512,
  rsa_pkcs1_sha256,
  rsa_pkcs1_sha384,
  rsa_pkcs1_sha512,
];
