import { concatBytes, equalBytes } from "../../src/bytes.ts";
import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import type { Tls12ServerHello } from "../../src/messages/handshake12.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { type Tls12Keys, Tls12MainSecret } from "../../src/schedule/tls12.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import type { Findings, SecretSource, Side } from "../support/observer.ts";
import type { Direction } from "./direction.ts";
import { ResealingProtection } from "./resealing-protection.ts";

/** What a handshake of TLS 1.2 starts with. */
export interface Hellos12 {
  readonly clientHello: ClientHello;
  readonly serverHello: Tls12ServerHello;
  readonly suite: Tls12CipherSuite;
}

/**
 * A handshake of TLS 1.2 from its ServerHello on: it gives both directions their keys, and checks what the messages prove. A
 * connection that renegotiates has one after another.
 */
export class ObservedHandshake12 {
  readonly suite: Tls12CipherSuite;
  readonly clientHello: ClientHello;
  readonly serverHello: Tls12ServerHello;
  /** What protects each direction behind its ChangeCipherSpec. */
  readonly protections: Partial<Record<Side, ResealingProtection>> = {};
  readonly #secrets: SecretSource;
  readonly #directions: Readonly<Record<Side, Direction>>;
  readonly #findings: Findings;
  readonly #transcript = new Transcript();
  readonly #certificates: Partial<Record<Side, Uint8Array>> = {};
  #serverKeyExchange: HandshakeBody<"server_key_exchange"> | undefined;
  #clientKeyExchange: Uint8Array | undefined;
  #sessionHash: Uint8Array | undefined;
  #main: Tls12MainSecret | undefined;

  constructor(
    { clientHello, serverHello, suite }: Hellos12,
    secrets: SecretSource,
    directions: Readonly<Record<Side, Direction>>,
    findings: Findings,
  ) {
    this.clientHello = clientHello;
    this.serverHello = serverHello;
    this.suite = suite;
    this.#secrets = secrets;
    this.#directions = directions;
    this.#findings = findings;
    this.#transcript.start(suite.hash);
    this.#transcript.retain();
  }

  /** Whether the main secret is one of RFC 7627. */
  get isExtended(): boolean {
    return this.serverHello.extensions.extendedMainSecret === true;
  }

  /** Whether the main secret is that of an earlier session: there was no key exchange. */
  get isResumed(): boolean {
    return this.#main !== undefined && this.#clientKeyExchange === undefined;
  }

  /** ServerECDHParams; undefined when there was no ServerKeyExchange. */
  get serverParams(): Uint8Array | undefined {
    return this.#serverKeyExchange?.params;
  }

  /** @throws {Error} before the first ChangeCipherSpec, and when it is not known. */
  get mainSecret(): Tls12MainSecret {
    if (this.#main === undefined) throw new Error("the main secret is not known");
    return this.#main;
  }

  get keys(): { readonly client: Tls12Keys; readonly server: Tls12Keys } {
    return this.mainSecret.trafficKeys(this.suite, this.clientHello.random, this.serverHello.random);
  }

  /** A hello, which this handshake was made with. */
  addHello(raw: Uint8Array): void {
    this.#transcript.add(raw);
  }

  /** @param name of a message that TLS 1.2 has, and that is no hello. */
  receive(sender: Side, name: HandshakeName, raw: Uint8Array): void {
    // It enters no transcript (RFC 5246 §7.4.1.1).
    if (name === "hello_request") return;
    if (name === "tls12_certificate") {
      const [first] = decodeHandshake(name, raw).certificateList;
      if (first !== undefined) this.#certificates[sender] = first;
    } else if (name === "server_key_exchange") this.#receiveServerKeyExchange(decodeHandshake(name, raw));
    else if (name === "certificate_verify") this.#receiveCertificateVerify(decodeHandshake(name, raw));
    else if (name === "finished") this.#receiveFinished(sender, decodeHandshake(name, raw));
    this.#transcript.add(raw);
    if (name !== "client_key_exchange") return;
    this.#clientKeyExchange = raw.subarray(4);
    this.#sessionHash = this.#transcript.digest();
  }

  /** `sender` goes over to the keys of this handshake. */
  changeCipherSpec(sender: Side): void {
    this.#main ??= this.#findMainSecret();
    if (this.#main !== undefined) {
      const encryptThenMac = this.serverHello.extensions.encryptThenMac === true;
      this.protections[sender] = new ResealingProtection(this.suite, this.keys[sender], encryptThenMac);
    }
    this.#directions[sender].protect12(this.protections[sender]);
  }

  #findMainSecret(): Tls12MainSecret | undefined {
    const secret = this.#secrets("CLIENT_RANDOM", {
      clientHello: this.clientHello,
      serverHello: undefined,
      hash: this.suite.hash,
      transcriptHash: this.#sessionHash ?? new Uint8Array(),
      tls12: {
        serverHello: this.serverHello,
        serverParams: this.serverParams,
        clientKeyExchange: this.#clientKeyExchange,
      },
    });
    return secret && new Tls12MainSecret(this.suite.hash, secret.slice());
  }

  /** RFC 8422 §5.4 */
  #receiveServerKeyExchange(message: HandshakeBody<"server_key_exchange">): void {
    this.#serverKeyExchange = message;
    const content = concatBytes(this.clientHello.random, this.serverHello.random, message.params);
    this.#addProof("server", message, content);
  }

  /** RFC 5246 §7.4.8 */
  #receiveCertificateVerify(message: HandshakeBody<"certificate_verify">): void {
    this.#addProof("client", message, this.#transcript.messages());
  }

  #addProof(
    signer: Side,
    { algorithm, signature }: HandshakeBody<"certificate_verify">,
    content: Uint8Array,
  ): void {
    const certificate = this.#certificates[signer];
    if (certificate === undefined) throw new Error(`the ${signer} signed without a certificate`);
    this.#findings.proofs.push({ version: "TLSv1.2", signer, algorithm, content, signature, certificate });
  }

  #receiveFinished(sender: Side, { verifyData }: HandshakeBody<"finished">): void {
    const expected = this.#main?.finished(sender, this.#transcript.digest());
    const isRight = expected !== undefined && equalBytes(verifyData, expected);
    // What was wrong once stays wrong, whatever is renegotiated.
    this.#findings.finished[sender] = isRight && this.#findings.finished[sender] !== false;
  }
}
