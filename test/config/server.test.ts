import { describe, expect, test } from "vitest";

import { TicketKeys } from "../../src/config/ticket-keys.ts";
import {
  type Aead,
  type ClientAuth,
  type ClientTrust,
  nobleProvider,
  ServerConfig,
  type TlsCipherSuite,
} from "../../src/index.ts";
import { testCredential } from "../pitfalls/leaf-certificate.ts";
import { expectConfigError } from "./config-error.ts";

const own = testCredential();
const trust: ClientTrust = { verify: () => ({ trust: "verified" }) };

/** Options that types would not let through. */
function untyped(clientAuth: unknown): ClientAuth {
  return clientAuth as ClientAuth;
}

describe("ServerConfig", () => {
  test("has defaults for all but its credentials", () => {
    expect(new ServerConfig({ credentials: [own] })).toMatchObject({
      role: "server",
      credentials: [own],
      clientAuth: { mode: "none" },
      alpnMismatch: "refuse",
      helloRetryCookie: false,
    });
  });

  test("cannot be changed, and is not changed with its options", () => {
    const credentials = [own];
    const config = new ServerConfig({ credentials });
    credentials.pop();
    expect(Object.isFrozen(config)).toBe(true);
    expect(config.credentials).toEqual([own]);
  });

  test("gives a copy with some options replaced", () => {
    const config = new ServerConfig({ credentials: [own], alpn: ["h2"] });
    expect(config.with({ helloRetryCookie: true })).toMatchObject({
      helloRetryCookie: true,
      settings: { alpn: ["h2"] },
    });
    expect(config.helloRetryCookie).toBe(false);
  });

  test("needs credentials, or a hook that gives some", () => {
    const refusal = {
      option: "credentials",
      value: "[]",
      allowed: "at least one credential, or a chooseSetup",
    };
    expectConfigError(() => new ServerConfig({}), refusal);
    expectConfigError(() => new ServerConfig({ credentials: [] }), refusal);
    expect(new ServerConfig({ chooseSetup: () => ({ credentials: [own] }) }).credentials).toEqual([]);
  });

  test("takes no credential without a certificate", () => {
    expectConfigError(() => new ServerConfig({ credentials: [own, { ...own, certificateChain: [] }] }), {
      option: "credentials",
      value: '"an empty chain"',
      allowed: "at least one certificate each",
    });
  });

  test.each<{ what: string; clientAuth: ClientAuth }>([
    { what: "none", clientAuth: { mode: "none" } },
    { what: "request with a policy", clientAuth: { mode: "request", trust } },
    { what: "require with a policy", clientAuth: { mode: "require", trust } },
    { what: "any certificate", clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } },
    {
      what: "authorities",
      clientAuth: { mode: "request", trust, authorities: [Uint8Array.of(0x30, 0), new Uint8Array(65_529)] },
    },
    { what: "no authorities", clientAuth: { mode: "request", trust, authorities: [] } },
  ])("takes client authentication with $what", ({ clientAuth }) => {
    expect(new ServerConfig({ credentials: [own], clientAuth }).clientAuth).toBe(clientAuth);
  });

  test.each([
    {
      what: "an unknown mode",
      clientAuth: { mode: "optional", trust },
      option: "clientAuth.mode",
      value: '"optional"',
      allowed: "none, request, require",
    },
    {
      what: "no mode",
      clientAuth: { trust },
      option: "clientAuth.mode",
      value: "undefined",
      allowed: "none, request, require",
    },
    {
      what: "no policy",
      clientAuth: { mode: "require" },
      option: "clientAuth",
      value: '"require"',
      allowed: "either a trust policy with a verify() method, or dangerouslyAcceptAnyCertificate: true",
    },
    {
      what: "a policy that verifies nothing",
      clientAuth: { mode: "request", trust: {} },
      option: "clientAuth",
      value: '"request"',
      allowed: "either a trust policy",
    },
    {
      what: "a policy and any certificate",
      clientAuth: { mode: "require", trust, dangerouslyAcceptAnyCertificate: true },
      option: "clientAuth",
      value: '"require"',
      allowed: "either a trust policy",
    },
    {
      what: "any certificate by half a word",
      clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: 1 },
      option: "clientAuth",
      value: '"require"',
      allowed: "dangerouslyAcceptAnyCertificate: true",
    },
    {
      what: "an empty authority",
      clientAuth: { mode: "request", trust, authorities: [new Uint8Array()] },
      option: "clientAuth.authorities",
      value: "[Uint8Array(0)]",
      allowed: "names of 1 byte and more",
    },
    {
      what: "authorities that do not fit",
      clientAuth: { mode: "request", trust, authorities: [new Uint8Array(4), new Uint8Array(65_528)] },
      option: "clientAuth.authorities",
      value: "[Uint8Array(4), Uint8Array(65528)]",
      allowed: "of 65535 bytes together with 2 for each",
    },
  ])("refuses client authentication with $what", ({ clientAuth, option, value, allowed }) => {
    const options = { credentials: [own], clientAuth: untyped(clientAuth) };
    expectConfigError(() => new ServerConfig(options), { option, value, allowed });
  });

  test("gives tickets with keys of its own, unless it is told not to", () => {
    const config = new ServerConfig({ credentials: [own] });
    expect(config.ticketKeys).toBeInstanceOf(TicketKeys);
    expect(config.with({}).ticketKeys).not.toBe(config.ticketKeys);
    expect(new ServerConfig({ credentials: [own] }).ticketKeys).not.toBe(config.ticketKeys);
    expect(config.with({ sessionTickets: false }).ticketKeys).toBeNull();
    expect(config.with({ sessionStore: null }).ticketKeys).toBeInstanceOf(TicketKeys);
  });

  test("shares the ticket keys that it is given, and takes nothing else for them", () => {
    const sessionTickets = new TicketKeys({ provider: nobleProvider() });
    const config = new ServerConfig({ credentials: [own], sessionTickets });
    for (const { ticketKeys } of [config, config.with({}), config.with({ sessionStore: null })])
      expect(ticketKeys).toBe(sessionTickets);
    for (const [wrong, value] of [
      ["keys", '"keys"'],
      [1, "1"],
      [{}, "Object"],
    ] as const) {
      const options = { credentials: [own], sessionTickets: wrong as never };
      expectConfigError(() => new ServerConfig(options), {
        option: "sessionTickets",
        value,
        allowed: "true, false, stored, or TicketKeys",
      });
    }
  });

  test("seals tickets with the strongest AEAD of its provider, whatever suites are named, and gives none without one", () => {
    const provider = nobleProvider();
    const lengthsOf = (
      cipherSuites: readonly TlsCipherSuite[],
      named: readonly string[],
    ): readonly number[] => {
      const lengths: number[] = [];
      const watched = cipherSuites.map((suite) => {
        const watch = (aead: Aead): Aead => ({
          ...aead,
          sealer: (key) => (lengths.push(key.length), aead.sealer(key)),
        });
        if (suite.version === "TLSv1.3") return { ...suite, aead: watch(suite.aead) };
        const { protection } = suite;
        if (protection.kind === "cbc") return suite;
        return { ...suite, protection: { ...protection, aead: watch(protection.aead) } };
      });
      const { ticketKeys } = new ServerConfig({
        credentials: [own],
        provider: { ...provider, cipherSuites: watched },
        cipherSuites: named,
      });
      ticketKeys?.seal(Uint8Array.of(1), provider.random, 0);
      return lengths;
    };
    const aes128 = provider.cipherSuites.filter(({ name }) => name.endsWith("_AES_128_GCM_SHA256"));
    const cbc = provider.cipherSuites.filter(({ name }) => name.includes("_CBC_"));
    expect(aes128).toHaveLength(3);
    expect(lengthsOf(provider.cipherSuites, ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"])).toEqual([32]);
    expect(lengthsOf([...aes128, ...provider.cipherSuites], ["TLS_AES_128_GCM_SHA256"])).toEqual([32]);
    expect(lengthsOf([...cbc, ...aes128], ["TLS_AES_128_GCM_SHA256"])).toEqual([16]);
    expect(lengthsOf(cbc, ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"])).toEqual([]);
  });

  test.each([63, 16_386, 1.5])("refuses a recordSizeLimit of %d", (recordSizeLimit) => {
    expectConfigError(() => new ServerConfig({ credentials: [own], recordSizeLimit }), {
      option: "recordSizeLimit",
      value: String(recordSizeLimit),
      allowed: "whole numbers in 64..16385",
    });
  });
});
