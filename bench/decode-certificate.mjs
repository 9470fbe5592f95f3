// Decoding of the root certificates that Node has, all of them per unit, beside node:crypto, whose constructor decodes without the fields.
//
// node --expose-gc bench/decode-certificate.mjs
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

import { parsePem } from "../dist/der/pem.js";
import { decodeCertificate } from "../dist/x509/certificate.js";
import { compare } from "./harness.mjs";

const roots = rootCertificates.map((pem) => parsePem(pem)[0].bytes);

/** Decodes all roots; what it returns depends on each. */
const all = (decode) => () => roots.reduce((sum, der) => sum + decode(der), 0);

compare(`${roots.length} root certificates`, [
  { name: "decodeCertificate", run: all((der) => decodeCertificate(der).extensions.all.length), bytes: 0 },
  { name: "node:crypto", run: all((der) => new X509Certificate(der).raw.length), bytes: 0 },
]);
