import { expect, test } from "vitest";

import { FACTORS, MATRIX, ROWS } from "./matrix.ts";
import { allPairs, pairsOf } from "./pairwise.ts";

test("every combination of suite, group and certificate has a row", () => {
  const triples = new Set(ROWS.map(({ suite, group, certificate }) => `${suite} ${group} ${certificate}`));
  expect(triples.size).toBe(FACTORS.suite.length * FACTORS.group.length * FACTORS.certificate.length);
  expect(ROWS).toHaveLength(triples.size);
});

test("every pair of values that can occur is in some row", () => {
  const covered = new Set(ROWS.flatMap(pairsOf));
  expect([...allPairs(MATRIX)].filter((pair) => !covered.has(pair))).toEqual([]);
  expect(covered).toContain("retry=group and cookie & middleboxCompatibility=false");
  expect(covered).toContain("group=X25519MLKEM768 & versions=client also 1.2");
  expect(ROWS.filter(({ clientAuth }) => clientAuth === "request, declined")).not.toEqual([]);
  expect(covered).toContain("clientAuth=require, answered & clientCertificate=rsa-2048");
});
