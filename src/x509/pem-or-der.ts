import { parsePem } from "../der/pem.ts";
import { DerError } from "../der/reader.ts";
import { ConfigError } from "../errors.ts";

/** What a configuration may give where DER objects are asked for: PEM text with any number of blocks, DER, or several of either. */
export type PemOrDer = string | Uint8Array | readonly (string | Uint8Array)[];

/**
 * Decodes all objects that a configuration gives.
 *
 * @param label of the PEM blocks that count, such as `CERTIFICATE`; others are left out.
 * @param decode is given a copy of each.
 * @throws {ConfigError} when there is none, or `decode` throws a DerError. The message says which one it is, and nothing of what is in it.
 */
export function decodeAll<T>(
  option: string,
  given: PemOrDer,
  label: string,
  decode: (der: Uint8Array) => T,
): readonly T[] {
  const items = typeof given === "string" || given instanceof Uint8Array ? [given] : given;
  const objects: T[] = [];
  for (const item of items) {
    for (const der of dersOf(option, item, label)) {
      try {
        objects.push(decode(der));
      } catch (error) {
        throw refusal(option, error, `object ${objects.length + 1} of ${der.length} bytes`);
      }
    }
  }
  if (objects.length > 0) return objects;
  throw new ConfigError(option, [], `at least one ${label}, in PEM or DER`);
}

function dersOf(option: string, item: string | Uint8Array, label: string): readonly Uint8Array[] {
  if (typeof item !== "string") return [item.slice()];
  try {
    return parsePem(item).flatMap((block) => (block.label === label ? [block.bytes] : []));
  } catch (error) {
    throw refusal(option, error, `text of ${item.length} characters`);
  }
}

function refusal(option: string, cause: unknown, what: string): unknown {
  if (!(cause instanceof DerError)) return cause;
  const error = new ConfigError(option, what, `PEM or DER; ${cause.message}`);
  error.cause = cause;
  return error;
}
