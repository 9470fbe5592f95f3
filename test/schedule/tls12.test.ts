import { createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import type { Hash, Tls12CipherSuite } from "../../src/crypto/provider.ts";
import {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites12.ts";
import type { Exporter } from "../../src/schedule/exporter.ts";
import { Tls12Exporter, Tls12MainSecret } from "../../src/schedule/tls12.ts";
import { ExporterSecret } from "../../src/schedule/tls13.ts";

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

const CLIENT_RANDOM = bytes(0xc1);
const SERVER_RANDOM = bytes(0x5e);
const NOTHING = bytes(0, 0);

/** The PRF written once more, over node:crypto; the seed is the ASCII label and then `parts`. */
function independentPrf(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  length: number,
  ...parts: readonly Uint8Array[]
): string {
  const hmac = (...data: readonly Uint8Array[]): Buffer =>
    createHmac(hash.name.replace("-", ""), secret).update(Buffer.concat(data)).digest();
  const seed = Buffer.concat([Buffer.from(label), ...parts]);
  let output = "";
  for (let a = hmac(seed); output.length < 2 * length; a = hmac(a)) output += hmac(a, seed).toString("hex");
  return output.slice(0, 2 * length);
}

const mainSecret = (hash: Hash = sha256): Tls12MainSecret => new Tls12MainSecret(hash, bytes(0x4d, 48));

describe("Tls12MainSecret", () => {
  test.each([sha256, sha384])("comes from both randoms, or from the session hash, under $name", (hash) => {
    const premasterSecret = bytes(0x70, 66);
    const classic = Tls12MainSecret.classic(hash, premasterSecret, CLIENT_RANDOM, SERVER_RANDOM);
    expect(hex(classic.bytes)).toBe(
      independentPrf(hash, premasterSecret, "master secret", 48, CLIENT_RANDOM, SERVER_RANDOM),
    );
    const sessionHash = bytes(0x73, hash.outputLength);
    const extended = Tls12MainSecret.extended(hash, premasterSecret, sessionHash);
    expect(hex(extended.bytes)).toBe(
      independentPrf(hash, premasterSecret, "extended master secret", 48, sessionHash),
    );
    expect(hex(premasterSecret)).toBe("70".repeat(66));
  });

  test.each([0, 47, 49])("does not take %d bytes", (length) => {
    expect(() => new Tls12MainSecret(sha256, bytes(1, length))).toThrow(RangeError);
  });

  test.each([sha256, sha384])("computes 12 bytes of verify_data for each side under $name", (hash) => {
    const transcriptHash = bytes(0x74, hash.outputLength);
    for (const signer of ["client", "server"] as const) {
      expect(hex(mainSecret(hash).finished(signer, transcriptHash))).toBe(
        independentPrf(hash, bytes(0x4d, 48), `${signer} finished`, 12, transcriptHash),
      );
    }
  });
});

describe("trafficKeys", () => {
  test.each<[Tls12CipherSuite, number, number, number]>([
    [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 0, 16, 4],
    [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, 0, 32, 4],
    [TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, 0, 32, 12],
    [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 20, 16, 0],
    [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, 32, 16, 0],
    [TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, 48, 32, 0],
  ])("cuts the key_block of $name into MAC keys, keys and IVs", (suite, macKey, key, iv) => {
    const { hash } = suite;
    const { client, server } = mainSecret(hash).trafficKeys(suite, CLIENT_RANDOM, SERVER_RANDOM);
    const lengths = { macKey, key, iv };
    for (const keys of [client, server]) {
      expect({ macKey: keys.macKey.length, key: keys.key.length, iv: keys.iv.length }).toEqual(lengths);
    }
    const keyBlock = concatBytes(client.macKey, server.macKey, client.key, server.key, client.iv, server.iv);
    const length = 2 * (macKey + key + iv);
    expect(hex(keyBlock)).toBe(
      independentPrf(hash, bytes(0x4d, 48), "key expansion", length, SERVER_RANDOM, CLIENT_RANDOM),
    );
  });

  test("gives keys in memory of their own", () => {
    const suite = TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA;
    const { client, server } = mainSecret().trafficKeys(suite, CLIENT_RANDOM, SERVER_RANDOM);
    const kept = hex(server.key);
    for (const array of [client.macKey, client.key, server.macKey]) {
      expect(array.buffer.byteLength).toBe(array.length);
      array.fill(0);
    }
    expect(hex(server.key)).toBe(kept);
  });
});

describe("Tls12Exporter", () => {
  const exporter = (hash: Hash = sha256): Tls12Exporter =>
    mainSecret(hash).exporter(CLIENT_RANDOM, SERVER_RANDOM);

  test.each<[string, Uint8Array | null, readonly number[]]>([
    ["no context", null, []],
    ["an empty context", NOTHING, [0, 0]],
    ["a context of 5 bytes", bytes(9, 5), [0, 5, 9, 9, 9, 9, 9]],
    ["a context of 258 bytes", bytes(9, 258), [1, 2, ...bytes(9, 258)]],
  ])("exports with %s", (_, context, suffix) => {
    for (const hash of [sha256, sha384]) {
      const seed = [CLIENT_RANDOM, SERVER_RANDOM, Uint8Array.from(suffix)];
      expect(hex(exporter(hash).export("EXPORTER-x", context, 80))).toBe(
        independentPrf(hash, bytes(0x4d, 48), "EXPORTER-x", 80, ...seed),
      );
    }
  });

  test("no context differs from an empty one, unlike in TLS 1.3", () => {
    const both = (one: Exporter): readonly string[] =>
      [null, NOTHING].map((context) => hex(one.export("EXPORTER-x", context, 32)));
    const [none12, empty12] = both(exporter());
    expect(none12).not.toBe(empty12);
    const [none13, empty13] = both(new ExporterSecret(sha256, bytes(8)));
    expect(none13).toBe(empty13);
  });

  test.each([
    "client finished",
    "server finished",
    "master secret",
    "extended master secret",
    "key expansion",
    "",
    "x".repeat(250),
    "clé",
  ])("refuses the label %j", (label) => {
    expect(() => exporter().export(label, null, 32)).toThrow(RangeError);
  });

  test.each(["client EAP encryption", "ttls keying material", "x", "x".repeat(249)])(
    "takes the label %j",
    (label) => {
      expect(exporter().export(label, null, 32)).toHaveLength(32);
    },
  );

  test("refuses a context above 65,535 bytes, and a length that is no whole number", () => {
    expect(exporter().export("EXPORTER-x", bytes(1, 65_535), 16)).toHaveLength(16);
    expect(() => exporter().export("EXPORTER-x", bytes(1, 65_536), 16)).toThrow(RangeError);
    expect(() => exporter().export("EXPORTER-x", null, -1)).toThrow(RangeError);
    expect(() => exporter().export("EXPORTER-x", null, 0.5)).toThrow(RangeError);
  });
});

describe("wiping", () => {
  test("overwrites the bytes that are owned, and whatever is asked afterwards is a TypeError", () => {
    const owned = bytes(0x4d, 48);
    const main = new Tls12MainSecret(sha256, owned);
    main.wipe();
    main.wipe();
    expect(hex(owned)).toBe("00".repeat(48));
    expect(() => main.bytes).toThrow(new TypeError("the main secret has been wiped"));
    expect(() => main.finished("client", bytes(1))).toThrow(TypeError);
    expect(() => main.exporter(CLIENT_RANDOM, SERVER_RANDOM)).toThrow(TypeError);
    const suite = TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA;
    expect(() => main.trafficKeys(suite, CLIENT_RANDOM, SERVER_RANDOM)).toThrow(TypeError);
  });

  test("an exporter outlives the main secret, and the other way round", () => {
    const main = mainSecret();
    const first = main.exporter(CLIENT_RANDOM, SERVER_RANDOM);
    const second = main.exporter(CLIENT_RANDOM, SERVER_RANDOM);
    first.wipe();
    expect(() => first.export("EXPORTER-x", null, 32)).toThrow(TypeError);
    expect(hex(main.bytes)).toBe("4d".repeat(48));
    main.wipe();
    expect(second.export("EXPORTER-x", null, 32)).toHaveLength(32);
  });

  test("leaves no secret behind in what went in and out of HMAC", () => {
    const seen: Uint8Array[] = [];
    const watched: Hash = {
      ...sha256,
      hmac(key, data) {
        const output = sha256.hmac(key, data);
        seen.push(key, data, output);
        return output;
      },
    };
    const premasterSecret = bytes(0x70);
    const main = Tls12MainSecret.extended(watched, premasterSecret, bytes(0x73));
    const suite = TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256;
    main.trafficKeys(suite, CLIENT_RANDOM, SERVER_RANDOM);
    main.finished("server", bytes(0x74));
    const exporter = main.exporter(CLIENT_RANDOM, SERVER_RANDOM);
    exporter.export("EXPORTER-x", bytes(9), 48);
    main.wipe();
    exporter.wipe();
    const left = seen.filter((array) => array !== premasterSecret && array.some((byte) => byte !== 0));
    // Blocks of SHA-256: 48 bytes of main secret, 96 of key block, 12 of Finished, 48 exported.
    expect(seen).toHaveLength(3 * 2 * (2 + 3 + 1 + 2));
    expect(left).toEqual([]);
  });
});
