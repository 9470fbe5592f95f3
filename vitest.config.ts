import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    testTimeout: 30_000,
    // By default one core of two is left idle.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Files keep nothing in modules that another could see, so that a worker need not load the engine anew for each.
        test: {
          name: "engine",
          include: ["test/**/*.test.ts"],
          exclude: ["test/minting/**"],
          isolate: false,
        },
      },
      {
        extends: true,
        // What a polyfill leaves behind is seen only where nobody else has brought one.
        test: { name: "minting", include: ["test/minting/**/*.test.ts"] },
      },
    ],
  },
});
