import { concatBytes, equalBytes } from "../../src/bytes.ts";
import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import type { RawRecord } from "../../src/record/framing.ts";
import type { InnerPlaintext, ReadProtection, WriteProtection } from "../../src/record/protection.ts";
import { readProtection12, writeProtection12 } from "../../src/record/protection12.ts";
import type { Tls12Keys } from "../../src/schedule/tls12.ts";

/** Opens records of TLS 1.2, and seals what was in them once more, to see whether we would have written the same bytes. */
export class ResealingProtection implements ReadProtection {
  readonly version = "TLSv1.2";
  readonly #reads: ReadProtection;
  readonly #writes: WriteProtection;
  readonly #kind: Tls12CipherSuite["protection"]["kind"];
  #iv: Uint8Array = new Uint8Array();
  /** Records that were opened. */
  opened = 0;
  /** Those that we write alike: in CBC under the same IV, and in AES-GCM if their sender counts its nonces as we do. */
  resealed = 0;

  constructor(suite: Tls12CipherSuite, keys: Tls12Keys, encryptThenMac: boolean) {
    this.#kind = suite.protection.kind;
    this.#reads = readProtection12(suite, keys, { encryptThenMac });
    this.#writes = writeProtection12(suite, keys, { encryptThenMac, random: () => this.#iv.slice() });
  }

  get maxFragmentLength(): number {
    return this.#reads.maxFragmentLength;
  }

  get recordSizeLimit(): number {
    return this.#reads.recordSizeLimit;
  }

  set recordSizeLimit(limit: number) {
    this.#reads.recordSizeLimit = limit;
  }

  open(record: RawRecord): InnerPlaintext | undefined {
    const bytes = concatBytes(record.header, record.fragment);
    if (this.#kind === "cbc") this.#iv = record.fragment.slice(0, 16);
    const inner = this.#reads.open(record);
    if (inner === undefined) return undefined;
    this.opened++;
    const sealed = new Uint8Array(inner.content.length + this.#writes.overhead);
    const length = this.#writes.seal(inner.type, inner.content, 0, sealed);
    if (equalBytes(sealed.subarray(0, length), bytes)) this.resealed++;
    return inner;
  }

  wipe(): void {
    this.#reads.wipe();
    this.#writes.wipe();
  }
}
