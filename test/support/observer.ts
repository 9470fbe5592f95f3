import { equalBytes, hex } from "../../src/bytes.ts";
import type { TlsMessage } from "../../src/config/hooks.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Hash, Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import {
  decodeHandshake,
  describeHandshake,
  type HandshakeBody,
  handshakeName,
  type HandshakeName,
} from "../../src/messages/handshake.ts";
import type { ClientHello, ServerHello } from "../../src/messages/handshake13.ts";
import type { RawRecord } from "../../src/record/framing.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import { TrafficSecret } from "../../src/schedule/traffic.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { type Happening, readEvent, writtenEvent } from "../observer/callback-events.ts";
import { Direction } from "../observer/direction.ts";
import { fromHex } from "./hex.ts";

/** One end of a connection. */
export type Side = "client" | "server";

/** A message callback of one side, as CPython reports it. */
export interface ObservedEvent extends TlsMessage {
  readonly side: Side;
}

/** Labels of the NSS key log format that an observer asks for. */
export type SecretLabel =
  | "CLIENT_EARLY_TRAFFIC_SECRET"
  | "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
  | "SERVER_HANDSHAKE_TRAFFIC_SECRET"
  | "CLIENT_TRAFFIC_SECRET_0"
  | "SERVER_TRAFFIC_SECRET_0";

/** How far a handshake is when a secret of it is asked for. */
export interface SecretContext {
  readonly clientHello: ClientHello;
  /** Undefined before it was seen. */
  readonly serverHello: ServerHello | undefined;
  /** The suite's hash; undefined before the ServerHello. */
  readonly hash: Hash | undefined;
  /** Transcript-Hash up to the message that the secret depends on; empty before the ServerHello. */
  readonly transcriptHash: Uint8Array;
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

/** A CertificateVerify with all that it takes to check it. */
export interface ObservedProof {
  readonly signer: Side;
  /** SignatureScheme. */
  readonly algorithm: number;
  /** What is signed. RFC 8446 §4.4.3. */
  readonly content: Uint8Array;
  readonly signature: Uint8Array;
  /** The signer's first certificate, in DER. */
  readonly certificate: Uint8Array;
}

/** The lines of an NSS key log as a source of secrets. Comments and labels of other versions are passed over. */
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

/**
 * Reads a TLS 1.3 connection from outside: the bytes of both directions in the order in which they were sent, and secrets
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
  /** Inner plaintexts of all protected records in order, without type and padding. */
  readonly protectedRecords: {
    readonly sender: Side;
    readonly type: number;
    readonly content: Uint8Array;
  }[] = [];
  /** Whether the `verify_data` of a side's Finished is right; undefined when there was none. */
  readonly finished: Partial<Record<Side, boolean>> = {};
  readonly proofs: ObservedProof[] = [];
  /** Transcript-Hash behind each message that secrets depend on. */
  readonly transcriptHashes: {
    serverHello?: Uint8Array;
    serverFinished?: Uint8Array;
    clientFinished?: Uint8Array;
  } = {};
  readonly #secrets: SecretSource;
  readonly #directions = { client: new Direction("client"), server: new Direction("server") };
  readonly #transcript = new Transcript();
  readonly #certificates: Partial<Record<Side, Uint8Array>> = {};
  readonly #handshakeSecrets: Partial<Record<Side, TrafficSecret>> = {};
  readonly #hasStoppedReading = { client: false, server: false };
  #clientHello: ClientHello | undefined;
  #serverHello: ServerHello | undefined;
  #suite: Tls13CipherSuite | undefined;

  constructor(secrets: SecretSource) {
    this.#secrets = secrets;
  }

  /** The suite of the ServerHello or HelloRetryRequest. */
  get suite(): Tls13CipherSuite | undefined {
    return this.#suite;
  }

  get clientHello(): ClientHello | undefined {
    return this.#clientHello;
  }

  get serverHello(): ServerHello | undefined {
    return this.#serverHello;
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
      written.push({ side: sender, ...writtenEvent(happening) });
      if (this.#hasStoppedReading[receiver] || happening.is === "change_cipher_spec") return;
      read.push({ side: receiver, ...readEvent(happening) });
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
    if (record.type === ContentType.change_cipher_spec) {
      report({ is: "change_cipher_spec", data: record.fragment.slice() });
      return;
    }
    const { type, content } = direction.open(record);
    if (direction.isProtected && record.type === ContentType.application_data) {
      report({ is: "inner", data: Uint8Array.of(type) });
      this.protectedRecords.push({ sender, type, content: content.slice() });
    }
    if (type === ContentType.alert) {
      report({ is: "alert", data: content.slice() });
      this.alerts[sender].push(content.slice());
    } else if (type === ContentType.application_data) {
      this.data[sender].push(content.slice());
    } else {
      direction.joiner.push(content);
      for (let raw = direction.joiner.next(); raw !== undefined; raw = direction.joiner.next()) {
        report({ is: "handshake", data: raw });
        this.#receiveMessage(sender, raw);
      }
    }
  }

  #receiveMessage(sender: Side, raw: Uint8Array): void {
    const name = handshakeName(raw);
    if (name === undefined)
      throw new Error(`the ${sender} sent ${describeHandshake(raw)}, which TLS 1.3 has not`);
    this.messages.push({ sender, name, raw });
    switch (name) {
      case "client_hello":
        return this.#receiveClientHello(raw);
      case "hello_retry_request":
        this.#chooseSuite(decodeHandshake(name, raw).cipherSuite);
        this.#transcript.replaceByMessageHash();
        this.#transcript.add(raw);
        // Early data ends with it, and the second ClientHello is not protected.
        return this.#directions.client.unprotect();
      case "server_hello":
        return this.#receiveServerHello(decodeHandshake(name, raw), raw);
      case "encrypted_extensions":
        this.#transcript.add(raw);
        if (decodeHandshake(name, raw).extensions.earlyData === undefined) this.#endEarlyData();
        return;
      case "end_of_early_data":
        this.#transcript.add(raw);
        return this.#endEarlyData();
      case "certificate": {
        const [first] = decodeHandshake(name, raw).certificateList;
        if (first !== undefined) this.#certificates[sender] = first.certData;
        return this.#transcript.add(raw);
      }
      case "certificate_verify":
        this.#receiveCertificateVerify(sender, decodeHandshake(name, raw));
        return this.#transcript.add(raw);
      case "finished":
        return this.#receiveFinished(sender, decodeHandshake(name, raw), raw);
      case "key_update":
        return this.#directions[sender].updateKey();
      case "certificate_request":
      case "compressed_certificate":
        return this.#transcript.add(raw);
      case "new_session_ticket":
        return;
    }
  }

  #receiveClientHello(raw: Uint8Array): void {
    const hello = decodeHandshake("client_hello", raw);
    this.#clientHello = hello;
    this.#transcript.add(raw);
    if (hello.extensions.earlyData === undefined) return;
    const secret = this.#secrets("CLIENT_EARLY_TRAFFIC_SECRET", this.#context(new Uint8Array()));
    if (secret === undefined) throw new Error("the client sends early data, and its secret is not known");
    this.#directions.client.protectEarlyData(secret);
  }

  #receiveServerHello(hello: ServerHello, raw: Uint8Array): void {
    this.#serverHello = hello;
    const suite = this.#chooseSuite(hello.cipherSuite);
    this.#transcript.add(raw);
    const transcriptHash = this.#transcript.digest();
    this.transcriptHashes.serverHello = transcriptHash;
    const { client, server } = this.#directions;
    for (const [side, label] of [
      ["server", "SERVER_HANDSHAKE_TRAFFIC_SECRET"],
      ["client", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"],
    ] as const) {
      const secret = this.#trafficSecret(label, transcriptHash);
      if (secret !== undefined) this.#handshakeSecrets[side] = secret;
    }
    server.protect(suite, this.#handshakeSecrets.server);
    if (!client.isEarly) client.protect(suite, this.#handshakeSecrets.client);
  }

  #endEarlyData(): void {
    const { client } = this.#directions;
    if (client.isEarly) client.protect(this.#knownSuite(), this.#handshakeSecrets.client);
  }

  #receiveCertificateVerify(
    signer: Side,
    { algorithm, signature }: HandshakeBody<"certificate_verify">,
  ): void {
    const certificate = this.#certificates[signer];
    if (certificate === undefined) throw new Error(`the ${signer} signed without a certificate`);
    const content = certificateVerifyContent(signer, this.#transcript.digest());
    this.proofs.push({ signer, algorithm, content, signature, certificate });
  }

  #receiveFinished(sender: Side, { verifyData }: HandshakeBody<"finished">, raw: Uint8Array): void {
    const expected = this.#handshakeSecrets[sender]?.finished(this.#transcript.digest());
    this.finished[sender] = expected !== undefined && equalBytes(verifyData, expected);
    this.#transcript.add(raw);
    if (sender === "server") this.transcriptHashes.serverFinished = this.#transcript.digest();
    else this.transcriptHashes.clientFinished = this.#transcript.digest();
    const { serverFinished } = this.transcriptHashes;
    if (serverFinished === undefined) throw new Error("the client's Finished came before the server's");
    const label = sender === "server" ? "SERVER_TRAFFIC_SECRET_0" : "CLIENT_TRAFFIC_SECRET_0";
    this.#directions[sender].protect(this.#knownSuite(), this.#trafficSecret(label, serverFinished));
  }

  #chooseSuite(id: number): Tls13CipherSuite {
    this.#suite = nobleCipherSuites.find((suite) => suite.id === id);
    this.#transcript.start(this.#knownSuite().hash);
    return this.#knownSuite();
  }

  #knownSuite(): Tls13CipherSuite {
    if (this.#suite === undefined) throw new Error("the server has not chosen a suite that is known");
    return this.#suite;
  }

  #trafficSecret(label: SecretLabel, transcriptHash: Uint8Array): TrafficSecret | undefined {
    const secret = this.#secrets(label, this.#context(transcriptHash));
    return secret && new TrafficSecret(this.#knownSuite().hash, secret.slice());
  }

  #context(transcriptHash: Uint8Array): SecretContext {
    if (this.#clientHello === undefined) throw new Error("the connection does not start with a ClientHello");
    return {
      clientHello: this.#clientHello,
      serverHello: this.#serverHello,
      hash: this.#suite?.hash,
      transcriptHash,
    };
  }
}
