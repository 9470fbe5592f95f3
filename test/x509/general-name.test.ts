import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { readGeneralNames, readNameConstraints } from "../../src/x509/general-name.ts";
import { commonName, generalName } from "./certificate-builder.ts";

const readNames = (...names: readonly Uint8Array[]) => readDer(derSequence(...names), readGeneralNames);
const IPV6 = Uint8Array.from({ length: 16 }, (_, i) => i);

/** One name of each kind, and how it is read. */
const kinds = [
  {
    what: "dNSName",
    name: generalName(2, "*.Example.com"),
    read: { kind: "dns", name: ascii("*.Example.com") },
  },
  {
    what: "rfc822Name",
    name: generalName(1, "a@example.com"),
    read: { kind: "email", address: ascii("a@example.com") },
  },
  {
    what: "uniformResourceIdentifier",
    name: generalName(6, "https://example.com/"),
    read: { kind: "uri", uri: ascii("https://example.com/") },
  },
  {
    what: "directoryName",
    name: derExplicit(4, commonName("x")),
    read: { kind: "directory", name: commonName("x") },
  },
  {
    what: "otherName",
    name: derElement(0xa0, derObjectIdentifier("1.2.3"), derExplicit(0, derNull())),
    read: {
      kind: "other",
      tag: 0,
      bytes: concatBytes(derObjectIdentifier("1.2.3"), derExplicit(0, derNull())),
    },
  },
  {
    what: "x400Address",
    name: derElement(0xa3, derNull()),
    read: { kind: "other", tag: 3, bytes: derNull() },
  },
  {
    what: "ediPartyName",
    name: derElement(0xa5, derNull()),
    read: { kind: "other", tag: 5, bytes: derNull() },
  },
  {
    what: "registeredID",
    name: generalName(8, Uint8Array.of(0x2a, 3)),
    read: { kind: "other", tag: 8, bytes: Uint8Array.of(0x2a, 3) },
  },
] as const;

describe("GeneralNames", () => {
  test.each([
    ...kinds,
    {
      what: "IPv4 address",
      name: generalName(7, Uint8Array.of(192, 0, 2, 1)),
      read: { kind: "ip", octets: Uint8Array.of(192, 0, 2, 1) },
    },
    { what: "IPv6 address", name: generalName(7, IPV6), read: { kind: "ip", octets: IPV6 } },
  ])("reads $what", ({ name, read }) => {
    expect(readNames(name)).toEqual([read]);
  });

  test("are read in their order, as views", () => {
    const names = kinds.map(({ name }) => name);
    const der = derSequence(...names);
    const read = readDer(der, readGeneralNames);
    expect(read).toEqual(kinds.map((row) => row.read));
    expect(read[0]).toMatchObject({ name: { buffer: der.buffer } });
  });

  test("with all bytes of ASCII but NUL are names, and no other bytes are", () => {
    for (const number of [1, 2, 6]) {
      for (let byte = 0; byte < 256; byte++) {
        const name = generalName(number, Uint8Array.of(0x61, byte));
        const refusal = `has the byte 0x${byte.toString(16).padStart(2, "0")}`;
        if (byte > 0 && byte < 0x80) expect(readNames(name)).toHaveLength(1);
        else expect(() => readNames(name)).toThrow(refusal);
      }
    }
  });

  test("have no other tags", () => {
    const known = new Set([0xa0, 0x81, 0x82, 0xa3, 0xa4, 0xa5, 0x86, 0x87, 0x88]);
    for (let tag = 1; tag < 256; tag++) {
      if (known.has(tag) || (tag & 0x1f) === 0x1f) continue;
      expect(() => readNames(derElement(tag, ascii("abcd"))), String(tag)).toThrow(
        tag === 0x20 ? "end-of-contents" : "GeneralName has no ",
      );
    }
  });

  test("without a name are refused, and so are more than 1000", () => {
    expect(() => readNames()).toThrow("found the end");
    const names = Array<Uint8Array>(1000).fill(generalName(2, "a"));
    expect(readNames(...names)).toHaveLength(1000);
    expect(() => readNames(...names, generalName(2, "a"))).toThrow("there are more than 1000 names");
  });
});

describe("NameConstraints", () => {
  const subtree = (base: Uint8Array): Uint8Array => derSequence(base);
  const readLists = (...lists: readonly Uint8Array[]) => readDer(derSequence(...lists), readNameConstraints);
  const readMask = (...bytes: readonly number[]) =>
    readLists(derExplicit(0, subtree(generalName(7, Uint8Array.from(bytes))))).permitted;

  test("have two lists, of which one may be missing", () => {
    const [a, b] = [subtree(generalName(2, "a")), subtree(generalName(2, ""))];
    const [readA, readB] = [
      { kind: "dns", name: ascii("a") },
      { kind: "dns", name: ascii("") },
    ];
    expect(readLists(derExplicit(0, a, b))).toEqual({ permitted: [readA, readB], excluded: [] });
    expect(readLists(derExplicit(1, b))).toEqual({ permitted: [], excluded: [readB] });
    expect(readLists(derExplicit(0, a), derExplicit(1, b))).toEqual({
      permitted: [readA],
      excluded: [readB],
    });
  });

  test.each(kinds)("may be of $what", ({ name, read }) => {
    expect(readLists(derExplicit(1, subtree(name)))).toEqual({ permitted: [], excluded: [read] });
  });

  test("of addresses have a mask beside the octets", () => {
    expect(readMask(10, 1, 2, 3, 255, 0, 0, 0)).toEqual([
      { kind: "ip", octets: Uint8Array.of(10, 1, 2, 3), mask: Uint8Array.of(255, 0, 0, 0) },
    ]);
    expect(readMask(...IPV6, ...new Uint8Array(16).fill(255))).toEqual([
      { kind: "ip", octets: IPV6, mask: new Uint8Array(16).fill(255) },
    ]);
  });

  test("have exactly 33 masks for IPv4 and 129 for IPv6", () => {
    for (const bits of [32, 128]) {
      for (let prefix = 0; prefix <= bits; prefix++) {
        const mask = new Uint8Array(bits / 8);
        for (let bit = 0; bit < prefix; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
        expect(readMask(...new Uint8Array(bits / 8), ...mask)).toHaveLength(1);
        // One bit more, that is not the next one.
        for (let bit = prefix + 1; bit < bits; bit++) {
          const holed = mask.slice();
          holed[bit >> 3] = (holed[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
          expect(() => readMask(...new Uint8Array(bits / 8), ...holed)).toThrow(
            "a mask with ones behind a zero",
          );
        }
      }
    }
  });

  test.each([0, 4, 5, 7, 9, 16, 31, 33, 64])("have no addresses of %i octets", (count) => {
    expect(() => readMask(...new Uint8Array(count))).toThrow(
      `iPAddress of a subtree has ${count} octets, not 8 or 32`,
    );
  });

  test("with any minimum or maximum are refused", () => {
    for (const extra of [
      derElement(0x80, Uint8Array.of(0)),
      derElement(0x80, Uint8Array.of(1)),
      derElement(0x81, Uint8Array.of(1)),
      derInteger(0),
    ]) {
      expect(() => readLists(derExplicit(0, derSequence(generalName(2, "a"), extra)))).toThrow(
        "a subtree has a minimum or maximum",
      );
    }
  });

  test("without a subtree are refused, and so are lists with more than 1000", () => {
    expect(() => readLists()).toThrow("there is no subtree (at offset 0)");
    for (const number of [0, 1]) expect(() => readLists(derExplicit(number))).toThrow("found the end");
    const subtrees = Array<Uint8Array>(1000).fill(subtree(generalName(2, "a")));
    expect(readLists(derExplicit(0, ...subtrees), derExplicit(1, ...subtrees)).excluded).toHaveLength(1000);
    expect(() => readLists(derExplicit(1, ...subtrees, subtree(generalName(2, "a"))))).toThrow(
      "there are more than 1000 subtrees",
    );
  });

  test("have no other lists, in no other order", () => {
    const one = subtree(generalName(2, "a"));
    expect(() => readLists(derExplicit(2, one))).toThrow("left over");
    expect(() => readLists(derExplicit(1, one), derExplicit(0, one))).toThrow("left over");
    expect(() => readLists(derExplicit(0, one), derExplicit(0, one))).toThrow("left over");
    expect(() => readDer(derElement(DerTag.SET, derExplicit(0, one)), readNameConstraints)).toThrow(
      "expected SEQUENCE",
    );
  });
});
