/**
 * Alert descriptions by their registered names. RFC 8446 §6, RFC 5246 §7.2, RFC 7301 §3.2, RFC 8446 §4.4.2.4.
 */
export const AlertDescription = {
  close_notify: 0,
  unexpected_message: 10,
  bad_record_mac: 20,
  decryption_failed: 21,
  record_overflow: 22,
  decompression_failure: 30,
  handshake_failure: 40,
  no_certificate: 41,
  bad_certificate: 42,
  unsupported_certificate: 43,
  certificate_revoked: 44,
  certificate_expired: 45,
  certificate_unknown: 46,
  illegal_parameter: 47,
  unknown_ca: 48,
  access_denied: 49,
  decode_error: 50,
  decrypt_error: 51,
  export_restriction: 60,
  protocol_version: 70,
  insufficient_security: 71,
  internal_error: 80,
  inappropriate_fallback: 86,
  user_canceled: 90,
  no_renegotiation: 100,
  missing_extension: 109,
  unsupported_extension: 110,
  certificate_unobtainable: 111,
  unrecognized_name: 112,
  bad_certificate_status_response: 113,
  bad_certificate_hash_value: 114,
  unknown_psk_identity: 115,
  certificate_required: 116,
  no_application_protocol: 120,
} as const;

/** The registered name of an alert, such as `"handshake_failure"`. */
export type AlertName = keyof typeof AlertDescription;

/** An alert as it came: its registered name, or `alert_N` for a number that is not registered. */
export type ReceivedAlertName = AlertName | `alert_${number}`;

const nameByDescription = new Map<number, AlertName>(
  Object.entries(AlertDescription).map(([name, description]) => [description, name as AlertName]),
);

/** The registered name of alert `description` (0..255), or `alert_N`. */
export function alertName(description: number): ReceivedAlertName {
  return nameByDescription.get(description) ?? `alert_${description}`;
}

/** @throws {TypeError} for a name that is not registered, such as a hook without types may give. */
export function checkAlertName(name: string): asserts name is AlertName {
  if (!Object.hasOwn(AlertDescription, name))
    throw new TypeError(`there is no alert ${JSON.stringify(name)}`);
}

/**
 * We found a fault with what the peer sent, or with what it is. The engine sends {@link TlsAlert.alert} and closes.
 *
 * The message states the fact, lower case, with values and without secrets; the alert's name stands in front.
 */
export class TlsAlert extends Error {
  override readonly name = "TlsAlert";
  /** The alert that the peer is sent. */
  readonly alert: AlertName;
  /** What is wrong, without the alert. */
  readonly fact: string;

  constructor(alert: AlertName, fact: string, options?: ErrorOptions) {
    super(`${alert}: ${fact}`, options);
    this.alert = alert;
    this.fact = fact;
  }
}

/** The peer sent a fatal alert. Nothing is sent in answer (RFC 8446 §6.2). */
export class PeerAlert extends Error {
  override readonly name = "PeerAlert";
  /** What the peer sent. */
  readonly alert: ReceivedAlertName;

  constructor(alert: ReceivedAlertName) {
    super(`the peer sent the fatal alert ${alert}`);
    this.alert = alert;
  }
}
