import { createHash, hkdfSync } from "node:crypto";

import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import { ImportedIdentity } from "../../src/messages/imported-identity.ts";
import { type ImportedPskOptions, importedPsks, type ImportTarget } from "../../src/schedule/imported-psk.ts";
import { EarlySecret } from "../../src/schedule/tls13.ts";
import { decode } from "../../src/wire/codec.ts";
import { expectConfigError } from "../config/config-error.ts";

const SHA256: ImportTarget = { protocol: 0x0304, kdf: 0x0001 };
const SHA384: ImportTarget = { protocol: 0x0304, kdf: 0x0002 };
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const OPTIONS = {
  externalIdentity: ascii("sensor 7"),
  key: filled(32, 0x4b),
  context: ascii("client a, server b"),
  targets: [SHA256, SHA384],
} as const satisfies ImportedPskOptions;

const importing = (changes: Partial<Record<keyof ImportedPskOptions, unknown>>) =>
  // Also what the types exclude.
  importedPsks({ ...OPTIONS, ...changes } as ImportedPskOptions);

/** RFC 9258 §5.1 once more, over node:crypto. */
function recomputed(
  hash: string,
  { externalIdentity, context, key }: { externalIdentity: Uint8Array; context: Uint8Array; key: Uint8Array },
  kdf: number,
): { readonly identity: string; readonly key: string } {
  const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff]);
  const identity = Buffer.concat([
    uint16(externalIdentity.length),
    externalIdentity,
    uint16(context.length),
    context,
    uint16(0x0304),
    uint16(kdf),
  ]);
  const digest = createHash(hash).update(identity).digest();
  const length = kdf === 1 ? 32 : 48;
  const label = Buffer.from("tls13 derived psk");
  const info = Buffer.concat([
    uint16(length),
    Buffer.from([label.length]),
    label,
    Buffer.from([digest.length]),
    digest,
  ]);
  // Extract with the salt of zeros, and Expand, in one.
  const derived = hkdfSync(hash.replace("-", ""), key, Buffer.alloc(digest.length), info, length);
  return { identity: identity.toString("hex"), key: Buffer.from(derived).toString("hex") };
}

describe("importedPsks", () => {
  for (const hash of ["SHA-256", "SHA-384", "SHA-512"] as const) {
    test.each([
      ["a key of 16 bytes", filled(16, 1), ascii("id"), ascii("context")],
      ["a key longer than a block", filled(200, 2), ascii("id"), ascii("context")],
      ["no context", filled(32, 3), ascii("id"), new Uint8Array()],
      ["the longest identity", filled(32, 4), filled(65_527, 5), new Uint8Array()],
      ["the longest context", filled(32, 6), filled(1, 7), filled(65_526, 8)],
    ])(`derives with ${hash} what RFC 9258 §5.1 says, for %s`, (_what, key, externalIdentity, context) => {
      const psks = importedPsks({ key, externalIdentity, context, hash, targets: [SHA384, SHA256] });
      expect(psks.map(({ kind, hash: target }) => [kind, target])).toEqual([
        ["imported", "SHA-384"],
        ["imported", "SHA-256"],
      ]);
      for (const [i, kdf] of [2, 1].entries()) {
        const psk = psks[i];
        if (psk === undefined) throw new Error("a PSK is missing");
        const expected = recomputed(hash, { externalIdentity, context, key }, kdf);
        expect(hex(psk.identity) === expected.identity).toBe(true);
        expect(hex(psk.key)).toBe(expected.key);
      }
    });
  }

  test("takes SHA-256 and an empty context when nothing is said", () => {
    const { key, externalIdentity, targets } = OPTIONS;
    const [first] = importedPsks({ key, externalIdentity, targets });
    const context = new Uint8Array();
    expect(hex(first?.key ?? context)).toBe(recomputed("SHA-256", { ...OPTIONS, context }, 1).key);
  });

  test("names its keys by the struct of RFC 9258 §5.1", () => {
    const identities = importedPsks(OPTIONS).map(({ identity }) =>
      decode(ImportedIdentity, identity, "ImportedIdentity"),
    );
    const { externalIdentity, context } = OPTIONS;
    expect(identities).toEqual([
      { externalIdentity, context, targetProtocol: 0x0304, targetKdf: 1 },
      { externalIdentity, context, targetProtocol: 0x0304, targetKdf: 2 },
    ]);
  });

  test("gives another key for another identity, context, key, hash and target", () => {
    const psks = [
      {},
      { externalIdentity: ascii("sensor 8") },
      { context: ascii("client b, server a") },
      { context: undefined },
      // The same bytes on both sides of the border between the two.
      { externalIdentity: ascii("sensor 7c"), context: ascii("lient a, server b") },
      { key: filled(32, 0x4c) },
      { hash: "SHA-384" },
    ].flatMap(importing);
    expect(new Set(psks.map(({ key }) => hex(key))).size).toBe(14);
    // A longer key does not begin with a shorter one.
    expect(new Set(psks.map(({ key }) => hex(key.subarray(0, 32)))).size).toBe(14);
  });

  test("leaves what it is given to the caller, and gives bytes that are the caller's", () => {
    const [key, externalIdentity, context] = [filled(32, 1), filled(4, 2), filled(4, 3)];
    const psks = importedPsks({ key, externalIdentity, context, targets: [SHA256] });
    expect([key, externalIdentity, context]).toEqual([filled(32, 1), filled(4, 2), filled(4, 3)]);
    const before = psks.map((psk) => [hex(psk.identity), hex(psk.key)]);
    for (const bytes of [key, externalIdentity, context]) bytes.fill(0);
    expect(psks.map((psk) => [hex(psk.identity), hex(psk.key)])).toEqual(before);
  });

  test("has binders that nobody takes for those of the key itself", () => {
    const [small, large] = importedPsks(OPTIONS);
    for (const [hash, psk] of [
      [sha256, small],
      [sha384, large],
    ] as const) {
      if (psk === undefined) throw new Error("a PSK is missing");
      expect(psk.hash).toBe(hash.name);
      const early = new EarlySecret(hash, psk.key);
      const transcript = filled(hash.outputLength, 9);
      const [imported, external] = [early.binder(psk.kind, transcript), early.binder("external", transcript)];
      expect(imported).toHaveLength(hash.outputLength);
      expect(hex(imported)).not.toBe(hex(external));
    }
  });
});

describe("importedPsks refuses", () => {
  test.each([
    ["no identity", { externalIdentity: new Uint8Array() }, "externalIdentity", "Uint8Array(0)", "1..65535"],
    [
      "a long one",
      { externalIdentity: filled(65_536, 1) },
      "externalIdentity",
      "Uint8Array(65536)",
      "1..65535",
    ],
    ["text for it", { externalIdentity: "sensor 7" }, "externalIdentity", '"sensor 7"', "1..65535 bytes"],
    ["a long context", { context: filled(65_536, 1) }, "context", "Uint8Array(65536)", "0..65535 bytes"],
    ["text for it", { context: "a and b" }, "context", '"a and b"', "0..65535 bytes"],
    [
      "an identity that does not fit into pre_shared_key",
      { externalIdentity: filled(65_528, 1), context: undefined },
      "externalIdentity",
      "Uint8Array(65528)",
      "65527 bytes together with the context, which has 0",
    ],
    [
      "one that does not fit with its context",
      { externalIdentity: filled(40_000, 1), context: filled(25_528, 1) },
      "externalIdentity",
      "Uint8Array(40000)",
      "65527 bytes together with the context, which has 25528",
    ],
    ["a short key", { key: filled(15, 0x4b) }, "key", "Uint8Array(15)", /16 bytes .* 128 bits .*RFC 9257/],
    ["no key", { key: new Uint8Array() }, "key", "Uint8Array(0)", "RFC 9257"],
    ["a password", { key: "correct horse battery staple" }, "key", '"string"', "RFC 9257"],
    ["another hash", { hash: "SHA-1" }, "hash", '"SHA-1"', "SHA-256, SHA-384, SHA-512"],
    ["no targets", { targets: [] }, "targets", "[]", "at least one"],
    [
      "TLS 1.2",
      { targets: [SHA256, { protocol: 0x0303, kdf: 1 }] },
      "targets",
      '["772/1", "771/1"]',
      "of protocol 0x0304",
    ],
    ["no KDF", { targets: [{ protocol: 0x0304, kdf: 0 }] }, "targets", '["772/0"]', "0x0001 or 0x0002"],
    ["another KDF", { targets: [{ protocol: 0x0304, kdf: 3 }] }, "targets", '["772/3"]', "0x0001 or 0x0002"],
    [
      "a KDF twice",
      { targets: [SHA256, SHA384, SHA256] },
      "targets",
      '["772/1", "772/2", "772/1"]',
      "each once",
    ],
  ])("%s", (_what, changes, option, value, allowed) => {
    expectConfigError(() => importing(changes), { option, value, allowed });
    expect(importing({})).toHaveLength(2);
  });
});
