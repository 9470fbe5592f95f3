// Self-signed certificates of each kind of key, for the handshake benchmark.
import "../demo/reflect-metadata.mjs";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { pinOf } from "../demo/certificates.mjs";

const algorithms = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
  "rsa-2048": {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    publicExponent: Uint8Array.of(1, 0, 1),
    modulusLength: 2048,
  },
};

/** @param {keyof typeof algorithms} keyType */
export async function benchCertificate(keyType) {
  x509.cryptoProvider.set(webcrypto);
  const algorithm = algorithms[keyType];
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=localhost",
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "localhost" }])],
  });
  const certificatePem = certificate.toString("pem");
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    certificatePem,
    keyPem: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{1,64}/g, "$&\n")}-----END PRIVATE KEY-----\n`,
    spkiSha256: pinOf(certificatePem),
  };
}
