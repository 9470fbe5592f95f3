import type { TlsEngine } from "../engine/engine.ts";
import type { TlsEvent } from "../engine/events.ts";

type OtherEvent = Exclude<TlsEvent, { readonly type: "data" }>;

/** Application data of one or more records. */
export interface JoinedData {
  /** The receiver owns them. */
  readonly bytes: Uint8Array;
  /** The event behind them, which the engine will not report again; undefined when there was none. */
  readonly next: OtherEvent | undefined;
}

/** The most application data that one record carries. RFC 8446 §5.1. */
const MAX_RECORD_DATA = 2 ** 14;

/**
 * Copies `first` and the data behind it that `engine` has, up to `max` bytes, unless `first` alone is longer. What does not fit stays in
 * the engine.
 */
export function joinData(engine: TlsEngine, first: Uint8Array, max: number): JoinedData {
  const longest = engine.state === "plaintext" ? Infinity : MAX_RECORD_DATA;
  const bytes = new Uint8Array(Math.max(first.length, Math.min(max, first.length + engine.pendingInput)));
  bytes.set(first);
  let length = first.length;
  while (length + Math.min(engine.pendingInput, longest) <= bytes.length) {
    const event = engine.nextEvent();
    if (typeof event === "symbol") break;
    if (event.type !== "data") return { bytes: bytes.subarray(0, length), next: event };
    bytes.set(event.data, length);
    length += event.data.length;
  }
  return { bytes: bytes.subarray(0, length), next: undefined };
}
