import { ConfigError } from "../errors.ts";

/** When a certificate is valid, in whole seconds since 1970; both ends belong to it. */
export interface Validity {
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

/**
 * The time of validity of a certificate that is made at `nowMs`: it begins an hour earlier, for peers whose clocks are behind.
 *
 * @param nowMs since 1970.
 * @param days from `nowMs` on; need not be whole.
 * @param within what it must not go beyond, such as that of the authority; `nowMs` lies in it.
 * @throws {ConfigError} for a number that is not positive, or that leads behind the year 9999.
 */
export function validityFrom(nowMs: number, days: number, within?: Validity): Validity {
  const nowSeconds = Math.floor(nowMs / 1000);
  const notBeforeSeconds = nowSeconds - BACKDATED_SECONDS;
  const notAfterSeconds = nowSeconds + Math.floor(days * DAY_SECONDS);
  // Written so that NaN is refused.
  if (!(days > 0 && notAfterSeconds <= LAST_SECOND))
    throw new ConfigError("validityDays", days, "a positive number that ends before the year 10000");
  return {
    notBeforeSeconds: Math.max(notBeforeSeconds, within?.notBeforeSeconds ?? -Infinity),
    notAfterSeconds: Math.min(notAfterSeconds, within?.notAfterSeconds ?? Infinity),
  };
}

const BACKDATED_SECONDS = 3600;
const DAY_SECONDS = 86_400;

/** What GeneralizedTime ends with. RFC 5280 §4.1.2.5. */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000;
