import { expect } from "vitest";

import { ConfigError } from "../../src/index.ts";

/** What a ConfigError must say. */
export interface Refusal {
  readonly option: string;
  /** The value as it is shown. */
  readonly value: string;
  /** A part of the allowed range. */
  readonly allowed: string | RegExp;
}

/** `act` throws a ConfigError that names the option, the value and what is allowed. */
export function expectConfigError(act: () => unknown, { option, value, allowed }: Refusal): void {
  let thrown: unknown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof ConfigError))
    throw new Error(`no ConfigError, but ${String(thrown)}`, { cause: thrown });
  expect(thrown.option).toBe(option);
  const [start, range = "", ...others] = thrown.message.split("; allowed: ");
  expect(others).toEqual([]);
  expect(start).toBe(`${option}: ${value} is not allowed`);
  expect(range).toMatch(allowed);
}
