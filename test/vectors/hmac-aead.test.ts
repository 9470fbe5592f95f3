import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256, sha384, sha512 } from "../../src/crypto/hashes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import { vectorCases } from "../support/vectors.ts";

describe("RFC 4231", () => {
  const cases = vectorCases(
    "primitives/rfc4231-hmac.json",
    { key: "bytes", data: "bytes" },
    { sha256: "bytes", sha384: "bytes", sha512: "bytes" },
  );

  test.each(cases)("HMAC gives the codes of $name", ({ name, input, expected }) => {
    for (const [hash, code] of [
      [sha256, expected.sha256],
      [sha384, expected.sha384],
      [sha512, expected.sha512],
    ] as const) {
      // §4.6 is about codes that are cut to 128 bits.
      expect(code).toHaveLength(name === "§4.6" ? 16 : hash.outputLength);
      expect(hex(hash.hmac(input.key, input.data).subarray(0, code.length)), hash.name).toBe(hex(code));
    }
  });

  test("all seven cases are there", () => {
    expect(cases).toHaveLength(7);
  });
});

describe("RFC 8439", () => {
  const suite = nobleProvider().cipherSuites.find(({ name }) => name === "TLS_CHACHA20_POLY1305_SHA256");
  if (suite?.version !== "TLSv1.3") throw new Error("no ChaCha20-Poly1305");
  const { aead } = suite;
  const cases = vectorCases(
    "primitives/rfc8439-chacha20-poly1305.json",
    { key: "bytes", nonce: "bytes", additionalData: "bytes", plaintext: "bytes" },
    { ciphertext: "bytes", tag: "bytes" },
  );

  test.each(cases)("seals and opens as printed in $name", ({ input, expected }) => {
    const sealed = new Uint8Array(input.plaintext.length + aead.tagLength);
    aead.sealer(input.key).seal(input.nonce, input.additionalData, input.plaintext, sealed);
    expect(hex(sealed)).toBe(hex(concatBytes(expected.ciphertext, expected.tag)));
    const opened = new Uint8Array(input.plaintext.length);
    expect(aead.opener(input.key).open(input.nonce, input.additionalData, sealed, opened)).toBe(true);
    expect(hex(opened)).toBe(hex(input.plaintext));
  });

  test("both cases are there", () => {
    expect(cases).toHaveLength(2);
  });
});
