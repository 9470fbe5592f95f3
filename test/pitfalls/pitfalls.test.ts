import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { testPitfalls } from "./pitfall.ts";
import { rows1To6 } from "./rows-01-06.ts";
import { rows7To9 } from "./rows-07-09.ts";
import { rows11To15 } from "./rows-11-15.ts";
import { rows16To20 } from "./rows-16-20.ts";
import { rows21To25 } from "./rows-21-25.ts";
import { rows26To27 } from "./rows-26-27.ts";
import { rows28To29 } from "./rows-28-29.ts";
import { rows30To32 } from "./rows-30-32.ts";
import { rows33To34 } from "./rows-33-34.ts";
import { rows35To36 } from "./rows-35-36.ts";
import { rows37To39 } from "./rows-37-39.ts";
import { rows40To46 } from "./rows-40-46.ts";
import { rows47To51 } from "./rows-47-51.ts";

const pitfalls = [
  ...rows1To6,
  ...rows7To9,
  ...rows11To15,
  ...rows16To20,
  ...rows21To25,
  ...rows26To27,
  ...rows28To29,
  ...rows30To32,
  ...rows33To34,
  ...rows35To36,
  ...rows37To39,
  ...rows40To46,
  ...rows47To51,
];

testPitfalls(pitfalls);

/** A row, or a part of one, that belongs to an issue that is still open: 2 TLS 1.2, 3 certificates, 4 sessions and early data. */
interface OutOfScope {
  readonly row: number;
  readonly part: string;
  readonly reason: string;
  readonly issue: number;
}

// The shape is checked by the last test.
const outOfScope = JSON.parse(
  readFileSync(join(import.meta.dirname, "out-of-scope.json"), "utf8"),
) as readonly OutOfScope[];

const ALL_ROWS = Array.from({ length: 51 }, (_, index) => index + 1);

/** Rows of which TLS 1.3 asks something of one role only; all others have tests with an engine of each. */
const ONE_ROLE: ReadonlyMap<number, "client" | "server"> = new Map([
  [22, "client"], // supported_versions in ServerHello
  [23, "client"], // the mark is checked; setting it is TLS 1.2
  [30, "client"], // HelloRetryRequest
  [31, "server"], // the second ClientHello
  [32, "server"], // ClientHello
  [34, "client"], // the server's choice
  [41, "server"], // ClientHello
  [42, "client"], // ServerHello
  [44, "client"], // NewSessionTicket
  [45, "server"], // the second ClientHello
]);

test("every row of the table has a test, or belongs to an issue that is open", () => {
  const tested = new Set(pitfalls.map(({ row }) => row));
  const listed = new Set(outOfScope.map(({ row }) => row));
  expect(ALL_ROWS.filter((row) => !tested.has(row) && !listed.has(row))).toEqual([]);
  expect(ALL_ROWS.filter((row) => !tested.has(row))).toEqual([10, 43]);
});

test("every row that concerns both roles has tests with an engine of each", () => {
  for (const row of new Set(pitfalls.map((pitfall) => pitfall.row))) {
    const engines = new Set(pitfalls.filter((pitfall) => pitfall.row === row).map(({ engine }) => engine));
    const only = ONE_ROLE.get(row);
    expect({ row, engines: [...engines].sort() }).toEqual({
      row,
      engines: only === undefined ? ["client", "server"] : [only],
    });
  }
});

test("no two tests of a row have the same name", () => {
  const names = pitfalls.map(({ row, name, engine }) => `row ${row}: ${name} (${engine})`);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("what is out of scope says which part of which row, why, and whose it is", () => {
  expect(outOfScope.length).toBeGreaterThan(0);
  for (const entry of outOfScope) {
    expect(Object.keys(entry)).toEqual(["row", "part", "reason", "issue"]);
    expect(ALL_ROWS).toContain(entry.row);
    expect(entry.part).toMatch(/\w{3}/);
    expect(entry.reason).toMatch(/\w{3}/);
    expect([2, 3, 4]).toContain(entry.issue);
  }
});
