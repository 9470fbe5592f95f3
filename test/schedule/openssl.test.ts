import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { sha1, sha256, sha384, sha512 } from "../../src/crypto/hashes.ts";
import type { Hash } from "../../src/crypto/provider.ts";
import { deriveSecret, hkdfExpand, hkdfExtract } from "../../src/schedule/hkdf.ts";
import { prf } from "../../src/schedule/prf.ts";
import { EarlySecret } from "../../src/schedule/tls13.ts";
import { fromHex } from "../support/hex.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

const openssl = sharedVectors("openssl-evp");

describe.skipIf(openssl.missing)(`OpenSSL ${openssl.missing ?? ""}`, () => {
  test("evpkdf_hkdf.txt: extracts and expands to every output", () => {
    const counts = { all: 0, extract: 0, expand: 0, skipped: { error: 0, digest: 0 } };
    for (const stanza of stanzas("evpkdf_hkdf.txt")) {
      const { hash, output, skipped } = outcome(stanza);
      if (skipped !== undefined) {
        counts.skipped[skipped]++;
        continue;
      }
      const key = field(stanza, "IKM");
      const secret = stanza.mode === "EXPAND_ONLY" ? key : hkdfExtract(hash, field(stanza, "salt"), key);
      const isExtract = stanza.mode === "EXTRACT_ONLY";
      const ours = isExtract ? secret : hkdfExpand(hash, secret, field(stanza, "info"), output.length / 2);
      expect(hex(ours), stanza.text).toBe(output);
      counts[isExtract ? "extract" : stanza.mode === "EXPAND_ONLY" ? "expand" : "all"]++;
    }
    expect(counts).toEqual({ all: 11, extract: 7, expand: 8, skipped: { error: 5, digest: 1 } });
  });

  test("evpkdf_tls13_kdf.txt: extracts and derives every output", () => {
    const counts = { extract: 0, expand: 0, skipped: { error: 0, digest: 0 } };
    for (const stanza of stanzas("evpkdf_tls13_kdf.txt")) {
      const { hash, output, skipped } = outcome(stanza);
      if (skipped !== undefined) {
        counts.skipped[skipped]++;
      } else if (stanza.mode === "EXPAND_ONLY") {
        const ours = deriveSecret(hash, field(stanza, "key"), labelOf(stanza), field(stanza, "data"));
        expect(hex(ours), stanza.text).toBe(output);
        counts.expand++;
      } else {
        const emptyHash = hash.digest(new Uint8Array());
        const salt =
          labelOf(stanza) === ""
            ? new Uint8Array()
            : deriveSecret(hash, field(stanza, "salt"), labelOf(stanza), emptyHash);
        expect(hex(hkdfExtract(hash, salt, keyOrZeros(stanza, hash))), stanza.text).toBe(output);
        counts.extract++;
      }
    }
    expect(counts).toEqual({ extract: 155, expand: 409, skipped: { error: 6, digest: 1 } });
  });

  test("evpkdf_tls12_prf.txt: the PRF gives every output", () => {
    const counts = { outputs: 0, skipped: { error: 0, digest: 0 } };
    for (const stanza of stanzas("evpkdf_tls12_prf.txt")) {
      const { hash, output, skipped } = outcome(stanza);
      if (skipped !== undefined) {
        counts.skipped[skipped]++;
        continue;
      }
      // The seed is what the stanza gives, in its order: the server's random comes first in a key expansion.
      const randoms = [...stanza.fields].filter(([name]) => name.endsWith("_random"));
      const seed = fromHex(randoms.map(([, value]) => value).join(""));
      const label = stanza.fields.get("label") ?? "";
      const ours = prf(hash, field(stanza, "Secret"), label, seed, output.length / 2);
      expect(hex(ours), stanza.text).toBe(output);
      counts.outputs++;
    }
    expect(counts).toEqual({ outputs: 5, skipped: { error: 5, digest: 1 } });
  });

  test("evpkdf_tls13_kdf.txt: the stages go through all 51 sessions", () => {
    const sessions = sessionsOf(stanzas("evpkdf_tls13_kdf.txt"));
    const counts = { "SHA-256": 0, "SHA-384": 0, withPsk: 0 };
    for (const { hash, psk, sharedSecret, derived } of sessions) {
      const early = new EarlySecret(hash, psk);
      const check = (
        label: string,
        of: (transcriptHash: Uint8Array) => { readonly bytes: Uint8Array },
      ): void => {
        const { data, output } = derived(label);
        expect(hex(of(data).bytes), label).toBe(output);
      };
      if (psk !== undefined) {
        check("c e traffic", (data) => early.clientEarlyTraffic(data));
        check("e exp master", (data) => early.earlyExporter(data));
        counts.withPsk++;
      }
      const handshake = early.handshake(sharedSecret, derived("c hs traffic").data);
      check("c hs traffic", () => handshake.clientTraffic);
      check("s hs traffic", () => handshake.serverTraffic);
      const main = handshake.main(derived("c ap traffic").data);
      check("c ap traffic", () => main.clientTraffic);
      check("s ap traffic", () => main.serverTraffic);
      check("exp master", () => main.exporter);
      check("res master", (data) => main.resumption(data));
      if (hash.name === "SHA-256" || hash.name === "SHA-384") counts[hash.name]++;
    }
    expect(counts).toEqual({ "SHA-256": 26, "SHA-384": 25, withPsk: 31 });
  });
});

/** A test of OpenSSL's evp_test format: `Key = Value` lines, of which `Ctrl.key = hexkey:00` counts as `key = 00`. */
interface Stanza {
  readonly text: string;
  readonly mode: string;
  readonly fields: ReadonlyMap<string, string>;
}

function stanzas(name: string): readonly Stanza[] {
  const found: Stanza[] = [];
  for (const text of openssl.text(name).split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    for (const [, control, key = "", value = ""] of text.matchAll(/^(Ctrl\.)?([\w-]+) = (.*)$/gm)) {
      const plain = control === undefined ? value.trim() : value.slice(value.indexOf(":") + 1).trim();
      // A control that is given again goes on where it left off.
      fields.set(key, (fields.get(key) ?? "") + plain);
    }
    if (fields.has("KDF")) found.push({ text, mode: fields.get("mode") ?? "", fields });
  }
  return found;
}

type Outcome =
  | { readonly skipped: undefined; readonly hash: Hash; readonly output: string }
  /** An error of OpenSSL's own interface, or a digest that TLS does not have. */
  | { readonly skipped: "error" | "digest"; readonly hash?: undefined; readonly output?: undefined };

function outcome({ fields }: Stanza): Outcome {
  const output = fields.get("Output");
  if (fields.has("Result") || output === undefined) return { skipped: "error" };
  const hash = HASHES[fields.get("digest") ?? ""];
  return hash === undefined ? { skipped: "digest" } : { skipped: undefined, hash, output };
}

const HASHES: Readonly<Record<string, Hash>> = {
  SHA1: sha1,
  SHA256: sha256,
  SHA384: sha384,
  SHA512: sha512,
  "SHA2-256": sha256,
  "SHA2-384": sha384,
};

function field({ fields }: Stanza, name: string): Uint8Array {
  return fromHex(fields.get(name) ?? "");
}

function labelOf(stanza: Stanza): string {
  const ascii = (name: string): string => Buffer.from(field(stanza, name)).toString("latin1");
  const label = ascii("label");
  if (label !== "" && ascii("prefix") !== "tls13 ") throw new Error(stanza.text);
  return label;
}

function keyOrZeros(stanza: Stanza, hash: Hash): Uint8Array {
  return stanza.fields.has("key") ? field(stanza, "key") : new Uint8Array(hash.outputLength);
}

interface Session {
  readonly hash: Hash;
  readonly psk: Uint8Array | undefined;
  readonly sharedSecret: Uint8Array | undefined;
  readonly derived: (label: string) => { readonly data: Uint8Array; readonly output: string };
}

/** The sessions that the file simulates: each starts with an extraction that has no salt. */
function sessionsOf(all: readonly Stanza[]): readonly Session[] {
  const groups: Stanza[][] = [];
  for (const stanza of all) {
    if (outcome(stanza).skipped !== undefined) continue;
    if (stanza.mode === "EXTRACT_ONLY" && labelOf(stanza) === "") groups.push([]);
    groups.at(-1)?.push(stanza);
  }
  // The stanzas on keys that are too short for FIPS belong to no session.
  return groups.filter((group) => group.length === 11).map(sessionOf);
}

function sessionOf(group: readonly Stanza[]): Session {
  const [early, handshake] = group.filter(({ mode }) => mode === "EXTRACT_ONLY");
  const hash = early && outcome(early).hash;
  if (early === undefined || handshake === undefined || hash === undefined) throw new Error("no session");
  const keyOf = (stanza: Stanza): Uint8Array | undefined =>
    stanza.fields.has("key") ? field(stanza, "key") : undefined;
  return {
    hash,
    psk: keyOf(early),
    sharedSecret: keyOf(handshake),
    derived(label) {
      const stanza = group.find((one) => one.mode === "EXPAND_ONLY" && labelOf(one) === label);
      const output = stanza && outcome(stanza).output;
      if (stanza === undefined || output === undefined) throw new Error(`no ${label} in the session`);
      return { data: field(stanza, "data"), output };
    },
  };
}
