import type { Reporter, TestCase, TestModule } from "vitest/node";

const COLUMNS = ["peer", "we are", "suite", "group", "certificate", "feature", "result"] as const;

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
    const counts = (["passed", "failed", "skipped", "pending"] as const).map(
      (state) => `${tests.filter((test) => test.result().state === state).length} ${state}`,
    );
    process.stdout.write(`\n${counts.join(", ")}\n`);
  }
}

function cells(test: TestCase): readonly string[] {
  const { row } = test.meta();
  if (row === undefined) return ["", "", "", "", "", test.name, describeResult(test)];
  const { peer, we, suite = "", group = "", certificate = "", feature } = row;
  return [peer, we, suite.replace(/^TLS_/, ""), group, certificate, feature, describeResult(test)];
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
