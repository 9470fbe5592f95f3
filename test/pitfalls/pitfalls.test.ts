import { expect, test } from "vitest";

import type { TlsVersion } from "../../src/index.ts";
import { testName, testPitfalls } from "./pitfall.ts";
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
import { rowsOfChains } from "./rows-chains.ts";
import { rowsPskClient } from "./rows13-psk-client.ts";
import { rowsPskClientTickets } from "./rows13-psk-client-tickets.ts";
import { rowsPskHellos } from "./rows13-psk-hellos.ts";
import { rowsPskTickets } from "./rows13-psk-tickets.ts";
import { rowsOfAnsweredEarlyData } from "./rows-early-data-answered.ts";
import { rowsOfRejectedEarlyData } from "./rows-early-data-rejected.ts";
import { rowsOfTakenEarlyData } from "./rows-early-data-taken.ts";
import { tls12Rows1To6 } from "./rows12-01-06.ts";
import { tls12Rows7To8 } from "./rows12-07-08.ts";
import { tls12Rows9 } from "./rows12-09.ts";
import { tls12Rows10To13 } from "./rows12-10-13.ts";
import { tls12Rows14To16 } from "./rows12-14-16.ts";
import { tls12Rows17 } from "./rows12-17.ts";
import { tls12Rows18To20 } from "./rows12-18-20.ts";
import { tls12Rows21To22 } from "./rows12-21-22.ts";
import { tls12Rows23To25 } from "./rows12-23-25.ts";
import { tls12Rows26To27 } from "./rows12-26-27.ts";
import { tls12Rows28To29 } from "./rows12-28-29.ts";
import { tls12Rows33To34 } from "./rows12-33-34.ts";
import { tls12Rows35 } from "./rows12-35.ts";
import { tls12Rows36 } from "./rows12-36.ts";
import { tls12Rows37 } from "./rows12-37.ts";
import { tls12Rows38To39 } from "./rows12-38-39.ts";
import { tls12Rows40 } from "./rows12-40.ts";
import { tls12Rows43Client } from "./rows12-43-client.ts";
import { tls12Rows43Corrupt } from "./rows12-43-corrupt.ts";
import { tls12Rows43Server } from "./rows12-43-server.ts";
import { tls12Rows44 } from "./rows12-44.ts";
import { tls12Rows47To48 } from "./rows12-47-48.ts";
import { tls12Rows49To50 } from "./rows12-49-50.ts";
import { tls12Rows51 } from "./rows12-51.ts";
import { tls12RowsOfChains } from "./rows12-chains.ts";

const pitfalls13 = [
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
  ...rowsOfChains,
  ...rows40To46,
  ...rows47To51,
  ...rowsPskClient,
  ...rowsPskClientTickets,
  ...rowsPskHellos,
  ...rowsPskTickets,
  ...rowsOfRejectedEarlyData,
  ...rowsOfTakenEarlyData,
  ...rowsOfAnsweredEarlyData,
];

const pitfalls12 = [
  ...tls12Rows1To6,
  ...tls12Rows7To8,
  ...tls12Rows9,
  ...tls12Rows10To13,
  ...tls12Rows14To16,
  ...tls12Rows17,
  ...tls12Rows18To20,
  ...tls12Rows21To22,
  ...tls12Rows23To25,
  ...tls12Rows26To27,
  ...tls12Rows28To29,
  ...tls12Rows33To34,
  ...tls12Rows35,
  ...tls12Rows36,
  ...tls12Rows37,
  ...tls12Rows38To39,
  ...tls12RowsOfChains,
  ...tls12Rows40,
  ...tls12Rows43Client,
  ...tls12Rows43Corrupt,
  ...tls12Rows43Server,
  ...tls12Rows44,
  ...tls12Rows47To48,
  ...tls12Rows49To50,
  ...tls12Rows51,
];

const pitfalls = [...pitfalls13, ...pitfalls12];

testPitfalls("TLSv1.3", pitfalls13);
testPitfalls("TLSv1.2", pitfalls12);

const ALL_ROWS = Array.from({ length: 51 }, (_, index) => index + 1);

/** Rows that ask something of one role only; all others have tests with an engine of each. */
const ONE_ROLE: ReadonlyMap<number, "client" | "server"> = new Map([
  [22, "client"], // supported_versions in ServerHello
  [30, "client"], // HelloRetryRequest
  [31, "server"], // the second ClientHello
  [32, "server"], // ClientHello
  [41, "server"], // ClientHello
  [42, "client"], // ServerHello
]);

/** Rows that ask something of one version only; all others have tests in each. */
const ONE_VERSION: ReadonlyMap<number, TlsVersion> = new Map([
  [10, "TLSv1.2"], // ChangeCipherSpec that means something
  [31, "TLSv1.3"], // the second ClientHello
  [32, "TLSv1.3"], // key_share
  [41, "TLSv1.3"], // pre_shared_key
  [42, "TLSv1.3"], // pre_shared_key
  [45, "TLSv1.3"], // early data
  [46, "TLSv1.3"], // early data
]);

test("every row of the table has a test", () => {
  const tested = new Set(pitfalls.map(({ row }) => row));
  expect([...tested].toSorted((a, b) => a - b)).toEqual(ALL_ROWS);
});

test("every row that concerns both versions has tests of each", () => {
  for (const row of ALL_ROWS) {
    const versions = [
      ...(pitfalls13.some((pitfall) => pitfall.row === row) ? ["TLSv1.3"] : []),
      ...(pitfalls12.some((pitfall) => pitfall.row === row) ? ["TLSv1.2"] : []),
    ];
    const only = ONE_VERSION.get(row);
    expect({ row, versions }).toEqual({
      row,
      versions: only === undefined ? ["TLSv1.3", "TLSv1.2"] : [only],
    });
  }
});

test("every row that concerns both roles has tests with an engine of each", () => {
  for (const row of ALL_ROWS) {
    const engines = new Set(pitfalls.filter((pitfall) => pitfall.row === row).map(({ engine }) => engine));
    const only = ONE_ROLE.get(row);
    expect({ row, engines: [...engines].sort() }).toEqual({
      row,
      engines: only === undefined ? ["client", "server"] : [only],
    });
  }
});

test("no two tests of a row have the same name", () => {
  const names = [
    ...pitfalls13.map((pitfall) => testName("TLSv1.3", pitfall)),
    ...pitfalls12.map((pitfall) => testName("TLSv1.2", pitfall)),
  ];
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
