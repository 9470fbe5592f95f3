import type { CertificateFault } from "../../src/x509/certificate-error.ts";
import type { Conformance } from "../../src/x509/conformance.ts";
import type { Verdict } from "./rustls-webpki.ts";

/** Certificates with a question about them. Files are in `tests`, and in DER but for those that are called `.pem`. */
export interface PathCase {
  readonly what: string;
  readonly leaf: string;
  readonly others?: readonly string[];
  readonly anchor: string;
  /** Since 1970. */
  readonly atSeconds: number;
  readonly purpose: "server" | "client";
  /** Each is asked for on its own. Default: none is asked for. */
  readonly names?: readonly string[];
  /** How many are allowed. Default: as many as by default. */
  readonly nameComparisons?: number;
  /** What webpki's test says; null where it has none that asks this. */
  readonly webpki: Verdict | null;
  /** What comes out with each set of rules of form. */
  readonly answers: Readonly<Record<Conformance, "path" | CertificateFault>>;
  /** Why one of the answers is another than webpki's. */
  readonly reason?: string;
}

function always(answer: "path" | CertificateFault): PathCase["answers"] {
  return { none: answer, rfc5280: answer, "web-pki": answer };
}

/** When the certificates that webpki's scripts made are valid, for a minute: 1986-12-23T01:59:25Z. */
export const TEST_SECONDS = 0x1fed_f00d;

const NETFLIX = {
  leaf: "netflix/ee.der",
  others: ["netflix/inter.der"],
  anchor: "netflix/ca.der",
  purpose: "server",
} as const;

const CRITICAL = {
  others: ["critical_extensions/ca-cert.der"],
  anchor: "critical_extensions/root-cert.der",
  atSeconds: 1_670_779_098,
  purpose: "server",
} as const;

const WPT = {
  leaf: "wpt/ee.der",
  anchor: "wpt/ca.der",
  atSeconds: 1_619_256_684,
  purpose: "server",
  webpki: "accepts",
} as const;

const NO_IDENTIFIER = "no authorityKeyIdentifier is in the certificate (RFC 5280 §4.2.1.1)";

export const pathCases: readonly PathCase[] = [
  {
    what: "a root of version 1",
    ...NETFLIX,
    atSeconds: 1_492_441_716,
    webpki: "accepts",
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: `of the intermediate authority: ${NO_IDENTIFIER}`,
  },
  {
    what: "the second before the first",
    ...NETFLIX,
    atSeconds: 1_478_563_200 - 1,
    webpki: "refuses",
    answers: always("not-yet-valid"),
  },
  {
    what: "the second after the last",
    ...NETFLIX,
    atSeconds: 1_541_203_199 + 1,
    webpki: "refuses",
    answers: always("expired"),
  },
  {
    what: "RSA signatures without NULL in their algorithm",
    leaf: "sanofi/ee.der",
    others: ["sanofi/inter.der"],
    anchor: "sanofi/ca.der",
    atSeconds: 1_746_549_566,
    purpose: "server",
    webpki: "accepts",
    answers: { none: "weak-algorithm", rfc5280: "weak-algorithm", "web-pki": "nonconforming" },
    reason:
      "RFC 4055 §5 and BR §7.1.3.2.1 want the NULL; by the BR, besides, its commonName is not in its subjectAltName",
  },
  {
    what: "a server by its names and addresses",
    leaf: "cloudflare_dns/ee.der",
    others: ["cloudflare_dns/inter.der"],
    anchor: "cloudflare_dns/ca.der",
    atSeconds: 1_663_495_771,
    purpose: "server",
    names: [
      "cloudflare-dns.com",
      "wildcard.cloudflare-dns.com",
      "one.one.one.one",
      "1.1.1.1",
      "1.0.0.1",
      "162.159.36.1",
      "162.159.46.1",
      "2606:4700:4700:0000:0000:0000:0000:1111",
      "2606:4700:4700:0000:0000:0000:0000:1001",
      "2606:4700:4700:0000:0000:0000:0000:0064",
      "2606:4700:4700:0000:0000:0000:0000:6400",
    ],
    webpki: "accepts",
    answers: always("path"),
  },
  {
    what: "260 names below 260 constraints, with as many comparisons as webpki and Go allow",
    ...WPT,
    nameComparisons: 250_000,
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason:
      "the root's nameConstraints is not critical (RFC 5280 §4.2.1.10), and it has an extendedKeyUsage (BR §7.1.2.1.2)",
  },
  {
    what: "260 names below 260 constraints",
    ...WPT,
    answers: { none: "too-costly", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: "by default 50,000 comparisons are allowed, and the subject makes it 261 names; else as before",
  },
  {
    what: "260 names below 260 constraints, with just enough comparisons",
    ...WPT,
    webpki: null,
    nameComparisons: 261 * 260,
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: "as before",
  },
  {
    what: "260 names below 260 constraints, with one comparison less",
    ...WPT,
    webpki: null,
    nameComparisons: 261 * 260 - 1,
    answers: { none: "too-costly", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: "as before",
  },
  {
    what: "Ed25519",
    leaf: "ed25519/ee.der",
    anchor: "ed25519/ca.der",
    atSeconds: 1_547_363_522,
    purpose: "server",
    webpki: "accepts",
    answers: { none: "path", rfc5280: "path", "web-pki": "nonconforming" },
    reason: "a server's certificate without a subjectAltName (BR §7.1.2.7.12)",
  },
  {
    what: "an unknown extension",
    ...CRITICAL,
    leaf: "critical_extensions/ee-cert-noncrit-unknown-ext.der",
    webpki: "accepts",
    answers: always("path"),
  },
  {
    what: "an unknown critical extension",
    ...CRITICAL,
    leaf: "critical_extensions/ee-cert-crit-unknown-ext.der",
    webpki: "refuses",
    answers: always("unknown-critical-extension"),
  },
  {
    what: "negative serial numbers",
    leaf: "misc/serial_neg_ee.der",
    anchor: "misc/serial_neg_ca.der",
    atSeconds: 1_667_401_500,
    purpose: "server",
    webpki: "accepts",
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: "below an anchor, serial numbers are positive (RFC 5280 §4.1.2.2)",
  },
  // That it is accepted for ISO 18013-5 cannot be asked for here: there are servers and clients.
  {
    what: "a purpose that is not TLS",
    leaf: "misc/mdoc_eku.ee.der",
    anchor: "misc/mdoc_eku.ca.der",
    atSeconds: 1_609_459_200,
    purpose: "server",
    webpki: "refuses",
    answers: always("wrong-usage"),
  },
  ...(
    [
      ["cert_with_no_eku_accepted_for_client_auth", "client"],
      ["cert_with_both_ekus_accepted_for_client_auth", "client"],
      ["cert_with_both_ekus_accepted_for_client_auth", "server"],
    ] as const
  ).map(([name, purpose]) => ({
    what: `${name}, a ${purpose}`,
    leaf: `custom_ekus/${name}.ee.der`,
    anchor: `custom_ekus/${name}.ca.der`,
    atSeconds: TEST_SECONDS,
    purpose,
    webpki: "accepts" as const,
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" } as const,
    reason: `of the leaf: ${NO_IDENTIFIER}`,
  })),
  {
    what: "version 1",
    leaf: "cert_v1.der",
    anchor: "cert_v1.der",
    // 2021-02-16T12:00:00Z
    atSeconds: 1_613_476_800,
    purpose: "server",
    webpki: "refuses",
    answers: { none: "unknown-issuer", rfc5280: "nonconforming", "web-pki": "nonconforming" },
  },
  // A part of a chain whose other certificates webpki's tests make themselves.
  {
    what: "an authority that may not sign lists, without a list",
    leaf: "client_auth_revocation/no_crl_ku_chain.ee.der",
    anchor: "client_auth_revocation/no_crl_ku_chain.int.a.ca.der",
    atSeconds: TEST_SECONDS,
    purpose: "client",
    webpki: null,
    answers: { none: "path", rfc5280: "nonconforming", "web-pki": "nonconforming" },
    reason: `of the leaf: ${NO_IDENTIFIER}`,
  },
  // No test of webpki has these three, examples of RFC 9881.
  ...[44, 65, 87].map((size) => ({
    what: `a key of ML-DSA-${size}`,
    leaf: `tls_server_certs/ml-dsa-${size}-certificate.pem`,
    anchor: `tls_server_certs/ml-dsa-${size}-certificate.pem`,
    // 2026-06-01T00:00:00Z
    atSeconds: 1_780_272_000,
    purpose: "server" as const,
    webpki: null,
    answers: always("unsupported-key"),
    reason: "there is no scheme of ML-DSA here",
  })),
];
