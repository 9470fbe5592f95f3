import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    // Files keep nothing in modules that another could see, so that a worker need not load the engine anew for each.
    isolate: false,
  },
});
