import { expect, test } from "vitest";

import type { AlertName } from "../../src/alert.ts";
import { CertificateError, type CertificateFault } from "../../src/x509/certificate-error.ts";

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
  "bad-revocation-list": "certificate_unknown",
  "too-costly": "bad_certificate",
  "unknown-key": "certificate_unknown",
};

test.each(Object.entries(ALERTS) as [CertificateFault, AlertName][])("%s is told as %s", (fault, alert) => {
  const chain = [Uint8Array.of(1)];
  const error = new CertificateError(fault, "CN=a", "a fact", chain);
  expect(error.alert).toBe(alert);
  expect(error.message).toBe(`${fault}: CN=a, a fact`);
  expect([error.name, error.fault, error.subject, error.chain]).toEqual([
    "CertificateError",
    fault,
    "CN=a",
    chain,
  ]);
});
