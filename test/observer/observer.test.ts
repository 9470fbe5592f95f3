import { expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { printedKeyLog, printedRecords } from "../replay/rfc8448-trace.ts";
import { ConnectionObserver, eventRow, keyLogSecrets } from "../support/observer.ts";
import { byteByByte } from "../support/pair.ts";
import { rfc8448Trace } from "../support/vectors.ts";

const trace = rfc8448Trace(3);
const records = printedRecords(trace);
const keyLog = printedKeyLog(trace);
const PLAINTEXT_ALERT = Uint8Array.of(21, 3, 3, 0, 2, 2, 42);

/** An observer that has seen the first `count` records. */
function observerOf(count: number, lines = keyLog): ConnectionObserver {
  const observer = new ConnectionObserver(keyLogSecrets(lines));
  for (const { sender, record } of records.slice(0, count)) observer.carry(sender, record);
  return observer;
}

test("a side and direction has the same events, however the bytes are cut", () => {
  const cut = new ConnectionObserver(keyLogSecrets(keyLog));
  for (const { sender, record } of records) {
    for (const byte of byteByByte(record)) cut.carry(sender, byte);
  }
  for (const side of ["client", "server"]) {
    for (const direction of ["read", "write"]) {
      const of = ({ events }: ConnectionObserver) =>
        events.filter((event) => event.side === side && event.direction === direction).map(eventRow);
      expect(of(cut)).toEqual(of(observerOf(records.length)));
    }
  }
  expect(cut.pending).toBe(0);
});

test("a record that was tampered with is refused", () => {
  const [, , { record } = { record: new Uint8Array() }] = records;
  const tampered = record.map((byte, at) => (at === 100 ? byte ^ 1 : byte));
  expect(() => observerOf(2).carry("server", tampered)).toThrow(
    "a record of the server does not authenticate",
  );
});

test("a record without a secret is refused", () => {
  const lines = keyLog.filter((line) => !line.startsWith("SERVER_TRAFFIC_SECRET_0"));
  expect(() => observerOf(records.length, lines)).toThrow(
    "the secret of a record of the server is not known",
  );
});

test("a secret of another connection is not used", () => {
  const [hello = ""] = keyLog.map((line) => line.split(" ")[1]);
  const lines = keyLog.map((line) => line.replace(hello, hex(new Uint8Array(32))));
  expect(() => observerOf(3, lines)).toThrow("the secret of a record of the server is not known");
});

test("a secret that is not the right one opens nothing", () => {
  const swapped = keyLog.map((line) =>
    line.startsWith("CLIENT_HANDSHAKE") ? line.replace(/[0-9a-f]{64}$/, "00".repeat(32)) : line,
  );
  expect(() => observerOf(4, swapped)).toThrow("a record of the client does not authenticate");
  expect(observerOf(3, swapped).finished).toEqual({ server: true });
});

test("a client's alert may be unprotected until its first protected record, and not behind it", () => {
  const early = observerOf(3);
  early.carry("client", PLAINTEXT_ALERT);
  expect(early.alerts.client.map(hex)).toEqual(["022a"]);
  expect(() => observerOf(4).carry("client", PLAINTEXT_ALERT)).toThrow(
    "a record of the client does not authenticate",
  );
});

test("bytes of an unfinished record are pending", () => {
  const [{ record } = { record: new Uint8Array() }] = records;
  const observer = observerOf(0);
  observer.carry("client", record.subarray(0, 100));
  expect(observer.pending).toBe(100);
  expect(observer.events).toEqual([]);
});
