import { type AlertName, TlsAlert } from "../alert.ts";
import { Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

/**
 * One wire format: it reads, it writes, and through {@link Infer} it types its value.
 *
 * Reading outside the bounds of the format is `decode_error`; writing outside of them is our mistake and a `RangeError`.
 * Byte values are views of the input.
 */
export interface Codec<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** The value type of a codec. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Reads `bytes` whole. @throws {TlsAlert} decode_error when they are too short, too long or out of bounds. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array, what: string): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  reader.expectEnd(what);
  return value;
}

/** The bytes of `value`, which the caller owns. @throws {RangeError} when it does not fit the format. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new Writer();
  codec.write(writer, value);
  return writer.finish();
}

const uint = (size: number): Codec<number> => ({
  read: (reader) => reader.uint(size),
  write: (writer, value) => writer.uint(size, value),
});

/** `uint8` */
export const uint8 = uint(1);
/** `uint16` */
export const uint16 = uint(2);
/** `uint24` */
export const uint24 = uint(3);
/** `uint32` */
export const uint32 = uint(4);

/** `enum { … }` that is closed: another value is `illegal_parameter`. */
export function enumeration<T extends number>(size: number, what: string, ...values: readonly T[]): Codec<T> {
  return {
    read(reader) {
      const value = reader.uint(size);
      const known = values.find((allowed) => allowed === value);
      if (known === undefined)
        throw new TlsAlert("illegal_parameter", `${what} is ${value}, allowed ${values.join(", ")}`);
      return known;
    },
    write: (writer, value) => writer.uint(size, value),
  };
}

/** Bytes of the length prefix that the presentation language gives a vector `<..max>`. RFC 8446 §3.4. */
function prefixSize(max: number): number {
  return max < 2 ** 8 ? 1 : max < 2 ** 16 ? 2 : max < 2 ** 24 ? 3 : 4;
}

function readLength(reader: Reader, min: number, max: number): number {
  const length = reader.uint(prefixSize(max));
  if (length < min || length > max)
    throw new TlsAlert("decode_error", `vector of ${length} bytes, allowed ${min}..${max}`);
  return length;
}

function writePrefixed(writer: Writer, min: number, max: number, body: () => void): void {
  const size = prefixSize(max);
  const start = writer.reserve(size);
  body();
  const length = writer.length - start - size;
  if (length < min || length > max) throw new RangeError(`vector of ${length} bytes, allowed ${min}..${max}`);
  writer.patch(start, size, length);
}

/** `opaque name[length]` with one bound, `opaque name<min..max>` with two. Bounds are bytes; `max` gives the size of the length prefix. */
export function opaque(length: number): Codec<Uint8Array>;
export function opaque(min: number, max: number): Codec<Uint8Array>;
export function opaque(min: number, max?: number): Codec<Uint8Array> {
  if (max === undefined) {
    return {
      read: (reader) => reader.take(min),
      write(writer, value) {
        if (value.length !== min)
          throw new RangeError(`${value.length} bytes given where the format has ${min}`);
        writer.append(value);
      },
    };
  }
  return {
    read: (reader) => reader.take(readLength(reader, min, max)),
    write: (writer, value) => writePrefixed(writer, min, max, () => writer.append(value)),
  };
}

/** Bytes up to the end of the enclosing message or extension. */
export const rest: Codec<Uint8Array> = {
  read: (reader) => reader.take(reader.remaining),
  write: (writer, value) => writer.append(value),
};

/** A body without content, such as the acknowledgement of `server_name`. */
export const empty: Codec<true> = {
  read: () => true,
  write: () => undefined,
};

/** `Item name<min..max>`. Bounds are bytes, not items, as in the RFC. */
export function vector<T>(item: Codec<T>, min: number, max: number): Codec<readonly T[]> {
  return {
    read(reader) {
      const body = reader.sub(readLength(reader, min, max));
      const items: T[] = [];
      while (body.remaining > 0) items.push(item.read(body));
      return items;
    },
    write(writer, items) {
      writePrefixed(writer, min, max, () => {
        for (const value of items) item.write(writer, value);
      });
    },
  };
}

/** The value of a {@link struct}. */
export type StructValue<F> = { readonly [K in keyof F]: Infer<F[K]> };

/** `struct { … } Name`: fields are read and written in the order in which they are listed. */
export function struct<F extends Record<string, Codec<unknown>>>(fields: F): Codec<StructValue<F>> {
  const entries = Object.entries(fields);
  return {
    read(reader) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader);
      // The loop has set each key of F from F's own codec, which the compiler cannot see.
      return value as StructValue<F>;
    },
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, value[name]);
    },
  };
}

/** A known extension: its type number and the format of its body. */
export interface ExtensionSpec<T> {
  readonly type: number;
  readonly body: Codec<T>;
}

/** An extension whose format this message does not define here, as it came or as it is to be sent. */
export interface RawExtension {
  readonly type: number;
  readonly body: Uint8Array;
}

/** `Extension extensions<min..max>` as an object: one key per known extension that is present. */
export type ExtensionValues<S extends Record<string, ExtensionSpec<unknown>>> = {
  readonly [K in keyof S]?: Infer<S[K]["body"]>;
} & {
  /** Extensions that {@link S} does not define for this message. */
  readonly unknown?: readonly RawExtension[];
  /** Types of all extensions in wire order. Set by reading; when writing, those named go first and in this order. */
  readonly order?: readonly number[];
};

/** How an {@link extensions} block deviates from the rule. */
export interface ExtensionsOptions {
  /** Alert for a type that appears twice. */
  readonly duplicate?: AlertName;
  /** The block may be missing at the end of its message, as TLS 1.2 allows. */
  readonly optional?: boolean;
}

/** `Extension extensions<min..max>`. RFC 8446 §4.2. Each body must be consumed whole; unknown extensions are kept. */
export function extensions<S extends Record<string, ExtensionSpec<unknown>>>(
  specs: S,
  min: number,
  max: number,
  { duplicate = "decode_error", optional = false }: ExtensionsOptions = {},
): Codec<ExtensionValues<S>> {
  const entries = Object.entries(specs);
  const byType = new Map(entries.map(([name, spec]) => [spec.type, { name, body: spec.body }]));
  return {
    read(reader) {
      const values: Record<string, unknown> = {};
      const unknown: RawExtension[] = [];
      // A set, since a block may hold 16,383 extensions.
      const seen = new Set<number>();
      const block =
        optional && reader.remaining === 0
          ? new Reader(new Uint8Array())
          : reader.sub(readLength(reader, min, max));
      while (block.remaining > 0) {
        const type = block.uint(2);
        const body = block.sub(block.uint(2));
        if (seen.has(type)) throw new TlsAlert(duplicate, `extension ${type} appears twice`);
        seen.add(type);
        const known = byType.get(type);
        if (known === undefined) {
          unknown.push({ type, body: body.take(body.remaining) });
        } else {
          values[known.name] = known.body.read(body);
          body.expectEnd(`extension ${known.name}`);
        }
      }
      // Keys of S come from S's own codecs, which the compiler cannot see.
      return { ...values, ...(unknown.length > 0 && { unknown }), order: [...seen] } as ExtensionValues<S>;
    },
    write(writer, values) {
      writePrefixed(writer, min, max, () => {
        for (const extension of inWireOrder(entries, values)) {
          writer.uint(2, extension.type);
          writePrefixed(writer, 0, 2 ** 16 - 1, () => extension.write(writer));
        }
      });
    },
  };
}

interface ExtensionToWrite {
  readonly type: number;
  write(writer: Writer): void;
}

function inWireOrder(
  entries: readonly (readonly [string, ExtensionSpec<unknown>])[],
  values: ExtensionValues<Record<string, ExtensionSpec<unknown>>>,
): readonly ExtensionToWrite[] {
  const present: ExtensionToWrite[] = [];
  for (const { type, body } of values.unknown ?? [])
    present.push({ type, write: (writer) => writer.append(body) });
  for (const [name, spec] of entries) {
    const value = values[name];
    if (value !== undefined)
      present.push({ type: spec.type, write: (writer) => spec.body.write(writer, value) });
  }
  const { order } = values;
  if (order === undefined) return present;
  const rank = (type: number): number => (order.includes(type) ? order.indexOf(type) : order.length);
  return present.toSorted((a, b) => rank(a.type) - rank(b.type));
}
