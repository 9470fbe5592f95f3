import type { CertificateFault } from "../../src/x509/certificate-error.ts";
import type { Verdict } from "./rustls-webpki.ts";

/** A file of Chromium: bytes, a key, an algorithm and a signature. */
export interface SignedDataCase {
  /** In `chromium-verify_signed_data`. */
  readonly file: string;
  /** What the file itself and Chromium's test of it say; that test takes SHA-1, RSA keys from 1024 bits on, and any salt. */
  readonly chromium: Verdict;
  /** What webpki's `src/alg_tests.rs` says. */
  readonly webpki: Verdict;
  /** The scheme of the algorithm for the type of key that it is for; null where there is none for any. */
  readonly scheme: string | null;
  /** What a path says of the signature; `malformed` where no certificate could have such a key or signature, null when it is genuine. */
  readonly fault: CertificateFault | null;
  /** A part of the message. */
  readonly detail?: string;
  /** Why we say something else than Chromium or webpki do. */
  readonly reason?: string;
}

const SMALL = { fault: "unsupported-key", detail: "RSA modulus of 1024 bits is not in 2048..8192" } as const;
const WRONG_KIND = {
  fault: "weak-algorithm",
  detail: "its signature is of an algorithm that is not accepted",
} as const;
const NOT_SIGNED = { fault: "bad-signature", detail: "did not sign it" } as const;
const REFUSED = { chromium: "refuses", webpki: "refuses" } as const;
/** Nobody has these by the Baseline Requirements any more, §6.1.5 and §7.1.3. */
const OLD = { chromium: "accepts", webpki: "refuses", ...SMALL } as const;

export const signedDataCases: readonly SignedDataCase[] = [
  {
    file: "ecdsa-prime256v1-sha512-spki-params-null.pem",
    ...REFUSED,
    scheme: "ecdsa_secp521r1_sha512",
    fault: "unsupported-key",
    detail: "elliptic curve is not given by its name",
  },
  {
    file: "ecdsa-prime256v1-sha512-unused-bits-signature.pem",
    ...REFUSED,
    scheme: "ecdsa_secp521r1_sha512",
    fault: "malformed",
    detail: "BIT STRING does not hold whole bytes",
  },
  {
    file: "ecdsa-prime256v1-sha512-using-ecdh-key.pem",
    ...REFUSED,
    scheme: "ecdsa_secp521r1_sha512",
    fault: "unsupported-key",
    detail: "public key algorithm 1.3.132.1.12 is not supported",
  },
  {
    file: "ecdsa-prime256v1-sha512-using-ecmqv-key.pem",
    ...REFUSED,
    scheme: "ecdsa_secp521r1_sha512",
    fault: "unsupported-key",
    detail: "public key algorithm 1.3.132.1.13 is not supported",
  },
  {
    file: "ecdsa-prime256v1-sha512-using-rsa-algorithm.pem",
    ...REFUSED,
    scheme: "rsa_pkcs1_sha512",
    ...WRONG_KIND,
  },
  {
    file: "ecdsa-prime256v1-sha512-wrong-signature-format.pem",
    ...REFUSED,
    scheme: "ecdsa_secp521r1_sha512",
    ...NOT_SIGNED,
  },
  {
    file: "ecdsa-prime256v1-sha512.pem",
    chromium: "accepts",
    webpki: "refuses",
    scheme: "ecdsa_secp521r1_sha512",
    fault: null,
    reason: "webpki has no P-256 with SHA-512; X.509 binds no curve to a hash (RFC 5758 §3.2)",
  },
  {
    file: "ecdsa-secp384r1-sha256-corrupted-data.pem",
    ...REFUSED,
    scheme: "ecdsa_secp256r1_sha256",
    ...NOT_SIGNED,
  },
  {
    file: "ecdsa-secp384r1-sha256.pem",
    chromium: "accepts",
    webpki: "accepts",
    scheme: "ecdsa_secp256r1_sha256",
    fault: null,
  },
  { file: "ecdsa-using-rsa-key.pem", ...REFUSED, scheme: "ecdsa_secp256r1_sha256", ...SMALL },
  {
    file: "rsa-pkcs1-sha1-bad-key-der-length.pem",
    ...REFUSED,
    scheme: null,
    fault: "malformed",
    detail: "SEQUENCE of",
  },
  {
    file: "rsa-pkcs1-sha1-bad-key-der-null.pem",
    ...REFUSED,
    scheme: null,
    fault: "malformed",
    detail: "2 bytes are left over",
  },
  {
    file: "rsa-pkcs1-sha1-key-params-absent.pem",
    ...REFUSED,
    scheme: null,
    fault: "unsupported-key",
    detail: "parameters of algorithm 1.2.840.113549.1.1.1 are not NULL",
  },
  { file: "rsa-pkcs1-sha1-using-pss-key-no-params.pem", ...REFUSED, scheme: null, ...SMALL },
  { file: "rsa-pkcs1-sha1-wrong-algorithm.pem", ...REFUSED, scheme: "rsa_pkcs1_sha256", ...SMALL },
  {
    file: "rsa-pkcs1-sha1.pem",
    ...OLD,
    scheme: null,
    reason: "SHA-1, and a key of 1024 bits",
  },
  {
    file: "rsa-pkcs1-sha256-key-encoded-ber.pem",
    ...REFUSED,
    scheme: "rsa_pkcs1_sha256",
    fault: "malformed",
    detail: "the length is not minimal",
  },
  {
    file: "rsa-pkcs1-sha256-spki-non-null-params.pem",
    ...REFUSED,
    scheme: "rsa_pkcs1_sha256",
    fault: "unsupported-key",
    detail: "parameters of algorithm 1.2.840.113549.1.1.1 are not NULL",
  },
  {
    file: "rsa-pkcs1-sha256-using-ecdsa-algorithm.pem",
    ...REFUSED,
    scheme: "ecdsa_secp256r1_sha256",
    ...SMALL,
  },
  {
    file: "rsa-pkcs1-sha256-using-id-ea-rsa.pem",
    ...REFUSED,
    scheme: "rsa_pkcs1_sha256",
    fault: "unsupported-key",
    detail: "public key algorithm 2.5.8.1.1 is not supported",
  },
  { file: "rsa-pkcs1-sha256.pem", ...OLD, scheme: "rsa_pkcs1_sha256", reason: "a key of 1024 bits" },
  { file: "rsa-pss-sha1-salt20-using-pss-key-no-params.pem", ...REFUSED, scheme: null, ...SMALL },
  {
    file: "rsa-pss-sha1-salt20-using-pss-key-with-null-params.pem",
    ...REFUSED,
    scheme: null,
    fault: "unsupported-key",
    detail: "expected SEQUENCE, found NULL",
  },
  { file: "rsa-pss-sha1-salt20.pem", ...OLD, scheme: null, reason: "SHA-1, and a key of 1024 bits" },
  { file: "rsa-pss-sha1-wrong-salt.pem", ...REFUSED, scheme: null, ...SMALL },
  {
    file: "rsa-pss-sha256-mgf1-sha512-salt33.pem",
    ...OLD,
    scheme: null,
    reason: "a hash in MGF1 and a salt that TLS does not have, and a key of 1024 bits",
  },
  // Chromium's test says that these two should be accepted one day: it has no keys of that kind.
  { file: "rsa-pss-sha256-salt10-using-pss-key-with-params.pem", ...REFUSED, scheme: null, ...SMALL },
  {
    file: "rsa-pss-sha256-salt10-using-pss-key-with-wrong-params.pem",
    ...REFUSED,
    scheme: null,
    fault: "unsupported-key",
    detail: "RSASSA-PSS parameters with hash 2.16.840.1.101.3.4.2.2 with MGF1 hash 2.16.840.1.101.3.4.2.1",
  },
  {
    file: "rsa-pss-sha256-salt10.pem",
    ...OLD,
    scheme: null,
    reason: "a salt that TLS does not have, and a key of 1024 bits",
  },
  { file: "rsa-using-ec-key.pem", ...REFUSED, scheme: "rsa_pkcs1_sha256", ...WRONG_KIND },
  {
    file: "rsa2048-pkcs1-sha512.pem",
    chromium: "accepts",
    webpki: "accepts",
    scheme: "rsa_pkcs1_sha512",
    fault: null,
  },
];

/** The insides of an AlgorithmIdentifier that webpki refuses, and a file of Chromium that has it. */
export interface AlgorithmCase {
  /** In `tests/signatures`. */
  readonly file: string;
  readonly block: "PUBLIC KEY" | "ALGORITHM";
  readonly chromium: string;
}

/** As `src/alg_tests.rs` pairs them. */
export const algorithmCases: readonly AlgorithmCase[] = [
  {
    file: "alg-ecdh-secp256r1.der",
    block: "PUBLIC KEY",
    chromium: "ecdsa-prime256v1-sha512-using-ecdh-key.pem",
  },
  {
    file: "alg-ecmqv-secp256r1.der",
    block: "PUBLIC KEY",
    chromium: "ecdsa-prime256v1-sha512-using-ecmqv-key.pem",
  },
  {
    file: "alg-id-ecpublickey-params-null.der",
    block: "PUBLIC KEY",
    chromium: "ecdsa-prime256v1-sha512-spki-params-null.pem",
  },
  {
    file: "alg-rsa-null-params.der",
    block: "PUBLIC KEY",
    chromium: "rsa-pkcs1-sha256-using-id-ea-rsa.pem",
  },
  {
    file: "alg-rsae-bad-params.der",
    block: "PUBLIC KEY",
    chromium: "rsa-pkcs1-sha256-spki-non-null-params.pem",
  },
  { file: "alg-rsae-sha1.der", block: "ALGORITHM", chromium: "rsa-pkcs1-sha1.pem" },
  { file: "alg-rsapss-defaults.der", block: "ALGORITHM", chromium: "rsa-pss-sha1-salt20.pem" },
  { file: "alg-rsapss-salt23.der", block: "ALGORITHM", chromium: "rsa-pss-sha1-wrong-salt.pem" },
  {
    file: "alg-rsapss-sha256-mgf1-sha256-salt10.der",
    block: "ALGORITHM",
    chromium: "rsa-pss-sha256-salt10.pem",
  },
  {
    file: "alg-rsapss-sha256-mgf1-sha512-salt33.der",
    block: "ALGORITHM",
    chromium: "rsa-pss-sha256-mgf1-sha512-salt33.pem",
  },
];

/** A key of `tests/signatures`: `<name>.ee.der` is a certificate with it, `<name>.spki.der` the key alone. */
export interface KeyCase {
  readonly name: string;
  readonly keyType: "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "rsa";
  /** Bits of the modulus. */
  readonly bits?: number;
  /** What it has signed `message.bin` with: `<name>_key_and_<name>_sha<bits>_good_signature.sig.bin`, and one that is not. */
  readonly hashes: readonly (256 | 384 | 512)[];
}

export const keyCases: readonly KeyCase[] = [
  { name: "ecdsa_p256", keyType: "ecdsa-p256", hashes: [384] },
  { name: "ecdsa_p384", keyType: "ecdsa-p384", hashes: [256] },
  { name: "ecdsa_p521", keyType: "ecdsa-p521", hashes: [256, 384] },
  { name: "rsa_2048", keyType: "rsa", bits: 2048, hashes: [] },
  { name: "rsa_3072", keyType: "rsa", bits: 3072, hashes: [] },
  { name: "rsa_4096", keyType: "rsa", bits: 4096, hashes: [] },
];

/** The file with a signature of {@link KeyCase}. */
export function signatureFile(name: string, hash: number, kind: "good" | "bad"): string {
  const what = kind === "good" ? "good_signature" : "detects_bad_signature";
  return `tests/signatures/${name}_key_and_${name}_sha${hash}_${what}.sig.bin`;
}
