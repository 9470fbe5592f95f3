import { test } from "vitest";

import { sharedVectors } from "../support/shared-vectors.ts";

/** What Wycheproof says about a case: `acceptable` ones may be treated either way, and our choice is stated at each test. */
export type Verdict = "valid" | "invalid" | "acceptable";

export interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: Verdict;
}

/** A group of cases with what they have in common. */
export type Group<G, C> = G & { readonly type: string; readonly tests: readonly (Case & C)[] };

const vectors = sharedVectors("wycheproof");

/** The groups of `../shared/vectors/wycheproof/<name>_test.json`. */
export function wycheproofGroups<G, C>(name: string): readonly Group<G, C>[] {
  return vectors.json<{ readonly testGroups: readonly Group<G, C>[] }>(`${name}_test.json`).testGroups;
}

/** A test on the vectors; skipped, with the reason in its name, where they are not. */
export function wycheproofTest(name: string, run: () => void | Promise<void>, timeoutMs = 60_000): void {
  if (vectors.missing === undefined) test(name, run, timeoutMs);
  else test.skip(`${name} (${vectors.missing})`, run);
}

/** Names a case in a failed assertion. */
export function caseName({ tcId, comment, result }: Case): string {
  return `tcId ${tcId} (${comment}) is ${result}`;
}
