/** Keying material for the protocol above TLS: that of TLS 1.3 (RFC 8446 §7.5) or of TLS 1.2 (RFC 5705). */
export interface Exporter {
  /**
   * `length` bytes for `label` and `context`, which the caller owns.
   *
   * @param label 1 to 249 ASCII characters.
   * @param context null for none. That equals an empty one in TLS 1.3, and differs from it in TLS 1.2.
   * @throws {RangeError} for a label, a context or a length that the version does not allow.
   * @throws {TypeError} when the secret has been wiped.
   */
  export(label: string, context: Uint8Array | null, length: number): Uint8Array;

  /** Forgets the secret. */
  wipe(): void;
}
