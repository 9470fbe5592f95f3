import { concatBytes } from "../../src/bytes.ts";
import { fromHex } from "../support/hex.ts";

/** Wire bytes put together by hand, without the checks of src/wire: hexadecimal or bytes, one after another. */
export function wire(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(...parts.map((part) => (typeof part === "string" ? fromHex(part) : part)));
}

function prefixed(size: number, parts: readonly (string | Uint8Array)[]): Uint8Array {
  const body = wire(...parts);
  const length = Array.from(
    { length: size },
    (_, i) => Math.floor(body.length / 256 ** (size - 1 - i)) % 256,
  );
  return concatBytes(Uint8Array.from(length), body);
}

/** `parts` behind a length of one byte; what does not fit is cut off, as a careless sender would. */
export const vec8 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => prefixed(1, parts);
/** `parts` behind a length of two bytes. */
export const vec16 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => prefixed(2, parts);
/** `parts` behind a length of three bytes. */
export const vec24 = (...parts: readonly (string | Uint8Array)[]): Uint8Array => prefixed(3, parts);

/** An extension of `type` with `body`. */
export const extension = (type: number, body: Uint8Array): Uint8Array =>
  wire(Uint8Array.of(type >> 8, type & 0xff), vec16(body));

/** `length` bytes of no meaning. */
export const filler = (length: number, value = 0xab): Uint8Array => new Uint8Array(length).fill(value);
