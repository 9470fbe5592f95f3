import { createHash } from "node:crypto";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { parsePublicKey } from "../../src/crypto/public-key.ts";
import { derBitString, derNull, derObjectIdentifier, derSequence } from "../../src/der/writer.ts";
import { readLeaf, readRawPublicKey, TlsAlert } from "../../src/index.ts";
import { showLeaf } from "../../src/x509/raw-public-key.ts";
import { leafCertificate, spkiOf, testKey } from "../pitfalls/leaf-certificate.ts";
import { fromHex } from "../support/hex.ts";

const KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa", "rsa-pss"] as const;
const P256 = spkiOf(testKey("ecdsa-p256"));

/** The alert that `read` gives; none when it gives no alert. */
function alertOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    return error.alert;
  }
  return "none";
}

describe("a raw public key", () => {
  test.each(KEY_TYPES)("of kind %s is read, and keeps the bytes that it is given", (keyType) => {
    const subjectPublicKeyInfo = spkiOf(testKey(keyType));
    const leaf = readRawPublicKey(subjectPublicKeyInfo);
    expect(leaf).toEqual({
      certificateType: "raw-public-key",
      certificate: null,
      subjectPublicKeyInfo,
      spkiSha256: new Uint8Array(createHash("sha256").update(subjectPublicKeyInfo).digest()),
      keyType,
    });
    expect(leaf.subjectPublicKeyInfo).toBe(subjectPublicKeyInfo);
  });

  test("is shown to people by its hash, and a certificate by its subject", () => {
    const digest = createHash("sha256").update(P256).digest("hex");
    expect(showLeaf(readRawPublicKey(P256))).toBe(`raw public key ${digest}`);
    expect(showLeaf(readLeaf(leafCertificate(P256)))).toBe("CN=forged");
  });

  test.each([
    ["nothing", new Uint8Array(), "decode_error"],
    ["a certificate", leafCertificate(P256), "decode_error"],
    ["a byte behind it", concatBytes(P256, Uint8Array.of(0)), "decode_error"],
    ["a byte too few", P256.subarray(0, -1), "decode_error"],
    ["two keys", concatBytes(P256, P256), "decode_error"],
    ["an algorithm and no key", derSequence(derSequence(derObjectIdentifier("1.3.101.112"))), "decode_error"],
    ["a length in a longer form than it needs", fromHex(`308159${hex(P256.subarray(2))}`), "decode_error"],
    ["Ed448", keyOf("1.3.101.113"), "unsupported_certificate"],
    ["DSA", keyOf("1.2.840.10040.4.1"), "unsupported_certificate"],
    ["a curve that is not named", keyOf("1.2.840.10045.2.1", derNull()), "unsupported_certificate"],
    ["secp256k1", keyOf("1.2.840.10045.2.1", derObjectIdentifier("1.3.132.0.10")), "unsupported_certificate"],
  ])("is not %s: it is refused", (_what, bytes, alert) => {
    expect(alertOf(() => readRawPublicKey(bytes))).toBe(alert);
  });

  test("whose bytes are changed, cut or made up is refused, or is another key: nothing is read loosely", () => {
    const seed = 20_260_401;
    const keys = KEY_TYPES.map((keyType) => spkiOf(testKey(keyType)));
    const change = fc.record({
      key: fc.constantFrom(...keys),
      at: fc.nat(),
      remove: fc.nat({ max: 3 }),
      insert: fc.uint8Array({ maxLength: 3 }),
    });
    const counts = { refused: 0, read: 0 };
    fc.assert(
      fc.property(change, ({ key, at, remove, insert }) => {
        const place = at % (key.length + 1);
        const bytes = concatBytes(key.subarray(0, place), insert, key.subarray(place + remove));
        const alert = alertOf(() => readRawPublicKey(bytes));
        expect(["none", "decode_error", "unsupported_certificate"]).toContain(alert);
        if (alert !== "none") counts.refused++;
        if (alert !== "none" || hex(bytes) === hex(key)) return;
        counts.read++;
        expect(hex(readRawPublicKey(bytes).spkiSha256)).not.toBe(hex(readRawPublicKey(key).spkiSha256));
        // What a verifier makes of it, before any arithmetic.
        const inside = alertOf(() => parsePublicKey(bytes));
        expect(["none", "bad_certificate", "unsupported_certificate"]).toContain(inside);
      }),
      { seed, numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(alertOf(() => readRawPublicKey(bytes))).not.toBe("none");
      }),
      { seed, numRuns: 1000 },
    );
    expect(counts.refused).toBeGreaterThan(500);
    expect(counts.read).toBeGreaterThan(200);
  });
});

/** A SubjectPublicKeyInfo of 32 bytes of nothing. */
function keyOf(oid: string, ...parameters: readonly Uint8Array[]): Uint8Array {
  return derSequence(
    derSequence(derObjectIdentifier(oid), ...parameters),
    derBitString(new Uint8Array(32).fill(7)),
  );
}
