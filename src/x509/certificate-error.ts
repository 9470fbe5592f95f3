import type { AlertName } from "../alert.ts";

/** What is wrong with a certificate, or with the path that it should be part of. */
export type CertificateFault =
  /** It is not DER, or not a certificate. */
  | "malformed"
  /** It is a raw public key (RFC 7250), where only a certificate will do. */
  | "no-certificate"
  /** It breaks a rule of form of RFC 5280 or of the Web PKI that keeps issuers honest and programs simple. */
  | "nonconforming"
  | "not-yet-valid"
  | "expired"
  /** No issuer that leads to an anchor was presented. */
  | "unknown-issuer"
  | "bad-signature"
  /** Its signature has an algorithm that is not accepted. */
  | "weak-algorithm"
  /** Its key is of a kind or size that is not accepted. */
  | "unsupported-key"
  /** It is not for the name that was asked for. */
  | "wrong-name"
  /** keyUsage or extendedKeyUsage do not allow what it is used for. */
  | "wrong-usage"
  /** A certificate above it must not issue for one of its names. */
  | "name-constraints"
  /** A certificate above it is not one of a certification authority. */
  | "not-an-authority"
  /** There are more authorities in the path than one of them allows, or than the configuration does. */
  | "path-too-long"
  | "unknown-critical-extension"
  | "revoked"
  /** A stapled OCSP response does not verify, is too old, or is not about the certificate. */
  | "bad-status"
  /** The certificate or the configuration asks for a stapled OCSP response, and there is none. */
  | "missing-status"
  /** A revocation list of its issuer is not signed by that issuer, or is not up to date. */
  | "bad-revocation-list"
  /** Looking for a path was given up: it would have cost more than is allowed. */
  | "too-costly"
  /** Its key is not among the pinned ones, or not the one that the peer had before. */
  | "unknown-key";

/** A certificate was refused. The message says what is wrong and with which certificate: `expired: CN=example.com, notAfter 2026-01-01T00:00:00Z`. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  readonly fault: CertificateFault;
  /** Whose fault it is: the subject as text, bounded in length, for people. */
  readonly subject: string;
  /** What the peer presented, DER, the leaf first; empty when nobody has said. */
  readonly chain: readonly Uint8Array[];

  /** @param detail the fact with its values, without the subject. */
  constructor(fault: CertificateFault, subject: string, detail: string, chain: readonly Uint8Array[] = []) {
    super(`${fault}: ${subject}, ${detail}`);
    this.fault = fault;
    this.subject = subject;
    this.chain = chain;
  }

  /** The alert that tells the peer. */
  get alert(): AlertName {
    return ALERTS[this.fault];
  }
}

/** RFC 8446 §6.2. */
const ALERTS: Readonly<Record<CertificateFault, AlertName>> = {
  malformed: "bad_certificate",
  "no-certificate": "unsupported_certificate",
  nonconforming: "bad_certificate",
  "not-yet-valid": "certificate_expired",
  expired: "certificate_expired",
  "unknown-issuer": "unknown_ca",
  "bad-signature": "bad_certificate",
  "weak-algorithm": "bad_certificate",
  "unsupported-key": "unsupported_certificate",
  "wrong-name": "bad_certificate",
  "wrong-usage": "unsupported_certificate",
  "name-constraints": "bad_certificate",
  "not-an-authority": "bad_certificate",
  "path-too-long": "bad_certificate",
  "unknown-critical-extension": "unsupported_certificate",
  revoked: "certificate_revoked",
  "bad-status": "bad_certificate_status_response",
  "missing-status": "bad_certificate_status_response",
  // Nothing that the peer could help.
  "bad-revocation-list": "certificate_unknown",
  "too-costly": "bad_certificate",
  "unknown-key": "certificate_unknown",
};
