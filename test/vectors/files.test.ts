import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { printedStep, printedSteps, RFC8448_TRACES, rfc8448Trace, vectorCases } from "../support/vectors.ts";

const ROOT = join(import.meta.dirname, "../../vectors");

describe("vectors/README.md", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");

  test("tells where each file of primitives comes from, and names no other", () => {
    const named = [...readme.matchAll(/`primitives\/([\w-]+\.json)`/g)].map(([, name]) => name);
    expect(named.sort()).toEqual(readdirSync(join(ROOT, "primitives")).sort());
  });

  test("names the file beside the traces of RFC 8448", () => {
    const traces = Object.values(RFC8448_TRACES).map((name) => `${name}.json`);
    expect(readdirSync(join(ROOT, "rfc8448")).sort()).toEqual([...traces, "server-rsa-key.json"].sort());
    expect(readme).toContain("`server-rsa-key.json`");
  });
});

describe("the loader", () => {
  const path = "primitives/rfc8032-ed25519.json";

  test("refuses a case whose fields are others than those asked for", () => {
    const input = { privateKey: "bytes", publicKey: "bytes", message: "bytes" } as const;
    expect(() => vectorCases(path, input, {})).toThrow("expected: has signature; wanted");
    expect(() => vectorCases(path, { ...input, context: "bytes" }, { signature: "bytes" })).toThrow("wanted context");
    expect(() => vectorCases(path, { ...input, message: "integer" }, { signature: "bytes" })).toThrow("not an integer");
    expect(() => vectorCases("rfc8448/server-rsa-key.json", {}, {})).toThrow("wanted cases, notes, source");
  });

  test("finds a step of a trace by who does what, and refuses to choose among several", () => {
    const trace = rfc8448Trace(5);
    expect(printedSteps(trace, "server", "construct", "ServerHello")).toHaveLength(2);
    expect(() => printedStep(trace, "server", "construct", "ServerHello")).toThrow("2 steps");
    expect(() => printedStep(trace, "client", "extract", "early")).toThrow("0 steps");
    expect(printedStep(trace, "server", "extract", "early").secret).toHaveLength(32);
  });
});
