import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { concatBytes, hex, latin1 } from "../../src/bytes.ts";
import { certificatesFromPem } from "../../src/index.ts";
import { ConnectionObserver, keyLogSecrets, type SecretSource, type Side } from "../support/observer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { DerivedSecrets } from "./derived-secrets.ts";
import { checkProof } from "./proofs.ts";

const vectors = sharedVectors("illustrated-tls13");

/** The records in the order of the capture, and the file with what is inside: content and content type. */
const records: readonly (readonly [Side, string, string?])[] = [
  ["client", "clienthello"],
  ["server", "serverhello"],
  ["server", "serverccs"],
  ["server", "serverencextensions", "serverextensions"],
  ["server", "serverenccert", "servercert"],
  ["server", "serverenccertverify", "servercertverify"],
  ["server", "serverencfinished", "serverfinished"],
  ["client", "clientccs"],
  ["client", "clientencfinished", "clientfinished"],
  ["client", "clientencdata", "clientdata"],
  ["server", "serverencticket1", "serverticket1"],
  ["server", "serverencticket2", "serverticket2"],
  ["server", "serverencdata", "serverdata"],
];

function capture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectors.path, "captures/caps", name)));
}

function observe(secrets: SecretSource): ConnectionObserver {
  const observer = new ConnectionObserver(secrets);
  for (const [sender, name] of records) observer.carry(sender, capture(name));
  return observer;
}

/** The last 32 bytes of an X25519 key in PKCS#8 (RFC 8410 §7). */
function x25519PrivateKey(side: Side): Uint8Array {
  const key = createPrivateKey(vectors.text(`keys/${side}-ephemeral-private.key`));
  return new Uint8Array(key.export({ format: "der", type: "pkcs8" })).slice(-32);
}

function derivedFrom(side: Side): DerivedSecrets {
  return new DerivedSecrets({ side, privateKey: () => x25519PrivateKey(side) });
}

const keyLogLines = (): readonly string[] => vectors.text("captures/keylog.txt").trim().split("\n");

const sources: Readonly<Record<string, () => SecretSource>> = {
  "the key log": () => keyLogSecrets(keyLogLines()),
  "the client's private key": () => derivedFrom("client").find,
  "the server's private key": () => derivedFrom("server").find,
};

describe.skipIf(vectors.missing)(`The Illustrated TLS 1.3 Connection ${vectors.missing ?? ""}`, () => {
  test("its 13 records are in the packet capture, in this order", () => {
    const packets = readFileSync(join(vectors.path, "captures/capture.pcap"));
    let behind = 0;
    for (const [, name] of records) {
      const at = packets.indexOf(capture(name), behind);
      expect(at, name).toBeGreaterThanOrEqual(behind);
      behind = at + capture(name).length;
    }
    expect(records.length).toBe(13);
  });

  test.each(Object.entries(sources))(
    "%s opens all nine protected records; both Finished and the CertificateVerify are right",
    async (_name, source) => {
      const observer = observe(source());
      const plaintexts = records.flatMap(([, , plaintext]) => (plaintext === undefined ? [] : [plaintext]));
      expect(observer.protectedRecords.length).toBe(9);
      expect(
        observer.protectedRecords.map(({ type, content }) => hex(concatBytes(content, Uint8Array.of(type)))),
      ).toEqual(plaintexts.map((file) => hex(capture(file))));
      expect(observer.pending).toBe(0);
      expect(observer.finished).toEqual({ client: true, server: true });
      expect(observer.data.client.map(latin1)).toEqual(["ping"]);
      expect(observer.data.server.map(latin1)).toEqual(["pong"]);
      expect(await Promise.all(observer.proofs.map(checkProof))).toEqual([
        { name: "server rsa_pss_rsae_sha256", by: "tls-engine", isGenuine: true },
      ]);
      const [certificate] = certificatesFromPem(vectors.text("keys/server.crt"));
      expect(observer.proofs.map((proof) => hex(proof.certificate))).toEqual([
        hex(certificate ?? new Uint8Array()),
      ]);
    },
  );

  test.each(["client", "server"] as const)(
    "the %s's private key gives the five secrets of the key log",
    (side) => {
      const derived = derivedFrom(side);
      observe(derived.find);
      const logged = keyLogLines().map((line) => {
        const [label = "", , secret = ""] = line.split(" ");
        return [label, secret] as const;
      });
      expect(logged.length).toBe(5);
      expect(derived.keyLog).toEqual(Object.fromEntries(logged));
    },
  );
});
