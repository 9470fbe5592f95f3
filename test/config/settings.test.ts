import { describe, expect, test } from "vitest";

import { choose, settingsFrom, type SettingsOptions } from "../../src/config/settings.ts";
import {
  ConfigError,
  MemorySessionStore,
  nobleProvider,
  type SessionStore,
  type TlsVersion,
  zlibCompression,
} from "../../src/index.ts";
import { expectConfigError } from "./config-error.ts";

const available = [{ name: "red" }, { name: "green" }, { name: "blue" }] as const;

describe("choose", () => {
  test("gives all that there is when nothing is named", () => {
    expect(choose("colours", undefined, available)).toBe(available);
  });

  test("gives what is named, in the order in which it is named", () => {
    expect(choose("colours", ["blue", "red"], available)).toEqual([{ name: "blue" }, { name: "red" }]);
  });

  test.each([
    { names: [], value: "[]", allowed: "at least one of red, green, blue" },
    { names: ["red", "red"], value: '["red", "red"]', allowed: "each of red, green, blue once" },
    { names: ["red", "pink"], value: '"pink"', allowed: "red, green, blue" },
    { names: ["Red"], value: '"Red"', allowed: "red, green, blue" },
    { names: [""], value: '""', allowed: "red, green, blue" },
  ])("refuses $names", ({ names, value, allowed }) => {
    expectConfigError(() => choose("colours", names, available), { option: "colours", value, allowed });
  });
});

describe("settingsFrom", () => {
  test("takes everything from the provider when nothing is said", () => {
    const provider = nobleProvider();
    const settings = settingsFrom({ provider });
    expect(settings).toMatchObject({
      provider,
      versions: ["TLSv1.3", "TLSv1.2"],
      cipherSuites: provider.cipherSuites.filter(({ name }) => !name.includes("_CBC_")),
      groups: provider.groups,
      signatureVerifiers: provider.signatureVerifiers,
      alpn: [],
      random: provider.random,
      now: Date.now,
      requireExtendedMainSecret: false,
    });
    expect(settings.sessionStore).toBeInstanceOf(MemorySessionStore);
    expect(settingsFrom({ provider }).sessionStore).not.toBe(settings.sessionStore);
    expect(settings.onMessage).toBeUndefined();
    expect(settings.onKeyLog).toBeUndefined();
    expect(settings.recordPadding).toBeUndefined();
  });

  test.each([
    { option: "cipherSuites", name: "TLS_RSA_WITH_NULL_MD5", allowed: "TLS_AES_128_GCM_SHA256" },
    { option: "groups", name: "prime256v1", allowed: "secp256r1" },
    { option: "signatureSchemes", name: "rsa_pkcs1_md5", allowed: "rsa_pkcs1_sha256" },
  ])("names what $option may hold", ({ option, name, allowed }) => {
    expectConfigError(() => settingsFrom({ [option]: [name] }), {
      option,
      value: JSON.stringify(name),
      allowed,
    });
    expectConfigError(() => settingsFrom({ [option]: [] }), {
      option,
      value: "[]",
      allowed: `at least one of `,
    });
  });

  test("does not offer what its provider does not have", () => {
    const { cipherSuites } = nobleProvider();
    const provider = nobleProvider({ cipherSuites: cipherSuites.slice(0, 1) });
    expect(settingsFrom({ provider })).toMatchObject({ cipherSuites: [{}], versions: ["TLSv1.3"] });
    expectConfigError(() => settingsFrom({ provider, cipherSuites: ["TLS_AES_128_GCM_SHA256"] }), {
      option: "cipherSuites",
      value: '"TLS_AES_128_GCM_SHA256"',
      allowed: /^TLS_CHACHA20_POLY1305_SHA256$/,
    });
  });

  test("takes ALPN names of 1 to 255 characters of Latin-1, as a copy", () => {
    const alpn = ["h2", "x".repeat(255), "\u00ff\u0000"];
    const settings = settingsFrom({ alpn });
    alpn.pop();
    expect(settings.alpn).toEqual(["h2", "x".repeat(255), "\u00ff\u0000"]);
  });

  test.each([
    { alpn: [""], value: '""', allowed: "names of 1..255 Latin-1 characters" },
    { alpn: ["h2", "x".repeat(256)], value: JSON.stringify("x".repeat(256)), allowed: "names of 1..255" },
    { alpn: ["\u0100"], value: '"\u0100"', allowed: "Latin-1" },
    { alpn: ["h2", "h2"], value: '["h2", "h2"]', allowed: "each name once" },
  ])("refuses the ALPN names $alpn", ({ alpn, value, allowed }) => {
    expectConfigError(() => settingsFrom({ alpn }), { option: "alpn", value, allowed });
  });

  test.each(["onMessage", "onKeyLog", "random", "now", "recordPadding"] as const)(
    "refuses %s that is no function",
    (option) => {
      // Callers without types get here.
      const options = { [option]: 7 } as unknown as SettingsOptions;
      expectConfigError(() => settingsFrom(options), { option, value: "7", allowed: "a function" });
    },
  );
});

describe("certificateCompression", () => {
  const zlib = zlibCompression();

  test("is empty when nothing is said, and a copy of what is said", () => {
    expect(settingsFrom({}).certificateCompression).toEqual([]);
    const certificateCompression = [zlib, { ...zlib, id: 0xffff }];
    const settings = settingsFrom({ certificateCompression });
    certificateCompression.pop();
    expect(settings.certificateCompression.map(({ id }) => id)).toEqual([1, 0xffff]);
  });

  test.each<[string, unknown]>([
    ["no array", zlib],
    ["what is no compression", ["zlib"]],
    ["null", [null]],
    ["no name", [{ ...zlib, name: undefined }]],
    ["no id", [{ ...zlib, id: undefined }]],
    ["id 0", [{ ...zlib, id: 0 }]],
    ["an id above 16 bits", [{ ...zlib, id: 0x1_0000 }]],
    ["an id that is not whole", [{ ...zlib, id: 1.5 }]],
    ["no compress()", [{ ...zlib, compress: undefined }]],
    ["no decompress()", [{ ...zlib, decompress: 7 }]],
    ["one algorithm twice", [zlib, zlibCompression()]],
    ["more than an offer can hold", Array.from({ length: 128 }, (_, i) => ({ ...zlib, id: i + 1 }))],
  ])("refuses %s", (_what, value) => {
    // Callers without types get here.
    const options = { certificateCompression: value } as SettingsOptions;
    expect(() => settingsFrom(options)).toThrow(ConfigError);
    expect(() => settingsFrom(options)).toThrow(/^certificateCompression: .* at most 127 objects/);
  });

  test("takes as many as an offer can hold", () => {
    const certificateCompression = Array.from({ length: 127 }, (_, i) => ({ ...zlib, id: i + 1 }));
    expect(settingsFrom({ certificateCompression }).certificateCompression).toHaveLength(127);
  });
});

describe("versions", () => {
  const GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
  const CBC = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA";
  const OF_13 = "TLS_AES_128_GCM_SHA256";

  test.each<{ what: string; options: SettingsOptions; versions: readonly TlsVersion[] }>([
    { what: "nothing is said", options: {}, versions: ["TLSv1.3", "TLSv1.2"] },
    {
      what: "both are named",
      options: { versions: ["TLSv1.3", "TLSv1.2"] },
      versions: ["TLSv1.3", "TLSv1.2"],
    },
    {
      what: "both are named, the lower first",
      options: { versions: ["TLSv1.2", "TLSv1.3"] },
      versions: ["TLSv1.3", "TLSv1.2"],
    },
    { what: "one is named twice", options: { versions: ["TLSv1.2", "TLSv1.2"] }, versions: ["TLSv1.2"] },
    { what: "TLS 1.3 is named", options: { versions: ["TLSv1.3"] }, versions: ["TLSv1.3"] },
    { what: "TLS 1.2 is named", options: { versions: ["TLSv1.2"] }, versions: ["TLSv1.2"] },
    { what: "only suites of TLS 1.3 are named", options: { cipherSuites: [OF_13] }, versions: ["TLSv1.3"] },
    { what: "only suites of TLS 1.2 are named", options: { cipherSuites: [GCM] }, versions: ["TLSv1.2"] },
    {
      what: "suites of both are named",
      options: { cipherSuites: [GCM, OF_13] },
      versions: ["TLSv1.3", "TLSv1.2"],
    },
    { what: "no group is one of TLS 1.2", options: { groups: ["X25519MLKEM768"] }, versions: ["TLSv1.3"] },
    {
      what: "no group is one of TLS 1.2, and its suites are named",
      options: { groups: ["X25519MLKEM768"], cipherSuites: [GCM, OF_13] },
      versions: ["TLSv1.3"],
    },
  ])("are $versions when $what", ({ options, versions }) => {
    const settings = settingsFrom(options);
    expect(settings.versions).toEqual(versions);
    expect(settings.tls13Suites.length > 0).toBe(versions.includes("TLSv1.3"));
    expect(settings.tls12Suites.length > 0).toBe(versions.includes("TLSv1.2"));
    expect(new Set(settings.cipherSuites)).toEqual(
      new Set([...settings.tls13Suites, ...settings.tls12Suites]),
    );
    for (const { version } of settings.cipherSuites) expect(versions).toContain(version);
  });

  test("leave out the suites of a version that is not spoken, and keep the order of the others", () => {
    const cipherSuites = [GCM, OF_13, "TLS_CHACHA20_POLY1305_SHA256"];
    const settings = settingsFrom({ versions: ["TLSv1.3"], cipherSuites });
    expect(settings.cipherSuites.map(({ name }) => name)).toEqual(cipherSuites.slice(1));
  });

  const allowed =
    /^at least one of TLSv1\.3, TLSv1\.2, with a cipher suite and a group for each; here are such for /;
  test.each<{ what: string; options: SettingsOptions; value: string; possible: string }>([
    { what: "no version", options: { versions: [] }, value: "[]", possible: "TLSv1.3, TLSv1.2" },
    {
      what: "a version that does not exist",
      options: { versions: ["TLSv1.1"] as never },
      value: '"TLSv1.1"',
      possible: "TLSv1.3, TLSv1.2",
    },
    {
      what: "one that does not exist beside one that does",
      options: { versions: ["TLSv1.3", "SSLv3"] as never },
      value: '"SSLv3"',
      possible: "TLSv1.3, TLSv1.2",
    },
    {
      what: "TLS 1.2 without a suite",
      options: { versions: ["TLSv1.2"], cipherSuites: [OF_13] },
      value: '"TLSv1.2"',
      possible: "TLSv1.3",
    },
    {
      what: "TLS 1.3 without a suite, beside TLS 1.2",
      options: { versions: ["TLSv1.3", "TLSv1.2"], cipherSuites: [CBC] },
      value: '"TLSv1.3"',
      possible: "TLSv1.2",
    },
    {
      what: "TLS 1.2 without an elliptic curve",
      options: { versions: ["TLSv1.2"], groups: ["X25519MLKEM768"] },
      value: '"TLSv1.2"',
      possible: "TLSv1.3",
    },
    {
      what: "TLS 1.2 with neither",
      options: { versions: ["TLSv1.2"], groups: ["X25519MLKEM768"], cipherSuites: [GCM] },
      value: '"TLSv1.2"',
      possible: "none",
    },
  ])("are refused when they are $what, which says what there is", ({ options, value, possible }) => {
    expectConfigError(() => settingsFrom(options), { option: "versions", value, allowed });
    expectConfigError(() => settingsFrom(options), {
      option: "versions",
      value,
      allowed: new RegExp(`here are such for ${possible}$`),
    });
  });

  test("have to be possible when they are not named", () => {
    expectConfigError(() => settingsFrom({ groups: ["X25519MLKEM768"], cipherSuites: [GCM] }), {
      option: "cipherSuites",
      value: `["${GCM}"]`,
      allowed: "a suite of TLSv1.3, or one of TLSv1.2 together with an elliptic curve in groups",
    });
  });
});

describe("CBC suites", () => {
  const CBC = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384";

  test("are used only when they are named, alone or beside others", () => {
    for (const cipherSuites of [undefined, [CBC], ["TLS_AES_128_GCM_SHA256", CBC]]) {
      const { tls12Suites } = settingsFrom(cipherSuites === undefined ? {} : { cipherSuites });
      const names = tls12Suites.filter(({ protection }) => protection.kind === "cbc").map(({ name }) => name);
      expect(names).toEqual(cipherSuites === undefined ? [] : [CBC]);
    }
  });

  test("are not what a provider of nothing else leaves", () => {
    const provider = nobleProvider();
    const cipherSuites = provider.cipherSuites.filter(({ name }) => name.includes("_CBC_"));
    expectConfigError(() => settingsFrom({ provider: { ...provider, cipherSuites } }), {
      option: "cipherSuites",
      value: "[]",
      allowed: "a suite of TLSv1.3",
    });
    expect(settingsFrom({ provider: { ...provider, cipherSuites }, cipherSuites: [CBC] }).versions).toEqual([
      "TLSv1.2",
    ]);
  });
});

describe("sessionStore", () => {
  const store: SessionStore = { get: () => null, put: () => undefined, take: () => null };

  test("is taken as it is, or null", () => {
    expect(settingsFrom({ sessionStore: store }).sessionStore).toBe(store);
    expect(settingsFrom({ sessionStore: null }).sessionStore).toBeNull();
  });

  test.each([
    ["without get", { ...store, get: undefined }],
    ["without put", { ...store, put: undefined }],
    ["without take", { ...store, take: undefined }],
    ["with a method that is none", { ...store, get: "get" }],
    ["that is a Map", new Map()],
  ])("is refused %s", (_what, sessionStore) => {
    expectConfigError(() => settingsFrom({ sessionStore: sessionStore as never }), {
      option: "sessionStore",
      value: sessionStore instanceof Map ? "Map" : "Object",
      allowed: "null, or a store with the methods get, put and take",
    });
  });

  test("is refused when it is no object", () => {
    for (const [sessionStore, value] of [
      [true, "true"],
      ["memory", '"memory"'],
    ] as const) {
      expectConfigError(() => settingsFrom({ sessionStore: sessionStore as never }), {
        option: "sessionStore",
        value,
        allowed: "null, or a store",
      });
    }
  });
});
