import { afterEach, describe, expect, test, vi } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { createAuthority, toPeculiar } from "../../src/minting.ts";
// Behind our own, as whoever has no polyfill must import it.
import { X509Certificate } from "@peculiar/x509";

describe("toPeculiar", () => {
  test("gives the certificate as the other library has it", async () => {
    const { certificate, certificatePem } = await createAuthority({ commonName: "Zoë" });
    const theirs = toPeculiar(certificate);
    expect(theirs).toBeInstanceOf(X509Certificate);
    expect(theirs.subject).toBe("CN=Zoë");
    expect(`${theirs.toString("pem")}\n`).toBe(certificatePem);
    const copy = certificate.slice();
    const kept = toPeculiar(copy);
    copy.fill(0);
    expect(new Uint8Array(kept.rawData)).toEqual(certificate);
  });

  test("refuses what the other library would take for a certificate", async () => {
    const { certificate } = await createAuthority({ commonName: "root" });
    const longer = Buffer.concat([certificate, Uint8Array.of(0)]);
    expect(new X509Certificate(longer).subject).toBe("CN=root");
    expect(() => toPeculiar(longer)).toThrow(ConfigError);
  });
});

describe("the polyfill that the other library asks for", () => {
  const names = ["getMetadata", "getOwnMetadata", "defineMetadata", "hasOwnMetadata", "metadata"];
  afterEach(() => {
    for (const name of names) Reflect.deleteProperty(Reflect, name);
    vi.resetModules();
  });

  test("is not there any more after the import", () => {
    expect(names.filter((name) => name in Reflect)).toEqual([]);
  });

  test("is lent, and taken back", async () => {
    vi.resetModules();
    const { takeBackMetadata } = await import("../../src/minting/reflect-metadata.ts");
    expect(names.filter((name) => !(name in Reflect))).toEqual([]);
    takeBackMetadata();
    expect(names.filter((name) => name in Reflect)).toEqual([]);
  });

  test("stays as it is when a program has its own", async () => {
    const own = () => "own";
    Object.defineProperty(Reflect, "getMetadata", { value: own, configurable: true });
    vi.resetModules();
    const { takeBackMetadata } = await import("../../src/minting/reflect-metadata.ts");
    takeBackMetadata();
    expect(names.filter((name) => name in Reflect)).toEqual(["getMetadata"]);
    expect(Reflect).toMatchObject({ getMetadata: own });
  });
});
