import { equalBytes } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Tls13CipherSuite } from "../../src/crypto/provider.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import type { ClientHello, ServerHello } from "../../src/messages/handshake13.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import { TrafficSecret } from "../../src/schedule/traffic.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import type { Findings, SecretContext, SecretLabel, SecretSource, Side } from "../support/observer.ts";
import type { Direction } from "./direction.ts";

/** A handshake of TLS 1.3, and what follows it: it gives both directions their keys, and checks what the messages prove. */
export class ObservedHandshake13 {
  /** Transcript-Hash behind each message that secrets depend on. */
  readonly transcriptHashes: {
    serverHello?: Uint8Array;
    serverFinished?: Uint8Array;
    clientFinished?: Uint8Array;
  } = {};
  readonly #secrets: SecretSource;
  readonly #directions: Readonly<Record<Side, Direction>>;
  readonly #findings: Findings;
  readonly #transcript = new Transcript();
  readonly #certificates: Partial<Record<Side, Uint8Array>> = {};
  readonly #handshakeSecrets: Partial<Record<Side, TrafficSecret>> = {};
  #clientHello: ClientHello | undefined;
  #serverHello: ServerHello | undefined;
  #suite: Tls13CipherSuite | undefined;

  constructor(secrets: SecretSource, directions: Readonly<Record<Side, Direction>>, findings: Findings) {
    this.#secrets = secrets;
    this.#directions = directions;
    this.#findings = findings;
  }

  /** The suite of the ServerHello or HelloRetryRequest. */
  get suite(): Tls13CipherSuite | undefined {
    return this.#suite;
  }

  get serverHello(): ServerHello | undefined {
    return this.#serverHello;
  }

  /** @param name of a message that TLS 1.3 has. */
  receive(sender: Side, name: HandshakeName, raw: Uint8Array): void {
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
        throw new Error(`the ${sender} sent ${name}, which TLS 1.3 has not`);
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
    this.#findings.proofs.push({ version: "TLSv1.3", signer, algorithm, content, signature, certificate });
  }

  #receiveFinished(sender: Side, { verifyData }: HandshakeBody<"finished">, raw: Uint8Array): void {
    const expected = this.#handshakeSecrets[sender]?.finished(this.#transcript.digest());
    this.#findings.finished[sender] = expected !== undefined && equalBytes(verifyData, expected);
    this.#transcript.add(raw);
    if (sender === "server") this.transcriptHashes.serverFinished = this.#transcript.digest();
    else this.transcriptHashes.clientFinished = this.#transcript.digest();
    const { serverFinished } = this.transcriptHashes;
    if (serverFinished === undefined) throw new Error("the client's Finished came before the server's");
    const label = sender === "server" ? "SERVER_TRAFFIC_SECRET_0" : "CLIENT_TRAFFIC_SECRET_0";
    this.#directions[sender].protect(this.#knownSuite(), this.#trafficSecret(label, serverFinished));
  }

  #chooseSuite(id: number): Tls13CipherSuite {
    const suite = nobleCipherSuites.find((one) => one.id === id);
    this.#suite = suite?.version === "TLSv1.3" ? suite : undefined;
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
