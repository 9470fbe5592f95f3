import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { fromHex } from "../support/hex.ts";
import { goFlights } from "../support/recorded.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { type Known, type Side, suite12, Tls12Replay } from "./tls12-replay.ts";

const go = sharedVectors("go-crypto-tls");

describe.skipIf(go.missing)(`recordings of Go's crypto/tls ${go.missing ?? ""}`, () => {
  const recordings = go
    .names()
    .filter((name) => /^(Client|Server)-TLSv12-/.test(name))
    .map((name) => ({ name, flights: goFlights(go.text(name)) }))
    .filter(({ flights }) => suite12(chosenSuite(flights)) !== undefined);

  test("every record of every ECDHE connection opens; every Finished and every client's signature is right", async () => {
    const totals = { extended: 0, classic: 0, finished: 0, certificateVerify: 0, records: 0 };
    const suites: Record<string, number> = {};
    for (const { name, flights } of recordings) {
      const replay = new Tls12Replay(goKeys(name.startsWith("Client-") ? "client" : "server"));
      for (const { from, bytes } of flights) await replay.take(from, bytes);
      const suite = replay.suite?.name ?? "none";
      suites[suite] = (suites[suite] ?? 0) + 1;
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += replay.totals[key];
    }
    // Renegotiations included, which make a handshake of their own.
    expect(totals).toEqual({ extended: 42, classic: 1, finished: 86, certificateVerify: 11, records: 209 });
    expect(suites).toEqual({
      TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 3,
      TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 1,
      TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 1,
      TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 1,
      TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 1,
      TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 3,
      TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 1,
      TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 1,
      TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 8,
      TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 1,
      TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 2,
      TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 16,
    });
  });
});

/** The suite of the ServerHello that opens the server's first flight, or 0. */
function chosenSuite(flights: ReturnType<typeof goFlights>): number {
  const first = flights.find(({ from }) => from === "server")?.bytes ?? new Uint8Array();
  if (first[0] !== 22 || first[5] !== 2) return 0;
  return Buffer.from(first).readUInt16BE(44 + (first[43] ?? 0));
}

/** What Go's tests draw as private keys: zeros, of which crypto/ecdh changes one byte for the NIST curves. */
function goKeys(side: Side): Known {
  const zeros = new Uint8Array(32);
  const keys = [
    { group: x25519, bytes: zeros },
    { group: secp256r1, bytes: zeros.with(1, 0x42) },
  ];
  return { side, privateKey: (id) => keys.find(({ group }) => group.id === id) };
}

const illustrated = sharedVectors("illustrated-tls12");

describe.skipIf(illustrated.missing)(
  `The Illustrated TLS 1.2 Connection ${illustrated.missing ?? ""}`,
  () => {
    const records: readonly (readonly [Side, string])[] = [
      ["client", "clienthello"],
      ["server", "serverhello"],
      ["server", "servercert"],
      ["server", "serverkeyexchange"],
      ["server", "serverhellodone"],
      ["client", "clientkeyexchange"],
      ["client", "clientccs"],
      ["client", "clientfinished"],
      ["server", "serverccs"],
      ["server", "serverfinished"],
      ["client", "clientdata"],
      ["server", "serverdata"],
    ];

    test.each(["client", "server"] as const)(
      "the %s's private key gives the main secret of the key log, and all keys",
      async (side) => {
        const pem = illustrated.text(`keys/${side}-ephemeral-private.key`);
        const der = createPrivateKey(pem).export({ format: "der", type: "pkcs8" });
        const replay = new Tls12Replay({
          side,
          privateKey: () => ({ group: x25519, bytes: Uint8Array.from(der.subarray(-32)) }),
        });
        for (const [from, name] of records) {
          const bytes = readFileSync(join(illustrated.path, "captures/caps", name));
          await replay.take(from, Uint8Array.from(bytes));
        }
        expect(replay.mainSecret).toBe(illustrated.text("captures/keylog.txt").trim().split(" ")[2]);
        expect(replay.suite?.name).toBe("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
        expect(replay.totals).toEqual({
          extended: 0,
          classic: 1,
          finished: 2,
          certificateVerify: 0,
          records: 4,
        });
        expect(replay.data).toEqual({ client: "ping", server: "pong" });
      },
    );
  },
);

interface GoldenRecording {
  readonly keylog: readonly string[];
  readonly wire: readonly (readonly [Side, string])[];
}

const golden = sharedVectors("cpython-golden");

describe.skipIf(golden.missing)(`recordings of CPython ${golden.missing ?? ""}`, () => {
  test.each([
    ["tls12_full", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0],
    ["tls12_ecdhe-rsa-aes128-gcm-sha256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0],
    ["tls12_ecdhe-rsa-chacha20-poly1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0],
    ["tls12_mtls_ok", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 1],
    ["tls12_ticket_resume", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0],
  ])(
    "%s: the main secret of the key log gives both Finished and all keys",
    async (name, suite, signatures) => {
      const { keylog, wire } = golden.json<GoldenRecording>(`${name}.json`);
      const replay = new Tls12Replay({ mainSecret: fromHex(keylog[0]?.split(" ")[2] ?? "") });
      for (const [from, bytes] of wire) await replay.take(from, fromHex(bytes));
      expect(replay.suite?.name).toBe(suite);
      expect(replay.totals).toMatchObject({ finished: 2, certificateVerify: signatures, records: 6 });
    },
  );
});
