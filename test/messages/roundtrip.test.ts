import { readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { handshakeMessages } from "../../src/messages/handshake.ts";
import { type Codec, decode, encode } from "../../src/wire/codec.ts";
import { alertOf } from "../wire/alerts.ts";
import { BLOCKS, type BlockName, EXTENSION_SAMPLES, type ExtensionSample } from "./extension-samples.ts";
import { extension, vec16 } from "./loose.ts";
import type { Sample } from "./sample.ts";
import { SAMPLES } from "./samples.ts";

/** Which of the lengths 0 to `length - 1` are whole, as a list. */
function lengthsOf(wholeAt: Sample["wholeAt"], length: number): readonly number[] {
  if ("from" in wholeAt) return Array.from({ length: length - wholeAt.from }, (_, i) => wholeAt.from + i);
  return wholeAt;
}

describe.each(SAMPLES.map((sample) => ({ ...sample, shown: hex(sample.wire).slice(0, 24) })))(
  "$of $shown",
  ({ of, codec, value, wire, wholeAt }) => {
    test("is written to its bytes and read back from them", () => {
      expect(hex(encode(codec, value))).toBe(hex(wire));
      expect(decode(codec, wire, of)).toEqual(value);
    });

    test("cut anywhere is decode_error, but where a whole one ends", () => {
      const whole: number[] = [];
      for (let length = 0; length < wire.length; length++) {
        const alert = alertOf(() => decode(codec, wire.subarray(0, length), of));
        if (alert === "none") whole.push(length);
        else expect(alert, `${length} bytes`).toBe("decode_error");
      }
      expect(whole).toEqual(lengthsOf(wholeAt, wire.length));
    });

    test("with a byte behind it is decode_error, unless it takes all that is there", () => {
      const takesAll = "from" in wholeAt;
      for (const byte of [0, 1, 0xff]) {
        const alert = alertOf(() => decode(codec, concatBytes(wire, Uint8Array.of(byte)), of));
        expect(alert).toBe(takesAll ? "none" : "decode_error");
      }
    });
  },
);

describe.each(EXTENSION_SAMPLES.map((sample) => ({ ...sample, shown: hex(sample.body).slice(0, 24) })))(
  "$block.$name $shown",
  ({ codec, name, type, value, body, wholeFrom }: ExtensionSample) => {
    const blockOf = (bytes: Uint8Array): Uint8Array => vec16(extension(type, bytes));

    test("is written to its bytes and read back from them", () => {
      expect(decode(codec, blockOf(body), name)).toEqual({ [name]: value, order: [type] });
      expect(hex(encode(codec, { [name]: value }))).toBe(hex(blockOf(body)));
    });

    test("with its body cut anywhere is decode_error, but where a whole one ends", () => {
      const whole: number[] = [];
      for (let length = 0; length < body.length; length++) {
        const alert = alertOf(() => decode(codec, blockOf(body.subarray(0, length)), name));
        if (alert === "none") whole.push(length);
        else expect(alert, `${length} bytes`).toBe("decode_error");
      }
      expect(whole).toEqual(wholeFrom === undefined ? [] : lengthsOf({ from: wholeFrom }, body.length));
    });

    test("with a byte behind its body is decode_error, unless it takes all that is there", () => {
      for (const byte of [0, 1, 0xff]) {
        const alert = alertOf(() => decode(codec, blockOf(concatBytes(body, Uint8Array.of(byte))), name));
        expect(alert).toBe(wholeFrom === undefined ? "decode_error" : "none");
      }
    });
  },
);

describe("the tables", () => {
  test("have a sample of every definition that src/messages exports", async () => {
    const folder = join(import.meta.dirname, "../../src/messages");
    const definitions = new Map<string, unknown>();
    for (const file of readdirSync(folder)) {
      const exported = (await import(join(folder, file))) as Readonly<Record<string, unknown>>;
      for (const [name, value] of Object.entries(exported)) if (isCodec(value)) definitions.set(name, value);
    }
    expect([...new Set(SAMPLES.map(({ of }) => of))].sort()).toEqual([...definitions.keys()].sort());
    for (const { of, codec } of SAMPLES) expect(definitions.get(of), of).toBe(codec);
  });

  test("have a sample of every message", () => {
    const sampled = new Set(SAMPLES.map(({ codec }) => codec));
    for (const [name, { body }] of Object.entries(handshakeMessages)) {
      expect(sampled.has(body as Codec<unknown>), name).toBe(true);
    }
  });

  test.each(Object.keys(BLOCKS) as BlockName[])("have a sample of every extension that %s knows", (block) => {
    const codec = BLOCKS[block] as Codec<{ readonly unknown?: readonly unknown[] }>;
    const known: number[] = [];
    for (let type = 0; type < 2 ** 16; type++) {
      // A body that no known extension has, so that one is either unknown or refused.
      const bytes = vec16(extension(type, Uint8Array.of(0xff)));
      let isUnknown = false;
      alertOf(() => {
        isUnknown = decode(codec, bytes, block).unknown !== undefined;
      });
      if (!isUnknown) known.push(type);
    }
    const sampled = EXTENSION_SAMPLES.filter((sample) => sample.block === block).map(({ type }) => type);
    expect([...new Set(sampled)].sort((a, b) => a - b)).toEqual(known);
  });

  test("there is a block for every definition that is one", () => {
    const blocks = SAMPLES.map(({ of }) => of).filter(
      (of) => of.endsWith("Extensions") && of !== "EncryptedExtensions",
    );
    expect([...new Set(blocks)].sort()).toEqual(Object.keys(BLOCKS).sort());
  });
});

function isCodec(value: unknown): value is Codec<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "read" in value &&
    "write" in value &&
    typeof value.read === "function" &&
    typeof value.write === "function"
  );
}
