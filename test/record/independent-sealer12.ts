import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";

import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites12.ts";
import type { RawRecord } from "../../src/record/framing.ts";
import type { Tls12Keys } from "../../src/schedule/tls12.ts";
import { patternBytes } from "./independent-sealer.ts";

/** How records of TLS 1.2 are protected, in the words of node:crypto. */
export interface Kind12 {
  readonly name: string;
  readonly suite: Tls12CipherSuite;
  readonly encryptThenMac: boolean;
  readonly cipher: string;
  readonly keyLength: number;
  /** Bytes of the IV from the key block. */
  readonly fixedIvLength: number;
  /** The hash of the HMAC, and its bytes; none for an AEAD. */
  readonly mac: { readonly hash: string; readonly length: number } | undefined;
}

const aeads: readonly Kind12[] = [
  aead(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "aes-128-gcm", 16, 4),
  aead(TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "aes-256-gcm", 32, 4),
  aead(TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "chacha20-poly1305", 32, 12),
];

/** MAC-then-encrypt, once for each pair of cipher and MAC. */
export const macThenEncryptKinds: readonly Kind12[] = [
  cbc(TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "aes-128-cbc", 16, { hash: "sha1", length: 20 }),
  cbc(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "aes-256-cbc", 32, { hash: "sha1", length: 20 }),
  cbc(TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "aes-128-cbc", 16, { hash: "sha256", length: 32 }),
  cbc(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, "aes-256-cbc", 32, { hash: "sha384", length: 48 }),
];

/** Encrypt-then-MAC, once for each pair of cipher and MAC. */
export const encryptThenMacKinds: readonly Kind12[] = macThenEncryptKinds.map((kind) => ({
  ...kind,
  name: `${kind.name}, encrypt-then-MAC`,
  encryptThenMac: true,
}));

/** Every way to protect a record of TLS 1.2. */
export const kinds12: readonly Kind12[] = [...aeads, ...macThenEncryptKinds, ...encryptThenMacKinds];

/** Keys of the lengths that `kind` takes. */
export function keysFor({ keyLength, fixedIvLength, mac }: Kind12): Tls12Keys {
  return {
    macKey: patternBytes(mac?.length ?? 0, 9),
    key: patternBytes(keyLength, 31),
    iv: patternBytes(fixedIvLength, 99),
  };
}

/** A record as RFC 5246 §6.2.3, RFC 5288, RFC 7905 and RFC 7366 say, made by node:crypto and BigInt and by nothing of src. */
export interface RecordToSeal12 {
  readonly kind: Kind12;
  readonly sequence?: bigint;
  readonly type: number;
  readonly content: Uint8Array;
  /** The version in header and additional data, 0x0303 when absent. */
  readonly version?: number;
  /** The explicit nonce of AES-GCM, the sequence number when absent; the IV of CBC, some bytes when absent. */
  readonly explicit?: Uint8Array;
  /** What the last byte of a CBC plaintext is; the least when absent. */
  readonly paddingLength?: number;
  /** Changes the CBC plaintext with its MAC, if that is inside, and padding. */
  readonly mangle?: (plaintext: Uint8Array) => void;
}

export function sealIndependently12(record: RecordToSeal12): Uint8Array {
  const { kind, type, version = 0x0303 } = record;
  const sealFragment =
    kind.mac === undefined ? sealAead : kind.encryptThenMac ? encryptThenMac : macThenEncrypt;
  const fragment = sealFragment(record, keysFor(kind));
  const header = Buffer.alloc(5);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(version, 1);
  header.writeUInt16BE(fragment.length, 3);
  return new Uint8Array(Buffer.concat([header, fragment]));
}

/** `record`, with the type and version that its header has. */
export function rawRecord(record: Uint8Array): RawRecord {
  const header = record.subarray(0, 5);
  const version = ((header[1] ?? 0) << 8) | (header[2] ?? 0);
  return { type: header[0] ?? 0, version, header, fragment: record.subarray(5) };
}

/** The plaintext of a CBC record, with MAC and padding if they are inside. */
export function decryptCbc(kind: Kind12, fragment: Uint8Array): Uint8Array {
  const ciphertext = fragment.subarray(16, fragment.length - (kind.encryptThenMac ? macOf(kind).length : 0));
  const decipher = createDecipheriv(kind.cipher, keysFor(kind).key, fragment.subarray(0, 16));
  decipher.setAutoPadding(false);
  return new Uint8Array(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
}

/** The HMAC of `data` behind its additional data. */
export function recordHmac(
  { kind, sequence = 0n, type, version = 0x0303 }: Omit<RecordToSeal12, "content">,
  data: Uint8Array,
): Uint8Array {
  const { hash } = macOf(kind);
  const hmac = createHmac(hash, keysFor(kind).macKey);
  return hmac
    .update(additionalData(sequence, type, version, data.length))
    .update(data)
    .digest();
}

function aead(suite: Tls12CipherSuite, cipher: string, keyLength: number, fixedIvLength: number): Kind12 {
  return { name: suite.name, suite, encryptThenMac: false, cipher, keyLength, fixedIvLength, mac: undefined };
}

function cbc(
  suite: Tls12CipherSuite,
  cipher: string,
  keyLength: number,
  mac: NonNullable<Kind12["mac"]>,
): Kind12 {
  return { name: suite.name, suite, encryptThenMac: false, cipher, keyLength, fixedIvLength: 0, mac };
}

function macOf({ mac }: Kind12): NonNullable<Kind12["mac"]> {
  if (mac === undefined) throw new Error("an AEAD has no HMAC");
  return mac;
}

function additionalData(sequence: bigint, type: number, version: number, length: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeBigUInt64BE(sequence, 0);
  data.writeUInt8(type, 8);
  data.writeUInt16BE(version, 9);
  data.writeUInt16BE(length, 11);
  return data;
}

function sealAead(record: RecordToSeal12, keys: Tls12Keys): Buffer {
  const { kind, sequence = 0n, type, content, version = 0x0303 } = record;
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(sequence);
  const explicit = kind.fixedIvLength === 4 ? (record.explicit ?? number) : new Uint8Array();
  const nonce = Buffer.concat([keys.iv, explicit]);
  if (explicit.length === 0) nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ sequence, 4);
  // The overloads of createCipheriv are per name, although the AEADs share all that is used here.
  const cipher = createCipheriv(kind.cipher as "aes-128-gcm", keys.key, nonce, { authTagLength: 16 });
  cipher.setAAD(additionalData(sequence, type, version, content.length));
  return Buffer.concat([explicit, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

function macThenEncrypt(record: RecordToSeal12, keys: Tls12Keys): Buffer {
  const mac = recordHmac(record, record.content);
  return encryptCbc(record, keys, Buffer.concat([record.content, mac]));
}

function encryptThenMac(record: RecordToSeal12, keys: Tls12Keys): Buffer {
  const fragment = encryptCbc(record, keys, record.content);
  return Buffer.concat([fragment, recordHmac(record, fragment)]);
}

function encryptCbc(record: RecordToSeal12, keys: Tls12Keys, unpadded: Uint8Array): Buffer {
  const paddingLength = record.paddingLength ?? 15 - (unpadded.length % 16);
  const padding = new Uint8Array(paddingLength + 1).fill(paddingLength);
  const plaintext = Buffer.concat([unpadded, padding]);
  record.mangle?.(plaintext);
  const iv = record.explicit ?? patternBytes(16, 222);
  const cipher = createCipheriv(record.kind.cipher, keys.key, iv);
  cipher.setAutoPadding(false);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final()]);
}
