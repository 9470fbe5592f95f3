import { describe, expect, test } from "vitest";

import { byteByByte, type Split, whole } from "../support/pair.ts";
import { expectAgreement12 } from "./agreement12.ts";
import type { Carriage } from "./carriage.ts";
import { converse12, type Outcome12 } from "./conversation12.ts";
import { type Answer, atOnce, late } from "./hooks.ts";
import { describeRow12, type Row12, ROWS_12 } from "./matrix12.ts";
import { Memory } from "./remembering.ts";
import { RUN_SEED, Seeded } from "./seeded.ts";

/** The tests of all rows of the TLS 1.2 matrix with suites of this kind. */
export function describePairs12(authentication: "ECDSA" | "RSA"): void {
  describe(`TLS 1.2, ${authentication}, TLS_ENGINE_SEED=${RUN_SEED}`, () => {
    const memory = new Memory();
    const rows = ROWS_12.filter(({ suite }) => suite.startsWith(`TLS_ECDHE_${authentication}_`));
    for (const row of rows) {
      const title = describeRow12(row);
      const { delivery, answers } = row;
      test(`${title}: agrees, and is the same ${delivery} with hooks that answer ${answers}`, async () => {
        const seed = `${RUN_SEED} ${row.group}`;
        const inOrder = { split: whole, answer: atOnce, deliversWhileParked: false };
        const reference = await converse12(row, inOrder, seed, memory);
        await expectAgreement12(row, reference);
        expect(reference.waits > 0).toBe(row.store === "late");

        const outcome = await converse12(
          row,
          carriageOf(row, new Seeded(`${RUN_SEED} ${title}`)),
          seed,
          memory,
        );
        expect(accountsOf(outcome)).toEqual(accountsOf(reference));
        expect(outcome.hookErrors).toEqual(reference.hookErrors);
        expect(outcome.waits > 0).toBe(row.store === "late" || row.answers !== "at once");
      });
    }
  });
}

function accountsOf({ connections }: Outcome12): unknown {
  return connections.map(({ client, server }) => ({ client: client.account, server: server.account }));
}

function carriageOf({ delivery, answers }: Row12, seeded: Seeded): Carriage {
  const splits: Readonly<Record<Row12["delivery"], Split>> = {
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
