import { ConfigError } from "../errors.ts";

/** What a peer may make us keep or do. Each one is enforced on declared lengths, before anything is buffered. */
export interface Limits {
  /** Bytes of one handshake message, without its header. */
  readonly handshakeMessageBytes: number;
  /** Certificates in one Certificate message. */
  readonly certificates: number;
  /** Bytes of one certificate. */
  readonly certificateBytes: number;
  /** Consecutive records without content. */
  readonly emptyRecords: number;
  /** ChangeCipherSpec records that are dropped during a TLS 1.3 handshake. */
  readonly changeCipherSpecs: number;
  /** Warning alerts (in TLS 1.3: `user_canceled`) in one connection. */
  readonly warningAlerts: number;
  /** KeyUpdates, tickets and other handshake messages without application data between them. */
  readonly postHandshakeMessages: number;
  /**
   * Bytes of early data that a server passes over, records as they come, because it does not take them; twice as many as it would have taken,
   * or its ticket allows, if that is more.
   */
  readonly skippedEarlyDataBytes: number;
  /** Bytes received while the handshake waits for a hook. */
  readonly parkedInputBytes: number;
  /** Bytes written before the handshake has ended. */
  readonly queuedWriteBytes: number;
}

/** The limits of a configuration that names none. */
export const defaultLimits: Limits = Object.freeze({
  handshakeMessageBytes: 64 * 1024,
  certificates: 16,
  certificateBytes: 64 * 1024,
  emptyRecords: 32,
  changeCipherSpecs: 32,
  warningAlerts: 4,
  postHandshakeMessages: 32,
  skippedEarlyDataBytes: 16 * 1024,
  parkedInputBytes: 64 * 1024,
  queuedWriteBytes: 1024 * 1024,
});

/** The defaults with `changes`. @throws {ConfigError} for a limit that is not a whole number from 1 to 2^24 - 1. */
export function limitsWith(changes: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(defaultLimits, name))
      throw new ConfigError(`limits.${name}`, value, Object.keys(defaultLimits).join(", "));
    if (!Number.isInteger(value) || value < 1 || value >= 2 ** 24) {
      throw new ConfigError(`limits.${name}`, value, `whole numbers in 1..${2 ** 24 - 1}`);
    }
  }
  return Object.freeze({ ...defaultLimits, ...changes });
}

/** A record_size_limit that we may announce, with the type byte; undefined announces none. @throws {ConfigError} outside of RFC 8449 §4. */
export function checkOwnRecordSizeLimit(limit: number | undefined): number | undefined {
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 64 || limit > 2 ** 14 + 1)) {
    throw new ConfigError("recordSizeLimit", limit, `whole numbers in 64..${2 ** 14 + 1}`);
  }
  return limit;
}
