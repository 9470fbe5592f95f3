import { expect, test } from "vitest";

import { nobleProvider } from "../../src/index.ts";
import { FACTORS_12, MATRIX_12, ROWS_12 } from "./matrix12.ts";
import { allPairs, pairsOf } from "./pairwise.ts";

test("the matrix has all suites and groups of TLS 1.2", () => {
  const { cipherSuites, groups } = nobleProvider();
  const suites = cipherSuites.filter(({ version }) => version === "TLSv1.2").map(({ name }) => name);
  expect(FACTORS_12.suite.toSorted()).toEqual(suites.toSorted());
  expect(FACTORS_12.group).toEqual(groups.filter(({ inTls12 }) => inTls12).map(({ name }) => name));
});

test("every combination of suite, order of encryption and MAC, group and fitting certificate has a row", () => {
  const combinations = new Set(
    ROWS_12.map((row) => `${row.suite} ${row.encryptThenMac} ${row.group} ${row.certificate}`),
  );
  // For each kind of key 3 suites with an AEAD, and 4 with CBC in both orders.
  const suites = 3 + 2 * 4;
  expect(combinations.size).toBe(suites * FACTORS_12.group.length * (4 + 2));
});

test("every pair of values that can occur in TLS 1.2 is in some row", () => {
  const covered = new Set(ROWS_12.flatMap(pairsOf));
  expect([...allPairs(MATRIX_12)].filter((pair) => !covered.has(pair))).toEqual([]);
  expect(covered).toContain("resumption=by ticket & extendedMainSecret=false");
  expect(covered).toContain("store=late & answers=late, while bytes go on coming");
  expect(covered).toContain("suite=TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 & clientCertificate=rsa-pss-2048");
});
