import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { type ClientSetup } from "./pitfall13.ts";

/** A server that wants another group than the client has sent a share for. */
export const otherGroup: ClientSetup = { forger: { group: secp256r1 } };

/** A server that asks for a certificate. */
export const asking: ClientSetup = { forger: { asksForCertificate: true } };

/** The verdict on a ChangeCipherSpec outside of a handshake, or inside of a message. */
export const strayChangeCipherSpec = {
  alert: "unexpected_message",
  says: "change_cipher_spec record where none may be",
} as const;

/** What codecs say of bytes that do not fill their format, or overflow it. */
export const malformed = { alert: "decode_error", says: /trailing bytes? in|vector of|are left/ } as const;

/** An engine that speaks TLS 1.3 and nothing else. */
export const only13 = { config: { versions: ["TLSv1.3"] } } as const;

/** A verdict that many faults share. */
export function illegal(says: string | RegExp) {
  return { alert: "illegal_parameter", says } as const;
}
