import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { parsePem } from "../../src/der/pem.ts";
import { fromHex } from "../support/hex.ts";
import { goFlights, plainMessagesOf } from "../support/recorded.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

/** A certificate of a collection, under a name that is its own. */
export interface NamedCertificate {
  readonly name: string;
  readonly der: Uint8Array;
}

/** A case of x509-limbo, as far as decoding goes. */
export interface LimboCase {
  readonly id: string;
  readonly expected_result: "SUCCESS" | "FAILURE";
  /** In PEM, as the others. */
  readonly peer_certificate: string;
  readonly untrusted_intermediates: readonly string[];
  readonly trusted_certs: readonly string[];
}

export const limbo = sharedVectors("x509-limbo");
export const betterTls = sharedVectors("bettertls");
export const webpki = sharedVectors("rustls-webpki");
export const goTls = sharedVectors("go-crypto-tls");

export function limboCases(file: string): readonly LimboCase[] {
  return limbo.json<{ readonly testcases: readonly LimboCase[] }>(file).testcases;
}

/** All certificates of the cases, each under the first case and role that it has. */
export function limboCertificates(cases: readonly LimboCase[]): readonly NamedCertificate[] {
  const names = new Map<string, string>();
  for (const {
    id,
    peer_certificate: peer,
    untrusted_intermediates: others,
    trusted_certs: anchors,
  } of cases) {
    for (const [role, pems] of [
      ["peer", [peer]],
      ["intermediate", others],
      ["anchor", anchors],
    ] as const) {
      for (const pem of pems) if (!names.has(pem)) names.set(pem, `${id}, ${role}`);
    }
  }
  return Array.from(names, ([pem, name]) => ({ name, der: onlyBlockOf(pem) }));
}

/** A case of BetterTLS; `certificates` are indices, the leaf first. */
export interface BetterTlsCase {
  readonly certificates: readonly number[];
  readonly expected: "ACCEPT" | "REJECT";
}

export function readBetterTls(): {
  readonly certificates: readonly Uint8Array[];
  readonly cases: readonly BetterTlsCase[];
} {
  const { certs, suites } = JSON.parse(
    gunzipSync(readFileSync(join(betterTls.path, "bettertls.json.gz"))).toString(),
  ) as {
    readonly certs: readonly string[];
    readonly suites: Readonly<Record<string, { readonly testCases: readonly BetterTlsCase[] }>>;
  };
  return {
    certificates: certs.map((base64) => Uint8Array.from(Buffer.from(base64, "base64"))),
    cases: Object.values(suites).flatMap(({ testCases }) => testCases),
  };
}

/** The DER certificates among the files of webpki; the others are CRLs, keys, algorithms and messages. */
export function webpkiCertificates(): readonly NamedCertificate[] {
  return readdirSync(webpki.path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".der") && !/crls?\/|crl\.der$|spki|pubkey|signatures\/alg-/.test(name))
    .sort()
    .map((name) => ({ name, der: Uint8Array.from(readFileSync(join(webpki.path, name))) }));
}

/** Certificates in Go's tests, and in recorded handshakes of TLS 1.2, where they are not encrypted. */
export function goCertificates(): readonly NamedCertificate[] {
  const keys =
    goTls.json<Readonly<Record<string, { readonly derHex?: string; readonly pem?: string }>>>(
      "test-keys.json",
    );
  const quoted = Object.entries(keys).flatMap(([name, { derHex, pem }]) => {
    if (derHex !== undefined)
      return /Certificate(Issuer)?$/.test(name) ? [{ name, der: fromHex(derHex) }] : [];
    const blocks = parsePem(pem ?? "").filter(({ label }) => label === "CERTIFICATE");
    return blocks.map(({ bytes }) => ({ name, der: bytes }));
  });
  const recorded = goTls
    .names()
    .filter((name) => name.includes("-TLSv12-"))
    .flatMap((name) =>
      goFlights(goTls.text(name))
        .flatMap(({ bytes }) => plainMessagesOf(bytes).flatMap(certificatesOf))
        .map((der) => ({ name, der })),
    );
  return [...quoted, ...recorded];
}

/** The certificates of a Certificate message of TLS 1.2; none of another message. RFC 5246 §7.4.2. */
function certificatesOf(message: Uint8Array): readonly Uint8Array[] {
  const certificates: Uint8Array[] = [];
  if (message[0] !== 11) return certificates;
  const view = Buffer.from(message);
  for (let at = 7; at < message.length;) {
    const end = at + 3 + view.readUIntBE(at, 3);
    certificates.push(message.slice(at + 3, end));
    at = end;
  }
  return certificates;
}

function onlyBlockOf(pem: string): Uint8Array {
  const [block] = parsePem(pem);
  if (block === undefined) throw new Error("there is no PEM block");
  return block.bytes;
}
