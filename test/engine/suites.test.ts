import { beforeAll, describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import {
  ClientConfig,
  credential,
  type Credential,
  nobleProvider,
  pinned,
  ServerConfig,
  type SettingsOptions,
  type TlsCipherSuite,
} from "../../src/index.ts";
import { testCertificate, type TestKeyType } from "../support/certificates.ts";
import { byteByByte, Pair, whole } from "../support/pair.ts";

const { cipherSuites, groups } = nobleProvider();

const KEY_TYPES = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"] as const;
let credentials: ReadonlyMap<TestKeyType, Credential>;
let pins: readonly Uint8Array[];

beforeAll(async () => {
  const made = await Promise.all(KEY_TYPES.map((keyType) => testCertificate({ keyType })));
  credentials = new Map(
    made.map(({ certificatePem, keyPem }, i) => [
      KEY_TYPES[i] ?? "ed25519",
      credential({ certificateChain: certificatePem, key: keyPem }),
    ]),
  );
  pins = made.map(({ spkiSha256 }) => spkiSha256);
});

const keyTypeFor = (suite: TlsCipherSuite): TestKeyType =>
  suite.version === "TLSv1.2" && suite.authentication === "rsa" ? "rsa-2048" : "ecdsa-p256";

/** Configs with the cryptography that is in use, and a server with a key of `keyType`. */
function configs(
  keyType: TestKeyType,
  options: SettingsOptions,
): { client: ClientConfig; server: ServerConfig } {
  const own = credentials.get(keyType);
  if (own === undefined) throw new Error(`no certificate of ${keyType}`);
  return {
    client: new ClientConfig({ serverName: "localhost", trust: pinned(pins), ...options }),
    server: new ServerConfig({ credentials: [own], ...options }),
  };
}

/** Runs a handshake, and some data of more than one record both ways. */
async function talk(pair: Pair): Promise<void> {
  const long = "0123456789abcdef".repeat(1100);
  pair.client.engine.write(ascii("before the end of the handshake"));
  await pair.run();
  pair.server.engine.write(ascii(long));
  pair.client.engine.write(ascii("!"));
  await pair.run();
  expect([pair.client.closed, pair.server.closed]).toEqual([undefined, undefined]);
  expect(latin1(pair.server.received)).toBe("before the end of the handshake!");
  expect(latin1(pair.client.received)).toBe(long);
}

test.each(cipherSuites.map((suite) => [suite.name, suite] as const))(
  "%s carries data, in a first connection and in a second one",
  async (name, suite) => {
    const { client, server } = configs(keyTypeFor(suite), {
      cipherSuites: [name],
      groups: ["x25519", "secp256r1"],
    });
    for (const isSecond of [false, true]) {
      const pair = new Pair(client, server);
      await talk(pair);
      const { version } = suite;
      const common = { version, cipherSuite: name, resumed: isSecond, extendedMainSecret: true };
      expect(pair.client.engine.info).toMatchObject({ ...common, peer: { kind: "verified" } });
      expect(pair.server.engine.info).toMatchObject({ ...common, peer: { kind: "none" } });
    }
  },
);

describe("TLS 1.2", () => {
  test.each(groups.filter(({ inTls12 }) => inTls12).map(({ name }) => name))(
    "exchanges keys with %s",
    async (group) => {
      const { client, server } = configs("ecdsa-p256", {
        versions: ["TLSv1.2"],
        groups: [...new Set([group, "secp256r1"])],
      });
      const pair = new Pair(client, server);
      await talk(pair);
      expect(pair.client.engine.info?.group).toBe(group);
      expect(pair.server.engine.info?.group).toBe(group);
    },
  );

  test.each([
    ["ecdsa-p256", "ecdsa_secp256r1_sha256", "ECDSA"],
    ["ecdsa-p384", "ecdsa_secp384r1_sha384", "ECDSA"],
    ["ecdsa-p521", "ecdsa_secp521r1_sha512", "ECDSA"],
    ["ed25519", "ed25519", "ECDSA"],
    ["rsa-2048", "rsa_pss_rsae_sha256", "RSA"],
  ] as const)("authenticates both sides with %s", async (keyType, scheme, authentication) => {
    const { client, server } = configs(keyType, { versions: ["TLSv1.2"] });
    const clientCredential = credentials.get(keyType);
    if (clientCredential === undefined) throw new Error("no credential");
    const pair = new Pair(
      client.with({ clientCredential }),
      server.with({ clientAuth: { mode: "require", trust: pinned(pins) } }),
    );
    await talk(pair);
    for (const { engine } of [pair.client, pair.server]) {
      expect(engine.info).toMatchObject({ peerSignatureScheme: scheme, peer: { kind: "verified" } });
      expect(engine.info?.cipherSuite).toContain(`TLS_ECDHE_${authentication}_WITH_`);
    }
  });

  test("signs with PKCS #1 v1.5 for a client that takes nothing else", async () => {
    const { client, server } = configs("rsa-2048", { versions: ["TLSv1.2"] });
    const pair = new Pair(client.with({ signatureSchemes: ["rsa_pkcs1_sha256"] }), server);
    await talk(pair);
    expect(pair.client.engine.info?.peerSignatureScheme).toBe("rsa_pkcs1_sha256");
  });

  test("never uses a CBC suite that was not named, on either side", async () => {
    const { client, server } = configs("ecdsa-p256", { versions: ["TLSv1.2"] });
    const named = ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"];
    for (const pair of [
      new Pair(client.with({ cipherSuites: named }), server),
      new Pair(client, server.with({ cipherSuites: named })),
    ]) {
      await pair.run();
      expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
      expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "handshake_failure" });
    }
  });

  test.each([
    ["single bytes", byteByByte],
    ["whole flights", whole],
  ])("works over %s", async (_what, split) => {
    const { client, server } = configs("ecdsa-p256", { versions: ["TLSv1.2"], alpn: ["a", "b"] });
    for (const resumed of [false, true]) {
      const pair = new Pair(client, server, split);
      await talk(pair);
      expect(pair.client.engine.info).toMatchObject({ resumed, alpn: "a" });
    }
  });
});
