import { TlsAlert } from "../alert.ts";

/** The largest inner plaintext of TLS 1.3 with its type byte. */
const MAX_INNER_PLAINTEXT = 2 ** 14 + 1;

/**
 * The limit that the peer asked for, brought down to what TLS 1.3 allows. RFC 8449 §4.
 * @throws {TlsAlert} illegal_parameter below 64.
 */
export function checkRecordSizeLimit(limit: number): number {
  if (limit < 64)
    throw new TlsAlert("illegal_parameter", `record_size_limit is ${limit}, at least 64 is allowed`);
  return Math.min(limit, MAX_INNER_PLAINTEXT);
}
