import { TlsAlert } from "../alert.ts";

/**
 * The record_size_limit that the peer asked for; the record layer brings it down to what TLS 1.3 allows. RFC 8449 §4.
 * @throws {TlsAlert} illegal_parameter below 64.
 */
export function checkPeerRecordSizeLimit(limit: number): number {
  if (limit < 64)
    throw new TlsAlert("illegal_parameter", `record_size_limit is ${limit}, at least 64 is allowed`);
  return limit;
}
