import type { X509Certificate } from "@peculiar/x509";
import { ConfigError } from "../errors.ts";
import { decodeCertificate } from "../x509/certificate.ts";
import { decodeAll } from "../x509/pem-or-der.ts";
import { x509 } from "./peculiar.ts";

/**
 * A certificate as `@peculiar/x509` has it, for programs that look at what is in it. That library takes much for a certificate that is none,
 * so it is given only what the strict decoder of this one reads. It is for looking: whether a peer is to be trusted is for a trust policy to say.
 *
 * @param certificate DER, such as one of a peer's `chain`; copied.
 * @throws {ConfigError} for anything that is not exactly a DER certificate. What the other library does not know in it, it may throw for later,
 *   when it is asked for.
 */
export function toPeculiar(certificate: Uint8Array): X509Certificate {
  const [decoded] = decodeAll("certificate", certificate, "CERTIFICATE", decodeCertificate);
  // decodeAll refuses to give none.
  if (decoded === undefined) throw new ConfigError("certificate", certificate, "a DER certificate");
  return new x509.X509Certificate(new Uint8Array(decoded.der));
}
