import { alertName, PeerAlert, type ReceivedAlertName, TlsAlert } from "../alert.ts";
import { AlertLevel } from "../messages/record.ts";

/** What an alert of the peer means. RFC 8446 §6, RFC 5246 §7.2. */
export type ReceivedAlert =
  | { readonly means: "close" }
  | { readonly means: "failure"; readonly alert: ReceivedAlertName }
  | { readonly means: "warning"; readonly alert: ReceivedAlertName };

/**
 * @param alert level and description.
 * @param mayWarn whether TLS 1.2 is spoken, or may be yet: its warnings do not end the connection.
 * @throws {TlsAlert} illegal_parameter for a level that does not exist; decode_error for a warning that TLS 1.3 does not know.
 */
export function readAlert(alert: Uint8Array, mayWarn: boolean): ReceivedAlert {
  const [level = 0, description = 0] = alert;
  const name = alertName(description);
  if (level !== AlertLevel.warning && level !== AlertLevel.fatal) {
    throw new TlsAlert("illegal_parameter", `the peer sent the alert ${name} with level ${level}`);
  }
  if (name === "close_notify") return { means: "close" };
  if (level === AlertLevel.fatal) return { means: "failure", alert: name };
  // In TLS 1.3 one alert besides close_notify is no error, whatever its level says.
  if (!mayWarn && name !== "user_canceled") {
    const cause = new PeerAlert(name);
    throw new TlsAlert("decode_error", `the peer sent ${name} as a warning`, { cause });
  }
  return { means: "warning", alert: name };
}
