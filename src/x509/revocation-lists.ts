import { equalBytes, latin1 } from "../bytes.ts";
import type { Certificate } from "./certificate.ts";
import { type CertificateList, decodeCertificateList } from "./crl.ts";
import { KeyUsageBit } from "./key-usage.ts";
import { type Finding, showSubject, showTime } from "./path-rules.ts";
import { decodeAll, type PemOrDer } from "./pem-or-der.ts";
import type { Search, SignatureChecks } from "./signature-checks.ts";

/**
 * Certificate revocation lists that a configuration brings along; none is ever fetched. A list is held against all certificates that
 * its issuer signed. Where there is no list of an issuer, nothing is known about its certificates, and nothing is checked.
 */
export class RevocationLists {
  readonly #byIssuer = new Map<string, CertificateList[]>();

  /**
   * @param lists PEM text with any number of `X509 CRL` blocks, or DER CertificateLists, or several of both. Copied. Of each issuer, the
   *   newest: an old one beside it makes all of the issuer's certificates unusable.
   * @throws {ConfigError} for none at all, or for one that cannot be read or used; see {@link decodeCertificateList}.
   */
  constructor(lists: PemOrDer) {
    for (const list of decodeAll("revocationLists", lists, "X509 CRL", decodeCertificateList)) {
      const key = latin1(list.issuer);
      const known = this.#byIssuer.get(key);
      if (known === undefined) this.#byIssuer.set(key, [list]);
      else known.push(list);
    }
  }

  /** Those of the issuer with the DER Name `issuer`; some may be signed with a key that the issuer had before. */
  of(issuer: Uint8Array): readonly CertificateList[] {
    return this.#byIssuer.get(latin1(issuer)) ?? [];
  }
}

/**
 * What the lists say against `certificate`, which the authority `issuer` has signed; undefined when they say nothing. RFC 5280 §6.3.3, for
 * lists that the issuer signs with the key that it signs certificates with.
 *
 * @param nowSeconds since 1970.
 * @throws {BudgetExhausted}
 */
export function* findRevocation(
  certificate: Certificate,
  issuer: Certificate,
  lists: RevocationLists,
  nowSeconds: number,
  signatures: SignatureChecks,
): Search<Finding | undefined> {
  for (const list of lists.of(issuer.subject)) {
    const fault = yield* signatures.findFault(list, issuer);
    if (fault !== null && namesOtherKey(list, issuer)) continue;
    if (fault !== null) return unusable(issuer, fault.detail);
    const { keyUsage } = issuer.extensions;
    if (keyUsage !== undefined && (keyUsage & KeyUsageBit.cRLSign) === 0)
      return unusable(issuer, "keyUsage of the issuer does not permit to sign it");
    if (list.isRevoked(certificate.serialNumber))
      return {
        fault: "revoked",
        detail: `by the list of ${showSubject(issuer)} of ${showTime(list.thisUpdateSeconds)}`,
      };
    if (!(nowSeconds >= list.thisUpdateSeconds && nowSeconds <= list.nextUpdateSeconds))
      return unusable(
        issuer,
        `it is for ${showTime(list.thisUpdateSeconds)} to ${showTime(list.nextUpdateSeconds)}`,
      );
  }
  return undefined;
}

/** That the identifiers differ is not enough to leave a list out, as a key can have several. RFC 5280 §5.2.1. */
function namesOtherKey(
  { authorityKeyIdentifier }: CertificateList,
  { extensions: { subjectKeyIdentifier } }: Certificate,
): boolean {
  return (
    authorityKeyIdentifier !== undefined &&
    subjectKeyIdentifier !== undefined &&
    !equalBytes(authorityKeyIdentifier, subjectKeyIdentifier)
  );
}

function unusable(issuer: Certificate, detail: string): Finding {
  return { fault: "bad-revocation-list", detail: `revocation list of ${showSubject(issuer)}: ${detail}` };
}
