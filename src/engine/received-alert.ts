import { alertName, PeerAlert, type ReceivedAlertName, TlsAlert } from "../alert.ts";
import { AlertLevel } from "../messages/record.ts";

/** What an alert of the peer means in TLS 1.3. RFC 8446 §6. */
export type ReceivedAlert =
  | { readonly means: "close" }
  | { readonly means: "failure"; readonly alert: ReceivedAlertName }
  | { readonly means: "warning"; readonly alert: ReceivedAlertName };

/**
 * @param alert level and description.
 * @throws {TlsAlert} illegal_parameter for a level that does not exist; decode_error for a warning that TLS 1.3 does not know.
 */
export function readAlert(alert: Uint8Array): ReceivedAlert {
  const [level = 0, description = 0] = alert;
  const name = alertName(description);
  if (level !== AlertLevel.warning && level !== AlertLevel.fatal) {
    throw new TlsAlert("illegal_parameter", `the peer sent the alert ${name} with level ${level}`);
  }
  if (name === "close_notify") return { means: "close" };
  if (level === AlertLevel.fatal) return { means: "failure", alert: name };
  // Besides close_notify one alert is no error, whatever its level says.
  if (name !== "user_canceled") {
    const cause = new PeerAlert(name);
    throw new TlsAlert("decode_error", `the peer sent ${name} as a warning`, { cause });
  }
  return { means: "warning", alert: name };
}
