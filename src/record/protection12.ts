// Hot path: every protected record passes here. Plain loops, in place; no closures, generators or codecs per record,
// and no allocation but the views that the interfaces of ciphers and hashes ask for.

import { TlsAlert } from "../alert.ts";
import type { Random, Tls12CipherSuite } from "../crypto/provider.ts";
import { ProtocolVersion } from "../messages/codepoints.ts";
import type { Tls12Keys } from "../schedule/tls12.ts";
import { AeadOpener12, AeadSealer12 } from "./aead12.ts";
import {
  EncryptThenMacOpener,
  EncryptThenMacSealer,
  MacThenEncryptOpener,
  MacThenEncryptSealer,
} from "./cbc12.ts";
import { AdditionalData12, type FragmentOpener, type FragmentSealer } from "./fragment12.ts";
import {
  MAX_CIPHERTEXT_EXPANSION_12,
  MAX_PLAINTEXT_LENGTH,
  type RawRecord,
  RECORD_HEADER_LENGTH,
} from "./framing.ts";
import { MAX_SEQUENCE } from "./nonce.ts";
import type { InnerPlaintext, ProtectionOptions, ReadProtection, WriteProtection } from "./protection.ts";

/** What the protection of TLS 1.2 records depends on besides suite and keys. */
export interface ReadProtection12Options extends ProtectionOptions {
  /** Whether `encrypt_then_mac` was negotiated; it means nothing for AEADs. RFC 7366. */
  readonly encryptThenMac: boolean;
}

/** What sealing TLS 1.2 records depends on besides suite and keys. */
export interface WriteProtection12Options extends ReadProtection12Options {
  /** Where the IVs of CBC records come from: 16 bytes for each. */
  readonly random: Random;
}

/** Opens TLS 1.2 records of `suite`. RFC 5246 §6.2.3. @param keys copied; the caller may wipe them. */
export function readProtection12(
  suite: Tls12CipherSuite,
  keys: Tls12Keys,
  { encryptThenMac, sequence = 0 }: ReadProtection12Options,
): ReadProtection {
  const { protection } = suite;
  let opener: FragmentOpener;
  if (protection.kind === "aead") opener = new AeadOpener12(protection, keys);
  else if (encryptThenMac) opener = new EncryptThenMacOpener(protection, keys);
  else opener = new MacThenEncryptOpener(protection, keys);
  return new ReadProtection12(opener, sequence);
}

/** Seals TLS 1.2 records of `suite`. RFC 5246 §6.2.3. @param keys copied; the caller may wipe them. */
export function writeProtection12(
  suite: Tls12CipherSuite,
  keys: Tls12Keys,
  { encryptThenMac, random, sequence = 0 }: WriteProtection12Options,
): WriteProtection {
  const { protection } = suite;
  let sealer: FragmentSealer;
  if (protection.kind === "aead") sealer = new AeadSealer12(protection, keys);
  else if (encryptThenMac) sealer = new EncryptThenMacSealer(protection, keys, random);
  else sealer = new MacThenEncryptSealer(protection, keys, random);
  return new WriteProtection12(sealer, sequence);
}

class ReadProtection12 implements ReadProtection {
  readonly version = "TLSv1.2";
  readonly maxFragmentLength = MAX_PLAINTEXT_LENGTH + MAX_CIPHERTEXT_EXPANSION_12;
  /** Most bytes of content in a record; a type byte is not counted, as there is none inside. RFC 8449 §4. */
  recordSizeLimit = MAX_PLAINTEXT_LENGTH;
  readonly #opener: FragmentOpener;
  readonly #additionalData: AdditionalData12;

  constructor(opener: FragmentOpener, sequence: number) {
    this.#opener = opener;
    this.#additionalData = new AdditionalData12(sequence);
  }

  /**
   * Opens `record` in place. Its version is authenticated as it was received; nothing else about it is looked at before.
   *
   * @returns undefined for a record whose MAC, tag, padding or length is wrong: bad_record_mac. The sequence number stays then.
   * @throws {TlsAlert} record_overflow for a plaintext that is too long.
   */
  open(record: RawRecord): InnerPlaintext | undefined {
    const { type } = record;
    const additionalData = this.#additionalData.current(type, record.version);
    const content = this.#opener.open(additionalData, record.fragment);
    if (content === undefined) return undefined;
    this.#additionalData.advance();
    const limit = Math.min(this.recordSizeLimit, MAX_PLAINTEXT_LENGTH);
    if (content.length > limit)
      throw new TlsAlert("record_overflow", `plaintext of ${content.length} bytes, allowed ${limit}`);
    return { type, content };
  }

  wipe(): void {
    this.#opener.wipe();
  }
}

class WriteProtection12 implements WriteProtection {
  readonly version = "TLSv1.2";
  readonly overhead: number;
  readonly #recordsPerKey: number;
  readonly #sealer: FragmentSealer;
  readonly #additionalData: AdditionalData12;

  constructor(sealer: FragmentSealer, sequence: number) {
    this.#sealer = sealer;
    this.#additionalData = new AdditionalData12(sequence);
    this.#recordsPerKey = Math.min(sealer.recordsPerKey, MAX_SEQUENCE);
    this.overhead = RECORD_HEADER_LENGTH + sealer.overhead;
  }

  /** Records that the key may still seal. TLS 1.2 has no KeyUpdate: behind them the connection has to end. */
  get recordsLeft(): number {
    return Math.max(0, this.#recordsPerKey - this.#additionalData.sequence);
  }

  contentLimit(recordSizeLimit: number): number {
    return Math.min(recordSizeLimit, MAX_PLAINTEXT_LENGTH);
  }

  /**
   * Writes one record to `output` at `offset`. `content` must be within {@link contentLimit}, and must not overlap the
   * place that is written to. There is no padding but that which CBC needs, the least.
   *
   * @returns bytes written.
   * @throws {TlsAlert} internal_error when the sequence numbers are used up.
   */
  seal(type: number, content: Uint8Array, _paddingLength: number, output: Uint8Array, offset = 0): number {
    const version = ProtocolVersion["TLSv1.2"];
    const additionalData = this.#additionalData.current(type, version);
    const end = offset + this.overhead + content.length;
    const fragment = output.subarray(offset + RECORD_HEADER_LENGTH, end);
    const fragmentLength = this.#sealer.seal(additionalData, content, fragment);
    this.#additionalData.advance();
    output[offset] = type;
    output[offset + 1] = version >>> 8;
    output[offset + 2] = version & 0xff;
    output[offset + 3] = fragmentLength >>> 8;
    output[offset + 4] = fragmentLength & 0xff;
    return RECORD_HEADER_LENGTH + fragmentLength;
  }

  wipe(): void {
    this.#sealer.wipe();
  }
}
