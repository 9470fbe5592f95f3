import { readFileSync } from "node:fs";
import * as tls from "node:tls";

import { parsePem } from "../../der/pem.ts";
import { DerError } from "../../der/reader.ts";
import { ConfigError } from "../../errors.ts";
import { decodeCertificate } from "../../x509/certificate.ts";
import { TrustAnchors } from "../../x509/trust-anchors.ts";

/**
 * The authorities that this machine trusts, for `webPki()`: those of the operating system where this Node can tell
 * (`tls.getCACertificates`, Node 22.15), otherwise those that Node came with; and those of the file that `NODE_EXTRA_CA_CERTS` names.
 *
 * Certificates of the system that cannot be read, or are no certificates, are left out. It reads anew at each call.
 *
 * @throws {ConfigError} when the file of `NODE_EXTRA_CA_CERTS` cannot be read, or when nothing is left.
 */
export function systemAnchors(): TrustAnchors {
  const ders = [...pemsOfSystem(), ...extraPems()].flatMap(readableCertificates);
  return new TrustAnchors(ders);
}

/** `tls` of later versions of Node. */
interface LaterTls {
  readonly getCACertificates?: (type: "system") => readonly string[];
}

function pemsOfSystem(): readonly string[] {
  // The types are those of Node 20, which does not have it.
  const { getCACertificates } = tls as LaterTls;
  const system = getCACertificates?.("system") ?? [];
  // A container may have no store of its own.
  return system.length > 0 ? system : tls.rootCertificates;
}

function extraPems(): readonly string[] {
  const path = process.env["NODE_EXTRA_CA_CERTS"];
  if (path === undefined || path === "") return [];
  try {
    return [readFileSync(path, "utf8")];
  } catch (cause) {
    const error = new ConfigError("NODE_EXTRA_CA_CERTS", path, "a file that can be read");
    error.cause = cause;
    throw error;
  }
}

function readableCertificates(pem: string): readonly Uint8Array[] {
  return blocksOf(pem).filter((der) => {
    try {
      decodeCertificate(der);
      return true;
    } catch (error) {
      if (error instanceof DerError) return false;
      throw error;
    }
  });
}

function blocksOf(pem: string): readonly Uint8Array[] {
  try {
    return parsePem(pem).flatMap(({ label, bytes }) => (label === "CERTIFICATE" ? [bytes] : []));
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}
