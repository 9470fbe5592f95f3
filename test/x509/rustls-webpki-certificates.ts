import type { Verdict } from "./rustls-webpki.ts";

/** A certificate that is looked at by itself. */
export interface CertificateCase {
  /** In `tests`. */
  readonly file: string;
  /** Whether webpki reads it, as a leaf or (for {@link isAnchor}) as an anchor. */
  readonly webpki: Verdict;
  /** A part of the message that it is refused with; null when it is decoded. */
  readonly fault: string | null;
  readonly isAnchor?: true;
  /** The dNSNames that are names at all, in their order. */
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  /** The contents of the INTEGER, in hexadecimal. */
  readonly serialNumber?: string;
  /** Why we say something else than webpki does. */
  readonly reason?: string;
}

const NETFLIX_NAMES = [
  "netflix.ca",
  "netflix.com",
  "signup.netflix.com",
  "www.netflix.ca",
  "www1.netflix.com",
  "www2.netflix.com",
  "www3.netflix.com",
  "develop-stage.netflix.com",
  "release-stage.netflix.com",
];

const POINTS = "cRLDistributionPoints is not read here: lists are brought along, and none is fetched";

/** With a cRLDistributionPoints, whose insides webpki reads once there are lists. */
function withPoints(name: string, webpki: Verdict): CertificateCase {
  const file = `crl_distrib_point/${name}.der`;
  return { file, webpki, fault: null, ...(webpki === "refuses" ? { reason: POINTS } : {}) };
}

/** From `tests/integration.rs`, `cert_v1_unsupported.rs` and `cert_without_extensions.rs`, and the tests in `src/cert.rs` and `src/end_entity.rs`. */
export const certificateCases: readonly CertificateCase[] = [
  {
    file: "cert_v1.der",
    webpki: "refuses",
    fault: null,
    reason: "version 1 is decoded, since some anchors have it; below an anchor it does not conform",
  },
  { file: "cert_without_extensions.der", webpki: "accepts", fault: null, dnsNames: [] },
  {
    file: "cert_with_empty_extensions.der",
    webpki: "accepts",
    fault: "expected SEQUENCE, found the end",
    reason: "Extensions ::= SEQUENCE SIZE (1..MAX) (RFC 5280 §4.1)",
  },
  withPoints("with_reasons", "accepts"),
  withPoints("with_crl_issuer", "accepts"),
  withPoints("dp_name_relative_to_issuer", "accepts"),
  withPoints("multiple_distribution_points", "accepts"),
  withPoints("unknown_tag", "refuses"),
  withPoints("only_reasons", "refuses"),
  withPoints("unknown_dp_name_tag", "refuses"),
  {
    file: "netflix/ee.der",
    webpki: "accepts",
    fault: null,
    dnsNames: ["account.netflix.com", "ca.netflix.com", ...NETFLIX_NAMES, "www.netflix.com"],
  },
  {
    // The last is `www.netflix:com`.
    file: "misc/invalid_subject_alternative_name.der",
    webpki: "accepts",
    fault: null,
    dnsNames: ["account.netflix.com", "ca.netflix.com", ...NETFLIX_NAMES],
  },
  {
    file: "misc/dns_names_and_wildcards.der",
    webpki: "accepts",
    fault: null,
    dnsNames: ["account.netflix.com", "*.netflix.com", ...NETFLIX_NAMES, "www.netflix.com"],
  },
  {
    file: "misc/no_subject_alternative_name.der",
    webpki: "accepts",
    fault: null,
    dnsNames: [],
    uris: [],
  },
  {
    file: "misc/uri_san_ee.der",
    webpki: "accepts",
    fault: null,
    dnsNames: ["example.com"],
    uris: ["https://example.com", "https://www.example.com/path", "spiffe://example.org/service"],
  },
  {
    file: "misc/empty_sequence_common_name.der",
    webpki: "accepts",
    fault: null,
    dnsNames: ["example.com"],
  },
  { file: "misc/issuer_and_subject_unique_id.der", webpki: "accepts", fault: null },
  {
    file: "misc/serial_zero.der",
    webpki: "accepts",
    fault: null,
    isAnchor: true,
    serialNumber: "00",
  },
  {
    file: "misc/serial_neg.der",
    webpki: "accepts",
    fault: null,
    isAnchor: true,
    serialNumber: "ee2b3debd421de14a862ac04f3ddc401",
  },
  { file: "misc/serial_neg_ee.der", webpki: "accepts", fault: null, serialNumber: "ff21524111" },
  {
    file: "misc/serial_large_positive.der",
    webpki: "accepts",
    fault: null,
    serialNumber: "00e609fe7aea00688ce024b4ed201b1fef52b444d1",
  },
];
