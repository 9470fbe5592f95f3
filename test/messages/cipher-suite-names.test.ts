import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { cipherSuiteName } from "../../src/messages/cipher-suite-names.ts";
import { CipherSuite } from "../../src/messages/codepoints.ts";

interface NamedSuite {
  readonly id: number;
  readonly name: string;
}

/** What a program on this machine calls the cipher suites; none when it is not here, or does not know the request. */
function suitesOf(listing: string, row: RegExp): readonly NamedSuite[] {
  return [...listing.matchAll(row)].flatMap(({ groups: { id = "", name = "" } = {} }) => [
    { id: Number.parseInt(id.replace(",0x", ""), 16), name },
  ]);
}

function outputOf(command: string, ...args: readonly string[]): string {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? stdout : "";
}

function goSource(): string {
  const root = outputOf("go", "env", "GOROOT").trim();
  try {
    return root === "" ? "" : readFileSync(join(root, "src/crypto/tls/cipher_suites.go"), "utf8");
  } catch {
    return "";
  }
}

const openssl = suitesOf(
  outputOf("openssl", "ciphers", "-V", "-stdname", "ALL:aNULL:eNULL:@SECLEVEL=0"),
  /0x(?<id>[0-9A-F]{2},0x[0-9A-F]{2}) - (?<name>TLS_\w+)/g,
);
const go = suitesOf(goSource(), /^\s+(?<name>TLS_\w+)\s+uint16 = 0x(?<id>[0-9a-f]{4})$/gm);

/** Families of which peers offer no suite unless they are told to. */
const UNNAMED = /ARIA|SRP|SEED|IDEA|GOST|CAMELLIA|NULL|KRB5|EXPORT|_DES_/;

describe("names of cipher suites", () => {
  test.skipIf(openssl.length === 0)(
    `are those of OpenSSL${openssl.length === 0 ? ", which is not on this machine, or has no -stdname" : ""}`,
    () => {
      expect(openssl.length).toBeGreaterThan(50);
      for (const { id, name } of openssl) {
        const ours = cipherSuiteName(id);
        if (!(UNNAMED.test(name) && ours.startsWith("0x"))) expect(ours).toBe(name);
      }
    },
  );

  test.skipIf(go.length === 0)(
    `are those of Go's crypto/tls${go.length === 0 ? ", whose source is not on this machine" : ""}`,
    () => {
      expect(go.length).toBeGreaterThan(20);
      for (const { id, name } of go) expect(cipherSuiteName(id)).toBe(name);
    },
  );

  test("are those of the registry for our own suites", () => {
    for (const [name, id] of Object.entries(CipherSuite)) expect(cipherSuiteName(id)).toBe(name);
  });

  test.each([
    [0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
    [0x0005, "TLS_RSA_WITH_RC4_128_SHA"],
    [0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"],
    [0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"],
    [0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8"],
    [0x1305, "TLS_AES_128_CCM_8_SHA256"],
  ])("tell of a suite that we do not have: 0x%x", (id, name) => {
    expect(cipherSuiteName(id)).toBe(name);
  });

  test.each([
    [0x0000, "0x0000"],
    [0x0a0a, "0x0a0a"],
    [0xfefe, "0xfefe"],
  ])("are hexadecimal for a number without one: 0x%x", (id, name) => {
    expect(cipherSuiteName(id)).toBe(name);
  });
});
