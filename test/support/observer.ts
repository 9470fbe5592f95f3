import { hex } from "../../src/bytes.ts";
import type { TlsMessage } from "../../src/config/hooks.ts";
import type { TlsVersion } from "../../src/config/settings.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Hash, TlsCipherSuite } from "../../src/crypto/provider.ts";
import { ContentType, ProtocolVersion } from "../../src/messages/codepoints.ts";
import {
  decodeHandshake,
  describeHandshake,
  handshakeName,
  type HandshakeName,
} from "../../src/messages/handshake.ts";
import type { Tls12ServerHello } from "../../src/messages/handshake12.ts";
import type { ClientHello, ServerHello } from "../../src/messages/handshake13.ts";
import type { RawRecord } from "../../src/record/framing.ts";
import { type Happening, readEvent, writtenEvent } from "../observer/callback-events.ts";
import { Direction } from "../observer/direction.ts";
import { ObservedHandshake12 } from "../observer/handshake12.ts";
import { ObservedHandshake13 } from "../observer/handshake13.ts";
import { fromHex } from "./hex.ts";

/** One end of a connection. */
export type Side = "client" | "server";

/** A message callback of one side, as CPython reports it. */
export interface ObservedEvent extends TlsMessage {
  readonly side: Side;
}

/** Labels of the NSS key log format that an observer asks for; `CLIENT_RANDOM` is that of the main secret of TLS 1.2. */
export type SecretLabel =
  | "CLIENT_EARLY_TRAFFIC_SECRET"
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0"
  | "CLIENT_RANDOM";

/** How far a handshake is when a secret of it is asked for. */
export interface SecretContext {
  readonly clientHello: ClientHello;
  /** Undefined before it was seen, and in TLS 1.2. */
  readonly serverHello: ServerHello | undefined;
  /** The suite's hash; undefined before the ServerHello. */
  readonly hash: Hash | undefined;
  /**
   * Transcript-Hash up to the message that the secret depends on: in TLS 1.2 to ClientKeyExchange (RFC 7627 §3). Empty before the
   * ServerHello, and when a session is resumed.
   */
  readonly transcriptHash: Uint8Array;
  /** In TLS 1.2 alone. */
  readonly tls12?: Tls12SecretContext;
}

/** What the main secret of TLS 1.2 depends on. */
export interface Tls12SecretContext {
  readonly serverHello: Tls12ServerHello;
  /** ServerECDHParams; undefined when there was no ServerKeyExchange. */
  readonly serverParams: Uint8Array | undefined;
  /** The body of ClientKeyExchange; undefined when a session is resumed. */
  readonly clientKeyExchange: Uint8Array | undefined;
}

/** Where an observer has secrets from: a key log, or a private key. Undefined when it does not know one. */
export type SecretSource = (label: SecretLabel, context: SecretContext) => Uint8Array | undefined;

/** A handshake message, and who sent it. */
export interface ObservedMessage {
  readonly sender: Side;
  /** `"server_hello"`, or the like. */
  readonly name: HandshakeName;
  /** With its header. */
  readonly raw: Uint8Array;
}

/** A signature of the handshake with all that it takes to check it: of a CertificateVerify, or of a ServerKeyExchange. */
export interface ObservedProof {
  readonly version: TlsVersion;
  readonly signer: Side;
  /** SignatureScheme. */
  readonly algorithm: number;
  /** What is signed. RFC 8446 §4.4.3; RFC 8422 §5.4, RFC 5246 §7.4.8. */
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer's first certificate, in DER. */
  readonly certificate: Uint8Array;
}

/** What handshakes of either version prove. */
export interface Findings {
  /** Whether the `verify_data` of a side's Finished is right, of all its Finished in TLS 1.2; undefined when there was none. */
  readonly finished: Partial<Record<Side, boolean>>;
  readonly proofs: ObservedProof[];
}

/** A protected record that was opened. */
export interface ObservedRecord {
  readonly sender: Side;
  readonly type: number;
  /** Without type and padding. */
  readonly content: Uint8Array;
}

/** The lines of an NSS key log as a source of secrets. Comments and labels that no observer asks for are passed over. */
export function keyLogSecrets(lines: readonly string[]): SecretSource {
  const secrets = new Map(
    lines.map((line) => {
      const [label = "", clientRandom = "", secret = ""] = line.trim().split(" ");
      return [`${label} ${clientRandom.toLowerCase()}`, secret] as const;
    }),
  );
  return (label, { clientHello }) => {
    const secret = secrets.get(`${label} ${hex(clientHello.random)}`);
    return secret === undefined ? undefined : fromHex(secret);
  };
}

/** An event as a row of the columns of the recordings: side, direction, version, content type, message type, data. */
export function eventRow({ side, direction, version, contentType, messageType, data }: ObservedEvent) {
  return [side, direction, version, contentType, messageType, hex(data)] as const;
}

/** Names that messages have in TLS 1.2, by those that their types have in TLS 1.3. */
const tls12Names: Partial<Record<HandshakeName, HandshakeName>> = {
  certificate: "tls12_certificate",
  certificate_request: "tls12_certificate_request",
  new_session_ticket: "tls12_new_session_ticket",
};

/** What an observer is told besides bytes and secrets. */
export interface ObserverOptions {
  /** Suites that the connection may have chosen. Default: ours. */
  readonly suites?: readonly TlsCipherSuite[];
  /**
   * The highest version of the server. The wire does not tell it when a server refuses the ClientHello, and its alert is reported
   * under the version that it would have chosen. Default: TLS 1.3.
   */
  readonly serverVersion?: TlsVersion;
}

/**
 * Reads a connection from outside: the bytes of both directions in the order in which they were sent, and secrets
 * from a {@link SecretSource}. It enforces nothing but what it needs to go on, and throws where it cannot.
 */
export class ConnectionObserver {
  /** What the message callbacks of both sides report; per {@link carry}, first the sender's and then the receiver's. */
  readonly events: ObservedEvent[] = [];
  /** All handshake messages in order. */
  readonly messages: ObservedMessage[] = [];
  /** Application data by its sender, one entry per record. */
  readonly data: Readonly<Record<Side, Uint8Array[]>> = { client: [], server: [] };
  /** The two bytes of each alert, by sender. */
  readonly alerts: Readonly<Record<Side, Uint8Array[]>> = { client: [], server: [] };
  /** All protected records in order. */
  readonly protectedRecords: ObservedRecord[] = [];
  /** Whether the `verify_data` of a side's Finished is right; undefined when there was none. */
  readonly finished: Partial<Record<Side, boolean>> = {};
  readonly proofs: ObservedProof[] = [];
  /** Handshakes of TLS 1.2 that have come to their ServerHello, in order. */
  readonly handshakes12: ObservedHandshake12[] = [];
  readonly #secrets: SecretSource;
  readonly #suites: readonly TlsCipherSuite[];
  readonly #directions = { client: new Direction("client"), server: new Direction("server") };
  readonly #handshake13: ObservedHandshake13;
  readonly #hasStoppedReading = { client: false, server: false };
  readonly #serverVersion: TlsVersion;
  /** What each side takes the connection for. A server reads the ClientHello as one of the highest version there is, as OpenSSL does. */
  readonly #spoken: Record<Side, TlsVersion> = { client: "TLSv1.3", server: "TLSv1.3" };
  #clientHello: { readonly body: ClientHello; readonly raw: Uint8Array } | undefined;

  constructor(
    secrets: SecretSource,
    { suites = nobleCipherSuites, serverVersion = "TLSv1.3" }: ObserverOptions = {},
  ) {
    this.#secrets = secrets;
    this.#suites = suites;
    this.#serverVersion = serverVersion;
    this.#handshake13 = new ObservedHandshake13(secrets, this.#directions, this);
  }

  /** The suite of the ServerHello or HelloRetryRequest. */
  get suite(): TlsCipherSuite | undefined {
    return this.handshakes12.at(-1)?.suite ?? this.#handshake13.suite;
  }

  get clientHello(): ClientHello | undefined {
    return this.#clientHello?.body;
  }

  /** That of TLS 1.3. */
  get serverHello(): ServerHello | undefined {
    return this.#handshake13.serverHello;
  }

  /** Of each authentication behind a handshake of TLS 1.3, whether its Finished is right. */
  get lateFinished(): readonly boolean[] {
    return this.#handshake13.late?.finished ?? [];
  }

  /** Transcript-Hash behind each message that secrets of TLS 1.3 depend on. */
  get transcriptHashes(): ObservedHandshake13["transcriptHashes"] {
    return this.#handshake13.transcriptHashes;
  }

  /** Bytes that were carried and are no whole record or message yet. */
  get pending(): number {
    return this.#directions.client.pending + this.#directions.server.pending;
  }

  /**
   * `sender` sends `bytes`, and the other side reads them at once.
   *
   * @param refused the type of the handshake message that the receiver refuses: it is the last thing that it reads on
   * this connection. The wire does not tell it, as more may have been sent behind it.
   */
  carry(sender: Side, bytes: Uint8Array, { refused }: { readonly refused?: number } = {}): void {
    const receiver = sender === "client" ? "server" : "client";
    const written: ObservedEvent[] = [];
    const read: ObservedEvent[] = [];
    const report = (happening: Happening): void => {
      written.push({ side: sender, ...writtenEvent(happening, this.#spoken[sender]) });
      if (this.#hasStoppedReading[receiver] || happening.is === "change_cipher_spec") return;
      read.push({ side: receiver, ...readEvent(happening, this.#spoken[receiver]) });
      if (happening.is === "handshake" && happening.data[0] === refused)
        this.#hasStoppedReading[receiver] = true;
    };
    const direction = this.#directions[sender];
    direction.received.append(bytes);
    for (let record = direction.next(); record !== undefined; record = direction.next()) {
      this.#receiveRecord(sender, record, report);
    }
    this.events.push(...written, ...read);
  }

  #receiveRecord(sender: Side, record: RawRecord, report: (happening: Happening) => void): void {
    const direction = this.#directions[sender];
    report({ is: "header", data: record.header.slice() });
    const { type, content, protectedBy } = direction.open(record);
    if (protectedBy === "TLSv1.3") report({ is: "inner", data: Uint8Array.of(type) });
    if (protectedBy !== undefined) this.protectedRecords.push({ sender, type, content: content.slice() });
    if (type === ContentType.change_cipher_spec) {
      report({ is: "change_cipher_spec", data: content.slice() });
      this.handshakes12.at(-1)?.changeCipherSpec(sender);
    } else if (type === ContentType.alert) {
      report({ is: "alert", data: content.slice() });
      this.alerts[sender].push(content.slice());
    } else if (type === ContentType.application_data) {
      this.data[sender].push(content.slice());
    } else {
      direction.joiner.push(content);
      for (let raw = direction.joiner.next(); raw !== undefined; raw = direction.joiner.next()) {
        this.#receiveMessage(sender, raw, () => report({ is: "handshake", data: raw }));
      }
    }
  }

  /** @param report says that the message is there, under the versions that both sides take the connection for. */
  #receiveMessage(sender: Side, raw: Uint8Array, report: () => void): void {
    const name = this.#nameOf(raw);
    if (name === undefined) throw new Error(`the ${sender} sent ${describeHandshake(raw)}, which is unknown`);
    this.messages.push({ sender, name, raw });
    if (name === "client_hello") this.#receiveClientHello(raw, report);
    else if (name === "tls12_server_hello") this.#receiveServerHello12(raw, report);
    else {
      report();
      (this.handshakes12.at(-1) ?? this.#handshake13).receive(sender, name, raw);
    }
  }

  #nameOf(raw: Uint8Array): HandshakeName | undefined {
    const name = handshakeName(raw);
    if (this.handshakes12.length === 0 || name === undefined) return name;
    return tls12Names[name] ?? name;
  }

  #receiveClientHello(raw: Uint8Array, report: () => void): void {
    const body = decodeHandshake("client_hello", raw);
    this.#clientHello = { body, raw };
    if (this.handshakes12.length > 0) {
      // The client wants to renegotiate. Until the server says so too, the handshake of before is what counts.
      report();
      return;
    }
    const { supportedVersions } = body.extensions;
    const isOffered = supportedVersions?.includes(ProtocolVersion["TLSv1.3"]) === true;
    this.#spoken.client = isOffered ? "TLSv1.3" : "TLSv1.2";
    report();
    this.#spoken.server = isOffered ? this.#serverVersion : "TLSv1.2";
    this.#handshake13.receive("client", "client_hello", raw);
  }

  #receiveServerHello12(raw: Uint8Array, report: () => void): void {
    if (this.#clientHello === undefined) throw new Error("the connection does not start with a ClientHello");
    this.#spoken.server = "TLSv1.2";
    report();
    this.#spoken.client = "TLSv1.2";
    const serverHello = decodeHandshake("tls12_server_hello", raw);
    const suite = this.#suites.find(({ id }) => id === serverHello.cipherSuite);
    if (suite?.version !== "TLSv1.2")
      throw new Error("the server has not chosen a suite of TLS 1.2 that is known");
    const { body: clientHello, raw: clientHelloRaw } = this.#clientHello;
    const handshake = new ObservedHandshake12(
      { clientHello, serverHello, suite },
      this.#secrets,
      this.#directions,
      this,
    );
    handshake.addHello(clientHelloRaw);
    handshake.addHello(raw);
    this.handshakes12.push(handshake);
  }
}
