import { describe, expect, test } from "vitest";

import {
  ClientConfig,
  type ClientOptions,
  type Credential,
  ConfigError,
  pinned,
  rawPublicKey,
  ServerConfig,
  type SigningKey,
} from "../../src/index.ts";
import { spkiOf, testKey } from "../pitfalls/leaf-certificate.ts";
import { testCertificate } from "../support/certificates.ts";
import { expectConfigError } from "./config-error.ts";
import { credentialOf, server as issued } from "./peers.ts";

const key = testKey("ecdsa-p256");
const raw = rawPublicKey({ key });
const x509 = credentialOf(issued);
const base: ClientOptions = { serverName: "example.com", trust: pinned([new Uint8Array(32)]) };

describe("rawPublicKey", () => {
  test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa", "rsa-pss"] as const)(
    "shows the public half of a key of kind %s",
    (keyType) => {
      const own = testKey(keyType);
      expect(rawPublicKey({ key: own })).toEqual({
        certificateType: "raw-public-key",
        certificateChain: [spkiOf(own)],
        key: own,
      });
    },
  );

  test("takes PEM, and cannot be changed", async () => {
    const { keyPem } = await testCertificate();
    const own = rawPublicKey({ key: keyPem });
    expect(own.key.keyType).toBe("ecdsa-p256");
    expect(own.certificateChain[0]).toEqual(own.key.subjectPublicKeyInfo);
    expect(own.certificateChain[0]).not.toBe(own.key.subjectPublicKeyInfo);
    expect(Object.isFrozen(own)).toBe(true);
    expect(() => rawPublicKey({ key: "no PEM" })).toThrow(ConfigError);
  });

  test("refuses a key that does not know its public half, or another one", () => {
    const remote: SigningKey = {
      keyType: "ecdsa-p256",
      schemes: [0x0403],
      subjectPublicKeyInfo: undefined,
      sign: () => new Uint8Array(),
    };
    expectConfigError(() => rawPublicKey({ key: remote }), {
      option: "key",
      value: '"ecdsa-p256"',
      allowed: "a key that has its subjectPublicKeyInfo",
    });
    for (const subjectPublicKeyInfo of [Uint8Array.of(1), spkiOf(testKey("ed25519"))]) {
      expectConfigError(() => rawPublicKey({ key: { ...remote, subjectPublicKeyInfo } }), {
        option: "key",
        value: '"ecdsa-p256"',
        allowed: "is DER, and of its keyType",
      });
    }
  });
});

describe("a config", () => {
  test("knows the types of its credentials, and takes certificates alone by default", () => {
    const typesOf = (options: Partial<ClientOptions>) =>
      new ClientConfig({ ...base, ...options } as ClientOptions).clientCertificateTypes;
    expect(typesOf({})).toEqual(["x509"]);
    expect(typesOf({ clientCredential: raw })).toEqual(["raw-public-key"]);
    expect(typesOf({ clientCredential: [raw, x509, raw] })).toEqual(["raw-public-key", "x509"]);
    expect(typesOf({ clientCredential: () => null })).toEqual(["x509"]);
    const clientCertificateTypes = ["x509", "raw-public-key"] as const;
    expect(typesOf({ clientCredential: () => null, clientCertificateTypes })).toEqual(clientCertificateTypes);
    expect(new ClientConfig(base).serverCertificateTypes).toEqual(["x509"]);
  });

  test.each([[[]], [["x509", "x509"]], [["openpgp"]], ["x509"], [[2]]])(
    "refuses %j for a list of types",
    (types) => {
      const given = types as never;
      const clientAuth = { mode: "none", certificateTypes: given } as const;
      for (const act of [
        () => new ClientConfig({ ...base, serverCertificateTypes: given }),
        () => new ClientConfig({ ...base, clientCredential: () => null, clientCertificateTypes: given }),
        () => new ServerConfig({ credentials: [raw], clientAuth }),
        () => new ServerConfig({ credentials: [raw], clientAuth: { ...clientAuth, mode: "none" } }),
      ]) {
        expect(act).toThrow(/at least one of x509, raw-public-key, each once/);
      }
    },
  );

  test("refuses types beside credentials that tell them", () => {
    const clientCertificateTypes = ["raw-public-key"] as const;
    expect(() => new ClientConfig({ ...base, clientCredential: raw, clientCertificateTypes })).toThrow(
      /clientCertificateTypes: .*; allowed: only with a clientCredential that is a function/,
    );
  });

  test.each([
    ["two keys", { certificateChain: [spkiOf(key), spkiOf(key)] }],
    ["an OCSP response", { ocspResponse: Uint8Array.of(1) }],
    ["timestamps", { signedCertificateTimestamps: [Uint8Array.of(1)] }],
    ["a type that there is not", { certificateType: "openpgp" }],
  ])("refuses a raw public key that was made by hand with %s", (_what, change) => {
    const wrong = { ...raw, ...change } as Credential;
    expect(() => new ServerConfig({ credentials: [wrong] })).toThrow(
      /raw-public-key with one key and no staples/,
    );
    expect(() => new ClientConfig({ ...base, clientCredential: wrong })).toThrow(ConfigError);
  });
});
