import { describe, expect, test } from "vitest";

import { limitsWith } from "../../src/config/limits.ts";
import { defaultLimits, type Limits } from "../../src/index.ts";
import { expectConfigError } from "./config-error.ts";

const names = Object.keys(defaultLimits) as readonly (keyof Limits)[];

describe("limitsWith", () => {
  test("gives the defaults for nothing", () => {
    expect(limitsWith()).toEqual(defaultLimits);
    expect(limitsWith({})).toEqual({
      handshakeMessageBytes: 65536,
      certificates: 16,
      certificateBytes: 65536,
      emptyRecords: 32,
      changeCipherSpecs: 32,
      warningAlerts: 4,
      postHandshakeMessages: 32,
      skippedEarlyDataBytes: 16384,
      parkedInputBytes: 65536,
      queuedWriteBytes: 1_048_576,
    });
  });

  test.each(names)("changes %s alone", (name) => {
    expect(limitsWith({ [name]: 1 })).toEqual({ ...defaultLimits, [name]: 1 });
    expect(limitsWith({ [name]: 2 ** 24 - 1 })).toEqual({ ...defaultLimits, [name]: 2 ** 24 - 1 });
  });

  test("gives what nobody can change", () => {
    expect(Object.isFrozen(limitsWith({ certificates: 1 }))).toBe(true);
    expect(Object.isFrozen(defaultLimits)).toBe(true);
  });

  test.each(
    names.flatMap((name) => [0, -1, 1.5, 2 ** 24, Infinity, NaN].map((value) => [name, value] as const)),
  )("refuses %s of %d", (name, value) => {
    expectConfigError(() => limitsWith({ [name]: value }), {
      option: `limits.${name}`,
      value: String(value),
      allowed: "whole numbers in 1..16777215",
    });
  });

  test.each([
    ["1", '"1"'],
    [null, "null"],
    [undefined, "undefined"],
  ])("refuses a limit of %j, which is no number", (value, shown) => {
    // Callers without types get here.
    expectConfigError(() => limitsWith({ certificates: value } as unknown as Partial<Limits>), {
      option: "limits.certificates",
      value: shown,
      allowed: "whole numbers",
    });
  });

  test.each(["certificate", "toString", "constructor", ""])(
    "refuses the limit %j, which there is not",
    (name) => {
      expectConfigError(() => limitsWith({ [name]: 1 }), {
        option: `limits.${name}`,
        value: "1",
        allowed: /^handshakeMessageBytes, certificates, /,
      });
    },
  );
});
