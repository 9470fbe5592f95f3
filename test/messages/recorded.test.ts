import { verify, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { TlsAlert } from "../../src/alert.ts";
import { concatBytes, hex } from "../../src/bytes.ts";
import {
  CipherSuite,
  ExtensionType,
  ProtocolVersion,
  SignatureScheme,
} from "../../src/messages/codepoints.ts";
import {
  decodeHandshake,
  describeHandshake,
  encodeHandshake,
  type HandshakeName,
  handshakeMessages,
  handshakeName,
  isHandshake,
} from "../../src/messages/handshake.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { rfc8448Trace, RFC8448_TRACES } from "../support/vectors.ts";
import { filesOf, goFlights, plainMessagesOf } from "../support/recorded.ts";

type Outcome = "same bytes" | "extensions added" | "refused" | "no message of ours";

/** Reads a whole message and writes it again. A hello without extensions comes back with an empty block. */
function outcome(raw: Uint8Array, name = handshakeName(raw)): Outcome {
  if (name === undefined) return "no message of ours";
  let again: Uint8Array;
  try {
    again = encodeHandshake(name, decodeHandshake(name, raw));
  } catch (error) {
    if (error instanceof TlsAlert && /^(decode_error|illegal_parameter)$/.test(error.alert)) return "refused";
    throw error;
  }
  if (hex(again) === hex(raw)) return "same bytes";
  const isHello = name === "client_hello" || name === "server_hello" || name === "tls12_server_hello";
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

/** The name of a message of TLS 1.2, whose Certificate and others have the types of TLS 1.3 and other bodies. */
function tls12Name(raw: Uint8Array): HandshakeName | undefined {
  // Object.keys widens the names to string.
  const names = (Object.keys(handshakeMessages) as HandshakeName[]).filter((name) => isHandshake(name, raw));
  return names.find((name) => name.startsWith("tls12_")) ?? names[0];
}

const go = sharedVectors("go-crypto-tls");

/** The plain messages of a recording, which are all up to each side's change of keys. */
function goMessages(file: string): readonly Uint8Array[] {
  const flights = goFlights(go.text(file));
  return (["client", "server"] as const).flatMap((side) =>
    plainMessagesOf(Buffer.concat(flights.filter(({ from }) => from === side).map(({ bytes }) => bytes))),
  );
}

describe.skipIf(go.missing)(`recordings of Go's crypto/tls ${go.missing ?? ""}`, () => {
  const files = go.names().filter((file) => /^(Client|Server)-/.test(file));

  test("every hello, and every plain message of TLS 1.3, comes back with the same bytes", () => {
    const outcomes: `${HandshakeName | "other"} ${Outcome}`[] = [];
    for (const file of files) {
      for (const raw of goMessages(file)) {
        if (file.includes("TLSv13") || raw[0] === 1 || raw[0] === 2)
          outcomes.push(`${handshakeName(raw) ?? "other"} ${outcome(raw)}`);
      }
    }
    expect(count(outcomes)).toEqual({
      "client_hello same bytes": 118,
      "server_hello same bytes": 35,
      "hello_retry_request same bytes": 3,
      "tls12_server_hello same bytes": 76,
    });
  });

  test("every plain message of TLS 1.2 comes back with the same bytes, but those of RSA key exchange", () => {
    const outcomes: `${HandshakeName | "other"} ${Outcome}`[] = [];
    for (const file of files.filter((name) => name.includes("TLSv12"))) {
      for (const raw of goMessages(file)) {
        const name = tls12Name(raw);
        outcomes.push(`${name ?? "other"} ${outcome(raw, name)}`);
      }
    }
    expect(count(outcomes)).toEqual({
      "client_hello same bytes": 59,
      "tls12_server_hello same bytes": 58,
      "tls12_certificate same bytes": 70,
      "server_key_exchange same bytes": 39,
      "tls12_certificate_request same bytes": 13,
      "server_hello_done same bytes": 57,
      "client_key_exchange same bytes": 39,
      // An encrypted premaster secret has two bytes of length, and there is no server_key_exchange.
      "client_key_exchange refused": 18,
      "certificate_verify same bytes": 12,
      "tls12_new_session_ticket same bytes": 7,
    });
  });
});

const illustrated = sharedVectors("illustrated-tls12");

describe.skipIf(illustrated.missing)(
  `the illustrated TLS 1.2 connection ${illustrated.missing ?? ""}`,
  () => {
    const plain = (file: string): Uint8Array => {
      const [raw = new Uint8Array()] = plainMessagesOf(
        readFileSync(join(illustrated.path, "captures/caps", file)),
      );
      return raw;
    };

    test.each([
      ["clienthello", "client_hello"],
      ["serverhello", "tls12_server_hello"],
      ["servercert", "tls12_certificate"],
      ["serverkeyexchange", "server_key_exchange"],
      ["serverhellodone", "server_hello_done"],
      ["clientkeyexchange", "client_key_exchange"],
    ] as const)("its %s is a %s and comes back with the same bytes", (file, name) => {
      expect(tls12Name(plain(file))).toBe(name);
      expect(outcome(plain(file), name)).toBe("same bytes");
    });

    test("its hellos hold the extensions of TLS 1.2", () => {
      const { extensions } = decodeHandshake("client_hello", plain("clienthello"));
      expect(extensions.ecPointFormats).toEqual(Uint8Array.of(0));
      expect(extensions.renegotiationInfo).toEqual(new Uint8Array());
      expect(decodeHandshake("tls12_server_hello", plain("serverhello"))).toMatchObject({
        serverVersion: ProtocolVersion["TLSv1.2"],
        cipherSuite: CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        extensions: { renegotiationInfo: new Uint8Array(), order: [ExtensionType.renegotiation_info] },
      });
    });

    test("its signature covers the randoms and the bytes of the parameters", () => {
      const { params, algorithm, signature } = decodeHandshake(
        "server_key_exchange",
        plain("serverkeyexchange"),
      );
      const signed = concatBytes(
        decodeHandshake("client_hello", plain("clienthello")).random,
        decodeHandshake("tls12_server_hello", plain("serverhello")).random,
        params,
      );
      const [certificate = new Uint8Array()] = decodeHandshake(
        "tls12_certificate",
        plain("servercert"),
      ).certificateList;
      expect(algorithm).toBe(SignatureScheme.rsa_pkcs1_sha256);
      expect(verify("sha256", signed, new X509Certificate(certificate).publicKey, signature)).toBe(true);
    });
  },
);

const fuzz = sharedVectors("fuzz-seeds");

describe.skipIf(fuzz.missing)(`fuzzing seeds ${fuzz.missing ?? ""}`, () => {
  test.each([
    ["picotls-fuzz-client-hello-corpus.tar.gz", { "same bytes": 96, "extensions added": 4, refused: 423 }],
    ["picotls-fuzz-server-hello-corpus.tar.gz", { "same bytes": 204, refused: 36 }],
    [
      "boringssl-server_no_fuzzer_mode_corpus.tar.gz",
      { "same bytes": 522, "extensions added": 2, refused: 9 },
    ],
    [
      "boringssl-client_no_fuzzer_mode_corpus.tar.gz",
      { "same bytes": 205, "extensions added": 2, refused: 10 },
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

  test("a ServerHello of TLS 1.2 has no supported_versions, or no extensions at all", () => {
    const start = `0303 ${"00".repeat(32)} 00 c02f 00`;
    const message = (rest: string): Uint8Array => {
      const body = fromHex(`${start} ${rest}`);
      return concatBytes(Uint8Array.of(2, 0, 0, body.length), body);
    };
    expect(handshakeName(message(""))).toBe("tls12_server_hello");
    expect(handshakeName(message("0000"))).toBe("tls12_server_hello");
    expect(handshakeName(message("0009 ff01 0001 00 0017 0000"))).toBe("tls12_server_hello");
    expect(handshakeName(message("000b ff01 0001 00 002b 0002 0304"))).toBe("server_hello");
    // Its body is for the codec to judge.
    expect(handshakeName(message("0009 ff01 0001 00 002b 0000"))).toBe("server_hello");
    // 0x002b in the body of another extension is no supported_versions.
    expect(handshakeName(message("0008 4a4a 0004 002b 0000"))).toBe("tls12_server_hello");
  });

  test.each(["00", "0001", "0004 ff01 0001", "0005 ff01 0001 00 00", "0008 0017 0000 0017 0000"])(
    "a ServerHello with the malformed extensions %s is a ServerHello, and decode_error",
    (block) => {
      const body = fromHex(`0303 ${"00".repeat(32)} 00 c02f 00 ${block}`);
      const raw = concatBytes(Uint8Array.of(2, 0, 0, body.length), body);
      expect(handshakeName(raw)).toBe("server_hello");
      expect(outcome(raw)).toBe("refused");
    },
  );

  test("a ServerHello is one of its variants", () => {
    const hello = fromHex(`02 000026 0303 ${"00".repeat(32)} 00 c02f 00`);
    const retry = concatBytes(fromHex("02 000026 0303"), HELLO_RETRY_REQUEST_RANDOM, fromHex("00 1301 00"));
    const hello13 = concatBytes(hello, fromHex("0006 002b 0002 0304"));
    const variants = ["server_hello", "hello_retry_request", "tls12_server_hello"] as const;
    expect(variants.filter((name) => isHandshake(name, hello))).toEqual(["tls12_server_hello"]);
    expect(variants.filter((name) => isHandshake(name, retry))).toEqual(["hello_retry_request"]);
    expect(variants.filter((name) => isHandshake(name, hello13))).toEqual(["server_hello"]);
    expect(variants.filter((name) => isHandshake(name, Uint8Array.of(1, 0, 0, 0)))).toEqual([]);
  });

  test.each([
    ["certificate", 11],
    ["certificate_request", 13],
    ["new_session_ticket", 4],
  ] as const)("a %s can be that of either version, and is called as in TLS 1.3", (name, type) => {
    const raw = Uint8Array.of(type, 0, 0, 0);
    expect(handshakeName(raw)).toBe(name);
    expect(isHandshake(name, raw)).toBe(true);
    expect(isHandshake(`tls12_${name}`, raw)).toBe(true);
    expect(isHandshake("finished", raw)).toBe(false);
    expect(describeHandshake(raw)).toBe(name);
  });

  test("a message that only TLS 1.2 has is known by its name", () => {
    const types = [0, 12, 14, 16, 22];
    const names = types.map((type) => handshakeName(Uint8Array.of(type, 0, 0, 0)));
    expect(names).toEqual([
      "hello_request",
      "server_key_exchange",
      "server_hello_done",
      "client_key_exchange",
      "certificate_status",
    ]);
  });

  test("a ServerHello of TLS 1.2 is described as a ServerHello", () => {
    expect(describeHandshake(fromHex(`02 000026 0303 ${"00".repeat(32)} 00 c02f 00`))).toBe("server_hello");
  });

  test("a type that neither version has is no message, and is described all the same", () => {
    expect(handshakeName(Uint8Array.of(99, 0, 0, 0))).toBeUndefined();
    expect(describeHandshake(Uint8Array.of(99, 0, 0, 0))).toBe("0x0063");
    expect(handshakeName(Uint8Array.of(254, 0, 0, 0))).toBeUndefined();
    expect(describeHandshake(Uint8Array.of(254, 0, 0, 0))).toBe("message_hash");
    expect(handshakeName(new Uint8Array())).toBeUndefined();
    expect(isHandshake("hello_request", new Uint8Array())).toBe(false);
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
