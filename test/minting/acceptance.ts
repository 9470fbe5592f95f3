import { createPrivateKey, X509Certificate } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { equalBytes } from "../../src/bytes.ts";
import type { Credential } from "../../src/config/credential.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { CertificateUsage } from "../../src/minting.ts";
import { defaultPathLimits } from "../../src/x509/budget.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";
import { findPath } from "../../src/x509/path.ts";
import type { ReferenceName } from "../../src/x509/reference-name.ts";
import { TrustAnchors } from "../../src/x509/trust-anchors.ts";

/** Kinds of keys that are quick enough to make one for every test. */
export const quickKeyTypes = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048"] as const;

/** What a chain is to be accepted for. */
export interface Acceptance {
  readonly usage?: CertificateUsage;
  /** None for a client whose names are of no matter. */
  readonly reference?: ReferenceName;
  /** Default: now. */
  readonly nowSeconds?: number;
}

/** Why a certificate `chain`, whose first is the leaf, is not accepted below `root`, each with its rule; none when it is. */
export async function objections(
  chain: readonly Uint8Array[],
  root: Uint8Array,
  { usage = "server", reference, nowSeconds = Date.now() / 1000 }: Acceptance,
): Promise<readonly string[]> {
  const [leaf, ...others] = chain.map((der) => decodeCertificate(der));
  if (leaf === undefined) throw new Error("there is no leaf");
  const faults: string[] = [];
  for (const conformance of ["web-pki", "rfc5280"] as const) {
    try {
      await findPath({
        leaf,
        others,
        anchors: new TrustAnchors(root),
        verifiers: nobleSignatureVerifiers,
        limits: defaultPathLimits,
        nowSeconds,
        purpose: usage,
        reference: reference ?? null,
        conformance,
      });
    } catch (error) {
      faults.push(String(error));
    }
  }
  return faults;
}

/** Our validator, which holds them to all rules of form, and Node accept a leaf that `root` has signed itself. */
export async function expectAccepted(
  { certificateChain: [leaf = new Uint8Array()] }: Pick<Credential, "certificateChain">,
  root: Uint8Array,
  acceptance: Acceptance,
): Promise<void> {
  expect(await objections([leaf], root, acceptance)).toEqual([]);
  const theirs = new X509Certificate(leaf);
  const issuer = new X509Certificate(root);
  expect(theirs.verify(issuer.publicKey)).toBe(true);
  expect(theirs.checkIssued(issuer)).toBe(true);
}

/** The private key in `keyPem` is that of `certificate`. */
export function expectKeyOf(keyPem: string, certificate: Uint8Array): void {
  expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
}

/** The whole value of an extension, and whether it is critical; undefined when it is not there. */
export function extensionIn(
  certificate: Uint8Array,
  oid: string,
): { readonly critical: boolean; readonly value: string } | undefined {
  const found = decodeCertificate(certificate).extensions.all.find((extension) => extension.oid === oid);
  return found && { critical: found.critical, value: Buffer.from(found.value).toString("hex") };
}

/** The names of subjectAltName, in the form `dns:localhost`. */
export function namesOf({ extensions }: Certificate): readonly string[] {
  return (extensions.subjectAltName ?? []).map((name) => {
    if (name.kind === "dns") return `dns:${Buffer.from(name.name).toString("latin1")}`;
    if (name.kind === "ip") return `ip:${Array.from(name.octets).join(".")}`;
    if (name.kind === "email") return `email:${Buffer.from(name.address).toString("latin1")}`;
    return name.kind;
  });
}

/** Why tests with openssl are skipped; undefined when there is one that is new enough to be strict. */
export const missingOpenssl = run("openssl", ["version"]).output.startsWith("OpenSSL 3")
  ? undefined
  : "there is no openssl of version 3 here";

/** What a program says and how it ends. */
export interface Run {
  readonly status: number | null;
  readonly output: string;
}

/** Runs openssl in a folder of its own, with `files` in it by their names. */
export function openssl(files: Readonly<Record<string, string>>, ...args: readonly string[]): Run {
  const folder = mkdtempSync(join(tmpdir(), "tls-engine-minting-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return run("openssl", args, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `openssl verify` with its strictest rules: that of a leaf, with what is behind it in its chain, below a root; all in PEM. */
export function opensslVerify(
  chainPem: string,
  rootPem: string,
  purpose: "sslserver" | "sslclient",
  ...more: readonly string[]
): Run {
  const blocks = chainPem.match(/-----BEGIN[^]*?-----END CERTIFICATE-----\n/g) ?? [];
  const files = { leaf: blocks[0] ?? "", rest: blocks.slice(1).join(""), root: rootPem };
  const untrusted = blocks.length > 1 ? ["-untrusted", "rest"] : [];
  const strict = ["-x509_strict", "-check_ss_sig", "-purpose", purpose];
  return openssl(files, "verify", ...strict, ...more, "-CAfile", "root", ...untrusted, "leaf");
}

/** Whether `part` occurs in `bytes`. */
export function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (equalBytes(bytes.subarray(at, at + part.length), part)) return true;
  }
  return false;
}

function run(command: string, args: readonly string[], folder?: string): Run {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: "latin1",
    timeout: 20_000,
    ...(folder !== undefined && { cwd: folder }),
  });
  return { status, output: error === undefined ? stdout + stderr : String(error) };
}
