import { defineConfig } from "vitest/config";
import { TableReporter } from "./test/interop/table.ts";

export default defineConfig({
  test: {
    include: ["test/interop/**/*.interop.ts"],
    reporters: [["default", { summary: false }], new TableReporter()],
    // Peers are processes of their own: two workers with two rows each keep two cores busy.
    maxWorkers: 2,
    maxConcurrency: 2,
    testTimeout: 45_000,
    hookTimeout: 120_000,
  },
});
