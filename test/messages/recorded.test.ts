import { describe, expect, test } from "vitest";

import { TlsAlert } from "../../src/alert.ts";
import { hex } from "../../src/bytes.ts";
import {
  decodeHandshake,
  describeHandshake,
  encodeHandshake,
  type HandshakeName,
  handshakeName,
} from "../../src/messages/handshake.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { rfc8448Trace, RFC8448_TRACES } from "../support/vectors.ts";
import { filesOf, goFlights, plainMessagesOf } from "../support/recorded.ts";

type Outcome = "same bytes" | "extensions added" | "refused" | "no message of ours";

/** Reads a whole message and writes it again. A hello without extensions comes back with an empty block. */
function outcome(raw: Uint8Array): Outcome {
  const name = handshakeName(raw);
  if (name === undefined) return "no message of ours";
  let again: Uint8Array;
  try {
    again = encodeHandshake(name, decodeHandshake(name, raw));
  } catch (error) {
    if (error instanceof TlsAlert && /^(decode_error|illegal_parameter)$/.test(error.alert)) return "refused";
    throw error;
  }
  if (hex(again) === hex(raw)) return "same bytes";
  const isHello = name === "client_hello" || name === "server_hello";
  const withBlock = `${hex(raw.subarray(4))}0000`;
  expect([isHello, hex(again.subarray(4))], hex(raw)).toEqual([true, withBlock]);
  return "extensions added";
}

function count<T extends string>(outcomes: Iterable<T>): Readonly<Partial<Record<T, number>>> {
  const counts: Partial<Record<T, number>> = {};
  for (const one of outcomes) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

describe("RFC 8448", () => {
  const messages = ([3, 4, 5, 6, 7] as const).flatMap((section) =>
    rfc8448Trace(section).steps.flatMap((step) => {
      if (step.fields === undefined) return [];
      // §4 constructs its ClientHello without the binders; its record has the whole one.
      if (section === 4 && step.action === "send" && step.subject === "handshake") {
        return step.fields.payload[0] === 1 ? [{ section, raw: step.fields.payload }] : [];
      }
      const isPrefix = section === 4 && step.subject === "ClientHello";
      return step.action === "construct" && !isPrefix ? [{ section, raw: step.fields.message }] : [];
    }),
  );

  test.each(messages.map(({ section, raw }) => ({ section, raw, name: describeHandshake(raw) })))(
    "§$section: $name comes back with the same bytes",
    ({ raw }) => {
      expect(outcome(raw)).toBe("same bytes");
    },
  );

  test("prints 40 messages, of nearly every kind", () => {
    expect(Object.keys(RFC8448_TRACES)).toHaveLength(5);
    expect(count(messages.map(({ raw }) => handshakeName(raw) ?? "none"))).toEqual({
      client_hello: 6,
      server_hello: 5,
      hello_retry_request: 1,
      encrypted_extensions: 5,
      certificate_request: 1,
      certificate: 5,
      certificate_verify: 5,
      finished: 10,
      new_session_ticket: 1,
      end_of_early_data: 1,
    });
  });
});

const go = sharedVectors("go-crypto-tls");

describe.skipIf(go.missing)(`recordings of Go's crypto/tls ${go.missing ?? ""}`, () => {
  test("every plain message comes back with the same bytes", () => {
    const outcomes: `${HandshakeName | "other"} ${Outcome}`[] = [];
    for (const name of go.names().filter((file) => /^(Client|Server)-/.test(file))) {
      const flights = goFlights(go.text(name));
      for (const from of ["client", "server"] as const) {
        const stream = Buffer.concat(
          flights.filter((flight) => flight.from === from).map(({ bytes }) => bytes),
        );
        const version = name.includes("TLSv13") ? 13 : 12;
        const hellos = plainMessagesOf(stream).filter(
          // Of TLS 1.2 only the hellos are messages of ours; its Certificate has the type and another format.
          (raw) => version === 13 || raw[0] === 1 || raw[0] === 2,
        );
        for (const raw of hellos) outcomes.push(`${handshakeName(raw) ?? "other"} ${outcome(raw)}`);
      }
    }
    expect(count(outcomes)).toEqual({
      "client_hello same bytes": 118,
      "server_hello same bytes": 111,
      "hello_retry_request same bytes": 3,
    });
  });
});

const fuzz = sharedVectors("fuzz-seeds");

describe.skipIf(fuzz.missing)(`fuzzing seeds ${fuzz.missing ?? ""}`, () => {
  test.each([
    ["picotls-fuzz-client-hello-corpus.tar.gz", { "same bytes": 96, "extensions added": 4, refused: 423 }],
    ["picotls-fuzz-server-hello-corpus.tar.gz", { "same bytes": 202, refused: 38 }],
    [
      "boringssl-server_no_fuzzer_mode_corpus.tar.gz",
      { "same bytes": 522, "extensions added": 2, refused: 9 },
    ],
    [
      "boringssl-client_no_fuzzer_mode_corpus.tar.gz",
      { "same bytes": 209, "extensions added": 2, refused: 6 },
    ],
  ])("%s: each hello is refused by an alert, or comes back with the same bytes", (archive, expected) => {
    const outcomes: Outcome[] = [];
    for (const { bytes } of filesOf(fuzz.path, archive)) {
      // BoringSSL puts settings of its fuzzer in front of the records.
      const start = archive.startsWith("boringssl")
        ? Math.max(Buffer.from(bytes).indexOf("1603", 0, "hex"), 0)
        : 0;
      for (const raw of plainMessagesOf(bytes.subarray(start))) {
        if (raw[0] === 1 || raw[0] === 2) outcomes.push(outcome(raw));
      }
    }
    expect(count(outcomes)).toEqual(expected);
  });
});

describe("names of messages", () => {
  const serverHello = (random: Uint8Array): Uint8Array => Uint8Array.of(2, 0, 0, 34, 3, 3, ...random);

  test("a ServerHello with the random of RFC 8446 §4.1.3 is a HelloRetryRequest", async () => {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("HelloRetryRequest"));
    expect(hex(HELLO_RETRY_REQUEST_RANDOM)).toBe(hex(new Uint8Array(digest)));
    expect(handshakeName(serverHello(HELLO_RETRY_REQUEST_RANDOM))).toBe("hello_retry_request");
    expect(handshakeName(serverHello(new Uint8Array(32)))).toBe("server_hello");
  });

  test("a ServerHello that is too short for its random is a ServerHello, and decode_error", () => {
    const cut = serverHello(HELLO_RETRY_REQUEST_RANDOM).subarray(0, 37);
    expect(handshakeName(cut)).toBe("server_hello");
    expect(outcome(cut)).toBe("refused");
  });

  test("a type that TLS 1.3 does not have is no message, and is described all the same", () => {
    expect(handshakeName(Uint8Array.of(14, 0, 0, 0))).toBeUndefined();
    expect(describeHandshake(Uint8Array.of(14, 0, 0, 0))).toBe("server_hello_done");
    expect(describeHandshake(Uint8Array.of(99, 0, 0, 0))).toBe("0x0063");
    expect(describeHandshake(new Uint8Array())).toBe("hello_request");
  });

  test("a message without a header is decode_error", () => {
    expect(() => decodeHandshake("finished", Uint8Array.of(20, 0, 0))).toThrow(
      "decode_error: finished without a header",
    );
  });

  test("the header tells the length of what is written", () => {
    const verifyData = new Uint8Array(0x1_0203).fill(7);
    expect(hex(encodeHandshake("finished", { verifyData }).subarray(0, 5))).toBe("1401020307");
    expect(hex(encodeHandshake("end_of_early_data", {}))).toBe("05000000");
  });
});
