import { constants, createDecipheriv, createHmac, verify, X509Certificate } from "node:crypto";

import { expect } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { KeyExchangeGroup, Tls12CipherSuite } from "../../src/crypto/provider.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import { type Tls12Keys, Tls12MainSecret } from "../../src/schedule/tls12.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { recordsOf } from "../support/recorded.ts";

export type Side = "client" | "server";

/** What is known about a recorded connection besides its bytes. */
export interface Known {
  /** The main secret, from a key log. */
  readonly mainSecret?: Uint8Array;
  /** The side whose private keys are known, and the group and the key for the code point of a group. */
  readonly side?: Side;
  readonly privateKey?: (
    group: number,
  ) => { readonly group: KeyExchangeGroup; readonly bytes: Uint8Array } | undefined;
}

/** One direction under its keys. */
interface Direction {
  readonly keys: Tls12Keys;
  sequence: number;
}

/** The suite of TLS 1.2 with a code point, if the provider has it. */
export function suite12(id: number): Tls12CipherSuite | undefined {
  const suite = nobleCipherSuites.find((one) => one.id === id);
  return suite?.version === "TLSv1.2" ? suite : undefined;
}

/**
 * Follows a recorded TLS 1.2 connection with the key schedule and the transcript of this project. Records are opened, and
 * signatures checked, by node:crypto.
 */
export class Tls12Replay {
  readonly #known: Known;
  #transcript = new Transcript();
  readonly #pending: Record<Side, Uint8Array> = { client: new Uint8Array(), server: new Uint8Array() };
  readonly #directions: { client?: Direction; server?: Direction } = {};
  readonly #randoms: Record<Side, Uint8Array> = { client: new Uint8Array(), server: new Uint8Array() };
  #serverShare: { readonly group: number; readonly key: Uint8Array } | undefined;
  #clientCertificate: Uint8Array | undefined;
  #isExtended = false;
  #main: Tls12MainSecret | undefined;
  suite: Tls12CipherSuite | undefined;
  readonly data: Record<Side, string> = { client: "", server: "" };
  readonly totals = { extended: 0, classic: 0, finished: 0, certificateVerify: 0, records: 0 };

  constructor(known: Known) {
    this.#known = known;
  }

  get mainSecret(): string {
    return hex(this.#main?.bytes ?? new Uint8Array());
  }

  async take(from: Side, stream: Uint8Array): Promise<void> {
    for (const { contentType, fragment } of recordsOf(stream)) {
      const content = this.#open(from, contentType, fragment);
      if (contentType === ContentType.change_cipher_spec) this.#changeKeys(from);
      else if (contentType === ContentType.handshake) await this.#takeMessages(from, content);
      else if (contentType === ContentType.application_data)
        this.data[from] += Buffer.from(content).toString("latin1");
    }
  }

  #changeKeys(from: Side): void {
    this.#main ??= this.#known.mainSecret && new Tls12MainSecret(this.#chosen.hash, this.#known.mainSecret);
    if (this.#main === undefined) throw new Error("no main secret");
    const keys = this.#main.trafficKeys(this.#chosen, this.#randoms.client, this.#randoms.server);
    this.#directions[from] = { keys: keys[from], sequence: 0 };
  }

  #open(from: Side, contentType: number, fragment: Uint8Array): Uint8Array {
    const direction = this.#directions[from];
    if (direction === undefined || contentType === ContentType.change_cipher_spec) return fragment;
    this.totals.records++;
    return openRecord(this.#chosen, direction.keys, direction.sequence++, contentType, fragment);
  }

  async #takeMessages(from: Side, content: Uint8Array): Promise<void> {
    let bytes = concatBytes(this.#pending[from], content);
    while (bytes.length >= 4) {
      const length = 4 + Buffer.from(bytes).readUIntBE(1, 3);
      if (bytes.length < length) break;
      await this.#takeMessage(from, bytes.slice(0, length));
      bytes = bytes.slice(length);
    }
    this.#pending[from] = bytes;
  }

  async #takeMessage(from: Side, raw: Uint8Array): Promise<void> {
    switch (raw[0]) {
      case HandshakeType.hello_request:
        return;
      case HandshakeType.client_hello:
        this.#transcript = new Transcript();
        this.#transcript.retain();
        this.#randoms.client = raw.slice(6, 38);
        break;
      case HandshakeType.server_hello:
        this.#takeServerHello(raw);
        break;
      case HandshakeType.certificate:
        if (from === "client" && raw.length > 7) this.#clientCertificate = firstCertificate(raw);
        break;
      case HandshakeType.server_key_exchange:
        this.#serverShare = {
          group: Buffer.from(raw).readUInt16BE(5),
          key: raw.slice(8, 8 + (raw[7] ?? 0)),
        };
        break;
      case HandshakeType.client_key_exchange:
        this.#transcript.add(raw);
        return await this.#takeClientKeyExchange(raw.slice(5));
      case HandshakeType.certificate_verify:
        this.#takeCertificateVerify(raw);
        break;
      case HandshakeType.finished:
        expect(hex(raw.subarray(4))).toBe(hex(this.#finished(from)));
        this.totals.finished++;
        break;
    }
    this.#transcript.add(raw);
  }

  #takeServerHello(raw: Uint8Array): void {
    const bytes = Buffer.from(raw);
    this.#randoms.server = raw.slice(6, 38);
    const sessionIdEnd = 39 + (raw[38] ?? 0);
    this.suite = suite12(bytes.readUInt16BE(sessionIdEnd));
    this.#transcript.start(this.#chosen.hash);
    this.#isExtended = false;
    for (let at = sessionIdEnd + 5; at < raw.length; at += 4 + bytes.readUInt16BE(at + 2))
      this.#isExtended ||= bytes.readUInt16BE(at) === ExtensionType.extended_main_secret;
  }

  async #takeClientKeyExchange(clientKey: Uint8Array): Promise<void> {
    const { side, privateKey } = this.#known;
    if (side === undefined || privateKey === undefined) return;
    const serverKey = this.#serverShare?.key ?? new Uint8Array();
    const known = privateKey(this.#serverShare?.group ?? 0);
    if (known === undefined) throw new Error(`no private key for group ${this.#serverShare?.group}`);
    const own = await known.group.generate(() => known.bytes.slice());
    expect(hex(own.keyExchange)).toBe(hex(side === "client" ? clientKey : serverKey));
    const premasterSecret = await own.sharedSecret(side === "client" ? serverKey : clientKey);
    const { hash } = this.#chosen;
    this.totals[this.#isExtended ? "extended" : "classic"]++;
    this.#main = this.#isExtended
      ? Tls12MainSecret.extended(hash, premasterSecret, this.#transcript.digest())
      : Tls12MainSecret.classic(hash, premasterSecret, this.#randoms.client, this.#randoms.server);
  }

  #takeCertificateVerify(raw: Uint8Array): void {
    if (this.#clientCertificate === undefined) throw new Error("no certificate of the client");
    const scheme = Buffer.from(raw).readUInt16BE(4);
    const key = new X509Certificate(this.#clientCertificate).publicKey;
    const { hash = null, ...padding } = SCHEMES[scheme] ?? {};
    const isGenuine = verify(hash, this.#transcript.messages(), { key, ...padding }, raw.subarray(8));
    expect(isGenuine, `signature scheme ${scheme}`).toBe(true);
    this.#transcript.release();
    this.totals.certificateVerify++;
  }

  #finished(from: Side): Uint8Array {
    if (this.#main === undefined) throw new Error("a Finished before the main secret");
    return this.#main.finished(from, this.#transcript.digest());
  }

  get #chosen(): Tls12CipherSuite {
    if (this.suite === undefined) throw new Error("no suite, or one that is not known");
    return this.suite;
  }
}

const SCHEMES: Readonly<Record<number, { readonly hash?: string; readonly padding?: number }>> = {
  0x0401: { hash: "sha256", padding: constants.RSA_PKCS1_PADDING },
  0x0403: { hash: "sha256" },
  0x0603: { hash: "sha512" },
  0x0804: { hash: "sha256", padding: constants.RSA_PKCS1_PSS_PADDING },
  0x0807: {},
};

function firstCertificate(raw: Uint8Array): Uint8Array {
  return raw.slice(10, 10 + Buffer.from(raw).readUIntBE(7, 3));
}

/** RFC 5246 §6.2.3.2 and §6.2.3.3, RFC 5288 §3, RFC 7905 §2. */
function openRecord(
  { protection }: Tls12CipherSuite,
  keys: Tls12Keys,
  sequence: number,
  contentType: number,
  fragment: Uint8Array,
): Uint8Array {
  const header = (length: number): Uint8Array =>
    Uint8Array.of(0, 0, 0, 0, 0, 0, 0, sequence, contentType, 3, 3, length >> 8, length & 0xff);
  if (protection.kind === "cbc") {
    const { name, keyLength } = protection.cipher;
    const decipher = createDecipheriv(name, keys.key, fragment.subarray(0, 16)).setAutoPadding(false);
    const plaintext = decipher.update(fragment.subarray(16));
    expect([keys.key.length, keys.iv.length]).toEqual([keyLength, 0]);
    const macAt = plaintext.length - 1 - (plaintext.at(-1) ?? 0) - protection.mac.outputLength;
    const content = plaintext.subarray(0, macAt);
    const mac = createHmac(protection.mac.name.replace("-", ""), keys.macKey)
      .update(concatBytes(header(macAt), content))
      .digest("hex");
    expect(hex(plaintext.subarray(macAt, macAt + protection.mac.outputLength))).toBe(mac);
    return Uint8Array.from(content);
  }
  const explicit = protection.fixedIvLength === 4 ? fragment.subarray(0, 8) : new Uint8Array();
  const nonce =
    protection.fixedIvLength === 4
      ? concatBytes(keys.iv, explicit)
      : keys.iv.map((byte, i) => byte ^ (i === 11 ? sequence : 0));
  const ciphertext = fragment.subarray(explicit.length, -16);
  const name = protection.aead.name.toLowerCase() as "aes-128-gcm"; // The overloads are per mode; these are used alike.
  const decipher = createDecipheriv(name, keys.key, nonce, { authTagLength: 16 });
  decipher.setAAD(header(ciphertext.length)).setAuthTag(fragment.subarray(-16));
  const content = decipher.update(ciphertext);
  decipher.final();
  expect(keys.macKey).toHaveLength(0);
  return Uint8Array.from(content);
}
