import "./reflect-metadata.ts";
import { createHash, generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** The kinds of keys that test certificates come with; `rsa-pss-2048` is for RSASSA-PSS alone (RFC 4055 §1.2). */
export type TestKeyType =
  "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519" | "rsa-2048" | "rsa-pss-2048";

/** A certificate and its key, as files would hold them. */
export interface TestCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly der: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo, for `pinned()`. */
  readonly spkiSha256: Uint8Array;
}

/** What a test certificate says. */
export interface TestCertificateOptions {
  readonly keyType?: TestKeyType;
  /** Default: `localhost` and `127.0.0.1`. */
  readonly names?: readonly string[];
  readonly commonName?: string;
  /** Extensions as `@peculiar/x509` makes them, behind subjectAltName. */
  readonly extensions?: readonly x509.Extension[];
}

/** Parameters of `crypto.subtle.generateKey`, as far as test keys need them. */
interface KeyParameters {
  readonly name: string;
  readonly namedCurve?: string;
  readonly hash?: string;
  readonly publicExponent?: Uint8Array<ArrayBuffer>;
  readonly modulusLength?: number;
}

const keyParameters: Record<Exclude<TestKeyType, "rsa-pss-2048">, KeyParameters> = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256" },
  "ecdsa-p384": { name: "ECDSA", namedCurve: "P-384" },
  "ecdsa-p521": { name: "ECDSA", namedCurve: "P-521" },
  ed25519: { name: "Ed25519" },
  "rsa-2048": {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    publicExponent: Uint8Array.of(1, 0, 1),
    modulusLength: 2048,
  },
};

const made = new Map<string, Promise<TestCertificate>>();

/**
 * A self-signed certificate for tests, made once per process and set of options. It is valid from yesterday for a week. That of an
 * `rsa-pss-2048` key is signed with an ECDSA key instead, which nobody has.
 */
export function testCertificate(options: TestCertificateOptions = {}): Promise<TestCertificate> {
  if (options.extensions !== undefined) return make(options);
  const key = JSON.stringify(options);
  const known = made.get(key) ?? make(options);
  made.set(key, known);
  return known;
}

async function make({
  keyType = "ecdsa-p256",
  names = ["localhost", "127.0.0.1"],
  commonName = "tls-engine test",
  extensions = [],
}: TestCertificateOptions): Promise<TestCertificate> {
  x509.cryptoProvider.set(globalThis.crypto);
  const { publicKey, signingKey, signatureAlgorithm, pkcs8 } = await makeKey(keyType);
  const day = 86_400_000;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(8).toString("hex")}`,
    subject: `CN=${commonName}`,
    issuer: `CN=${commonName}`,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 7 * day),
    publicKey,
    signingKey,
    signingAlgorithm: { name: signatureAlgorithm, hash: "SHA-256" },
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        names.map((value): x509.JsonGeneralName => ({
          type: /^[0-9.]+$|:/.test(value) ? "ip" : "dns",
          value,
        })),
      ),
      ...extensions,
    ],
  });
  const der = new Uint8Array(certificate.rawData);
  const keyBase64 = Buffer.from(pkcs8)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  const spki = new X509Certificate(der).publicKey.export({ type: "spki", format: "der" });
  return {
    certificatePem: `${certificate.toString("pem")}\n`,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${keyBase64}-----END PRIVATE KEY-----\n`,
    der,
    spkiSha256: new Uint8Array(createHash("sha256").update(spki).digest()),
  };
}

/** A key for a certificate, and what signs the certificate. */
interface MadeKey {
  readonly publicKey: CryptoKey | Uint8Array<ArrayBuffer>;
  readonly signingKey: CryptoKey;
  /** Of `signingKey`, as WebCrypto names it. */
  readonly signatureAlgorithm: string;
  readonly pkcs8: Uint8Array;
}

async function makeKey(keyType: TestKeyType): Promise<MadeKey> {
  const { subtle } = globalThis.crypto;
  const parameters = keyParameters[keyType === "rsa-pss-2048" ? "ecdsa-p256" : keyType];
  const keys = await subtle.generateKey(parameters, true, ["sign", "verify"]);
  // Every algorithm above has a key pair; the type speaks of symmetric keys too.
  if (!("privateKey" in keys)) throw new Error(`${parameters.name} gave no key pair`);
  const { publicKey, privateKey: signingKey } = keys;
  const signatureAlgorithm = parameters.name;
  if (keyType !== "rsa-pss-2048") {
    const pkcs8 = new Uint8Array(await subtle.exportKey("pkcs8", signingKey));
    return { publicKey, signingKey, signatureAlgorithm, pkcs8 };
  }
  // WebCrypto has no keys of id-RSASSA-PSS.
  const pss = generateKeyPairSync("rsa-pss", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "der" },
    privateKeyEncoding: { type: "pkcs8", format: "der" },
  });
  return { publicKey: new Uint8Array(pss.publicKey), signingKey, signatureAlgorithm, pkcs8: pss.privateKey };
}
