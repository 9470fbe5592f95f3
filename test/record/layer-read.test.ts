import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { MAX_PLAINTEXT_LENGTH } from "../../src/record/framing.ts";
import { RecordLayer, type RecordObserver } from "../../src/record/layer.ts";
import { ReadProtection13 } from "../../src/record/protection.ts";
import { alertThrownBy, patternBytes, plainRecord, sealIndependently } from "./independent-sealer.ts";

const suite = TLS_AES_128_GCM_SHA256;
const keys = { key: patternBytes(16, 77), iv: patternBytes(12, 200) };
const nextKeys = { key: patternBytes(16, 3), iv: patternBytes(12, 4) };
const limits = { emptyRecords: 32, changeCipherSpecs: 32 };
const CHANGE_CIPHER_SPEC = plainRecord(20, Uint8Array.of(1));
const ALERT = Uint8Array.of(2, 40);

/** A layer that reads under `keys`, and the peer that seals for it. */
function protectedPair(options: { plaintextAlertAllowed?: boolean } = {}) {
  const layer = new RecordLayer({ limits });
  layer.protectReads(new ReadProtection13(suite, keys), options);
  let sequence = 0n;
  const seal = (type: number, content: Uint8Array, padding = 0): Uint8Array =>
    sealIndependently({ ...keys, sequence: sequence++, type, content, padding });
  return { layer, seal };
}

describe("reading without protection", () => {
  test("returns handshake and alert fragments as they are", () => {
    const layer = new RecordLayer({ limits });
    layer.receive(concatBytes(plainRecord(22, patternBytes(9), 0x0301), plainRecord(21, ALERT)));
    expect(layer.read()).toEqual({ type: 22, fragment: patternBytes(9), isProtected: false });
    expect(layer.read()).toEqual({ type: 21, fragment: ALERT, isProtected: false });
    expect(layer.read()).toBeUndefined();
  });

  test.each([
    { record: plainRecord(23, patternBytes(1)), alert: "unexpected_message", fault: "application_data" },
    {
      record: plainRecord(23, patternBytes(0)),
      alert: "unexpected_message",
      fault: "empty application_data",
    },
    {
      record: plainRecord(22, patternBytes(0)),
      alert: "unexpected_message",
      fault: "an empty handshake fragment",
    },
    { record: plainRecord(21, patternBytes(0)), alert: "unexpected_message", fault: "an empty alert" },
    { record: plainRecord(21, patternBytes(1)), alert: "decode_error", fault: "an alert of one byte" },
    { record: plainRecord(21, patternBytes(4)), alert: "decode_error", fault: "an alert of four bytes" },
    { record: plainRecord(24, patternBytes(4)), alert: "unexpected_message", fault: "a heartbeat" },
    { record: CHANGE_CIPHER_SPEC, alert: "unexpected_message", fault: "a change_cipher_spec" },
    {
      record: Uint8Array.of(22, 3, 3, 0x40, 1),
      alert: "record_overflow",
      fault: "a header of 2^14 + 1 bytes",
    },
    { record: Uint8Array.of(22, 2, 0, 0, 1), alert: "protocol_version", fault: "a header of SSL 2" },
  ])("refuses $fault: $alert", ({ record, alert }) => {
    const layer = new RecordLayer({ limits });
    layer.receive(record);
    expect(alertThrownBy(() => layer.read())).toBe(alert);
  });

  test("takes a fragment of 2^14 bytes", () => {
    const layer = new RecordLayer({ limits });
    layer.receive(plainRecord(22, patternBytes(MAX_PLAINTEXT_LENGTH)));
    expect(layer.read()?.fragment.length).toBe(MAX_PLAINTEXT_LENGTH);
  });
});

describe("reading under protection", () => {
  test("opens the records of a stream at every split, each in place and one per call", () => {
    const { seal } = protectedPair();
    const contents = [patternBytes(30), patternBytes(1, 5), patternBytes(0), patternBytes(70, 9)];
    const stream = concatBytes(...contents.map((content) => seal(23, content, content.length % 3)));
    for (let split = 0; split <= stream.length; split++) {
      const { layer } = protectedPair();
      const seen: string[] = [];
      for (const part of [stream.slice(0, split), stream.slice(split)]) {
        layer.receive(part);
        part.fill(0xff);
        for (let record = layer.read(); record !== undefined; record = layer.read())
          seen.push(hex(record.fragment));
      }
      expect(seen, `split at ${split}`).toEqual(contents.map(hex));
    }
  });

  test("opens one record per call and leaves those behind it unopened", () => {
    const { layer, seal } = protectedPair();
    const [first, second] = [seal(23, patternBytes(10)), seal(23, patternBytes(20))];
    layer.receive(concatBytes(first, second));
    layer.read();
    expect(hex(layer.firstBytes(second.length))).toBe(hex(second));
    expect(layer.bufferedLength).toBe(second.length);
  });

  test("opens what is buffered under the keys that are set when it is read", () => {
    const { layer, seal } = protectedPair();
    layer.receive(seal(22, patternBytes(5)));
    layer.receive(sealIndependently({ ...nextKeys, type: 23, content: patternBytes(6) }));
    expect(layer.read()?.fragment.length).toBe(5);
    layer.protectReads(new ReadProtection13(suite, nextKeys));
    expect(layer.read()).toEqual({ type: 23, fragment: patternBytes(6), isProtected: true });
  });

  test.each([
    { type: 22, length: 0, alert: "unexpected_message", fault: "an empty handshake fragment" },
    { type: 21, length: 0, alert: "unexpected_message", fault: "an empty alert" },
    { type: 21, length: 1, alert: "decode_error", fault: "an alert of one byte" },
    { type: 21, length: 3, alert: "decode_error", fault: "an alert of three bytes" },
    { type: 20, length: 1, alert: "unexpected_message", fault: "a protected change_cipher_spec" },
    { type: 24, length: 5, alert: "unexpected_message", fault: "a heartbeat" },
    { type: 0, length: 0, alert: "unexpected_message", fault: "nothing but padding" },
    { type: 23, length: MAX_PLAINTEXT_LENGTH + 1, alert: "record_overflow", fault: "2^14 + 1 bytes" },
  ])("refuses $fault inside: $alert", ({ type, length, alert }) => {
    const { layer, seal } = protectedPair();
    layer.changeCipherSpecPolicy = "drop";
    layer.receive(seal(type, type === 20 ? Uint8Array.of(1) : patternBytes(length)));
    expect(alertThrownBy(() => layer.read())).toBe(alert);
  });

  test("refuses a ciphertext of more than 2^14 + 256 bytes on its header: record_overflow", () => {
    const { layer } = protectedPair();
    layer.receive(Uint8Array.of(23, 3, 3, 0x41, 0x00));
    expect(layer.read()).toBeUndefined();
    layer.takeUnread();
    layer.receive(Uint8Array.of(23, 3, 3, 0x41, 0x01));
    expect(alertThrownBy(() => layer.read())).toBe("record_overflow");
  });

  test.each([
    { type: 22, length: 40, fault: "an unprotected handshake record" },
    { type: 23, length: 40, fault: "unprotected application_data" },
    { type: 23, length: 16, fault: "a ciphertext of nothing but a tag" },
    { type: 23, length: 0, fault: "an empty record" },
    { type: 21, length: 2, fault: "an unprotected alert" },
  ])("refuses $fault: bad_record_mac", ({ type, length }) => {
    const { layer } = protectedPair();
    layer.receive(plainRecord(type, patternBytes(length)));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("refuses a record whose tag does not match: bad_record_mac", () => {
    const { layer, seal } = protectedPair();
    const record = seal(23, patternBytes(10));
    record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
    layer.receive(record);
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("refuses a record twice: bad_record_mac", () => {
    const { layer, seal } = protectedPair();
    const record = seal(23, patternBytes(10));
    layer.receive(concatBytes(record, record));
    expect(layer.read()?.fragment.length).toBe(10);
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("refuses a record that opens but is labelled handshake outside: unexpected_message", () => {
    const { layer } = protectedPair();
    layer.receive(sealIndependently({ ...keys, outerType: 22, type: 22, content: patternBytes(8) }));
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });

  test("refuses inner plaintexts above the record_size_limit that we announced: record_overflow", () => {
    const { layer, seal } = protectedPair();
    layer.readLimit = 64;
    layer.receive(concatBytes(seal(23, patternBytes(60), 3), seal(23, patternBytes(60), 4)));
    expect(layer.read()?.fragment.length).toBe(60);
    expect(alertThrownBy(() => layer.read())).toBe("record_overflow");

    const later = new RecordLayer({ limits });
    later.readLimit = 64;
    later.protectReads(new ReadProtection13(suite, keys));
    later.receive(sealIndependently({ ...keys, type: 23, content: patternBytes(64) }));
    expect(alertThrownBy(() => later.read())).toBe("record_overflow");
  });
});

describe("empty records", () => {
  test("32 in a row are returned, the 33rd is one too many: unexpected_message", () => {
    const { layer, seal } = protectedPair();
    for (let i = 0; i < 33; i++) layer.receive(seal(23, new Uint8Array(), i));
    for (let i = 0; i < 32; i++) expect(layer.read()?.fragment.length).toBe(0);
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });

  test("application data starts the count again", () => {
    const { layer, seal } = protectedPair();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 32; i++) layer.receive(seal(23, new Uint8Array()));
      layer.receive(seal(23, patternBytes(1)));
    }
    for (let i = 0; i < 99; i++) expect(layer.read()?.type).toBe(23);
    expect(layer.read()).toBeUndefined();
  });

  test("neither handshake records, nor alerts, nor change_cipher_specs, nor new keys start the count again", () => {
    const { layer, seal } = protectedPair();
    layer.changeCipherSpecPolicy = "drop";
    for (let i = 0; i < 32; i++) {
      layer.receive(seal(23, new Uint8Array()));
      layer.receive(i % 2 === 0 ? seal(22, patternBytes(4)) : seal(21, ALERT));
      if (i < 8) layer.receive(CHANGE_CIPHER_SPEC);
    }
    for (let i = 0; i < 64; i++) expect(layer.read()).toBeDefined();
    layer.protectReads(new ReadProtection13(suite, nextKeys));
    layer.receive(sealIndependently({ ...nextKeys, type: 23, content: new Uint8Array() }));
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });
});

describe("change_cipher_spec", () => {
  test("is refused unless the policy says drop, with and without protection: unexpected_message", () => {
    const { layer: isProtected } = protectedPair();
    for (const layer of [new RecordLayer({ limits }), isProtected]) {
      layer.receive(CHANGE_CIPHER_SPEC);
      expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
    }
  });

  test("is dropped on the way to the next record, with and without protection", () => {
    const plain = new RecordLayer({ limits });
    plain.changeCipherSpecPolicy = "drop";
    plain.receive(concatBytes(CHANGE_CIPHER_SPEC, CHANGE_CIPHER_SPEC, plainRecord(22, patternBytes(4))));
    expect(plain.read()?.type).toBe(22);

    const { layer, seal } = protectedPair();
    layer.changeCipherSpecPolicy = "drop";
    layer.receive(concatBytes(CHANGE_CIPHER_SPEC, seal(22, patternBytes(4)), CHANGE_CIPHER_SPEC));
    expect(layer.read()?.type).toBe(22);
    expect(layer.read()).toBeUndefined();
    expect(layer.bufferedLength).toBe(0);
  });

  test("is refused again once the policy says so: unexpected_message", () => {
    const layer = new RecordLayer({ limits });
    layer.changeCipherSpecPolicy = "drop";
    layer.receive(CHANGE_CIPHER_SPEC);
    layer.read();
    layer.changeCipherSpecPolicy = "refuse";
    layer.receive(CHANGE_CIPHER_SPEC);
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });

  test.each(["", "00", "02", "0101"])("is refused with the body %j: unexpected_message", (body) => {
    for (const layer of [new RecordLayer({ limits }), protectedPair().layer]) {
      layer.changeCipherSpecPolicy = "drop";
      layer.receive(plainRecord(20, Buffer.from(body, "hex")));
      expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
    }
  });

  test("32 are dropped, the 33rd is one too many, whatever comes between them: unexpected_message", () => {
    const { layer, seal } = protectedPair();
    layer.changeCipherSpecPolicy = "drop";
    for (let i = 0; i < 32; i++) layer.receive(concatBytes(CHANGE_CIPHER_SPEC, seal(23, patternBytes(3))));
    for (let i = 0; i < 32; i++) expect(layer.read()?.type).toBe(23);
    layer.receive(CHANGE_CIPHER_SPEC);
    expect(alertThrownBy(() => layer.read())).toBe("unexpected_message");
  });
});

describe("an alert of a peer that has no keys", () => {
  test("is returned although reads are protected", () => {
    const { layer } = protectedPair({ plaintextAlertAllowed: true });
    layer.receive(plainRecord(21, ALERT));
    expect(layer.read()).toEqual({ type: 21, fragment: ALERT, isProtected: false });
  });

  test("is refused behind the first record that opens: bad_record_mac", () => {
    const { layer, seal } = protectedPair({ plaintextAlertAllowed: true });
    layer.receive(concatBytes(seal(22, patternBytes(4)), plainRecord(21, ALERT)));
    expect(layer.read()?.type).toBe(22);
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test("is refused under new keys that do not allow it: bad_record_mac", () => {
    const { layer } = protectedPair({ plaintextAlertAllowed: true });
    layer.protectReads(new ReadProtection13(suite, nextKeys));
    layer.receive(plainRecord(21, ALERT));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });

  test.each([
    { type: 21, length: 3 },
    { type: 22, length: 2 },
    { type: 21, length: 30 },
  ])("is all that is let through, not type $type with $length bytes: bad_record_mac", ({ type, length }) => {
    const { layer } = protectedPair({ plaintextAlertAllowed: true });
    layer.receive(plainRecord(type, patternBytes(length)));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
  });
});

describe("what is left and what is seen", () => {
  test("takeUnread gives the bytes behind the last record that was read", () => {
    const { layer, seal } = protectedPair();
    layer.receive(concatBytes(seal(21, Uint8Array.of(1, 0)), patternBytes(12)));
    expect(layer.read()?.type).toBe(21);
    expect(hex(layer.takeUnread())).toBe(hex(patternBytes(12)));
    expect(layer.bufferedLength).toBe(0);
  });

  test("the observer sees every record with its header, dropped and unauthentic ones too", () => {
    const seen: string[] = [];
    const observer: RecordObserver = {
      record: (direction, header, innerType) => void seen.push(`${direction} ${hex(header)} ${innerType}`),
    };
    const layer = new RecordLayer({ limits, observer });
    layer.changeCipherSpecPolicy = "drop";
    layer.receive(concatBytes(plainRecord(22, patternBytes(4), 0x0301), CHANGE_CIPHER_SPEC));
    layer.read();
    layer.read();
    layer.protectReads(new ReadProtection13(suite, keys));
    layer.receive(sealIndependently({ ...keys, type: 22, content: patternBytes(4) }));
    layer.read();
    layer.receive(plainRecord(23, patternBytes(32)));
    expect(alertThrownBy(() => layer.read())).toBe("bad_record_mac");
    expect(seen).toEqual([
      "read 1603010004 undefined",
      "read 1403030001 undefined",
      "read 1703030015 22",
      "read 1703030020 undefined",
    ]);
  });

  test("wiping overwrites the plaintext that was read", () => {
    const { layer, seal } = protectedPair();
    layer.receive(seal(23, patternBytes(40)));
    const record = layer.read();
    layer.wipe();
    expect(hex(record?.fragment ?? new Uint8Array())).toBe("00".repeat(40));
  });
});
