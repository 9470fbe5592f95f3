import { createHash } from "node:crypto";

import { _SHA1 } from "@noble/hashes/legacy.js";
import { _SHA256, _SHA384 } from "@noble/hashes/sha2.js";
import { describe, expect, test, vi } from "vitest";

import { hex } from "../../src/bytes.ts";
import type { CbcCipher, Hash, Tls12CbcProtection } from "../../src/crypto/provider.ts";
import { paddingMask } from "../../src/record/cbc-check.ts";
import { MacThenEncryptOpener } from "../../src/record/cbc12.ts";
import { RecordMac } from "../../src/record/record-mac.ts";
import { patternBytes } from "./independent-sealer.ts";
import {
  decryptCbc,
  keysFor,
  type Kind12,
  macThenEncryptKinds,
  recordHmac,
  sealIndependently12,
} from "./independent-sealer12.ts";

const TYPE = 23;
const VERSION = 0x0303;
const ADDITIONAL_DATA = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, TYPE, VERSION >> 8, VERSION & 0xff, 0xee, 0xee);

/** What the provider is asked for, while one record is opened. */
interface Shape {
  /** The calls in order, with their lengths and which of the hashes they are for; those of the window left out. */
  readonly calls: string[];
  /** Updates with one byte of the window, of whichever hash; all come at once, behind {@link CALLS_BEFORE_WINDOW}. */
  window: number;
  /** Compressions, by what FIPS 180-4 says about padding. */
  compressions: number;
}

/** A decryption, two hashes that are started, and four updates of them. */
const CALLS_BEFORE_WINDOW = 7;

/** `hash` and `cipher`, which write down what they are asked for. */
function watched({ cipher, mac }: Tls12CbcProtection, shape: Shape): Tls12CbcProtection {
  const watchedMac: Hash = {
    ...mac,
    start() {
      const running = mac.start();
      const name = `hash ${shape.calls.filter((call) => call.startsWith("start")).length}`;
      shape.calls.push(`start ${name}`);
      let length = 0;
      return {
        update(data) {
          if (shape.calls.length === CALLS_BEFORE_WINDOW && data.length === 1) shape.window++;
          else shape.calls.push(`update ${name} ${data.length}`);
          length += data.length;
          running.update(data);
        },
        digest() {
          shape.calls.push(`digest ${name}`);
          shape.compressions += Math.ceil((length + 1 + mac.blockLength / 8) / mac.blockLength);
          return running.digest();
        },
        clone: () => expect.fail("the check goes one way"),
      };
    },
    digest: () => expect.fail("the check hashes in steps"),
    hmac: () => expect.fail("the check has an HMAC of its own"),
  };
  const watchedCipher: CbcCipher = {
    ...cipher,
    decryptor(key) {
      const decryptor = cipher.decryptor(key);
      return {
        decrypt(iv, ciphertext, output) {
          shape.calls.push(`decrypt ${iv.length} ${ciphertext.length} ${output.length}`);
          decryptor.decrypt(iv, ciphertext, output);
        },
        wipe: () => decryptor.wipe(),
      };
    },
  };
  return { kind: "cbc", cipher: watchedCipher, mac: watchedMac };
}

/** What opening asks of the provider, and what comes of it. Compressions are those that @noble/hashes has done, too. */
function opened(kind: Kind12, fragment: Uint8Array) {
  const { protection } = kind.suite;
  if (protection.kind !== "cbc") throw new Error(`${kind.name} is not CBC`);
  const shape: Shape = { calls: [], window: 0, compressions: 0 };
  const opener = new MacThenEncryptOpener(watched(protection, shape), keysFor(kind));
  const prototype: { process(view: DataView, offset: number): void } = compressing(protection.mac).prototype;
  const process = vi.spyOn(prototype, "process");
  const content = opener.open(ADDITIONAL_DATA.slice(), fragment);
  const real = process.mock.calls.length;
  process.mockRestore();
  expect(real).toBe(shape.compressions);
  return { content, shape: JSON.stringify(shape) };
}

/** The classes of @noble/hashes, whose `process` is the compression function; it is not for others to call. */
function compressing({ name }: Hash): { prototype: { process(view: DataView, offset: number): void } } {
  const classes: Partial<Record<Hash["name"], unknown>> = {
    "SHA-1": _SHA1,
    "SHA-256": _SHA256,
    "SHA-384": _SHA384,
  };
  return classes[name] as { prototype: { process(view: DataView, offset: number): void } };
}

/** A fragment of `length` bytes behind the IV, with so much padding. */
function fragmentOf(
  kind: Kind12,
  length: number,
  paddingLength: number,
  mangle: (plaintext: Uint8Array) => void = () => undefined,
): Uint8Array {
  const content = patternBytes(length - macLength(kind) - 1 - paddingLength);
  const record = sealIndependently12({ kind, type: TYPE, content, paddingLength, mangle });
  expect(record.length).toBe(5 + 16 + length);
  return record.subarray(5);
}

function macLength({ mac }: Kind12): number {
  if (mac === undefined) throw new Error("an AEAD has no MAC");
  return mac.length;
}

function flip(at: number, bit = 0x40): (plaintext: Uint8Array) => void {
  return (plaintext) => {
    const place = at < 0 ? plaintext.length + at : at;
    plaintext[place] = (plaintext[place] ?? 0) ^ bit;
  };
}

/** One for each hash: the check does not know the cipher. */
const kindsByMac = macThenEncryptKinds.filter(
  (kind, i, all) => all.findIndex(({ mac }) => mac?.hash === kind.mac?.hash) === i,
);

describe.each(kindsByMac)("the check of $name", (kind) => {
  test("decrypts, and hashes in one order, the window byte by byte", () => {
    const { protection } = kind.suite;
    if (protection.kind !== "cbc") throw new Error(`${kind.name} is not CBC`);
    const { blockLength, outputLength } = protection.mac;
    const { shape } = opened(kind, fragmentOf(kind, 512, 99));
    const { calls, window } = JSON.parse(shape) as Shape;
    const known = 13 + (512 - outputLength - 1) + 2 * (blockLength / 8);
    expect(calls).toEqual([
      "decrypt 16 512 512",
      "start hash 0",
      `update hash 0 ${blockLength}`,
      "update hash 0 13",
      `update hash 0 ${512 - outputLength - 256}`,
      "start hash 1",
      `update hash 1 ${blockLength - 1 - (known % blockLength)}`,
      "digest hash 1",
      "start hash 2",
      `update hash 2 ${blockLength}`,
      "digest hash 0",
      `update hash 2 ${outputLength}`,
      "digest hash 2",
    ]);
    expect(window).toBe(255);
  });

  test("asks for the same compressions of records of one length, whatever their padding, MAC and outcome", () => {
    const mac = macLength(kind);
    // All places in a block of any hash that a block of AES can start at.
    for (let length = 320; length < 320 + 128; length += 16) {
      const usual = opened(kind, fragmentOf(kind, length, 0)).shape;
      for (let paddingLength = 0; paddingLength < 256; paddingLength++) {
        const contentLength = length - mac - 1 - paddingLength;
        const good = opened(kind, fragmentOf(kind, length, paddingLength));
        expect(good.content?.length).toBe(contentLength);
        if (good.shape !== usual) expect.fail(`${length} bytes with ${paddingLength} of padding`);
        if (length !== 320 && length !== 432) continue;
        for (const mangle of [flip(contentLength), flip(contentLength + mac - 1), flip(0)]) {
          const bad = opened(kind, fragmentOf(kind, length, paddingLength, mangle));
          expect(bad.content).toBeUndefined();
          if (bad.shape !== usual)
            expect.fail(`${length} bytes with ${paddingLength} of padding and a bad MAC`);
        }
      }
    }
  });

  test("asks for the same compressions wherever a byte of the padding is wrong", () => {
    const usual = opened(kind, fragmentOf(kind, 512, 0)).shape;
    for (const paddingLength of [1, 15, 63, 64, 127, 128, 255]) {
      for (let at = 1; at <= paddingLength + 1; at++) {
        const bad = opened(kind, fragmentOf(kind, 512, paddingLength, flip(-at)));
        expect(bad.content, `${at} of ${paddingLength}`).toBeUndefined();
        expect(bad.shape).toBe(usual);
      }
    }
  });

  test("asks for the same compressions when padding is longer than a short record", () => {
    for (let length = Math.ceil((macLength(kind) + 1) / 16) * 16; length < 320; length += 16) {
      const usual = opened(kind, fragmentOf(kind, length, 0)).shape;
      for (let last = 0; last < 256; last++) {
        const fill = (plaintext: Uint8Array) => void plaintext.fill(last);
        const bad = opened(kind, fragmentOf(kind, length, 0, fill));
        expect(bad.content).toBeUndefined();
        expect(bad.shape).toBe(usual);
      }
    }
  });

  test("takes bad padding for padding of length 0, and so hashes all in front of the MAC that would have", () => {
    const { protection } = kind.suite;
    if (protection.kind !== "cbc") throw new Error(`${kind.name} is not CBC`);
    for (const [paddingLength, at] of [
      [99, -2],
      [99, -100],
      [0, -1],
    ] as const) {
      const additionalData = ADDITIONAL_DATA.slice();
      const fragment = fragmentOf(kind, 512, paddingLength, flip(at));
      expect(
        new MacThenEncryptOpener(protection, keysFor(kind)).open(additionalData, fragment),
      ).toBeUndefined();
      expect(((additionalData[11] ?? 0) << 8) | (additionalData[12] ?? 0)).toBe(512 - macLength(kind) - 1);
    }
  });

  test("agrees with a plain reading of RFC 5246 on what random changes make of a record (seed 20231)", () => {
    const random = seeded(20_231);
    const verdicts = { good: 0, bad: 0 };
    for (let round = 0; round < 2000; round++) {
      const length = 16 * (Math.ceil((macLength(kind) + 1) / 16) + (random() % 25));
      const paddingLength = random() % Math.min(256, length - macLength(kind));
      const fragment = fragmentOf(kind, length, paddingLength, (plaintext) => {
        if (random() % 3 > 0) return;
        // Near the end, where padding and MAC are.
        for (let i = random() % 2; i >= 0; i--)
          flip(length - 1 - (random() % Math.min(80, length)), random() % 256)(plaintext);
      });
      const expected = plainlyOpened(kind, fragment);
      const { content } = opened(kind, fragment);
      expect(content === undefined ? undefined : hex(content)).toBe(expected && hex(expected));
      verdicts[expected === undefined ? "bad" : "good"]++;
    }
    expect(Math.min(verdicts.good, verdicts.bad)).toBeGreaterThan(300);
  });
});

/** The content of a fragment, by comparing and branching as it comes. */
function plainlyOpened(kind: Kind12, fragment: Uint8Array): Uint8Array | undefined {
  const plaintext = decryptCbc(kind, fragment);
  const paddingLength = plaintext.at(-1) ?? 0;
  const contentLength = plaintext.length - 1 - paddingLength - macLength(kind);
  if (contentLength < 0) return undefined;
  if (!plaintext.subarray(-1 - paddingLength).every((byte) => byte === paddingLength)) return undefined;
  const content = plaintext.subarray(0, contentLength);
  const mac = plaintext.subarray(contentLength, contentLength + macLength(kind));
  return hex(recordHmac({ kind, type: TYPE }, content)) === hex(mac) ? content : undefined;
}

/** Numbers in 0..2^32 - 1, from SHA-256 of a counter. */
function seeded(seed: number): () => number {
  let drawn = 0;
  return () => createHash("sha256").update(`${seed} ${drawn++}`).digest().readUInt32BE();
}

describe("paddingMask", () => {
  test("is what the bytes say, for every length and every last byte", () => {
    for (let length = 1; length <= 300; length++) {
      for (let last = 0; last < 256; last++) {
        const plaintext = new Uint8Array(length).fill(last);
        for (const leastBefore of [0, 20].filter((least) => least < length))
          if (paddingMask(plaintext, leastBefore) !== (last + 1 + leastBefore <= length ? -1 : 0))
            expect.fail(`${length} bytes ${last}, ${leastBefore} in front`);
        if (last >= length) continue;
        const wrong = length - 1 - ((length * 7) % (last + 1));
        plaintext[wrong] = last ^ 1;
        if (wrong < length - 1 && paddingMask(plaintext, 0) !== 0)
          expect.fail(`${length} bytes ${last}, wrong at ${wrong}`);
        plaintext[wrong] = last;
        if (last + 1 < length) plaintext[length - 2 - last] = last ^ 1;
        if (paddingMask(plaintext, 0) !== -1) expect.fail(`${length} bytes ${last}, another one in front`);
      }
    }
  });
});

describe("RecordMac", () => {
  test.each(kindsByMac)("gives one MAC for one length, in every window: $name", (kind) => {
    const { protection } = kind.suite;
    if (protection.kind !== "cbc") throw new Error(`${kind.name} is not CBC`);
    const mac = new RecordMac(protection.mac, keysFor(kind).macKey);
    const data = patternBytes(600);
    for (let length = 0; length < 400; length++) {
      const expected = hex(recordHmac({ kind, type: TYPE }, data.subarray(0, length)));
      expect(hex(mac.compute(ADDITIONAL_DATA.slice(), data.subarray(0, length)))).toBe(expected);
      for (const [before, behind] of [
        [0, 0],
        [Math.min(length, 255), 0],
        [0, 255],
        [length % 97, 200 - (length % 97)],
      ] as const) {
        const window = [length - Math.min(before, length), length, Math.min(length + behind, 600)] as const;
        expect(hex(mac.computeInWindow(ADDITIONAL_DATA.slice(), data, ...window))).toBe(expected);
      }
    }
  });
});
