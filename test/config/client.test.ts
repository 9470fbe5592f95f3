import { describe, expect, test } from "vitest";

import { ClientConfig, type ClientOptions, MemorySessionStore, type ServerTrust } from "../../src/index.ts";
import { testCredential } from "../pitfalls/leaf-certificate.ts";
import { expectConfigError } from "./config-error.ts";

const trust: ServerTrust = { verify: () => ({ trust: "verified" }) };
const groupNames = ({ keyShares }: ClientConfig): readonly string[] => keyShares.map(({ name }) => name);

/** Options that types would not let through. */
function untyped(options: unknown): ClientOptions {
  return options as ClientOptions;
}

describe("ClientConfig", () => {
  test("has defaults for all but identity and trust", () => {
    expect(new ClientConfig({ serverName: "server.example", trust })).toMatchObject({
      role: "client",
      serverName: "server.example",
      sni: "server.example",
      trust,
      middleboxCompatibility: true,
      requestOcspResponse: true,
      requestSignedCertificateTimestamps: true,
      dangerouslyAllowServerWithoutRenegotiationInfo: false,
    });
  });

  test("takes true or false for a server without renegotiation_info, and nothing that passes for one", () => {
    const options = {
      serverName: "server.example",
      trust,
      dangerouslyAllowServerWithoutRenegotiationInfo: "no",
    };
    expectConfigError(() => new ClientConfig(untyped(options)), {
      option: "dangerouslyAllowServerWithoutRenegotiationInfo",
      value: '"no"',
      allowed: "true, false",
    });
  });

  test("keeps its sessions in a store of its own, which a copy shares only when it was named", () => {
    const base = { serverName: "server.example", trust } as const;
    const config = new ClientConfig(base);
    expect(config.settings.sessionStore).toBeInstanceOf(MemorySessionStore);
    expect(config.with({ alpn: ["h2"] }).settings.sessionStore).not.toBe(config.settings.sessionStore);
    const sessionStore = new MemorySessionStore();
    const named = new ClientConfig({ ...base, sessionStore });
    expect(named.with({ alpn: ["h2"] }).settings.sessionStore).toBe(sessionStore);
    expect(named.with({ sessionStore: null }).settings.sessionStore).toBeNull();
  });

  test("cannot be changed, and is not changed with its options", () => {
    const options = { serverName: "server.example", trust, alpn: ["h2"] };
    const config = new ClientConfig(options);
    options.alpn.push("h3");
    options.serverName = "other.example";
    expect(Object.isFrozen(config)).toBe(true);
    expect(config.settings.alpn).toEqual(["h2"]);
    expect(config.serverName).toBe("server.example");
  });

  test("gives a copy with some options replaced", () => {
    const config = new ClientConfig({ serverName: "server.example", trust, alpn: ["h2"] });
    const copy = config.with({ serverName: "other.example" });
    expect(copy).not.toBe(config);
    expect(copy).toMatchObject({ serverName: "other.example", settings: { alpn: ["h2"] } });
    expect(config.serverName).toBe("server.example");
    expectConfigError(() => config.with({ alpn: [""] }), {
      option: "alpn",
      value: '""',
      allowed: "names of 1..255",
    });
  });

  test.each([
    {
      what: "a DNS name",
      identity: { serverName: "Server.Example." },
      serverName: "server.example",
      sni: "server.example",
    },
    { what: "an IPv4 address", identity: { serverName: "192.0.2.1" }, serverName: "192.0.2.1", sni: null },
    {
      what: "an IPv6 address",
      identity: { serverName: "2001:DB8::1" },
      serverName: "2001:db8::1",
      sni: null,
    },
    {
      what: "no name",
      identity: { serverName: null, dangerouslySkipHostname: true },
      serverName: null,
      sni: null,
    },
    {
      what: "no name, and one to send",
      identity: { serverName: null, dangerouslySkipHostname: true, sni: "A.example" },
      serverName: null,
      sni: "a.example",
    },
  ])("takes $what", ({ identity, serverName, sni }) => {
    expect(new ClientConfig(untyped({ ...identity, trust }))).toMatchObject({ serverName, sni });
  });

  test.each([
    {
      what: "a name that is none",
      options: { serverName: "-", trust },
      option: "serverName",
      value: '"-"',
      allowed: "a DNS name in ASCII (A-labels), or an IP address",
    },
    {
      what: "an empty name",
      options: { serverName: "", trust },
      option: "serverName",
      value: '""',
      allowed: "a DNS name in ASCII",
    },
    {
      what: "no name at all",
      options: { trust },
      option: "serverName",
      value: "undefined",
      allowed: "or null together with dangerouslySkipHostname: true",
    },
    {
      what: "null without saying that it is meant",
      options: { serverName: null, trust },
      option: "serverName",
      value: "null",
      allowed: "or null together with dangerouslySkipHostname: true",
    },
    {
      what: "null with half a word",
      options: { serverName: null, dangerouslySkipHostname: 1, trust },
      option: "serverName",
      value: "null",
      allowed: "dangerouslySkipHostname: true",
    },
    {
      what: "a name that is to be skipped",
      options: { serverName: "server.example", dangerouslySkipHostname: true, trust },
      option: "dangerouslySkipHostname",
      value: "true",
      allowed: "only with serverName: null",
    },
    {
      what: "an IP address to send",
      options: { serverName: null, dangerouslySkipHostname: true, sni: "192.0.2.1", trust },
      option: "sni",
      value: '"192.0.2.1"',
      allowed: "a DNS name",
    },
    {
      what: "a name to send that is none",
      options: { serverName: null, dangerouslySkipHostname: true, sni: "b\u00fccher.example", trust },
      option: "sni",
      value: '"b\u00fccher.example"',
      allowed: "a DNS name in ASCII",
    },
    {
      what: "no policy",
      options: { serverName: "server.example" },
      option: "trust",
      value: "undefined",
      allowed: "a policy with a verify() method",
    },
    {
      what: "a policy that verifies nothing",
      options: { serverName: "server.example", trust: {} },
      option: "trust",
      value: "Object",
      allowed: "a policy with a verify() method",
    },
    {
      what: "any certificate by half a word",
      options: { serverName: "server.example", dangerouslyAcceptAnyCertificate: "yes" },
      option: "trust",
      value: "undefined",
      allowed: "a policy with a verify() method",
    },
    {
      what: "a policy and any certificate",
      options: { serverName: "server.example", trust, dangerouslyAcceptAnyCertificate: true },
      option: "trust",
      value: '"a policy"',
      allowed: "not together with dangerouslyAcceptAnyCertificate",
    },
  ])("refuses $what", ({ options, ...refusal }) => {
    expectConfigError(() => new ClientConfig(untyped(options)), refusal);
  });

  test("accepts any certificate when that is said", () => {
    const config = new ClientConfig({ serverName: "server.example", dangerouslyAcceptAnyCertificate: true });
    expect(config.trust).toBeNull();
  });

  test("takes a credential, or a function that gives one, and none without a certificate", () => {
    const base = { serverName: "server.example", trust };
    const own = testCredential();
    const choose = (): null => null;
    expect(new ClientConfig({ ...base, clientCredential: own }).clientCredential).toEqual([own]);
    expect(new ClientConfig({ ...base, clientCredential: [own] }).clientCredential).toEqual([own]);
    expect(new ClientConfig(base).clientCredential).toEqual([]);
    expect(new ClientConfig({ ...base, clientCredential: choose }).clientCredential).toBe(choose);
    expectConfigError(
      () => new ClientConfig({ ...base, clientCredential: { ...own, certificateChain: [] } }),
      {
        option: "clientCredential",
        value: '"an empty chain"',
        allowed: "at least one certificate each",
      },
    );
  });

  test("has shares for the first two groups, unless others are named", () => {
    const base = { serverName: "server.example", trust };
    expect(groupNames(new ClientConfig(base))).toEqual(["X25519MLKEM768", "x25519"]);
    expect(groupNames(new ClientConfig({ ...base, groups: ["secp384r1"] }))).toEqual(["secp384r1"]);
    expect(groupNames(new ClientConfig({ ...base, keyShares: ["secp256r1"] }))).toEqual(["secp256r1"]);
  });

  test("has its shares in the order of its groups, as RFC 8446 §4.2.8 wants it", () => {
    const config = new ClientConfig({
      serverName: "server.example",
      trust,
      groups: ["x25519", "secp256r1", "secp384r1"],
      keyShares: ["secp384r1", "x25519"],
    });
    expect(groupNames(config)).toEqual(["x25519", "secp384r1"]);
  });

  test.each([
    { keyShares: ["secp256r1"], value: '"secp256r1"', allowed: /^x25519$/ },
    { keyShares: ["x25519", "x25519"], value: '["x25519", "x25519"]', allowed: "each of x25519 once" },
    { keyShares: [], value: "[]", allowed: "at least one of x25519" },
  ])("refuses the key shares $keyShares for the group x25519", ({ keyShares, value, allowed }) => {
    const options: ClientOptions = { serverName: "server.example", trust, groups: ["x25519"], keyShares };
    expectConfigError(() => new ClientConfig(options), { option: "keyShares", value, allowed });
  });

  test.each([64, 16_385])("takes a recordSizeLimit of %d", (recordSizeLimit) => {
    expect(new ClientConfig({ serverName: "a", trust, recordSizeLimit }).recordSizeLimit).toBe(
      recordSizeLimit,
    );
  });

  test.each([63, 16_386, 64.5, NaN, 0])("refuses a recordSizeLimit of %d", (recordSizeLimit) => {
    expectConfigError(() => new ClientConfig({ serverName: "a", trust, recordSizeLimit }), {
      option: "recordSizeLimit",
      value: String(recordSizeLimit),
      allowed: "whole numbers in 64..16385",
    });
  });
});
