import { describe, expect, test } from "vitest";

import exceptions from "./limbo-exceptions.json" with { type: "json" };
import { answerLimbo, limboQuestions, missingLimbo } from "./limbo.ts";

interface Exception {
  readonly expected: string;
  readonly actual: string;
  readonly reason: string;
}

const FILES = ["limbo-208-regenerated.json", "limbo-upstream-2023-12-02.json"] as const;

describe.skipIf(missingLimbo !== undefined).each(FILES)(`x509-limbo, %s ${missingLimbo ?? ""}`, (file) => {
  const questions = limboQuestions(file);
  const known: ReadonlyMap<string, Exception> = new Map(Object.entries(exceptions[file]));

  test.each(questions)("$id is answered as expected, or as its exception says", (question) => {
    const { result, reason } = answerLimbo(question);
    const exception = known.get(question.id);
    expect(exception?.expected ?? question.expected_result).toBe(question.expected_result);
    expect(result, reason).toBe(exception?.actual ?? question.expected_result);
  });

  test("each exception is one, is about a case, and has a reason", () => {
    const ids = new Set(questions.map(({ id }) => id));
    for (const [id, { expected, actual, reason }] of known) {
      expect(ids, id).toContain(id);
      expect(actual, id).not.toBe(expected);
      expect(reason.length, id).toBeGreaterThan(40);
    }
  });

  test("nothing is accepted that must fail, but for one case that is marked as pedantic", () => {
    const accepted = questions.filter(({ id }) => known.get(id)?.actual === "SUCCESS");
    expect(accepted.map(({ id, features }) => [id, features])).toEqual([
      ["rfc5280::aki::cross-signed-root-missing-aki", ["pedantic-rfc5280"]],
    ]);
  });
});

describe.skipIf(missingLimbo !== undefined)(`x509-limbo as a whole ${missingLimbo ?? ""}`, () => {
  test("202 of 208 cases are answered as expected, and none is skipped", () => {
    const outcomes = { ok: 0, "false accept": 0, "false reject": 0 };
    for (const { id, expected_result: expected } of limboQuestions(FILES[0])) {
      const list: Readonly<Record<string, Exception>> = exceptions[FILES[0]];
      if (list[id] === undefined) outcomes.ok++;
      else outcomes[expected === "FAILURE" ? "false accept" : "false reject"]++;
    }
    expect(outcomes).toEqual({ ok: 202, "false accept": 1, "false reject": 5 });
  });

  test("hostile chains end without rules of form too, which stop most of them early", () => {
    const answers = limboQuestions(FILES[0])
      .filter(({ id }) => id.startsWith("pathological::"))
      .map((question) => [question.expected_result, answerLimbo(question, "none").result]);
    expect(answers.length).toBe(11);
    for (const [expected, result] of answers) expect(result).toBe(expected);
  });

  test("the default profile accepts nothing of rfc5280:: that must fail, but what the BR allow", () => {
    const accepted = limboQuestions(FILES[0]).filter(
      (question) =>
        question.id.startsWith("rfc5280::") &&
        question.expected_result === "FAILURE" &&
        answerLimbo(question, "web-pki").result === "SUCCESS",
    );
    expect(accepted.map(({ id }) => id)).toEqual([
      "rfc5280::aki::cross-signed-root-missing-aki",
      // webpki::nc::permitted-dns-match-noncritical is the same chain, and has to be accepted.
      "rfc5280::nc::permitted-dns-match-noncritical",
    ]);
  });
});
