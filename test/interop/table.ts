import type { Reporter, TestCase, TestModule } from "vitest/node";

const COLUMNS = ["peer", "we are", "version", "suite", "group", "certificate", "feature", "result"] as const;

/** Prints the table of all rows at the end. A row that did not run says why. */
export class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const lines = [COLUMNS, ...tests.map(cells).sort(([a = ""], [b = ""]) => a.localeCompare(b))];
    const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
    for (const line of lines) {
      const padded = line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      process.stdout.write(`${padded.join("  ").trimEnd()}\n`);
    }
    for (const module of modules) {
      for (const { message } of module.errors())
        process.stdout.write(`FAILED: ${module.moduleId}: ${message}\n`);
    }
    process.stdout.write("\n");
    for (const [place, group] of byPlace(tests)) process.stdout.write(`${place}: ${counts(group)}\n`);
    process.stdout.write(`\n${counts(tests)}\n`);
  }
}

/** Tests by peer, role and version, sorted. */
function byPlace(tests: readonly TestCase[]): readonly (readonly [string, readonly TestCase[]])[] {
  const groups = new Map<string, TestCase[]>();
  for (const test of tests) {
    const { row } = test.meta();
    const place = row === undefined ? "-" : `${row.peer}, our ${row.we}, ${row.version ?? "TLSv1.3"}`;
    groups.set(place, [...(groups.get(place) ?? []), test]);
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

function counts(tests: readonly TestCase[]): string {
  return (["passed", "failed", "skipped", "pending"] as const)
    .map((state) => `${tests.filter((test) => test.result().state === state).length} ${state}`)
    .join(", ");
}

function cells(test: TestCase): readonly string[] {
  const { row } = test.meta();
  if (row === undefined) return ["", "", "", "", "", "", test.name, describeResult(test)];
  const { peer, we, version = "TLSv1.3", suite = "", group = "", certificate = "", feature } = row;
  return [peer, we, version, suite.replace(/^TLS_/, ""), group, certificate, feature, describeResult(test)];
}

function describeResult(test: TestCase): string {
  const result = test.result();
  switch (result.state) {
    case "skipped":
      return `skipped: ${result.note ?? "no reason given"}`;
    case "failed":
      return `FAILED: ${result.errors[0]?.message.split("\n")[0] ?? ""}`;
    case "passed":
    case "pending":
      return `${result.state}, ${Math.round(test.diagnostic()?.duration ?? 0)} ms`;
  }
}
