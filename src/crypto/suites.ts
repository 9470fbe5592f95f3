import { aes128Gcm, aes256Gcm, chacha20Poly1305 } from "./aeads.ts";
import { sha256, sha384 } from "./hashes.ts";
import type { Tls13CipherSuite } from "./provider.ts";

/** RFC 8446 §B.4; every implementation must have it (§9.1). */
export const TLS_AES_128_GCM_SHA256: Tls13CipherSuite = {
  version: "TLSv1.3",
  id: 0x1301,
  name: "TLS_AES_128_GCM_SHA256",
  hash: sha256,
  aead: aes128Gcm,
};

/** RFC 8446 §B.4. */
export const TLS_AES_256_GCM_SHA384: Tls13CipherSuite = {
  version: "TLSv1.3",
  id: 0x1302,
  name: "TLS_AES_256_GCM_SHA384",
  hash: sha384,
  aead: aes256Gcm,
};

/** RFC 8446 §B.4. */
export const TLS_CHACHA20_POLY1305_SHA256: Tls13CipherSuite = {
  version: "TLSv1.3",
  id: 0x1303,
  name: "TLS_CHACHA20_POLY1305_SHA256",
  hash: sha256,
  aead: chacha20Poly1305,
};
