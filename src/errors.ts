/** A configuration was refused before anything was sent. Says which option, its value, and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The option as it is spelled in the configuration, such as `"groups"` or `"limits.handshakeMessageBytes"`. */
  readonly option: string;

  /**
   * @param value the value given; shown as it is, so never pass a secret.
   * @param allowed the allowed range in words, such as `"1..65535"`.
   */
  constructor(option: string, value: unknown, allowed: string) {
    super(`${option}: ${describe(value)} is not allowed; allowed: ${allowed}`);
    this.option = option;
  }
}

/** The transport ended without a close_notify: what was received may have been cut by anyone on the path. RFC 8446 §6.1. */
export class TruncationError extends Error {
  override readonly name = "TruncationError";
}

/**
 * The first bytes that should have been TLS are no TLS record. No alert is sent, since nothing there could read one.
 *
 * `kind` is `"plaintext-after-upgrade"` when the connection was upgraded: either the peer went on in plaintext, or somebody
 * injected commands behind the one that asked for the upgrade. It is `"not-tls"` when the connection was to be TLS from its first byte.
 */
export class NotTlsError extends Error {
  override readonly name = "NotTlsError";
  readonly kind: "plaintext-after-upgrade" | "not-tls";

  /** @param firstBytes what came instead of a record; at most eight bytes of it are shown. */
  constructor(kind: "plaintext-after-upgrade" | "not-tls", firstBytes: Uint8Array) {
    const shown = Array.from(firstBytes.subarray(0, 8), (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`,
    ).join("");
    super(`${kind}: the peer sent "${shown}", which is no TLS record`);
    this.kind = kind;
  }
}

/** A time limit of `TlsProtocol` ran out. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
  /** What did not end in time. */
  readonly during: "handshake" | "shutdown";

  constructor(during: "handshake" | "shutdown", limitMs: number) {
    super(`the TLS ${during} did not end within ${limitMs} ms`);
    this.during = during;
  }
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `Uint8Array(${value.length})`;
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "object";
  return String(value);
}
