import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import {
  MAX_CIPHERTEXT_EXPANSION_13,
  MAX_PLAINTEXT_LENGTH,
  type RawRecord,
  RecordBuffer,
} from "../../src/record/framing.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import {
  type InnerPlaintext,
  type ProtectionVersion,
  type ReadProtection,
  ReadProtection13,
} from "../../src/record/protection.ts";
import { TrafficSecret } from "../../src/schedule/traffic.ts";

/** What is in a record. */
export interface OpenedRecord extends InnerPlaintext {
  /** The version whose protection was around it; undefined when there was none. */
  readonly protectedBy: ProtectionVersion | undefined;
}

/** What one side sends: its records, their protection, and the messages in them. */
export class Direction {
  readonly received = new RecordBuffer();
  readonly joiner = new HandshakeJoiner(2 ** 24 - 1);
  readonly #sender: string;
  #suite: Tls13CipherSuite | undefined;
  #secret: TrafficSecret | undefined;
  #protection: ReadProtection | undefined;
  #earlySecret: Uint8Array | undefined;
  #hasOpened = false;
  #isProtected = false;

  /** @param sender for errors. */
  constructor(sender: string) {
    this.#sender = sender;
  }

  /** Whether early data may be next. */
  get isEarly(): boolean {
    return this.#earlySecret !== undefined;
  }

  /** The traffic secret of what is sent now, where it is known. */
  get secret(): TrafficSecret | undefined {
    return this.#secret;
  }

  get pending(): number {
    return this.received.length + (this.joiner.isAligned ? 0 : 1);
  }

  next(): RawRecord | undefined {
    const { maxFragmentLength = MAX_PLAINTEXT_LENGTH + MAX_CIPHERTEXT_EXPANSION_13 } = this.#protection ?? {};
    return this.received.next(maxFragmentLength);
  }

  /** What is in a record, which is overwritten. */
  open(record: RawRecord): OpenedRecord {
    if (!this.#isProtected || this.#isPlaintextOf13(record.type))
      return { type: record.type, content: record.fragment, protectedBy: undefined };
    if (this.#protection === undefined && this.#earlySecret !== undefined) {
      this.#chooseEarlySuite(this.#earlySecret, record);
    }
    if (this.#protection === undefined)
      throw new Error(`the secret of a record of the ${this.#sender} is not known`);
    const inner = this.#protection.open(record);
    if (inner === undefined) throw new Error(`a record of the ${this.#sender} does not authenticate`);
    this.#hasOpened = true;
    return { ...inner, protectedBy: this.#protection.version };
  }

  unprotect(): void {
    this.#replace(undefined);
    this.#isProtected = false;
  }

  /** TLS 1.3: records from here on are protected; without a `secret`, they cannot be opened. */
  protect(suite: Tls13CipherSuite, secret: TrafficSecret | undefined): void {
    this.#replace(secret && new ReadProtection13(suite, secret.trafficKeys(suite.aead)));
    this.#suite = suite;
    this.#secret = secret;
  }

  /** TLS 1.2: records from here on are protected; without a `protection`, they cannot be opened. */
  protect12(protection: ReadProtection | undefined): void {
    this.#replace(protection);
  }

  /** The suite of early data is that of the PSK, which nothing on the wire tells at this point: the first record must. */
  protectEarlyData(secret: Uint8Array): void {
    this.#replace(undefined);
    this.#earlySecret = secret;
  }

  updateKey(): void {
    if (this.#suite === undefined || this.#secret === undefined) throw new Error("KeyUpdate without keys");
    this.protect(this.#suite, this.#secret.next());
  }

  /**
   * Whether TLS 1.3 leaves a record unprotected although there are keys: ChangeCipherSpec, and alerts before the first record that is
   * protected, as their sender may have no keys yet.
   */
  #isPlaintextOf13(type: number): boolean {
    if (this.#protection?.version === "TLSv1.2") return false;
    return type === ContentType.change_cipher_spec || (type === ContentType.alert && !this.#hasOpened);
  }

  #replace(protection: ReadProtection | undefined): void {
    if (!this.joiner.isAligned) throw new Error(`a message of the ${this.#sender} spans a change of keys`);
    this.#suite = undefined;
    this.#secret = undefined;
    this.#protection = protection;
    this.#earlySecret = undefined;
    this.#isProtected = true;
  }

  #chooseEarlySuite(secret: Uint8Array, { fragment, ...record }: RawRecord): void {
    for (const suite of nobleCipherSuites) {
      if (suite.version !== "TLSv1.3" || suite.hash.outputLength !== secret.length) continue;
      const keys = (): ReadProtection13 =>
        new ReadProtection13(suite, new TrafficSecret(suite.hash, secret.slice()).trafficKeys(suite.aead));
      if (keys().open({ ...record, fragment: fragment.slice() }) !== undefined) this.#protection = keys();
    }
  }
}
