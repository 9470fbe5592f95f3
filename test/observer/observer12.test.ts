import { expect, test } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { ConnectionObserver, eventRow, keyLogSecrets, type ObserverOptions } from "../support/observer.ts";
import { byteByByte } from "../support/pair.ts";
import { checkProof } from "./proofs.ts";
import { WatchedPeers } from "./watched-pair.ts";

const {
  observer: seen,
  wire,
  keyLog,
} = await new WatchedPeers(
  {},
  { versions: ["TLSv1.2"], cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] },
).connect({
  async afterwards(pair) {
    pair.client.engine.write(ascii("hello"));
    await pair.run();
  },
});
const options: ObserverOptions = { serverVersion: "TLSv1.2" };

/** An observer that has seen the connection, after `change` to the output of this number. */
function observe(
  lines: readonly string[],
  output: number = -1,
  change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): ConnectionObserver {
  const observer = new ConnectionObserver(keyLogSecrets(lines), options);
  for (const [i, { sender, bytes }] of wire.entries())
    observer.carry(sender, i === output ? change(bytes) : bytes);
  return observer;
}

const flip =
  (at: number) =>
  (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** Outputs: ClientHello, the server's flight, the client's, the server's end, data. */
const [HELLO, SERVER_FLIGHT, , SERVER_END, DATA] = [0, 1, 2, 3, 4];

test("what it sees of the connection is whole", () => {
  expect(wire.length).toBe(5);
  expect(seen.finished).toEqual({ client: true, server: true });
  expect(seen.data.client.map(latin1)).toEqual(["hello"]);
  expect(seen.protectedRecords.length).toBe(3);
});

test("a side and direction has the same events, however the bytes are cut", () => {
  const cut = new ConnectionObserver(keyLogSecrets(keyLog), options);
  for (const { sender, bytes } of wire) for (const byte of byteByByte(bytes)) cut.carry(sender, byte);
  for (const side of ["client", "server"]) {
    for (const direction of ["read", "write"]) {
      const of = ({ events }: ConnectionObserver) =>
        events.filter((event) => event.side === side && event.direction === direction).map(eventRow);
      expect(of(cut)).toEqual(of(seen));
    }
  }
  expect(cut.pending).toBe(0);
});

test("a record that was tampered with is refused, be it its header, its nonce, its content or its tag", () => {
  const { bytes } = wire[DATA] ?? { bytes: new Uint8Array() };
  for (const at of [0, 2, 5, 13, bytes.length - 1]) {
    const wanted = at === 0 ? "does not authenticate" : "a record of the client does not authenticate";
    expect(() => observe(keyLog, DATA, flip(at)), `byte ${at}`).toThrow(wanted);
  }
});

test("a record that comes twice is refused", () => {
  expect(() => observe(keyLog, DATA, (bytes) => concatBytes(bytes, bytes))).toThrow(
    "a record of the client does not authenticate",
  );
});

test("a record without a secret is refused, and the key log of another connection is none", () => {
  const wanted = "the secret of a record of the client is not known";
  expect(() => observe([])).toThrow(wanted);
  const another = keyLog.map((line) => line.replace(/ [0-9a-f]{64} /, ` ${"00".repeat(32)} `));
  expect(() => observe(another)).toThrow(wanted);
});

test("a main secret that is not the right one opens nothing", () => {
  const wrong = keyLog.map((line) => line.replace(/[0-9a-f]{96}$/, "00".repeat(48)));
  expect(() => observe(wrong)).toThrow("a record of the client does not authenticate");
});

test("a hello that was tampered with makes the keys others, and a ticket the server's Finished wrong", () => {
  const { bytes } = wire[HELLO] ?? { bytes: new Uint8Array() };
  expect(() => observe(keyLog, HELLO, flip(5 + 4 + 2))).toThrow("is not known");
  // The last extension's last byte is in the transcript alone.
  expect(observe(keyLog, HELLO, flip(bytes.length - 1)).finished).toEqual({ client: false, server: false });
  // Its lifetime stands at the beginning.
  expect(observe(keyLog, SERVER_END, flip(5 + 4 + 3)).finished).toEqual({ client: true, server: false });
});

test("the signature of a ServerKeyExchange that was tampered with is not genuine", async () => {
  const [genuine] = seen.proofs;
  if (genuine === undefined) throw new Error("there is no signature");
  expect(await checkProof(genuine)).toMatchObject({ by: "tls-engine", isGenuine: true });
  const flight = wire[SERVER_FLIGHT]?.bytes ?? new Uint8Array();
  const params = genuine.content.subarray(64);
  const at = Buffer.from(flight).indexOf(params) + params.length - 1;
  const [forged] = observe(keyLog, SERVER_FLIGHT, flip(at)).proofs;
  if (forged === undefined) throw new Error("there is no signature");
  expect(await checkProof(forged)).toMatchObject({ by: "tls-engine", isGenuine: false });
});
