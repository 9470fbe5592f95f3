import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { secp256r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import type { Hash, KeyExchangeGroup, Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import { decodeHandshake, handshakeName } from "../../src/messages/handshake.ts";
import type { ClientHello, NewSessionTicket } from "../../src/messages/handshake13.ts";
import type { TrafficSecret } from "../../src/schedule/traffic.ts";
import {
  EarlySecret,
  type HandshakeSecret,
  type MainSecret,
  type ResumptionSecret,
} from "../../src/schedule/tls13.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { goFlights, recordsOf } from "../support/recorded.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

const go = sharedVectors("go-crypto-tls");

describe.skipIf(go.missing)(`recordings of Go's crypto/tls ${go.missing ?? ""}`, () => {
  const names = go.names().filter((name) => /^(Client|Server)-TLSv13-/.test(name));

  test("every record of every TLS 1.3 connection opens, and every Finished and binder is ours", async () => {
    const tickets = new Map<string, Uint8Array>();
    const totals = { finished: 0, binders: 0, keyUpdates: 0, records: 0 };
    const suites: Record<string, number> = {};
    for (const name of names) {
      const replay = new Replay(name.startsWith("Client-") ? "client" : "server", tickets);
      for (const { from, bytes } of goFlights(go.text(name))) {
        for (const { contentType, fragment } of recordsOf(bytes))
          await replay.take(from, contentType, fragment);
      }
      const suite = replay.suite?.name ?? "none";
      suites[suite] = (suites[suite] ?? 0) + 1;
      for (const key of ["finished", "binders", "keyUpdates", "records"] as const) totals[key] += replay[key];
    }
    expect(totals).toEqual({ finished: 76, binders: 2, keyUpdates: 2, records: 312 });
    // Two connections end before a ServerHello.
    expect(suites).toEqual({
      TLS_AES_128_GCM_SHA256: 12,
      TLS_AES_256_GCM_SHA384: 2,
      TLS_CHACHA20_POLY1305_SHA256: 24,
      none: 2,
    });
  });
});

type Side = "client" | "server";

/** What Go's tests draw as private keys: zeros, of which crypto/ecdh changes one byte for the NIST curves. */
const GROUPS: Readonly<
  Record<number, { readonly group: KeyExchangeGroup; readonly privateKey: Uint8Array }>
> = {
  [x25519.id]: { group: x25519, privateKey: new Uint8Array(32) },
  [secp256r1.id]: {
    group: secp256r1,
    privateKey: Uint8Array.from({ length: 32 }, (_, i) => (i === 1 ? 0x42 : 0)),
  },
};

/** One direction under its keys. */
interface Direction {
  readonly secret: TrafficSecret;
  sequence: number;
}

/** Follows a recorded connection of which the private key of one side is known. */
class Replay {
  readonly #known: Side;
  readonly #tickets: Map<string, Uint8Array>;
  readonly #transcript = new Transcript();
  readonly #pending: Record<Side, Uint8Array> = { client: new Uint8Array(), server: new Uint8Array() };
  readonly #directions: { client?: Direction; server?: Direction } = {};
  #handshake: HandshakeSecret | undefined;
  #main: MainSecret | undefined;
  #resumption: ResumptionSecret | undefined;
  readonly #issued: NewSessionTicket[] = [];
  #offered: ClientHello | undefined;
  /** Transcript-Hash up to the binders of {@link #offered}, by the name of the hash. */
  #truncatedHashes: ReadonlyMap<string, Uint8Array> = new Map();
  suite: Tls13CipherSuite | undefined;
  finished = 0;
  binders = 0;
  keyUpdates = 0;
  records = 0;

  /** @param tickets PSKs by their tickets: of earlier connections, and of this one in the end. */
  constructor(known: Side, tickets: Map<string, Uint8Array>) {
    this.#known = known;
    this.#tickets = tickets;
  }

  async take(from: Side, contentType: number, fragment: Uint8Array): Promise<void> {
    if (contentType === ContentType.application_data) {
      const inner = this.#open(from, fragment);
      if (inner.type === ContentType.handshake) await this.#takeMessages(from, inner.content);
    } else if (contentType === ContentType.handshake) {
      await this.#takeMessages(from, fragment);
    }
  }

  #open(from: Side, fragment: Uint8Array): { readonly type: number; readonly content: Uint8Array } {
    const direction = this.#directions[from];
    if (direction === undefined || this.suite === undefined) throw new Error(`no keys of the ${from}`);
    const { aead } = this.suite;
    const { key, iv } = direction.secret.trafficKeys(aead);
    const nonce = iv.map((byte, i) => byte ^ (i === iv.length - 1 ? direction.sequence : 0));
    direction.sequence++;
    const header = Uint8Array.of(23, 3, 3, fragment.length >> 8, fragment.length & 0xff);
    const inner = new Uint8Array(fragment.length - aead.tagLength);
    expect(aead.opener(key).open(nonce, header, fragment, inner)).toBe(true);
    this.records++;
    let end = inner.length;
    while (end > 0 && inner[end - 1] === 0) end--;
    return { type: inner[end - 1] ?? 0, content: inner.subarray(0, end - 1) };
  }

  async #takeMessages(from: Side, content: Uint8Array): Promise<void> {
    let bytes = concatBytes(this.#pending[from], content);
    while (bytes.length >= 4) {
      const length = 4 + (bytes[1] ?? 0) * 0x10000 + (bytes[2] ?? 0) * 0x100 + (bytes[3] ?? 0);
      if (bytes.length < length) break;
      await this.#takeMessage(from, bytes.slice(0, length));
      bytes = bytes.slice(length);
    }
    this.#pending[from] = bytes;
  }

  async #takeMessage(from: Side, raw: Uint8Array): Promise<void> {
    const name = handshakeName(raw);
    switch (name) {
      case "client_hello": {
        this.#offered = decodeHandshake(name, raw);
        const { binders = [] } = this.#offered.extensions.preSharedKey ?? {};
        const truncated = raw.subarray(
          0,
          raw.length - binders.reduce((sum, { length }) => sum + 1 + length, 2),
        );
        const before = this.#transcript.hash;
        const digests = [sha256, sha384]
          .filter((hash) => before === undefined || before.name === hash.name)
          .map((hash) => [hash.name, this.#transcript.digestWith(hash, truncated)] as const);
        this.#truncatedHashes = new Map(digests);
        return this.#transcript.add(raw);
      }
      case "hello_retry_request":
        this.#choose(decodeHandshake(name, raw).cipherSuite);
        this.#transcript.replaceByMessageHash();
        return this.#transcript.add(raw);
      case "server_hello":
        return this.#takeServerHello(raw);
      case "finished":
        return this.#takeFinished(from, raw);
      case "key_update":
        this.keyUpdates++;
        this.#directions[from] = { secret: this.#secret(from).next(), sequence: 0 };
        return;
      case "new_session_ticket":
        this.#issued.push(decodeHandshake(name, raw));
        return this.#keepTickets();
      case "encrypted_extensions":
      case "certificate_request":
      case "certificate":
      case "compressed_certificate":
      case "certificate_verify":
      case "end_of_early_data":
        return this.#transcript.add(raw);
      case "hello_request":
      case "tls12_server_hello":
      case "tls12_new_session_ticket":
      case "tls12_certificate":
      case "tls12_raw_public_key":
      case "server_key_exchange":
      case "tls12_certificate_request":
      case "server_hello_done":
      case "client_key_exchange":
      case "certificate_status":
      case undefined:
        throw new Error(`message of type ${raw[0]}`);
    }
  }

  async #takeServerHello(raw: Uint8Array): Promise<void> {
    const { cipherSuite, extensions } = decodeHandshake("server_hello", raw);
    const hash = this.#choose(cipherSuite).hash;
    this.#transcript.add(raw);
    const share = extensions.keyShare;
    const clientShare = this.#offered?.extensions.keyShare?.find(
      ({ group }) => group === share?.group,
    )?.keyExchange;
    const known = GROUPS[share?.group ?? 0];
    if (share === undefined || clientShare === undefined || known === undefined)
      throw new Error("no key share");
    const own = await known.group.generate(() => known.privateKey.slice());
    const isClient = this.#known === "client";
    expect(hex(own.keyExchange)).toBe(hex(isClient ? clientShare : share.keyExchange));
    const sharedSecret = await own.sharedSecret(isClient ? share.keyExchange : clientShare);
    const early = this.#early(hash, extensions.preSharedKey);
    this.#handshake = early.handshake(sharedSecret, this.#transcript.digest());
    this.#directions.client = { secret: this.#handshake.clientTraffic, sequence: 0 };
    this.#directions.server = { secret: this.#handshake.serverTraffic, sequence: 0 };
  }

  #early(hash: Hash, chosen: number | undefined): EarlySecret {
    if (chosen === undefined) return new EarlySecret(hash);
    const { identities, binders } = this.#offered?.extensions.preSharedKey ?? {};
    const psk = this.#tickets.get(hex(identities?.[chosen]?.identity ?? new Uint8Array()));
    const truncatedHash = this.#truncatedHashes.get(hash.name);
    if (psk === undefined || truncatedHash === undefined) throw new Error("the ticket is of no recording");
    const early = new EarlySecret(hash, psk);
    expect(hex(early.binder("resumption", truncatedHash))).toBe(hex(binders?.[chosen] ?? new Uint8Array()));
    this.binders++;
    return early;
  }

  #takeFinished(from: Side, raw: Uint8Array): void {
    const { verifyData } = decodeHandshake("finished", raw);
    expect(hex(verifyData)).toBe(hex(this.#secret(from).finished(this.#transcript.digest())));
    this.finished++;
    this.#transcript.add(raw);
    if (from === "server") this.#main = this.#handshake?.main(this.#transcript.digest());
    if (this.#main === undefined) throw new Error("the client's Finished is the first");
    if (from === "client") this.#resumption = this.#main.resumption(this.#transcript.digest());
    this.#keepTickets();
    const secret = from === "server" ? this.#main.serverTraffic : this.#main.clientTraffic;
    this.#directions[from] = { secret, sequence: 0 };
  }

  /** A server that asks for no certificate may send tickets before the client's Finished, which it can foresee. */
  #keepTickets(): void {
    if (this.#resumption === undefined) return;
    for (const { ticket, ticketNonce } of this.#issued.splice(0)) {
      this.#tickets.set(hex(ticket), this.#resumption.preSharedKey(ticketNonce));
    }
  }

  #choose(id: number): Tls13CipherSuite {
    const suite = nobleCipherSuites.find((one) => one.id === id);
    if (suite?.version !== "TLSv1.3") throw new Error(`no suite ${id} of TLS 1.3`);
    this.suite = suite;
    this.#transcript.start(suite.hash);
    return suite;
  }

  #secret(from: Side): TrafficSecret {
    const direction = this.#directions[from];
    if (direction === undefined) throw new Error(`no keys of the ${from}`);
    return direction.secret;
  }
}
