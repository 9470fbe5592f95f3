import { equalBytes, hex } from "../../src/bytes.ts";
import { nobleCipherSuites, nobleGroups } from "../../src/crypto/noble.ts";
import type { Awaitable } from "../../src/awaitable.ts";
import type { KeyExchangeGroup } from "../../src/crypto/provider.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import {
  EarlySecret,
  type HandshakeSecret,
  type MainSecret,
  type ResumptionSecret,
} from "../../src/schedule/tls13.ts";
import type { SecretContext, SecretLabel, Side } from "../support/observer.ts";

/** A side whose private key is known. */
export interface KnownSide {
  readonly side: Side;
  /** Its private key for a group, as its key exchange draws it. */
  readonly privateKey: (group: KeyExchangeGroup, length: number) => Uint8Array;
}

/** What {@link DerivedSecrets} derives from. */
export interface DerivedSecretsOptions extends KnownSide {
  /** The PSK of a ticket; undefined when it is not known. */
  readonly preSharedKey?: (ticket: Uint8Array) => Uint8Array | undefined;
}

/**
 * The secrets of a TLS 1.3 connection from the ephemeral private key of one side, by our key exchange and our key schedule.
 * {@link find} is a source for an observer.
 */
export class DerivedSecrets {
  readonly #options: DerivedSecretsOptions;
  readonly #found = new Map<SecretLabel, Uint8Array>();
  #handshake: HandshakeSecret | undefined;
  #main: MainSecret | undefined;
  #resumption: ResumptionSecret | undefined;

  constructor(options: DerivedSecretsOptions) {
    this.#options = options;
  }

  readonly find = (label: SecretLabel, context: SecretContext): Uint8Array | undefined => {
    switch (label) {
      case "CLIENT_EARLY_TRAFFIC_SECRET":
        return this.#earlyTraffic(context);
      case "CLIENT_RANDOM":
        return undefined;
      case "CLIENT_HANDSHAKE_TRAFFIC_SECRET":
        return this.#found.get(label) ?? this.#keep(label, this.#handshakeStage(context).clientTraffic.bytes);
      case "SERVER_HANDSHAKE_TRAFFIC_SECRET":
        return this.#found.get(label) ?? this.#keep(label, this.#handshakeStage(context).serverTraffic.bytes);
      case "CLIENT_TRAFFIC_SECRET_0":
        return this.#found.get(label) ?? this.#keep(label, this.#mainStage(context).clientTraffic.bytes);
      case "SERVER_TRAFFIC_SECRET_0":
        return this.#found.get(label) ?? this.#keep(label, this.#mainStage(context).serverTraffic.bytes);
    }
  };

  /** All secrets that were derived, with `EXPORTER_SECRET`, by label and in hexadecimal. */
  get keyLog(): Readonly<Record<string, string>> {
    const exporter = this.#main?.exporter.bytes;
    return Object.fromEntries([
      ...[...this.#found].map(([label, secret]) => [label, hex(secret)] as const),
      ...(exporter === undefined ? [] : [["EXPORTER_SECRET", hex(exporter)] as const]),
    ]);
  }

  /** The PSK of a ticket with `nonce`. @param clientFinishedHash Transcript-Hash up to the client's Finished. */
  preSharedKey(clientFinishedHash: Uint8Array, nonce: Uint8Array): Uint8Array {
    if (this.#main === undefined) throw new Error("the handshake has not ended");
    this.#resumption ??= this.#main.resumption(clientFinishedHash);
    return this.#resumption.preSharedKey(nonce);
  }

  #keep(label: SecretLabel, secret: Uint8Array): Uint8Array {
    this.#found.set(label, secret.slice());
    return secret;
  }

  /** Nothing on the wire tells the hash of a PSK, but a PSK of a ticket is as long as it. */
  #earlyTraffic({ clientHello }: SecretContext): Uint8Array | undefined {
    const [first] = clientHello.extensions.preSharedKey?.identities ?? [];
    const preSharedKey = first && this.#options.preSharedKey?.(first.identity);
    const suite = nobleCipherSuites.find(
      ({ version, hash }) => version === "TLSv1.3" && hash.outputLength === preSharedKey?.length,
    );
    if (suite === undefined) return undefined;
    const clientHelloHash = suite.hash.digest(encodeHandshake("client_hello", clientHello));
    const { bytes } = new EarlySecret(suite.hash, preSharedKey).clientEarlyTraffic(clientHelloHash);
    return this.#keep("CLIENT_EARLY_TRAFFIC_SECRET", bytes);
  }

  #handshakeStage({ clientHello, serverHello, hash, transcriptHash }: SecretContext): HandshakeSecret {
    if (this.#handshake !== undefined) return this.#handshake;
    if (serverHello === undefined || hash === undefined) throw new Error("there is no ServerHello yet");
    const { keyShare, preSharedKey: selected } = serverHello.extensions;
    let preSharedKey: Uint8Array | undefined;
    if (selected !== undefined) {
      const identity = clientHello.extensions.preSharedKey?.identities[selected]?.identity;
      preSharedKey = identity && this.#options.preSharedKey?.(identity);
      if (preSharedKey === undefined) throw new Error("the PSK that the server chose is not known");
    }
    if (keyShare === undefined) throw new Error("the server sent no key share");
    const clientShare = clientHello.extensions.keyShare?.find(({ group }) => group === keyShare.group);
    if (clientShare === undefined) throw new Error("the client sent no key share for the group");
    const sharedSecret = this.#sharedSecret(keyShare.group, clientShare.keyExchange, keyShare.keyExchange);
    this.#handshake = new EarlySecret(hash, preSharedKey).handshake(sharedSecret, transcriptHash);
    return this.#handshake;
  }

  #mainStage({ transcriptHash }: SecretContext): MainSecret {
    if (this.#handshake === undefined) throw new Error("there is no ServerHello yet");
    this.#main ??= this.#handshake.main(transcriptHash);
    return this.#main;
  }

  /** By the private key; the public one that belongs to it must be what its side has sent. */
  #sharedSecret(id: number, ofClient: Uint8Array, ofServer: Uint8Array): Uint8Array {
    const group = nobleGroups.find((known) => known.id === id);
    if (group === undefined) throw new Error(`group ${id} is not known`);
    const random = (length: number): Uint8Array => this.#options.privateKey(group, length).slice();
    if (this.#options.side === "client") {
      const own = atOnce(group.generate(random));
      requireSame(group.name, own.keyExchange, ofClient);
      return atOnce(own.sharedSecret(ofServer));
    }
    const own = atOnce(group.respond(ofClient, random));
    requireSame(group.name, own.keyExchange, ofServer);
    return own.sharedSecret;
  }
}

/** @throws {Error} unless the share that was `sent` is the one of the private key. */
export function requireSame(group: string, computed: Uint8Array, sent: Uint8Array): void {
  if (!equalBytes(computed, sent)) throw new Error(`the ${group} share is not that of the private key`);
}

/** What our own provider gives, which always answers at once. */
export function atOnce<T>(value: Awaitable<T>): T {
  if (typeof value === "object" && value !== null && "then" in value) throw new Error("a promise was given");
  return value as T;
}
