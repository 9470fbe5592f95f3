import type { Random } from "./provider.ts";

/**
 * Unpredictable bytes from the runtime's `crypto.getRandomValues`.
 *
 * @throws {Error} when the runtime has none; then a provider needs a `random` of its own.
 */
export function systemRandom(length: number): Uint8Array {
  const source = (globalThis as { readonly crypto?: Partial<RandomSource> }).crypto;
  if (typeof source?.getRandomValues !== "function") {
    throw new Error(
      "this runtime has no globalThis.crypto.getRandomValues; give the provider a random of its own",
    );
  }
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += LARGEST_REQUEST) {
    source.getRandomValues(bytes.subarray(at, at + LARGEST_REQUEST));
  }
  return bytes;
}

/** `length` bytes of `random`. @throws {RangeError} when it returns another number of them. */
export function drawBytes(random: Random, length: number): Uint8Array {
  const bytes = random(length);
  if (bytes.length !== length) {
    throw new RangeError(`random returned ${bytes.length} bytes instead of ${length}`);
  }
  return bytes;
}

/** Web Cryptography §10.1.1: a request for more throws a QuotaExceededError. */
const LARGEST_REQUEST = 65536;

/** The part of WebCrypto that is used; the project is compiled without the types of any runtime. */
interface RandomSource {
  getRandomValues(bytes: Uint8Array): unknown;
}
