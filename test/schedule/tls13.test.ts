import { createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import type { Hash } from "../../src/crypto/provider.ts";
import {
  TLS_AES_128_GCM_SHA256,
  TLS_AES_256_GCM_SHA384,
  TLS_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites.ts";
import {
  EarlySecret,
  ExporterSecret,
  HandshakeSecret,
  MainSecret,
  ResumptionSecret,
} from "../../src/schedule/tls13.ts";
import { TrafficSecret } from "../../src/schedule/traffic.ts";

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);

/** HKDF-Expand-Label written once more, over node:crypto and for one block. */
function expandLabel(
  hash: Hash,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): string {
  const full = new TextEncoder().encode(`tls13 ${label}`);
  const info = [0, length, full.length, ...full, context.length, ...context, 1];
  const digest = createHmac(hash.name.replace("-", ""), secret).update(Uint8Array.from(info)).digest("hex");
  return digest.slice(0, 2 * length);
}

describe("TrafficSecret", () => {
  test.each([TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256])(
    "gives the key and the IV of $name in its lengths",
    ({ hash, aead }) => {
      const secret = bytes(3, hash.outputLength);
      const keys = new TrafficSecret(hash, secret).trafficKeys(aead);
      expect(hex(keys.key)).toBe(expandLabel(hash, secret, "key", bytes(0, 0), aead.keyLength));
      expect(hex(keys.iv)).toBe(expandLabel(hash, secret, "iv", bytes(0, 0), 12));
    },
  );

  test.each([sha256, sha384])(
    "gives the next secret for a KeyUpdate under $name, and stays as it is",
    (hash) => {
      const first = new TrafficSecret(hash, bytes(4, hash.outputLength));
      const second = first.next();
      const expected = expandLabel(
        hash,
        bytes(4, hash.outputLength),
        "traffic upd",
        bytes(0, 0),
        hash.outputLength,
      );
      expect(hex(second.bytes)).toBe(expected);
      expect(hex(second.next().bytes)).toBe(
        expandLabel(hash, second.bytes, "traffic upd", bytes(0, 0), hash.outputLength),
      );
      first.wipe();
      expect(hex(second.bytes)).toBe(expected);
    },
  );

  test("computes verify_data under its finished key", () => {
    const finishedKey = expandLabel(sha384, bytes(5, 48), "finished", bytes(0, 0), 48);
    const expected = createHmac("sha384", Buffer.from(finishedKey, "hex")).update(bytes(6, 48)).digest("hex");
    expect(hex(new TrafficSecret(sha384, bytes(5, 48)).finished(bytes(6, 48)))).toBe(expected);
  });
});

describe("EarlySecret", () => {
  test("gives different binders for external, resumption and imported PSKs", () => {
    const early = new EarlySecret(sha256, bytes(1));
    const earlySecret = createHmac("sha256", bytes(0)).update(bytes(1)).digest();
    for (const [kind, label] of [
      ["external", "ext binder"],
      ["resumption", "res binder"],
      ["imported", "imp binder"],
    ] as const) {
      const binderKey = expandLabel(sha256, earlySecret, label, sha256.digest(bytes(0, 0)), 32);
      const finishedKey = expandLabel(sha256, Buffer.from(binderKey, "hex"), "finished", bytes(0, 0), 32);
      const expected = createHmac("sha256", Buffer.from(finishedKey, "hex")).update(bytes(2)).digest("hex");
      expect(hex(early.binder(kind, bytes(2)))).toBe(expected);
    }
  });

  test("without a PSK gives nothing but the handshake stage of a key exchange", () => {
    const early = new EarlySecret(sha256);
    expect(() => early.binder("external", bytes(2))).toThrow(new TypeError("a binder needs a PSK"));
    expect(() => early.clientEarlyTraffic(bytes(2))).toThrow(new TypeError("0-RTT data needs a PSK"));
    expect(() => early.earlyExporter(bytes(2))).toThrow(new TypeError("an early exporter needs a PSK"));
    expect(() => early.handshake(undefined, bytes(2))).toThrow(new TypeError("psk_ke needs a PSK"));
    expect(early.handshake(bytes(7), bytes(2))).toBeInstanceOf(HandshakeSecret);
  });

  test("takes zeros for the key exchange that psk_ke does not have", () => {
    const without = new EarlySecret(sha256, bytes(1)).handshake(undefined, bytes(2));
    const zeros = new EarlySecret(sha256, bytes(1)).handshake(bytes(0), bytes(2));
    expect(hex(without.clientTraffic.bytes)).toBe(hex(zeros.clientTraffic.bytes));
  });

  test("leaves the PSK and the shared secret to the caller", () => {
    const psk = bytes(1);
    const sharedSecret = bytes(7);
    const early = new EarlySecret(sha256, psk);
    early.handshake(sharedSecret, bytes(2));
    expect([hex(psk), hex(sharedSecret)]).toEqual(["01".repeat(32), "07".repeat(32)]);
  });
});

describe("ExporterSecret", () => {
  const secret = bytes(8, 48);

  test.each([
    ["with a context", bytes(9, 5), 48],
    ["with an empty context", bytes(0, 0), 16],
    ["without a context", null, 16],
    ["with a context longer than an HkdfLabel takes", bytes(9, 1000), 32],
  ])("exports %s", (_, context, length) => {
    const derived = expandLabel(sha384, secret, "EXPORTER-x", sha384.digest(bytes(0, 0)), 48);
    const expected = expandLabel(
      sha384,
      Buffer.from(derived, "hex"),
      "exporter",
      sha384.digest(context ?? bytes(0, 0)),
      length,
    );
    expect(hex(new ExporterSecret(sha384, secret.slice()).export("EXPORTER-x", context, length))).toBe(
      expected,
    );
  });

  test("exports more than one block, and refuses more than 255", () => {
    const exporter = new ExporterSecret(sha384, secret.slice());
    expect(exporter.export("EXPORTER-x", bytes(0, 0), 255 * 48)).toHaveLength(255 * 48);
    expect(() => exporter.export("EXPORTER-x", bytes(0, 0), 255 * 48 + 1)).toThrow(RangeError);
    expect(() => exporter.export("", bytes(0, 0), 32)).toThrow(RangeError);
  });
});

describe("ResumptionSecret", () => {
  test("gives each ticket nonce a PSK of its own", () => {
    const resumption = new ResumptionSecret(sha256, bytes(8));
    for (const nonce of [bytes(0, 0), bytes(0, 1), bytes(0xff, 8)]) {
      expect(hex(resumption.preSharedKey(nonce))).toBe(
        expandLabel(sha256, bytes(8), "resumption", nonce, 32),
      );
    }
    expect(() => resumption.preSharedKey(bytes(0, 256))).toThrow(RangeError);
  });
});

describe("wiping", () => {
  const stages = (): {
    early: EarlySecret;
    handshake: HandshakeSecret;
    main: MainSecret;
    resumption: ResumptionSecret;
  } => {
    const early = new EarlySecret(sha256, bytes(1));
    const handshake = early.handshake(bytes(7), bytes(2));
    const main = handshake.main(bytes(3));
    return { early, handshake, main, resumption: main.resumption(bytes(4)) };
  };

  test("a stage that has made the next one throws a TypeError when it is used again", () => {
    const { early, handshake, main } = stages();
    expect(() => early.binder("resumption", bytes(2))).toThrow(
      new TypeError("the early secret has been wiped"),
    );
    expect(() => early.clientEarlyTraffic(bytes(2))).toThrow(TypeError);
    expect(() => early.earlyExporter(bytes(2))).toThrow(TypeError);
    expect(() => early.handshake(bytes(7), bytes(2))).toThrow(TypeError);
    expect(() => early.handshake(undefined, bytes(2))).toThrow(TypeError);
    expect(() => handshake.main(bytes(3))).toThrow(new TypeError("the handshake secret has been wiped"));
    expect(() => main.resumption(bytes(4))).toThrow(new TypeError("the main secret has been wiped"));
  });

  test("what a stage handed out outlives it", () => {
    const { handshake, main, resumption } = stages();
    handshake.wipe();
    main.wipe();
    for (const secret of [
      handshake.clientTraffic,
      handshake.serverTraffic,
      main.clientTraffic,
      main.serverTraffic,
    ]) {
      expect(secret.finished(bytes(3))).toHaveLength(32);
    }
    expect(main.exporter.export("EXPORTER-x", bytes(0, 0), 32)).toHaveLength(32);
    expect(resumption.preSharedKey(bytes(0, 1))).toHaveLength(32);
  });

  test("wipe() before the next stage forbids it", () => {
    const early = new EarlySecret(sha256, bytes(1));
    early.wipe();
    expect(() => early.handshake(bytes(7), bytes(2))).toThrow(TypeError);
    const handshake = new HandshakeSecret(sha256, bytes(1), bytes(2));
    handshake.wipe();
    expect(() => handshake.main(bytes(3))).toThrow(TypeError);
    const main = new MainSecret(sha256, bytes(1), bytes(2));
    main.wipe();
    expect(() => main.resumption(bytes(3))).toThrow(TypeError);
  });

  test("a traffic, exporter or resumption secret overwrites the bytes that it owns, and throws afterwards", () => {
    const owned = [bytes(1), bytes(2), bytes(3)] as const;
    const traffic = new TrafficSecret(sha256, owned[0]);
    const exporter = new ExporterSecret(sha256, owned[1]);
    const resumption = new ResumptionSecret(sha256, owned[2]);
    for (const secret of [traffic, exporter, resumption]) {
      secret.wipe();
      secret.wipe();
      expect(() => secret.bytes).toThrow(TypeError);
    }
    expect(hex(concatBytes(...owned))).toBe("00".repeat(96));
    expect(() => traffic.trafficKeys(TLS_AES_128_GCM_SHA256.aead)).toThrow(TypeError);
    expect(() => traffic.finished(bytes(3))).toThrow(TypeError);
    expect(() => traffic.next()).toThrow(TypeError);
    expect(() => exporter.export("EXPORTER-x", bytes(0, 0), 32)).toThrow(TypeError);
    expect(() => resumption.preSharedKey(bytes(0, 1))).toThrow(TypeError);
  });

  test.each([
    ["handshake", (secret: Uint8Array) => new HandshakeSecret(sha256, secret, bytes(2)).main(bytes(3))],
    ["main", (secret: Uint8Array) => new MainSecret(sha256, secret, bytes(2)).resumption(bytes(3))],
  ])("the step from the %s secret overwrites its bytes", (_, step) => {
    const secret = bytes(1);
    step(secret);
    expect(hex(secret)).toBe("00".repeat(32));
  });

  test("leaves no secret behind in what went in and out of HMAC", () => {
    const seen: Uint8Array[] = [];
    const watched: Hash = {
      ...sha256,
      hmac(key, data) {
        const output = sha256.hmac(key, data);
        seen.push(key, data, output);
        return output;
      },
    };
    const given = { psk: bytes(1), sharedSecret: bytes(7), transcriptHash: bytes(2) };
    const early = new EarlySecret(watched, given.psk);
    const binder = early.binder("resumption", given.transcriptHash);
    const early0 = [
      early.clientEarlyTraffic(given.transcriptHash),
      early.earlyExporter(given.transcriptHash),
    ];
    const handshake = early.handshake(given.sharedSecret, given.transcriptHash);
    const finished = handshake.serverTraffic.finished(given.transcriptHash);
    const main = handshake.main(given.transcriptHash);
    const updated = main.clientTraffic.next();
    const { key, iv } = updated.trafficKeys(TLS_CHACHA20_POLY1305_SHA256.aead);
    const exported = main.exporter.export("EXPORTER-x", bytes(0, 0), 80);
    const resumption = main.resumption(given.transcriptHash);
    const nextPsk = resumption.preSharedKey(bytes(0, 1));
    const traffic = [
      handshake.clientTraffic,
      handshake.serverTraffic,
      main.clientTraffic,
      main.serverTraffic,
    ];
    for (const secret of [...early0, ...traffic, updated, main.exporter, resumption]) secret.wipe();

    const ofTheCaller = new Set([...Object.values(given), binder, finished, key, iv, exported, nextPsk]);
    const left = seen.filter((array) => !ofTheCaller.has(array) && array.some((byte) => byte !== 0));
    expect(seen).toHaveLength(3 * 26);
    expect(left).toEqual([]);
  });
});
