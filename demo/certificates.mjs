// Throwaway certificates for the demo and the examples: valid for a day, and kept nowhere.
import "./reflect-metadata.mjs";
import { createHash, randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

/**
 * A certificate with its key.
 *
 * @typedef {object} Identity
 * @property {string} certificatePem
 * @property {string} keyPem PKCS#8
 * @property {Uint8Array} spkiSha256 SHA-256 of the SubjectPublicKeyInfo, for `pinned()`.
 *
 * @typedef {object} Authority
 * @property {string} certificatePem
 * @property {(names: readonly string[]) => Promise<Identity>} issue a server certificate for DNS names and IP addresses.
 */

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

x509.cryptoProvider.set(webcrypto);

/**
 * A certificate authority of its own.
 *
 * @returns {Promise<Authority>}
 */
export async function makeAuthority() {
  const keys = await makeKeys();
  const name = "CN=tls-engine demo authority";
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(name, keys),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: pemOf(certificate),
    async issue(names) {
      const ownKeys = await makeKeys();
      const issued = await x509.X509CertificateGenerator.create({
        ...common(`CN=${names[0]}`, ownKeys),
        subject: `CN=${names[0]}`,
        issuer: name,
        publicKey: ownKeys.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(names.map(generalName)),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return identityOf(issued, ownKeys);
    },
  };
}

/**
 * A certificate that nobody vouches for, such as a client makes for itself.
 *
 * @param {string} commonName
 * @returns {Promise<Identity>}
 */
export async function makeSelfSigned(commonName) {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(`CN=${commonName}`, keys),
    // Without any, the library writes an empty list, which no certificate may have (RFC 5280 §4.1.2.9).
    extensions: [new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true)],
  });
  return identityOf(certificate, keys);
}

/**
 * The certificate in the given PEM files, or a throwaway one for `names` when there are none.
 *
 * @param {readonly string[]} names
 * @param {string} [certificateFile]
 * @param {string} [keyFile]
 * @returns {Promise<Identity & { certificateFile: string }>} a throwaway's file is gone when the process ends.
 */
export async function identityFor(names, certificateFile, keyFile) {
  if (certificateFile === undefined || keyFile === undefined) {
    const identity = await (await makeAuthority()).issue(names);
    return { ...identity, certificateFile: temporaryFile("certificate.pem", identity.certificatePem) };
  }
  const certificatePem = readFileSync(certificateFile, "utf8");
  const keyPem = readFileSync(keyFile, "utf8");
  return { certificatePem, keyPem, spkiSha256: pinOf(certificatePem), certificateFile };
}

/**
 * Writes a file into a folder of its own, which is gone when the process ends.
 *
 * @param {string} name
 * @param {string} text
 * @returns {string} its path.
 */
export function temporaryFile(name, text) {
  const folder = mkdtempSync(join(tmpdir(), "tls-engine-"));
  const file = join(folder, name);
  writeFileSync(file, text);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  // A signal alone would end the process without the event.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit());
  return file;
}

/**
 * What to give to `pinned()` so that the holder of this certificate is trusted.
 *
 * @param {string} certificatePem
 * @returns {Uint8Array}
 */
export function pinOf(certificatePem) {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: "spki", format: "der" });
  return new Uint8Array(createHash("sha256").update(spki).digest());
}

function makeKeys() {
  return webcrypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
}

function common(name, keys) {
  const hour = 3_600_000;
  return {
    name,
    keys,
    serialNumber: `01${randomBytes(8).toString("hex")}`,
    notBefore: new Date(Date.now() - hour),
    notAfter: new Date(Date.now() + 24 * hour),
    signingAlgorithm: ECDSA,
  };
}

function generalName(name) {
  return { type: isIP(name) === 0 ? "dns" : "ip", value: name };
}

async function identityOf(certificate, keys) {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const certificatePem = pemOf(certificate);
  const base64 = Buffer.from(pkcs8)
    .toString("base64")
    .replace(/.{1,64}/g, "$&\n");
  return {
    certificatePem,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${base64}-----END PRIVATE KEY-----\n`,
    spkiSha256: pinOf(certificatePem),
  };
}

function pemOf(certificate) {
  return `${certificate.toString("pem")}\n`;
}
