import { describe, expect, test } from "vitest";

import {
  ClientConfig,
  type ClientOptions,
  ConfigError,
  credential,
  defaultLimits,
  pinned,
  ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { testCertificate } from "../support/certificates.ts";

/** An option, a value that it must not have, and what the message says of both. */
type Refusal = readonly [option: string, value: unknown, shown: string, allowed: RegExp];

const trust = pinned([new Uint8Array(32)]);
const client = { serverName: "localhost", trust } as const;
const LONG_LABEL = "a".repeat(64);

const SHARED: readonly Refusal[] = [
  ["versions", [], "[]", /TLSv1\.3, TLSv1\.2/],
  ["versions", ["TLSv1.1"], '"TLSv1.1"', /at least one of TLSv1\.3, TLSv1\.2/],
  ["sessionStore", {}, "Object", /get, put and take/],
  ["sessionStore", true, "true", /get, put and take/],
  ["cipherSuites", [], "[]", /TLS_AES_128_GCM_SHA256/],
  ["cipherSuites", ["TLS_RSA_WITH_AES_128_CBC_SHA"], '"TLS_RSA_WITH', /TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA/],
  ["cipherSuites", ["TLS_NULL"], '"TLS_NULL"', /TLS_CHACHA20_POLY1305_SHA256/],
  ["cipherSuites", Array(2).fill("TLS_AES_128_GCM_SHA256"), '["TLS_AES_128_GCM_SHA256", "TLS_AES', /once/],
  ["groups", [], "[]", /x25519/],
  ["groups", ["x448"], '"x448"', /x25519/],
  ["groups", ["x25519", "x25519"], '["x25519", "x25519"]', /once/],
  ["signatureSchemes", [], "[]", /ecdsa_secp256r1_sha256/],
  ["signatureSchemes", ["rsa_pkcs1_sha1"], '"rsa_pkcs1_sha1"', /ecdsa_secp256r1_sha256/],
  ["alpn", [""], '""', /1\.\.255 Latin-1/],
  ["alpn", ["x".repeat(256)], '"xxx', /1\.\.255 Latin-1/],
  ["alpn", ["\u0100"], '"\u0100"', /1\.\.255 Latin-1/],
  ["alpn", ["h2", "h2"], '["h2", "h2"]', /once/],
  ["onMessage", 1, "1", /a function/],
  ["onKeyLog", "file", '"file"', /a function/],
  ["random", 4, "4", /a function/],
  ["now", 1_700_000_000, "1700000000", /a function/],
  ["recordPadding", 16, "16", /a function/],
  ["recordSizeLimit", 63, "63", /64\.\.16385/],
  ["recordSizeLimit", 16386, "16386", /64\.\.16385/],
  ["recordSizeLimit", 100.5, "100.5", /64\.\.16385/],
  ["recordSizeLimit", NaN, "NaN", /64\.\.16385/],
  ...Object.keys(defaultLimits).flatMap((name): Refusal[] =>
    [0, -1, 1.5, 2 ** 24, NaN].map((value) => [`limits.${name}`, value, String(value), /1\.\.16777215/]),
  ),
  ["limits.everything", 1, "1", /handshakeMessageBytes/],
];

const CLIENT: readonly Refusal[] = [
  ...[
    "",
    ".",
    "a..b",
    "-a.example",
    "a-.example",
    `${LONG_LABEL}.example`,
    "a b",
    "1.2.3",
    "host:443",
    "*.a.example",
  ].map((name): Refusal => ["serverName", name, JSON.stringify(name), /DNS name in ASCII/]),
  ["serverName", `${"a.".repeat(127)}b`, '"a.a.', /DNS name in ASCII/],
  ["serverName", "bücher.example", '"bücher.example"', /A-labels/],
  ["serverName", undefined, "undefined", /dangerouslySkipHostname: true/],
  ["serverName", null, "null", /dangerouslySkipHostname: true/],
  ["dangerouslySkipHostname", true, "true", /only with serverName: null/],
  ["trust", undefined, "undefined", /verify\(\)/],
  ["trust", {}, "Object", /verify\(\)/],
  ["trust", "ca.pem", '"ca.pem"', /verify\(\)/],
  ["keyShares", [], "[]", /x25519/],
  ["keyShares", ["secp521r1"], '"secp521r1"', /x25519, secp256r1/],
];

const SERVER: readonly Refusal[] = [
  ["credentials", [], "[]", /at least one credential/],
  ["credentials", undefined, "[]", /chooseSetup/],
  ["clientAuth.mode", { mode: "always" }, '"always"', /none, request, require/],
  ["clientAuth", { mode: "require" }, '"require"', /trust policy/],
  ["clientAuth", { mode: "request", trust: {} }, '"request"', /trust policy/],
  ["clientAuth", { mode: "request", dangerouslyAcceptAnyCertificate: false }, '"request"', /true/],
  ["clientAuth", { mode: "request", trust, dangerouslyAcceptAnyCertificate: true }, '"request"', /either/],
];

/** `{ option: value }`, in `limits` if that is where it belongs. */
function optionsWith([option, value]: Refusal): Record<string, unknown> {
  const [outer = "", inner] = option.split(".");
  return outer === "limits" ? { limits: { [inner ?? ""]: value } } : { [outer]: value };
}

function expectRefused(refusal: Refusal, construct: () => unknown): void {
  const [option, , shown, allowed] = refusal;
  try {
    construct();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.option).toBe(option);
    expect(error.message.startsWith(`${option}: ${shown}`)).toBe(true);
    expect(error.message).toContain("is not allowed; allowed: ");
    expect(error.message.split("allowed: ")[1]).toMatch(allowed);
    return;
  }
  throw new Error(`${option} is not refused`);
}

const name = ([option, value]: Refusal): string => {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? "undefined");
  return `${option} = ${text.slice(0, 40)}`;
};

describe("ClientConfig refuses", () => {
  const options = { serverName: "localhost", trust, groups: ["x25519", "secp256r1"] };
  const refusals = [...SHARED, ...CLIENT].map((refusal) => [name(refusal), refusal] as const);

  test.each(refusals)("%s", (_name, refusal) => {
    expectRefused(refusal, () => new ClientConfig({ ...options, ...optionsWith(refusal) } as ClientOptions));
    expectRefused(refusal, () => new ClientConfig(options).with(optionsWith(refusal)));
  });

  test.each<Refusal>([
    ["sni", "127.0.0.1", '"127.0.0.1"', /a DNS name/],
    ["sni", "a..b", '"a..b"', /a DNS name/],
  ])("%s = %s beside serverName: null", (option, value, shown, allowed) => {
    expectRefused(
      [option, value, shown, allowed],
      () =>
        new ClientConfig({
          trust,
          serverName: null,
          dangerouslySkipHostname: true,
          sni: value as string,
        }),
    );
  });

  test("a trust policy together with dangerouslyAcceptAnyCertificate", () => {
    expectRefused(["trust", trust, '"a policy"', /not together/], () =>
      toyClient({ trust } as unknown as Parameters<typeof toyClient>[0]),
    );
  });
});

describe("ServerConfig refuses", () => {
  const refusals = [...SHARED, ...SERVER].map((refusal) => [name(refusal), refusal] as const);

  test.each(refusals)("%s", (_name, refusal) => {
    const { credentials } = toyServer();
    expectRefused(refusal, () => new ServerConfig({ credentials, ...optionsWith(refusal) } as ServerOptions));
    expectRefused(refusal, () => toyServer().with(optionsWith(refusal)));
  });
});

describe("what comes with a config refuses", () => {
  test("pins that are no SHA-256 digests, and none at all", () => {
    expectRefused(["spkiSha256", [], "[]", /at least one/], () => pinned([]));
    expectRefused(["spkiSha256", 0, "Uint8Array(20)", /32 bytes/], () => pinned([new Uint8Array(20)]));
  });

  test("a key that is not the certificate's, without showing it", async () => {
    const { certificatePem } = await testCertificate();
    const other = await testCertificate({ commonName: "other" });
    expectRefused(["key", 0, '"ecdsa-p256"', /private key of the first certificate/], () =>
      credential({ certificateChain: certificatePem, key: other.keyPem }),
    );
  });

  test("a chain without a certificate, and one that is no DER", async () => {
    const { keyPem } = await testCertificate();
    expectRefused(["certificateChain", 0, '""', /at least one certificate/], () =>
      credential({ certificateChain: keyPem, key: keyPem }),
    );
    expectRefused(["certificateChain", 0, "Uint8Array(3)", /DER certificates/], () =>
      credential({ certificateChain: [Uint8Array.of(1, 2, 3)], key: keyPem }),
    );
  });
});

describe("a config", () => {
  test("is frozen, and with() gives another one that keeps the rest", () => {
    const config = new ClientConfig({ serverName: "Example.COM.", trust, alpn: ["h2"] });
    expect(Object.isFrozen(config)).toBe(true);
    expect(config.serverName).toBe("example.com");
    const changed = config.with({ serverName: "other.example" });
    expect(changed).not.toBe(config);
    expect(changed.settings.alpn).toEqual(["h2"]);
    expect([config.serverName, changed.serverName, changed.sni]).toEqual([
      "example.com",
      "other.example",
      "other.example",
    ]);
    expect(toyServer().with({ alpn: ["a"] }).credentials).toEqual(toyServer().credentials);
  });

  test("does not see what the caller does to its arrays afterwards", () => {
    const alpn = ["h2"];
    const groups = ["x25519"];
    const pin = new Uint8Array(32);
    const config = new ClientConfig({ serverName: "localhost", trust: pinned([pin]), alpn, groups });
    alpn.push("http/1.1");
    groups.pop();
    expect(config.settings.alpn).toEqual(["h2"]);
    expect(config.settings.groups.map((group) => group.name)).toEqual(["x25519"]);
  });

  test("sends no SNI for an IP address, and the given one without a name to check", () => {
    for (const serverName of ["127.0.0.1", "::1", "2001:DB8::1"]) {
      expect(new ClientConfig({ serverName, trust }).sni).toBeNull();
    }
    const anybody = { trust, serverName: null, dangerouslySkipHostname: true } as const;
    expect(new ClientConfig(anybody).sni).toBeNull();
    expect(new ClientConfig({ ...anybody, sni: "A.example" }).sni).toBe("a.example");
  });
});

describe("ClientConfig.with()", () => {
  test("does not see what the caller did to its arrays after the config was made", () => {
    const alpn = ["h2"];
    const config = new ClientConfig({ ...client, alpn });
    alpn.push("http/1.1");
    expect(config.settings.alpn).toEqual(["h2"]);
    expect(config.with({}).settings.alpn).toEqual(["h2"]);
  });
});

describe("a config without types", () => {
  test.each<Refusal>([
    ["clientCredential", "-----BEGIN CERTIFICATE-----", '"-----BEGIN', /credential/],
    ["shapeClientHello", "chrome", '"chrome"', /function/],
  ])("client option %s", (...refusal) => {
    expectRefused(refusal, () => new ClientConfig({ ...client, ...optionsWith(refusal) } as ClientOptions));
  });

  test.each<Refusal>([
    ["chooseSetup", {}, "Object", /function/],
    ["alpnMismatch", "warn", '"warn"', /refuse, ignore/],
    ["credentials", ["cert.pem"], '["cert.pem"]', /credential/],
  ])("server option %s", (...refusal) => {
    const { credentials } = toyServer();
    expectRefused(refusal, () => new ServerConfig({ credentials, ...optionsWith(refusal) } as ServerOptions));
  });
});
