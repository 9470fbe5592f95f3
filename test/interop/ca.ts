import "../support/reflect-metadata.ts";
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  webcrypto,
} from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";
import { type Credential, credential } from "../../src/index.ts";

/** Keys that interop certificates come with. */
export const certificateKinds = [
  "ecdsa-p256",
  "rsa-2048",
  "ed25519",
  "ecdsa-p384",
  "ecdsa-p521",
  "rsa-pss-2048",
] as const;
export type CertificateKind = (typeof certificateKinds)[number];

/** A certificate that the authority has issued, in memory for us and in files for peers. */
export interface Issued {
  readonly kind: CertificateKind;
  /** PEM files: the leaf alone, the leaf with the intermediate behind it, and the PKCS #8 key. */
  readonly leafFile: string;
  readonly chainFile: string;
  readonly keyFile: string;
  readonly chainPem: string;
  readonly keyPem: string;
  /** SHA-256 of the SubjectPublicKeyInfo, for `pinned()`. */
  readonly spkiSha256: Uint8Array;
  readonly credential: Credential;
}

/** A root, an intermediate below it, and what the intermediate has issued. */
export interface Authority {
  readonly folder: string;
  /** PEM file with the root, which peers trust. */
  readonly rootFile: string;
  readonly rootPem: string;
  readonly intermediateFile: string;
  /** Distinguished name of the intermediate in DER. */
  readonly issuerName: Uint8Array;
  /** For `localhost` and `127.0.0.1`. */
  server(kind: CertificateKind): Issued;
  /** For `second.test`. */
  readonly second: Issued;
  client(kind: CertificateKind): Issued;
  /** Removes the files. */
  remove(): void;
}

const DAY_MS = 86_400_000;

/** Makes the authority of one test file, and writes its files to a new folder for temporary files. */
export async function makeAuthority(
  kinds: readonly CertificateKind[] = certificateKinds,
): Promise<Authority> {
  x509.cryptoProvider.set(webcrypto as unknown as WebCrypto);
  const folder = mkdtempSync(join(tmpdir(), "tls-engine-interop-"));
  const root = await certify("tls-engine interop root", keyPair("ecdsa-p256"), undefined, [isAuthority()]);
  const intermediate = await certify("tls-engine interop", keyPair("ecdsa-p256"), root, [isAuthority()]);
  const rootFile = join(folder, "root.pem");
  const intermediateFile = join(folder, "intermediate.pem");
  writeFileSync(rootFile, root.pem);
  writeFileSync(intermediateFile, intermediate.pem);
  const issue = async (
    name: string,
    kind: CertificateKind,
    extensions: x509.Extension[],
  ): Promise<Issued> => {
    const leaf = await certify(name, keyPair(kind), intermediate, extensions);
    return writeIssued(join(folder, name), kind, leaf, intermediate);
  };
  const servers = new Map<CertificateKind, Issued>();
  const clients = new Map<CertificateKind, Issued>();
  for (const kind of kinds) {
    servers.set(kind, await issue(`server-${kind}`, kind, serverExtensions("localhost", "127.0.0.1")));
    clients.set(kind, await issue(`client-${kind}`, kind, clientExtensions()));
  }
  return {
    folder,
    rootFile,
    rootPem: root.pem,
    intermediateFile,
    issuerName: new Uint8Array(intermediate.certificate.subjectName.toArrayBuffer()),
    server: (kind) => known(servers, kind),
    second: await issue("second", "ecdsa-p256", serverExtensions("second.test")),
    client: (kind) => known(clients, kind),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// The type libraries of Node and of @peculiar/x509 describe the same WebCrypto objects under different names.
type WebCrypto = NonNullable<Parameters<typeof x509.cryptoProvider.set>[1]>;
type SigningKey = Extract<x509.X509CertificateCreateParams, { readonly signingKey: unknown }>["signingKey"];

function known(issued: ReadonlyMap<CertificateKind, Issued>, kind: CertificateKind): Issued {
  const found = issued.get(kind);
  if (found === undefined) throw new Error(`no certificate of kind ${kind}`);
  return found;
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Certified {
  readonly certificate: x509.X509Certificate;
  readonly pem: string;
  readonly key: KeyObject;
}

/** A certificate that `issuer` signs, or its own key when there is none. Issuers have P-256 keys. */
async function certify(
  commonName: string,
  { publicKey, privateKey }: KeyPair,
  issuer: Certified | undefined,
  extensions: x509.Extension[],
): Promise<Certified> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const issuerKey = (issuer?.key ?? privateKey).export({ type: "pkcs8", format: "der" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", issuerKey, algorithm, false, ["sign"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString("hex")}`,
    subject: `CN=${commonName}`,
    issuer: issuer?.certificate.subject ?? `CN=${commonName}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + 7 * DAY_MS),
    signingAlgorithm: algorithm,
    publicKey: new x509.PublicKey(publicKey.export({ type: "spki", format: "der" })),
    signingKey: signingKey as unknown as SigningKey,
    extensions,
  });
  return { certificate, pem: `${certificate.toString("pem")}\n`, key: privateKey };
}

function isAuthority(): x509.Extension {
  return new x509.BasicConstraintsExtension(true, undefined, true);
}

function serverExtensions(...names: readonly string[]): x509.Extension[] {
  return [
    new x509.SubjectAlternativeNameExtension(
      names.map((value) => ({ type: /^[0-9.]+$/.test(value) ? "ip" : "dns", value }) as const),
    ),
    new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1"]),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  ];
}

function clientExtensions(): x509.Extension[] {
  return [
    new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.2"]),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
  ];
}

function keyPair(kind: CertificateKind): KeyPair {
  switch (kind) {
    case "rsa-2048":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "rsa-pss-2048":
      return generateKeyPairSync("rsa-pss", { modulusLength: 2048 });
    case "ed25519":
      return generateKeyPairSync("ed25519");
    case "ecdsa-p256":
      return generateKeyPairSync("ec", { namedCurve: "P-256" });
    case "ecdsa-p384":
      return generateKeyPairSync("ec", { namedCurve: "P-384" });
    case "ecdsa-p521":
      return generateKeyPairSync("ec", { namedCurve: "P-521" });
  }
}

function writeIssued(folder: string, kind: CertificateKind, leaf: Certified, issuer: Certified): Issued {
  mkdirSync(folder);
  const keyPem = String(leaf.key.export({ type: "pkcs8", format: "pem" }));
  const chainPem = leaf.pem + issuer.pem;
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const spki = createPublicKey(leaf.key).export({ type: "spki", format: "der" });
  return {
    kind,
    leafFile: file("leaf.pem", leaf.pem),
    chainFile: file("chain.pem", chainPem),
    keyFile: file("key.pem", keyPem),
    chainPem,
    keyPem,
    spkiSha256: new Uint8Array(createHash("sha256").update(spki).digest()),
    credential: credential({ certificateChain: chainPem, key: keyPem }),
  };
}
