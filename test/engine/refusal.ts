import { expect } from "vitest";

import { type AlertName, TlsAlert } from "../../src/index.ts";
import type { End } from "../support/pair.ts";

/** `end` has refused what its peer did with `alert`, and says why. */
export function expectRefusal(end: End, alert: AlertName, message: string | RegExp): void {
  const how = end.closed;
  if (how?.kind !== "error" || !(how.error instanceof TlsAlert)) {
    throw new Error(`no refusal, but ${how?.kind ?? "an open connection"}`, { cause: how });
  }
  expect([how.alertSent, how.error.alert]).toEqual([alert, alert]);
  if (typeof message === "string") expect(how.error.message).toBe(`${alert}: ${message}`);
  else expect(how.error.message).toMatch(message);
}
