import { createHash, createHmac } from "node:crypto";

import { concatBytes } from "../../src/bytes.ts";

type HashName = "sha256" | "sha384";

/** The binder of a PSK, computed with nothing of ours. RFC 8446 §4.2.11.2, §7.1. */
export function binderOf(
  hash: HashName,
  label: "res binder" | "ext binder" | "imp binder",
  preSharedKey: Uint8Array,
  transcript: Uint8Array,
): Uint8Array {
  const digest = (data: Uint8Array): Uint8Array => createHash(hash).update(data).digest();
  const length = digest(new Uint8Array()).length;
  const early = createHmac(hash, new Uint8Array(length)).update(preSharedKey).digest();
  const key = expandLabel(hash, early, label, digest(new Uint8Array()), length);
  const finished = expandLabel(hash, key, "finished", new Uint8Array(), length);
  return new Uint8Array(createHmac(hash, finished).update(digest(transcript)).digest());
}

/** What stands for the first ClientHello when there is a second one. RFC 8446 §4.4.1. */
export function messageHash(hash: HashName, clientHello: Uint8Array): Uint8Array {
  const digest = createHash(hash).update(clientHello).digest();
  return concatBytes(Uint8Array.of(254, 0, 0, digest.length), digest);
}

/** A ClientHello without its binders, of which there is one. */
export function truncated(clientHello: Uint8Array, binderLength: number): Uint8Array {
  return clientHello.subarray(0, clientHello.length - 3 - binderLength);
}

/** HKDF-Expand-Label of one block. RFC 8446 §7.1. */
function expandLabel(
  hash: HashName,
  secret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const name = Buffer.from(`tls13 ${label}`);
  const info = concatBytes(
    Uint8Array.of(length >> 8, length & 0xff, name.length),
    name,
    Uint8Array.of(context.length),
    context,
    Uint8Array.of(1),
  );
  return createHmac(hash, secret).update(info).digest();
}
