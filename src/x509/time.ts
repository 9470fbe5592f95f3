import type { DerReader } from "../der/reader.ts";
import { DerTag } from "../der/tags.ts";

/** A date of a certificate. RFC 5280 §4.1.2.5. */
export interface Time {
  /** Whole seconds since the beginning of 1970, without leap seconds; negative before. */
  readonly seconds: number;
  /** Whether it is before 2050 and yet a GeneralizedTime, where CAs must write UTCTime. */
  readonly isEarlyGeneralizedTime: boolean;
}

/**
 * Reads a Time: `YYMMDDHHMMSSZ` as UTCTime, for 1950 to 2049, or `YYYYMMDDHHMMSSZ` as GeneralizedTime. There are no other forms, so
 * neither fractions of a second nor another time zone, and the date must be in the (proleptic Gregorian) calendar.
 *
 * @throws {DerError} for anything else. A GeneralizedTime before 2050 is read, and marked.
 */
export function readTime(reader: DerReader): Time {
  if (reader.nextTag === DerTag.UTCTime) {
    const digits = reader.contents(DerTag.UTCTime);
    if (!isDigitsAndZ(digits, 12)) throw reader.error("UTCTime is not YYMMDDHHMMSSZ");
    const year = pair(digits, 0);
    return {
      seconds: secondsOf(reader, year < 50 ? 2000 + year : 1900 + year, digits, 2),
      isEarlyGeneralizedTime: false,
    };
  }
  const digits = reader.contents(DerTag.GeneralizedTime);
  if (!isDigitsAndZ(digits, 14)) throw reader.error("GeneralizedTime is not YYYYMMDDHHMMSSZ");
  const year = 100 * pair(digits, 0) + pair(digits, 2);
  return { seconds: secondsOf(reader, year, digits, 4), isEarlyGeneralizedTime: year < 2050 };
}

/** @param at where the month is in `digits`. */
function secondsOf(reader: DerReader, year: number, digits: Uint8Array, at: number): number {
  const month = pair(digits, at);
  const day = pair(digits, at + 2);
  const hour = pair(digits, at + 4);
  const minute = pair(digits, at + 6);
  const second = pair(digits, at + 8);
  if (month < 1 || month > 12) throw reader.error(`month ${month} is not in 1..12`);
  const days = daysInMonth(year, month);
  if (day < 1 || day > days) throw reader.error(`day ${day} is not in 1..${days}`);
  if (hour > 23 || minute > 59 || second > 59) {
    throw reader.error(`${hour}:${minute}:${second} is no time of day`);
  }
  return ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
}

/** Whether `bytes` are `count` decimal digits and a `Z`. */
function isDigitsAndZ(bytes: Uint8Array, count: number): boolean {
  if (bytes.length !== count + 1 || bytes[count] !== 0x5a) return false;
  for (let i = 0; i < count; i++) {
    const digit = bytes[i] ?? 0;
    if (digit < 0x30 || digit > 0x39) return false;
  }
  return true;
}

/** The number of two digits. */
function pair(digits: Uint8Array, at: number): number {
  return 10 * ((digits[at] ?? 0) - 0x30) + (digits[at + 1] ?? 0) - 0x30;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Days before the first of each month, from March on, in a year that starts with March: leap days come last there. */
const DAYS_BEFORE = [306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275];

function daysSince1970(year: number, month: number, day: number): number {
  const years = month < 3 ? year - 1 : year;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  return years * 365 + leapDays + (DAYS_BEFORE[month - 1] ?? 0) + day - DAYS_TO_1970;
}

/** What the formula gives for the first of January 1970. */
const DAYS_TO_1970 = 719469;
