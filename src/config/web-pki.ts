import { andThen, type Awaitable, isThenable } from "../awaitable.ts";
import { ConfigError } from "../errors.ts";
import { defaultPathLimits, type PathLimits } from "../x509/budget.ts";
import { CertificateError } from "../x509/certificate-error.ts";
import { type Certificate, decodeCertificate } from "../x509/certificate.ts";
import type { Conformance } from "../x509/conformance.ts";
import { DerError } from "../der/reader.ts";
import { checkOcspResponse, hasMustStaple, type OcspVerdict } from "../x509/ocsp.ts";
import { findPath } from "../x509/path.ts";
import { decodeAll, type PemOrDer } from "../x509/pem-or-der.ts";
import { showLeaf } from "../x509/raw-public-key.ts";
import { readReferenceName } from "../x509/reference-name.ts";
import { RevocationLists } from "../x509/revocation-lists.ts";
import { TrustAnchors } from "../x509/trust-anchors.ts";
import type { ClientTrust, PresentedPeer, Rejected, ServerTrust, Verified } from "./trust.ts";

/** What {@link webPki} takes besides the anchors. */
export interface WebPkiOptions {
  /** Certificates of authorities that peers may have forgotten to send. They are tried as issuers, and trusted in nothing. */
  readonly intermediates?: PemOrDer;
  /**
   * Revocation lists; of issuers without one, nothing is known. Only complete lists are taken: most public authorities issue partial ones,
   * with an issuingDistributionPoint. Default: none.
   */
  readonly revocationLists?: PemOrDer;
  /**
   * Rules of form: `web-pki` are those of public authorities; `rfc5280` leaves out what only those demand, such as extendedKeyUsage in a server's
   * certificate; `none` holds to what trust rests on alone, and is what a private authority needs that leaves out the key identifiers of
   * RFC 5280 §4.2.1. Signatures, dates, names, constraints and usages are checked in each. Default: `web-pki`.
   */
  readonly conformance?: Conformance;
  /**
   * `honour`: a certificate that says so (RFC 7633) must come with a good OCSP response; `require`: every one must; `ignore`: none is
   * looked at. A response that says `revoked` counts in either of the first two. Default: `honour`.
   */
  readonly stapling?: "honour" | "require" | "ignore";
  readonly limits?: Partial<PathLimits>;
}

/**
 * Trusts whoever shows a certificate for the name that was asked for, with a path to one of `anchors`. RFC 5280, RFC 9525.
 *
 * Names are those of subjectAltName alone. Every certificate of the path is checked but for the anchor's signature; what a search may
 * cost is bounded. With a synchronous provider, so is the answer.
 *
 * @param anchors the authorities that are trusted.
 * @throws {ConfigError} for anchors, intermediates or lists that cannot be read, and options that do not exist.
 */
export function webPki(
  anchors: TrustAnchors | PemOrDer,
  options: WebPkiOptions = {},
): ServerTrust & ClientTrust {
  return new WebPki(anchors instanceof TrustAnchors ? anchors : new TrustAnchors(anchors), options);
}

class WebPki implements ServerTrust, ClientTrust {
  readonly #anchors: TrustAnchors;
  readonly #intermediates: readonly Certificate[];
  readonly #revocationLists: RevocationLists | undefined;
  readonly #conformance: Conformance;
  readonly #stapling: "honour" | "require" | "ignore";
  readonly #limits: PathLimits;

  constructor(anchors: TrustAnchors, options: WebPkiOptions) {
    checkOptionNames(options);
    const {
      intermediates,
      revocationLists,
      conformance = "web-pki",
      stapling = "honour",
      limits = {},
    } = options;
    this.#anchors = anchors;
    this.#intermediates =
      intermediates === undefined
        ? []
        : decodeAll("intermediates", intermediates, "CERTIFICATE", decodeCertificate);
    this.#revocationLists = revocationLists === undefined ? undefined : new RevocationLists(revocationLists);
    this.#conformance = checkChoice("conformance", conformance, ["web-pki", "rfc5280", "none"]);
    this.#stapling = checkChoice("stapling", stapling, ["honour", "require", "ignore"]);
    this.#limits = pathLimitsWith(limits);
  }

  verify(peer: PresentedPeer): Awaitable<Verified | Rejected> {
    return attempt(() => {
      const { certificate: leaf } = peer.leaf;
      if (leaf === null) throw this.#fault("no-certificate", peer, "which no authority vouches for");
      return andThen(this.#findPath(peer, leaf), (path) =>
        andThen(this.#checkStatus(peer, leaf, path), () => ({
          trust: "verified" as const,
          path: path.map(({ der }) => der),
        })),
      );
    });
  }

  #findPath(peer: PresentedPeer, leaf: Certificate): Awaitable<readonly Certificate[]> {
    return findPath({
      leaf,
      others: [...readable(peer.chain.slice(1)), ...this.#intermediates],
      anchors: this.#anchors,
      nowSeconds: Math.floor(peer.nowMs / 1000),
      purpose: peer.role,
      reference: peer.serverName === null ? null : readReferenceName(peer.serverName),
      verifiers: peer.signatureVerifiers,
      limits: this.#limits,
      conformance: this.#conformance,
      ...(this.#revocationLists !== undefined && { revocationLists: this.#revocationLists }),
      chain: peer.chain,
    });
  }

  /** RFC 6960 §3.2, RFC 7633 §4. */
  #checkStatus(peer: PresentedPeer, leaf: Certificate, path: readonly Certificate[]): Awaitable<void> {
    const [, issuer] = path;
    if (this.#stapling === "ignore" || issuer === undefined) return undefined;
    const isDue = this.#stapling === "require" || hasMustStaple(leaf);
    if (peer.ocspResponse === null) {
      if (isDue) throw this.#fault("missing-status", peer, "no OCSP response is stapled to it");
      return undefined;
    }
    const verdict = checkOcspResponse({
      response: peer.ocspResponse,
      certificate: leaf,
      issuer,
      nowSeconds: Math.floor(peer.nowMs / 1000),
      verifiers: peer.signatureVerifiers,
    });
    return andThen(verdict, (status) => this.#judge(status, peer, isDue));
  }

  /** A response that cannot be used is as good as none, which an attacker could have made of it anyway. */
  #judge(status: OcspVerdict, peer: PresentedPeer, isDue: boolean): void {
    if (status.status === "revoked") throw this.#fault("revoked", peer, "by its OCSP response");
    if (status.status === "unusable" && isDue) throw this.#fault("bad-status", peer, status.reason);
  }

  #fault(
    fault: "missing-status" | "revoked" | "bad-status" | "no-certificate",
    { leaf, chain }: PresentedPeer,
    detail: string,
  ): CertificateError {
    return new CertificateError(fault, showLeaf(leaf), detail, chain);
  }
}

/** What is no certificate is no issuer; nobody is refused for what else it sends. */
function readable(ders: readonly Uint8Array[]): readonly Certificate[] {
  return ders.flatMap((der) => {
    try {
      return [decodeCertificate(der)];
    } catch (error) {
      if (error instanceof DerError) return [];
      throw error;
    }
  });
}

/** A certificate's fault is a verdict; anything else is not for the peer to hear of. */
function attempt(verify: () => Awaitable<Verified>): Awaitable<Verified | Rejected> {
  try {
    const verdict = verify();
    return isThenable(verdict) ? verdict.then((value) => value, rejection) : verdict;
  } catch (error) {
    return rejection(error);
  }
}

function rejection(error: unknown): Rejected {
  if (!(error instanceof CertificateError)) throw error;
  return { trust: "rejected", reason: error.message, alert: error.alert, cause: error };
}

const OPTION_NAMES: ReadonlySet<string> = /* @__PURE__ */ new Set<keyof WebPkiOptions>([
  "intermediates",
  "revocationLists",
  "conformance",
  "stapling",
  "limits",
]);

/** An option that is not known, such as a misspelt one, would leave something unchecked. */
function checkOptionNames(options: WebPkiOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (!OPTION_NAMES.has(name)) throw new ConfigError(name, value, Array.from(OPTION_NAMES).join(", "));
  }
}

function checkChoice<T extends string>(option: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new ConfigError(option, value, allowed.join(", "));
  return value;
}

function pathLimitsWith(changes: Partial<PathLimits>): PathLimits {
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaultPathLimits, name))
      throw new ConfigError(`limits.${name}`, value, Object.keys(defaultPathLimits).join(", "));
    if (!(typeof value === "number" && value >= 0 && value < 2 ** 24))
      throw new ConfigError(`limits.${name}`, value, `numbers in 0..${2 ** 24 - 1}`);
  }
  return { ...defaultPathLimits, ...changes };
}
