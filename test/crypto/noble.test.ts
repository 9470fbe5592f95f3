import { afterEach, describe, expect, test, vi } from "vitest";

import {
  nobleCipherSuites,
  nobleGroups,
  nobleProvider,
  nobleSignatureVerifiers,
} from "../../src/crypto/noble.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { drawBytes, systemRandom } from "../../src/crypto/random.ts";
import { ed25519 } from "../../src/crypto/signatures/ed25519.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("nobleProvider", () => {
  test("has everything by default, ChaCha20 and the hybrid group first", () => {
    const { name, cipherSuites, groups, signatureVerifiers } = nobleProvider();
    expect(name).toBe("noble");
    expect(cipherSuites.map(({ id, name, hash, aead }) => [id, name, hash.name, aead.name])).toEqual([
      [0x1303, "TLS_CHACHA20_POLY1305_SHA256", "SHA-256", "CHACHA20-POLY1305"],
      [0x1301, "TLS_AES_128_GCM_SHA256", "SHA-256", "AES-128-GCM"],
      [0x1302, "TLS_AES_256_GCM_SHA384", "SHA-384", "AES-256-GCM"],
    ]);
    expect(groups.map(({ id, name }) => [id, name])).toEqual([
      [0x11ec, "X25519MLKEM768"],
      [0x001d, "x25519"],
      [0x0017, "secp256r1"],
      [0x0018, "secp384r1"],
      [0x0019, "secp521r1"],
    ]);
    expect(new Map(signatureVerifiers.map(({ id, name }) => [id, name]))).toEqual(
      new Map([
        [0x0401, "rsa_pkcs1_sha256"],
        [0x0403, "ecdsa_secp256r1_sha256"],
        [0x0501, "rsa_pkcs1_sha384"],
        [0x0503, "ecdsa_secp384r1_sha384"],
        [0x0601, "rsa_pkcs1_sha512"],
        [0x0603, "ecdsa_secp521r1_sha512"],
        [0x0804, "rsa_pss_rsae_sha256"],
        [0x0805, "rsa_pss_rsae_sha384"],
        [0x0806, "rsa_pss_rsae_sha512"],
        [0x0807, "ed25519"],
        [0x0809, "rsa_pss_pss_sha256"],
        [0x080a, "rsa_pss_pss_sha384"],
        [0x080b, "rsa_pss_pss_sha512"],
      ]),
    );
  });

  test("keeps the limits of RFC 8446 §5.5 on records under one key", () => {
    for (const { aead } of nobleCipherSuites) {
      expect(aead.recordsPerKey).toBe(aead.name === "CHACHA20-POLY1305" ? 2 ** 48 : 2 ** 24);
    }
  });

  test("takes lists in place of the defaults, and copies them", () => {
    const groups = [x25519];
    const provider = nobleProvider({
      cipherSuites: [TLS_AES_128_GCM_SHA256],
      groups,
      signatureVerifiers: [ed25519],
    });
    groups.length = 0;
    expect(provider.cipherSuites).toEqual([TLS_AES_128_GCM_SHA256]);
    expect(provider.groups).toEqual([x25519]);
    expect(provider.signatureVerifiers).toEqual([ed25519]);
    expect(nobleProvider({ groups: [x25519] }).signatureVerifiers).toEqual(nobleSignatureVerifiers);
    expect(nobleProvider({ cipherSuites: [] }).groups).toEqual(nobleGroups);
  });
});

describe("systemRandom", () => {
  test("gives as many bytes as asked for, beyond one request too, all of them filled", () => {
    for (const length of [0, 1, 32, 65536, 65537, 200_000]) {
      const bytes = systemRandom(length);
      expect(bytes).toHaveLength(length);
      // 64 zero bytes in a row would come up once in 2^512 places.
      for (let at = 0; at + 64 <= length; at += 64) {
        expect(bytes.subarray(at, at + 64).some((byte) => byte !== 0)).toBe(true);
      }
    }
  });

  test("says what is missing when the runtime has no source of randomness", () => {
    for (const crypto of [undefined, {}]) {
      vi.stubGlobal("crypto", crypto);
      expect(() => systemRandom(1)).toThrow(/globalThis\.crypto\.getRandomValues/);
    }
  });

  test("drawBytes throws a RangeError when another number of bytes comes", () => {
    expect(drawBytes(() => new Uint8Array(5), 5)).toHaveLength(5);
    expect(() => drawBytes(() => new Uint8Array(4), 5)).toThrow(RangeError);
  });
});
