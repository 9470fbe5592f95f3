import type { TestKeyType } from "../support/certificates.ts";
import { cover, type Matrix, type RowOf } from "./pairwise.ts";

/** What two sides may differ in, with the values that each thing takes. */
export const FACTORS = {
  suite: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  group: ["x25519", "secp256r1", "secp384r1", "secp521r1", "X25519MLKEM768"],
  certificate: ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"],
  /** Whether the server asks for a certificate, and what the client answers. */
  clientAuth: ["none", "request, declined", "request, answered", "require, answered"],
  /** The key of the client's certificate; null when it gives none. */
  clientCertificate: ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519", null],
  /** Whether the first key shares miss the server's group, and whether a cookie comes with that. */
  retry: ["none", "group", "group and cookie"],
  alpn: ["agreed", "none"],
  /** Who announces a record_size_limit. */
  recordSizeLimit: ["none", "client", "both"],
  middleboxCompatibility: [true, false],
  /** Who speaks TLS 1.2 besides. */
  versions: ["both 1.3", "client also 1.2", "server also 1.2", "both also 1.2"],
} as const satisfies Record<string, readonly (string | boolean | null)[]>;

/** One combination of all values. */
export type Row = RowOf<typeof FACTORS> & {
  readonly certificate: TestKeyType;
  readonly clientCertificate: TestKeyType | null;
};

export const MATRIX: Matrix<typeof FACTORS> = {
  factors: FACTORS,
  makesSense: ({ clientAuth, clientCertificate, group, versions }) =>
    // A client gives a certificate when it is said to, and then it has a key.
    (clientAuth === undefined ||
      clientCertificate === undefined ||
      clientAuth.endsWith(", answered") === (clientCertificate !== null)) &&
    // A server with the hybrid group alone has none for TLS 1.2.
    (group !== "X25519MLKEM768" || versions === undefined || !/^(server|both) also/.test(versions)),
};

/** Every combination of suite, group and certificate, with the other values laid over them so that every pair of values occurs. */
export const ROWS: readonly Row[] = cover(MATRIX, ["suite", "group", "certificate"]);

/** A short title. */
export function describeRow(row: Row): string {
  const { clientAuth, clientCertificate, retry, alpn, recordSizeLimit, middleboxCompatibility } = row;
  const auth = clientCertificate === null ? clientAuth : `${clientAuth} (${clientCertificate})`;
  return [
    `${row.suite}, ${row.certificate}`,
    `client auth ${auth}`,
    `retry ${retry}`,
    `ALPN ${alpn}`,
    `record_size_limit ${recordSizeLimit}`,
    `compatibility ${middleboxCompatibility ? "on" : "off"}`,
    `versions ${row.versions}`,
  ].join("; ");
}
