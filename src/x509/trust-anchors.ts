import { latin1 } from "../bytes.ts";
import { type Certificate, decodeCertificate } from "./certificate.ts";
import { decodeAll, type PemOrDer } from "./pem-or-der.ts";

/**
 * The authorities that are trusted: where paths end. An anchor counts by its name and key, and by what its certificate says of dates,
 * usage and names; its own signature is not checked.
 */
export class TrustAnchors {
  readonly #bySubject = new Map<string, Certificate[]>();
  readonly #size: number;

  /**
   * @param certificates PEM text with any number of CERTIFICATE blocks, or DER certificates, or several of both. Copied.
   * @throws {ConfigError} for none at all, or for one that cannot be read.
   */
  constructor(certificates: PemOrDer) {
    const anchors = decodeAll("anchors", certificates, "CERTIFICATE", decodeCertificate);
    for (const anchor of anchors) {
      const key = latin1(anchor.subject);
      const known = this.#bySubject.get(key);
      if (known === undefined) this.#bySubject.set(key, [anchor]);
      else known.push(anchor);
    }
    this.#size = anchors.length;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** Those with the name `subject`, a DER Name. */
  named(subject: Uint8Array): readonly Certificate[] {
    return this.#bySubject.get(latin1(subject)) ?? [];
  }

  /** The DER names of all anchors, each once, as a server may list them for clients. The caller owns them. */
  get subjects(): readonly Uint8Array[] {
    return Array.from(this.#bySubject.values()).flatMap(([first]) =>
      first === undefined ? [] : [first.subject.slice()],
    );
  }
}
