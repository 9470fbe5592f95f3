import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { MAX_PLAINTEXT_LENGTH } from "../../src/record/framing.ts";
import { RecordLayer, type RecordObserver } from "../../src/record/layer.ts";
import { readProtection12, writeProtection12 } from "../../src/record/protection12.ts";
import { alertThrownBy, patternBytes, plainRecord } from "./independent-sealer.ts";
import { keysFor, type Kind12, kinds12, sealIndependently12 } from "./independent-sealer12.ts";

const limits = { emptyRecords: 32, changeCipherSpecs: 32 };
const CHANGE_CIPHER_SPEC = plainRecord(20, Uint8Array.of(1));
const ALERT = Uint8Array.of(2, 40);
const IV = patternBytes(16, 222);

/** A layer that reads TLS 1.2, and the peer that seals for it. */
function readingPair(kind: Kind12, options: { plaintextAlertAllowed?: boolean } = {}) {
  const layer = new RecordLayer({ limits });
  layer.protectReads(protectionToRead(kind), options);
  let sequence = 0n;
  const seal = (type: number, content: Uint8Array): Uint8Array =>
    sealIndependently12({ kind, sequence: sequence++, type, content });
  return { layer, seal };
}

function protectionToRead({ suite, encryptThenMac, ...kind }: Kind12) {
  return readProtection12(suite, keysFor({ suite, encryptThenMac, ...kind }), { encryptThenMac });
}

function writingLayer(kind: Kind12): RecordLayer {
  const layer = new RecordLayer({ limits });
  const { encryptThenMac } = kind;
  layer.protectWrites(
    writeProtection12(kind.suite, keysFor(kind), { encryptThenMac, random: () => IV.slice() }),
  );
  return layer;
}

function taken(layer: RecordLayer): Uint8Array {
  return layer.takeOutput() ?? new Uint8Array();
}

describe.each(kinds12)("reading under $name", (kind) => {
  test("gives records of the types that they have outside", () => {
    const { layer, seal } = readingPair(kind);
    layer.receive(concatBytes(seal(22, patternBytes(16)), seal(23, patternBytes(5)), seal(21, ALERT)));
    expect(layer.read()).toEqual({ type: 22, fragment: patternBytes(16), isProtected: true });
    expect(layer.read()).toEqual({ type: 23, fragment: patternBytes(5), isProtected: true });
    expect(layer.read()).toEqual({ type: 21, fragment: ALERT, isProtected: true });
    expect(layer.read()).toBeUndefined();
  });

  test.each([
    { type: 22, length: 0, alert: "unexpected_message", fault: "an empty handshake fragment" },
    { type: 21, length: 0, alert: "unexpected_message", fault: "an empty alert" },
    { type: 21, length: 1, alert: "decode_error", fault: "an alert of one byte" },
    { type: 21, length: 4, alert: "decode_error", fault: "two alerts" },
    { type: 23, length: MAX_PLAINTEXT_LENGTH + 1, alert: "record_overflow", fault: "2^14 + 1 bytes" },
    { type: 24, length: 5, alert: "unexpected_message", fault: "a heartbeat" },
  ])("refuses $fault inside: $alert", ({ type, length, alert }) => {
    const { layer, seal } = readingPair(kind);
    layer.receive(seal(type, patternBytes(length)));
    expect(alertThrownBy(() => layer.read())).toBe(alert);
  });

  test.each([
    { type: 22, length: 40, fault: "an unprotected handshake record" },
    { type: 23, length: 0, fault: "an empty record" },
    { type: 21, length: 2, fault: "an unprotected alert" },
  ])("refuses $fault: bad_record_mac", ({ type, length }) => {
    const { layer } = readingPair(kind);
    layer.receive(plainRecord(type, patternBytes(length)));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("takes 2^14 bytes, and 32 empty records in a row, but not 33: unexpected_message", () => {
    const { layer, seal } = readingPair(kind);
    layer.receive(seal(23, patternBytes(MAX_PLAINTEXT_LENGTH)));
    expect(layer.read()?.fragment.length).toBe(MAX_PLAINTEXT_LENGTH);
    for (let i = 0; i < 33; i++) layer.receive(seal(23, new Uint8Array()));
    for (let i = 0; i < 32; i++) expect(layer.read()?.fragment.length).toBe(0);
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });

  test("refuses more than 2^14 + 2048 bytes on the header: record_overflow", () => {
    const { layer } = readingPair(kind);
    layer.receive(Uint8Array.of(23, 3, 3, 0x48, 0x00));
    expect(layer.read()).toBeUndefined();
    layer.takeUnread();
    layer.receive(Uint8Array.of(23, 3, 3, 0x48, 0x01));
    expect(alertThrownBy(() => layer.read())).toBe("record_overflow");
  });

  test("refuses the longest fragments for their plaintext, once they have authenticated: record_overflow", () => {
    const { layer, seal } = readingPair(kind);
    let length = MAX_PLAINTEXT_LENGTH + 2048;
    let record = seal(23, patternBytes(length));
    // Without more blocks than there may be.
    for (; record.length > 5 + MAX_PLAINTEXT_LENGTH + 2048; length--)
      record = sealIndependently12({ kind, type: 23, content: patternBytes(length) });
    expect(record.length).toBeGreaterThan(5 + MAX_PLAINTEXT_LENGTH + 2048 - 16);
    const forged = record.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    layer.receive(record);
    expect(alertThrownBy(() => layer.read())).toBe("record_overflow");
    const other = readingPair(kind).layer;
    other.receive(forged);
    expect(alertThrownBy(() => other.read())).toBe("bad_record_mac");
  });

  test("holds the peer to the record_size_limit that we announced, of content alone: record_overflow", () => {
    const { layer, seal } = readingPair(kind);
    layer.readLimit = 64;
    layer.receive(concatBytes(seal(23, patternBytes(64)), seal(23, patternBytes(65))));
    expect(layer.read()?.fragment.length).toBe(64);
    expect(alertThrownBy(() => layer.read())).toBe("record_overflow");

    const later = new RecordLayer({ limits });
    later.readLimit = 64;
    later.protectReads(protectionToRead(kind));
    later.receive(sealIndependently12({ kind, type: 23, content: patternBytes(65) }));
    expect(alertThrownBy(() => later.read())).toBe("record_overflow");
  });

  test("passes over nothing, whatever may be early data, and lets no unprotected alert in: bad_record_mac", () => {
    const early = readingPair(kind).layer;
    early.earlyDataBudget = 10_000;
    early.receive(plainRecord(23, patternBytes(96)));
    expect(alertThrownBy(() => early.read())).toBe("bad_record_mac");
    const { layer } = readingPair(kind, { plaintextAlertAllowed: true });
    layer.receive(plainRecord(21, ALERT));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("tells the observer the type of what has opened, and nothing of what has not", () => {
    const seen: string[] = [];
    const observer: RecordObserver = {
      record: (direction, header, innerType) =>
        void seen.push(`${direction} ${hex(header.subarray(0, 3))} ${innerType}`),
    };
    const layer = new RecordLayer({ limits, observer });
    layer.protectReads(protectionToRead(kind));
    layer.receive(sealIndependently12({ kind, type: 22, content: patternBytes(4) }));
    layer.read();
    layer.receive(plainRecord(23, patternBytes(96)));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
    expect(seen).toEqual(["read 160303 22", "read 170303 undefined"]);
  });
});

describe.each(kinds12)("writing under $name", (kind) => {
  test("40 000 bytes are three records, of 16384, 16384 and 7232 bytes", () => {
    const layer = writingLayer(kind);
    const bytes = patternBytes(40_000);
    layer.write(23, bytes);
    const contents = [bytes.subarray(0, 16_384), bytes.subarray(16_384, 32_768), bytes.subarray(32_768)];
    const expected = contents.map((content, i) =>
      sealIndependently12({ kind, sequence: BigInt(i), type: 23, content }),
    );
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });

  test("cuts to the peer's record_size_limit, which counts no type byte", () => {
    const layer = writingLayer(kind);
    layer.writeLimit = 64;
    layer.write(23, patternBytes(65));
    const expected = [patternBytes(64), patternBytes(65).subarray(64)].map((content, i) =>
      sealIndependently12({ kind, sequence: BigInt(i), type: 23, content }),
    );
    expect(hex(taken(layer))).toBe(hex(concatBytes(...expected)));
  });

  test("asks for no padding, and adds none", () => {
    const layer = writingLayer(kind);
    layer.padding = () => expect.fail("padding is of TLS 1.3");
    layer.write(23, patternBytes(50));
    const expected = sealIndependently12({ kind, type: 23, content: patternBytes(50) });
    expect(hex(taken(layer))).toBe(hex(expected));
  });

  test("many writes are one buffer with the records in order, which another layer reads", () => {
    const layer = writingLayer(kind);
    const { layer: reader } = readingPair(kind);
    for (let i = 1; i < 200; i++) layer.write(23, patternBytes(i, i));
    reader.receive(taken(layer));
    for (let i = 1; i < 200; i++) expect(hex(reader.read()?.fragment ?? ALERT)).toBe(hex(patternBytes(i, i)));
    expect(reader.read()).toBeUndefined();
    expect(reader.bufferedLength).toBe(0);
  });

  test("leaves a change_cipher_spec as it is, without a sequence number", () => {
    const layer = writingLayer(kind);
    layer.write(20, Uint8Array.of(1));
    layer.write(22, patternBytes(16));
    const expected = sealIndependently12({ kind, type: 22, content: patternBytes(16) });
    expect(hex(taken(layer))).toBe(hex(concatBytes(CHANGE_CIPHER_SPEC, expected)));
  });
});

describe("a change_cipher_spec that TLS 1.2 waits for", () => {
  test("is delivered, and what follows it is read under the keys that are set then", () => {
    const [kind] = kinds12;
    if (kind === undefined) throw new Error("there are no kinds");
    const layer = new RecordLayer({ limits });
    layer.changeCipherSpecPolicy = "deliver";
    const finished = sealIndependently12({ kind, type: 22, content: patternBytes(16) });
    layer.receive(concatBytes(plainRecord(22, patternBytes(9)), CHANGE_CIPHER_SPEC, finished));
    expect(layer.read()?.type).toBe(22);
    expect(layer.read()).toEqual({ type: 20, fragment: Uint8Array.of(1), isProtected: false });
    layer.protectReads(protectionToRead(kind));
    expect(layer.read()).toEqual({ type: 22, fragment: patternBytes(16), isProtected: true });
  });

  test.each(["", "00", "02", "0101"])("with the body %j is an illegal_parameter", (body) => {
    const layer = new RecordLayer({ limits });
    layer.changeCipherSpecPolicy = "deliver";
    layer.receive(plainRecord(20, Buffer.from(body, "hex")));
    expect(alertThrownBy(() => layer.read())).toBe("illegal_parameter");
  });

  test("is refused while reads are protected, whatever the policy and body: unexpected_message", () => {
    for (const body of [Uint8Array.of(1), Uint8Array.of(2), new Uint8Array()]) {
      for (const policy of ["deliver", "refuse"] as const) {
        for (const kind of kinds12) {
          const { layer, seal } = readingPair(kind);
          layer.changeCipherSpecPolicy = policy;
          layer.receive(plainRecord(20, body));
          expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
          const { layer: other } = readingPair(kind);
          other.changeCipherSpecPolicy = policy;
          other.receive(seal(20, body));
          expect(alertThrownBy(() => other.read())).toBe("unexpected_message");
        }
      }
    }
  });

  test("is refused at any other time, whatever its body: unexpected_message", () => {
    for (const body of [Uint8Array.of(1), Uint8Array.of(2), new Uint8Array()]) {
      const layer = new RecordLayer({ limits });
      layer.receive(plainRecord(20, body));
      expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
    }
  });

  test("does not count as one that is dropped", () => {
    const layer = new RecordLayer({ limits });
    layer.changeCipherSpecPolicy = "deliver";
    layer.receive(CHANGE_CIPHER_SPEC);
    expect(layer.read()?.type).toBe(20);
    layer.changeCipherSpecPolicy = "drop";
    for (let i = 0; i < 32; i++) layer.receive(CHANGE_CIPHER_SPEC);
    expect(layer.read()).toBeUndefined();
    layer.receive(CHANGE_CIPHER_SPEC);
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });

  test("is told to the observer without an inner type", () => {
    const seen: string[] = [];
    const observer: RecordObserver = {
      record: (direction, header, innerType) => void seen.push(`${direction} ${hex(header)} ${innerType}`),
    };
    const layer = new RecordLayer({ limits, observer });
    layer.changeCipherSpecPolicy = "deliver";
    layer.receive(CHANGE_CIPHER_SPEC);
    layer.read();
    expect(seen).toEqual(["read 1403030001 undefined"]);
  });
});
