import type { Codec } from "../../src/wire/codec.ts";

/** A value of a definition and its bytes, put together by hand. */
export interface Sample {
  /** The name under which src/messages exports the definition. */
  readonly of: string;
  readonly codec: Codec<unknown>;
  readonly value: unknown;
  readonly wire: Uint8Array;
  /** The truncations of `wire` that are whole messages themselves: their lengths, or all of them from one on. */
  readonly wholeAt: readonly number[] | { readonly from: number };
}

/** A row of a table of samples. */
export function sample<T>(
  of: string,
  codec: Codec<T>,
  value: T,
  bytes: Uint8Array,
  wholeAt: Sample["wholeAt"] = [],
): Sample {
  // A row pairs a codec with its own value; the table of all rows forgets which one that is.
  return { of, codec: codec as Codec<unknown>, value, wire: bytes, wholeAt };
}
