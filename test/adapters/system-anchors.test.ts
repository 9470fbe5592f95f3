import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { ConfigError, decodeCertificate, TrustAnchors, webPki } from "../../src/index.ts";
import { systemAnchors } from "../../src/node.ts";
import { authority, presented, root, server, stranger } from "../config/peers.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "anchors-"));
  vi.stubEnv("NODE_EXTRA_CA_CERTS", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** Lets NODE_EXTRA_CA_CERTS name a file with `content`. */
function giveExtra(content: string): void {
  const path = join(folder, "extra.pem");
  writeFileSync(path, content);
  vi.stubEnv("NODE_EXTRA_CA_CERTS", path);
}

function pem(der: Uint8Array, label = "CERTIFICATE"): string {
  const base64 = Buffer.from(der).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`;
}

test("there are a hundred authorities at least, and strangers are not among them", () => {
  const anchors = systemAnchors();
  expect(anchors).toBeInstanceOf(TrustAnchors);
  expect(anchors.size).toBeGreaterThanOrEqual(100);
  expect(webPki(anchors).verify(presented([server, authority]))).toMatchObject({ alert: "unknown_ca" });
});

test("all but a few of those that Node comes with can be read", () => {
  const unreadable = rootCertificates.filter((text) => {
    try {
      return new TrustAnchors(text).size === 0;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return true;
    }
  });
  expect(unreadable.length).toBeLessThan(rootCertificates.length / 20);
});

test("the authorities of NODE_EXTRA_CA_CERTS are trusted too, beside whatever else is in the file", () => {
  const before = systemAnchors().size;
  giveExtra(
    `A comment\n${pem(root.der)}${pem(Uint8Array.of(1, 2, 3))}${pem(stranger.der)}${pem(Uint8Array.of(1), "X509 CRL")}`,
  );
  const anchors = systemAnchors();
  expect(anchors.size).toBe(before + 2);
  expect(anchors.named(stranger.certificate.subject).map(({ der }) => der)).toEqual([stranger.der]);
  const verdict = webPki(anchors).verify(presented([server, authority]));
  expect(verdict).toEqual({ trust: "verified", path: [server, authority, root].map(({ der }) => der) });
});

test("the file is read anew at each call", () => {
  giveExtra(pem(stranger.der));
  const { subject } = decodeCertificate(root.der);
  expect(systemAnchors().named(subject).length).toBe(0);
  giveExtra(pem(root.der));
  expect(systemAnchors().named(subject).length).toBe(1);
});

test("an empty NODE_EXTRA_CA_CERTS names no file", () => {
  const { size } = systemAnchors();
  vi.stubEnv("NODE_EXTRA_CA_CERTS", "");
  expect(systemAnchors().size).toBe(size);
});

test("a file that cannot be read is refused, with its name and the cause", () => {
  for (const [path, code] of [
    [join(folder, "missing.pem"), "ENOENT"],
    [folder, "EISDIR"],
  ] as const) {
    vi.stubEnv("NODE_EXTRA_CA_CERTS", path);
    let thrown: unknown;
    try {
      systemAnchors();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    expect(thrown).toMatchObject({ option: "NODE_EXTRA_CA_CERTS", cause: { code } });
    expect(String(thrown)).toContain(path);
  }
});
