import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { MAX_PLAINTEXT_LENGTH, RecordBuffer } from "../../src/record/framing.ts";
import { alertThrownBy, patternBytes, plainRecord } from "./independent-sealer.ts";

const MAX = MAX_PLAINTEXT_LENGTH;

const records = [
  { type: 22, version: 0x0301, fragment: patternBytes(40) },
  { type: 20, version: 0x0303, fragment: Uint8Array.of(1) },
  { type: 23, version: 0x0303, fragment: new Uint8Array() },
  { type: 21, version: 0x0300, fragment: patternBytes(2) },
  { type: 23, version: 0x03ff, fragment: patternBytes(300, 9) },
];
const stream = concatBytes(
  ...records.map(({ type, version, fragment }) => plainRecord(type, fragment, version)),
);
const expected = records.map(({ type, version, fragment }) => ({
  type,
  version,
  header: hex(plainRecord(type, fragment, version).subarray(0, 5)),
  fragment: hex(fragment),
}));

function drain(buffer: RecordBuffer): typeof expected {
  const drained: typeof expected = [];
  for (let record = buffer.next(MAX); record !== undefined; record = buffer.next(MAX)) {
    const { type, version, header, fragment } = record;
    drained.push({ type, version, header: hex(header), fragment: hex(fragment) });
  }
  return drained;
}

describe("RecordBuffer", () => {
  test("gives the same records at every split of a stream", () => {
    for (let split = 0; split <= stream.length; split++) {
      const buffer = new RecordBuffer();
      buffer.append(stream.subarray(0, split));
      const first = drain(buffer);
      buffer.append(stream.subarray(split));
      expect([...first, ...drain(buffer)], `split at ${split}`).toEqual(expected);
      expect(buffer.length).toBe(0);
    }
  });

  test("gives the same records byte by byte, and with nothing drained in between", () => {
    const drained = new RecordBuffer();
    const undrained = new RecordBuffer();
    const seen: typeof expected = [];
    for (const byte of stream) {
      drained.append(Uint8Array.of(byte));
      undrained.append(Uint8Array.of(byte));
      seen.push(...drain(drained));
    }
    expect(seen).toEqual(expected);
    expect(drain(undrained)).toEqual(expected);
  });

  test("gives records of the largest size in chunks of 1448 bytes", () => {
    const large = [0, 1, 2, 3].map((start) => patternBytes(MAX, start));
    const bytes = concatBytes(...large.map((fragment) => plainRecord(23, fragment)));
    const buffer = new RecordBuffer();
    const seen: string[] = [];
    for (let at = 0; at < bytes.length; at += 1448) {
      buffer.append(bytes.subarray(at, at + 1448));
      seen.push(...drain(buffer).map(({ fragment }) => fragment));
    }
    expect(seen).toEqual(large.map(hex));
  });

  test("copies what it is given: the caller may overwrite its chunk", () => {
    const chunk = stream.slice();
    const buffer = new RecordBuffer();
    buffer.append(chunk);
    chunk.fill(0xff);
    expect(drain(buffer)).toEqual(expected);
  });

  test("overwriting a fragment leaves its header and the records behind it as they are", () => {
    const buffer = new RecordBuffer();
    buffer.append(stream);
    const first = buffer.next(MAX);
    first?.fragment.fill(0xff);
    expect(hex(first?.header ?? new Uint8Array())).toBe(expected[0]?.header);
    expect(drain(buffer)).toEqual(expected.slice(1));
  });

  test.each([
    { header: "1303030001", alert: "unexpected_message", fault: "content type 19" },
    { header: "0003030001", alert: "unexpected_message", fault: "content type 0" },
    { header: "1803030001", alert: "unexpected_message", fault: "content type 24, heartbeat" },
    { header: "ff03030001", alert: "unexpected_message", fault: "content type 255" },
    { header: "1602030001", alert: "protocol_version", fault: "major version 2" },
    { header: "1604030001", alert: "protocol_version", fault: "major version 4" },
    { header: "1600000001", alert: "protocol_version", fault: "version 0" },
    { header: "1603034001", alert: "record_overflow", fault: "2^14 + 1 bytes" },
    { header: "170303ffff", alert: "record_overflow", fault: "65535 bytes" },
  ])("refuses a header with $fault when its fifth byte is here: $alert", ({ header, alert }) => {
    const bytes = Buffer.from(header, "hex");
    const buffer = new RecordBuffer();
    buffer.append(bytes.subarray(0, 4));
    expect(buffer.next(MAX)).toBeUndefined();
    buffer.append(bytes.subarray(4));
    expect(alertThrownBy(() => buffer.next(MAX))).toBe(alert);
    expect(hex(buffer.firstBytes(10))).toBe(header);
  });

  test("takes a record of exactly the longest length that is allowed, and none a byte longer: record_overflow", () => {
    const buffer = new RecordBuffer();
    buffer.append(plainRecord(23, patternBytes(MAX + 256)));
    expect(alertThrownBy(() => buffer.next(MAX + 255))).toBe("record_overflow");
    expect(buffer.next(MAX + 256)?.fragment.length).toBe(MAX + 256);
  });

  test("shows first bytes without consuming them", () => {
    const buffer = new RecordBuffer();
    expect(buffer.firstBytes(3).length).toBe(0);
    buffer.append(stream.subarray(0, 2));
    expect(hex(buffer.firstBytes(3))).toBe("1603");
    buffer.append(stream.subarray(2));
    expect(hex(buffer.firstBytes(3))).toBe("160301");
    expect(drain(buffer)).toEqual(expected);
  });

  test("hands over what is left as a copy, and is empty afterwards", () => {
    const buffer = new RecordBuffer();
    buffer.append(concatBytes(plainRecord(21, patternBytes(2)), patternBytes(30)));
    buffer.next(MAX);
    const left = buffer.takeAll();
    expect(buffer.length).toBe(0);
    expect(buffer.takeAll().length).toBe(0);
    buffer.append(patternBytes(100, 50));
    expect(hex(left)).toBe(hex(patternBytes(30)));
  });

  test("holds no memory before its first use, nor when it is empty and asked in vain", () => {
    const buffer = new RecordBuffer();
    expect(buffer.capacity).toBe(0);
    buffer.append(stream);
    drain(buffer);
    expect(buffer.capacity).toBe(0);
  });

  test("wiping overwrites what was received", () => {
    const buffer = new RecordBuffer();
    buffer.append(plainRecord(23, patternBytes(50)));
    const record = buffer.next(MAX);
    buffer.wipe();
    expect(hex(record?.fragment ?? new Uint8Array())).toBe("00".repeat(50));
  });
});
