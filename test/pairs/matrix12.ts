import type { TestKeyType } from "../support/certificates.ts";
import { cover, type Matrix, type RowOf } from "./pairwise.ts";

/** What two sides that speak TLS 1.2 may differ in, with the values that each thing takes. */
export const FACTORS_12 = {
  suite: [
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
  ],
  /** Whether records of CBC suites are encrypted before the MAC; null for AEADs. */
  encryptThenMac: [true, false, null],
  group: ["x25519", "secp256r1", "secp384r1", "secp521r1"],
  certificate: ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-pss-2048"],
  /** How the second connection resumes the session of the first; with `none` there is one connection only. */
  resumption: [
    "none",
    "by ticket",
    "by id, as the server gives no tickets",
    "by id, as the client takes none",
  ],
  /** What keeps the sessions. One that answers late does so in every carriage; one that fails costs a full handshake. */
  store: ["default", "one for both", "late", "failing", "none"],
  /** Whether the server asks for a certificate, and what the client answers. */
  clientAuth: ["none", "request, declined", "request, answered", "require, answered"],
  /** The key of the client's certificate; null when it gives none. */
  clientCertificate: ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-pss-2048", null],
  /** Schemes that both accept: all, or such as TLS 1.3 would not sign with. */
  signatureSchemes: ["all", "only in TLS 1.2"],
  extendedMainSecret: [true, false],
  versions: ["both 1.2", "client also 1.3", "server also 1.3"],
  middleboxCompatibility: [true, false],
  alpn: ["agreed", "none"],
  /** What the server has to show besides its certificates, and whether the client wants to see it. */
  staples: ["none", "OCSP", "SCT", "OCSP and SCT", "not asked for"],
  /** Who announces a record_size_limit. */
  recordSizeLimit: ["none", "client", "both"],
  closesFirst: ["client", "server"],
  /** In what pieces the bytes arrive that are compared with those that arrive whole. */
  delivery: ["whole", "byte by byte", "in random pieces"],
  /** When hooks answer meanwhile. */
  answers: ["at once", "late", "late, while bytes go on coming"],
} as const satisfies Record<string, readonly (string | boolean | null)[]>;

/** One combination of all values. */
export type Row12 = RowOf<typeof FACTORS_12> & {
  readonly certificate: TestKeyType;
  readonly clientCertificate: TestKeyType | null;
};

export const MATRIX_12: Matrix<typeof FACTORS_12> = {
  factors: FACTORS_12,
  makesSense,
};

/**
 * Every combination of suite, order of encryption and MAC, group, and certificate that fits, with the other values laid over them so that
 * every pair of values occurs.
 */
export const ROWS_12: readonly Row12[] = cover(MATRIX_12, [
  "suite",
  "encryptThenMac",
  "group",
  "certificate",
]);

/** A short title. */
export function describeRow12(row: Row12): string {
  const auth = row.clientCertificate === null ? "" : ` (${row.clientCertificate})`;
  return [
    `${row.suite}${row.encryptThenMac === true ? " with encrypt_then_mac" : ""}, ${row.group}, ${row.certificate}`,
    `client auth ${row.clientAuth}${auth}`,
    row.resumption === "none" ? `store ${row.store}` : `resumed ${row.resumption}; store ${row.store}`,
    `signatures ${row.signatureSchemes}`,
    `extended main secret ${row.extendedMainSecret ? "yes" : "no"}`,
    `versions ${row.versions}`,
    `compatibility ${row.middleboxCompatibility ? "on" : "off"}`,
    `ALPN ${row.alpn}`,
    `staples ${row.staples}`,
    `record_size_limit ${row.recordSizeLimit}`,
    `${row.closesFirst} closes first`,
  ].join("; ");
}

function makesSense(row: Partial<Row12>): boolean {
  const { suite, encryptThenMac, certificate, clientAuth, clientCertificate } = row;
  const { resumption, store, delivery, answers } = row;
  const fits = [
    encryptThenMac === undefined || suite?.includes("_CBC_") !== (encryptThenMac === null),
    certificate === undefined || suite?.includes("_RSA_") !== !certificate.startsWith("rsa"),
    // A client gives a certificate when it is said to, and then it has a key.
    clientCertificate === undefined || clientAuth?.endsWith(", answered") !== (clientCertificate === null),
    store === undefined ||
      resumption === undefined ||
      (resumption === "none") === (store === "none" || store === "failing"),
    // That is what others are compared with.
    delivery !== "whole" || answers === undefined || answers === "late",
  ];
  return !fits.includes(false);
}
