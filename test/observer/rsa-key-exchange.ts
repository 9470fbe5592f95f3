import { constants, createPrivateKey, privateDecrypt } from "node:crypto";

import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import {
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
} from "../../src/crypto/suites12.ts";

/**
 * Suites in which RSA exchanges keys (RFC 5246 §A.5, RFC 5288 §3). The engine has none of them; to an observer that is given the premaster
 * secret they are like ours, as hash and protection of records are the same.
 */
export const rsaSuites: readonly Tls12CipherSuite[] = [
  { ...TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, id: 0x002f, name: "TLS_RSA_WITH_AES_128_CBC_SHA" },
  { ...TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, id: 0x003c, name: "TLS_RSA_WITH_AES_128_CBC_SHA256" },
  { ...TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, id: 0x009c, name: "TLS_RSA_WITH_AES_128_GCM_SHA256" },
  { ...TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, id: 0x009d, name: "TLS_RSA_WITH_AES_256_GCM_SHA384" },
];

/** The premaster secret in a ClientKeyExchange, by the server's RSA key in PKCS#1. RFC 5246 §7.4.7.1. */
export function decryptPremasterSecret(privateKey: Uint8Array, clientKeyExchange: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: "der", type: "pkcs1" });
  // Node takes no PKCS #1 v1.5 padding off, whose removal can be an oracle; between recordings there is nobody to ask one.
  const padding = constants.RSA_NO_PADDING;
  const block = privateDecrypt({ key, padding }, clientKeyExchange.subarray(2));
  const separator = block.length - 49;
  if (block[0] !== 0 || block[1] !== 2 || block.indexOf(0, 2) !== separator)
    throw new Error("ClientKeyExchange holds no premaster secret for this key");
  return new Uint8Array(block.subarray(separator + 1));
}
