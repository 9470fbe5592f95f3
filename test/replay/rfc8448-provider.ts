import { hex } from "../../src/bytes.ts";
import type {
  CryptoProvider,
  Random,
  SignatureVerifier,
  Tls13CipherSuite,
} from "../../src/crypto/provider.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { ecdsa_secp256r1_sha256 } from "../../src/crypto/signatures/ecdsa.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import { SignatureScheme } from "../../src/messages/codepoints.ts";
import type { TrafficKeys } from "../../src/schedule/traffic.ts";
import { verifyRsaPssSha256 } from "../observer/proofs.ts";

/** Suites of the traces, in their order. */
const SUITES: readonly Tls13CipherSuite[] = [
  TLS_AES_128_GCM_SHA256,
  TLS_CHACHA20_POLY1305_SHA256,
  TLS_AES_256_GCM_SHA384,
];

/** `signature_algorithms` of the traces; the last four are DSA, which has no names any more. */
export const TRACE_SIGNATURE_ALGORITHMS: readonly number[] = [
  SignatureScheme.ecdsa_secp256r1_sha256,
  SignatureScheme.ecdsa_secp384r1_sha384,
  SignatureScheme.ecdsa_secp521r1_sha512,
  SignatureScheme.ecdsa_sha1,
  SignatureScheme.rsa_pss_rsae_sha256,
  SignatureScheme.rsa_pss_rsae_sha384,
  SignatureScheme.rsa_pss_rsae_sha512,
  SignatureScheme.rsa_pkcs1_sha256,
  SignatureScheme.rsa_pkcs1_sha384,
  SignatureScheme.rsa_pkcs1_sha512,
  SignatureScheme.rsa_pkcs1_sha1,
  0x0402,
  0x0502,
  0x0602,
  0x0202,
];

/** rsa_pss_rsae_sha256 without the limits of ours: the RSA keys of the traces have 1024 bits. */
const anyRsaPss: SignatureVerifier = {
  id: SignatureScheme.rsa_pss_rsae_sha256,
  name: "rsa_pss_rsae_sha256",
  keyType: "rsa",
  tls12KeyTypes: [],
  inHandshake: true,
  verify: verifyRsaPssSha256,
};

/** Accepts nothing, and stands in `signature_algorithms` for a scheme that the traces offer and never use. */
function unusedScheme(id: number): SignatureVerifier {
  const name = `scheme ${id}`;
  return { id, name, keyType: "rsa", tls12KeyTypes: [], inHandshake: false, verify: () => false };
}

/** A key and an IV, as they were first used. */
export interface UsedKeys {
  readonly use: "seal" | "open";
  readonly key: string;
  readonly iv: string;
}

/** What `keys` of a direction are used for. */
export function asUsed(direction: "read" | "write", { key, iv }: TrafficKeys): UsedKeys {
  return { use: direction === "read" ? "open" : "seal", key: hex(key), iv: hex(iv) };
}

/** The cryptography of the traces; every key that protects a record is added to `used`. */
export function traceProvider(random: Random, used: UsedKeys[]): CryptoProvider {
  return {
    name: "RFC 8448",
    cipherSuites: SUITES.map((suite) => watched(suite, used)),
    groups: [x25519, secp256r1],
    signatureVerifiers: TRACE_SIGNATURE_ALGORITHMS.map(
      (id) => [anyRsaPss, ecdsa_secp256r1_sha256].find((known) => known.id === id) ?? unusedScheme(id),
    ),
    random,
  };
}

/** A suite that tells which keys it is used with. The nonce of the first record is the IV itself (RFC 8446 §5.3). */
function watched(suite: Tls13CipherSuite, used: UsedKeys[]): Tls13CipherSuite {
  const { aead } = suite;
  const tellOnce = (use: UsedKeys["use"], key: Uint8Array): ((nonce: Uint8Array) => void) => {
    const keyInHex = hex(key);
    let isTold = false;
    return (nonce) => {
      if (!isTold) used.push({ use, key: keyInHex, iv: hex(nonce) });
      isTold = true;
    };
  };
  return {
    ...suite,
    aead: {
      ...aead,
      sealer: (key) => {
        const sealer = aead.sealer(key);
        const tell = tellOnce("seal", key);
        return {
          seal: (nonce, additionalData, plaintext, output) => {
            tell(nonce);
            sealer.seal(nonce, additionalData, plaintext, output);
          },
          wipe: () => sealer.wipe(),
        };
      },
      opener: (key) => {
        const opener = aead.opener(key);
        const tell = tellOnce("open", key);
        return {
          open: (nonce, additionalData, ciphertext, output) => {
            tell(nonce);
            return opener.open(nonce, additionalData, ciphertext, output);
          },
          wipe: () => opener.wipe(),
        };
      },
    },
  };
}
