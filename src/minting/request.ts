import type { SigningKey } from "../crypto/provider.ts";
import type { Authority } from "./authority.ts";
import { makeKey, type NewKeyType, webCrypto } from "./key-pair.ts";
import { type LeafOptions, signLeaf } from "./leaf.ts";
import { pemOf } from "./minted-credential.ts";
import { type CertificateUsage, checkNames, commonNameAmong, nameOf } from "./names.ts";
import { x509 } from "./peculiar.ts";
import { readRequest, type RequestedSubject } from "./read-request.ts";

/** What {@link createRequest} makes. */
export interface RequestOptions {
  /** DNS names, perhaps behind `*.`, IP addresses, and mailboxes. What of it is granted is for the authority to say. */
  readonly names: readonly string[];
  /** Default: the first of {@link names} that has at most 64 characters. With it there need be no names. */
  readonly commonName?: string;
  /** Default: `"ecdsa-p256"`. */
  readonly keyType?: NewKeyType;
}

/** A certification request with its key, which stays with whoever has made it. */
export class CertificateRequest {
  /** PKCS #10 (RFC 2986). */
  readonly der: Uint8Array;
  readonly key: SigningKey;
  /** Private, so that whoever prints a request does not print its key. */
  readonly #pkcs8: Uint8Array;

  /** @param pkcs8 the key in DER, which becomes the request's. */
  constructor(der: Uint8Array, key: SigningKey, pkcs8: Uint8Array) {
    this.der = der;
    this.key = key;
    this.#pkcs8 = pkcs8;
    Object.freeze(this);
  }

  /** {@link der} in PEM, for the authority. */
  get pem(): string {
    return pemOf("CERTIFICATE REQUEST", this.der);
  }

  /** The private key in PEM, not encrypted. PKCS #8. */
  get keyPem(): string {
    return pemOf("PRIVATE KEY", this.#pkcs8);
  }
}

/**
 * Makes a key and asks for a certificate for it. With what the authority answers, `credential({ certificateChain, key: request.key })` makes
 * a credential.
 *
 * @throws {ConfigError} naming the option.
 */
export async function createRequest(options: RequestOptions): Promise<CertificateRequest> {
  // What a client may be called, a request may ask for.
  const { commonName, alternative } = checkNames("client", options.names, options.commonName);
  const { pair, algorithm, signingKey, pkcs8 } = await makeKey(options.keyType ?? "ecdsa-p256");
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: nameOf(commonName),
      keys: pair,
      signingAlgorithm: algorithm,
      extensions:
        alternative.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...alternative], false)],
    },
    webCrypto(),
  );
  return new CertificateRequest(new Uint8Array(request.rawData), signingKey, pkcs8);
}

/** What an authority says to a request. */
export interface GrantOptions extends LeafOptions {
  readonly usage: CertificateUsage;
  /**
   * Whom the certificate is for, as `issue` takes it. Default: all that the request asks for, which is subjectAltName, or the common name
   * where there is none. Give them when the request comes from somebody who may not have any name there is.
   */
  readonly names?: readonly string[];
}

/** A certificate for a key that somebody else holds. */
export interface IssuedCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER certificates, {@link certificate} first. */
  readonly certificateChain: readonly Uint8Array[];
  /** {@link certificateChain} in PEM. */
  readonly certificatePem: string;
}

/**
 * Signs a certificate for the key of a certification request, after checking that this key has signed the request. Of what is asked for,
 * only names are granted, and for a client the common name; usage and the like are for the authority to say.
 *
 * @param request PEM text with one CERTIFICATE REQUEST block, or DER.
 * @throws {ConfigError} when the request cannot be read or its signature does not verify, for keys that are not supported, for names that
 *   a certificate of that usage cannot have, and as {@link issue} does.
 */
export async function issueFromRequest(
  authority: Authority,
  request: string | Uint8Array,
  options: GrantOptions,
): Promise<IssuedCertificate> {
  const requested = await readRequest(request);
  const { usage } = options;
  const subject = options.names === undefined ? grantedSubject(requested, usage) : { names: options.names };
  const certificateChain = await signLeaf(authority, requested.subjectPublicKeyInfo, {
    ...options,
    ...subject,
  });
  const [certificate] = certificateChain;
  return { certificate, certificateChain, certificatePem: pemOf("CERTIFICATE", ...certificateChain) };
}

/** What of the names in a request is granted, before it is checked. */
function grantedSubject({ names, commonName }: RequestedSubject, usage: CertificateUsage) {
  if (usage === "client") return { names, ...(commonName !== undefined && { commonName }) };
  const granted = names.length > 0 || commonName === undefined ? names : [commonName];
  const spelled = granted.map((name) => name.toLowerCase());
  return { names: granted, ...commonNameAmong(spelled, commonName) };
}
