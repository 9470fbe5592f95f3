import type { TestKeyType } from "../support/certificates.ts";
import { cover, type Matrix, type RowOf } from "./pairwise.ts";

/** What two sides that use PSKs may differ in, with the values that each thing takes. */
export const FACTORS_PSK = {
  suite: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  /** Where the PSK comes from. Tickets take a full handshake first. */
  psk: ["sealed ticket", "ticket of a stored session", "external", "imported"],
  /** What keeps the sessions. One that answers late does so in every carriage; one that fails costs a full handshake. */
  store: ["default", "one for both", "late", "failing"],
  /** How each side lets PSKs be used, and what comes of it. */
  pskModes: ["psk_dhe_ke", "psk_ke", "both, and psk_dhe_ke", "both, and psk_ke"],
  group: ["x25519", "secp256r1", "X25519MLKEM768"],
  /** Whether the first key shares miss the server's group, and whether a cookie comes with that. */
  retry: ["none", "group", "group and cookie"],
  certificate: ["ecdsa-p256", "rsa-2048", "ed25519"],
  /** Whether the server asks for a certificate, and what the client answers. */
  clientAuth: ["none", "request, declined", "request, answered", "require, answered"],
  /** The key of the client's certificate; null when it gives none. */
  clientCertificate: ["ecdsa-p256", "ed25519", null],
  alpn: ["agreed", "none"],
  /** Who announces a record_size_limit. */
  recordSizeLimit: ["none", "client", "both"],
  middleboxCompatibility: [true, false],
  /** Who speaks TLS 1.2 besides. */
  versions: ["both 1.3", "client also 1.2", "server also 1.2", "both also 1.2"],
  closesFirst: ["client", "server"],
  /** In what pieces the bytes arrive that are compared with those that arrive whole. */
  delivery: ["whole", "byte by byte", "in random pieces"],
  /** When hooks answer meanwhile. */
  answers: ["at once", "late", "late, while bytes go on coming"],
} as const satisfies Record<string, readonly (string | boolean | null)[]>;

/** One combination of all values. */
export type RowPsk = RowOf<typeof FACTORS_PSK> & {
  readonly certificate: TestKeyType;
  readonly clientCertificate: TestKeyType | null;
};

export const MATRIX_PSK: Matrix<typeof FACTORS_PSK> = {
  factors: FACTORS_PSK,
  makesSense: ({ clientAuth, clientCertificate, group, versions, delivery, answers }) =>
    // A client gives a certificate when it is said to, and then it has a key.
    (clientAuth === undefined ||
      clientCertificate === undefined ||
      clientAuth.endsWith(", answered") === (clientCertificate !== null)) &&
    // A server with the hybrid group alone has none for TLS 1.2.
    (group !== "X25519MLKEM768" || versions === undefined || !/^(server|both) also/.test(versions)) &&
    // That is what others are compared with.
    (delivery !== "whole" || answers === undefined || answers !== "at once"),
};

/** Every combination of PSK, retry and client authentication, with the other values laid over them so that every pair of values occurs. */
export const ROWS_PSK: readonly RowPsk[] = cover(MATRIX_PSK, ["psk", "retry", "clientAuth"]);

/** What is used in place of certificates in one connection of a row; null when it takes certificates. */
export function meansOf(row: RowPsk, connection: number): "session" | "psk" | null {
  const { psk, store, clientAuth } = row;
  // A server that demands certificates takes no PSK from elsewhere; then there are tickets, as after any other full handshake.
  const isExternal = psk === "external" || psk === "imported";
  if (isExternal && !clientAuth.startsWith("require")) return "psk";
  return connection > 0 && store !== "failing" ? "session" : null;
}

/** A short title. */
export function describeRowPsk(row: RowPsk): string {
  const { clientAuth, clientCertificate, alpn, recordSizeLimit, middleboxCompatibility } = row;
  const auth = clientCertificate === null ? clientAuth : `${clientAuth} (${clientCertificate})`;
  return [
    `${row.psk}, ${row.suite}, ${row.group}, ${row.certificate}`,
    `modes ${row.pskModes}`,
    `store ${row.store}`,
    `retry ${row.retry}`,
    `client auth ${auth}`,
    `ALPN ${alpn}`,
    `record_size_limit ${recordSizeLimit}`,
    `compatibility ${middleboxCompatibility ? "on" : "off"}`,
    `versions ${row.versions}`,
    `${row.closesFirst} closes first`,
  ].join("; ");
}
