import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parsePem } from "../../src/der/pem.ts";
import { type Certificate, decodeCertificate } from "../../src/x509/certificate.ts";

/** Why nothing here can be made; undefined when `openssl` is there. Put it into the name of the skipped test. */
export const noOpenssl: string | undefined = opensslFault();

/** Options of `openssl genpkey` by the kind of key. */
export const KEYS = {
  "RSA 2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
  "P-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
  "P-384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  "P-521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  Ed25519: ["-algorithm", "ED25519"],
} as const;

export type Key = keyof typeof KEYS;

/** Authorities in one folder, made when they are asked for. */
export class OpensslAuthorities {
  #folder: string | undefined;
  readonly #byKey = new Map<Key, OpensslAuthority>();

  get folder(): string {
    return (this.#folder ??= mkdtempSync(join(tmpdir(), "ocsp-")));
  }

  /** The one with such a key, named after it. */
  with(key: Key): OpensslAuthority {
    const known = this.#byKey.get(key) ?? new OpensslAuthority(this.folder, `Authority with ${key}`, key);
    this.#byKey.set(key, known);
    return known;
  }

  remove(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
  }
}

/** Whoever has a certificate and its key. */
export interface Holder {
  /** Both in PEM. */
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: Certificate;
}

/** Lines of an extension file of OpenSSL, such as `extendedKeyUsage=OCSPSigning`. */
type Extensions = readonly string[];

export const OCSP_SIGNING: Extensions = ["extendedKeyUsage=OCSPSigning"];

/** What a response is to be like. */
export interface Wanted {
  /** Default: the authority itself. */
  readonly signer?: Holder;
  /** The hash of the CertID. Default: SHA-1. */
  readonly digest?: "sha1" | "sha256";
  /** More options of the responder. Without `-ndays` or `-nmin` there is no nextUpdate. Default: `-ndays 7`. */
  readonly options?: readonly string[];
}

/** An authority of `openssl`'s making, whose files lie in a folder. */
export class OpensslAuthority implements Holder {
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly certificate: Certificate;
  readonly #folder: string;
  readonly #index: string[] = [];
  readonly #responders = new Map<Key, Holder>();
  #leaf: Holder | undefined;

  /** @param name also of its files. Two authorities may have the same `subject`. */
  constructor(folder: string, name: string, key: Key, subject: string = name) {
    this.#folder = folder;
    this.keyFile = join(folder, `${name}.key`);
    this.certificateFile = join(folder, `${name}.pem`);
    openssl(["genpkey", ...KEYS[key], "-out", this.keyFile]);
    openssl(
      ["req", "-new", "-x509", "-days", "3650", "-subj", `/CN=${subject}`],
      ["-key", this.keyFile, "-out", this.certificateFile],
    );
    this.certificate = readCertificate(this.certificateFile);
  }

  /** A good certificate, always the same. */
  get leaf(): Holder {
    return (this.#leaf ??= this.issue("leaf"));
  }

  /** An appointed responder, always the same for one kind of key. */
  responder(key: Key): Holder {
    const known = this.#responders.get(key) ?? this.issue("responder", OCSP_SIGNING, { key });
    this.#responders.set(key, known);
    return known;
  }

  /** Issues a certificate; all with one kind of key have the same key. */
  issue(
    name: string,
    extensions: Extensions = [],
    { key = "P-256", days = 365, entry = "V\t491231235959Z\t" }: IssueOptions = {},
  ): Holder {
    const serial = nextSerial++;
    const certificateFile = join(this.#folder, `${serial}.pem`);
    const extensionFile = join(this.#folder, "extensions");
    const { keyFile, requestFile } = this.#keyOf(key);
    writeFileSync(extensionFile, extensions.join("\n"));
    openssl(
      ["x509", "-req", "-in", requestFile, "-subj", `/CN=${name}`],
      ["-days", String(days), "-set_serial", String(serial), "-extfile", extensionFile],
      ["-CA", this.certificateFile, "-CAkey", this.keyFile, "-out", certificateFile],
    );
    // OpenSSL does not take an index with a name that occurs twice.
    if (entry !== null)
      this.#index.push(`${entry}\t${serial.toString(16).toUpperCase()}\tunknown\t/CN=${serial}\n`);
    return { keyFile, certificateFile, certificate: readCertificate(certificateFile) };
  }

  /** A DER OCSPResponse about `holders`. */
  respond(
    holders: readonly Holder[],
    { signer = this, digest = "sha1", options = WEEK }: Wanted = {},
  ): Uint8Array {
    const index = join(this.#folder, "index.txt");
    const response = join(this.#folder, "response.der");
    writeFileSync(index, this.#index.join(""));
    openssl(
      ["ocsp", "-no_nonce", "-noverify", `-${digest}`, "-issuer", this.certificateFile],
      holders.flatMap(({ certificateFile }) => ["-cert", certificateFile]),
      ["-index", index, "-CA", this.certificateFile, "-respout", response],
      ["-rsigner", signer.certificateFile, "-rkey", signer.keyFile],
      options,
    );
    return Uint8Array.from(readFileSync(response));
  }

  /** What `openssl` reads in a response. */
  show(response: Uint8Array): string {
    const file = join(this.#folder, "shown.der");
    writeFileSync(file, response);
    return openssl(["ocsp", "-respin", file, "-resp_text", "-noverify"]);
  }

  #keyOf(key: Key) {
    const keyFile = join(this.#folder, `subject ${key}.key`);
    const requestFile = join(this.#folder, `subject ${key}.csr`);
    if (!existsSync(keyFile)) {
      openssl(["genpkey", ...KEYS[key], "-out", keyFile]);
      openssl(["req", "-new", "-subj", "/CN=subject", "-key", keyFile, "-out", requestFile]);
    }
    return { keyFile, requestFile };
  }
}

export interface IssueOptions {
  readonly key?: Key;
  readonly days?: number;
  /**
   * What the index says, `R<TAB>expiry<TAB>time,reason` for a revoked certificate; null when the authority knows nothing of it. Default: it
   * is good.
   */
  readonly entry?: string | null;
}

const WEEK = ["-ndays", "7"] as const;

/** So that no two certificates have the same, and serial numbers have an even count of digits. */
let nextSerial = 0x1001;

function openssl(...options: readonly (readonly string[])[]): string {
  return execFileSync("openssl", options.flat(), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function opensslFault(): string | undefined {
  try {
    const version = openssl(["version"]);
    return /^OpenSSL [3-9]/.test(version)
      ? undefined
      : `openssl is ${version.trim()}, needed is 3.0 or later`;
  } catch {
    return "there is no openssl command here";
  }
}

function readCertificate(file: string): Certificate {
  const [block] = parsePem(readFileSync(file, "utf8"));
  if (block === undefined) throw new Error(`${file} has no certificate`);
  return decodeCertificate(block.bytes);
}
