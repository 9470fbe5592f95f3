import { createHash, createHmac } from "node:crypto";
import { getCiphers } from "node:tls";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import * as suites from "../../src/crypto/suites12.ts";
import { CipherSuite } from "../../src/messages/codepoints.ts";

/** As the RFCs have them: code point, name, hash of the PRF, and what protects records. For CBC that is cipher and MAC. */
const table = `
  RFC 7905 §2
  cca8 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256    SHA-256  CHACHA20-POLY1305/12
  cca9 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256  SHA-256  CHACHA20-POLY1305/12
  RFC 5289 §3.2
  c02b TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256        SHA-256  AES-128-GCM/4
  c02c TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384        SHA-384  AES-256-GCM/4
  c02f TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256          SHA-256  AES-128-GCM/4
  c030 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384          SHA-384  AES-256-GCM/4
  RFC 5289 §3.1
  c023 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256        SHA-256  AES-128-CBC+SHA-256
  c024 TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384        SHA-384  AES-256-CBC+SHA-384
  c027 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256          SHA-256  AES-128-CBC+SHA-256
  c028 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384          SHA-384  AES-256-CBC+SHA-384
  RFC 8422 §6
  c009 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA           SHA-256  AES-128-CBC+SHA-1
  c00a TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA           SHA-256  AES-256-CBC+SHA-1
  c013 TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA             SHA-256  AES-128-CBC+SHA-1
  c014 TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA             SHA-256  AES-256-CBC+SHA-1
`;

const rows = [...table.matchAll(/^ +([0-9a-f]{4}) +(TLS_\w+) +(\S+) +(\S+)$/gm)].map(
  ([, id = "", name = "", hash = "", records = ""]) => ({ id: parseInt(id, 16), name, hash, records }),
);

const all: Readonly<Record<string, Tls12CipherSuite>> = suites;

function recordsOf({ protection }: Tls12CipherSuite): string {
  return protection.kind === "aead"
    ? `${protection.aead.name}/${protection.fixedIvLength}`
    : `${protection.cipher.name}+${protection.mac.name}`;
}

describe("the cipher suites of TLS 1.2", () => {
  test("are the fourteen of the RFCs, with their hashes and protections", () => {
    expect(rows).toHaveLength(14);
    expect(
      Object.values(all)
        .map((suite) => ({
          id: suite.id,
          name: suite.name,
          hash: suite.hash.name,
          records: recordsOf(suite),
        }))
        .sort((a, b) => a.id - b.id),
    ).toEqual([...rows].sort((a, b) => a.id - b.id));
  });

  test("are exported by their names, and are for the version and the keys that these say", () => {
    for (const [exported, suite] of Object.entries(all)) {
      expect(suite.name).toBe(exported);
      expect(suite.version).toBe("TLSv1.2");
      expect(suite.authentication).toBe(/^TLS_ECDHE_(RSA|ECDSA)_/.exec(exported)?.[1]?.toLowerCase());
    }
  });

  test("are all those that CipherSuite names for TLS 1.2, each once in the default list", () => {
    const named = Object.entries(CipherSuite).filter(([name]) => name.startsWith("TLS_ECDHE_"));
    expect(named).toHaveLength(14);
    for (const [name, id] of named) expect(all[name]?.id, name).toBe(id);
    const listed = nobleCipherSuites.filter(({ version }) => version === "TLSv1.2");
    expect(listed).toHaveLength(14);
    expect(new Set(listed)).toEqual(new Set(Object.values(all)));
  });

  test("have the parts that OpenSSL's names for them say", () => {
    const known = getCiphers();
    for (const suite of Object.values(all)) {
      expect(known, suite.name).toContain(opensslName(suite));
    }
  });

  test("have hashes and MACs that compute what node:crypto computes under their names", () => {
    const message = new Uint8Array(200).map((_, i) => i);
    for (const { name, hash, protection } of Object.values(all)) {
      const prf = name.endsWith("_SHA384") ? "sha384" : "sha256";
      expect(hex(hash.digest(message)), name).toBe(createHash(prf).update(message).digest("hex"));
      if (protection.kind !== "cbc") continue;
      const mac = (/_SHA\d*$/.exec(name)?.[0] ?? "").slice(1).toLowerCase();
      expect(hex(protection.mac.hmac(message, message)), name).toBe(
        createHmac(mac === "sha" ? "sha1" : mac, message)
          .update(message)
          .digest("hex"),
      );
    }
  });
});

/** Such as `ecdhe-rsa-aes128-gcm-sha256`: it ends with the hash of the MAC under CBC, and of the PRF under AES-GCM. */
function opensslName({ authentication, hash, protection }: Tls12CipherSuite): string {
  const short = (name: string) => name.replace("SHA-1", "SHA").replace("-", "").toLowerCase();
  if (protection.kind === "cbc") {
    const cipher = short(protection.cipher.name).replace("-cbc", "");
    return `ecdhe-${authentication}-${cipher}-${short(protection.mac.name)}`;
  }
  const { name } = protection.aead;
  if (name === "CHACHA20-POLY1305") return `ecdhe-${authentication}-chacha20-poly1305`;
  return `ecdhe-${authentication}-${short(name)}-${short(hash.name)}`;
}
