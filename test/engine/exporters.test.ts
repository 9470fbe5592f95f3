import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { type TlsEngine, type TlsVersion } from "../../src/index.ts";
import type { Pair } from "../support/pair.ts";
import { configsOf, open, VERSIONS } from "./versions.ts";

/** Connections of `version`: the last one is resumed, where that is possible. */
async function connections(version: TlsVersion): Promise<readonly [Pair, Pair]> {
  const configs = configsOf(version);
  const [client, server] = [configs.client(), configs.server()];
  const pairs = [await open(client, server), await open(client, server)] as const;
  expect(pairs[1].client.engine.info?.resumed).toBe(version === "TLSv1.2");
  return pairs;
}

const NONE = new Uint8Array();

describe.each(VERSIONS)("an exporter of %s", (version) => {
  test("gives both sides the same, and every label, context and connection something else", async () => {
    const seen = new Set<string>();
    const pairs = await connections(version);
    const asked = ["EXPERIMENTAL one", "EXPERIMENTAL two"].flatMap((label) =>
      [NONE, ascii("a"), ascii("b"), ascii("aa"), new Uint8Array(300)].map((context) => ({ label, context })),
    );
    for (const { client, server } of pairs) {
      for (const { label, context } of asked) {
        const own = client.engine.exportKeyingMaterial(label, context, 48);
        expect(own).toHaveLength(48);
        expect(hex(server.engine.exportKeyingMaterial(label, context, 48))).toBe(hex(own));
        seen.add(hex(own));
      }
    }
    expect(seen.size).toBe(pairs.length * asked.length);
  });

  test(`${version === "TLSv1.2" ? "tells" : "does not tell"} no context from an empty one`, async () => {
    for (const { client, server } of await connections(version)) {
      const exported = (engine: TlsEngine): readonly string[] =>
        [null, NONE].map((context) => hex(engine.exportKeyingMaterial("EXPERIMENTAL", context, 32)));
      const [none, empty] = exported(client.engine);
      expect(none === empty).toBe(version === "TLSv1.3");
      expect(exported(server.engine)).toEqual([none, empty]);
    }
  });

  test.each([1, 32, 33, 100, 8160])("gives %i bytes", async (length) => {
    const [{ client, server }] = await connections(version);
    const own = client.engine.exportKeyingMaterial("EXPERIMENTAL", null, length);
    expect(own).toHaveLength(length);
    expect(server.engine.exportKeyingMaterial("EXPERIMENTAL", null, length)).toEqual(own);
  });

  test("gives bytes that the caller owns, and keeps none of its context", async () => {
    const [{ client }] = await connections(version);
    const { engine } = client;
    const context = ascii("context");
    const first = engine.exportKeyingMaterial("EXPERIMENTAL", context, 32);
    const copy = first.slice();
    first.fill(0);
    expect(engine.exportKeyingMaterial("EXPERIMENTAL", context, 32)).toEqual(copy);
    expect(context).toEqual(ascii("context"));
  });

  test("refuses a label or a length that is out of range, and does not fail for it", async () => {
    const [{ client }] = await connections(version);
    const { engine } = client;
    for (const label of ["", "x".repeat(250), "é"]) {
      expect(() => engine.exportKeyingMaterial(label, null, 32), label).toThrow(RangeError);
    }
    for (const length of [0, -1, 1.5, NaN, 8161]) {
      expect(() => engine.exportKeyingMaterial("EXPERIMENTAL", null, length), `${length}`).toThrow(
        RangeError,
      );
    }
    expect(() => engine.exportKeyingMaterial("EXPERIMENTAL", "text" as never, 32)).toThrow(TypeError);
    expect(engine.exportKeyingMaterial("x".repeat(249), null, 32)).toHaveLength(32);
    expect(engine.state).toBe("open");
  });

  test("is there while the connection is open, and not before or after", async () => {
    const configs = configsOf(version);
    const pair = await open(configs.client(), configs.server());
    const { engine } = pair.client;
    pair.server.engine.closeWrite();
    await pair.run();
    // The other direction is still open.
    expect(engine.exportKeyingMaterial("EXPERIMENTAL", null, 32)).toHaveLength(32);
    engine.closeWrite();
    expect(() => engine.exportKeyingMaterial("EXPERIMENTAL", null, 32)).toThrow(
      "exporters need a connection that is open",
    );
  });
});

describe("the labels that TLS 1.2 uses itself", () => {
  const RESERVED = [
    "client finished",
    "server finished",
    "master secret",
    "extended master secret",
    "key expansion",
  ];

  test.each(RESERVED)("are refused there: %s", async (label) => {
    const configs = configsOf("TLSv1.2");
    const { client } = await open(configs.client(), configs.server());
    for (const context of [null, NONE]) {
      expect(() => client.engine.exportKeyingMaterial(label, context, 32)).toThrow(
        `the label "${label}" is reserved for TLS itself`,
      );
    }
  });

  test("are nothing special in TLS 1.3", async () => {
    const configs = configsOf("TLSv1.3");
    const { client } = await open(configs.client(), configs.server());
    for (const label of RESERVED)
      expect(client.engine.exportKeyingMaterial(label, null, 32)).toHaveLength(32);
  });
});

test("a context of TLS 1.2 has up to 65,535 bytes, as its length is written in two", async () => {
  const configs = configsOf("TLSv1.2");
  const { client } = await open(configs.client(), configs.server());
  expect(client.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(65_535), 32)).toHaveLength(32);
  expect(() => client.engine.exportKeyingMaterial("EXPERIMENTAL", new Uint8Array(65_536), 32)).toThrow(
    RangeError,
  );
  expect(client.engine.state).toBe("open");
});
