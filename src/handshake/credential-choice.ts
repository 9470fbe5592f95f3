import { equalBytes } from "../bytes.ts";
import type { Credential } from "../config/credential.ts";
import type { KeyType } from "../crypto/provider.ts";
import { DerError } from "../der/reader.ts";
import { signatureSchemeOf } from "../x509/algorithms.ts";
import { type Certificate, decodeCertificate } from "../x509/certificate.ts";
import { matchesName, readReferenceName } from "../x509/reference-name.ts";

/** What a peer has said about the certificates that it would like. */
export interface CertificateWish {
  /** The SNI host name; null when there is none, and for a client's certificate. RFC 6066 §3. */
  readonly serverName: string | null;
  /** Schemes that certificates may be signed with: signature_algorithms_cert, or else signature_algorithms. RFC 8446 §4.2.3. */
  readonly certificateSchemes: readonly number[];
  /** Distinguished names in DER of authorities that it accepts; none when it does not say. RFC 8446 §4.2.4. */
  readonly authorities: readonly Uint8Array[];
}

/**
 * Credentials in tiers, the best tier first, and in each in the order of `credentials`. What counts most is that the certificate is for the
 * name; then that one of the peer's authorities has issued it, without which it will hardly be trusted; then that the peer can verify the
 * signatures of the chain, which not every peer is strict about. None of them is left out: a peer that cannot have what it wishes for gets what there is (RFC 8446 §4.4.2.2, §4.4.2.3).
 */
export function tiersOf(
  credentials: readonly Credential[],
  wish: CertificateWish,
): readonly (readonly Credential[])[] {
  if (credentials.length < 2) return [credentials];
  const tiers: Credential[][] = Array.from({ length: 8 }, () => []);
  for (const credential of credentials) {
    const facts = factsOf(credential.certificateChain);
    const rank =
      (isFor(facts, wish.serverName) ? 0 : 4) +
      (isBelow(facts, wish.authorities) ? 0 : 2) +
      (isVerifiable(facts, wish.certificateSchemes) ? 0 : 1);
    tiers[rank]?.push(credential);
  }
  return tiers.filter(({ length }) => length > 0);
}

/** What a choice needs to know of a chain. */
interface ChainFacts {
  /** Undefined when it cannot be read. */
  readonly leaf: Certificate | undefined;
  /** Schemes of each signature that a peer has to check; it accepts the signature when it accepts one of them. */
  readonly signatures: readonly (readonly number[])[];
  /** DER Names. */
  readonly issuers: readonly Uint8Array[];
}

/** A server with many names looks at all of its credentials in every handshake. */
const known = /* @__PURE__ */ new WeakMap<readonly Uint8Array[], ChainFacts>();

function factsOf(chain: readonly Uint8Array[]): ChainFacts {
  const before = known.get(chain);
  if (before !== undefined) return before;
  const certificates = chain.map(readable);
  const facts: ChainFacts = {
    leaf: certificates[0],
    signatures: certificates.flatMap((certificate) =>
      certificate === undefined || isSelfIssued(certificate)
        ? []
        : [schemesOf(certificate.signatureAlgorithm)],
    ),
    issuers: certificates.flatMap((certificate) => (certificate === undefined ? [] : [certificate.issuer])),
  };
  known.set(chain, facts);
  return facts;
}

/** A key that signs elsewhere may come with a certificate that we would not take from a peer. */
function readable(der: Uint8Array): Certificate | undefined {
  try {
    return decodeCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

/** Nobody checks the signature of an anchor. RFC 8446 §4.2.3. */
function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return equalBytes(issuer, subject);
}

/** One kind of key for each algorithm; that of the issuer is not known when the chain does not hold it. */
const ISSUER_KEY_TYPES: readonly KeyType[] = ["ecdsa-p256", "rsa", "rsa-pss", "ed25519"];

function schemesOf(signatureAlgorithm: Uint8Array): readonly number[] {
  return ISSUER_KEY_TYPES.flatMap((keyType) => signatureSchemeOf(signatureAlgorithm, keyType) ?? []);
}

function isFor({ leaf }: ChainFacts, serverName: string | null): boolean {
  return serverName === null || (leaf !== undefined && matchesName(leaf, readReferenceName(serverName)));
}

function isVerifiable({ signatures }: ChainFacts, accepted: readonly number[]): boolean {
  return signatures.every((schemes) => schemes.some((scheme) => accepted.includes(scheme)));
}

function isBelow({ issuers }: ChainFacts, authorities: readonly Uint8Array[]): boolean {
  return (
    authorities.length === 0 || issuers.some((issuer) => authorities.some((name) => equalBytes(name, issuer)))
  );
}
