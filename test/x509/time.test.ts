import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { DerError, readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import { derElement } from "../../src/der/writer.ts";
import { readTime, type Time } from "../../src/x509/time.ts";

function utc(text: string): Time {
  return readDer(derElement(DerTag.UTCTime, ascii(text)), readTime);
}

function generalized(text: string): Time {
  return readDer(derElement(DerTag.GeneralizedTime, ascii(text)), readTime);
}

/** What Date, which knows years below 100 only from its setters, says of the same. */
function secondsByDate(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime() / 1000;
}

const digits = (number: number, count: number): string => String(number).padStart(count, "0");

describe("UTCTime", () => {
  test("counts seconds since 1970, and is of 1950 to 2049", () => {
    expect(utc("700101000000Z")).toEqual({ seconds: 0, isEarlyGeneralizedTime: false });
    expect(utc("691231235959Z").seconds).toBe(-1);
    expect(utc("000101000000Z").seconds).toBe(Date.UTC(2000, 0, 1) / 1000);
    expect(utc("491231235959Z").seconds).toBe(Date.UTC(2050, 0, 1) / 1000 - 1);
    expect(utc("500101000000Z").seconds).toBe(Date.UTC(1950, 0, 1) / 1000);
    expect(utc("000229120000Z").seconds).toBe(Date.UTC(2000, 1, 29, 12) / 1000);
  });

  test.each([
    "7001010000Z",
    "700101000000",
    "700101000000z",
    "700101000000+0000",
    "7001010000+0100",
    "700101000000.0Z",
    "19700101000000Z",
    " 70101000000Z",
    "7O0101000000Z",
    "-10101000000Z",
    "700101000000Z\0",
    "",
    "Z",
  ])("is not %j", (text) => {
    expect(() => utc(text)).toThrow("UTCTime is not YYMMDDHHMMSSZ (at offset 0)");
  });
});

describe("GeneralizedTime", () => {
  test("counts seconds since 1970, from the year 0 to 9999", () => {
    expect(generalized("20500101000000Z")).toEqual({
      seconds: Date.UTC(2050, 0, 1) / 1000,
      isEarlyGeneralizedTime: false,
    });
    expect(generalized("99991231235959Z").seconds).toBe(253402300799);
    expect(generalized("00000101000000Z").seconds).toBe(-62167219200);
  });

  test("is marked when it is before 2050, where it should be a UTCTime", () => {
    expect(generalized("20491231235959Z").isEarlyGeneralizedTime).toBe(true);
    expect(generalized("19491231235959Z").isEarlyGeneralizedTime).toBe(true);
  });

  test.each([
    "500101000000Z",
    "205001010000Z",
    "20500101000000",
    "20500101000000.5Z",
    "20500101000000,5Z",
    "20500101000000+0100",
    "2050010100000 Z",
    "",
  ])("is not %j", (text) => {
    expect(() => generalized(text)).toThrow("GeneralizedTime is not YYYYMMDDHHMMSSZ (at offset 0)");
  });
});

describe("the calendar", () => {
  test("has all days of the years around leap years, and no others", () => {
    for (const year of [1900, 1999, 2000, 2001, 2004, 2023, 2024, 2096, 2100, 2400]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const text = `${year}${digits(month, 2)}${digits(day, 2)}000000Z`;
          const date = new Date(secondsByDate(year, month, day) * 1000);
          const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
          if (isReal) expect(generalized(text).seconds, text).toBe(date.getTime() / 1000);
          else expect(() => generalized(text), text).toThrow(/^(month|day) \d+ is not in/);
        }
      }
    }
  });

  test("is that of Date, for any second of ten thousand years", () => {
    const parts = fc.tuple(
      fc.nat(9999),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 28 }),
      fc.nat(23),
      fc.nat(59),
      fc.nat(59),
    );
    fc.assert(
      fc.property(parts, ([year, ...rest]) => {
        const text = `${digits(year, 4)}${rest.map((part) => digits(part, 2)).join("")}Z`;
        expect(generalized(text).seconds).toBe(secondsByDate(year, ...rest));
        if (year >= 1950 && year < 2050)
          expect(utc(text.slice(2)).seconds).toBe(secondsByDate(year, ...rest));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["240000", "24:0:0"],
    ["236000", "23:60:0"],
    ["235960", "23:59:60"],
    ["999999", "99:99:99"],
  ])("has no time %s", (time, shown) => {
    expect(() => utc(`160630${time}Z`)).toThrow(`${shown} is no time of day`);
  });
});

test("a time is one of the two types", () => {
  for (const tag of [DerTag.PrintableString, DerTag.IA5String, DerTag.OCTET_STRING, 0x37, 0x97]) {
    expect(() => readDer(derElement(tag, ascii("700101000000Z")), readTime)).toThrow(DerError);
  }
});
