import { describe, expect, test } from "vitest";

import { byteByByte, type Split, whole } from "../support/pair.ts";
import { expectAgreementPsk } from "./agreement-psk.ts";
import type { Carriage } from "./carriage.ts";
import { conversePsk, type OutcomePsk } from "./conversation-psk.ts";
import { type Answer, atOnce, late } from "./hooks.ts";
import { describeRowPsk, FACTORS_PSK, MATRIX_PSK, type RowPsk, ROWS_PSK } from "./matrix-psk.ts";
import { allPairs, pairsOf } from "./pairwise.ts";
import { Memory } from "./remembering.ts";
import { RUN_SEED, Seeded } from "./seeded.ts";

describe(`TLS 1.3 with PSKs, TLS_ENGINE_SEED=${RUN_SEED}`, () => {
  const memory = new Memory();
  for (const row of ROWS_PSK) {
    const title = describeRowPsk(row);
    const { delivery, answers } = row;
    test(`${title}: agrees, and is the same ${delivery} with hooks that answer ${answers}`, async () => {
      const seed = `${RUN_SEED} ${row.group} ${row.retry}`;
      const inOrder = { split: whole, answer: atOnce, deliversWhileParked: false };
      const reference = await conversePsk(row, inOrder, seed, memory);
      await expectAgreementPsk(row, reference);
      expect(reference.waits > 0).toBe(row.store === "late");

      const carriage = carriageOf(row, new Seeded(`${RUN_SEED} ${title}`));
      const outcome = await conversePsk(row, carriage, seed, memory);
      expect(accountsOf(outcome)).toEqual(accountsOf(reference));
      expect(errorsOf(outcome)).toEqual(errorsOf(reference));
      expect(outcome.waits > 0).toBe(row.store === "late" || row.answers !== "at once");
    });
  }
});

test("every combination of PSK, retry and client authentication has a row, and every pair of values that can occur", () => {
  const triples = new Set(ROWS_PSK.map(({ psk, retry, clientAuth }) => `${psk} ${retry} ${clientAuth}`));
  expect(triples.size).toBe(
    FACTORS_PSK.psk.length * FACTORS_PSK.retry.length * FACTORS_PSK.clientAuth.length,
  );
  const covered = new Set(ROWS_PSK.flatMap(pairsOf));
  expect([...allPairs(MATRIX_PSK)].filter((pair) => !covered.has(pair))).toEqual([]);
  expect(covered).toContain("psk=sealed ticket & retry=group and cookie");
  expect(covered).toContain("pskModes=psk_ke & answers=late, while bytes go on coming");
});

function accountsOf({ connections }: OutcomePsk): unknown {
  return connections.map(({ client, server }) => ({ client: client.account, server: server.account }));
}

/** Two that are put at a time may fail in any order. */
function errorsOf({ hookErrors: { client, server } }: OutcomePsk): unknown {
  return [client, server].map((errors) => errors.map(String).toSorted());
}

function carriageOf({ delivery, answers }: RowPsk, seeded: Seeded): Carriage {
  const splits: Readonly<Record<RowPsk["delivery"], Split>> = {
    whole,
    "byte by byte": byteByByte,
    "in random pieces": seeded.split(400),
  };
  const answer: Answer = answers === "at once" ? atOnce : late(seeded);
  return {
    split: splits[delivery],
    answer,
    deliversWhileParked: answers === "late, while bytes go on coming",
  };
}
