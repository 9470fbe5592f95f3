import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, test } from "vitest";
import { FLOWS } from "./lint/no-floating-flow.mjs";

const SRC = resolve(import.meta.dirname, "../src");

/** A file may import its own layer and those before it. */
const LAYERS = [
  "alert",
  "errors",
  "bytes",
  "awaitable",
  "wire",
  "der",
  "messages",
  "crypto",
  "schedule",
  "record",
  "x509",
  "config",
  "handshake",
  "protocol",
  "engine",
  "adapters",
  "index",
  "node",
  "noble",
  "minting",
];

const sources = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .sort();

const layerOf = (file: string): string => relative(SRC, file).split(sep)[0]?.replace(/\.ts$/, "") ?? "";
const textOf = (name: string): string => readFileSync(join(SRC, name), "utf8");

interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

function importsOf(text: string): readonly Import[] {
  return Array.from(
    text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from "([^"]+)"/gm),
    ([, type, specifier = ""]) => ({
      specifier,
      isTypeOnly: type !== undefined,
    }),
  );
}

test("there are sources to look at", () => {
  expect(sources.length).toBeGreaterThan(50);
});

describe.each(sources)("%s", (name) => {
  test("imports only its own layer and lower ones", () => {
    const file = join(SRC, name);
    const own = LAYERS.indexOf(layerOf(file));
    expect(own, `layer of ${name}`).toBeGreaterThanOrEqual(0);
    for (const { specifier, isTypeOnly } of importsOf(textOf(name))) {
      if (!specifier.startsWith(".")) continue;
      const layer = layerOf(resolve(dirname(file), specifier));
      // TlsProtocol is handed its engine, and names the type of what it is handed.
      if (isTypeOnly && layerOf(file) === "protocol" && layer === "engine") continue;
      expect(LAYERS.indexOf(layer), `${name} imports ${specifier}`).toBeLessThanOrEqual(own);
    }
  });

  test("imports packages only where they belong", () => {
    const layer = name.split(sep)[0];
    for (const { specifier } of importsOf(textOf(name))) {
      if (specifier.startsWith(".")) continue;
      if (specifier.startsWith("node:")) expect(name).toMatch(/^(node\.ts|adapters.node)/);
      else if (specifier === "@peculiar/x509") expect(layer).toBe("minting");
      else expect({ specifier, layer }).toEqual({ specifier, layer: "crypto" });
    }
  });

  test("has no default export, and no `any`", () => {
    expect(textOf(name)).not.toMatch(/^export default/m);
    expect(textOf(name)).not.toMatch(/\bas any\b|: any\b|<any>/);
  });
});

describe("flows", () => {
  const flows = sources
    .filter((name) => name.startsWith("handshake"))
    .flatMap((name) =>
      Array.from(
        textOf(name).matchAll(/(?:function\s*\*\s*|^  \*\s*)(\w+)\s*[<(]/gm),
        ([, flow = ""]) => flow,
      ),
    );

  test("are all known to the rule that catches calls without yield*", () => {
    expect(new Set(flows)).toEqual(new Set(FLOWS));
  });

  test("are called with yield*, except where a runner takes them", () => {
    for (const name of sources.filter((source) => source.startsWith("handshake"))) {
      expect(callsWithoutYield(textOf(name)), name).toEqual([]);
    }
  });

  test("would be seen when they are called without yield*", () => {
    const bare = `
      yield* io.receive("finished"); yield* this.#io.receive<"finished">("finished"); yield* settle(1);
      function* settle<T>(value: T) {} // settle(2)
      config.chooseSetup(setup); this.#receive(bytes); unsettle(3);
      settle(4); io.receive("finished"); const late = finish.receive(); return this.#io.receive<K>(name);
      yield settle(5); 6 * settle(6);`;
    expect(callsWithoutYield(bare)).toEqual([
      "settle(",
      "io.receive(",
      "finish.receive(",
      "this.#io.receive<K>(",
      "settle(",
      "settle(",
    ]);
  });

  test("yield nowhere but in flow.ts and in the four receivers of io.ts", () => {
    for (const name of sources.filter((source) => source.startsWith("handshake"))) {
      const bare = Array.from(textOf(name).matchAll(/\byield(?!\*)\s+[{(\w]/g)).length;
      const allowed = name.endsWith("flow.ts") ? 1 : name.endsWith("io.ts") ? 4 : 0;
      expect(bare, name).toBe(allowed);
    }
  });
});

/** Flows that `text` calls and does not run. Hooks of a config are no flows, whatever their name. */
function callsWithoutYield(text: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
  const called = new RegExp(`(?<![\\w#.])((?:#?\\w+\\.)*)(?:${FLOWS.join("|")})(?:<[^>]*>)?\\(`, "g");
  return Array.from(code.matchAll(called))
    .filter(
      ({ index, 1: object }) =>
        object !== "config." && !/(?:\byield\*|\bfunction\*|^ {2}\*)\s*(?![^])/m.test(code.slice(0, index)),
    )
    .map(([call]) => call);
}
