import { defineConfig } from "vitest/config";
import { TableReporter } from "./test/interop/table.ts";

export default defineConfig({
  test: {
    include: ["test/interop/**/*.interop.ts"],
    reporters: [["default", { summary: false }], new TableReporter()],
    // Peers are processes of their own: two workers with two rows each keep two cores busy.
    maxWorkers: 2,
    maxConcurrency: 2,
    // Files keep nothing in modules, so that a worker need not load the engine anew for each.
    isolate: false,
    testTimeout: 45_000,
    hookTimeout: 120_000,
  },
});
