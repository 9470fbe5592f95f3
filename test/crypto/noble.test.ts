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
import { TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA } from "../../src/crypto/suites12.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("nobleProvider", () => {
  test("has everything by default, ChaCha20 and the hybrid group first", () => {
    const { name, cipherSuites, groups, signatureVerifiers } = nobleProvider();
    expect(name).toBe("noble");
    expect(
      cipherSuites
        .filter((suite) => suite.version === "TLSv1.3")
        .map(({ id, name, hash, aead }) => [id, name, hash.name, aead.name]),
    ).toEqual([
      [0x1303, "TLS_CHACHA20_POLY1305_SHA256", "SHA-256", "CHACHA20-POLY1305"],
      [0x1301, "TLS_AES_128_GCM_SHA256", "SHA-256", "AES-128-GCM"],
      [0x1302, "TLS_AES_256_GCM_SHA384", "SHA-384", "AES-256-GCM"],
    ]);
    // What each of these is made of is tested in suites12.test.ts.
    expect(cipherSuites.slice(3).map(({ id, version }) => [id, version])).toEqual(
      [
        [0xcca9, 0xcca8],
        [0xc02b, 0xc02f, 0xc02c, 0xc030],
        [0xc009, 0xc013, 0xc023, 0xc027, 0xc00a, 0xc014, 0xc024, 0xc028],
      ]
        .flat()
        .map((id) => [id, "TLSv1.2"]),
    );
    expect(groups.map(({ id, name, inTls12 }) => [id, name, inTls12])).toEqual([
      [0x11ec, "X25519MLKEM768", false],
      [0x001d, "x25519", true],
      [0x0017, "secp256r1", true],
      [0x0018, "secp384r1", true],
      [0x0019, "secp521r1", true],
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

  test("orders the suites of TLS 1.2: AEAD before CBC, ChaCha20 before AES, ECDSA before RSA with the same cipher", () => {
    const names = nobleCipherSuites.filter(({ version }) => version === "TLSv1.2").map(({ name }) => name);
    const rank = (name: string) => ["_CHACHA20_", "_GCM_", "_CBC_"].findIndex((part) => name.includes(part));
    expect(names.map(rank)).toEqual([0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
    for (let i = 0; i < names.length; i += 2) {
      expect(names[i]).toMatch(/^TLS_ECDHE_ECDSA_/);
      expect(names[i + 1]).toBe(names[i]?.replace("ECDSA", "RSA"));
    }
  });

  test("keeps the limits of RFC 8446 §5.5 on records under one key", () => {
    const aeads = nobleCipherSuites.flatMap((suite) => {
      if (suite.version === "TLSv1.3") return [suite.aead];
      return suite.protection.kind === "aead" ? [suite.protection.aead] : [];
    });
    expect(aeads).toHaveLength(9);
    for (const aead of aeads) {
      expect(aead.recordsPerKey).toBe(aead.name === "CHACHA20-POLY1305" ? 2 ** 48 : 2 ** 24);
    }
  });

  test("takes lists in place of the defaults, and copies them", () => {
    const groups = [x25519];
    const cipherSuites = [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256];
    const provider = nobleProvider({
      cipherSuites,
      groups,
      signatureVerifiers: [ed25519],
    });
    groups.length = 0;
    cipherSuites.length = 0;
    expect(provider.cipherSuites).toEqual([TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_AES_128_GCM_SHA256]);
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
