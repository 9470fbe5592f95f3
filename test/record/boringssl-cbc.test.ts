import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { aes128Cbc, aes256Cbc } from "../../src/crypto/cbc.ts";
import { sha1, sha256 } from "../../src/crypto/hashes.ts";
import { MacThenEncryptOpener, MacThenEncryptSealer } from "../../src/record/cbc12.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

// BoringSSL's cases have sequence numbers of 64 bits and versions and types that no record has, so that they are for what stands
// below ReadProtection12, which counts. All are of the explicit IV that TLS 1.1 brought: NONCE is the IV of the record, and KEY
// ends with the key of AES. Those of TLS 1.0, whose IV is part of KEY, are in files of their own (*_tls_implicit_iv_tests.txt).
const boringssl = sharedVectors("boringssl-aead");
const files = [
  { file: "aes_128_cbc_sha1_tls_tests.txt", cipher: aes128Cbc, mac: sha1 },
  { file: "aes_128_cbc_sha256_tls_tests.txt", cipher: aes128Cbc, mac: sha256 },
  { file: "aes_256_cbc_sha1_tls_tests.txt", cipher: aes256Cbc, mac: sha1 },
];
const FIELDS = ["AD", "CT", "IN", "KEY", "NONCE", "TAG", "TAG_LEN"];
const FLAGS = ["FAILS", "NO_SEAL"];

describe.each(files)("BoringSSL's $file", ({ file, cipher, mac }) => {
  const skipReason = boringssl.missing === undefined ? "" : ` (${boringssl.missing})`;
  const name = "165 records open, 259 do not, and 100 are sealed alike; none is out of scope";
  test.skipIf(boringssl.missing !== undefined)(`${name}${skipReason}`, () => {
    const count = { opened: 0, refused: 0, sealed: 0 };
    for (const block of boringssl.text(file).split(/\n\s*\n/)) {
      const lines = block.split("\n").filter((line) => /^[A-Z_]+:/.test(line));
      if (lines.length === 0) continue;
      const fields = new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line] as const));
      expect([...fields.keys()].filter((label) => !FLAGS.includes(label)).sort()).toEqual(FIELDS);
      const field = (label: string) => fromHex((fields.get(label) ?? "").slice(label.length + 1).trim());
      const key = field("KEY");
      const keys = {
        macKey: key.subarray(0, mac.outputLength),
        key: key.subarray(mac.outputLength),
        iv: new Uint8Array(),
      };
      const [iv, content] = [field("NONCE"), field("IN")];
      // The length is missing from AD: it is to be written by who knows it.
      const additionalData = concatBytes(field("AD"), Uint8Array.of(0xee, 0xee));
      const fragment = concatBytes(iv, field("CT"), field("TAG"));
      const protection = { kind: "cbc", cipher, mac } as const;
      const opened = new MacThenEncryptOpener(protection, keys).open(additionalData, fragment.slice());
      if (fields.has("FAILS")) {
        expect(opened, block).toBeUndefined();
        count.refused++;
      } else {
        expect(hex(opened ?? Uint8Array.of(0)), block).toBe(hex(content));
        count.opened++;
      }
      if (fields.has("NO_SEAL")) continue;
      const sealer = new MacThenEncryptSealer(protection, keys, () => iv);
      const output = new Uint8Array(content.length + sealer.overhead);
      const length = sealer.seal(additionalData, content, output);
      expect(hex(output.subarray(0, length)), block).toBe(hex(fragment));
      count.sealed++;
    }
    expect(count).toEqual({ opened: 165, refused: 259, sealed: 100 });
  });
});
