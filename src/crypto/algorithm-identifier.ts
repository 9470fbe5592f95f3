import { DerError, readDer, type DerReader } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";
import { derNull } from "../der/writer.ts";
import { equalBytes } from "../bytes.ts";

/** An AlgorithmIdentifier: RFC 5280 §4.1.1.2. */
export interface AlgorithmIdentifier {
  /** Dotted decimal. */
  readonly oid: string;
  /** The whole element of the parameters, whose insides are not checked yet; undefined when absent, which is not NULL. */
  readonly parameters: Uint8Array | undefined;
  /** The whole AlgorithmIdentifier. */
  readonly bytes: Uint8Array;
}

/** Reads an AlgorithmIdentifier. Slices share memory with the input. @throws {DerError} when it is malformed. */
export function readAlgorithmIdentifier(reader: DerReader): AlgorithmIdentifier {
  const bytes = reader.element(DerTag.SEQUENCE);
  return readDer(bytes, (outer) =>
    outer.sequence((inner) => {
      const oid = inner.objectIdentifier();
      return { oid, parameters: inner.isAtEnd ? undefined : inner.element(), bytes };
    }),
  );
}

/** @throws {DerError} unless the parameters are NULL, as those of RSA with PKCS #1 v1.5 are. RFC 3279 §2.3.1. */
export function requireNullParameters({ oid, parameters }: AlgorithmIdentifier): void {
  if (parameters === undefined || !equalBytes(parameters, derNull())) {
    throw new DerError(`parameters of algorithm ${oid} are not NULL`);
  }
}

/** @throws {DerError} unless there are no parameters, as for ECDSA signatures and Ed25519. RFC 5758 §3.2, RFC 8410 §3. */
export function requireNoParameters({ oid, parameters }: AlgorithmIdentifier): void {
  if (parameters !== undefined) throw new DerError(`algorithm ${oid} has parameters`);
}
