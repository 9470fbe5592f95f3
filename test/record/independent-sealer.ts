import { createCipheriv } from "node:crypto";

import { TlsAlert } from "../../src/alert.ts";

/** A record as RFC 8446 §5.2 says, made by node:crypto and BigInt and by nothing of src. */
export interface RecordToSeal {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly sequence?: bigint;
  readonly type: number;
  readonly content: Uint8Array;
  /** Bytes of padding. */
  readonly padding?: number;
  /** The type in the header, 23 when absent. */
  readonly outerType?: number;
  /** The version in the header, 0x0303 when absent. */
  readonly version?: number;
  /** The cipher; AES-128-GCM when absent. */
  readonly cipher?: "aes-128-gcm" | "aes-256-gcm" | "chacha20-poly1305";
}

export function sealIndependently(record: RecordToSeal): Uint8Array {
  const { key, iv, sequence = 0n, type, content, padding = 0, outerType = 23, version = 0x0303 } = record;
  const nonce = Buffer.from(iv);
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ sequence, 4);
  const inner = Buffer.concat([content, Uint8Array.of(type), new Uint8Array(padding)]);
  const header = Buffer.alloc(5);
  header.writeUInt8(outerType, 0);
  header.writeUInt16BE(version, 1);
  header.writeUInt16BE(inner.length + 16, 3);
  // The overloads of createCipheriv are per name, although the AEADs share all that is used here.
  const cipher = createCipheriv((record.cipher ?? "aes-128-gcm") as "aes-128-gcm", key, nonce, {
    authTagLength: 16,
  });
  cipher.setAAD(header);
  return new Uint8Array(Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]));
}

/** The alert that `act` throws, or `"none"`. */
export function alertThrownBy(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TlsAlert) return error.alert;
    throw error;
  }
  return "none";
}

/** `length` bytes that differ from their neighbours, none of them zero. */
export function patternBytes(length: number, start = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 1 + ((start + i * 7) % 255));
}

/** A record without protection. */
export function plainRecord(type: number, fragment: Uint8Array, version = 0x0303): Uint8Array {
  return Uint8Array.of(
    type,
    version >>> 8,
    version & 0xff,
    fragment.length >>> 8,
    fragment.length & 0xff,
    ...fragment,
  );
}
