import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import type { Opener, Sealer, Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 } from "../../src/crypto/suites.ts";
import { RecordLayer, type RecordObserver } from "../../src/record/layer.ts";
import { ReadProtection13, WriteProtection13 } from "../../src/record/protection.ts";
import { patternBytes, plainRecord, sealIndependently } from "./independent-sealer.ts";

const suite = TLS_AES_128_GCM_SHA256;
const keys = { key: patternBytes(16, 77), iv: patternBytes(12, 200) };
const limits = { emptyRecords: 32, changeCipherSpecs: 32 };

function protectedLayer(): RecordLayer {
  const layer = new RecordLayer({ limits });
  layer.protectWrites(new WriteProtection13(suite, keys));
  return layer;
}

function taken(layer: RecordLayer): Uint8Array {
  return layer.takeOutput() ?? new Uint8Array();
}

/** `holder`, which tells when it is wiped. */
function watchWipe<T extends Sealer | Opener>(holder: T, onWipe: () => void): T {
  const wipe = holder.wipe.bind(holder);
  return Object.assign(holder, {
    wipe() {
      onWipe();
      wipe();
    },
  });
}

/** The fragment lengths that the headers of `output` declare, which must fill it exactly. */
function fragmentLengths(output: Uint8Array): number[] {
  const lengths: number[] = [];
  let at = 0;
  while (at < output.length) {
    const length = ((output[at + 3] ?? 0) << 8) | (output[at + 4] ?? 0);
    lengths.push(length);
    at += 5 + length;
  }
  expect(at).toBe(output.length);
  return lengths;
}

describe("writing without protection", () => {
  test("puts a header with the plaintext version in front", () => {
    const layer = new RecordLayer({ limits });
    layer.plaintextVersion = 0x0301;
    layer.write(22, patternBytes(300));
    layer.plaintextVersion = 0x0303;
    layer.write(21, Uint8Array.of(2, 40));
    expect(hex(taken(layer))).toBe(
      hex(concatBytes(plainRecord(22, patternBytes(300), 0x0301), plainRecord(21, Uint8Array.of(2, 40)))),
    );
    expect(layer.recordsLeftToWrite).toBe(Infinity);
  });

  test("fragments to 2^14 bytes, whatever the record_size_limit is", () => {
    const layer = new RecordLayer({ limits });
    layer.writeLimit = 64;
    const message = patternBytes(2 ** 14 + 2 ** 14 + 1);
    layer.write(22, message);
    expect(hex(taken(layer))).toBe(
      hex(
        concatBytes(
          plainRecord(22, message.subarray(0, 2 ** 14)),
          plainRecord(22, message.subarray(2 ** 14, 2 ** 15)),
          plainRecord(22, message.subarray(2 ** 15)),
        ),
      ),
    );
  });
});

describe("writing under protection", () => {
  test("40 000 bytes are three records of 16384, 16384 and 7232 bytes: 40 066 bytes", () => {
    const layer = protectedLayer();
    const bytes = patternBytes(40_000);
    layer.write(23, bytes);
    expect(layer.pendingOutput).toBe(40_066);
    const contents = [bytes.subarray(0, 16_384), bytes.subarray(16_384, 32_768), bytes.subarray(32_768)];
    expect(contents.at(-1)?.length).toBe(7232);
    const expected = contents.map((content, i) =>
      sealIndependently({ ...keys, sequence: BigInt(i), type: 23, content }),
    );
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });

  test("nothing to write is no record", () => {
    for (const layer of [new RecordLayer({ limits }), protectedLayer()]) {
      layer.write(23, new Uint8Array());
      expect(layer.pendingOutput).toBe(0);
      expect(layer.takeOutput()).toBeNull();
    }
  });

  test("a change_cipher_spec stays unprotected and takes no sequence number", () => {
    const layer = protectedLayer();
    layer.write(20, Uint8Array.of(1));
    layer.write(22, patternBytes(4));
    const expected = sealIndependently({ ...keys, type: 22, content: patternBytes(4) });
    expect(hex(taken(layer))).toBe(hex(concatBytes(plainRecord(20, Uint8Array.of(1)), expected)));
  });

  test("new keys start at sequence number 0, behind what the old ones sealed", () => {
    const layer = protectedLayer();
    const next = { key: patternBytes(16, 1), iv: patternBytes(12, 2) };
    layer.write(22, patternBytes(4));
    layer.protectWrites(new WriteProtection13(suite, next));
    layer.write(23, patternBytes(5));
    const expected = [
      sealIndependently({ ...keys, type: 22, content: patternBytes(4) }),
      sealIndependently({ ...next, type: 23, content: patternBytes(5) }),
    ];
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });

  test("tells how many records the key may still seal", () => {
    const layer = protectedLayer();
    layer.write(23, patternBytes(40_000));
    expect(layer.recordsLeftToWrite).toBe(2 ** 24 - 3);
    layer.protectWrites(
      new WriteProtection13(TLS_CHACHA20_POLY1305_SHA256, { key: patternBytes(32), iv: keys.iv }),
    );
    expect(layer.recordsLeftToWrite).toBe(2 ** 48);
  });

  test("leaves the caller's bytes as they are, and the caller may overwrite them", () => {
    const layer = protectedLayer();
    const bytes = patternBytes(100);
    layer.write(23, bytes);
    expect(hex(bytes)).toBe(hex(patternBytes(100)));
    bytes.fill(0);
    expect(hex(taken(layer))).toBe(hex(sealIndependently({ ...keys, type: 23, content: patternBytes(100) })));
  });

  test("another layer reads what was written, of every size around the limits", () => {
    const writer = protectedLayer();
    const reader = new RecordLayer({ limits });
    reader.protectReads(new ReadProtection13(suite, keys));
    writer.padding = (length) => length % 40;
    for (const length of [1, 2, 255, 256, 16_383, 16_384, 16_385, 32_768, 32_769]) {
      writer.write(23, patternBytes(length));
      reader.receive(taken(writer));
      const contents: Uint8Array[] = [];
      for (let record = reader.read(); record !== undefined; record = reader.read())
        contents.push(record.fragment.slice());
      expect(hex(concatBytes(...contents)), `${length} bytes`).toBe(hex(patternBytes(length)));
    }
  });
});

describe("keys", () => {
  test("that are replaced are wiped, and those in use when the layer is", () => {
    const wiped: string[] = [];
    const watched = (name: string): Tls13CipherSuite => ({
      ...suite,
      aead: {
        ...suite.aead,
        sealer: (key) => watchWipe(suite.aead.sealer(key), () => wiped.push(`${name} sealer`)),
        opener: (key) => watchWipe(suite.aead.opener(key), () => wiped.push(`${name} opener`)),
      },
    });
    const layer = new RecordLayer({ limits });
    layer.protectWrites(new WriteProtection13(watched("first"), keys));
    layer.protectReads(new ReadProtection13(watched("first"), keys));
    expect(wiped).toEqual([]);
    layer.protectWrites(new WriteProtection13(watched("second"), keys));
    expect(wiped).toEqual(["first sealer"]);
    layer.protectReads(new ReadProtection13(watched("second"), keys));
    expect(wiped).toEqual(["first sealer", "first opener"]);
    layer.wipe();
    expect(wiped.slice(2).sort()).toEqual(["second opener", "second sealer"]);
  });
});

describe("record_size_limit", () => {
  test.each([
    { limit: 64, length: 63, fragments: [80] },
    { limit: 64, length: 64, fragments: [80, 18] },
    { limit: 64, length: 200, fragments: [80, 80, 80, 28] },
    { limit: 2 ** 14, length: 2 ** 14, fragments: [2 ** 14 + 16, 18] },
    { limit: 2 ** 14 + 1, length: 2 ** 14, fragments: [2 ** 14 + 17] },
    { limit: 2 ** 16 - 1, length: 2 ** 14 + 1, fragments: [2 ** 14 + 17, 18] },
  ])("of $limit cuts $length bytes to fragments of $fragments", ({ limit, length, fragments }) => {
    const layer = protectedLayer();
    layer.writeLimit = limit;
    layer.write(23, patternBytes(length));
    expect(fragmentLengths(taken(layer))).toEqual(fragments);
  });

  test("counts padding too", () => {
    const layer = protectedLayer();
    layer.writeLimit = 64;
    layer.padding = () => 1000;
    layer.write(23, patternBytes(70));
    expect(fragmentLengths(taken(layer))).toEqual([80, 80]);
  });

  test("is what the protocol allows when it is above that", () => {
    const layer = new RecordLayer({ limits });
    expect([layer.readLimit, layer.writeLimit]).toEqual([2 ** 14 + 1, 2 ** 14 + 1]);
    layer.writeLimit = 65_535;
    layer.readLimit = 65_535;
    expect([layer.readLimit, layer.writeLimit]).toEqual([2 ** 14 + 1, 2 ** 14 + 1]);
  });

  test.each([63, 0, -1, 100.5, NaN])("of %d is a RangeError", (limit) => {
    const layer = new RecordLayer({ limits });
    expect(() => (layer.writeLimit = limit)).toThrow(RangeError);
    expect(() => (layer.readLimit = limit)).toThrow(RangeError);
  });
});

describe("padding", () => {
  test("is asked for each record with the length of its content, and added", () => {
    const layer = protectedLayer();
    const asked: number[] = [];
    layer.padding = (contentLength) => {
      asked.push(contentLength);
      return 100;
    };
    const bytes = patternBytes(20_000);
    layer.write(23, bytes);
    expect(asked).toEqual([16_384, 3616]);
    const expected = [
      sealIndependently({ ...keys, type: 23, content: bytes.subarray(0, 16_384) }),
      sealIndependently({ ...keys, sequence: 1n, type: 23, content: bytes.subarray(16_384), padding: 100 }),
    ];
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });

  test.each([
    { wanted: Infinity, padding: 16_284 },
    { wanted: 20_000, padding: 16_284 },
    { wanted: 7.9, padding: 7 },
    { wanted: 0, padding: 0 },
    { wanted: -5, padding: 0 },
    { wanted: NaN, padding: 0 },
  ])("of $wanted bytes is clipped to $padding", ({ wanted, padding }) => {
    const layer = protectedLayer();
    layer.padding = () => wanted;
    const content = patternBytes(100);
    layer.write(23, content);
    layer.write(23, content);
    const expected = [0n, 1n].map((sequence) =>
      sealIndependently({ ...keys, sequence, type: 23, content, padding }),
    );
    expect(layer.pendingOutput).toBe(2 * (100 + padding + 22));
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });
});

describe("output", () => {
  test("of many writes is one buffer with the records in order", () => {
    const layer = protectedLayer();
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 200; i++) {
      const content = patternBytes(1 + ((i * 37) % 500), i);
      layer.write(23, content);
      expected.push(sealIndependently({ ...keys, sequence: BigInt(i), type: 23, content }));
    }
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
    expect(layer.takeOutput()).toBeNull();
    expect(layer.pendingOutput).toBe(0);
  });

  test("taken in parts, with writes in between, is the same bytes", () => {
    for (const size of [1, 7, 100, 333, 5000]) {
      const layer = protectedLayer();
      const whole = protectedLayer();
      const parts: Uint8Array[] = [];
      for (let i = 0; i < 30; i++) {
        layer.write(23, patternBytes(200, i));
        whole.write(23, patternBytes(200, i));
        const part = layer.takeOutput(size);
        expect(part?.length).toBeLessThanOrEqual(size);
        if (part !== null) parts.push(part);
      }
      for (let part = layer.takeOutput(size); part !== null; part = layer.takeOutput(size)) parts.push(part);
      expect(hex(concatBytes(...parts)), `parts of ${size}`).toBe(hex(taken(whole)));
    }
  });

  test("belongs to the caller: neither side sees what the other writes later", () => {
    const layer = protectedLayer();
    const whole = protectedLayer();
    for (const each of [layer, whole]) each.write(23, patternBytes(500));
    const expected = taken(whole);
    const part = layer.takeOutput(100);
    part?.fill(0xff);
    if (part?.buffer instanceof ArrayBuffer) structuredClone(part, { transfer: [part.buffer] });
    const rest = taken(layer);
    expect(hex(rest)).toBe(hex(expected.subarray(100)));
    layer.write(23, patternBytes(500, 9));
    expect(hex(rest)).toBe(hex(expected.subarray(100)));
    rest.fill(0xff);
    whole.write(23, patternBytes(500, 9));
    expect(hex(taken(layer))).toBe(hex(taken(whole)));
  });

  test.each([0, -1, NaN])("of at most %d bytes is a RangeError", (max) => {
    expect(() => protectedLayer().takeOutput(max)).toThrow(RangeError);
  });

  test("is gone once the layer is wiped", () => {
    const layer = protectedLayer();
    layer.write(23, patternBytes(10));
    layer.wipe();
    expect(layer.takeOutput()).toBeNull();
    expect(() => layer.write(23, patternBytes(10))).toThrow();
  });

  test("is told to the observer record by record", () => {
    const seen: string[] = [];
    const observer: RecordObserver = {
      record: (direction, header, innerType) => void seen.push(`${direction} ${hex(header)} ${innerType}`),
    };
    const layer = new RecordLayer({ limits, observer });
    layer.plaintextVersion = 0x0301;
    layer.write(22, patternBytes(2 ** 14 + 3));
    layer.plaintextVersion = 0x0303;
    layer.protectWrites(new WriteProtection13(suite, keys));
    layer.write(20, Uint8Array.of(1));
    layer.write(22, patternBytes(36));
    layer.write(23, patternBytes(2 ** 14 + 1));
    expect(seen).toEqual([
      "write 1603014000 undefined",
      "write 1603010003 undefined",
      "write 1403030001 undefined",
      "write 1703030035 22",
      "write 1703034011 23",
      "write 1703030012 23",
    ]);
  });
});
