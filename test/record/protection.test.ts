import { createCipheriv } from "node:crypto";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import { MAX_PLAINTEXT_LENGTH, type RawRecord } from "../../src/record/framing.ts";
import { RecordNonce } from "../../src/record/nonce.ts";
import { ReadProtection13, WriteProtection13 } from "../../src/record/protection.ts";
import { alertThrownBy, patternBytes, type RecordToSeal, sealIndependently } from "./independent-sealer.ts";

const suite = TLS_AES_128_GCM_SHA256;
const keys = { key: patternBytes(16, 77), iv: patternBytes(12, 200) };
const suites = [
  { suite, cipher: "aes-128-gcm" },
  { suite: TLS_AES_256_GCM_SHA384, cipher: "aes-256-gcm" },
  { suite: TLS_CHACHA20_POLY1305_SHA256, cipher: "chacha20-poly1305" },
] as const;

function raw(record: Uint8Array): RawRecord {
  const header = record.subarray(0, 5);
  return { type: header[0] ?? 0, version: 0x0303, header, fragment: record.subarray(5) };
}

function sealed(record: Partial<RecordToSeal>): RawRecord {
  return raw(sealIndependently({ ...keys, type: 23, content: patternBytes(10), ...record }));
}

function seal(protection: WriteProtection13, type: number, content: Uint8Array, padding = 0): Uint8Array {
  const output = new Uint8Array(protection.overhead + content.length + padding);
  expect(protection.seal(type, content, padding, output)).toBe(output.length);
  return output;
}

describe("WriteProtection13", () => {
  test.each(suites)("seals as node:crypto does under $cipher", ({ suite, cipher }) => {
    const longKeys = { key: patternBytes(suite.aead.keyLength, 5), iv: keys.iv };
    const protection = new WriteProtection13(suite, longKeys);
    const lengths = [0, 1, 15, 16, 17, 1350, MAX_PLAINTEXT_LENGTH];
    lengths.forEach((length, i) => {
      const content = patternBytes(length);
      const record = { ...longKeys, cipher, sequence: BigInt(i), type: 22, content };
      expect(hex(seal(protection, 22, content))).toBe(hex(sealIndependently(record)));
    });
  });

  test("seals padding behind the content type, over whatever the output held", () => {
    const protection = new WriteProtection13(suite, keys);
    const output = new Uint8Array(200).fill(0xee);
    const length = protection.seal(21, Uint8Array.of(1, 0), 100, output, 50);
    const expected = sealIndependently({ ...keys, type: 21, content: Uint8Array.of(1, 0), padding: 100 });
    expect(hex(output.subarray(50, 50 + length))).toBe(hex(expected));
    expect(hex(output.subarray(0, 50))).toBe("ee".repeat(50));
    expect(hex(output.subarray(50 + length))).toBe("ee".repeat(200 - 50 - length));
  });

  test("leaves the content as it is", () => {
    const content = patternBytes(64);
    seal(new WriteProtection13(suite, keys), 23, content);
    expect(hex(content)).toBe(hex(patternBytes(64)));
  });

  test("counts the records that are left of its key", () => {
    const protection = new WriteProtection13(suite, keys);
    expect(protection.recordsLeft).toBe(2 ** 24);
    seal(protection, 23, patternBytes(1));
    expect(protection.recordsLeft).toBe(2 ** 24 - 1);
    expect(new WriteProtection13(suite, keys, { sequence: 2 ** 24 - 1 }).recordsLeft).toBe(1);
    expect(new WriteProtection13(suite, keys, { sequence: 2 ** 24 + 5 }).recordsLeft).toBe(0);
    const { recordsLeft } = new WriteProtection13(TLS_CHACHA20_POLY1305_SHA256, {
      key: patternBytes(32),
      iv: keys.iv,
    });
    expect(recordsLeft).toBe(2 ** 48);
  });

  test("copies its keys, and is dead once wiped", () => {
    const copied = { key: keys.key.slice(), iv: keys.iv.slice() };
    const protection = new WriteProtection13(suite, copied);
    copied.key.fill(0);
    copied.iv.fill(0);
    const content = patternBytes(5);
    expect(hex(seal(protection, 23, content))).toBe(hex(sealIndependently({ ...keys, type: 23, content })));
    protection.wipe();
    expect(() => seal(protection, 23, content)).toThrow();
  });
});

describe("sequence numbers", () => {
  const starts = [255, 65_535, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 2 ** 31, 2 ** 48 - 3];

  test.each(starts)("nonces are those of BigInt from %d on, both ways", (sequence) => {
    const writer = new WriteProtection13(suite, keys, { sequence });
    const reader = new ReadProtection13(suite, keys, { sequence });
    for (let i = 0; i < 3; i++) {
      const content = patternBytes(20, i);
      const expected = sealIndependently({ ...keys, sequence: BigInt(sequence + i), type: 23, content });
      expect(hex(seal(writer, 23, content))).toBe(hex(expected));
      expect(hex(reader.open(raw(expected))?.content ?? new Uint8Array())).toBe(hex(content));
    }
  });

  test("end below 2^48: internal_error", () => {
    const writer = new WriteProtection13(suite, keys, { sequence: 2 ** 48 - 1 });
    const reader = new ReadProtection13(suite, keys, { sequence: 2 ** 48 - 1 });
    const last = seal(writer, 23, patternBytes(3));
    expect(reader.open(raw(last))?.content.length).toBe(3);
    expect(alertThrownBy(() => seal(writer, 23, patternBytes(3)))).toBe("internal_error");
    expect(alertThrownBy(() => reader.open(raw(last)))).toBe("internal_error");
  });

  test("an iv that is not 12 bytes long is a RangeError", () => {
    expect(() => new RecordNonce(patternBytes(8), 0)).toThrow(RangeError);
  });
});

describe("ReadProtection13", () => {
  test.each(suites)("opens in place what node:crypto sealed under $cipher", ({ suite, cipher }) => {
    const longKeys = { key: patternBytes(suite.aead.keyLength, 5), iv: keys.iv };
    const protection = new ReadProtection13(suite, longKeys);
    [0, 1, 16, 1350, MAX_PLAINTEXT_LENGTH].forEach((length, i) => {
      const content = patternBytes(length);
      const record = raw(sealIndependently({ ...longKeys, cipher, sequence: BigInt(i), type: 22, content }));
      const inner = protection.open(record);
      expect(inner?.type).toBe(22);
      expect(hex(inner?.content ?? patternBytes(1))).toBe(hex(content));
      expect(inner?.content.buffer).toBe(record.fragment.buffer);
    });
  });

  test.each([0, 1, 2, 255, 5000])("strips %d bytes of padding, and no zeros of the content", (padding) => {
    const content = Uint8Array.of(0, 7, 0, 0);
    const inner = new ReadProtection13(suite, keys).open(sealed({ type: 23, content, padding }));
    expect(inner?.type).toBe(23);
    expect(hex(inner?.content ?? patternBytes(1))).toBe("00070000");
  });

  test("opens nothing with one bit changed in header, ciphertext or tag, and stays at its sequence number", () => {
    const protection = new ReadProtection13(suite, keys);
    const good = sealIndependently({ ...keys, type: 23, content: patternBytes(20) });
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expect(protection.open(raw(bad)), `byte ${at}`).toBeUndefined();
    }
    expect(protection.open(raw(good))?.content.length).toBe(20);
  });

  test.each([0, 1, 15, 16])("opens no fragment of %d bytes", (length) => {
    expect(new ReadProtection13(suite, keys).open(raw(patternBytes(5 + length)))).toBeUndefined();
  });

  test("refuses a plaintext of no bytes, although its tag matches: unexpected_message", () => {
    const nonce = Buffer.from(keys.iv);
    const cipher = createCipheriv("aes-128-gcm", keys.key, nonce);
    const header = Uint8Array.of(23, 3, 3, 0, 16);
    cipher.setAAD(header);
    cipher.final();
    const record = Uint8Array.of(...header, ...cipher.getAuthTag());
    expect(alertThrownBy(() => new ReadProtection13(suite, keys).open(raw(record)))).toBe(
      "unexpected_message",
    );
  });

  test("authenticates the header as it was received", () => {
    const inner = new ReadProtection13(suite, keys).open(
      sealed({ version: 0x0301, content: patternBytes(3) }),
    );
    expect(inner?.content.length).toBe(3);
  });

  test.each([20, 21, 22])("refuses outer type %d of a record that opens: unexpected_message", (outerType) => {
    const record = sealed({ outerType, type: 22 });
    expect(alertThrownBy(() => new ReadProtection13(suite, keys).open(record))).toBe("unexpected_message");
  });

  test.each([0, 1, 300])("refuses %d more zeros instead of a content type: unexpected_message", (padding) => {
    const record = sealed({ type: 0, content: new Uint8Array(), padding });
    expect(alertThrownBy(() => new ReadProtection13(suite, keys).open(record))).toBe("unexpected_message");
  });

  test("takes 2^14 bytes of content and padding, and not one more: record_overflow", () => {
    const lengths = [
      { content: MAX_PLAINTEXT_LENGTH, padding: 0, alert: "none" },
      { content: 1, padding: MAX_PLAINTEXT_LENGTH - 1, alert: "none" },
      { content: MAX_PLAINTEXT_LENGTH + 1, padding: 0, alert: "record_overflow" },
      { content: 1, padding: MAX_PLAINTEXT_LENGTH, alert: "record_overflow" },
    ];
    for (const { content, padding, alert } of lengths) {
      const record = sealed({ content: patternBytes(content), padding });
      expect(alertThrownBy(() => new ReadProtection13(suite, keys).open(record))).toBe(alert);
    }
  });

  test("is dead once wiped", () => {
    // Under an iv of zeros, forgetting the iv changes nothing: it is the key that must be gone.
    const zeroIv = { key: keys.key, iv: new Uint8Array(12) };
    expect(new ReadProtection13(suite, zeroIv).open(sealed(zeroIv))?.type).toBe(23);
    const protection = new ReadProtection13(suite, zeroIv);
    protection.wipe();
    let opened: unknown;
    try {
      opened = protection.open(sealed(zeroIv));
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect(opened).toBeUndefined();
  });
});
