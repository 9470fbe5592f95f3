import { createHash } from "node:crypto";

import type { TlsEvent } from "../../src/index.ts";
import type { End } from "../support/pair.ts";

/** What can be compared of one side: the same for every carriage. */
export interface Account {
  /** Each event as text; `pending` is left out. */
  readonly events: readonly string[];
  /** All bytes that were sent, as {@link digest}. */
  readonly sent: string;
  readonly keyLog: readonly string[];
  readonly exported: string;
}

/** What `end` has reported and sent, with what was learned of it elsewhere. */
export function account({ events, sent }: End, keyLog: readonly string[], exported: string): Account {
  return { events: events.map(eventAsText), sent: digest(Buffer.concat(sent)), keyLog, exported };
}

/** Bytes as their number and SHA-256. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Bytes as {@link digest}, errors as their message. */
function eventAsText(event: TlsEvent): string {
  return JSON.stringify(event, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return digest(value);
    return value instanceof Error ? `${value.name}: ${value.message}` : value;
  });
}
