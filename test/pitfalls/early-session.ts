import type { Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import type { Psk } from "../../src/handshake/psk.ts";
import { EarlySecret } from "../../src/schedule/tls13.ts";

/** Bytes of early data that the session allows. */
export const MAX_EARLY_BYTES = 100;

/** What the configs of pitfalls have for a clock. */
export const NOW_MS = 1_800_000_000_000;
const AGE_ADD = 0x0102_0304;

/** What both sides keep of the session that is resumed. */
export const session = {
  cipherSuite: TLS_AES_128_GCM_SHA256.id,
  preSharedKey: new Uint8Array(32).fill(0x51),
  ticketAtMs: NOW_MS - 5000,
  ageAdd: AGE_ADD,
  maxEarlyDataBytes: MAX_EARLY_BYTES,
  alpn: new Uint8Array(),
  createdAtSeconds: NOW_MS / 1000 - 5,
  lifetimeSeconds: 7200,
  peerChain: [],
  ocspResponse: null,
  signedCertificateTimestamps: [],
} as const;

/** The PSK of a session. */
export function pskOf({ hash }: Tls13CipherSuite, identity: Uint8Array, preSharedKey: Uint8Array): Psk {
  return { kind: "resumption", identity, hash, early: new EarlySecret(hash, preSharedKey.slice()) };
}
