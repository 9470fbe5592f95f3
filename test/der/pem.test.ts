import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decodeBase64, parsePem } from "../../src/der/pem.ts";
import { DerError } from "../../src/der/reader.ts";

describe("parsePem", () => {
  test("gives all blocks in order with their labels, and ignores the text around them", () => {
    const text = [
      "subject=CN = example",
      "-----BEGIN CERTIFICATE-----",
      "AAEC",
      "Aw==",
      "-----END CERTIFICATE-----",
      "",
      "between: the blocks",
      "-----BEGIN EC PRIVATE KEY-----  ",
      "  /+8=",
      "-----END EC PRIVATE KEY-----",
      "after",
    ];
    for (const newline of ["\n", "\r\n", "\r"]) {
      const blocks = parsePem(text.join(newline));
      expect(blocks.map(({ label }) => label)).toEqual(["CERTIFICATE", "EC PRIVATE KEY"]);
      expect(blocks.map(({ bytes }) => [...bytes])).toEqual([
        [0, 1, 2, 3],
        [255, 239],
      ]);
    }
    expect(parsePem("nothing here")).toEqual([]);
  });

  test("gives the headers of an encrypted block, continued lines included", () => {
    const [block] = parsePem(
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,\n 00112233\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    );
    expect([...(block?.headers ?? [])]).toEqual([
      ["Proc-Type", "4,ENCRYPTED"],
      ["DEK-Info", "AES-128-CBC,00112233"],
    ]);
    expect(block?.bytes).toEqual(new Uint8Array(3));
  });

  test.each([
    ["no end", "-----BEGIN X-----\nAAAA\n"],
    ["no end", "-----BEGIN X-----\nAAAA\n-----BEGIN Y-----\nAAAA\n-----END Y-----\n"],
    ["without a beginning", "-----END X-----\n"],
    ["without a beginning", "-----BEGIN X-----\nAAAA\n-----END Y-----\n"],
    ["PEM block X: base64 has a foreign character", "-----BEGIN X-----\nAA!A\n-----END X-----\n"],
    ["PEM block X: base64 is not padded", "-----BEGIN X-----\nAAA\n-----END X-----\n"],
  ])("refuses a block with %s", (because, text) => {
    expect(() => parsePem(text)).toThrow(DerError);
    expect(() => parsePem(text)).toThrow(because);
  });

  test("takes time in proportion to the text, for text made to be slow", () => {
    const start = performance.now();
    const spaces = " ".repeat(200_000);
    expect(parsePem(`-----BEGIN X${spaces}\n`)).toEqual([]);
    expect(parsePem("-----BEGIN ".repeat(20_000))).toEqual([]);
    expect(parsePem("-".repeat(200_000))).toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe("decodeBase64", () => {
  test("decodes what Buffer encodes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect([...decodeBase64(Buffer.from(bytes).toString("base64"))]).toEqual([...bytes]);
      }),
    );
  });

  test.each([
    "A",
    "AA",
    "AAA",
    "A===",
    "====",
    "AA=A",
    "AAAA=",
    "AB==",
    "AAB=",
    "AA-_",
    "AAA\u0141",
    "AA==AAAA",
  ])("refuses %s", (text) => {
    expect(() => decodeBase64(text)).toThrow(DerError);
  });
});
