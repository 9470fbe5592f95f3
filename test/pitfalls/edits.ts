import { concatBytes } from "../../src/bytes.ts";
import type { RawExtension } from "../../src/wire/codec.ts";
import { type Forger, withBody } from "../support/forger.ts";

/** A message with an extensions block. */
interface Extensible {
  readonly extensions: { readonly unknown?: readonly RawExtension[] };
}

/** Sets extensions. */
export function setting<B extends Extensible>(changes: B["extensions"]): (body: B) => B {
  return (body) => ({ ...body, extensions: { ...body.extensions, ...changes } });
}

/** Leaves one extension out. */
export function without<B extends Extensible>(name: keyof B["extensions"]): (body: B) => B {
  return (body) => {
    const { [name]: _left, ...kept } = body.extensions;
    // What is left of the block is a block: every extension is optional.
    return { ...body, extensions: kept as B["extensions"] };
  };
}

/** Adds extensions as they are, in front of all others. What the block has already is there twice then. */
export function adding<B extends Extensible>(...extensions: readonly RawExtension[]): (body: B) => B {
  return (body) => ({
    ...body,
    extensions: { ...body.extensions, unknown: [...(body.extensions.unknown ?? []), ...extensions] },
  });
}

/** Puts `bytes` where the extension `name` of type `type` was, or would be. */
export function replacing<B extends Extensible>(
  name: keyof B["extensions"],
  type: number,
  bytes: Uint8Array,
): (body: B) => B {
  return (body) => adding<B>({ type, body: bytes })(without<B>(name)(body));
}

/** An extension as it is on the wire. */
export function raw(type: number, ...parts: readonly (Uint8Array | readonly number[])[]): RawExtension {
  return { type, body: concatBytes(...parts.map((part) => Uint8Array.from(part))) };
}

/** A message with one byte more at its end. */
export function withTrailingByte(message: Uint8Array): Uint8Array {
  return withBody(message, (body) => concatBytes(body, Uint8Array.of(0)));
}

/** A message with one byte less at its end. */
export function withoutLastByte(message: Uint8Array): Uint8Array {
  return withBody(message, (body) => body.subarray(0, -1));
}

/** A copy of `bytes` with the bits of `mask` flipped in the byte at `index`, which counts from the end if negative. */
export function flipped(bytes: Uint8Array, index = -1, mask = 1): Uint8Array {
  const copy = bytes.slice();
  const at = index < 0 ? copy.length + index : index;
  copy[at] = (copy[at] ?? 0) ^ mask;
  return copy;
}

/** `bytes` in pieces of `size`; the last one may be shorter. */
export function cut(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}

/**
 * Puts the handshake messages of `steps` and then that of `last` into one run of bytes, and sends them cut by `fragment`, which leaves
 * them in one record if absent. They must all be under the same keys.
 */
export function packed(
  peer: Forger,
  steps: () => void,
  last: () => void,
  fragment: (bytes: Uint8Array) => readonly Uint8Array[] = (bytes) => [bytes],
): void {
  const kept: Uint8Array[] = [];
  const usual = peer.fragment;
  peer.fragment = (message) => {
    kept.push(message);
    return [];
  };
  steps();
  peer.fragment = (message) => fragment(concatBytes(...kept, message));
  last();
  peer.fragment = usual;
}

/** Runs `action` for 0, 1, … `count` - 1. */
export function times(count: number, action: (index: number) => void): void {
  for (let index = 0; index < count; index++) action(index);
}

/** The five bytes of a record header, and nothing behind it. */
export function recordHeader(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, 3, 3, length >>> 8, length & 0xff);
}
