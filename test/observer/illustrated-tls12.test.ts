import { createHmac, createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { concatBytes, hex, latin1 } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { certificatesFromPem } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { prf } from "../../src/schedule/prf.ts";
import { fromHex } from "../support/hex.ts";
import { ConnectionObserver, keyLogSecrets, type SecretSource, type Side } from "../support/observer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { derivedMainSecret, type MainSecretOptions, premasterSecretIn } from "./derived-main-secret.ts";
import { checkProof } from "./proofs.ts";

const vectors = sharedVectors("illustrated-tls12");

/** The records in the order of the capture, and the file with what is inside of a protected one. */
const records: readonly (readonly [Side, string, string?])[] = [
  ["client", "clienthello"],
  ["server", "serverhello"],
  ["server", "servercert"],
  ["server", "serverkeyexchange"],
  ["server", "serverhellodone"],
  ["client", "clientkeyexchange"],
  ["client", "clientccs"],
  ["client", "clientfinished", "clientfinishedplain"],
  ["server", "serverccs"],
  ["server", "serverfinished", "serverfinishedplain"],
  ["client", "clientdata", "clientdataplain"],
  ["server", "serverdata", "serverdataplain"],
  ["client", "clientalert", "clientalertplain"],
];

/** Values that the page beside the capture prints. */
const printed = {
  premasterSecret: "df4a291baa1eb7cfa6934b29b474baad2697e29f1f920dcc77c8a0a088447624",
  mainSecret:
    "916abf9da55973e13614ae0a3f5d3f37b023ba129aee02cc9134338127cd7049781c8e19fc1eb2a7387ac06ae237344c",
  client: {
    macKey: "1b7d117c7d5f690bc263cae8ef60af0f1878acc2",
    key: "f656d037b173ef3e11169f27231a84b6",
    iv: "a0d2550c9238eebfef5c32251abb67d6",
  },
  server: {
    macKey: "2ad8bdd8c601a617126f63540eb20906f781fad2",
    key: "752a18e7a9fcb7cbcdd8f98dd8f769eb",
    iv: "434528db4937d540d393135e06a11bb8",
  },
  verifyData: { client: "cf919626f1360c536aaad73a", server: "844d3c10746dd722f92f0c7e" },
} as const;

function capture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(vectors.path, "captures/caps", name)));
}

function observe(secrets: SecretSource): ConnectionObserver {
  const observer = new ConnectionObserver(secrets);
  for (const [sender, name] of records) observer.carry(sender, capture(name));
  return observer;
}

/** The last 32 bytes of an X25519 key in PKCS#8 (RFC 8410 §7). */
function knownSide(side: Side): MainSecretOptions {
  const key = createPrivateKey(vectors.text(`keys/${side}-ephemeral-private.key`));
  const bytes = new Uint8Array(key.export({ format: "der", type: "pkcs8" })).slice(-32);
  return { side, privateKey: () => bytes };
}

const keyLogLines = (): readonly string[] => vectors.text("captures/keylog.txt").trim().split("\n");

const sources: Readonly<Record<string, () => SecretSource>> = {
  "the key log": () => keyLogSecrets(keyLogLines()),
  "the client's private key": () => derivedMainSecret(knownSide("client")),
  "the server's private key": () => derivedMainSecret(knownSide("server")),
};

describe.skipIf(vectors.missing)(`The Illustrated TLS 1.2 Connection ${vectors.missing ?? ""}`, () => {
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
    "%s opens all five protected records; both Finished and the signature are right",
    async (_name, source) => {
      const observer = observe(source());
      expect(observer.suite?.name).toBe("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA");
      const plaintexts = records.flatMap(([, , plaintext]) => (plaintext === undefined ? [] : [plaintext]));
      expect(observer.protectedRecords.length).toBe(5);
      expect(observer.protectedRecords.map(({ content }) => hex(content))).toEqual(
        plaintexts.map((file, i) =>
          hex(capture(file).subarray(0, observer.protectedRecords[i]?.content.length)),
        ),
      );
      expect(observer.pending).toBe(0);
      expect(observer.finished).toEqual({ client: true, server: true });
      expect(observer.data.client.map(latin1)).toEqual(["ping"]);
      expect(observer.data.server.map(latin1)).toEqual(["pong"]);
      expect(observer.alerts.client.map(hex)).toEqual(["0100"]);
      expect(observer.alerts.server).toEqual([]);
      expect(await Promise.all(observer.proofs.map(checkProof))).toEqual([
        { name: "server rsa_pkcs1_sha256", by: "tls-engine", isGenuine: true },
      ]);
      const [certificate] = certificatesFromPem(vectors.text("keys/server.crt"));
      expect(observer.proofs.map((proof) => hex(proof.certificate))).toEqual([
        hex(certificate ?? new Uint8Array()),
      ]);
    },
  );

  test.each(["client", "server"] as const)(
    "the %s's private key gives the premaster secret, the main secret and all keys that are printed",
    (side) => {
      const known = knownSide(side);
      const premasterSecrets: string[] = [];
      const [handshake] = observe((label, context) => {
        premasterSecrets.push(hex(premasterSecretIn(known, context)));
        return derivedMainSecret(known)(label, context);
      }).handshakes12;
      expect(premasterSecrets).toEqual([printed.premasterSecret]);
      expect(hex(handshake?.mainSecret.bytes ?? new Uint8Array())).toBe(printed.mainSecret);
      expect(keyLogLines().map((line) => line.split(" ")[2])).toEqual([printed.mainSecret]);
      expect(handshake?.isExtended).toBe(false);
      for (const role of ["client", "server"] as const) {
        const { macKey, key, iv } = handshake?.keys[role] ?? {};
        expect({ macKey: hex(macKey ?? new Uint8Array()), key: hex(key ?? new Uint8Array()) }).toEqual({
          macKey: printed[role].macKey,
          key: printed[role].key,
        });
        // A record of TLS 1.2 brings its IV along; those of the key block are printed and not used.
        expect(iv).toEqual(new Uint8Array());
      }
    },
  );

  test("the key block of the printed main secret is that of the printed keys and IVs, one behind the other", () => {
    const randoms = concatBytes(
      capture("serverhello").subarray(11, 43),
      capture("clienthello").subarray(11, 43),
    );
    const keyBlock = prf(sha256, fromHex(printed.mainSecret), "key expansion", randoms, 104);
    const { client, server } = printed;
    expect(hex(keyBlock)).toBe(
      [client.macKey, server.macKey, client.key, server.key, client.iv, server.iv].join(""),
    );
  });

  test("both verify_data are the printed ones", () => {
    const { messages } = observe(keyLogSecrets(keyLogLines()));
    const finished = messages.filter(({ name }) => name === "finished");
    expect(
      Object.fromEntries(
        finished.map(({ sender, raw }) => [sender, hex(decodeHandshake("finished", raw).verifyData)]),
      ),
    ).toEqual(printed.verifyData);
  });

  test("the MAC of each protected record, where it is printed, is that under the printed MAC key", () => {
    const { protectedRecords } = observe(keyLogSecrets(keyLogLines()));
    const plaintexts = records.flatMap(([, , plaintext]) => (plaintext === undefined ? [] : [plaintext]));
    const sequence = { client: 0, server: 0 };
    let checked = 0;
    for (const [i, { sender, type, content }] of protectedRecords.entries()) {
      const count = sequence[sender]++;
      const header = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, count, type, 3, 3, 0, content.length);
      const mac = createHmac("sha1", fromHex(printed[sender].macKey)).update(concatBytes(header, content));
      const behind = hex(capture(plaintexts[i] ?? "").subarray(content.length));
      // The client's Finished is printed without its MAC.
      if (behind === "") continue;
      // Of the padding, whose bytes all say its length, the first one is printed.
      const paddingLength = 15 - ((content.length + 20) % 16);
      expect(behind).toBe(mac.digest("hex") + hex(Uint8Array.of(paddingLength)));
      checked++;
    }
    expect(checked).toBe(4);
  });

  test("our record protection gives all five protected records byte for byte, under their IVs", () => {
    const { protections } = observe(keyLogSecrets(keyLogLines())).handshakes12[0] ?? {};
    expect(protections?.client).toMatchObject({ opened: 3, resealed: 3 });
    expect(protections?.server).toMatchObject({ opened: 2, resealed: 2 });
  });
});
