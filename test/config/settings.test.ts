import { describe, expect, test } from "vitest";

import { choose, settingsFrom, type SettingsOptions } from "../../src/config/settings.ts";
import { nobleProvider } from "../../src/index.ts";
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
      cipherSuites: provider.cipherSuites,
      groups: provider.groups,
      signatureVerifiers: provider.signatureVerifiers,
      alpn: [],
      random: provider.random,
      now: Date.now,
    });
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
    expect(settingsFrom({ provider }).cipherSuites).toHaveLength(1);
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
