import "../support/reflect-metadata.ts";
import { execFileSync } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { expect } from "vitest";
import {
  type AlertName,
  CertificateError,
  type CertificateFault,
  type CloseReason,
  credential,
  TlsAlert,
} from "../../src/index.ts";
import type { CertificateKind, Issued } from "./ca.ts";

/** A certificate with its key, and with what is sent behind it. */
export interface Holder extends Issued {
  readonly commonName: string;
  /** Undefined for whoever has signed for itself. */
  readonly issuer: Holder | undefined;
  readonly certificate: x509.X509Certificate;
  readonly der: Uint8Array;
  readonly pem: string;
  readonly key: KeyObject;
  /** DER, the leaf first, as it is presented. */
  readonly presented: readonly Uint8Array[];
  /** PEM file with the presented certificates but for the leaf; undefined when there are none. */
  readonly othersFile: string | undefined;
}

/** What a certificate is to be like. Everything that is not said is as it should be. */
export interface Draft {
  readonly commonName: string;
  /** Default: the certificate itself. */
  readonly issuer?: Holder;
  /** What extendedKeyUsage and keyUsage are for. */
  readonly use: "server" | "client" | "authority" | "server and authority";
  /** DNS names and IP addresses of subjectAltName. Default: none. */
  readonly names?: readonly string[];
  /** When it is valid, in days from now. Default: from yesterday, for a week. */
  readonly days?: readonly [from: number, to: number];
  /** Default: `"ecdsa-p256"`. */
  readonly kind?: "ecdsa-p256" | "rsa-2048";
  readonly extensions?: readonly x509.Extension[];
  /** Whose key signs in place of the issuer's. */
  readonly signer?: Holder;
}

/** Status of a certificate in the books of its issuer. */
export type Status = "good" | "revoked";

/** Issues whatever it is told to, into one folder for temporary files. */
export class BadAuthority {
  readonly folder: string = mkdtempSync(join(tmpdir(), "tls-engine-bad-authority-"));
  #count = 0;

  /** A certificate that is presented with those of its issuers, as far as they are no roots. */
  async certify(draft: Draft): Promise<Holder> {
    x509.cryptoProvider.set(webcrypto as unknown as WebCrypto);
    const { kind = "ecdsa-p256", issuer } = draft;
    const { publicKey, privateKey } = newKeyPair(kind);
    const spki = publicKey.export({ type: "spki", format: "der" });
    const certificate = await sign(draft, new x509.PublicKey(spki), privateKey);
    const facts = {
      kind,
      commonName: draft.commonName,
      issuer,
      certificate,
      der: new Uint8Array(certificate.rawData),
      pem: `${certificate.toString("pem")}\n`,
      key: privateKey,
      keyPem: String(privateKey.export({ type: "pkcs8", format: "pem" })),
      spkiSha256: new Uint8Array(createHash("sha256").update(spki).digest()),
    };
    return this.#write(facts, issuersOf(issuer));
  }

  /** The same holder, with other certificates behind its own. */
  presenting(holder: Holder, ...others: readonly Holder[]): Holder {
    return this.#write(holder, others);
  }

  /** A revocation list of `openssl ca` in PEM, which is valid now. */
  revocationList(issuer: Holder, ...revoked: readonly Holder[]): string {
    const folder = this.#newFolder();
    const index = writeIndex(
      folder,
      revoked.map((holder) => [holder, "revoked"]),
    );
    const file = (name: string): string => join(folder, name);
    writeFileSync(file("number"), "01\n");
    const config = [
      "[ca]\ndefault_ca = own",
      `[own]\ndatabase = ${index}\ncrlnumber = ${file("number")}`,
      "default_md = sha256\ndefault_crl_days = 7\ncrl_extensions = list",
      "[list]\nauthorityKeyIdentifier = keyid:always\n",
    ];
    writeFileSync(file("ca.cnf"), config.join("\n"));
    const identity = ["-cert", issuer.leafFile, "-keyfile", issuer.keyFile];
    openssl("ca", "-gencrl", "-config", file("ca.cnf"), ...identity, "-out", file("list.pem"));
    return readFileSync(file("list.pem"), "latin1");
  }

  /** The file with a response of `openssl ocsp` in DER about `holder`, which its issuer signs. */
  ocspResponse(holder: Holder, status: Status): string {
    const { issuer } = holder;
    if (issuer === undefined) throw new Error(`${holder.commonName} has no issuer`);
    const folder = this.#newFolder();
    const index = writeIndex(folder, [[holder, status]]);
    const response = join(folder, "response.der");
    const question = ["-issuer", issuer.leafFile, "-cert", holder.leafFile, "-index", index];
    const signer = ["-CA", issuer.leafFile, "-rsigner", issuer.leafFile, "-rkey", issuer.keyFile];
    openssl("ocsp", "-no_nonce", "-noverify", "-ndays", "7", ...question, ...signer, "-respout", response);
    return response;
  }

  /** Removes the files. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(facts: Facts, others: readonly Holder[]): Holder {
    const folder = this.#newFolder();
    const file = (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    };
    const othersPem = others.map(({ pem }) => pem).join("");
    const chainPem = facts.pem + othersPem;
    return {
      ...facts,
      chainPem,
      presented: [facts.der, ...others.map(({ der }) => der)],
      leafFile: file("leaf.pem", facts.pem),
      chainFile: file("chain.pem", chainPem),
      othersFile: others.length === 0 ? undefined : file("others.pem", othersPem),
      keyFile: file("key.pem", facts.keyPem),
      credential: credential({ certificateChain: chainPem, key: facts.keyPem }),
    };
  }

  #newFolder(): string {
    const folder = join(this.folder, String(this.#count++));
    mkdirSync(folder);
    return folder;
  }
}

/** Certificates of servers, good ones and those that no client may take. They are for `localhost` and `127.0.0.1` where nothing else is said. */
export async function makeServerCertificates(bad: BadAuthority) {
  const names = ["localhost", "127.0.0.1"];
  const root = await bad.certify({ commonName: "interop root", use: "authority" });
  const middle = await bad.certify({ commonName: "interop authority", use: "authority", issuer: root });
  const lower = await bad.certify({ commonName: "lower authority", use: "authority", issuer: middle });
  const strangeRoot = await bad.certify({ commonName: "strange root", use: "authority" });
  const strange = await bad.certify({
    commonName: "strange authority",
    use: "authority",
    issuer: strangeRoot,
  });
  const below = { use: "authority", issuer: root } as const;
  const outdated = await bad.certify({ ...below, commonName: "outdated authority", days: [-9, -2] });
  const constrained = await bad.certify({
    ...below,
    commonName: "constrained authority",
    extensions: [permittedDnsNames("allowed.test")],
  });
  const server = { use: "server", names, issuer: middle } as const;
  const good = await bad.certify({ ...server, commonName: "good" });
  return {
    root,
    middle,
    lower,
    strangeRoot,
    strange,
    outdated,
    constrained,
    good,
    deep: await bad.certify({ ...server, commonName: "deep", issuer: lower }),
    wild: await bad.certify({ ...server, commonName: "wild", names: ["*.wild.test"] }),
    sixth: await bad.certify({ ...server, commonName: "sixth", names: ["::1"] }),
    allowed: await bad.certify({
      ...server,
      commonName: "allowed",
      names: ["www.allowed.test"],
      issuer: constrained,
    }),
    expired: await bad.certify({ ...server, commonName: "expired", days: [-9, -2] }),
    early: await bad.certify({ ...server, commonName: "early", days: [2, 9] }),
    selfSigned: await bad.certify({ commonName: "self-signed", use: "server", names }),
    unknown: await bad.certify({ ...server, commonName: "of strangers", issuer: strange }),
    forged: await bad.certify({ ...server, commonName: "forged", signer: strange }),
    ofClient: await bad.certify({ ...server, commonName: "of a client", use: "client" }),
    forbidden: await bad.certify({ ...server, commonName: "forbidden", issuer: constrained }),
    authorityLeaf: await bad.certify({ ...server, commonName: "both", use: "server and authority" }),
    belowLeaf: await bad.certify({ ...server, commonName: "below a leaf", issuer: good }),
    belowOutdated: await bad.certify({ ...server, commonName: "below outdated", issuer: outdated }),
    stapled: await bad.certify({ ...server, commonName: "must staple", extensions: [mustStaple()] }),
  };
}

/** How one of our sides must have refused a certificate. */
export interface Refused {
  readonly peer: "server" | "client";
  readonly alert: AlertName;
  readonly fault: CertificateFault;
  /** Whose fault it is. */
  readonly culprit: Holder;
  /** What the error's message ends with. */
  readonly fact: string | RegExp;
  /** What was presented. */
  readonly chain: readonly Uint8Array[];
}

/** Checks that we have sent the alert, with an error that tells what is wrong with which certificate, and shows what was presented. */
export function expectRefusal(how: CloseReason, { peer, alert, fault, culprit, fact, chain }: Refused): void {
  expect(how).toMatchObject({ kind: "error", alertSent: alert });
  const error = how.kind === "error" ? how.error : undefined;
  expect(error).toBeInstanceOf(TlsAlert);
  const cause = error?.cause;
  if (!(cause instanceof CertificateError)) throw new Error(`the cause is ${String(cause)}`);
  const subject = `CN=${culprit.commonName}`;
  expect(cause).toMatchObject({ fault, alert, subject, chain });
  const start = `${fault}: ${subject}, `;
  expect(cause.message.slice(0, start.length)).toBe(start);
  const end = cause.message.slice(start.length);
  expect(end).toEqual(typeof fact === "string" ? fact : expect.stringMatching(fact));
  expect(error?.message).toBe(`${alert}: the ${peer}'s certificate was rejected: ${cause.message}`);
}

/** Critical nameConstraints that permit these DNS names, and what is below them. RFC 5280 §4.2.1.10. */
function permittedDnsNames(...names: readonly string[]): x509.Extension {
  const subtrees = names.map((name) => tagged(0x30, tagged(0x82, Buffer.from(name, "latin1"))));
  return new x509.Extension("2.5.29.30", true, new Uint8Array(tagged(0x30, tagged(0xa0, ...subtrees))));
}

/** TLS feature status_request, "must-staple". RFC 7633 §4.2.3. */
function mustStaple(): x509.Extension {
  return new x509.Extension("1.3.6.1.5.5.7.1.24", false, Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05));
}

/** A time of a certificate as messages have it. */
export function timeText(time: Date): string {
  return time.toISOString().replace(".000Z", "Z");
}

/** What of a {@link Holder} stays the same whatever is presented behind it. */
type Facts = Pick<
  Holder,
  "kind" | "commonName" | "issuer" | "certificate" | "der" | "pem" | "key" | "keyPem" | "spkiSha256"
>;

// The type libraries of Node and of @peculiar/x509 describe the same WebCrypto objects under different names.
type WebCrypto = NonNullable<Parameters<typeof x509.cryptoProvider.set>[1]>;
type SigningKey = Extract<x509.X509CertificateCreateParams, { readonly signingKey: unknown }>["signingKey"];

const DAY_MS = 86_400_000;
const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

async function sign(
  draft: Draft,
  publicKey: x509.PublicKey,
  ownKey: KeyObject,
): Promise<x509.X509Certificate> {
  const { commonName, issuer, days: [from, to] = [-1, 7] } = draft;
  const signer = (draft.signer ?? issuer)?.key ?? ownKey;
  const algorithm = signer.asymmetricKeyType === "rsa" ? RSA : ECDSA;
  const pkcs8 = signer.export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  return await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString("hex")}`,
    subject: `CN=${commonName}`,
    issuer: issuer?.certificate.subject ?? `CN=${commonName}`,
    notBefore: new Date(nowMs + from * DAY_MS),
    notAfter: new Date(nowMs + to * DAY_MS),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: signingKey as unknown as SigningKey,
    extensions: [
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...(issuer === undefined
        ? []
        : [await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey)]),
      ...extensionsOf(draft),
    ],
  });
}

function extensionsOf({ use, names = [], extensions = [] }: Draft): readonly x509.Extension[] {
  const isAuthority = use === "authority" || use === "server and authority";
  const isPeer = use !== "authority";
  const usage =
    (isPeer ? x509.KeyUsageFlags.digitalSignature : 0) |
    (isAuthority ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : 0);
  const purpose = use === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth;
  const alternative = names.map(
    (value) => ({ type: /^[0-9.]+$|:/.test(value) ? "ip" : "dns", value }) as const,
  );
  return [
    new x509.BasicConstraintsExtension(isAuthority, undefined, true),
    new x509.KeyUsagesExtension(usage, true),
    ...(isPeer ? [new x509.ExtendedKeyUsageExtension([purpose])] : []),
    ...(alternative.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternative)] : []),
    ...extensions,
  ];
}

function newKeyPair(kind: CertificateKind): {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
} {
  return kind === "rsa-2048"
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** From the given one up, without roots. */
function issuersOf(issuer: Holder | undefined): readonly Holder[] {
  return issuer?.issuer === undefined ? [] : [issuer, ...issuersOf(issuer.issuer)];
}

/** The books of an issuer, as OpenSSL keeps them. */
function writeIndex(folder: string, entries: readonly (readonly [Holder, Status])[]): string {
  const lines = entries.map(([{ certificate, commonName }, status]) => {
    const serial = certificate.serialNumber.toUpperCase();
    const state = status === "good" ? "V\t491231235959Z\t" : "R\t491231235959Z\t260101000000Z,keyCompromise";
    return `${state}\t${serial}\tunknown\t/CN=${commonName}\n`;
  });
  const file = join(folder, "index.txt");
  writeFileSync(file, lines.join(""));
  return file;
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"], timeout: 20_000 });
}

/** A DER element of fewer than 128 bytes. */
function tagged(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(contents);
  if (bytes.length > 127) throw new Error(`${bytes.length} bytes need a longer length`);
  return Buffer.concat([Uint8Array.of(tag, bytes.length), bytes]);
}
